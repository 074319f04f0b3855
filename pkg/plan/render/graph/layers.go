package graph

import (
	"cmp"
	"slices"
)

// A component is laid out in layers (Sugiyama's way): each node stands below all that it uses, and a connection that
// passes a layer has a lane of its own there, so that no line runs through a box. What leaves a node leaves it as one line
// that branches, which keeps the number of lanes and of lines small.

// item is what has a place in a layer: a box, a stack of boxes that use the same and are used by nothing, or a lane.
type item struct {
	nodes []int // none for a lane
	// deps are the items whose lines arrive here; a lane has the one that it belongs to.
	deps []int
	lane bool
	// needed: a line begins here.
	needed bool
	depth  int // layer, from the top
	w, h   int
	x, y   int // of the upper left corner
	// ports are where the lines of deps arrive; a lane has one, where its line passes.
	ports []int
	// up and down are the neighbours in the layers above and below, through lanes.
	up, down []int
}

// layered is a component in layers.
type layered struct {
	items  []item
	layers [][]int // items from left to right
}

// component is some nodes of a graph, by number, and the edges among them with cycles turned away.
type component struct {
	nodes []int
	uses  map[int][]int
	users map[int][]int
}

// components are the connected parts of the graph, each with its nodes sorted.
func components(nodes []Node) []component {
	root := make([]int, len(nodes))
	for i := range root {
		root[i] = i
	}
	find := func(i int) int {
		for root[i] != i {
			root[i] = root[root[i]]
			i = root[i]
		}
		return i
	}
	for i, n := range nodes {
		for _, u := range n.Uses {
			if a, b := find(i), find(u); a != b {
				root[max(a, b)] = min(a, b)
			}
		}
	}
	at := map[int]int{}
	var all []component
	for i := range nodes {
		r := find(i)
		if _, ok := at[r]; !ok {
			at[r] = len(all)
			all = append(all, component{uses: map[int][]int{}, users: map[int][]int{}})
		}
		c := &all[at[r]]
		c.nodes = append(c.nodes, i)
	}
	for i := range all {
		all[i].connect(nodes)
	}
	return all
}

// connect takes over the edges. Recorded uses may be stale and folding may join what was apart, so there may be cycles: an
// edge that closes one is turned round.
func (c *component) connect(nodes []Node) {
	const (
		fresh = iota
		open
		done
	)
	state := map[int]int{}
	link := func(user, used int) {
		c.uses[user] = append(c.uses[user], used)
		c.users[used] = append(c.users[used], user)
	}
	type frame struct{ node, next int }
	for _, start := range c.nodes {
		if state[start] != fresh {
			continue
		}
		state[start] = open
		for work := []frame{{node: start}}; len(work) > 0; {
			f := &work[len(work)-1]
			if f.next == len(nodes[f.node].Uses) {
				state[f.node] = done
				work = work[:len(work)-1]
				continue
			}
			used := nodes[f.node].Uses[f.next]
			f.next++
			if state[used] == open {
				link(used, f.node)
				continue
			}
			link(f.node, used)
			if state[used] == fresh {
				state[used] = open
				work = append(work, frame{node: used})
			}
		}
	}
	for _, edges := range []map[int][]int{c.uses, c.users} {
		for n := range edges {
			slices.Sort(edges[n])
			edges[n] = slices.Compact(edges[n])
		}
	}
}

// depths puts each node one layer below the lowest that it uses, and then what uses nothing right above its first user.
func (c *component) depths() map[int]int {
	depth, left := map[int]int{}, map[int]int{}
	var ready []int
	for _, n := range c.nodes {
		left[n] = len(c.uses[n])
		if left[n] == 0 {
			ready = append(ready, n)
		}
	}
	for len(ready) > 0 {
		n := ready[0]
		ready = ready[1:]
		for _, u := range c.users[n] {
			depth[u] = max(depth[u], depth[n]+1)
			if left[u]--; left[u] == 0 {
				ready = append(ready, u)
			}
		}
	}
	for _, n := range c.nodes {
		if len(c.uses[n]) > 0 || len(c.users[n]) == 0 {
			continue
		}
		first := depth[c.users[n][0]]
		for _, u := range c.users[n] {
			first = min(first, depth[u])
		}
		depth[n] = first - 1
	}
	return depth
}

// layer makes the items of a component: first all with boxes, in the order of their first nodes, then the lanes.
func (c *component) layer(sizes []size) *layered {
	depth := c.depths()
	l := &layered{}
	home := map[int]int{} // of a node its item
	stacks := map[string][]int{}
	var order []string
	for _, n := range c.nodes {
		if len(c.users[n]) > 0 || len(c.uses[n]) > spinesMax {
			home[n] = l.box(sizes, n)
			continue
		}
		k := intsKey(c.uses[n])
		if stacks[k] == nil {
			order = append(order, k)
		}
		stacks[k] = append(stacks[k], n)
	}
	for _, k := range order {
		// Evenly: 9 are 5 and 4, not 8 and 1.
		all := stacks[k]
		for parts := (len(all) + stackMost - 1) / stackMost; parts > 0; parts-- {
			n := (len(all) + parts - 1) / parts
			i := l.stack(sizes, all[:n], len(c.uses[all[0]]))
			for _, node := range all[:n] {
				home[node] = i
			}
			all = all[n:]
		}
	}
	slices.SortStableFunc(l.items, func(a, b item) int { return a.nodes[0] - b.nodes[0] })
	for i, it := range l.items {
		for _, n := range it.nodes {
			home[n] = i
		}
	}
	for i := range l.items {
		it := &l.items[i]
		it.depth = depth[it.nodes[0]]
		for _, used := range c.uses[it.nodes[0]] {
			it.deps = append(it.deps, home[used])
			l.items[home[used]].needed = true
		}
	}
	l.connect()
	return l
}

// connect fills the layers as the items' depths say, and leads a lane through every layer that a line passes.
func (l *layered) connect() {
	l.items = slices.DeleteFunc(l.items, func(it item) bool { return it.lane })
	boxes := len(l.items)
	deepest := make([]int, boxes) // layer that the line of an item has to reach
	bottom := 0
	for i := range l.items {
		it := &l.items[i]
		it.up, it.down = nil, nil
		bottom = max(bottom, it.depth)
		for _, dep := range it.deps {
			deepest[dep] = max(deepest[dep], it.depth)
		}
	}
	l.layers = make([][]int, bottom+1)
	for i, it := range l.items {
		l.layers[it.depth] = append(l.layers[it.depth], i)
	}
	lanes := map[[2]int]int{} // by item and layer
	for i := range boxes {
		above := i
		for d := l.items[i].depth + 1; d < deepest[i]; d++ {
			lane := len(l.items)
			l.items = append(l.items, item{lane: true, deps: []int{i}, depth: d, w: laneWidth})
			lanes[[2]int{i, d}] = lane
			// To begin with in the middle, so that what hangs below many boxes hangs below the middle of them.
			l.layers[d] = slices.Insert(l.layers[d], len(l.layers[d])/2, lane)
			l.link(above, lane)
			above = lane
		}
	}
	for i := range boxes {
		for _, dep := range l.items[i].deps {
			above := dep
			if lane, ok := lanes[[2]int{dep, l.items[i].depth - 1}]; ok {
				above = lane
			}
			l.link(above, i)
		}
	}
}

// narrow moves boxes that nothing below needs from layers that are too wide to the next ones, in turn, so that those which
// belong together come to stand below each other. It says whether it did.
func (l *layered) narrow() bool {
	area := 0
	width := func(it *item) int { return it.w + boxGap }
	for i := range l.items {
		if it := &l.items[i]; !it.lane {
			area += width(it) * (it.h + 2*channel)
		}
	}
	limit := 1400 // what a screen shows
	for limit*limit < 2*area {
		limit += 50
	}
	full := make([]int, len(l.layers))
	for d, layer := range l.layers {
		for _, i := range layer {
			full[d] += width(&l.items[i])
		}
	}
	moved := false
	for d, layer := range l.layers {
		rows := (full[d] + limit - 1) / limit
		if rows < 2 {
			continue
		}
		for len(full) < d+rows {
			full = append(full, 0)
		}
		var free []*item
		for _, i := range layer {
			if it := &l.items[i]; !it.lane && !it.needed {
				free = append(free, it)
				full[d] -= width(it)
			}
		}
		for _, it := range free {
			row := 0
			for r := range rows {
				if full[d+r] < full[d+row] {
					row = r
				}
			}
			full[d+row] += width(it)
			it.depth += row
			moved = moved || row > 0
		}
	}
	if moved {
		l.connect()
	}
	return moved
}

func (l *layered) link(above, below int) {
	l.items[above].down = append(l.items[above].down, below)
	l.items[below].up = append(l.items[below].up, above)
}

func (l *layered) box(sizes []size, n int) int {
	l.items = append(l.items, item{nodes: []int{n}, w: sizes[n].w, h: sizes[n].h})
	return len(l.items) - 1
}

// stack is boxes below each other, all as wide as the widest. One alone is a box.
func (l *layered) stack(sizes []size, nodes []int, spines int) int {
	if len(nodes) == 1 {
		return l.box(sizes, nodes[0])
	}
	it := item{nodes: slices.Clone(nodes), h: -stackGap}
	for _, n := range nodes {
		it.w = max(it.w, sizes[n].w+gutter(spines))
		it.h += sizes[n].h + stackGap
	}
	l.items = append(l.items, it)
	return len(l.items) - 1
}

func intsKey(s []int) string {
	b := make([]byte, 0, 4*len(s))
	for _, n := range s {
		b = append(b, byte(n>>24), byte(n>>16), byte(n>>8), byte(n))
	}
	return string(b)
}

// effort bounds how much is done for fewer crossings and straighter lines: sweeps times links stay below it.
const effort = 3_000_000

func (l *layered) sweeps(most int) int {
	links := len(l.items)
	for _, it := range l.items {
		links += len(it.up)
	}
	return max(1, min(most, effort/links))
}

// arrange orders each layer so that few lines cross. Where it gets to depends on where it begins, so it begins several
// times: as the addresses come, and then shuffled, always in the same way.
func (l *layered) arrange() {
	place := make([]int, len(l.items))
	begin := l.copyOrder()
	var best [][]int
	fewest := -1
	random := uint32(1)
	for try := range max(1, l.sweeps(tries*sweepsOfTry)/sweepsOfTry) {
		l.layers = begin
		l.layers = l.copyOrder()
		if try > 0 {
			for _, layer := range l.layers {
				for i := len(layer) - 1; i > 0; i-- {
					random = random*1664525 + 1013904223
					j := int(random>>8) % (i + 1)
					layer[i], layer[j] = layer[j], layer[i]
				}
			}
		}
		if n := l.arrangeOnce(place); fewest < 0 || n < fewest {
			best, fewest = l.copyOrder(), n
		}
		if fewest == 0 {
			break
		}
	}
	l.layers = best
}

const (
	tries       = 16
	sweepsOfTry = 16
)

// arrangeOnce moves every item to the mean of its neighbours in the layer above, then in the one below, and so on, and
// keeps the best order seen. It says how many lines cross.
func (l *layered) arrangeOnce(place []int) int {
	number := func() {
		for _, layer := range l.layers {
			for i, it := range layer {
				place[it] = i
			}
		}
	}
	number()
	best, fewest := l.copyOrder(), l.crossings(place)
	for sweep := 0; sweep < sweepsOfTry && fewest > 0; sweep++ {
		if sweep%2 == 0 {
			for _, layer := range l.layers[1:] {
				sortByMean(layer, place, func(i int) []int { return l.items[i].up })
			}
		} else {
			for d := len(l.layers) - 2; d >= 0; d-- {
				sortByMean(l.layers[d], place, func(i int) []int { return l.items[i].down })
			}
		}
		if c := l.crossings(place); c < fewest {
			best, fewest = l.copyOrder(), c
		}
	}
	l.layers = best
	number()
	for n := 0; n < 4 && fewest > 0 && l.swap(place); n++ {
		fewest = l.crossings(place)
	}
	return fewest
}

func (l *layered) copyOrder() [][]int {
	order := make([][]int, len(l.layers))
	for d := range order {
		order[d] = slices.Clone(l.layers[d])
	}
	return order
}

// sortByMean orders a layer by the mean place of each item's neighbours. What has none keeps its place.
func sortByMean(layer, place []int, neighbours func(int) []int) {
	type mean struct{ sum, n int }
	means := make(map[int]mean, len(layer))
	for at, i := range layer {
		m := mean{at, 1}
		if near := neighbours(i); len(near) > 0 {
			m = mean{0, len(near)}
			for _, j := range near {
				m.sum += place[j]
			}
		}
		means[i] = m
	}
	slices.SortStableFunc(layer, func(a, b int) int {
		return cmp.Compare(means[a].sum*means[b].n, means[b].sum*means[a].n)
	})
	for at, i := range layer {
		place[i] = at
	}
}

// crossings counts the pairs of links that cross between neighbouring layers.
func (l *layered) crossings(place []int) int {
	total := 0
	for d := 1; d < len(l.layers); d++ {
		above := len(l.layers[d-1])
		tree := make([]int, above+1) // of Fenwick: how many links seen so far begin at or left of a place
		seen := 0
		for _, i := range l.layers[d] {
			for _, u := range l.items[i].up {
				left := 0
				for at := place[u] + 1; at > 0; at -= at & -at {
					left += tree[at]
				}
				total += seen - left
			}
			for _, u := range l.items[i].up {
				for at := place[u] + 1; at <= above; at += at & -at {
					tree[at]++
				}
				seen++
			}
		}
	}
	return total
}

// swap exchanges neighbours where that saves crossings, and says whether it did.
func (l *layered) swap(place []int) bool {
	better := false
	for _, layer := range l.layers {
		for at := 1; at < len(layer); at++ {
			a, b := layer[at-1], layer[at]
			now := crossed(l.items[a].up, l.items[b].up, place) + crossed(l.items[a].down, l.items[b].down, place)
			then := crossed(l.items[b].up, l.items[a].up, place) + crossed(l.items[b].down, l.items[a].down, place)
			if then < now {
				layer[at-1], layer[at] = b, a
				place[a], place[b] = at, at-1
				better = true
			}
		}
	}
	return better
}

// crossed counts crossings between the links of two neighbours, left and right. Where there are very many it does not look.
func crossed(left, right, place []int) int {
	if len(left)*len(right) > 2500 {
		return 0
	}
	n := 0
	for _, a := range left {
		for _, b := range right {
			if place[a] > place[b] {
				n++
			}
		}
	}
	return n
}
