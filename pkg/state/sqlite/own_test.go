//go:build unix

package sqlite

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/vpsync/vpsync/internal/shell"
	"github.com/vpsync/vpsync/pkg/state"
	"github.com/vpsync/vpsync/pkg/state/statetest"
)

// unsafe is what the error of opening must be, for whoever reads and for whoever writes; it leaves everything as it was.
func unsafe(t *testing.T, path string) *state.UnusableError {
	t.Helper()
	var out *state.UnusableError
	for _, o := range []Options{{ReadOnly: true}, {}} {
		_, err := openLoad(t, path, o)
		require.ErrorAs(t, err, &out)
		require.NotEmpty(t, out.Remedy)
	}
	return out
}

// TestUnsafeNames: what is said of a file that is not the state's own, and that what is said to do about it helps.
func TestUnsafeNames(t *testing.T) {
	for name, c := range map[string]struct {
		at           string // beside the state
		spoil        func(path, victim string) error
		says, remedy string
	}{
		"lock": {"state.lock", func(path, victim string) error { return os.Symlink(victim, path) },
			"DIR/state.lock is a symbolic link and not a regular file, which is what vpsync keeps there", "ls -ld DIR/state.lock    # what it is, and where it leads\nmv DIR/state.lock DIR/state.lock.old    # vpsync makes its own"},
		"pipe": {"state.lock", func(path, _ string) error { return syscall.Mkfifo(path, 0o600) },
			"DIR/state.lock is a pipe and not a regular file, which is what vpsync keeps there", "ls -ld DIR/state.lock    # what it is, and where it leads\nmv DIR/state.lock DIR/state.lock.old    # vpsync makes its own"},
		"backups": {"backups", func(path, victim string) error { return os.Symlink(filepath.Dir(victim), path) },
			"DIR/backups is a symbolic link and not a folder, and the backups of the state would be written there", "ls -ld DIR/backups    # what it is, and where it leads\nmv DIR/backups DIR/backups.old    # vpsync makes its own"},
		"second name": {"state.lock", func(path, victim string) error { return os.Link(victim, path) },
			"DIR/state.lock has a second name (a hard link), under which it could be written at the same time, past the lock",
			"find / -samefile DIR/state.lock    # its names; remove the one that is not needed\n" +
				"cp -p DIR/state.lock DIR/state.lock.copy && mv DIR/state.lock.copy DIR/state.lock    # or, while no vpsync runs, give this one a file of its own"},
	} {
		for _, existed := range []bool{true, false} {
			t.Run(name, func(t *testing.T) {
				path, _ := made(t)
				dir := filepath.Dir(path)
				victim := filepath.Join(t.TempDir(), "victim")
				require.NoError(t, os.WriteFile(victim, nil, 0o600))
				if !existed {
					require.NoError(t, os.Remove(path))
				}
				at := filepath.Join(dir, c.at)
				require.NoError(t, os.RemoveAll(at))
				require.NoError(t, c.spoil(at, victim))
				before := namesIn(t, dir)

				err := unsafe(t, path)
				require.Equal(t, "the state "+path+" is not used, and nothing in it was changed: "+strings.ReplaceAll(c.says, "DIR", dir), err.Detail)
				word := func(path string) string { return shell.Word(dir + strings.TrimPrefix(path, "DIR")) }
				require.Equal(t, regexp.MustCompile(`DIR\S+`).ReplaceAllStringFunc(c.remedy, word), err.Remedy)
				require.Equal(t, before, namesIn(t, dir))
				all, e := BackupsOf(path, Options{})
				require.NoError(t, e)
				_, e = all.Begin(t.Context(), Latest, statetest.Owner("restorer"))
				require.Error(t, e)
				require.Equal(t, before, namesIn(t, dir), "a restore changes nothing either")
				text, e := os.ReadFile(victim)
				require.NoError(t, e)
				require.Empty(t, text)

				if c.at == "state.lock" || existed { // else it is missing, and state.lock remembers it
					remedy := strings.Split(err.Remedy, "\n")
					command, _, _ := strings.Cut(remedy[len(remedy)-1], "    #")
					out, e := exec.Command("sh", "-c", command).CombinedOutput()
					require.NoError(t, e, string(out))
					statetest.Take(t, openAt(t, path), "next")
				}
			})
		}
	}
}

// TestRestoreIntoALinkedFolder: a restore keeps what was there among the backups, and makes room in them.
func TestRestoreIntoALinkedFolder(t *testing.T) {
	path, _ := twoStates(t)
	backups := filepath.Join(filepath.Dir(path), "backups")
	elsewhere := filepath.Join(t.TempDir(), "backups")
	require.NoError(t, os.Rename(backups, elsewhere))
	require.NoError(t, os.Symlink(elsewhere, backups))
	require.NoError(t, os.Remove(path))
	left := filepath.Join(elsewhere, "20260101T000000.000Z-1-7.db.tmp")
	require.NoError(t, os.WriteFile(left, nil, 0o600))
	all, err := BackupsOf(path, Options{})
	require.NoError(t, err)
	_, err = all.Begin(t.Context(), Latest, statetest.Owner("restorer"))
	require.ErrorContains(t, err, backups+" is a symbolic link and not a folder")
	require.FileExists(t, left)
}

// TestStateOfTwoFolders: a state under two names has two locks, so it is used under neither until it has one again.
func TestStateOfTwoFolders(t *testing.T) {
	path, was := made(t)
	other := filepath.Join(t.TempDir(), "state.db")
	require.NoError(t, os.Link(path, other))
	for _, p := range []string{path, other} {
		require.Contains(t, unsafe(t, p).Detail, p+" has a second name")
		require.NoFileExists(t, p+"-wal")
	}
	require.NoFileExists(t, filepath.Join(filepath.Dir(other), "state.lock"))
	require.NoError(t, os.Remove(other))
	st, err := openLoad(t, path, Options{})
	require.NoError(t, err)
	require.Equal(t, was, st)
}

// TestFirstName: a crash between giving a new state its name and taking away the one from before leaves both, and the next that writes heals
// it.
func TestFirstName(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state.db")
	named := false
	s, err := Open(t.Context(), path, Options{Boundary: func(point string) {
		if point == BoundaryNamed {
			named = true
			// Another comes along while the first is at it.
			other, err := Open(t.Context(), path, Options{ReadOnly: true})
			require.NoError(t, err)
			require.NoError(t, other.Close())
		}
	}})
	require.NoError(t, err)
	require.True(t, named)
	require.NoError(t, s.Close())

	first := filepath.Join(filepath.Dir(path), ".new-1-state.db")
	require.NoError(t, os.Link(path, first))
	_, err = openLoad(t, path, Options{ReadOnly: true})
	require.NoError(t, err)
	require.FileExists(t, first)
	statetest.Take(t, openAt(t, path), "next")
	require.NoFileExists(t, first)
	info, err := os.Stat(path)
	require.NoError(t, err)
	require.EqualValues(t, 1, links(info))
}

// TestLinkInTheLocksPlace: the file that is locked must be the one under the name, not one that a link there leads to.
func TestLinkInTheLocksPlace(t *testing.T) {
	for _, name := range []string{"state.lock", "state.db"} {
		path, _ := made(t)
		s := openAt(t, path)
		l := statetest.Take(t, s, "x")
		at := filepath.Join(filepath.Dir(path), name)
		require.NoError(t, os.Rename(at, at+".moved"))
		require.NoError(t, os.Symlink(at+".moved", at))
		require.ErrorIs(t, l.Check(), state.ErrLockLost, name)
	}
}

func namesIn(t *testing.T, dir string) (names []string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

// TestLockThatChangesLater: what is put in the lock's place while the state is open is looked at when it is used, too.
func TestLockThatChangesLater(t *testing.T) {
	for name, c := range map[string]struct {
		put  func(path, victim string) error
		says string
	}{
		"symlink":     {func(path, victim string) error { return os.Symlink(victim, path) }, "is a symbolic link"},
		"dangling":    {func(path, victim string) error { return os.Symlink(victim+".new", path) }, "is a symbolic link"},
		"pipe":        {func(path, _ string) error { return syscall.Mkfifo(path, 0o600) }, "is a pipe"},
		"second name": {func(path, victim string) error { return os.Link(victim, path) }, "has a second name"},
	} {
		t.Run(name, func(t *testing.T) {
			path, was := made(t)
			s := openAt(t, path)
			victim := filepath.Join(t.TempDir(), "victim")
			require.NoError(t, os.WriteFile(victim, []byte(`-{"owner":{"id":"theirs"}}`), 0o600))
			at := filepath.Join(filepath.Dir(path), "state.lock")
			require.NoError(t, os.Remove(at))
			require.NoError(t, c.put(at, victim))
			require.Nil(t, s.Holder(t.Context()))
			require.Equal(t, was, statetest.Load(t, s))
			for _, err := range []error{s.Unlock(t.Context(), "theirs"), second(s.Lock(t.Context(), statetest.Owner("x")))} {
				var unusable *state.UnusableError
				require.ErrorAs(t, err, &unusable)
				require.ErrorContains(t, err, at+" "+c.says)
				require.NotEmpty(t, unusable.Remedy)
			}
			text, err := os.ReadFile(victim)
			require.NoError(t, err)
			require.Equal(t, `-{"owner":{"id":"theirs"}}`, string(text))
			require.Equal(t, []string{"victim"}, namesIn(t, filepath.Dir(victim)))
		})
	}
}

func second[T any](_ T, err error) error { return err }
