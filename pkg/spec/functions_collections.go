package spec

import (
	"errors"
	"fmt"
	"slices"

	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"
	"github.com/zclconf/go-cty/cty/function"
	"github.com/zclconf/go-cty/cty/function/stdlib"
)

// lengthFunc counts elements, attributes, or the characters of a text.
var lengthFunc = function.New(&function.Spec{
	Params: []function.Parameter{{Name: "value", Type: cty.DynamicPseudoType, AllowDynamicType: true, AllowUnknown: true, AllowMarked: true}},
	Type: func(args []cty.Value) (cty.Type, error) {
		t := args[0].Type()
		if t == cty.String || t == cty.DynamicPseudoType || t.IsCollectionType() || t.IsTupleType() || t.IsObjectType() {
			return cty.Number, nil
		}
		return cty.NilType, function.NewArgErrorf(0, "a collection, an object or a text is needed")
	},
	Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
		// The number of elements is a secret only where the whole is one.
		v, marks := args[0].Unmark()
		t := v.Type()
		switch {
		case t.IsTupleType():
			return cty.NumberIntVal(int64(t.Length())).WithMarks(marks), nil
		case t.IsObjectType():
			return cty.NumberIntVal(int64(len(t.AttributeTypes()))).WithMarks(marks), nil
		case t == cty.DynamicPseudoType:
			return cty.UnknownVal(cty.Number).WithMarks(marks), nil
		case t == cty.String:
			n, err := stdlib.Strlen(v)
			return n.WithMarks(marks), err
		}
		return v.Length().WithMarks(marks), nil
	},
})

// lookupFunc is the element of a map or attribute of an object with that key, or the fallback.
var lookupFunc = function.New(&function.Spec{
	Params:   []function.Parameter{{Name: "map", Type: cty.DynamicPseudoType, AllowMarked: true}, {Name: "key", Type: cty.String, AllowMarked: true}},
	VarParam: &function.Parameter{Name: "fallback", Type: cty.DynamicPseudoType, AllowNull: true, AllowUnknown: true, AllowDynamicType: true, AllowMarked: true},
	Type: func(args []cty.Value) (cty.Type, error) {
		if len(args) > 3 {
			return cty.NilType, fmt.Errorf("lookup takes a map, a key and one fallback")
		}
		t := args[0].Type()
		switch {
		case t.IsMapType():
			if len(args) == 3 && args[2].Type() != cty.DynamicPseudoType {
				if _, err := convert.Convert(args[2], t.ElementType()); err != nil {
					return cty.NilType, function.NewArgErrorf(2, "the fallback is of another type than the elements: %s", err)
				}
			}
			return t.ElementType(), nil
		case t.IsObjectType():
			if !args[1].IsKnown() {
				return cty.DynamicPseudoType, nil
			}
			key, _ := args[1].Unmark()
			if t.HasAttribute(key.AsString()) {
				return t.AttributeType(key.AsString()), nil
			}
			if len(args) == 3 {
				return args[2].Type(), nil
			}
			return cty.NilType, missingKey(key, len(args[1].Marks()) > 0)
		}
		return cty.NilType, function.NewArgErrorf(0, "a map or an object is needed")
	},
	Impl: func(args []cty.Value, t cty.Type) (cty.Value, error) {
		m, marks := args[0].Unmark()
		key, keyMarks := args[1].Unmark()
		if !m.IsKnown() || !key.IsKnown() {
			return cty.UnknownVal(t).WithMarks(marks, keyMarks), nil
		}
		name := key.AsString()
		if m.Type().IsObjectType() && m.Type().HasAttribute(name) {
			return m.GetAttr(name).WithMarks(marks, keyMarks), nil
		}
		if m.Type().IsMapType() {
			has, inner := m.HasIndex(key).Unmark()
			if has.True() {
				return m.Index(key).WithMarks(marks, keyMarks, inner), nil
			}
		}
		if len(args) < 3 {
			return cty.NilVal, missingKey(key, len(keyMarks) > 0)
		}
		fallback, err := convert.Convert(args[2], t)
		if err != nil {
			return cty.NilVal, function.NewArgError(2, err)
		}
		return fallback.WithMarks(marks, keyMarks), nil
	},
})

func missingKey(key cty.Value, secret bool) error {
	if secret {
		return function.NewArgErrorf(1, "there is no such key, and no fallback is given")
	}
	return function.NewArgErrorf(1, "there is no key %q, and no fallback is given", key.AsString())
}

// indexFunc is the place of a value in a list, counting from 0.
var indexFunc = function.New(&function.Spec{
	Params: []function.Parameter{{Name: "list", Type: cty.DynamicPseudoType}, {Name: "value", Type: cty.DynamicPseudoType}},
	Type: func(args []cty.Value) (cty.Type, error) {
		if t := args[0].Type(); !t.IsListType() && !t.IsTupleType() {
			return cty.NilType, function.NewArgErrorf(0, "a list is needed")
		}
		return cty.Number, nil
	},
	Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
		for it := args[0].ElementIterator(); it.Next(); {
			i, v := it.Element()
			same, err := stdlib.Equal(v, args[1])
			if err != nil {
				return cty.NilVal, err
			}
			if !same.IsKnown() {
				return cty.UnknownVal(cty.Number), nil
			}
			if same.True() {
				return i, nil
			}
		}
		return cty.NilVal, errors.New("the list does not hold that value")
	},
})

// coalesceFunc is the first argument that is neither null nor an empty text.
var coalesceFunc = function.New(&function.Spec{
	VarParam: &function.Parameter{Name: "values", Type: cty.DynamicPseudoType, AllowNull: true, AllowUnknown: true, AllowDynamicType: true, AllowMarked: true},
	Type: func(args []cty.Value) (cty.Type, error) {
		types := make([]cty.Type, len(args))
		for i, a := range args {
			types[i] = a.Type()
		}
		t, _ := convert.UnifyUnsafe(types)
		if t == cty.NilType {
			return cty.NilType, errors.New("all values must be of the same type")
		}
		return t, nil
	},
	Impl: func(args []cty.Value, t cty.Type) (cty.Value, error) {
		var passed []cty.ValueMarks // a secret that was looked at and passed over has still decided
		for _, a := range args {
			v, marks := a.Unmark()
			passed = append(passed, marks)
			if !v.IsKnown() {
				return cty.UnknownVal(t).WithMarks(passed...), nil
			}
			if v.IsNull() || v.Type() == cty.String && v.AsString() == "" {
				continue
			}
			v, err := convert.Convert(v, t)
			return v.WithMarks(passed...), err
		}
		return cty.NilVal, errors.New("all values are null or empty")
	},
})

// oneFunc is the only element of a collection, or null where there is none: for server.web[*] with a count of 0 or 1.
var oneFunc = function.New(&function.Spec{
	Params: []function.Parameter{{Name: "list", Type: cty.DynamicPseudoType, AllowMarked: true}},
	Type: func(args []cty.Value) (cty.Type, error) {
		t := args[0].Type()
		switch {
		case t.IsListType(), t.IsSetType():
			return t.ElementType(), nil
		case t.IsTupleType() && t.Length() == 0:
			return cty.DynamicPseudoType, nil
		case t.IsTupleType() && t.Length() == 1:
			return t.TupleElementType(0), nil
		case t.IsTupleType():
			return cty.NilType, function.NewArgErrorf(0, "one element at most, not %d", t.Length())
		}
		return cty.NilType, function.NewArgErrorf(0, "a list, a set or a tuple is needed")
	},
	Impl: func(args []cty.Value, t cty.Type) (cty.Value, error) {
		v, marks := args[0].Unmark()
		if !v.IsKnown() {
			return cty.UnknownVal(t).WithMarks(marks), nil
		}
		if v.Type().IsSetType() && !v.IsWhollyKnown() {
			return cty.UnknownVal(t).WithMarks(marks), nil // elements that are unknown may yet turn out to be the same
		}
		switch v.LengthInt() {
		case 0:
			return cty.NullVal(t).WithMarks(marks), nil
		case 1:
			it := v.ElementIterator()
			it.Next()
			_, only := it.Element()
			return only.WithMarks(marks), nil
		}
		return cty.NilVal, function.NewArgErrorf(0, "one element at most, not %d", v.LengthInt())
	},
})

// sumFunc adds up numbers; of none the sum is an error, since an empty list is mostly a mistake.
var sumFunc = function.New(&function.Spec{
	Params: []function.Parameter{{Name: "list", Type: cty.DynamicPseudoType}},
	Type:   function.StaticReturnType(cty.Number),
	Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
		if !args[0].CanIterateElements() || args[0].Type().IsMapType() || args[0].Type().IsObjectType() {
			return cty.NilVal, function.NewArgErrorf(0, "a list or a set of numbers is needed")
		}
		if args[0].LengthInt() == 0 {
			return cty.NilVal, function.NewArgErrorf(0, "there is nothing to add up")
		}
		total := cty.Zero
		for it := args[0].ElementIterator(); it.Next(); {
			_, v := it.Element()
			n, err := convert.Convert(v, cty.Number)
			if err != nil || n.IsNull() {
				return cty.NilVal, function.NewArgErrorf(0, "a list or a set of numbers is needed")
			}
			total = total.Add(n)
		}
		return total, nil
	},
})

// quantifier makes alltrue (deciding = false) and anytrue (deciding = true). A null is not true.
func quantifier(deciding bool) function.Function {
	return function.New(&function.Spec{
		Params: []function.Parameter{{Name: "list", Type: cty.List(cty.Bool)}},
		Type:   function.StaticReturnType(cty.Bool),
		Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
			undecided := false
			for it := args[0].ElementIterator(); it.Next(); {
				_, v := it.Element()
				switch {
				case !v.IsKnown():
					undecided = true
				case (!v.IsNull() && v.True()) == deciding:
					return cty.BoolVal(deciding), nil
				}
			}
			if undecided {
				return cty.UnknownVal(cty.Bool), nil
			}
			return cty.BoolVal(!deciding), nil
		},
	})
}

var (
	allTrue = quantifier(false)
	anyTrue = quantifier(true)
)

// matchKeys is those values whose key, at the same place of another list, is among the wanted ones. A value keeps its own
// marks; the keys decide, so theirs are the whole's.
var matchKeys = function.New(&function.Spec{
	Params: []function.Parameter{
		{Name: "values", Type: cty.List(cty.DynamicPseudoType), AllowMarked: true},
		{Name: "keys", Type: cty.List(cty.DynamicPseudoType), AllowMarked: true},
		{Name: "wanted", Type: cty.List(cty.DynamicPseudoType), AllowMarked: true},
	},
	Type: func(args []cty.Value) (cty.Type, error) {
		if t, _ := convert.UnifyUnsafe([]cty.Type{args[1].Type(), args[2].Type()}); t == cty.NilType {
			return cty.NilType, function.NewArgErrorf(1, "the keys are of another type than the wanted ones")
		}
		return args[0].Type(), nil
	},
	Impl: func(args []cty.Value, t cty.Type) (cty.Value, error) {
		values, marks := args[0].Unmark()
		keys, keyMarks := args[1].UnmarkDeep()
		wanted, wantedMarks := args[2].UnmarkDeep()
		if values.LengthInt() != keys.LengthInt() {
			return cty.NilVal, function.NewArgErrorf(1, "there must be as many keys as values")
		}
		if !keys.IsWhollyKnown() || !wanted.IsWhollyKnown() {
			return cty.UnknownVal(t).WithMarks(marks, keyMarks, wantedMarks), nil
		}
		common, _ := convert.UnifyUnsafe([]cty.Type{keys.Type(), wanted.Type()})
		keys, err := convert.Convert(keys, common)
		if err != nil {
			return cty.NilVal, function.NewArgError(1, err)
		}
		wanted, err = convert.Convert(wanted, common)
		if err != nil {
			return cty.NilVal, function.NewArgError(2, err)
		}
		among := valueSet{}
		for _, w := range wanted.AsValueSlice() {
			among.add(w)
		}
		list := values.AsValueSlice()
		var out []cty.Value
		for i, key := range keys.AsValueSlice() {
			if among.has(key) {
				out = append(out, list[i])
			}
		}
		if len(out) == 0 {
			return cty.ListValEmpty(t.ElementType()).WithMarks(marks, keyMarks, wantedMarks), nil
		}
		return cty.ListVal(out).WithMarks(marks, keyMarks, wantedMarks), nil
	},
})

// mergeFunc is the library's, with the marks of what is null: that it is may be a secret.
var mergeFunc = func() function.Function {
	maps := anything("maps")
	return function.New(&function.Spec{
		VarParam: &maps,
		Type:     stdlib.MergeFunc.ReturnTypeForValues,
		Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
			v, err := stdlib.MergeFunc.Call(args)
			for _, a := range args {
				if err == nil && a.IsMarked() && a.IsNull() {
					v = v.WithMarks(a.Marks())
				}
			}
			return v, err
		},
	})
}()

// valueSet is known values without marks. The library's looks through the whole of itself each time it is asked.
type valueSet map[int][]cty.Value

func (k valueSet) has(v cty.Value) bool { return slices.ContainsFunc(k[v.Hash()], v.RawEquals) }

func (k valueSet) add(v cty.Value) { k[v.Hash()] = append(k[v.Hash()], v) }

// distinctFunc is a list without what it holds a second time. The library's compares each element with all before it.
var distinctFunc = function.New(&function.Spec{
	Params: []function.Parameter{{Name: "list", Type: cty.List(cty.DynamicPseudoType)}},
	Type:   func(args []cty.Value) (cty.Type, error) { return args[0].Type(), nil },
	Impl: func(args []cty.Value, t cty.Type) (cty.Value, error) {
		if !args[0].IsWhollyKnown() {
			return cty.UnknownVal(t), nil
		}
		before := valueSet{}
		var out []cty.Value
		for _, v := range args[0].AsValueSlice() {
			if !before.has(v) {
				before.add(v)
				out = append(out, v)
			}
		}
		if len(out) == 0 {
			return cty.ListValEmpty(t.ElementType()), nil
		}
		return cty.ListVal(out), nil
	},
})

// transposeFunc swaps keys and the members of their lists.
var transposeFunc = function.New(&function.Spec{
	Params: []function.Parameter{{Name: "map", Type: cty.Map(cty.List(cty.String))}},
	Type:   function.StaticReturnType(cty.Map(cty.List(cty.String))),
	Impl: func(args []cty.Value, t cty.Type) (cty.Value, error) {
		if !args[0].IsWhollyKnown() {
			return cty.UnknownVal(t), nil
		}
		lists := map[string][]cty.Value{}
		for it := args[0].ElementIterator(); it.Next(); {
			key, members := it.Element()
			if members.IsNull() {
				return cty.NilVal, function.NewArgErrorf(0, "no list may be null")
			}
			for inner := members.ElementIterator(); inner.Next(); {
				_, member := inner.Element()
				if member.IsNull() {
					return cty.NilVal, function.NewArgErrorf(0, "no member of a list may be null")
				}
				lists[member.AsString()] = append(lists[member.AsString()], key)
			}
		}
		if len(lists) == 0 {
			return cty.MapValEmpty(t.ElementType()), nil
		}
		out := make(map[string]cty.Value, len(lists))
		for member, keys := range lists {
			out[member] = cty.ListVal(keys)
		}
		return cty.MapVal(out), nil
	},
})
