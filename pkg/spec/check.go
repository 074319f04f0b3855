package spec

import (
	"fmt"

	"github.com/hashicorp/hcl/v2/hclsyntax"
)

// checkBlock is one check block: what should be true of the whole. Where it is not, that is said, and stops nothing.
type checkBlock struct {
	name  string
	rules []rule
	rng   Range
}

func (s *Stack) checkBlock(b *hclsyntax.Block) Diagnostics {
	diags, ok := s.labels(b, "name")
	if !ok {
		return diags
	}
	c := &checkBlock{name: b.Labels[0], rng: *rangeOf(b.DefRange())}
	for _, a := range inOrder(b.Body.Attributes) {
		diags = append(diags, s.problem(a.NameRange, "Unknown argument", "A check block holds assert blocks alone.", "assert {\n  condition     = ...\n  error_message = \"...\"\n}"))
	}
	for _, inner := range b.Body.Blocks {
		switch inner.Type {
		case "assert":
			made, problems := s.ruleBlock(inner)
			diags = append(diags, problems...)
			if made.condition != nil {
				c.rules = append(c.rules, made)
			}
		case dataRoot:
			diags = append(diags, s.problem(inner.TypeRange, "Unknown block", "A check block asks nothing itself. Its data block stands beside it, and the check names its answer.", "condition = data.usage.now.total_cost < 100"))
		default:
			diags = append(diags, s.problem(inner.TypeRange, "Unknown block", fmt.Sprintf("A check block holds no %s block.%s", inner.Type, didYouMean(inner.Type, []string{"assert"})), ""))
		}
	}
	for _, other := range s.checks {
		if other.name == c.name {
			return append(diags, s.problem(b.DefRange(), "Check declared twice", fmt.Sprintf("The check %s is declared at %s already.", c.name, other.rng), ""))
		}
	}
	if len(c.rules) == 0 && !diags.HasErrors() {
		diags = append(diags, s.problem(b.DefRange(), "Check without an assertion", fmt.Sprintf("The check %s asserts nothing.", c.name), "assert {\n  condition     = ...\n  error_message = \"...\"\n}"))
	}
	s.checks = append(s.checks, c)
	return diags
}

// assertions are warnings of the checks that do not hold. One that depends on what only apply can tell is not told of yet.
func (x *Session) assertions() Diagnostics {
	var diags Diagnostics
	for _, c := range x.stack.checks {
		for _, rule := range c.rules {
			verdict, problems := x.judge(rule, nil)
			diags = append(diags, problems...)
			if verdict == broken {
				diags = append(diags, x.broken(rule, nil, fmt.Sprintf("Check %s does not hold", c.name), SeverityWarning)...)
			}
		}
	}
	return diags
}
