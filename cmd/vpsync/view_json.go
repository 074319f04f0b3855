package main

import (
	"encoding/json"
	"errors"
	"io"
	"time"

	"github.com/vpsync/vpsync/pkg/apply"
	"github.com/vpsync/vpsync/pkg/plan"
	"github.com/vpsync/vpsync/pkg/plan/render"
	"github.com/vpsync/vpsync/pkg/providers"
	"github.com/vpsync/vpsync/pkg/spec"
)

// jsonView writes a JSON object a line: first {"type":"version","format_version":"1.0"}, then an object for each
// event with the event's type: "plan" with the plan that is carried out, "diagnostic" for each message; last one of type "result".
type jsonView struct {
	to    io.Writer
	ended bool // the result is written
}

func newJSONView(to io.Writer) *jsonView {
	v := &jsonView{to: to}
	v.line(struct {
		Type          string `json:"type"`
		FormatVersion string `json:"format_version"`
	}{"version", render.FormatVersion})
	return v
}

func (v *jsonView) line(x any) {
	text, err := render.EncodeLine(x)
	if err != nil { // a number that JSON has no word for; the stream stays readable
		text, _ = render.EncodeLine(map[string]string{"type": "error", "message": err.Error()})
	}
	_, _ = v.to.Write(text)
}

// eventLine is an event for programs. Absent fields do not apply.
type eventLine struct {
	Type      string     `json:"type"`
	Time      string     `json:"time,omitempty"` // RFC 3339, UTC
	Address   string     `json:"address,omitempty"`
	Deposed   string     `json:"deposed,omitempty"`
	Account   string     `json:"account,omitempty"`
	Kind      string     `json:"kind,omitempty"`
	Action    string     `json:"action,omitempty"`
	Phase     string     `json:"phase,omitempty"`
	Operation string     `json:"operation,omitempty"`
	ID        string     `json:"id,omitempty"`
	Status    string     `json:"status,omitempty"`
	Elapsed   *float64   `json:"elapsed_seconds,omitempty"` // since its change began
	Until     string     `json:"until,omitempty"`
	Message   string     `json:"message,omitempty"`
	Error     *errorLine `json:"error,omitempty"`
	Done      int        `json:"done"`
	Total     int        `json:"total"`
}

// errorLine is an error, with the parts of a request's failure where it is one.
type errorLine struct {
	Message    string  `json:"message"`
	Outcome    string  `json:"outcome,omitempty"` // refused, not sent, unknown
	Request    string  `json:"request,omitempty"`
	Status     int     `json:"status,omitempty"`
	Code       string  `json:"code,omitempty"`    // the vendor's
	Vendor     string  `json:"vendor,omitempty"`  // the vendor's words
	Details    string  `json:"details,omitempty"` // JSON, the vendor's
	Definition string  `json:"definition,omitempty"`
	RetryAfter float64 `json:"retry_after_seconds,omitempty"`
}

func newErrorLine(err error) *errorLine {
	if err == nil {
		return nil
	}
	l := &errorLine{Message: err.Error()}
	if p, ok := errors.AsType[*providers.Error](err); ok {
		l.Outcome, l.Request, l.Status, l.Code = string(p.Outcome), p.Request, p.Status, p.Code
		l.Vendor, l.Details, l.Definition = p.Message, p.Details, p.Definition
		l.RetryAfter = p.RetryAfter.Seconds()
	}
	return l
}

// Plan writes what is about to be carried out, as plan --json does.
func (v *jsonView) Plan(p *plan.Plan, m render.Meta) {
	document, err := render.JSON(p, m)
	if err != nil {
		v.line(map[string]string{"type": "error", "message": err.Error()})
		return
	}
	v.line(struct {
		Type string          `json:"type"`
		Plan json.RawMessage `json:"plan"`
	}{"plan", document})
}

// Diagnostics writes messages, a line each.
func (v *jsonView) Diagnostics(all spec.Diagnostics) {
	for _, d := range all {
		v.line(struct {
			Type string `json:"type"`
			render.DiagnosticDocument
		}{"diagnostic", d})
	}
}

func (v *jsonView) Event(e apply.Event) {
	l := eventLine{
		Type: string(e.Type), Time: rfc3339(e.Time), Deposed: e.Deposed, Account: e.Account, Kind: e.Kind,
		Action: string(e.Action), Phase: string(e.Phase), Operation: e.Operation, ID: e.ID, Status: e.Status,
		Until: rfc3339(e.Until), Message: e.Message, Error: newErrorLine(e.Err), Done: e.Done, Total: e.Total,
	}
	if e.Address != (spec.Address{}) {
		l.Address = e.Address.String()
	}
	if e.Elapsed > 0 {
		s := e.Elapsed.Seconds()
		l.Elapsed = &s
	}
	v.line(l)
}

// resultLine is the last line of a run.
type resultLine struct {
	Type        string                      `json:"type"`
	ExitCode    int                         `json:"exit_code"`
	Counts      render.CountsDocument       `json:"counts"` // what was done
	Duration    float64                     `json:"duration_seconds"`
	Requests    requestsLine                `json:"requests"`
	Changed     bool                        `json:"changed"` // anything was sent that may have had an effect
	Interrupted bool                        `json:"interrupted"`
	Failures    []failureLine               `json:"failures"`
	Questions   []render.QuestionDocument   `json:"questions"`
	Skipped     []string                    `json:"skipped"`
	Residue     []render.ChangeDocument     `json:"residue"` // what a second plan would still do
	Outputs     map[string]outputResultLine `json:"outputs"`
	LeftBehind  []render.LeftoverDocument   `json:"left_behind"` // objects that the run let go of
}

type requestsLine struct {
	Reads  int `json:"reads"`
	Writes int `json:"writes"`
	Total  int `json:"total"`
}

type failureLine struct {
	Address string     `json:"address,omitempty"`
	Error   *errorLine `json:"error"`
}

type outputResultLine struct {
	Value     json.RawMessage `json:"value"` // null where it is sensitive
	Sensitive bool            `json:"sensitive"`
}

func (v *jsonView) Result(r *apply.Result, exit int) {
	v.Diagnostics(r.Warnings)
	l := resultLine{
		Type: "result", ExitCode: exit, Counts: render.CountsDocument(r.Counts), Duration: r.Duration.Seconds(),
		Requests: requestsLine{r.Reads, r.Writes, r.Reads + r.Writes}, Changed: r.Changed, Interrupted: r.Interrupted,
		Failures: []failureLine{}, Questions: []render.QuestionDocument{}, Skipped: []string{},
		Residue: []render.ChangeDocument{}, Outputs: map[string]outputResultLine{}, LeftBehind: []render.LeftoverDocument{},
	}
	for _, left := range r.LeftBehind {
		l.LeftBehind = append(l.LeftBehind, render.NewLeftoverDocument(left))
	}
	for _, f := range r.Failures {
		line := failureLine{Error: newErrorLine(f.Err)}
		if f.Address != (spec.Address{}) {
			line.Address = f.Address.String()
		}
		l.Failures = append(l.Failures, line)
	}
	for _, q := range r.Questions {
		l.Questions = append(l.Questions, render.NewQuestionDocument(q))
	}
	for _, a := range r.Skipped {
		l.Skipped = append(l.Skipped, a.String())
	}
	for _, c := range residual(r.Residue) {
		l.Residue = append(l.Residue, render.NewChangeDocument(c))
	}
	for _, o := range r.Outputs {
		raw, _, sensitive := render.PlainJSON(o.Value)
		if o.Sensitive {
			raw, sensitive = json.RawMessage("null"), true
		}
		l.Outputs[o.Name] = outputResultLine{raw, sensitive}
	}
	v.line(l)
	v.ended = true
}

func (v *jsonView) Close() {}

func rfc3339(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339Nano)
}
