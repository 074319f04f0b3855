package plan

import (
	"fmt"
	"maps"
	"slices"

	"github.com/vpsync/vpsync/pkg/spec"
	"github.com/vpsync/vpsync/pkg/state"
	"github.com/zclconf/go-cty/cty"
)

// basis is what is known of an object that exists, in the types of its kind's schema.
type basis struct {
	applied spec.Values
	// observed is what the API answered last time, and live what it answers now: the same where it was not asked.
	observed, live spec.Values
	secrets        map[string]state.Digest
	hides          func(name string) bool // a secret, with or without a digest
	// created: a request of vpsync's made the object, so what it never asked for has the value that the API gives by itself.
	created bool
}

// recordedBasis is what is known of a recorded resource's object.
func (p *planner) recordedBasis(d *decision) *basis {
	r := d.recorded
	b := &basis{
		secrets: r.Secrets, hides: func(name string) bool { _, digested := r.Secrets[name]; return digested || r.Hides(name) },
		applied: p.conform(d, r.Applied), observed: p.conform(d, r.Observed),
	}
	b.live = answered(d.kind, d.live, b.observed)
	for _, a := range d.kind.Attributes {
		if !a.Required || !(a.Unreadable || a.Sensitive) {
			continue
		}
		_, value := r.Applied[a.Name]
		_, secret := r.Secrets[a.Name]
		if (value || secret) && !slices.Contains(r.Assumed, a.Name) {
			b.created = true // nobody could have told vpsync, so it asked for it
		}
	}
	return b
}

// conform converts recorded values, which are of implied types, to the schema's. What does not fit counts as never
// recorded.
func (p *planner) conform(d *decision, v spec.Values) spec.Values {
	out, err := spec.Conform(d.kind, v)
	if err == nil {
		return out
	}
	p.warn(fmt.Sprintf("the recorded values of %s do not fit its kind", d.address),
		fmt.Sprintf("The definition of %s has changed since they were recorded (%s). Those that do not fit are ignored.", d.kind.Name, err), d.address, nil)
	out = spec.Values{}
	for name, value := range v {
		if one, err := spec.Conform(d.kind, spec.Values{name: value}); err == nil {
			maps.Copy(out, one)
		}
	}
	return out
}

// answered is what an object's answer says of every readable attribute: one that the answer could hold and does not is
// unset. Without an answer it is what was observed last.
func answered(kind *spec.Kind, o *spec.Object, observed spec.Values) spec.Values {
	if o == nil {
		return observed
	}
	out := make(spec.Values, len(o.Values))
	for _, a := range kind.Attributes {
		if a.Unreadable {
			continue
		}
		if v, ok := o.Values[a.Name]; ok {
			out[a.Name] = v
		} else if a.DetailOnly && !o.Detail {
			if v, ok := observed[a.Name]; ok {
				out[a.Name] = v
			}
		} else {
			out[a.Name] = cty.NullVal(a.Type)
		}
	}
	return out
}

// compare lists the attributes that differ, or whose record does, in the order of the schema. keep says that the object stays, so
// that ignore_changes holds.
func (p *planner) compare(d *decision, b *basis, keep bool) []AttributeChange {
	var all []AttributeChange
	for _, a := range d.kind.Attributes {
		if keep && d.desired.Ignores(a.Name) && (d.recorded == nil || !p.unfinished(d, a)) {
			continue // the object keeps what it has
		}
		want, secret := p.wanted(d, a)
		wasSecret := b.hides != nil && b.hides(a.Name)
		var c *AttributeChange
		switch {
		case wasSecret && slices.Contains(d.desired.Withheld, a.Name) && !want.IsWhollyKnown():
			// Set, unverified: nobody here may know what is wanted. What was recorded in plain and is withheld now is a change: else whoever
			// writes the configuration could hide one.
		case want == cty.NilVal && wasSecret:
			c = p.removedSecret(d, a, b)
		case want == cty.NilVal:
			c = p.removedAttribute(d, a, b)
		case secret:
			c = p.secretAttribute(d, a, b, want)
		case !want.IsWhollyKnown():
			c = &AttributeChange{Before: before(a, b), After: want, Cause: CauseDepends}
			if d.recorded != nil && b.drifted(a) { // whatever it will be, somebody changed what it is
				c.Cause = CauseDrift
			}
			p.effect(d, a, b, c)
		default:
			c = p.knownAttribute(d, a, b, want)
		}
		if c != nil {
			// What was a secret when it was recorded is one still: the value that goes is not shown because the next one may be.
			c.Name, c.Sensitive = a.Name, secret || a.Sensitive || wasSecret
			switch {
			case c.Sensitive:
				c.Before, c.After = cty.NilVal, cty.NilVal
			case d.repeats(a): // what is sent instead is no secret
				c.Sensitive = true
				if c.Before = cty.NilVal; c.Effect == EffectNone && c.Cause != CauseUnmet {
					c.After = cty.NilVal
				}
			}
			all = append(all, *c)
		}
	}
	return all
}

// repeats: the live object's value of an attribute has a secret in it.
func (d *decision) repeats(a *spec.Attribute) bool {
	return d.live != nil && slices.Contains(d.live.Repeats, a.Name)
}

// displayLive is what an attribute is, as far as anybody knows, in a message.
func (d *decision) displayLive(a *spec.Attribute, is cty.Value) string {
	if d.repeats(a) {
		is = cty.NilVal
	}
	return display(is)
}

// wanted is an attribute's desired value without its marks, or NilVal where the configuration does not name it (null is
// the same as not naming it), and whether it is or derives from a secret. The id of an object that this plan replaces is
// unknown, whatever the configuration was told.
func (p *planner) wanted(d *decision, a *spec.Attribute) (v cty.Value, secret bool) {
	v, ok := d.desired.Values[a.Name]
	if !ok {
		return cty.NilVal, false
	}
	secret = a.Sensitive || v.ContainsMarked()
	v, _ = v.UnmarkDeep()
	if v.IsNull() {
		return cty.NilVal, false
	}
	if id := spec.Word(v); a.Refers != "" && id != "" {
		if on := p.owner[objectKey{KindRef{d.account, a.Refers}, id}]; on != nil && on != d && slices.Contains(d.desired.Uses, on.address) && on.renews() {
			return cty.UnknownVal(a.Type), secret
		}
	}
	return v, secret
}

// renews: the address will have another object after the plan.
func (d *decision) renews() bool {
	return d.deposed == "" && d.change != nil && !d.change.NeedsHand && (d.change.Action == Create || d.change.Action == Replace)
}

// before is what an attribute is, as far as anybody knows.
func before(a *spec.Attribute, b *basis) cty.Value {
	if v, ok := b.live[a.Name]; ok && !a.Unreadable {
		return v
	}
	if v, ok := b.applied[a.Name]; ok {
		return v
	}
	return cty.NullVal(a.Type)
}

// drifted: the API answers something else than last time. An attribute that no answer has held since it was asked for cannot have
// drifted from what was answered.
func (b *basis) drifted(a *spec.Attribute) bool {
	live, readable := b.live[a.Name]
	observed, seen := b.observed[a.Name]
	return readable && seen && !a.Unreadable && !a.Same(live, observed)
}

// knownAttribute is the table of differences for an attribute that the configuration names:
//
//	live = desired                                  record it, if that is news; no request
//	live is what no operation leads on from         said; no request
//	unreadable, applied = desired                   nothing
//	unreadable, applied ≠ desired                   config, unverified
//	unreadable, never applied                       record as assumed; no request
//	desired ≠ applied, live = observed              config
//	desired = applied, live ≠ observed              drift
//	desired ≠ applied, live ≠ observed              both
//	desired = applied, live = observed ≠ desired    did not converge: said, not repeated
func (p *planner) knownAttribute(d *decision, a *spec.Attribute, b *basis, want cty.Value) *AttributeChange {
	live, readable := b.live[a.Name]
	readable = readable && !a.Unreadable
	applied, asked := b.applied[a.Name]
	edited := !asked || !a.Same(want, applied)
	if !readable {
		return p.unreadableAttribute(d, a, b, want)
	}
	if a.Same(want, live) {
		if !edited {
			return nil
		}
		return &AttributeChange{Before: live, After: want, Cause: CauseConfig, Effect: EffectRecord, Note: "it is so already; recorded without a request"}
	}
	if !a.Reachable(live) {
		return &AttributeChange{Before: live, After: want, Cause: CauseDrift, Effect: EffectNone,
			Note: fmt.Sprintf("no operation leads on from %s; nothing is sent while it is so", d.displayLive(a, live))}
	}
	drifted := b.drifted(a)
	c := &AttributeChange{Before: live, After: want}
	switch {
	case !asked && d.recorded != nil && p.unfinished(d, a):
		c.Cause = CauseResumed
	case edited && drifted && asked:
		c.Cause = CauseBoth
	case edited:
		c.Cause = CauseConfig
	case drifted:
		c.Cause = CauseDrift
	case d.recorded != nil && p.unfinished(d, a):
		c.Cause = CauseResumed
	case a.OnChange == spec.OnNextCreate:
		return nil // recorded for the next object; this one keeps what it has
	default:
		c.Cause, c.Effect = CauseUnmet, EffectNone
		c.Note = "did not converge: the API answers something else than it was asked for; not sent again"
		return c
	}
	p.effect(d, a, b, c)
	return c
}

// unreadableAttribute compares with what was asked for, since the API never answers it.
func (p *planner) unreadableAttribute(d *decision, a *spec.Attribute, b *basis, want cty.Value) *AttributeChange {
	applied, asked := b.applied[a.Name]
	if !asked && b.created {
		// The create left it out, so the object has what the API then sets.
		if applied = a.ServerDefault; applied == cty.NilVal {
			applied = cty.NullVal(a.Type)
		}
		if a.Same(want, applied) {
			return &AttributeChange{Before: applied, After: want, Unverified: true, Cause: CauseConfig, Effect: EffectRecord, Note: "it is what the API sets by itself; recorded without a request"}
		}
		asked = true
	}
	c := &AttributeChange{Before: applied, After: want, Unverified: true, Cause: CauseConfig}
	switch {
	case !asked:
		c.Before, c.Effect = cty.NullVal(a.Type), EffectRecord
		c.Note = "assumed to be so: the API never answers it; recorded without a request"
		return c
	case a.Same(want, applied):
		if d.recorded == nil || !p.unfinished(d, a) {
			return nil
		}
		c.Cause = CauseResumed
	}
	p.effect(d, a, b, c)
	return c
}

// removedAttribute: the configuration does not name the attribute. If it never did, it is not managed.
func (p *planner) removedAttribute(d *decision, a *spec.Attribute, b *basis) *AttributeChange {
	applied, asked := b.applied[a.Name]
	if !asked || !(a.Required || a.Optional) {
		return nil
	}
	is := before(a, b)
	_, readable := b.live[a.Name]
	c := &AttributeChange{Before: is, After: cty.NullVal(a.Type), Cause: CauseConfig, Unverified: a.Unreadable || !readable}
	if applied.IsNull() && is.IsNull() {
		return nil // unset was asked for, and that it is
	}
	switch a.OnRemove {
	case spec.RemoveDefault:
		if c.After = a.Default; c.After == cty.NilVal {
			c.After = a.ServerDefault
		}
		if c.After == cty.NilVal {
			c.After = cty.NullVal(a.Type)
		}
	case spec.RemoveClears:
	default:
		c.Effect, c.After = EffectNone, is
		c.Note = "no longer managed, stays " + d.displayLive(a, is)
		return c
	}
	if a.Same(is, c.After) {
		c.Effect, c.Note = EffectRecord, "no longer managed; it is so already"
		return c
	}
	p.effect(d, a, b, c)
	return c
}

// effect decides how a difference is carried out.
func (p *planner) effect(d *decision, a *spec.Attribute, b *basis, c *AttributeChange) {
	switch a.OnChange {
	case spec.OnReplace:
		c.Effect = EffectReplace
	case spec.OnNextCreate:
		c.Effect = EffectNextCreate
		c.Note = fmt.Sprintf("takes effect on new %ss only; recorded without a request", d.kind.Name)
	case spec.OnUpdate, spec.OnOperation:
		c.Operation = a.OperationFor(c.After)
		if c.Operation == "" && a.Operations != nil && !c.After.IsWhollyKnown() {
			c.Effect, c.Note = EffectImpossible, "what it will be must be known when the plan is made: each value takes another operation"
			return
		}
		op := d.kind.Operations[c.Operation]
		if op == nil || !slices.Contains(op.Sets, a.Name) {
			c.Effect = EffectImpossible
			c.Note = fmt.Sprintf("%s has no operation that changes it", p.provider(d))
			c.Operation = ""
			return
		}
		c.Effect = EffectUpdate
		if a.OnlyFromUnset {
			p.onlyFromUnset(d, a, b, c)
		}
	default:
		c.Effect = EffectImpossible
		c.Note = fmt.Sprintf("%s has no operation that changes it", p.provider(d))
	}
}

// onlyFromUnset: the operation works only while the attribute is unset, which it is, or will be once the object that it
// names is removed by this plan.
func (p *planner) onlyFromUnset(d *decision, a *spec.Attribute, b *basis, c *AttributeChange) {
	is := before(a, b)
	if is.IsNull() {
		return
	}
	if id := spec.Word(is); a.Refers != "" && a.ClearedWithTarget && id != "" {
		removed, by := p.removed(KindRef{d.account, a.Refers}, id)
		if removed {
			d.waitsFor = by
			if by != nil {
				c.Note = fmt.Sprintf("possible once %s is deleted, which frees it", id)
			}
			return
		}
	}
	c.Effect, c.Operation = EffectImpossible, ""
	c.Note = fmt.Sprintf("%s can set it only while it is unset, and it is %s", p.provider(d), d.displayLive(a, is))
}

// removed says whether an object is gone, or will be after this plan, and then who removes it.
func (p *planner) removed(ref KindRef, id string) (bool, *decision) {
	on := p.owner[objectKey{ref, id}]
	if on == nil {
		_, gone := p.look(ref, id)
		if live := p.liveKind(ref); live != nil && live.Listed && live.Objects[id] == nil {
			gone = true // nobody's, and not in the list
		}
		return gone, nil
	}
	if on.gone {
		return true, nil
	}
	p.decide(on)
	if on.held {
		return true, on // nobody can tell before its open intent is settled, and whoever waits for it is held back, too
	}
	if on.change == nil || on.change.NeedsHand || on.change.Removes == "" {
		return false, nil
	}
	return true, on
}

func (p *planner) provider(d *decision) string {
	if d.schema == nil {
		return d.account
	}
	return d.schema.Provider
}
