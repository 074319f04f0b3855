package spec

import (
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

var updateDocs = flag.Bool("update-docs", false, "write docs/functions.md anew")

// exampleFiles are what the examples read.
var exampleFiles = map[string]string{
	"backends.tftpl":                     "%{ for addr in ip_addrs ~}\nbackend ${addr}:${port}\n%{ endfor ~}\n",
	"backends-json.tftpl":                `${jsonencode({ "backends" : [for addr in ip_addrs : "${addr}:${port}"] })}`,
	"files/hello.txt":                    "",
	"files/subdirectory/anotherfile.txt": "",
	"files/world.txt":                    "",
	"hello.txt":                          "Hello World",
}

// TestFunctionDocs holds that each example gives what it says.
func TestFunctionDocs(t *testing.T) {
	dir := folder(t, exampleFiles)
	for _, group := range FunctionDocs() {
		for _, f := range group.Functions {
			t.Run(f.Name, func(t *testing.T) {
				for _, x := range f.Examples {
					require.Contains(t, x.Call, f.Name+"(")
					got, diags := callIn(t, dir, x.Call)
					require.Emptyf(t, diags, "%s", x.Call)
					want, diags := callIn(t, dir, x.Result)
					require.Emptyf(t, diags, "%s", x.Result)
					require.Equalf(t, want, got, "%s", x.Call)
				}
			})
		}
	}
}

// TestFunctionDocsAreWhole holds that no function lacks its entry and no entry its function, that both have as many
// arguments, and that they are in order.
func TestFunctionDocsAreWhole(t *testing.T) {
	all := functions(t.TempDir())
	described := map[string]bool{}
	for _, group := range FunctionDocs() {
		var inGroup []string
		for _, f := range group.Functions {
			_, exists := all[f.Name]
			require.Truef(t, exists, "there is no %s", f.Name)
			require.Falsef(t, described[f.Name], "%s is described twice", f.Name)
			described[f.Name] = true
			inGroup = append(inGroup, f.Name)
			require.NotEmptyf(t, f.Examples, "%s has no example", f.Name)
			require.Regexp(t, `^[^\n]+\.$`, f.Summary)

			needed := slices.DeleteFunc(slices.Clone(f.Arguments), func(a string) bool { return a[0] == '[' || strings.HasSuffix(a, "...") })
			if f.Name != "range" { // which counts its arguments itself
				require.Lenf(t, needed, len(all[f.Name].Params()), "the arguments of %s", f.Name)
			}
			require.Equalf(t, len(needed) < len(f.Arguments), all[f.Name].VarParam() != nil, "the arguments of %s", f.Name)
		}
		require.IsIncreasing(t, inGroup)
	}
	for _, r := range RefusedFunctions() {
		require.Falsef(t, described[r.Name], "%s is refused and described", r.Name)
		described[r.Name] = true
	}
	require.Equal(t, slices.Sorted(maps.Keys(all)), slices.Sorted(maps.Keys(described)), "every function is described or refused")
}

// TestFunctionsPage: docs/functions.md is what the table says.
func TestFunctionsPage(t *testing.T) {
	const path = "../../docs/functions.md"
	want := functionsPage()
	if *updateDocs {
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
		require.NoError(t, os.WriteFile(path, []byte(want), 0o644))
	}
	got, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, want, string(got), "run: go test ./pkg/spec -run TestFunctionsPage -update-docs")
}

func functionsPage() string {
	var b strings.Builder
	say := func(format string, args ...any) { fmt.Fprintf(&b, format, args...) }
	say("# Functions\n\n")
	say("<!-- Made from pkg/spec/functions_docs.go: go test ./pkg/spec -run TestFunctionsPage -update-docs -->\n\n")
	say("What an expression may call. Names and results are those of Terraform and OpenTofu. There is no function that gives something\n")
	say("else each time, and none that reads what lies outside the stack's folder, so that a plan depends on that folder, the variables and\n")
	say("the account alone. What is made of a secret is a secret, and what is made of something not known yet is not known yet.\n\n")
	say("A function makes a text of %d MiB and a collection of %d elements at most, and reads a file of %d MiB at most.\n\n",
		maxTextBytes>>20, maxElements, MaxFileBytes>>20)
	anchor := func(title string) string { return strings.ReplaceAll(strings.ToLower(title), " ", "-") }
	for _, group := range FunctionDocs() {
		var names []string
		for _, f := range group.Functions {
			names = append(names, fmt.Sprintf("[%s](#%s)", f.Name, f.Name))
		}
		say("- [%s](#%s): %s\n", group.Title, anchor(group.Title), strings.Join(names, ", "))
	}
	say("- [Refused functions](#refused-functions), and what to use in their place\n")
	for _, group := range FunctionDocs() {
		say("\n## %s\n", group.Title)
		if group.Title == "Files" {
			say("\nPaths are of files in the stack's own folder, with forward slashes. The examples read these:\n")
			for _, name := range slices.Sorted(maps.Keys(exampleFiles)) {
				if content := exampleFiles[name]; content != "" {
					say("\n`%s`:\n\n```text\n%s\n```\n", name, strings.TrimSuffix(content, "\n"))
				}
			}
		}
		for _, f := range group.Functions {
			say("\n### %s\n\n`%s(%s)`\n\n%s\n\n```hcl\n", f.Name, f.Name, strings.Join(f.Arguments, ", "), f.Summary)
			for _, x := range f.Examples {
				say("%s\n# %s\n", x.Call, x.Result)
			}
			say("```\n")
		}
	}
	say("\n## Refused functions\n\nCalling one of these is an error that says the same.\n\n| function | why not | what to do |\n|---|---|---|\n")
	for _, r := range RefusedFunctions() {
		say("| `%s` | it %s | %s |\n", r.Name, r.Why, r.Instead)
	}
	say("| `provider::…` | a provider is a document, and runs no code | use a function of this page, or give the value as a variable |\n")
	return b.String()
}
