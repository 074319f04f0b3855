package render

import (
	"fmt"
	"io"

	"github.com/vpsync/vpsync/pkg/plan"
)

// Text writes a plan as people read it: what happens and why, what stays behind, what it costs, the
// counts, and last what the operator is asked.
func Text(w io.Writer, p *plan.Plan, o Options) error {
	pg := newPage(o)
	pg.destroy = p.Destroy
	for i, q := range p.Questions {
		if q.Address != nil {
			pg.asks[*q.Address] = i + 1
		}
	}
	acting, quiet := split(p.Changes)
	pg.changes(acting, p, o.Title)
	pg.quiet(quiet)
	pg.moved(p.Moved)
	pg.records(p)
	pg.warnings(p)
	pg.pending(p.Pending)
	pg.deferred(p.Deferred)
	pg.leftovers(p)
	pg.unmanaged(p.Unmanaged)
	pg.leftOut(p.LeftOut)
	pg.outputs(p.Outputs)
	pg.summary(p)
	pg.prices(p)
	pg.cost(p)
	pg.questions(p.Questions, p.Blocked())
	return pg.writeTo(w)
}

// split tells changes that do something from those that only have something to say.
func split(changes []*plan.Change) (acting, quiet []*plan.Change) {
	for _, c := range changes {
		if c.Action == plan.NoOp && !c.NeedsHand {
			quiet = append(quiet, c)
		} else {
			acting = append(acting, c)
		}
	}
	return acting, quiet
}

func (pg *page) changes(changes []*plan.Change, p *plan.Plan, title string) {
	if len(changes) == 0 {
		return
	}
	switch {
	case title != "":
	case p.Destroy:
		title = "This is what destroying the stack does:"
	case p.Blocked():
		title = "This is what the configuration asks for:"
	default:
		title = "This is what vpsync will do:"
	}
	pg.line(0, "%s", pg.Bold(Escape(title)))
	pg.legend(changes)
	var terse plan.Action // of the change before, where that is a single line
	for _, c := range changes {
		alone := len(c.Attributes)+len(c.Notes)+len(c.MayTakeBack)+len(c.Unsupported) == 0 && !c.BackupFirst && len(c.Operations) < 2
		if !alone || terse != c.Action {
			pg.space()
		}
		pg.change(c)
		terse = ""
		if alone {
			terse = c.Action
		}
	}
	pg.space()
}

// legend explains the signs that occur. Lines break between two of them.
func (pg *page) legend(changes []*plan.Change) {
	used, hand, first, last := map[plan.Action]bool{}, false, false, false
	for _, c := range changes {
		if c.Action == plan.Replace && !c.NeedsHand {
			first, last = first || c.CreateFirst, last || !c.CreateFirst
		}
		used[c.Action] = used[c.Action] || !c.NeedsHand
		hand = hand || c.NeedsHand
	}
	var parts []string
	for _, a := range actionWords {
		switch {
		case a.action == plan.Replace && first:
			if last {
				parts = append(parts, pg.paintSymbol(a.action, Symbol(a.action))+" "+a.words)
			}
			parts = append(parts, pg.paintSymbol(a.action, "+/-")+" replace with the new one first")
		case used[a.action]:
			parts = append(parts, pg.paintSymbol(a.action, Symbol(a.action))+" "+a.words)
		}
	}
	if hand {
		parts = append(parts, pg.Yellow("!")+" needs a hand")
	}
	line := "("
	for i, part := range parts {
		end := ","
		if i == len(parts)-1 {
			end = ")"
		}
		switch {
		case line == "(":
		case Width(line)+1+Width(part+end) <= pg.width:
			line += " "
		default:
			pg.line(0, "%s", line)
			line = " "
		}
		line += part + end
	}
	pg.line(0, "%s", line)
}

// summary writes the counts, or that there is nothing to do.
func (pg *page) summary(p *plan.Plan) {
	pg.space()
	if p.Counts != (plan.Counts{}) || len(p.Questions) > 0 || len(p.Pending) > 0 {
		pg.prose(0, 2, Summary(p.Counts), pg.Bold)
		return
	}
	says := "No changes. The account is as the configuration says"
	if pg.accounts {
		says = "No changes. The accounts are as the configuration says"
	}
	switch {
	case len(p.LeftOut) > 0:
		says = "No changes in what was selected"
	case p.Destroy:
		says = "No changes. Nothing is left to destroy"
	case len(p.Changes) > 0 || !p.Empty():
		says = "No changes to objects"
	case p.Managed > 0 && p.Reads > 0:
		says += fmt.Sprintf(" (%s, read in %s)", Plural(p.Managed, "resource"), Plural(p.Reads, "request"))
	case p.Managed > 0:
		says += fmt.Sprintf(" (%s, nothing was read)", Plural(p.Managed, "resource"))
	}
	pg.prose(0, 0, says+".", pg.Bold)
}
