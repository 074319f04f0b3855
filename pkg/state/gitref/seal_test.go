package gitref

import (
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/vpsync/vpsync/pkg/spec"
	"github.com/vpsync/vpsync/pkg/state"
	"github.com/vpsync/vpsync/pkg/state/statetest"
	"github.com/zclconf/go-cty/cty"
)

var sealed = Options{Seal: true, Secret: []byte("of the tests"), Lease: 5 * time.Second, Beat: 300 * time.Millisecond}

func TestSealedStore(t *testing.T) {
	t.Parallel()
	statetest.Run(t, func(t *testing.T) func() state.Store {
		p := newPlace(t)
		clone := p.clone()
		return func() state.Store { return p.open(clone, sealed) }
	})
}

func TestSealedRows(t *testing.T) {
	p := newPlace(t)
	s := p.open(p.clone(), sealed)
	l := statetest.Take(t, s, "one")
	a, b := statetest.Server("a"), statetest.Server("b")
	a.Applied = spec.Values{"name": cty.StringVal("hostname-of-a-customer")}
	statetest.Commit(t, s, state.PutAccount{Account: statetest.Account}, state.PutResource{Resource: a}, state.PutResource{Resource: b},
		state.AddChanges{Changes: []state.Change{{Run: "r", Address: a.Address, Action: "create", Attribute: "name", After: []byte(`"hostname-of-a-customer"`), At: statetest.Start}}})
	_, err := s.Backup(t.Context())
	require.NoError(t, err)
	text := p.git(p.remote, "log", "-p", "refs/vpsync/web")
	require.NotContains(t, text, "hostname-of-a-customer")
	require.NotContains(t, text, "srv_a")
	require.Contains(t, text, "server.a")

	// A row that did not change stays what it is.
	b.Detail = "x"
	statetest.Commit(t, s, state.PutResource{Resource: b})
	require.NoError(t, l.Release())
	require.NotContains(t, p.git(p.remote, "log", "-1", "-p", "-U0", "--format=", "refs/vpsync/web", "--", "resources.jsonl"), "server.a")

	// Without the key, with another one, and with rows of another time nothing is read.
	_, err = p.open(p.clone(), Options{ReadOnly: true}).Load(t.Context())
	require.ErrorContains(t, err, "VPSYNC_STATE_KEY")
	_, err = p.open(p.clone(), Options{ReadOnly: true, Secret: []byte("another")}).Load(t.Context())
	var damaged *state.DamagedError
	require.ErrorAs(t, err, &damaged)
	require.Contains(t, damaged.Problem, "another key")
	changes, err := p.open(p.clone(), sealed).Changes(t.Context(), "r")
	require.NoError(t, err)
	require.Len(t, changes, 1)

	// It stays sealed for whoever has the key and does not ask for it.
	s = p.open(p.clone(), Options{Secret: sealed.Secret})
	l = statetest.Take(t, s, "two")
	statetest.Commit(t, s, state.PutResource{Resource: a})
	require.NoError(t, l.Release())
	require.NotContains(t, p.git(p.remote, "log", "-1", "-p", "refs/vpsync/web"), "hostname-of-a-customer")
}

// TestChangedByHand: what vpsync did not write is not acted upon.
func TestChangedByHand(t *testing.T) {
	p := newPlace(t)
	s := p.open(p.clone(), Options{})
	l := statetest.Take(t, s, "one")
	statetest.Commit(t, s, state.PutAccount{Account: statetest.Account}, state.PutResource{Resource: statetest.Server("a")})
	_, err := s.Backup(t.Context())
	require.NoError(t, err)
	statetest.Commit(t, s, state.PutResource{Resource: statetest.Server("b")})
	require.NoError(t, l.Release())

	hand := p.clone()
	p.git(hand, "fetch", "--quiet", "origin", "refs/vpsync/web")
	p.git(hand, "checkout", "--quiet", "FETCH_HEAD")
	text, err := os.ReadFile(hand + "/resources.jsonl")
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(hand+"/resources.jsonl", []byte(strings.Replace(string(text), "srv_b", "srv_c", 1)), 0o600))
	p.git(hand, "-c", "user.name=x", "-c", "user.email=x@y", "commit", "--quiet", "--all", "--message", "by hand")
	p.git(hand, "push", "--quiet", "origin", "HEAD:refs/vpsync/web")

	for _, store := range []*Store{p.open(p.clone(), Options{}), s} {
		_, err = store.Load(t.Context())
		var damaged *state.DamagedError
		require.ErrorAs(t, err, &damaged)
		require.Contains(t, damaged.Remedy, "vpsync state restore")
		_, err = store.Lock(t.Context(), statetest.Owner("two"))
		require.ErrorAs(t, err, &damaged)
	}

	// The state before is put back, as a commit of its own.
	s = p.open(p.clone(), Options{})
	all, err := s.Commits(t.Context())
	require.NoError(t, err)
	require.Error(t, all[0].Problem)
	require.NoError(t, all[1].Problem)
	r, err := s.BeginRestore(t.Context(), state.Latest, statetest.Owner("three"))
	require.NoError(t, err)
	require.NotNil(t, r.Damage)
	require.Equal(t, all[1].Name, r.Name)
	_, now, err := r.Put(t.Context(), state.PutRun{Run: state.Run{ID: "restore", Command: "state restore"}})
	require.NoError(t, err)
	require.Len(t, now.Resources, 2)
	require.Greater(t, now.Serial, all[1].Serial)
	require.NoError(t, r.Close())
	require.Equal(t, now, statetest.Load(t, p.open(p.clone(), Options{})))
}

// TestALostStateIsMissed: a clone that has seen a state does not take its absence, or an older one, for the truth.
func TestALostStateIsMissed(t *testing.T) {
	p := newPlace(t)
	clone := p.clone()
	s := p.open(clone, Options{})
	l := statetest.Take(t, s, "one")
	statetest.Commit(t, s, state.PutAccount{Account: statetest.Account})
	before, err := s.Backup(t.Context())
	require.NoError(t, err)
	statetest.Commit(t, s, state.PutResource{Resource: statetest.Server("a")})
	require.NoError(t, l.Release())

	var damaged *state.DamagedError
	p.git(clone, "push", "--quiet", "--force", "origin", before+":refs/vpsync/web")
	_, err = p.open(clone, Options{}).Load(t.Context())
	require.ErrorAs(t, err, &damaged)
	require.Contains(t, damaged.Problem, "an older one was put in its place")
	p.git(clone, "push", "--quiet", "--delete", "origin", "refs/vpsync/web")
	_, err = p.open(clone, Options{}).Load(t.Context())
	require.ErrorAs(t, err, &damaged)
	require.Contains(t, damaged.Problem, "the remote has none")

	r, err := p.open(clone, Options{}).BeginRestore(t.Context(), state.Latest, statetest.Owner("two"))
	require.NoError(t, err)
	_, now, err := r.Put(t.Context())
	require.NoError(t, err)
	require.NoError(t, r.Close())
	require.Len(t, now.Resources, 1)
	require.Len(t, statetest.Load(t, p.open(p.clone(), Options{})).Resources, 1)
}
