package render

import (
	"fmt"
	"strings"

	"github.com/vpsync/vpsync/pkg/plan"
)

// What a change takes in the folded difference at most: lines, and columns of each.
const (
	diffUnitLines = 120
	diffColumns   = 400
)

// diffUnits are the changes as a difference, each whole: what goes begins with -, what comes with +, what needs care with !.
func (m *markdown) diffUnits() [][]string {
	var units [][]string
	for _, c := range append(append([]*plan.Change{}, m.changes...), m.drift...) {
		lines := diffUnit(c)
		if len(lines) > diffUnitLines {
			lines = append(lines[:diffUnitLines:diffUnitLines], fmt.Sprintf("  … %s", Plural(len(lines)-diffUnitLines, "more line")))
		}
		if len(units) > 0 {
			lines = append([]string{""}, lines...)
		}
		for i, l := range lines {
			lines[i] = strings.TrimRight(Cut(l, diffColumns), " ")
		}
		units = append(units, lines)
	}
	return units
}

func diffUnit(c *plan.Change) []string {
	head := address(c.Address)
	if c.Deposed != "" {
		head += " (replaced object " + Escape(c.Deposed) + ")"
	}
	if c.ID != "" {
		head += " (" + Escape(c.ID) + ")"
	}
	lines := []string{"@@ " + Cut(head, diffColumns-40) + ": " + actionOf(c) + " @@"}
	if words := alarm(c); words != "" {
		lines = append(lines, "! "+words)
	}
	if phrase := new(page).phrase(c); phrase != "" {
		lines = append(lines, "# "+phrase)
	}
	for _, a := range c.Attributes {
		lines = append(lines, diffAttribute(c, a)...)
	}
	note := func(sign, text string) {
		for _, l := range wrap(EscapeLines(strings.TrimSpace(text)), 110) {
			lines = append(lines, sign+l)
		}
	}
	if len(c.MayTakeBack) > 0 {
		note("# ", "Takes back "+list(c.MayTakeBack, 3)+" instead of a new one, if it turns out to be equal.")
	}
	if c.BackupFirst {
		note("# ", "Backed up first: nothing is deleted until the backup is complete.")
	}
	for _, n := range c.Notes {
		note("# ", n)
	}
	if c.Unsupported != "" {
		note("! ", c.Unsupported)
	}
	if c.Remedy != "" {
		note("#   ", c.Remedy)
	}
	return lines
}

func diffAttribute(c *plan.Change, a plan.AttributeChange) []string {
	if !a.Sensitive && unset(a.Before) && unset(a.After) {
		return nil
	}
	name, remark := Escape(a.Name), spaced(remark(c, a))
	if !a.Sensitive && (multiline(a.Before) || multiline(a.After) || bothOpen(a)) {
		return append([]string{"  " + name + ":" + remark}, diffBlock(c, a)...)
	}
	before, after := sides(a)
	if oneSided(c, a) {
		sign := map[plan.Action]string{plan.Create: "+ ", plan.Delete: "- "}[c.Action]
		value := SensitiveValue
		if !a.Sensitive {
			value = shown(side(a))
		}
		return []string{orElse(sign, "  ") + name + ": " + value + remark}
	}
	return []string{"- " + name + ": " + before, "+ " + name + ": " + after + remark}
}

// diffBlock compares texts of several lines, or collections.
func diffBlock(c *plan.Change, a plan.AttributeChange) []string {
	before, after := blockText(a.Before), blockText(a.After)
	one := oneSided(c, a)
	if one {
		before, after = "", blockText(side(a))
	}
	all, ok := lineDiff(before, after)
	if !ok {
		return []string{"    (" + size(before) + arrow + size(after) + ": too long to compare here; vpsync plan --json shows both)"}
	}
	var lines []string
	for _, l := range all {
		sign := string(l.sign)
		if l.sign == '…' || one && c.Action != plan.Create {
			sign = " "
		}
		body := Escape(strings.ReplaceAll(l.text, "\t", "    "))
		if l.sign == '…' {
			body = "… " + body
		}
		lines = append(lines, sign+"   | "+body)
	}
	return lines
}

func orElse(s, other string) string {
	if s == "" {
		return other
	}
	return s
}
