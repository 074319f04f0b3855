package graph

import (
	"cmp"
	"slices"
)

// All in pixels.
const (
	boxGap    = 28 // between boxes of a layer
	laneGap   = 8  // between two lanes
	edgeGap   = 14 // between a lane and a box
	laneWidth = 16
	stackGap  = 8
	stackMost = 8 // boxes in one stack
	spinesMax = 2 // lines that may run beside a stack
	spineStep = 12
	portEdge  = 14 // from the corner of a box to the outermost line
	portStep  = 14
	apart     = 4  // of two lines that are not the same, at least
	trackStep = 10 // between two horizontal lines
	channel   = 16 // above the first horizontal line and below the last
	straight  = 36 // height of a channel that has none
)

// gutter is the room on the left of a stack for the lines that run beside it.
func gutter(spines int) int { return spines*spineStep + 12 }

func (it *item) spine(j int) int { return it.x + spineStep/2 + j*spineStep }

// leaves is where the line of an item begins.
func (it *item) leaves() int {
	if it.lane {
		return it.ports[0]
	}
	return it.x + it.w/2
}

// entry is where lines arrive, from the left edge, as long as the ports are not known.
func (it *item) entry() int {
	if len(it.nodes) > 1 {
		return spineStep * len(it.deps) / 2
	}
	return it.w / 2
}

func gap(a, b *item) int {
	switch {
	case a.lane && b.lane:
		return a.w + laneGap
	case a.lane || b.lane:
		return a.w + edgeGap
	}
	return a.w + boxGap
}

// place finds x for every item: as close to its neighbours as the order and the gaps allow. Each layer in turn is put
// where the sum of the squared distances is least, lanes weighing most so that long lines run straight.
func (l *layered) place() {
	for _, layer := range l.layers {
		x := 0
		for at, i := range layer {
			if at > 0 {
				x += gap(&l.items[layer[at-1]], &l.items[i])
			}
			l.items[i].x = x
		}
	}
	n := max(4, l.sweeps(30))
	for sweep := range n {
		both := sweep >= n-6
		for at := range l.layers {
			d := at
			if sweep%2 == 1 {
				d = len(l.layers) - 1 - at
			}
			l.settle(l.layers[d], both || sweep%2 == 0, both || sweep%2 == 1)
		}
	}
	left := l.items[0].x
	for i := range l.items {
		left = min(left, l.items[i].x)
	}
	for i := range l.items {
		l.items[i].x -= left
	}
}

func (l *layered) settle(layer []int, up, down bool) {
	wanted, weights, gaps := make([]int, len(layer)), make([]int, len(layer)), make([]int, len(layer))
	for at, i := range layer {
		it := &l.items[i]
		if at > 0 {
			gaps[at] = gap(&l.items[layer[at-1]], it)
		}
		sum, weight := 0, 0
		pull := func(j, x int) {
			w := 1
			if it.lane && l.items[j].lane {
				w = 8
			} else if it.lane || l.items[j].lane {
				w = 2
			}
			sum, weight = sum+w*x, weight+w
		}
		if up || len(it.down) == 0 {
			for _, j := range it.up {
				above := &l.items[j]
				pull(j, above.x+above.w/2-it.entry())
			}
		}
		if down || len(it.up) == 0 {
			for _, j := range it.down {
				below := &l.items[j]
				pull(j, below.x+below.entry()-it.w/2)
			}
		}
		if weight == 0 {
			sum, weight = it.x, 1
		}
		wanted[at], weights[at] = floorDiv(sum, weight), weight
	}
	for at, x := range spread(wanted, weights, gaps) {
		l.items[layer[at]].x = x
	}
}

// spread gives the positions that are nearest to the wanted ones by least squares where each is at least its gap right of
// the one before (pool adjacent violators).
func spread(wanted, weights, gaps []int) []int {
	type pool struct{ sum, weight, n int }
	var pools []pool
	offset := 0
	offsets := make([]int, len(wanted))
	for i, x := range wanted {
		offset += gaps[i]
		offsets[i] = offset
		pools = append(pools, pool{(x - offset) * weights[i], weights[i], 1})
		for k := len(pools) - 1; k > 0; k-- {
			a, b := pools[k-1], pools[k]
			if a.sum*b.weight <= b.sum*a.weight {
				break
			}
			pools = append(pools[:k-1], pool{a.sum + b.sum, a.weight + b.weight, a.n + b.n})
		}
	}
	out := make([]int, 0, len(wanted))
	for _, p := range pools {
		x := floorDiv(p.sum, p.weight)
		for range p.n {
			out = append(out, x+offsets[len(out)])
		}
	}
	return out
}

func floorDiv(a, b int) int {
	q := a / b
	if a%b < 0 {
		q--
	}
	return q
}

// net is what one item's line does between two layers: it comes down at one place and goes down at others.
type net struct {
	item   int // whose line it is
	top    int
	bottom []int
	lo, hi int
	track  int
}

// route finds where lines arrive, the tracks on which they run between the layers, and so y for every item. It returns
// the y of each item's line in the channel below each layer.
func (l *layered) route() (tracks []map[int]int, height int) {
	y := 0
	for d, layer := range l.layers {
		tall := 0
		for _, i := range layer {
			l.items[i].y = y
			tall = max(tall, l.items[i].h)
		}
		y += tall
		if d == len(l.layers)-1 {
			break
		}
		tops := map[int]int{}
		for _, i := range layer {
			if it := &l.items[i]; len(it.down) > 0 {
				tops[l.owner(i)] = it.leaves()
			}
		}
		l.ports(l.layers[d+1], tops)
		nets := l.nets(l.layers[d+1], tops)
		n := assign(nets)
		at := map[int]int{}
		for _, net := range nets {
			at[net.item] = y + channel + net.track*trackStep
		}
		tracks = append(tracks, at)
		if n == 0 {
			y += straight
		} else {
			y += 2*channel + (n-1)*trackStep
		}
	}
	return tracks, y
}

// owner is whose line an item continues or begins.
func (l *layered) owner(i int) int {
	if l.items[i].lane {
		return l.items[i].deps[0]
	}
	return i
}

// ports decides where the lines from above arrive at the items of a layer: straight below where they come from if that can
// be, and never below where another line begins, since the two would look like one.
func (l *layered) ports(layer []int, tops map[int]int) {
	var begins []int
	for _, x := range tops {
		begins = append(begins, x)
	}
	slices.Sort(begins)
	for _, i := range layer {
		it := &l.items[i]
		it.ports = make([]int, len(it.deps))
		if len(it.deps) == 0 {
			continue
		}
		lo, hi := it.x+portEdge, it.x+it.w-portEdge
		middle := it.x + it.w/2
		switch {
		case it.lane:
			it.ports[0] = it.x + it.w/2
			lo, hi = it.x, it.x+it.w
			if top := tops[it.deps[0]]; top >= lo && top <= hi {
				it.ports[0] = top
			}
		case len(it.nodes) > 1:
			slices.SortStableFunc(it.deps, func(a, b int) int { return tops[a] - tops[b] })
			for j := range it.ports {
				it.ports[j] = it.spine(j)
			}
		case len(it.deps) == 1:
			it.ports[0] = middle
			if top := tops[it.deps[0]]; top >= lo && top <= hi {
				it.ports[0] = top
			}
		default:
			slices.SortStableFunc(it.deps, func(a, b int) int { return cmp.Or(tops[a]-tops[b], a-b) })
			step := min(portStep, (hi-lo)/(len(it.deps)-1))
			first := middle - step*(len(it.deps)-1)/2
			for j := range it.ports {
				it.ports[j] = first + j*step
			}
		}
		for j, x := range it.ports {
			from, to := lo, hi
			if len(it.nodes) > 1 {
				from, to = x-spineStep/2+1, x+spineStep/2-1
			}
			if j > 0 {
				from = max(from, it.ports[j-1]+min(apart, x-it.ports[j-1]))
			}
			if j+1 < len(it.ports) {
				to = min(to, it.ports[j+1]-min(apart, it.ports[j+1]-x))
			}
			it.ports[j] = clear(x, from, to, tops[it.deps[j]], begins)
		}
	}
}

// clear is the place nearest to x, from lo to hi, that is apart from all beginnings but its own.
func clear(x, lo, hi, own int, begins []int) int {
	free := func(x int) bool {
		if x < lo || x > hi {
			return false
		}
		at, _ := slices.BinarySearch(begins, x-apart+1)
		for ; at < len(begins) && begins[at] < x+apart; at++ {
			if begins[at] != own {
				return false
			}
		}
		return true
	}
	for away := 0; away <= hi-lo; away++ {
		if free(x + away) {
			return x + away
		}
		if free(x - away) {
			return x - away
		}
	}
	return x
}

// nets are the lines between two layers, sorted by their items.
func (l *layered) nets(layer []int, tops map[int]int) []*net {
	at := map[int]*net{}
	var nets []*net
	for _, i := range layer {
		it := &l.items[i]
		for j, dep := range it.deps {
			n := at[dep]
			if n == nil {
				n = &net{item: dep, top: tops[dep], lo: tops[dep], hi: tops[dep]}
				at[dep] = n
				nets = append(nets, n)
			}
			n.bottom = append(n.bottom, it.ports[j])
			n.lo, n.hi = min(n.lo, it.ports[j]), max(n.hi, it.ports[j])
		}
	}
	for _, n := range nets {
		slices.Sort(n.bottom)
	}
	slices.SortFunc(nets, func(a, b *net) int { return a.item - b.item })
	return nets
}

// over counts the crossings of two lines if the horizontal part of a is above that of b.
func over(a, b *net) int {
	from, _ := slices.BinarySearch(a.bottom, b.lo+1)
	to, _ := slices.BinarySearch(a.bottom, b.hi)
	n := max(0, to-from)
	if a.lo < b.top && b.top < a.hi {
		n++
	}
	return n
}

// assign gives each line that bends a track, so that no two overlap and few cross, and says how many tracks there are.
func assign(nets []*net) int {
	var bent []*net
	for _, n := range nets {
		if n.lo != n.hi {
			bent = append(bent, n)
		}
	}
	// Lines that go right nest best with the rightmost on top, those that go left the other way round.
	right := func(n *net) bool { return n.hi-n.top >= n.top-n.lo }
	slices.SortStableFunc(bent, func(a, b *net) int {
		switch {
		case right(a) != right(b):
			if right(a) {
				return -1
			}
			return 1
		case right(a):
			return b.top - a.top
		}
		return a.top - b.top
	})
	passes := 12
	if len(bent) > 400 {
		passes = 1
	}
	for better := true; better && passes > 0; passes-- {
		better = false
		for i := 1; i < len(bent); i++ {
			if over(bent[i], bent[i-1]) < over(bent[i-1], bent[i]) {
				bent[i-1], bent[i] = bent[i], bent[i-1]
				better = true
			}
		}
	}
	// Each takes the first track below all earlier ones that it meets.
	tracks := 0
	for i, n := range bent {
		for _, m := range bent[:i] {
			if n.lo <= m.hi+2*apart && m.lo <= n.hi+2*apart {
				n.track = max(n.track, m.track+1)
			}
		}
		tracks = max(tracks, n.track+1)
	}
	return tracks
}
