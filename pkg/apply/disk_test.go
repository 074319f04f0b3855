package apply_test

import (
	"context"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/vpsync/vpsync/pkg/apply"
	"github.com/vpsync/vpsync/pkg/sandbox"
	"github.com/vpsync/vpsync/pkg/spec"
	"github.com/vpsync/vpsync/pkg/state"
	"github.com/vpsync/vpsync/pkg/state/sqlite"
	"github.com/zclconf/go-cty/cty"
)

// TestOnDisk is a life with the state in a file, and in real time: each run opens the file anew.
func TestOnDisk(t *testing.T) {
	def := servosphereDefinition(t)
	s, err := sandbox.Open(def, sandbox.Options{Token: token, Unlimited: true})
	require.NoError(t, err)
	defer s.Close()
	w := &world{t: t, def: def, sandbox: s, store: newMemory(), dir: t.TempDir(), parallelism: 8, allow: 100, mode: apply.RefreshAuto, pollEvery: time.Millisecond}
	path := filepath.Join(t.TempDir(), "state.db")
	run := func(command string) *apply.Result {
		t.Helper()
		store, err := sqlite.Open(t.Context(), path, sqlite.Options{})
		require.NoError(t, err)
		defer store.Close()
		lock, err := store.Lock(t.Context(), state.Owner{ID: "lock-" + command, Run: "run", Command: command})
		require.NoError(t, err)
		defer func() { require.NoError(t, lock.Release()) }()
		r := w.process(command)
		r.Store, r.Lock = store, lock
		_, err = r.Settle(t.Context())
		require.NoError(t, err)
		st, err := store.Load(t.Context())
		require.NoError(t, err)
		made, diags, err := r.Planner.Make(t.Context(), st)
		require.NoError(t, err)
		require.Empty(t, diags)
		result, err := r.Apply(t.Context(), context.Background(), made)
		require.NoError(t, err)
		w.requireWell(result)
		return result
	}
	w.write(quickstart)
	require.Equal(t, 10, run("apply").Counts.Add)
	require.Zero(t, run("apply").Writes)
	rule := w.objects("firewall_rule")[0]
	_, err = s.Set("firewall_rule", rule.ID, spec.Values{"source": cty.StringVal("192.168.0.0/16")})
	require.NoError(t, err)
	require.Equal(t, 1, run("apply").Counts.Change)
	require.Equal(t, 6, run("destroy").Counts.Destroy)
	require.Equal(t, 3, run("apply").Counts.Adopt)
	require.Zero(t, run("apply").Writes)
}
