package providers_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/vpsync/vpsync/pkg/providers"
	"github.com/vpsync/vpsync/pkg/spec"
)

// slow is tiny with a status to wait for. Without its read, only lists tell.
var (
	slow = strings.Replace(tiny, "  create {", `  attribute "status" {
    type     = string
    computed = true
  }

  wait {
    pending = { status = ["building"] }
    ready   = { status = ["up", "down"] }
    failed  = { status = ["lost"] }
    every   = "10s"
    timeout = "5m"
  }

  create {`, 1)
	slowLists = strings.Replace(slow, "  read {\n    request    = \"GET /boxes/{id}\"\n    documented = true\n  }\n", "", 1)
)

// builder is an API whose boxes are up some time after the test began.
type builder struct {
	mu    sync.Mutex
	up    map[string]time.Time
	final string // status once up; "up" unless set
	asked []string
}

func (b *builder) status(id string) string {
	if time.Now().Before(b.up[id]) {
		return "building"
	}
	if b.final != "" {
		return b.final
	}
	return "up"
}

func (b *builder) RoundTrip(r *http.Request) (*http.Response, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.asked = append(b.asked, r.URL.Path)
	if id, ok := strings.CutPrefix(r.URL.Path, "/v1/boxes/"); ok {
		if _, ok := b.up[id]; !ok {
			return says(404, `{"message":"none"}`), nil
		}
		return says(200, fmt.Sprintf(`{"id":%q,"status":%q}`, id, b.status(id))), nil
	}
	var list []string
	for id := range b.up {
		list = append(list, fmt.Sprintf(`{"id":%q,"status":%q}`, id, b.status(id)))
	}
	return says(200, "["+strings.Join(list, ",")+"]"), nil
}

func realTime(c *providers.Config) { c.Clock = providers.RealClock() } // virtual inside a synctest bubble

// TestWaitTogether: many waiters cost one list each interval, although they began at different times.
func TestWaitTogether(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &builder{up: map[string]time.Time{}}
		for i := range 20 {
			b.up[fmt.Sprint(i)] = time.Now().Add(95 * time.Second)
		}
		c := client(t, slow, b, realTime)
		start := time.Now()
		var group sync.WaitGroup
		for i := range 20 {
			time.Sleep(100 * time.Millisecond)
			group.Go(func() {
				var seen []string
				o, err := c.Wait(t.Context(), "box", fmt.Sprint(i), func(o spec.Object) { seen = append(seen, o.Status) })
				require.NoError(t, err)
				require.True(t, o.Ready)
				require.Equal(t, "up", seen[len(seen)-1])
				require.Equal(t, "building", seen[0])
			})
		}
		group.Wait()
		took := time.Since(start)
		require.Less(t, took, 115*time.Second)
		require.Less(t, len(b.asked), 14, "at most one list each interval, and one or two to fall into step: %v", b.asked)
		single := 0
		for _, path := range b.asked {
			if path != "/v1/boxes" {
				single++
			}
		}
		require.LessOrEqual(t, single, 1, "only who is left alone at the end reads for itself: %v", b.asked)
	})
}

// TestWaitAlone reads the one object.
func TestWaitAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &builder{up: map[string]time.Time{"7": time.Now().Add(25 * time.Second)}}
		o, err := client(t, slow, b, realTime).Wait(t.Context(), "box", "7", nil)
		require.NoError(t, err)
		require.Equal(t, "up", o.Status)
		require.Equal(t, []string{"/v1/boxes/7", "/v1/boxes/7", "/v1/boxes/7"}, b.asked)
	})
}

func TestWaitEnds(t *testing.T) {
	for name, c := range map[string]struct {
		src, final string
		up         time.Duration
		id         string
		want       string
		after      time.Duration
	}{
		"failed":          {src: slow, final: "lost", id: "7", want: `box 7 failed: its status is "lost"`, after: 10 * time.Second},
		"failed in lists": {src: slowLists, final: "lost", id: "7", want: `its status is "lost"`, after: 10 * time.Second},
		"late":            {src: slow, up: time.Hour, id: "7", want: `box 7 is not ready after 5m0s: its status is "building"`, after: 5 * time.Minute},
		"a new word":      {src: slow, final: "migrating", id: "7", want: `is not ready after 5m0s: its status is "migrating"`, after: 5 * time.Minute},
		"missing":         {src: slowLists, id: "8", want: "does not appear in the account", after: 20 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := &builder{up: map[string]time.Time{"7": time.Now().Add(c.up)}, final: c.final}
				start := time.Now()
				_, err := client(t, c.src, b, realTime).Wait(t.Context(), "box", c.id, nil)
				require.ErrorContains(t, err, c.want)
				require.Equal(t, c.after, time.Since(start))
			})
		})
	}
}

// TestWaitThroughAnOutage: an API that is ill for a minute does not end a wait; a token that is refused does.
func TestWaitThroughAnOutage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &builder{up: map[string]time.Time{"7": time.Now()}}
		well := time.Now().Add(time.Minute)
		ill := tripper(func(r *http.Request) (*http.Response, error) {
			if time.Now().Before(well) {
				return says(503, ""), nil
			}
			return b.RoundTrip(r)
		})
		_, err := client(t, slow, ill, realTime).Wait(t.Context(), "box", "7", nil)
		require.NoError(t, err)
		refuse := tripper(func(*http.Request) (*http.Response, error) { return says(401, ""), nil })
		_, err = client(t, slow, refuse, realTime).Wait(t.Context(), "box", "7", nil)
		require.ErrorContains(t, err, "401")
	})
}

// TestWaitHeldBack: a list of which a rate limit held back the second page says nothing of what its first page showed an hour ago. One
// look more does; it ends the wait, whatever it sees.
func TestWaitHeldBack(t *testing.T) {
	src := strings.Replace(slowLists, "}\n\nkind", "\n"+byNumber+"\n}\n\nkind", 1)
	for name, c := range map[string]struct {
		up   time.Duration
		want string
	}{
		"ready meanwhile": {up: time.Minute},
		"never":           {up: 24 * time.Hour, want: `box 7 is not ready after 1h0m20s: its status is "building"`},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := &builder{up: map[string]time.Time{"7": time.Now().Add(c.up)}}
				refused := false
				api := tripper(func(r *http.Request) (*http.Response, error) {
					if r.URL.Query().Get("page") == "1" {
						return says(200, fmt.Sprintf(`{"data":[{"id":"7","status":%q},{"id":"8","status":"up"}],"meta":{"pages":2}}`, b.status("7"))), nil
					}
					if !refused {
						refused = true
						return says(429, "", "Retry-After", "3600"), nil
					}
					return says(200, `{"data":[{"id":"9","status":"up"}],"meta":{"pages":2}}`), nil
				})
				o, err := client(t, src, api, realTime).Wait(t.Context(), "box", "7", nil)
				if c.want != "" {
					require.ErrorContains(t, err, c.want)
					return
				}
				require.NoError(t, err)
				require.Equal(t, "up", o.Status)
			})
		})
	}
}

func TestWaitInterrupted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &builder{up: map[string]time.Time{"7": time.Now().Add(time.Hour)}}
		ctx, cancel := context.WithTimeout(t.Context(), 15*time.Second)
		defer cancel()
		_, err := client(t, slow, b, realTime).Wait(ctx, "box", "7", nil)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.Len(t, b.asked, 1)
	})
}

// TestTimeout: a request without an answer ends, and what it did is unknown.
func TestTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hang := tripper(func(r *http.Request) (*http.Response, error) {
			<-r.Context().Done()
			return nil, r.Context().Err()
		})
		start := time.Now()
		_, err := client(t, tiny, hang, realTime).Do(t.Context(), create("a"), nil)
		var e *providers.Error
		require.ErrorAs(t, err, &e)
		require.Equal(t, providers.Unknown, e.Outcome)
		require.Equal(t, 30*time.Second, time.Since(start))
	})
}
