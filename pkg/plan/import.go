package plan

import (
	"fmt"
	"slices"

	"github.com/vpsync/vpsync/pkg/spec"
)

// removal is the removed block about an address, or nil. What is said of one instance comes before what is said of its whole block.
func (p *planner) removal(a spec.Address) *spec.Removal {
	all := p.in.Config.Removals
	i := slices.IndexFunc(all, func(r spec.Removal) bool { return r.From == a })
	if i < 0 {
		i = slices.IndexFunc(all, func(r spec.Removal) bool { return r.From.Covers(a) })
	}
	if i < 0 {
		return nil
	}
	return &all[i]
}

// imports binds the address to the object that an import block names. It reports whether there is such a block.
func (p *planner) imports(d *decision) bool {
	im := p.imported[d.address]
	if im == nil {
		return false
	}
	ref := KindRef{d.account, d.address.Kind}
	c := p.newChange(d, Adopt, CauseImport)
	c.ID, c.Range = im.ID, &im.Range
	d.change = c
	if on := p.owner[objectKey{ref, im.ID}]; on != nil {
		p.refuse(d, fmt.Sprintf("%s belongs to %s already", im.ID, on.address), fmt.Sprintf("moved {\n  from = %s\n  to   = %s\n}", on.address, d.address))
		return true
	}
	for _, other := range p.in.Config.Imports {
		if other.ID != im.ID || other.To == d.address {
			continue
		}
		if on := p.current[other.To]; on != nil && on.recorded == nil && (KindRef{on.account, on.address.Kind}) == ref {
			p.refuse(d, fmt.Sprintf("an import block binds %s to %s as well, and an object has one owner", im.ID, other.To), "correct the id in one of the two import blocks")
			return true
		}
	}
	object, gone := p.look(ref, im.ID)
	if live := p.liveKind(ref); object == nil && live != nil && (gone || live.Listed) {
		p.refuse(d, fmt.Sprintf("the account %s has no %s with the id %s", d.account, d.address.Kind, im.ID), "correct the id in the import block, or delete the block: then a new object is created")
		return true
	}
	b := &basis{}
	if object != nil {
		b.observed = object.Values
	}
	for _, o := range p.leftover[ref] {
		if o.recorded.ID == im.ID {
			o.taken, c.TakesBack = true, im.ID
		}
	}
	if p.bind(d, c, object, b) {
		if u := p.free[ref]; u != nil {
			u.taken[im.ID], u.adopted[im.ID] = true, true
		}
		return true
	}
	p.refuse(d, fmt.Sprintf("%s cannot be bound to %s as it is: %s, which no operation changes", im.ID, d.address, list(differing(c))),
		"make the block equal the object; once it is bound, a change of it may replace the object")
	return true
}

// differing are the attributes of an adoption that nothing can make equal.
func differing(c *Change) []string {
	var out []string
	for _, a := range c.Attributes {
		if a.Effect == EffectReplace || a.Effect == EffectImpossible {
			out = append(out, fmt.Sprintf("%s is %s", a.Name, display(a.Before)))
		}
	}
	return out
}
