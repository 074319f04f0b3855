package spec

import (
	"slices"
	"strings"
)

// Askable: all that a data block asks with is known, so it can be read.
func (r *Resource) Askable() bool {
	for _, v := range r.Values {
		if !v.IsWhollyKnown() {
			return false
		}
	}
	return true
}

// asks: whatever else a block names, directly or through others, there is a data block without an answer among it.
func (x *Session) asks(r *resource) bool {
	for _, name := range x.dependencies(r.String()) {
		if strings.HasPrefix(name, DataPrefix) {
			return true
		}
	}
	return false
}

// Unanswered are the data blocks that a resource depends on, directly or through others, and whose answers the session was not
// told of, as far as their questions are known by now; sorted by address. Told of them, it may know more questions.
func (x *Session) Unanswered(a Address) ([]*Resource, Diagnostics) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.problems.HasErrors() {
		return nil, slices.Clone(x.problems)
	}
	var out []*Resource
	var all Diagnostics
	for _, name := range x.dependencies(a.Kind + "." + a.Name) {
		if !strings.HasPrefix(name, DataPrefix) {
			continue
		}
		block, err := ParseAddress(name)
		if err != nil {
			continue // a block's name is an address without a key
		}
		r := x.stack.resources[block.Kind][block.Name]
		e, diags := x.expand(r)
		all = append(all, diags...)
		for _, key := range e.keys {
			address := Address{Kind: block.Kind, Name: block.Name, Key: key}
			if _, told := x.objects[address]; told {
				continue
			}
			i, diags := x.instance(r, key)
			all = append(all, diags...)
			if i != nil && !i.broken && i.resource.Askable() {
				out = append(out, i.resource)
			}
		}
	}
	slices.SortFunc(out, func(a, b *Resource) int { return a.Address.Compare(b.Address) })
	return out, all
}

// through replaces the data blocks among what an instance uses by the resources that their questions use: those are what must be
// there before.
func (x *Session) through(used map[Address]bool) {
	for {
		var data []Address
		for a := range used {
			if strings.HasPrefix(a.Kind, DataPrefix) {
				data = append(data, a)
			}
		}
		if len(data) == 0 {
			return
		}
		for _, a := range data {
			delete(used, a)
			block := x.stack.resources[a.Kind][a.Name]
			if i, _ := x.instance(block, a.Key); i != nil {
				for _, u := range i.resource.Uses {
					used[u] = true
				}
			}
		}
	}
}
