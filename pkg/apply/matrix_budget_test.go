package apply_test

import (
	"context"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/vpsync/vpsync/internal/matrix"
	"github.com/vpsync/vpsync/pkg/providers"
	"github.com/vpsync/vpsync/pkg/providers/servosphere"
	"github.com/vpsync/vpsync/pkg/sandbox"
)

// limitedTo is servosphere with other limits in an hour.
func limitedTo(t *testing.T, standard, intensive int) *providers.Definition {
	t.Helper()
	source := replaceOnce(string(servosphere.Source), "requests = 1000\n", fmt.Sprintf("requests = %d\n", standard))
	source = replaceOnce(source, "requests = 100\n", fmt.Sprintf("requests = %d\n", intensive))
	def, diags := providers.Decode([]byte(source), "servosphere.provider.hcl")
	require.Empty(t, diags)
	return def
}

// servers is a stack of n servers; only they count as intensive.
func servers(n int) string {
	return fmt.Sprintf(`
server "web" {
  count    = %d
  name     = "web-${count.index}"
  plan     = "vps-small"
  location = "AMS"
}
`, n)
}

// unheard leaves out what an API says of its limits: of all answers, or of refusals alone.
type unheard struct {
	next     http.RoundTripper
	refusals bool
}

func (u unheard) RoundTrip(r *http.Request) (*http.Response, error) {
	resp, err := u.next.RoundTrip(r)
	if err == nil && (!u.refusals || resp.StatusCode == http.StatusTooManyRequests) {
		maps.DeleteFunc(resp.Header, func(name string, _ []string) bool { return strings.HasPrefix(name, "X-Ratelimit") })
	}
	return resp, err
}

// use takes requests out of a window as another program with the same token does.
func (w *world) use(n int) {
	w.t.Helper()
	for range n {
		r, err := http.NewRequestWithContext(w.t.Context(), http.MethodPost, w.def.BaseURL+"/backups", strings.NewReader("{}"))
		require.NoError(w.t, err)
		r.Header.Set("Authorization", "Bearer "+token)
		r.Header.Set("Content-Type", "application/json")
		resp, err := w.sandbox.Transport().RoundTrip(r)
		require.NoError(w.t, err)
		require.NotEqual(w.t, http.StatusTooManyRequests, resp.StatusCode)
		_, _ = io.Copy(io.Discard, resp.Body)
		require.NoError(w.t, resp.Body.Close())
	}
}

// refused counts the requests that the sandbox refused for their number.
func refused(t *testing.T, s *sandbox.Sandbox) int {
	t.Helper()
	log, err := s.Log()
	require.NoError(t, err)
	n := 0
	for _, e := range log {
		if e.Status == http.StatusTooManyRequests {
			n++
		}
	}
	return n
}

// TestBudget: an apply of more than a window allows waits for the windows that it takes, tells for what, and sends nothing of
// which it knows that it would be refused, however much of the window somebody else has used and however little the API says.
func TestBudget(t *testing.T) {
	const all, afterRefusal, nothing = "all", "but of refusals", "nothing"
	begun, cases := time.Now(), 0
	for _, limit := range []int{1, 3, 5} {
		for _, used := range slices.Compact([]int{0, limit / 2, limit}) {
			for _, parallelism := range []int{1, 2, 8} {
				for _, says := range []string{all, afterRefusal, nothing} {
					t.Run(fmt.Sprintf("limit=%d/used=%d/parallel=%d/says %s", limit, used, parallelism, says), func(t *testing.T) {
						cases++
						inDefinition(t, limitedTo(t, 1000, limit), func(t *testing.T, w *world) {
							w.parallelism = parallelism
							if says != all {
								w.wire = func(next http.RoundTripper) http.RoundTripper { return unheard{next, says == afterRefusal} }
							}
							var mu sync.Mutex
							waits := 0
							w.throttled = func(class string, until time.Time) {
								mu.Lock()
								defer mu.Unlock()
								waits++
								assert.Equal(t, "intensive", class)
								assert.True(t, until.After(time.Now()))
								assert.LessOrEqual(t, time.Until(until), time.Hour+time.Second)
							}
							n := 2*limit + 2
							w.write(servers(n))
							w.use(used)
							began := time.Now()
							w.converge()
							took := time.Since(began)
							require.Equal(t, n, w.writes(true)["server.create"])
							windows := (n + used - 1) / limit // that have to end first
							ended := time.Duration(windows) * time.Hour
							require.GreaterOrEqual(t, took, ended)
							// Then the last ones are made, so many at a time. A server boots for 45 seconds, and is looked at every ten.
							const boot = 50 * time.Second
							last := n + used - windows*limit
							// What flies when an answer comes is taken for not counted in it, which it may be: so a window may end with some
							// of it unused, and those are sent in the last one, too.
							last += windows * (min(parallelism, limit) - 1)
							// Where there are more of those than a window takes, they need another one.
							late := ended + time.Duration((last-1)/limit)*time.Hour
							rounds := time.Duration((last + parallelism - 1) / parallelism)
							require.Positive(t, waits, "it is told")
							got := refused(t, w.sandbox)
							switch {
							case says == nothing:
								// Of each window it has to find out: what flies side by side, and then one at a time.
								require.LessOrEqual(t, got, windows*(8+parallelism))
								// What it guesses doubles until it is right: a window costs twice its length at most. In between all are made.
								require.Less(t, took, 2*ended+time.Duration(n)*boot)
							case used == 0:
								require.Zero(t, got, "it knew")
								require.LessOrEqual(t, took, late+rounds*boot)
							default:
								// What it sent before the first answer, and with a refusal that says nothing the tries after it.
								require.LessOrEqual(t, got, min(parallelism, limit)+map[bool]int{true: 8}[says == afterRefusal])
								require.LessOrEqual(t, took, late+rounds*boot)
							}
						})
					})
				}
			}
		}
	}
	matrix.Ran(t, "budget", cases, begun)
}

// TestBudgetLesserLimit: the account's limit is smaller than the document says. The answers tell.
func TestBudgetLesserLimit(t *testing.T) {
	inDefinition(t, limitedTo(t, 1000, 100), func(t *testing.T, w *world) {
		lesser, err := sandbox.Open(limitedTo(t, 1000, 7), sandbox.Options{Token: token, Clock: wall{}, Provisioning: 45 * time.Second})
		require.NoError(t, err)
		require.NoError(t, w.sandbox.Close())
		w.sandbox = lesser
		w.parallelism = 4
		w.write(servers(20))
		w.converge()
		require.Zero(t, refused(t, w.sandbox))
	})
}

// TestBudgetOfReads: the refresh of an account waits, too.
func TestBudgetOfReads(t *testing.T) {
	inDefinition(t, limitedTo(t, 6, 100), func(t *testing.T, w *world) {
		w.parallelism = 8
		w.write(quickstart)
		began := time.Now()
		w.requireWell(w.apply())
		require.Greater(t, time.Since(began), time.Hour, "the limit is too wide to show anything")
		require.Zero(t, refused(t, w.sandbox))
		time.Sleep(time.Hour) // another process knows nothing of the window that this one has used
		require.True(t, w.plan().Plan.Empty())
		require.Zero(t, refused(t, w.sandbox))
	})
}

// TestBudgetShared: two accounts of one token share a budget, since the API counts them together; of two tokens each has its own.
func TestBudgetShared(t *testing.T) {
	for _, same := range []bool{true, false} {
		t.Run(fmt.Sprintf("same=%t", same), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				def := limitedTo(t, 5, 2)
				var budgets providers.Budgets
				var clients []*providers.Client
				var accounts []*sandbox.Sandbox
				for i := range 2 {
					s, err := sandbox.Open(def, sandbox.Options{Token: fmt.Sprint("token-", i), Clock: wall{}})
					require.NoError(t, err)
					accounts = append(accounts, s)
					at, own := s, fmt.Sprint("token-", i)
					if same {
						at, own = accounts[0], "token-0"
					}
					// Each account has a definition of its own in memory.
					c, err := providers.New(limitedTo(t, 5, 2), providers.Config{Account: fmt.Sprint(i), Token: own, Transport: at.Transport(), Clock: wall{}, Budgets: &budgets})
					require.NoError(t, err)
					clients = append(clients, c)
				}
				began := time.Now()
				var all sync.WaitGroup
				for range 6 {
					for _, c := range clients {
						all.Go(func() {
							_, err := c.List(context.Background(), "server")
							assert.NoError(t, err)
						})
					}
				}
				all.Wait()
				hours := map[bool]time.Duration{true: 2, false: 1}[same] // 12 in windows of 5, or 6 twice
				require.GreaterOrEqual(t, time.Since(began), (hours-1)*time.Hour)
				require.Less(t, time.Since(began), (hours+1)*time.Hour)
				for _, s := range accounts {
					require.Zero(t, refused(t, s))
					require.NoError(t, s.Close())
				}
			})
		})
	}
}
