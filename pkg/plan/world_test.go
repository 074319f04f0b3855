package plan_test

import (
	"fmt"
	"maps"
	"slices"

	"github.com/vpsync/vpsync/pkg/plan"
	"github.com/vpsync/vpsync/pkg/spec"
	"github.com/vpsync/vpsync/pkg/state"
	"github.com/zclconf/go-cty/cty"
)

// block is a resource as a user writes it: constants, and references to other resources' ids.
type block struct {
	address spec.Address
	values  spec.Values
	refs    map[string]spec.Address // by attribute
	policy  spec.OnUnsupported
}

// world is an account, a state and a configuration in memory, with the simplest possible planner and runner around
// plan.Compute. It has no failures: it shows what a plan means when all goes well.
type world struct {
	schema  *spec.Schema
	objects map[string]*spec.Object // by id, of all kinds
	next    int
	blocks  map[spec.Address]*block
	state   *state.State
	options plan.Options
}

func newWorld() *world {
	return &world{schema: testSchema(), objects: map[string]*spec.Object{}, blocks: map[spec.Address]*block{}, state: &state.State{}}
}

func (w *world) resource(a spec.Address, deposed string) *state.Resource {
	i := slices.IndexFunc(w.state.Resources, func(r *state.Resource) bool { return r.Address == a && r.Deposed == deposed })
	if i < 0 {
		return nil
	}
	return w.state.Resources[i]
}

// evaluate is the configuration with the ids that are known and will stay.
func (w *world) evaluate(unsettled []spec.Address) *spec.Response {
	out := &spec.Response{}
	for _, a := range slices.SortedFunc(maps.Keys(w.blocks), spec.Address.Compare) {
		out.Resources = append(out.Resources, w.evaluateOne(w.blocks[a], unsettled))
	}
	return out
}

func (w *world) evaluateOne(b *block, unsettled []spec.Address) *spec.Resource {
	r := &spec.Resource{
		Address: b.address, Account: "acme", Kind: w.schema.Kinds[b.address.Kind], Values: maps.Clone(b.values), Lifecycle: spec.Lifecycle{Unsupported: b.policy},
	}
	for name, to := range b.refs {
		r.Uses = append(r.Uses, to)
		r.Values[name] = cty.UnknownVal(cty.String)
		if on := w.resource(to, ""); on != nil && !slices.Contains(unsettled, to) && w.exists(on) {
			r.Values[name] = cty.StringVal(on.ID)
		}
	}
	slices.SortFunc(r.Uses, spec.Address.Compare)
	r.Uses = slices.Compact(r.Uses)
	return r
}

func (w *world) exists(r *state.Resource) bool {
	return w.objects[r.ID] != nil || !w.schema.Kinds[r.Address.Kind].Can(spec.OpList)
}

func (w *world) live() *plan.Live {
	live := &plan.Live{Kinds: map[plan.KindRef]*plan.LiveKind{}}
	for name, kind := range w.schema.Kinds {
		if !kind.Can(spec.OpList) {
			continue
		}
		k := &plan.LiveKind{Listed: true, Pages: 1, Objects: map[string]*spec.Object{}, Gone: map[string]bool{}}
		for id, o := range w.objects {
			if o.Kind == name {
				k.Objects[id] = w.answer(o)
			}
		}
		for _, r := range w.state.Resources {
			k.Gone[r.ID] = r.Address.Kind == name && k.Objects[r.ID] == nil
		}
		for _, l := range w.state.Leftovers {
			k.Gone[l.ID] = l.Kind == name && k.Objects[l.ID] == nil
		}
		live.Kinds[plan.KindRef{Account: "acme", Kind: name}] = k
	}
	return live
}

// answer is an object as a list shows it.
func (w *world) answer(o *spec.Object) *spec.Object {
	out := *o
	out.Values = maps.Clone(o.Values)
	for _, a := range w.schema.Kinds[o.Kind].Attributes {
		if a.Unreadable {
			delete(out.Values, a.Name)
		}
	}
	return &out
}

func (w *world) input(unsettled []spec.Address) plan.Input {
	return plan.Input{
		Config: w.evaluate(unsettled), State: w.state, Live: w.live(), Schemas: map[string]*spec.Schema{"acme": w.schema}, Options: w.options,
	}
}

// plan asks until nothing new is unsettled.
func (w *world) plan() (*plan.Plan, plan.Input) {
	var unsettled []spec.Address
	for {
		in := w.input(unsettled)
		p := plan.Compute(in)
		grown := false
		for _, a := range p.Unsettled {
			if !slices.Contains(unsettled, a) {
				unsettled, grown = append(unsettled, a), true
			}
		}
		if !grown {
			return p, in
		}
	}
}

func (w *world) put(r *state.Resource) {
	w.drop(r.Address, r.Deposed)
	w.state.Resources = append(w.state.Resources, r)
}

func (w *world) drop(a spec.Address, deposed string) {
	w.state.Resources = slices.DeleteFunc(w.state.Resources, func(r *state.Resource) bool { return r.Address == a && r.Deposed == deposed })
}

// apply carries a plan out. An impossible request panics: the API would have refused it.
func (w *world) apply(p *plan.Plan) {
	for _, r := range p.Records {
		w.put(r)
	}
	for _, l := range p.SeenGone {
		w.forgetLeftover(l.ID)
	}
	for _, s := range p.Steps {
		c := p.Changes[s.Change]
		if s.Phase == plan.PhaseRemove {
			w.remove(c)
		} else {
			w.make(c)
		}
	}
}

func (w *world) forgetLeftover(id string) {
	w.state.Leftovers = slices.DeleteFunc(w.state.Leftovers, func(l *state.Leftover) bool { return l.ID == id })
}

func (w *world) remove(c *plan.Change) {
	r := w.resource(c.Address, c.Deposed)
	w.drop(c.Address, c.Deposed)
	if c.Forgets {
		w.state.Leftovers = append(w.state.Leftovers, &state.Leftover{
			ID: r.ID, Kind: c.Kind, Account: "acme", Address: c.Address, Applied: r.Applied, Observed: r.Observed, Secrets: r.Secrets,
		})
	}
	if c.Removes == "" {
		return
	}
	if w.objects[r.ID] == nil {
		panic(fmt.Sprintf("%s: deleting %s, which does not exist", c.Address, r.ID))
	}
	w.destroy(r.ID)
}

// destroy ends an object; volumes come free of their server.
func (w *world) destroy(id string) {
	delete(w.objects, id)
	for _, o := range w.objects {
		for _, a := range w.schema.Kinds[o.Kind].Attributes {
			if v, ok := o.Values[a.Name]; ok && a.ClearedWithTarget && !v.IsNull() && v.AsString() == id {
				o.Values[a.Name] = cty.NullVal(a.Type)
			}
		}
	}
}

func (w *world) make(c *plan.Change) {
	kind := w.schema.Kinds[c.Kind]
	desired := w.evaluateOne(w.blocks[c.Address], nil)
	for name, v := range desired.Values {
		if !v.IsWhollyKnown() {
			panic(fmt.Sprintf("%s.%s is unknown when its turn comes", c.Address, name))
		}
	}
	id, operations := c.ID, c.Operations
	if c.Action == plan.Create || c.Action == plan.Replace {
		id = w.takeBack(kind, c, desired)
		if id == "" {
			w.next++
			id = fmt.Sprintf("%s_%d", c.Kind, w.next)
			w.objects[id] = &spec.Object{Kind: c.Kind, ID: id, Ready: true, Values: spec.Values{}}
			for _, a := range kind.Attributes {
				if a.ServerDefault != cty.NilVal {
					w.objects[id].Values[a.Name] = a.ServerDefault
				}
			}
		}
	}
	if c.Action == plan.Adopt && c.TakesBack != "" {
		w.forgetLeftover(c.TakesBack)
	}
	o := w.objects[id]
	for _, name := range operations {
		op := kind.Operations[name]
		for _, attribute := range op.Sets {
			a := kind.Attribute(attribute)
			v, named := desired.Values[attribute]
			if !named {
				i := slices.IndexFunc(c.Attributes, func(x plan.AttributeChange) bool { return x.Name == attribute && x.Effect == plan.EffectUpdate })
				if i < 0 || c.Action != plan.Update {
					continue // not managed
				}
				v = c.Attributes[i].After
			}
			if is, ok := o.Values[attribute]; ok && a.OnlyFromUnset && !is.IsNull() && !a.Same(is, v) {
				panic(fmt.Sprintf("%s.%s: the API refuses to move it", c.Address, attribute))
			}
			if a.Refers != "" && !v.IsNull() && w.objects[v.AsString()] == nil {
				panic(fmt.Sprintf("%s.%s: %s does not exist", c.Address, attribute, v.AsString()))
			}
			o.Values[attribute] = v
		}
	}
	w.put(&state.Resource{
		Address: c.Address, Account: "acme", ID: id, Applied: desired.Values, Observed: w.answer(o).Values, Policy: state.PolicyOf(desired),
	})
}

func (w *world) takeBack(kind *spec.Kind, c *plan.Change, desired *spec.Resource) string {
	for _, id := range c.MayTakeBack {
		for _, l := range w.state.Leftovers {
			if l.ID == id && plan.TakesBack(kind, desired.Values, l, state.Key{}) {
				w.forgetLeftover(id)
				return id
			}
		}
	}
	return ""
}
