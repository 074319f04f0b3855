package providers_test

import (
	"context"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/vpsync/vpsync/pkg/providers"
)

// limited is tiny with two classes: creates are dear.
var limited = strings.Replace(tiny, "}\n\nkind", `
  rate_limit "standard" {
    requests = 5
    per      = "1h"
    default  = true
  }

  rate_limit "intensive" {
    requests = 2
    per      = "1h"
  }

  rate_limit_headers {
    limit     = "X-Limit"
    remaining = "X-Remaining"
    reset     = "X-Reset"
  }
}

kind`, 1)

var limitedCreates = strings.Replace(limited, `request    = "POST /boxes"`, "request    = \"POST /boxes\"\n    rate_limit = \"intensive\"", 1)

// meter is an API that counts requests in windows of an hour and refuses what goes beyond.
type meter struct {
	mu      sync.Mutex
	clock   *clock
	limits  map[string]int // by method
	used    map[string]int
	reset   time.Time
	refused int
	served  int
}

func (m *meter) RoundTrip(r *http.Request) (*http.Response, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	now := m.clock.Now()
	if !now.Before(m.reset) {
		m.reset, m.used = now.Truncate(time.Hour).Add(time.Hour), map[string]int{}
	}
	limit := m.limits[r.Method]
	class := strconv.Itoa(limit)
	m.used[class]++
	header := []string{"X-Limit", class, "X-Remaining", strconv.Itoa(max(limit-m.used[class], 0)), "X-Reset", strconv.FormatInt(m.reset.Unix(), 10)}
	if m.used[class] > limit {
		m.refused++
		return says(429, "", header...), nil
	}
	m.served++
	if r.Method == http.MethodPost {
		return says(201, `{"id":`+strconv.Itoa(m.served)+`}`, header...), nil
	}
	return says(200, `[]`, header...), nil
}

// TestBudget: once the headers have told, no request is sent that the API would refuse; it waits for its window.
func TestBudget(t *testing.T) {
	virtual := newClock()
	m := &meter{clock: virtual, limits: map[string]int{"GET": 5, "POST": 2}}
	var waits []string
	c := client(t, limitedCreates, m, func(c *providers.Config) {
		c.Clock = virtual
		c.Waiting = func(class string, until time.Time) { waits = append(waits, class+" "+until.UTC().Format("15:04")) }
	})
	require.Equal(t, "[{standard 5 -1 0001-01-01 00:00:00 +0000 UTC} {intensive 2 -1 0001-01-01 00:00:00 +0000 UTC}]", sprint(c.Budgets()))
	for range 5 {
		_, err := c.Do(t.Context(), create("a"), nil)
		require.NoError(t, err)
	}
	for range 6 {
		_, err := c.List(t.Context(), "box")
		require.NoError(t, err)
	}
	require.Zero(t, m.refused)
	require.Equal(t, 11, m.served)
	require.Equal(t, []string{"intensive 04:00", "intensive 05:00", "standard 06:00"}, waits)
	b := c.Budgets()
	require.Equal(t, 4, b[0].Remaining)
	require.Equal(t, "07:00", b[0].Reset.UTC().Format("15:04"))
}

// TestBudgetSideBySide: requests that leave together share what is left.
func TestBudgetSideBySide(t *testing.T) {
	virtual := newClock()
	m := &meter{clock: virtual, limits: map[string]int{"GET": 5, "POST": 2}}
	c := client(t, limitedCreates, m, func(c *providers.Config) { c.Clock = virtual })
	_, err := c.List(t.Context(), "box")
	require.NoError(t, err)
	var group sync.WaitGroup
	for range 20 {
		group.Go(func() {
			_, err := c.List(context.Background(), "box")
			require.NoError(t, err)
		})
	}
	group.Wait()
	require.Zero(t, m.refused)
	require.Equal(t, 21, m.served)
}

// TestBudgetUnheard: of a window that nothing was heard of, no more requests are under way than it has; the rest wait for an answer.
func TestBudgetUnheard(t *testing.T) {
	for name, warm := range map[string]bool{"first": false, "next": true} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				virtual := newClock()
				m := &meter{clock: virtual, limits: map[string]int{"GET": 5}}
				var held atomic.Bool
				var sent atomic.Int32
				release := make(chan struct{})
				c := client(t, limited, tripper(func(r *http.Request) (*http.Response, error) {
					if sent.Add(1); held.Load() {
						<-release
					}
					return m.RoundTrip(r)
				}), func(c *providers.Config) { c.Clock = virtual })
				list := func() {
					_, err := c.List(context.Background(), "box")
					require.NoError(t, err)
				}
				if warm {
					list()
				}
				held.Store(true)
				sent.Store(0)
				for range 3 {
					go list()
				}
				synctest.Wait()
				if warm {
					require.NoError(t, virtual.Sleep(t.Context(), time.Hour))
				}
				for range 9 {
					go list()
				}
				synctest.Wait()
				require.EqualValues(t, 5, sent.Load())
				held.Store(false)
				close(release)
				synctest.Wait()
				require.EqualValues(t, 12, sent.Load())
				require.Zero(t, m.refused)
			})
		})
	}
}

// TestBudgetLearnsTheClass: the limit in the header tells in which class a request really counted.
func TestBudgetLearnsTheClass(t *testing.T) {
	virtual := newClock()
	m := &meter{clock: virtual, limits: map[string]int{"GET": 5, "POST": 2}}
	c := client(t, limited, m, func(c *providers.Config) { c.Clock = virtual }) // says that creates are standard
	for range 4 {
		_, err := c.Do(t.Context(), create("a"), nil)
		require.NoError(t, err)
	}
	require.Zero(t, m.refused)
	require.Equal(t, -1, c.Budgets()[0].Remaining)
	require.Equal(t, 0, c.Budgets()[1].Remaining)
}

// TestBudgetInterrupted: whoever waits for a window can be interrupted, and nothing was sent.
func TestBudgetInterrupted(t *testing.T) {
	virtual := newClock()
	m := &meter{clock: virtual, limits: map[string]int{"GET": 1, "POST": 1}}
	ctx, cancel := context.WithCancel(t.Context())
	c := client(t, limited, m, func(c *providers.Config) {
		c.Clock = virtual
		c.Waiting = func(string, time.Time) { cancel() }
	})
	_, err := c.Do(ctx, create("a"), nil)
	require.NoError(t, err)
	_, err = c.Do(ctx, create("a"), nil)
	var e *providers.Error
	require.ErrorAs(t, err, &e)
	require.Equal(t, providers.NotSent, e.Outcome)
	require.ErrorIs(t, err, context.Canceled)
	require.ErrorContains(t, err, `rate limit "standard"`)
	require.Equal(t, 1, m.served+m.refused)
}

// TestBudgetWithoutHeaders counts by itself.
func TestBudgetWithoutHeaders(t *testing.T) {
	virtual := newClock()
	src := strings.Replace(limited, "  rate_limit_headers {\n    limit     = \"X-Limit\"\n    remaining = \"X-Remaining\"\n    reset     = \"X-Reset\"\n  }\n", "", 1)
	s := tripper(func(*http.Request) (*http.Response, error) { return says(200, "[]"), nil })
	c := client(t, src, s, func(c *providers.Config) { c.Clock = virtual })
	for range 6 {
		_, err := c.List(t.Context(), "box")
		require.NoError(t, err)
	}
	require.Equal(t, "[1h0m0s]", sprint(virtual.slept))
}

// TestBudgetStrayRefusal: a refusal that asks for a moment, or for nothing, costs that moment: of a window of which the API said, and says
// again, that it has room, nothing is given up.
func TestBudgetStrayRefusal(t *testing.T) {
	const hour = "1767326645" // from the beginning, in Unix seconds
	for name, c := range map[string]struct {
		header []string
		want   string
	}{
		"says for how long": {header: []string{"Retry-After", "11"}, want: "[11s]"},
		"says nothing":      {want: "[1s]"},
		"says both":         {header: []string{"Retry-After", "11", "X-Limit", "5", "X-Remaining", "3", "X-Reset", hour}, want: "[11s]"},
		"is empty":          {header: []string{"Retry-After", "11", "X-Limit", "5", "X-Remaining", "0", "X-Reset", hour}, want: "[11s 59m49s]"},
	} {
		t.Run(name, func(t *testing.T) {
			virtual := newClock()
			room := func(n string) *http.Response {
				return says(200, "[]", "X-Limit", "5", "X-Remaining", n, "X-Reset", hour)
			}
			s := &script{answers: answers(room("4"), says(429, "", c.header...), room("2"), room("1"), room("0"))}
			cl := client(t, limited, s, func(c *providers.Config) { c.Clock = virtual })
			for range 4 {
				_, err := cl.List(t.Context(), "box")
				require.NoError(t, err)
			}
			require.Equal(t, c.want, sprint(virtual.slept))
		})
	}
}

// TestBudgetGivenUp: where refusals say nothing for longer than a window, not every request of a run waits for another one: each goes and
// sees, once.
func TestBudgetGivenUp(t *testing.T) {
	virtual := newClock()
	sent, well := 0, false
	c := client(t, limited, tripper(func(*http.Request) (*http.Response, error) {
		if sent++; well {
			return says(200, "[]"), nil
		}
		return says(429, ""), nil
	}), func(c *providers.Config) { c.Clock = virtual })
	refused := func() {
		_, err := c.List(t.Context(), "box")
		var e *providers.Error
		require.ErrorAs(t, err, &e)
		require.Equal(t, 429, e.Status)
		require.Equal(t, time.Hour, e.RetryAfter)
	}
	refused()
	require.Equal(t, 8, sent)
	waited := virtual.total()
	require.Greater(t, waited, time.Hour)
	require.Less(t, waited, 2*time.Hour)
	for range 20 {
		refused()
	}
	require.Equal(t, 28, sent)
	require.Equal(t, waited+20*time.Second, virtual.total())
	well = true
	for range 3 {
		_, err := c.List(t.Context(), "box")
		require.NoError(t, err)
	}
	require.Equal(t, 31, sent)
}

// TestAbsurdReset: no header makes a run wait for years.
func TestAbsurdReset(t *testing.T) {
	virtual := newClock()
	s := &script{answers: answers(says(200, "[]", "X-Limit", "5", "X-Remaining", "0", "X-Reset", "99999999999"), says(200, "[]"))}
	c := client(t, limited, s, func(c *providers.Config) { c.Clock = virtual })
	for range 2 {
		_, err := c.List(t.Context(), "box")
		require.NoError(t, err)
	}
	require.Equal(t, "[1h0m0s]", sprint(virtual.slept))
}
