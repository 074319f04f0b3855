package sandbox

import (
	"math/big"
	"net"
	"net/netip"
	"time"

	"github.com/apparentlymart/go-cidr/cidr"
	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"
	"github.com/zclconf/go-cty/cty/function"
	"github.com/zclconf/go-cty/cty/gocty"
)

// functions are what an emulate expression may call.
var functions = map[string]function.Function{"cidrhost": cidrHost}

// cidrHost is the n-th address of a range; a negative n counts from its end.
var cidrHost = function.New(&function.Spec{
	Params: []function.Parameter{{Name: "prefix", Type: cty.String}, {Name: "number", Type: cty.Number}},
	Type:   function.StaticReturnType(cty.String),
	Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
		_, network, err := net.ParseCIDR(args[0].AsString())
		if err != nil {
			return cty.NilVal, function.NewArgError(0, err)
		}
		n := new(big.Int)
		if err := gocty.FromCtyValue(args[1], n); err != nil {
			return cty.NilVal, function.NewArgError(1, err)
		}
		host, err := cidr.HostBig(network, n)
		if err != nil {
			return cty.NilVal, function.NewArgError(1, err)
		}
		return cty.StringVal(host.String()), nil
	},
})

// emulate gives attributes what the API sets by itself, in the order of the definition, so that an expression
// sees what those before it came to. wanted says which attributes of those that have an expression. One that has
// no value for this object (the second address of a range of one) leaves its attribute unset.
func (s *Sandbox) emulate(k *kind, o *object, at time.Time, wanted func(*attribute) bool) {
	for _, a := range k.attrs {
		if a.wire.Emulate == nil || k.waitsFor(a.Name) || !wanted(a) {
			continue // what is waited for follows from the time, too
		}
		o.set(a.Name, s.emulated(k, o, a, at))
	}
}

// emulated is what an attribute's expression comes to; NilVal where that is nothing.
func (s *Sandbox) emulated(k *kind, o *object, a *attribute, at time.Time) cty.Value {
	v, diags := a.wire.Emulate.Value(s.scope(k, o, at))
	if diags.HasErrors() {
		return cty.NilVal
	}
	if v, _ = v.UnmarkDeep(); !v.IsWhollyKnown() {
		return cty.NilVal
	}
	converted, err := convert.Convert(v, a.Type)
	if err != nil {
		return cty.NilVal
	}
	return converted
}

// scope is what an expression sees: every attribute of the object, null where it is unset, or waited for and itself an expression.
func (s *Sandbox) scope(k *kind, o *object, at time.Time) *hcl.EvalContext {
	names := map[string]cty.Value{"id": cty.StringVal(o.id)}
	for _, a := range k.attrs {
		v := cty.NilVal
		if a.wire.Emulate == nil || !k.waitsFor(a.Name) {
			v = s.value(k, o, a, at)
		}
		if v == cty.NilVal {
			v = cty.NullVal(a.Type)
		}
		names[a.Name] = v
	}
	return &hcl.EvalContext{Variables: names, Functions: functions}
}

// example is what the API gives the attribute of a new object by itself, for want of a rule: the vendor's
// example. Addresses, and whole numbers with a range (an id of a VLAN), differ from object to object
// as they do in a real account. It is NilVal where the API gives nothing.
func (a *attribute) example(n int) cty.Value {
	if !a.Computed || a.Refers != "" || len(a.Examples) == 0 {
		return cty.NilVal
	}
	v, err := convert.Convert(a.Examples[0], a.Type)
	if err != nil {
		return cty.NilVal
	}
	switch {
	case v.IsNull():
		return cty.NilVal
	case v.Type() == cty.String:
		if ip, err := netip.ParseAddr(v.AsString()); err == nil {
			return cty.StringVal(nthAddress(ip, n).String())
		}
	case v.Type() == cty.Number && a.wire.Whole:
		return a.nthNumber(v, n)
	}
	return v
}

// nthAddress keeps the first octet (or the first seven groups) and counts in the rest, past .0 and .255.
func nthAddress(example netip.Addr, n int) netip.Addr {
	b := example.AsSlice()
	last := len(b) - 1
	host := max(0, int(b[last])-1) + n - 1
	b[last] = byte(1 + host%254)
	carry := host / 254
	for i := last - 1; i > 0 && i > last-3 && carry > 0; i-- {
		carry += int(b[i])
		b[i] = byte(carry)
		carry >>= 8
	}
	out, _ := netip.AddrFromSlice(b)
	return out
}

// nthNumber counts up from the example and around within the attribute's bounds.
func (a *attribute) nthNumber(example cty.Value, n int) cty.Value {
	for _, c := range a.Checks {
		if c.Min == nil || c.Max == nil {
			continue
		}
		from, _ := example.AsBigFloat().Int64()
		low, high := int64(*c.Min), int64(*c.Max)
		if from < low || from > high {
			break
		}
		return cty.NumberIntVal(low + (from-low+int64(n)-1)%(high-low+1))
	}
	return example
}

// initial is what the API gives an attribute that a create leaves out, but for what it computes.
func initial(a *attribute) cty.Value {
	if a.ServerDefault == cty.NilVal {
		return cty.NilVal
	}
	v, err := convertTo(a.Attribute, a.ServerDefault)
	if err != nil {
		return cty.NilVal
	}
	return v
}
