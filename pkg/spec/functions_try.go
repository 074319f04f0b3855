package spec

import (
	"errors"

	"github.com/hashicorp/hcl/v2/ext/customdecode"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/function"
)

// try and can work out their arguments themselves. The language has both in a library; there each call works them out
// twice, so that thirty in each other never come to an end, and forgets the marks of what is not known yet.

var tryFunc = function.New(&function.Spec{
	VarParam: &function.Parameter{Name: "expressions", Type: customdecode.ExpressionClosureType},
	Type:     function.StaticReturnType(cty.DynamicPseudoType),
	Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
		if len(args) == 0 {
			return cty.NilVal, errors.New("at least one expression is needed")
		}
		why := ""
		for _, a := range args {
			v, problems := customdecode.ExpressionClosureFromVal(a).Value()
			switch {
			case problems.HasErrors():
				why += "\n- " + problems.Error()
			case !v.IsWhollyKnown(): // once it is known, it may turn out to fail
				_, marks := v.UnmarkDeep()
				return cty.DynamicVal.WithMarks(marks), nil
			default:
				return v, nil
			}
		}
		return cty.NilVal, errors.New("none of the expressions can be worked out:" + why)
	},
})

var canFunc = function.New(&function.Spec{
	Params: []function.Parameter{{Name: "expression", Type: customdecode.ExpressionClosureType}},
	Type:   function.StaticReturnType(cty.Bool),
	Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
		v, problems := customdecode.ExpressionClosureFromVal(args[0]).Value()
		switch {
		case problems.HasErrors():
			return cty.False, nil
		case !v.IsWhollyKnown():
			_, marks := v.UnmarkDeep()
			return cty.UnknownVal(cty.Bool).WithMarks(marks), nil
		}
		return cty.True, nil
	},
})
