package render_test

import (
	"bytes"
	"encoding/json"
	"sync"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/stretchr/testify/require"
	"github.com/vpsync/vpsync/pkg/plan"
	"github.com/vpsync/vpsync/pkg/plan/render"
	"github.com/vpsync/vpsync/pkg/spec"
	"github.com/zclconf/go-cty/cty"
)

// validate holds a document against the schema that the package offers.
func validate(t *testing.T, doc []byte) {
	t.Helper()
	v, err := jsonschema.UnmarshalJSON(bytes.NewReader(doc))
	require.NoError(t, err)
	require.NoError(t, schema(t).Validate(v))
}

var compiled = sync.OnceValues(func() (*jsonschema.Schema, error) {
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(render.PlanSchema))
	if err != nil {
		return nil, err
	}
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	if err := c.AddResource("plan.schema.json", doc); err != nil {
		return nil, err
	}
	return c.Compile("plan.schema.json")
})

func schema(t *testing.T) *jsonschema.Schema {
	t.Helper()
	s, err := compiled()
	require.NoError(t, err)
	return s
}

func TestJSONKeepsToItsSchema(t *testing.T) {
	for name, make := range plans {
		t.Run(name, func(t *testing.T) {
			doc, err := render.JSON(make(t), render.Meta{Version: "1.2.3"})
			require.NoError(t, err)
			validate(t, doc)
			again, err := render.JSON(make(t), render.Meta{Version: "1.2.3"})
			require.NoError(t, err)
			require.Equal(t, string(doc), string(again))
		})
	}
}

// The schema names every field: one that it does not know is refused, at every level.
func TestSchemaIsClosed(t *testing.T) {
	p := sectionsPlan(t)
	p.Questions, p.Pending, p.Steps = questionsPlan(t).Questions, pendingPlan(t).Pending, []plan.Step{{Phase: plan.PhaseMake}}
	p.Warnings[0].Address = "server.web"
	var doc any
	require.NoError(t, json.Unmarshal(must(render.JSON(p, render.Meta{})), &doc))
	s := schema(t)
	require.NoError(t, s.Validate(doc))
	objects := 0
	var walk func(v any, name string)
	walk = func(v any, name string) {
		switch v := v.(type) {
		case []any:
			for _, e := range v {
				walk(e, name)
			}
		case map[string]any:
			if name == "values" {
				return // attributes of a provider
			}
			objects++
			v["unheard_of"] = true
			require.Errorf(t, s.Validate(doc), "in %s", name)
			delete(v, "unheard_of")
			for k, e := range v {
				walk(e, k)
			}
		}
	}
	walk(doc, "plan")
	require.Greater(t, objects, 20)
}

// Every part of the schema is described, and some document has every field that it requires.
func TestSchemaDescribesItself(t *testing.T) {
	var doc map[string]any
	require.NoError(t, json.Unmarshal(render.PlanSchema, &doc))
	var walk func(v any, name string)
	walk = func(v any, name string) {
		m, ok := v.(map[string]any)
		if !ok {
			return
		}
		if properties, ok := m["properties"].(map[string]any); ok {
			require.Equal(t, false, m["additionalProperties"], name)
			for field, p := range properties {
				p := p.(map[string]any)
				require.Truef(t, p["description"] != nil || p["$ref"] != nil, "%s.%s", name, field)
				walk(p, name+"."+field)
			}
		}
		for _, part := range []string{"$defs", "items"} {
			if sub, ok := m[part].(map[string]any); ok {
				walk(sub, name)
				for n, s := range sub {
					walk(s, n)
				}
			}
		}
	}
	walk(doc, "plan")
}

func TestJSONHoldsNoSecret(t *testing.T) {
	p := valuesPlan(t)
	secret := str("hunter2").Mark(spec.Sensitive)
	p.Changes[1].Attributes[0].After = secret
	p.Changes[1].Attributes[1].After = cty.ListVal([]cty.Value{secret})
	doc := must(render.JSON(p, render.Meta{}))
	require.NotContains(t, string(doc), "hunter2")
	validate(t, doc)
	var b bytes.Buffer
	require.NoError(t, render.Text(&b, p, render.Options{}))
	require.NotContains(t, b.String(), "hunter2")
	require.Contains(t, b.String(), render.SensitiveValue)
}

func TestPlainJSON(t *testing.T) {
	for _, c := range []struct {
		v                  cty.Value
		want               string
		unknown, sensitive bool
	}{
		{cty.NilVal, `null`, false, false},
		{null, `null`, false, false},
		{unknown, `null`, true, false},
		{str("a<b"), `"a<b"`, false, false},
		{cty.MustParseNumberVal("12345678901234567890.5"), `12345678901234567890.5`, false, false},
		{cty.SetVal([]cty.Value{str("b"), str("a")}), `["a","b"]`, false, false},
		{cty.TupleVal([]cty.Value{num(1), unknown}), `[1,null]`, true, false},
		{cty.ObjectVal(map[string]cty.Value{"x": unknown, "a": cty.True}), `{"a":true,"x":null}`, true, false},
		{cty.ListVal([]cty.Value{str("x").Mark(spec.Sensitive)}), `null`, false, true},
	} {
		raw, isUnknown, sensitive := render.PlainJSON(c.v)
		require.JSONEq(t, c.want, string(raw))
		require.Equal(t, c.unknown, isUnknown)
		require.Equal(t, c.sensitive, sensitive)
	}
}

func TestDiagnosticsJSON(t *testing.T) {
	doc := must(render.DiagnosticsJSON(diagnostics, render.Meta{Version: "1.2.3"}))
	var got render.DiagnosticsDocument
	require.NoError(t, json.Unmarshal(doc, &got))
	require.False(t, got.Valid)
	require.Equal(t, "1.0", got.FormatVersion)
	require.Equal(t, len(diagnostics), got.Errors+got.Warnings)
	require.Equal(t, []spec.Diagnostic(diagnostics), got.Diagnostics)
	require.Contains(t, string(must(render.DiagnosticsJSON(nil, render.Meta{}))), `"diagnostics": []`)
}
