// Package graph draws which resource uses which: as DOT, as Mermaid, as a standalone SVG and as JSON.
//
// Every drawing goes downward from what is needed first, so an edge leads from a resource to one that uses it. The same
// graph gives the same bytes, on any machine: the layout of the SVG calculates in whole numbers alone. Names are foreign
// text and are escaped for the format that they stand in.
//
// Start at [New] or [NewPlanned], then [DOT], [Mermaid], [SVG] or [JSON].
package graph

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/vpsync/vpsync/pkg/plan"
	"github.com/vpsync/vpsync/pkg/plan/render"
	"github.com/vpsync/vpsync/pkg/spec"
	"github.com/vpsync/vpsync/pkg/state"
)

// Graph is what is drawn. The nodes are sorted by address.
type Graph struct {
	Nodes []Node
	// Planned: each node has the action that a plan has for it.
	Planned bool
}

// Node is a resource.
type Node struct {
	Address spec.Address
	Deposed string // the key of an old object that awaits its deletion, or empty
	Account string
	// Open: the node is a block, and how many instances it has cannot be told.
	Open bool
	// Uses are the nodes that this one refers to, as indices, sorted.
	Uses []int
	Mark Mark
	// Count is 1, or how many instances of one block are folded into this node; Tally says what is planned for them.
	Count int
	Tally []Tally
}

// Mark is what a plan has for a node. The zero Mark is nothing.
type Mark struct {
	Action plan.Action
	// NeedsHand: nothing is sent until an operator has acted; Waits: an open intent holds the node back.
	NeedsHand, Waits bool
	CreateFirst      bool // of a replacement: the new object is made before the old one goes
}

// Tally is how many nodes have a mark.
type Tally struct {
	Mark  Mark
	Count int
}

// New is the graph of a configuration.
func New(o *spec.Outline) *Graph {
	var all []entry
	for _, r := range o.Resources {
		all = append(all, entry{Node{Address: r.Address, Account: r.Account, Count: 1}, r.Uses})
	}
	for _, r := range o.Open {
		all = append(all, entry{Node{Address: r.Address, Account: r.Account, Count: 1, Open: true}, r.Uses})
	}
	return &Graph{Nodes: connect(all)}
}

// NewPlanned is the graph of a plan: the resources of the configuration, and those recorded ones that something happens
// to, with what they were recorded to use.
func NewPlanned(desired []*spec.Resource, recorded []*state.Resource, p *plan.Plan) *Graph {
	type key struct {
		address spec.Address
		deposed string
	}
	marks, accounts := map[key]Mark{}, map[key]string{}
	for _, c := range p.Changes {
		k := key{c.Address, c.Deposed}
		accounts[k] = c.Account
		if c.Action != plan.NoOp || c.NeedsHand {
			marks[k] = Mark{Action: c.Action, NeedsHand: c.NeedsHand, CreateFirst: c.CreateFirst}
		}
	}
	for _, w := range p.Pending {
		marks[key{w.Address, ""}] = Mark{Waits: true}
	}
	var all []entry
	drawn := map[key]bool{}
	add := func(k key, account string, uses []spec.Address) {
		if !drawn[k] {
			drawn[k] = true
			all = append(all, entry{Node{Address: k.address, Deposed: k.deposed, Account: account, Count: 1, Mark: marks[k]}, uses})
		}
	}
	for _, r := range desired {
		add(key{r.Address, ""}, r.Account, r.Uses)
	}
	for _, r := range recorded {
		if k := (key{r.Address, r.Deposed}); marks[k] != (Mark{}) {
			add(k, r.Account, r.Uses)
		}
	}
	for _, c := range p.Changes {
		if k := (key{c.Address, c.Deposed}); marks[k] != (Mark{}) {
			add(k, accounts[k], nil)
		}
	}
	return &Graph{Nodes: connect(all), Planned: true}
}

// entry is a node before its place is known.
type entry struct {
	node Node
	uses []spec.Address
}

// connect sorts nodes and turns addresses into indices. What is used and not drawn has no edge.
func connect(all []entry) []Node {
	slices.SortStableFunc(all, func(a, b entry) int {
		return cmp.Or(a.node.Address.Compare(b.node.Address), strings.Compare(a.node.Deposed, b.node.Deposed))
	})
	at := make(map[spec.Address]int, len(all))
	for i, e := range all {
		if e.node.Deposed == "" {
			at[e.node.Address] = i
		}
	}
	nodes := make([]Node, len(all))
	for i, e := range all {
		nodes[i] = e.node
		for _, u := range e.uses {
			if to, ok := at[u]; ok && to != i {
				nodes[i].Uses = append(nodes[i].Uses, to)
			}
		}
		slices.Sort(nodes[i].Uses)
		nodes[i].Uses = slices.Compact(nodes[i].Uses)
	}
	return nodes
}

// most is how many instances of one block a drawing shows side by side.
const most = 12

// Fold gives the graph with the instances of each block that has more than 12 of them in one node.
func (g *Graph) Fold() *Graph {
	type group struct {
		kind, name string
		deposed    bool
	}
	of := func(n Node) group { return group{n.Address.Kind, n.Address.Name, n.Deposed != ""} }
	size := map[group]int{}
	for _, n := range g.Nodes {
		size[of(n)]++
	}
	folded := &Graph{Planned: g.Planned}
	place := make([]int, len(g.Nodes))
	at := map[group]int{}
	for i, n := range g.Nodes {
		k := of(n)
		if size[k] <= most {
			place[i] = len(folded.Nodes)
			folded.Nodes = append(folded.Nodes, n)
			continue
		}
		if _, ok := at[k]; !ok {
			at[k] = len(folded.Nodes)
			folded.Nodes = append(folded.Nodes, Node{
				Address: spec.Address{Kind: k.kind, Name: k.name}, Deposed: n.Deposed, Account: n.Account,
			})
		}
		place[i] = at[k]
		box := &folded.Nodes[place[i]]
		box.Count += n.Count
		box.count(n.Mark)
	}
	uses := make([][]int, len(folded.Nodes))
	for i, n := range g.Nodes {
		for _, u := range n.Uses {
			if place[u] != place[i] {
				uses[place[i]] = append(uses[place[i]], place[u])
			}
		}
	}
	for i := range folded.Nodes {
		slices.Sort(uses[i])
		n := &folded.Nodes[i]
		n.Uses = slices.Compact(uses[i])
		slices.SortStableFunc(n.Tally, func(a, b Tally) int { return b.Mark.weight() - a.Mark.weight() })
		if len(n.Tally) > 0 {
			n.Mark = n.Tally[0].Mark
		}
	}
	return folded
}

func (n *Node) count(m Mark) {
	if m == (Mark{}) {
		return
	}
	for i := range n.Tally {
		if n.Tally[i].Mark == m {
			n.Tally[i].Count++
			return
		}
	}
	n.Tally = append(n.Tally, Tally{m, 1})
}

// look is how marks are shown. The colour repeats what symbol and word say; what weighs more colours a folded node.
type look struct {
	symbol, word, class string
	weight              int
}

func (m Mark) look() look {
	switch {
	case m.NeedsHand:
		return look{"!", "needs a hand", "hand", 9}
	case m.Waits:
		return look{"?", "waits", "hand", 8}
	}
	l := look{symbol: render.ChangeSymbol(&plan.Change{Action: m.Action, CreateFirst: m.CreateFirst})}
	switch m.Action {
	case plan.Replace:
		l.word, l.class, l.weight = "replace", "remove", 7
	case plan.Delete:
		l.word, l.class, l.weight = "destroy", "remove", 6
	case plan.Forget:
		l.word, l.class, l.weight = "forget", "keep", 5
	case plan.Create:
		l.word, l.class, l.weight = "create", "create", 4
	case plan.Update:
		l.word, l.class, l.weight = "change", "change", 3
	case plan.Adopt:
		l.word, l.class, l.weight = "adopt", "keep", 2
	}
	return l
}

func (m Mark) weight() int { return m.look().weight }

// id names a node among all others.
func (n Node) id() string {
	if n.Deposed != "" {
		return n.Address.String() + " (replaced object " + n.Deposed + ")"
	}
	return n.Address.String()
}

// label is the address without its kind.
func (n Node) label() string {
	_, text, _ := strings.Cut(render.Escape(n.Address.String()), ".")
	switch {
	case n.Count > 1:
		text += fmt.Sprintf(" ×%d", n.Count)
	case n.Open:
		text += " ×?"
	}
	if n.Deposed != "" {
		text += " (old)"
	}
	return text
}

// mark is what is planned: "+ create", or for a folded node "+ 3, ~ 1".
func (n Node) mark() string {
	if len(n.Tally) == 0 {
		l := n.Mark.look()
		return strings.TrimSpace(l.symbol + " " + l.word)
	}
	var parts []string
	for _, t := range n.Tally {
		if t.Count == n.Count {
			l := t.Mark.look()
			return l.symbol + " " + l.word
		}
		parts = append(parts, fmt.Sprintf("%s %d", t.Mark.look().symbol, t.Count))
	}
	return strings.Join(parts, ", ")
}

// kinds are those of the nodes, sorted, so that each has a number and by it a colour.
func (g *Graph) kinds() map[string]int {
	var names []string
	for _, n := range g.Nodes {
		names = append(names, n.Address.Kind)
	}
	slices.Sort(names)
	numbers := map[string]int{}
	for i, name := range slices.Compact(names) {
		numbers[name] = i
	}
	return numbers
}
