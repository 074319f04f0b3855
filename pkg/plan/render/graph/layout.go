package graph

import (
	"cmp"
	"slices"
)

// size is how large the box of a node has to be for its text.
type size struct{ w, h int }

type point struct{ x, y int }

// rect is a box: its upper left corner and its size.
type rect struct{ x, y, w, h int }

// line is the way of an edge, from the border of one box to that of another, in vertical and horizontal parts.
type line struct {
	from, to int // nodes
	points   []point
}

// layout is a drawing without its paint.
type layout struct {
	w, h  int
	boxes []rect // of each node
	lines []line
}

const (
	margin  = 24
	between = 40 // components
)

// arrangement lays out every component by itself and puts them side by side, the largest first, in rows that give the
// page the shape of a screen. What neither uses nor is used comes last, in a grid.
func arrangement(nodes []Node, sizes []size) *layout {
	out := &layout{boxes: make([]rect, len(nodes))}
	var parts []*part
	var alone []int
	area, widest := 0, 0
	for _, c := range components(nodes) {
		if len(c.nodes) == 1 {
			alone = append(alone, c.nodes[0])
			continue
		}
		p := c.part(nodes, sizes)
		parts = append(parts, p)
		area += (p.w + between) * (p.h + between)
		widest = max(widest, p.w)
	}
	slices.SortStableFunc(parts, func(a, b *part) int { return cmp.Compare(len(b.boxes), len(a.boxes)) })
	side := 700
	for side*side < 2*area { // twice as wide as high
		side += 50
	}
	width := max(widest, side)
	x, y, tall := 0, 0, 0
	for _, p := range parts {
		if x > 0 && x+p.w > width {
			x, y, tall = 0, y+tall+between, 0
		}
		p.move(x, y, out)
		x, tall = x+p.w+between, max(tall, p.h)
		out.w, out.h = max(out.w, x-between), max(out.h, y+tall)
	}
	if len(alone) > 0 {
		if len(parts) > 0 {
			y = out.h + between
		}
		cell := size{}
		for _, n := range alone {
			cell = size{max(cell.w, sizes[n].w), max(cell.h, sizes[n].h)}
		}
		columns := max(1, (max(out.w, side)+boxGap)/(cell.w+boxGap))
		for i, n := range alone {
			at := rect{i % columns * (cell.w + boxGap), y + i/columns*(cell.h+boxGap/2), cell.w, cell.h}
			out.boxes[n] = at
			out.w, out.h = max(out.w, at.x+at.w), max(out.h, at.y+at.h)
		}
	}
	for i := range out.boxes {
		out.boxes[i].x += margin
		out.boxes[i].y += margin
	}
	for i := range out.lines {
		for k := range out.lines[i].points {
			out.lines[i].points[k].x += margin
			out.lines[i].points[k].y += margin
		}
	}
	out.w += 2 * margin
	out.h += 2 * margin
	slices.SortFunc(out.lines, func(a, b line) int { return cmp.Or(a.to-b.to, a.from-b.from) })
	return out
}

// part is a component that was laid out, with its upper left corner at 0, 0.
type part struct {
	w, h  int
	boxes map[int]rect
	lines []line
}

func (p *part) move(x, y int, to *layout) {
	for n, r := range p.boxes {
		to.boxes[n] = rect{r.x + x, r.y + y, r.w, r.h}
	}
	for _, l := range p.lines {
		for i := range l.points {
			l.points[i].x += x
			l.points[i].y += y
		}
		to.lines = append(to.lines, l)
	}
}

func (c *component) part(nodes []Node, sizes []size) *part {
	l := c.layer(sizes)
	l.arrange()
	if l.narrow() {
		l.arrange()
	}
	l.place()
	tracks, height := l.route()
	p := &part{h: height, boxes: map[int]rect{}}
	home := map[int]int{}
	for i := range l.items {
		it := &l.items[i]
		p.w = max(p.w, it.x+it.w)
		x, y := it.x, it.y
		if len(it.nodes) > 1 {
			x += gutter(len(it.deps))
		}
		for _, n := range it.nodes {
			home[n] = i
			p.boxes[n] = rect{x, y, it.x + it.w - x, sizes[n].h}
			y += sizes[n].h + stackGap
		}
	}
	for _, user := range c.nodes {
		for _, used := range nodes[user].Uses {
			upper, lower := used, user
			turned := !slices.Contains(c.uses[user], used)
			if turned {
				upper, lower = user, used
			}
			way := l.way(p.boxes[upper], p.boxes[lower], home[upper], home[lower], tracks)
			if turned {
				slices.Reverse(way)
			}
			p.lines = append(p.lines, line{used, user, way})
		}
	}
	return p
}

// way is the line from the bottom of a box to another one: along the lanes, then to the port, or beside the stack.
func (l *layered) way(from, to rect, upper, lower int, tracks []map[int]int) []point {
	it := &l.items[lower]
	j := slices.Index(it.deps, upper)
	// The lanes, from below, and then from above.
	var chain []int
	for at := lower; at != upper; {
		chain = append(chain, at)
		next := upper
		for _, u := range l.items[at].up {
			if l.items[u].lane && l.items[u].deps[0] == upper {
				next = u
			}
		}
		at = next
	}
	slices.Reverse(chain)
	x := from.x + from.w/2
	points := []point{{x, from.y + from.h}}
	for _, at := range chain {
		next := l.items[at].ports[0]
		if at == lower {
			next = it.ports[j]
		}
		if next != x {
			y := tracks[l.items[at].depth-1][upper]
			points = append(points, point{x, y}, point{next, y})
			x = next
		}
	}
	if len(it.nodes) == 1 {
		return append(points, point{x, to.y})
	}
	y := to.y + to.h/2 + j*spineStep - (len(it.deps)-1)*spineStep/2
	return append(points, point{x, y}, point{to.x, y})
}
