package graph

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/vpsync/vpsync/pkg/plan"
	"github.com/vpsync/vpsync/pkg/plan/render"
	"github.com/vpsync/vpsync/pkg/spec"
	"pgregory.net/rapid"
)

var (
	anyKind = rapid.SampledFrom([]string{"server", "firewall_rule", "volume", "a_kind_with_a_name_that_is_longer_than_most"})
	anyKey  = rapid.OneOf(rapid.SampledFrom(hostile), rapid.String(), rapid.StringMatching(`[A-Za-z0-9_.-]{0,70}`))
	anyMark = rapid.SampledFrom([]Mark{{}, {}, {Action: plan.Create}, {Action: plan.Replace}, {NeedsHand: true}, {Waits: true}})
)

// anyGraph draws up to 200 nodes: most use few that come before them, some use many, and now and then an edge closes a
// cycle, as stale records may.
func anyGraph(t *rapid.T) *Graph {
	n := rapid.IntRange(0, 200).Draw(t, "nodes")
	if rapid.Bool().Draw(t, "few") {
		n %= 25
	}
	density := rapid.IntRange(0, 4).Draw(t, "edges a node")
	cycles := rapid.IntRange(0, 9).Draw(t, "cycles") == 0
	var all []entry
	for i := range n {
		a := spec.Address{Kind: anyKind.Draw(t, "kind"), Name: fmt.Sprintf("n%d", i)}
		if rapid.Bool().Draw(t, "keyed") {
			a.Key = spec.StringKey(anyKey.Draw(t, "key"))
		}
		all = append(all, entry{Node{Address: a, Count: 1, Mark: anyMark.Draw(t, "mark")}, nil})
	}
	for i := range all {
		count := density
		if rapid.IntRange(0, 30).Draw(t, "hub") == 0 {
			count *= 6
		}
		for range rapid.IntRange(0, max(0, count)).Draw(t, "uses") {
			if i > 0 {
				to := rapid.IntRange(0, i-1).Draw(t, "used")
				all[i].uses = append(all[i].uses, all[to].node.Address)
				if cycles && rapid.IntRange(0, 20).Draw(t, "back") == 0 {
					all[to].uses = append(all[to].uses, all[i].node.Address)
				}
			}
		}
	}
	return &Graph{Nodes: connect(all), Planned: true}
}

func lay(g *Graph) *layout {
	sizes := make([]size, len(g.Nodes))
	for i, n := range g.Nodes {
		sizes[i] = textsOf(n).size(len(n.Uses))
	}
	return arrangement(g.Nodes, sizes)
}

func (r rect) has(p point) bool {
	return p.x >= r.x && p.x <= r.x+r.w && p.y >= r.y && p.y <= r.y+r.h
}

func (r rect) border(p point) bool {
	return r.has(p) && (p.x == r.x || p.x == r.x+r.w || p.y == r.y || p.y == r.y+r.h)
}

// through: a vertical or horizontal stretch enters the inside of a box.
func (r rect) through(a, b point) bool {
	return max(a.x, b.x) > r.x && min(a.x, b.x) < r.x+r.w && max(a.y, b.y) > r.y && min(a.y, b.y) < r.y+r.h
}

// No two boxes overlap, every line goes from the border of its one box to that of the other without entering any, and no
// two lines of different beginnings run on top of each other.
func TestLayout(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		g := anyGraph(t)
		l := lay(g)
		for i, a := range l.boxes {
			require.True(t, a.w > 0 && a.x >= margin && a.y >= margin && a.x+a.w <= l.w-margin && a.y+a.h <= l.h-margin)
			for _, b := range l.boxes[:i] {
				require.True(t, a.x+a.w < b.x || b.x+b.w < a.x || a.y+a.h < b.y || b.y+b.h < a.y, "%v and %v overlap", a, b)
			}
		}
		edges := 0
		for _, n := range g.Nodes {
			edges += len(n.Uses)
		}
		require.Len(t, l.lines, edges)
		type stretch struct {
			at, lo, hi int
			from       int
		}
		var vertical, horizontal []stretch
		for _, e := range l.lines {
			require.Contains(t, g.Nodes[e.to].Uses, e.from)
			require.True(t, l.boxes[e.from].border(e.points[0]), "%v begins outside of %v", e.points, l.boxes[e.from])
			require.True(t, l.boxes[e.to].border(e.points[len(e.points)-1]), "%v ends outside of %v", e.points, l.boxes[e.to])
			for i := 1; i < len(e.points); i++ {
				a, b := e.points[i-1], e.points[i]
				require.True(t, a.x == b.x || a.y == b.y, "%v to %v is oblique", a, b)
				for _, box := range l.boxes {
					require.False(t, box.through(a, b), "%v to %v runs through %v", a, b, box)
				}
				if a.x == b.x {
					vertical = append(vertical, stretch{a.x, min(a.y, b.y), max(a.y, b.y), e.from})
				} else {
					horizontal = append(horizontal, stretch{a.y, min(a.x, b.x), max(a.x, b.x), e.from})
				}
			}
		}
		if g.cyclic() {
			return // the line of an edge that closes a cycle begins at its other end
		}
		for _, all := range [][]stretch{vertical, horizontal} {
			byPlace := map[int][]stretch{}
			for _, s := range all {
				for _, o := range byPlace[s.at] {
					require.False(t, o.from != s.from && o.lo < s.hi && s.lo < o.hi, "%v and %v are one line to the eye", o, s)
				}
				byPlace[s.at] = append(byPlace[s.at], s)
			}
		}
	})
}

func (g *Graph) cyclic() bool {
	for _, c := range components(g.Nodes) {
		for _, n := range c.nodes {
			for _, u := range g.Nodes[n].Uses {
				if !slices.Contains(c.uses[n], u) {
					return true
				}
			}
		}
	}
	return false
}

// What uses another stands below it.
func TestDownward(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		g := anyGraph(t)
		if g.cyclic() {
			return
		}
		for _, e := range lay(g).lines {
			for i := 1; i < len(e.points); i++ {
				require.GreaterOrEqual(t, e.points[i].y, e.points[i-1].y)
			}
		}
	})
}

// The same graph gives the same bytes, the picture is XML, and its text stays in the boxes.
func TestSVG(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		g := anyGraph(t)
		source := SVG(g)
		require.Equal(t, source, SVG(g))
		checkSVG(t, source)
	})
}

// element is an element of XML with its attributes and its text.
type element struct {
	XMLName xml.Name
	Attrs   []xml.Attr `xml:",any,attr"`
	Inside  []element  `xml:",any"`
	Text    string     `xml:",chardata"`
}

func (e element) attr(name string) string {
	for _, a := range e.Attrs {
		if a.Name.Local == name {
			return a.Value
		}
	}
	return ""
}

func (e element) number(name string) float64 {
	n, _ := strconv.ParseFloat(e.attr(name), 64)
	return n
}

// checkSVG reads the picture as a program would, knows no constant of the layout, and takes the widest of the fonts.
func checkSVG(t require.TestingT, source []byte) element {
	const advance = 0.605
	var root element
	d := xml.NewDecoder(bytes.NewReader(source))
	require.NoError(t, d.Decode(&root), string(source))
	rest, err := d.Token()
	require.NoError(t, err)
	require.Equal(t, xml.CharData("\n"), rest)
	_, err = d.Token()
	require.ErrorIs(t, err, io.EOF)
	for _, e := range root.Inside {
		require.Contains(t, []string{"title", "style", "defs", "rect", "path", "g", "text"}, e.XMLName.Local)
		if e.XMLName.Local != "g" {
			continue
		}
		box := e.Inside[1]
		left, right := box.number("x"), box.number("x")+box.number("width")
		end := map[float64]float64{} // of the texts on a line that begin on the left
		for _, x := range e.Inside {
			if x.XMLName.Local != "text" {
				require.Contains(t, []string{"title", "rect"}, x.XMLName.Local)
				continue
			}
			font := 13.0
			if strings.HasPrefix(x.attr("class"), "head") {
				font = 11
			}
			width := float64(render.Width(x.Text)) * font * advance
			if x.attr("textLength") != "" {
				width = x.number("textLength")
			}
			from, to := x.number("x"), x.number("x")+width
			if x.attr("text-anchor") == "end" {
				from, to = from-width, from
				require.Greater(t, from, end[x.number("y")], x.Text)
			} else {
				end[x.number("y")] = to
			}
			require.GreaterOrEqual(t, from, left+4, x.Text)
			require.LessOrEqual(t, to, right-4, x.Text)
			require.True(t, x.number("y") < box.number("y")+box.number("height"))
		}
	}
	return root
}

// A stack that is far too large to look at is still drawn, soon.
func TestLarge(t *testing.T) {
	var all []entry
	for i := range 3000 {
		e := entry{Node{Address: spec.Address{Kind: "server", Name: fmt.Sprintf("n%04d", i)}, Count: 1}, nil}
		for k := 1; k <= 4 && i > 0; k++ {
			e.uses = append(e.uses, all[(i*7919*k)%i].node.Address)
		}
		all = append(all, e)
	}
	begin := time.Now()
	checkSVG(t, SVG(&Graph{Nodes: connect(all)}))
	t.Log(time.Since(begin))
	require.Less(t, time.Since(begin), 30*time.Second)
}

// Lines whose ends lie opposite each other are straight, and a stack hangs below what it uses.
func TestChainIsStraight(t *testing.T) {
	at := func(name string) spec.Address { return spec.Address{Kind: "server", Name: name} }
	l := lay(&Graph{Nodes: connect([]entry{
		{Node{Address: at("a"), Count: 1}, nil},
		{Node{Address: at("b"), Count: 1}, []spec.Address{at("a")}},
		{Node{Address: at("c"), Count: 1}, []spec.Address{at("b")}},
	})})
	for _, e := range l.lines {
		require.Len(t, e.points, 2)
	}
}
