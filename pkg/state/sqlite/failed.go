package sqlite

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"github.com/vpsync/vpsync/internal/shell"
	"github.com/vpsync/vpsync/pkg/state"
	"modernc.org/sqlite" // and the driver
)

// Result codes of SQLite that say what to tell the operator (https://www.sqlite.org/rescode.html). Extended codes carry
// these in their low byte.
const (
	codeError    = 1 // of statements: no such table, no such column
	codeBusy     = 5
	codeReadOnly = 8
	codeIO       = 10
	codeCorrupt  = 11
	codeFull     = 13
	codeCantOpen = 14
	codeSchema   = 17
	codeNotADB   = 26

	codeNoSharedMemory = codeIO | 19<<8 // SQLITE_IOERR_SHMSIZE: no room for the file that readers and writers share
	// The file is not where it was opened.
	codeNoFile    = codeIO | 7<<8       // SQLITE_IOERR_FSTAT
	codeNoJournal = codeIO | 23<<8      // SQLITE_IOERR_DELETE_NOENT
	codeMoved     = codeReadOnly | 4<<8 // SQLITE_READONLY_DBMOVED
)

// uncertainError is one of a change that was written and whose sync failed: it may be found after a restart, or not.
type uncertainError struct{ error }

func (e uncertainError) Unwrap() error { return e.error }

// failed says what could not be done, why, and that nothing was changed by it. What SQLite cannot make sense of is damage:
// the statements here are right for the schema that was recognised.
func (s *Store) failed(doing string, err error) error {
	var damaged *state.DamagedError
	if errors.As(err, &damaged) || errors.Is(err, state.ErrLockLost) {
		return err
	}
	var coded *sqlite.Error
	if errors.As(err, &coded) {
		switch coded.Code() & 0xff {
		case codeError, codeCorrupt, codeSchema, codeNotADB:
			return s.damaged(fmt.Sprintf("SQLite says: %s", err))
		}
	}
	return s.unusable(doing, err)
}

// unusable says what could not be done with a state that is sound, and what would let it be done.
func (s *Store) unusable(doing string, err error) error {
	outcome := "nothing in it was changed"
	if errors.As(err, &uncertainError{}) {
		outcome = "whether the last change is in it shows when it is read again"
	}
	out := &state.UnusableError{Path: s.path, Err: err, Summary: "The state cannot be used", Detail: fmt.Sprintf("the state %s could not %s, and %s: %s", s.path, doing, outcome, err)}
	explain := func(summary, why, remedy string) {
		out.Summary, out.Remedy = summary, remedy
		out.Detail = fmt.Sprintf("the state %s could not %s, and %s: %s (%s)", s.path, doing, outcome, why, err)
	}
	code := 0
	if coded := (*sqlite.Error)(nil); errors.As(err, &coded) {
		code = coded.Code()
	}
	dir := filepath.Dir(s.path)
	word := shell.Word(dir)
	look := fmt.Sprintf("df -h %s    # if it is full, make room\ndmesg | tail    # what the system says of the disk", word)
	switch {
	case s.moved(code, err):
		explain("The state is gone", "its files were moved or removed meanwhile", s.putBack())
	case errors.Is(err, syscall.ENOSPC), code&0xff == codeFull:
		explain("The disk is full", "the disk is full", "make room on the disk of "+dir+", and run the command again")
	case code == codeNoSharedMemory:
		explain("The disk is full, or fails", "the disk has no room for the file that readers and writers share, fails, or has become read-only", look)
	case errors.Is(err, syscall.EIO), code&0xff == codeIO:
		explain("The disk fails", "the disk fails, is full, or has become read-only", look)
	case code&0xff == codeBusy:
		why, remedy := "another process has been writing to it for too long", "run the command again"
		if owner := s.readNote().Owner; owner != nil {
			why += fmt.Sprintf(": vpsync %s by %s, process %d on %s, holds the lock", owner.Command, owner.User, owner.PID, owner.Host)
			remedy += fmt.Sprintf("\nkill -9 %d    # only if that process was stopped and will not go on; its lock goes with it", owner.PID)
		}
		explain("The state is busy", why, remedy)
	case errors.Is(err, fs.ErrPermission), errors.Is(err, syscall.EROFS), code&0xff == codeReadOnly, code&0xff == codeCantOpen:
		explain("The state cannot be written", fmt.Sprintf("the file, and its folder %s, must be writable and have room, since the write-ahead log and the lock lie there too", dir),
			fmt.Sprintf("ls -ld %s %s    # who may write\ndf -h %s    # whether there is room\nmount    # whether the disk is read-only", word, shell.Word(s.path), word))
	}
	return out
}

// moved: what was opened, or was being made, is not in its place any more.
func (s *Store) moved(code int, err error) bool {
	if errors.Is(err, fs.ErrNotExist) || code == codeNoFile || code == codeNoJournal || code == codeMoved {
		return true
	}
	if s.file == nil {
		return false
	}
	now, err := os.Lstat(s.path)
	return err != nil || !os.SameFile(now, s.file)
}

// misplaced is about a file system that cannot keep a state safely.
func (s *Store) misplaced(why string) error {
	return &state.UnusableError{Path: s.path, Summary: "The state cannot be kept here", Detail: fmt.Sprintf("the state %s is not safe where it is: %s", s.path, why),
		Remedy: "put it on a local disk: --state FILE"}
}

// replaced: between opening and locking it, another state was put in the place of this one.
func (s *Store) replaced() error {
	return &state.UnusableError{Path: s.path, Summary: "The state was replaced meanwhile", Remedy: "run the command again",
		Detail: fmt.Sprintf("while this command began, another one put another file in the place of the state %s, and nothing in it was changed", s.path)}
}

// gone: during a run, one of the state's files was removed, or another was put in its place. It counts as a lost lock.
func (s *Store) gone(path string) error {
	return &state.UnusableError{Path: s.path, Summary: "The state is gone", Remedy: s.putBack(), Err: state.ErrLockLost,
		Detail: fmt.Sprintf("during this run %s was removed or replaced, so what it does could not be recorded any more; nothing more is sent", path)}
}

// putBack is the remedy for a state that is gone.
func (s *Store) putBack() string {
	remedy := fmt.Sprintf("put back what was at %s, and run the command again", filepath.Dir(s.path))
	if len(s.backups()) > 0 {
		remedy += "\n" + restoreRemedy
	}
	return remedy
}

// restoreRemedy puts the newest whole backup back.
const restoreRemedy = "vpsync state restore latest    # the newest backup; what was made since then shows as unmanaged and is imported"

// damaged is an error about the file, with what can be done.
func (s *Store) damaged(problem string) error {
	remedy := fmt.Sprintf("there is no backup of it in %s; bring back a copy of your own", s.backupDir())
	if len(s.backups()) > 0 {
		remedy = restoreRemedy
	}
	return &state.DamagedError{Path: s.path, Problem: problem, Remedy: remedy}
}

// remembered compares a state with what state.lock remembers of it.
func (s *Store) remembered(m meta, n note) error {
	remedy := fmt.Sprintf("bring back the one that was here; or, to go on with this one, remove what remembers; what it does not know shows as unmanaged and is imported:\n  rm %s", shell.Word(s.lockPath()))
	if len(s.backups()) > 0 {
		remedy = restoreRemedy + "\n" + remedy
	}
	switch {
	case n.Lineage != "" && n.Lineage != m.lineage:
		return &state.DamagedError{Path: s.path, Remedy: remedy,
			Problem: fmt.Sprintf("it is the state %s, but %s remembers the state %s: another state was put in its place", m.lineage, s.lockPath(), n.Lineage)}
	case n.Serial > m.serial:
		return &state.DamagedError{Path: s.path, Remedy: remedy,
			Problem: fmt.Sprintf("it has serial %d, but %s remembers that serial %d was written: an older copy of the state was restored", m.serial, s.lockPath(), n.Serial)}
	}
	return nil
}
