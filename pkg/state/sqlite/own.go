package sqlite

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/vpsync/vpsync/internal/shell"
	"github.com/vpsync/vpsync/pkg/state"
)

// The folder of a state may lie behind a link; the files in it are its own. Through a symbolic link, or under a second name, vpsync would write
// to somebody else's file, and two folders with one state have two locks for it; a pipe would keep whoever opens it waiting for ever.

// ownFiles refuses what lies in the place of the files beside the state and is not theirs. What is missing is made later; what cannot be looked
// at is left to whoever opens it.
func (s *Store) ownFiles() error {
	for _, path := range []string{s.lockPath(), s.path + "-wal", s.path + "-shm", s.path + "-journal"} {
		if info, err := os.Lstat(path); err == nil {
			if err := s.ownFile(path, info); err != nil {
				return err
			}
		}
	}
	if info, err := os.Lstat(s.backupDir()); err == nil && !info.IsDir() {
		return s.foreign(s.backupDir(), "is "+whatIs(info)+" and not a folder, and the backups of the state would be written there")
	}
	return nil
}

// ownFile refuses a file that is not a regular one, or that has another name.
func (s *Store) ownFile(path string, info os.FileInfo) error {
	switch {
	case !info.Mode().IsRegular():
		return s.foreign(path, "is "+whatIs(info)+" and not a regular file, which is what vpsync keeps there")
	case links(info) > 1:
		return s.linked(path)
	}
	return nil
}

// oneName refuses a state that has another name elsewhere, and with it another lock and another log. One from before it had its own name is not
// such: it is removed under the lock, by whoever made the state or, after a crash, by the next that writes.
func (s *Store) oneName() error {
	for {
		info, err := os.Lstat(s.path)
		if err != nil {
			return s.unusable("be opened", err)
		}
		if links(info) <= 1+s.firstNames(info) {
			return nil
		}
		// Between the two looks its maker may have removed the other name.
		again, err := os.Lstat(s.path)
		if err != nil {
			return s.unusable("be opened", err)
		}
		if links(again) == links(info) {
			return s.linked(s.path)
		}
	}
}

// firstNames counts the names that the state had while it was being made.
func (s *Store) firstNames(of os.FileInfo) (n uint64) {
	dir := filepath.Dir(s.path)
	entries, _ := os.ReadDir(dir)
	for _, e := range entries {
		if !s.isScratch(e.Name()) {
			continue
		}
		if info, err := os.Lstat(filepath.Join(dir, e.Name())); err == nil && os.SameFile(info, of) {
			n++
		}
	}
	return n
}

// openOwn opens a file beside the state, if it is one that ownFile takes.
func (s *Store) openOwn(path string, flag int) (*os.File, error) {
	info, err := os.Lstat(path)
	if err == nil {
		err = s.ownFile(path, info) // opening a device may do something already
	}
	if err != nil && !(errors.Is(err, fs.ErrNotExist) && flag&os.O_CREATE != 0) {
		return nil, err
	}
	f, err := os.OpenFile(path, flag|noFollow, 0o600)
	if err != nil {
		return nil, err
	}
	if info, err = f.Stat(); err == nil {
		err = s.ownFile(path, info)
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

// whatIs names the kind of what is no regular file.
func whatIs(info os.FileInfo) string {
	switch mode := info.Mode(); {
	case mode.IsRegular():
		return "a file"
	case mode.IsDir():
		return "a folder"
	case mode&fs.ModeSymlink != 0:
		return "a symbolic link"
	case mode&fs.ModeNamedPipe != 0:
		return "a pipe"
	case mode&fs.ModeSocket != 0:
		return "a socket"
	case mode&fs.ModeDevice != 0:
		return "a device"
	}
	return "something else"
}

func (s *Store) foreign(path, why string) error {
	word, old := shell.Word(path), shell.Word(path+".old")
	return s.unsafe(path+" "+why, fmt.Sprintf("ls -ld %s    # what it is, and where it leads\nmv %s %s    # vpsync makes its own", word, word, old))
}

func (s *Store) linked(path string) error {
	word, copied := shell.Word(path), shell.Word(path+".copy")
	return s.unsafe(path+" has a second name (a hard link), under which it could be written at the same time, past the lock",
		fmt.Sprintf("find / -samefile %s    # its names; remove the one that is not needed\ncp -p %s %s && mv %s %s    # or, while no vpsync runs, give this one a file of its own", word, word, copied, copied, word))
}

func (s *Store) unsafe(why, remedy string) error {
	return &state.UnusableError{Path: s.path, Summary: "The state cannot be used safely", Remedy: remedy,
		Detail: fmt.Sprintf("the state %s is not used, and nothing in it was changed: %s", s.path, why)}
}
