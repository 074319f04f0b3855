package sqlite

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/vpsync/vpsync/pkg/state"
	"github.com/vpsync/vpsync/pkg/state/statetest"
)

// begin begins a restore, which is closed at the end of the test.
func begin(t *testing.T, path, name string) (*Restore, error) {
	t.Helper()
	all, err := BackupsOf(path, Options{})
	require.NoError(t, err)
	r, err := all.Begin(t.Context(), name, statetest.Owner("restorer"))
	if err == nil {
		t.Cleanup(func() { _ = r.Close() })
	}
	return r, err
}

// putBack restores a backup, and says where the state before is kept.
func putBack(t *testing.T, path, name string) (aside string) {
	t.Helper()
	r, err := begin(t, path, name)
	require.NoError(t, err)
	aside, now, err := r.Put(t.Context())
	require.NoError(t, err)
	require.Equal(t, r.Backup.Resources, now.Resources)
	require.NoError(t, r.Close())
	return aside
}

// twoStates is a state with a server more than its backup has.
func twoStates(t *testing.T) (path, backup string) {
	t.Helper()
	path = filepath.Join(t.TempDir(), ".vpsync", "state.db")
	s := openAt(t, path)
	l := statetest.Take(t, s, "x")
	fill(t, s, 2)
	where, err := s.Backup(t.Context())
	require.NoError(t, err)
	statetest.Commit(t, s, state.PutResource{Resource: statetest.Server("later")})
	require.NoError(t, l.Release())
	require.NoError(t, s.Close())
	return path, where
}

func TestRestore(t *testing.T) {
	path, _ := twoStates(t)
	before, err := openLoad(t, path, Options{ReadOnly: true})
	require.NoError(t, err)
	aside := putBack(t, path, Latest)
	st, err := openLoad(t, path, Options{})
	require.NoError(t, err)
	require.Len(t, st.Resources, 2)
	require.Greater(t, st.Serial, before.Serial, "it is no older copy")
	for _, suffix := range []string{"-wal", "-shm"} {
		require.NoFileExists(t, path+suffix)
	}
	kept, err := openLoad(t, aside, Options{ReadOnly: true})
	require.NoError(t, err)
	require.Equal(t, before, kept)
	putBack(t, path, aside)
	st, err = openLoad(t, path, Options{})
	require.NoError(t, err)
	require.Equal(t, before.Resources, st.Resources)
	left, err := filepath.Glob(filepath.Join(filepath.Dir(path), ".*"))
	require.NoError(t, err)
	require.Empty(t, left)
}

// TestRestoreBesideOthers: whoever has the state open either keeps it, or does not go on with what was replaced.
func TestRestoreBesideOthers(t *testing.T) {
	path, backup := twoStates(t)
	holder := openAt(t, path)
	l := statetest.Take(t, holder, "holder")
	_, err := begin(t, path, Latest)
	var locked *state.LockedError
	require.ErrorAs(t, err, &locked)
	require.Equal(t, "holder", locked.Owner.ID)
	require.NoError(t, l.Release())

	// A reader in the middle of its work keeps the state.
	tx, err := holder.read.BeginTx(t.Context(), nil)
	require.NoError(t, err)
	_, err = holder.readMeta(t.Context(), tx)
	require.NoError(t, err)
	r, err := begin(t, path, Latest)
	require.NoError(t, err)
	_, _, err = r.Put(t.Context())
	require.ErrorContains(t, err, "another process")
	require.NoError(t, r.Close())
	st, err := openLoad(t, path, Options{ReadOnly: true})
	require.NoError(t, err)
	require.Len(t, st.Resources, 3)
	require.NoError(t, tx.Rollback())

	// What that attempt kept aside is the present state, and not the latest backup.
	r, err = begin(t, path, Latest)
	require.NoError(t, err)
	require.Len(t, r.Backup.Resources, 2)
	require.NoError(t, r.Close())

	// One that had opened it, and locks it after it was replaced by whatever means, is told.
	data, err := os.ReadFile(backup)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(path+".new", data, 0o600))
	require.NoError(t, os.Rename(path+".new", path))
	_, err = holder.Lock(t.Context(), statetest.Owner("late"))
	require.ErrorContains(t, err, "another file in the place")
}

// TestRestoreOfWhatCannotBeRead: a present state in whatever condition is kept as it is, and replaced.
func TestRestoreOfWhatCannotBeRead(t *testing.T) {
	for name, spoil := range map[string]func(path string) error{
		"empty":     func(path string) error { return os.Truncate(path, 0) },
		"text":      func(path string) error { return os.WriteFile(path, make([]byte, 5000), 0o600) },
		"a row":     func(path string) error { return execute(path, `DELETE FROM resources WHERE key = 'server.later'`) },
		"meta":      func(path string) error { return execute(path, `DELETE FROM meta`) },
		"a log":     func(path string) error { return os.WriteFile(path+"-wal", make([]byte, 4000), 0o600) },
		"no memory": func(path string) error { return os.Remove(filepath.Join(filepath.Dir(path), "state.lock")) },
		"nothing":   os.Remove,
	} {
		t.Run(name, func(t *testing.T) {
			path, _ := twoStates(t)
			require.NoError(t, spoil(path))
			before, errBefore := os.ReadFile(path)
			r, err := begin(t, path, Latest)
			require.NoError(t, err)
			whole := r.Present != nil
			aside, now, err := r.Put(t.Context())
			require.NoError(t, err)
			require.NoError(t, r.Close())
			require.Len(t, now.Resources, 2)
			if errBefore == nil && !whole {
				kept, err := os.ReadFile(aside)
				require.NoError(t, err)
				require.Equal(t, before, kept)
			}
			statetest.Take(t, openAt(t, path), "next")
		})
	}
}

func TestRestoreRefuses(t *testing.T) {
	other, _ := made(t)
	for name, c := range map[string]struct {
		spoil func(backup string) error
		says  string
	}{
		"a damaged backup":        {func(backup string) error { return execute(backup, `DELETE FROM resources`) }, "is damaged"},
		"its history":             {func(backup string) error { return execute(backup, `UPDATE changes SET sum = x'00'`) }, "is damaged"},
		"a newer schema":          {func(backup string) error { return execute(backup, `PRAGMA user_version = 99`) }, "has schema 99"},
		"another lineage":         {func(backup string) error { return execute(other, `VACUUM INTO '`+backup+`.x'`) }, "is of the state"},
		"a file that is no state": {func(backup string) error { return os.Truncate(backup, 100) }, "100 bytes"},
	} {
		t.Run(name, func(t *testing.T) {
			path, backup := twoStates(t)
			require.NoError(t, c.spoil(backup))
			if _, err := os.Stat(backup + ".x"); err == nil {
				require.NoError(t, os.Rename(backup+".x", backup))
			}
			was, err := openLoad(t, path, Options{ReadOnly: true})
			require.NoError(t, err)
			_, err = begin(t, path, filepath.Base(backup))
			var unusable *state.UnusableError
			require.ErrorAs(t, err, &unusable)
			require.ErrorContains(t, err, c.says)
			require.NotEmpty(t, unusable.Remedy)
			now, err := openLoad(t, path, Options{ReadOnly: true})
			require.NoError(t, err)
			require.Equal(t, was, now)
			statetest.Take(t, openAt(t, path), "next")
		})
	}
}
