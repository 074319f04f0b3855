package sqlite

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// keptBackups is how many copies are kept.
const keptBackups = 10

// suffix of a backup, of a damaged state that was kept aside, and of a copy that is not finished.
const (
	backupSuffix     = ".db"
	damagedSuffix    = "-damaged.db"
	unfinishedSuffix = ".db.tmp"
)

func (s *Store) backupDir() string { return filepath.Join(filepath.Dir(s.path), "backups") }

// backupStem begins the names of this state's copies: several states may lie in one folder. Those of state.db begin with the time.
func (s *Store) backupStem() string {
	if base := filepath.Base(s.path); base != "state.db" {
		return base + "-"
	}
	return ""
}

// backups are the names of the kept copies of this state, oldest first: the time is in them.
func (s *Store) backups() []string {
	return slices.DeleteFunc(s.everyCopy(), func(name string) bool { return strings.HasSuffix(name, damagedSuffix) })
}

// everyCopy are backups and the damaged states that a restore kept aside.
func (s *Store) everyCopy() []string {
	entries, err := os.ReadDir(s.backupDir())
	if err != nil {
		return nil
	}
	var names []string
	for _, e := range entries {
		time, own := strings.CutPrefix(e.Name(), s.backupStem())
		if own && time != "" && time[0] >= '0' && time[0] <= '9' && strings.HasSuffix(time, backupSuffix) && e.Type().IsRegular() {
			names = append(names, e.Name())
		}
	}
	slices.Sort(names)
	return names
}

// Backup keeps a copy of the state as it is, and says where. The last ten are kept, by the time in their names.
func (s *Store) Backup(ctx context.Context) (string, error) {
	if s.write == nil {
		return "", errReadOnly
	}
	path, err := s.copy(ctx)
	if err != nil {
		if held := s.lockHeld(); held != nil {
			if lost := held.Check(); lost != nil {
				return "", lost // the folder went away with the state
			}
		}
		return "", s.failed("be backed up", err)
	}
	s.prune(filepath.Base(path))
	return path, nil
}

func (s *Store) copy(ctx context.Context) (string, error) {
	dir := s.backupDir()
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", err
	}
	tx, err := s.write.BeginTx(ctx, nil)
	if err != nil {
		return "", err
	}
	m, err := s.readMeta(ctx, tx)
	if err := errors.Join(err, tx.Rollback()); err != nil {
		return "", err
	}
	name := s.copyName(m.serial)
	// SQLite makes files that others can read, and takes one that exists only while it is empty.
	f, err := os.CreateTemp(dir, name+"-*"+unfinishedSuffix)
	if err != nil {
		return "", err
	}
	defer os.Remove(f.Name())
	defer os.Remove(f.Name() + "-journal") // a disk that failed may have left it
	if err := f.Close(); err != nil {
		return "", err
	}
	if _, err := s.write.ExecContext(ctx, `VACUUM INTO ?`, f.Name()); err != nil {
		return "", err
	}
	if err := syncFile(f.Name()); err != nil {
		return "", err
	}
	s.boundary(BoundaryCopied)
	path := filepath.Join(dir, name+backupSuffix)
	if err := os.Rename(f.Name(), path); err != nil {
		return "", err
	}
	return path, syncDir(dir)
}

// copyTime is how a copy's name says when it was made.
const copyTime = "20060102T150405.000Z"

// copyName is the name of a copy that is made now, without what it ends in.
func (s *Store) copyName(serial int64) string {
	return s.backupStem() + fmt.Sprintf("%s-%d", s.options.Now().UTC().Format(copyTime), serial)
}

// prune removes all but the last copies, never the one just made (a clock may have been put back). That it fails is no failure of the
// backup: the next one tries again.
func (s *Store) prune(made string) {
	others := slices.DeleteFunc(s.backups(), func(name string) bool { return name == made })
	for len(others) > keptBackups-1 {
		_ = os.Remove(filepath.Join(s.backupDir(), others[0]))
		others = others[1:]
	}
	aside := slices.DeleteFunc(s.everyCopy(), func(name string) bool { return !strings.HasSuffix(name, damagedSuffix) })
	for len(aside) > keptBackups {
		_ = os.Remove(filepath.Join(s.backupDir(), aside[0]))
		_ = os.Remove(filepath.Join(s.backupDir(), aside[0]+"-wal"))
		aside = aside[1:]
	}
}

// syncFile makes a finished copy durable. It must not be used on a database that is open: closing a descriptor of that
// drops SQLite's locks.
func syncFile(path string) error {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}
