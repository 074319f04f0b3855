package spec

import (
	"fmt"

	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"
)

// validation is a rule for a variable's value, beyond its type.
type validation struct {
	condition, message hclsyntax.Expression
}

func (s *Stack) validationBlock(b *hclsyntax.Block) (validation, Diagnostics) {
	diags := s.only(b, within(within(Blocks(), "variable").Blocks, b.Type))
	condition, message := b.Body.Attributes["condition"], b.Body.Attributes["error_message"]
	if condition == nil || message == nil {
		return validation{}, append(diags, s.problem(b.TypeRange, "Incomplete validation", "A validation has a condition, and the error_message to show where it is false.",
			"condition     = length(var.x) > 0\nerror_message = \"x must not be empty.\""))
	}
	rule := validation{condition.Expr, message.Expr}
	for _, e := range []hclsyntax.Expression{rule.condition, rule.message} {
		for _, r := range references(e) {
			if r.root != "var" {
				return validation{}, append(diags, s.problem(r.rng, "Not a variable", "A validation is decided before anything else is looked at, so it may name variables alone.", ""))
			}
		}
	}
	return rule, diags
}

// validate applies the rules of all variables.
func (x *Session) validate() Diagnostics {
	var diags Diagnostics
	for _, v := range sortedByName(x.stack.variables) {
		for _, rule := range v.rules {
			diags = append(diags, x.checkRule(v, rule)...)
		}
	}
	return diags
}

func (x *Session) checkRule(v *variable, rule validation) Diagnostics {
	var diags Diagnostics
	for _, e := range []hclsyntax.Expression{rule.condition, rule.message} {
		for _, r := range x.refs(e) {
			diags = append(diags, x.checkReference(r, place{})...)
		}
	}
	holds, problems := x.evaluate(rule.condition, nil)
	diags = append(diags, problems...)
	if diags.HasErrors() || isLost(holds) {
		return diags
	}
	holds, _ = holds.UnmarkDeep()
	holds, err := convert.Convert(holds, cty.Bool)
	if err != nil || holds.IsNull() || !holds.IsKnown() {
		return append(diags, x.stack.problem(rule.condition.Range(), "Not a condition", "A condition is true or false.", ""))
	}
	if holds.True() {
		return diags
	}
	message, problems := x.evaluate(rule.message, nil)
	diags = append(diags, problems...)
	if diags.HasErrors() || isLost(message) {
		return diags
	}
	secret := IsSensitive(message)
	message, _ = message.UnmarkDeep()
	text := "The rule that it breaks has a message that holds a secret."
	if converted, err := convert.Convert(message, cty.String); err == nil && !secret && !converted.IsNull() {
		text = converted.AsString()
	}
	return append(diags, x.stack.problem(rule.condition.Range(), fmt.Sprintf("Value of var.%s is not allowed", v.name), text, ""))
}
