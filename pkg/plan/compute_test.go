package plan_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/vpsync/vpsync/pkg/plan"
	"github.com/vpsync/vpsync/pkg/spec"
	"github.com/vpsync/vpsync/pkg/state"
	"github.com/zclconf/go-cty/cty"
)

func TestTakesBack(t *testing.T) {
	kinds := testSchema().Kinds
	network := &state.Leftover{
		ID: "net_1", Kind: "network", Account: "acme",
		Observed: spec.Values{"name": cty.StringVal("a"), "cidr": cty.StringVal("10.0.0.0/24"), "gateway": cty.StringVal("10.0.0.1")},
	}
	vault := &state.Leftover{
		ID: "v_1", Kind: "vault", Account: "acme", Address: spec.Address{Kind: "vault", Name: "a"},
		Observed: spec.Values{"name": cty.StringVal("a"), "region": cty.StringVal("eu")},
	}
	server := &state.Leftover{
		ID: "srv_1", Kind: "server", Account: "acme", Applied: spec.Values{"plan": cty.StringVal("small")},
		Observed: spec.Values{"name": cty.StringVal("a"), "location": cty.StringVal("AMS")},
	}
	withKeys := *server
	withKeys.Secrets = map[string]state.Digest{"ssh_keys": digest(t, "acme", server.Address, "ssh_keys", "hunter2")}
	tests := map[string]struct {
		leftover *state.Leftover
		desired  spec.Values
		want     bool
	}{
		"equal":                 {network, spec.Values{"name": cty.StringVal("a"), "cidr": cty.StringVal("10.0.0.9/24")}, true},
		"an update mends it":    {network, spec.Values{"name": cty.StringVal("a"), "cidr": cty.StringVal("10.0.0.0/24"), "gateway": cty.StringVal("10.0.0.9")}, true},
		"another identity":      {network, spec.Values{"name": cty.StringVal("b"), "cidr": cty.StringVal("10.0.0.0/24")}, false},
		"nothing changes it":    {network, spec.Values{"name": cty.StringVal("a"), "cidr": cty.StringVal("10.1.0.0/24")}, false},
		"unknown":               {network, spec.Values{"name": cty.StringVal("a"), "cidr": cty.UnknownVal(cty.String)}, false},
		"an error to change":    {vault, spec.Values{"name": cty.StringVal("a"), "region": cty.StringVal("us")}, false},
		"what was asked for":    {server, spec.Values{"name": cty.StringVal("a"), "location": cty.StringVal("AMS"), "plan": cty.StringVal("small")}, true},
		"something else":        {server, spec.Values{"name": cty.StringVal("a"), "location": cty.StringVal("AMS"), "plan": cty.StringVal("large")}, false},
		"what the API sets":     {server, spec.Values{"name": cty.StringVal("a"), "location": cty.StringVal("AMS"), "os": cty.StringVal("ubuntu")}, true},
		"not what the API sets": {server, spec.Values{"name": cty.StringVal("a"), "location": cty.StringVal("AMS"), "os": cty.StringVal("debian")}, false},
		"never asked for":       {server, spec.Values{"name": cty.StringVal("a"), "location": cty.StringVal("AMS"), "ssh_keys": cty.ListVal([]cty.Value{cty.StringVal("k")})}, false},
		"the same secret":       {&withKeys, spec.Values{"name": cty.StringVal("a"), "location": cty.StringVal("AMS"), "ssh_keys": cty.StringVal("hunter2").Mark(spec.Sensitive)}, true},
		"another secret":        {&withKeys, spec.Values{"name": cty.StringVal("a"), "location": cty.StringVal("AMS"), "ssh_keys": cty.StringVal("hunter3").Mark(spec.Sensitive)}, false},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			require.Equal(t, test.want, plan.TakesBack(kinds[test.leftover.Kind], test.desired, test.leftover, testKey(t)))
		})
	}
	require.False(t, plan.TakesBack(kinds["server"], tests["the same secret"].desired, &withKeys, state.Key{}), "what cannot be verified is not known to be equal")
}

func TestDigest(t *testing.T) {
	change := func() *plan.Change {
		return &plan.Change{
			Address: spec.Address{Kind: "server", Name: "web"}, Action: plan.Update, ID: "srv_1",
			Attributes: []plan.AttributeChange{{Name: "name", Before: cty.StringVal("a"), After: cty.StringVal("b"), Effect: plan.EffectUpdate}},
		}
	}
	digest := func(edit func(*plan.Plan)) string {
		p := &plan.Plan{Changes: []*plan.Change{change()}}
		edit(p)
		return p.Digest()
	}
	same := digest(func(*plan.Plan) {})
	require.Len(t, same, 64)
	for name, edit := range map[string]func(*plan.Plan){
		"cost": func(p *plan.Plan) { p.Cost = []plan.Cost{{Requests: 3}}; p.Reads = 7 },
		"prices": func(p *plan.Plan) {
			p.Prices = plan.Prices{Totals: []plan.PriceTotal{{Account: "acme", Money: plan.Money{Amount: "5.00"}}}}
			p.Changes[0].Price = &plan.Price{Difference: &plan.Money{Amount: "5.00"}}
		},
		"unmanaged": func(p *plan.Plan) { p.Unmanaged = []plan.Unmanaged{{ID: "x"}} },
		"no-op":     func(p *plan.Plan) { p.Changes = append(p.Changes, &plan.Change{Action: plan.NoOp}) },
		"notes":     func(p *plan.Plan) { p.Changes[0].Notes = []string{"x"}; p.Changes[0].Range = &spec.Range{File: "x"} },
		"a computed one": func(p *plan.Plan) {
			p.Changes[0].Attributes = append(p.Changes[0].Attributes, plan.AttributeChange{Name: "ip", Before: cty.StringVal("1"), Effect: plan.EffectComputed})
		},
	} {
		require.Equal(t, same, digest(edit), name)
	}
	for name, edit := range map[string]func(*plan.Plan){
		"address": func(p *plan.Plan) { p.Changes[0].Address.Name = "db" },
		"deposed": func(p *plan.Plan) { p.Changes[0].Deposed = "d1" },
		"action":  func(p *plan.Plan) { p.Changes[0].Action = plan.Replace },
		"id":      func(p *plan.Plan) { p.Changes[0].ID = "srv_2" },
		"before":  func(p *plan.Plan) { p.Changes[0].Attributes[0].Before = cty.StringVal("x") },
		"after":   func(p *plan.Plan) { p.Changes[0].Attributes[0].After = cty.StringVal("x") },
		"unset":   func(p *plan.Plan) { p.Changes[0].Attributes[0].After = cty.NullVal(cty.String) },
		"unknown": func(p *plan.Plan) { p.Changes[0].Attributes[0].After = cty.UnknownVal(cty.String) },
		"secret": func(p *plan.Plan) {
			p.Changes[0].Attributes[0] = plan.AttributeChange{Name: "name", Sensitive: true, Effect: plan.EffectUpdate}
		},
		"forgets": func(p *plan.Plan) { p.Changes[0].Forgets = true },
	} {
		require.NotEqual(t, same, digest(edit), name)
	}
}

// TestInputIsNotChanged holds that the caller's values are its own.
func TestInputIsNotChanged(t *testing.T) {
	w := large(10)
	before := fmt.Sprintf("%#v", w.state.Resources[0].Observed)
	for _, o := range w.objects {
		o.Values["name"] = cty.StringVal("renamed")
	}
	p := plan.Compute(w.input(nil))
	require.NotEmpty(t, p.Changes)
	require.Equal(t, before, fmt.Sprintf("%#v", w.state.Resources[0].Observed))
}

// large is a world without changes: n servers with five rules each.
func large(n int) *world {
	w := newWorld()
	put := func(a spec.Address, id string, values spec.Values, refs map[string]spec.Address, to string) {
		w.blocks[a] = &block{address: a, values: values, refs: refs, policy: spec.UnsupportedError}
		all := spec.Values{}
		for name, v := range values {
			all[name] = v
		}
		var uses []spec.Address
		for name, on := range refs {
			all[name] = cty.StringVal(to)
			uses = append(uses, on)
		}
		w.objects[id] = &spec.Object{Kind: a.Kind, ID: id, Values: all, Ready: true}
		w.state.Resources = append(w.state.Resources, &state.Resource{
			Address: a, Account: "acme", ID: id, Applied: all, Observed: w.answer(w.objects[id]).Values, Policy: state.Policy{Uses: uses, Unsupported: spec.UnsupportedError},
		})
	}
	for i := range n {
		server := spec.Address{Kind: "server", Name: "s", Key: spec.IntKey(i)}
		id := fmt.Sprintf("srv_%d", i)
		put(server, id, spec.Values{"name": cty.StringVal(id), "plan": cty.StringVal("small"), "location": cty.StringVal("AMS")}, nil, "")
		for k := range 5 {
			put(spec.Address{Kind: "rule", Name: "r", Key: spec.IntKey(5*i + k)}, fmt.Sprintf("r_%d", 5*i+k), spec.Values{
				"name": cty.StringVal("x"), "port": cty.StringVal(fmt.Sprint(k)), "source": cty.StringVal("10.0.0.0/8"), "priority": cty.NumberIntVal(100),
			}, map[string]spec.Address{"server_id": server}, id)
		}
	}
	return w
}

// largeInput is built without looking each id up in the state.
func largeInput(w *world) plan.Input {
	in := plan.Input{Config: &spec.Response{}, State: w.state, Schemas: map[string]*spec.Schema{"acme": w.schema}}
	for _, r := range w.state.Resources {
		in.Config.Resources = append(in.Config.Resources, &spec.Resource{
			Address: r.Address, Account: "acme", Kind: w.schema.Kinds[r.Address.Kind], Values: r.Applied, Uses: r.Uses, Lifecycle: spec.Lifecycle{Unsupported: r.Unsupported},
		})
	}
	in.Live = &plan.Live{Kinds: map[plan.KindRef]*plan.LiveKind{}}
	for _, name := range []string{"server", "rule"} {
		in.Live.Kinds[plan.KindRef{Account: "acme", Kind: name}] = &plan.LiveKind{Listed: true, Objects: map[string]*spec.Object{}}
	}
	for id, o := range w.objects {
		in.Live.Kinds[plan.KindRef{Account: "acme", Kind: o.Kind}].Objects[id] = w.answer(o)
	}
	return in
}

// TestLinear counts allocations, which unlike time are the same on every machine: twice the resources may cost
// little more than twice as many.
func TestLinear(t *testing.T) {
	count := func(n int, edit func(*plan.Input)) float64 {
		in := largeInput(large(n))
		edit(&in)
		return testing.AllocsPerRun(1, func() { plan.Compute(in) })
	}
	for name, edit := range map[string]func(*plan.Input){
		"no changes":    func(*plan.Input) {},
		"all is new":    func(in *plan.Input) { in.State, in.Live = nil, nil },
		"destroy":       func(in *plan.Input) { in.Options.Destroy = true },
		"all unmanaged": func(in *plan.Input) { in.State = nil; in.Options.Adopt = true },
	} {
		t.Run(name, func(t *testing.T) {
			require.Less(t, count(400, edit)/count(200, edit), 2.4)
		})
	}
}

// TestLargeIsEmpty shows that the benchmark measures what it says.
func TestLargeIsEmpty(t *testing.T) {
	p := plan.Compute(largeInput(large(100)))
	require.True(t, p.Empty())
	require.Empty(t, p.Changes)
	require.Empty(t, p.Records)
	require.Equal(t, 600, p.Managed)
}

func BenchmarkCompute(b *testing.B) {
	in := largeInput(large(1000))
	b.ReportAllocs()
	for b.Loop() {
		plan.Compute(in)
	}
}
