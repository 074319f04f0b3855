package gitref

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/vpsync/vpsync/internal/matrix"
	"github.com/vpsync/vpsync/pkg/git"
	"github.com/vpsync/vpsync/pkg/state"
	"github.com/vpsync/vpsync/pkg/state/statetest"
)

// place is a bare repository, as a remote, and clones of it.
type place struct {
	t      testing.TB
	dir    string
	remote string
}

func newPlace(t testing.TB) *place {
	matrix.Need(t, matrix.Git, 1)
	p := &place{t: t, dir: t.TempDir()}
	p.remote = filepath.Join(p.dir, "remote.git")
	p.git(p.dir, "init", "--quiet", "--bare", p.remote)
	return p
}

// git runs git as a user does.
func (p *place) git(dir string, args ...string) string {
	p.t.Helper()
	cmd := exec.Command("git", args...)
	cmd.Dir = dir
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + p.dir, "GIT_CONFIG_NOSYSTEM=1"}
	out, err := cmd.CombinedOutput()
	require.NoErrorf(p.t, err, "git %v: %s", args, out)
	return string(out)
}

// clone is a fresh clone: a machine of its own.
func (p *place) clone() string {
	dir, err := os.MkdirTemp(p.dir, "clone-")
	require.NoError(p.t, err)
	p.git(p.dir, "clone", "--quiet", p.remote, dir)
	return dir
}

// open opens the state in a clone until the test ends.
func (p *place) open(clone string, o Options) *Store {
	p.t.Helper()
	repo, err := git.Open(p.t.Context(), clone, git.Options{Env: map[string]string{"PATH": os.Getenv("PATH"), "HOME": p.dir}})
	require.NoError(p.t, err)
	if o.Name == "" {
		o.Name = "web"
	}
	s, err := Open(p.t.Context(), repo, o)
	require.NoError(p.t, err)
	p.t.Cleanup(func() { require.NoError(p.t, s.Close()) })
	return s
}

func TestStore(t *testing.T) {
	t.Parallel()
	statetest.Run(t, func(t *testing.T) func() state.Store {
		p := newPlace(t)
		clones := []string{p.clone(), p.clone()}
		n := 0
		return func() state.Store {
			n++
			return p.open(clones[n%2], Options{Lease: 5 * time.Second, Beat: 300 * time.Millisecond})
		}
	})
}
