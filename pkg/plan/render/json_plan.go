package render

import (
	"encoding/json"
	"time"

	"github.com/vpsync/vpsync/pkg/plan"
	"github.com/vpsync/vpsync/pkg/spec"
	"github.com/vpsync/vpsync/pkg/state"
	"github.com/zclconf/go-cty/cty"
)

// JSON writes a plan as one versioned document, described by [PlanSchema]. The same plan gives the same bytes.
func JSON(p *plan.Plan, m Meta) ([]byte, error) {
	return Encode(NewPlanDocument(p, m))
}

// PlanDocument is the shape of a plan for programs.
type PlanDocument struct {
	FormatVersion string               `json:"format_version"`
	VpsyncVersion string               `json:"vpsync_version,omitempty"`
	Sandbox       bool                 `json:"sandbox"`
	Empty         bool                 `json:"empty"`
	Blocked       bool                 `json:"blocked"`
	Destroy       bool                 `json:"destroy"`
	Digest        string               `json:"digest"`
	Counts        CountsDocument       `json:"counts"`
	Managed       int                  `json:"managed"`
	Reads         int                  `json:"reads"`
	Changes       []ChangeDocument     `json:"changes"`
	Steps         []StepDocument       `json:"steps"`
	Records       []string             `json:"records"`
	Moved         []MovedDocument      `json:"moved"`
	LeftOut       []LeftOutDocument    `json:"left_out"`
	Questions     []QuestionDocument   `json:"questions"`
	Pending       []PendingDocument    `json:"pending"`
	Deferred      []string             `json:"deferred_data"`
	Leftovers     []LeftoverDocument   `json:"leftovers"`
	SeenGone      []LeftoverDocument   `json:"leftovers_gone"`
	Unmanaged     []UnmanagedDocument  `json:"unmanaged"`
	Outputs       []OutputDocument     `json:"outputs"`
	Cost          []CostDocument       `json:"cost"`
	Monthly       MonthlyDocument      `json:"monthly"`
	Warnings      []DiagnosticDocument `json:"warnings"`
}

// MovedDocument is plan.Relocation.
type MovedDocument struct {
	From string `json:"from"`
	To   string `json:"to"`
	ID   string `json:"id"`
}

// LeftOutDocument is plan.LeftOut.
type LeftOutDocument struct {
	Address  string `json:"address"`
	Deposed  string `json:"deposed,omitempty"`
	Action   string `json:"action"`
	WaitsFor string `json:"waits_for,omitempty"`
}

func newLeftOutDocument(l plan.LeftOut) LeftOutDocument {
	d := LeftOutDocument{Address: l.Address.String(), Deposed: l.Deposed, Action: string(l.Action)}
	if l.WaitsFor != nil {
		d.WaitsFor = l.WaitsFor.String()
	}
	return d
}

// CountsDocument is plan.Counts.
type CountsDocument struct {
	Add       int `json:"add"`
	Change    int `json:"change"`
	Destroy   int `json:"destroy"`
	Replace   int `json:"replace"`
	Adopt     int `json:"adopt"`
	Forget    int `json:"forget"`
	NeedsHand int `json:"needs_hand"`
}

// ChangeDocument is plan.Change.
type ChangeDocument struct {
	Address     string              `json:"address"`
	Deposed     string              `json:"deposed,omitempty"`
	CreateFirst bool                `json:"create_before_destroy,omitempty"`
	Account     string              `json:"account"`
	Kind        string              `json:"kind"`
	Action      string              `json:"action"`
	ID          string              `json:"id,omitempty"`
	Cause       string              `json:"cause,omitempty"`
	Attributes  []AttributeDocument `json:"attributes"`
	Operations  []string            `json:"operations"`
	Removes     string              `json:"removes,omitempty"`
	Forgets     bool                `json:"forgets"`
	TakesBack   string              `json:"takes_back,omitempty"`
	MayTakeBack []string            `json:"may_take_back,omitempty"`
	LosesData   bool                `json:"loses_data"`
	BackupFirst bool                `json:"backup_first"`
	Unsupported string              `json:"unsupported,omitempty"`
	NeedsHand   bool                `json:"needs_hand"`
	Remedy      string              `json:"remedy,omitempty"`
	Notes       []string            `json:"notes,omitempty"`
	Monthly     *PriceDocument      `json:"monthly,omitempty"`
	Range       *spec.Range         `json:"range,omitempty"`
}

// AttributeDocument is plan.AttributeChange with its values as plain JSON.
type AttributeDocument struct {
	Name         string          `json:"name"`
	Before       json.RawMessage `json:"before"`
	After        json.RawMessage `json:"after"`
	AfterUnknown bool            `json:"after_unknown"`
	Sensitive    bool            `json:"sensitive"`
	Unverified   bool            `json:"unverified"`
	Cause        string          `json:"cause,omitempty"`
	Effect       string          `json:"effect,omitempty"`
	Operation    string          `json:"operation,omitempty"`
	Note         string          `json:"note,omitempty"`
}

// StepDocument is plan.Step; Change and After are indices.
type StepDocument struct {
	Change  int    `json:"change"`
	Address string `json:"address"`
	Phase   string `json:"phase"`
	After   []int  `json:"after"`
}

// QuestionDocument is plan.Question.
type QuestionDocument struct {
	Kind    string `json:"kind"`
	Address string `json:"address,omitempty"`
	Summary string `json:"summary"`
	Detail  string `json:"detail,omitempty"`
	Remedy  string `json:"remedy,omitempty"`
}

// PendingDocument is plan.Pending.
type PendingDocument struct {
	Address   string `json:"address"`
	Operation string `json:"operation"`
	Run       string `json:"run"`
	Since     string `json:"since"`
	Question  bool   `json:"question"`
	Reason    string `json:"reason,omitempty"`
}

// LeftoverDocument is state.Leftover without what vpsync keeps to compare it.
type LeftoverDocument struct {
	Account string                     `json:"account"`
	Kind    string                     `json:"kind"`
	ID      string                     `json:"id"`
	Address string                     `json:"address"`
	Since   string                     `json:"since"`
	Run     string                     `json:"run,omitempty"`
	Values  map[string]json.RawMessage `json:"values"`
}

// UnmanagedDocument is plan.Unmanaged.
type UnmanagedDocument struct {
	Account string                     `json:"account"`
	Kind    string                     `json:"kind"`
	ID      string                     `json:"id"`
	Values  map[string]json.RawMessage `json:"values"`
}

// OutputDocument is plan.OutputChange.
type OutputDocument struct {
	Name         string          `json:"name"`
	Action       string          `json:"action"`
	Before       json.RawMessage `json:"before"`
	After        json.RawMessage `json:"after"`
	AfterUnknown bool            `json:"after_unknown"`
	Sensitive    bool            `json:"sensitive"`
}

// CostDocument is plan.Cost.
type CostDocument struct {
	Account    string  `json:"account"`
	Class      string  `json:"class"`
	Requests   int     `json:"requests"`
	Limit      int     `json:"limit"`
	PerSeconds float64 `json:"per_seconds"`
	Remaining  *int    `json:"remaining"`
	Reset      string  `json:"reset,omitempty"`
	Windows    int     `json:"windows"`
}

// MonthlyDocument is plan.Prices.
type MonthlyDocument struct {
	Totals       []TotalDocument   `json:"totals"`
	Unknown      []ObjectsDocument `json:"unknown"`
	StillCharged []string          `json:"still_charged"`
}

// TotalDocument is plan.PriceTotal.
type TotalDocument struct {
	Account  string `json:"account"`
	Amount   string `json:"amount"`
	Currency string `json:"currency,omitempty"`
}

// ObjectsDocument is plan.PricedObjects.
type ObjectsDocument struct {
	Account string `json:"account"`
	Kind    string `json:"kind"`
	Objects int    `json:"objects"`
}

// PriceDocument is plan.Price.
type PriceDocument struct {
	Before       *MoneyDocument `json:"before,omitempty"`
	After        *MoneyDocument `json:"after,omitempty"`
	Difference   *MoneyDocument `json:"difference,omitempty"`
	StillCharged bool           `json:"still_charged"`
}

// MoneyDocument is plan.Money.
type MoneyDocument struct {
	Amount   string `json:"amount"`
	Currency string `json:"currency,omitempty"`
}

// NewMonthlyDocument is what a plan or a stack costs a month as a value that encodes as part of a document.
func NewMonthlyDocument(p plan.Prices) MonthlyDocument {
	return MonthlyDocument{
		Totals:       each(p.Totals, func(t plan.PriceTotal) TotalDocument { return TotalDocument{t.Account, t.Amount, t.Currency} }),
		Unknown:      each(p.Unknown, func(u plan.PricedObjects) ObjectsDocument { return ObjectsDocument(u) }),
		StillCharged: each(p.Stay, spec.Address.String),
	}
}

func newPriceDocument(p *plan.Price) *PriceDocument {
	if p == nil {
		return nil
	}
	return &PriceDocument{(*MoneyDocument)(p.Before), (*MoneyDocument)(p.After), (*MoneyDocument)(p.Difference), p.Stays}
}

// NewPlanDocument is a plan as a value that encodes as its document.
func NewPlanDocument(p *plan.Plan, m Meta) PlanDocument {
	d := PlanDocument{
		FormatVersion: FormatVersion,
		VpsyncVersion: m.Version,
		Sandbox:       m.Sandbox,
		Empty:         p.Empty(),
		Blocked:       p.Blocked(),
		Destroy:       p.Destroy,
		Digest:        p.Digest(),
		Counts:        CountsDocument(p.Counts),
		Managed:       p.Managed,
		Reads:         p.Reads,
		Changes:       each(p.Changes, NewChangeDocument),
		Steps: each(p.Steps, func(s plan.Step) StepDocument {
			return StepDocument{s.Change, p.Changes[s.Change].Address.String(), string(s.Phase), some(s.After)}
		}),
		Records: each(p.Records, func(r *state.Resource) string { return r.Address.String() }),
		Moved: each(p.Moved, func(m plan.Relocation) MovedDocument {
			return MovedDocument{m.From.String(), m.To.String(), m.ID}
		}),
		LeftOut:   each(p.LeftOut, newLeftOutDocument),
		Questions: each(p.Questions, NewQuestionDocument),
		Deferred:  each(p.Deferred, spec.Address.String),
		Pending: each(p.Pending, func(q plan.Pending) PendingDocument {
			return PendingDocument{q.Address.String(), q.Operation, q.Run, moment(q.Since), q.Question, q.Reason}
		}),
		Leftovers: each(p.Leftovers, NewLeftoverDocument),
		SeenGone:  each(p.SeenGone, NewLeftoverDocument),
		Unmanaged: each(p.Unmanaged, NewUnmanagedDocument),
		Outputs:   each(p.Outputs, newOutputDocument),
		Cost:      each(p.Cost, newCostDocument),
		Monthly:   NewMonthlyDocument(p.Prices),
		Warnings:  each(p.Warnings, NewDiagnosticDocument),
	}
	return d
}

// NewChangeDocument is a change as a value that encodes as part of a document.
func NewChangeDocument(c *plan.Change) ChangeDocument {
	return ChangeDocument{
		Address:     c.Address.String(),
		Deposed:     c.Deposed,
		CreateFirst: c.CreateFirst,
		Account:     c.Account,
		Kind:        c.Kind,
		Action:      string(c.Action),
		ID:          c.ID,
		Cause:       string(c.Cause),
		Attributes:  each(c.Attributes, newAttributeDocument),
		Operations:  some(c.Operations),
		Removes:     c.Removes,
		Forgets:     c.Forgets,
		TakesBack:   c.TakesBack,
		MayTakeBack: c.MayTakeBack,
		LosesData:   c.LosesData,
		BackupFirst: c.BackupFirst,
		Unsupported: c.Unsupported,
		NeedsHand:   c.NeedsHand,
		Remedy:      c.Remedy,
		Notes:       c.Notes,
		Monthly:     newPriceDocument(c.Price),
		Range:       c.Range,
	}
}

func newAttributeDocument(a plan.AttributeChange) AttributeDocument {
	before, after, unknown, sensitive := pair(a.Before, a.After, a.Sensitive)
	return AttributeDocument{
		Name:         a.Name,
		Before:       before,
		After:        after,
		AfterUnknown: unknown,
		Sensitive:    sensitive,
		Unverified:   a.Unverified,
		Cause:        string(a.Cause),
		Effect:       string(a.Effect),
		Operation:    a.Operation,
		Note:         a.Note,
	}
}

// pair is two values as JSON; neither is there where one of them is a secret.
func pair(b, a cty.Value, secret bool) (before, after json.RawMessage, unknown, sensitive bool) {
	before, _, hidden := PlainJSON(b)
	after, unknown, hiddenToo := PlainJSON(a)
	if secret || hidden || hiddenToo {
		null := json.RawMessage("null")
		return null, null, false, true
	}
	return before, after, unknown, false
}

// NewQuestionDocument is a question as a value that encodes as part of a document.
func NewQuestionDocument(q plan.Question) QuestionDocument {
	d := QuestionDocument{Kind: string(q.Kind), Summary: q.Summary, Detail: q.Detail, Remedy: q.Remedy}
	if q.Address != nil {
		d.Address = q.Address.String()
	}
	return d
}

// NewLeftoverDocument is a leftover as a value that encodes as part of a document.
func NewLeftoverDocument(l *state.Leftover) LeftoverDocument {
	values := spec.Values{}
	for name, v := range l.Applied {
		values[name] = v
	}
	for name, v := range l.Observed {
		values[name] = v
	}
	return LeftoverDocument{l.Account, l.Kind, l.ID, l.Address.String(), moment(l.Since), l.Run, ValuesJSON(values)}
}

// NewUnmanagedDocument is an unmanaged object as a value that encodes as part of a document.
func NewUnmanagedDocument(u plan.Unmanaged) UnmanagedDocument {
	return UnmanagedDocument{u.Account, u.Kind, u.ID, ValuesJSON(u.Values)}
}

// ValuesJSON is attributes as plain JSON by name. Secrets are left out.
func ValuesJSON(values spec.Values) map[string]json.RawMessage {
	out := make(map[string]json.RawMessage, len(values))
	for name, v := range values {
		if raw, _, sensitive := PlainJSON(v); !sensitive {
			out[name] = raw
		}
	}
	return out
}

func newOutputDocument(o plan.OutputChange) OutputDocument {
	before, after, unknown, sensitive := pair(o.Before, o.After, o.Sensitive)
	return OutputDocument{o.Name, string(o.Action), before, after, unknown, sensitive}
}

func newCostDocument(c plan.Cost) CostDocument {
	d := CostDocument{
		Account: c.Account, Class: c.Class, Requests: c.Requests, Limit: c.Limit,
		PerSeconds: c.Per.Seconds(), Reset: moment(c.Reset), Windows: c.Windows,
	}
	if c.Remaining >= 0 {
		d.Remaining = &c.Remaining
	}
	return d
}

// moment is a time as RFC 3339 in UTC, or nothing.
func moment(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339Nano)
}

// each maps a slice; the result is never nil, so that an empty list is [] for programs.
func each[From, To any](from []From, f func(From) To) []To {
	to := make([]To, len(from))
	for i, x := range from {
		to[i] = f(x)
	}
	return to
}

func some[T any](s []T) []T {
	if s == nil {
		return []T{}
	}
	return s
}
