package sqlite

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/vpsync/vpsync/pkg/state"
	"github.com/vpsync/vpsync/pkg/state/statetest"
)

// TestNeighbours: states that lie in one folder keep their own backups and their own locks.
func TestNeighbours(t *testing.T) {
	dir := t.TempDir()
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	at := func(name string) *Store {
		s, err := Open(t.Context(), filepath.Join(dir, name), Options{Now: func() time.Time { now = now.Add(time.Second); return now }})
		require.NoError(t, err)
		t.Cleanup(func() { _ = s.Close() })
		return s
	}
	stores := map[string]*Store{"prod": at("prod"), "prod.db": at("prod.db"), "state.db": at("state.db")}
	kept := map[string]string{}
	for name, s := range stores {
		statetest.Take(t, s, "owner of "+name)
		own, err := s.Backup(t.Context())
		require.NoError(t, err)
		kept[name] = own
	}
	for range keptBackups {
		_, err := stores["state.db"].Backup(t.Context())
		require.NoError(t, err)
	}
	require.NoFileExists(t, kept["state.db"])
	require.FileExists(t, kept["prod"])
	require.FileExists(t, kept["prod.db"])

	require.NoError(t, stores["prod.db"].Close())
	require.NoError(t, os.WriteFile(filepath.Join(dir, "prod.db"), make([]byte, 600), 0o600))
	_, err := Open(t.Context(), filepath.Join(dir, "prod.db"), Options{})
	var damaged *state.DamagedError
	require.ErrorAs(t, err, &damaged)
	require.Contains(t, damaged.Remedy, "vpsync state restore latest")
	all, err := BackupsOf(filepath.Join(dir, "prod.db"), Options{})
	require.NoError(t, err)
	own, err := all.find(t.Context(), Latest, 1<<62)
	require.NoError(t, err)
	require.Equal(t, kept["prod.db"], own.Path, "the remedy puts its own backup back")
}

// TestUnlockTooLate: between looking who holds the lock and breaking it, that run ends and another takes the lock. It keeps it.
func TestUnlockTooLate(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state.db")
	s, other := openAt(t, path), openAt(t, path)
	one := statetest.Take(t, s, "one")
	require.NoError(t, one.Release())
	two := statetest.Take(t, s, "two")
	_, err := other.fence(t.Context(), "one", "")
	require.ErrorIs(t, err, state.ErrLockLost)
	require.NoError(t, two.Check())
	statetest.Commit(t, s, state.SetSettled{})
}
