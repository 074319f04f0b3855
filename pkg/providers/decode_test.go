package providers_test

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/txtar"
	"github.com/stretchr/testify/require"
	"github.com/vpsync/vpsync/pkg/providers"
	"github.com/vpsync/vpsync/pkg/spec"
	"github.com/zclconf/go-cty/cty"
)

var update = flag.Bool("update", false, "rewrite the expected diagnostics")

// TestMistakes holds the diagnostics of faulty definitions, one file for each part of the language.
func TestMistakes(t *testing.T) {
	files, err := filepath.Glob("testdata/mistakes/*.txtar")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			archive, err := txtar.ParseFile(file)
			require.NoError(t, err)
			require.Len(t, archive.Files, 2, "a definition and its diagnostics")
			def, diags := providers.Decode(archive.Files[0].Data, "acme.provider.hcl")
			require.Nil(t, def)
			got := shown(diags)
			if *update {
				archive.Files[1].Data = []byte(got)
				require.NoError(t, os.WriteFile(file, txtar.Format(archive), 0o644))
			}
			require.Equal(t, string(archive.Files[1].Data), got)
		})
	}
}

func shown(diags spec.Diagnostics) string {
	var b strings.Builder
	for _, d := range diags {
		fmt.Fprintf(&b, "%d: %s\n    %s\n", d.Range.Start.Line, d.Summary, d.Detail)
		for line := range strings.Lines(d.Remedy) {
			fmt.Fprintf(&b, "    > %s\n", strings.TrimSuffix(line, "\n"))
		}
	}
	return b.String()
}

func TestDefaults(t *testing.T) {
	def, diags := providers.Decode([]byte(tiny), "acme.provider.hcl")
	require.Empty(t, shown(diags))
	require.Equal(t, "acme", def.Title)
	require.Equal(t, "ACME_API_URL", def.URLEnv)
	require.Equal(t, []providers.Path{""}, def.Answer)
	require.Equal(t, providers.PagingNone, def.Paging.Style)
	require.Equal(t, spec.GoneRecreate, def.Schema.Kinds["box"].WhenGone)
	require.Equal(t, "acme.provider.hcl:24", def.Schema.Kinds["box"].Operations["create"].Place)
	require.Len(t, def.Hash, 64)
}

// TestWholeLanguage decodes a document that uses every word of the language.
func TestWholeLanguage(t *testing.T) {
	src, err := os.ReadFile("testdata/whole.provider.hcl")
	require.NoError(t, err)
	def := decode(t, string(src))
	require.Equal(t, providers.Auth{Scheme: providers.AuthHeader, TokenEnv: "ACME_TOKEN", Name: "X-Api-Key"}, def.Auth)
	require.Equal(t, []string{"reads", "writes"}, def.Classes)
	require.Equal(t, "writes", def.Schema.DefaultRateLimit)
	require.Equal(t, 90*time.Second, def.Grace)

	box := def.Kinds["box"]
	require.Equal(t, spec.GoneForget, box.Schema.WhenGone)
	require.Equal(t, "changed_at", box.Schema.Changed)
	require.Equal(t, providers.Path("box.id"), box.IDPath)
	require.Equal(t, []string{"create", "list", "read", "update", "delete", "switch", "enter", "leave"}, box.Schema.OperationOrder)
	require.Equal(t, []string{"power"}, box.Schema.Operations["switch"].Sets)
	require.Empty(t, box.Operations["switch"].Sends)
	require.True(t, box.Schema.Operations["update"].Whole)
	require.Equal(t, "reads", box.Schema.Operations["list"].RateLimit)
	require.Equal(t, providers.PagingCursor, box.Operations["list"].Paging.Style)
	require.Equal(t, providers.EncodeForm, box.Operations["create"].Encoding)

	require.True(t, box.Schema.Lingers)
	require.Equal(t, &providers.Leave{Leaving: map[string][]string{"power": {"dying"}}, Every: 2 * time.Second, Timeout: 5 * time.Minute}, box.Leave)

	attributes := map[string]*spec.Attribute{}
	for _, a := range box.Schema.Attributes {
		attributes[a.Name] = a
	}
	require.Len(t, attributes["size"].Checks, 3)
	require.Equal(t, spec.OnOperation, attributes["power"].OnChange)
	require.Equal(t, "switch", attributes["power"].Operation)
	require.True(t, attributes["password"].Sensitive && attributes["password"].Unreadable)
	require.True(t, attributes["address"].DetailOnly && attributes["address"].Computed)
	require.Equal(t, spec.RemoveDefault, attributes["size"].OnRemove)
	require.NotNil(t, box.Wire["label"].Emulate)

	require.Equal(t, map[string][]string{"on": {"running", "starting"}, "off": {"stopped"}}, box.Wire["power"].ReadsAs)
	require.Equal(t, spec.OnOperation, attributes["mode"].OnChange)
	require.Equal(t, "enter", attributes["mode"].OperationFor(cty.StringVal("rescue")))
	require.Empty(t, attributes["mode"].OperationFor(cty.UnknownVal(cty.String)))
	require.False(t, attributes["mode"].Reachable(cty.StringVal("burning")))
	require.Equal(t, []string{"mode"}, box.Schema.Operations["leave"].Sets)
	require.Equal(t, map[string]string{"power": "building"}, box.Operations["enter"].Passes)
	require.Equal(t, "A box is charged at once.", box.Schema.Operations["create"].Note)
	require.Equal(t, []string{"name", "address"}, box.Operations["create"].Answers)
	require.Equal(t, "label", box.Wait.Says)
	require.Equal(t, []providers.Path{"error.fields", ""}, def.Error.Fields)
	require.Equal(t, "NO_SUCH_THING", def.Error.Codes["404"])
	require.False(t, box.Schema.WaitsApart)

	disk := def.Kinds["disk"]
	require.True(t, disk.Schema.Waits && disk.Schema.WaitsApart)
	require.Equal(t, "GET /boxes/{box_id}/disks/{id}/progress", disk.Wait.Operation.Schema.Request)
	require.Equal(t, providers.Path("progress.percent"), disk.Wait.Wire["percent"].ReadFrom)

	plans := def.Data["plans"]
	asked := plans.Schema
	require.Equal(t, "region", asked.Attributes[0].Name)
	require.True(t, asked.Asked && asked.Attribute("region").Required && !asked.Attribute("region").Computed)
	require.True(t, asked.Attribute("sort").Optional && asked.Attribute("sort").Computed, "asked for, and said in the answer")
	require.True(t, asked.Attribute("names").Computed && !asked.Attribute("names").Optional)
	require.Equal(t, ",", plans.Wire["tags"].Join)
	require.Equal(t, "invoices", def.Data["invoices"].Lists)
	require.Same(t, asked, def.Schema.Data["plans"])
	require.Equal(t, providers.Path("plans"), plans.Wire["names"].ReadFrom)
	require.Equal(t, "GET /plans/{region}", plans.Operation.Schema.Request)
	require.Equal(t, &providers.Price{Data: "prices", List: "sizes", Match: map[string]string{"size": "size"}, Monthly: "monthly", CurrencyIn: "currency"}, box.Price)
	require.True(t, box.Schema.Billed && disk.Schema.Billed)
	require.Equal(t, []string{"size"}, box.Schema.PricedBy)
	require.Empty(t, disk.Schema.PricedBy)
	require.Equal(t, &providers.Billing{
		Usage: &providers.Usage{
			Data: "usage", Current: spec.Values{"month": cty.StringVal("this")}, Previous: spec.Values{"month": cty.StringVal("last")},
			Total: "total", Currency: "currency", Period: "month", Parts: "parts", Cost: "cost",
		},
		Invoices: &providers.Invoices{
			Data: "invoices", List: "invoices", Number: "id", Status: "status", Amount: "amount", Currency: "currency", Period: "month", Due: "due",
		},
	}, def.Billing)
	reboot := def.Tasks["box"]["reboot"]
	require.Equal(t, "box", reboot.On)
	require.Equal(t, "task.reboot", reboot.Call)
	require.Equal(t, "/boxes/{id}/reboot", reboot.Operation.Path)
}

// TestGuard: a document that would bring the parser down is refused before it is parsed.
func TestGuard(t *testing.T) {
	for name, src := range map[string]string{
		"brackets":  "a = " + strings.Repeat("[", 100_000),
		"blocks":    strings.Repeat("a {\n", 100_000),
		"unary":     "a = " + strings.Repeat("!", 100_000) + "true",
		"sum":       "a = 1" + strings.Repeat("+1", 100_000),
		"question":  "a = " + strings.Repeat("true ? 1 : ", 50_000) + "2",
		"templates": "a = " + strings.Repeat(`"${`, 100_000),
		"large":     strings.Repeat("# nothing\n", 200_000),
	} {
		t.Run(name, func(t *testing.T) {
			def, diags := providers.Decode([]byte(src), "acme.provider.hcl")
			require.Nil(t, def)
			require.Len(t, diags, 1)
			require.Equal(t, spec.SeverityError, diags[0].Severity)
		})
	}
}

// FuzzDecode: whatever the bytes, decoding ends without a panic, a definition comes without errors, and every
// diagnostic lies inside the file.
func FuzzDecode(f *testing.F) {
	for _, source := range vendors {
		f.Add(source)
	}
	f.Add([]byte(tiny))
	files, err := filepath.Glob("testdata/mistakes/*.txtar")
	if err != nil || len(files) == 0 {
		f.Fatalf("no seeds: %v", err)
	}
	for _, file := range files {
		archive, err := txtar.ParseFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(archive.Files[0].Data)
	}
	f.Fuzz(func(t *testing.T, src []byte) {
		def, diags := providers.Decode(src, "fuzz.provider.hcl")
		if def == nil && len(diags) == 0 {
			t.Fatal("neither a definition nor a reason")
		}
		for _, d := range diags {
			if d.Severity == spec.SeverityError && def != nil {
				t.Fatalf("a definition in spite of %q", d.Summary)
			}
			if d.Range == nil || d.Range.Start.Byte > len(src) || d.Range.Start.Line < 1 || d.Range.File != "fuzz.provider.hcl" {
				t.Fatalf("%q is outside of the file: %+v", d.Summary, d.Range)
			}
		}
	})
}
