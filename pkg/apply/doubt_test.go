package apply_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/vpsync/vpsync/pkg/apply"
	"github.com/vpsync/vpsync/pkg/plan"
	"github.com/vpsync/vpsync/pkg/sandbox"
	"github.com/vpsync/vpsync/pkg/spec"
	"github.com/vpsync/vpsync/pkg/state"
	"github.com/zclconf/go-cty/cty"
)

// TestOtherForm: an API stores what it was sent in another form, and the answer is lost. The one new object with the identity is
// it; a second one is not bought.
func TestOtherForm(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.write("volume \"v\" {\n  name    = \"v\"\n  size_gb = 15\n  type    = \"ssd\"\n  lifecycle { on_unsupported = \"forget\" }\n}\n")
		lost := false
		w.wire = func(next http.RoundTripper) http.RoundTripper {
			return roundTripper(func(r *http.Request) (*http.Response, error) {
				if r.Method != http.MethodPost {
					return next.RoundTrip(r)
				}
				b, _ := io.ReadAll(r.Body)
				b = bytes.Replace(b, []byte("15"), []byte("20"), 1) // sold in steps of ten
				r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(b)), int64(len(b))
				response, err := next.RoundTrip(r)
				if !lost && err == nil {
					lost = true
					return nil, fmt.Errorf("connection reset")
				}
				return response, err
			})
		}
		w.apply()
		require.Len(t, w.objects("volume"), 1)
		require.NotEmpty(t, w.store.record(t, "volume.v").ID)
	})
}

// TestLagWithoutGrace: requests end with their sender, but a list that lags behind them shows nothing yet.
func TestLagWithoutGrace(t *testing.T) {
	lagging := func(t *testing.T, w *world) {
		w.write(oneServer)
		none := time.Duration(0)
		w.grace = &none
		require.NoError(t, w.sandbox.AddFault(sandbox.Fault{Do: sandbox.FaultLag, For: 4 * time.Second, Times: -1}))
	}
	t.Run("answer lost", func(t *testing.T) {
		inWorld(t, func(t *testing.T, w *world) {
			lagging(t, w)
			require.NoError(t, w.sandbox.AddFault(sandbox.Fault{Request: "POST /servers", Do: sandbox.FaultCloseAfter}))
			w.apply()
			require.Len(t, w.objects("server"), 1)
		})
	})
	t.Run("crash", func(t *testing.T) {
		inWorld(t, func(t *testing.T, w *world) {
			lagging(t, w)
			w.crashOn(apply.BoundaryAnswered, 1)
			w.apply()
			require.Len(t, w.objects("server"), 1)
		})
	})
}

// TestSecretWithoutKey: without a key there is no digest of a secret, and the API echoes it. It is not recorded for all that, at
// no moment.
func TestSecretWithoutKey(t *testing.T) {
	rule := `
variable "label" {
  type      = string
  default   = "canary"
  sensitive = true
}

firewall_rule "a" {
  name       = var.label
  protocol   = "tcp"
  port_range = "%d"
  source     = "0.0.0.0/0"
  action     = "allow"
}
`
	stored := func(t *testing.T, w *world) string {
		st, err := w.store.Load(t.Context())
		require.NoError(t, err)
		b, err := json.Marshal([]any{st.Resources, st.Leftovers, st.Intents})
		require.NoError(t, err)
		return string(b)
	}
	for name, first := range map[string]state.Key{"never": {}, "lost": testKey} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, func(t *testing.T, w *world) {
				w.write(fmt.Sprintf(rule, 80))
				w.runWithKey(first)
				w.write(fmt.Sprintf(rule, 81))
				leaked := ""
				w.boundary = func(point string) error {
					if bytes.Contains([]byte(stored(t, w)), []byte("canary")) && leaked == "" {
						leaked = point
					}
					return nil
				}
				require.Zero(t, w.runWithKey(state.Key{}).ExitCode())
				require.Empty(t, leaked)
				require.NotContains(t, stored(t, w), "canary")
			})
		})
	}
}

// runWithKey is an apply by somebody who has this key, or none.
func (w *world) runWithKey(key state.Key) *apply.Result {
	w.t.Helper()
	r := w.process("apply")
	r.Planner.Key = key
	ctx := w.t.Context()
	_, err := r.Settle(ctx)
	require.NoError(w.t, err)
	st, err := w.store.Load(ctx)
	require.NoError(w.t, err)
	made, _, err := r.Planner.Make(ctx, st)
	require.NoError(w.t, err)
	result, err := r.Apply(ctx, context.Background(), made)
	require.NoError(w.t, err)
	return result
}

// slow is a clock that is behind.
type slow struct {
	wall
	by time.Duration
}

func (s slow) Now() time.Time { return s.wall.Now().Add(-s.by) }

// TestClockBehind: the API's clock is so far behind that what a lost create made looks older than its request. It is asked about
// rather than bought again.
func TestClockBehind(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		s, err := sandbox.Open(w.def, sandbox.Options{Token: token, Clock: slow{by: 10 * time.Minute}, Provisioning: 45 * time.Second})
		require.NoError(t, err)
		w.sandbox = s
		w.write(oneServer)
		require.NoError(t, w.sandbox.AddFault(sandbox.Fault{Request: "POST /servers", Do: sandbox.FaultCloseAfter}))
		result := w.apply()
		require.Equal(t, 5, result.ExitCode())
		require.Contains(t, result.Questions[0].Detail, "before the request")
		require.Len(t, w.objects("server"), 1)
	})
}

// TestGoesOnWithWhatWasShown: while an apply waits for a grace, somebody changes a rule. Nothing showed that it would be changed
// back, so it is not, this time.
func TestGoesOnWithWhatWasShown(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		rule := "firewall_rule \"a\" {\n  name       = \"a\"\n  protocol   = \"tcp\"\n  port_range = \"80\"\n  source     = \"0.0.0.0/0\"\n  action     = \"allow\"\n}\n"
		w.write(rule)
		w.converge()
		id := w.store.record(t, "firewall_rule.a").ID
		w.write(rule + oneServer)
		w.crashOn(apply.BoundaryIntent, 1)
		require.NoError(t, w.sandbox.ClearLog())
		begun, changed := false, false
		w.boundary = func(point string) error {
			begun = begun || point == apply.BoundaryBegin
			return nil
		}
		w.emit = func(e apply.Event) {
			if e.Type == apply.EventCountdown && begun && !changed {
				changed = true
				_, err := w.sandbox.Set("firewall_rule", id, spec.Values{"port_range": cty.StringVal("443")})
				require.NoError(t, err)
			}
		}
		require.NotContains(t, summary(w.plan().Plan), "firewall_rule.a")
		w.apply()
		require.True(t, changed)
		require.Zero(t, w.writes(true)["firewall_rule.update"])
		require.Len(t, w.objects("server"), 1)
	})
}

// TestOtherAccount: the token is another account's. The records of what is paid for are not overwritten, however few.
func TestOtherAccount(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.write(oneServer)
		w.converge()
		var id string
		for _, r := range w.store.resources {
			id = r.ID
		}
		s, err := sandbox.Open(w.def, sandbox.Options{Token: token, Clock: wall{}, Provisioning: 45 * time.Second,
			IDs: func(kind string, n int) string { return fmt.Sprintf("9%09d", n) }})
		require.NoError(t, err)
		w.sandbox = s
		result := w.apply()
		require.Equal(t, 5, result.ExitCode())
		require.Equal(t, plan.AskEmpty, result.Questions[0].Kind)
		require.Empty(t, w.objects("server"))
		for _, r := range w.store.resources {
			require.Equal(t, id, r.ID)
		}
	})
}

// TestUnseenYet: the answer to a change is lost right after its object was made, and lists lag. The object is not there yet; that
// does not mean that somebody deleted it.
func TestUnseenYet(t *testing.T) {
	for _, request := range []string{"POST /storage/volumes/{id}/attach", "PUT /networks/{id}"} {
		t.Run(request, func(t *testing.T) {
			inWorld(t, func(t *testing.T, w *world) {
				w.parallelism = 1
				w.write(quickstart)
				require.NoError(t, w.sandbox.AddFault(sandbox.Fault{Do: sandbox.FaultLag, For: 4 * time.Second, Times: -1}))
				require.NoError(t, w.sandbox.AddFault(sandbox.Fault{Request: request, Do: sandbox.FaultCloseAfter}))
				result := w.apply()
				require.Empty(t, result.Failures)
				require.Zero(t, result.ExitCode())
			})
		})
	}
}

// TestInterruptedTooLate: an interrupt comes while the run makes sure that all is done, which it is.
func TestInterruptedTooLate(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.write(oneServer)
		stop, interrupt := context.WithCancel(context.Background())
		defer interrupt()
		w.emit = func(e apply.Event) {
			if e.Type == apply.EventVerifying {
				interrupt()
			}
		}
		result, err := w.run(t.Context(), stop, "apply")
		require.NoError(t, err)
		require.True(t, result.Residue.Empty())
		require.Zero(t, result.ExitCode())
	})
}

// TestSettledIsChanged: settling records a server, and then the one change that is left is refused: something was changed.
func TestSettledIsChanged(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.write(oneServer)
		w.crashOn(apply.BoundaryAnswered, 1)
		time.Sleep(2 * time.Minute)
		w.write(oneServer + "firewall_rule \"a\" {\n  name       = \"a\"\n  protocol   = \"tcp\"\n  port_range = \"80\"\n  source     = \"0.0.0.0/0\"\n  action     = \"allow\"\n}\n")
		require.NoError(t, w.sandbox.AddFault(sandbox.Fault{Request: "POST /firewall/rules", Do: sandbox.FaultStatus, Status: 403}))
		require.Equal(t, 3, w.apply().ExitCode())
	})
}

// TestOneLookFails: what one intent did cannot be looked at now. Another, of another kind, is settled all the same.
func TestOneLookFails(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.parallelism = 1
		network := "network \"n\" {\n  name = \"n\"\n  cidr = \"10.0.0.0/24\"\n  lifecycle { on_unsupported = \"forget\" }\n}\n"
		w.write(network)
		w.crashOn(apply.BoundaryIntent, 1)
		time.Sleep(10 * time.Second)
		w.write(network + oneServer)
		w.crashOn(apply.BoundaryIntent, 1)
		require.Len(t, w.store.intents, 2)
		armed := false
		w.emit = func(e apply.Event) {
			if e.Type == apply.EventCountdown && e.Address.Kind == "network" && !armed {
				armed = true
				go func() { // once the plan is made
					time.Sleep(30 * time.Second)
					_ = w.sandbox.AddFault(sandbox.Fault{Request: "GET /networks", Do: sandbox.FaultStatus, Status: 403})
				}()
			}
		}
		result := w.apply()
		require.Len(t, result.Failures, 1)
		require.Len(t, w.objects("server"), 1)
	})
}
