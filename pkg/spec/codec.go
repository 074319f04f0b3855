package spec

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"
	ctyjson "github.com/zclconf/go-cty/cty/json"
)

// jsonValue is a value in JSON: its type, and itself with a null wherever it is unknown. Unknown and Sensitive list the
// parts that are, by their paths.
type jsonValue struct {
	Type      json.RawMessage `json:"type"`
	Value     any             `json:"value"`
	Unknown   []string        `json:"unknown,omitempty"`
	Sensitive []string        `json:"sensitive,omitempty"`
}

// encodeValue keeps types, unknown parts and sensitive marks. What is withheld is unknown and sensitive, and remains so.
func encodeValue(v cty.Value) (jsonValue, error) {
	var j jsonValue
	if v == cty.NilVal {
		return j, fmt.Errorf("no value at all")
	}
	ty, err := ctyjson.MarshalType(v.Type())
	if err != nil {
		return j, err
	}
	j.Type = ty
	j.Value, err = j.encode(v, "")
	return j, err
}

// encode walks a value. A path is a JSON pointer; members of a set count in the set's own order.
func (j *jsonValue) encode(v cty.Value, path string) (any, error) {
	v, marks := v.Unmark()
	for m := range marks {
		switch m {
		case Sensitive:
			j.Sensitive = append(j.Sensitive, path)
		case withheld{}: // tells while a stack is evaluated
		default:
			return nil, fmt.Errorf("the value carries a mark that JSON cannot hold")
		}
	}
	ty := v.Type()
	switch {
	case !v.IsKnown():
		j.Unknown = append(j.Unknown, path)
		return nil, nil
	case v.IsNull():
		return nil, nil
	case ty == cty.String:
		return v.AsString(), nil
	case ty == cty.Bool:
		return v.True(), nil
	case ty == cty.Number:
		f := v.AsBigFloat()
		if Absurd(f) {
			return nil, errTooLarge
		}
		return json.Number(NumberText(f)), nil
	case ty.IsMapType(), ty.IsObjectType():
		out := make(map[string]any, v.LengthInt())
		for it := v.ElementIterator(); it.Next(); {
			key, element := it.Element()
			name := key.AsString()
			encoded, err := j.encode(element, path+"/"+escapePointer(name))
			if err != nil {
				return nil, err
			}
			out[name] = encoded
		}
		return out, nil
	case ty.IsListType(), ty.IsSetType(), ty.IsTupleType():
		out := make([]any, 0, v.LengthInt())
		for it := v.ElementIterator(); it.Next(); {
			_, element := it.Element()
			encoded, err := j.encode(element, path+"/"+strconv.Itoa(len(out)))
			if err != nil {
				return nil, err
			}
			out = append(out, encoded)
		}
		return out, nil
	}
	return nil, fmt.Errorf("values of type %s have no JSON form", ty.FriendlyName())
}

// escapePointer is RFC 6901.
func escapePointer(name string) string {
	return strings.NewReplacer("~", "~0", "/", "~1").Replace(name)
}

// rawValue is a jsonValue whose value has not been looked at.
type rawValue struct {
	Type      json.RawMessage `json:"type"`
	Value     json.RawMessage `json:"value"`
	Unknown   []string        `json:"unknown"`
	Sensitive []string        `json:"sensitive"`
}

func (r rawValue) decode() (cty.Value, error) {
	ty, err := typeIn(r.Type)
	if err != nil {
		return cty.NilVal, err
	}
	ty = ty.WithoutOptionalAttributesDeep() // a value's own type has none
	d := decoder{unknown: map[string]bool{}, sensitive: map[string]bool{}}
	for _, path := range r.Unknown {
		d.unknown[path] = true
	}
	for _, path := range r.Sensitive {
		d.sensitive[path] = true
	}
	return d.decode(ty, r.Value, "")
}

// typeIn reads a type. cty panics on a type that contradicts itself.
func typeIn(raw json.RawMessage) (ty cty.Type, err error) {
	defer func() {
		if wrong := recover(); wrong != nil {
			err = fmt.Errorf("no type: %v", wrong)
		}
	}()
	return ctyjson.UnmarshalType(raw)
}

var errMixed = errors.New("a value is of another type than what it belongs to")

type decoder struct{ unknown, sensitive map[string]bool }

func (d decoder) decode(ty cty.Type, raw json.RawMessage, path string) (cty.Value, error) {
	v, err := d.bare(ty, raw, path)
	if err == nil && d.sensitive[path] {
		v = v.Mark(Sensitive)
	}
	return v, err
}

func (d decoder) bare(ty cty.Type, raw json.RawMessage, path string) (cty.Value, error) {
	if d.unknown[path] {
		return cty.UnknownVal(ty), nil
	}
	if string(raw) == "null" {
		return cty.NullVal(ty), nil
	}
	switch {
	case ty.IsMapType(), ty.IsObjectType():
		var in map[string]json.RawMessage
		if err := json.Unmarshal(raw, &in); err != nil {
			return cty.NilVal, err
		}
		return d.members(ty, in, path)
	case ty.IsListType(), ty.IsSetType(), ty.IsTupleType():
		var in []json.RawMessage
		if err := json.Unmarshal(raw, &in); err != nil {
			return cty.NilVal, err
		}
		return d.elements(ty, in, path)
	case ty == cty.Number:
		n, err := cty.ParseNumberVal(string(raw))
		if err == nil && Absurd(n.AsBigFloat()) {
			return cty.NilVal, errTooLarge
		}
		return n, err
	case ty == cty.DynamicPseudoType:
		return cty.NilVal, errMixed // only what is null or unknown is of no type
	}
	return ctyjson.Unmarshal(raw, ty)
}

func (d decoder) members(ty cty.Type, in map[string]json.RawMessage, path string) (cty.Value, error) {
	out := make(map[string]cty.Value, len(in))
	for name, raw := range in {
		var of cty.Type
		switch {
		case ty.IsMapType():
			of = ty.ElementType()
		case ty.HasAttribute(name):
			of = ty.AttributeType(name)
		default:
			return cty.NilVal, fmt.Errorf("an attribute %q that the type does not have", name)
		}
		v, err := d.decode(of, raw, path+"/"+escapePointer(name))
		if err != nil {
			return cty.NilVal, err
		}
		out[name] = v
	}
	switch {
	case ty.IsObjectType():
		if len(out) != len(ty.AttributeTypes()) {
			return cty.NilVal, fmt.Errorf("attributes of the type are missing")
		}
		return cty.ObjectVal(out), nil
	case len(out) == 0:
		return cty.MapValEmpty(ty.ElementType()), nil
	case !cty.CanMapVal(out):
		return cty.NilVal, errMixed
	}
	return cty.MapVal(out), nil
}

func (d decoder) elements(ty cty.Type, in []json.RawMessage, path string) (cty.Value, error) {
	out := make([]cty.Value, 0, len(in))
	for i, raw := range in {
		var of cty.Type
		switch {
		case !ty.IsTupleType():
			of = ty.ElementType()
		case i < ty.Length():
			of = ty.TupleElementType(i)
		default:
			return cty.NilVal, fmt.Errorf("more elements than the type has")
		}
		v, err := d.decode(of, raw, path+"/"+strconv.Itoa(i))
		if err != nil {
			return cty.NilVal, err
		}
		out = append(out, v)
	}
	switch {
	case ty.IsTupleType():
		if len(out) != ty.Length() {
			return cty.NilVal, fmt.Errorf("fewer elements than the type has")
		}
		return cty.TupleVal(out), nil
	case ty.IsListType() && len(out) == 0:
		return cty.ListValEmpty(ty.ElementType()), nil
	case ty.IsListType() && !cty.CanListVal(out), ty.IsSetType() && len(out) > 0 && !cty.CanSetVal(out):
		return cty.NilVal, errMixed
	case ty.IsListType():
		return cty.ListVal(out), nil
	case len(out) == 0:
		return cty.SetValEmpty(ty.ElementType()), nil
	}
	return cty.SetVal(out), nil
}

// MarshalJSON keeps types, unknown parts and sensitive marks.
func (v Values) MarshalJSON() ([]byte, error) {
	out := make(map[string]jsonValue, len(v))
	for name, value := range v {
		j, err := encodeValue(value)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		out[name] = j
	}
	return json.Marshal(out)
}

// UnmarshalJSON is the opposite of MarshalJSON.
func (v *Values) UnmarshalJSON(data []byte) error {
	var in map[string]rawValue
	if err := json.Unmarshal(data, &in); err != nil {
		return err
	}
	*v = make(Values, len(in))
	for name, raw := range in {
		value, err := raw.decode()
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		(*v)[name] = value
	}
	return nil
}

type jsonOutput[V any] struct {
	Name      string    `json:"name"`
	Value     V         `json:"value"`
	Sensitive bool      `json:"sensitive"`
	Range     Range     `json:"range"`
	Uses      []Address `json:"uses,omitzero"`
}

// MarshalJSON keeps an output's value like a resource's.
func (o Output) MarshalJSON() ([]byte, error) {
	v, err := encodeValue(o.Value)
	if err != nil {
		return nil, fmt.Errorf("output %s: %w", o.Name, err)
	}
	return json.Marshal(jsonOutput[jsonValue]{o.Name, v, o.Sensitive, o.Range, o.Uses})
}

// UnmarshalJSON is the opposite of MarshalJSON.
func (o *Output) UnmarshalJSON(data []byte) error {
	var in jsonOutput[rawValue]
	if err := json.Unmarshal(data, &in); err != nil {
		return err
	}
	v, err := in.Value.decode()
	*o = Output{Name: in.Name, Value: v, Sensitive: in.Sensitive, Range: in.Range, Uses: in.Uses}
	return err
}

// plainAttribute and plainCheck are without methods and without values.
type (
	plainAttribute Attribute
	plainCheck     Check
)

type jsonAttribute struct {
	*plainAttribute
	Type          json.RawMessage
	Default       Values
	ServerDefault Values
	Examples      []Values
	Catalog       []Values
}

type jsonCheck struct {
	*plainCheck
	OneOf []Values
}

// only is a value in a map, which has a JSON form; that of cty.NilVal is empty.
func only(v cty.Value) Values {
	if v == cty.NilVal {
		return nil
	}
	return Values{"": v}
}

func onlyEach(list []cty.Value) []Values {
	var out []Values
	for _, v := range list {
		out = append(out, only(v))
	}
	return out
}

func values(list []Values) []cty.Value {
	var out []cty.Value
	for _, v := range list {
		out = append(out, v[""])
	}
	return out
}

// MarshalJSON lets schemas travel to a child process that evaluates.
func (a *Attribute) MarshalJSON() ([]byte, error) {
	ty, err := ctyjson.MarshalType(a.Type)
	if err != nil {
		return nil, err
	}
	return json.Marshal(jsonAttribute{(*plainAttribute)(a), ty, only(a.Default), only(a.ServerDefault), onlyEach(a.Examples), onlyEach(a.Catalog)})
}

// UnmarshalJSON is the opposite of MarshalJSON.
func (a *Attribute) UnmarshalJSON(data []byte) error {
	in := jsonAttribute{plainAttribute: (*plainAttribute)(a)}
	if err := json.Unmarshal(data, &in); err != nil {
		return err
	}
	ty, err := typeIn(in.Type)
	a.Type, a.Default, a.ServerDefault = ty, in.Default[""], in.ServerDefault[""]
	a.Examples, a.Catalog = values(in.Examples), values(in.Catalog)
	return err
}

// MarshalJSON lets schemas travel to a child process that evaluates.
func (c Check) MarshalJSON() ([]byte, error) {
	return json.Marshal(jsonCheck{(*plainCheck)(&c), onlyEach(c.OneOf)})
}

// UnmarshalJSON is the opposite of MarshalJSON.
func (c *Check) UnmarshalJSON(data []byte) error {
	in := jsonCheck{plainCheck: (*plainCheck)(c)}
	err := json.Unmarshal(data, &in)
	c.OneOf = values(in.OneOf)
	return err
}

// Bind gives the resources of a response that was decoded from JSON their kinds back.
func (r *Response) Bind(schemas map[string]*Schema) error {
	for _, x := range slices.Concat(r.Resources, r.Data) {
		schema := schemas[x.Account]
		if schema == nil || schema.kind(x.Address.Kind) == nil {
			return fmt.Errorf("%s: the account %s offers no kind %q", x.Address, x.Account, x.Address.Kind)
		}
		x.Kind = schema.kind(x.Address.Kind)
	}
	return nil
}

// Conform converts values to the types of the kind's attributes. Values of attributes that the kind does not have are
// dropped: a definition may have lost one since they were recorded.
func Conform(kind *Kind, v Values) (Values, error) {
	out := make(Values, len(v))
	for name, value := range v {
		a := kind.Attribute(name)
		if a == nil {
			continue
		}
		converted, err := convert.Convert(value, a.Type)
		if err != nil {
			return nil, fmt.Errorf("%s of %s: %w", name, kind.Name, err)
		}
		out[name] = converted
	}
	return out, nil
}
