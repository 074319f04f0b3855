package main

import (
	"strings"
	"sync"
	"unicode/utf8"

	"github.com/vpsync/vpsync/pkg/plan/render"
)

// terminal is as much of a terminal as the live view needs: lines, a cursor that moves up, clearing. It counts what
// it does not know.
type terminal struct {
	mu      sync.Mutex
	width   int
	lines   []string
	row     int
	hidden  bool
	unknown []string // sequences that a terminal view must not send
	wide    []string // lines that wrapped, so that moving up would miss their beginning
	writes  int
}

func newTerminal(width int) *terminal { return &terminal{width: width, lines: []string{""}} }

func (t *terminal) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.writes++
	s := string(p)
	for s != "" {
		if s[0] == '\x1b' {
			n := strings.IndexFunc(s[1:], func(r rune) bool { return r >= 'A' && r <= 'Z' || r >= 'a' && r <= 'z' })
			if n < 0 {
				t.unknown = append(t.unknown, s)
				break
			}
			t.control(s[:n+2])
			s = s[n+2:]
			continue
		}
		r, size := utf8.DecodeRuneInString(s)
		t.print(r)
		s = s[size:]
	}
	return len(p), nil
}

func (t *terminal) print(r rune) {
	switch {
	case r == '\n':
		if render.Width(t.lines[t.row]) > t.width {
			t.wide = append(t.wide, t.lines[t.row])
		}
		t.row++
		if t.row == len(t.lines) {
			t.lines = append(t.lines, "")
		}
	case r < ' ' || r == 0x7f:
		t.unknown = append(t.unknown, string(r))
	default:
		t.lines[t.row] += string(r)
	}
}

func (t *terminal) control(seq string) {
	switch {
	case seq == hideCursor:
		t.hidden = true
	case seq == showCursor:
		t.hidden = false
	case seq == clearBelow:
		t.lines = append(t.lines[:t.row:t.row], "")
	case strings.HasSuffix(seq, "A"):
		n := 0
		for _, d := range seq[2 : len(seq)-1] {
			n = 10*n + int(d-'0')
		}
		t.row = max(0, t.row-n)
	case strings.HasSuffix(seq, "m"):
	default:
		t.unknown = append(t.unknown, seq)
	}
}

// screen is what a person sees.
func (t *terminal) screen() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return strings.TrimRight(strings.Join(t.lines, "\n"), "\n") + "\n"
}

// String makes a terminal a plain buffer.
func (t *terminal) String() string { return t.screen() }
