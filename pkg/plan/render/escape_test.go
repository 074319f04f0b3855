package render_test

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
	"github.com/vpsync/vpsync/pkg/plan"
	"github.com/vpsync/vpsync/pkg/plan/render"
	"github.com/vpsync/vpsync/pkg/spec"
	"github.com/vpsync/vpsync/pkg/state"
	"github.com/zclconf/go-cty/cty"
)

func TestEscape(t *testing.T) {
	for _, c := range []struct{ in, want string }{
		{"", ""},
		{"web-1", "web-1"},
		{"Zürich – 東京 🚀", "Zürich – 東京 🚀"},
		{`C:\x1b`, `C:\x1b`},
		{"a\nb\tc\r", `a\nb\tc\r`},
		{"\x1b[31mred\x1b[0m", `\x1b[31mred\x1b[0m`},
		{"\x00\x07\x7f", `\x00\x07\x7f`},
		{"\u009b2J", `\u{9b}2J`},
		{"a\u202eb", `a\u{202e}b`},
		{"a\u200bb\ufeff", `a\u{200b}b\u{feff}`},
		{"\u2028\u2029", `\u{2028}\u{2029}`},
		{"\U000e0041", `\u{e0041}`},
		{"\ue000", `\u{e000}`},
		{"a\xffb\xc3", `a\xffb\xc3`},
		{"\ufffd", "\ufffd"},
		{"e\u0301", "e\u0301"},
	} {
		require.Equal(t, c.want, render.Escape(c.in))
	}
	require.Equal(t, "a\nb\\x1b", render.EscapeLines("a\r\nb\x1b"))
}

// A Writer gives the same however its input is cut.
func TestWriter(t *testing.T) {
	const text = "line 1\n\tline 2 – 東京\x1b[2J\u202e\xff end\xe6\x9d"
	const want = "line 1\n\tline 2 – 東京\\x1b[2J\\u{202e}\\xff end\\xe6\\x9d"
	for size := 1; size < 9; size++ {
		var b bytes.Buffer
		w := render.NewWriter(&b)
		for rest := text; rest != ""; {
			n := min(size, len(rest))
			written, err := w.Write([]byte(rest[:n]))
			require.NoError(t, err)
			require.Equal(t, n, written)
			rest = rest[n:]
		}
		require.NoError(t, w.Flush())
		require.Equal(t, want, b.String())
	}
	_, err := render.NewWriter(broken{}).Write([]byte("x"))
	require.Error(t, err)
}

type broken struct{}

func (broken) Write([]byte) (int, error) { return 0, errors.New("broken") }

func FuzzEscape(f *testing.F) {
	for _, s := range hostile() {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got := render.Escape(s)
		requireSafe(t, got, "")
		require.Equal(t, got, render.Escape(got), "escaping twice")
		lines := render.EscapeLines(s)
		requireSafe(t, lines, "\n")
		require.Equal(t, lines, render.EscapeLines(lines))
		if !strings.Contains(s, "\r\n") {
			require.Equal(t, strings.Count(s, "\n"), strings.Count(lines, "\n"))
		}
		require.GreaterOrEqual(t, render.Width(got), 0)
		require.LessOrEqual(t, render.Width(render.Cut(got, 10)), 10)
	})
}

// requireSafe fails where a rune could move a cursor, reorder text or hide.
func requireSafe(t *testing.T, s, allowed string) {
	t.Helper()
	for i, r := range s {
		if strings.ContainsRune(allowed, r) {
			continue
		}
		_, size := utf8.DecodeRuneInString(s[i:])
		if r == utf8.RuneError && size == 1 {
			t.Fatalf("byte %#x in %.200q", s[i], s)
		}
		if unicode.IsControl(r) || unicode.In(r, unicode.Cf, unicode.Zl, unicode.Zp, unicode.Variation_Selector) {
			t.Fatalf("rune %U in %.200q", r, s)
		}
	}
}

// hostile is what a vendor, a neighbour in the account or a pull request may call a thing.
func hostile() []string {
	all := []string{
		"\x1b[2J\x1b[H", "\x1b]0;title\x07", "\x1b]8;;http://evil.example\x1b\\link\x1b]8;;\x1b\\", "\x1b[1A\x1b[2K", "\x1bc", "\x1b(0", "\x1bP1$r\x1b\\",
		"\x1b[?1049h", "\x1b[6n", "\x1b[31m", "\x1b[0m", "\x9b31m", "\u009b31m", "\u0085", "\u0090", "\u009d0;x\u009c",
		"\r", "fine\rPlan: 0 to add, 0 to change, 0 to destroy.", "a\nb", "a\n\nPlan: 0 to add", "\r\n", "\v", "\f", "\b\b\b\b", "\a", "\x00", "\x7f", "\x0e", "\x18", "\x1a",
		"\u202eevil", "\u202d", "\u2066x\u2069", "\u2067", "\u2068", "\u200e", "\u200f", "\u061c", "\u202a\u202c",
		"\u200b", "\u200c", "\u200d", "\u2060", "\ufeff", "\u00ad", "\u034f", "\u115f", "\u3164", "\uffa0", "\u180e", "\u2062",
		"\u2028", "\u2029", "\ufe0f", "\U000e0001", "\U000e0100", "\U000f0000", "\ue000", "\uffff",
		"\xff", "\xc3", "\xe6\x9d", "\xed\xa0\x80", "\xf4\x90\x80\x80", "\xc0\x9b",
		"${var.x}", "%{ if true }", `"quoted"`, `back\slash`, "# comment", "::set-output name=x::y", "<script>alert(1)</script>", "|cell|",
		strings.Repeat("long ", 400), strings.Repeat("界", 300), "e" + strings.Repeat("\u0301", 50),
	}
	return all
}

func TestHostileTextIsHarmless(t *testing.T) {
	require.Greater(t, len(hostile()), 60)
	for _, s := range hostile() {
		p := hostilePlan(s)
		for _, color := range []bool{false, true} {
			o := render.Options{Width: 80, Color: color, Title: s}
			var b bytes.Buffer
			require.NoError(t, render.Text(&b, p, o))
			require.NoError(t, render.Diagnostics(&b, hostileDiagnostics(s), o))
			require.NoError(t, render.Questions(&b, p.Questions, o))
			table := render.NewTable("A", "B")
			table.Row(s, s+s)
			require.NoError(t, table.Write(&b, o))
			fmt.Fprintln(&b, render.Value(cty.MapVal(map[string]cty.Value{s: str(s)})), render.Noun(s))
			text := b.String()
			if color {
				text = uncolored(text)
			}
			requireSafe(t, text, "\n")
			requireNoForgery(t, text)
		}
		doc, err := render.JSON(p, render.Meta{Version: s})
		require.NoError(t, err)
		requireSafe(t, string(doc), "\n")
		doc, err = render.DiagnosticsJSON(hostileDiagnostics(s), render.Meta{})
		require.NoError(t, err)
		requireSafe(t, string(doc), "\n")
		validate(t, must(render.JSON(p, render.Meta{})))
	}
}

// requireNoForgery fails where foreign text begins a line like the ones that people trust.
func requireNoForgery(t *testing.T, text string) {
	t.Helper()
	n := 0
	for line := range strings.Lines(text) {
		if strings.HasPrefix(line, "Plan: ") {
			n++
		}
	}
	require.Equal(t, 1, n, text)
}

// hostilePlan has s wherever a plan holds foreign text.
func hostilePlan(s string) *plan.Plan {
	a := spec.Address{Kind: "server", Name: "web", Key: spec.StringKey(s)}
	values := spec.Values{"name": str(s), s: str(s)}
	attributes := []plan.AttributeChange{
		{Name: s, Before: str(s), After: str(s + "\n" + s), Cause: plan.CauseConfig, Effect: plan.EffectUpdate, Operation: s, Note: s},
		{Name: "list", Before: strs(s, s), After: strs(s, "x", strings.Repeat(s, 40)), Cause: plan.CauseDrift},
		{Name: "map", Before: null, After: cty.MapVal(map[string]cty.Value{s: str(s)}), Effect: plan.EffectNone},
	}
	one := &plan.Change{Address: a, Deposed: s, Account: s, Kind: s, Action: plan.Replace, ID: s, Cause: plan.CauseConfig, Attributes: attributes,
		Operations: []string{s, s}, Removes: s, MayTakeBack: []string{s}, Unsupported: s, Remedy: s, Notes: []string{s}}
	two := *one
	two.Action, two.TakesBack = plan.Adopt, s
	three := *one
	three.Action = plan.NoOp
	left := &state.Leftover{ID: s, Kind: s, Account: s, Address: a, Applied: values, Since: when, Run: s}
	return &plan.Plan{
		Changes: []*plan.Change{one, &two, &three}, Steps: []plan.Step{{Phase: plan.PhaseMake}},
		Records: []*state.Resource{{Address: a}}, Leftovers: []*state.Leftover{left}, SeenGone: []*state.Leftover{left},
		Unmanaged: []plan.Unmanaged{{Account: s, Kind: s, ID: s, Values: values}},
		Pending:   []plan.Pending{{Address: a, Operation: s, Run: s, Since: when, Reason: s}},
		Questions: []plan.Question{{Kind: plan.AskTwin, Address: &a, Summary: s, Detail: s, Remedy: strings.ReplaceAll(s, "\n", " ") + "\nvpsync"}},
		Warnings:  hostileDiagnostics(s),
		Outputs:   []plan.OutputChange{{Name: s, Before: null, After: str(s), Action: plan.Create}},
		Cost:      []plan.Cost{{Account: s, Class: s, Requests: 3, Windows: 1}, {Account: "b", Class: "c", Requests: 1}},
	}
}

func hostileDiagnostics(s string) spec.Diagnostics {
	return spec.Diagnostics{
		{Severity: spec.SeverityError, Summary: s, Detail: strings.ReplaceAll(s, "\n", " "), Remedy: strings.ReplaceAll(s, "\n", " "), Snippet: s, Address: s,
			Range: &spec.Range{File: s, Start: spec.Pos{Line: 3, Column: 2}, End: spec.Pos{Line: 3, Column: 9}}},
		{Severity: spec.SeverityWarning, Summary: "x", Snippet: s + s, Range: &spec.Range{File: "a", Start: spec.Pos{Line: 3, Column: 1}, End: spec.Pos{Line: 9, Column: 1}}},
	}
}

func must(doc []byte, err error) []byte {
	if err != nil {
		panic(err)
	}
	return doc
}
