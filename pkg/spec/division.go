package spec

import (
	"errors"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/function"
	"github.com/zclconf/go-cty/cty/function/stdlib"
)

// divides makes a division by zero an error in all that a tree holds. To the expression language it is infinity, which a template writes as
// "+Inf" into a name before anybody can look at the number.
func divides(tree hclsyntax.Node) {
	_ = hclsyntax.VisitAll(tree, func(n hclsyntax.Node) hcl.Diagnostics {
		if b, ok := n.(*hclsyntax.BinaryOpExpr); ok && b.Op == hclsyntax.OpDivide {
			b.Op = division
		}
		return nil
	})
}

// division is hclsyntax.OpDivide but for zero.
var division = &hclsyntax.Operation{Type: cty.Number, Impl: function.New(&function.Spec{
	Params:       []function.Parameter{{Name: "a", Type: cty.Number, AllowDynamicType: true}, {Name: "b", Type: cty.Number, AllowDynamicType: true}},
	Type:         function.StaticReturnType(cty.Number),
	RefineResult: func(b *cty.RefinementBuilder) *cty.RefinementBuilder { return b.NotNull() },
	Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
		if args[1].AsBigFloat().Sign() == 0 {
			return cty.NilVal, errors.New("a division by zero has no result")
		}
		return stdlib.Divide(args[0], args[1])
	},
})}
