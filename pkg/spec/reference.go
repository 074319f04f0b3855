package spec

import (
	"fmt"
	"maps"
	"slices"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
)

// reference is one name that an expression uses.
type reference struct {
	root  string // var, local, each, count, or a kind; of a data block data.plans
	name  string // of the variable, the local or the resource
	rng   hcl.Range
	whole bool                 // all instances are named
	index hclsyntax.Expression // or the one whose key this expression gives
	key   cty.Value            // or the one with this literal key
}

// references lists what an expression names. server.web[each.key].id names one instance of server.web, by an expression;
// server.web["a"] by a literal; anything else that names server.web names all of its instances, which for a block
// without count or for_each is the one.
func references(e hclsyntax.Expression) []reference {
	if e == nil {
		return nil
	}
	indexed := map[hcl.Range]hclsyntax.Expression{} // the range of a collection to the key asked of it
	hclsyntax.VisitAll(e, func(n hclsyntax.Node) hcl.Diagnostics {
		if ix, ok := n.(*hclsyntax.IndexExpr); ok {
			if c, ok := ix.Collection.(*hclsyntax.ScopeTraversalExpr); ok && len(c.Traversal) == steps(c.Traversal) {
				indexed[c.Range()] = ix.Key
			}
		}
		return nil
	})
	var out []reference
	for _, t := range hclsyntax.Variables(e) {
		r := reference{rng: t.SourceRange(), whole: true}
		var rest hcl.Traversal
		r.root, r.name, rest = split(t)
		if len(rest) > 0 {
			if ix, ok := rest[0].(hcl.TraverseIndex); ok {
				r.whole, r.key = false, ix.Key
			}
		}
		if key, ok := indexed[r.rng]; ok && len(rest) == 0 {
			r.whole, r.index = false, key
		}
		out = append(out, r)
	}
	return out
}

// node is a block that others may refer to, as the graph of a stack sees it.
type node struct {
	name string // "server.web", "local.x"
	rng  Range
	uses []hclsyntax.Expression
	more []hcl.Traversal // depends_on
}

func (s *Stack) nodes() map[string]*node {
	all := map[string]*node{}
	for _, l := range s.locals {
		all["local."+l.name] = &node{name: "local." + l.name, rng: l.rng, uses: []hclsyntax.Expression{l.expr}}
	}
	for _, r := range s.order {
		n := &node{name: r.String(), rng: r.rng, more: r.dependsOn}
		n.uses = r.expressions()
		all[n.name] = n
	}
	return all
}

// expressions are all that a resource block holds, in a fixed order.
func (r *resource) expressions() []hclsyntax.Expression {
	var out []hclsyntax.Expression
	if r.count != nil {
		out = append(out, r.count)
	}
	if r.forEach != nil {
		out = append(out, r.forEach)
	}
	for _, name := range slices.Sorted(maps.Keys(r.attributes)) {
		out = append(out, r.attributes[name].Expr)
	}
	out = append(out, r.triggers...)
	for _, rule := range slices.Concat(r.before, r.after) {
		out = append(out, rule.expressions()...)
	}
	return out
}

// graph is which block uses which, by name, and the cycles in it.
type graph struct {
	uses   map[string][]string
	users  map[string][]string // the other way round
	cycles [][]string
	depth  int // of the longest chain of blocks that use one another; without meaning where there are cycles
}

// maxChain bounds chains of references: each link is worked out within the one before.
const maxChain = 5000

func (s *Stack) graph() *graph {
	nodes := s.nodes()
	g := &graph{uses: make(map[string][]string, len(nodes)), users: make(map[string][]string, len(nodes))}
	for name, n := range nodes {
		set := map[string]bool{}
		for _, e := range n.uses {
			for _, r := range references(e) {
				if to := r.root + "." + r.name; nodes[to] != nil {
					set[to] = true
				}
			}
		}
		for _, t := range n.more {
			if root, name, _ := split(t); nodes[root+"."+name] != nil {
				set[root+"."+name] = true
			}
		}
		g.uses[name] = slices.Sorted(maps.Keys(set))
		for to := range set {
			g.users[to] = append(g.users[to], name)
		}
	}
	g.findCycles()
	if len(g.cycles) == 0 {
		g.measure()
	}
	return g
}

// measure finds the longest chain, from those that use nothing upwards.
func (g *graph) measure() {
	left, depth := map[string]int{}, map[string]int{}
	var ready []string
	for name, uses := range g.uses {
		if left[name] = len(uses); len(uses) == 0 {
			ready = append(ready, name)
		}
	}
	for len(ready) > 0 {
		at := ready[len(ready)-1]
		ready = ready[:len(ready)-1]
		g.depth = max(g.depth, depth[at]+1)
		for _, user := range g.users[at] {
			depth[user] = max(depth[user], depth[at]+1)
			if left[user]--; left[user] == 0 {
				ready = append(ready, user)
			}
		}
	}
}

// findCycles is Tarjan's algorithm, without recursion: a chain of locals may be long.
func (g *graph) findCycles() {
	index, low, on := map[string]int{}, map[string]int{}, map[string]bool{}
	var stack []string
	type frame struct {
		name string
		next int
	}
	for _, root := range slices.Sorted(maps.Keys(g.uses)) {
		if _, seen := index[root]; seen {
			continue
		}
		work := []frame{{name: root}}
		for len(work) > 0 {
			f := &work[len(work)-1]
			if f.next == 0 {
				index[f.name] = len(index)
				low[f.name] = index[f.name]
				stack = append(stack, f.name)
				on[f.name] = true
			}
			if f.next < len(g.uses[f.name]) {
				to := g.uses[f.name][f.next]
				f.next++
				if _, seen := index[to]; !seen {
					work = append(work, frame{name: to})
				} else if on[to] {
					low[f.name] = min(low[f.name], index[to])
				}
				continue
			}
			done := f.name
			work = work[:len(work)-1]
			if len(work) > 0 {
				parent := work[len(work)-1].name
				low[parent] = min(low[parent], low[done])
			}
			if low[done] != index[done] {
				continue
			}
			var group []string
			for {
				top := stack[len(stack)-1]
				stack = stack[:len(stack)-1]
				on[top] = false
				group = append(group, top)
				if top == done {
					break
				}
			}
			if len(group) > 1 || slices.Contains(g.uses[done], done) {
				g.cycles = append(g.cycles, g.path(group))
			}
		}
	}
}

// path orders the members of a cycle so that each uses the next, as far as a simple walk can.
func (g *graph) path(group []string) []string {
	slices.Sort(group)
	path := []string{group[0]}
	for {
		at := path[len(path)-1]
		var next string
		for _, to := range g.uses[at] {
			if to == path[0] && len(path) > 0 {
				return append(path, to)
			}
			if next == "" && slices.Contains(group, to) && !slices.Contains(path, to) {
				next = to
			}
		}
		if next == "" {
			return append(path, path[0])
		}
		path = append(path, next)
	}
}

// split takes the first word of a traversal, the name after it, and what follows. The first word of a data block is two:
// data.plans. A name that is missing is empty.
func split(t hcl.Traversal) (root, name string, rest hcl.Traversal) {
	step := func(i int) string {
		if i < len(t) {
			if a, ok := t[i].(hcl.TraverseAttr); ok {
				return a.Name
			}
		}
		return ""
	}
	root = t.RootName()
	at := 1
	if root == dataRoot {
		root += "." + step(1)
		at = 2
	}
	return root, step(at), t[min(at+1, len(t)):]
}

// steps is how many a traversal takes to name a block.
func steps(t hcl.Traversal) int {
	if t.RootName() == dataRoot {
		return 3
	}
	return 2
}

// dataRoot is the first word of references to data blocks.
const dataRoot = "data"

// blockAt is the resource or data block that a traversal begins with, or nil, and what follows.
func (s *Stack) blockAt(t hcl.Traversal) (*resource, hcl.Traversal) {
	root, name, rest := split(t)
	return s.resources[root][name], rest
}

func (s *Stack) cycleDiagnostics(g *graph) Diagnostics {
	var diags Diagnostics
	if g.depth > maxChain {
		diags = append(diags, Diagnostic{Severity: SeverityError, Summary: "References are too deep",
			Detail: fmt.Sprintf("A chain of %d locals and resources name one another; %d is the most.", g.depth, maxChain)})
	}
	nodes := s.nodes()
	for _, c := range g.cycles {
		text := c[0]
		for _, name := range c[1:] {
			text += " → " + name
		}
		at := nodes[c[0]].rng
		diags = append(diags, s.sources.at(Diagnostic{
			Severity: SeverityError, Summary: "References form a cycle",
			Detail: fmt.Sprintf("Each of these needs the next to be known first: %s.", text),
			Remedy: "break the circle: let one of them name a variable or a constant instead", Range: &at,
		}))
	}
	return diags
}
