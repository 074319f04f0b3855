package plan

import (
	"maps"
	"slices"

	"github.com/vpsync/vpsync/pkg/spec"
	"github.com/vpsync/vpsync/pkg/state"
	"github.com/zclconf/go-cty/cty"
)

// recordOf is the resource's row as it should be although nothing is sent, or nil where it is so already. While requests
// are on their way for the resource, only what no request will record is in it: had the new observed values
// been recorded and the requests then failed, the next plan would take the drift for something that did not converge.
func (p *planner) recordOf(d *decision, b *basis, resume resumption) *state.Resource {
	c := d.change
	if c.NeedsHand || c.Action == Replace {
		return nil
	}
	row := *d.recorded
	row.Applied, row.Observed = maps.Clone(row.Applied), maps.Clone(row.Observed)
	row.Secrets, row.Assumed = maps.Clone(row.Secrets), slices.Clone(row.Assumed)
	changed := false
	for _, ch := range c.Attributes {
		if ch.Effect == EffectRecord || ch.Effect == EffectNextCreate || ch.Effect == EffectNone {
			changed = p.recordAttribute(d, &row, ch) || changed
		}
	}
	if c.Action == NoOp && !row.Policy.Equal(state.PolicyOf(d.desired)) {
		row.Policy = state.PolicyOf(d.desired)
		changed = true
	}
	if !slices.Equal(row.Pending, resume.operations) {
		row.Pending, changed = resume.operations, true
	}
	if row.Unready && !resume.waits {
		row.Unready, changed = false, true
	}
	if d.live != nil && c.Action == NoOp && p.recordObserved(d, b, &row) {
		changed = true
	}
	if !changed {
		return nil
	}
	return &row
}

// recordAttribute writes what is wanted into the row as applied, or drops what is not wanted any more.
func (p *planner) recordAttribute(d *decision, row *state.Resource, ch AttributeChange) bool {
	want, secret := p.wanted(d, d.kind.Attribute(ch.Name))
	switch {
	case ch.Cause == CauseUnmet:
		return false
	case want == cty.NilVal:
		delete(row.Applied, ch.Name)
		delete(row.Secrets, ch.Name)
		row.Assumed = slices.DeleteFunc(row.Assumed, func(n string) bool { return n == ch.Name })
		return true
	case !want.IsWhollyKnown():
		return false
	case secret:
		delete(row.Applied, ch.Name)
		delete(row.Observed, ch.Name)
		if digest, ok := p.digest(d, ch.Name, want); ok {
			if row.Secrets == nil {
				row.Secrets = map[string]state.Digest{}
			}
			row.Secrets[ch.Name] = digest
		}
	default:
		if row.Applied == nil {
			row.Applied = spec.Values{}
		}
		row.Applied[ch.Name] = want
		delete(row.Secrets, ch.Name)
	}
	row.Assumed = slices.DeleteFunc(row.Assumed, func(n string) bool { return n == ch.Name })
	if ch.Unverified && ch.Effect == EffectRecord {
		row.Assumed = append(row.Assumed, ch.Name)
		slices.Sort(row.Assumed)
	}
	return true
}

// recordObserved takes over what the API answers now. An attribute whose difference is listed and not settled keeps what
// was observed, so that the next plan sees the same difference. An answer that repeats a secret is recorded only where the same was
// asked for in plain.
func (p *planner) recordObserved(d *decision, b *basis, row *state.Resource) bool {
	unsettled := map[string]bool{}
	for _, ch := range d.change.Attributes {
		unsettled[ch.Name] = ch.Effect == EffectImpossible
	}
	observed, hidden := spec.Values{}, state.PolicyOf(d.desired)
	for _, a := range d.kind.Attributes {
		if _, secret := row.Secrets[a.Name]; secret || a.Sensitive || a.Unreadable || row.Hides(a.Name) || hidden.Hides(a.Name) {
			continue
		}
		from := b.live
		if unsettled[a.Name] {
			from = b.observed
		} else if d.live.Telling(a, row.Applied) {
			continue
		}
		if v, ok := from[a.Name]; ok {
			observed[a.Name] = v
		}
	}
	if sameValues(d.kind, observed, b.observed) {
		return false
	}
	row.Observed = observed
	return true
}

// sameValues compares by each attribute's rule, so that an API that orders a list anew in each answer causes no writes. One that is
// missing equals one that is unset.
func sameValues(kind *spec.Kind, a, b spec.Values) bool {
	for _, attr := range kind.Attributes {
		x, inA := a[attr.Name]
		y, inB := b[attr.Name]
		switch {
		case inA && inB:
			if !attr.Same(x, y) {
				return false
			}
		case inA && !x.IsNull(), inB && !y.IsNull():
			return false
		}
	}
	return true
}
