package apply_test

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/vpsync/vpsync/pkg/spec"
	"github.com/vpsync/vpsync/pkg/state"
	"github.com/zclconf/go-cty/cty"
	ctyjson "github.com/zclconf/go-cty/cty/json"
)

// memory is a state.Store that lives as long as a test. What it gives back is what a file would: copies, with values of the
// types that JSON implies.
type memory struct {
	mu        sync.Mutex
	serial    int64
	settled   bool
	resources map[string]*state.Resource
	leftovers map[string]*state.Leftover
	intents   map[string]*state.Intent
	accounts  map[string]state.Account
	outputs   map[string]state.Output
	runs      map[string]state.Run
	changes   []state.Change
	secretKey string
	commits   int
	fail      func(commit int) error // before the n-th commit
	broken    bool                   // the lock is no longer ours
	brokenAt  time.Time              // an earlier lock was broken then
}

func newMemory() *memory {
	return &memory{
		resources: map[string]*state.Resource{}, leftovers: map[string]*state.Leftover{}, intents: map[string]*state.Intent{},
		accounts: map[string]state.Account{}, outputs: map[string]state.Output{}, runs: map[string]state.Run{},
	}
}

func (m *memory) Load(context.Context) (*state.State, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	st := &state.State{
		Lineage: "test", Serial: m.serial, Settled: m.settled, Accounts: maps.Clone(m.accounts),
		Outputs: maps.Clone(m.outputs), SecretKeyID: m.secretKey,
	}
	for _, r := range m.resources {
		c := *r
		c.Applied, c.Observed = maps.Clone(r.Applied), maps.Clone(r.Observed)
		c.Secrets = maps.Clone(r.Secrets)
		st.Resources = append(st.Resources, &c)
	}
	slices.SortFunc(st.Resources, func(a, b *state.Resource) int {
		if c := a.Address.Compare(b.Address); c != 0 {
			return c
		}
		return len(a.Deposed) - len(b.Deposed)
	})
	for _, l := range m.leftovers {
		c := *l
		c.Applied, c.Observed = maps.Clone(l.Applied), maps.Clone(l.Observed)
		st.Leftovers = append(st.Leftovers, &c)
	}
	slices.SortFunc(st.Leftovers, func(a, b *state.Leftover) int { return len(a.ID) - len(b.ID) })
	for _, in := range m.intents {
		c := *in
		c.Applied = maps.Clone(in.Applied)
		st.Intents = append(st.Intents, &c)
	}
	slices.SortFunc(st.Intents, func(a, b *state.Intent) int { return a.Opened.Compare(b.Opened) })
	if problems := state.Verify(st); len(problems) > 0 {
		return nil, fmt.Errorf("what the run recorded breaks an invariant: %+v", problems)
	}
	return st, nil
}

// implied are values as JSON brings them back.
func implied(v spec.Values) spec.Values {
	out := spec.Values{}
	for name, value := range v {
		if value.ContainsMarked() || !value.IsWhollyKnown() {
			panic(fmt.Sprintf("%s: a marked or unknown value reached the state", name))
		}
		b, err := ctyjson.Marshal(value, value.Type())
		if err != nil {
			panic(err)
		}
		var simple ctyjson.SimpleJSONValue
		if err := simple.UnmarshalJSON(b); err != nil {
			panic(err)
		}
		out[name] = simple.Value
	}
	return out
}

func (m *memory) Commit(_ context.Context, writes ...state.Write) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.broken {
		return state.ErrLockLost
	}
	m.commits++
	if m.fail != nil {
		if err := m.fail(m.commits); err != nil {
			return err
		}
	}
	key := func(a spec.Address, deposed string) string { return a.String() + "#" + deposed }
	for _, w := range writes {
		switch w := w.(type) {
		case state.PutResource:
			if _, ok := m.accounts[w.Resource.Account]; !ok && !putsAccount(writes, w.Resource.Account) {
				return fmt.Errorf("%s is of an account that the state does not know", w.Resource.Address)
			}
			if w.Resource.ID == "" {
				return fmt.Errorf("%s has no id", w.Resource.Address)
			}
			c := *w.Resource
			c.Version = m.serial + 1
			c.Applied, c.Observed = implied(c.Applied), implied(c.Observed)
			m.resources[key(c.Address, c.Deposed)] = &c
		case state.RemoveResource:
			delete(m.resources, key(w.Address, w.Deposed))
		case state.PutLeftover:
			c := *w.Leftover
			c.Applied, c.Observed = implied(c.Applied), implied(c.Observed)
			m.leftovers[c.Account+c.Kind+c.ID] = &c
		case state.RemoveLeftover:
			delete(m.leftovers, w.Account+w.Kind+w.ID)
		case state.PutIntent:
			c := *w.Intent
			c.Applied = implied(c.Applied)
			m.intents[c.ID] = &c
		case state.CloseIntent:
			delete(m.intents, w.ID)
		case state.PutAccount:
			m.accounts[w.Account.Name] = w.Account
		case state.PutRun:
			m.runs[w.Run.ID] = w.Run
		case state.AddChanges:
			m.changes = append(m.changes, w.Changes...)
		case state.SetOutputs:
			m.outputs = w.Outputs
		case state.SetSettled:
			m.settled = true
		case state.SetSecretKey:
			m.secretKey = w.ID
		default:
			return fmt.Errorf("the test's store knows no %T", w)
		}
	}
	m.serial++
	return nil
}

func putsAccount(writes []state.Write, name string) bool {
	return slices.ContainsFunc(writes, func(w state.Write) bool {
		put, ok := w.(state.PutAccount)
		return ok && put.Account.Name == name
	})
}

func (m *memory) History(context.Context, int) ([]state.Run, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Collect(maps.Values(m.runs)), nil
}

func (m *memory) Lock(context.Context, state.Owner) (state.Lock, error) { return memoryLock{m}, nil }
func (m *memory) Unlock(context.Context, string) error                  { return nil }
func (m *memory) Backup(context.Context) (string, error)                { return "", nil }
func (m *memory) Close() error                                          { return nil }

type memoryLock struct{ m *memory }

func (l memoryLock) ID() string { return "lock" }
func (l memoryLock) Check() error {
	l.m.mu.Lock()
	defer l.m.mu.Unlock()
	if l.m.broken {
		return state.ErrLockLost
	}
	return nil
}
func (l memoryLock) BrokenAt() time.Time { return l.m.brokenAt }
func (l memoryLock) Release() error      { return nil }

// record is what the store holds of an address.
func (m *memory) record(t *testing.T, address string) *state.Resource {
	t.Helper()
	st, err := m.Load(t.Context())
	require.NoError(t, err)
	for _, r := range st.Resources {
		if r.Address.String() == address && r.Deposed == "" {
			return r
		}
	}
	return nil
}

// stringOf is an attribute as text, for comparisons.
func stringOf(v cty.Value) string {
	if v == cty.NilVal || v.IsNull() {
		return ""
	}
	if v.Type() == cty.String {
		return v.AsString()
	}
	return fmt.Sprintf("%#v", v)
}

// wall is the time of day; in a synctest bubble it is the bubble's.
type wall struct{}

func (wall) Now() time.Time { return time.Now() }
func (wall) Sleep(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}
