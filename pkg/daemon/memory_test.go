//go:build unix

package daemon

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestMemoryFollowsNoLink: what lies in the place of a file of the daemon's has nothing done to what it leads to, and keeps nobody waiting.
func TestMemoryFollowsNoLink(t *testing.T) {
	victim := filepath.Join(t.TempDir(), "victim")
	require.NoError(t, os.WriteFile(victim, []byte("theirs"), 0o600))
	for name, put := range map[string]func(path string) error{
		"symlink":  func(path string) error { return os.Symlink(victim, path) },
		"dangling": func(path string) error { return os.Symlink(victim+".new", path) },
		"pipe":     func(path string) error { return syscall.Mkfifo(path, 0o600) },
		"other":    func(path string) error { return os.Link(victim, path) },
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, &Stack{Schedule: schedule(t, "@hourly", "")})
			path := w.config.Stacks[0].Memory
			fresh := path + ".new"
			require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o700))
			require.NoError(t, put(fresh))
			require.NoError(t, freshMemory().write(path, func() {}))
			_, err := ReadMemory(path)
			require.NoError(t, err)

			if name != "other" {
				for _, at := range []string{path, path + ".lock"} {
					require.NoError(t, os.RemoveAll(at))
					require.NoError(t, put(at))
					_, _, err := New(w.config, Options{Work: w.work, Sources: w.sources})
					require.ErrorContains(t, err, at+" is not a regular file")
					require.ErrorContains(t, err, "mv "+at)
					require.NoError(t, os.Remove(at))
				}
			}
			text, err := os.ReadFile(victim)
			require.NoError(t, err)
			require.Equal(t, "theirs", string(text))
			require.NoFileExists(t, victim+".new")
		})
	}
}
