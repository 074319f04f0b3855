package spec

import (
	"fmt"
	"strings"

	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
)

// indistinct finds resources that an account could not tell apart: after a create whose answer was lost, nobody would know which
// of them was made. Two that exist already are told apart by their ids.
func (x *Session) indistinct(all []*Resource) Diagnostics {
	var diags Diagnostics
	seen := map[string][]*Resource{}
	for _, r := range all {
		key, known := x.identityKey(r)
		if i := x.instances[r.Address].value; !known || i == nil || i.broken {
			continue
		}
		for _, other := range seen[key] {
			if !sameIdentity(r, other) || x.exists(r.Address) && x.exists(other.Address) {
				continue
			}
			d := x.stack.problemAt(r.Range, "The same object twice", fmt.Sprintf("%s, at %s, is the same %s: %s in both. Only that tells one %s of an account from another.",
				other.Address, other.Range, r.Kind.Name, equalIn(r.Kind.Identity), r.Kind.Name),
				fmt.Sprintf("remove one of them, or let %s differ", strings.Join(r.Kind.Identity, " or ")))
			d.Address = r.Address.String()
			diags = append(diags, d)
			break
		}
		seen[key] = append(seen[key], r)
	}
	return diags
}

func equalIn(identity []string) string {
	if len(identity) == 1 {
		return identity[0] + " is equal"
	}
	return joinWords(identity) + " are equal"
}

func (x *Session) exists(a Address) bool {
	_, ok := x.objects[a]["id"]
	return ok
}

// identityKey is equal for resources of one identity, and for few others. known is false where the identity is not: it depends on
// what only apply can tell, or the API makes it up.
func (x *Session) identityKey(r *Resource) (key string, known bool) {
	parts := []string{r.Account, r.Kind.Name}
	for _, name := range r.Kind.Identity {
		a := r.Kind.Attribute(name)
		v := identityValue(a, r.Values)
		switch {
		case v == cty.NilVal:
			return "", false
		case !v.IsWhollyKnown():
			// What two blocks name in the same words is the same, whatever it will be.
			written := x.stack.resources[r.Address.Kind][r.Address.Name].attributes[name]
			words, ok := constantReference(written)
			if !ok {
				return "", false
			}
			parts = append(parts, "as "+words)
		case v.IsNull():
			parts = append(parts, "null")
		case a.Equal == EqualSet:
			parts = append(parts, "set")
		case a.Equal == EqualCIDR && v.Type() == cty.String:
			parts = append(parts, normalCIDR(v.AsString()))
		case a.Equal == EqualCase && v.Type() == cty.String:
			parts = append(parts, strings.ToLower(v.AsString()))
		default:
			parts = append(parts, display(v))
		}
	}
	return strings.Join(parts, "\x00"), true
}

// identityValue is what the object will have: what the API sets where the configuration says nothing. NilVal is anybody's guess.
func identityValue(a *Attribute, values Values) cty.Value {
	v, named := values[a.Name]
	v, _ = v.UnmarkDeep()
	switch {
	case named && !(v.IsKnown() && v.IsNull()):
		return v
	case a.Default != cty.NilVal:
		return a.Default
	case a.ServerDefault != cty.NilVal:
		return a.ServerDefault
	case a.Computed:
		return cty.NilVal
	}
	return cty.NullVal(a.Type)
}

func sameIdentity(r, other *Resource) bool {
	for _, name := range r.Kind.Identity {
		a := r.Kind.Attribute(name)
		v, w := identityValue(a, r.Values), identityValue(a, other.Values)
		if v.IsWhollyKnown() && !a.Same(v, w) {
			return false
		}
	}
	return true
}

// constantReference is the text of a reference that means the same wherever it stands.
func constantReference(a *hclsyntax.Attribute) (string, bool) {
	if a == nil {
		return "", false
	}
	e, ok := a.Expr.(*hclsyntax.ScopeTraversalExpr)
	if !ok {
		return "", false
	}
	switch e.Traversal.RootName() {
	case "each", "count", "self":
		return "", false
	}
	return e.Traversal.RootName() + rest(e.Traversal), true
}
