package main

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/vpsync/vpsync/pkg/apply"
	"github.com/vpsync/vpsync/pkg/plan"
	"github.com/vpsync/vpsync/pkg/plan/render"
	"github.com/vpsync/vpsync/pkg/spec"
)

// resultText writes how a run ended: failures to errs, the rest to out.
type resultText struct {
	verb      string // "Apply", "Destroy"
	out, errs io.Writer
	width     func() int
	color     bool
	accounts  bool // there are several, and each object says its own
	explain   func(apply.Failure) spec.Diagnostic
}

func (t resultText) write(r *apply.Result, exit int) {
	o := render.Options{Width: t.width(), Color: t.color}
	t.failures(r, o)
	t.skipped(r)
	if len(r.Warnings) > 0 {
		fmt.Fprintln(t.errs)
		_ = render.Diagnostics(t.errs, r.Warnings, o)
	}
	t.leftBehind(r)
	t.residue(r)
	t.outputs(r)
	t.questions(r, o)
	fmt.Fprintln(t.out, "\n"+t.headline(r, exit))
}

// headline reads: Apply complete: 3 added, 1 changed, 0 destroyed. 12 requests (8 reads, 4 writes) in 4.2s.
func (t resultText) headline(r *apply.Result, exit int) string {
	s := render.Style{Color: t.color}
	state, paint := "complete", s.Green
	switch {
	case r.Interrupted:
		state, paint = "interrupted", s.Yellow
	case exit == exitNeedsAnswer:
		state, paint = "waits for an answer", s.Yellow
	case len(r.Failures) > 0 || exit == exitFailed:
		state, paint = "failed", s.Alarm
		if r.Changed {
			state = "incomplete"
		}
	case exit != 0:
		state, paint = "incomplete", s.Yellow
	}
	return fmt.Sprintf("%s %s. %s (%s, %s) in %s.", paint(t.verb+" "+state+":"), render.Done(r.Counts),
		render.Plural(r.Reads+r.Writes, "request"), render.Plural(r.Reads, "read"), render.Plural(r.Writes, "write"),
		render.HumanDuration(r.Duration))
}

func (t resultText) failures(r *apply.Result, o render.Options) {
	for _, f := range r.Failures {
		all := spec.Diagnostics{t.explain(f)}
		if e, ok := errors.AsType[*apply.EvaluationError](f.Err); ok && len(e.Diagnostics) > 0 {
			all = e.Diagnostics // they have places
		}
		fmt.Fprintln(t.errs)
		_ = render.Diagnostics(t.errs, all, o)
	}
}

func (t resultText) skipped(r *apply.Result) {
	switch {
	case len(r.Skipped) == 0:
	case r.Interrupted:
		fmt.Fprintf(t.errs, "\nNot carried out, since the run was interrupted: %s.\n", listAddresses(r.Skipped, 8))
	default:
		fmt.Fprintf(t.errs, "\nNot begun, held back by the above: %s.\n", listAddresses(r.Skipped, 8))
	}
}

// leftBehind names the objects that the run let go of.
func (t resultText) leftBehind(r *apply.Result) {
	if len(r.LeftBehind) == 0 {
		return
	}
	fmt.Fprintf(t.out, "\nLeft behind, since the API cannot delete them:\n")
	table := render.NewTable()
	table.Indent = "  "
	for i, l := range r.LeftBehind {
		if i == 8 {
			table.Row(fmt.Sprintf("… and %d more", len(r.LeftBehind)-i))
			break
		}
		row := []string{l.Address.String(), l.ID}
		if t.accounts {
			row = append(row, l.Account)
		}
		table.Row(row...)
	}
	_ = table.Write(t.out, render.Options{Width: t.width(), Color: t.color})
}

// residual are the changes that a second plan would still make, and those that the API did not take although it said so.
func residual(p *plan.Plan) []*plan.Change {
	if p == nil {
		return nil
	}
	var still []*plan.Change
	for _, c := range p.Changes {
		if c.Action != plan.NoOp || c.Cause == plan.CauseUnmet {
			still = append(still, c)
		}
	}
	return still
}

// residue says what a second plan would still do; it should be nothing.
func (t resultText) residue(r *apply.Result) {
	told := map[spec.Address]bool{} // failed or skipped: that it is still to be done goes without saying
	for _, f := range r.Failures {
		told[f.Address] = true
	}
	for _, a := range r.Skipped {
		told[a] = true
	}
	still := slices.DeleteFunc(residual(r.Residue), func(c *plan.Change) bool { return told[c.Address] })
	if len(still) == 0 {
		return
	}
	s := render.Style{Color: t.color}
	fmt.Fprintf(t.out, "\n%s\n", s.Yellow("Not converged: a second plan would still want this."))
	for i, c := range still {
		if i == 8 {
			fmt.Fprintf(t.out, "    … and %d more: vpsync plan\n", len(still)-i)
			break
		}
		sign := render.ChangeSymbol(c)
		if sign == "" {
			sign = "!"
		}
		fmt.Fprintf(t.out, "%3s %s%s\n", sign, render.Escape(c.Address.String()), changedNames(c))
	}
}

func changedNames(c *plan.Change) string {
	var names []string
	for _, a := range c.Attributes {
		names = append(names, render.Escape(a.Name))
	}
	if len(names) == 0 {
		return ""
	}
	return "  (" + strings.Join(names, ", ") + ")"
}

func (t resultText) outputs(r *apply.Result) {
	if len(r.Outputs) == 0 {
		return
	}
	fmt.Fprintln(t.out, "\nOutputs:")
	widest := 0
	for _, o := range r.Outputs {
		widest = max(widest, render.Width(render.Escape(o.Name)))
	}
	for _, o := range r.Outputs {
		value := render.Value(o.Value)
		if o.Sensitive {
			value = render.SensitiveValue
		}
		fmt.Fprintf(t.out, "  %-*s = %s\n", widest, render.Escape(o.Name), value)
	}
}

func (t resultText) questions(r *apply.Result, o render.Options) {
	if len(r.Questions) == 0 {
		return
	}
	s := render.Style{Color: t.color}
	fmt.Fprintf(t.out, "\n%s\n\n", s.Bold(render.Plural(len(r.Questions), "question")+" for you:"))
	_ = render.Questions(t.out, r.Questions, o)
}

// listAddresses joins addresses, counting those beyond the first few.
func listAddresses(all []spec.Address, most int) string {
	var names []string
	for i, a := range all {
		if i == most {
			names = append(names, fmt.Sprintf("and %d more", len(all)-i))
			break
		}
		names = append(names, render.Escape(a.String()))
	}
	return strings.Join(names, ", ")
}
