package sqlite

import (
	"fmt"
	"path/filepath"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/vpsync/vpsync/pkg/spec"
	"github.com/vpsync/vpsync/pkg/state"
	"github.com/vpsync/vpsync/pkg/state/statetest"
	"github.com/zclconf/go-cty/cty"
	"pgregory.net/rapid"
)

// TestGroupCommit: what waits while the disk syncs is committed together. Each transaction has a serial of its own.
func TestGroupCommit(t *testing.T) {
	s := openAt(t, filepath.Join(t.TempDir(), "state.db"))
	statetest.Take(t, s, "x")
	statetest.Commit(t, s, state.PutAccount{Account: statetest.Account})
	before := statetest.Load(t, s).Serial
	const n = 200
	var wg sync.WaitGroup
	errs := make([]error, n)
	for i := range n {
		wg.Go(func() {
			errs[i] = s.Commit(t.Context(), state.PutResource{Resource: statetest.Server(fmt.Sprintf("s%d", i))})
		})
	}
	wg.Wait()
	for _, err := range errs {
		require.NoError(t, err)
	}
	st := statetest.Load(t, s)
	require.Len(t, st.Resources, n)
	transactions := st.Serial - before
	t.Logf("%d commits shared %d transactions", n, transactions)
	require.Less(t, transactions, int64(n/2))
	require.Equal(t, st.Serial, s.readNote().Serial)
}

// TestOneOfAGroupFails gives one group to the committer by hand, so that the company is certain.
func TestOneOfAGroupFails(t *testing.T) {
	s := openAt(t, filepath.Join(t.TempDir(), "state.db"))
	statetest.Take(t, s, "x")
	statetest.Commit(t, s, state.PutAccount{Account: statetest.Account})
	stranger := statetest.Server("stranger")
	stranger.Account = "elsewhere"
	var group []*commit
	for _, r := range []*state.Resource{statetest.Server("a"), stranger, statetest.Server("b")} {
		writes, err := encode([]state.Write{state.PutResource{Resource: r}})
		require.NoError(t, err)
		group = append(group, &commit{ctx: t.Context(), writes: writes, lock: s.lockHeld(), answer: make(chan error, 1)})
	}
	before := statetest.Load(t, s)
	s.commitGroup(group)
	require.NoError(t, <-group[0].answer)
	require.ErrorContains(t, <-group[1].answer, "elsewhere")
	require.NoError(t, <-group[2].answer)
	st := statetest.Load(t, s)
	require.Len(t, st.Resources, 2)
	require.Equal(t, before.Serial+2, st.Serial, "the two that are left have a transaction each")
}

// TestAnyValuesComeBack commits what a generator thinks of, replacing what it thought of before.
func TestAnyValuesComeBack(t *testing.T) {
	s := openAt(t, filepath.Join(t.TempDir(), "state.db"))
	statetest.Take(t, s, "x")
	statetest.Commit(t, s, state.PutAccount{Account: statetest.Account})
	rapid.Check(t, func(rt *rapid.T) {
		model := map[string]*state.Resource{}
		var writes []state.Write
		for _, r := range statetest.Load(t, s).Resources {
			writes = append(writes, state.RemoveResource{Address: r.Address, Deposed: r.Deposed})
		}
		for i := range rapid.IntRange(0, 4).Draw(rt, "resources") {
			r := statetest.Resource(rt)
			r.ID = fmt.Sprintf("%d-%s", i, r.ID)
			key := state.ResourceKey(r.Address, r.Deposed)
			model[key] = r
			writes = append(writes, state.PutResource{Resource: r})
		}
		require.NoError(rt, s.Commit(t.Context(), writes...))
		st, err := s.Load(t.Context())
		require.NoError(rt, err)
		require.Len(rt, st.Resources, len(model))
		for _, got := range st.Resources {
			want := *model[state.ResourceKey(got.Address, got.Deposed)]
			want.Version = st.Serial
			statetest.SameResource(rt, &want, got)
		}
	})
}

// typical is a server as it is recorded in practice.
func typical(i int) *state.Resource {
	r := statetest.Server(fmt.Sprintf("web-%05d", i))
	r.Applied = spec.Values{
		"name": cty.StringVal(r.Address.Name), "plan": cty.StringVal("vps-medium"), "location": cty.StringVal("AMS"), "image": cty.StringVal("debian-13"),
		"ssh_keys": cty.TupleVal([]cty.Value{cty.StringVal("ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl ops")}),
		"backups":  cty.True,
	}
	r.Observed = spec.Values{
		"name": cty.StringVal(r.Address.Name), "plan": cty.StringVal("vps-medium"), "location": cty.StringVal("AMS"), "image": cty.StringVal("debian-13"),
		"backups": cty.True, "ip_address": cty.StringVal("192.0.2.17"), "ipv6_address": cty.StringVal("2001:db8::17"), "status": cty.StringVal("active"),
		"power": cty.StringVal("on"), "memory": cty.NumberIntVal(4096), "disk": cty.NumberIntVal(80), "created_at": cty.StringVal("2026-03-14T15:09:26Z"),
		"network_ids": cty.EmptyTupleVal, "gateway": cty.NullVal(cty.DynamicPseudoType),
	}
	r.Uses = []spec.Address{{Kind: "network", Name: "web"}}
	return r
}

// TestFence: a commit that passed the check of the file a moment before the lock was broken is stopped in the transaction.
func TestFence(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state.db")
	s, other := openAt(t, path), openAt(t, path)
	statetest.Take(t, s, "mine")
	writes, err := encode([]state.Write{state.SetSettled{}})
	require.NoError(t, err)
	c := &commit{ctx: t.Context(), writes: writes, lock: s.lockHeld(), answer: make(chan error, 1)}
	require.NoError(t, other.Unlock(t.Context(), "mine"))
	s.commitGroup([]*commit{c})
	require.Equal(t, state.ErrLockLost, <-c.answer)
	statetest.Take(t, other, "theirs")
	s.commitGroup([]*commit{c})
	require.Equal(t, state.ErrLockLost, <-c.answer)
	require.False(t, statetest.Load(t, s).Settled)
}

func BenchmarkLoad(b *testing.B) {
	for _, n := range []int{1000, 6000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			s := openAt(b, filepath.Join(b.TempDir(), "state.db"))
			l, err := s.Lock(b.Context(), statetest.Owner("x"))
			require.NoError(b, err)
			writes := []state.Write{state.PutAccount{Account: statetest.Account}}
			for i := range n {
				writes = append(writes, state.PutResource{Resource: typical(i)})
			}
			require.NoError(b, s.Commit(b.Context(), writes...))
			require.NoError(b, l.Release())
			b.ReportAllocs()
			for b.Loop() {
				st, err := s.Load(b.Context())
				require.NoError(b, err)
				require.Len(b, st.Resources, n)
			}
		})
	}
}

func BenchmarkCommit(b *testing.B) {
	for _, callers := range []int{1, 10} {
		b.Run(fmt.Sprintf("callers=%d", callers), func(b *testing.B) {
			s := openAt(b, filepath.Join(b.TempDir(), "state.db"))
			l, err := s.Lock(b.Context(), statetest.Owner("x"))
			require.NoError(b, err)
			defer l.Release()
			require.NoError(b, s.Commit(b.Context(), state.PutAccount{Account: statetest.Account}))
			b.ReportAllocs()
			b.SetParallelism(callers)
			b.RunParallel(func(pb *testing.PB) {
				for i := 0; pb.Next(); i++ {
					r := typical(i % 100)
					if err := s.Commit(b.Context(), state.PutIntent{Intent: statetest.Create("i-"+r.ID, r.Address.Name)}, state.CloseIntent{ID: "i-" + r.ID}); err != nil {
						b.Error(err)
						return
					}
				}
			})
		})
	}
}

// TestLockedFileThatWasReplaced: whoever locks a file that somebody else has just put another in the place of holds nothing.
func TestLockedFileThatWasReplaced(t *testing.T) {
	s := &Store{path: filepath.Join(t.TempDir(), "state.db")}
	l, err := s.openLocked()
	require.NoError(t, err)
	defer l.close()
	require.True(t, l.inPlace())
	require.NoError(t, s.replaceNote(note{Serial: 7}))
	require.False(t, l.inPlace())
	require.Equal(t, note{Serial: 7}, s.readNote())
	require.NoError(t, l.write(note{Serial: 9}))
	require.Equal(t, int64(7), s.readNote().Serial, "what the old holder writes goes nowhere")
}
