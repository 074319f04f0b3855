package plan

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"github.com/vpsync/vpsync/pkg/spec"
	"github.com/vpsync/vpsync/pkg/state"
	"github.com/zclconf/go-cty/cty"
)

// forced says why an object is replaced although none of its attributes takes that, or is empty.
func (p *planner) forced(d *decision) (Cause, string) {
	if slices.Contains(p.in.Options.Replace, d.address) {
		return CauseAsked, "replaced because --replace asks for it"
	}
	for _, t := range d.desired.Triggers {
		on := p.current[t.Address]
		if on == nil || on == d {
			continue
		}
		if d.overdue(t, on) {
			return CauseTriggered, fmt.Sprintf("replaced because %s was changed by an earlier run, as replace_triggered_by says", triggerName(t))
		}
		p.decide(on)
		if on.changes(t.Attribute) {
			return CauseTriggered, fmt.Sprintf("replaced because %s changes, as replace_triggered_by says", triggerName(t))
		}
	}
	return "", ""
}

func triggerName(t spec.Trigger) string {
	if t.Attribute == "" {
		return t.Address.String()
	}
	return t.Address.String() + "." + t.Attribute
}

// changes: an object that exists is updated or replaced, and the attribute, where one is named, with it.
func (d *decision) changes(attribute string) bool {
	if d.change == nil || d.change.NeedsHand {
		return false
	}
	replaced := d.change.Action == Replace || d.change.Action == Create && d.recorded != nil
	switch {
	case !replaced && d.change.Action != Update:
		return false
	case attribute == "":
		return replaced || len(d.change.Operations) > 0
	case attribute == "id":
		return replaced
	}
	return slices.ContainsFunc(d.change.Attributes, func(a AttributeChange) bool {
		return a.Name == attribute && (a.Effect == EffectUpdate || a.Effect == EffectReplace || a.Effect == EffectComputed)
	})
}

// overdue: an earlier run changed what the trigger names, and did not get to the replacement, or was told to leave it out.
func (d *decision) overdue(t spec.Trigger, on *decision) bool {
	if d.recorded == nil {
		return false
	}
	was, owed := d.recorded.Due[triggerName(t)]
	return owed && was != valueOf(t, on.recorded)
}

// noteDue records, before anything is sent, that a change of what a trigger names owes this object a replacement: once that change
// is recorded, nothing else would tell. What no trigger names any more is owed no longer.
func (p *planner) noteDue(d *decision) {
	due := map[string]string{}
	for _, t := range d.desired.Triggers {
		on, name := p.current[t.Address], triggerName(t)
		if on == nil || on == d {
			continue
		}
		p.decide(on)
		if was, owed := d.recorded.Due[name]; owed {
			due[name] = was
		} else if d.change.Action == Replace && !d.change.NeedsHand && on.changes(t.Attribute) {
			due[name] = valueOf(t, on.recorded)
		}
	}
	if maps.Equal(due, d.recorded.Due) {
		return
	}
	row := *d.recorded
	if d.record != nil {
		row = *d.record
	}
	if row.Due = due; len(due) == 0 {
		row.Due = nil
	}
	d.record = &row
}

// owes: the resource is left out of the plan, and what triggers its replacement is not.
func (p *planner) owes(a spec.Address, out map[spec.Address]bool) bool {
	d := p.current[a]
	return d != nil && d.desired != nil && d.change != nil && d.change.Action == Replace && !d.change.NeedsHand &&
		slices.ContainsFunc(d.desired.Triggers, func(t spec.Trigger) bool {
			on := p.current[t.Address]
			return on != nil && on != d && !out[on.address] && on.changes(t.Attribute)
		})
}

// valueOf stands for what was last recorded of that which a trigger names.
func valueOf(t spec.Trigger, r *state.Resource) string {
	if r == nil {
		return "none"
	}
	var parts []any
	add := func(name string) {
		for _, v := range []cty.Value{r.Applied[name], r.Observed[name]} {
			if v != cty.NilVal {
				parts = append(parts, canonical(v))
				break
			}
		}
		parts = append(parts, name, r.Secrets[name])
	}
	switch t.Attribute {
	case "":
		parts = append(parts, r.ID)
		for _, name := range slices.Sorted(maps.Keys(r.Applied)) {
			add(name)
		}
		for _, name := range slices.Sorted(maps.Keys(r.Secrets)) {
			add(name)
		}
	case "id":
		parts = append(parts, r.ID)
	default:
		add(t.Attribute)
	}
	b, err := json.Marshal(parts)
	if err != nil {
		panic("a row holds only what JSON can: " + err.Error())
	}
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:8])
}
