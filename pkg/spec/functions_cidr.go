package spec

import (
	"fmt"
	"math/big"
	"net"

	"github.com/apparentlymart/go-cidr/cidr"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/function"
	"github.com/zclconf/go-cty/cty/gocty"
)

// cidrFunctions compute address ranges.
func cidrFunctions() map[string]function.Function {
	prefix := function.Parameter{Name: "prefix", Type: cty.String}
	num := func(name string) function.Parameter { return function.Parameter{Name: name, Type: cty.Number} }
	return map[string]function.Function{
		"cidrcontains": function.New(&function.Spec{
			Params: []function.Parameter{prefix, {Name: "within", Type: cty.String}}, Type: function.StaticReturnType(cty.Bool),
			Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
				network, err := parseRange(args[0])
				if err != nil {
					return cty.NilVal, err
				}
				return rangeContains(network, args[1].AsString())
			},
		}),
		"cidrhost": function.New(&function.Spec{
			Params: []function.Parameter{prefix, num("hostnum")}, Type: function.StaticReturnType(cty.String),
			Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
				network, err := parseRange(args[0])
				if err != nil {
					return cty.NilVal, err
				}
				n, err := whole(args[1], 1)
				if err != nil {
					return cty.NilVal, err
				}
				ip, err := cidr.HostBig(network, n)
				if err != nil {
					return cty.NilVal, function.NewArgError(1, err)
				}
				return cty.StringVal(ip.String()), nil
			},
		}),
		"cidrnetmask": function.New(&function.Spec{
			Params: []function.Parameter{prefix}, Type: function.StaticReturnType(cty.String),
			Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
				network, err := parseRange(args[0])
				if err != nil {
					return cty.NilVal, err
				}
				if network.IP.To4() == nil {
					return cty.NilVal, function.NewArgErrorf(0, "must be an IPv4 range: IPv6 has no netmasks")
				}
				return cty.StringVal(net.IP(network.Mask).String()), nil
			},
		}),
		"cidrsubnet": function.New(&function.Spec{
			Params: []function.Parameter{prefix, num("newbits"), num("netnum")}, Type: function.StaticReturnType(cty.String),
			Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
				network, err := parseRange(args[0])
				if err != nil {
					return cty.NilVal, err
				}
				var bits int
				if err := gocty.FromCtyValue(args[1], &bits); err != nil {
					return cty.NilVal, function.NewArgError(1, err)
				}
				n, err := whole(args[2], 2)
				if err != nil {
					return cty.NilVal, err
				}
				subnet, err := cidr.SubnetBig(network, bits, n)
				if err != nil {
					return cty.NilVal, err
				}
				return cty.StringVal(subnet.String()), nil
			},
		}),
		"cidrsubnets": function.New(&function.Spec{
			Params: []function.Parameter{prefix}, VarParam: &function.Parameter{Name: "newbits", Type: cty.Number},
			Type: function.StaticReturnType(cty.List(cty.String)), Impl: subnets,
		}),
	}
}

func parseRange(v cty.Value) (*net.IPNet, error) {
	_, network, err := net.ParseCIDR(v.AsString())
	if err != nil {
		return nil, function.NewArgErrorf(0, "must be an address range such as 10.0.0.0/16")
	}
	return network, nil
}

// whole is a number without a fraction, small enough to be written out.
func whole(v cty.Value, argument int) (*big.Int, error) {
	f := v.AsBigFloat()
	if !f.IsInt() || Absurd(f) {
		return nil, function.NewArgErrorf(argument, "must be a whole number")
	}
	n, _ := f.Int(nil)
	return n, nil
}

// rangeContains: the range holds all of an address, or of another range.
func rangeContains(network *net.IPNet, within string) (cty.Value, error) {
	ip := net.ParseIP(within)
	size := 8 * net.IPv6len
	if ip.To4() != nil {
		size = 8 * net.IPv4len
	}
	length := size
	if ip == nil {
		_, other, err := net.ParseCIDR(within)
		if err != nil {
			return cty.NilVal, function.NewArgErrorf(1, "must be an address such as 10.0.0.1 or a range such as 10.0.0.0/16")
		}
		ip = other.IP
		length, size = other.Mask.Size()
	}
	start, width := network.Mask.Size()
	if width != size {
		return cty.NilVal, function.NewArgErrorf(1, "must be of the same family: one of the two is IPv4, the other IPv6")
	}
	return cty.BoolVal(network.Contains(ip) && start <= length), nil
}

// subnets lays ranges of the given sizes one after the other.
func subnets(args []cty.Value, _ cty.Type) (cty.Value, error) {
	network, err := parseRange(args[0])
	if err != nil {
		return cty.NilVal, err
	}
	if len(args) == 1 {
		return cty.ListValEmpty(cty.String), nil
	}
	start, width := network.Mask.Size()
	var out []cty.Value
	var current *net.IPNet
	for i, a := range args[1:] {
		var bits int
		if err := gocty.FromCtyValue(a, &bits); err != nil {
			return cty.NilVal, function.NewArgError(i+1, err)
		}
		length := start + bits
		if bits < 1 || length > width {
			return cty.NilVal, function.NewArgErrorf(i+1, "must add 1 to %d bits to a /%d", width-start, start)
		}
		overflow := false
		if current == nil {
			current = &net.IPNet{IP: network.IP, Mask: net.CIDRMask(length, width)}
		} else {
			current, overflow = cidr.NextSubnet(current, length)
		}
		if overflow || !network.Contains(current.IP) {
			return cty.NilVal, function.NewArgError(i+1, fmt.Errorf("does not fit: %s is full", network))
		}
		out = append(out, cty.StringVal(current.String()))
	}
	return cty.ListVal(out), nil
}
