package main

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestOperationsPage: docs/operations.md is what the definitions and the exchanges make it, and README.md counts what it holds.
func TestOperationsPage(t *testing.T) {
	all := allRows(t)
	const page = root + "/docs/operations.md"
	if *updateDocs {
		require.NoError(t, os.WriteFile(page, []byte(operationsPage(all)), 0o644))
	}
	text, err := os.ReadFile(page)
	require.NoError(t, err, "run: make docs")
	require.Equal(t, string(text), operationsPage(all), "run: make docs")

	readme, err := os.ReadFile(root + "/README.md")
	require.NoError(t, err)
	before, rest, found := strings.Cut(string(readme), countsHead)
	require.True(t, found, "README.md has no table that begins with\n"+countsHead)
	for strings.HasPrefix(rest, "|") {
		_, rest, _ = strings.Cut(rest, "\n")
	}
	want := before + countsHead + operationCounts(all) + rest
	if *updateDocs {
		require.NoError(t, os.WriteFile(root+"/README.md", []byte(want), 0o644))
		readme = []byte(want)
	}
	require.Equal(t, string(readme), want, "run: make docs")
}

const countsHead = "| API | operations | printed by the vendor | inferred | query parameters | recorded exchanges |\n|---|---|---|---|---|---|\n"

// operationCounts are the rows below countsHead.
func operationCounts(all []*apiRows) string {
	var b strings.Builder
	for _, a := range all {
		operations, documented, parameters, shown := 0, 0, 0, map[string]bool{}
		for _, r := range a.rows {
			for _, name := range append(append([]string{}, r.covered...), r.refused...) {
				shown[name] = true
			}
			switch {
			case r.parameter != "":
				parameters++
			case r.documented:
				documented++
				operations++
			default:
				operations++
			}
		}
		fmt.Fprintf(&b, "| [%s](docs/operations.md#%s) | %d | %d | %d | %d | %d |\n", a.def.Title, a.def.Name, operations, documented, operations-documented, parameters, len(shown))
	}
	return b.String()
}

func exchangeLinks(provider string, names []string) string {
	var links []string
	for _, name := range names {
		links = append(links, fmt.Sprintf("[%s](../testdata/api/%s/%s.txtar)", name, provider, name))
	}
	return strings.Join(links, ", ")
}

func operationsPage(all []*apiRows) string {
	var b strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	line("# Every operation of the three APIs\n")
	line("<!-- Made of the definitions and of testdata/api; `make docs` makes it again. -->\n")
	line("How each request that an API knows is reached from a stack or the command line, whether the vendor prints it or it was inferred, and")
	line("which recorded exchanges of [testdata/api](../testdata/api) show it. Client and sandbox are judged by those, not by each other.\n")
	line("| in the table | means |\n|---|---|")
	line("| `server` list, read | what `plan`, `drift` and the end of an `apply` send |")
	line("| `server` create, update, delete | what `apply` and `destroy` send for a block of that kind |")
	line("| `power = \"stopped\"` of a `server` | what `apply` sends when that attribute changes |")
	line("| `server` wait | how `apply` learns that an object is ready |")
	line("| `data.plans` | a data block asks it |")
	line("| task `reboot` on a `server` | `vpsync task reboot ADDRESS` |")
	for _, a := range all {
		line("\n## %s\n", a.def.Name)
		line("%s, <%s>; all of its attributes: [its page](providers/%s.md).\n", plainMarkdown(a.def.Title), a.def.BaseURL, a.def.Name)
		line("| request | from | reached by | exchanges |\n|---|---|---|---|")
		for _, r := range a.rows {
			name := "`" + r.name() + "`"
			if r.parameter != "" {
				name = "`?" + r.parameter + "` of it"
			}
			shown := exchangeLinks(a.def.Name, r.covered)
			if len(r.refused) > 0 {
				shown += "; refused: " + exchangeLinks(a.def.Name, r.refused)
			}
			line("| %s | %s | %s | %s |", name, map[bool]string{true: "documented", false: "inferred"}[r.documented], cell(strings.Join(r.ways, "; ")), shown)
		}
	}
	return b.String()
}
