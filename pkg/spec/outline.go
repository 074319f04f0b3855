package spec

import (
	"maps"
	"slices"
	"strings"
)

// Outline is the shape of a stack: its resources, and which uses which.
type Outline struct {
	Response
	// Open are the blocks whose instances cannot be told from what is known, each once and without a key. They hold no
	// values; their Uses are all that the block names.
	Open []*Resource
}

// Outline evaluates a stack for those who look at it rather than carry it out. It differs from Evaluate in what it
// forgives: a variable without a value is unknown, and so may be how many instances a block has.
func (s *Stack) Outline(r Request) *Outline {
	x := s.session(r, true)
	x.mu.Lock()
	defer x.mu.Unlock()
	out := &Outline{Response: *x.all()}
	if out.Diagnostics.HasErrors() {
		return out
	}
	instances := map[string][]Address{} // by block; an open one stands for itself
	open := map[string]bool{}
	for _, block := range s.order {
		if block.data { // it makes nothing; what its question names counts for those who use the answer
			continue
		}
		name := block.String()
		e, _ := x.expand(block)
		if e.lost {
			open[name] = true
			instances[name] = []Address{{Kind: block.kind, Name: block.name}}
			continue
		}
		for _, key := range e.keys {
			instances[name] = append(instances[name], Address{Kind: block.kind, Name: block.name, Key: key})
		}
	}
	for _, block := range s.order {
		if name := block.String(); open[name] && !block.data {
			resource := &Resource{
				Address: instances[name][0], Account: x.accounts[name], Kind: x.kinds[name], Values: Values{},
				Lifecycle: block.Lifecycle, Range: block.rng,
			}
			for _, used := range x.named(name) {
				resource.Uses = append(resource.Uses, instances[used]...)
			}
			slices.SortFunc(resource.Uses, Address.Compare)
			out.Open = append(out.Open, resource)
		}
	}
	slices.SortFunc(out.Open, func(a, b *Resource) int { return a.Address.Compare(b.Address) })
	// What comes from an open block has no value that could tell where it came from.
	named := map[string][]Address{}
	for _, r := range out.Resources {
		name := r.Address.Kind + "." + r.Address.Name
		if _, seen := named[name]; !seen {
			named[name] = []Address{}
			for _, used := range x.named(name) {
				if open[used] {
					named[name] = append(named[name], instances[used]...)
				}
			}
		}
		if len(named[name]) > 0 {
			r.Uses = slices.Concat(r.Uses, named[name])
			slices.SortFunc(r.Uses, Address.Compare)
			r.Uses = slices.Compact(r.Uses)
		}
	}
	return out
}

// named are the resource blocks that a block names, itself or through locals and data, sorted.
func (x *Session) named(name string) []string {
	blocks, seen := map[string]bool{}, map[string]bool{}
	work := []string{name}
	for len(work) > 0 {
		at := work[len(work)-1]
		work = work[:len(work)-1]
		for _, to := range x.graph.uses[at] {
			switch {
			case seen[to]:
			case strings.HasPrefix(to, "local."), strings.HasPrefix(to, DataPrefix):
				work = append(work, to)
			default:
				blocks[to] = true
			}
			seen[to] = true
		}
	}
	return slices.Sorted(maps.Keys(blocks))
}
