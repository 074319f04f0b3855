package statetest

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/vpsync/vpsync/pkg/spec"
	"github.com/vpsync/vpsync/pkg/state"
)

func oneLock(t *testing.T, open func() state.Store) {
	s, other := open(), open()
	l := Take(t, s, "one")
	require.Zero(t, l.BrokenAt())
	for name, store := range map[string]state.Store{"another store": other, "the same store": s} {
		_, err := store.Lock(t.Context(), Owner("two"))
		var locked *state.LockedError
		require.ErrorAs(t, err, &locked, name)
		require.Equal(t, Owner("one"), locked.Owner)
		require.ErrorContains(t, err, "ada")
	}
	require.NoError(t, l.Check())
	require.NoError(t, l.Release())
	require.NoError(t, Take(t, other, "two").Release())
	_, err := s.Lock(t.Context(), state.Owner{})
	require.Error(t, err, "a lock without an id could not be told from another")
}

func brokenLock(t *testing.T, open func() state.Store) {
	s, other, third := open(), open(), open()
	require.Error(t, other.Unlock(t.Context(), "one"), "nothing is locked")
	l := Take(t, s, "one")
	Commit(t, s, state.PutAccount{Account: Account})
	before := Load(t, s)

	err := other.Unlock(t.Context(), "two")
	require.ErrorContains(t, err, "vpsync unlock one", "the error names the lock that there is")
	require.NoError(t, l.Check(), "and nothing was broken")

	require.NoError(t, other.Unlock(t.Context(), "one"))
	require.ErrorIs(t, l.Check(), state.ErrLockLost)
	require.ErrorIs(t, s.Commit(t.Context(), state.SetSettled{}), state.ErrLockLost)
	require.Equal(t, before, Load(t, other))

	next := Take(t, other, "two")
	require.NotZero(t, next.BrokenAt())
	require.ErrorIs(t, s.Commit(t.Context(), state.SetSettled{}), state.ErrLockLost)
	Commit(t, other, state.SetSettled{})
	require.NoError(t, l.Release(), "the holder that lost the lock gives back nothing")
	require.NoError(t, next.Check())
	Commit(t, other, state.SetSettled{})

	// Whoever comes next is told too, also after a short command that settled nothing: the holder may have sent until then.
	require.NoError(t, third.Unlock(t.Context(), "two"))
	last := Take(t, third, "three")
	require.False(t, last.BrokenAt().Before(next.BrokenAt()))
	require.NoError(t, last.Release())
	require.True(t, last.BrokenAt().Equal(Take(t, s, "four").BrokenAt()))
	Commit(t, s, state.SetSettled{})
}

func moving(t *testing.T, open func() state.Store) {
	s := Locked(t, open)
	from, to := spec.Address{Kind: "server", Name: "a"}, spec.Address{Kind: "server", Name: "z", Key: spec.StringKey("x")}
	a, deposed := Server("a"), Server("a")
	a.Secrets = map[string]state.Digest{"p": {KeyID: "k", Place: "servosphere.eu server.a p", Sum: "00"}}
	deposed.Deposed, deposed.ID = "d", "old"
	user, bystander := Server("u"), Server("ab")
	user.Uses = []spec.Address{bystander.Address, from}
	Commit(t, s, state.PutResource{Resource: a}, state.PutResource{Resource: deposed}, state.PutResource{Resource: user}, state.PutResource{Resource: bystander})
	Commit(t, s, state.MoveResource{From: from, To: to})

	st := Load(t, open())
	require.Len(t, st.Resources, 4)
	a.Address, deposed.Address, user.Uses = to, to, []spec.Address{bystander.Address, to}
	a.Version, deposed.Version, user.Version, bystander.Version = st.Serial, st.Serial, st.Serial, st.Serial-1
	for i, want := range []*state.Resource{bystander, user, a, deposed} {
		SameResource(t, want, st.Resources[i])
	}
	// The old address is free.
	again := Server("a")
	again.ID = "new"
	Commit(t, s, state.PutResource{Resource: again})
}

func movingRefused(t *testing.T, open func() state.Store) {
	s := Locked(t, open)
	Commit(t, s, state.PutResource{Resource: Server("a")}, state.PutResource{Resource: Server("b")}, state.PutIntent{Intent: Create("i", "c")})
	before := Load(t, s)
	at := func(kind, name string) spec.Address { return spec.Address{Kind: kind, Name: name} }
	for want, w := range map[string]state.MoveResource{
		"recorded already":    {From: at("server", "a"), To: at("server", "b")},
		"nothing is recorded": {From: at("server", "x"), To: at("server", "y")},
		"cannot become":       {From: at("server", "a"), To: at("volume", "a")},
		"open request":        {From: at("server", "a"), To: at("server", "c")},
	} {
		require.ErrorContains(t, s.Commit(t.Context(), w), want)
	}
	require.Equal(t, before, Load(t, s))
}

func history(t *testing.T, open func() state.Store) {
	s := Locked(t, open)
	first := state.Run{ID: "r1", Command: "apply", Actor: "ada", Host: "h", Commit: "c0ffee", Started: Start}
	second := state.Run{ID: "r2", Command: "destroy", Started: Start.Add(time.Hour), Ended: Start.Add(2 * time.Hour), ExitCode: 3, Requests: 17}
	Commit(t, s, state.PutRun{Run: first}, state.AddChanges{Changes: []state.Change{
		{Run: "r1", Address: spec.Address{Kind: "server", Name: "a"}, Action: "create", ObjectID: "1", At: Start},
		{Run: "r1", Address: spec.Address{Kind: "server", Name: "a"}, Action: "create", Attribute: "plan", Before: nil, After: []byte(`"small"`), Cause: "new", At: Start},
	}})
	Commit(t, s, state.PutRun{Run: second})
	first.Ended, first.Requests = Start.Add(time.Minute), 3
	Commit(t, s, state.PutRun{Run: first})
	for _, store := range []state.Store{s, open()} {
		runs, err := store.History(t.Context(), 0)
		require.NoError(t, err)
		require.Equal(t, []state.Run{second, first}, runs)
		runs, err = store.History(t.Context(), 1)
		require.NoError(t, err)
		require.Equal(t, []state.Run{second}, runs)
	}
}

func backup(t *testing.T, open func() state.Store) {
	s := Locked(t, open)
	Commit(t, s, state.PutResource{Resource: Server("a")})
	where, err := s.Backup(t.Context())
	require.NoError(t, err)
	require.NotEmpty(t, where)
	Commit(t, s, state.PutResource{Resource: Server("b")})
	require.Len(t, Load(t, s).Resources, 2)
}

func owned(t *testing.T, open func() state.Store) {
	s := Locked(t, open)
	r := Server("a")
	Commit(t, s, state.PutResource{Resource: r})
	r.ID = "changed by the caller later"
	st := Load(t, s)
	st.Resources[0].ID = "changed by a reader"
	st.Accounts["x"] = state.Account{}
	again := Load(t, s)
	require.Equal(t, "srv_a", again.Resources[0].ID)
	require.Len(t, again.Accounts, 1)
}

func cancelled(t *testing.T, open func() state.Store) {
	s := Locked(t, open)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	// Either it was done or it was not: the answer says which.
	err := s.Commit(ctx, state.SetSettled{})
	require.Equal(t, err == nil, Load(t, s).Settled)
	Commit(t, s, state.SetSettled{})
}
