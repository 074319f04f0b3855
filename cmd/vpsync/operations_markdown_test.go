package main

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestOperationsPage: the tables of operations in README.md are what the definitions and the exchanges make them.
func TestOperationsPage(t *testing.T) {
	all := allRows(t)
	readme, err := os.ReadFile(root + "/README.md")
	require.NoError(t, err)
	before, rest, found := strings.Cut(string(readme), countsHead)
	require.True(t, found, "README.md has no table that begins with\n"+countsHead)
	for strings.HasPrefix(rest, "|") {
		_, rest, _ = strings.Cut(rest, "\n")
	}
	upto, rest, found := strings.Cut(rest, operationsHead)
	require.True(t, found, "README.md has no table below\n"+operationsHead)
	_, rest, found = strings.Cut(rest, operationsEnd)
	require.True(t, found)
	want := before + countsHead + operationCounts(all) + upto + operationsHead + operationTables(all) + operationsEnd + rest
	if *updateDocs {
		require.NoError(t, os.WriteFile(root+"/README.md", []byte(want), 0o644))
		readme = []byte(want)
	}
	require.Equal(t, string(readme), want, "run: make docs")
}

const countsHead = "| API | operations | printed by the vendor | inferred | query parameters | recorded exchanges |\n|---|---|---|---|---|---|\n"

const (
	operationsHead = "<details>\n<summary>Every operation, how it is reached, and the recorded exchanges that show it</summary>\n"
	operationsEnd  = "\n</details>\n"
)

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
		fmt.Fprintf(&b, "| [%s](docs/providers/%s.md) | %d | %d | %d | %d | %d |\n", a.def.Title, a.def.Name, operations, documented, operations-documented, parameters, len(shown))
	}
	return b.String()
}

func exchangeLinks(provider string, names []string) string {
	var links []string
	for _, name := range names {
		links = append(links, fmt.Sprintf("[%s](testdata/api/%s/%s.txtar)", name, provider, name))
	}
	return strings.Join(links, ", ")
}

// operationTables has a table for each API, and before them what their words mean.
func operationTables(all []*apiRows) string {
	var b strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	line("\nA kind's list and read are what `plan`, `drift` and the end of an `apply` send; its create, update and delete what `apply` and `destroy` send")
	line("for its blocks; its wait is how `apply` learns that an object is ready. `data.plans` is asked by a data block, and a task by `vpsync task`.")
	for _, a := range all {
		line("\n**%s**, <%s>\n", plainMarkdown(a.def.Title), a.def.BaseURL)
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
