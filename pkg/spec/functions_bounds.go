package spec

import (
	"fmt"
	"math"
	"math/big"
	"regexp"
	"strconv"
	"strings"

	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/function"
	"github.com/zclconf/go-cty/cty/function/stdlib"
)

// limits of what one call may make. They are far beyond any real stack; they exist because an expression of twenty
// characters could otherwise ask for more memory than there is, and evaluation cannot be interrupted.
const (
	maxTextBytes = 4 << 20 // of a text made by a function
	maxElements  = 100_000 // of a collection made by range or setproduct
	maxWidth     = 10_000  // of padding in format, and of indent
	maxExponent  = 4096    // of two, of a number that becomes a text, and of the result of pow
)

// bounded is a function whose arguments are looked at first. The look sees them without marks, and only when all of
// them are known.
func bounded(f function.Function, look func(args []cty.Value) error) function.Function {
	unmarked := func(args []cty.Value) []cty.Value {
		out := make([]cty.Value, len(args))
		for i, a := range args {
			out[i], _ = a.UnmarkDeep()
			if !out[i].IsWhollyKnown() {
				return nil
			}
		}
		return out
	}
	params := f.Params()
	for i := range params {
		params[i].AllowMarked, params[i].AllowUnknown, params[i].AllowDynamicType, params[i].AllowNull = true, true, true, true
	}
	rest := f.VarParam()
	if rest != nil {
		copied := *rest
		copied.AllowMarked, copied.AllowUnknown, copied.AllowDynamicType, copied.AllowNull = true, true, true, true
		rest = &copied
	}
	return function.New(&function.Spec{
		Description: f.Description(), Params: params, VarParam: rest,
		Type: func(args []cty.Value) (cty.Type, error) {
			if known := unmarked(args); known != nil {
				if err := look(known); err != nil {
					return cty.NilType, err
				}
			}
			return f.ReturnTypeForValues(args)
		},
		Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) { return f.Call(args) },
	})
}

func boundText(bytes int) error {
	if bytes > maxTextBytes || bytes < 0 {
		return fmt.Errorf("the result would be longer than %d bytes", maxTextBytes)
	}
	return nil
}

var formatWidth = regexp.MustCompile(`%[^a-zA-Z%]*`)

// boundFormat refuses widths and precisions that ask for a lot of padding.
func boundFormat(args []cty.Value) error {
	if len(args) == 0 || args[0].IsNull() || args[0].Type() != cty.String {
		return nil // the function itself complains better
	}
	for _, verb := range formatWidth.FindAllString(args[0].AsString(), -1) {
		for _, digits := range strings.FieldsFunc(verb, func(r rune) bool { return r < '0' || r > '9' }) {
			if n, err := strconv.Atoi(digits); err != nil || n > maxWidth {
				return function.NewArgErrorf(0, "a width or precision may be at most %d", maxWidth)
			}
		}
	}
	return boundNumbers(args[1:])
}

func boundIndent(args []cty.Value) error {
	if args[0].IsNull() || args[1].IsNull() || args[0].Type() != cty.Number || args[1].Type() != cty.String {
		return nil
	}
	n, _ := args[0].AsBigFloat().Float64()
	if n > maxWidth {
		return function.NewArgErrorf(0, "at most %d spaces", maxWidth)
	}
	return boundText(len(args[1].AsString()) + strings.Count(args[1].AsString(), "\n")*int(max(n, 0)))
}

func boundJoin(args []cty.Value) error {
	if args[0].IsNull() || args[0].Type() != cty.String {
		return nil
	}
	separator, total := len(args[0].AsString()), 0
	for _, list := range args[1:] {
		if list.IsNull() || !list.CanIterateElements() {
			return nil
		}
		for it := list.ElementIterator(); it.Next(); {
			_, v := it.Element()
			total += separator
			if v.Type() == cty.String && !v.IsNull() {
				total += len(v.AsString())
			}
			if err := boundText(total); err != nil {
				return err
			}
		}
	}
	return nil
}

func boundProduct(args []cty.Value) error {
	total := 1
	for _, a := range args {
		if a.IsNull() || !a.CanIterateElements() {
			return nil
		}
		if total *= a.LengthInt(); total > maxElements {
			return fmt.Errorf("the product has more than %d elements", maxElements)
		}
	}
	return nil
}

// boundNumbers refuses to write down numbers with an absurd number of digits: 1e100000000 takes eleven characters
// in a source, and a hundred megabytes as a text.
func boundNumbers(args []cty.Value) error {
	for _, a := range args {
		bare, _ := a.UnmarkDeep()
		err := cty.Walk(bare, func(_ cty.Path, v cty.Value) (bool, error) {
			if v.IsKnown() && !v.IsNull() && v.Type() == cty.Number && absurd(v.AsBigFloat()) {
				return false, fmt.Errorf("a number is too large to be written down")
			}
			return true, nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

func absurd(f *big.Float) bool {
	if f.IsInf() || f.Sign() == 0 {
		return false
	}
	e := f.MantExp(nil)
	return e > maxExponent || e < -maxExponent
}

// boundedPow computes like stdlib.PowFunc, by float64, whose range ends at 1.8e308; an overflow is an error rather than infinity.
var boundedPow = function.New(&function.Spec{
	Params: []function.Parameter{{Name: "base", Type: cty.Number}, {Name: "exponent", Type: cty.Number}},
	Type:   function.StaticReturnType(cty.Number),
	Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
		base, _ := args[0].AsBigFloat().Float64()
		exponent, _ := args[1].AsBigFloat().Float64()
		if r := math.Pow(base, exponent); math.IsInf(r, 0) || math.IsNaN(r) {
			return cty.NilVal, fmt.Errorf("%v to the power of %v is not a number that can be written down", base, exponent)
		}
		return stdlib.Pow(args[0], args[1])
	},
})

// rangeFunc is the numbers from start (0) up to, without, the limit, in steps (of 1).
var rangeFunc = function.New(&function.Spec{
	VarParam: &function.Parameter{Name: "numbers", Type: cty.Number},
	Type:     function.StaticReturnType(cty.List(cty.Number)),
	Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
		start, step := cty.Zero, cty.NilVal
		var limit cty.Value
		switch len(args) {
		case 1:
			limit = args[0]
		case 2:
			start, limit = args[0], args[1]
		case 3:
			start, limit, step = args[0], args[1], args[2]
		default:
			return cty.NilVal, fmt.Errorf("range takes a limit; or a start and a limit; or a start, a limit and a step")
		}
		up := limit.GreaterThanOrEqualTo(start).True()
		if step == cty.NilVal {
			step = cty.NumberIntVal(1)
			if !up {
				step = cty.NumberIntVal(-1)
			}
		}
		if step.AsBigFloat().Sign() == 0 || (step.AsBigFloat().Sign() > 0) != up {
			return cty.NilVal, function.NewArgErrorf(2, "the step must lead from the start to the limit")
		}
		var list []cty.Value
		for n := start; (up && n.LessThan(limit).True()) || (!up && n.GreaterThan(limit).True()); n = n.Add(step) {
			if len(list) == maxElements {
				return cty.NilVal, fmt.Errorf("range would have more than %d elements", maxElements)
			}
			list = append(list, n)
		}
		if len(list) == 0 {
			return cty.ListValEmpty(cty.Number), nil
		}
		return cty.ListVal(list), nil
	},
})
