package apply_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/vpsync/vpsync/pkg/apply"
	"github.com/vpsync/vpsync/pkg/plan"
	"github.com/vpsync/vpsync/pkg/sandbox"
	"github.com/vpsync/vpsync/pkg/spec"
	"github.com/zclconf/go-cty/cty"
)

// TestLostUnreadableUpdate: an update that changes only what no answer tells never arrives. That its object has everything else
// that was sent proves nothing, since it had that before: the password is sent again, and recorded once it was.
func TestLostUnreadableUpdate(t *testing.T) {
	box := "box \"a\" {\n  name     = \"a\"\n  password = %q\n}\n"
	for _, do := range []sandbox.FaultKind{sandbox.FaultCloseBefore, sandbox.FaultCloseAfter} {
		t.Run(string(do), func(t *testing.T) {
			inAcme(t, func(t *testing.T, w *world) {
				w.write(fmt.Sprintf(box, "one"))
				w.converge()
				time.Sleep(time.Minute)
				require.NoError(t, w.sandbox.ClearLog())
				require.NoError(t, w.sandbox.AddFault(sandbox.Fault{Request: "PATCH /boxes/{id}", Do: do}))
				w.write(fmt.Sprintf(box, "two"))
				w.converge()
				require.NotZero(t, w.writes(true)["box.update"])
			})
		})
	}
	t.Run("crash", func(t *testing.T) {
		inAcme(t, func(t *testing.T, w *world) {
			w.write(fmt.Sprintf(box, "one"))
			w.converge()
			time.Sleep(time.Minute)
			require.NoError(t, w.sandbox.ClearLog())
			w.write(fmt.Sprintf(box, "two"))
			w.crashOn(apply.BoundaryIntent, 1)
			w.converge()
			require.Equal(t, 1, w.writes(true)["box.update"])
		})
	})
}

// TestSecretNoMore: a value changes and is not called a secret any more. What it was is not shown, no digest of it stays, and the
// new one is watched as any other.
func TestSecretNoMore(t *testing.T) {
	rule := `
variable "label" {
  type      = string
  default   = %q
  sensitive = %t
}

firewall_rule "a" {
  name       = var.label
  protocol   = "tcp"
  port_range = "80"
  source     = "0.0.0.0/0"
  action     = "allow"
}
`
	inWorld(t, func(t *testing.T, w *world) {
		w.write(fmt.Sprintf(rule, "canary", true))
		w.converge()
		w.write(fmt.Sprintf(rule, "open", false))
		require.NotContains(t, summary(w.plan().Plan), "canary")
		w.converge()
		record := w.store.record(t, "firewall_rule.a")
		require.Empty(t, record.Secrets)
		require.Equal(t, cty.StringVal("open"), record.Observed["name"])
		_, err := w.sandbox.Set("firewall_rule", record.ID, spec.Values{"name": cty.StringVal("moved")})
		require.NoError(t, err)
		made := w.plan()
		require.Len(t, made.Plan.Changes, 1)
		require.Equal(t, plan.CauseDrift, made.Plan.Changes[0].Cause)
		w.converge()
	})
}

// TestForgottenIsChanged: what replaces a forgotten object is refused. No request took effect, but the object was let go of.
func TestForgottenIsChanged(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		alert := replaceOnce(oneAlert, `condition = "greater_than"`, "condition = \"greater_than\"\n  lifecycle { on_unsupported = \"forget\" }")
		w.write(alert)
		w.converge()
		w.write(replaceOnce(alert, "90", "91"))
		require.NoError(t, w.sandbox.AddFault(sandbox.Fault{Request: "POST /monitoring/alerts", Do: sandbox.FaultStatus, Status: 403}))
		result := w.apply()
		require.Len(t, result.Failures, 1)
		require.True(t, result.Changed)
		require.Equal(t, 3, result.ExitCode())
	})
}

// TestQuestionAtTheEnd: what is left to do waits for the operator, which wins over its being left.
func TestQuestionAtTheEnd(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.write(oneServer)
		require.NoError(t, w.sandbox.AddFault(sandbox.Fault{Request: "POST /servers", Do: sandbox.FaultStatus, Status: 403}))
		w.boundary = func(point string) error {
			if point == apply.BoundaryVerify {
				_, err := w.sandbox.Create("server", spec.Values{"name": cty.StringVal("web"), "plan": cty.StringVal("vps-small"), "location": cty.StringVal("AMS")})
				require.NoError(t, err)
			}
			return nil
		}
		result := w.apply()
		require.Len(t, result.Questions, 1)
		require.Equal(t, plan.AskTwin, result.Questions[0].Kind)
		require.Equal(t, 5, result.ExitCode())
	})
}

// TestLeftoverMoved: somebody changes or deletes a leftover after the plan was made that takes it back. It is not what is wanted
// any more, so a new object is made.
func TestLeftoverMoved(t *testing.T) {
	volume := "volume \"v\" {\n  name    = \"v\"\n  size_gb = %d\n  type    = \"ssd\"\n  lifecycle { on_unsupported = \"forget\" }\n}\n"
	for name, move := range map[string]func(w *world, id string) error{
		"changed": func(w *world, id string) error {
			_, err := w.sandbox.Set("volume", id, spec.Values{"size_gb": cty.NumberIntVal(11)})
			return err
		},
		"deleted": func(w *world, id string) error { return w.sandbox.Delete("volume", id) },
	} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, func(t *testing.T, w *world) {
				w.write(fmt.Sprintf(volume, 10))
				w.converge()
				first := w.store.record(t, "volume.v").ID
				w.write(fmt.Sprintf(volume, 20))
				w.converge()
				w.write(fmt.Sprintf(volume, 10))
				w.boundary = func(point string) error {
					if point == apply.BoundaryBegin {
						require.NoError(t, move(w, first))
					}
					return nil
				}
				w.converge()
				require.NotEqual(t, first, w.store.record(t, "volume.v").ID)
				require.Equal(t, 3, w.writes(true)["volume.create"])
			})
		})
	}
}
