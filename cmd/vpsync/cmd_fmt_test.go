package main

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// TestLayoutDiff: whoever applies the diff to the one text gets the other.
func TestLayoutDiff(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		changed := rapid.SliceOfN(rapid.SampledFrom([]bool{false, false, false, false, true}), 1, 60).Draw(t, "changed")
		end := rapid.SampledFrom([]string{"\n", "\r\n"}).Draw(t, "end")
		var before, after strings.Builder
		for i, c := range changed {
			fmt.Fprintf(&before, "%d%s", i, end)
			if c {
				after.WriteString("  ")
			}
			fmt.Fprintf(&after, "%d%s", i, end)
		}
		old, now := before.String(), after.String()
		if rapid.Bool().Draw(t, "unended") {
			old, now = strings.TrimSuffix(old, "\n"), strings.TrimSuffix(now, "\n")
		}
		require.Equal(t, now, patched(t, old, layoutDiff("x", []byte(old), []byte(now))))
	})
}

// patched applies a unified diff, and insists on its counts and on what it says of the text before.
func patched(t require.TestingT, text, diff string) string {
	lines := strings.SplitAfter(text, "\n")
	diff = strings.ReplaceAll(diff, "\n\\ No newline at end of file\n", "")
	var out []string
	at, left := 0, 0 // lines of the text that are done, and that the hunk still has
	for _, d := range strings.SplitAfter(strings.TrimPrefix(diff, "--- x\n+++ x\n"), "\n") {
		for d != "" { // a line without an end is followed by the next at once
			if strings.HasPrefix(d, "@@ ") {
				var from, had, to, has int
				require.Zero(t, left)
				_, err := fmt.Sscanf(d, "@@ -%d,%d +%d,%d @@", &from, &had, &to, &has)
				require.NoError(t, err)
				require.Equal(t, []int{from, had}, []int{to, has})
				out, at, left = append(out, lines[at:from-1]...), from-1, had
				break
			}
			sign, line := d[:1], d[1:]
			d = ""
			if i := strings.Index(line, "+"); sign == "-" && i >= 0 {
				line, d = line[:i], line[i:]
			}
			if sign != "+" {
				require.Equal(t, lines[at], line)
				at, left = at+1, left-1
			}
			if sign != "-" {
				out = append(out, line)
			}
		}
	}
	require.Zero(t, left)
	return strings.Join(append(out, lines[at:]...), "")
}
