package apply_test

import (
	"net/http"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/vpsync/vpsync/pkg/apply"
	"github.com/vpsync/vpsync/pkg/plan"
	"github.com/vpsync/vpsync/pkg/providers"
	"github.com/vpsync/vpsync/pkg/spec"
	"github.com/zclconf/go-cty/cty"
)

// inAcme runs a test at a host whose lists lack details.
func inAcme(t *testing.T, test func(t *testing.T, w *world)) {
	t.Helper()
	src, err := os.ReadFile("testdata/acme.provider.hcl")
	require.NoError(t, err)
	def, diags := providers.Decode(src, "acme.provider.hcl")
	require.Empty(t, diags)
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, dir, def)
		test(t, w)
		require.NoError(t, w.sandbox.Close())
	})
}

const boxes = `
box "a" {
  count   = 3
  name    = "a-${count.index}"
  backups = true
}
`

// reads counts the single reads since the log was cleared.
func (w *world) reads() int {
	w.t.Helper()
	log, err := w.sandbox.Log()
	require.NoError(w.t, err)
	n := 0
	for _, e := range log {
		if e.Method == http.MethodGet && strings.HasSuffix(e.Operation, ".read") {
			n++
		}
	}
	return n
}

// TestDetails: a detail is read when its object moved, and once a day at least; otherwise lists do.
func TestDetails(t *testing.T) {
	inAcme(t, func(t *testing.T, w *world) {
		w.write(boxes)
		w.converge()
		time.Sleep(time.Minute)

		t.Log("read within two seconds of the change, the first details were not to be trusted: they are read once more")
		w.requireWell(w.apply())
		require.NoError(t, w.sandbox.ClearLog())
		time.Sleep(time.Minute)
		w.requireWell(w.apply())
		require.Zero(t, w.reads(), "nothing moved")

		t.Log("one moved, and one read shows how")
		moved := w.store.record(t, "box.a[1]")
		_, err := w.sandbox.Set("box", moved.ID, spec.Values{"backups": cty.False})
		require.NoError(t, err)
		time.Sleep(time.Minute)
		require.NoError(t, w.sandbox.ClearLog())
		made := w.plan()
		require.Equal(t, 1, w.reads())
		require.Len(t, made.Plan.Changes, 1)
		require.Equal(t, "box.a[1]", made.Plan.Changes[0].Address.String())
		require.Equal(t, plan.CauseDrift, made.Plan.Changes[0].Cause)
		w.converge()
		time.Sleep(time.Minute)
		w.requireWell(w.apply())

		t.Log("a full refresh reads every one")
		require.NoError(t, w.sandbox.ClearLog())
		w.mode = apply.RefreshFull
		w.plan()
		require.Equal(t, 3, w.reads())
		w.mode = apply.RefreshAuto

		t.Log("no detail grows older than a day")
		time.Sleep(24 * time.Hour)
		require.NoError(t, w.sandbox.ClearLog())
		w.requireWell(w.apply())
		require.Equal(t, 3, w.reads())
		require.NoError(t, w.sandbox.ClearLog())
		w.requireWell(w.apply())
		require.Zero(t, w.reads())
	})
}

// TestRefreshNone plans from what is recorded, and asks nothing.
func TestRefreshNone(t *testing.T) {
	inAcme(t, func(t *testing.T, w *world) {
		w.write(boxes)
		w.converge()
		require.NoError(t, w.sandbox.ClearLog())
		w.mode = apply.RefreshNone
		require.True(t, w.plan().Plan.Empty())
		log, err := w.sandbox.Log()
		require.NoError(t, err)
		require.Empty(t, log)

		t.Log("the check before a change sees the account all the same")
		_, err = w.sandbox.Set("box", w.store.record(t, "box.a[0]").ID, spec.Values{"name": cty.StringVal("renamed")})
		require.NoError(t, err)
		w.write(strings.Replace(boxes, "a-${", "b-${", 1))
		result := w.apply()
		require.Len(t, result.Failures, 1)
		var drift *apply.DriftError
		require.ErrorAs(t, result.Failures[0].Err, &drift)
		require.Equal(t, 2, result.Counts.Change)
	})
}

// TestSecrets: no secret reaches the state, the journal or the history.
func TestSecrets(t *testing.T) {
	inAcme(t, func(t *testing.T, w *world) {
		w.write(`
box "a" {
  name     = "a"
  password = "hunter2-canary"
}`)
		w.boundary = func(string) error {
			w.requireNoCanary()
			_, err := w.store.Load(t.Context())
			return err
		}
		w.converge()
		w.requireNoCanary()
		require.Len(t, w.store.record(t, "box.a").Secrets, 1)
		require.Equal(t, testKey.ID(), w.store.secretKey)

		t.Log("a new one is sent, once, and not said")
		w.write(`
box "a" {
  name     = "a"
  password = "hunter3-canary"
}`)
		require.Equal(t, 1, w.converge().Counts.Change)
	})
}

func (w *world) requireNoCanary() {
	w.t.Helper()
	w.store.mu.Lock()
	defer w.store.mu.Unlock()
	for _, in := range w.store.intents {
		require.NotContains(w.t, in.Applied, "password")
	}
	for _, r := range w.store.resources {
		require.NotContains(w.t, r.Applied, "password")
		require.NotContains(w.t, r.Observed, "password")
	}
	for _, c := range w.store.changes {
		require.NotContains(w.t, string(c.Before)+string(c.After), "canary")
	}
}

// TestDetailWithinASecond: a change within the second in which a detail was read leaves the changed field as it was, and is
// seen all the same.
func TestDetailWithinASecond(t *testing.T) {
	inAcme(t, func(t *testing.T, w *world) {
		w.write(boxes)
		w.converge()
		time.Sleep(time.Minute)
		time.Sleep(time.Until(time.Now().Truncate(time.Second).Add(time.Second)))
		id := w.store.record(t, "box.a[0]").ID
		_, err := w.sandbox.Set("box", id, spec.Values{"backups": cty.True})
		require.NoError(t, err)
		time.Sleep(200 * time.Millisecond)
		w.requireWell(w.apply())
		_, err = w.sandbox.Set("box", id, spec.Values{"backups": cty.False})
		require.NoError(t, err)
		time.Sleep(time.Minute)
		require.Len(t, w.plan().Plan.Changes, 1)
	})
}
