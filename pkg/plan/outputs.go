package plan

import (
	"maps"
	"slices"

	"github.com/vpsync/vpsync/pkg/spec"
	"github.com/vpsync/vpsync/pkg/state"
	"github.com/zclconf/go-cty/cty"
)

// outputs compares each output with what is recorded, by name. Sensitive ones are never recorded, so nothing can be said
// of them.
func (p *planner) outputs() []OutputChange {
	in := p.in
	wanted := map[string]*spec.Output{}
	if in.Config != nil && !in.Options.Destroy {
		for _, o := range in.Config.Outputs {
			wanted[o.Name] = o
		}
	}
	recorded := map[string]state.Output{}
	if in.State != nil {
		recorded = in.State.Outputs
	}
	names := map[string]bool{}
	for n := range wanted {
		names[n] = true
	}
	for n := range recorded {
		names[n] = true
	}
	var all []OutputChange
	for _, name := range slices.Sorted(maps.Keys(names)) {
		o, is := wanted[name]
		was, known := recordedOutput(recorded, name)
		c := OutputChange{Name: name, Before: was}
		switch {
		case in.Options.Heal != nil:
			c.After, c.Action, c.Held = was, NoOp, true // what the configuration makes of it, nobody applied
		case !is:
			c.Action, c.After = Delete, cty.NullVal(was.Type())
		case o.Sensitive || o.Value.ContainsMarked():
			c = OutputChange{Name: name, Sensitive: true, Action: NoOp}
		case slices.ContainsFunc(o.Uses, p.waits):
			c.After, c.Action, c.Held = was, NoOp, true
		default:
			c.After = o.Value
			switch {
			case !known:
				c.Action = Create
			case c.After.RawEquals(was):
				c.Action = NoOp
			default:
				c.Action = Update
			}
		}
		all = append(all, c)
	}
	return all
}

// waits: the operator's selection leaves a change of the resource out.
func (p *planner) waits(a spec.Address) bool {
	d := p.current[a]
	return d != nil && d.leftOut && d.change != nil && d.change.Action != NoOp
}

// recordedOutput decodes a recorded value; known is false where there is none, or none that can be read.
func recordedOutput(all map[string]state.Output, name string) (v cty.Value, known bool) {
	o, ok := all[name]
	if !ok {
		return cty.NullVal(cty.DynamicPseudoType), false
	}
	if v, err := o.Decode(); err == nil {
		return v, true
	}
	return cty.NullVal(cty.DynamicPseudoType), false
}
