package render

import (
	"fmt"
	"strings"

	"github.com/sergi/go-diff/diffmatchpatch"
)

// Limits of a line diff: beyond them only sizes are shown, since nobody reads more and comparing costs time.
const (
	diffBytes   = 64 << 10
	diffLines   = 2000
	diffContext = 3 // unchanged lines around a change
	diffShown   = 200
)

// diffLine is one line of a comparison; sign is ' ', '+' or '-', or '…' for lines that are left out.
type diffLine struct {
	sign rune
	text string
}

// lineDiff compares two texts line by line. It shows what changes with a little around it. ok is false where the texts are
// too large to compare.
func lineDiff(before, after string) (lines []diffLine, ok bool) {
	before, after = strings.ToValidUTF8(before, "\ufffd"), strings.ToValidUTF8(after, "\ufffd")
	if len(before)+len(after) > diffBytes || strings.Count(before, "\n")+strings.Count(after, "\n") > diffLines {
		return nil, false
	}
	d := diffmatchpatch.New()
	d.DiffTimeout = 0 // a result must not depend on how fast the machine is
	a, b, all := d.DiffLinesToRunes(ended(before), ended(after))
	for _, part := range d.DiffCharsToLines(d.DiffMainRunes(a, b, false), all) {
		sign := map[diffmatchpatch.Operation]rune{
			diffmatchpatch.DiffEqual: ' ', diffmatchpatch.DiffInsert: '+', diffmatchpatch.DiffDelete: '-',
		}[part.Type]
		for line := range strings.SplitSeq(strings.TrimSuffix(part.Text, "\n"), "\n") {
			lines = append(lines, diffLine{sign, line})
		}
	}
	return shorten(fold(lines)), true
}

// ended makes the last line a whole one, so that lines are compared and not their ends.
func ended(s string) string {
	if s == "" || strings.HasSuffix(s, "\n") {
		return s
	}
	return s + "\n"
}

// fold leaves out unchanged lines that are far from a change.
func fold(lines []diffLine) []diffLine {
	near := make([]bool, len(lines))
	for i, l := range lines {
		if l.sign == ' ' {
			continue
		}
		for j := max(0, i-diffContext); j <= min(len(lines)-1, i+diffContext); j++ {
			near[j] = true
		}
	}
	var out []diffLine
	for i := 0; i < len(lines); {
		if near[i] {
			out = append(out, lines[i])
			i++
			continue
		}
		from := i
		for i < len(lines) && !near[i] {
			i++
		}
		if i-from == 1 { // as short as what would say so
			out = append(out, lines[from])
			continue
		}
		out = append(out, diffLine{'…', fmt.Sprintf("%d unchanged lines", i-from)})
	}
	return out
}

// shorten keeps a comparison readable.
func shorten(lines []diffLine) []diffLine {
	if len(lines) <= diffShown {
		return lines
	}
	left := len(lines) - diffShown
	return append(lines[:diffShown:diffShown], diffLine{'…', fmt.Sprintf("%d more lines", left)})
}
