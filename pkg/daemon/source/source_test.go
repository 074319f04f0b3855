package source_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/vpsync/vpsync/internal/matrix"
	"github.com/vpsync/vpsync/pkg/daemon"
	"github.com/vpsync/vpsync/pkg/daemon/source"
)

// run runs git as a user does, in a home that is empty.
func run(t *testing.T, dir string, args ...string) string {
	t.Helper()
	matrix.Need(t, matrix.Git, 1)
	cmd := exec.Command("git", append([]string{"-c", "user.name=Ada", "-c", "user.email=ada@example.com"}, args...)...)
	cmd.Dir = dir
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + t.TempDir(), "GIT_CONFIG_NOSYSTEM=1"}
	out, err := cmd.CombinedOutput()
	require.NoErrorf(t, err, "git %v: %s", args, out)
	return strings.TrimSpace(string(out))
}

// commit writes files into the work tree, and commits them.
func commit(t *testing.T, dir string, files map[string]string) string {
	t.Helper()
	for name, text := range files {
		path := filepath.Join(dir, name)
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
		require.NoError(t, os.WriteFile(path, []byte(text), 0o644))
	}
	run(t, dir, "add", "--all")
	run(t, dir, "commit", "--quiet", "--message", "a change")
	return run(t, dir, "rev-parse", "HEAD")
}

func TestBranch(t *testing.T) {
	origin := t.TempDir()
	run(t, origin, "init", "--quiet", "--initial-branch", "main")
	require.NoError(t, os.Symlink("/etc/passwd", filepath.Join(origin, "passwd.hcl")))
	require.NoError(t, os.MkdirAll(filepath.Join(origin, "hosts"), 0o755))
	require.NoError(t, os.Symlink("/etc/passwd", filepath.Join(origin, "hosts", "passwd.hcl")))
	one := commit(t, origin, map[string]string{"hosts/main.hcl": "one", "hosts/keys/a": "key", "other.hcl": "not ours"})

	s := &source.Sources{Data: filepath.Join(t.TempDir(), "data"), Env: map[string]string{"PATH": os.Getenv("PATH"), "HOME": t.TempDir()}}
	stack := &daemon.Stack{Name: "web", Git: &daemon.Git{URL: "file://" + origin, Branch: "main", Path: "hosts"}}
	at, err := s.Newest(t.Context(), stack)
	require.NoError(t, err)
	require.Equal(t, one, at.Commit)
	require.True(t, at.Foreign)
	files, err := filepath.Glob(filepath.Join(at.Dir, "*"))
	require.NoError(t, err)
	require.Equal(t, []string{filepath.Join(at.Dir, "keys"), filepath.Join(at.Dir, "main.hcl")}, files, "files of the folder alone, and no links")

	two := commit(t, origin, map[string]string{"hosts/main.hcl": "two"})
	newer, err := s.Newest(t.Context(), stack)
	require.NoError(t, err)
	require.Equal(t, two, newer.Commit)
	text, err := os.ReadFile(filepath.Join(newer.Dir, "main.hcl"))
	require.NoError(t, err)
	require.Equal(t, "two", string(text))

	// The remote goes away; what was in force is still there, in another process too.
	require.NoError(t, os.Rename(origin, origin+"-away"))
	again := &source.Sources{Data: s.Data, Env: s.Env}
	_, err = again.Newest(t.Context(), stack)
	require.Error(t, err)
	require.NoError(t, os.RemoveAll(at.Dir))
	old, err := again.At(t.Context(), stack, one)
	require.NoError(t, err)
	text, err = os.ReadFile(filepath.Join(old.Dir, "main.hcl"))
	require.NoError(t, err)
	require.Equal(t, "one", string(text))
	_, err = again.At(t.Context(), stack, "../../x")
	require.ErrorContains(t, err, "no commit")
	require.NoError(t, os.Rename(origin+"-away", origin))

	_, err = s.Newest(t.Context(), &daemon.Stack{Name: "web", Git: &daemon.Git{URL: "file://" + origin, Branch: "gone"}})
	require.ErrorContains(t, err, "no branch gone")

	// Old checkouts do not pile up.
	for i := range 8 {
		commit(t, origin, map[string]string{"hosts/main.hcl": strings.Repeat("x", i+1)})
		_, err = s.Newest(t.Context(), stack)
		require.NoError(t, err)
	}
	all, err := filepath.Glob(filepath.Join(filepath.Dir(at.Dir), "*"))
	require.NoError(t, err)
	require.Len(t, all, 5)
}

func TestFolder(t *testing.T) {
	dir := t.TempDir()
	s := &source.Sources{Commit: func(string) string { return "abc" }}
	at, err := s.Newest(t.Context(), &daemon.Stack{Name: "web", Dir: dir})
	require.NoError(t, err)
	require.Equal(t, daemon.Checkout{Stack: "web", Dir: dir, Commit: "abc"}, at)
	_, err = s.Newest(t.Context(), &daemon.Stack{Name: "web", Dir: filepath.Join(dir, "missing")})
	require.Error(t, err)
}
