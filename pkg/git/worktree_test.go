package git_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/vpsync/vpsync/pkg/git"
)

// TestOffline: the files of a commit are written as they are, and no remote is spoken to, whatever the repository says.
func TestOffline(t *testing.T) {
	dir, remote := clone(t)
	first := commit(t, open(t, dir), "a\nb\n")
	second := commit(t, open(t, dir), "c\n", first)
	run(t, dir, "config", "core.autocrlf", "true")
	run(t, dir, "config", "protocol.file.allow", "always")
	r, err := git.Open(t.Context(), dir, git.Options{Env: map[string]string{"PATH": os.Getenv("PATH")}, Home: os.DevNull, Offline: true})
	require.NoError(t, err)
	_, err = r.Refs(t.Context(), "origin", "refs/test/a")
	require.ErrorContains(t, err, "not allowed")
	require.DirExists(t, remote)

	parents, err := r.Parents(t.Context(), second)
	require.NoError(t, err)
	require.Equal(t, []string{first}, parents)
	_, err = r.Parents(t.Context(), "--all")
	require.Error(t, err)
	require.NoError(t, r.CheckTree(t.Context(), first))
	require.Error(t, r.CheckTree(t.Context(), "1111111111111111111111111111111111111111"))

	tree := filepath.Join(t.TempDir(), "tree")
	require.NoError(t, r.AddWorktree(t.Context(), tree, first))
	text, err := os.ReadFile(filepath.Join(tree, "file"))
	require.NoError(t, err)
	require.Equal(t, "a\nb\n", string(text))
	require.NoError(t, r.RemoveWorktree(t.Context(), tree))
	require.NoDirExists(t, tree)
}
