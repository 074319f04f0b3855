package graph

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"
	"github.com/stretchr/testify/require"
	"github.com/vpsync/vpsync/pkg/plan"
	"github.com/vpsync/vpsync/pkg/plan/render"
	"github.com/vpsync/vpsync/pkg/providers"
	"github.com/vpsync/vpsync/pkg/providers/servosphere"
	"github.com/vpsync/vpsync/pkg/spec"
	"github.com/vpsync/vpsync/pkg/state"
)

var update = flag.Bool("update", false, "rewrite the golden files")

func golden(t *testing.T, name string, g *Graph) {
	t.Helper()
	path := "testdata/" + name + ".txtar"
	got := &txtar.Archive{Files: []txtar.File{
		{Name: "dot", Data: DOT(g)}, {Name: "mermaid", Data: Mermaid(g)}, {Name: "svg", Data: SVG(g)},
	}}
	if *update {
		require.NoError(t, os.MkdirAll("testdata", 0o755))
		require.NoError(t, os.WriteFile(path, txtar.Format(got), 0o644))
	}
	want, err := txtar.ParseFile(path)
	require.NoError(t, err)
	require.Len(t, want.Files, len(got.Files))
	for i, f := range got.Files {
		require.Equal(t, string(want.Files[i].Data), string(f.Data), f.Name)
	}
}

func TestQuickstart(t *testing.T) {
	def, diags := providers.Decode(servosphere.Source, "servosphere.provider.hcl")
	require.Empty(t, diags)
	stack, diags := spec.Load("../../../../examples/quickstart")
	require.Empty(t, diags)
	request := spec.Request{Schemas: map[string]*spec.Schema{"servosphere": def.Schema}}
	outline := stack.Outline(request)
	require.Empty(t, outline.Diagnostics)
	golden(t, "quickstart", New(outline))

	request.Variables = []spec.VariableValue{{Name: "web_count", Source: "20"}}
	folded := DOT(New(stack.Outline(request)))
	require.Contains(t, string(folded), `label = "server\nweb ×20"`)
	require.NotContains(t, string(folded), "web[0]")
}

func address(t testing.TB, s string) spec.Address {
	a, err := spec.ParseAddress(s)
	require.NoError(t, err)
	return a
}

// planned is a plan with one of everything.
func planned(t testing.TB) *Graph {
	at := func(s string) spec.Address { return address(t, s) }
	var desired []*spec.Resource
	for _, r := range []struct {
		address string
		uses    []spec.Address
	}{
		{"server.db", nil}, {"server.web", nil}, {"volume.data", []spec.Address{at("server.db")}},
		{"firewall_rule.http", []spec.Address{at("server.web")}}, {"network.private", nil},
		{"backup_schedule.nightly", []spec.Address{at("server.db"), at("volume.data")}},
	} {
		desired = append(desired, &spec.Resource{Address: at(r.address), Account: "servosphere", Uses: r.uses})
	}
	recorded := []*state.Resource{
		{Address: at("server.db"), Account: "servosphere", ID: "1"},
		{Address: at("server.db"), Deposed: "d1", Account: "servosphere", ID: "0"},
		{Address: at("firewall_rule.old"), Account: "servosphere", ID: "2", Policy: state.Policy{Uses: []spec.Address{at("server.db")}}},
		{Address: at("alert_rule.cpu"), Account: "servosphere", ID: "3"},
		{Address: at("network.quiet"), Account: "servosphere", ID: "4"},
	}
	return NewPlanned(desired, recorded, &plan.Plan{
		Changes: []*plan.Change{
			{Address: at("alert_rule.cpu"), Account: "servosphere", Action: plan.Forget},
			{Address: at("firewall_rule.http"), Action: plan.Create},
			{Address: at("firewall_rule.old"), Action: plan.Delete},
			{Address: at("network.private"), Action: plan.Update, NeedsHand: true},
			{Address: at("server.db"), Action: plan.Replace},
			{Address: at("server.db"), Deposed: "d1", Action: plan.Delete},
			{Address: at("server.web"), Action: plan.Adopt},
			{Address: at("volume.data"), Action: plan.Update},
		},
		Pending: []plan.Pending{{Address: at("backup_schedule.nightly")}},
	})
}

func TestPlanned(t *testing.T) { golden(t, "planned", planned(t)) }

func TestJSON(t *testing.T) {
	text, err := JSON(planned(t), render.Meta{Version: "1"})
	require.NoError(t, err)
	var d Document
	require.NoError(t, json.Unmarshal(text, &d))
	require.Equal(t, "1.0", d.FormatVersion)
	require.True(t, d.Planned)
	actions := map[string]string{}
	for _, n := range d.Nodes {
		actions[n.ID] = n.Action
	}
	require.Equal(t, map[string]string{
		"alert_rule.cpu": "forget", "backup_schedule.nightly": "no-op", "firewall_rule.http": "create", "firewall_rule.old": "delete",
		"network.private": "update", "server.db": "replace", "server.db (replaced object d1)": "delete", "server.web": "adopt",
		"volume.data": "update",
	}, actions)
	require.Contains(t, d.Edges, EdgeDocument{From: "server.db", To: "firewall_rule.old"})

	text, err = JSON(New(&spec.Outline{}), render.Meta{})
	require.NoError(t, err)
	require.Contains(t, string(text), `"nodes": [],`)
}

// More than 12 instances are one node, which counts what happens to them; 12 are not.
func TestFold(t *testing.T) {
	var all []entry
	for _, block := range []struct {
		name string
		n    int
	}{{"few", 12}, {"many", 13}} {
		for i := range block.n {
			n := Node{Address: spec.Address{Kind: "server", Name: block.name, Key: spec.IntKey(i)}, Count: 1}
			if i < 3 {
				n.Mark.Action = plan.Update
			} else if i == 3 {
				n.Mark.Action = plan.Delete
			}
			all = append(all, entry{n, []spec.Address{{Kind: "network", Name: "x"}}})
		}
	}
	all = append(all, entry{Node{Address: spec.Address{Kind: "network", Name: "x"}, Count: 1}, nil})
	g := (&Graph{Nodes: connect(all), Planned: true}).Fold()
	require.Len(t, g.Nodes, 14)
	last := g.Nodes[13]
	require.Equal(t, "many ×13", last.label())
	require.Equal(t, "- 1, ~ 3", last.mark())
	require.Equal(t, "remove", last.Mark.look().class)
	require.Equal(t, []int{0}, last.Uses)
	require.Equal(t, g, g.Fold())
}

func TestEmpty(t *testing.T) {
	g := New(&spec.Outline{})
	require.Contains(t, string(SVG(g)), "No resources.")
	require.Equal(t, "flowchart TD\n", string(Mermaid(g)))
	checkSVG(t, SVG(g))
}

// hostile are keys that mean something to one of the formats.
var hostile = []string{
	``, `"`, `\`, `"]; evil [label="`, `\N`, `\l`, `&lt;`, `&#38;`, `<script>alert(1)</script>`, `]]>`, `-->`, `<!--`, `' onload='x`,
	`"]:::x`, "`x`", `%%{init: {}}%%`, `#quot;`, `end`, `_`, `__x__`, `**x**`, `[a](b)`, `;`, "a\nb",
	"a\x00b", "a\u202eb", "\u200b", "﷽", "東京", "🚀🚀",
	"\ufffe", "a\xffb", `${x}`, `%{if}`, `0`, `-`, `WWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWW`,
}

func hostileGraph() *Graph {
	all := []entry{{Node{Address: spec.Address{Kind: "network", Name: "x"}, Count: 1}, nil}}
	for i, key := range hostile {
		a := spec.Address{Kind: "server", Name: fmt.Sprintf("n%d", i), Key: spec.StringKey(key)}
		all = append(all, entry{Node{Address: a, Count: 1, Deposed: "d" + key}, []spec.Address{{Kind: "network", Name: "x"}}})
		gone := Node{Address: a, Count: 1, Mark: Mark{Action: plan.Delete}}
		all = append(all, entry{gone, []spec.Address{{Kind: "network", Name: "x"}}})
	}
	return &Graph{Nodes: connect(all), Planned: true}
}

// Every line of a drawing has the form that it should have, whatever names it holds, and no two nodes have one id.
func TestEscaping(t *testing.T) {
	g := hostileGraph()
	forms := map[string]*regexp.Regexp{
		"dot": regexp.MustCompile(`^(digraph vpsync \{|  rankdir = TB;|  (node|edge) \[[^\]]*\];|\}|` +
			`  (?P<id>"(\\.|[^"\\])*") \[label = "(\\.|[^"\\])*"(, (color|fillcolor) = "#[0-9a-f]+"|, penwidth = [12])+\];|` +
			`  "(\\.|[^"\\])*" -> "(\\.|[^"\\])*";)$`),
		"mermaid": regexp.MustCompile(`^(flowchart TD|  (?P<id>[A-Za-z0-9_]+)\["([^"<>&#{}();` + "`" + `%\\]|#\d+;|<br/>|\(|\))*"\]:::[a-z0-9]+|` +
			`  [A-Za-z0-9_]+ --> [A-Za-z0-9_]+|  classDef [a-z0-9]+ [a-z0-9#:,-]+)$`),
	}
	for name, text := range map[string][]byte{"dot": DOT(g), "mermaid": Mermaid(g)} {
		ids := map[string]bool{}
		for line := range strings.Lines(string(text)) {
			line = strings.TrimSuffix(line, "\n")
			require.Regexp(t, forms[name], line, name)
			require.Equal(t, render.Escape(line), line)
			if id := forms[name].FindStringSubmatch(line)[forms[name].SubexpIndex("id")]; id != "" {
				require.False(t, ids[id], id)
				ids[id] = true
			}
		}
		require.Len(t, ids, len(g.Nodes), name)
	}
	source := SVG(g)
	root := checkSVG(t, source)
	var shown []string
	for _, e := range root.Inside {
		if e.XMLName.Local == "g" {
			shown = append(shown, e.Inside[0].Text)
		}
	}
	for i, n := range g.Nodes {
		require.True(t, strings.HasPrefix(shown[i], render.Escape(n.id())), shown[i])
	}
	require.Equal(t, render.EscapeLines(string(source)), string(source))
	require.NotContains(t, string(source), "<script")

	text, err := JSON(g, render.Meta{})
	require.NoError(t, err)
	var d Document
	require.NoError(t, json.Unmarshal(text, &d))
	require.Len(t, d.Nodes, len(g.Nodes))
}
