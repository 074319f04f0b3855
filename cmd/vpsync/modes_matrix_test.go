//go:build unix

package main

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/vpsync/vpsync/internal/matrix"
)

// TestModes: whatever umask a shell has, what vpsync makes for itself is its owner's alone; and of each file that is not, it is told.
func TestModes(t *testing.T) {
	begun, cases := time.Now(), 0
	for _, umask := range []int{0o000, 0o022, 0o077} {
		p := newPlace(t, map[string]string{"main.hcl": quickBefore + `
variable "password" {
  type      = string
  sensitive = true
  default   = "x"
}
`})
		old := syscall.Umask(umask)
		killedAtPoint(t, p, "recorded", "apply", "--auto-approve")
		own := map[string]bool{}
		look := func() { // while the log of a killed run is there, and at the end
			require.NoError(t, filepath.WalkDir(p.dir, func(path string, e fs.DirEntry, err error) error {
				if rel, _ := filepath.Rel(p.dir, path); err == nil && rel != "." && rel != "main.hcl" && rel != ".config" {
					own[rel] = true
					info, err := e.Info()
					require.NoError(t, err)
					want := fs.FileMode(0o600)
					if e.IsDir() {
						want = 0o700
					}
					require.Equalf(t, want, info.Mode().Perm(), "%s, made under umask %03o", rel, umask)
				}
				return err
			}))
		}
		look()
		p.must("apply", "--auto-approve")
		p.must("plan", "--out", filepath.Join(p.dir, "monday.vpsplan"))
		p.must("state", "mv", "network.a", "network.z")
		p.must("state", "restore", "latest", "--auto-approve")
		h := startHolder(t, p, "locked", "state", "rm", "network.a")
		look()
		h.kill(t)
		require.NoError(t, os.WriteFile(p.state, []byte(strings.Repeat("x", 999)), 0o600))
		p.must("state", "restore", "latest", "--auto-approve")
		look()
		syscall.Umask(old)
		for _, ends := range []string{"state.db", "state.db-wal", "state.db-shm", "state.lock", "backups", ".db", "-damaged.db", "monday.vpsplan", "servosphere.jsonl", "servosphere.lock", "keys"} {
			found := false
			for path := range own {
				found = found || strings.HasSuffix(path, ends)
			}
			require.Truef(t, found, "no %s among %v", ends, own)
		}
		cases += len(own)
	}

	// What others can read is told of by each command that opens it.
	p := newPlace(t, map[string]string{"main.hcl": quickBefore})
	p.must("apply", "--auto-approve")
	plan := filepath.Join(p.dir, "monday.vpsplan")
	p.must("plan", "--out", plan)
	keys, err := filepath.Glob(filepath.Join(p.dir, ".config", "vpsync", "keys", "*"))
	require.NoError(t, err)
	require.NotEmpty(t, keys)
	dir := filepath.Dir(p.state)
	for path, commands := range map[string][][]string{
		p.state:                       {{"plan"}, {"state", "list"}, {"state", "verify"}, {"show"}, {"history"}, {"output"}, {"state", "restore"}, {"drift"}},
		filepath.Join(dir, "backups"): {{"plan"}, {"state", "list"}, {"state", "restore"}},
		keys[0]:                       {{"plan"}, {"drift"}},
		filepath.Dir(keys[0]):         {{"plan"}, {"drift"}},
		plan:                          {{"show", plan}, {"apply", plan}},
	} {
		for _, open := range []fs.FileMode{0o040, 0o004, 0o002} {
			info, err := os.Stat(path)
			require.NoError(t, err)
			closed := info.Mode().Perm()
			for _, args := range commands {
				cases++
				require.NoError(t, os.Chmod(path, closed|open))
				p.run(args...)
				require.Containsf(t, p.said(), fmt.Sprintf("chmod %o ", closed), "%v, with %s open to others", args, path)
				require.NoError(t, os.Chmod(path, closed))
			}
		}
	}
	p.must("plan")
	require.NotContains(t, p.said(), "chmod")
	matrix.Ran(t, "modes", cases, begun)
}
