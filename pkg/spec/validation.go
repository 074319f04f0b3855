package spec

import (
	"fmt"

	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"
)

// rule is a condition that should hold, and what to say where it does not: of a validation, a precondition, a
// postcondition or an assert block.
type rule struct {
	condition, message hclsyntax.Expression
}

func (r rule) expressions() []hclsyntax.Expression {
	return []hclsyntax.Expression{r.condition, r.message}
}

// ruleBlock reads one. Without a condition it is not complete, which the diagnostics say.
func (s *Stack) ruleBlock(b *hclsyntax.Block) (rule, Diagnostics) {
	diags := s.only(b, ruleLanguage(b.Type, ""))
	condition, message := b.Body.Attributes["condition"], b.Body.Attributes["error_message"]
	if condition == nil || message == nil {
		return rule{}, append(diags, s.problem(b.TypeRange, fmt.Sprintf("Incomplete %s block", b.Type), "It has a condition, and the error_message to show where that is false.",
			"condition     = length(var.x) > 0\nerror_message = \"x must not be empty.\""))
	}
	return rule{condition.Expr, message.Expr}, diags
}

func (s *Stack) validationBlock(b *hclsyntax.Block) (rule, Diagnostics) {
	made, diags := s.ruleBlock(b)
	if made.condition == nil {
		return made, diags
	}
	for _, e := range made.expressions() {
		for _, r := range references(e) {
			if r.root != "var" {
				return rule{}, append(diags, s.problem(r.rng, "Not a variable", "A validation is decided before anything else is looked at, so it may name variables alone.", "lifecycle {\n  precondition {\n    ...\n  }\n}"))
			}
		}
	}
	return made, diags
}

// validate applies the rules of all variables.
func (x *Session) validate() Diagnostics {
	var diags Diagnostics
	for _, v := range sortedByName(x.stack.variables) {
		for _, rule := range v.rules {
			var wrong Diagnostics
			for _, e := range rule.expressions() {
				for _, r := range x.refs(e) {
					wrong = append(wrong, x.checkReference(r, place{})...)
				}
			}
			if wrong.HasErrors() {
				diags = append(diags, wrong...)
				continue
			}
			verdict, problems := x.judge(rule, nil)
			diags = append(diags, problems...)
			if verdict == broken {
				diags = append(diags, x.broken(rule, nil, fmt.Sprintf("Value of var.%s is not allowed", v.name), SeverityError)...)
			} else if verdict == undecided && !x.outline && !x.withholds {
				diags = append(diags, x.stack.problem(rule.condition.Range(), "Not a condition", "A condition is true or false.", ""))
			}
		}
	}
	return diags
}

// verdict is what a condition came to.
type verdict int

const (
	undecided verdict = iota // it depends on what only apply can tell
	holds
	broken
	unjudged // something that it names has errors of its own
)

// judge evaluates a rule's condition.
func (x *Session) judge(r rule, each map[string]cty.Value) (verdict, Diagnostics) {
	v, diags := x.evaluate(r.condition, each)
	if diags.HasErrors() || isLost(v) {
		return unjudged, diags
	}
	v, _ = v.UnmarkDeep()
	v, err := convert.Convert(v, cty.Bool)
	switch {
	case err != nil || v.IsNull():
		return unjudged, append(diags, x.stack.problem(r.condition.Range(), "Not a condition", "A condition is true or false.", ""))
	case !v.IsKnown():
		return undecided, diags
	case v.True():
		return holds, diags
	}
	return broken, diags
}

// broken says what the rule's author wants said.
func (x *Session) broken(r rule, each map[string]cty.Value, summary string, severity Severity) Diagnostics {
	message, diags := x.evaluate(r.message, each)
	if diags.HasErrors() || isLost(message) {
		return diags
	}
	secret := IsSensitive(message)
	message, _ = message.UnmarkDeep()
	text := ""
	switch converted, err := convert.Convert(message, cty.String); {
	case secret:
		text = "The rule that it breaks has a message that holds a secret."
	case err != nil:
		text = fmt.Sprintf("The rule that it breaks has no message to show: its error_message is %s, and no text.", formOf(message))
	case !converted.IsKnown():
		text = "The message of the rule is known only after apply."
	case converted.IsNull():
		text = "The rule that it breaks has no message to show: its error_message is null."
	default:
		text = converted.AsString()
	}
	ctx, _ := x.context(x.refs(r.condition), each)
	d := x.stack.sources.at(Diagnostic{Severity: severity, Summary: summary, Detail: text, Range: rangeOf(r.condition.Range())})
	d.Values = involved(r.condition, ctx)
	return append(diags, d)
}
