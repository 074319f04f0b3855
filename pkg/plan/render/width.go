package render

import (
	"iter"
	"strings"
	"unicode"

	"github.com/apparentlymart/go-textseg/v15/textseg"
)

// Width is how many columns text takes on a terminal: two for wide characters, none for combining marks and
// for colours of this package.
func Width(s string) int {
	n := 0
	for _, r := range plain(s) {
		n += runeWidth(r)
	}
	return n
}

func runeWidth(r rune) int {
	switch {
	case r < 0x300:
		return 1
	case unicode.In(r, unicode.Mn, unicode.Me, unicode.Cf):
		return 0
	case unicode.Is(wide, r):
		return 2
	}
	return 1
}

// wide holds the blocks whose characters take two columns.
var wide = &unicode.RangeTable{
	R16: []unicode.Range16{
		{Lo: 0x1100, Hi: 0x115f, Stride: 1},
		{Lo: 0x2e80, Hi: 0x303e, Stride: 1},
		{Lo: 0x3041, Hi: 0xa4cf, Stride: 1},
		{Lo: 0xac00, Hi: 0xd7a3, Stride: 1},
		{Lo: 0xf900, Hi: 0xfaff, Stride: 1},
		{Lo: 0xfe30, Hi: 0xfe6f, Stride: 1},
		{Lo: 0xff00, Hi: 0xff60, Stride: 1},
		{Lo: 0xffe0, Hi: 0xffe6, Stride: 1},
	},
	R32: []unicode.Range32{
		{Lo: 0x1f300, Hi: 0x1f64f, Stride: 1},
		{Lo: 0x1f680, Hi: 0x1f6ff, Stride: 1},
		{Lo: 0x1f900, Hi: 0x1faff, Stride: 1},
		{Lo: 0x20000, Hi: 0x3fffd, Stride: 1},
	},
}

// clusters are what people see as characters.
func clusters(s string) iter.Seq[string] {
	return func(yield func(string) bool) {
		for rest := []byte(s); len(rest) > 0; {
			n, c, err := textseg.ScanGraphemeClusters(rest, true)
			if err != nil || n == 0 {
				n, c = len(rest), rest
			}
			if !yield(string(c)) {
				return
			}
			rest = rest[n:]
		}
	}
}

// Cut shortens text to a number of columns, with an ellipsis where something is missing. The text must not be
// painted.
func Cut(s string, width int) string {
	if Width(s) <= width {
		return s
	}
	if width < 1 {
		return ""
	}
	var b strings.Builder
	used := 0
	for c := range clusters(s) {
		w := Width(c)
		if used+w > width-1 {
			break
		}
		b.WriteString(c)
		used += w
	}
	return b.String() + "…"
}

// wrap breaks sentences into lines of at most width columns at spaces. A word that is longer stands alone.
// Line feeds in the text stay; a paragraph that begins with spaces is to be pasted and is not broken.
func wrap(text string, width int) []string {
	var lines []string
	for paragraph := range strings.SplitSeq(strings.TrimRight(text, "\n"), "\n") {
		if strings.HasPrefix(paragraph, "  ") || Width(paragraph) <= width {
			lines = append(lines, strings.TrimRight(paragraph, " "))
			continue
		}
		line, used := "", 0
		for _, word := range strings.Fields(paragraph) {
			w := Width(word)
			if used > 0 && used+1+w > width {
				lines, line, used = append(lines, line), "", 0
			}
			if used > 0 {
				line += " "
				used++
			}
			line += word
			used += w
		}
		lines = append(lines, line)
	}
	return lines
}

// chop breaks text that has no good places to break, such as a key, into lines of at most width columns.
func chop(s string, width int) []string {
	var lines []string
	var b strings.Builder
	used := 0
	for c := range clusters(s) {
		w := Width(c)
		if used > 0 && used+w > width {
			lines = append(lines, b.String())
			b.Reset()
			used = 0
		}
		b.WriteString(c)
		used += w
	}
	return append(lines, b.String())
}

func pad(s string, width int) string {
	return s + strings.Repeat(" ", max(0, width-Width(s)))
}
