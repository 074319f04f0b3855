package plan

import (
	"slices"

	"github.com/vpsync/vpsync/pkg/plan/dag"
)

// makes and removes say which halves a change has: what is recorded or refused only has none.
func (c *Change) makes() bool {
	switch c.Action {
	case Create, Update, Replace, Adopt:
		return !c.NeedsHand
	}
	return false
}

func (c *Change) removes() bool {
	switch c.Action {
	case Delete, Forget, Replace:
		return !c.NeedsHand
	}
	return false
}

// edge says that one node comes after another. A soft one may be broken where the whole has no order otherwise.
type edge struct {
	before int
	firm   firmness
}

type firmness int

const (
	always   firmness = iota
	recorded          // because of recorded uses, which may be stale
	wished            // an object that loses its last user is removed after that user was changed
)

// order lays the halves of all changes out so that
//
//   - an object is made after those that it uses;
//   - it is removed after the removal of those that were recorded to use it, and, where nothing takes its place, after
//     the change of those that used it so far;
//   - a replacement removes before it makes, or, where it creates first, makes before it removes; then whatever uses it is
//     changed in between;
//   - an object that an earlier run replaced is removed after its successor is whole;
//   - an attribute that can be set only while it is unset is set after the object that held it is removed.
func (p *planner) order() {
	type key struct {
		d     *decision
		phase Phase
	}
	var steps []Step
	var owners []*decision
	node := map[key]int{}
	change := 0
	for _, d := range p.all {
		if d.held || d.change == nil {
			continue
		}
		// Removing comes first, so that where nothing else decides the old makes room for the new.
		if d.change.removes() {
			node[key{d, PhaseRemove}] = len(steps)
			steps, owners = append(steps, Step{Change: change, Phase: PhaseRemove}), append(owners, d)
		}
		if d.change.makes() {
			node[key{d, PhaseMake}] = len(steps)
			steps, owners = append(steps, Step{Change: change, Phase: PhaseMake}), append(owners, d)
		}
		change++
	}
	edges := make([][]edge, len(steps))
	add := func(i int, d *decision, phase Phase, f firmness) {
		if j, ok := node[key{d, phase}]; ok && i != j {
			edges[i] = append(edges[i], edge{j, f})
		}
	}
	for i, s := range steps {
		d := owners[i]
		if s.Phase == PhaseMake {
			if !d.change.CreateFirst {
				add(i, d, PhaseRemove, always)
			}
			if d.waitsFor != nil {
				add(i, d.waitsFor, PhaseRemove, always)
			}
			for _, u := range d.desired.Uses {
				if on := p.current[u]; on != nil {
					add(i, on, PhaseMake, always)
				}
			}
			continue
		}
		if d.change.CreateFirst {
			add(i, d, PhaseMake, always)
		}
		if d.deposed != "" {
			if successor := p.current[d.address]; successor != nil {
				add(i, successor, PhaseMake, always)
			}
		}
		for _, user := range p.users[d.address] {
			if user == d {
				continue
			}
			add(i, user, PhaseRemove, recorded)
			if (d.change.Action != Replace || d.change.CreateFirst) && user.change != nil && !user.change.removes() && user.waitsFor != d {
				add(i, user, PhaseMake, wished)
			}
		}
	}
	p.breakCycles(edges, owners)
	order, _ := dag.Sort(len(steps), func(i int) []int { return befores(edges[i]) })
	at := make([]int, len(steps))
	for position, i := range order {
		at[i] = position
	}
	for _, i := range order {
		s := steps[i]
		for _, j := range befores(edges[i]) {
			s.After = append(s.After, at[j])
		}
		slices.Sort(s.After)
		s.After = slices.Compact(s.After)
		p.plan.Steps = append(p.plan.Steps, s)
	}
}

func befores(edges []edge) []int {
	out := make([]int, len(edges))
	for i, e := range edges {
		out[i] = e.before
	}
	return out
}

// breakCycles drops edges inside cycles, the softest first. There is none unless recorded uses contradict the configuration,
// which they can after it was turned around.
func (p *planner) breakCycles(edges [][]edge, owners []*decision) {
	for firm := wished; ; firm-- {
		parts := dag.Components(len(edges), func(i int) []int { return befores(edges[i]) })
		if len(parts) == 0 {
			return
		}
		for _, part := range parts {
			inside := map[int]bool{}
			for _, i := range part {
				inside[i] = true
			}
			if firm == recorded {
				p.warn("recorded dependencies contradict the configuration",
					"What was recorded to use "+owners[part[0]].address.String()+" is removed in the order of the addresses instead.", owners[part[0]].address, nil)
			}
			for _, i := range part {
				edges[i] = slices.DeleteFunc(edges[i], func(e edge) bool { return inside[e.before] && e.firm >= firm })
			}
		}
		if firm == always {
			return
		}
	}
}
