//go:build unix

package sandbox

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/vpsync/vpsync/pkg/providers/servosphere"
)

// TestAccountFollowsNoLink: nothing is done to what a link in the place of an account's file leads to, and a pipe keeps nobody waiting.
func TestAccountFollowsNoLink(t *testing.T) {
	def := decodeDefinition(t, string(servosphere.Source))
	victim := filepath.Join(t.TempDir(), "victim")
	require.NoError(t, os.WriteFile(victim, []byte("theirs"), 0o600))
	for name, put := range map[string]func(path string) error{
		"symlink": func(path string) error { return os.Symlink(victim, path) },
		"pipe":    func(path string) error { return syscall.Mkfifo(path, 0o600) },
	} {
		for _, file := range []string{"servosphere.jsonl", "servosphere.lock"} {
			dir := t.TempDir()
			require.NoError(t, put(filepath.Join(dir, file)))
			_, err := Open(def, Options{Dir: dir})
			require.ErrorContains(t, err, filepath.Join(dir, file)+" is not a regular file; remove it", name)
		}
		dir := t.TempDir()
		w := newWorld(t, keptIn(dir))
		w.create("/servers", serverBody)
		require.NoError(t, put(filepath.Join(dir, "servosphere.jsonl.tmp")))
		require.NoError(t, w.store.locked(func() error { return w.store.compact(w.now()) }), name)
	}
	text, err := os.ReadFile(victim)
	require.NoError(t, err)
	require.Equal(t, "theirs", string(text))
}
