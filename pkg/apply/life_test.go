package apply_test

import (
	"fmt"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/vpsync/vpsync/pkg/apply"
	"github.com/vpsync/vpsync/pkg/plan"
	"github.com/vpsync/vpsync/pkg/spec"
	"github.com/zclconf/go-cty/cty"
)

// TestLife is the whole life of a stack: made, left alone, healed, destroyed, made again.
func TestLife(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.write(quickstart)
		result := w.converge()
		require.Equal(t, 10, result.Counts.Add)
		require.Len(t, w.objects("server"), 3)
		require.True(t, w.store.settled)
		require.Contains(t, w.store.outputs, "web")
		network := w.objects("network")[0]
		require.Equal(t, "10.0.0.254", stringOf(network.Values["gateway"]), "the follow-up of the create")
		volume := w.objects("volume")[0]
		db := w.store.record(t, "server.db")
		require.Equal(t, db.ID, stringOf(volume.Values["server_id"]))
		require.False(t, db.Unready)

		t.Log("a second apply sends nothing")
		require.NoError(t, w.sandbox.ClearLog())
		w.requireWell(w.apply())
		require.Empty(t, w.writes(false))

		t.Log("drift is healed")
		rule := w.store.record(t, "firewall_rule.db")
		_, err := w.sandbox.Set("firewall_rule", rule.ID, spec.Values{"source": cty.StringVal("192.168.0.0/16")})
		require.NoError(t, err)
		made := w.plan()
		require.Len(t, made.Plan.Changes, 1)
		require.Equal(t, plan.CauseDrift, made.Plan.Changes[0].Cause)
		require.Equal(t, 1, w.converge().Counts.Change)

		t.Log("what was deleted behind our back comes back, and its rule points to it")
		web := w.store.record(t, "server.web[0]")
		require.NoError(t, w.sandbox.Delete("server", web.ID))
		w.converge()
		again := w.store.record(t, "server.web[0]")
		require.NotEqual(t, web.ID, again.ID)
		for _, o := range w.objects("firewall_rule") {
			require.NotEqual(t, web.ID, stringOf(o.Values["server_id"]))
		}

		t.Log("destroy leaves over what the API cannot delete")
		result, err = w.run(t.Context(), t.Context(), "destroy")
		require.NoError(t, err)
		require.Zero(t, result.ExitCode())
		require.Empty(t, w.objects("server"))
		require.Empty(t, w.objects("firewall_rule"))
		require.Len(t, w.objects("network"), 1)
		require.Empty(t, w.store.resources)
		require.Len(t, w.store.leftovers, 4)
		require.Empty(t, w.store.outputs)

		t.Log("apply takes back what equals its configuration")
		result = w.converge()
		require.Len(t, w.objects("network"), 1)
		require.Len(t, w.objects("volume"), 1)
		require.Len(t, w.objects("alert_rule"), 1)
		require.Len(t, w.objects("backup_schedule"), 2, "the old one is bound to a server that is gone")
		require.Len(t, w.store.leftovers, 1)
		require.Empty(t, result.Failures)
	})
}

// TestReplace: the plan of a server changes; everything that refers to it follows.
func TestReplace(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.write(quickstart)
		w.converge()
		old := w.store.record(t, "server.db").ID
		w.write(replaceOnce(quickstart, `plan     = "vps-medium"`, `plan     = "vps-large"`))
		result := w.converge()
		require.GreaterOrEqual(t, result.Counts.Replace, 1)
		db := w.store.record(t, "server.db")
		require.NotEqual(t, old, db.ID)
		require.Equal(t, db.ID, stringOf(w.objects("volume")[0].Values["server_id"]))
		require.Equal(t, db.ID, stringOf(w.store.record(t, "firewall_rule.db").Applied["server_id"]))
	})
}

// TestDriftCheck: between the plan and its apply somebody else changes an object.
func TestDriftCheck(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.write(quickstart)
		w.converge()
		w.write(replaceOnce(quickstart, `port_range = "5432"`, `port_range = "5433"`))
		r := w.process("apply")
		st, err := w.store.Load(t.Context())
		require.NoError(t, err)
		made, _, err := r.Planner.Make(t.Context(), st)
		require.NoError(t, err)
		rule := w.store.record(t, "firewall_rule.db")
		_, err = w.sandbox.Set("firewall_rule", rule.ID, spec.Values{"source": cty.StringVal("192.168.0.0/16")})
		require.NoError(t, err)
		require.NoError(t, w.sandbox.ClearLog())
		result, err := r.Apply(t.Context(), t.Context(), made)
		require.NoError(t, err)
		require.Len(t, result.Failures, 1)
		var drift *apply.DriftError
		require.ErrorAs(t, result.Failures[0].Err, &drift)
		require.Equal(t, []string{"source"}, drift.Attributes)
		require.Empty(t, w.writes(false))
		require.Equal(t, 1, result.ExitCode())
	})
}

// TestRequestsAreBounded: an apply reads at most four times what a list of the kinds costs, and what it waits; it writes what
// the plan says and nothing else. The sandbox counts.
func TestRequestsAreBounded(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		for i := range 150 { // of somebody else: lists of servers have two pages
			_, err := w.sandbox.Create("server", spec.Values{
				"name": cty.StringVal(fmt.Sprintf("theirs-%d", i)), "plan": cty.StringVal("vps-small"), "location": cty.StringVal("AMS"),
			})
			require.NoError(t, err)
		}
		w.write(quickstart)
		result := w.apply()
		w.requireWell(result)
		log, err := w.sandbox.Log()
		require.NoError(t, err)
		reads, writes := map[string]int{}, 0
		for _, e := range log {
			if e.Method == http.MethodGet {
				reads[e.Operation]++
			} else {
				writes++
			}
		}
		polls := len(w.happened(apply.EventWaiting))
		require.LessOrEqual(t, reads["server.list"], 2*(4+polls))
		for _, kind := range []string{"network", "volume", "firewall_rule"} {
			require.LessOrEqual(t, reads[kind+".list"], 4, kind)
		}
		require.Len(t, reads, 4)
		require.Equal(t, 12, writes, "ten creates, a gateway and an attachment")
		require.Equal(t, writes, result.Writes)
	})
}

// TestTakenBackLate: only once a value is known it turns out that a leftover is what the configuration wants.
func TestTakenBackLate(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.write(oneServer + `
alert_rule "cpu" {
  name      = "cpu"
  metric    = "cpu"
  threshold = server.web.specs.cpu
  condition = "greater_than"
}`)
		w.converge()
		result, err := w.run(t.Context(), t.Context(), "destroy")
		require.NoError(t, err)
		w.requireWell(result)
		result = w.converge()
		require.Equal(t, plan.Counts{Add: 1, Adopt: 1}, result.Counts)
		require.Len(t, w.objects("alert_rule"), 1)
	})
}
