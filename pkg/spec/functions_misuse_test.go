package spec

import (
	"fmt"
	"maps"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/zclconf/go-cty/cty"
)

// oddValues are what nobody means to pass, next to what somebody might.
var oddValues = []cty.Value{
	cty.NullVal(cty.DynamicPseudoType), cty.NullVal(cty.String), cty.DynamicVal, cty.UnknownVal(cty.String), cty.UnknownVal(cty.Number),
	cty.UnknownVal(cty.List(cty.String)), cty.UnknownVal(cty.Map(cty.String)), cty.True,
	cty.NumberIntVal(0), cty.NumberIntVal(-1), cty.NumberIntVal(2), cty.NumberFloatVal(1.5), cty.NumberFloatVal(1e300), cty.PositiveInfinity,
	text(""), text("a"), text("2"), text("10.0.0.0/8"), text("2026-11-21T04:00:00Z"), text("${"), text("["), text("%s%d%v%[9]s%%"), text("\x00é☃"),
	cty.EmptyTupleVal, cty.TupleVal([]cty.Value{text("a"), cty.NumberIntVal(1), cty.NullVal(cty.String)}),
	cty.TupleVal([]cty.Value{cty.UnknownVal(cty.String), text("a")}), cty.ListVal([]cty.Value{text("a"), text("b")}), cty.ListValEmpty(cty.String),
	cty.SetVal([]cty.Value{text("a"), cty.UnknownVal(cty.String)}), cty.SetVal([]cty.Value{cty.NumberIntVal(1)}),
	cty.TupleVal([]cty.Value{cty.TupleVal([]cty.Value{text("a")}), cty.EmptyTupleVal}), cty.TupleVal([]cty.Value{cty.NullVal(cty.DynamicPseudoType)}),
	cty.EmptyObjectVal, cty.ObjectVal(map[string]cty.Value{"a": text("x"), "b": cty.NullVal(cty.String)}),
	cty.MapVal(map[string]cty.Value{"a": cty.UnknownVal(cty.String)}), cty.MapVal(map[string]cty.Value{"a": cty.ListVal([]cty.Value{text("x")})}),
	cty.ObjectVal(map[string]cty.Value{"a": cty.ListVal([]cty.Value{text("x")}), "b": cty.NullVal(cty.List(cty.String))}),
}

// deciders may leave out an argument because of others, and then owe it nothing.
var deciders = []string{"coalesce", "coalescelist", "lookup"}

// TestFunctionsSurviveMisuse calls every function with every odd value in every place, with one and two others beside it.
// None may panic; and a mark on an argument, be it a secret or an origin, must be on the result.
func TestFunctionsSurviveMisuse(t *testing.T) {
	all := functions(functionFolder(t))
	from := origin{Address{Kind: "server", Name: "one"}}
	for _, name := range slices.Sorted(maps.Keys(all)) {
		if name == "try" || name == "can" { // their arguments are expressions
			continue
		}
		t.Run(name, func(t *testing.T) {
			f := all[name]
			check := func(args ...cty.Value) {
				plain, err := f.Call(args)
				if err != nil {
					require.NotContainsf(t, err.Error(), "goroutine", "%s(%#v)", name, args)
					return
				}
				for i := range args {
					marked := slices.Clone(args)
					marked[i] = args[i].WithMarks(cty.NewValueMarks(Sensitive, from))
					v, err := f.Call(marked)
					require.NoErrorf(t, err, "%s(%#v)", name, marked)
					bare, marks := v.UnmarkDeep()
					require.Truef(t, bare.RawEquals(plain) || name == "issensitive" || name == "sensitive", "%s(%#v): %#v, and without marks %#v", name, marked, bare, plain)
					if slices.Contains(deciders, name) {
						continue
					}
					require.Containsf(t, marks, from, "%s(%#v)", name, marked)
					if name != "issensitive" && name != "nonsensitive" {
						require.Containsf(t, marks, Sensitive, "%s(%#v)", name, marked)
					}
				}
			}
			check()
			for _, a := range oddValues {
				check(a)
				for _, b := range oddValues {
					check(a, b)
				}
			}
			few := []cty.Value{oddValues[0], oddValues[3], oddValues[7], oddValues[9], oddValues[10], oddValues[15], oddValues[21], oddValues[24],
				oddValues[26], oddValues[31], oddValues[33]}
			for _, a := range few {
				for _, b := range few {
					for _, c := range few {
						check(a, b, c)
					}
				}
			}
		})
	}
}

// TestFunctionsCountTheirArguments holds that a call with too few or too many says so.
func TestFunctionsCountTheirArguments(t *testing.T) {
	dir := functionFolder(t)
	for _, group := range FunctionDocs() {
		for _, f := range group.Functions {
			needed := slices.DeleteFunc(slices.Clone(f.Arguments), func(a string) bool { return a[0] == '[' || a[len(a)-1] == '.' })
			if len(needed) == 0 || f.Name == "range" {
				continue
			}
			_, diags := callIn(t, dir, f.Name+"()")
			require.ErrorContains(t, diags, "Not enough function arguments")
			if len(needed) == len(f.Arguments) {
				_, diags = callIn(t, dir, fmt.Sprintf("%s(%s1)", f.Name, "1, 1, 1, "))
				require.ErrorContains(t, diags, "Too many function arguments")
			}
		}
	}
}
