package graph

import (
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/vpsync/vpsync/pkg/plan/render"
)

// shade is a colour on a light ground and on a dark one; both can be read as text.
type shade struct{ light, dark string }

// kindColors are taken by the kinds in turn. Red and green are left to what is planned.
var kindColors = []shade{
	{"#1d4ed8", "#79b8ff"}, {"#0f766e", "#5eead4"}, {"#7e22ce", "#d8b4fe"}, {"#b45309", "#fbbf24"}, {"#be185d", "#f9a8d4"},
	{"#4d7c0f", "#bef264"}, {"#0e7490", "#67e8f9"}, {"#475569", "#cbd5e1"}, {"#92400e", "#fdba74"}, {"#4338ca", "#a5b4fc"},
}

var markColors = map[string]shade{
	"create": {"#15803d", "#4ade80"}, "change": {"#a16207", "#facc15"}, "remove": {"#b91c1c", "#f87171"},
	"keep": {"#0e7490", "#67e8f9"}, "hand": {"#c2410c", "#fb923c"},
}

// lineColors are taken by the nodes in turn from which lines begin, so that a line can be followed through a crossing.
// Each stands out from a light ground and from a dark one.
var lineColors = []string{"#6b7f9e", "#3d9488", "#9470c4", "#b0863a", "#c2617f", "#64923e", "#3f86cc", "#a06c4c"}

// lineNumbers are the numbers of those nodes in lineColors.
func lineNumbers(lines []line) map[int]int {
	var from []int
	for _, l := range lines {
		from = append(from, l.from)
	}
	slices.Sort(from)
	numbers := map[int]int{}
	for i, n := range slices.Compact(from) {
		numbers[n] = i % len(lineColors)
	}
	return numbers
}

var markClasses = []string{"create", "change", "remove", "keep", "hand"}

// Text is of one width, so that what a name takes can be told without the font: 0.6 of the size or a little more for a
// column, in every such font; here it is counted generously.
const (
	fonts      = `ui-monospace, SFMono-Regular, Menlo, Consolas, 'DejaVu Sans Mono', 'Liberation Mono', monospace`
	labelSize  = 13
	labelWidth = 8 // of a column
	headSize   = 11
	headWidth  = 7
	padding    = 14
	boxHeight  = 48
	boxWidth   = 116 // at least
	labelMost  = 48  // columns of a label; the whole of it is in the tooltip
	headMost   = 28
)

// texts are what stands in a box, cut to size.
type texts struct{ kind, mark, label string }

func textsOf(n Node) texts {
	return texts{render.Cut(render.Escape(n.Address.Kind), headMost), render.Cut(n.mark(), headMost), render.Cut(n.label(), labelMost)}
}

func (t texts) size(lines int) size {
	head := headWidth * render.Width(t.kind)
	if t.mark != "" {
		head += headWidth * (2 + render.Width(t.mark))
	}
	w := max(head, labelWidth*render.Width(t.label)) + 2*padding
	return size{max(boxWidth, w, min(2*portEdge+portStep*(lines-1), 600)), boxHeight}
}

// SVG is the graph as a picture that stands alone: it has a ground of its own, light or dark as the reader prefers, names
// no font that has to be fetched, and runs nothing. Blocks of many instances are folded.
func SVG(g *Graph) []byte {
	g = g.Fold()
	all, sizes := make([]texts, len(g.Nodes)), make([]size, len(g.Nodes))
	lines := 0
	for i, n := range g.Nodes {
		all[i] = textsOf(n)
		sizes[i] = all[i].size(len(n.Uses))
		lines += len(n.Uses)
	}
	l := arrangement(g.Nodes, sizes)
	if len(g.Nodes) == 0 {
		l.w, l.h = 300, 90
	}
	var b strings.Builder
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" viewBox="0 0 %d %d" role="img">`+"\n",
		l.w, l.h, l.w, l.h)
	fmt.Fprintf(&b, "<title>%s, %s</title>\n", render.Plural(len(g.Nodes), "resource"), render.Plural(lines, "reference"))
	g.style(&b)
	colors := lineNumbers(l.lines)
	b.WriteString("<defs>\n")
	for i := range min(len(colors), len(lineColors)) {
		fmt.Fprintf(&b, `<marker id="tip%d" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="8" markerHeight="8" `+
			`markerUnits="userSpaceOnUse" orient="auto"><path d="M0 0.5L8 4L0 7.5Z" fill="%s"/></marker>`+"\n", i, lineColors[i])
	}
	b.WriteString("</defs>\n")
	fmt.Fprintf(&b, `<rect class="ground" width="%d" height="%d" fill="#ffffff"/>`+"\n", l.w, l.h)
	if len(g.Nodes) == 0 {
		fmt.Fprintf(&b, `<text class="label" x="%d" y="50">No resources.</text>`+"\n", margin)
	}
	for _, e := range l.lines {
		color := colors[e.from]
		fmt.Fprintf(&b, `<path class="line" d="%s" stroke="%s" marker-end="url(#tip%d)"><title>%s uses %s</title></path>`+"\n",
			curve(e.points), lineColors[color], color, escapeXML(g.Nodes[e.to].id()), escapeXML(g.Nodes[e.from].id()))
	}
	kinds := g.kinds()
	for i, n := range g.Nodes {
		g.box(&b, n, all[i], l.boxes[i], kinds[n.Address.Kind]%len(kindColors))
	}
	b.WriteString("</svg>\n")
	return []byte(b.String())
}

func (g *Graph) box(b *strings.Builder, n Node, t texts, r rect, kind int) {
	class := "box"
	mark := n.Mark.look().class
	if mark != "" {
		class += " " + mark
	}
	if n.Open || n.Mark.NeedsHand || n.Mark.Waits {
		class += " dashed"
	}
	tip := n.id()
	if n.Count > 1 {
		tip += fmt.Sprintf(" ×%d", n.Count)
	}
	if n.Open {
		tip += ": how many instances it has cannot be told yet"
	}
	if t.mark != "" {
		tip += ": " + n.mark()
	}
	fmt.Fprintf(b, `<g><title>%s</title>`, escapeXML(tip))
	fmt.Fprintf(b, `<rect class="%s" x="%d" y="%d" width="%d" height="%d" rx="6"/>`, class, r.x, r.y, r.w, r.h)
	fmt.Fprintf(b, `<rect class="bar k%d" x="%d" y="%d" width="4" height="%d" rx="2"/>`, kind, r.x+4, r.y+8, r.h-16)
	fmt.Fprintf(b, `<text class="head k%d" x="%d" y="%d"%s>%s</text>`,
		kind, r.x+padding, r.y+18, fit(t.kind, headWidth), escapeXML(t.kind))
	if t.mark != "" {
		fmt.Fprintf(b, `<text class="head %s" x="%d" y="%d" text-anchor="end"%s>%s</text>`,
			mark, r.x+r.w-padding+4, r.y+18, fit(t.mark, headWidth), escapeXML(t.mark))
	}
	fmt.Fprintf(b, `<text class="label" x="%d" y="%d"%s>%s</text></g>`+"\n",
		r.x+padding, r.y+37, fit(t.label, labelWidth), escapeXML(t.label))
}

// fit holds text to its width where its letters may come from a font of other widths.
func fit(s string, column int) string {
	for _, r := range s {
		if r >= utf8.RuneSelf && r != '×' && r != '…' {
			return fmt.Sprintf(` textLength="%d" lengthAdjust="spacingAndGlyphs"`, column*render.Width(s))
		}
	}
	return ""
}

// style holds the colours. Those of light ground are plain; whoever prefers dark and can read a media query gets the others.
func (g *Graph) style(b *strings.Builder) {
	var light, dark strings.Builder
	both := func(rule string, s shade) {
		fmt.Fprintf(&light, rule+"\n", s.light)
		fmt.Fprintf(&dark, "  "+rule+"\n", s.dark)
	}
	both(".ground{fill:%s}", shade{"#ffffff", "#0d1117"})
	both(".box{fill:%s}", shade{"#f8fafc", "#161b22"})
	both(".box{stroke:%s}", shade{"#cbd5e1", "#3d444d"})
	both(".label{fill:%s}", shade{"#0f172a", "#e6edf3"})
	both(".line:hover{stroke:%s}", shade{"#0f172a", "#ffffff"})
	used := len(g.kinds())
	for i, c := range kindColors[:min(used, len(kindColors))] {
		both(fmt.Sprintf(".k%d{fill:%%s}", i), c)
	}
	for _, class := range markClasses {
		if g.Planned {
			both(fmt.Sprintf(".%s{fill:%%s}", class), markColors[class])
			both(fmt.Sprintf(".box.%s{stroke:%%s}", class), markColors[class])
			both(fmt.Sprintf(".box.%s{fill:%%s}", class), markGrounds[class])
		}
	}
	fmt.Fprintf(b, `<style>
text{font-family:%s}
.head{font-size:%dpx;font-weight:600}
.label{font-size:%dpx}
.box{stroke-width:1.5}
.dashed{stroke-dasharray:5 4}
.line{fill:none;stroke-width:1.5}
%s@media (prefers-color-scheme:dark){
%s}
</style>
`, fonts, headSize, labelSize, light.String(), dark.String())
}

// markGrounds fill the boxes to which something happens.
var markGrounds = map[string]shade{
	"create": {"#f0fdf4", "#0f2417"}, "change": {"#fefce8", "#272110"}, "remove": {"#fef2f2", "#2d1416"},
	"keep": {"#ecfeff", "#0c2429"}, "hand": {"#fff7ed", "#2b1a0e"},
}

const bend = 6 // radius of a corner

// curve writes a line with its corners rounded.
func curve(points []point) string {
	var b strings.Builder
	fmt.Fprintf(&b, "M%d %d", points[0].x, points[0].y)
	for i := 1; i < len(points); i++ {
		p := points[i]
		if i == len(points)-1 {
			fmt.Fprintf(&b, "L%d %d", p.x, p.y)
			break
		}
		r := min(bend, distance(points[i-1], p)/2, distance(p, points[i+1])/2)
		in, out := toward(p, points[i-1], r), toward(p, points[i+1], r)
		fmt.Fprintf(&b, "L%d %dQ%d %d %d %d", in.x, in.y, p.x, p.y, out.x, out.y)
	}
	return b.String()
}

func distance(a, b point) int { return max(a.x-b.x, b.x-a.x) + max(a.y-b.y, b.y-a.y) }

// toward is the point that is r away from one point in the direction of another, vertically or horizontally.
func toward(from, to point, r int) point {
	step := func(a, b int) int { return a + max(-r, min(r, b-a)) }
	return point{step(from.x, to.x), step(from.y, to.y)}
}

// escapeXML makes foreign text safe in XML, as text and in attributes. Control characters, which no escape of XML may stand for,
// are shown by render.Escape.
func escapeXML(s string) string {
	return strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", `"`, "&quot;", "'", "&#39;").Replace(render.Escape(s))
}
