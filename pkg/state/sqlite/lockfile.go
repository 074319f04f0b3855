package sqlite

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/gofrs/flock"
	"github.com/vpsync/vpsync/pkg/state"
)

// note is what state.lock says, as one JSON object. It outlives the lock: the serial stays.
type note struct {
	Owner   *state.Owner `json:"owner,omitempty"` // who holds it, or held it and died
	Lineage string       `json:"lineage"`         // of the state
	Serial  int64        `json:"serial"`          // of its last commit
	// BrokenAt is when a lock was last broken by hand.
	BrokenAt time.Time `json:"broken_at,omitzero"`
}

// The file is one page. Its first byte is a blank that is locked: Windows lets nobody else read a locked byte, so the note
// begins after it. The note is padded to the rest and written by one call within the page, which leaves the one before or
// the one after, wherever its writer is killed.
const (
	noteStart = 1
	noteEnd   = 4096
)

// lockPath is state.lock beside state.db. Beside a state of any other name its whole name tells the two apart.
func (s *Store) lockPath() string {
	if filepath.Base(s.path) == "state.db" {
		return strings.TrimSuffix(s.path, ".db") + ".lock"
	}
	return s.path + ".lock"
}

// SetAside gives a closed state another name, and its lock, too: the note in it would miss the state.
func (s *Store) SetAside(suffix string) error {
	for _, path := range []string{s.path, s.lockPath()} {
		if err := os.Rename(path, path+suffix); err != nil {
			return err
		}
	}
	return nil
}

// readNote reads the file. One that is missing or makes no sense (after a power failure: it is not synced) says nothing:
// it guards against mistakes, and the state stands without it.
func (s *Store) readNote() note {
	f, err := s.openOwn(s.lockPath(), os.O_RDONLY)
	if err != nil {
		return note{}
	}
	defer f.Close()
	data, err := io.ReadAll(io.NewSectionReader(f, noteStart, noteEnd-noteStart))
	var n note
	if err != nil || json.Unmarshal(data, &n) != nil {
		return note{}
	}
	return n
}

func (n note) bytes() ([]byte, error) {
	data, err := json.Marshal(n)
	if err != nil {
		return nil, err
	}
	padding := noteEnd - noteStart - len(data) - 1
	if padding < 0 {
		return nil, fmt.Errorf("it takes %d bytes to say who locks the state", len(data))
	}
	return append(append(data, bytes.Repeat([]byte(" "), padding)...), '\n'), nil
}

// replaceNote puts another file in the place of the one that somebody has locked.
func (s *Store) replaceNote(n note) error {
	data, err := n.bytes()
	if err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(s.path), s.scratch(scratchLock)) // made 0600
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	_, err = f.Write(append([]byte(" "), data...))
	if err := errors.Join(err, f.Close()); err != nil {
		return err
	}
	return os.Rename(f.Name(), s.lockPath())
}

// lockFile is state.lock, locked by this process.
type lockFile struct {
	path string
	lock *flock.Flock
	file *os.File    // for the note
	info os.FileInfo // of the file that is locked
}

// patience is how often a note without an owner is looked at again: its holder is about to write itself down.
const patience = 10

// takeFile locks the file, or fails with *state.LockedError.
func (s *Store) takeFile(ctx context.Context) (*lockFile, error) {
	path := s.lockPath()
	for {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		l, err := s.openLocked()
		if unusable := (*state.UnusableError)(nil); errors.As(err, &unusable) {
			return nil, err
		}
		if err != nil {
			return nil, s.unusable("be locked", fmt.Errorf("%s: %w", filepath.Base(path), err))
		}
		if l == nil {
			return nil, &state.LockedError{Owner: s.whoLocks(ctx)}
		}
		if l.inPlace() {
			return l, nil
		}
		// Between opening and locking somebody broke the lock, and with it replaced the file.
		if err := l.close(); err != nil {
			return nil, err
		}
	}
}

// openLocked is nil where somebody else has the lock.
func (s *Store) openLocked() (*lockFile, error) {
	path := s.lockPath()
	if f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600); err == nil {
		_, err = f.WriteString(" ")
		if err := errors.Join(err, f.Close()); err != nil {
			return nil, err
		}
	}
	file, err := s.openOwn(path, os.O_RDWR|os.O_CREATE)
	if err != nil {
		return nil, err
	}
	l := &lockFile{path: path, file: file, lock: flock.New(path, flock.SetPermissions(0o600), flock.SetFlag(os.O_RDWR|os.O_CREATE|noFollow))}
	got, err := l.lock.TryLock()
	if err != nil || !got {
		return nil, errors.Join(err, file.Close())
	}
	if l.info, err = l.lock.Stat(); err != nil {
		return nil, errors.Join(err, l.close())
	}
	return l, nil
}

func (s *Store) whoLocks(ctx context.Context) state.Owner {
	for range patience {
		if n := s.readNote(); n.Owner != nil {
			return *n.Owner
		}
		select {
		case <-ctx.Done():
			return state.Owner{}
		case <-time.After(10 * time.Millisecond):
		}
	}
	return state.Owner{}
}

// inPlace: the file at the path is the one that is locked, and the one that notes go to.
func (l *lockFile) inPlace() bool {
	now, err := os.Lstat(l.path)
	if err != nil || !os.SameFile(now, l.info) {
		return false
	}
	notes, err := l.file.Stat()
	return err == nil && os.SameFile(notes, l.info)
}

func (l *lockFile) write(n note) error {
	data, err := n.bytes()
	if err != nil {
		return err
	}
	_, err = l.file.WriteAt(data, noteStart)
	return err
}

func (l *lockFile) close() error {
	var err error
	if l.file != nil {
		err = l.file.Close()
	}
	return errors.Join(err, l.lock.Close())
}
