package apply_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/vpsync/vpsync/pkg/apply"
	"github.com/vpsync/vpsync/pkg/sandbox"
	"github.com/vpsync/vpsync/pkg/spec"
	"github.com/zclconf/go-cty/cty"
)

func address(t *testing.T, s string) spec.Address {
	t.Helper()
	a, err := spec.ParseAddress(s)
	require.NoError(t, err)
	return a
}

const oneServer = `
server "web" {
  name     = "web"
  plan     = "vps-small"
  location = "AMS"
}
`

const oneAlert = `
alert_rule "cpu" {
  name      = "cpu"
  metric    = "cpu"
  threshold = 90
  condition = "greater_than"
}
`

func TestImport(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.write(oneServer + oneAlert)
		o, err := w.sandbox.Create("server", spec.Values{
			"name": cty.StringVal("web"), "plan": cty.StringVal("vps-large"), "location": cty.StringVal("AMS"),
		})
		require.NoError(t, err)
		time.Sleep(time.Minute)
		r, err := w.process("import").Import(t.Context(), address(t, "server.web"), o.ID)
		require.NoError(t, err)
		require.Equal(t, []string{"plan"}, r.Assumed)
		require.Equal(t, "AMS", stringOf(r.Applied["location"]))

		t.Log("each refusal names what is in the way")
		for _, c := range []struct{ address, id, says string }{
			{"server.web", o.ID, "bound to " + o.ID + " already"},
			{"server.other", o.ID, "no such resource"},
			{"alert_rule.cpu", "", "the id is empty"},
		} {
			_, err := w.process("import").Import(t.Context(), address(t, c.address), c.id)
			var refused *apply.ImportError
			require.ErrorAs(t, err, &refused, c.address)
			require.ErrorContains(t, err, c.says)
		}

		t.Log("a kind that cannot be looked at is bound unseen")
		r, err = w.process("import").Import(t.Context(), address(t, "alert_rule.cpu"), "alr_1")
		require.NoError(t, err)
		require.Equal(t, []string{"condition", "metric", "name", "threshold"}, r.Assumed)
		require.True(t, w.plan().Plan.Empty(), summary(w.plan().Plan))
		w.requireWell(w.apply())

		t.Log("an object that is not there")
		w.write(oneServer + oneAlert + replaceOnce(oneServer, `"web" {`, `"two" {`))
		_, err = w.process("import").Import(t.Context(), address(t, "server.two"), "srv_1")
		require.ErrorContains(t, err, "no server with that id")
		_, err = w.process("import").Import(t.Context(), address(t, "server.two"), o.ID)
		require.ErrorContains(t, err, "server.web has that object")
	})
}

func TestResolve(t *testing.T) {
	for name, c := range map[string]struct {
		do     sandbox.FaultKind
		answer func(w *world) apply.Answer
		writes int // creates in all
	}{
		"id":     {sandbox.FaultCloseAfter, func(w *world) apply.Answer { return apply.Answer{ID: w.objects("alert_rule")[0].ID} }, 1},
		"retry":  {sandbox.FaultCloseBefore, func(*world) apply.Answer { return apply.Answer{Retry: true} }, 2},
		"forget": {sandbox.FaultCloseBefore, func(*world) apply.Answer { return apply.Answer{Forget: true} }, 2},
	} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, func(t *testing.T, w *world) {
				w.write(oneAlert)
				require.NoError(t, w.sandbox.AddFault(sandbox.Fault{Request: "POST /monitoring/alerts", Do: c.do}))
				result := w.apply()
				require.Len(t, result.Questions, 1)
				require.Equal(t, "alert_rule.cpu", result.Questions[0].Address.String())
				var refused *apply.ResolveError
				require.ErrorAs(t, w.process("resolve").Resolve(t.Context(), address(t, "alert_rule.cpu"), apply.Answer{}), &refused)
				require.NoError(t, w.process("resolve").Resolve(t.Context(), address(t, "alert_rule.cpu"), c.answer(w)))
				w.converge()
				require.Equal(t, c.writes, w.writes(false)["alert_rule.create"])
				require.Len(t, w.objects("alert_rule"), 1)
				require.ErrorAs(t, w.process("resolve").Resolve(t.Context(), address(t, "alert_rule.cpu"), apply.Answer{Retry: true}), &refused)
			})
		})
	}
}

// TestEndpoint: a state of one endpoint is refused against another before anything is asked of it.
func TestEndpoint(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.write(oneServer)
		w.converge()
		account := w.store.accounts["servosphere"]
		account.Endpoint = "https://elsewhere.example/v2"
		w.store.accounts["servosphere"] = account
		require.NoError(t, w.sandbox.ClearLog())
		st, err := w.store.Load(t.Context())
		require.NoError(t, err)
		_, _, err = w.process("plan").Planner.Make(t.Context(), st)
		var refused *apply.EndpointError
		require.ErrorAs(t, err, &refused)
		_, err = w.process("apply").Settle(t.Context())
		require.ErrorAs(t, err, &refused)
		log, err := w.sandbox.Log()
		require.NoError(t, err)
		require.Empty(t, log)
	})
}
