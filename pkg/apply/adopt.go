package apply

import (
	"context"
	"maps"
	"slices"

	"github.com/vpsync/vpsync/pkg/plan"
	"github.com/vpsync/vpsync/pkg/spec"
	"github.com/vpsync/vpsync/pkg/state"
	"github.com/zclconf/go-cty/cty"
)

// adopt binds an object that exists to the address without a request, and answers which operations it then needs. left is
// the leftover that it was, or nil.
func (m *making) adopt(ctx context.Context, w *walk, id string, left *state.Leftover) ([]string, error) {
	ref := refOf(m.change)
	probe := &state.Resource{Address: m.change.Address, Account: m.change.Account, ID: id}
	object, known, err := w.check.object(ctx, ref, probe)
	if err != nil {
		return nil, err
	}
	if known && object == nil {
		return nil, &DriftError{Address: m.change.Address, ID: id, Gone: true}
	}
	if known && m.change.Action == plan.Adopt && w.made.Live != nil && w.made.Live.Kinds[ref] != nil {
		if saw := w.made.Live.Kinds[ref].Objects[id]; saw != nil {
			if _, _, err := w.check.unchanged(ctx, m.change, &state.Resource{Address: m.change.Address, ID: id, Observed: saw.Values}); err != nil {
				return nil, err
			}
		}
	}
	record, err := bind(m.kind, probe, m.desired, m.want, object, left)
	if err != nil {
		return nil, err
	}
	record.CreatedAt = m.run.clock.Now()
	if err := m.run.boundary(BoundaryLettingGo); err != nil {
		return nil, err
	}
	writes := m.run.deposed(m.change.Action, m.change.Address, id, record.Policy)
	writes = append(append(writes, state.PutResource{Resource: record}), m.run.secretKey(record.Secrets)...)
	if left != nil {
		writes = append(writes, state.RemoveLeftover{Account: left.Account, Kind: left.Kind, ID: left.ID})
	}
	adopted := *m.change
	adopted.Action = plan.Adopt
	writes = append(writes, m.run.letGo(&adopted, id))
	if err := m.run.commitAltered(ctx, writes...); err != nil {
		return nil, err
	}
	m.record, m.object, m.tell.base.ID = record, object, id
	if m.change.Action == plan.Adopt {
		return m.change.Operations, nil
	}
	have, err := attributes(m.kind, record, object)
	if err != nil {
		return nil, err
	}
	return operationsFor(m.kind, m.want.plain, have), nil
}

// bind makes the record of an object that exists. What the API answers is recorded as asked for, so that the next plan
// sees what differs from the configuration, but for what repeats a secret: the next plan sees that nobody asked for it. What it never
// answers is taken from the leftover that the object was, else assumed to be as configured.
func bind(kind *spec.Kind, record *state.Resource, desired *spec.Resource, want *wanted, object *spec.Object, left *state.Leftover) (*state.Resource, error) {
	out := *record
	out.Applied, out.Secrets, out.Observed = spec.Values{}, map[string]state.Digest{}, spec.Values{}
	out.Policy = state.PolicyOf(desired)
	before := &state.Leftover{}
	if left != nil {
		before = left
	}
	applied, err := spec.Conform(kind, before.Applied)
	if err != nil {
		return nil, err
	}
	if object != nil {
		out.Observed = observable(kind, object, out.Policy, want.secrets, want.plain)
		out.Unready = !kind.WaitsApart && unready(kind, object)
	} else if out.Observed, err = spec.Conform(kind, before.Observed); err != nil {
		return nil, err
	}
	assume := func(name string) {
		if !slices.Contains(out.Assumed, name) {
			out.Assumed = append(out.Assumed, name)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(want.plain)) {
		value, a := want.plain[name], kind.Attribute(name)
		if readable(a) && object != nil && (!a.DetailOnly || object.Detail) {
			live, ok := object.Values[name]
			if !ok {
				live = cty.NullVal(a.Type)
			}
			if !a.Same(value, live) {
				if slices.Contains(object.Repeats, name) {
					continue
				}
				value = live
			}
			out.Applied[name] = value
			continue
		}
		if recorded, ok := applied[name]; ok {
			out.Applied[name] = recorded
			if slices.Contains(before.Assumed, name) {
				assume(name)
			}
			continue
		}
		out.Applied[name] = value
		assume(name)
	}
	for _, name := range slices.Sorted(maps.Keys(want.secrets)) {
		if recorded, ok := before.Secrets[name]; ok {
			out.Secrets[name] = recorded
			continue
		}
		out.Secrets[name] = want.secrets[name]
		assume(name)
	}
	return &out, nil
}
