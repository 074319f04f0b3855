package plan_test

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/vpsync/vpsync/pkg/plan"
	"github.com/vpsync/vpsync/pkg/spec"
	"github.com/zclconf/go-cty/cty"
	"pgregory.net/rapid"
)

func str(options ...string) *rapid.Generator[cty.Value] {
	return rapid.Map(rapid.SampledFrom(options), cty.StringVal)
}

// edit changes the configuration at random.
func (w *world) edit(t *rapid.T) {
	for range rapid.IntRange(1, 6).Draw(t, "edits") {
		kind := rapid.SampledFrom([]string{"server", "server", "network", "volume", "rule", "alert"}).Draw(t, "kind")
		n := rapid.IntRange(0, 2).Draw(t, "name")
		a := spec.Address{Kind: kind, Name: fmt.Sprint("x", n)}
		if rapid.IntRange(0, 3).Draw(t, "remove") == 0 {
			delete(w.blocks, a)
			if kind == "server" {
				for _, b := range w.blocks {
					for name, to := range b.refs {
						if to == a {
							delete(b.refs, name)
						}
					}
				}
			}
			continue
		}
		b := &block{address: a, values: spec.Values{"name": cty.StringVal(a.Name)}, refs: map[string]spec.Address{}}
		b.policy = rapid.SampledFrom([]spec.OnUnsupported{spec.UnsupportedForget, spec.UnsupportedForget, spec.UnsupportedIgnore}).Draw(t, "policy")
		maybe := func(name string, g *rapid.Generator[cty.Value]) {
			if rapid.Bool().Draw(t, name+" named") {
				b.values[name] = g.Draw(t, name)
			}
		}
		refers := func() {
			to := spec.Address{Kind: "server", Name: fmt.Sprint("x", rapid.IntRange(0, 2).Draw(t, "server"))}
			if w.blocks[to] != nil && rapid.Bool().Draw(t, "refers") {
				b.refs["server_id"] = to
			}
		}
		switch kind {
		case "server":
			b.values["plan"] = str("small", "large").Draw(t, "plan")
			b.values["location"] = str("AMS", "IST").Draw(t, "location")
			maybe("os", str("ubuntu", "debian"))
		case "network":
			b.values["cidr"] = str("10.0.0.0/24", "10.0.0.7/24", "10.1.0.0/24").Draw(t, "cidr")
			maybe("gateway", str("10.0.0.1", "10.0.0.2"))
		case "volume":
			b.values["size_gb"] = cty.NumberIntVal(int64(rapid.IntRange(1, 2).Draw(t, "size")))
			refers()
		case "rule":
			b.values["port"] = cty.StringVal(fmt.Sprint(80 + n))
			b.values["source"] = str("10.0.0.0/8", "10.0.0.1/8", "0.0.0.0/0").Draw(t, "source")
			if rapid.Bool().Draw(t, "priority named") {
				b.values["priority"] = cty.NumberIntVal(int64(rapid.IntRange(99, 101).Draw(t, "priority")))
			}
			refers()
		case "alert":
			b.values["threshold"] = str("1", "2").Draw(t, "threshold")
			refers()
		}
		w.blocks[a] = b
	}
}

// drift changes the account at random.
func (w *world) drift(t *rapid.T) {
	for _, id := range keys(w.objects) {
		o := w.objects[id]
		switch rapid.IntRange(0, 9).Draw(t, "drift") {
		case 0:
			if o.Kind != "alert" {
				w.destroy(id)
			}
		case 1:
			switch o.Kind {
			case "network":
				o.Values["gateway"] = str("10.0.0.3", "10.0.0.1").Draw(t, "gateway")
			case "rule":
				o.Values["source"] = str("10.9.0.0/16", "10.0.0.0/8").Draw(t, "source")
			case "server":
				o.Values["name"] = cty.StringVal("renamed")
			}
		}
	}
}

// TestConverges: once a plan is carried out the next one is empty, whatever was edited and whatever drifted; every step
// respects its order (the world refuses what an API would); and neither a second computation nor another order of the
// inputs changes a byte.
func TestConverges(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := newWorld()
		w.options = plan.Options{Adopt: true, Allow: 1000, ConfirmGone: true}
		for range rapid.IntRange(1, 4).Draw(t, "rounds") {
			w.edit(t)
			w.options.Destroy = rapid.IntRange(0, 9).Draw(t, "destroy") == 0
			p, in := w.plan()
			requireOrdered(t, p)
			text := describe(p)
			require.Equal(t, text, describe(plan.Compute(in)))
			require.Equal(t, text, describe(plan.Compute(shuffled(in, rapid.Uint64().Draw(t, "shuffle")))))
			if p.Blocked() {
				return // a hand is needed
			}
			w.apply(p)
			again, _ := w.plan()
			require.True(t, again.Empty(), "after\n%s\nthe next plan is\n%s", text, describe(again))
			w.apply(again)
			third, _ := w.plan()
			require.Empty(t, third.Records, "what was recorded is recorded again: %s", describe(third))
			w.drift(t)
			w.options.Destroy = false
		}
	})
}

func requireOrdered(t *rapid.T, p *plan.Plan) {
	seen := map[string]bool{}
	for i, s := range p.Steps {
		for _, j := range s.After {
			require.Less(t, j, i)
		}
		c := p.Changes[s.Change]
		key := fmt.Sprint(c.Address, c.Deposed, s.Phase)
		require.False(t, seen[key], "%s twice", key)
		seen[key] = true
	}
}

func shuffled(in plan.Input, seed uint64) plan.Input {
	r := rand.New(rand.NewPCG(seed, 0))
	config, recorded := *in.Config, *in.State
	config.Resources = append([]*spec.Resource(nil), config.Resources...)
	r.Shuffle(len(config.Resources), func(i, j int) {
		config.Resources[i], config.Resources[j] = config.Resources[j], config.Resources[i]
	})
	recorded.Resources = append(recorded.Resources[:0:0], recorded.Resources...)
	r.Shuffle(len(recorded.Resources), func(i, j int) {
		recorded.Resources[i], recorded.Resources[j] = recorded.Resources[j], recorded.Resources[i]
	})
	recorded.Leftovers = append(recorded.Leftovers[:0:0], recorded.Leftovers...)
	r.Shuffle(len(recorded.Leftovers), func(i, j int) {
		recorded.Leftovers[i], recorded.Leftovers[j] = recorded.Leftovers[j], recorded.Leftovers[i]
	})
	in.Config, in.State = &config, &recorded
	return in
}

// TestDestroyReverses: whatever is made after what it refers to is removed before it, whichever configurations came in between.
func TestDestroyReverses(t *testing.T) {
	pairs := 0
	rapid.Check(t, func(t *rapid.T) {
		w := newWorld()
		w.options = plan.Options{Adopt: true, Allow: 1000, ConfirmGone: true}
		for range 1 + rapid.IntRange(0, 2).Draw(t, "rounds") {
			w.edit(t)
			w.refer()
			p, _ := w.plan()
			if p.Blocked() {
				return
			}
			requireBefore(t, w, p, plan.PhaseMake)
			w.apply(p)
		}
		w.options.Destroy = true
		p, _ := w.plan()
		pairs += requireBefore(t, w, p, plan.PhaseRemove)
	})
	least := 50 // of some 130
	if testing.Short() {
		least = 5 // of some 25
	}
	require.Greater(t, pairs, least, "hardly anything referred to anything")
}

// refer has something refer to something: a volume to a server.
func (w *world) refer() {
	server := spec.Address{Kind: "server", Name: "x0"}
	if w.blocks[server] == nil {
		w.blocks[server] = &block{address: server, values: spec.Values{"name": cty.StringVal("x0"), "plan": cty.StringVal("small"), "location": cty.StringVal("AMS")}, refs: map[string]spec.Address{}, policy: spec.UnsupportedForget}
	}
	volume := spec.Address{Kind: "volume", Name: "x0"}
	if w.blocks[volume] == nil {
		w.blocks[volume] = &block{address: volume, values: spec.Values{"name": cty.StringVal("x0"), "size_gb": cty.NumberIntVal(1)}, policy: spec.UnsupportedForget}
	}
	w.blocks[volume].refs = map[string]spec.Address{"server_id": server}
}

// requireBefore holds the order of both ends of each reference whose halves of this phase are in the plan, and counts those.
func requireBefore(t *rapid.T, w *world, p *plan.Plan, phase plan.Phase) (pairs int) {
	at := map[spec.Address]int{}
	for i, s := range p.Steps {
		if c := p.Changes[s.Change]; s.Phase == phase && c.Deposed == "" {
			at[c.Address] = i
		}
	}
	for a, b := range w.blocks {
		for _, to := range b.refs {
			user, ok := at[a]
			used, both := at[to]
			if !ok || !both {
				continue
			}
			pairs++
			if phase == plan.PhaseMake {
				require.Less(t, used, user, "%s is made before %s, which it refers to", a, to)
			} else {
				require.Less(t, user, used, "%s is removed after %s, which it refers to", a, to)
			}
		}
	}
	return pairs
}
