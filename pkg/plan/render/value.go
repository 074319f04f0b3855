package render

import (
	"encoding/json"
	"strings"

	"github.com/vpsync/vpsync/pkg/spec"
	"github.com/zclconf/go-cty/cty"
	ctyjson "github.com/zclconf/go-cty/cty/json"
)

// What stands where a value cannot or must not.
const (
	KnownAfterApply = "(known after apply)"
	SensitiveValue  = "(sensitive)"
	NotSet          = "(not set)"
)

// Value is a value in the configuration's syntax on one line, fit for a terminal: "web", 80, ["a", "b"], null. What only
// apply can tell reads "(known after apply)", and a marked value "(sensitive)". A cty.NilVal is "(not set)".
func Value(v cty.Value) string {
	switch {
	case v == cty.NilVal:
		return NotSet
	case v.IsMarked():
		return SensitiveValue
	case !v.IsKnown():
		return KnownAfterApply
	case v.IsNull():
		return "null"
	}
	ty := v.Type()
	switch {
	case ty == cty.String:
		return quote(v.AsString())
	case ty.IsListType(), ty.IsSetType(), ty.IsTupleType():
		parts := make([]string, 0, v.LengthInt())
		for it := v.ElementIterator(); it.Next(); {
			_, e := it.Element()
			parts = append(parts, Value(e))
		}
		return "[" + strings.Join(parts, ", ") + "]"
	case ty.IsMapType(), ty.IsObjectType():
		if v.LengthInt() == 0 {
			return "{}"
		}
		parts := make([]string, 0, v.LengthInt())
		for it := v.ElementIterator(); it.Next(); {
			k, e := it.Element()
			parts = append(parts, key(k.AsString())+" = "+Value(e))
		}
		return "{ " + strings.Join(parts, ", ") + " }"
	}
	return scalar(v)
}

// valueLines is a value on several lines, as a person would write it in a file. Only lists, maps and objects have more
// than one.
func valueLines(v cty.Value, indent string) []string {
	if v == cty.NilVal || v.IsMarked() || !v.IsKnown() || v.IsNull() || !v.CanIterateElements() || v.LengthInt() == 0 {
		return []string{indent + Value(v)}
	}
	named := v.Type().IsMapType() || v.Type().IsObjectType()
	left, right := "[", "]"
	if named {
		left, right = "{", "}"
	}
	lines := []string{indent + left}
	widest := 0
	for it := v.ElementIterator(); named && it.Next(); {
		k, _ := it.Element()
		widest = max(widest, Width(key(k.AsString())))
	}
	for it := v.ElementIterator(); it.Next(); {
		k, e := it.Element()
		inner := valueLines(e, indent+"  ")
		if named {
			inner[0] = indent + "  " + pad(key(k.AsString()), widest) + " = " + strings.TrimLeft(inner[0], " ")
		} else {
			inner[len(inner)-1] += ","
		}
		lines = append(lines, inner...)
	}
	return append(lines, indent+right)
}

// scalar is a known number or bool as HCL writes it, with all its digits.
func scalar(v cty.Value) string {
	if !v.Type().IsPrimitiveType() {
		return "(" + Escape(v.Type().FriendlyName()) + ")"
	}
	return Escape(spec.Word(v))
}

// quote is text as HCL quotes it, with what is unsafe made visible.
func quote(s string) string {
	s = strings.NewReplacer(`\`, `\\`, `"`, `\"`, "${", "$${", "%{", "%%{").Replace(s)
	return `"` + Escape(s) + `"`
}

// key is a map's key, quoted where it is no identifier.
func key(s string) string {
	for i, r := range s {
		letter := r == '_' || 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z'
		digit := '0' <= r && r <= '9' || r == '-'
		if !letter && (i == 0 || !digit) {
			return quote(s)
		}
	}
	if s == "" {
		return `""`
	}
	return s
}

// PlainJSON is a value as JSON without types: a set is an array, an object of the configuration an object. Parts that only
// apply can tell are null, and unknown says that there are such parts. A marked value, or one that holds a marked
// part, is null with sensitive set.
func PlainJSON(v cty.Value) (raw json.RawMessage, unknown, sensitive bool) {
	null := json.RawMessage("null")
	switch {
	case v == cty.NilVal:
		return null, false, false
	case v.ContainsMarked():
		return null, false, true
	}
	unknown = !v.IsWhollyKnown()
	raw, err := ctyjson.SimpleJSONValue{Value: cty.UnknownAsNull(v)}.MarshalJSON()
	if err != nil { // a capsule: no definition can declare one
		return null, unknown, false
	}
	return raw, unknown, false
}
