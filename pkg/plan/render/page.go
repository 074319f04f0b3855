package render

import (
	"fmt"
	"io"
	"strings"

	"github.com/vpsync/vpsync/pkg/spec"
)

// page collects the lines of a rendering.
type page struct {
	Style
	command  func(string) string
	b        strings.Builder
	width    int
	accounts bool // there are several, and each object says its own
	gap      bool // a blank line is due before the next one
	// Of a plan: whether it is the command destroy's, and the numbers of the questions by resource.
	destroy bool
	asks    map[spec.Address]int
}

func newPage(o Options) *page {
	return &page{Style: o.style(), width: o.width(), command: o.CommandLine, accounts: o.Accounts, asks: map[spec.Address]int{}}
}

// line writes one line of text that is safe already.
func (p *page) line(indent int, format string, args ...any) {
	if p.gap && p.b.Len() > 0 {
		p.b.WriteByte('\n')
	}
	p.gap = false
	text := format
	if len(args) > 0 {
		text = fmt.Sprintf(format, args...)
	}
	p.b.WriteString(strings.TrimRight(strings.Repeat(" ", indent)+text, " "))
	p.b.WriteByte('\n')
}

// space asks for a blank line before whatever comes next.
func (p *page) space() { p.gap = true }

// prose writes foreign sentences, wrapped. Lines after the first hang further in.
func (p *page) prose(indent, hang int, text string, paint func(string) string) {
	for i, line := range wrap(EscapeLines(strings.TrimSpace(text)), p.width-indent-hang) {
		at := indent
		if i > 0 {
			at += hang
		}
		if line == "" {
			p.space()
			continue
		}
		if paint != nil {
			line = paint(line)
		}
		p.line(at, "%s", line)
	}
}

// paste writes a snippet or a command exactly as it is to be pasted, set apart where it has several lines. A
// single sentence is wrapped instead.
func (p *page) paste(indent int, text string) {
	text = EscapeLines(p.command(strings.ReplaceAll(strings.Trim(text, "\n"), "\t", "  ")))
	if text == "" {
		return
	}
	lines := strings.Split(text, "\n")
	if len(lines) == 1 && !pasteable(text) {
		p.prose(indent, 0, text, nil)
		return
	}
	for _, l := range lines {
		if strings.TrimSpace(l) == "" {
			p.line(0, "")
			continue
		}
		p.line(indent, "%s", p.Bold(l))
	}
}

// pasteable tells a command or a snippet from a sentence that says what to do.
func pasteable(line string) bool {
	return strings.HasPrefix(line, "vpsync ") || strings.ContainsAny(line, "{=") || !strings.Contains(line, " ")
}

func (p *page) writeTo(w io.Writer) error {
	_, err := io.WriteString(w, p.b.String())
	return err
}

// address is an address as text, safe: keys of for_each may hold anything.
func address(a spec.Address) string { return Escape(a.String()) }
