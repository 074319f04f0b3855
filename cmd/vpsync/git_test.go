package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestGitCommit: HEAD is found as git finds it, from any folder of the work tree, and nothing else is taken for a commit.
func TestGitCommit(t *testing.T) {
	one, two := strings.Repeat("1", 40), strings.Repeat("2", 64)
	for name, c := range map[string]struct {
		files map[string]string
		want  string
	}{
		"a branch": {map[string]string{".git/HEAD": "ref: refs/heads/main\n", ".git/refs/heads/main": one + "\n"}, one},
		"packed": {map[string]string{".git/HEAD": "ref: refs/heads/a/b\n",
			".git/packed-refs": "# pack-refs with: peeled\n" + two + " refs/heads/a\n" + one + " refs/heads/a/b\n^" + two + "\n"}, one},
		"detached": {map[string]string{".git/HEAD": two + "\n"}, two},
		"a linked work tree": {map[string]string{".git": "gitdir: main/.git/worktrees/x\n",
			"main/.git/worktrees/x/HEAD":      "ref: refs/heads/x\n",
			"main/.git/worktrees/x/commondir": "../..\n", "main/.git/refs/heads/x": one + "\n"}, one},
		"no commit yet":         {map[string]string{".git/HEAD": "ref: refs/heads/main\n"}, ""},
		"reftables":             {map[string]string{".git/HEAD": "ref: refs/heads/.invalid\n"}, ""},
		"a way out":             {map[string]string{".git/HEAD": "ref: refs/../../secret\n", "secret": one + "\n"}, ""},
		"no commit":             {map[string]string{".git/HEAD": "ref: refs/heads/main\n", ".git/refs/heads/main": "\x1b[31m" + one[5:] + "\n"}, ""},
		"a circle":              {map[string]string{".git/HEAD": "ref: refs/heads/a\n", ".git/refs/heads/a": "ref: refs/heads/a\n"}, ""},
		"a file that is no git": {map[string]string{".git": "hello\n"}, ""},
	} {
		dir := t.TempDir()
		for path, text := range c.files {
			path = filepath.Join(dir, filepath.FromSlash(path))
			require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o700))
			require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
		}
		inner := filepath.Join(dir, "stacks", "eu")
		require.NoError(t, os.MkdirAll(inner, 0o700))
		require.Equal(t, c.want, gitCommit(dir), name)
		require.Equal(t, c.want, gitCommit(inner), name)
	}
}

func TestCommitOfCI(t *testing.T) {
	id := strings.Repeat("a", 40)
	a := &app{dir: t.TempDir(), env: map[string]string{"GITHUB_SHA": id}}
	require.Equal(t, id, a.commit())
	a.env["GITHUB_SHA"] = "main; rm -rf /"
	require.Empty(t, a.commit())
}
