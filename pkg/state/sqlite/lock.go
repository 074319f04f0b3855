package sqlite

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"sync"
	"time"

	"github.com/vpsync/vpsync/pkg/state"
)

// lock is a lock that was taken through a store.
type lock struct {
	store *Store
	owner state.Owner
	file  *lockFile

	mu       sync.Mutex
	note     note
	released bool
}

// Lock takes the lock, or says who holds it. The operating system frees it when its holder dies. From here on this store
// commits under it.
func (s *Store) Lock(ctx context.Context, owner state.Owner) (state.Lock, error) {
	switch {
	case s.write == nil:
		return nil, errReadOnly
	case owner.ID == "":
		return nil, errors.New("the owner of a lock needs an id")
	}
	file, err := s.takeFile(ctx)
	if err != nil {
		return nil, err
	}
	if now, err := os.Lstat(s.path); err != nil || !os.SameFile(now, s.file) {
		return nil, errors.Join(s.replaced(), file.close())
	}
	s.tidy()
	s.boundary(BoundaryLocking)
	before := s.readNote()
	before.Owner = &owner
	l := &lock{
		store: s, owner: owner, file: file, note: before,
	}
	if err := l.take(ctx); err != nil {
		return nil, errors.Join(s.failed("be locked", err), file.close())
	}
	s.mu.Lock()
	s.held = l
	s.mu.Unlock()
	return l, nil
}

// take writes the owner down: in the file for whoever comes, and in the state, where each commit finds it. Nothing is written on a
// state whose pages are damaged.
func (l *lock) take(ctx context.Context) error {
	if err := l.file.write(l.note); err != nil {
		return err
	}
	if err := l.store.verifyPages(ctx, l.store.write); err != nil {
		return err
	}
	m, err := l.store.fence(ctx, "", l.owner.ID)
	if err != nil {
		return err
	}
	if err := l.store.remembered(m, l.note); err != nil {
		return err
	}
	l.note.Lineage = m.lineage
	return l.file.write(l.note)
}

// fence names the lock under which commits are taken from now on; empty for none. It is no commit: the serial stays. Where
// expected is given and another lock has come in its place since, that one stands.
func (s *Store) fence(ctx context.Context, expected, id string) (meta, error) {
	tx, err := s.write.BeginTx(ctx, nil)
	if err != nil {
		return meta{}, err
	}
	defer tx.Rollback()
	m, err := s.readMeta(ctx, tx)
	if err != nil {
		return meta{}, err
	}
	if expected != "" && m.lock != expected {
		return meta{}, fmt.Errorf("another run has taken the lock meanwhile: %w", state.ErrLockLost)
	}
	m.lock = id
	if err := m.write(ctx, tx); err != nil {
		return meta{}, err
	}
	return m, tx.Commit()
}

// lockHeld is the lock that commits of this store are made under, or nil.
func (s *Store) lockHeld() *lock {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.held
}

// ID is the owner's.
func (l *lock) ID() string { return l.owner.ID }

// BrokenAt is when Unlock last broke a lock of this state.
func (l *lock) BrokenAt() time.Time { return l.note.BrokenAt }

// Check looks whether the file is still the one that was locked: Unlock puts another in its place. It looks after the state too: one that
// was removed or replaced goes on to take commits, which nobody will ever read.
func (l *lock) Check() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	s := l.store
	if l.released {
		return state.ErrLockLost
	}
	if !l.file.inPlace() {
		if _, err := os.Lstat(l.file.path); errors.Is(err, fs.ErrNotExist) {
			return s.gone(l.file.path)
		}
		return state.ErrLockLost
	}
	if s.file == nil { // the lock of a restore, which needs no readable state
		return nil
	}
	if now, err := os.Lstat(s.path); err != nil || !os.SameFile(now, s.file) {
		return s.gone(s.path)
	}
	return nil
}

// noteSerial remembers a commit where somebody who puts back an older state does not take it along. That it fails is no
// failure of the commit, which is durable already.
func (l *lock) noteSerial(serial int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.released {
		return
	}
	l.note.Serial = serial
	_ = l.file.write(l.note)
}

// Release gives the lock back. Giving it back twice is harmless, and so is giving back one that was lost.
func (l *lock) Release() error {
	l.store.mu.Lock()
	if l.store.held == l {
		l.store.held = nil
	}
	l.store.mu.Unlock()
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.released {
		return nil
	}
	l.released = true
	l.note.Owner = nil
	return errors.Join(l.file.write(l.note), l.file.close())
}

// Unlock breaks the lock with this id, whoever holds it. The holder can commit nothing from then on, and sees it before
// its next request too; what it has sent already may still arrive, so whoever takes the lock is told when that was (BrokenAt).
func (s *Store) Unlock(ctx context.Context, id string) error {
	if s.write == nil {
		return errReadOnly
	}
	file, err := s.takeFile(ctx)
	var locked *state.LockedError
	switch {
	case err == nil:
		return errors.Join(errors.New("the state is not locked: the run that held it has ended, and its lock with it"), file.close())
	case !errors.As(err, &locked):
		return err
	case locked.Owner.ID == "":
		return fmt.Errorf("%s does not say who holds the lock; try again, or end the process that has it open", s.lockPath())
	case locked.Owner.ID != id:
		return fmt.Errorf("the lock is not %s but %s, of vpsync %s by %s on %s since %s; to break that one: vpsync unlock %s",
			id, locked.Owner.ID, locked.Owner.Command, locked.Owner.User, locked.Owner.Host, locked.Owner.Since, locked.Owner.ID)
	}
	m, err := s.fence(ctx, id, "")
	if errors.Is(err, state.ErrLockLost) && s.whoLocks(ctx).ID == id {
		m, err = s.fence(ctx, "", "") // it has named itself in the file and was stopped before it did so in the state
	}
	if err != nil {
		return fmt.Errorf("the lock could not be broken; if process %d on %s was stopped in the middle of a commit, end it (kill -9 %d), which frees the lock: %w",
			locked.Owner.PID, locked.Owner.Host, locked.Owner.PID, s.failed("be unlocked", err))
	}
	s.boundary(BoundaryUnlocking)
	if err := s.replaceNote(note{Lineage: m.lineage, Serial: m.serial, BrokenAt: s.options.Now().UTC()}); err != nil {
		// Windows replaces no file that another process has open.
		return fmt.Errorf("the lock could not be broken; end process %d on %s, which holds it: %w", locked.Owner.PID, locked.Owner.Host, err)
	}
	return nil
}

// errReadOnly: a mistake of the caller.
var errReadOnly = errors.New("the state was opened for reading only")
