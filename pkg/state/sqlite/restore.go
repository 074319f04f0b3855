package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"runtime"

	"github.com/vpsync/vpsync/internal/shell"
	"github.com/vpsync/vpsync/pkg/state"
)

// A restore makes the state to be whole beside the present one, with a serial beyond any that was seen, and renames it into place. The
// present one is complete without a write-ahead log by then, so that a process killed in between leaves one of the two, and the log of
// one is never taken for that of the other.

// Restore is a backup about to be put in the place of a state, whose lock it holds.
type Restore struct {
	Kept
	// Backup is what the state will be.
	Backup *state.State
	// Present is what the state is; nil where it is missing, or Damage says what is wrong with it.
	Present *state.State
	Damage  *state.DamagedError

	backups *Backups
	store   *Store // the present one, open; nil where it cannot be
	lock    *lock
	staged  string
}

// Begin verifies a backup, takes the lock of the state, and makes a copy of the backup to put in its place. The state is not changed. The
// caller closes the result. A backup that must not be put back is a *state.UnusableError.
func (b *Backups) Begin(ctx context.Context, name string, owner state.Owner) (_ *Restore, err error) {
	r := &Restore{backups: b}
	if r.Kept, err = b.find(ctx, name, math.MaxInt64); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, r.Close())
		}
	}()
	if err = b.s.ownFiles(); err != nil {
		return nil, err
	}
	if err = r.openPresent(ctx); err != nil {
		return nil, err
	}
	if err = r.take(ctx, owner); err != nil {
		return nil, err
	}
	if err = r.loadPresent(ctx); err != nil {
		return nil, err
	}
	if name == Latest && r.Present != nil {
		if r.Kept, err = b.find(ctx, name, r.Present.Serial); err != nil {
			return nil, err
		}
	}
	is := r.lock.note.Lineage
	if is == "" && r.Present != nil {
		is = r.Present.Lineage
	}
	if is != "" && is != r.Lineage {
		return nil, refused(r.Kept, fmt.Sprintf("is of the state %s, and this is the state %s", r.Lineage, is), "vpsync state restore    # lists the backups")
	}
	return r, r.stage(ctx)
}

// openPresent opens the state as a writer does, where it can be opened.
func (r *Restore) openPresent(ctx context.Context) error {
	s := r.backups.s
	info, err := os.Lstat(s.path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil // opening would make a new one
	case err == nil && !info.Mode().IsRegular():
		return &state.UnusableError{Path: s.path, Summary: "Something else is in the state's place", Remedy: fmt.Sprintf("mv %s %s", shell.Word(s.path), shell.Word(s.path+".old")),
			Detail: fmt.Sprintf("%s is not a regular file, and a restore would replace it; nothing was changed", s.path)}
	}
	r.store, err = open(ctx, s.path, s.options, s.migrations)
	if errors.As(err, &r.Damage) {
		return nil
	}
	return err
}

// take takes the lock, for which the state need not be readable.
func (r *Restore) take(ctx context.Context, owner state.Owner) error {
	s := r.backups.s
	file, err := s.takeFile(ctx)
	if err != nil {
		return err
	}
	r.lock = &lock{store: s, owner: owner, file: file, note: s.readNote()}
	r.lock.note.Owner = &owner
	return file.write(r.lock.note)
}

// loadPresent reads the state under the lock. One that is damaged is closed.
func (r *Restore) loadPresent(ctx context.Context) error {
	if r.store == nil {
		return nil
	}
	if now, err := os.Lstat(r.store.path); err != nil || !os.SameFile(now, r.store.file) {
		return r.store.replaced()
	}
	var err error
	if r.Present, err = r.store.Load(ctx); err == nil {
		if err = r.store.verifyPages(ctx, r.store.write); err != nil {
			err = r.store.failed("be read", err)
		}
	}
	if errors.As(err, &r.Damage) {
		err = r.store.Close()
		r.store, r.Present = nil, nil
	}
	return err
}

// stage copies the backup, brings the copy up to date, and verifies it.
func (r *Restore) stage(ctx context.Context) (err error) {
	s := r.backups.s
	dir := filepath.Dir(s.path)
	s.tidy()
	f, err := os.CreateTemp(dir, s.scratch(scratchRestore)) // made 0600
	if err != nil {
		return s.unusable("be restored", err)
	}
	r.staged = f.Name()
	if err := errors.Join(f.Close(), copyFile(r.Path, r.staged)); err != nil {
		return s.unusable("be restored", err)
	}
	c, err := r.backups.copyAt(r.staged, "")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, c.closePools()) }()
	if c.write, err = sql.Open("sqlite", c.dsn(r.staged, "journal_mode(DELETE)", "synchronous(FULL)", "secure_delete(1)")); err != nil {
		return err
	}
	c.write.SetMaxOpenConns(1)
	version, err := c.schema(ctx)
	if err != nil {
		return r.spoilt(err)
	}
	for i := version; i < len(c.steps()); i++ {
		if err := c.step(ctx, c.write, i); err != nil {
			return r.spoilt(c.failed("be brought up to date", err))
		}
	}
	if err := c.Verify(ctx); err != nil {
		return r.spoilt(err)
	}
	r.Backup, err = c.Load(ctx)
	s.boundary(BoundaryStaged)
	return err
}

// spoilt is an error of the copy as one of the backup that it is of.
func (r *Restore) spoilt(err error) error {
	var damaged *state.DamagedError
	if !errors.As(err, &damaged) {
		return err
	}
	k := r.Kept
	k.Problem = err
	return refused(k, why(k), "vpsync state restore    # lists the backups")
}

// Put keeps the present state aside, and puts the backup in its place, with these writes added to it. It says where the present one is
// kept (empty where there was none) and what the state is now. Until it is in place an error leaves the state as it was.
func (r *Restore) Put(ctx context.Context, writes ...state.Write) (aside string, now *state.State, err error) {
	s := r.backups.s
	if err := r.lock.Check(); err != nil {
		return "", nil, err
	}
	serial := max(r.lock.note.Serial, r.Backup.Serial)
	if r.Present != nil {
		serial = max(serial, r.Present.Serial)
	}
	serial++
	if aside, err = r.keepAside(ctx); err != nil {
		if r.store != nil {
			s = r.store // which knows whether it was moved
		}
		return "", nil, s.unusable("be kept aside", err)
	}
	s.boundary(BoundaryKeptAside)
	if err := r.finish(ctx, serial, writes); err != nil {
		return aside, nil, s.unusable("be restored", err)
	}
	s.boundary(BoundaryFinished)
	if err := r.leave(ctx, serial); err != nil {
		return aside, nil, err
	}
	s.boundary(BoundaryLeft)
	if err := r.lock.Check(); err != nil {
		return aside, nil, err
	}
	if err := os.Rename(r.staged, s.path); err != nil {
		return aside, nil, s.unusable("be replaced", err)
	}
	r.staged = ""
	if r.store != nil {
		if err := r.store.Close(); err != nil {
			return aside, nil, s.unusable("be replaced", err)
		}
	}
	s.boundary(BoundaryInPlace)
	if err := syncDir(filepath.Dir(s.path)); err != nil {
		return aside, nil, s.unusable("be made durable", uncertainError{err})
	}
	r.lock.noteSerial(serial)
	s.boundary(BoundaryNoted)
	in, err := open(ctx, s.path, Options{ReadOnly: true, Now: s.options.Now}, s.migrations)
	if err != nil {
		return aside, nil, err
	}
	defer func() { err = errors.Join(err, in.Close()) }()
	if err := in.Verify(ctx); err != nil {
		return aside, nil, err
	}
	now, err = in.Load(ctx)
	return aside, now, err
}

// keepAside copies the present state to the backups: as a backup where it is whole, else byte by byte. None of them is removed for it: it
// could be the one that is put back.
func (r *Restore) keepAside(ctx context.Context) (string, error) {
	if r.store != nil {
		return r.store.copy(ctx)
	}
	s := r.backups.s
	to := filepath.Join(s.backupDir(), s.copyName(r.lock.note.Serial)+damagedSuffix)
	kept := ""
	for _, suffix := range []string{"-wal", ""} {
		err := copyFile(s.path+suffix, to+suffix)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			continue
		case err != nil:
			return "", err
		}
		kept = to + suffix
	}
	return kept, syncDir(s.backupDir())
}

// finish makes the copy the state that will be: with a serial beyond any that was seen, so that it is taken for no older one.
func (r *Restore) finish(ctx context.Context, serial int64, writes []state.Write) error {
	c, err := r.backups.copyAt(r.staged, "")
	if err != nil {
		return err
	}
	defer func() { _ = c.closePools() }()
	encoded, err := encode(writes)
	if err != nil {
		return err
	}
	if c.write, err = sql.Open("sqlite", c.dsn(r.staged, "journal_mode(DELETE)", "synchronous(FULL)", "secure_delete(1)")); err != nil {
		return err
	}
	c.write.SetMaxOpenConns(1)
	tx, err := c.write.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback()
	m, err := c.readMeta(ctx, tx)
	if err != nil {
		return err
	}
	m.serial, m.lock = serial, ""
	t := &transaction{ctx: ctx, tx: tx, meta: &m}
	for _, w := range encoded {
		if err := w.into(t); err != nil {
			return err
		}
	}
	if err := errors.Join(t.check(), m.write(ctx, tx)); err != nil {
		return err
	}
	if err := tx.Commit(); err != nil {
		return err
	}
	if err := c.Verify(ctx); err != nil {
		return err
	}
	if err := c.closePools(); err != nil {
		return err
	}
	return syncFile(r.staged)
}

// leave makes the present state one file that nobody else writes to, or, where it is damaged, makes sure that nothing takes what is left of it
// for a state: it loses its log before the other is in its place.
func (r *Restore) leave(ctx context.Context, serial int64) error {
	s := r.backups.s
	if r.store != nil {
		if err := r.store.read.Close(); err != nil {
			return err
		}
		var mode string
		if err := r.store.write.QueryRowContext(ctx, `PRAGMA journal_mode = DELETE`).Scan(&mode); err != nil {
			return s.failed("be replaced", err)
		}
		if mode != "delete" {
			return s.unusable("be replaced", fmt.Errorf("its journal mode stays %s", mode))
		}
		if runtime.GOOS == "windows" { // it replaces no file that is open
			return r.store.Close()
		}
		// From here until the other is in its place the lock cannot be broken: a restore that is stopped in between would wake up and put
		// its state over what another run has recorded meanwhile.
		if _, err := r.store.write.ExecContext(ctx, `BEGIN IMMEDIATE`); err != nil {
			return s.failed("be replaced", err)
		}
		return nil
	}
	r.lock.note.Serial, r.lock.note.Lineage = serial, r.Lineage
	if err := r.lock.file.write(r.lock.note); err != nil {
		return s.unusable("be replaced", err)
	}
	for _, suffix := range []string{"-wal", "-shm", "-journal"} {
		if err := os.Remove(s.path + suffix); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return s.unusable("be replaced", err)
		}
	}
	return nil
}

// Close gives the lock back, and removes what was not put in place.
func (r *Restore) Close() error {
	var err error
	if r.store != nil {
		err = r.store.Close()
	}
	if r.staged != "" {
		err = errors.Join(err, os.Remove(r.staged))
		_ = os.Remove(r.staged + "-journal") // a disk that failed may have left it
	}
	if r.lock != nil {
		err = errors.Join(err, r.lock.Release())
	}
	return err
}

// copyFile copies a file that no database of this process has open, for its owner alone, and makes the copy durable.
func copyFile(from, to string) error {
	in, err := os.OpenFile(from, os.O_RDONLY|noFollow, 0)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_CREATE|os.O_TRUNC|os.O_WRONLY|noFollow, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	return errors.Join(err, out.Sync(), out.Close())
}
