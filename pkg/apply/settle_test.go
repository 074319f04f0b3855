package apply_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/vpsync/vpsync/pkg/apply"
	"github.com/vpsync/vpsync/pkg/plan"
	"github.com/vpsync/vpsync/pkg/sandbox"
	"github.com/vpsync/vpsync/pkg/spec"
	"github.com/zclconf/go-cty/cty"
)

const twoServers = oneServer + `
server "other" {
  name     = "other"
  plan     = "vps-small"
  location = "IST"
}

firewall_rule "web" {
  name       = "web"
  server_id  = server.web.id
  protocol   = "tcp"
  port_range = "80"
  source     = "0.0.0.0/0"
  action     = "allow"
}
`

// crashOn applies until a point is reached for the n-th time, and dies there.
func (w *world) crashOn(point string, n int) {
	w.t.Helper()
	count := 0
	w.boundary = func(at string) error {
		if at == point {
			count++
		}
		if count == n {
			return errCrash
		}
		return nil
	}
	_, err := w.run(w.t.Context(), context.Background(), "apply")
	require.ErrorIs(w.t, err, errCrash)
	w.boundary = nil
}

// TestGraceHoldsBackOneAddress: a run died right before its request left. The next cannot know that, so it waits for the grace with
// this address and what depends on it, while the rest goes on; then it makes all of it.
func TestGraceHoldsBackOneAddress(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.write(twoServers)
		w.parallelism = 1
		w.crashOn(apply.BoundaryIntent, 2) // server.other is first
		require.Len(t, w.objects("server"), 1)
		st, err := w.store.Load(t.Context())
		require.NoError(t, err)
		require.Len(t, st.Intents, 1)
		require.Equal(t, "server.web", st.Intents[0].Address.String())

		made := w.plan()
		require.NotEmpty(t, made.Plan.Pending, "a plan lists it and settles nothing")
		w.write(twoServers + oneAlert)
		began := time.Now()
		w.events = nil
		w.converge()
		require.GreaterOrEqual(t, time.Since(began), 120*time.Second)
		countdowns := w.happened(apply.EventCountdown)
		require.NotEmpty(t, countdowns)
		require.Equal(t, "server.web", countdowns[0].Address.String())
		for _, e := range w.happened(apply.EventDone) {
			if e.Address.Kind == "alert_rule" {
				require.Less(t, e.Time.Sub(began), time.Minute, "the rest did not wait")
			}
		}
		require.Equal(t, 1, w.writes(false)["alert_rule.create"])
		require.Equal(t, 2, w.writes(true)["server.create"])
	})
}

// TestNoGrace: with the grace lowered to nothing a crashed run is settled as soon as no list lags behind it.
func TestNoGrace(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.write(twoServers)
		w.parallelism = 1
		w.crashOn(apply.BoundaryIntent, 2)
		none := time.Duration(0)
		w.grace = &none
		began := time.Now()
		w.converge()
		require.Less(t, time.Since(began), 2*time.Minute, "two servers boot, and one list lags")
	})
}

// TestBrokenLock: a run that took over the lock waits as if every intent had been opened just now, since whoever lost it
// may still be sending.
func TestBrokenLock(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.write(oneServer)
		w.crashOn(apply.BoundaryIntent, 1)
		time.Sleep(time.Hour)
		w.store.brokenAt = time.Now()
		_, err := w.process("apply").Settle(t.Context())
		require.NoError(t, err)
		require.Len(t, w.store.intents, 1, "not settled before the grace")
		w.store.brokenAt = time.Time{}
		_, err = w.process("apply").Settle(t.Context())
		require.NoError(t, err)
		require.Empty(t, w.store.intents)
	})
}

// TestCandidates: what may be taken for the object of a lost create, and what may not.
func TestCandidates(t *testing.T) {
	rule := func(name, port string) spec.Values {
		return spec.Values{
			"name": cty.StringVal(name), "protocol": cty.StringVal("tcp"), "port_range": cty.StringVal(port),
			"source": cty.StringVal("0.0.0.0/0"), "action": cty.StringVal("allow"),
		}
	}
	const hcl = `
firewall_rule "http" {
  name       = "http"
  protocol   = "tcp"
  port_range = "80"
  source     = "0.0.0.0/0"
  action     = "allow"
}`
	for name, c := range map[string]struct {
		after    []spec.Values // made by somebody else after the crash
		question bool
		objects  int
	}{
		"its own":          {after: nil, objects: 1},
		"another identity": {after: []spec.Values{rule("http", "81")}, objects: 2},
		"another name":     {after: []spec.Values{rule("theirs", "80")}, objects: 2},
		"one too many":     {after: []spec.Values{rule("http", "80")}, question: true, objects: 2},
	} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, func(t *testing.T, w *world) {
				w.write(hcl)
				w.crashOn(apply.BoundaryAnswered, 1) // the rule exists, nothing says so
				require.Len(t, w.objects("firewall_rule"), 1)
				own := w.objects("firewall_rule")[0].ID
				for _, v := range c.after {
					_, err := w.sandbox.Create("firewall_rule", v)
					require.NoError(t, err)
				}
				result := w.apply()
				require.Len(t, w.objects("firewall_rule"), c.objects)
				if !c.question {
					w.requireWell(result)
					require.Equal(t, own, w.store.record(t, "firewall_rule.http").ID)
					return
				}
				require.Len(t, result.Questions, 1)
				require.Contains(t, result.Questions[0].Detail, own, "the candidates are named")
				require.NoError(t, w.process("resolve").Resolve(t.Context(), address(t, "firewall_rule.http"), apply.Answer{ID: own}))
				w.requireWell(w.apply())
			})
		})
	}
}

// TestAppeared: a twin that turned up after the plan stops the create.
func TestAppeared(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.write(oneServer)
		r := w.process("apply")
		st, err := w.store.Load(t.Context())
		require.NoError(t, err)
		made, _, err := r.Planner.Make(t.Context(), st)
		require.NoError(t, err)
		_, err = w.sandbox.Create("server", spec.Values{
			"name": cty.StringVal("web"), "plan": cty.StringVal("vps-large"), "location": cty.StringVal("AMS"),
		})
		require.NoError(t, err)
		result, err := r.Apply(t.Context(), t.Context(), made)
		require.NoError(t, err)
		var drift *apply.DriftError
		require.Len(t, result.Failures, 1)
		require.ErrorAs(t, result.Failures[0].Err, &drift)
		require.True(t, drift.Appeared)
		require.Empty(t, w.writes(false))
	})
}

// TestAdopt: a twin is taken over where the operator says so.
func TestAdopt(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.write(oneServer)
		o, err := w.sandbox.Create("server", spec.Values{
			"name": cty.StringVal("web"), "plan": cty.StringVal("vps-small"), "location": cty.StringVal("AMS"),
		})
		require.NoError(t, err)
		time.Sleep(time.Minute)
		result := w.apply()
		require.NotEmpty(t, result.Questions)
		require.Equal(t, plan.AskTwin, result.Questions[0].Kind)
		require.Empty(t, w.writes(false))
		w.adopt = true
		result = w.apply()
		w.requireWell(result)
		require.Equal(t, 1, result.Counts.Adopt)
		require.Equal(t, o.ID, w.store.record(t, "server.web").ID)
		require.Empty(t, w.writes(false))
	})
}

// TestCrashInRecovery kills the run, and then the run that recovers from it, at every pair of points.
func TestCrashInRecovery(t *testing.T) {
	cases := 0
	for first, more := 1, true; more; first++ {
		for second, deeper := 1, true; deeper; second++ {
			t.Run(fmt.Sprintf("%d/%d", first, second), func(t *testing.T) {
				inWorld(t, func(t *testing.T, w *world) {
					w.parallelism = 1
					w.write(oneServer + oneAlert)
					for i, n := range []int{first, second} {
						hook, reached := crashAt(n)
						w.boundary = hook
						_, err := w.run(t.Context(), context.Background(), "apply")
						if count, _ := reached(); count < n {
							require.NoError(t, err)
							if deeper = false; i == 0 {
								more = false
							}
							break
						}
						require.ErrorIs(t, err, errCrash)
					}
					cases++
					w.boundary = nil
					w.recover("twice")
				})
			})
			require.Less(t, second, 100)
		}
	}
	t.Logf("pairs of crashes: %d", cases)
	require.Greater(t, cases, 100, "the sweep has shrunk")
}

// TestRepeatedlyLost: a request whose every answer is lost is not sent for ever.
func TestRepeatedlyLost(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.write(oneServer)
		require.NoError(t, w.sandbox.AddFault(sandbox.Fault{Request: "POST /servers", Do: sandbox.FaultCloseBefore, Times: -1}))
		result := w.apply()
		require.Len(t, result.Failures, 1)
		var unsettled *apply.UnsettledError
		require.ErrorAs(t, result.Failures[0].Err, &unsettled)
		require.False(t, unsettled.Question)
		require.Equal(t, 3, w.writes(false)["server.create"])
		require.NoError(t, w.sandbox.ClearFaults())
		w.converge()
		require.Len(t, w.objects("server"), 1)
	})
}

// TestAttemptsAreTold: the journal says how often a request was sent.
func TestAttemptsAreTold(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.write(oneServer)
		require.NoError(t, w.sandbox.AddFault(sandbox.Fault{Request: "POST /servers", Do: sandbox.FaultCloseBefore}))
		sent := 0
		w.boundary = func(point string) error {
			if point == apply.BoundaryIntent {
				sent++
				st, err := w.store.Load(t.Context())
				if err != nil || len(st.Intents) != 1 || st.Intents[0].Attempts != sent {
					return errors.Join(err, fmt.Errorf("attempt %d: %+v", sent, st.Intents))
				}
			}
			return nil
		}
		w.converge()
		require.Equal(t, 2, sent)
	})
}

// TestBlockedPlanWritesNothing: a blocked plan leaves the state alone.
func TestBlockedPlanWritesNothing(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.write(replaceOnce(oneAlert, `threshold = 90`, `threshold = 80`))
		w.converge()
		w.write(oneAlert)
		before := w.store.commits
		result := w.apply()
		require.Equal(t, 5, result.ExitCode())
		require.Equal(t, plan.AskNeedsHand, result.Questions[0].Kind)
		require.Equal(t, before, w.store.commits)
	})
}

const sameRules = `
firewall_rule "one" {
  name       = "http"
  protocol   = "tcp"
  port_range = "80"
  source     = "0.0.0.0/0"
  action     = "allow"
}
`

// TestTwinsOfOurOwn: two addresses want the very same object. Neither is ever taken for the other's.
func TestTwinsOfOurOwn(t *testing.T) {
	both := sameRules + replaceOnce(sameRules, `"one"`, `"two"`)
	for point, sent := range map[string]int{apply.BoundaryIntent: 1, apply.BoundaryAnswered: 2} {
		t.Run(point, func(t *testing.T) {
			inWorld(t, func(t *testing.T, w *world) {
				w.write(sameRules)
				w.converge()
				w.write(both)
				w.crashOn(point, 1)
				require.Len(t, w.objects("firewall_rule"), sent)
				w.recover(point)
				require.Len(t, w.objects("firewall_rule"), 2)
			})
		})
	}
	t.Run("side by side", func(t *testing.T) {
		inWorld(t, func(t *testing.T, w *world) {
			w.write(both)
			require.NoError(t, w.sandbox.AddFault(sandbox.Fault{Request: "POST /firewall/rules", Do: sandbox.FaultCloseAfter}))
			var posts atomic.Int32
			w.wire = func(next http.RoundTripper) http.RoundTripper {
				return roundTripper(func(r *http.Request) (*http.Response, error) {
					response, err := next.RoundTrip(r)
					if r.Method == http.MethodPost {
						// Done, and the answer on its way: the other one's first.
						time.Sleep(time.Duration(posts.Add(1)) * 5 * time.Second)
					}
					return response, err
				})
			}
			w.converge()
			require.Len(t, w.objects("firewall_rule"), 2)
		})
	})
}
