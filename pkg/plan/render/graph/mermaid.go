package graph

import (
	"fmt"
	"hash/fnv"
	"strings"
	"unicode/utf8"

	"github.com/vpsync/vpsync/pkg/plan/render"
)

// Mermaid is the graph as a flowchart for Markdown pages. Blocks of many instances are folded.
func Mermaid(g *Graph) []byte {
	g = g.Fold()
	kinds := g.kinds()
	var b strings.Builder
	b.WriteString("flowchart TD\n")
	used := map[string]bool{}
	ids := make([]string, len(g.Nodes))
	for i, n := range g.Nodes {
		ids[i] = mermaidID(n)
		class := fmt.Sprintf("k%d", kinds[n.Address.Kind]%len(kindColors))
		if l := n.Mark.look(); l.class != "" {
			class = l.class
		}
		used[class] = true
		text := mermaidText(render.Escape(n.Address.Kind) + "." + n.label())
		if mark := n.mark(); mark != "" {
			// In brackets: a line that begins with + or - would be taken for a list.
			text += "<br/>(" + mermaidText(mark) + ")"
		}
		fmt.Fprintf(&b, "  %s[\"%s\"]:::%s\n", ids[i], text, class)
	}
	for to, n := range g.Nodes {
		for _, from := range n.Uses {
			fmt.Fprintf(&b, "  %s --> %s\n", ids[from], ids[to])
		}
	}
	for i, c := range kindColors {
		if class := fmt.Sprintf("k%d", i); used[class] {
			fmt.Fprintf(&b, "  classDef %s fill:#ffffff,stroke:%s,color:#0f172a\n", class, c.light)
		}
	}
	for _, class := range markClasses {
		if used[class] {
			fmt.Fprintf(&b, "  classDef %s fill:#ffffff,stroke:%s,color:#0f172a,stroke-width:2px\n", class, markColors[class].light)
		}
	}
	for i, n := range g.Nodes {
		if n.Open {
			fmt.Fprintf(&b, "  style %s stroke-dasharray:5 4\n", ids[i])
		}
	}
	return []byte(b.String())
}

// mermaidID depends on the node's address alone, so that it stays when others come and go. What an id cannot hold becomes
// an underscore, and then a hash keeps it apart from its like.
func mermaidID(n Node) string {
	lossy := n.Deposed != ""
	part := func(s string) string {
		if s == "" || strings.HasPrefix(s, "_") || strings.HasSuffix(s, "_") || strings.Contains(s, "__") {
			lossy = true
		}
		return strings.Map(func(r rune) rune {
			if r == '_' || '0' <= r && r <= '9' || 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' {
				return r
			}
			lossy = true
			return '_'
		}, s)
	}
	id := part(n.Address.Kind) + "__" + part(n.Address.Name)
	if i, ok := n.Address.Key.Int(); ok {
		id += fmt.Sprintf("__%d", i)
	} else if key, ok := n.Address.Key.Text(); ok {
		id += "__" + part(key)
		lossy = lossy || strings.Trim(key, "0123456789") == ""
	}
	if lossy {
		h := fnv.New32a()
		h.Write([]byte(n.id()))
		id += fmt.Sprintf("__%08x", h.Sum32())
	}
	return id
}

// mermaidText writes everything that Mermaid or Markdown could read something into as a numbered character. An underscore
// within a word means nothing to them.
func mermaidText(s string) string {
	var b strings.Builder
	word := func(i int) bool {
		return i >= 0 && i < len(s) && ('0' <= s[i] && s[i] <= '9' || 'a' <= s[i] && s[i] <= 'z' || 'A' <= s[i] && s[i] <= 'Z')
	}
	for i, r := range s {
		if r >= utf8.RuneSelf || word(i) || strings.ContainsRune(" .,?-[]", r) || r == '_' && word(i-1) && word(i+1) {
			b.WriteRune(r)
			continue
		}
		fmt.Fprintf(&b, "#%d;", r)
	}
	return b.String()
}
