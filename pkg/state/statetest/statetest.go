// Package statetest holds what every state.Store must do, whatever it keeps a state in. A backend runs it from its own
// tests; what only that backend can get wrong stands there.
package statetest

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/vpsync/vpsync/pkg/spec"
	"github.com/vpsync/vpsync/pkg/state"
	"github.com/zclconf/go-cty/cty"
)

// Place makes a place for one new state, and returns what opens it there. Each call of that is another process's: stores
// share nothing but the state. It must see to it that the store is closed when the test ends.
type Place func(t *testing.T) (open func() state.Store)

// Run runs all of it.
func Run(t *testing.T, place Place) {
	for _, c := range []struct {
		name string
		test func(t *testing.T, open func() state.Store)
	}{
		{"a new state is empty", newState},
		{"everything comes back", everything},
		{"what is removed is gone", removals},
		{"commits need the lock", commitsNeedTheLock},
		{"a commit is done as a whole or not at all", atomic},
		{"what a load would refuse is not committed", refusals},
		{"secrets and unknowns are never written", noSecrets},
		{"the serial grows", serials},
		{"concurrent commits", concurrent},
		{"readers see whole commits", readers},
		{"one lock at a time", oneLock},
		{"a broken lock", brokenLock},
		{"moving", moving},
		{"moving is refused", movingRefused},
		{"history", history},
		{"backup", backup},
		{"a load belongs to its caller", owned},
		{"a cancelled commit", cancelled},
	} {
		t.Run(c.name, func(t *testing.T) { c.test(t, place(t)) })
	}
}

// Start is the time at which things happen in these tests.
var Start = time.Date(2026, 3, 14, 15, 9, 26, 535897932, time.UTC)

// Owner is an owner for a lock.
func Owner(id string) state.Owner {
	return state.Owner{ID: id, Run: "run-" + id, Command: "apply", User: "ada", Host: "analytical", PID: 1815, Since: "2026-03-14T15:09:26Z"}
}

// Account is the account of everything here.
var Account = state.Account{Name: "servosphere.eu", Provider: "servosphere", Endpoint: "https://api.servosphere.example/v1"}

// Server is a record of a server, bound to the object srv_NAME.
func Server(name string) *state.Resource {
	return &state.Resource{
		Address: spec.Address{Kind: "server", Name: name}, Account: Account.Name, ID: "srv_" + name,
		Applied:  spec.Values{"name": cty.StringVal(name)},
		Observed: spec.Values{"name": cty.StringVal(name), "status": cty.StringVal("active")},
		Policy:   state.Policy{Unsupported: spec.UnsupportedError}, CreatedAt: Start,
	}
}

// Create is an open intent to create a server.
func Create(id, name string) *state.Intent {
	return &state.Intent{
		ID: id, Run: "run", Address: spec.Address{Kind: "server", Name: name}, Account: Account.Name, Kind: "server",
		Action: "create", Operation: spec.OpCreate, Applied: spec.Values{"name": cty.StringVal(name)}, Opened: Start, Attempts: 1,
	}
}

// Take takes the lock until the test ends.
func Take(t *testing.T, s state.Store, id string) state.Lock {
	t.Helper()
	l, err := s.Lock(t.Context(), Owner(id))
	require.NoError(t, err)
	t.Cleanup(func() { _ = l.Release() })
	return l
}

// Locked is a store with the lock taken and the account recorded.
func Locked(t *testing.T, open func() state.Store) state.Store {
	t.Helper()
	s := open()
	Take(t, s, "lock")
	Commit(t, s, state.PutAccount{Account: Account})
	return s
}

// Commit commits.
func Commit(t *testing.T, s state.Store, writes ...state.Write) {
	t.Helper()
	require.NoError(t, s.Commit(t.Context(), writes...))
}

// Load loads.
func Load(t *testing.T, s state.Store) *state.State {
	t.Helper()
	st, err := s.Load(t.Context())
	require.NoError(t, err)
	return st
}

func newState(t *testing.T, open func() state.Store) {
	s := open()
	st := Load(t, s)
	require.NotEmpty(t, st.Lineage)
	require.False(t, st.Settled)
	require.Empty(t, st.Resources)
	require.Empty(t, st.Accounts)
	require.Empty(t, st.Outputs)
	require.Empty(t, st.SecretKeyID)
	again := Load(t, open())
	require.Equal(t, st, again, "a state keeps its lineage")
}

func everything(t *testing.T, open func() state.Store) {
	s := Locked(t, open)
	network := spec.Address{Kind: "network", Name: "web", Key: spec.StringKey("a b\"${x}")}
	server := &state.Resource{
		Address: spec.Address{Kind: "server", Name: "web", Key: spec.IntKey(10)}, Account: Account.Name, ID: "42",
		Applied: spec.Values{
			"name": cty.StringVal("web-10"), "ssh_keys": cty.TupleVal([]cty.Value{cty.StringVal("k"), cty.StringVal("")}),
			"size": cty.NumberIntVal(80), "price": cty.MustParseNumberVal("0.1000000000000000055511151231257827021181583404541015625"),
			"backups": cty.True, "gateway": cty.NullVal(cty.DynamicPseudoType), "tags": cty.ObjectVal(map[string]cty.Value{"Ünïcode \u2028": cty.StringVal("<&>")}),
			"nothing": cty.EmptyTupleVal,
		},
		Observed: spec.Values{"big": cty.MustParseNumberVal("340282366920938463463374607431768211456")},
		Secrets:  map[string]state.Digest{"root_password": {KeyID: "k1", Place: "somewhere", Sum: "00ff"}},
		Assumed:  []string{"root_password"}, Pending: []string{"gateway", "attach"}, Unready: true,
		Policy: state.Policy{Unsupported: spec.UnsupportedForget, PreventDestroy: true, Uses: []spec.Address{network}},
		Detail: "2026-01-01T00:00:00Z", DetailAt: Start, DetailTrusted: true, CreatedAt: Start,
	}
	deposed := Server("web")
	deposed.Deposed = "d1"
	left := &state.Leftover{
		ID: "net_1", Kind: "network", Account: Account.Name, Address: network, Applied: spec.Values{"cidr": cty.StringVal("10.0.0.0/24")},
		Observed: spec.Values{}, Secrets: map[string]state.Digest{"x": {KeyID: "k1", Sum: "aa"}}, Assumed: []string{"y"}, Since: Start, Run: "r1",
	}
	late, early := Create("i1", "late"), Create("i2", "early")
	early.Opened = Start.Add(-time.Hour)
	early.Seen, early.Question, early.Reason, early.Attempts = []string{"a", "b"}, true, "no list", 3
	early.Secrets, early.Uses, early.Pending = server.Secrets, server.Uses, server.Pending
	Commit(t, s,
		state.PutResource{Resource: server}, state.PutResource{Resource: deposed}, state.PutLeftover{Leftover: left},
		state.PutIntent{Intent: late}, state.PutIntent{Intent: early},
		state.SetOutputs{Outputs: map[string]state.Output{"ip": {Name: "ip", Value: []byte(`["192.0.2.1",null]`), Type: []byte(`["list","string"]`)}}},
		state.SetSettled{}, state.SetSecretKey{ID: "k1"})

	for who, store := range map[string]state.Store{"the same store": s, "another": open()} {
		st := Load(t, store)
		for _, r := range []*state.Resource{server, deposed} {
			r.Version = st.Serial
		}
		require.Len(t, st.Resources, 2, who)
		require.Equal(t, "server.web (deposed d1)", fmt.Sprintf("%s (deposed %s)", st.Resources[0].Address, st.Resources[0].Deposed))
		SameResource(t, deposed, st.Resources[0])
		SameResource(t, server, st.Resources[1])
		require.Len(t, st.Leftovers, 1)
		SameValues(t, left.Applied, st.Leftovers[0].Applied)
		got := *st.Leftovers[0]
		got.Applied, got.Observed = left.Applied, left.Observed
		require.Equal(t, *left, got)
		require.Len(t, st.Intents, 2)
		require.Equal(t, "i2", st.Intents[0].ID, "oldest first")
		for i, want := range []*state.Intent{early, late} {
			SameValues(t, want.Applied, st.Intents[i].Applied)
			got := *st.Intents[i]
			got.Applied = want.Applied
			require.Equal(t, *want, got)
		}
		require.Equal(t, map[string]state.Account{Account.Name: Account}, st.Accounts)
		require.JSONEq(t, `["192.0.2.1",null]`, string(st.Outputs["ip"].Value))
		require.JSONEq(t, `["list","string"]`, string(st.Outputs["ip"].Type))
		require.True(t, st.Settled)
		require.Equal(t, "k1", st.SecretKeyID)
	}
}

// SameValues compares exactly: numbers by value, whatever their precision.
func SameValues(t require.TestingT, want, got spec.Values) {
	require.Len(t, got, len(want))
	for name, v := range want {
		require.Truef(t, v.RawEquals(got[name]), "%s: want %#v, got %#v", name, v, got[name])
	}
}

// SameResource compares two records.
func SameResource(t require.TestingT, want, got *state.Resource) {
	SameValues(t, want.Applied, got.Applied)
	SameValues(t, want.Observed, got.Observed)
	a, b := *want, *got
	a.Applied, a.Observed, b.Applied, b.Observed = nil, nil, nil, nil
	require.Equal(t, a, b)
}

func removals(t *testing.T, open func() state.Store) {
	s := Locked(t, open)
	deposed := Server("a")
	deposed.Deposed, deposed.ID = "d", "old"
	left := &state.Leftover{ID: "v", Kind: "volume", Account: Account.Name, Address: spec.Address{Kind: "volume", Name: "v"}, Since: Start}
	Commit(t, s, state.PutResource{Resource: Server("a")}, state.PutResource{Resource: deposed}, state.PutLeftover{Leftover: left}, state.PutIntent{Intent: Create("i", "b")},
		state.SetOutputs{Outputs: map[string]state.Output{"x": {Name: "x", Value: []byte("1"), Type: []byte(`"number"`)}}})
	Commit(t, s, state.RemoveResource{Address: deposed.Address})
	st := Load(t, s)
	require.Len(t, st.Resources, 1)
	require.Equal(t, "d", st.Resources[0].Deposed, "the deposed object has a row of its own")
	Commit(t, s, state.RemoveResource{Address: deposed.Address, Deposed: "d"}, state.RemoveLeftover{Account: Account.Name, Kind: "volume", ID: "v"},
		state.CloseIntent{ID: "i"}, state.SetOutputs{}, state.RemoveResource{Address: spec.Address{Kind: "server", Name: "never"}})
	st = Load(t, open())
	require.Empty(t, st.Resources)
	require.Empty(t, st.Leftovers)
	require.Empty(t, st.Intents)
	require.Empty(t, st.Outputs)
}

func commitsNeedTheLock(t *testing.T, open func() state.Store) {
	s := open()
	require.Error(t, s.Commit(t.Context(), state.PutAccount{Account: Account}))
	l, err := s.Lock(t.Context(), Owner("a"))
	require.NoError(t, err)
	require.Equal(t, "a", l.ID())
	require.NoError(t, l.Check())
	Commit(t, s, state.PutAccount{Account: Account})
	require.Error(t, open().Commit(t.Context(), state.SetSettled{}), "the lock of another store is not ours")
	require.NoError(t, l.Release())
	require.NoError(t, l.Release(), "twice is harmless")
	require.ErrorIs(t, l.Check(), state.ErrLockLost)
	require.Error(t, s.Commit(t.Context(), state.SetSettled{}))
	require.False(t, Load(t, s).Settled)
}

func atomic(t *testing.T, open func() state.Store) {
	s := Locked(t, open)
	before := Load(t, s)
	require.Error(t, s.Commit(t.Context(), state.PutResource{Resource: Server("a")}, state.SetSettled{},
		state.MoveResource{From: spec.Address{Kind: "server", Name: "nothing"}, To: spec.Address{Kind: "server", Name: "b"}}))
	require.Equal(t, before, Load(t, s))
	require.Equal(t, before, Load(t, open()))
	Commit(t, s)
}

func refusals(t *testing.T, open func() state.Store) {
	s := Locked(t, open)
	Commit(t, s, state.PutResource{Resource: Server("a")}, state.PutIntent{Intent: Create("i", "c")})
	with := func(change func(*state.Resource)) state.Write {
		r := Server("b")
		change(r)
		return state.PutResource{Resource: r}
	}
	intent := func(change func(*state.Intent)) state.Write {
		i := Create("j", "d")
		change(i)
		return state.PutIntent{Intent: i}
	}
	before := Load(t, s)
	for name, w := range map[string]state.Write{
		"two owners of one object":           with(func(r *state.Resource) { r.ID = "srv_a" }),
		"an object that is a leftover too":   state.PutLeftover{Leftover: &state.Leftover{ID: "srv_a", Kind: "server", Account: Account.Name, Address: Server("a").Address}},
		"no id":                              with(func(r *state.Resource) { r.ID = "" }),
		"no address":                         with(func(r *state.Resource) { r.Address = spec.Address{} }),
		"an unknown account":                 with(func(r *state.Resource) { r.Account = "elsewhere" }),
		"a leftover of an unknown account":   state.PutLeftover{Leftover: &state.Leftover{ID: "x", Kind: "server", Account: "elsewhere", Address: Server("a").Address}},
		"an intent of an unknown account":    intent(func(i *state.Intent) { i.Account = "elsewhere" }),
		"a second create of an address":      intent(func(i *state.Intent) { i.Address.Name = "c" }),
		"an unknown action":                  intent(func(i *state.Intent) { i.Action = "paint" }),
		"an update of nothing":               intent(func(i *state.Intent) { i.Operation = spec.OpUpdate }),
		"an intent without an id":            intent(func(i *state.Intent) { i.ID = "" }),
		"a use of nothing":                   with(func(r *state.Resource) { r.Uses = []spec.Address{{}} }),
		"a digest without a key":             with(func(r *state.Resource) { r.Secrets = map[string]state.Digest{"p": {Sum: "00"}} }),
		"an output that is not JSON":         state.SetOutputs{Outputs: map[string]state.Output{"x": {Name: "x", Value: []byte("{"), Type: []byte(`"string"`)}}},
		"a time that JSON does not know":     with(func(r *state.Resource) { r.CreatedAt = time.Date(-5, 1, 1, 0, 0, 0, 0, time.UTC) }),
		"an address that cannot be read":     with(func(r *state.Resource) { r.Address.Name = "no name" }),
		"a run without an id":                state.PutRun{Run: state.Run{Command: "apply"}},
		"an account without a name":          state.PutAccount{},
		"a change of an address like no one": state.AddChanges{Changes: []state.Change{{Run: "r", Action: "create"}}},
	} {
		require.Error(t, s.Commit(t.Context(), w), name)
	}
	require.Equal(t, before, Load(t, s))

	// What would be wrong in between is right in the end: two addresses swap their objects.
	Commit(t, s, with(func(*state.Resource) {}))
	a, b := Server("a"), Server("b")
	a.ID, b.ID = b.ID, a.ID
	Commit(t, s, state.PutResource{Resource: a}, state.PutResource{Resource: b})
	// And an object is taken over by the leftovers.
	Commit(t, s, state.PutLeftover{Leftover: &state.Leftover{ID: "srv_a", Kind: "server", Account: Account.Name, Address: b.Address}}, state.RemoveResource{Address: b.Address})
	Load(t, s)
}

func noSecrets(t *testing.T, open func() state.Store) {
	s := Locked(t, open)
	for name, v := range map[string]cty.Value{
		"secret":        cty.StringVal("hunter2").Mark(spec.Sensitive),
		"secret within": cty.TupleVal([]cty.Value{cty.StringVal("hunter2").Mark(spec.Sensitive)}),
		"unknown":       cty.UnknownVal(cty.String),
		"no value":      cty.NilVal,
	} {
		for where, w := range map[string]state.Write{
			"applied":  state.PutResource{Resource: func() *state.Resource { r := Server("a"); r.Applied = spec.Values{"x": v}; return r }()},
			"observed": state.PutResource{Resource: func() *state.Resource { r := Server("a"); r.Observed = spec.Values{"x": v}; return r }()},
			"intent":   state.PutIntent{Intent: func() *state.Intent { i := Create("i", "a"); i.Applied = spec.Values{"x": v}; return i }()},
			"leftover": state.PutLeftover{Leftover: &state.Leftover{ID: "x", Kind: "server", Account: Account.Name, Address: Server("a").Address, Observed: spec.Values{"x": v}}},
		} {
			err := s.Commit(t.Context(), w)
			require.Error(t, err, "%s in %s", name, where)
			require.NotContains(t, err.Error(), "hunter2")
		}
	}
	st := Load(t, s)
	require.Empty(t, st.Resources)
	require.Empty(t, st.Intents)
	require.Empty(t, st.Leftovers)
}

func serials(t *testing.T, open func() state.Store) {
	s := Locked(t, open)
	last := Load(t, s).Serial
	for i := range 3 {
		Commit(t, s, state.PutResource{Resource: Server(fmt.Sprintf("s%d", i))})
		st := Load(t, s)
		require.Greater(t, st.Serial, last)
		last = st.Serial
		require.Equal(t, last, st.Resources[i].Version, "a row tells which commit wrote it last")
	}
	first := Load(t, s).Resources[0]
	require.Less(t, first.Version, last, "and keeps that while others are written")
	Commit(t, s, state.SetSerial{Serial: last + 1000}, state.PutResource{Resource: Server("copied")})
	st := Load(t, open())
	require.Equal(t, last+1000, st.Serial)
	require.Equal(t, last+1000, st.Resources[0].Version)
	Commit(t, s, state.SetSerial{Serial: 1})
	require.Equal(t, last+1001, Load(t, s).Serial, "it only grows")
}

func concurrent(t *testing.T, open func() state.Store) {
	s := Locked(t, open)
	const n = 64
	errs := make([]error, n)
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() {
			r := Server(fmt.Sprintf("s%02d", i))
			if i%8 == 3 {
				r.Account = "elsewhere" // refused, without harm to those who are committed at the same time
			}
			errs[i] = s.Commit(t.Context(), state.PutResource{Resource: r})
		})
	}
	wg.Wait()
	st := Load(t, s)
	var there []string
	for _, r := range st.Resources {
		there = append(there, r.Address.Name)
	}
	for i, err := range errs {
		require.Equal(t, i%8 == 3, err != nil, "commit %d: %v", i, err)
		require.Equal(t, err == nil, slices.Contains(there, fmt.Sprintf("s%02d", i)), "what was answered is what is there")
	}
}

func readers(t *testing.T, open func() state.Store) {
	s := Locked(t, open)
	other := open()
	ctx, stop := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	wg.Go(func() {
		defer stop()
		for i := range 40 {
			a, b := Server("a"), Server("b")
			a.Detail, b.Detail = fmt.Sprint(i), fmt.Sprint(i)
			if s.Commit(ctx, state.PutResource{Resource: a}, state.PutResource{Resource: b}) != nil {
				return
			}
		}
	})
	loads, serial := 0, int64(0)
	for ; ctx.Err() == nil || loads == 0; loads++ {
		st, err := other.Load(t.Context())
		require.NoError(t, err)
		require.GreaterOrEqual(t, st.Serial, serial)
		serial = st.Serial
		if len(st.Resources) > 0 {
			require.Len(t, st.Resources, 2)
			require.Equal(t, st.Resources[0].Detail, st.Resources[1].Detail, "both rows of a commit, or none")
		}
	}
	wg.Wait()
	require.Equal(t, "39", Load(t, other).Resources[0].Detail)
}
