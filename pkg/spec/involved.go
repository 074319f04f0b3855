package spec

import (
	"fmt"
	"slices"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"
)

// maxInvolved and maxShownValue bound what is shown of the values behind a failed expression.
const (
	maxInvolved   = 8
	maxShownValue = 120
)

// involved tells what each name in an expression stood for. A secret is not shown, nor what is too long to help.
func involved(e hcl.Expression, ctx *hcl.EvalContext) []string {
	if e == nil || ctx == nil {
		return nil
	}
	var out []string
	for _, t := range e.Variables() {
		v, diags := t.TraverseAbs(ctx)
		cut := false
		for diags.HasErrors() && len(t) > 2 { // what has no such part is shown up to there
			t, cut = t[:len(t)-1], true
			v, diags = t.TraverseAbs(ctx)
		}
		if diags.HasErrors() || cut && isLost(v) {
			continue
		}
		if line := t.RootName() + rest(t) + " " + told(v); !slices.Contains(out, line) {
			out = append(out, line)
		}
		if len(out) == maxInvolved {
			break
		}
	}
	return out
}

// rest writes the steps of a traversal after its root.
func rest(t hcl.Traversal) string {
	text := ""
	for _, step := range t[1:] {
		switch step := step.(type) {
		case hcl.TraverseAttr:
			text += "." + step.Name
		case hcl.TraverseIndex:
			text += "[" + display(step.Key) + "]"
		}
	}
	return text
}

// told is what may be said of a value in a message.
func told(v cty.Value) string {
	if isLost(v) {
		return "could not be worked out"
	}
	if IsSensitive(v) {
		return "is or holds a secret"
	}
	v, _ = v.UnmarkDeep()
	switch {
	case !v.IsKnown():
		return "is known only after apply"
	case v.IsNull():
		return "is null"
	case !v.IsWhollyKnown() || !v.Type().IsPrimitiveType() && len(display(v)) > maxShownValue:
		return "is " + formOf(v)
	}
	text := display(v)
	if len(text) > maxShownValue {
		return fmt.Sprintf("is %s… (%d characters)", string([]rune(text)[:min(maxShownValue/2, len([]rune(text)))]), len([]rune(text))-2)
	}
	return "is " + text
}

// formOf says what a value too large to show is.
func formOf(v cty.Value) string {
	ty := v.Type()
	switch {
	case ty.IsObjectType() && len(ty.AttributeTypes()) == 1:
		return "an object with 1 attribute"
	case ty.IsObjectType():
		return fmt.Sprintf("an object with %d attributes", len(ty.AttributeTypes()))
	case ty.IsMapType(), ty.IsListType(), ty.IsSetType(), ty.IsTupleType():
		return fmt.Sprintf("a %s of %d", ty.FriendlyName(), v.LengthInt())
	}
	return "a " + ty.FriendlyName()
}
