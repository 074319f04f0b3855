package plan

import (
	"cmp"
	"maps"
	"slices"

	"github.com/vpsync/vpsync/pkg/spec"
	"github.com/vpsync/vpsync/pkg/state"
	"github.com/zclconf/go-cty/cty"
)

// leftover is an object that vpsync let go of, on its way to be kept, taken back or seen gone.
type leftover struct {
	recorded *state.Leftover
	live     *spec.Object
	// now is recorded with what is live in place of what was observed.
	now   *state.Leftover
	gone  bool
	taken bool
	// absent: a list of its kind does not show it, though nobody has looked twice. It is not taken back.
	absent bool
	has    spec.Values // see have
}

// leftoverKey puts leftovers of one kind that may have the same identity together.
type leftoverKey struct {
	KindRef
	identity string
}

func (p *planner) stockLeftovers() {
	for _, l := range slices.SortedFunc(slices.Values(p.in.State.Leftovers), func(a, b *state.Leftover) int { return cmp.Compare(a.ID, b.ID) }) {
		ref := KindRef{l.Account, l.Kind}
		o := &leftover{recorded: l, now: l}
		o.live, o.gone = p.look(ref, l.ID)
		live := p.liveKind(ref)
		o.absent = live != nil && live.Listed && o.live == nil
		if kind := p.kindOf(ref); kind != nil {
			if o.live != nil {
				now := *l
				now.Observed = answered(kind, o.live, conformed(kind, l.Observed))
				o.now = &now
			}
			o.has = have(kind, o.now)
			key, _ := identityKey(kind, o.has, named)
			p.named[leftoverKey{ref, key}] = append(p.named[leftoverKey{ref, key}], o)
		}
		p.leftover[ref] = append(p.leftover[ref], o)
	}
}

func (p *planner) kindOf(ref KindRef) *spec.Kind {
	if s := p.in.Schemas[ref.Account]; s != nil {
		return s.Kinds[ref.Kind]
	}
	return nil
}

// collectLeftovers lists those that stay and those that no longer exist, by account, kind and id.
func (p *planner) collectLeftovers() {
	taken := map[objectKey]bool{}
	for _, ref := range slices.SortedFunc(maps.Keys(p.leftover), compareRefs) {
		for _, o := range p.leftover[ref] {
			switch {
			case o.taken:
				taken[objectKey{ref, o.recorded.ID}] = true
			case o.gone:
				p.plan.SeenGone = append(p.plan.SeenGone, o.recorded)
			default:
				p.plan.Leftovers = append(p.plan.Leftovers, o.recorded)
			}
		}
	}
	for _, c := range p.plan.Changes {
		c.MayTakeBack = slices.DeleteFunc(c.MayTakeBack, func(id string) bool { return taken[objectKey{KindRef{c.Account, c.Kind}, id}] })
	}
}

// takeBack plans to bind the address to a leftover that is what a create would make. Each is taken once.
func (p *planner) takeBack(d *decision) bool {
	for _, o := range p.candidates(d) {
		if yes, _ := match(d.kind, d.desired.Values, o.now, o.has, p.in.Key, p.mayEqual(d)); !yes {
			continue
		}
		c := p.newChange(d, Adopt, CauseNew)
		c.ID, c.TakesBack = o.recorded.ID, o.recorded.ID
		if p.bind(d, c, o.live, &basis{
			secrets: o.recorded.Secrets, hides: func(name string) bool { _, digested := o.recorded.Secrets[name]; return digested },
			applied: conformed(d.kind, o.recorded.Applied), observed: conformed(d.kind, o.recorded.Observed),
		}) {
			o.taken = true
			return true
		}
	}
	return false
}

// bind compares an object that exists with what is wanted, and reports whether operations can make it so. If they can,
// the change is the decision's.
func (p *planner) bind(d *decision, c *Change, o *spec.Object, b *basis) bool {
	d.live = o
	b.live = answered(d.kind, o, b.observed)
	attrs := p.compare(d, b, true)
	need := map[string]bool{}
	possible := true
	c.Attributes = nil
	for _, a := range attrs {
		switch a.Effect {
		case EffectUpdate:
			need[a.Operation] = true
		case EffectReplace, EffectImpossible:
			possible = false
		case EffectRecord:
			if !a.Unverified {
				continue // every attribute of an adopted object is recorded for the first time
			}
		case EffectNone:
			if a.Cause != CauseUnmet {
				continue
			}
			// What was asked for once and not taken is worth asking again of an object that comes back.
			attr := d.kind.Attribute(a.Name)
			a.Cause, a.Note = CauseNew, ""
			p.effect(d, attr, b, &a)
			need[a.Operation] = a.Effect == EffectUpdate
			possible = possible && a.Effect != EffectReplace && a.Effect != EffectImpossible
		}
		c.Attributes = append(c.Attributes, a)
	}
	d.change = c
	c.Operations = InOrder(d.kind, need)
	if !possible {
		d.live, d.waitsFor = nil, nil
	}
	return possible
}

// mayTakeBack lists the leftovers that a create may turn out to be, once its unknown values are known. Of the making half of
// a replacement they may be known to be equal, too: an edit was undone.
func (p *planner) mayTakeBack(d *decision) []string {
	var ids []string
	for _, o := range p.candidates(d) {
		yes, maybe := match(d.kind, d.desired.Values, o.now, o.has, p.in.Key, p.mayEqual(d))
		if (maybe || yes && d.change.Action == Replace) && !p.stuck(d, o) {
			ids = append(ids, o.recorded.ID)
		}
	}
	return ids
}

// stuck: an attribute of the leftover that can be set only while it is unset has another value than is wanted.
func (p *planner) stuck(d *decision, o *leftover) bool {
	return slices.ContainsFunc(d.kind.Attributes, func(a *spec.Attribute) bool {
		is, ok := o.has[a.Name]
		if !a.OnlyFromUnset || !ok || is.IsNull() {
			return false
		}
		want, _ := p.wanted(d, a)
		return want != cty.NilVal && !a.Same(want, is)
	})
}

// candidates are the leftovers of the address's kind that nobody has taken and that may still exist.
func (p *planner) candidates(d *decision) []*leftover {
	ref := KindRef{d.account, d.address.Kind}
	all := p.leftover[ref]
	if len(all) == 0 {
		return nil
	}
	plain := spec.Values{}
	for name, v := range d.desired.Values {
		plain[name], _ = v.UnmarkDeep()
	}
	if key, known := identityKey(d.kind, plain, named); known {
		all = p.named[leftoverKey{ref, key}]
	}
	var out []*leftover
	for _, o := range all {
		if !o.taken && !o.gone && !o.absent {
			out = append(out, o)
		}
	}
	return out
}

// mayEqual says whether an attribute whose desired value is unknown may turn out to be any value at all. The id of an
// object that this plan makes is new, so it cannot equal one that is known already.
func (p *planner) mayEqual(d *decision) func(*spec.Attribute) bool {
	return func(a *spec.Attribute) bool {
		if a.Refers == "" {
			return true
		}
		refers := false
		for _, u := range d.desired.Uses {
			if u.Kind != a.Refers {
				continue
			}
			refers = true
			if on := p.current[u]; on == nil || !on.renews() || len(on.change.MayTakeBack) > 0 {
				return true
			}
		}
		return !refers
	}
}

// TakesBack says whether a create with these values takes the leftover back: identity, and every attribute that no operation
// can change, are equal and known. The leftover's Observed should be what the API answers now, where it can be asked.
func TakesBack(kind *spec.Kind, desired spec.Values, l *state.Leftover, key state.Key) bool {
	yes, _ := match(kind, desired, l, have(kind, l), key, func(*spec.Attribute) bool { return true })
	return yes
}

// match: yes, the leftover is what a create would make; maybe, it is if unknown values turn out equal, which mayEqual
// can exclude.
func match(kind *spec.Kind, desired spec.Values, l *state.Leftover, is spec.Values, key state.Key, mayEqual func(*spec.Attribute) bool) (yes, maybe bool) {
	unknown := false
	for _, a := range kind.Attributes {
		identity := slices.Contains(kind.Identity, a.Name)
		want, named := desired[a.Name]
		secret := a.Sensitive || (named && want.ContainsMarked())
		if named {
			want, _ = want.UnmarkDeep()
			named = !want.IsNull()
		}
		switch {
		case !named && !identity, !identity && changeable(kind, a):
			continue
		case !named:
			if want = unnamed(a); want == cty.NilVal {
				continue
			}
		}
		switch {
		case !want.IsWhollyKnown():
			if !mayEqual(a) {
				return false, false
			}
			unknown = true
		case secret:
			digest, ok := l.Secrets[a.Name]
			if !ok || key.Compare(digest, want) != state.Same {
				return false, false
			}
		default:
			if v, ok := is[a.Name]; !ok || !a.Same(want, v) {
				return false, false
			}
		}
	}
	return !unknown, unknown
}

// changeable: an operation of the kind can change the attribute of an object that exists.
func changeable(kind *spec.Kind, a *spec.Attribute) bool {
	if a.Operations != nil {
		return true
	}
	op := kind.Operations[a.OperationFor(cty.NilVal)]
	return op != nil && slices.Contains(op.Sets, a.Name)
}

// have is the last that is known of a leftover: what the API answered, and for what it never answers what was asked for, else
// what the API sets by itself.
func have(kind *spec.Kind, l *state.Leftover) spec.Values {
	out := spec.Values{}
	for _, a := range kind.Attributes {
		if a.ServerDefault != cty.NilVal && a.Unreadable {
			out[a.Name] = a.ServerDefault
		}
	}
	maps.Copy(out, conformed(kind, l.Applied))
	maps.Copy(out, conformed(kind, l.Observed))
	for _, name := range kind.Identity {
		if _, ok := out[name]; !ok {
			if a := kind.Attribute(name); a != nil && !a.Sensitive {
				out[name] = cty.NullVal(a.Type)
			}
		}
	}
	return out
}

// conformed converts recorded values to the schema's types, leaving out what does not fit.
func conformed(kind *spec.Kind, v spec.Values) spec.Values {
	if out, err := spec.Conform(kind, v); err == nil {
		return out
	}
	out := spec.Values{}
	for name, value := range v {
		if one, err := spec.Conform(kind, spec.Values{name: value}); err == nil {
			maps.Copy(out, one)
		}
	}
	return out
}
