package apply

import (
	"maps"
	"slices"
	"sync"

	"github.com/vpsync/vpsync/pkg/plan"
	"github.com/vpsync/vpsync/pkg/spec"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"
)

// healing works out resources as they were applied. A reference to an object that is made anew becomes one to the new object, and
// only what depends on that otherwise, and could not be known before, is asked of the configuration.
type healing struct {
	spec.Evaluation
	applied *spec.Response             // of [plan.AsApplied]
	owners  map[objectKey]spec.Address // of the objects that were recorded when the plan was made

	mu  sync.Mutex
	ids map[spec.Address]cty.Value // of the objects that this run made
}

func newHealing(session spec.Evaluation, made *Made) *healing {
	h := &healing{Evaluation: session, applied: made.Config, owners: map[objectKey]spec.Address{}, ids: map[spec.Address]cty.Value{}}
	for _, row := range made.State.Resources {
		if row.Deposed == "" {
			h.owners[objectKey{plan.KindRef{Account: row.Account, Kind: row.Address.Kind}, row.ID}] = row.Address
		}
	}
	return h
}

// Know takes note of which object an address has now.
func (h *healing) Know(a spec.Address, v spec.Values) {
	h.mu.Lock()
	h.ids[a] = v[idAttribute]
	h.mu.Unlock()
	h.Evaluation.Know(a, v)
}

// follow is a reference that was applied, to the object which its address has now.
func (h *healing) follow(r *spec.Resource, name string, v cty.Value) cty.Value {
	a := r.Kind.Attribute(name)
	if a == nil || a.Refers == "" || v.IsNull() {
		return v
	}
	plain, marks := v.UnmarkDeep()
	id, err := convert.Convert(plain, cty.String)
	if err != nil || id.IsNull() || !id.IsKnown() {
		return v
	}
	on, owned := h.owners[objectKey{plan.KindRef{Account: r.Account, Kind: a.Refers}, id.AsString()}]
	if !owned || !slices.Contains(r.Uses, on) {
		return v
	}
	h.mu.Lock()
	now, made := h.ids[on]
	h.mu.Unlock()
	if !made || now == cty.NilVal {
		return v
	}
	if now, err = convert.Convert(now, a.Type); err != nil {
		return v
	}
	return now.WithMarks(marks)
}

// Resource is the one that the plan was made of. Its own conditions are not judged: they may be of a configuration that nobody applied.
func (h *healing) Resource(a spec.Address) (*spec.Resource, spec.Diagnostics) {
	i := slices.IndexFunc(h.applied.Resources, func(r *spec.Resource) bool { return r.Address == a })
	if i < 0 {
		return h.Evaluation.Resource(a)
	}
	was := *h.applied.Resources[i]
	was.Values = maps.Clone(was.Values)
	var now *spec.Resource
	for name, v := range was.Values {
		if v.IsWhollyKnown() {
			was.Values[name] = h.follow(&was, name, v)
			continue
		}
		if slices.Contains(was.Withheld, name) {
			delete(was.Values, name) // it stays what it is
			continue
		}
		if now == nil {
			var diags spec.Diagnostics
			if now, diags = h.Evaluation.Resource(a); now == nil || failed(diags) {
				return now, diags
			}
		}
		if value, named := now.Values[name]; named {
			was.Values[name] = value
		}
	}
	return &was, nil
}

// Postconditions are those of the configuration, not of what was applied.
func (*healing) Postconditions(spec.Address) spec.Diagnostics { return nil }
