package spec

import (
	"maps"
	"slices"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
)

// asked are the names that expressions of the stack ask of values: ipv6_address of server.web.ipv6_address, of
// server.web[*].ipv6_address, or of s.ipv6_address in a for. What only a single read tells is read where it is among them.
// Whoever hands on a whole object (output = server.web) asks of none.
func (s *Stack) asked() []string {
	var all []hclsyntax.Expression
	for _, r := range s.order {
		all = append(all, r.expressions()...)
	}
	for _, l := range s.locals {
		all = append(all, l.expr)
	}
	for _, o := range s.outputs {
		all = append(all, o.expr)
	}
	for _, c := range s.checks {
		for _, rule := range c.rules {
			all = append(all, rule.expressions()...)
		}
	}
	names := map[string]bool{}
	for _, e := range all {
		if e == nil {
			continue
		}
		hclsyntax.VisitAll(e, func(n hclsyntax.Node) hcl.Diagnostics {
			switch n := n.(type) {
			case *hclsyntax.ScopeTraversalExpr:
				askedBy(n.Traversal, names)
			case *hclsyntax.RelativeTraversalExpr:
				askedBy(n.Traversal, names)
			}
			return nil
		})
	}
	return slices.Sorted(maps.Keys(names))
}

// askedBy adds the names of a traversal's steps.
func askedBy(t hcl.Traversal, names map[string]bool) {
	for _, step := range t {
		switch step := step.(type) {
		case hcl.TraverseAttr:
			names[step.Name] = true
		case hcl.TraverseIndex:
			if step.Key.Type() == cty.String && step.Key.IsKnown() && !step.Key.IsNull() {
				names[step.Key.AsString()] = true
			}
		}
	}
}
