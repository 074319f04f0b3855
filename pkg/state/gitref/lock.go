package gitref

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/vpsync/vpsync/pkg/git"
	"github.com/vpsync/vpsync/pkg/state"
)

// note is what a commit of the lock says, as its message.
type note struct {
	Owner *state.Owner `json:"owner,omitempty"` // who holds it; nobody where it was broken and given back
	// Beat counts the holder's signs of life: each is another commit.
	Beat int64 `json:"beat"`
	// BrokenAt is when a lock was last taken from a holder: it sent nothing after that.
	BrokenAt time.Time `json:"broken_at,omitzero"`
}

// forgotten is when nothing depends any more on when a lock was broken: no timeout and no grace is as long.
const forgotten = 24 * time.Hour

// writeNote writes a commit of the lock. Its parent, if any, is the note before.
func (s *Store) writeNote(ctx context.Context, n note, parents ...string) (string, error) {
	text, err := json.MarshalIndent(n, "", "  ")
	if err != nil {
		return "", err
	}
	who, title := "vpsync", "Nobody holds the lock"
	if n.Owner != nil {
		who, title = n.Owner.User, fmt.Sprintf("vpsync %s of %s on %s", n.Owner.Command, n.Owner.User, n.Owner.Host)
	}
	tree, err := s.repo.WriteTree(ctx, nil)
	if err != nil {
		return "", err
	}
	return s.repo.WriteCommit(ctx, tree, parents, signature(who, "vpsync"), title+"\n\n"+string(text)+"\n")
}

// readNote reads a commit of the lock. One that makes no sense has an owner without a name, so that it is waited for.
func (s *Store) readNote(ctx context.Context, id string) (note, error) {
	if err := s.bring(ctx, id); err != nil {
		return note{}, err
	}
	all, err := s.repo.Log(ctx, id, 1)
	if err == nil && len(all) != 1 {
		err = errors.New("it has no commit")
	}
	if err != nil {
		return note{}, err
	}
	n := note{}
	for i, c := range all[0].Message {
		if c == '{' {
			if json.Unmarshal([]byte(all[0].Message[i:]), &n) == nil {
				return n, nil
			}
			break
		}
	}
	return note{Owner: &state.Owner{}}, nil
}

// watch looks at a lock again and again, until nobody holds it, its holder is seen to live, or it did not move for a lease of this
// process's clock.
type watch struct {
	s     *Store
	begun time.Time
	id    string // seen last, since
	since time.Time
	moved bool
	told  bool
}

// free waits until the lock may be taken, and says from which commit, and when it was broken. A holder that lives is a *LockedError.
func (w *watch) free(ctx context.Context) (id string, brokenAt time.Time, err error) {
	s := w.s
	for misses := 0; ; {
		refs, err := s.refs(ctx)
		if err != nil {
			return "", time.Time{}, err
		}
		id = refs[s.key]
		if id == "" {
			return "", time.Time{}, nil
		}
		n, err := s.readNote(ctx, id)
		if err != nil {
			if misses++; misses > moved || ctx.Err() != nil {
				return "", time.Time{}, s.unreachable("be locked", err)
			}
			continue // it has moved meanwhile
		}
		misses = 0
		now := time.Now()
		if n.Owner == nil {
			return id, n.BrokenAt, nil
		}
		if w.id != id {
			w.moved = w.moved || w.id != ""
			w.id, w.since = id, now
		}
		switch waited := now.Sub(w.since); {
		case waited >= s.options.Lease:
			return id, now.UTC(), nil
		case w.moved && now.Sub(w.begun) >= s.options.Patience:
			return "", time.Time{}, &state.LockedError{Owner: *n.Owner}
		}
		if !w.told && s.options.Watching != nil {
			w.told = true
			s.options.Watching(*n.Owner, w.since.Add(s.options.Lease))
		}
		if err := sleep(ctx, min(s.options.Beat, s.options.Lease-now.Sub(w.since))); err != nil {
			return "", time.Time{}, err
		}
	}
}

func sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}

// Lock takes the lock. Of one that is held it waits for a sign of life: its holder is named where there is one, unless Patience lasts;
// where there is none for a lease of this process's own clock, the lock is taken over.
func (s *Store) Lock(ctx context.Context, owner state.Owner) (state.Lock, error) {
	l, err := s.lock(ctx, owner, (*lock).begin)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	s.held = l
	s.mu.Unlock()
	return l, nil
}

func (s *Store) lock(ctx context.Context, owner state.Owner, begin func(*lock, context.Context) error) (*lock, error) {
	switch {
	case s.options.ReadOnly:
		return nil, errReadOnly
	case owner.ID == "":
		return nil, errors.New("the owner of a lock needs an id")
	}
	w := &watch{s: s, begun: time.Now()}
	for {
		from, brokenAt, err := w.free(ctx)
		if err != nil {
			return nil, err
		}
		began := time.Now()
		id, err := s.putNote(ctx, from, note{Owner: &owner, BrokenAt: brokenAt})
		if errors.Is(err, state.ErrLockLost) {
			continue // another one was faster
		}
		if err != nil {
			return nil, err
		}
		l := newLock(s, owner, brokenAt, id, began)
		if err := begin(l, ctx); err != nil {
			return nil, errors.Join(err, l.Release())
		}
		return l, nil
	}
}

// putNote puts a note in the place of another. The error is ErrLockLost where that one is not there any more.
func (s *Store) putNote(ctx context.Context, from string, n note) (string, error) {
	var failed error
	for _, parents := range [][]string{nil, {from}} { // some remotes take only what goes forward
		id, err := s.writeNote(ctx, n, parents...)
		if err != nil {
			return "", s.unusable("be locked", err)
		}
		if failed = s.repo.Push(ctx, s.options.Remote, git.Update{Ref: s.key, Old: from, New: id}); failed == nil {
			return id, nil
		}
		refs, err := s.refs(ctx) // what was not answered may have been done
		switch {
		case err != nil:
			return "", err
		case refs[s.key] == id:
			return id, nil
		case refs[s.key] != from:
			return "", state.ErrLockLost
		}
		if from == "" {
			break
		}
	}
	return "", s.denied("be locked", failed)
}

// Unlock breaks the lock with this id, whoever holds it, and waits for half a lease: a holder that has not noticed sends until then.
func (s *Store) Unlock(ctx context.Context, id string) error {
	if s.options.ReadOnly {
		return errReadOnly
	}
	for range moved {
		refs, err := s.refs(ctx)
		if err != nil {
			return err
		}
		from := refs[s.key]
		if from == "" {
			return errors.New("the state is not locked")
		}
		n, err := s.readNote(ctx, from)
		switch {
		case err != nil && ctx.Err() == nil:
			continue // it has moved meanwhile
		case err != nil:
			return err
		case n.Owner == nil:
			return errors.New("the state is not locked")
		case n.Owner.ID != id:
			return fmt.Errorf("the lock is not %s but %s, of vpsync %s by %s on %s since %s; to break that one: vpsync unlock %s",
				id, n.Owner.ID, n.Owner.Command, n.Owner.User, n.Owner.Host, n.Owner.Since, n.Owner.ID)
		}
		breaker := *n.Owner
		breaker.ID, breaker.Command = randomLineage()[:16], "unlock"
		mine, err := s.putNote(ctx, from, note{Owner: &breaker})
		if errors.Is(err, state.ErrLockLost) {
			continue // the holder has moved it
		}
		if err != nil {
			return err
		}
		if err := sleep(ctx, s.options.Lease/2); err != nil {
			return err
		}
		_, err = s.putNote(ctx, mine, note{BrokenAt: time.Now().UTC()})
		return err
	}
	return s.unusable("be unlocked", errors.New("its lock moved again and again"))
}

// Holder is who holds the lock as far as the remote tells, or nil. The holder may be dead.
func (s *Store) Holder(ctx context.Context) *state.Owner {
	refs, err := s.refs(ctx)
	if err != nil || refs[s.key] == "" {
		return nil
	}
	n, err := s.readNote(ctx, refs[s.key])
	if err != nil {
		return nil
	}
	return n.Owner
}
