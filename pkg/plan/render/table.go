package render

import (
	"io"
	"strings"
)

// Table writes rows in aligned columns within a width. Cells are foreign text: they are escaped, and the widest
// columns are cut where a line would be too long.
type Table struct {
	Indent string
	header []string
	rows   [][]string
}

// NewTable starts a table; without names it has no header.
func NewTable(header ...string) *Table { return &Table{header: header} }

// Row adds a row.
func (t *Table) Row(cells ...string) {
	row := make([]string, len(cells))
	for i, c := range cells {
		row[i] = Escape(c)
	}
	t.rows = append(t.rows, row)
}

// Write prints the table.
func (t *Table) Write(w io.Writer, o Options) error {
	widths := t.widths(o.width() - Width(t.Indent))
	var b strings.Builder
	if len(t.header) > 0 {
		line := t.line(t.header, widths)
		b.WriteString(t.Indent + o.style().Bold(line) + "\n")
	}
	for _, row := range t.rows {
		b.WriteString(t.Indent + t.line(row, widths) + "\n")
	}
	_, err := io.WriteString(w, b.String())
	return err
}

const (
	gap       = 2 // columns between two cells
	narrowest = 8 // a column is not cut further
)

// widths shares the line: each column gets what it needs, and while that is too much, the widest gives way.
func (t *Table) widths(total int) []int {
	var widths []int
	measure := func(row []string) {
		for i, c := range row {
			if i == len(widths) {
				widths = append(widths, 0)
			}
			widths[i] = max(widths[i], Width(c))
		}
	}
	measure(t.header)
	for _, row := range t.rows {
		measure(row)
	}
	for {
		sum, widest := gap*(len(widths)-1), 0
		for i, n := range widths {
			sum += n
			if n > widths[widest] {
				widest = i
			}
		}
		if sum <= total || len(widths) == 0 || widths[widest] <= narrowest {
			return widths
		}
		widths[widest] = max(narrowest, widths[widest]-(sum-total))
	}
}

func (t *Table) line(row []string, widths []int) string {
	var b strings.Builder
	for i, c := range row {
		if i > 0 {
			b.WriteString(strings.Repeat(" ", gap))
		}
		b.WriteString(pad(Cut(c, widths[i]), widths[i]))
	}
	return strings.TrimRight(b.String(), " ")
}
