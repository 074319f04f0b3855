package render_test

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"
	"github.com/stretchr/testify/require"
	"github.com/vpsync/vpsync/pkg/plan"
	"github.com/vpsync/vpsync/pkg/plan/render"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// golden compares files named by width with testdata/NAME.txtar.
func golden(t *testing.T, name string, got map[string]string, order ...string) {
	t.Helper()
	path := filepath.Join("testdata", name+".txtar")
	if *update {
		a := &txtar.Archive{}
		for _, file := range order {
			a.Files = append(a.Files, txtar.File{Name: file, Data: []byte(got[file])})
		}
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
		require.NoError(t, os.WriteFile(path, txtar.Format(a), 0o644))
		return
	}
	a, err := txtar.ParseFile(path)
	require.NoError(t, err)
	require.Len(t, a.Files, len(order))
	for _, f := range a.Files {
		require.Equal(t, string(f.Data), got[f.Name], f.Name)
	}
}

func TestText(t *testing.T) {
	for name, make := range plans {
		t.Run(name, func(t *testing.T) {
			got := map[string]string{}
			for _, width := range []int{80, 160} {
				var b bytes.Buffer
				require.NoError(t, render.Text(&b, make(t), render.Options{Width: width}))
				got[strconv.Itoa(width)] = b.String()
			}
			golden(t, "plan/"+name, got, "80", "160")
		})
	}
}

// TestTextOfAccounts: of a stack of several accounts each object says which it is in.
func TestTextOfAccounts(t *testing.T) {
	var b bytes.Buffer
	require.NoError(t, render.Text(&b, plans["sections"](t), render.Options{Accounts: true}))
	golden(t, "accounts", map[string]string{"80": b.String()}, "80")
}

// Colours only repeat: without them the text is the same.
func TestColorSaysNothingOfItsOwn(t *testing.T) {
	for name, make := range plans {
		var plain, colored bytes.Buffer
		require.NoError(t, render.Text(&plain, make(t), render.Options{Width: 100}))
		require.NoError(t, render.Text(&colored, make(t), render.Options{Width: 100, Color: true}))
		require.Equal(t, plain.String(), uncolored(colored.String()), name)
		require.NotContains(t, plain.String(), "\x1b", name)
	}
}

// Only what is to be pasted may be wider than the terminal: remedies, and an address that stands alone.
func TestTextFits(t *testing.T) {
	for name, make := range plans {
		for _, width := range []int{60, 80, 160} {
			p := make(t)
			var b bytes.Buffer
			require.NoError(t, render.Text(&b, p, render.Options{Width: width, Color: true}))
			for line := range strings.Lines(uncolored(b.String())) {
				line = strings.TrimSuffix(line, "\n")
				if !toPaste(p, strings.TrimSpace(line)) {
					require.LessOrEqualf(t, render.Width(line), width, "%s: %s", name, line)
				}
			}
		}
	}
}

func toPaste(p *plan.Plan, line string) bool {
	texts := []string{"vpsync drift --unmanaged"}
	for _, q := range p.Questions {
		texts = append(texts, q.Remedy)
	}
	for _, c := range p.Changes {
		texts = append(texts, c.Remedy)
		if alone := strings.TrimLeft(strings.TrimSuffix(line, ":"), "-+~? "); alone == c.Address.String() {
			return true
		}
	}
	for _, text := range texts {
		for l := range strings.Lines(text) {
			if strings.TrimSpace(l) == line {
				return true
			}
		}
	}
	return false
}

func TestDiagnosticsFit(t *testing.T) {
	for _, width := range []int{60, 80} {
		var b bytes.Buffer
		require.NoError(t, render.Diagnostics(&b, diagnostics, render.Options{Width: width}))
		for line := range strings.Lines(b.String()) {
			require.LessOrEqual(t, render.Width(strings.TrimSuffix(line, "\n")), width, line)
		}
	}
}

func uncolored(s string) string {
	for _, code := range []string{"0", "1", "2", "31", "32", "33", "36", "1;31"} {
		s = strings.ReplaceAll(s, "\x1b["+code+"m", "")
	}
	return s
}
