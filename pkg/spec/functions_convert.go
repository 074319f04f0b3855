package spec

import (
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/function"
	"github.com/zclconf/go-cty/cty/function/stdlib"
)

// convertAlike is toset, tolist or tomap. The library compares the types of all elements with each other, which takes
// seconds for some thousand of them; where they are all of one type there is nothing to compare.
func convertAlike(want func(cty.Type) cty.Type) function.Function {
	general := stdlib.MakeToFunc(want(cty.DynamicPseudoType))
	list, set := want(cty.String).IsListType(), want(cty.String).IsSetType()
	return function.New(&function.Spec{
		Params: []function.Parameter{{Name: "v", Type: cty.DynamicPseudoType, AllowNull: true, AllowUnknown: true, AllowDynamicType: true, AllowMarked: true}},
		Type: func(args []cty.Value) (cty.Type, error) {
			if element, ok := oneElementType(args[0].Type(), !list && !set); ok {
				return want(element), nil
			}
			return general.ReturnTypeForValues(args)
		},
		Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
			v, marks := args[0].Unmark()
			if _, ok := oneElementType(v.Type(), !list && !set); !ok || !v.IsKnown() || v.IsNull() {
				return general.Call(args)
			}
			switch {
			case list:
				return cty.ListVal(v.AsValueSlice()).WithMarks(marks), nil
			case set:
				return cty.SetVal(v.AsValueSlice()).WithMarks(marks), nil
			}
			return cty.MapVal(v.AsValueMap()).WithMarks(marks), nil
		},
	})
}

// oneElementType is the type of all members of a tuple, or of an object, if it is one and known.
func oneElementType(t cty.Type, object bool) (cty.Type, bool) {
	var element cty.Type
	same := func(other cty.Type) bool {
		if element == cty.NilType {
			element = other
		}
		return element.Equals(other)
	}
	switch {
	case object && t.IsObjectType():
		for _, a := range t.AttributeTypes() {
			if !same(a) {
				return cty.NilType, false
			}
		}
	case !object && t.IsTupleType():
		for _, e := range t.TupleElementTypes() {
			if !same(e) {
				return cty.NilType, false
			}
		}
	}
	return element, element != cty.NilType && !element.HasDynamicTypes()
}
