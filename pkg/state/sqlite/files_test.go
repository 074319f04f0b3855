package sqlite

import (
	"database/sql"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/vpsync/vpsync/pkg/state"
	"github.com/vpsync/vpsync/pkg/state/statetest"
)

// made is a state with a few rows of every table, closed again. Its last serial is remembered in state.lock.
func made(t testing.TB) (path string, was *state.State) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "my stack", ".vpsync", "state.db")
	s, err := Open(t.Context(), path, Options{})
	require.NoError(t, err)
	l, err := s.Lock(t.Context(), statetest.Owner("made"))
	require.NoError(t, err)
	fill(t, s, 120)
	was, err = s.Load(t.Context())
	require.NoError(t, err)
	require.NoError(t, l.Release())
	require.NoError(t, s.Close())
	return path, was
}

// fill records servers and what else there is.
func fill(t testing.TB, s *Store, servers int) {
	t.Helper()
	writes := []state.Write{state.PutAccount{Account: statetest.Account}, state.PutRun{Run: state.Run{ID: "r", Command: "apply", Started: statetest.Start}}}
	for i := range servers {
		r := statetest.Server(fmt.Sprintf("web-%04d", i))
		writes = append(writes, state.PutResource{Resource: r}, state.AddChanges{Changes: []state.Change{
			{Run: "r", Address: r.Address, Action: "create", ObjectID: r.ID, After: []byte(`"x"`), At: statetest.Start}}})
	}
	writes = append(writes,
		state.PutLeftover{Leftover: &state.Leftover{ID: "net", Kind: "network", Account: statetest.Account.Name, Address: statetest.Server("x").Address, Since: statetest.Start}},
		state.PutIntent{Intent: statetest.Create("i", "next")},
		state.SetOutputs{Outputs: map[string]state.Output{"ip": {Name: "ip", Value: []byte(`"192.0.2.1"`), Type: []byte(`"string"`)}}},
		state.SetSettled{}, state.SetSecretKey{ID: "k"})
	require.NoError(t, s.Commit(t.Context(), writes...))
}

// damage is what the error of opening or loading must be, and what it must say.
func damage(t testing.TB, path string, says ...string) {
	t.Helper()
	for _, o := range []Options{{ReadOnly: true}, {}} {
		_, err := openLoad(t, path, o)
		var damaged *state.DamagedError
		require.ErrorAs(t, err, &damaged)
		require.Equal(t, path, damaged.Path)
		require.NotEmpty(t, damaged.Remedy)
		for _, text := range says {
			require.ErrorContains(t, err, text)
		}
	}
}

func openLoad(t testing.TB, path string, o Options) (*state.State, error) {
	s, err := Open(t.Context(), path, o)
	if err != nil {
		return nil, err
	}
	defer s.Close()
	return s.Load(t.Context())
}

func TestWhatIsNoState(t *testing.T) {
	for name, c := range map[string]struct {
		spoil func(path string) error
		says  string
	}{
		"empty":     {func(path string) error { return os.Truncate(path, 0) }, "0 bytes"},
		"one byte":  {func(path string) error { return os.Truncate(path, 1) }, "1 bytes"},
		"missing":   {os.Remove, "missing"},
		"text":      {func(path string) error { return os.WriteFile(path, []byte(strings.Repeat("state ", 1000)), 0o600) }, "not a database"},
		"directory": {func(path string) error { _ = os.Remove(path); return os.Mkdir(path, 0o700) }, "not a regular file"},
		"symlink": {func(path string) error {
			if err := os.Rename(path, path+".real"); err != nil {
				return err
			}
			return os.Symlink(path+".real", path)
		}, "not a regular file"},
		"somebody else's database": {func(path string) error {
			return execute(path, `PRAGMA application_id = 7`)
		}, "not a state of vpsync's"},
		"no schema": {func(path string) error { return execute(path, `PRAGMA user_version = 0`) }, "schema is missing"},
		"a table less": {func(path string) error {
			return execute(path, `DROP TABLE journal`)
		}, "no such table"},
		"a row less":       {func(path string) error { return execute(path, `DELETE FROM resources WHERE key = 'server.web-0003'`) }, "missing in it"},
		"a change of meta": {func(path string) error { return execute(path, `UPDATE meta SET value = '900' WHERE name = 'serial'`) }, "meta"},
		"an edited body": {func(path string) error {
			return execute(path, `UPDATE resources SET body = replace(body, 'active', 'paused') WHERE key = 'server.web-0003'`)
		}, `"server.web-0003"`},
		"another owner of an object": {func(path string) error {
			return execute(path, `UPDATE resources SET object = 'x' WHERE key = 'server.web-0003'`)
		}, `"server.web-0003"`},
	} {
		t.Run(name, func(t *testing.T) {
			path, _ := made(t)
			require.NoError(t, c.spoil(path))
			damage(t, path, c.says, path)
		})
	}
}

func execute(path string, statements ...string) error {
	db, err := sql.Open("sqlite", "file:"+path)
	if err != nil {
		return err
	}
	defer db.Close()
	for _, s := range statements {
		if _, err := db.Exec(s); err != nil {
			return err
		}
	}
	return db.Close()
}

func TestOpenLeavesForeignDatabasesAlone(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state.db")
	require.NoError(t, execute(path, `CREATE TABLE t (x)`))
	before, err := os.ReadFile(path)
	require.NoError(t, err)
	damage(t, path)
	after, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, before, after)
}

func TestReadOnlyMakesNothing(t *testing.T) {
	dir := filepath.Join(t.TempDir(), ".vpsync")
	s, err := Open(t.Context(), filepath.Join(dir, "state.db"), Options{ReadOnly: true})
	require.NoError(t, err)
	st, err := s.Load(t.Context())
	require.NoError(t, err)
	require.Equal(t, &state.State{Accounts: map[string]state.Account{}, Outputs: map[string]state.Output{}}, st)
	runs, err := s.History(t.Context(), 0)
	require.NoError(t, err)
	require.Empty(t, runs)
	require.NoDirExists(t, dir)

	path, was := made(t)
	reader, err := Open(t.Context(), path, Options{ReadOnly: true})
	require.NoError(t, err)
	for _, s := range []*Store{s, reader} {
		_, err = s.Lock(t.Context(), statetest.Owner("x"))
		require.ErrorIs(t, err, errReadOnly)
		require.ErrorIs(t, s.Commit(t.Context(), state.SetSettled{}), errReadOnly)
		require.ErrorIs(t, s.Unlock(t.Context(), "x"), errReadOnly)
		_, err = s.Backup(t.Context())
		require.ErrorIs(t, err, errReadOnly)
	}
	st, err = reader.Load(t.Context())
	require.NoError(t, err)
	require.Equal(t, was, st)
	require.NoError(t, s.Close())
	require.NoError(t, reader.Close())
	require.NoError(t, reader.Close(), "twice is harmless")
}

func TestOlderCopyIsRefused(t *testing.T) {
	path, was := made(t)
	old, err := os.ReadFile(path)
	require.NoError(t, err)

	s := openAt(t, path)
	l := statetest.Take(t, s, "later")
	statetest.Commit(t, s, state.PutResource{Resource: statetest.Server("later")})
	require.NoError(t, l.Release())
	require.NoError(t, s.Close())

	require.NoError(t, os.WriteFile(path, old, 0o600))
	damage(t, path, "older copy", "rm '"+filepath.Join(filepath.Dir(path), "state.lock")+"'")
	s = openAt(t, path)
	_, err = s.Lock(t.Context(), statetest.Owner("x"))
	require.ErrorContains(t, err, "older copy")
	require.NoError(t, s.Close())

	// The remedy works.
	require.NoError(t, os.Remove(filepath.Join(filepath.Dir(path), "state.lock")))
	st, err := openLoad(t, path, Options{})
	require.NoError(t, err)
	require.Equal(t, was, st)
}

func TestAnotherStateInItsPlaceIsRefused(t *testing.T) {
	path, _ := made(t)
	other, _ := made(t)
	require.NoError(t, os.Rename(other, path))
	damage(t, path, "another state was put in its place")
}

func TestNoteThatMakesNoSense(t *testing.T) {
	for name, text := range map[string]string{"empty": "", "torn": ` {"owner":{"id":"ab`, "zeros": string(make([]byte, 4096))} {
		t.Run(name, func(t *testing.T) {
			path, was := made(t)
			require.NoError(t, os.WriteFile(filepath.Join(filepath.Dir(path), "state.lock"), []byte(text), 0o600))
			st, err := openLoad(t, path, Options{})
			require.NoError(t, err)
			require.Equal(t, was, st)
			statetest.Take(t, openAt(t, path), "next")
		})
	}
}

func TestSchemas(t *testing.T) {
	next := fstest.MapFS{"migrations/0002_more.sql": {Data: []byte(`ALTER TABLE runs ADD COLUMN more TEXT`)}}
	for _, name := range []string{"migrations/0001_state.sql"} {
		data, err := embedded.ReadFile(name)
		require.NoError(t, err)
		next[name] = &fstest.MapFile{Data: data}
	}
	path, was := made(t)

	_, err := open(t.Context(), path, Options{ReadOnly: true}, next)
	require.ErrorContains(t, err, "schema 1")
	holder := openAt(t, path)
	l := statetest.Take(t, holder, "holder")
	_, err = open(t.Context(), path, Options{}, next)
	var locked *state.LockedError
	require.ErrorAs(t, err, &locked, "no migration under a run of the older program")
	require.NoError(t, l.Release())
	require.NoError(t, holder.Close())

	s, err := open(t.Context(), path, Options{}, next)
	require.NoError(t, err)
	st, err := s.Load(t.Context())
	require.NoError(t, err)
	require.Equal(t, was, st)
	require.Len(t, s.backups(), 1)
	require.NoError(t, s.Close())

	for _, o := range []Options{{}, {ReadOnly: true}} {
		_, err = Open(t.Context(), path, o)
		require.ErrorContains(t, err, "schema 2")
		require.ErrorContains(t, err, "newer vpsync")
	}

	broken := fstest.MapFS{"migrations/0001_state.sql": next["migrations/0001_state.sql"], "migrations/0002_more.sql": next["migrations/0002_more.sql"],
		"migrations/0003_wrong.sql": {Data: []byte(`ALTER TABLE runs ADD COLUMN half TEXT; ALTER TABLE nothing ADD COLUMN x TEXT`)}}
	_, err = open(t.Context(), path, Options{}, broken)
	require.Error(t, err)
	s, err = open(t.Context(), path, Options{}, next)
	require.NoError(t, err, "a migration that fails leaves the schema as it was")
	require.NoError(t, s.Close())
}

func TestPermissions(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("Windows has no permission bits")
	}
	path := filepath.Join(t.TempDir(), "a", ".vpsync", "state.db")
	s := openAt(t, path)
	statetest.Take(t, s, "x")
	fill(t, s, 3)
	where, err := s.Backup(t.Context())
	require.NoError(t, err)
	dir := filepath.Dir(path)
	for _, d := range []string{dir, filepath.Dir(where)} {
		info, err := os.Stat(d)
		require.NoError(t, err)
		require.Equal(t, os.FileMode(0o700), info.Mode().Perm(), d)
		files, err := os.ReadDir(d)
		require.NoError(t, err)
		require.NotEmpty(t, files)
		for _, f := range files {
			info, err := f.Info()
			require.NoError(t, err)
			if !f.IsDir() {
				require.Equal(t, os.FileMode(0o600), info.Mode().Perm(), f.Name())
			}
		}
	}
	require.NoError(t, s.Close())
	require.NoError(t, os.Chmod(path, 0o644))
	openAt(t, path)
	info, err := os.Stat(path)
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), info.Mode().Perm(), "a copy that others can read is closed to them")
}

func TestOddPaths(t *testing.T) {
	for _, name := range []string{"a b.db", "100%.db", "q?x=1&_pragma=synchronous(OFF).db", "h#ash.db", "ü+.db", "%41.db", "plain"} {
		path := filepath.Join(t.TempDir(), "dir "+strings.TrimSuffix(name, ".db"), name)
		s := openAt(t, path)
		statetest.Take(t, s, "x")
		statetest.Commit(t, s, state.SetSettled{})
		require.FileExists(t, path)
		require.NoError(t, s.Close())
		st, err := openLoad(t, path, Options{ReadOnly: true})
		require.NoError(t, err)
		require.True(t, st.Settled)
	}
}

func TestBackups(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state.db")
	now := statetest.Start
	s, err := Open(t.Context(), path, Options{Now: func() time.Time { return now }})
	require.NoError(t, err)
	l := statetest.Take(t, s, "x")
	fill(t, s, 3)
	var made []string
	for range 13 {
		now = now.Add(time.Minute)
		where, err := s.Backup(t.Context())
		require.NoError(t, err)
		made = append(made, filepath.Base(where))
	}
	require.Equal(t, made[3:], s.backups())
	now = now.Add(-24 * time.Hour)
	where, err := s.Backup(t.Context())
	require.NoError(t, err)
	require.FileExists(t, where, "a clock that was put back costs not the copy just made")
	require.Len(t, s.backups(), 10)
	was := statetest.Load(t, s)

	// What a crash left unfinished goes when the lock is taken next; what is another state's stays.
	require.NoError(t, l.Release())
	dir := filepath.Dir(path)
	left := []string{
		filepath.Join(s.backupDir(), "20260101T000000.000Z-1-7.db.tmp"), filepath.Join(s.backupDir(), "20260101T000000.000Z-1-7.db.tmp-journal"),
		filepath.Join(dir, ".new-1-state.db"), filepath.Join(dir, ".new-1-state.db-journal"), filepath.Join(dir, ".restore-1-state.db"), filepath.Join(dir, ".lock-1-state.db"),
	}
	others := []string{
		filepath.Join(s.backupDir(), "other.db-20260101T000000.000Z-1-7.db.tmp"), filepath.Join(dir, ".new-1-other.db"), filepath.Join(dir, ".new-1-my-state.db"), filepath.Join(dir, ".new-state.db"),
	}
	for _, name := range append(left, others...) {
		require.NoError(t, os.WriteFile(name, nil, 0o600))
	}
	l = statetest.Take(t, s, "y")
	for _, name := range left {
		require.NoFileExists(t, name)
	}
	for _, name := range others {
		require.FileExists(t, name)
	}

	// A damaged state names the remedy, and it works.
	require.NoError(t, l.Release())
	require.NoError(t, s.Close())
	require.NoError(t, os.Truncate(path, 700))
	_, err = openLoad(t, path, Options{})
	var damaged *state.DamagedError
	require.ErrorAs(t, err, &damaged)
	require.Contains(t, damaged.Remedy, "vpsync state restore latest")
	putBack(t, path, Latest)
	st, err := openLoad(t, path, Options{})
	require.NoError(t, err)
	require.Greater(t, st.Serial, was.Serial)
	st.Serial = was.Serial
	require.Equal(t, was, st)
}

func TestFullDisk(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state.db")
	s := openAt(t, path)
	statetest.Take(t, s, "x")
	fill(t, s, 3)
	was := statetest.Load(t, s)
	var pages int
	require.NoError(t, s.write.QueryRow("PRAGMA page_count").Scan(&pages))
	_, err := s.write.Exec(fmt.Sprintf("PRAGMA max_page_count = %d", pages))
	require.NoError(t, err)

	large := statetest.Server("large")
	large.Detail = strings.Repeat("x", 1<<20)
	err = s.Commit(t.Context(), state.PutResource{Resource: large}, state.SetSettled{})
	require.ErrorContains(t, err, "the disk is full")
	require.ErrorContains(t, err, "nothing in it was changed")
	require.ErrorContains(t, err, path)
	require.Equal(t, was, statetest.Load(t, s))

	_, err = s.write.Exec("PRAGMA max_page_count = 1000000")
	require.NoError(t, err)
	statetest.Commit(t, s, state.PutResource{Resource: large})
}

func TestCommitAfterClose(t *testing.T) {
	s := openAt(t, filepath.Join(t.TempDir(), "state.db"))
	statetest.Take(t, s, "x")
	require.NoError(t, s.Close())
	require.ErrorIs(t, s.Commit(t.Context(), state.SetSettled{}), errClosed)
}

func TestChangesOfARun(t *testing.T) {
	path, _ := made(t)
	s := openAt(t, path)
	changes, err := s.Changes(t.Context(), "r")
	require.NoError(t, err)
	require.Len(t, changes, 120)
	require.Equal(t, "server.web-0007", changes[7].Address.String())
	require.Equal(t, `"x"`, string(changes[7].After))
	require.Nil(t, changes[7].Before)
	at, err := s.ChangesAt(t.Context(), changes[7].Address)
	require.NoError(t, err)
	require.Equal(t, changes[7:8], at)
	require.NoError(t, execute(path, `UPDATE changes SET body = replace(body, 'create', 'delete') WHERE id = 5`))
	_, err = s.Changes(t.Context(), "r")
	var damaged *state.DamagedError
	require.ErrorAs(t, err, &damaged)
	_, err = s.Load(t.Context())
	require.NoError(t, err, "nothing is done on the history")
}

func TestVerifyReadsWhatLoadDoesNot(t *testing.T) {
	for name, spoil := range map[string]string{
		"history": `UPDATE changes SET address = 'server.x' WHERE id = 5`,
		"sum":     `UPDATE changes SET sum = x'00' WHERE id = 5`,
		"index":   `PRAGMA writable_schema = 1; UPDATE sqlite_schema SET rootpage = (SELECT rootpage FROM sqlite_schema WHERE name = 'changes_run') WHERE name = 'changes_address'`,
	} {
		t.Run(name, func(t *testing.T) {
			path, _ := made(t)
			s := openAt(t, path)
			require.NoError(t, s.Verify(t.Context()))
			require.NoError(t, s.Close())
			require.NoError(t, execute(path, spoil))
			s, err := Open(t.Context(), path, Options{ReadOnly: true})
			require.NoError(t, err)
			defer s.Close()
			var damaged *state.DamagedError
			require.ErrorAs(t, s.Verify(t.Context()), &damaged)
		})
	}
}

// TestSetAside: what a state of any name remembers beside it goes with it, so that another can begin in its place.
func TestSetAside(t *testing.T) {
	for _, name := range []string{"state.db", "other.db", "other"} {
		path := filepath.Join(t.TempDir(), name)
		s, err := Open(t.Context(), path, Options{})
		require.NoError(t, err)
		lock, err := s.Lock(t.Context(), state.Owner{ID: "a", Command: "apply"})
		require.NoError(t, err)
		statetest.Commit(t, s, state.PutAccount{Account: statetest.Account})
		require.NoError(t, lock.Release())
		require.NoError(t, s.Close())
		require.NoError(t, s.SetAside(".old"))
		_, err = openLoad(t, path, Options{})
		require.NoError(t, err)
	}
}
