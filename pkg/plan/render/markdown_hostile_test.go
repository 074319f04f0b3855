package render_test

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/stretchr/testify/require"
	"github.com/vpsync/vpsync/internal/matrix"
	"github.com/vpsync/vpsync/pkg/plan"
	"github.com/vpsync/vpsync/pkg/plan/render"
	"github.com/vpsync/vpsync/pkg/plan/render/graph"
	"github.com/vpsync/vpsync/pkg/spec"
	"github.com/vpsync/vpsync/pkg/state"
	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/ast"
	"github.com/yuin/goldmark/extension"
	"github.com/yuin/goldmark/text"
)

// canary is in each attack, so that whatever of it is not in code is found.
const canary = "qzcanaryqz"

// attacks are texts that want to be more than text in a comment. CANARY stands for the canary.
var attacks = []string{
	// to break out of code
	"```\nCANARY\n", "````\n# CANARY\n````", "~~~\nCANARY\n~~~", "`CANARY`", "``CANARY``", "a ` CANARY ` b", "\n\n```\n\n**CANARY**", "\r```\rCANARY", "\u2028```\u2028CANARY",
	"``````````````````````\nCANARY", "\n    ```\nCANARY", "\\`CANARY\\`",
	// HTML
	"<script>CANARY</script>", "</details>CANARY", "</code></pre><b>CANARY", "<!-- CANARY", "--> CANARY", "<img src=x alt=CANARY>", "<a href=javascript:1>CANARY</a>", "&lt;b&gt;CANARY",
	"<details><summary>CANARY</summary>", "\n</details>\n\nCANARY\n",
	// links, pictures, mentions, references
	"[CANARY](https://evil.example)", "![CANARY](https://evil.example/x.png)", "https://evil.example/CANARY", "www.evil.example/CANARY", "CANARY@evil.example", "@CANARY", "@org/CANARY",
	"#1 CANARY", "GH-1 CANARY", "CANARY/CANARY#1", "0123456789abcdef0123456789abcdef01234567 CANARY", ":tada: CANARY", "[^1] CANARY\n\n[^1]: CANARY", "[CANARY]: https://evil.example",
	// tables, headings, lists, alerts, mathematics
	"a | CANARY | b", "a \\| CANARY", "|\n|---|\n| CANARY |", "\n# CANARY", "\n> [!NOTE]\n> CANARY", "\n- [x] CANARY", "\n***\nCANARY", "$`CANARY`$ $$CANARY$$", "\n---\nCANARY\n===",
	// what cannot be seen
	"CANARY\u202e\u2066", "CANARY\u200b\u200d\ufeff\u00ad", "CANARY\x1b[2K\x1b]8;;x\x07", "\x00\x08\x7f\x85CANARY", "CANARY\U000e0041\U000e0042", "\xff\xfeCANARY",
	// our own marker, and Mermaid
	"<!-- vpsync:1 kind=plan stack=x digest=CANARY -->", "\"]; click a href \"https://evil.example\" CANARY", "%%{init: {\"CANARY\":1}}%%", "\nend\nsubgraph CANARY", "#quot;CANARY#59;",
}

// sinks are what is made of an attack: a plan that is hostile wherever it can be, what is said beside it, and the graph.
var sinks = map[string]func(t testing.TB, evil string) string{
	"plan": func(t testing.TB, evil string) string {
		return render.Markdown(render.Report{Stack: "x", Plan: evilPlan(t, evil), Commit: head, Reviewed: true, Accounts: true})
	},
	"said": func(t testing.TB, evil string) string {
		return render.Markdown(render.Report{Stack: evil, Version: evil, Commit: evil, Said: []render.Saying{{Alert: "CAUTION", Words: "It failed.", Text: evil}, {Text: strings.Repeat(evil+"\n", 40)}}, Most: 3000})
	},
	"graph": func(t testing.TB, evil string) string {
		p := evilPlan(t, evil)
		g := graph.NewPlanned([]*spec.Resource{{Address: p.Changes[0].Address, Account: evil}}, []*state.Resource{{Address: p.Changes[0].Address, ID: evil, Deposed: evil}}, p)
		return render.Markdown(render.Report{Plan: &plan.Plan{}, Graph: graph.Mermaid(g)})
	},
}

// evilPlan has the text wherever a plan has text.
func evilPlan(t testing.TB, evil string) *plan.Plan {
	key, err := spec.ParseAddress("server.web")
	require.NoError(t, err)
	key.Key = spec.StringKey(evil)
	c := func(a plan.Action) *plan.Change {
		return &plan.Change{Address: key, Deposed: evil, Account: evil, Kind: evil, Action: a, ID: evil, Cause: plan.CauseConfig, Operations: []string{evil, evil}, TakesBack: evil,
			MayTakeBack: []string{evil}, Unsupported: evil, Remedy: evil, Notes: []string{evil, evil}, LosesData: true, Price: &plan.Price{Difference: &plan.Money{Amount: evil, Currency: evil}},
			Attributes: []plan.AttributeChange{
				{Name: evil, Before: str(evil), After: str(evil + "x"), Note: evil, Cause: plan.CauseDrift},
				{Name: "lines", Before: str("a\n" + evil + "\nb"), After: str("a\n" + evil + evil + "\nc")},
				{Name: "list", Before: strs(evil), After: strs(evil, evil)},
			}}
	}
	adopt := c(plan.Adopt)
	adopt.NeedsHand = true
	quiet := c(plan.NoOp)
	diag := spec.Diagnostic{Severity: spec.SeverityWarning, Summary: evil, Detail: evil, Remedy: evil, Snippet: evil, Range: &spec.Range{File: evil, Start: spec.Pos{Line: 1, Column: 1}, End: spec.Pos{Line: 1, Column: 2}}}
	return &plan.Plan{
		Changes: []*plan.Change{c(plan.Create), c(plan.Update), c(plan.Replace), c(plan.Delete), c(plan.Forget), adopt, quiet},
		Moved:   []plan.Relocation{{From: key, To: key, ID: evil}}, Leftovers: []*state.Leftover{{ID: evil, Kind: evil, Account: evil, Address: key, Applied: spec.Values{"name": str(evil)}}},
		SeenGone: []*state.Leftover{{ID: evil, Kind: evil}}, Unmanaged: []plan.Unmanaged{{Account: evil, Kind: evil, ID: evil}},
		Pending:   []plan.Pending{{Address: key, Operation: evil, Run: evil, Since: when, Reason: evil}},
		Questions: []plan.Question{{Kind: plan.AskTwin, Address: &key, Summary: evil, Detail: evil, Remedy: evil}, {Kind: plan.AskBrakeDestroy, Summary: evil, Detail: evil, Remedy: evil}},
		Warnings:  []spec.Diagnostic{diag}, Outputs: []plan.OutputChange{{Name: evil, Before: str(evil), After: strs(evil, evil), Action: plan.Update}},
		Cost:    []plan.Cost{{Account: evil, Class: evil, Requests: 3, Per: time.Hour}},
		LeftOut: []plan.LeftOut{{Address: key, Deposed: evil, Action: plan.Create, WaitsFor: &key}}, Deferred: []spec.Address{key},
		Prices: plan.Prices{Totals: []plan.PriceTotal{{Account: evil, Money: plan.Money{Amount: "1.00", Currency: evil}}}, Unknown: []plan.PricedObjects{{Account: evil, Kind: evil, Objects: 2}}, Stay: []spec.Address{key}},
		Counts: plan.Counts{Add: 1},
	}
}

func TestMarkdownHoldsUntrustedText(t *testing.T) {
	begun, cases := time.Now(), 0
	for name, render := range sinks {
		for i, attack := range attacks {
			t.Run(fmt.Sprintf("%s/%d", name, i), func(t *testing.T) {
				got := render(t, strings.ReplaceAll(attack, "CANARY", canary))
				require.Contains(t, got, "qzcanar", "the attack got nowhere, so nothing was tested")
				require.NoError(t, inert(got), "%q in\n%s", attack, got)
			})
			cases++
		}
	}
	matrix.Ran(t, "G5", cases, begun)
}

func FuzzMarkdown(f *testing.F) {
	for _, a := range attacks {
		f.Add(a, 4000)
	}
	f.Fuzz(func(t *testing.T, evil string, most int) {
		most = 1500 + max(0, most)%70000
		got := render.Markdown(render.Report{Stack: "x", Plan: evilPlan(t, evil+canary), Said: []render.Saying{{Words: "It failed.", Text: evil}}, Most: most})
		require.LessOrEqual(t, len(got), most)
		require.NoError(t, inert(got))
	})
}

// ownHTML is all the HTML that a rendering has.
var ownHTML = regexp.MustCompile(`^(<details>|<summary>[A-Za-z ]+</summary>|</details>|\s)*$`)

// active is what GitHub makes something of outside of code, when Markdown is done with it.
var active = regexp.MustCompile(`@|#\d|GH-\d|://|www\.|:[a-z+_]+:|[0-9a-f]{7}|\$|\\|&`)

// inert says what in a rendering is more than text, and not the renderer's own; it parses as GitHub does.
func inert(rendered string) error {
	for i, r := range rendered {
		if r != '\n' && (unicode.IsControl(r) || unicode.Is(unicode.Cf, r) || r == unicode.ReplacementChar && !strings.HasPrefix(rendered[i:], "\ufffd")) {
			return fmt.Errorf("%U at %d cannot be seen", r, i)
		}
	}
	source := []byte(rendered)
	document := goldmark.New(goldmark.WithExtensions(extension.GFM, extension.Footnote)).Parser().Parse(text.NewReader(source))
	return ast.Walk(document, func(n ast.Node, entering bool) (ast.WalkStatus, error) {
		if !entering {
			return ast.WalkContinue, nil
		}
		switch n := n.(type) {
		case *ast.Link, *ast.Image, *ast.AutoLink, *ast.RawHTML:
			return ast.WalkStop, fmt.Errorf("there is a %s", n.Kind())
		case *ast.HTMLBlock:
			if html := string(n.Lines().Value(source)); !ownHTML.MatchString(html) {
				return ast.WalkStop, fmt.Errorf("there is the HTML %q", html)
			}
		case *ast.CodeSpan:
			return ast.WalkSkipChildren, nil
		case *ast.FencedCodeBlock:
			if language := string(n.Language(source)); language != "diff" && language != "text" && language != "mermaid" {
				return ast.WalkStop, fmt.Errorf("there is a block of %q", language)
			}
		case *ast.CodeBlock:
			return ast.WalkStop, fmt.Errorf("there is an indented block")
		case *ast.Heading:
			if n.Level != 3 {
				return ast.WalkStop, fmt.Errorf("there is a heading of level %d", n.Level)
			}
		case *ast.Text:
			words := string(n.Value(source))
			if strings.Contains(words, canary[:7]) || active.MatchString(words) {
				return ast.WalkStop, fmt.Errorf("%q is outside of code", words)
			}
		}
		return ast.WalkContinue, nil
	})
}

// The oracle sees each attack where nothing is done against it, but for a code span, which is what code is to be.
func TestInertHasTeeth(t *testing.T) {
	for i, attack := range attacks {
		got := strings.ReplaceAll("### vpsync\n\nSaid: "+attack+"\n\n`text`\n", "CANARY", canary)
		if !slices.Contains([]string{"`CANARY`", "``CANARY``", "a ` CANARY ` b"}, attack) {
			require.Error(t, inert(got), "%d: %q", i, attack)
		}
	}
}
