package render_test

import (
	"bytes"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/vpsync/vpsync/pkg/plan"
	"github.com/vpsync/vpsync/pkg/plan/render"
	"github.com/vpsync/vpsync/pkg/spec"
	"github.com/zclconf/go-cty/cty"
)

func TestHumanDuration(t *testing.T) {
	for want, d := range map[string]time.Duration{
		"0s": 0, "4ms": 4 * time.Millisecond, "1ms": time.Microsecond, "0.3s": 312 * time.Millisecond, "3s": 3 * time.Second, "4.2s": 4234 * time.Millisecond, "10s": 9990 * time.Millisecond,
		"31s": 31 * time.Second, "1m00s": 59700 * time.Millisecond, "2m05s": 125 * time.Second, "3h12m": 192 * time.Minute, "2d4h": 52 * time.Hour,
	} {
		require.Equal(t, want, render.HumanDuration(d))
	}
	require.Equal(t, "0s", render.HumanDuration(-time.Second))
}

func TestPlural(t *testing.T) {
	require.Equal(t, "1 request", render.Plural(1, "request"))
	require.Equal(t, "0 requests", render.Plural(0, "request"))
	require.Equal(t, "2 entries", render.Plural(2, "entry"))
	require.Equal(t, "2 days", render.Plural(2, "day"))
	require.Equal(t, "2 addresses", render.Plural(2, "address"))
}

func TestSummary(t *testing.T) {
	require.Equal(t, "Plan: 3 to add, 1 to change, 0 to destroy.", render.Summary(plan.Counts{Add: 3, Change: 1}))
	require.Equal(t, "Plan: 3 to add, 1 to change, 0 to destroy, 2 to replace, 4 to adopt, 1 to forget, 1 needs a hand.",
		render.Summary(plan.Counts{Add: 3, Change: 1, Replace: 2, Adopt: 4, Forget: 1, NeedsHand: 1}))
	require.Equal(t, "Plan: 0 to add, 0 to change, 0 to destroy, 2 need a hand.", render.Summary(plan.Counts{NeedsHand: 2}))
	require.Equal(t, "17 added, 0 changed, 0 destroyed, 4 adopted", render.Done(plan.Counts{Add: 17, Adopt: 4}))
}

func TestValue(t *testing.T) {
	for want, v := range map[string]cty.Value{
		`"web"`: str("web"), `"a\"b\\ \n $${x} \x1b"`: str("a\"b\\ \n ${x} \x1b"), "80": num(80), "true": cty.True, "null": null,
		`["a", "b"]`: strs("a", "b"), "[]": cty.ListValEmpty(cty.String), "{}": cty.EmptyObjectVal,
		`{ "a b" = 1, c = (known after apply) }`: cty.ObjectVal(map[string]cty.Value{"a b": num(1), "c": unknown}),
		`["a", (sensitive)]`:                     cty.ListVal([]cty.Value{str("a"), str("x").Mark(spec.Sensitive)}),
		render.KnownAfterApply:                   unknown, render.SensitiveValue: str("x").Mark(spec.Sensitive), render.NotSet: cty.NilVal,
		"0.1": cty.MustParseNumberVal("0.1"), "123456789012345678901234567890": cty.MustParseNumberVal("123456789012345678901234567890"),
	} {
		require.Equal(t, want, render.Value(v))
	}
}

func TestWidth(t *testing.T) {
	require.Equal(t, 5, render.Width("web-1"))
	require.Equal(t, 4, render.Width("東京"))
	require.Equal(t, 1, render.Width("e\u0301"))
	require.Equal(t, 3, render.Width(render.Style{Color: true}.Red("abc")))
	require.Equal(t, "ab…", render.Cut("abcdef", 3))
	require.Equal(t, "東…", render.Cut("東京都", 4))
	require.Equal(t, "abc", render.Cut("abc", 3))
}

func TestTable(t *testing.T) {
	table := render.NewTable("KIND", "ID", "NAME")
	table.Row("server", "srv_1", "web-1")
	table.Row("firewall_rule", "fw_22", "a name that is far too long for the line \x1b[31m")
	var b bytes.Buffer
	require.NoError(t, table.Write(&b, render.Options{Width: 50}))
	require.Equal(t, ""+
		"KIND           ID     NAME\n"+
		"server         srv_1  web-1\n"+
		"firewall_rule  fw_22  a name that is far too long…\n", b.String())
}

var diagnostics = spec.Diagnostics{
	{Severity: spec.SeverityError, Summary: `Unknown attribute "plam"`, Detail: `A server has no attribute "plam". Did you mean "plan"?`, Remedy: `plan = "vps-medium"`,
		Snippet: `  plam = "vps-medium"`, Address: "server.web",
		Range: &spec.Range{File: "main.hcl", Start: spec.Pos{Line: 4, Column: 3, Byte: 40}, End: spec.Pos{Line: 4, Column: 7, Byte: 44}}},
	{Severity: spec.SeverityWarning, Summary: "A name in another script", Detail: "Wide characters take two columns, and the mark below them as many.",
		Address: `server.web["the-first-of-the-web-servers"]`,
		Snippet: "\tname = \"東京\u202e\" # e\u0301 comment", Range: &spec.Range{File: "b/wide.hcl", Start: spec.Pos{Line: 1200, Column: 9}, End: spec.Pos{Line: 1200, Column: 13}}},
	{Severity: spec.SeverityError, Summary: "A block that never ends, with a summary that is so long that it needs more than one line of its own on a narrow terminal",
		Snippet: `server "web" {`, Range: &spec.Range{File: "main.hcl", Start: spec.Pos{Line: 9, Column: 14}, End: spec.Pos{Line: 12, Column: 1}}},
	{Severity: spec.SeverityError, Summary: "Far to the right", Range: &spec.Range{File: "main.hcl", Start: spec.Pos{Line: 2, Column: 203}, End: spec.Pos{Line: 2, Column: 210}},
		Snippet: string(bytes.Repeat([]byte("abcdefghi "), 20)) + "= unknown.thing + 1"},
	{Severity: spec.SeverityError, Summary: "No configuration here", Detail: "The folder holds no *.hcl file. A stack is a folder of them, and vpsync looks only into the folder itself, not into those below it.",
		Remedy: "vpsync init\nvpsync plan --sandbox"},
	{Severity: spec.SeverityError, Summary: "End of line", Snippet: "a = ", Range: &spec.Range{File: "main.hcl", Start: spec.Pos{Line: 2, Column: 5}, End: spec.Pos{Line: 2, Column: 5}}},
}

func TestDiagnostics(t *testing.T) {
	got := map[string]string{}
	for name, width := range map[string]int{"80": 80, "160": 160} {
		var b bytes.Buffer
		require.NoError(t, render.Diagnostics(&b, diagnostics, render.Options{Width: width}))
		got[name] = b.String()
	}
	golden(t, "diagnostics", got, "80", "160")
}
