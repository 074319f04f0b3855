package gitref

import (
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/vpsync/vpsync/internal/panics"
	"github.com/vpsync/vpsync/pkg/state"
	"github.com/vpsync/vpsync/pkg/state/statetest"
)

// TestPanicInPush: a mistake in what pushes comes to whoever waits for the push, and to whoever asks for something after it. What was taken
// in is brought by the release.
func TestPanicInPush(t *testing.T) {
	p := newPlace(t)
	s := p.open(p.clone(), Options{})
	l := statetest.Take(t, s, "lock")
	repo := s.repo
	s.repo = nil
	commit := func() { _ = s.Commit(t.Context(), state.PutAccount{Account: statetest.Account}) }
	mistake := panicOf(t, commit)
	require.ErrorContains(t, mistake, "nil pointer")
	require.Contains(t, string(mistake.Stack), "gitref.(*lock).push")
	for _, ask := range []func(){commit, func() { _ = l.Check() }, func() { _, _ = s.Load(t.Context()) }} {
		require.Same(t, mistake, panicOf(t, ask))
	}
	s.repo = repo
	require.NoError(t, l.Release())
	require.Len(t, statetest.Load(t, p.open(p.clone(), Options{})).Accounts, 1)
}

// panicOf is what a call panics with, another goroutine's.
func panicOf(t *testing.T, call func()) (mistake *panics.Panic) {
	t.Helper()
	defer func() {
		var ok bool
		mistake, ok = recover().(*panics.Panic)
		require.True(t, ok, "nobody has noticed")
	}()
	call()
	return nil
}
