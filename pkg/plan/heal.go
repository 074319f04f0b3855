package plan

import (
	"fmt"
	"maps"
	"slices"

	"github.com/vpsync/vpsync/pkg/spec"
	"github.com/vpsync/vpsync/pkg/state"
	"github.com/zclconf/go-cty/cty"
)

// Healing limits a plan to putting back what drifted: what somebody changed or deleted at the provider, and what cannot stay as it is
// because of that. It is made of a configuration that went through [AsApplied], so that an edit which nobody applied yet is not in it.
type Healing struct {
	// Unasked: resources whose lifecycle says nothing about drift are put back, too.
	Unasked bool
	// Destroy: what takes the removal of an object is put back, too, and needs no number.
	Destroy bool
}

// AsApplied is the configuration as it was when it was applied last: recorded resources that are still declared, with the values,
// the account and the policy that are recorded of them, and nothing else. What an earlier run had yet to do for an object that it made is
// taken from the configuration, unless its block names other resources by now: nobody recorded it. So is a reference to an object that
// an earlier run has made anew since. renewed are resources whose object is a new one after the plan. An attribute that depends on them is as the configuration says once that is known, if nobody edited it: if then, the
// configuration evaluated with the objects that are recorded (nil where none is renewed), has the applied value for it. A secret whose
// digest is another than the one that was applied is withheld: nobody knows any more what it was. No argument is changed.
func AsApplied(config, then *spec.Response, st *state.State, key state.Key, renewed func(spec.Address) bool) *spec.Response {
	recorded := map[spec.Address]*state.Resource{}
	for _, row := range st.Resources {
		if row.Deposed == "" {
			recorded[row.Address] = row
		}
	}
	before := map[spec.Address]*spec.Resource{}
	if then != nil {
		for _, r := range then.Resources {
			before[r.Address] = r
		}
	}
	out := *config
	out.Resources, out.Imports, out.Removals = nil, nil, nil
	for _, r := range config.Resources {
		if row := recorded[r.Address]; row != nil {
			if was := resourceAsApplied(r, before[r.Address], row, key, renewed); was != nil {
				maps.Copy(was.Values, behind(r, row, was.Values, st.Resources))
				out.Resources = append(out.Resources, was)
			}
		}
	}
	return &out
}

func resourceAsApplied(r, then *spec.Resource, row *state.Resource, key state.Key, renewed func(spec.Address) bool) *spec.Resource {
	applied, err := spec.Conform(r.Kind, row.Applied)
	if err != nil {
		return nil // its definition has changed since; a plan of the whole says so
	}
	was := *r
	was.Account, was.Uses, was.Unmet = row.Account, slices.Clone(row.Uses), nil
	was.Unsupported, was.PreventDestroy, was.BackupBefore, was.Triggers = row.Unsupported, row.PreventDestroy, slices.Clone(row.BackupBefore), nil
	was.Values, was.Withheld = spec.Values{}, nil
	follows := slices.ContainsFunc(row.Uses, renewed)
	for name, v := range applied {
		if now, named := r.Values[name]; named && follows && !now.IsWhollyKnown() && then != nil && r.Kind.Attribute(name).Same(then.Values[name], v) {
			v = now // it is not edited, and will be what its expression says of the new object
		}
		was.Values[name] = v
	}
	for _, operation := range row.Pending {
		if op := r.Kind.Operations[operation]; op != nil && slices.Equal(r.Uses, row.Uses) { // else its block is about other objects by now
			for _, name := range op.Sets {
				if _, done := was.Values[name]; !done && r.Values[name] != cty.NilVal {
					was.Values[name] = r.Values[name]
				}
			}
		}
	}
	secrets := slices.Clone(row.Hidden)
	for name := range row.Secrets {
		secrets = append(secrets, name)
	}
	slices.Sort(secrets)
	for _, name := range slices.Compact(secrets) {
		a := r.Kind.Attribute(name)
		if a == nil {
			continue
		}
		if now, named := r.Values[name]; named && now.IsWhollyKnown() {
			plain, _ := now.UnmarkDeep()
			if digest, digested := row.Secrets[name]; digested && key.Compare(digest, plain) == state.Same {
				was.Values[name] = now
				continue
			}
		}
		was.Values[name] = cty.UnknownVal(a.Type).Mark(spec.Sensitive)
		was.Withheld = append(was.Withheld, name)
	}
	return &was
}

// Behind are resources whose recorded reference is to an object that is recorded no more: a run that made it anew ended before they
// followed. Healing has them follow.
func Behind(config *spec.Response, st *state.State) []spec.Address {
	var all []spec.Address
	for _, r := range config.Resources {
		i := slices.IndexFunc(st.Resources, func(row *state.Resource) bool { return row.Address == r.Address && row.Deposed == "" })
		if i >= 0 && len(behind(r, st.Resources[i], st.Resources[i].Applied, st.Resources)) > 0 {
			all = append(all, r.Address)
		}
	}
	return all
}

// behind are the references among applied values that are to objects which are recorded no more, each with the object that came in its
// place. A block that names other resources than then may mean other objects.
func behind(r *spec.Resource, row *state.Resource, applied spec.Values, recorded []*state.Resource) spec.Values {
	if !slices.Equal(r.Uses, row.Uses) {
		return nil
	}
	next := spec.Values{}
	for name, v := range applied {
		a := r.Kind.Attribute(name)
		if a == nil || a.Refers == "" {
			continue
		}
		holds := func(id string) func(*state.Resource) bool {
			return func(on *state.Resource) bool {
				return on.Account == row.Account && on.Address.Kind == a.Refers && on.ID == id
			}
		}
		was, is := spec.Word(v), spec.Word(r.Values[name])
		if was == "" || is == "" || slices.ContainsFunc(recorded, holds(was)) {
			continue
		}
		if i := slices.IndexFunc(recorded, holds(is)); i >= 0 && recorded[i].Deposed == "" && slices.Contains(row.Uses, recorded[i].Address) {
			next[name] = r.Values[name]
		}
	}
	return next
}

// heals limits an ordered plan to what drifted and may be put back unasked. What waits for something else stays away with that.
func (p *planner) heals() {
	if p.in.Options.Heal == nil {
		return
	}
	index := map[*Change]int{}
	for i, c := range p.plan.Changes {
		index[c] = i
	}
	keep := make([]bool, len(p.plan.Changes))
	for again := true; again; {
		again = false
		for _, d := range p.all {
			if i, listed := index[d.change]; listed && !keep[i] && p.heal(d) && p.mayHeal(d, func(a spec.Address) bool {
				on := p.current[a]
				if on == nil || on.change == nil {
					return false
				}
				j, listed := index[on.change]
				return listed && keep[j] && on.renews()
			}) {
				keep[i], again = true, true
			}
		}
	}
	for i, c := range p.plan.Changes {
		if d := p.current[c.Address]; keep[i] && c.Deposed == "" {
			if name, id := p.stale(d); name != "" {
				keep[i] = false
				p.warn("Not put back", fmt.Sprintf("%s was applied with %s %q, and there is no such %s any more. Apply the configuration to say what it is to be.",
					c.Address, name, id, d.kind.Attribute(name).Refers), c.Address, c.Range)
			}
		}
	}
	for again := true; again; {
		again = false
		for _, s := range p.plan.Steps {
			if keep[s.Change] && slices.ContainsFunc(s.After, func(before int) bool { return !keep[p.plan.Steps[before].Change] }) {
				keep[s.Change], again = false, true
			}
		}
	}
	p.prune(keep, make([]*spec.Address, len(keep)))
}

// stale is an attribute that the change would send, and the id of an object in it that is gone: what is made again has another one.
func (p *planner) stale(d *decision) (name, id string) {
	for _, a := range d.kind.Attributes {
		sent := d.change.Action != Update || slices.ContainsFunc(d.change.Attributes, func(c AttributeChange) bool { return c.Name == a.Name })
		if a.Refers == "" || !sent {
			continue
		}
		want, _ := p.wanted(d, a) // unknown where it follows
		live := p.liveKind(KindRef{d.account, a.Refers})
		if id := spec.Word(want); id != "" && live != nil && (live.Gone[id] || live.Listed && live.Objects[id] == nil) {
			return a.Name, id
		}
	}
	return "", ""
}

// heal: its block, or otherwise the stack, says that drift of it is put back.
func (p *planner) heal(d *decision) bool {
	if d.desired == nil || d.recorded == nil || d.deposed != "" {
		return false
	}
	if d.desired.OnDrift == "" {
		return p.in.Options.Heal.Unasked
	}
	return d.desired.OnDrift == spec.DriftHeal
}

// mayHeal: the change puts back what somebody changed, follows one that does so with a new object, or finishes an object that an earlier
// run made.
func (p *planner) mayHeal(d *decision, renewed func(spec.Address) bool) bool {
	c := d.change
	follows := c.Cause == CauseDepends && slices.ContainsFunc(d.desired.Uses, renewed)
	if c.Action == Update && !slices.ContainsFunc(c.Attributes, func(at AttributeChange) bool { return d.kind.Attribute(at.Name).Refers == "" }) {
		follows = true // see behind: nothing else that was not applied is in the plan
	}
	if c.NeedsHand || !(c.Cause == CauseDrift || c.Cause == CauseGone || c.Cause == CauseResumed || follows) {
		return false
	}
	known := len(d.desired.Withheld) == 0
	switch c.Action {
	case Update:
		return true
	case Create:
		return known
	case Replace:
		return known && p.in.Options.Heal.Destroy
	}
	return false
}
