package render

import (
	"fmt"
	"strings"

	"github.com/vpsync/vpsync/pkg/plan"
	"github.com/zclconf/go-cty/cty"
)

const arrow = " → "

// attributes writes what of a resource changes, names aligned.
func (pg *page) attributes(c *plan.Change) {
	shown := make([]plan.AttributeChange, 0, len(c.Attributes))
	widest := 0
	var computed []string // by the API, so that a line for each would say nothing
	for _, a := range c.Attributes {
		if !a.Sensitive && unset(a.Before) && unset(a.After) {
			continue // says nothing
		}
		if c.Action == plan.Create && a.Effect == plan.EffectComputed && !a.Sensitive && a.Note == "" && Value(a.After) == KnownAfterApply {
			computed = append(computed, Escape(a.Name))
			continue
		}
		shown = append(shown, a)
		widest = max(widest, Width(Escape(a.Name)))
	}
	for _, a := range shown {
		pg.attribute(c, a, min(widest, 24))
	}
	if len(computed) > 0 {
		pg.prose(insideIndent, 1, "(known after apply: "+list(computed, 0)+")", pg.Dim)
	}
}

func (pg *page) attribute(c *plan.Change, a plan.AttributeChange, names int) {
	name := pad(Escape(a.Name)+":", names+1) + " "
	room := pg.width - insideIndent - Width(name)
	remark := remark(c, a)
	switch text := inline(c, a); {
	case multiline(a.Before) || multiline(a.After), Width(text) > room && bothOpen(a):
		pg.remarked(strings.TrimRight(name, " "), "", 0, remark, room)
		pg.block(c, a)
	case Width(text) <= room:
		pg.remarked(name, pg.paintValues(c, a, text), Width(text), remark, room)
	case oneSided(c, a):
		pg.opened(strings.Repeat(" ", insideIndent)+name, insideIndent, side(a))
		pg.remark(insideIndent+Width(name), remark)
	default:
		before, after := sides(a)
		at := insideIndent + Width(name)
		if at > pg.width/2 {
			pg.line(insideIndent, "%s", name)
			name, at = "  ", insideIndent+2
		}
		pg.chopped(insideIndent, name, before, at)
		pg.chopped(at-2, "→ ", after, at)
		pg.remark(at, remark)
	}
}

// remark writes what is particular about an attribute on lines of its own.
func (pg *page) remark(indent int, remark string) {
	if remark != "" {
		pg.prose(min(indent, pg.width/2), 1, remark, pg.Dim)
	}
}

// remarked writes a value and, where the line has room, the remark beside it.
func (pg *page) remarked(name, painted string, width int, remark string, room int) {
	if remark == "" || width+2+Width(remark) <= room {
		pg.line(insideIndent, "%s", name+painted+pg.Dim(spaced(remark)))
		return
	}
	pg.line(insideIndent, "%s", name+painted)
	pg.remark(insideIndent+Width(name), remark)
}

func spaced(remark string) string {
	if remark == "" {
		return ""
	}
	return "  " + remark
}

func unset(v cty.Value) bool {
	return v == cty.NilVal || !v.IsMarked() && v.IsKnown() && v.IsNull()
}

// oneSided says that only one value is worth showing: there is no other yet, or no longer, or it is the same.
func oneSided(c *plan.Change, a plan.AttributeChange) bool {
	if !a.Sensitive && alike(a.Before, a.After) {
		return true
	}
	switch c.Action {
	case plan.NoOp:
		return a.Sensitive
	case plan.Create:
		return unset(a.Before)
	case plan.Delete, plan.Forget:
		return unset(a.After)
	}
	return false
}

func alike(a, b cty.Value) bool {
	return a != cty.NilVal && b != cty.NilVal && !a.ContainsMarked() && !b.ContainsMarked() && a.IsWhollyKnown() && b.IsWhollyKnown() && a.RawEquals(b)
}

// side is that value.
func side(a plan.AttributeChange) cty.Value {
	if unset(a.After) {
		return a.Before
	}
	return a.After
}

func sides(a plan.AttributeChange) (before, after string) {
	before, after = shown(a.Before), shown(a.After)
	if a.Sensitive {
		before, after = SensitiveValue, SensitiveValue
	}
	if a.Unverified {
		before += " (unverified)"
	}
	return before, after
}

// shown is Value, but says in words that an attribute is not set.
func shown(v cty.Value) string {
	if unset(v) {
		return NotSet
	}
	return Value(v)
}

// inline is an attribute's change on one line.
func inline(c *plan.Change, a plan.AttributeChange) string {
	before, after := sides(a)
	if oneSided(c, a) {
		if a.Sensitive {
			return SensitiveValue
		}
		return shown(side(a))
	}
	return before + arrow + after
}

// paintValues colours the two sides of an inline change.
func (pg *page) paintValues(c *plan.Change, a plan.AttributeChange, text string) string {
	if oneSided(c, a) || !pg.Color {
		return text
	}
	before, after := sides(a)
	return pg.Red(before) + arrow + pg.Green(after)
}

// remark says what is particular about an attribute, in parentheses, or nothing.
func remark(c *plan.Change, a plan.AttributeChange) string {
	var parts []string
	if words := effectWords(c, a); words != "" {
		parts = append(parts, words)
	}
	if a.Note != "" {
		parts = append(parts, Escape(strings.TrimSuffix(a.Note, ".")))
	} else if a.Cause != c.Cause && a.Effect != plan.EffectComputed || c.Action == plan.NoOp && !c.NeedsHand {
		if words := attributeCause(a.Cause); words != "" {
			parts = append(parts, words)
		}
	}
	if len(parts) == 0 {
		return ""
	}
	return "(" + strings.Join(parts, "; ") + ")"
}

// effectWords says how an attribute's change is carried out, where it is not as the action says and the attribute's own
// note does not say it.
func effectWords(c *plan.Change, a plan.AttributeChange) string {
	making := c.Action == plan.Create || c.Action == plan.Replace
	switch {
	case a.Effect == plan.EffectReplace && c.Action == plan.Replace:
		return "needs a new " + Noun(c.Kind)
	case a.Effect == plan.EffectUpdate && a.Operation != "" && a.Operation != "update" && !making:
		return "by " + Noun(a.Operation)
	case a.Note != "" || making:
	case a.Effect == plan.EffectNextCreate:
		return "takes effect on new " + plural(Noun(c.Kind)) + " only"
	case a.Effect == plan.EffectRecord:
		return "recorded, nothing is sent"
	case a.Effect == plan.EffectComputed:
		return "set by the API"
	case a.Effect == plan.EffectNone:
		return "nothing is sent"
	case a.Effect == plan.EffectImpossible:
		return "the API cannot change it"
	}
	return ""
}

func multiline(v cty.Value) bool {
	return text(v) && strings.Contains(strings.TrimSuffix(v.AsString(), "\n"), "\n")
}

func text(v cty.Value) bool {
	return v != cty.NilVal && v.Type() == cty.String && !v.IsMarked() && v.IsKnown() && !v.IsNull()
}

// bothOpen says that both sides can be opened into lines that are worth comparing.
func bothOpen(a plan.AttributeChange) bool {
	return !a.Sensitive && open(a.Before) && open(a.After)
}

func open(v cty.Value) bool {
	return v != cty.NilVal && !v.IsMarked() && v.IsKnown() && !v.IsNull() && v.CanIterateElements() && v.LengthInt() > 0
}

// opened writes a single value that is too long for its line: a collection as HCL lays it out, text broken anywhere.
// first begins its first line, the others are indented.
func (pg *page) opened(first string, indent int, v cty.Value) {
	if !open(v) {
		pg.chopped(0, first, shown(v), Width(first))
		return
	}
	lines := valueLines(v, "")
	pg.line(0, "%s", first+lines[0])
	for i, l := range lines[1:] {
		if i == diffShown {
			pg.line(indent+2, "%s", pg.Dim(fmt.Sprintf("… %d more lines; --json shows them", len(lines)-1-i)))
			return
		}
		body := strings.TrimLeft(l, " ")
		at := indent + Width(l) - Width(body)
		pg.chopped(at, "", body, at+1)
	}
}

// mostChopped bounds how many lines one long value takes, and mostCompared a long line of a comparison: what tells two keys
// apart stands at their ends.
const (
	mostChopped  = 6
	mostCompared = 16
)

// chopped writes a long value over several lines, the later ones hanging at a column. Where the lead takes most of the
// line, the value begins below it.
func (pg *page) chopped(indent int, lead, value string, hang int) {
	if hang > pg.width/2 && strings.TrimSpace(lead) != "" {
		pg.line(indent, "%s", lead)
		lead, indent, hang = "", insideIndent+2, insideIndent+2
	}
	lines := chopMost(value, max(20, pg.width-hang-1), mostChopped)
	pg.line(indent, "%s", lead+lines[0])
	for _, l := range lines[1:] {
		pg.line(hang, "%s", l)
	}
}

// chopMost breaks text into a number of lines, of which the last counts what is missing.
func chopMost(text string, width, most int) []string {
	lines := chop(text, width)
	if len(lines) <= most {
		return lines
	}
	hidden := 0
	for _, l := range lines[most-1:] {
		hidden += len([]rune(l))
	}
	return append(lines[:most-1:most-1], Cut(fmt.Sprintf("… (%s more; --json shows them)", Plural(hidden, "character")), width))
}

// compared writes a line of a comparison. What is too long for the terminal goes on below, further in and without a sign.
func (pg *page) compared(indent int, sign, body string, paint func(string) string) {
	const hang = 2
	at := min(len(body)-len(strings.TrimLeft(body, " ")), pg.width/2)
	room := pg.width - indent - Width(sign)
	trimmed := func(s string) string { return paint(strings.TrimRight(s, " ")) }
	if Width(body) <= room {
		pg.line(indent, "%s", trimmed(sign+body))
		return
	}
	for i, l := range chopMost(body[at:], room-at-hang, mostCompared) {
		if i == 0 {
			pg.line(indent, "%s", trimmed(sign+body[:at]+l))
			continue
		}
		pg.line(indent+Width(sign)+at+hang, "%s", trimmed(l))
	}
}

// block writes texts of several lines, or long collections, as a comparison.
func (pg *page) block(c *plan.Change, a plan.AttributeChange) {
	before, after := blockText(a.Before), blockText(a.After)
	if oneSided(c, a) {
		before, after = "", blockText(side(a))
	}
	at := insideIndent + 2
	lines, ok := lineDiff(before, after)
	if !ok {
		pg.prose(at, 1, "("+size(before)+arrow+size(after)+": too long to compare here; --json shows both)", pg.Dim)
		return
	}
	for _, l := range lines {
		body := Escape(strings.ReplaceAll(l.text, "\t", "    "))
		switch l.sign {
		case '+':
			sign := "+ "
			if oneSided(c, a) {
				sign = "| "
			}
			pg.compared(at, sign, body, pg.Green)
		case '-':
			pg.compared(at, "- ", body, pg.Red)
		case '…':
			pg.compared(at, "… ", body, pg.Dim)
		default:
			pg.compared(at, "  ", body, plainly)
		}
	}
	if text(a.Before) && text(a.After) && before != "" && after != "" && strings.HasSuffix(before, "\n") != strings.HasSuffix(after, "\n") {
		pg.line(at, "%s", pg.Dim("(the line feed at the end changes)"))
	}
}

// blockText is a value as lines to compare.
func blockText(v cty.Value) string {
	switch {
	case unset(v):
		return ""
	case text(v):
		return v.AsString()
	}
	return strings.Join(valueLines(v, ""), "\n") + "\n"
}

func size(s string) string {
	return fmt.Sprintf("%s, %s", Plural(strings.Count(ended(s), "\n"), "line"), Plural(len(s), "byte"))
}
