package sandbox

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"

	"github.com/vpsync/vpsync/pkg/spec"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"
)

// largest is the bound of numbers. Beyond it a short literal such as 1e999999999 would become gigabytes of digits
// when it is written out.
const largest = 1e18

// fromJSON reads a decoded JSON value (numbers as json.Number) as a value of a type, strictly: no
// conversion between strings, numbers and booleans.
func fromJSON(v any, t cty.Type) (cty.Value, error) {
	if v == nil {
		return cty.NullVal(t), nil
	}
	switch {
	case t == cty.String:
		if s, ok := v.(string); ok {
			return cty.StringVal(s), nil
		}
		return cty.NilVal, errors.New("must be a string")
	case t == cty.Number:
		if n, ok := v.(json.Number); ok {
			return parseNumber(n.String())
		}
		return cty.NilVal, errors.New("must be a number")
	case t == cty.Bool:
		if b, ok := v.(bool); ok {
			return cty.BoolVal(b), nil
		}
		return cty.NilVal, errors.New("must be true or false")
	case t.IsListType(), t.IsSetType():
		list, ok := v.([]any)
		if !ok {
			return cty.NilVal, errors.New("must be a list")
		}
		return collect(list, t)
	case t.IsMapType(), t.IsObjectType():
		object, ok := v.(map[string]any)
		if !ok {
			return cty.NilVal, errors.New("must be an object")
		}
		return collectMembers(object, t)
	}
	return cty.NilVal, fmt.Errorf("has a type that the sandbox cannot read (%s)", t.FriendlyName())
}

func collect(list []any, t cty.Type) (cty.Value, error) {
	elements := make([]cty.Value, len(list))
	for i, item := range list {
		v, err := fromJSON(item, t.ElementType())
		if err == nil && v.IsNull() {
			err = errors.New("must not be null")
		}
		if err != nil {
			return cty.NilVal, fmt.Errorf("element %d %w", i, err)
		}
		elements[i] = v
	}
	switch {
	case t.IsSetType() && len(elements) == 0:
		return cty.SetValEmpty(t.ElementType()), nil
	case t.IsSetType():
		return cty.SetVal(elements), nil
	case len(elements) == 0:
		return cty.ListValEmpty(t.ElementType()), nil
	}
	return cty.ListVal(elements), nil
}

func collectMembers(object map[string]any, t cty.Type) (cty.Value, error) {
	members := map[string]cty.Value{}
	for _, name := range slices.Sorted(maps.Keys(object)) {
		if t.IsObjectType() && !t.HasAttribute(name) {
			return cty.NilVal, fmt.Errorf("has no member %q", name)
		}
		of := t
		if t.IsMapType() {
			of = t.ElementType()
		} else {
			of = t.AttributeType(name)
		}
		v, err := fromJSON(object[name], of)
		if err != nil {
			return cty.NilVal, fmt.Errorf("member %q %w", name, err)
		}
		members[name] = v
	}
	if t.IsMapType() {
		if len(members) == 0 {
			return cty.MapValEmpty(t.ElementType()), nil
		}
		return cty.MapVal(members), nil
	}
	for name, of := range t.AttributeTypes() {
		if _, ok := members[name]; !ok {
			members[name] = cty.NullVal(of)
		}
	}
	return cty.ObjectVal(members), nil
}

func parseNumber(text string) (cty.Value, error) {
	f, err := json.Number(text).Float64()
	if err != nil || math.IsNaN(f) || math.Abs(f) > largest || (f != 0 && math.Abs(f) < 1/largest) || len(text) > 64 {
		return cty.NilVal, fmt.Errorf("must be a number between -%g and %g", largest, largest)
	}
	if f == 0 {
		// What is too small for a float64 (1e-99999999) would be written out as gigabytes of zeros.
		return cty.Zero, nil
	}
	v, err := cty.ParseNumberVal(text)
	if err != nil {
		return cty.NilVal, errors.New("must be a number")
	}
	return v, nil
}

// toJSON is what encoding/json makes the value's JSON of. Members of objects are sorted by name.
func toJSON(v cty.Value) any {
	if v == cty.NilVal || v.IsNull() {
		return nil
	}
	t := v.Type()
	switch {
	case t == cty.String:
		return v.AsString()
	case t == cty.Bool:
		return v.True()
	case t == cty.Number:
		return json.Number(spec.NumberText(v.AsBigFloat()))
	case t.IsMapType(), t.IsObjectType():
		members := map[string]any{}
		for name, value := range v.AsValueMap() {
			members[name] = toJSON(value)
		}
		return members
	}
	list := []any{}
	for _, value := range v.AsValueSlice() {
		list = append(list, toJSON(value))
	}
	return list
}

// convertTo is a value given by hand, in the attribute's type: "80" is a number where one is wanted.
func convertTo(a *spec.Attribute, v cty.Value) (cty.Value, error) {
	v, _ = v.UnmarkDeep()
	if !v.IsWhollyKnown() {
		return cty.NilVal, errors.New("must be known")
	}
	c, err := convert.Convert(v, a.Type)
	if err != nil {
		return cty.NilVal, fmt.Errorf("must be %s: %w", a.Type.FriendlyName(), err)
	}
	err = cty.Walk(c, func(_ cty.Path, v cty.Value) (bool, error) {
		if v.Type() != cty.Number || v.IsNull() {
			return true, nil
		}
		f, _ := v.AsBigFloat().Float64()
		if math.Abs(f) > largest || f == 0 && v.AsBigFloat().Sign() != 0 {
			return false, fmt.Errorf("must be a number between -%g and %g", largest, largest)
		}
		return true, nil
	})
	return c, err
}

// words replaces strings by what a map says, in a string or in the elements of a list; other values stay.
func words(v cty.Value, replace map[string]string) cty.Value {
	if len(replace) == 0 || v == cty.NilVal || v.IsNull() {
		return v
	}
	out, err := cty.Transform(v, func(_ cty.Path, v cty.Value) (cty.Value, error) {
		if v.Type() == cty.String && !v.IsNull() {
			if word, ok := replace[v.AsString()]; ok {
				return cty.StringVal(word), nil
			}
		}
		return v, nil
	})
	if err != nil {
		return v
	}
	return out
}

// same compares by type and value; a missing value equals null.
func same(a, b cty.Value) bool {
	unsetA, unsetB := a == cty.NilVal || a.IsNull(), b == cty.NilVal || b.IsNull()
	if unsetA || unsetB {
		return unsetA && unsetB
	}
	return a.RawEquals(b)
}
