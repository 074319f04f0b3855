package spec

import "github.com/zclconf/go-cty/cty"

type sensitiveMark struct{}

// Sensitive marks values that are or derive from secrets.
var Sensitive = sensitiveMark{}

// IsSensitive: the value, or a part of it, is or derives from a secret.
func IsSensitive(v cty.Value) bool {
	if v == cty.NilVal || !v.ContainsMarked() {
		return false
	}
	_, marks := v.UnmarkDeepWithPaths()
	for _, m := range marks {
		if _, ok := m.Marks[Sensitive]; ok {
			return true
		}
	}
	return false
}

// origin marks, while a stack is being evaluated, values that come from a resource's object. Wherever they travel, through
// locals, functions and for_each, they tell which instances a value really came from, so that a resource depends on
// those alone and not on every instance that was named along the way.
type origin struct{ Address }

// withheld marks, while a stack is being evaluated, what derives from a variable whose value is withheld.
type withheld struct{}

// isWithheld: the value, or a part of it, derives from what is withheld.
func isWithheld(v cty.Value) bool {
	if v == cty.NilVal || !v.ContainsMarked() {
		return false
	}
	_, marks := v.UnmarkDeepWithPaths()
	for _, m := range marks {
		if _, ok := m.Marks[withheld{}]; ok {
			return true
		}
	}
	return false
}

// stripOrigins takes the origins off a value, and notes them where used is not nil. Sensitive marks stay.
func stripOrigins(v cty.Value, used map[Address]bool) cty.Value {
	if !v.ContainsMarked() {
		return v
	}
	bare, all := v.UnmarkDeepWithPaths()
	kept := all[:0]
	for _, m := range all {
		secret := false
		for mark := range m.Marks {
			switch mark := mark.(type) {
			case origin:
				if used != nil {
					used[mark.Address] = true
				}
			case sensitiveMark:
				secret = true
			}
		}
		if secret {
			kept = append(kept, cty.PathValueMarks{Path: m.Path, Marks: cty.NewValueMarks(Sensitive)})
		}
	}
	return bare.MarkWithPaths(kept)
}
