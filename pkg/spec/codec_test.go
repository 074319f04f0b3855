package spec

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/zclconf/go-cty/cty"
	"pgregory.net/rapid"
)

// anyType draws a type at most so deep.
func anyType(depth int) *rapid.Generator[cty.Type] {
	scalars := []*rapid.Generator[cty.Type]{rapid.Just(cty.String), rapid.Just(cty.Number), rapid.Just(cty.Bool)}
	if depth == 0 {
		return rapid.OneOf(scalars...)
	}
	inner := anyType(depth - 1)
	name := rapid.SampledFrom([]string{"a", "b", "0", "a/b", "a~b", "a b"})
	return rapid.OneOf(append(scalars,
		rapid.Map(inner, cty.List), rapid.Map(inner, cty.Set), rapid.Map(inner, cty.Map),
		rapid.Map(rapid.MapOfN(name, inner, 0, 3), cty.Object),
		rapid.Map(rapid.SliceOfN(inner, 0, 3), cty.Tuple))...)
}

// anyValue draws a value of a type, with nulls, unknown parts and secrets in it.
func anyValue(t *rapid.T, ty cty.Type) cty.Value {
	var v cty.Value
	switch choice := rapid.IntRange(0, 9).Draw(t, "choice"); {
	case choice == 0:
		v = cty.NullVal(ty)
	case choice == 1:
		v = cty.UnknownVal(ty)
	default:
		v = knownValue(t, ty)
	}
	if rapid.IntRange(0, 9).Draw(t, "secret") == 0 {
		v = v.Mark(Sensitive)
	}
	return v
}

func knownValue(t *rapid.T, ty cty.Type) cty.Value {
	size := rapid.IntRange(0, 3).Draw(t, "size")
	switch {
	case ty == cty.String:
		return cty.StringVal(rapid.String().Draw(t, "string"))
	case ty == cty.Number:
		return cty.MustParseNumberVal(rapid.SampledFrom([]string{"0", "-1", "0.1", "1e30", "12345678901234567890.5", "1e-9"}).Draw(t, "number"))
	case ty == cty.Bool:
		return cty.BoolVal(rapid.Bool().Draw(t, "bool"))
	case ty.IsObjectType():
		attributes := map[string]cty.Value{}
		for name, inner := range ty.AttributeTypes() {
			attributes[name] = anyValue(t, inner)
		}
		return cty.ObjectVal(attributes)
	case ty.IsTupleType():
		var elements []cty.Value
		for _, inner := range ty.TupleElementTypes() {
			elements = append(elements, anyValue(t, inner))
		}
		return cty.TupleVal(elements)
	case ty.IsMapType():
		elements := map[string]cty.Value{}
		for range size {
			elements[rapid.SampledFrom([]string{"a", "b", "0", "a/b", "~1"}).Draw(t, "key")] = anyValue(t, ty.ElementType())
		}
		if len(elements) == 0 {
			return cty.MapValEmpty(ty.ElementType())
		}
		return cty.MapVal(elements)
	}
	var elements []cty.Value
	for range size {
		elements = append(elements, anyValue(t, ty.ElementType()))
	}
	switch {
	case ty.IsListType() && size == 0:
		return cty.ListValEmpty(ty.ElementType())
	case ty.IsListType():
		return cty.ListVal(elements)
	case size == 0:
		return cty.SetValEmpty(ty.ElementType())
	}
	return cty.SetVal(elements)
}

func TestValuesSurviveJSON(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		ty := anyType(3).Draw(t, "type")
		in := Values{"x": anyValue(t, ty), "": anyValue(t, cty.String)}
		data, err := json.Marshal(in)
		require.NoError(t, err)
		var out Values
		require.NoError(t, json.Unmarshal(data, &out))
		require.Len(t, out, len(in))
		for name := range in {
			require.Truef(t, in[name].RawEquals(out[name]), "%#v became %#v by %s", in[name], out[name], data)
		}
		again, err := json.Marshal(out)
		require.NoError(t, err)
		require.Equal(t, string(data), string(again))
	})
}

func TestValuesInJSON(t *testing.T) {
	v := Values{"keys": cty.ListVal([]cty.Value{text("a"), text("b").Mark(Sensitive), cty.UnknownVal(cty.String)})}
	data, err := json.Marshal(v)
	require.NoError(t, err)
	require.JSONEq(t, `{"keys":{"type":["list","string"],"value":["a","b",null],"unknown":["/2"],"sensitive":["/1"]}}`, string(data))
}

func TestValuesJSONRefusesWhatItCannotHold(t *testing.T) {
	_, err := json.Marshal(Values{"x": text("a").Mark("another mark")})
	require.ErrorContains(t, err, "mark")
	for _, data := range []string{
		`{"x":{"type":"string","value":[]}}`,
		`{"x":{"type":["object",{"a":"string"}],"value":{}}}`,
		`{"x":{"type":["object",{"a":"string"}],"value":{"b":"x"}}}`,
		`{"x":{"type":["tuple",["string"]],"value":["a","b"]}}`,
		`{"x":{"type":["tuple",["string"]],"value":[]}}`,
		`{"x":{"type":"number","value":"many"}}`,
		`{"x":{"value":1}}`,
		`{"x":1}`,
	} {
		var v Values
		require.Errorf(t, json.Unmarshal([]byte(data), &v), "%s became %#v", data, v)
	}
}

// TestEvaluationInAChildProcess does what a parent and a child would: everything that goes in and comes out passes through JSON.
func TestEvaluationInAChildProcess(t *testing.T) {
	stack := load(t, `
variable "password" { sensitive = true }
server "web" {
  for_each = toset(["a", "b"])
  name     = each.key
  plan     = "m"
  location = "AMS"
  password = var.password
}
rule "http" {
  name       = "http"
  server_id  = server.web["a"].id
  port_range = "80"
}
output "ids" { value = [for s in server.web : s.id] }
`)
	request := acme()
	request.Variables = []VariableValue{{Name: "password", Source: "hunter2", Origin: "--var"}}
	request.Objects = map[Address]Values{{Kind: "server", Name: "web", Key: StringKey("b")}: {"id": text("srv_b")}}
	want := stack.Evaluate(request)
	require.Empty(t, want.Diagnostics)

	var there Request
	roundTrip(t, request, &there)
	require.Equal(t, request.Schemas["acme"].Kinds["server"].Attributes[2].Checks[0].OneOf[1].AsString(), there.Schemas["acme"].Kinds["server"].Attributes[2].Checks[0].OneOf[1].AsString())
	var back Response
	roundTrip(t, stack.Evaluate(there), &back)
	require.NoError(t, back.Bind(request.Schemas))

	require.Len(t, back.Resources, len(want.Resources))
	for i, r := range back.Resources {
		w := want.Resources[i]
		require.Same(t, w.Kind, r.Kind)
		require.Equal(t, w.Uses, r.Uses)
		require.Equal(t, w.AttributeRanges, r.AttributeRanges)
		require.Len(t, r.Values, len(w.Values))
		for name, v := range w.Values {
			require.Truef(t, v.RawEquals(r.Values[name]), "%s of %s: %#v", name, r.Address, r.Values[name])
		}
	}
	require.True(t, want.Outputs[0].Value.RawEquals(back.Outputs[0].Value))
	require.ErrorContains(t, back.Bind(nil), "offers no kind")
}

func roundTrip(t *testing.T, in, out any) {
	t.Helper()
	data, err := json.Marshal(in)
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(data, out))
}
