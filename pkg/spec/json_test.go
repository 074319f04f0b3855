package spec

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/rogpeppe/go-internal/txtar"
	"github.com/stretchr/testify/require"
	"github.com/zclconf/go-cty/cty"
)

// inJSON writes a stack of HCL in JSON, the way a program would: a list of objects with one block each, so that their order stays,
// each value as a template of one expression, and names as they are. Ok is false for what no JSON stands for.
func inJSON(src []byte) (out []byte, ok bool) {
	file, diags := hclsyntax.ParseConfig(src, "main.hcl", hcl.InitialPos)
	if diags.HasErrors() {
		return nil, false
	}
	ok = true
	value := func(e hclsyntax.Expression, symbol bool) any {
		text := string(e.Range().SliceBytes(src))
		switch e := e.(type) {
		case *hclsyntax.TupleConsExpr:
			if symbol {
				list := []any{}
				for _, item := range e.Exprs {
					list = append(list, string(item.Range().SliceBytes(src)))
				}
				return list
			}
		case *hclsyntax.TemplateExpr, *hclsyntax.TemplateWrapExpr:
			ok = ok && !symbol // "a" there is a text in HCL, and a in JSON
			if strings.HasPrefix(text, "<<") {
				text += "\n" // behind the word that ends it
			}
		}
		if symbol {
			return text
		}
		return "${" + text + "}"
	}
	var body func(b *hclsyntax.Body, language Block, top bool) any
	body = func(b *hclsyntax.Body, language Block, top bool) any {
		members, list := map[string]any{}, []any{}
		for _, a := range inOrder(b.Attributes) {
			ok = ok && !top && !slices.ContainsFunc(language.Blocks, func(x Block) bool { return x.Name == a.Name })
			symbol := slices.ContainsFunc(language.Arguments, func(x Argument) bool { return x.Name == a.Name && x.Type == cty.NilType })
			members[a.Name] = value(a.Expr, symbol)
		}
		for _, inner := range b.Blocks {
			blocks := language.Blocks
			if top {
				blocks = Blocks()
			}
			i := slices.IndexFunc(blocks, func(x Block) bool { return x.Name == inner.Type })
			known := ResourceBlock()
			if i >= 0 {
				known = blocks[i]
			}
			ok = ok && (i >= 0 || top && !slices.Contains(ReservedBlocks, inner.Type)) && len(inner.Labels) == len(known.Labels)
			made := body(inner.Body, known, false)
			for _, l := range slices.Backward(inner.Labels) {
				made = map[string]any{l: made}
			}
			list = append(list, map[string]any{inner.Type: made})
			same, _ := members[inner.Type].([]any)
			members[inner.Type] = append(same, made)
		}
		if top && len(list) > 0 {
			return list
		}
		return members
	}
	out, err := json.MarshalIndent(body(file.Body.(*hclsyntax.Body), Block{}, true), "", "  ")
	return out, ok && err == nil && utf8.Valid(src)
}

// places, and suggestions: among several near names the parser takes any.
var places = regexp.MustCompile(`main\.hcl(\.json)?(:[0-9,:-]+| line \d+)|line \d+|Did you mean "[^"]*"\?`)

// alike is what a stack comes to, without what must differ between two ways to write it: the places of its problems, and so their
// order.
func alike(t testing.TB, name string, src []byte, r Request) []string {
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, name), src, 0o600))
	stack, diags := Load(dir)
	require.NotNil(t, stack)
	var lines []string
	if !diags.HasErrors() {
		response := stack.Evaluate(r)
		diags = append(diags, response.Diagnostics...)
		for _, x := range response.Resources {
			lines = append(lines, fmt.Sprintf("%s %s %v %+v", x.Address, x.Account, x.Uses, x.Lifecycle))
			for a, v := range x.Values {
				lines = append(lines, fmt.Sprintf("%s %s = %s", x.Address, a, show(v)))
			}
		}
		for _, o := range response.Outputs {
			lines = append(lines, fmt.Sprintf("output %s = %s", o.Name, show(o.Value)))
		}
	}
	for _, d := range diags {
		lines = append(lines, places.ReplaceAllString(d.Summary+": "+d.Detail, "somewhere"))
	}
	slices.Sort(lines)
	return slices.Compact(lines)
}

// TestJSONIsAlike: every scenario that can be written in JSON comes to the same there.
func TestJSONIsAlike(t *testing.T) {
	n := 0
	for _, s := range scenarioSources(t) {
		converted, ok := inJSON(s)
		if !ok {
			continue
		}
		n++
		require.Equal(t, alike(t, "main.hcl", s, acme()), alike(t, "main.hcl.json", converted, acme()), "%s", converted)
	}
	require.Greater(t, n, 8)
}

func scenarioSources(t testing.TB) [][]byte {
	paths, err := filepath.Glob("testdata/scenarios/*.txtar")
	require.NoError(t, err)
	require.GreaterOrEqual(t, len(paths), 10, "the scenarios are the seeds")
	var out [][]byte
	for _, path := range paths {
		archive, err := txtar.ParseFile(path)
		require.NoError(t, err)
		for _, f := range archive.Files {
			if strings.HasSuffix(f.Name, ".hcl") || strings.HasSuffix(f.Name, ".hcl.json") {
				out = append(out, f.Data)
			}
		}
	}
	return out
}

// FuzzJSON holds for files in JSON what FuzzLoad holds for HCL, and that they are read exactly when other programs would.
func FuzzJSON(f *testing.F) {
	for _, s := range scenarioSources(f) {
		if converted, ok := inJSON(s); ok {
			f.Add(converted)
		} else if json.Valid(s) {
			f.Add(s)
		}
	}
	dir := f.TempDir()
	f.Fuzz(func(t *testing.T, source []byte) {
		if bytes.Contains(source, []byte("range")) {
			t.Skip("loops over loops take longer than a fuzzer waits; what runs them has a limit of time")
		}
		file, root := readJSON(source, "main.hcl")
		if plain := guardText(source, "main.hcl"); len(plain) == 0 && root == nil && json.Valid(source) {
			require.Contains(t, []string{"Nested too deeply", "Number is too large"}, file.problems[len(file.problems)-1].Summary)
		} else if root != nil {
			require.True(t, json.Valid(source))
		}
		require.NoError(t, os.WriteFile(filepath.Join(dir, "main.hcl.json"), source, 0o600))
		stack, diags := Load(dir)
		requireInside(t, diags, "main.hcl.json", source)
		request := acme()
		request.Objects = map[Address]Values{{Kind: "server", Name: "web"}: {"id": text("srv_1")}}
		response := stack.Evaluate(request)
		requireInside(t, response.Diagnostics, "main.hcl.json", source)
		_, diags = VariableFile(source, "main.hcl.json")
		requireInside(t, diags, "main.hcl.json", source)
	})
}

// FuzzJSONIsAlike holds that a stack comes to the same in both syntaxes.
func FuzzJSONIsAlike(f *testing.F) {
	for _, s := range scenarioSources(f) {
		if _, ok := inJSON(s); ok {
			f.Add(s)
		}
	}
	f.Fuzz(func(t *testing.T, source []byte) {
		if len(Guard(source, "main.hcl")) > 0 || bytes.Contains(source, []byte("range")) || bytes.Contains(source, []byte("path.")) {
			t.Skip()
		}
		converted, ok := inJSON(source)
		if !ok {
			t.Skip()
		}
		require.Equal(t, alike(t, "main.hcl", source, acme()), alike(t, "main.hcl.json", converted, acme()), "%s", converted)
	})
}

// TestPlacesBehindEscapes: with one escape in front, everything in a template stands as many bytes further as the escape is longer.
func TestPlacesBehindEscapes(t *testing.T) {
	const template = `x${a.b[0].c[d] + -f(g, [for k, v in h : {(k) = {for w in v : w => w...}} if !v]...)[1].z} ${i[*].j} ${l.*.m} %{ for n in (o ? p : "q\u0041") ~} ${n} %{ endfor } %{ if r }s%{ else }${<<E
u
E
}%{ endif }`
	ranges := func(escape string) []hcl.Range {
		quoted, err := json.Marshal(template)
		require.NoError(t, err)
		file, root := readJSON([]byte(`"`+escape+string(quoted[1:])), "x")
		require.NotNil(t, root)
		e := file.expression(root, false)
		require.Empty(t, file.problems)
		var out []hcl.Range
		movePlaces(reflect.ValueOf(&e), func(r hcl.Range) hcl.Range { out = append(out, r); return r }, map[any]bool{})
		return out
	}
	short, long := ranges(`\n`), ranges(`\u000a`)
	require.Greater(t, len(short), 50)
	require.Len(t, long, len(short))
	for i, r := range short {
		if r.Start.Byte > 1 {
			r.Start.Byte, r.Start.Column = r.Start.Byte+4, r.Start.Column+4
		}
		r.End.Byte, r.End.Column = r.End.Byte+4, r.End.Column+4
		require.Equal(t, r, long[i])
	}
}

func TestJSONRefuses(t *testing.T) {
	in := func(s string) string { return `{"locals": {"x": ` + s + `}}` }
	for _, x := range []struct{ name, source, says string }{
		{"too large", in(`"` + strings.Repeat("x", MaxFileBytes) + `"`), "File is too large"},
		{"not UTF-8", in("\"\xff\""), "File is not UTF-8"},
		{"a NUL", in("\"\x00\""), "File holds a NUL byte"},
		{"a NUL in a template", in(`"${1}\u0000"`), "Text holds a NUL"},
		{"lists", in(strings.Repeat("[", 500_000)), "Nested too deeply"},
		{"objects", in(strings.Repeat(`{"a":`, 100_000)), "Nested too deeply"},
		{"brackets in a template", in(`"${` + strings.Repeat("[", 20_000) + `"`), "Nested too deeply"},
		{"negations", in(`"${` + strings.Repeat("!", 20_000) + `true}"`), "Too many operators in a row"},
		{"sums", in(`"${1` + strings.Repeat(`\n+1`, 20_000) + `}"`), "Expression is too long"},
		{"directives", in(`"` + strings.Repeat("%{ if true }", 20_000) + `"`), "Expression is too long"},
		{"names", `{"server": {"web": {"depends_on": ["server` + strings.Repeat(".a", 20_000) + `"]}}}`, "Expression is too long"},
		{"digits", in(strings.Repeat("9", 20_000)), "Number is too large"},
		{"exponent", in("1e-100000000"), "Number is too large"},
		{"nothing", "", "Not JSON"},
	} {
		t.Run(x.name, func(t *testing.T) {
			_, diags := Load(folder(t, map[string]string{"main.hcl.json": x.source}))
			require.True(t, diags.HasErrors())
			require.Equal(t, x.says, diags[0].Summary)
		})
	}
}

// TestJSONTakesWhatIsLong: a program writes files of one long line.
func TestJSONTakesWhatIsLong(t *testing.T) {
	source := `{"locals": {"x": [` + strings.Repeat(`"é${1}\n",`, 50_000) + `1]}, "output": {"n": {"value": "${length(local.x)}"}}}`
	stack, diags := Load(folder(t, map[string]string{"main.hcl.json": "\xef\xbb\xbf" + source}))
	require.Empty(t, diags)
	response := stack.Evaluate(acme())
	require.Empty(t, response.Diagnostics)
	require.Equal(t, "50001", show(response.Outputs[0].Value))
}

func TestVariableFileInJSON(t *testing.T) {
	source := `{
  "//": "a remark",
  "n": -1.5e1, "b": true, "none": null,
  "text": "${plain} %{ text } \"\n\u00e9",
  "all": {"for": [1, "a", {}], "a b": {"//": "a key"}, "${x}": []}
}`
	values, diags := VariableFile([]byte(source), "x.vars.hcl.json")
	require.Empty(t, diags)
	got := map[string]string{}
	for _, g := range values {
		v, problem := parseVariable(&variable{name: g.Name, typ: cty.DynamicPseudoType}, g)
		require.Nil(t, problem)
		got[g.Name] = show(v)
	}
	require.Equal(t, map[string]string{
		"n": "-15", "b": "true", "none": "null", "text": `"$${plain} %%{ text } \"\né"`,
		"all": `{"$${x}" = [], "a b" = {"//" = "a key"}, "for" = [1, "a", {}]}`,
	}, got)
	require.Equal(t, "x.vars.hcl.json line 4", values[3].Range.String())

	for bad, says := range map[string]string{`[]`: "Not an object", `{"a": 1, "a": 2}`: "Key given twice", `{"a b": 1}`: "Not a name", `{"a": hunter2}`: "Not JSON"} {
		_, diags := VariableFile([]byte(bad), "x.json")
		require.Len(t, diags, 1)
		require.Equal(t, says, diags[0].Summary)
		require.Empty(t, diags[0].Snippet)
	}
}
