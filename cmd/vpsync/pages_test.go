package main

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/vpsync/vpsync/pkg/spec"
)

var updatePages = flag.Bool("update-pages", false, "write anew what README.md and docs show of the program's answers")

const root = "../.."

// TestPages: whatever README.md and docs show is done, and the program says what they say it does. The other pages are made by the
// program, and held to it by TestManual, TestManualExamples, TestOperationsPage and the tests of pkg/spec.
func TestPages(t *testing.T) {
	made := []string{"docs/cli.md", "docs/functions.md"}
	pages := []string{"README.md", "examples/three-hosts/README.md"}
	found, err := filepath.Glob(root + "/docs/*.md")
	require.NoError(t, err)
	for _, path := range found {
		if name := "docs/" + filepath.Base(path); !slices.Contains(made, name) {
			pages = append(pages, name)
		}
	}
	require.Contains(t, pages, "docs/language.md")
	files, err := filepath.Abs(root + "/testdata/docs")
	require.NoError(t, err)
	for _, name := range pages {
		t.Run(name, func(t *testing.T) {
			path, err := filepath.Abs(filepath.Join(root, name))
			require.NoError(t, err)
			source, err := os.ReadFile(path)
			require.NoError(t, err)
			p := &pageRun{t: t, files: files}
			anew := p.check(string(source))
			if *updatePages {
				require.NoError(t, os.WriteFile(path, []byte(anew), 0o644))
			}
			for _, problem := range p.problems {
				t.Errorf("%s %s", name, problem)
			}
			if t.Failed() {
				t.Log("where the program is right: go test ./cmd/vpsync -run TestPages -update-pages")
			}
		})
	}
}

// TestPagesSeeMistakes: each of these pages shows something that is not so.
func TestPagesSeeMistakes(t *testing.T) {
	const server = "```hcl\nserver \"web\" {\n  name     = \"web\"\n  plan     = \"vps-small\"\n  location = \"AMS\"\n}\n```\n"
	for want, page := range map[string]string{
		"line 1: not valid":                       strings.Replace(server, "plan", "plam", 1),
		"line 1: not applied":                     strings.Replace(server, "}\n`", "  lifecycle {\n    postcondition {\n      condition     = self.status == \"stopped\"\n      error_message = \"No.\"\n    }\n  }\n}\n`", 1),
		"line 8: the answer is another":           strings.Replace(server, "plan", "plam", 1) + "```text\nError: something else\n```\n",
		"line 9: nothing is wrong with it":        "\n" + server + "```text\nError: Missing argument\n```\n",
		"line 8: vpsync plan --sandbox answers":   server + "```console\n$ vpsync plan --sandbox\nNo changes.\n```\n",
		"line 8: nobody knows how to do":          server + "```console\n$ ls\n```\n",
		"line 8: output before a command":         server + "```console\nls\n```\n",
		"line 1: nobody knows what a python":      "```python\nprint(1)\n```\n",
		"line 1: nobody knows what a  block":      "```\nx\n```\n",
		"line 1: text that answers nothing":       "```text\nx\n```\n",
		"line 1: a console without a stack":       "```console\n$ vpsync plan\n```\n",
		"line 1: the block has no end":            "```hcl\nlocals {}\n",
		"line 1: nobody knows what <!-- wiht: x":  "<!-- wiht: x -->\n" + server,
		"line 1: the comment belongs to no block": "<!-- then -->\n\nText.\n\n" + server,
		"line 2: nothing to go on from":           "<!-- then -->\n" + server,
	} {
		p := &pageRun{t: t, files: root + "/testdata/docs"}
		p.check(page)
		require.NotEmpty(t, p.problems, want)
		require.Contains(t, strings.Join(p.problems, "\n"), want)
	}
}

// TestLanguageIsWhole: the manual shows every block of the language, and all that may stand in it.
func TestLanguageIsWhole(t *testing.T) {
	source, err := os.ReadFile(root + "/docs/language.md")
	require.NoError(t, err)
	var shows func(b spec.Block)
	shows = func(b spec.Block) {
		for _, a := range b.Arguments {
			require.Regexp(t, `(?m)^\s*`+a.Name+`\s+= `, string(source))
		}
		for _, inner := range b.Blocks {
			require.Regexp(t, `(?m)^\s*`+inner.Name+` .*\{$`, string(source))
			shows(inner)
		}
	}
	for _, b := range spec.Blocks() {
		require.Regexp(t, `(?m)^`+b.Name+` .*\{`, string(source))
		shows(b)
	}
	shows(spec.ResourceBlock())
}

// TestReadmeExitCodes: the README's table is the program's.
func TestReadmeExitCodes(t *testing.T) {
	source, err := os.ReadFile(root + "/README.md")
	require.NoError(t, err)
	for _, e := range exitCodes {
		meaning := strings.NewReplacer("plan --detailed-exitcode", "`plan --detailed-exitcode`", ", drift)", ", `drift`)").Replace(e.meaning)
		require.Contains(t, string(source), fmt.Sprintf("| %d | %s |", e.code, meaning))
	}
}

// TestOwnProviderReadme: what the walk through examples/own-provider quotes stands there.
func TestOwnProviderReadme(t *testing.T) {
	const dir = root + "/examples/own-provider/"
	readme, err := os.ReadFile(dir + "README.md")
	require.NoError(t, err)
	definition, err := os.ReadFile(dir + "tern.provider.hcl")
	require.NoError(t, err)
	quotes := strings.Split(string(readme), "```hcl\n")[1:]
	require.NotEmpty(t, quotes)
	for _, q := range quotes {
		quote, _, _ := strings.Cut(q, "```")
		require.Contains(t, string(definition), quote)
	}
}
