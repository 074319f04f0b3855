package spec

import (
	"errors"
	"slices"

	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"
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

// careful is a function for three things that the library does badly.
//
// Long tuples become lists and sets here, for the reason that convertAlike has. What is not known yet keeps the marks of the
// arguments; the library answers "unknown" before it looks at them. And a panic is an error that shows no stack.
func careful(f function.Function) function.Function {
	inner, innerRest := f.Params(), f.VarParam()
	params := make([]function.Parameter, len(inner))
	for i, p := range inner {
		params[i] = anything(p.Name)
	}
	var rest *function.Parameter
	if innerRest != nil {
		r := anything(innerRest.Name)
		rest = &r
	}
	converted := func(args []cty.Value) ([]cty.Value, error) {
		out := make([]cty.Value, len(args))
		for i, a := range args {
			v, err := quickConvert(a, parameter(inner, innerRest, i).Type)
			if err != nil {
				return nil, function.NewArgError(i, err)
			}
			out[i] = v
		}
		return out, nil
	}
	return function.New(&function.Spec{
		Params: params, VarParam: rest,
		Type: func(args []cty.Value) (cty.Type, error) {
			args, err := converted(args)
			if err != nil {
				return cty.NilType, err
			}
			t, err := f.ReturnTypeForValues(args)
			return t, calm(err)
		},
		Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
			args, err := converted(args)
			if err != nil {
				return cty.NilVal, err
			}
			v, err := f.Call(args)
			if err != nil {
				return cty.NilVal, calm(err)
			}
			return keepMarks(v, args), nil
		},
	})
}

// parameter is the one for the argument at a place.
func parameter(params []function.Parameter, rest *function.Parameter, i int) *function.Parameter {
	if i < len(params) {
		return &params[i]
	}
	return rest
}

// keepMarks gives what is not known yet the marks of what it may come to be made of. Where an argument is not known either,
// that is all that the others hold.
func keepMarks(v cty.Value, args []cty.Value) cty.Value {
	if v.IsKnown() {
		return v
	}
	deep := slices.ContainsFunc(args, func(a cty.Value) bool { return !a.IsKnown() })
	for _, a := range args {
		marks := a.Marks()
		if deep {
			_, marks = a.UnmarkDeep()
		}
		v = v.WithMarks(marks)
	}
	return v
}

// calm is an error without the stack that a panic of the library leaves in it.
func calm(err error) error {
	var panicked function.PanicError
	if errors.As(err, &panicked) {
		return errors.New("the arguments do not fit together")
	}
	return err
}

func quickConvert(v cty.Value, want cty.Type) (cty.Value, error) {
	if want.IsListType() || want.IsSetType() {
		bare, marks := v.Unmark()
		if _, same := oneElementType(bare.Type(), false); same && bare.IsKnown() && !bare.IsNull() {
			v = cty.ListVal(bare.AsValueSlice()).WithMarks(marks)
		}
	}
	return convert.Convert(v, want)
}
