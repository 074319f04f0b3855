package git_test

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/vpsync/vpsync/internal/matrix"
	"github.com/vpsync/vpsync/pkg/git"
)

// run runs git as a user does, in a home that is empty.
func run(t *testing.T, dir string, args ...string) string {
	t.Helper()
	matrix.Need(t, matrix.Git, 1)
	cmd := exec.Command("git", args...)
	cmd.Dir = dir
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + t.TempDir(), "GIT_CONFIG_NOSYSTEM=1"}
	out, err := cmd.CombinedOutput()
	require.NoErrorf(t, err, "git %v: %s", args, out)
	return strings.TrimSpace(string(out))
}

// clone is a clone of a bare repository, and where that lies.
func clone(t *testing.T) (dir, remote string) {
	t.Helper()
	dir, remote = filepath.Join(t.TempDir(), "clone"), filepath.Join(t.TempDir(), "remote.git")
	run(t, t.TempDir(), "init", "--quiet", "--bare", remote)
	run(t, t.TempDir(), "clone", "--quiet", remote, dir)
	return dir, remote
}

func open(t *testing.T, dir string) *git.Repo {
	t.Helper()
	r, err := git.Open(t.Context(), dir, git.Options{Env: map[string]string{"PATH": os.Getenv("PATH"), "HOME": t.TempDir()}})
	require.NoError(t, err)
	return r
}

var somebody = git.Signature{Name: "Ada <L>\n", Email: "ada@example.com", At: time.Unix(1_000_000_000, 0)}

// commit writes a commit with one file.
func commit(t *testing.T, r *git.Repo, content string, parents ...string) string {
	t.Helper()
	ids, err := r.WriteBlobs(t.Context(), [][]byte{[]byte(content), []byte("another\n")})
	require.NoError(t, err)
	tree, err := r.WriteTree(t.Context(), map[string]string{"file": ids[0], "another": ids[1]})
	require.NoError(t, err)
	id, err := r.WriteCommit(t.Context(), tree, parents, somebody, "A message\n\nof lines\n")
	require.NoError(t, err)
	return id
}

func TestOpenFindsTheRepository(t *testing.T) {
	dir, remote := clone(t)
	inner := filepath.Join(dir, "hosts", "eu")
	require.NoError(t, os.MkdirAll(inner, 0o755))
	require.Equal(t, "hosts/eu", open(t, inner).Prefix())
	require.Empty(t, open(t, dir).Prefix())
	url, err := open(t, inner).URL(t.Context(), "origin")
	require.NoError(t, err)
	require.Equal(t, remote, url)
	_, err = open(t, dir).URL(t.Context(), "upstream")
	require.True(t, git.IsNoRemote(err))
	_, err = git.Open(t.Context(), t.TempDir(), git.Options{Env: map[string]string{"PATH": os.Getenv("PATH")}})
	require.ErrorIs(t, err, git.ErrNoRepository)
}

func TestObjectsComeBack(t *testing.T) {
	dir, _ := clone(t)
	r := open(t, dir)
	content := "bytes\x00\r\n\xff without an end"
	first := commit(t, r, content)
	second := commit(t, r, "", first)
	all, err := r.Read(t.Context(), second+":file", first+":file", first+":missing", strings.Repeat("0", 40)+":file", first+":another")
	require.NoError(t, err)
	require.Equal(t, [][]byte{{}, []byte(content), nil, nil, []byte("another\n")}, all)
	log, err := r.Log(t.Context(), second, 0)
	require.NoError(t, err)
	require.Equal(t, []git.Commit{
		{ID: second, Parents: []string{first}, Name: "Ada L", At: somebody.At.UTC(), Message: "A message\n\nof lines"},
		{ID: first, Parents: []string{}, Name: "Ada L", At: somebody.At.UTC(), Message: "A message\n\nof lines"},
	}, log)
	log, err = r.Log(t.Context(), second, 1)
	require.NoError(t, err)
	require.Len(t, log, 1)
	require.True(t, r.Has(t.Context(), second))
	require.False(t, r.Has(t.Context(), strings.Repeat("1", 40)))
	run(t, dir, "fsck", "--strict")
	require.Empty(t, run(t, dir, "status", "--porcelain"), "no work tree and no index is touched")
}

func TestPushIsCompareAndSwap(t *testing.T) {
	dir, remote := clone(t)
	r := open(t, dir)
	const a, b = "refs/test/a", "refs/test/b"
	refs := func() map[string]string {
		t.Helper()
		out, err := r.Refs(t.Context(), "origin", a, b)
		require.NoError(t, err)
		return out
	}
	one, two := commit(t, r, "1"), commit(t, r, "2")
	require.NoError(t, r.Push(t.Context(), "origin", git.Update{Ref: a, New: one}))
	require.Error(t, r.Push(t.Context(), "origin", git.Update{Ref: a, New: two}), "it exists")
	require.Error(t, r.Push(t.Context(), "origin", git.Update{Ref: a, Old: two, New: two}), "it is another one")
	require.Error(t, r.Push(t.Context(), "origin", git.Update{Ref: a, Old: one, New: two}, git.Update{Ref: b, Old: one, New: two}), "all or none")
	require.Equal(t, map[string]string{a: one}, refs())
	require.NoError(t, r.Push(t.Context(), "origin", git.Update{Ref: a, Old: one, New: two}, git.Update{Ref: b, New: one}))
	require.Equal(t, map[string]string{a: two, b: one}, refs())
	require.NoError(t, r.Push(t.Context(), "origin", git.Update{Ref: b, Old: one}))
	require.Equal(t, map[string]string{a: two}, refs())

	// Another clone brings it, and no reference of its own changes by that.
	other := filepath.Join(t.TempDir(), "other")
	run(t, t.TempDir(), "clone", "--quiet", "file://"+remote, other)
	o := open(t, other)
	require.False(t, o.Has(t.Context(), two))
	require.NoError(t, o.Fetch(t.Context(), "origin", two))
	require.True(t, o.Has(t.Context(), two))
	require.Empty(t, run(t, other, "for-each-ref"))
	require.Error(t, o.Fetch(t.Context(), "origin", "--upload-pack=touch x"))
	require.Empty(t, o.Local(t.Context(), a))
	require.NoError(t, o.SetLocal(t.Context(), a, two))
	require.Equal(t, two, o.Local(t.Context(), a))
}

// TestNothingOfARepositoryRuns: hooks and the like are for whoever works in the repository, and may be anybody's.
func TestNothingOfARepositoryRuns(t *testing.T) {
	dir, _ := clone(t)
	trap := filepath.Join(t.TempDir(), "trap")
	script := "#!/bin/sh\ntouch " + trap + "\n"
	for _, hook := range []string{"pre-push", "post-index-change", "reference-transaction", "post-checkout"} {
		require.NoError(t, os.WriteFile(filepath.Join(dir, ".git", "hooks", hook), []byte(script), 0o755))
	}
	program := filepath.Join(t.TempDir(), "program")
	require.NoError(t, os.WriteFile(program, []byte(script), 0o755))
	for _, setting := range []string{"core.fsmonitor", "core.pager", "core.editor", "gpg.program", "core.askPass"} {
		run(t, dir, "config", setting, program)
	}
	run(t, dir, "config", "commit.gpgSign", "true")
	run(t, dir, "config", "push.gpgSign", "if-asked")
	run(t, dir, "config", "remote.ext.url", "ext::"+program)
	r := open(t, dir)
	id := commit(t, r, "1")
	require.NoError(t, r.Push(t.Context(), "origin", git.Update{Ref: "refs/test/a", New: id}))
	require.NoError(t, r.SetLocal(t.Context(), "refs/test/a", id))
	_, err := r.Refs(t.Context(), "ext", "refs/test/a")
	require.Error(t, err)
	require.NoFileExists(t, trap)
}

// TestTokensStayAway: git, and what it starts, sees nothing of the environment but what it needs.
func TestTokensStayAway(t *testing.T) {
	dir, _ := clone(t)
	seen := filepath.Join(t.TempDir(), "seen")
	ssh := filepath.Join(t.TempDir(), "ssh")
	require.NoError(t, os.WriteFile(ssh, []byte("#!/bin/sh\nenv > "+seen+"\nexit 1\n"), 0o755))
	run(t, dir, "remote", "add", "far", "ssh://somebody:hunter2@far.example/repo")
	r, err := git.Open(t.Context(), dir, git.Options{Env: map[string]string{
		"PATH": os.Getenv("PATH"), "HOME": t.TempDir(), "GIT_SSH_COMMAND": ssh, "SERVOSPHERE_API_KEY": "token", "VPSYNC_STATE_KEY": "key", "GIT_DIR": "/nowhere",
	}})
	require.NoError(t, err)
	_, err = r.Refs(t.Context(), "far", "refs/test/a")
	require.Error(t, err)
	env, err := os.ReadFile(seen)
	require.NoError(t, err)
	require.NotContains(t, string(env), "SERVOSPHERE")
	require.NotContains(t, string(env), "VPSYNC")
	require.NotContains(t, string(env), "/nowhere")
	url, err := r.URL(t.Context(), "far")
	require.NoError(t, err)
	require.Equal(t, "ssh://far.example/repo", url, "no credentials")
}

func TestARemoteThatHangs(t *testing.T) {
	dir, _ := clone(t)
	ssh := filepath.Join(t.TempDir(), "ssh")
	require.NoError(t, os.WriteFile(ssh, []byte("#!/bin/sh\nsleep 600 & wait\n"), 0o755))
	run(t, dir, "remote", "add", "far", "ssh://far.example/repo")
	r, err := git.Open(t.Context(), dir, git.Options{Timeout: 300 * time.Millisecond, Env: map[string]string{"PATH": os.Getenv("PATH"), "HOME": t.TempDir(), "GIT_SSH_COMMAND": ssh}})
	require.NoError(t, err)
	_, err = r.Refs(t.Context(), "far", "refs/test/a")
	require.ErrorContains(t, err, "longer than 300ms")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = r.Refs(ctx, "far", "refs/test/a")
	require.True(t, errors.Is(err, context.Canceled), err)
}

func TestCheckRef(t *testing.T) {
	for name, ok := range map[string]bool{
		"refs/vpsync/web": true, "refs/vpsync/hosts--eu_1.x": true, "refs/heads/main": true,
		"main": false, "refs/vpsync/": false, "refs/vpsync/.x": false, "refs/vpsync/x.lock": false, "refs/vpsync/a..b": false, "refs/x y": false,
		"refs/vpsync/a:b": false, "refs/vpsync/*": false, "refs/vpsync/a\nb": false, "refs//x": false, "refs/vpsync/x.": false, "refs/vpsync/@{u}": false,
	} {
		require.Equal(t, ok, git.CheckRef(name) == nil, name)
	}
}
