package gitref

import (
	"context"
	"errors"
	"fmt"

	"github.com/vpsync/vpsync/pkg/state"
)

// unusable says what could not be done with a state that is sound.
func (s *Store) unusable(doing string, err error) error {
	var own *state.UnusableError
	var damaged *state.DamagedError
	if errors.As(err, &own) || errors.As(err, &damaged) || errors.Is(err, state.ErrLockLost) {
		return err
	}
	return &state.UnusableError{Path: s.ref, Err: err, Summary: "The state cannot be used", Detail: fmt.Sprintf("the state %s could not %s: %s", s.Where(), doing, err)}
}

// unreachable is about a remote that did not answer.
func (s *Store) unreachable(doing string, err error) error {
	err = s.unusable(doing, err)
	if own := (*state.UnusableError)(nil); errors.As(err, &own) && own.Remedy == "" {
		own.Summary = "The state's remote does not answer"
		own.Remedy = fmt.Sprintf("git ls-remote %s '%s'    # works once the remote and its credentials do", s.options.Remote, s.ref)
	}
	return err
}

// denied is about a remote that answers, and does not take what is pushed.
func (s *Store) denied(doing string, err error) error {
	err = s.unusable(doing, err)
	if own := (*state.UnusableError)(nil); errors.As(err, &own) && own.Remedy == "" {
		own.Summary = "The state's remote refuses what is pushed"
		own.Remedy = fmt.Sprintf("permissions:\n  contents: write    # of a workflow of GitHub; elsewhere a token that may push %s", s.ref)
	}
	return err
}

// unpushed is about a push that failed: the remote does not answer, or does and refuses it.
func (s *Store) unpushed(ctx context.Context, doing string, err error) error {
	if _, asking := s.repo.Refs(ctx, s.options.Remote, s.ref); asking != nil {
		return s.unreachable(doing, err)
	}
	return s.denied(doing, err)
}

func (s *Store) damaged(problem string) error {
	return &state.DamagedError{Path: s.Where(), Problem: problem, Remedy: "vpsync state restore    # lists the commits before; one of them is put back"}
}

// gone is about a state that this clone has seen in the remote, where there is none now.
func (s *Store) gone(ctx context.Context, seen string) error {
	serial := int64(0)
	if text, err := s.repo.Read(ctx, seen+":"+metaFile); err == nil {
		if doc, err := readMeta(text[0]); err == nil {
			serial = doc.Serial
		}
	}
	return &state.DamagedError{Path: s.Where(), Problem: fmt.Sprintf("the remote has none, but this clone has seen serial %d of it there", serial),
		Remedy: fmt.Sprintf("git push %s %s    # puts back what was seen last\n%s", s.options.Remote, s.ref, s.forget())}
}

func (s *Store) forget() string {
	return fmt.Sprintf("git update-ref -d %s    # or, to go on with what the remote has: forgets what was seen", s.ref)
}

// remembered compares the state with the one that this clone saw last.
func (s *Store) remembered(ctx context.Context, seen string, m *model) error {
	if seen == "" {
		return nil
	}
	text, err := s.repo.Read(ctx, seen+":"+metaFile)
	if err != nil || text[0] == nil {
		return nil // nothing is known of it
	}
	doc, err := readMeta(text[0])
	switch {
	case err != nil:
		return nil
	case doc.Lineage != m.meta.Lineage:
		return &state.DamagedError{Path: s.Where(), Remedy: s.forget(),
			Problem: fmt.Sprintf("it is the state %s, but this clone has seen the state %s there: another one was put in its place", m.meta.Lineage, doc.Lineage)}
	case doc.Serial > m.meta.Serial:
		return &state.DamagedError{Path: s.Where(), Remedy: fmt.Sprintf("git push --force %s %s    # puts back what was seen last\n%s", s.options.Remote, s.ref, s.forget()),
			Problem: fmt.Sprintf("it has serial %d, but this clone has seen serial %d there: an older one was put in its place", m.meta.Serial, doc.Serial)}
	}
	return nil
}
