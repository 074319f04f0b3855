package graph

import (
	"fmt"
	"strings"

	"github.com/vpsync/vpsync/pkg/plan/render"
)

// DOT is the graph for Graphviz. Blocks of many instances are folded.
func DOT(g *Graph) []byte {
	g = g.Fold()
	kinds := g.kinds()
	var b strings.Builder
	b.WriteString("digraph vpsync {\n")
	b.WriteString("  rankdir = TB;\n")
	b.WriteString("  node [shape = box, style = \"rounded,filled\", fontname = \"monospace\", fontsize = 11];\n")
	b.WriteString("  edge [color = \"#64748b\", arrowsize = 0.7];\n")
	for _, n := range g.Nodes {
		color, pen, style := kindColors[kinds[n.Address.Kind]%len(kindColors)].light, 1, ""
		if l := n.Mark.look(); l.class != "" {
			color, pen = markColors[l.class].light, 2
		}
		if n.Open {
			style = ", style = \"rounded,filled,dashed\""
		}
		lines := []string{render.Escape(n.Address.Kind), n.label()}
		if mark := n.mark(); mark != "" {
			lines = append(lines, mark)
		}
		fmt.Fprintf(&b, "  %s [label = %s, color = \"%s\", fillcolor = \"%s\", penwidth = %d%s];\n",
			dotQuote(render.Escape(n.id())), dotLabel(lines), color, fillOf(color), pen, style)
	}
	for _, n := range g.Nodes {
		for _, from := range n.Uses {
			fmt.Fprintf(&b, "  %s -> %s;\n", dotQuote(render.Escape(g.Nodes[from].id())), dotQuote(render.Escape(n.id())))
		}
	}
	b.WriteString("}\n")
	return []byte(b.String())
}

// dotQuote writes an id. Graphviz reads no escape in it but that of the quote, yet a backslash before the closing quote
// would take it away, so backslashes are doubled everywhere alike.
func dotQuote(s string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(s) + `"`
}

// dotLabel writes lines of text. In labels Graphviz also reads \N and its kin, and the entities of HTML.
func dotLabel(lines []string) string {
	for i := range lines {
		lines[i] = strings.NewReplacer(`\`, `\\`, `"`, `\"`, `&`, `&amp;`).Replace(lines[i])
	}
	return `"` + strings.Join(lines, `\n`) + `"`
}

// fillOf is a light tint of a colour that text can be read on: the same with little opacity.
func fillOf(color string) string { return color + "1a" }
