package main

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestLayoutDiff: whoever applies the diff to the one text gets the other. 200 texts of up to 60 lines, of which a fifth changed.
func TestLayoutDiff(t *testing.T) {
	for seed := range uint64(200) {
		random := rand.New(rand.NewPCG(seed, 0))
		end := []string{"\n", "\r\n"}[random.IntN(2)]
		var before, after strings.Builder
		for i := range 1 + random.IntN(60) {
			fmt.Fprintf(&before, "%d%s", i, end)
			if random.IntN(5) == 0 {
				after.WriteString("  ")
			}
			fmt.Fprintf(&after, "%d%s", i, end)
		}
		old, now := before.String(), after.String()
		if random.IntN(2) == 0 {
			old, now = strings.TrimSuffix(old, "\n"), strings.TrimSuffix(now, "\n")
		}
		require.Equal(t, now, patched(t, old, layoutDiff("x", []byte(old), []byte(now))), "seed %d", seed)
	}
}

// patched applies a unified diff, and insists on its counts and on what it says of the text before.
func patched(t *testing.T, text, diff string) string {
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
