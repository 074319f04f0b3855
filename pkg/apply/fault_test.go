package apply_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/vpsync/vpsync/pkg/apply"
	"github.com/vpsync/vpsync/pkg/plan"
	"github.com/vpsync/vpsync/pkg/sandbox"
	"github.com/vpsync/vpsync/pkg/spec"
	"github.com/zclconf/go-cty/cty"
)

// answerOf finds the one object of a kind that nobody has, as a person would on the vendor's page.
func answerOf(w *world, kind string, owned map[string]bool) apply.Answer {
	for _, o := range w.objects(kind) {
		if !owned[o.ID] {
			owned[o.ID] = true
			return apply.Answer{ID: o.ID}
		}
	}
	return apply.Answer{Retry: true}
}

// TestLostAnswers: each write of a life loses its answer in each way. The run itself finds out what happened, or asks exactly
// one question about a kind that cannot be looked at.
func TestLostAnswers(t *testing.T) {
	updated := replaceOnce(replaceOnce(quickstart, `"5432"`, `"5433"`), `"10.0.0.254"`, `"10.0.0.253"`)
	requests := []struct{ request, before, hcl string }{
		{"POST /servers", "", quickstart},
		{"POST /networks", "", quickstart},
		{"PUT /networks/{id}", "", quickstart},
		{"POST /storage/volumes", "", quickstart},
		{"POST /storage/volumes/{id}/attach", "", quickstart},
		{"POST /firewall/rules", "", quickstart},
		{"POST /monitoring/alerts", "", quickstart},
		{"POST /backups/schedules", "", quickstart},
		{"PUT /firewall/rules/{id}", quickstart, updated},
		{"PUT /networks/{id}", quickstart, updated},
		{"DELETE /firewall/rules/{id}", quickstart, ""},
		{"DELETE /servers/{id}", quickstart, ""},
	}
	faults := []sandbox.FaultKind{
		sandbox.FaultCloseBefore, sandbox.FaultCloseAfter, sandbox.FaultTruncate, sandbox.FaultHTML, sandbox.FaultHang,
	}
	cases := 0
	for _, q := range requests {
		for _, do := range faults {
			t.Run(fmt.Sprintf("%s/%s/%t", strings.ReplaceAll(q.request, "/", "_"), do, q.hcl == ""), func(t *testing.T) {
				cases++
				inWorld(t, func(t *testing.T, w *world) {
					w.parallelism = 1
					if q.before != "" {
						w.write(q.before)
						w.converge()
					}
					bystander, err := w.sandbox.Create("firewall_rule", spec.Values{
						"name": cty.StringVal("bystander"), "protocol": cty.StringVal("udp"), "port_range": cty.StringVal("53"),
						"source": cty.StringVal("0.0.0.0/0"), "action": cty.StringVal("allow"),
					})
					require.NoError(t, err)
					require.NoError(t, w.sandbox.AddFault(sandbox.Fault{Request: q.request, Do: do}))
					w.write(q.hcl)
					result, err := w.run(t.Context(), context.Background(), "apply")
					require.NoError(t, err)
					faults, err := w.sandbox.Faults()
					require.NoError(t, err)
					require.Empty(t, faults, "the fault never struck")
					if blind := strings.Contains(q.request, "alerts") || strings.Contains(q.request, "schedules"); blind {
						require.Len(t, result.Questions, 1)
						require.Equal(t, 5, result.ExitCode())
						require.Contains(t, result.Questions[0].Remedy, "--retry")
						again := w.apply()
						require.Len(t, again.Questions, 1, "it asks until it is answered")
						require.Zero(t, again.Writes, "and never sends it by itself")
						w.answer("")
						w.requireWell(w.apply())
					} else {
						w.requireWell(result)
					}
					// P1, P2, P3: nothing unowned, nothing twice, the bystander as it was.
					st, err := w.store.Load(t.Context())
					require.NoError(t, err)
					require.Empty(t, st.Intents)
					require.Len(t, w.objects(""), len(st.Resources)+len(st.Leftovers)+1)
					for _, o := range w.objects("firewall_rule") {
						if o.ID == bystander.ID {
							require.Equal(t, bystander.Values, o.Values)
						}
					}
					require.True(t, w.plan().Plan.Empty(), summary(w.plan().Plan))
				})
			})
		}
	}
	t.Logf("lost answers: %d", cases)
	require.Equal(t, len(requests)*len(faults), cases)
}

// TestLateEffect: a request that timed out takes effect a minute later. Nothing is made twice, because the grace is waited
// out; without it, it would be.
func TestLateEffect(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.write(`
server "web" {
  name     = "web"
  plan     = "vps-small"
  location = "AMS"
}`)
		late := false
		w.wire = func(next http.RoundTripper) http.RoundTripper {
			return roundTripper(func(r *http.Request) (*http.Response, error) {
				if r.Method != http.MethodPost || late {
					return next.RoundTrip(r)
				}
				late = true
				body, err := io.ReadAll(r.Body)
				if err != nil {
					return nil, err
				}
				copied := r.Clone(context.Background())
				copied.Body = io.NopCloser(bytes.NewReader(body))
				go func() {
					time.Sleep(90 * time.Second)
					if _, err := next.RoundTrip(copied); err != nil {
						panic(err)
					}
				}()
				<-r.Context().Done()
				return nil, r.Context().Err()
			})
		}
		w.converge()
		synctest.Wait()
		require.Len(t, w.objects("server"), 1)
		require.Equal(t, 1, w.writes(false)["server.create"], "it was found, not sent again")
		require.NotEmpty(t, w.happened(apply.EventCountdown))
	})
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// TestRefused: the vendor says no. What depends on it stops, the rest goes on, the words are the vendor's.
func TestRefused(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.write(quickstart)
		require.NoError(t, w.sandbox.AddFault(sandbox.Fault{Request: "POST /servers", Do: sandbox.FaultStatus, Status: http.StatusPaymentRequired,
			Body: `{"error":{"code":"INSUFFICIENT_CREDIT","message":"top up first"}}`}))
		w.parallelism = 1
		result := w.apply()
		require.Len(t, result.Failures, 1)
		require.ErrorContains(t, result.Failures[0].Err, "top up first")
		require.NotEmpty(t, result.Skipped)
		require.Positive(t, result.Counts.Add, "the rest went on")
		require.Equal(t, 3, result.ExitCode())
		st, err := w.store.Load(t.Context())
		require.NoError(t, err)
		require.Empty(t, st.Intents, "a refusal is an answer")
		w.converge()
	})
}

// TestStorm: every request is told to come back later, many times.
func TestStorm(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.write(quickstart)
		w.parallelism = 1
		for _, request := range []string{"POST /servers", "POST /firewall/rules", "GET /servers", "POST /monitoring/alerts"} {
			require.NoError(t, w.sandbox.AddFault(sandbox.Fault{Request: request, Do: sandbox.FaultStatus, Status: http.StatusTooManyRequests,
				Times: 5, Header: http.Header{"Retry-After": {"30"}}}))
		}
		w.converge()
		require.Equal(t, 1, w.writes(true)["alert_rule.create"])
	})
}

// TestLag: lists show the account as it was a few seconds ago. Nothing is called gone for that, and nothing asked.
func TestLag(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.write(quickstart)
		require.NoError(t, w.sandbox.AddFault(sandbox.Fault{Do: sandbox.FaultLag, For: 4 * time.Second, Times: -1}))
		w.requireWell(w.apply())
		require.True(t, w.plan().Plan.Empty(), summary(w.plan().Plan))
	})
}

// TestInterrupt: the first interrupt finishes what is in flight, the second cancels it; the next run goes on from there.
func TestInterrupt(t *testing.T) {
	for _, hard := range []bool{false, true} {
		t.Run(fmt.Sprintf("hard=%t", hard), func(t *testing.T) {
			inWorld(t, func(t *testing.T, w *world) {
				w.write(quickstart)
				w.parallelism = 2
				ctx, cancel := context.WithCancel(t.Context())
				stop, interrupt := context.WithCancel(context.Background())
				defer cancel()
				defer interrupt()
				w.emit = func(e apply.Event) {
					if e.Type == apply.EventWaiting {
						interrupt()
						if hard {
							cancel()
						}
					}
				}
				result, err := w.run(ctx, stop, "apply")
				require.NoError(t, err)
				require.True(t, result.Interrupted)
				require.Equal(t, 3, result.ExitCode())
				require.NotEmpty(t, result.Skipped)
				w.requireOwned()
				w.emit = nil
				w.converge()
				w.requireSentOnce("interrupt")
			})
		})
	}
}

// TestCancelInFlight: a cancelled request is an open intent, which the next run settles.
func TestCancelInFlight(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.write(quickstart)
		require.NoError(t, w.sandbox.AddFault(sandbox.Fault{Request: "POST /networks", Do: sandbox.FaultHang}))
		ctx, cancel := context.WithCancel(t.Context())
		go func() {
			time.Sleep(2 * time.Second)
			cancel()
		}()
		result, err := w.run(ctx, ctx, "apply")
		require.NoError(t, err)
		require.True(t, result.Interrupted)
		st, err := w.store.Load(t.Context())
		require.NoError(t, err)
		require.NotEmpty(t, st.Intents)
		w.recover("cancelled")
	})
}

// TestLagAfterCrash: what a run recorded right before it died is missing from the next run's first lists, and not gone.
func TestLagAfterCrash(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.write(oneServer)
		w.crashOn(apply.BoundaryRecorded, 1)
		require.NoError(t, w.sandbox.AddFault(sandbox.Fault{Do: sandbox.FaultLag, For: 4 * time.Second, Times: -1}))
		for _, ch := range w.plan().Plan.Changes {
			require.NotEqual(t, plan.Create, ch.Action, summary(w.plan().Plan))
		}
		w.converge()
		require.Len(t, w.objects("server"), 1)
	})
}
