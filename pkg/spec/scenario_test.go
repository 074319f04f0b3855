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

	"github.com/rogpeppe/go-internal/txtar"
	"github.com/stretchr/testify/require"
	"github.com/zclconf/go-cty/cty"
)

var update = flag.Bool("update", false, "rewrite what the scenarios in testdata expect")

// TestScenarios evaluates the stacks in testdata/scenarios. Each is a txtar archive: files of the stack, "known" (what
// is known of objects, an HCL value for each address), "variables" (name=value, as from --var), and "want".
func TestScenarios(t *testing.T) {
	paths, err := filepath.Glob("testdata/scenarios/*.txtar")
	require.NoError(t, err)
	require.NotEmpty(t, paths)
	for _, path := range paths {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".txtar"), func(t *testing.T) {
			archive, err := txtar.ParseFile(path)
			require.NoError(t, err)
			files := map[string]string{}
			request := acme()
			request.Schemas["acme.eu"] = testSchema()
			want := -1
			for i, f := range archive.Files {
				switch f.Name {
				case "want":
					want = i
				case "variables":
					for line := range strings.Lines(string(f.Data)) {
						name, source, _ := strings.Cut(strings.TrimSuffix(line, "\n"), "=")
						request.Variables = append(request.Variables, VariableValue{Name: name, Source: source, Origin: "--var"})
					}
				case "known":
					request.Objects = known(t, f.Data)
				default:
					files[f.Name] = string(f.Data)
				}
			}
			got := describe(folder(t, files), request)
			if *update {
				if want < 0 {
					archive.Files = append(archive.Files, txtar.File{Name: "want"})
					want = len(archive.Files) - 1
				}
				archive.Files[want].Data = []byte(got)
				require.NoError(t, os.WriteFile(path, txtar.Format(archive), 0o644))
				return
			}
			require.GreaterOrEqual(t, want, 0, "the scenario expects nothing")
			require.Equal(t, string(archive.Files[want].Data), got)
		})
	}
}

// known reads lines such as: server.web["a"] = { id = "srv_1" }.
func known(t *testing.T, data []byte) map[Address]Values {
	out := map[Address]Values{}
	for line := range strings.Lines(string(data)) {
		name, source, _ := strings.Cut(line, " = ")
		address, err := ParseAddress(name)
		require.NoError(t, err)
		given, diags := VariableFile([]byte("v = "+source), "known")
		require.Empty(t, diags)
		v, _, problem := parseVariable(&variable{name: "v", typ: cty.DynamicPseudoType}, given[0])
		require.Nil(t, problem)
		out[address] = v.AsValueMap()
	}
	return out
}

// describe is a response as a page for people.
func describe(dir string, request Request) string {
	var b strings.Builder
	stack, diags := Load(dir)
	if stack != nil && !diags.HasErrors() {
		response := stack.Evaluate(request)
		diags = append(diags, response.Diagnostics...)
		if response.Settings.Allow > 0 {
			fmt.Fprintf(&b, "allow %d\n\n", response.Settings.Allow)
		}
		for _, r := range response.Resources {
			fmt.Fprintf(&b, "%s (%s", r.Address, r.Account)
			if r.Unsupported != UnsupportedError {
				fmt.Fprintf(&b, ", on_unsupported %s", r.Unsupported)
			}
			fmt.Fprintln(&b, ")")
			for _, name := range slices.Sorted(maps.Keys(r.Values)) {
				fmt.Fprintf(&b, "  %s = %s\n", name, show(r.Values[name]))
			}
			if l := r.Lifecycle; l.PreventDestroy || l.CreateFirst || l.IgnoreAll || len(l.IgnoreChanges)+len(l.Triggers) > 0 {
				fmt.Fprintf(&b, "  prevent %t, first %t, ignore %v %v, triggers %v\n", l.PreventDestroy, l.CreateFirst, l.IgnoreAll, l.IgnoreChanges, l.Triggers)
			}
			for _, d := range r.Unmet {
				fmt.Fprintf(&b, "  unmet at line %d: %s: %s %v\n", d.Range.Start.Line, d.Summary, d.Detail, d.Values)
			}
			if len(r.Uses) > 0 {
				fmt.Fprintf(&b, "  uses %v\n", r.Uses)
			}
		}
		for _, o := range response.Outputs {
			fmt.Fprintf(&b, "output %s = %s\n", o.Name, show(o.Value))
		}
	}
	for _, d := range diags {
		if b.Len() > 0 {
			fmt.Fprintln(&b)
		}
		fmt.Fprintf(&b, "%s: %s\n", d.Severity, d.Summary)
		if d.Range != nil {
			fmt.Fprintf(&b, "  at %s:%d:%d: %s\n", d.Range.File, d.Range.Start.Line, d.Range.Start.Column, strings.TrimSpace(d.Snippet))
		}
		fmt.Fprintf(&b, "  %s\n", strings.ReplaceAll(d.Detail, dir, "DIR"))
		for _, v := range d.Values {
			fmt.Fprintf(&b, "  where %s\n", v)
		}
		if d.Remedy != "" {
			fmt.Fprintf(&b, "  try: %s\n", strings.ReplaceAll(strings.ReplaceAll(d.Remedy, dir, "DIR"), "\n", "\n       "))
		}
	}
	return b.String()
}

// show writes a value with its unknown and sensitive parts.
func show(v cty.Value) string {
	if v.HasMark(Sensitive) {
		bare, _ := v.Unmark()
		return "sensitive(" + show(bare) + ")"
	}
	if v.IsMarked() {
		return "MARKED WITH SOMETHING ELSE"
	}
	switch {
	case !v.IsKnown():
		return "unknown"
	case v.IsNull():
		return "null"
	case v.CanIterateElements():
		var parts []string
		object := v.Type().IsObjectType() || v.Type().IsMapType()
		for it := v.ElementIterator(); it.Next(); {
			k, e := it.Element()
			if object {
				parts = append(parts, display(k)+" = "+show(e))
			} else {
				parts = append(parts, show(e))
			}
		}
		if object {
			return "{" + strings.Join(parts, ", ") + "}"
		}
		return "[" + strings.Join(parts, ", ") + "]"
	}
	return display(v)
}
