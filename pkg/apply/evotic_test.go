package apply_test

import (
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/vpsync/vpsync/pkg/apply"
	"github.com/vpsync/vpsync/pkg/providers"
	"github.com/vpsync/vpsync/pkg/providers/evotic"
	"github.com/vpsync/vpsync/pkg/spec"
	"github.com/zclconf/go-cty/cty"
)

const evoticServer = `
server "app" {
  name        = "app"
  location_id = 1
  os_id       = 2
  password    = "hunter2-canary"
  cpu         = 1
  ram         = 1024
  disk        = 10
}`

func inEvotic(t *testing.T, test func(t *testing.T, w *world)) {
	t.Helper()
	def, diags := providers.Decode(evotic.Source, "evotic.provider.hcl")
	require.Empty(t, diags)
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, dir, def)
		test(t, w)
		require.NoError(t, w.sandbox.Close())
	})
}

// TestProgress: a wait with a request of its own tells what the server is busy with and how far it has come, and the object
// is read once it is ready.
func TestProgress(t *testing.T) {
	inEvotic(t, func(t *testing.T, w *world) {
		w.write(evoticServer)
		w.converge()
		var told []string
		for _, e := range w.happened(apply.EventWaiting) {
			told = append(told, e.Status)
		}
		require.Equal(t, []string{
			"installing, 11 %", "installing, 22 %", "installing, 33 %", "installing, 44 %", "installing, 55 %",
			"installing, 66 %", "installing, 77 %", "installing, 88 %", "started, 100 %",
		}, told)
		require.Equal(t, "srv-compute-01", w.store.record(t, "server.app").Observed["node"].AsString())
		require.False(t, w.store.record(t, "server.app").Unready)
		w.requireNoCanary()
	})
}

// TestLaggingStatus: right after its create a server may not be known yet to whoever tells of its state.
func TestLaggingStatus(t *testing.T) {
	inEvotic(t, func(t *testing.T, w *world) {
		asked := 0
		w.wire = func(next http.RoundTripper) http.RoundTripper {
			return roundTripper(func(r *http.Request) (*http.Response, error) {
				if strings.HasSuffix(r.URL.Path, "/status") {
					if asked++; asked == 1 {
						body := `{"type":"invalid_request","message":"Server not found"}`
						return &http.Response{StatusCode: http.StatusNotFound, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(body)), Request: r}, nil
					}
				}
				return next.RoundTrip(r)
			})
		}
		w.write(evoticServer)
		w.converge()
		require.Equal(t, 9, asked)
	})
}

// TestReadyIsAskedApart: a list that shows a server says nothing of whether it is ready, so a run that was cut off while it
// waited is gone on with; an object that is imported was never waited for.
func TestReadyIsAskedApart(t *testing.T) {
	inEvotic(t, func(t *testing.T, w *world) {
		w.write(evoticServer)
		w.boundary = func(point string) error {
			if point == apply.BoundaryWaiting {
				return errCrash
			}
			return nil
		}
		_, err := w.run(t.Context(), t.Context(), "apply")
		require.ErrorIs(t, err, errCrash)
		w.boundary = nil
		require.True(t, w.store.record(t, "server.app").Unready)
		require.Len(t, w.plan().Plan.Steps, 1)
		w.converge()
		require.Equal(t, map[string]int{"server.create": 1}, w.writes(true))
		require.False(t, w.store.record(t, "server.app").Unready)
		time.Sleep(time.Minute)
		require.True(t, w.plan().Plan.Empty())

		t.Log("adopted: nothing waits")
		_, err = w.sandbox.Create("server", spec.Values{"name": cty.StringVal("old"), "cpu": cty.NumberIntVal(1), "ram": cty.NumberIntVal(1024), "disk": cty.NumberIntVal(10)})
		require.NoError(t, err)
		w.adopt = true
		w.write(evoticServer + strings.ReplaceAll(evoticServer, `"app"`, `"old"`))
		require.NoError(t, w.sandbox.ClearLog())
		require.Equal(t, 1, w.converge().Counts.Adopt)
		require.Empty(t, w.writes(false))
		require.False(t, w.store.record(t, "server.old").Unready)
	})
}
