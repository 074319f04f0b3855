package gitref

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/vpsync/vpsync/pkg/state"
)

// The backups of a state are the commits before it.

// mostKept is how many commits are listed.
const mostKept = 30

// shortID is how much of a commit's id names it.
const shortID = 12

// Commits are the states of the runs before, the newest first. Where the remote has lost the state they are those that this clone has.
func (s *Store) Commits(ctx context.Context) ([]state.Kept, error) {
	tip, err := s.newest(ctx)
	if err != nil || tip == "" {
		return nil, err
	}
	log, err := s.repo.Log(ctx, tip, mostKept)
	if err != nil {
		return nil, s.unusable("be read", err)
	}
	var out []state.Kept
	for _, c := range log {
		k := state.Kept{Name: c.ID[:shortID], Path: c.ID, Made: c.At}
		var st *state.State
		if st, k.Problem = s.stateAt(ctx, c.ID); ctx.Err() != nil {
			return nil, ctx.Err()
		}
		if st != nil {
			k.Lineage, k.Serial, k.Resources = st.Lineage, st.Serial, len(st.Resources)
		}
		out = append(out, k)
	}
	return out, nil
}

// newest is the commit that the remote has, here; or the last one that was seen there; or empty.
func (s *Store) newest(ctx context.Context) (string, error) {
	refs, err := s.refs(ctx)
	if err != nil {
		return "", err
	}
	tip := refs[s.ref]
	if tip == "" {
		return s.repo.Local(ctx, s.ref), nil
	}
	if err := s.bring(ctx, tip); err != nil {
		return "", s.unreachable("be read", err)
	}
	return tip, nil
}

func (s *Store) stateAt(ctx context.Context, commit string) (*state.State, error) {
	m, err := s.at(ctx, commit)
	if err != nil {
		return nil, err
	}
	return s.verified(m)
}

// Restore is a commit about to be put in the place of a state, whose lock it holds.
type Restore struct {
	state.Kept
	Backup  *state.State
	Present *state.State        // nil where it cannot be read
	Damage  *state.DamagedError // then

	s      *Store
	lock   *lock
	backup *model
}

// BeginRestore takes the lock, and verifies a commit: one that Commits names, or state.Latest. The caller closes the result.
func (s *Store) BeginRestore(ctx context.Context, name string, owner state.Owner) (_ *Restore, err error) {
	r := &Restore{s: s}
	r.lock, err = s.lock(ctx, owner, func(l *lock, ctx context.Context) error {
		err := l.begin(ctx)
		if !errors.As(err, &r.Damage) {
			return err
		}
		refs, err := s.refs(ctx)
		if err != nil {
			return err
		}
		l.tip, l.model, l.done = refs[s.ref], newModel(""), make(chan struct{})
		l.base = l.tip
		go l.loop()
		return nil
	})
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, r.Close())
		}
	}()
	if r.Damage == nil {
		if r.Present, err = r.lock.load(); err != nil {
			return nil, err
		}
	}
	all, err := s.Commits(ctx)
	if err != nil {
		return nil, err
	}
	for _, k := range all {
		wanted := k.Name == name || len(name) >= 4 && strings.HasPrefix(k.Path, name)
		if name == state.Latest {
			wanted = k.Problem == nil && (r.Present == nil || k.Serial < r.Present.Serial)
		}
		if !wanted {
			continue
		}
		r.Kept = k
		if k.Problem != nil {
			return nil, s.refused(k.Name, "cannot be put back: "+k.Problem.Error())
		}
		if r.backup, err = s.at(ctx, k.Path); err != nil {
			return nil, err
		}
		r.backup = r.backup.clone()
		if r.Backup, err = s.verified(r.backup); err != nil {
			return nil, err
		}
		if r.Present != nil && r.Present.Lineage != r.Backup.Lineage {
			return nil, s.refused(k.Name, fmt.Sprintf("is of the state %s, and this is the state %s", r.Backup.Lineage, r.Present.Lineage))
		}
		return r, nil
	}
	return nil, s.refused(name, "is none of the last commits that are whole")
}

func (s *Store) refused(name, why string) error {
	return &state.UnusableError{Path: s.ref, Summary: "The backup cannot be put back", Remedy: "vpsync state restore    # lists the backups",
		Detail: fmt.Sprintf("the commit %s of %s %s; nothing was changed", name, s.Where(), why)}
}

// Put puts the commit in the place of the state, as a commit after it with a serial beyond any that was seen, with these writes added. It
// says which commit was the state before, and what the state is now.
func (r *Restore) Put(ctx context.Context, writes ...state.Write) (before string, now *state.State, err error) {
	serial := r.Backup.Serial
	if r.Present != nil {
		serial = max(serial, r.Present.Serial)
	}
	if all, err := r.s.Commits(ctx); err == nil {
		for _, k := range all {
			serial = max(serial, k.Serial)
		}
	}
	l := r.lock
	l.mu.Lock()
	before = l.base
	l.model = r.backup
	l.model.meta.Serial = serial + 1
	l.taken++
	l.mu.Unlock()
	if err := l.take(ctx, true, writes); err != nil {
		return before, nil, err
	}
	now, err = l.load()
	return before, now, err
}

// Close gives the lock back.
func (r *Restore) Close() error { return r.lock.Release() }
