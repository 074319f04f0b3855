package plan

import (
	"slices"
	"strings"

	"github.com/vpsync/vpsync/pkg/spec"
	"github.com/zclconf/go-cty/cty"
)

// OfFiles is what one configuration asks for otherwise than another, worked out from the two alone: for whoever may see neither the
// account nor the state. Ids and whatever else an API tells are unknown on both sides, and equal. It has no steps, and nothing can be
// carried out by it.
func OfFiles(reviewed, proposed *spec.Response) *Plan {
	p := &Plan{Managed: len(proposed.Resources)}
	was := map[spec.Address]*spec.Resource{}
	for _, r := range reviewed.Resources {
		was[r.Address] = r
	}
	for _, r := range proposed.Resources {
		before := was[r.Address]
		delete(was, r.Address)
		at := r.Range
		c := &Change{Address: r.Address, Account: r.Account, Kind: r.Kind.Name, Action: Update, Cause: CauseConfig, Range: &at}
		if before == nil {
			before = &spec.Resource{}
			c.Action, c.Cause = Create, CauseNew
		}
		c.Attributes = differences(r.Kind, c.Cause, before.Values, r.Values)
		if c.Action == Update && slices.ContainsFunc(c.Attributes, func(a AttributeChange) bool { return a.Effect == EffectReplace }) {
			c.Action, c.LosesData = Replace, r.Kind.HoldsData
		}
		if c.Action == Create || len(c.Attributes) > 0 {
			p.Changes = append(p.Changes, c)
		}
	}
	for _, r := range was {
		p.Changes = append(p.Changes, &Change{Address: r.Address, Account: r.Account, Kind: r.Kind.Name, Action: Delete, Cause: CauseRemoved, LosesData: r.Kind.HoldsData})
	}
	slices.SortFunc(p.Changes, func(a, b *Change) int { return strings.Compare(a.Address.String(), b.Address.String()) })
	for _, c := range p.Changes {
		switch c.Action {
		case Create:
			p.Counts.Add++
		case Update:
			p.Counts.Change++
		case Replace:
			p.Counts.Replace++
		case Delete:
			p.Counts.Destroy++
		}
	}
	return p
}

// differences are the attributes in which two sets of values differ, in the order of the schema. Of a secret none of its values is shown.
func differences(kind *spec.Kind, cause Cause, before, after spec.Values) []AttributeChange {
	var out []AttributeChange
	for _, a := range kind.Attributes {
		was, secretly := unmarked(before[a.Name])
		is, secret := unmarked(after[a.Name])
		if was.RawEquals(is) {
			continue
		}
		c := AttributeChange{Name: a.Name, Before: was, After: is, Cause: cause, Effect: EffectUpdate, Operation: "update"}
		if a.OnChange == spec.OnReplace {
			c.Effect, c.Operation = EffectReplace, ""
		}
		if secret || secretly || a.Sensitive {
			c.Sensitive, c.Before, c.After = true, cty.NilVal, cty.NilVal
		}
		out = append(out, c)
	}
	return out
}

// unmarked is a value without its marks, and whether it had any. What is not set is null.
func unmarked(v cty.Value) (cty.Value, bool) {
	if v == cty.NilVal {
		return cty.NullVal(cty.DynamicPseudoType), false
	}
	secret := v.ContainsMarked()
	v, _ = v.UnmarkDeep()
	if v.IsNull() {
		return cty.NullVal(cty.DynamicPseudoType), secret
	}
	return v, secret
}
