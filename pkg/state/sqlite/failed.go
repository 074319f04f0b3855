package sqlite

import (
	"errors"
	"fmt"
	"path/filepath"

	"github.com/vpsync/vpsync/pkg/state"
	"modernc.org/sqlite" // and the driver
)

// Result codes of SQLite that say what to tell the operator (https://www.sqlite.org/rescode.html). Extended codes carry
// these in their low byte.
const (
	codeError    = 1 // of statements: no such table, no such column
	codeBusy     = 5
	codeReadOnly = 8
	codeCorrupt  = 11
	codeFull     = 13
	codeCantOpen = 14
	codeSchema   = 17
	codeNotADB   = 26
)

// failed says what could not be done, why, and that nothing was changed by it. What SQLite cannot make sense of is damage:
// the statements here are right for the schema that was recognised.
func (s *Store) failed(doing string, err error) error {
	why := ""
	var damaged *state.DamagedError
	if errors.As(err, &damaged) || errors.Is(err, state.ErrLockLost) {
		return err
	}
	var coded *sqlite.Error
	if errors.As(err, &coded) {
		switch coded.Code() & 0xff {
		case codeError, codeCorrupt, codeSchema, codeNotADB:
			return s.damaged(fmt.Sprintf("SQLite says: %s", err))
		case codeFull:
			why = "the disk is full: "
		case codeBusy:
			why = "another process has been writing to it for too long: "
		case codeReadOnly, codeCantOpen:
			why = fmt.Sprintf("the file, and its folder %s, must be writable, since the write-ahead log lies there too: ", filepath.Dir(s.path))
		}
	}
	return fmt.Errorf("the state %s could not %s, and nothing in it was changed: %s%w", s.path, doing, why, err)
}

// damaged is an error about the file, with what can be done.
func (s *Store) damaged(problem string) error {
	remedy := fmt.Sprintf("there is no backup of it in %s; bring back a copy of your own", s.backupDir())
	if kept := s.backups(); len(kept) > 0 {
		remedy = fmt.Sprintf("put a backup in its place; what was made since then shows as unmanaged and is imported:\n  rm -f %s %s-wal %s-shm\n  cp %s %s",
			s.lockPath(), s.path, s.path, filepath.Join(s.backupDir(), kept[len(kept)-1]), s.path)
	}
	return &state.DamagedError{Path: s.path, Problem: problem, Remedy: remedy}
}

// remembered compares a state with what state.lock remembers of it.
func (s *Store) remembered(m meta, n note) error {
	remedy := fmt.Sprintf("bring back the one that was here; or, to go on with this one, remove what remembers; what it does not know shows as unmanaged and is imported:\n  rm %s", s.lockPath())
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
