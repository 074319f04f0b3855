package spec

import (
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/zclconf/go-cty/cty"
)

func TestSame(t *testing.T) {
	list := func(words ...string) cty.Value {
		var out []cty.Value
		for _, w := range words {
			out = append(out, text(w))
		}
		if len(out) == 0 {
			return cty.ListValEmpty(cty.String)
		}
		return cty.ListVal(out)
	}
	for _, x := range []struct {
		name  string
		equal Equality
		a, b  cty.Value
		same  bool
	}{
		{"equal", EqualExact, text("a"), text("a"), true},
		{"different", EqualExact, text("a"), text("b"), false},
		{"case matters", EqualExact, text("a"), text("A"), false},
		{"case does not matter", EqualCase, text("a"), text("A"), true},
		{"host bits", EqualCIDR, text("10.0.0.5/24"), text("10.0.0.0/24"), true},
		{"a lone address is a range of one", EqualCIDR, text("10.0.0.5"), text("10.0.0.5/32"), true},
		{"another range", EqualCIDR, text("10.0.0.0/24"), text("10.0.0.0/25"), false},
		{"ipv6 forms", EqualCIDR, text("2001:DB8::1/64"), text("2001:db8::/64"), true},
		{"no range at all", EqualCIDR, text("x"), text("x"), true},
		{"order does not matter", EqualSet, list("a", "b"), list("b", "a", "a"), true},
		{"another member", EqualSet, list("a"), list("a", "b"), false},
		{"empty sets", EqualSet, list(), list(), true},
		{"order matters", EqualExact, list("a", "b"), list("b", "a"), false},
		{"both null", EqualSet, cty.NullVal(cty.List(cty.String)), cty.NullVal(cty.List(cty.String)), true},
		{"one null", EqualSet, list(), cty.NullVal(cty.List(cty.String)), false},
		{"unknown is the same as nothing", EqualExact, cty.UnknownVal(cty.String), cty.UnknownVal(cty.String), false},
		{"unknown inside", EqualSet, cty.ListVal([]cty.Value{cty.UnknownVal(cty.String)}), list("a"), false},
		{"marks do not matter", EqualExact, text("a").Mark(Sensitive), text("a"), true},
		{"not said and not said", EqualExact, cty.NilVal, cty.NilVal, true},
		{"not said and said", EqualExact, cty.NilVal, text("a"), false},
		{"numbers by value", EqualExact, cty.NumberIntVal(1), cty.NumberFloatVal(1), true},
	} {
		t.Run(x.name, func(t *testing.T) {
			a := &Attribute{Equal: x.equal}
			require.Equal(t, x.same, a.Same(x.a, x.b))
			require.Equal(t, x.same, a.Same(x.b, x.a))
		})
	}
}

func TestConform(t *testing.T) {
	kind := testSchema().Kinds["server"]
	got, err := Conform(kind, Values{
		"ssh_keys": cty.TupleVal([]cty.Value{text("a"), text("b")}),
		"os":       cty.NullVal(cty.DynamicPseudoType),
		"specs":    cty.ObjectVal(map[string]cty.Value{"cpu": text("2"), "ram": cty.NumberIntVal(4), "new": cty.True}),
		"gone":     text("an attribute that the kind has no more"),
	})
	require.NoError(t, err)
	require.Len(t, got, 3)
	require.Equal(t, cty.List(cty.String), got["ssh_keys"].Type())
	require.True(t, got["os"].RawEquals(cty.NullVal(cty.String)))
	require.True(t, got["specs"].RawEquals(cty.ObjectVal(map[string]cty.Value{"cpu": cty.NumberIntVal(2), "ram": cty.NumberIntVal(4)})))

	_, err = Conform(kind, Values{"specs": text("x")})
	require.ErrorContains(t, err, "specs of server")
}

func TestKind(t *testing.T) {
	kind := testSchema().Kinds["server"]
	require.Equal(t, "plan", kind.Attribute("plan").Name)
	require.Nil(t, kind.Attribute("id"))
	require.True(t, kind.Can(OpList))
	require.False(t, kind.Can(OpUpdate))
}

func TestChecks(t *testing.T) {
	for _, x := range []struct {
		check Check
		good  []cty.Value
		bad   []cty.Value
	}{
		{Check{OneOf: []cty.Value{text("a")}}, []cty.Value{text("a"), cty.NullVal(cty.String), cty.UnknownVal(cty.String)}, []cty.Value{text("b"), text("")}},
		{Check{Pattern: "a|b"}, []cty.Value{text("a"), text("b")}, []cty.Value{text("ab"), text("a\n"), text("")}},
		{Check{Min: ptr(1.0), Max: ptr(2.0)}, []cty.Value{cty.NumberIntVal(1), cty.NumberFloatVal(1.5), cty.NumberIntVal(2)}, []cty.Value{cty.NumberFloatVal(0.99), cty.NumberIntVal(3)}},
		{Check{Whole: true}, []cty.Value{cty.NumberIntVal(-1)}, []cty.Value{cty.NumberFloatVal(1.5)}},
		{Check{Format: FormatCIDR}, []cty.Value{text("10.0.0.0/8"), text("10.0.0.5/24"), text("2001:db8::/32")}, []cty.Value{text("10.0.0.0"), text("10.0.0.0/33"), text("")}},
		{Check{Format: FormatIP}, []cty.Value{text("10.0.0.1"), text("::1")}, []cty.Value{text("10.0.0.0/8"), text("10.0.0"), text("010.0.0.1")}},
		{Check{Format: FormatIPOrCIDR}, []cty.Value{text("10.0.0.1"), text("0.0.0.0/0"), text("::/0")}, []cty.Value{text("any"), text("")}},
		{Check{Format: FormatPortRange}, []cty.Value{text("1"), text("65535"), text("8080-8090"), text("80-80")},
			[]cty.Value{text("0"), text("65536"), text("90-80"), text("80-"), text("-80"), text("80 - 90"), text("080"), text("+80"), text("1-2-3"), text("")}},
		{Check{Format: FormatCron}, []cty.Value{text("0 2 * * *"), text("*/5 0-6 1,15 * MON-FRI")},
			[]cty.Value{text("@daily"), text("@every 0s"), text("TZ=UTC 0 2 * * *"), text("CRON_TZ=X 0 2 * * *"), text("0 2 * *"), text("0 0 2 * * *"), text("60 * * * *"), text("0 0 30 2 *"), text("")}},
	} {
		a := &Attribute{Checks: []Check{x.check}}
		for _, v := range x.good {
			require.Emptyf(t, a.Check(v), "%+v of %#v", x.check, v)
		}
		for _, v := range x.bad {
			require.NotEmptyf(t, a.Check(v), "%+v of %#v", x.check, v)
		}
	}
}
