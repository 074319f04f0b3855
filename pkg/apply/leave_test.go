package apply_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/vpsync/vpsync/pkg/apply"
	"github.com/vpsync/vpsync/pkg/providers"
	"github.com/vpsync/vpsync/pkg/spec"
)

// names is a zone with records, at a host whose deletes take a while.
const names = `
zone "main" {
  origin  = "example.org"
  contact = "dns@example.org"
}
record "www" {
  zone_id = zone.main.id
  label   = "www"
  type    = "A"
  values  = ["192.0.2.10"]
}
`

const old = `
record "old" {
  zone_id = zone.main.id
  label   = "old"
  type    = "TXT"
  values  = ["kept"]
}
`

func inTernWorld(t *testing.T, test func(t *testing.T, w *world)) {
	t.Helper()
	src, err := os.ReadFile("../../examples/own-provider/tern.provider.hcl")
	require.NoError(t, err)
	def, diags := providers.Decode(src, "tern.provider.hcl")
	require.Empty(t, diags)
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, dir, def)
		w.parallelism = 1
		test(t, w)
		require.NoError(t, w.sandbox.Close())
	})
}

// TestCrashWhileLeaving stops a run that deletes and replaces at each of its boundaries. The delete of what is on its way out
// is not sent again, nothing is made twice, and in the end nothing is left of what went.
func TestCrashWhileLeaving(t *testing.T) {
	crashed := map[string]bool{}
	for n, done := 1, false; !done; n++ {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			inTernWorld(t, func(t *testing.T, w *world) {
				w.write(names + old)
				w.converge()
				require.NoError(t, w.sandbox.ClearLog())
				w.write(replaceOnce(names, `"A"`, `"TXT"`))
				hook, reached := crashAt(n)
				w.boundary = hook
				_, err := w.run(t.Context(), context.Background(), "apply")
				count, point := reached()
				w.boundary = nil
				if count < n {
					require.NoError(t, err)
					done = true
				} else {
					require.ErrorIs(t, err, errCrash, point)
					crashed[point] = true
				}
				w.requireWell(w.apply())
				time.Sleep(time.Minute) // of the bubble: what was leaving is gone
				w.converge()
				w.requireSentOnce(point)
				require.Equal(t, map[string]int{"record.delete": 2, "record.create": 1}, w.writes(true), point)
			})
		})
		require.Less(t, n, 100, "the run never ends")
	}
	require.True(t, crashed[apply.BoundaryLeaving])
}

// TestDestroyAfterCrash: a run that was killed while records were on their way out goes on once they are gone, since the host refuses to
// delete a zone that still has any.
func TestDestroyAfterCrash(t *testing.T) {
	inTernWorld(t, func(t *testing.T, w *world) {
		refused := 0
		w.wire = func(next http.RoundTripper) http.RoundTripper {
			return wire(func(r *http.Request) (*http.Response, error) {
				if r.Method == http.MethodDelete && !strings.Contains(r.URL.Path, "/records/") && len(w.objects("record")) > 0 {
					refused++
					body := io.NopCloser(strings.NewReader(`{"fault":{"name":"ZONE_IN_USE","text":"It has records."}}`))
					return &http.Response{StatusCode: http.StatusConflict, Header: http.Header{}, Body: body}, nil
				}
				return next.RoundTrip(r)
			})
		}
		w.write(names)
		w.converge()
		w.boundary = func(point string) error {
			if point == apply.BoundaryLeaving {
				return errCrash
			}
			return nil
		}
		_, err := w.run(t.Context(), context.Background(), "destroy")
		require.ErrorIs(t, err, errCrash)
		w.boundary = nil
		result, err := w.run(t.Context(), context.Background(), "destroy")
		require.NoError(t, err)
		w.requireWell(result)
		require.Empty(t, w.objects(""))
		require.Zero(t, refused)
	})
}

// TestDeleteNotKept: a delete that was accepted and never done is no success. The object stays recorded, and the next run deletes it
// again.
func TestDeleteNotKept(t *testing.T) {
	inTernWorld(t, func(t *testing.T, w *world) {
		w.write(names + old)
		w.converge()
		id := w.store.record(t, "record.old").ID
		stuck := true
		w.wire = func(next http.RoundTripper) http.RoundTripper {
			return wire(func(r *http.Request) (*http.Response, error) {
				if stuck && r.Method == http.MethodDelete {
					return &http.Response{StatusCode: http.StatusAccepted, Header: http.Header{}, Body: http.NoBody}, nil
				}
				return next.RoundTrip(r)
			})
		}
		w.write(names)
		result := w.apply()
		require.Len(t, result.Failures, 1)
		require.ErrorContains(t, result.Failures[0].Err, fmt.Sprintf("record %s is still there 10m0s after its delete was accepted", id))
		require.Equal(t, 3, result.ExitCode())
		require.Equal(t, id, w.store.record(t, "record.old").ID)

		stuck = false
		time.Sleep(time.Hour)
		w.requireWell(w.apply())
		w.converge()
		require.False(t, slices.ContainsFunc(w.objects("record"), func(o spec.Object) bool { return o.ID == id }))
	})
}

// wire is a function as a transport.
type wire func(*http.Request) (*http.Response, error)

func (f wire) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }
