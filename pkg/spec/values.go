package spec

import (
	"fmt"
	"math/big"
	"net/netip"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/hashicorp/hcl/v2/hclwrite"
	"github.com/robfig/cron/v3"
	"github.com/zclconf/go-cty/cty"
)

// Attribute finds an attribute by name, or nil.
func (k *Kind) Attribute(name string) *Attribute {
	for _, a := range k.Attributes {
		if a.Name == name {
			return a
		}
	}
	return nil
}

// Can: the API offers the operation for this kind.
func (k *Kind) Can(operation string) bool { return k.Operations[operation] != nil }

// OperationFor names the operation that gives an existing object this value, or is empty: nothing does, or the value is
// not known while what it takes depends on it.
func (a *Attribute) OperationFor(v cty.Value) string {
	switch {
	case a.OnChange == OnUpdate:
		return OpUpdate
	case a.OnChange != OnOperation:
		return ""
	case a.Operations == nil:
		return a.Operation
	}
	v, _ = v.Unmark()
	return a.Operations[Word(v)]
}

// Reachable: an operation leads on from this value. Where each value has an operation of its own, one that none of them
// sets (suspended) is the provider's doing, and theirs to end.
func (a *Attribute) Reachable(is cty.Value) bool {
	if a.Operations == nil || is == cty.NilVal || is.IsNull() {
		return true
	}
	is, _ = is.Unmark()
	_, ok := a.Operations[Word(is)]
	return ok
}

// Word is a single value as text; empty for null, unknown, a secret, and what has no text.
func Word(v cty.Value) string {
	switch {
	case v == cty.NilVal || v.IsMarked() || v.IsNull() || !v.IsKnown():
		return ""
	case v.Type() == cty.String:
		return v.AsString()
	case v.Type() == cty.Number:
		return NumberText(v.AsBigFloat())
	case v.Type() == cty.Bool:
		return strconv.FormatBool(v.True())
	}
	return ""
}

// NumberText is a number in digits, without an exponent or a zero's sign. f.Text('f', -1) looks in all 512 bits of a whole number for the
// shortest text that means it, which takes hundreds of times as long, and a plan asks for the text of each number of each answer.
// Whoever holds foreign numbers asks [Absurd] first.
func NumberText(f *big.Float) string {
	if n, exact := f.Int64(); exact == big.Exact {
		return strconv.FormatInt(n, 10)
	}
	return f.Text('f', -1)
}

// Same compares two values by the attribute's equality rule. Null is the same as null alone; what is not wholly known is
// the same as nothing.
func (a *Attribute) Same(x, y cty.Value) bool {
	if x == cty.NilVal || y == cty.NilVal {
		return x == y
	}
	x, _ = x.UnmarkDeep()
	y, _ = y.UnmarkDeep()
	if !x.IsWhollyKnown() || !y.IsWhollyKnown() {
		return false
	}
	if x.IsNull() || y.IsNull() {
		return x.IsNull() && y.IsNull()
	}
	switch a.Equal {
	case EqualCIDR:
		if x.Type() == cty.String && y.Type() == cty.String {
			return normalCIDR(x.AsString()) == normalCIDR(y.AsString())
		}
	case EqualCase:
		if x.Type() == cty.String && y.Type() == cty.String {
			return strings.EqualFold(x.AsString(), y.AsString())
		}
	case EqualSet:
		if x.CanIterateElements() && y.CanIterateElements() {
			return sameMembers(x, y)
		}
	}
	return x.RawEquals(y)
}

// normalCIDR drops host bits; a lone address is a range of one.
func normalCIDR(s string) string {
	if p, err := netip.ParsePrefix(s); err == nil {
		return p.Masked().String()
	}
	if a, err := netip.ParseAddr(s); err == nil {
		return netip.PrefixFrom(a, a.BitLen()).String()
	}
	return s
}

func sameMembers(x, y cty.Value) bool {
	in := func(all []cty.Value, v cty.Value) bool {
		return slices.ContainsFunc(all, func(w cty.Value) bool { return v.RawEquals(w) })
	}
	xs, ys := x.AsValueSlice(), y.AsValueSlice()
	for _, v := range xs {
		if !in(ys, v) {
			return false
		}
	}
	for _, v := range ys {
		if !in(xs, v) {
			return false
		}
	}
	return true
}

// Check says what is wrong with a known, unmarked value of the attribute, as the end of a sentence that begins with the
// value ("is not one of ..."), or nothing.
func (a *Attribute) Check(v cty.Value) string {
	if v.IsNull() || !v.IsKnown() {
		return ""
	}
	if v.Type().IsListType() || v.Type().IsSetType() {
		for _, element := range v.AsValueSlice() {
			if element.IsNull() || !element.IsKnown() {
				continue
			}
			if problem := a.checkOne(element); problem != "" {
				return fmt.Sprintf("holds something that %s (%s)", problem, display(element))
			}
		}
		return ""
	}
	return a.checkOne(v)
}

// checkOne holds a single value against the checks. Those of a list are about its elements.
func (a *Attribute) checkOne(v cty.Value) string {
	for _, c := range a.Checks {
		if problem := c.problem(v); problem != "" {
			return problem
		}
	}
	return ""
}

func (c Check) problem(v cty.Value) string {
	if len(c.OneOf) > 0 && !slices.ContainsFunc(c.OneOf, func(w cty.Value) bool { return v.RawEquals(w) }) {
		var words []string
		for _, w := range c.OneOf {
			words = append(words, display(w))
		}
		return "is not one of " + joinWords(words)
	}
	if v.Type() == cty.Number {
		n, _ := v.AsBigFloat().Float64()
		switch {
		case c.Whole && !v.AsBigFloat().IsInt():
			return "is not a whole number"
		case c.Min != nil && n < *c.Min:
			return "is less than " + strconv.FormatFloat(*c.Min, 'f', -1, 64)
		case c.Max != nil && n > *c.Max:
			return "is more than " + strconv.FormatFloat(*c.Max, 'f', -1, 64)
		}
	}
	if v.Type() != cty.String {
		return ""
	}
	s := v.AsString()
	if c.Pattern != "" {
		if re, err := regexp.Compile(`\A(?:` + c.Pattern + `)\z`); err == nil && !re.MatchString(s) {
			return "does not match " + c.Pattern
		}
	}
	return c.Format.problem(s)
}

func (f Format) problem(s string) string {
	switch f {
	case FormatCIDR:
		if _, err := netip.ParsePrefix(s); err != nil {
			return "is not an address range such as 10.0.0.0/24"
		}
	case FormatIP:
		if _, err := netip.ParseAddr(s); err != nil {
			return "is not an IP address"
		}
	case FormatIPOrCIDR:
		_, notPrefix := netip.ParsePrefix(s)
		if _, notAddr := netip.ParseAddr(s); notAddr != nil && notPrefix != nil {
			return "is neither an IP address nor a range such as 0.0.0.0/0"
		}
	case FormatPortRange:
		from, to, ranged := strings.Cut(s, "-")
		a, okA := port(from)
		b, okB := port(to)
		if !okA || (ranged && (!okB || b < a)) {
			return `is neither a port ("80") nor a range of them ("8080-8090"), from 1 to 65535`
		}
	case FormatCron:
		return cronProblem(s)
	}
	return ""
}

func port(s string) (int, bool) {
	n, err := strconv.Atoi(s)
	return n, err == nil && n >= 1 && n <= 65535 && strconv.Itoa(n) == s
}

// cronProblem checks a schedule of five fields. The parser panics on some time zones, which are refused before.
func cronProblem(s string) (problem string) {
	const want = `is not a schedule of five fields such as "0 2 * * *"`
	defer func() {
		if recover() != nil {
			problem = want
		}
	}()
	if strings.Contains(s, "=") || strings.HasPrefix(strings.TrimSpace(s), "@") {
		return want
	}
	schedule, err := cron.ParseStandard(s)
	if err != nil {
		return fmt.Sprintf("%s (%s)", want, err)
	}
	if schedule.Next(time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)).IsZero() {
		return "names a time that never comes"
	}
	return ""
}

// display writes a known, unmarked value as HCL, on one line: line ends inside a text are written as \n, so each that there is stands
// between the attributes of an object.
func display(v cty.Value) string {
	text := string(hclwrite.TokensForValue(v).Bytes())
	if v.Type().IsPrimitiveType() || !strings.Contains(text, "\n") {
		return text
	}
	var out strings.Builder
	opened := true
	for i, line := range strings.Split(text, "\n") {
		line = strings.TrimSpace(line)
		switch {
		case i == 0:
		case opened || strings.HasPrefix(line, "}"):
			out.WriteByte(' ')
		default:
			out.WriteString(", ")
		}
		out.WriteString(line)
		opened = strings.HasSuffix(line, "{")
	}
	return out.String()
}

// joinWords is a list in a sentence: a, b and c.
func joinWords(words []string) string {
	switch len(words) {
	case 0:
		return "nothing"
	case 1:
		return words[0]
	}
	return strings.Join(words[:len(words)-1], ", ") + " and " + words[len(words)-1]
}
