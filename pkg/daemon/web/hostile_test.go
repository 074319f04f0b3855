package web

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"errors"
	"io"
	"net/url"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
	"github.com/stretchr/testify/require"
	"github.com/vpsync/vpsync/internal/hostile"
	"github.com/vpsync/vpsync/internal/matrix"
	"github.com/vpsync/vpsync/pkg/daemon"
	"github.com/vpsync/vpsync/pkg/plan/render/escape"
	"github.com/vpsync/vpsync/pkg/plan/render/graph"
	"github.com/vpsync/vpsync/pkg/spec"
	"golang.org/x/net/html"
)

// filled is a snapshot in which every text is this one, wherever others may have chosen it.
func filled(text string) daemon.Snapshot {
	snap := rich(noon)
	snap.Undelivered = []daemon.Undelivered{{At: noon}}
	snap.Stacks = snap.Stacks[1:2]
	st := &snap.Stacks[0]
	st.Rejected = &daemon.Rejected{At: noon}
	st.Report.Questions = []daemon.Question{{}}
	st.Healed = []daemon.Past{{Until: noon}}
	st.Turns = st.Turns[:1]
	graph := st.Report.Graph
	fill(reflect.ValueOf(&snap).Elem(), text)
	st.Report.Graph = graph
	return snap
}

func fill(v reflect.Value, text string) {
	switch v.Kind() {
	case reflect.String:
		v.SetString(text)
	case reflect.Pointer:
		if !v.IsNil() {
			fill(v.Elem(), text)
		}
	case reflect.Slice:
		for i := range v.Len() {
			if v.Index(i).Kind() != reflect.Uint8 {
				fill(v.Index(i), text)
			}
		}
	case reflect.Struct:
		if v.Type() != reflect.TypeFor[time.Time]() {
			for i := range v.NumField() {
				fill(v.Field(i), text)
			}
		}
	}
}

func TestHostileTexts(t *testing.T) {
	begun, cases := time.Now(), 0
	for _, sink := range []struct {
		name  string
		holds func(t *testing.T, text string)
	}{
		{"page", holdsPage}, {"JSON", holdsJSON}, {"events", holdsEvents}, {"metrics", holdsMetrics}, {"drawing", holdsDrawing},
	} {
		t.Run(sink.name, func(t *testing.T) {
			for _, text := range hostile.Texts {
				sink.holds(t, text)
				cases++
			}
		})
	}
	matrix.Ran(t, "G6", cases, begun)
}

func holdsPage(t *testing.T, text string) {
	h, plain := Handler(newFake(filled(text)), allowed), Handler(newFake(filled("plain")), allowed)
	for _, page := range [][2]string{{"/", "/"}, {stackURL(text), stackURL("plain")}, {stackURL("no " + text), stackURL("no")}} {
		got := ask(h, "GET", page[0], "")
		require.Equal(t, "text/html; charset=utf-8", got.Header().Get("Content-Type"), text)
		body := got.Body.String()
		require.Equal(t, escape.Lines(body), body, "nothing reorders or hides text: %q", text)
		require.Equal(t, skeleton(t, ask(plain, "GET", page[1], "").Body.String()), skeleton(t, body), "%q", text)
		require.Contains(t, shownText(t, body), cleanText(text), "it is shown: %q", text)
	}
}

// skeleton is a page without its texts: its elements with the names of their attributes. It fails on anything that could act.
func skeleton(t *testing.T, page string) []string {
	t.Helper()
	var all []string
	walk(t, page, func(n *html.Node) {
		switch n.Type {
		case html.CommentNode:
			t.Fatalf("a comment: %q", n.Data)
		case html.ElementNode:
			names := n.Data
			for _, a := range n.Attr {
				names += " " + a.Key
				switch {
				case strings.HasPrefix(a.Key, "on"), a.Key == "style", a.Key == "action", a.Key == "formaction", a.Key == "srcdoc", a.Key == "http-equiv", a.Key == "srcset":
					t.Fatalf("<%s %s=%q>", n.Data, a.Key, a.Val)
				case a.Key == "href", a.Key == "src", a.Key == "data-post":
					u, err := url.Parse(a.Val)
					require.NoError(t, err)
					require.True(t, u.Scheme == "" && u.Host == "" && (strings.HasPrefix(a.Val, "/") && !strings.HasPrefix(a.Val, "//") || a.Val == "#main"), "%s=%q", a.Key, a.Val)
				}
			}
			switch n.Data {
			case "script":
				require.Nil(t, n.FirstChild, "a script within the page")
			case "iframe", "object", "embed", "base", "style", "template", "video", "audio", "frame", "math", "foreignobject", "use", "animate":
				t.Fatalf("<%s>", n.Data)
			}
			all = append(all, names)
		}
	})
	return all
}

func shownText(t *testing.T, page string) string {
	t.Helper()
	var b strings.Builder
	walk(t, page, func(n *html.Node) {
		if n.Type == html.TextNode {
			b.WriteString(n.Data + "\n")
		}
	})
	return b.String()
}

func walk(t *testing.T, page string, visit func(*html.Node)) {
	t.Helper()
	root, err := html.Parse(strings.NewReader(page))
	require.NoError(t, err)
	for n := range root.Descendants() {
		visit(n)
	}
}

func holdsJSON(t *testing.T, text string) {
	h := Handler(newFake(filled(text)), allowed)
	for _, path := range []string{"/api/v1/status", "/api/v1" + stackURL(text), "/api/v1" + stackURL("no "+text)} {
		got := ask(h, "GET", path, "")
		require.Equal(t, "application/json", got.Header().Get("Content-Type"), path)
		body := got.Body.String()
		require.Equal(t, escape.Lines(body), body, "it may be shown on a terminal: %q", text)
		var v map[string]any
		d := json.NewDecoder(strings.NewReader(body))
		require.NoError(t, d.Decode(&v), "%q", text)
		require.ErrorIs(t, d.Decode(&v), io.EOF, "%q", text)
	}
	var snap daemon.Snapshot
	require.NoError(t, json.Unmarshal(ask(h, "GET", "/api/v1/status", "").Body.Bytes(), &snap))
	require.Equal(t, asJSON(text), snap.Stacks[0].Report.Drifted[0].Was)
}

// asJSON is what of a text survives JSON: bytes that are no UTF-8 do not.
func asJSON(text string) string { return string([]rune(text)) }

func holdsEvents(t *testing.T, text string) {
	s := &site{service: newFake(filled(text))}
	event := s.event()
	require.Equal(t, escape.Lines(event), event, "%q", text)
	lines := strings.Split(event, "\n") // no other line ends are in it, as was seen
	require.Len(t, lines, 4, "%q", text)
	require.Equal(t, []string{"event: status", "", ""}, slices.Delete(slices.Clone(lines), 1, 2))
	data, ok := strings.CutPrefix(lines[1], "data: ")
	require.True(t, ok)
	var c change
	require.NoError(t, json.Unmarshal([]byte(data), &c))
	require.Equal(t, asJSON(text), c.Stacks[0].Name)
}

func holdsMetrics(t *testing.T, text string) {
	read := func(text string) map[string]int {
		body := ask(Handler(newFake(filled(text)), allowed), "GET", "/metrics", "").Body
		require.Equal(t, escape.Lines(body.String()), body.String())
		p := expfmt.NewTextParser(model.UTF8Validation)
		families, err := p.TextToMetricFamilies(bytes.NewReader(body.Bytes()))
		require.NoError(t, err, "%q", text)
		counts := map[string]int{}
		for name, f := range families {
			counts[name] = len(f.GetMetric())
			for _, m := range f.GetMetric() {
				for _, l := range m.GetLabel() {
					if l.GetName() == "stack" {
						require.Equal(t, escape.Line(text), l.GetValue())
					}
				}
			}
		}
		return counts
	}
	require.Equal(t, read("plain"), read(text), "%q", text)
}

func holdsDrawing(t *testing.T, text string) {
	draw := func(text string) string {
		snap := filled("plain")
		snap.Stacks[0].Report.Graph = graph.SVG(&graph.Graph{Nodes: []graph.Node{
			{Address: spec.Address{Kind: text, Name: text}, Account: text, Count: 1},
			{Address: spec.Address{Kind: "server", Name: text}, Account: text, Count: 1, Uses: []int{0}},
		}})
		h := Handler(newFake(snap), allowed)
		got := ask(h, "GET", "/api/v1/stacks/plain/graph.svg", "")
		require.Contains(t, got.Header().Get("Content-Security-Policy"), "default-src 'none'")
		page := ask(h, "GET", "/stacks/plain", "").Body.String()
		require.Contains(t, page, `<img src="/api/v1/stacks/plain/graph.svg?`, "the page refers to it, so that nothing in it runs")
		require.NotContains(t, page, "tip0", "and does not hold it")
		return got.Body.String()
	}
	elements := func(svg string) (names []string) {
		for d := xml.NewDecoder(strings.NewReader(svg)); ; {
			token, err := d.Token()
			if errors.Is(err, io.EOF) {
				return names
			}
			require.NoError(t, err, "%q", text)
			switch e := token.(type) {
			case xml.StartElement:
				require.Contains(t, []string{"svg", "title", "style", "defs", "marker", "path", "rect", "text", "g"}, e.Name.Local)
				name := e.Name.Local
				for _, a := range e.Attr {
					require.False(t, strings.HasPrefix(a.Name.Local, "on") || a.Name.Local == "href" || a.Name.Local == "style", a.Name.Local)
				}
				names = append(names, name)
			case xml.Comment, xml.Directive, xml.ProcInst:
				t.Fatalf("%T for %q", e, text)
			}
		}
	}
	svg := draw(text)
	require.Equal(t, escape.Lines(svg), svg, "%q", text)
	require.Equal(t, elements(draw("plain")), elements(svg), "%q", text)
}
