package spec

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestLoadReadsOneFolder(t *testing.T) {
	dir := folder(t, map[string]string{
		"main.hcl":          "\xef\xbb\xbfprovider \"acme\" {}\r\nnetwork \"a\" {\r\n  name = \"a\"\r\n  cidr = \"10.0.0.0/8\"\r\n}\r\n",
		"more.hcl":          `locals { x = 1 }`,
		"vpsync.vars.hcl":   `not = parsed here`,
		"acme.provider.hcl": `}`,
		"stack.test.hcl":    `}`,
		".hidden.hcl":       `}`,
		"notes.txt":         `}`,
		"below/other.hcl":   `}`,
	})
	stack, diags := Load(dir)
	require.Empty(t, diags)
	require.Equal(t, dir, stack.Dir)
	response := stack.Evaluate(acme())
	require.Empty(t, response.Diagnostics)
	require.Equal(t, `"a"`, show(find(t, response, "network.a").Values["name"]))
	require.Equal(t, 2, find(t, response, "network.a").Range.Start.Line)
	require.Equal(t, "main.hcl", find(t, response, "network.a").Range.File)
}

func TestLoadRefuses(t *testing.T) {
	for _, x := range []struct{ name, source, says string }{
		{"too large", strings.Repeat("# xxxxxxxxxxxxxxxxx\n", 60_000), "File is too large"},
		{"not UTF-8", "locals { x = \"\xff\" }", "File is not UTF-8"},
		{"a NUL", "locals { x = \"\x00\" }", "File holds a NUL byte"},
		{"brackets", "locals { x = " + strings.Repeat("[", 20_000), "Nested too deeply"},
		{"parentheses", "locals { x = " + strings.Repeat("(", 20_000), "Nested too deeply"},
		{"blocks", strings.Repeat("a {\n", 20_000), "Nested too deeply"},
		{"templates", "locals { x = " + strings.Repeat(`"${`, 20_000), "Nested too deeply"},
		{"directives", "locals { x = \"" + strings.Repeat(`%{ if true }`, 20_000), "Expression is too long"},
		{"negations", "locals { x = " + strings.Repeat("!", 20_000) + "true }", "Too many operators in a row"},
		{"minuses", "locals { x = " + strings.Repeat("- ", 20_000) + "1 }", "Too many operators in a row"},
		{"minuses over lines", "locals { x = (" + strings.Repeat("- # no\n", 20_000) + "1) }", "Too many operators in a row"},
		{"sums", "locals { x = 1" + strings.Repeat("+1", 20_000) + " }", "Expression is too long"},
		{"attributes", "locals { x = a" + strings.Repeat(".a", 20_000) + " }", "Expression is too long"},
		{"indices", "locals { x = a" + strings.Repeat("[0]", 20_000) + " }", "Expression is too long"},
		{"sums over lines", "locals { x = (1\n" + strings.Repeat("+1\n", 20_000) + ") }", "Expression is too long"},
		{"sums in a loop", "locals { x = { for k in [] : k => 1\n" + strings.Repeat("+1\n", 20_000) + "} }", "Expression is too long"},
		{"sums in a template", "locals { x = \"${1\n" + strings.Repeat("+1\n", 20_000) + "}\" }", "Expression is too long"},
		{"calls", "locals { x = " + strings.Repeat("f(", 20_000), "Nested too deeply"},
		{"conditions", "locals { x = " + strings.Repeat("true ? 1 : ", 20_000) + "1 }", "Expression is too long"},
		{"digits", "locals { x = " + strings.Repeat("9", 20_000) + " }", "Number is too large"},
		{"exponent", "locals { x = 1e100000000 }", "Number is too large"},
		{"small exponent", "locals { x = 1e-100000000 }", "Number is too large"},
		{"syntax", "locals { x = }", "Invalid expression"},
	} {
		t.Run(x.name, func(t *testing.T) {
			_, diags := Load(folder(t, map[string]string{"main.hcl": x.source}))
			require.True(t, diags.HasErrors())
			require.Equal(t, x.says, diags[0].Summary)
		})
	}
}

// TestLoadTakesWhatIsLong holds that the limits are far from what people write.
func TestLoadTakesWhatIsLong(t *testing.T) {
	source := "locals {\n" + strings.Repeat("  # b\n", 100) + manyLines() + "  x = [\n" + strings.Repeat("    { a = 1 + 2, b = -1, c = !true, d = \"x-${1 + 1}\" },\n", 10_000) + "  ]\n" +
		"  y = " + strings.Repeat("[", 60) + strings.Repeat("]", 60) + "\n}\noutput \"n\" { value = length(local.x) }\n"
	require.Equal(t, "10000", show(evaluate(t, source, acme()).Outputs[0].Value))
}

// manyLines are more short expressions, with a remark to each, than one long expression may have operators.
func manyLines() string {
	var b strings.Builder
	for i := range 6000 {
		fmt.Fprintf(&b, "  n%d = 1 + 1 # two\n", i)
	}
	return b.String()
}

func TestLoadWithoutConfiguration(t *testing.T) {
	_, diags := Load(t.TempDir())
	require.Equal(t, "No configuration here", diags[0].Summary)
	require.Contains(t, diags[0].Remedy, "vpsync init")

	_, diags = Load(filepath.Join(t.TempDir(), "none"))
	require.Equal(t, "Folder does not exist", diags[0].Summary)
}

func TestLoadDoesNotLeaveTheFolder(t *testing.T) {
	dir := folder(t, map[string]string{"stack/main.hcl": "", "other.hcl": `locals { stolen = 1 }`})
	require.NoError(t, os.Symlink("../other.hcl", filepath.Join(dir, "stack", "link.hcl")))
	_, diags := Load(filepath.Join(dir, "stack"))
	require.Equal(t, "File cannot be read", diags[0].Summary)
}

func TestLoadTellsOfEveryFile(t *testing.T) {
	_, diags := Load(folder(t, map[string]string{"a.hcl": "locals { x = }\n", "b.hcl": "module \"x\" {}\n", "c.hcl": "locals {\n"}))
	var files []string
	for _, d := range diags {
		files = append(files, d.Range.File)
	}
	require.Equal(t, []string{"a.hcl", "b.hcl", "c.hcl"}, files)
	require.Equal(t, `module "x" {}`, diags[1].Snippet)
}

func TestVariableFile(t *testing.T) {
	values, diags := VariableFile([]byte("replicas = 3\nnames = [\n  \"a\",\n]\n"), "prod.vars.hcl")
	require.Empty(t, diags)
	require.Len(t, values, 2)
	require.Equal(t, "names", values[1].Name)
	require.Equal(t, "[\n  \"a\",\n]", values[1].Source)
	require.Equal(t, "prod.vars.hcl line 2", values[1].Range.String())

	stack := load(t, `
variable "replicas" { type = number }
output "n" { value = var.replicas }
`)
	request := acme()
	request.Variables = append(values, VariableValue{Name: "nmaes", Source: "x", Origin: "VPSYNC_VAR_nmaes"}, VariableValue{Name: "replicas", Source: "4", Origin: "VPSYNC_VAR_replicas"})
	response := stack.Evaluate(request)
	require.Equal(t, "4", show(response.Outputs[0].Value))
	require.Len(t, response.Diagnostics, 1, "the environment may serve several stacks")
	require.Equal(t, SeverityWarning, response.Diagnostics[0].Severity, "so may a file, but a slip is more likely")
	require.Equal(t, "prod.vars.hcl line 2", response.Diagnostics[0].Range.String())

	_, diags = VariableFile([]byte("block {}\n"), "prod.vars.hcl")
	require.Equal(t, "Block in a file of variables", diags[0].Summary)
}

// TestVariablesKeepSecrets holds that no message shows a value that was given from outside.
func TestVariablesKeepSecrets(t *testing.T) {
	_, diags := VariableFile([]byte("token = \"hunter2\n"), "secret.vars.hcl")
	require.True(t, diags.HasErrors())
	requireNoSecret(t, diags)

	stack := load(t, `
variable "n" {
  type      = number
  sensitive = true
}
variable "o" {
  type      = object({ a = number })
  sensitive = true
}
`)
	for _, source := range []string{`"hunter2"`, `hunter2`, `[hunter2`, `{ a = "hunter2" }`, `"hunter2`, `{ hunter2 = 1 }`} {
		request := acme()
		for _, name := range []string{"n", "o"} {
			request.Variables = append(request.Variables, VariableValue{Name: name, Source: source, Origin: "VPSYNC_VAR_" + name})
		}
		response := stack.Evaluate(request)
		require.True(t, response.Diagnostics.HasErrors())
		requireNoSecret(t, response.Diagnostics)
	}
}

func requireNoSecret(t *testing.T, diags Diagnostics) {
	t.Helper()
	for _, d := range diags {
		require.NotContains(t, d.Summary+d.Detail+d.Remedy+d.Snippet, "hunter2")
	}
}

func TestSecretsStayOutOfMessages(t *testing.T) {
	for _, expression := range []string{
		`parseint(var.secret, 10)`,
		`tonumber(var.secret)`,
		`var.secret + 1`,
		`{ for k in [var.secret, var.secret] : k => 1 }`,
		`{ for k in [1, 2] : var.secret => k }`,
		`{ a = 1 }[var.secret]`,
		`[1][var.secret]`,
		`jsondecode(var.secret)`,
		`regex(var.secret, "x")`,
		`regex("[", var.secret)`,
		`formatdate(var.secret, "x")`,
		`timeadd(var.secret, "1h")`,
		`file("x${var.secret}")`,
		`base64decode(var.secret)`,
		`cidrhost(var.secret, 1)`,
		`lookup({}, var.secret)`,
		`index([], var.secret)`,
		`format("%d", var.secret)`,
		`tomap(var.secret)`,
		`var.secret.attribute`,
		`var.secret ? 1 : 2`,
		`parseint(local.derived, 10)`,
		`[for x in [local.derived] : parseint(x, 10)]`,
		`parseint(upper(local.derived), 10)`,
		`parseint(sensitive(file("hunter2")), 10)`,
		`parseint(server.web.password, 10)`,
		`server.web[var.secret]`,
		`local.map[var.secret].x`,
	} {
		t.Run(expression, func(t *testing.T) {
			dir := folder(t, map[string]string{"hunter2": "HUNTER2", "main.hcl": `
provider "acme" {}
variable "secret" { sensitive = true }
locals {
  derived = "x-${var.secret}"
  map     = { a = 1 }
}
server "web" {
  name     = "web"
  plan     = "m"
  location = "AMS"
  password = var.secret
}
output "x" {
  sensitive = true
  value     = ` + expression + `
}
`})
			stack, diags := Load(dir)
			require.Empty(t, diags)
			request := acme()
			request.Variables = []VariableValue{{Name: "secret", Source: "hunter2", Origin: "--var"}}
			response := stack.Evaluate(request)
			require.True(t, response.Diagnostics.HasErrors())
			for i := range response.Diagnostics {
				if strings.Contains(expression, "hunter2") {
					response.Diagnostics[i].Snippet = "" // the source itself says so
				}
				response.Diagnostics[i].Detail = strings.ToLower(response.Diagnostics[i].Detail)
			}
			requireNoSecret(t, response.Diagnostics)
		})
	}
}
