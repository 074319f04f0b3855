package gitref

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/vpsync/vpsync/internal/matrix"
	"github.com/vpsync/vpsync/pkg/state"
	"github.com/vpsync/vpsync/pkg/state/statetest"
)

// The tests here are in virtual time, with the real git: while it runs, time stands still.

// inTime is a test in virtual time.
func inTime(t *testing.T, test func(t *testing.T, p *place)) {
	p := newPlace(t)
	synctest.Test(t, func(t *testing.T) {
		p.t = t
		test(t, p)
	})
}

// TestLeases: whoever holds the lock of a state in a remote shows signs of life, and one that shows none loses it.
func TestLeases(t *testing.T) {
	carryOut(t, "E2", map[string]func(*testing.T){
		"a lock outlives its holder by a lease":       testALockOutlivesItsHolderByALease,
		"a holder that lives is named":                testAHolderThatLivesIsNamed,
		"a holder stops after half a lease":           testAHolderStopsAfterHalfALease,
		"a commit waits for a remote that comes back": testACommitWaitsForARemoteThatComesBack,
		"who lost the lock writes nothing":            testWhoLostTheLockWritesNothing,
		"what was deferred comes with a sign of life": testWhatWasDeferredComesWithASignOfLife,
		"a race has one winner":                       testARaceHasOneWinner,
	})
}

// TestRefusals: a remote refuses a push, once or for good, or its answer is lost.
func TestRefusals(t *testing.T) {
	carryOut(t, "E3", map[string]func(*testing.T){
		"a lost answer":                   testALostAnswer,
		"a remote that goes forward only": testARemoteThatGoesForwardOnly,
		"a remote that refuses":           testARemoteThatRefuses,
		"a remote that is busy":           testARemoteThatIsBusy, "a remote that went away": testARemoteThatWentAway,
	})
}

// carryOut runs the cases of a family.
func carryOut(t *testing.T, family string, cases map[string]func(*testing.T)) {
	matrix.Need(t, matrix.Git, len(cases))
	begun, ran := time.Now(), 0
	for name, test := range cases {
		t.Run(name, func(t *testing.T) {
			ran++
			test(t)
		})
	}
	matrix.Ran(t, family, ran, begun)
}

func testALockOutlivesItsHolderByALease(t *testing.T) {
	inTime(t, func(t *testing.T, p *place) {
		dead, s := p.open(p.clone(), Options{}), p.open(p.clone(), Options{})
		statetest.Take(t, dead, "dead")
		statetest.Commit(t, dead, state.PutAccount{Account: statetest.Account}, state.PutIntent{Intent: statetest.Create("i", "a")})
		require.NoError(t, dead.Close()) // it shows no sign of life from here on

		begun := time.Now()
		l := statetest.Take(t, s, "next")
		require.Equal(t, defaultLease, time.Since(begun))
		require.WithinDuration(t, time.Now(), l.BrokenAt(), 0, "whatever the dead one sent, it did before now")
		require.Len(t, statetest.Load(t, s).Intents, 1)
		require.NoError(t, l.Release())

		// The one after it must wait as long for what was sent.
		time.Sleep(time.Minute)
		after := statetest.Take(t, p.open(p.clone(), Options{}), "after")
		require.True(t, after.BrokenAt().Equal(l.BrokenAt()))
		require.NoError(t, after.Release())
		require.Equal(t, []string{"refs/vpsync/locks/web", "refs/vpsync/web"}, p.refs())

		// A day later nobody needs to know, and nothing is left of the lock.
		time.Sleep(forgotten)
		require.NoError(t, statetest.Take(t, p.open(p.clone(), Options{}), "later").Release())
		require.Equal(t, []string{"refs/vpsync/web"}, p.refs())
	})
}

// refs are the references of the remote.
func (p *place) refs() []string {
	return strings.Fields(p.git(p.remote, "for-each-ref", "--format=%(refname)"))
}

func testAHolderThatLivesIsNamed(t *testing.T) {
	inTime(t, func(t *testing.T, p *place) {
		s := p.open(p.clone(), Options{})
		l := statetest.Take(t, s, "one")
		begun := time.Now()
		_, err := p.open(p.clone(), Options{}).Lock(t.Context(), statetest.Owner("two"))
		var locked *state.LockedError
		require.ErrorAs(t, err, &locked)
		require.Equal(t, statetest.Owner("one"), locked.Owner)
		require.LessOrEqual(t, time.Since(begun), defaultLease/3)

		// Whoever has patience gets it when it is free.
		time.AfterFunc(5*time.Minute, func() { _ = l.Release() })
		begun = time.Now()
		next := statetest.Take(t, p.open(p.clone(), Options{Patience: time.Hour}), "two")
		require.InDelta(t, 5*time.Minute, time.Since(begun), float64(defaultLease/6))
		require.Zero(t, next.BrokenAt(), "it was given back")
		begun = time.Now()
		_, err = p.open(p.clone(), Options{Patience: 10 * time.Minute}).Lock(t.Context(), statetest.Owner("three"))
		require.ErrorAs(t, err, &locked)
		require.InDelta(t, 10*time.Minute, time.Since(begun), float64(defaultLease/6))
	})
}

func testAHolderStopsAfterHalfALease(t *testing.T) {
	inTime(t, func(t *testing.T, p *place) {
		s := p.open(p.clone(), Options{})
		l := statetest.Take(t, s, "one")
		statetest.Commit(t, s, state.PutAccount{Account: statetest.Account})
		time.Sleep(10 * time.Minute)
		require.NoError(t, l.Check(), "it shows signs of life")

		require.NoError(t, os.Rename(p.remote, p.remote+".away"))
		gone := time.Now()
		for l.Check() == nil {
			time.Sleep(time.Second)
		}
		require.ErrorIs(t, l.Check(), state.ErrLockLost)
		require.ErrorContains(t, l.Check(), "could not be renewed for 1m0s")
		require.LessOrEqual(t, time.Since(gone), defaultLease/2, "half a lease after the last sign of life that arrived")
		require.Greater(t, time.Since(gone), defaultLease/4)
		require.ErrorIs(t, s.Commit(t.Context(), state.SetSettled{}), state.ErrLockLost)

		// It cannot come back: another one may have the lock already.
		require.NoError(t, os.Rename(p.remote+".away", p.remote))
		time.Sleep(time.Minute)
		require.ErrorIs(t, l.Check(), state.ErrLockLost)
	})
}

func testACommitWaitsForARemoteThatComesBack(t *testing.T) {
	inTime(t, func(t *testing.T, p *place) {
		s := p.open(p.clone(), Options{})
		l := statetest.Take(t, s, "one")
		statetest.Commit(t, s, state.PutAccount{Account: statetest.Account})
		require.NoError(t, os.Rename(p.remote, p.remote+".away"))
		time.AfterFunc(40*time.Second, func() { require.NoError(t, os.Rename(p.remote+".away", p.remote)) })
		statetest.Commit(t, s, state.PutResource{Resource: statetest.Server("a")})
		require.NoError(t, l.Check())
		require.Len(t, statetest.Load(t, p.open(p.clone(), Options{ReadOnly: true})).Resources, 1)

		// What was deferred before a remote went away for too long is pushed when the lock is given back, if nobody has taken it.
		require.NoError(t, s.Defer(t.Context(), state.PutResource{Resource: statetest.Server("b")}))
		require.NoError(t, os.Rename(p.remote, p.remote+".away"))
		time.Sleep(3 * time.Minute)
		require.Error(t, l.Check())
		require.NoError(t, os.Rename(p.remote+".away", p.remote))
		require.NoError(t, l.Release())
		require.Len(t, statetest.Load(t, p.open(p.clone(), Options{ReadOnly: true})).Resources, 2)
	})
}

func testWhoLostTheLockWritesNothing(t *testing.T) {
	inTime(t, func(t *testing.T, p *place) {
		slow, other := p.open(p.clone(), Options{}), p.open(p.clone(), Options{})
		l := statetest.Take(t, slow, "slow")
		statetest.Commit(t, slow, state.PutAccount{Account: statetest.Account})
		require.NoError(t, slow.Defer(t.Context(), state.PutResource{Resource: statetest.Server("late")}))

		begun := time.Now()
		require.NoError(t, other.Unlock(t.Context(), "slow"))
		require.Equal(t, defaultLease/2, time.Since(begun), "the holder may not have noticed until then")
		require.ErrorIs(t, l.Check(), state.ErrLockLost)
		require.WithinDuration(t, time.Now(), statetest.Take(t, other, "next").BrokenAt(), 0)
		statetest.Commit(t, other, state.SetSettled{})

		require.ErrorIs(t, slow.Commit(t.Context(), state.SetSecretKey{ID: "k"}), state.ErrLockLost)
		require.NoError(t, l.Release())
		st := statetest.Load(t, other)
		require.True(t, st.Settled)
		require.Empty(t, st.SecretKeyID)
	})
}

func testWhatWasDeferredComesWithASignOfLife(t *testing.T) {
	inTime(t, func(t *testing.T, p *place) {
		s, reader := p.open(p.clone(), Options{}), p.open(p.clone(), Options{ReadOnly: true})
		statetest.Take(t, s, "one")
		statetest.Commit(t, s, state.PutAccount{Account: statetest.Account})
		require.NoError(t, s.Defer(t.Context(), state.PutResource{Resource: statetest.Server("a")}))
		require.Len(t, statetest.Load(t, s).Resources, 1, "the holder has it at once")
		require.Empty(t, statetest.Load(t, reader).Resources)
		time.Sleep(defaultLease / 6)
		synctest.Wait()
		time.Sleep(time.Second)
		require.Len(t, statetest.Load(t, reader).Resources, 1)
		require.Error(t, s.Defer(t.Context(), state.PutResource{Resource: &state.Resource{}}), "it is checked as a commit is")
	})
}

func testARaceHasOneWinner(t *testing.T) {
	p := newPlace(t)
	first := p.open(p.clone(), Options{})
	statetest.Take(t, first, "first")
	statetest.Commit(t, first, state.PutAccount{Account: statetest.Account})
	// Somebody changes the reference, and does not care about a lock.
	clone := p.clone()
	p.git(clone, "fetch", "--quiet", "origin", "refs/vpsync/web")
	p.git(clone, "-c", "user.name=x", "-c", "user.email=x@y", "commit-tree", "-p", "FETCH_HEAD", "-m", "by hand", "FETCH_HEAD^{tree}")
	id := strings.TrimSpace(p.git(clone, "-c", "user.name=x", "-c", "user.email=x@y", "commit-tree", "-p", "FETCH_HEAD", "-m", "by hand", "FETCH_HEAD^{tree}"))
	p.git(clone, "push", "--quiet", "origin", id+":refs/vpsync/web")
	err := first.Commit(t.Context(), state.SetSettled{})
	var unusable *state.UnusableError
	require.ErrorAs(t, err, &unusable)
	require.Equal(t, "Somebody else has changed the state", unusable.Summary)
	require.Equal(t, id, strings.Fields(p.git(p.remote, "rev-parse", "refs/vpsync/web"))[0], "what is there stays")
}

// testALostAnswer: a push that was taken, and whose answer did not arrive, is seen to have been taken.
func testALostAnswer(t *testing.T) {
	p := newPlace(t)
	s := p.open(p.clone(), Options{})
	l := statetest.Take(t, s, "one")
	require.NoError(t, os.WriteFile(filepath.Join(p.remote, "hooks", "post-receive"), []byte("#!/bin/sh\nkill -9 $PPID\n"), 0o755))
	statetest.Commit(t, s, state.PutAccount{Account: statetest.Account})
	statetest.Commit(t, s, state.PutResource{Resource: statetest.Server("a")})
	require.NoError(t, os.Remove(filepath.Join(p.remote, "hooks", "post-receive")))
	require.NoError(t, l.Release())
	require.Len(t, statetest.Load(t, p.open(p.clone(), Options{ReadOnly: true})).Resources, 1)
}

// testARemoteThatGoesForwardOnly: some are configured to take neither a commit in the place of another nor a deletion.
func testARemoteThatGoesForwardOnly(t *testing.T) {
	p := newPlace(t)
	hook := "#!/bin/sh\nzero=$(echo $2 | tr 0-9a-f 0)\n[ $2 = $zero ] || { [ $3 != $zero ] && git merge-base --is-ancestor $2 $3; } || { echo denied >&2; exit 1; }\n"
	require.NoError(t, os.WriteFile(filepath.Join(p.remote, "hooks", "update"), []byte(hook), 0o755))
	s := p.open(p.clone(), Options{Beat: 40 * time.Millisecond})
	l := statetest.Take(t, s, "one")
	run := state.Run{ID: "r", Command: "apply", Actor: "ada", Started: statetest.Start}
	statetest.Commit(t, s, state.PutAccount{Account: statetest.Account}, state.PutRun{Run: run})
	for _, name := range []string{"a", "b"} {
		r := statetest.Server(name)
		statetest.Commit(t, s, state.PutResource{Resource: r}, state.AddChanges{Changes: []state.Change{{Run: "r", Address: r.Address, Action: "create", At: statetest.Start}}})
	}
	require.NoError(t, l.Release())
	other := p.open(p.clone(), Options{Beat: 40 * time.Millisecond})
	next := statetest.Take(t, other, "two")
	require.Len(t, statetest.Load(t, other).Resources, 2)
	changes, err := other.Changes(t.Context(), "r")
	require.NoError(t, err)
	require.Len(t, changes, 2, "each once")
	require.Greater(t, strings.Count(p.git(p.remote, "log", "--format=%h", "refs/vpsync/web"), "\n"), 3, "no commit replaced another one")
	require.NoError(t, next.Release())
}

func testARemoteThatRefuses(t *testing.T) {
	p := newPlace(t)
	s := p.open(p.clone(), Options{Beat: 40 * time.Millisecond})
	statetest.Take(t, s, "one")
	require.NoError(t, os.WriteFile(filepath.Join(p.remote, "hooks", "pre-receive"), []byte("#!/bin/sh\necho not on a Friday >&2\nexit 1\n"), 0o755))
	err := s.Commit(t.Context(), state.SetSettled{})
	require.ErrorContains(t, err, "not on a Friday")
	var unusable *state.UnusableError
	require.ErrorAs(t, err, &unusable)
	require.Equal(t, "The state's remote refuses what is pushed", unusable.Summary)
	require.NotRegexp(t, `\t|[0-9a-f]{40}`, err.Error())
	require.False(t, errors.Is(err, state.ErrLockLost))
}

// testARemoteThatIsBusy: what is refused for once is pushed again as it is, so that a run stays one commit.
func testARemoteThatIsBusy(t *testing.T) {
	p := newPlace(t)
	s := p.open(p.clone(), Options{Beat: 40 * time.Millisecond})
	l := statetest.Take(t, s, "one")
	statetest.Commit(t, s, state.PutAccount{Account: statetest.Account})
	hook := filepath.Join(p.remote, "hooks", "pre-receive")
	for _, name := range []string{"a", "b", "c"} {
		require.NoError(t, os.WriteFile(hook, []byte("#!/bin/sh\nrm hooks/pre-receive\necho busy >&2\nexit 1\n"), 0o755))
		statetest.Commit(t, s, state.PutResource{Resource: statetest.Server(name)})
		require.NoFileExists(t, hook)
	}
	require.NoError(t, l.Release())
	require.Equal(t, 2, strings.Count(p.git(p.remote, "log", "--format=%h", "refs/vpsync/web"), "\n"), "a new state, and the run")
	require.Equal(t, []string{"refs/vpsync/web"}, p.refs())
}

// testARemoteThatWentAway is no refusal.
func testARemoteThatWentAway(t *testing.T) {
	p := newPlace(t)
	s := p.open(p.clone(), Options{})
	require.NoError(t, os.Rename(p.remote, p.remote+".away"))
	_, err := s.Lock(t.Context(), statetest.Owner("one"))
	var unusable *state.UnusableError
	require.ErrorAs(t, err, &unusable)
	require.Equal(t, "The state's remote does not answer", unusable.Summary)
}
