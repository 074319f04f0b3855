package plan

import (
	"encoding/json"
	"strings"

	"github.com/vpsync/vpsync/pkg/spec"
	"github.com/zclconf/go-cty/cty"
)

// Which object is meant decides what is bought and what is deleted, so it is decided here alone: for twins of a create, for what a lost
// answer made, and for leftovers that come back.

// SameIdentity: the object has the identity that these values describe, all of it known. An attribute that they do not name counts as
// what the API then sets, or as unset; one that the API never answers cannot tell objects apart.
func SameIdentity(kind *spec.Kind, v spec.Values, o *spec.Object) bool {
	for _, name := range kind.Identity {
		a := kind.Attribute(name)
		if a == nil || a.Unreadable || a.Sensitive || (a.DetailOnly && !o.Detail) {
			continue
		}
		is, ok := o.Values[name]
		if !ok {
			is = cty.NullVal(a.Type)
		}
		want, named := v[name]
		if !named || want.IsNull() {
			if want = unnamed(a); want == cty.NilVal {
				continue
			}
		}
		if !want.IsWhollyKnown() || !a.Same(want, is) {
			return false
		}
	}
	return true
}

// unnamed is the value of an identity attribute that the configuration does not name: what the create sends or the API then
// sets, null where it is then unset, and NilVal where the API chooses.
func unnamed(a *spec.Attribute) cty.Value {
	switch {
	case a.Default != cty.NilVal:
		return a.Default
	case a.ServerDefault != cty.NilVal:
		return a.ServerDefault
	case a.Computed:
		return cty.NilVal
	}
	return cty.NullVal(a.Type)
}

// identityKey puts objects that can have the same identity into one bucket, so that a search looks at few. It is made of the
// identity attributes that use says are fit for it. known is false where one of them is unknown, so that any bucket may be the one.
func identityKey(kind *spec.Kind, v spec.Values, use func(*spec.Attribute) bool) (key string, known bool) {
	known = true
	var parts []string
	for _, name := range kind.Identity {
		a := kind.Attribute(name)
		if a == nil || !use(a) {
			continue
		}
		value, ok := v[name]
		switch {
		case !ok || value.IsKnown() && value.IsNull():
			parts = append(parts, "null")
		case !value.IsKnown():
			known = false
		default:
			b, _ := json.Marshal(value.AsString())
			parts = append(parts, string(b))
		}
	}
	return strings.Join(parts, ","), known
}

// exact: objects can be told apart by the attribute's text, where it is not named counting as unset.
func exact(a *spec.Attribute) bool {
	return !a.Unreadable && !a.Sensitive && !a.DetailOnly && a.Equal == spec.EqualExact && a.Type == cty.String &&
		(a.Required || (!a.Computed && a.Default == cty.NilVal && a.ServerDefault == cty.NilVal))
}

// named: besides, the attribute is always given, and seldom unknown.
func named(a *spec.Attribute) bool { return exact(a) && a.Required && a.Refers == "" }

// IdentityKey is a key that objects share which could be mistaken for one another, and few others.
func IdentityKey(kind *spec.Kind, v spec.Values) string {
	key, _ := identityKey(kind, v, exact)
	return key
}
