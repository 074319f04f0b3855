package spec

import (
	"errors"
	"fmt"
	"math"
	"math/big"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/function"
)

// limits of what one call may make. They are far beyond any real stack; they exist because an expression of twenty
// characters could otherwise ask for more memory than there is, and evaluation cannot be interrupted.
const (
	maxTextBytes = 4 << 20   // of a text made by a function
	maxElements  = 100_000   // of a collection made by range or setproduct, or read from a text
	maxHeld      = 1_000_000 // values held by the arguments of a function that copies them
	maxWidth     = 10_000    // of padding in format, of indent, and bytes of a regular expression
	maxExponent  = 4096      // of two, of a number that becomes a text, and of the result of pow

	maxLocalBytes   = 4 * maxTextBytes // of all texts and numbers in a local value: each may name the one before twice
	maxAlternatives = 1000             // of a pattern of files
	maxDoubleStars  = 4
)

// size is what values hold. A list that a million others share counts a million times: that is what a copy would take.
type size struct{ values, bytes, depth int }

// weigh adds up what values hold, and stops where they hold more than maxHeld.
func weigh(all ...cty.Value) size {
	var s size
	for _, v := range all {
		each(v, 1, func(v cty.Value, depth int) bool {
			s.values++
			s.depth = max(s.depth, depth)
			switch {
			case !v.IsKnown() || v.IsNull():
				s.bytes += len("null")
			case v.Type() == cty.String:
				s.bytes += len(v.AsString())
			case v.Type() == cty.Number:
				s.bytes += digits(v.AsBigFloat())
			}
			return s.values <= maxHeld
		})
	}
	return s
}

// TextBytes adds up the bytes of all texts in values, however many share one, until there are more than a limit.
func TextBytes(limit int, all ...cty.Value) int {
	sum := 0
	for _, v := range all {
		each(v, 1, func(v cty.Value, _ int) bool {
			if v.IsKnown() && !v.IsNull() && v.Type() == cty.String {
				sum += len(v.AsString())
			}
			return sum <= limit
		})
	}
	return sum
}

// each visits a value and all that it holds, keys too, without marks, until a visit says no.
func each(v cty.Value, depth int, visit func(v cty.Value, depth int) bool) bool {
	v, _ = v.Unmark()
	if !visit(v, depth) {
		return false
	}
	if !v.IsKnown() || v.IsNull() || !v.CanIterateElements() {
		return true
	}
	keyed := v.Type().IsObjectType() || v.Type().IsMapType()
	for it := v.ElementIterator(); it.Next(); {
		key, member := it.Element()
		if keyed && !visit(key, depth+1) || !each(member, depth+1, visit) {
			return false
		}
	}
	return true
}

// digits is about how many a number has when it is written down.
func digits(f *big.Float) int {
	if f.IsInf() || f.Sign() == 0 {
		return 1
	}
	n := f.MantExp(nil) * 3 / 10
	if !f.IsInt() {
		return max(n, -n) + 160 // 512 bits of them
	}
	return n + 1
}

// bounded is a function whose arguments are looked at first. The look sees them without marks; they may be unknown, as a
// whole or in part.
func bounded(f function.Function, looks ...func(args []cty.Value) error) function.Function {
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
			if weigh(args...).values > maxHeld {
				return cty.NilType, fmt.Errorf("the arguments hold more than %d values", maxHeld)
			}
			bare := make([]cty.Value, len(args))
			for i, a := range args {
				bare[i], _ = a.UnmarkDeep()
			}
			for _, look := range looks {
				if err := look(bare); err != nil {
					return cty.NilType, err
				}
			}
			return f.ReturnTypeForValues(args)
		},
		Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
			v, err := f.Call(args)
			if err != nil {
				return cty.NilVal, err
			}
			return v, boundNumbers([]cty.Value{v})
		},
	})
}

// present: there is a value of that type to look at. The functions themselves complain better of what there is instead.
func present(v cty.Value, t cty.Type) bool {
	return v.IsKnown() && !v.IsNull() && v.Type() == t
}

// members are the elements of a list, set or tuple that is known, or nothing.
func members(v cty.Value) ([]cty.Value, bool) {
	t := v.Type()
	if !v.IsKnown() || v.IsNull() || !(t.IsListType() || t.IsSetType() || t.IsTupleType()) {
		return nil, false
	}
	return v.AsValueSlice(), true
}

func boundText(bytes int) error {
	if bytes > maxTextBytes || bytes < 0 {
		return fmt.Errorf("the result would be longer than %d bytes", maxTextBytes)
	}
	return nil
}

var formatVerb = regexp.MustCompile(`%[^a-zA-Z%]*`)

// boundFormat refuses what makes a long text: wide padding, many arguments, and arguments that are named many times.
func boundFormat(args []cty.Value) error {
	if len(args) == 0 || !present(args[0], cty.String) {
		return nil
	}
	f, err := formatOf(args)
	if err != nil {
		return err
	}
	return boundText(f.length(args[1:]))
}

// boundFormatList does the same for all texts of the list together.
func boundFormatList(args []cty.Value) error {
	if len(args) == 0 || !present(args[0], cty.String) {
		return nil
	}
	f, err := formatOf(args)
	if err != nil {
		return err
	}
	lists, rows := make([][]cty.Value, len(args)), 1
	for i, a := range args {
		lists[i], _ = members(a)
		rows = max(rows, len(lists[i]))
	}
	total := 0
	for row := range rows {
		values := slices.Clone(args[1:])
		for i, list := range lists[1:] {
			if row < len(list) {
				values[i] = list[row]
			}
		}
		total += f.length(values)
		if err := boundText(total); err != nil {
			return err
		}
	}
	return nil
}

// format is what a format's own text says of the length of the result.
type format struct {
	own     int  // bytes of itself and of all padding
	verbs   int  // which are at most as many as there are of "%"
	indexed bool // "%[1]s" can name an argument many times
}

func formatOf(args []cty.Value) (format, error) {
	spec := args[0].AsString()
	f := format{own: len(spec), indexed: strings.Contains(spec, "[")}
	for _, verb := range formatVerb.FindAllString(spec, -1) {
		f.verbs++
		for _, digits := range strings.FieldsFunc(verb, func(r rune) bool { return r < '0' || r > '9' }) {
			n, err := strconv.Atoi(digits)
			if err != nil || n > maxWidth {
				return f, function.NewArgErrorf(0, "a width or precision may be at most %d", maxWidth)
			}
			f.own += n
		}
	}
	return f, boundNumbers(args[1:])
}

// length is about how long the format becomes with such arguments.
func (f format) length(args []cty.Value) int {
	sum, longest := 0, 0
	for _, a := range args {
		s := weigh(a)
		sum += s.bytes + s.values
		longest = max(longest, s.bytes+s.values)
	}
	if f.indexed {
		sum = f.verbs * longest
	}
	return f.own + sum
}

func boundIndent(args []cty.Value) error {
	if !present(args[0], cty.Number) || !present(args[1], cty.String) {
		return nil
	}
	n, _ := args[0].AsBigFloat().Float64()
	if n < 0 || n > maxWidth {
		return function.NewArgErrorf(0, "at least 0 and at most %d spaces", maxWidth)
	}
	return boundText(len(args[1].AsString()) + strings.Count(args[1].AsString(), "\n")*int(n))
}

func boundJoin(args []cty.Value) error {
	if !present(args[0], cty.String) {
		return nil
	}
	separator, total := len(args[0].AsString()), 0
	for _, a := range args[1:] {
		list, _ := members(a)
		for _, v := range list {
			total += separator
			if present(v, cty.String) {
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
		list, ok := members(a)
		if !ok {
			return nil
		}
		if total *= len(list); total > maxElements {
			return fmt.Errorf("the product has more than %d elements", maxElements)
		}
	}
	return nil
}

// boundEncoded refuses to write down what becomes a long text, with its brackets or its indents.
func boundEncoded(args []cty.Value) error {
	s := weigh(args...)
	return boundText(s.bytes + s.values*(2*s.depth+2))
}

// boundSplit refuses a separator that cuts a text into too many pieces.
func boundSplit(args []cty.Value) error {
	if !present(args[0], cty.String) || !present(args[1], cty.String) {
		return nil
	}
	if strings.Count(args[1].AsString(), args[0].AsString()) >= maxElements {
		return tooMany()
	}
	return nil
}

// boundPattern refuses a regular expression that takes a lot of memory by itself.
func boundPattern(args []cty.Value) error {
	if present(args[0], cty.String) && len(args[0].AsString()) > maxWidth {
		return function.NewArgErrorf(0, "a regular expression may be at most %d bytes long", maxWidth)
	}
	return nil
}

// boundMatches refuses too many matches, each of which holds all of its groups.
func boundMatches(args []cty.Value) error {
	if err := boundPattern(args); err != nil || !present(args[0], cty.String) || !present(args[1], cty.String) {
		return err
	}
	re, err := regexp.Compile(args[0].AsString())
	if err != nil {
		return nil // the function itself complains better
	}
	most := maxElements / (re.NumSubexp() + 1)
	if len(re.FindAllStringIndex(args[1].AsString(), most+1)) > most {
		return tooMany()
	}
	return nil
}

func boundCSV(args []cty.Value) error {
	if !present(args[0], cty.String) {
		return nil
	}
	if s := args[0].AsString(); strings.Count(s, ",")+strings.Count(s, "\n") > maxElements {
		return tooMany()
	}
	return nil
}

// boundJSON looks at a text before it is parsed: deep nesting, many values and endless numbers all cost more than it shows.
func boundJSON(args []cty.Value) error {
	if !present(args[0], cty.String) {
		return nil
	}
	depth, values, run := 0, 0, 0
	quoted, escaped := false, false
	for _, c := range []byte(args[0].AsString()) {
		if c < '0' || c > '9' || quoted {
			run = 0
		}
		switch {
		case escaped:
			escaped = false
		case quoted:
			quoted, escaped = c != '"', c == '\\'
		case c == '"':
			quoted = true
		case c == '[' || c == '{':
			depth++
			values++
		case c == ']' || c == '}':
			depth--
		case c == ',':
			values++
		case c >= '0' && c <= '9':
			run++
		}
		switch {
		case depth > maxDepth:
			return tooDeep()
		case values > maxElements:
			return tooMany()
		case run > maxDigits:
			return errTooLarge
		}
	}
	return nil
}

// boundGlob refuses patterns that stand for very many: each {a,b} doubles them, and each ** is tried at every depth.
func boundGlob(pattern string) error {
	tooWide := fmt.Errorf("a pattern may stand for %d alternatives, and hold %d of **", maxAlternatives, maxDoubleStars)
	total, depth, alternatives := 1, 0, 0
	for _, c := range pattern {
		switch c {
		case '{':
			depth++
			alternatives++
		case ',':
			if depth > 0 {
				alternatives++
			}
		case '}':
			if depth--; depth == 0 {
				total *= alternatives
				alternatives = 0
			}
		}
		if total > maxAlternatives || alternatives > maxAlternatives {
			return tooWide
		}
	}
	if strings.Count(pattern, "**") > maxDoubleStars {
		return tooWide
	}
	return nil
}

// boundDigits refuses to read a number that is longer than one may be in a source.
func boundDigits(args []cty.Value) error {
	if present(args[0], cty.String) && len(args[0].AsString()) > 2*maxDigits {
		return errTooLarge
	}
	return nil
}

func tooMany() error { return fmt.Errorf("there would be more than %d elements", maxElements) }
func tooDeep() error { return fmt.Errorf("it is nested more than %d deep", maxDepth) }

var errTooLarge = errors.New("a number is too large to be written down")

// boundNumbers refuses numbers with an absurd number of digits: 1e100000000 takes eleven characters in a source, and a
// hundred megabytes as a text.
func boundNumbers(args []cty.Value) error {
	if !slices.ContainsFunc(args, HoldsAbsurd) {
		return nil
	}
	return errTooLarge
}

// HoldsAbsurd: a value is an absurd number, or holds one.
func HoldsAbsurd(v cty.Value) bool {
	return !each(v, 1, func(v cty.Value, _ int) bool { return !present(v, cty.Number) || !Absurd(v.AsBigFloat()) })
}

// outOfBounds says what is wrong with a value that holds an absurd number.
func outOfBounds(what string) Diagnostic {
	return Diagnostic{Severity: SeverityError, Summary: "Number out of all bounds",
		Detail: what + " holds a number that is too large, or too close to zero. Those from 1e-1233 to 1e1233 can be written down."}
}

// Absurd numbers have so many digits that nobody may write them down: as a text, 1e100000000 takes a hundred megabytes, and
// 1e999999999 is read as infinity, which has none. So may no reader of foreign numbers let them in.
func Absurd(f *big.Float) bool {
	e := f.MantExp(nil) // zero's is 0, and so is that of infinity
	return f.IsInf() || e > maxExponent || e < -maxExponent
}

// boundedPow has the range of float64, which ends at 1.8e308; an overflow is an error rather than infinity. Unlike stdlib.PowFunc it gives
// whole numbers by all of the 512 bits that a number has which is read, and of every number what it will be when a state gives it back.
var boundedPow = function.New(&function.Spec{
	Params: []function.Parameter{{Name: "base", Type: cty.Number}, {Name: "exponent", Type: cty.Number}},
	Type:   function.StaticReturnType(cty.Number),
	Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
		base, _ := args[0].AsBigFloat().Float64()
		exponent, _ := args[1].AsBigFloat().Float64()
		r := math.Pow(base, exponent)
		if math.IsInf(r, 0) || math.IsNaN(r) {
			return cty.NilVal, fmt.Errorf("%v to the power of %v is not a number that can be written down", base, exponent)
		}
		whole := args[0].AsBigFloat().IsInt() && args[1].AsBigFloat().IsInt() && exponent >= 0
		if whole && !math.IsInf(base, 0) && !math.IsInf(exponent, 0) { // else their digits are too many
			n, _ := args[0].AsBigFloat().Int(nil)
			times, _ := args[1].AsBigFloat().Int(nil)
			return cty.NumberVal(new(big.Float).SetPrec(512).SetInt(n.Exp(n, times, nil))), nil
		}
		return cty.ParseNumberVal(strconv.FormatFloat(r+0, 'f', -1, 64)) // zero has no sign
	},
})

// boundLog refuses what has no logarithm.
func boundLog(args []cty.Value) error {
	for i, a := range args {
		if !present(a, cty.Number) {
			continue
		}
		n, _ := a.AsBigFloat().Float64()
		switch {
		case n <= 0 || math.IsInf(n, 0):
			return function.NewArgErrorf(i, "must be a number above 0")
		case i == 1 && n == 1:
			return function.NewArgErrorf(i, "must not be 1")
		}
	}
	return nil
}

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
