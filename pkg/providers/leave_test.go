package providers_test

import (
	"fmt"
	"net/http"
	"os"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/vpsync/vpsync/pkg/providers"
	"github.com/vpsync/vpsync/pkg/spec"
)

// lingering is tiny whose boxes take a while to go.
var lingering = strings.Replace(strings.Replace(tiny, "  create {", "  attribute \"status\" {\n    type     = string\n    computed = true\n  }\n\n  create {", 1),
	"    request    = \"DELETE /boxes/{id}\"\n    documented = true\n",
	"    request    = \"DELETE /boxes/{id}\"\n    documented = true\n\n    wait {\n      leaving = { status = [\"dying\"] }\n      every   = \"10s\"\n      timeout = \"5m\"\n    }\n", 1)

// leaver is an API whose boxes are dying, and gone at a time; the zero time is never.
type leaver struct {
	mu    sync.Mutex
	gone  map[string]time.Time
	asked []string
}

func (l *leaver) RoundTrip(r *http.Request) (*http.Response, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.asked = append(l.asked, r.URL.Path)
	var list []string
	for id, at := range l.gone {
		if at.IsZero() || time.Now().Before(at) {
			list = append(list, fmt.Sprintf(`{"id":%q,"name":"n","status":"dying"}`, id))
		} else {
			delete(l.gone, id)
		}
	}
	if id, ok := strings.CutPrefix(r.URL.Path, "/v1/boxes/"); ok {
		if _, ok := l.gone[id]; !ok {
			return says(404, `{"message":"none"}`), nil
		}
		return says(200, fmt.Sprintf(`{"id":%q,"status":"dying"}`, id)), nil
	}
	return says(200, "["+strings.Join(append(list, `{"id":"stays","name":"n","status":"up"}`), ",")+"]"), nil
}

// TestWaitGone: an object is waited for until nobody sees it, and no longer than the definition says.
func TestWaitGone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := &leaver{gone: map[string]time.Time{"7": time.Now().Add(25 * time.Second), "8": {}}}
		c := client(t, lingering, l, realTime)
		start := time.Now()
		var seen []string
		require.NoError(t, c.WaitGone(t.Context(), "box", "7", false, func(o spec.Object) { seen = append(seen, o.Status) }))
		require.Equal(t, 30*time.Second, time.Since(start))
		require.Equal(t, []string{"dying", "dying"}, seen)

		start = time.Now()
		err := c.WaitGone(t.Context(), "box", "8", false, nil)
		var late *providers.LingerError
		require.ErrorAs(t, err, &late)
		require.Equal(t, `box 8 is still there 5m0s after its delete was accepted: its status is "dying"`, err.Error())
		require.Equal(t, 5*time.Minute, time.Since(start))

		// What was deleted long ago is looked for at once.
		start = time.Now()
		require.NoError(t, c.WaitGone(t.Context(), "box", "7", true, nil))
		require.Zero(t, time.Since(start))

		// A kind that says nothing of it is gone with the answer.
		before := len(l.asked)
		require.NoError(t, client(t, tiny, l, realTime).WaitGone(t.Context(), "box", "8", false, nil))
		require.Len(t, l.asked, before)
	})
}

// TestWaitGoneHeldBack: what the first page showed before a rate limit held the second one back is looked at once more.
func TestWaitGoneHeldBack(t *testing.T) {
	src := strings.Replace(strings.Replace(lingering, "}\n\nkind", "\n"+byNumber+"\n}\n\nkind", 1), "  read {\n    request    = \"GET /boxes/{id}\"\n    documented = true\n  }\n", "", 1)
	synctest.Test(t, func(t *testing.T) {
		gone, refused := time.Now().Add(time.Minute), false
		api := tripper(func(r *http.Request) (*http.Response, error) {
			switch {
			case r.URL.Query().Get("page") == "1" && time.Now().Before(gone):
				return says(200, `{"data":[{"id":"7","status":"dying"},{"id":"8","status":"up"}],"meta":{"pages":2}}`), nil
			case r.URL.Query().Get("page") == "2" && !refused:
				refused = true
				return says(429, "", "Retry-After", "3600"), nil
			}
			return says(200, `{"data":[{"id":"9","status":"up"}],"meta":{"pages":2}}`), nil
		})
		require.NoError(t, client(t, src, api, realTime).WaitGone(t.Context(), "box", "7", false, nil))
	})
}

// TestWaitGoneTogether: many that go cost a list each interval.
func TestWaitGoneTogether(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := &leaver{gone: map[string]time.Time{}}
		for i := range 20 {
			l.gone[fmt.Sprint(i)] = time.Now().Add(35 * time.Second)
		}
		c := client(t, lingering, l, realTime)
		var group sync.WaitGroup
		for i := range 20 {
			group.Go(func() { require.NoError(t, c.WaitGone(t.Context(), "box", fmt.Sprint(i), false, nil)) })
		}
		group.Wait()
		require.Less(t, len(l.asked), 8, "%v", l.asked)
	})
}

// TestLeavingIsGone: what is on its way out is neither listed nor read, and not waited for to become ready.
func TestLeavingIsGone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := client(t, lingering, &leaver{gone: map[string]time.Time{"7": {}}}, realTime)
		objects, err := c.List(t.Context(), "box")
		require.NoError(t, err)
		require.Len(t, objects, 1)
		require.Equal(t, "stays", objects[0].ID)
		_, found, err := c.Read(t.Context(), "box", "7")
		require.NoError(t, err)
		require.False(t, found)
	})
}

// TestParentGone: of a parent that goes while its children are listed there are none. A path that is refused for a parent that
// exists is no proof of that: then the list fails, and nothing is taken for gone.
func TestParentGone(t *testing.T) {
	src, err := os.ReadFile("testdata/whole.provider.hcl")
	require.NoError(t, err)
	for name, exists := range map[string]bool{"gone": false, "exists": true} {
		t.Run(name, func(t *testing.T) {
			api := tripper(func(r *http.Request) (*http.Response, error) {
				switch r.URL.Path {
				case "/v1/boxes":
					return says(200, `{"boxes":[{"box":{"id":1}},{"box":{"id":2}}]}`), nil
				case "/v1/boxes/1/disks":
					return says(200, `{"data":[{"id":7,"slot":1}]}`), nil
				case "/v1/boxes/2":
					if exists {
						return says(200, `{"data":{"box":{"id":2}}}`), nil
					}
				}
				return says(404, `{"error":{"code":"NONE","message":"none"}}`), nil
			})
			c := client(t, string(src), api)
			disks, err := c.List(t.Context(), "disk")
			if exists {
				require.ErrorContains(t, err, "404 NONE")
				return
			}
			require.NoError(t, err)
			require.Len(t, disks, 1)
			require.Equal(t, "1/7", disks[0].ID)
			require.Equal(t, 2, c.ListCost("disk"), "the boxes, and the disks of one")
		})
	}
}
