package render

import (
	"fmt"
	"io"
	"strings"

	"github.com/vpsync/vpsync/pkg/plan"
	"github.com/vpsync/vpsync/pkg/spec"
)

// Diagnostics writes messages with their places: what is wrong, the source line with the part that is meant
// underlined, why, and what to do about it.
func Diagnostics(w io.Writer, diags spec.Diagnostics, o Options) error {
	pg := newPage(o)
	for i, d := range diags {
		if i > 0 {
			pg.space()
		}
		pg.diagnostic(d)
	}
	return pg.writeTo(w)
}

// Questions writes what an operator is asked, numbered, each with the commands that answer it.
func Questions(w io.Writer, questions []plan.Question, o Options) error {
	pg := newPage(o)
	pg.asked(questions)
	return pg.writeTo(w)
}

// Prose writes foreign sentences within the width. Lines after the first hang further in.
func Prose(w io.Writer, indent, hang int, text string, o Options) error {
	pg := newPage(o)
	pg.prose(indent, hang, text, nil)
	return pg.writeTo(w)
}

func (pg *page) diagnostic(d spec.Diagnostic) {
	label, paint := "Error: ", pg.Alarm
	if d.Severity == spec.SeverityWarning {
		label, paint = "Warning: ", pg.Yellow
	}
	for i, l := range wrap(Escape(d.Summary), pg.width-len(label)) {
		if i == 0 {
			pg.line(0, "%s", paint(label)+pg.Bold(l))
		} else {
			pg.line(len(label), "%s", pg.Bold(l))
		}
	}
	pg.place(d)
	for _, v := range d.Values {
		for i, l := range wrap(Escape(v), pg.width-9) {
			sign := "├ "
			if i > 0 {
				sign = "│   "
			}
			pg.line(5, "%s", pg.Dim(sign)+l)
		}
	}
	if d.Detail != "" {
		pg.space()
		pg.prose(2, 0, d.Detail, nil)
	}
	if d.Remedy != "" {
		pg.space()
		pg.paste(4, d.Remedy)
	}
}

// place writes where a message belongs.
func (pg *page) place(d spec.Diagnostic) {
	within := ""
	if d.Address != "" {
		within = ", in " + d.Address
	}
	switch {
	case d.Range == nil && d.Address != "":
		pg.prose(2, 2, "in "+d.Address, nil)
	case d.Range == nil:
	case d.Range.Start.Line <= 0:
		pg.prose(2, 2, "on "+d.Range.File+within, nil)
	default:
		colon := ""
		if d.Snippet != "" {
			colon = ":"
		}
		pg.prose(2, 2, fmt.Sprintf("on %s line %d%s%s", d.Range.File, d.Range.Start.Line, within, colon), nil)
		pg.snippet(d)
	}
}

// snippet writes the source line, cut to the part that is meant where it is long, and underlines that part.
func (pg *page) snippet(d spec.Diagnostic) {
	if d.Snippet == "" {
		return
	}
	line, from, to := underline(strings.TrimRight(d.Snippet, "\r\n"), *d.Range)
	number := fmt.Sprintf("%4d │ ", d.Range.Start.Line)
	line, from, to = window(line, from, to, pg.width-Width(number))
	pg.line(0, "%s", pg.Dim(number)+line)
	mark := strings.Repeat("^", max(1, to-from))
	pg.line(0, "%s", pg.Dim("     │ ")+strings.Repeat(" ", from)+pg.Red(mark))
}

// underline escapes a source line and says which columns of the result the range takes. Columns of a range count
// characters as people see them.
func underline(source string, r spec.Range) (line string, from, to int) {
	var b strings.Builder
	used := 0
	end := r.End.Column
	if r.End.Line != r.Start.Line {
		end = int(^uint(0) >> 1)
	}
	from = -1
	column := 0
	for c := range clusters(source) {
		column++
		if column == r.Start.Column {
			from = used
		}
		if column == end {
			to = used
		}
		text := Escape(strings.ReplaceAll(c, "\t", "    "))
		b.WriteString(text)
		used += Width(text)
	}
	if from < 0 {
		from = used
	}
	if to <= from {
		to = max(used, from)
		if r.End.Line == r.Start.Line && r.End.Column <= r.Start.Column {
			to = from + 1
		}
	}
	return b.String(), from, to
}

// window cuts a long line to a width around the columns that are underlined.
func window(line string, from, to, width int) (string, int, int) {
	if Width(line) <= width && to <= width {
		return line, from, to
	}
	const around = 10
	skip := 0
	if to > width-1 {
		skip = max(0, from-around)
	}
	var b strings.Builder
	at, used := 0, 0
	if skip > 0 {
		b.WriteString("…")
		used = 1
	}
	shift := 0
	for c := range clusters(line) {
		w := Width(c)
		if at < skip {
			at += w
			shift = at
			continue
		}
		if used+w > width-1 {
			b.WriteString("…")
			break
		}
		b.WriteString(c)
		used += w
		at += w
	}
	if skip > 0 {
		from, to = from-shift+1, to-shift+1
	}
	return b.String(), min(from, width-1), min(to, width)
}
