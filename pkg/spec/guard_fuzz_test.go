package spec

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/stretchr/testify/require"
	"github.com/zclconf/go-cty/cty"
)

// FuzzGuard holds what the guard is for, with one seed grown to any length: what it lets pass, the parser reads without a panic
// or an overflow of its stack, and what it refuses is told with a place inside the file.
func FuzzGuard(f *testing.F) {
	for _, s := range scenarioSources(f) {
		f.Add(string(s), "", "", uint16(0))
	}
	for _, s := range []string{"(", "[", "{a=", `"${`, "!", "-", "1+", "a.b.", "a[", "f(", "true?1:", "<<E\n${", "%{if a}", "{for a in b:a=>", "[*].", "a{\n", "#x\n", "/**/", "0e1"} {
		f.Add("a = ", s, "", uint16(2000))
		f.Add("a = ", s, "1", uint16(150))
	}
	f.Add("a = ", "[", "]", uint16(199))
	f.Fuzz(func(t *testing.T, before, again, after string, times uint16) {
		times %= 20_000
		if len(again)*int(times) > MaxFileBytes {
			t.Skip()
		}
		source := []byte(before + strings.Repeat(again, int(times)) + after)
		refused := Guard(source, "main.hcl")
		requireInside(t, refused, "main.hcl", source)
		if len(refused) == 0 {
			_, problems := hclsyntax.ParseConfig(source, "main.hcl", hcl.InitialPos)
			requireInside(t, (sources{}).fromHCL(problems), "main.hcl", source)
			_, _ = hclsyntax.ParseExpression(source, "main.hcl", hcl.InitialPos)
		} else {
			require.Len(t, refused, 1)
			require.Equal(t, SeverityError, refused[0].Severity)
			require.NotNil(t, refused[0].Range)
		}
		refused = guardTemplate(source, "main.hcl")
		requireInside(t, refused, "main.hcl", source)
		if len(refused) == 0 {
			_, _ = hclsyntax.ParseTemplate(source, "main.hcl", hcl.InitialPos)
		}
	})
}

// oneOfEach declares a variable of every sort of type.
const oneOfEach = `
variable "any" {}
variable "text" { type = string }
variable "number" { type = number }
variable "yes" { type = bool }
variable "list" { type = list(string) }
variable "set" { type = set(number) }
variable "map" { type = map(list(number)) }
variable "tuple" { type = tuple([string, bool]) }
variable "object" { type = object({ size = number, tags = optional(map(string), { a = "b" }) }) }
variable "never_null" {
  type     = string
  nullable = false
}
variable "secret" {
  type      = map(string)
  sensitive = true
}
`

// FuzzVariables holds for the value of a variable, from the command line or in a file: reading it ends without a panic, it has the
// declared type and can travel as JSON, it is the same from a file of HCL, and a message about a secret does not hold it.
func FuzzVariables(f *testing.F) {
	for _, s := range []string{
		"007", "x", `"x"`, "null", "true", "12", "-1.5e3", "1e400000", `["a", "b"]`, "[1, 2]", `{ a = [1] }`, `["a", true]`, `{ size = 1 }`, `{"size": 1, "tags": null}`, `{"a": "${b}"}`,
		"[for a in [1] : a]", "upper(\"a\")", "<<E\nx\nE\n", "\xff", "é", "{", "# a", "a.b", "\"$${x}\"", `{ hunter2 = "hunter2" }`, "{hunter2",
	} {
		f.Add(s)
	}
	paths, err := filepath.Glob("../../testdata/script/*.txtar")
	require.NoError(f, err)
	require.NotEmpty(f, paths)
	for _, path := range paths {
		source, err := os.ReadFile(path)
		require.NoError(f, err)
		for line := range strings.Lines(string(source)) {
			if _, given, ok := strings.Cut(line, "--var "); ok {
				if _, value, ok := strings.Cut(given, "="); ok && len(value) < 100 {
					f.Add(strings.Trim(value, "'\" \n"))
				}
			}
		}
	}
	dir := f.TempDir()
	require.NoError(f, os.WriteFile(filepath.Join(dir, "main.hcl"), []byte(oneOfEach), 0o600))
	stack, diags := Load(dir)
	require.Empty(f, diags)
	f.Fuzz(func(t *testing.T, source string) {
		if len(source) > 10_000 {
			t.Skip()
		}
		for name, v := range stack.variables {
			value := judgeVariable(t, stack, v, VariableValue{Name: name, Source: source, Origin: "--var " + name})
			file := []byte(name + " = " + source + "\n")
			given, diags := VariableFile(file, "a.vars.hcl")
			requireInside(t, diags, "a.vars.hcl", file)
			if diags.HasErrors() || len(given) != 1 || isPlain(v.typ, strings.TrimSpace(source)) {
				continue
			}
			require.Equal(t, name, given[0].Name)
			inFile := judgeVariable(t, stack, v, given[0])
			if given[0].Source == strings.TrimSpace(source) {
				require.True(t, value.RawEquals(inFile), "%s: %#v and %#v", name, value, inFile)
			}
		}
	})
}

// judgeVariable gives one variable its value.
func judgeVariable(t *testing.T, stack *Stack, v *variable, given VariableValue) cty.Value {
	values, diags := stack.VariableValues([]VariableValue{given})
	for _, d := range diags {
		require.NotEmpty(t, d.Summary)
		require.NotEmpty(t, d.Detail)
		if v.sensitive && given.Source != "" && strings.Contains(given.Source, "hunter2") {
			require.NotContains(t, d.Summary+d.Detail+d.Snippet, "hunter2")
		}
	}
	value := values[v.name]
	bare, marks := value.Unmark()
	if v.sensitive {
		require.Contains(t, marks, any(Sensitive))
	}
	if !bare.IsKnown() {
		return value // there was none, which was told
	}
	require.Empty(t, bare.Type().TestConformance(v.typ))
	require.False(t, !v.nullable && bare.IsNull())
	requireTravels(t, Values{"v": value})
	return value
}

// requireTravels: what has a form in JSON comes back from it as it was.
func requireTravels(t *testing.T, values Values) {
	written, err := json.Marshal(values)
	require.NoError(t, err)
	var again Values
	require.NoError(t, json.Unmarshal(written, &again), "%s", written)
	require.Len(t, again, len(values))
	for name, v := range values {
		require.True(t, v.RawEquals(again[name]), "%s: %#v and %#v", name, v, again[name])
	}
}

// FuzzVariableFiles holds that a file of values in JSON means what its values mean to HCL, and that neither form panics.
func FuzzVariableFiles(f *testing.F) {
	for _, s := range []string{
		`{"a": "x", "b": [1, 2.5, null], "c": {"d": true, "${e}": "%{if}", "": ""}}`, `{"a": "\ud83d\ude00\u0000"}`, `{"a": 1e400}`, `{"a": 1, "a": 2}`, `{"//": "c", "a": "<<E"}`,
		"a = 1\nb = \"x\"\n", "a {}\n", "a = [1,\n2]\n", "\xef\xbb\xbfa = 1", "a = 1 b = 2", `[]`, `{"a": -0}`,
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, source []byte) {
		given, diags := VariableFile(source, "a.vars.hcl")
		requireInside(t, diags, "a.vars.hcl", source)
		requireGiven(t, given, source)
		given, diags = VariableFile(source, "a.vars.hcl.json")
		requireInside(t, diags, "a.vars.hcl.json", source)
		requireGiven(t, given, source)
		require.False(t, given != nil && diags.HasErrors())
		var plain map[string]any
		d := json.NewDecoder(bytes.NewReader(bytes.TrimPrefix(source, byteOrderMark)))
		d.UseNumber()
		if diags.HasErrors() || d.Decode(&plain) != nil {
			require.True(t, diags.HasErrors(), "accepted %q, which is no object", source)
			return
		}
		for _, g := range given {
			expr, problems := hclsyntax.ParseExpression([]byte(g.Source), "x", hcl.InitialPos)
			require.False(t, problems.HasErrors(), "%s: %s", g.Source, problems)
			v, problems := expr.Value(nil)
			require.False(t, problems.HasErrors(), "%s: %s", g.Source, problems)
			requireSame(t, plain[g.Name], v)
		}
	})
}

func requireGiven(t *testing.T, given []VariableValue, source []byte) {
	for _, g := range given {
		require.NotEmpty(t, g.Source)
		require.True(t, g.File)
		require.NotNil(t, g.Range)
		requireInside(t, Diagnostics{{Summary: "x", Range: g.Range}}, g.Origin, source)
	}
}

// requireSame: a value is what encoding/json reads.
func requireSame(t *testing.T, want any, got cty.Value) {
	switch want := want.(type) {
	case nil:
		require.True(t, got.IsNull())
	case bool:
		require.Equal(t, want, got.True())
	case string:
		require.Equal(t, cty.NormalizeString(want), got.AsString())
	case json.Number:
		n, err := cty.ParseNumberVal(want.String())
		require.NoError(t, err)
		require.Zero(t, n.AsBigFloat().Cmp(got.AsBigFloat()), "%s and %s", want, got.AsBigFloat())
	case []any:
		require.Equal(t, len(want), got.LengthInt())
		for i, e := range want {
			requireSame(t, e, got.Index(cty.NumberIntVal(int64(i))))
		}
	case map[string]any:
		names := map[string]bool{}
		for name, e := range want {
			names[cty.NormalizeString(name)] = true
			requireSame(t, e, got.GetAttr(cty.NormalizeString(name)))
		}
		require.Len(t, got.Type().AttributeTypes(), len(names))
	}
}

// FuzzValues holds that values which come as JSON, as in saved plans, are refused or come back as they were.
func FuzzValues(f *testing.F) {
	for _, s := range []string{
		`{"a":{"type":"string","value":"x"}}`, `{"a":{"type":["list","number"],"value":[1,2.5],"sensitive":["/0"]}}`,
		`{"a":{"type":["object",{"b":"bool"}],"value":{"b":null},"unknown":["/b"]}}`, `{"a":{"type":["set","string"],"value":["b","a"]}}`,
		`{"a":{"type":["tuple",["string","dynamic"]],"value":["b",null]}}`, `{"a":{"type":["map","string"],"value":{"~":"/"},"sensitive":["/~0"]}}`,
		`{"a":{"type":"dynamic","value":{"type":"string","value":"x"}}}`, `{"a":{"type":"number","value":1e100000000}}`, `{"a":{"type":"number","value":-1e999999999}}`, `{"a":{"type":"number","value":true}}`, `{"a":null}`, `{"a":{"type":"string"}}`,
		`{"a":{"type":["list","dynamic"],"value":[{"type":"string","value":"a"},{"type":"number","value":1}]}}`, `{"a":{"type":["set","dynamic"],"value":[],"unknown":[""]}}`,
		`{"a":{"type":["set","string"],"value":["b","a"],"unknown":["/0"],"sensitive":["/1"]}}`, `{"a":{"type":["map","dynamic"],"value":{"a":[],"b":""}}}`, `{"a":{"type":["object",{"b":"bool"},["b"]],"value":{"b":null}}}`,
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, source []byte) {
		var values Values
		if json.Unmarshal(source, &values) == nil {
			requireTravels(t, values)
		}
	})
}
