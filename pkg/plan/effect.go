package plan

import (
	"fmt"
	"slices"

	"github.com/vpsync/vpsync/pkg/spec"
	"github.com/zclconf/go-cty/cty"
)

// carryOut turns the differences of an object that exists into one action. pending are operations that an earlier run
// left to do.
func (p *planner) carryOut(d *decision, pending []string) {
	c := d.change
	need := map[string]bool{}
	for _, op := range pending {
		need[op] = true
	}
	var replacing, impossible []AttributeChange
	for _, a := range c.Attributes {
		switch a.Effect {
		case EffectUpdate:
			need[a.Operation] = true
		case EffectReplace:
			replacing = append(replacing, a)
		case EffectImpossible:
			impossible = append(impossible, a)
		}
	}
	c.Operations = InOrder(d.kind, need)
	c.Cause = combined(c.Attributes)
	d.byDrift = onlyDrift(append(replacing, impossible...))
	cause, why := p.forced(d)
	if why != "" {
		c.Notes = append(c.Notes, why)
		if len(replacing) == 0 {
			c.Cause = cause
		}
		d.byDrift = false
	}
	switch {
	case why != "" && d.kind.Can(spec.OpDelete) && d.kind.Can(spec.OpCreate):
		p.replace(d, false)
	case why != "":
		p.unsupported(d, replacing, impossible)
	case len(replacing)+len(impossible) == 0:
		if len(c.Operations) > 0 {
			c.Action = Update
		}
	case len(replacing) > 0 && d.kind.Can(spec.OpDelete) && d.kind.Can(spec.OpCreate):
		// A new object has every attribute as wanted, those among them that no operation can change.
		p.replace(d, false)
	default:
		p.unsupported(d, replacing, impossible)
	}
}

// unsupported decides about a change that the API cannot carry out, as the resource's on_unsupported says.
func (p *planner) unsupported(d *decision, replacing, impossible []AttributeChange) {
	c := d.change
	reason := p.whyNot(d, replacing, impossible)
	policy := d.desired.Unsupported
	switch {
	case policy == spec.UnsupportedForget && d.kind.Can(spec.OpCreate):
		p.replace(d, true)
		c.Unsupported = reason + fmt.Sprintf("; %s is left behind and a new one is created, as on_unsupported says", c.ID)
	case policy == spec.UnsupportedIgnore:
		c.replaceIsImpossible()
		c.Unsupported = reason + "; nothing is sent for it, as on_unsupported says"
		if len(c.Operations) > 0 {
			c.Action = Update
		}
	default:
		c.Action = Update
		if len(replacing) > 0 || len(impossible) == 0 {
			c.Action = Replace
		}
		c.replaceIsImpossible()
		remedy := remedyForget
		for _, a := range impossible {
			if d.kind.Attribute(a.Name).Operations != nil {
				remedy = fmt.Sprintf("%s = var.%s    # a value that is known before anything is sent", a.Name, a.Name)
			}
		}
		p.refuse(d, reason, remedy)
	}
}

func (c *Change) replaceIsImpossible() {
	for i := range c.Attributes {
		if c.Attributes[i].Effect == EffectReplace {
			c.Attributes[i].Effect = EffectImpossible
		}
	}
}

// remedyForget is what to paste into a block whose object may be left behind.
const remedyForget = `lifecycle { on_unsupported = "forget" }`

// whyNot says in plain words what the API cannot do.
func (p *planner) whyNot(d *decision, replacing, impossible []AttributeChange) string {
	var names []string
	for _, a := range impossible {
		attr := d.kind.Attribute(a.Name)
		if (attr.OnlyFromUnset || attr.Operations != nil) && a.Note != "" {
			return fmt.Sprintf("%s.%s cannot be changed: %s", d.address, a.Name, a.Note)
		}
		names = append(names, a.Name)
	}
	if len(names) > 0 {
		return fmt.Sprintf("%s has no operation that changes the %s of %s", p.provider(d), list(names), article(d.kind.Name))
	}
	for _, a := range replacing {
		names = append(names, a.Name)
	}
	missing := "deletes"
	if d.kind.Can(spec.OpDelete) {
		missing = "creates"
	}
	if len(names) == 0 {
		return fmt.Sprintf("%s has no operation that %s %s, which a replacement takes", p.provider(d), missing, article(d.kind.Name))
	}
	return fmt.Sprintf("%s has no operation that %s %s, which a change of %s takes", p.provider(d), missing, article(d.kind.Name), list(names))
}

// replace plans a new object. The old one is deleted, or left behind.
func (p *planner) replace(d *decision, forgets bool) {
	c := d.change
	c.Action, c.Forgets = Replace, forgets
	if !forgets {
		c.Removes = spec.OpDelete
		c.LosesData = d.kind.HoldsData
		c.backUp(d.kind, d.desired.BackupBefore, spec.BackupReplace)
	}
	c.Operations = p.makingOperations(d)
	if d.recorded != nil && (d.desired.IgnoreAll || len(d.desired.IgnoreChanges) > 0) {
		c.Attributes = p.compare(d, p.recordedBasis(d), false) // a new object gets what the configuration says
	}
	c.Attributes = p.newAttributes(d, c.Attributes)
	c.MayTakeBack = p.mayTakeBack(d)
	if !forgets && d.desired.PreventDestroy {
		p.prevent(d)
	}
}

// newAttributes describes an object that is to be made: every attribute that is asked for or that the API computes. was are the
// differences to the object that it replaces; then only what differs is listed.
func (p *planner) newAttributes(d *decision, was []AttributeChange) []AttributeChange {
	replacing := d.change.Action == Replace
	old := map[string]AttributeChange{}
	for _, c := range was {
		old[c.Name] = c
	}
	var b *basis
	if replacing && d.recorded != nil {
		b = p.recordedBasis(d)
	}
	var all []AttributeChange
	for _, a := range d.kind.Attributes {
		want, secret := p.wanted(d, a)
		c, differs := old[a.Name]
		switch {
		case want != cty.NilVal && !replacing:
			c = AttributeChange{Name: a.Name, Before: cty.NullVal(a.Type), After: want, Cause: CauseNew, Effect: EffectUpdate}
			c.makes(d.kind, a, want)
		case want != cty.NilVal:
			if !differs || c.Effect == EffectRecord || c.Effect == EffectNone {
				continue
			}
			if c.Effect == EffectImpossible {
				c.Effect, c.Note = EffectReplace, ""
			}
			if c.Effect == EffectNextCreate {
				c.Effect, c.Note = EffectUpdate, ""
			}
			c.Operation = ""
			if c.Effect == EffectUpdate {
				c.makes(d.kind, a, want)
			}
		case a.Computed:
			c = AttributeChange{Name: a.Name, Before: cty.NullVal(a.Type), After: cty.UnknownVal(a.Type), Cause: d.change.Cause, Effect: EffectComputed}
			if b != nil {
				c.Before = before(a, b)
			}
		case differs && c.Effect != EffectNone && c.Effect != EffectRecord:
			// Not named any more: the new object has what the API gives it.
		default:
			continue
		}
		if c.Sensitive = secret || a.Sensitive || c.Sensitive || d.repeats(a); c.Sensitive {
			c.Before, c.After = cty.NilVal, cty.NilVal
		}
		all = append(all, c)
	}
	return all
}

// makes says which operation gives a new object the value.
func (c *AttributeChange) makes(kind *spec.Kind, a *spec.Attribute, want cty.Value) {
	if c.Operation = MakingOperation(kind, a, want); c.Operation == "" && byDefault(a, want) {
		c.Effect, c.Note = EffectRecord, "it is what the API sets by itself; recorded without a request"
	}
}

// MakingOperation names the operation that gives a new object this value: create where it carries the attribute. It is empty
// where the object is so by itself, and where each value has an operation of its own and this one is not known.
func MakingOperation(kind *spec.Kind, a *spec.Attribute, want cty.Value) string {
	if op := kind.Operations[spec.OpCreate]; op != nil && slices.Contains(op.Sets, a.Name) {
		return spec.OpCreate
	}
	if a.Operations != nil && byDefault(a, want) {
		return "" // to start what runs is refused
	}
	return a.OperationFor(want)
}

// byDefault: the API gives a new object this value unless it is asked for another.
func byDefault(a *spec.Attribute, want cty.Value) bool {
	return a.ServerDefault != cty.NilVal && want.IsWhollyKnown() && a.Same(want, a.ServerDefault)
}

// makingOperations are create and, in the order of the definition, those that set what create cannot carry.
func (p *planner) makingOperations(d *decision) []string {
	need := map[string]bool{}
	for _, a := range d.kind.Attributes {
		want, _ := p.wanted(d, a)
		if want == cty.NilVal {
			continue
		}
		if op := MakingOperation(d.kind, a, want); op != spec.OpCreate && d.kind.Can(op) {
			need[op] = true
		}
	}
	return append([]string{spec.OpCreate}, InOrder(d.kind, need)...)
}

// InOrder lists operations in the order of the definition.
func InOrder(kind *spec.Kind, need map[string]bool) []string {
	var ops []string
	for _, name := range kind.OperationOrder {
		if need[name] {
			ops = append(ops, name)
		}
	}
	return ops
}

// combined is the cause of a change from those of its attributes. What is sent counts before what is only said.
func combined(attrs []AttributeChange) Cause {
	var config, drift, depends, resumed, said Cause
	for _, a := range attrs {
		switch a.Effect {
		case EffectUpdate, EffectReplace, EffectImpossible:
		default:
			said = a.Cause
			continue
		}
		switch a.Cause {
		case CauseBoth:
			config, drift = CauseConfig, CauseDrift
		case CauseConfig:
			config = CauseConfig
		case CauseDrift:
			drift = CauseDrift
		case CauseDepends:
			depends = CauseDepends
		case CauseResumed:
			resumed = CauseResumed
		}
	}
	switch {
	case config != "" && drift != "":
		return CauseBoth
	case config != "":
		return config
	case drift != "":
		return drift
	case depends != "":
		return depends
	case resumed != "":
		return resumed
	}
	return said
}

func onlyDrift(attrs []AttributeChange) bool {
	return len(attrs) > 0 && !slices.ContainsFunc(attrs, func(a AttributeChange) bool { return a.Cause != CauseDrift })
}
