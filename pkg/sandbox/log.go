package sandbox

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/gofrs/flock"
)

// lineLog is an append-only file of lines that several processes share.
//
// A line counts once its newline is in the file. What follows the last newline is a
// line whose writer was killed: readers ignore it, the next one to hold the lock cuts it off.
// Every method but open and close wants the lock to be held.
//
// A line that was appended survives the end of the process; it is not forced to the disk, since losing
// the last seconds of an emulated account with the machine's power harms nobody.
type lineLog struct {
	path   string
	lock   *flock.Flock
	file   *os.File
	offset int64 // of the first byte not yet read; always right after a newline
}

func openLineLog(dir, name string) (*lineLog, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	path := filepath.Join(dir, name+".jsonl")
	// The lock has a file of its own, since compaction puts another file in the log's place.
	return &lineLog{path: path, lock: flock.New(filepath.Join(dir, name+".lock"), flock.SetPermissions(0o600))}, nil
}

// acquire takes the lock, and makes the folder anew where somebody removed it.
func (l *lineLog) acquire() error {
	for _, path := range []string{l.lock.Path(), l.path} {
		if info, err := os.Lstat(path); err == nil && !info.Mode().IsRegular() {
			// Through a link somebody else's file would be cut off; a pipe would keep everybody waiting.
			return fmt.Errorf("%s is not a regular file; remove it to start with an empty account", path)
		}
	}
	err := l.lock.Lock()
	if errors.Is(err, fs.ErrNotExist) {
		if err = os.MkdirAll(filepath.Dir(l.path), 0o700); err == nil {
			err = l.lock.Lock()
		}
	}
	return err
}

// catchUp hands over the complete lines that were appended since the last call, by whomever. Where the file
// is not the one read so far (compacted, removed, restored), afresh is called first and all lines follow.
func (l *lineLog) catchUp(afresh func(), line func([]byte) error) error {
	moved, err := l.reopen()
	if err != nil {
		return err
	}
	if moved {
		l.offset = 0
		afresh()
	}
	info, err := l.file.Stat()
	if err != nil {
		return err
	}
	if info.Size() == l.offset {
		return nil
	}
	tail, err := io.ReadAll(io.NewSectionReader(l.file, l.offset, info.Size()-l.offset))
	if err != nil {
		return err
	}
	for {
		i := bytes.IndexByte(tail, '\n')
		if i < 0 {
			break
		}
		if err := line(tail[:i]); err != nil {
			return fmt.Errorf("%s is damaged at byte %d: %w; remove the file to start with an empty account", l.path, l.offset, err)
		}
		l.offset += int64(i) + 1
		tail = tail[i+1:]
	}
	if len(tail) > 0 {
		return l.file.Truncate(l.offset)
	}
	return nil
}

// reopen makes sure that the open file is the one at the path and no shorter than what was read of it.
func (l *lineLog) reopen() (moved bool, err error) {
	if l.file != nil {
		at, err := os.Stat(l.path)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return false, err
		}
		mine, err2 := l.file.Stat()
		if err2 != nil {
			return false, err2
		}
		if err == nil && os.SameFile(at, mine) && mine.Size() >= l.offset {
			return false, nil
		}
		_ = l.file.Close()
		l.file = nil
	}
	l.file, err = os.OpenFile(l.path, os.O_RDWR|os.O_CREATE, 0o600)
	return true, err
}

// append adds one line, given without its newline. A line that could not be written whole is taken back. It writes by write(2), and SQLite by
// pwrite(2): so the disk can be made to fail under a state and not under the account beside it.
func (l *lineLog) append(line []byte) error {
	line = append(line, '\n')
	if _, err := l.file.Seek(l.offset, io.SeekStart); err != nil {
		return err
	}
	if _, err := l.file.Write(line); err != nil {
		return errors.Join(err, l.file.Truncate(l.offset))
	}
	l.offset += int64(len(line))
	return nil
}

// replace puts a file with these lines in the log's place: a crash leaves the one or the other.
func (l *lineLog) replace(lines [][]byte) error {
	tmp := l.path + ".tmp"
	if err := os.Remove(tmp); err != nil && !errors.Is(err, fs.ErrNotExist) { // whatever lies there, and a crash may have left one
		return err
	}
	f, err := os.OpenFile(tmp, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	size := int64(0)
	for _, line := range lines {
		if _, err = f.Write(append(line, '\n')); err != nil {
			break
		}
		size += int64(len(line)) + 1
	}
	if err == nil {
		err = f.Sync()
	}
	if err == nil {
		err = os.Rename(tmp, l.path)
	}
	if err != nil {
		return errors.Join(err, f.Close(), os.Remove(tmp))
	}
	_ = l.file.Close()
	l.file, l.offset = f, size
	return syncFolder(filepath.Dir(l.path))
}

// syncFolder makes a rename last. Not every system can sync a folder; where it cannot, there is nothing to do.
func syncFolder(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	_ = d.Sync()
	return d.Close()
}

func (l *lineLog) close() error {
	err := l.lock.Close()
	if l.file != nil {
		err = errors.Join(err, l.file.Close())
	}
	return err
}
