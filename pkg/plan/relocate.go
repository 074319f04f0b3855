package plan

import (
	"fmt"
	"maps"
	"slices"

	"github.com/vpsync/vpsync/internal/shell"
	"github.com/vpsync/vpsync/pkg/plan/dag"
	"github.com/vpsync/vpsync/pkg/spec"
	"github.com/vpsync/vpsync/pkg/state"
)

// Relocation is a recorded resource that has another address now.
type Relocation struct {
	From, To spec.Address
	ID       string // of its object
}

// Relocate gives recorded resources the addresses that moved blocks, and count or for_each that came or went, give them:
// server.web is server.web[0] where its block has a count now, and the other way round. It answers with a copy of the state in
// which they have them, and with what was moved; the state itself stays as it is. A resource with an open intent is settled
// under its old address first.
func Relocate(st *state.State, moves []spec.Move, config *spec.Response) (*state.State, []Relocation, spec.Diagnostics) {
	declared := map[spec.Address]bool{}
	blocks := map[spec.Address]bool{}
	for _, r := range config.Resources {
		declared[r.Address] = true
		blocks[spec.Address{Kind: r.Address.Kind, Name: r.Address.Name}] = true
	}
	at := map[spec.Address]spec.Address{} // from where it was recorded to where it is now
	taken := map[spec.Address]spec.Address{}
	for _, r := range st.Resources {
		at[r.Address], taken[r.Address] = r.Address, r.Address
	}
	open := map[spec.Address]bool{}
	for _, in := range st.Intents {
		open[in.Address] = true
	}
	var diags spec.Diagnostics
	recorded := slices.SortedFunc(maps.Keys(at), spec.Address.Compare)
	move := func(from, to spec.Address) bool {
		if _, occupied := taken[to]; occupied || open[from] || open[to] {
			return false
		}
		origin := taken[from]
		delete(taken, from)
		taken[to], at[origin] = origin, to
		return true
	}
	var valid []spec.Move
	for _, m := range moves {
		if !declared[m.From] && !(m.From.Key == (spec.Key{}) && m.To.Key == (spec.Key{}) && blocks[m.From]) {
			valid = append(valid, m)
			continue
		}
		rng := m.Range
		diags = append(diags, spec.Diagnostic{Severity: spec.SeverityError, Summary: "Moved and declared", Range: &rng,
			Detail: fmt.Sprintf("%s is declared in this stack, so nothing can be moved away from it.", m.From), Remedy: "delete the moved block, or the other one"})
	}
	ordered, circle := inTurn(valid)
	for _, m := range circle {
		rng := m.Range
		diags = append(diags, spec.Diagnostic{Severity: spec.SeverityError, Summary: "Moved in a circle", Range: &rng,
			Detail: fmt.Sprintf("%s moves to %s, and other moved blocks lead from there back to %s.", m.From, m.To, m.From), Remedy: "delete the moved blocks that were carried out long ago"})
	}
	for _, m := range ordered {
		for _, origin := range recorded {
			now := at[origin]
			to := m.To
			switch {
			case now == m.From:
			case m.From.Covers(now) && m.To.Key == (spec.Key{}):
				to.Key = now.Key
			default:
				continue
			}
			if !move(now, to) && taken[to] != origin && !open[now] && !open[to] {
				rng := m.Range
				diags = append(diags, spec.Diagnostic{Severity: spec.SeverityError, Summary: "Both are recorded", Range: &rng,
					Detail: fmt.Sprintf("%s cannot move to %s, which has an object of its own.", now, to), Remedy: "vpsync state show " + shell.Word(to.String())})
			}
		}
	}
	for _, origin := range recorded {
		now := at[origin]
		if declared[now] {
			continue
		}
		plain := spec.Address{Kind: now.Kind, Name: now.Name}
		first := spec.Address{Kind: now.Kind, Name: now.Name, Key: spec.IntKey(0)}
		switch {
		case now == plain && declared[first]:
			move(now, first)
		case now == first && declared[plain]:
			move(now, plain)
		}
	}
	return relocated(st, at, diags)
}

// inTurn orders moves, which stand in any order and in any file: one that leads to where another begins comes before it, and what is
// said of one instance comes before what is said of its whole block. Those that lead in a circle are told apart.
func inTurn(moves []spec.Move) (ordered, circle []spec.Move) {
	leads := func(a, b spec.Move) bool { return a.To.Covers(b.From) || b.From.Covers(a.To) }
	before := func(i int) (before []int) {
		for j, m := range moves {
			switch at := moves[i]; {
			case i == j:
			case leads(m, at), at.From != m.From && at.From.Covers(m.From) && !leads(at, m):
				before = append(before, j)
			}
		}
		return before
	}
	order, _ := dag.Sort(len(moves), before)
	for _, i := range order {
		ordered = append(ordered, moves[i])
	}
	for _, round := range dag.Components(len(moves), before) {
		for _, i := range round {
			circle = append(circle, moves[i])
		}
	}
	return ordered, circle
}

// relocated applies the new addresses to a copy.
func relocated(st *state.State, at map[spec.Address]spec.Address, diags spec.Diagnostics) (*state.State, []Relocation, spec.Diagnostics) {
	var moved []Relocation
	for from, to := range at {
		if from != to {
			moved = append(moved, Relocation{From: from, To: to})
		}
	}
	if len(moved) == 0 {
		return st, nil, diags
	}
	slices.SortFunc(moved, func(a, b Relocation) int { return a.To.Compare(b.To) })
	to := func(a spec.Address) spec.Address {
		if now, ok := at[a]; ok {
			return now
		}
		return a
	}
	ids := map[spec.Address]string{}
	out := *st
	out.Resources = make([]*state.Resource, len(st.Resources))
	for i, r := range st.Resources {
		row := *r
		row.Address = to(r.Address)
		row.Uses = slices.Clone(r.Uses)
		for j := range row.Uses {
			row.Uses[j] = to(row.Uses[j])
		}
		out.Resources[i] = &row
		if r.Deposed == "" {
			ids[r.Address] = r.ID
		}
	}
	for i := range moved {
		moved[i].ID = ids[moved[i].From]
	}
	slices.SortFunc(out.Resources, func(a, b *state.Resource) int {
		return compareChanges(a.Address, a.Deposed, b.Address, b.Deposed)
	})
	return &out, moved, diags
}
