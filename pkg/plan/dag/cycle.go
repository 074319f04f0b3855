package dag

import "slices"

// Components returns the cyclic parts of the graph (Tarjan's strongly connected components of more than
// one node, and nodes that come before themselves). Each is sorted, and they are sorted by their
// first node. A graph that can be ordered has none.
func Components(n int, after func(i int) []int) [][]int {
	g := build(n, after)
	const unseen = -1
	var (
		index = make([]int, n) // order of discovery
		low   = make([]int, n) // the earliest node that is reachable and still on the stack
		on    = make([]bool, n)
		stack []int
		next  int
		found [][]int
	)
	for i := range index {
		index[i] = unseen
	}
	// The recursion is spelt out, since a chain of dependencies may be as long as the graph.
	type frame struct{ node, edge int }
	for root := range n {
		if index[root] != unseen {
			continue
		}
		frames := []frame{{node: root}}
		for len(frames) > 0 {
			f := &frames[len(frames)-1]
			v := f.node
			if f.edge == 0 {
				index[v], low[v] = next, next
				next++
				stack = append(stack, v)
				on[v] = true
			}
			if f.edge < len(g.before[v]) {
				w := g.before[v][f.edge]
				f.edge++
				switch {
				case index[w] == unseen:
					frames = append(frames, frame{node: w})
				case on[w]:
					low[v] = min(low[v], index[w])
				}
				continue
			}
			frames = frames[:len(frames)-1]
			if len(frames) > 0 {
				parent := frames[len(frames)-1].node
				low[parent] = min(low[parent], low[v])
			}
			if low[v] != index[v] {
				continue
			}
			cut := len(stack) - 1
			for stack[cut] != v {
				cut--
			}
			part := slices.Clone(stack[cut:])
			stack = stack[:cut]
			for _, w := range part {
				on[w] = false
			}
			if len(part) > 1 || slices.Contains(g.before[v], v) {
				slices.Sort(part)
				found = append(found, part)
			}
		}
	}
	slices.SortFunc(found, func(a, b []int) int { return a[0] - b[0] })
	return found
}
