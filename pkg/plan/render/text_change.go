package render

import (
	"fmt"
	"strings"

	"github.com/vpsync/vpsync/pkg/plan"
	"github.com/vpsync/vpsync/pkg/spec"
)

const (
	changeIndent = 4 // of the address, after the sign
	insideIndent = 6 // of what belongs to it
)

// change writes one resource: a line with sign and address, why, and what of it changes.
func (pg *page) change(c *plan.Change) {
	var parts []part
	if c.Deposed != "" {
		parts = append(parts, part{" (replaced object " + Escape(c.Deposed) + ")", plainly})
	}
	if c.ID != "" && c.Action != plan.Adopt {
		parts = append(parts, part{" (" + Escape(c.ID) + ")", pg.Dim})
	}
	parts = append(parts, pg.in(c.Account), part{"  " + alarm(c), pg.Alarm}, part{"  " + pg.phrase(c), pg.Dim})
	pg.heading(pg.symbol(c)+" ", c.Address, parts)
	pg.attributes(c)
	pg.aside(c)
}

// part is what a heading says of an address: text, safe, that begins with the space before it, and its colour.
type part struct {
	text  string
	paint func(string) string
}

// in says which account an object is in, where there are several.
func (pg *page) in(account string) part {
	if !pg.accounts {
		return part{}
	}
	return part{" in " + Escape(account), pg.Dim}
}

func plainly(s string) string { return s }

// heading writes an address and what is to be said of it, each part beside it as long as the line has room and below it
// otherwise.
func (pg *page) heading(lead string, of spec.Address, parts []part) {
	head := address(of)
	used := changeIndent + Width(head)
	head = pg.Bold(head)
	var below []string
	for _, p := range parts {
		text := strings.TrimLeft(p.text, " ")
		switch {
		case text == "":
		case len(below) == 0 && used+Width(p.text) <= pg.width:
			head += p.text[:len(p.text)-len(text)] + p.paint(text)
			used += Width(p.text)
		default:
			for _, l := range wrap(text, pg.width-insideIndent) {
				below = append(below, p.paint(l))
			}
		}
	}
	pg.line(0, "%s", lead+head)
	for _, l := range below {
		pg.line(insideIndent, "%s", l)
	}
}

func (pg *page) symbol(c *plan.Change) string {
	if c.NeedsHand { // whatever the action would be, it is not carried out
		return pg.Yellow("  !")
	}
	return pg.paintSymbol(c.Action, fmt.Sprintf("%3s", ChangeSymbol(c)))
}

// alarm is what must not be overlooked.
func alarm(c *plan.Change) string {
	verb := map[plan.Action]string{plan.Replace: "REPLACES", plan.Delete: "DESTROYS"}[c.Action]
	switch {
	case c.NeedsHand:
		return "NEEDS A HAND"
	case verb != "" && c.LosesData:
		return verb + ", DATA LOST"
	case c.LosesData:
		return "DATA LOST"
	}
	return ""
}

// phrase says what a sign and an address leave open: which object is meant, and why.
func (pg *page) phrase(c *plan.Change) string {
	var parts []string
	switch {
	case c.Action == plan.Adopt && c.TakesBack != "":
		parts = append(parts, "takes back "+c.TakesBack+", which was left behind earlier")
	case c.Action == plan.Adopt && c.Cause == plan.CauseImport:
		parts = append(parts, "takes over "+c.ID+", which its import block names")
	case c.Action == plan.Adopt:
		parts = append(parts, "takes over "+c.ID+", which exists already")
	case c.Action == plan.Forget && c.Cause == plan.CauseGone:
		return "gone at the provider"
	case c.Action == plan.Forget && c.Forgets:
		parts = append(parts, "is left behind")
	}
	if words := causeWords(c.Cause); words != "" && c.Action != plan.Adopt && !(pg.destroy && c.Cause == plan.CauseRemoved) {
		parts = append(parts, words)
	}
	return Escape(strings.Join(parts, ": "))
}

// aside writes what is to be said beside the attributes.
func (pg *page) aside(c *plan.Change) {
	if len(c.Operations) > 1 {
		names := make([]string, len(c.Operations))
		for i, op := range c.Operations {
			names[i] = Escape(op)
		}
		pg.prose(insideIndent, 2, "In "+Plural(len(names), "request")+": "+strings.Join(names, ", then ")+".", pg.Dim)
	}
	if len(c.MayTakeBack) > 0 {
		pg.prose(insideIndent, 2, "Takes back "+list(c.MayTakeBack, 3)+" instead of a new one, if it turns out to be equal.", pg.Dim)
	}
	if c.BackupFirst {
		pg.prose(insideIndent, 2, "· backed up first, as backup_before says: nothing is deleted until the backup is complete", pg.Green)
	}
	if c.Action == plan.Replace && c.Forgets && c.Unsupported == "" {
		pg.prose(insideIndent, 2, "The old object is left behind: the API cannot delete it.", pg.Yellow)
	}
	for _, n := range c.Notes {
		pg.prose(insideIndent, 2, "· "+n, nil)
	}
	if n := pg.asks[c.Address]; n > 0 && c.Deposed == "" {
		pg.line(insideIndent, "%s", pg.Yellow(fmt.Sprintf("· see question %d below", n)))
		if c.NeedsHand {
			return // it says what is unsupported, and what to do
		}
	}
	if c.Unsupported != "" {
		pg.prose(insideIndent, 2, "· "+c.Unsupported, pg.Yellow)
	}
	if c.Remedy != "" {
		pg.paste(insideIndent+2, c.Remedy)
	}
}

// quiet writes changes that send nothing.
func (pg *page) quiet(changes []*plan.Change) {
	if len(changes) == 0 {
		return
	}
	pg.space()
	pg.line(0, "%s", pg.Bold("Nothing is sent for these:"))
	for _, c := range changes {
		pg.space()
		var parts []part
		if c.ID != "" {
			parts = append(parts, part{" (" + Escape(c.ID) + ")", pg.Dim})
		}
		parts = append(parts, pg.in(c.Account))
		pg.heading(strings.Repeat(" ", changeIndent), c.Address, parts)
		pg.attributes(c)
		pg.aside(c)
	}
	pg.space()
}
