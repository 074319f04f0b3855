package main

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/vpsync/vpsync/pkg/plan"
	"github.com/vpsync/vpsync/pkg/plan/render"
	"github.com/vpsync/vpsync/pkg/spec"
	"github.com/vpsync/vpsync/pkg/state"
	"github.com/zclconf/go-cty/cty"
)

// driftReport is what differs at the provider from what was recorded, taken out of a plan.
type driftReport struct {
	changed   []*plan.Change // with the attributes that drifted
	gone      []*plan.Change
	plan      *plan.Plan
	leftovers []*state.Leftover // all that are known to be there still
	unmanaged bool              // whether unmanaged objects count
	accounts  bool              // there are several, and each object says its own
}

func newDriftReport(p *plan.Plan, st *state.State, unmanaged bool) driftReport {
	r := driftReport{plan: p, unmanaged: unmanaged}
	for _, l := range st.Leftovers { // those too that a plan would take back
		if !slices.Contains(p.SeenGone, l) {
			r.leftovers = append(r.leftovers, l)
		}
	}
	ids := map[spec.Address]string{}
	for _, record := range st.Resources {
		if record.Deposed == "" {
			ids[record.Address] = record.ID
		}
	}
	for _, c := range p.Changes {
		if c.Cause == plan.CauseGone {
			gone := *c
			gone.ID = ids[c.Address] // the plan is about the one to come, the report about the one that went
			r.gone = append(r.gone, &gone)
			continue
		}
		drifted := *c
		drifted.Attributes = nil
		for _, a := range c.Attributes {
			if a.Cause == plan.CauseDrift || a.Cause == plan.CauseBoth {
				drifted.Attributes = append(drifted.Attributes, a)
			}
		}
		if len(drifted.Attributes) > 0 {
			r.changed = append(r.changed, &drifted)
		}
	}
	return r
}

// found says that there is drift: exit code 2. Leftovers are none, and unmanaged objects only where asked for.
func (r driftReport) found() bool {
	return len(r.changed) > 0 || len(r.gone) > 0 || r.unmanaged && len(r.plan.Unmanaged) > 0
}

// writeDrift writes a drift report as text, and says whether it found any.
func writeDrift(w io.Writer, p *plan.Plan, st *state.State, unmanaged bool, o render.Options) bool {
	r := newDriftReport(p, st, unmanaged)
	s := render.Style{Color: o.Color}
	var b strings.Builder
	r.accounts = o.Accounts
	r.writeChanged(&b, s)
	r.writeGone(&b, s)
	if unmanaged {
		writeUnmanaged(&b, p, o)
	}
	r.writeLeftovers(&b, o)
	r.writePending(&b, s)
	if b.Len() > 0 {
		b.WriteByte('\n')
	}
	b.WriteString(s.Bold(r.summary(o.CommandLine)) + "\n")
	_, _ = io.WriteString(w, b.String())
	return r.found()
}

func (r driftReport) summary(command func(string) string) string {
	if !r.found() {
		s := "No drift: the account is as vpsync left it."
		if r.accounts {
			s = "No drift: the accounts are as vpsync left them."
		}
		if n := len(r.plan.Unmanaged); n > 0 {
			s += fmt.Sprintf(" %s that nobody declared: %s", beginning(n), command("vpsync drift --unmanaged"))
		}
		return s
	}
	parts := []string{fmt.Sprintf("%d changed", len(r.changed)), fmt.Sprintf("%d gone", len(r.gone))}
	if r.unmanaged {
		parts = append(parts, fmt.Sprintf("%d unmanaged", len(r.plan.Unmanaged)))
	}
	return "Drift: " + strings.Join(parts, ", ") + "."
}

func beginning(n int) string {
	if n == 1 {
		return "There is 1 object"
	}
	return fmt.Sprintf("There are %d objects", n)
}

func driftSection(b *strings.Builder, s render.Style, title string) {
	if b.Len() > 0 {
		b.WriteByte('\n')
	}
	b.WriteString(s.Bold(title) + "\n")
}

func (r driftReport) writeChanged(b *strings.Builder, s render.Style) {
	if len(r.changed) == 0 {
		return
	}
	title := "Changed at the provider"
	if slices.ContainsFunc(r.changed, func(c *plan.Change) bool {
		return slices.ContainsFunc(c.Attributes, func(a plan.AttributeChange) bool { return a.Effect != plan.EffectNone })
	}) {
		title += " (vpsync apply changes it back)"
	}
	driftSection(b, s, title+":")
	for _, c := range r.changed {
		fmt.Fprintf(b, "  %s %s%s\n", s.Yellow("~"), s.Bold(render.Escape(c.Address.String())), s.Dim(parens2(c.ID)+r.in(c.Account)))
		for _, a := range c.Attributes {
			fmt.Fprintf(b, "      %s: is %s, should be %s%s\n", render.Escape(a.Name), s.Red(driftValue(a.Before, a.Sensitive)),
				s.Green(driftValue(a.After, a.Sensitive)), bothNote(a))
		}
	}
}

func bothNote(a plan.AttributeChange) string {
	switch {
	case a.Effect == plan.EffectNone && a.Note != "":
		return " (" + render.Escape(a.Note) + ")"
	case a.Cause == plan.CauseBoth:
		return " (changed in the configuration, too)"
	}
	return ""
}

func parens2(id string) string {
	if id == "" {
		return ""
	}
	return " (" + render.Escape(id) + ")"
}

// in says which account an object is in, where there are several.
func (r driftReport) in(account string) string {
	if !r.accounts {
		return ""
	}
	return " in " + render.Escape(account)
}

func driftValue(v cty.Value, sensitive bool) string {
	switch {
	case sensitive:
		return render.SensitiveValue
	case v == cty.NilVal, !v.IsMarked() && v.IsNull():
		return render.NotSet
	}
	return render.Value(v)
}

func (r driftReport) writeGone(b *strings.Builder, s render.Style) {
	if len(r.gone) == 0 {
		return
	}
	driftSection(b, s, "Gone: deleted at the provider:")
	for _, c := range r.gone {
		then := "vpsync apply creates it again"
		if c.Action == plan.Forget {
			then = "vpsync apply drops its record"
		}
		fmt.Fprintf(b, "  %s %s%s  %s\n", s.Red("-"), s.Bold(render.Escape(c.Address.String())), s.Dim(parens2(c.ID)+r.in(c.Account)), s.Dim(then))
	}
}

func writeUnmanaged(b *strings.Builder, p *plan.Plan, o render.Options) {
	if len(p.Unmanaged) == 0 {
		return
	}
	driftSection(b, render.Style{Color: o.Color}, "Unmanaged: no block declares them (vpsync import ADDRESS ID takes one):")
	t := render.NewTable()
	t.Indent = "  ? "
	for _, u := range p.Unmanaged {
		row := []string{u.Kind, u.ID, objectName(u.Values["name"])}
		if o.Accounts {
			row = slices.Insert(row, 2, u.Account)
		}
		t.Row(row...)
	}
	_ = t.Write(b, o)
}

// writePending names the requests of which nobody knows yet what they did: what they are about is no drift, and not as recorded.
func (r driftReport) writePending(b *strings.Builder, s render.Style) {
	if len(r.plan.Pending) == 0 {
		return
	}
	driftSection(b, s, "Open: what became of a request is not known yet (vpsync apply settles it, or asks):")
	for _, p := range r.plan.Pending {
		fmt.Fprintf(b, "  %s %s  %s\n", s.Yellow("?"), s.Bold(render.Escape(p.Address.String())), s.Dim(render.Escape(p.Operation)))
	}
}

func (r driftReport) writeLeftovers(b *strings.Builder, o render.Options) {
	if len(r.leftovers) == 0 {
		return
	}
	driftSection(b, render.Style{Color: o.Color}, "Left behind, since the API cannot delete them (not drift):")
	t := render.NewTable()
	t.Indent = "    "
	for _, l := range r.leftovers {
		name := objectName(l.Observed["name"])
		if name == "" {
			name = objectName(l.Applied["name"])
		}
		row := []string{l.Address.String(), l.ID, name, l.Since.UTC().Format(time.DateOnly)}
		if o.Accounts {
			row = slices.Insert(row, 2, l.Account)
		}
		t.Row(row...)
	}
	_ = t.Write(b, o)
}

// objectName is an object's name, or nothing.
func objectName(v cty.Value) string {
	if v == cty.NilVal || v.IsMarked() || !v.IsKnown() || v.IsNull() {
		return ""
	}
	return render.Value(v)
}

// driftDocument is a drift report for programs.
type driftDocument struct {
	FormatVersion string                     `json:"format_version"`
	VpsyncVersion string                     `json:"vpsync_version,omitempty"`
	Drift         bool                       `json:"drift"`
	Changed       []render.ChangeDocument    `json:"changed"`
	Gone          []render.ChangeDocument    `json:"gone"`
	Unmanaged     []render.UnmanagedDocument `json:"unmanaged"`
	Leftovers     []render.LeftoverDocument  `json:"leftovers"`
	Pending       []pendingDocument          `json:"pending"` // requests of which it is not known yet what they did
}

type pendingDocument struct {
	Address   string `json:"address"`
	Operation string `json:"operation"`
	Run       string `json:"run,omitempty"`
}

// writeDriftJSON writes a drift report as one document, and says whether it found any drift. Unmanaged objects are
// always listed; they count where unmanaged is true.
func writeDriftJSON(w io.Writer, p *plan.Plan, st *state.State, unmanaged bool, m render.Meta) (bool, error) {
	r := newDriftReport(p, st, unmanaged)
	d := driftDocument{
		FormatVersion: render.FormatVersion, VpsyncVersion: m.Version, Drift: r.found(),
		Changed: []render.ChangeDocument{}, Gone: []render.ChangeDocument{},
		Unmanaged: []render.UnmanagedDocument{}, Leftovers: []render.LeftoverDocument{}, Pending: []pendingDocument{},
	}
	for _, open := range p.Pending {
		d.Pending = append(d.Pending, pendingDocument{open.Address.String(), open.Operation, open.Run})
	}
	for _, c := range r.changed {
		d.Changed = append(d.Changed, render.NewChangeDocument(c))
	}
	for _, c := range r.gone {
		d.Gone = append(d.Gone, render.NewChangeDocument(c))
	}
	for _, u := range p.Unmanaged {
		d.Unmanaged = append(d.Unmanaged, render.NewUnmanagedDocument(u))
	}
	for _, l := range r.leftovers {
		d.Leftovers = append(d.Leftovers, render.NewLeftoverDocument(l))
	}
	text, err := render.Encode(d)
	if err != nil {
		return d.Drift, err
	}
	_, err = w.Write(text)
	return d.Drift, err
}
