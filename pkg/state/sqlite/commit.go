package sqlite

import (
	"context"
	"database/sql"
	"errors"

	"github.com/vpsync/vpsync/internal/panics"
	"github.com/vpsync/vpsync/pkg/state"
)

// commit is one caller's writes on their way into a transaction.
type commit struct {
	ctx    context.Context
	writes []write
	lock   *lock
	answer chan error
}

// maxGroup bounds how many commits share a transaction, and so how many are tried again one by one when one fails.
const maxGroup = 256

// errClosed: a mistake of the caller.
var errClosed = errors.New("the state is closed")

// Commit makes all writes durable in one transaction, or none of them. What waits at the same time is committed together,
// since a commit costs a sync of the disk however many rows it has. Writes that Load would refuse are refused here.
func (s *Store) Commit(ctx context.Context, writes ...state.Write) error {
	if s.write == nil {
		return errReadOnly
	}
	held := s.lockHeld()
	if held == nil {
		return s.failed("be written", errors.New("it is written only while its lock is held"))
	}
	if err := held.Check(); err != nil {
		return err
	}
	// What cannot be encoded fails here, before it can spoil anybody else's transaction.
	encoded, err := encode(writes)
	if err != nil {
		return s.failed("be written", err)
	}
	c := &commit{ctx: ctx, writes: encoded, lock: held, answer: make(chan error, 1)}
	select {
	case s.queue <- c:
		return panics.Again(<-c.answer) // what began is not abandoned: the caller must know how it ended
	case <-ctx.Done():
		return ctx.Err()
	case <-s.closing:
		return errClosed
	}
}

// commitLoop takes what waits and commits it together.
func (s *Store) commitLoop() {
	defer close(s.done)
	for {
		var group []*commit
		select {
		case c := <-s.queue:
			group = append(group, c)
		case <-s.closing:
			return
		}
	gather:
		for len(group) < maxGroup {
			select {
			case c := <-s.queue:
				group = append(group, c)
			default:
				break gather
			}
		}
		s.commitGroup(group)
	}
}

// commitGroup commits a group and answers each of it.
func (s *Store) commitGroup(group []*commit) {
	err := s.transact(group)
	if mistake := (*panics.Panic)(nil); err == nil || len(group) == 1 || errors.As(err, &mistake) {
		for _, c := range group {
			c.answer <- err
		}
		return
	}
	// One of them is at fault, or the disk: each gets a transaction, and an answer, of its own.
	for _, c := range group {
		c.answer <- s.transact([]*commit{c})
	}
}

// transact writes the commits of a group in one transaction.
func (s *Store) transact(group []*commit) (err error) {
	defer panics.Into(&err) // once what was begun is rolled back
	// One caller that gives up must not take the others along; what ends a transaction is the disk.
	ctx := context.WithoutCancel(group[0].ctx)
	tx, err := s.write.BeginTx(ctx, nil)
	if err != nil {
		return s.failed("be written", err)
	}
	defer tx.Rollback()
	serial, err := s.apply(ctx, tx, group)
	if err != nil {
		return s.failed("be written", err)
	}
	s.boundary(BoundaryCommitting)
	if err := tx.Commit(); err != nil {
		return s.failed("be written", uncertainError{err})
	}
	s.boundary(BoundaryCommitted)
	group[0].lock.noteSerial(serial)
	return nil
}

func (s *Store) apply(ctx context.Context, tx *sql.Tx, group []*commit) (serial int64, err error) {
	m, err := s.readMeta(ctx, tx)
	if err != nil {
		return 0, err
	}
	m.serial++
	t := &transaction{ctx: ctx, tx: tx, meta: &m}
	for _, c := range group {
		if m.lock != c.lock.owner.ID {
			return 0, state.ErrLockLost
		}
		for _, w := range c.writes {
			if err := w.into(t); err != nil {
				return 0, err
			}
		}
		if err := t.check(); err != nil {
			return 0, err
		}
	}
	return m.serial, m.write(ctx, tx)
}
