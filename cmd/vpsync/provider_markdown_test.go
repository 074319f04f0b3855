package main

import (
	"flag"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

var updateDocs = flag.Bool("update-docs", false, "write docs/providers anew")

// TestProviderPages: docs/providers holds a page for each provider that vpsync brings along, and each is what its definition says.
func TestProviderPages(t *testing.T) {
	const dir = "../../docs/providers"
	if *updateDocs {
		require.NoError(t, os.RemoveAll(dir))
		require.NoError(t, os.MkdirAll(dir, 0o755))
	}
	var want []string
	for _, name := range embeddedNames() {
		page := filepath.Join(dir, name+".md")
		want = append(want, page)
		code, s := vpsync(t, t.TempDir(), nil, "providers", "show", name, "--markdown")
		require.Equal(t, exitDone, code, s.String())
		if *updateDocs {
			require.NoError(t, os.WriteFile(page, s.stdout.Bytes(), 0o644))
		}
		text, err := os.ReadFile(page)
		require.NoError(t, err, "run: make docs")
		require.Equal(t, string(text), s.stdout.String(), "run: make docs")
	}
	pages, err := filepath.Glob(dir + "/*")
	require.NoError(t, err)
	require.Equal(t, want, pages, "run: make docs")
}
