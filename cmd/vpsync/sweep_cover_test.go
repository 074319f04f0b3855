//go:build unix

package main

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/vpsync/vpsync/pkg/providers"
)

// sweptPackages are where there are points.
var sweptPackages = []string{"../../pkg/apply", "../../pkg/sandbox", "../../pkg/state/sqlite", "../../pkg/daemon", "."}

// unswept are lines with a point that no story reaches, and why.
var unswept = map[string]string{
	"state/sqlite/schema.go BoundaryMigrated": "there is one schema so far; TestKilledMigration makes another",
}

// everyPoint: each constant that names a point, and each line of the program that is one, had a process die there.
func (w *sweep) everyPoint(t *testing.T) {
	names, sites := boundaries(t)
	died := map[string]bool{}
	for p := range w.visited {
		died[p.site] = true
		require.Contains(t, names, p.name, "%s is no constant that begins with Boundary", p)
		delete(sites, p.site)
	}
	for site := range sites {
		where, _, _ := strings.Cut(site, ":")
		if _, excused := unswept[where+" "+sites[site]]; !excused {
			t.Errorf("%s is the point %s, and no story of testdata/sweep has a vpsync die there", site, sites[site])
		}
	}
	for p := range w.visited {
		delete(names, p.name)
	}
	for name, constant := range names {
		if !slices.ContainsFunc(slices.Collect(maps.Keys(unswept)), func(s string) bool { return strings.HasSuffix(s, " "+constant) }) {
			t.Errorf("%s (%q) is a point, and no story of testdata/sweep has a vpsync die there", constant, name)
		}
	}
}

// boundaries reads the sources: the constants by their values, and the constants of the calls by their lines.
func boundaries(t *testing.T) (names, sites map[string]string) {
	t.Helper()
	names, sites = map[string]string{}, map[string]string{}
	for _, dir := range sweptPackages {
		paths, err := filepath.Glob(filepath.Join(dir, "*.go"))
		require.NoError(t, err)
		for _, path := range paths {
			if strings.HasSuffix(path, "_test.go") {
				continue
			}
			files := token.NewFileSet()
			file, err := parser.ParseFile(files, path, nil, 0)
			require.NoError(t, err)
			ast.Inspect(file, func(n ast.Node) bool {
				switch n := n.(type) {
				case *ast.ValueSpec:
					for i, name := range n.Names {
						if strings.HasPrefix(name.Name, "Boundary") && i < len(n.Values) {
							if value, ok := n.Values[i].(*ast.BasicLit); ok {
								names[strings.Trim(value.Value, `"`)] = name.Name
							}
						}
					}
				case *ast.CallExpr:
					to, ok := n.Fun.(*ast.SelectorExpr)
					if !ok || len(n.Args) != 1 || !strings.EqualFold(to.Sel.Name, "boundary") {
						return true
					}
					at := files.Position(n.Pos())
					abs, err := filepath.Abs(at.Filename)
					require.NoError(t, err)
					switch argument := n.Args[0].(type) {
					case *ast.Ident:
						if strings.HasPrefix(argument.Name, "Boundary") {
							sites[siteOf(abs, at.Line)] = argument.Name
						}
					case *ast.BasicLit:
						t.Errorf("%s: a point has a constant, so that the sweep knows it", at)
					}
				}
				return true
			})
		}
	}
	require.NotEmpty(t, names)
	require.NotEmpty(t, sites)
	return names, sites
}

// undriven are operations of the definitions that no killed run carries out, and why.
var undriven = map[string]string{}

// everyOperation: what the definitions offer, an apply or a task that was killed has used.
func (w *sweep) everyOperation(t *testing.T) {
	for _, provider := range embeddedNames() {
		def, err := embeddedDefinition(provider)
		require.NoError(t, err)
		need := map[string]bool{}
		for name, kind := range def.Schema.Kinds {
			for operation := range kind.Operations {
				need[fmt.Sprintf("%s %s.%s", provider, name, operation)] = true
			}
		}
		for _, tasks := range def.Tasks {
			for name, task := range tasks {
				if task.Call == providers.TaskOperation(name) { // else it is an operation of a kind
					need[provider+" "+task.Call] = true
				}
			}
		}
		for operation := range need {
			switch _, excused := undriven[operation]; {
			case w.driven[operation] == 0 && !excused:
				t.Errorf("%s: no story of testdata/sweep has a killed run use it", operation)
			case w.driven[operation] > 0 && excused:
				t.Errorf("%s is used: it needs no excuse any more", operation)
			}
		}
		for operation := range undriven {
			if p, _, _ := strings.Cut(operation, " "); p == provider && !need[operation] {
				t.Errorf("%s is excused, and no operation", operation)
			}
		}
	}
}

func (w *sweep) cases() (killed, second, signals int) {
	for _, r := range w.rows {
		killed, second, signals = killed+r.killed, second+r.second, signals+r.signals
	}
	return killed, second, signals
}

// families of the fault matrix, and their cases.
func (w *sweep) families() map[string]int {
	n := map[string]int{}
	for _, r := range w.rows {
		n[r.family] += r.killed
		n["A2"] += r.second
		n["A4"] += r.signals
	}
	return n
}

// print is the table of what was done.
func (w *sweep) print(t *testing.T) {
	var b strings.Builder
	fmt.Fprintf(&b, "\n%-28s %7s %7s %13s %8s\n", "story", "points", "killed", "killed twice", "signals")
	for _, name := range slices.Sorted(maps.Keys(w.rows)) {
		r := w.rows[name]
		fmt.Fprintf(&b, "%-28s %7d %7d %13d %8d\n", name, r.points, r.killed, r.second, r.signals)
	}
	killed, second, signals := w.cases()
	fmt.Fprintf(&b, "%-28s %7s %7d %13d %8d\n\n", "together", "", killed, second, signals)
	byName, lines := map[string]int{}, map[string]map[string]bool{}
	for p, n := range w.visited {
		byName[p.name] += n
		if lines[p.name] == nil {
			lines[p.name] = map[string]bool{}
		}
		lines[p.name][p.site] = true
	}
	fmt.Fprintf(&b, "%-28s %7s %7s\n", "died at the point", "lines", "times")
	for _, name := range slices.Sorted(maps.Keys(byName)) {
		fmt.Fprintf(&b, "%-28s %7d %7d\n", name, len(lines[name]), byName[name])
	}
	fmt.Fprintf(&b, "\nEach time: the accounts are what they are after a run that was not killed, no object is there twice, none is without an owner,\nthe second plan is empty, state verify finds nothing, the next run has the lock at once and nothing to send.\n")
	if *sweepAll {
		fmt.Println(b.String())
		return
	}
	t.Log(b.String())
}
