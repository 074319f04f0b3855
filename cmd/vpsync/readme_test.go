package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

var updateReadme = flag.Bool("update-readme", false, "write the README's plan anew")

// TestReadme: the README's file is valid, and its plan is the one that vpsync prints for it.
func TestReadme(t *testing.T) {
	const path = "../../README.md"
	source, err := os.ReadFile(path)
	require.NoError(t, err)
	readme := string(source)
	stack := fenced(t, readme, "```hcl\n")

	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "main.hcl"), []byte(stack), 0o600))
	s := testStreams()
	code := run(context.Background(), []string{"-C", dir, "plan", "--sandbox"}, map[string]string{"HOME": dir}, s.streams, nil, hooks{})
	require.Equal(t, exitDone, code, s.stderr)

	if *updateReadme {
		readme = strings.Replace(readme, "```text\n"+fenced(t, readme, "```text\n")+"```", "```text\n"+s.stdout.String()+"```", 1)
		require.NoError(t, os.WriteFile(path, []byte(readme), 0o644))
	}
	require.Equal(t, fenced(t, readme, "```text\n"), s.stdout.String(), "run: go test ./cmd/vpsync -run TestReadme -update-readme")
}

// TestReadmeExitCodes: the README's table is the program's.
func TestReadmeExitCodes(t *testing.T) {
	source, err := os.ReadFile("../../README.md")
	require.NoError(t, err)
	for _, e := range exitCodes {
		meaning := strings.NewReplacer("plan --detailed-exitcode", "`plan --detailed-exitcode`", ", drift)", ", `drift`)").Replace(e.meaning)
		require.Contains(t, string(source), fmt.Sprintf("| %d | %s |", e.code, meaning))
	}
}

// fenced is the text of the first block that begins so.
func fenced(t *testing.T, text, fence string) string {
	t.Helper()
	_, after, ok := strings.Cut(text, fence)
	require.True(t, ok)
	inner, _, ok := strings.Cut(after, "```")
	require.True(t, ok)
	return inner
}

// TestOwnProviderReadme: what the walk through examples/own-provider quotes stands there.
func TestOwnProviderReadme(t *testing.T) {
	const dir = "../../examples/own-provider/"
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
