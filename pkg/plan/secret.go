package plan

import (
	"github.com/vpsync/vpsync/pkg/spec"
	"github.com/vpsync/vpsync/pkg/state"
	"github.com/zclconf/go-cty/cty"
)

// secretAttribute compares a wanted secret with the digest of what was asked for, and with what is live where the API
// answers it. Under a key that is not at hand a secret is set and unverified, and never a change.
func (p *planner) secretAttribute(d *decision, a *spec.Attribute, b *basis, want cty.Value) *AttributeChange {
	digest, digested := b.secrets[a.Name]
	applied, plain := b.applied[a.Name]
	c := &AttributeChange{Cause: CauseConfig, Unverified: true}
	if !want.IsWhollyKnown() {
		c.Cause = CauseDepends
		p.effect(d, a, b, c)
		return c
	}
	live, readable := b.live[a.Name]
	readable = readable && !a.Unreadable && d.live != nil
	if readable {
		c.Unverified = false
	}
	switch {
	case plain && a.Same(want, applied):
		// Recorded in plain before it became a secret: the record is rewritten.
		c.Effect, c.Note = EffectRecord, "not recorded in plain any more"
		return c
	case plain:
	case !digested && readable && !a.Same(want, live):
	case !digested:
		if _, ok := p.digest(d, a.Name, want); !ok {
			return nil // set, unverified: without a key nothing can be recorded of it
		}
		c.Effect, c.Note = EffectRecord, "assumed to be so; recorded without a request"
		return c
	default:
		switch p.in.Key.Compare(digest, want) {
		case state.Unverified:
			return nil
		case state.Same:
			switch {
			case readable && !a.Same(want, live):
				c.Cause = CauseDrift
			case d.recorded != nil && p.unfinished(d, a):
				c.Cause = CauseResumed
			default:
				return nil
			}
		}
	}
	p.effect(d, a, b, c)
	return c
}

// removedSecret: the configuration does not name the secret any more.
func (p *planner) removedSecret(d *decision, a *spec.Attribute, b *basis) *AttributeChange {
	c := &AttributeChange{Cause: CauseConfig, Unverified: true}
	if a.OnRemove == spec.RemoveClears || a.OnRemove == spec.RemoveDefault {
		p.effect(d, a, b, c)
		return c
	}
	c.Effect, c.Note = EffectNone, "no longer managed, stays as it is"
	return c
}

// digest stands for a secret in a record; ok is false while no key is at hand.
func (p *planner) digest(d *decision, name string, v cty.Value) (state.Digest, bool) {
	return p.in.Key.Digest(d.account, d.address, name, v)
}
