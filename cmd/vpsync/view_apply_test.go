package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/synctest"
	"time"
	"unicode"

	"github.com/stretchr/testify/require"
	"github.com/vpsync/vpsync/pkg/apply"
	"github.com/vpsync/vpsync/pkg/plan"
	"github.com/vpsync/vpsync/pkg/plan/render"
	"github.com/vpsync/vpsync/pkg/providers"
	"github.com/vpsync/vpsync/pkg/spec"
	"github.com/vpsync/vpsync/pkg/state"
	"github.com/zclconf/go-cty/cty"
)

func fixed(width int) func() int { return func() int { return width } }

func serverA() spec.Address {
	return spec.Address{Kind: "server", Name: "web", Key: spec.StringKey("a")}
}

func rule() spec.Address { return spec.Address{Kind: "firewall_rule", Name: "http"} }

func starting(a spec.Address) apply.Event {
	return apply.Event{Type: apply.EventStart, Address: a, Kind: a.Kind, Action: plan.Create, Phase: plan.PhaseMake, Total: 3}
}

func TestPlainView(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out, errs bytes.Buffer
		v := newApplyView(viewPlain, &out, &errs, fixed(80), false)
		defer v.Close()
		e := starting(serverA())
		v.Event(e)
		e.Type, e.Status = apply.EventWaiting, "provisioning"
		v.Event(e)
		v.Event(starting(rule()))
		time.Sleep(3 * time.Second)
		v.Event(apply.Event{Type: apply.EventDone, Address: rule(), Action: plan.Create, Phase: plan.PhaseMake, ID: "fw_1", Elapsed: 3 * time.Second, Done: 1, Total: 3})
		time.Sleep(62 * time.Second)
		e.Type, e.Message, e.Until = apply.EventCountdown, "no answer; a late one may still arrive", time.Now().Add(95*time.Second)
		v.Event(e)
		time.Sleep(31 * time.Second)
		v.Event(apply.Event{Type: apply.EventSettled, Address: serverA(), Message: "it was carried out"})
		v.Event(apply.Event{Type: apply.EventFailed, Address: serverA(), Err: errors.New("create server: POST /servers: 402 INSUFFICIENT_CREDIT: \x1b[2Jpay")})
		v.Event(apply.Event{Type: apply.EventSkipped, Address: rule()})
		v.Event(apply.Event{Type: apply.EventVerifying})
		time.Sleep(5 * time.Minute) // nothing runs, so nothing is said
		v.Close()
		require.Equal(t, `server.web["a"]: creating…
firewall_rule.http: creating…
firewall_rule.http: created fw_1 in 3s
server.web["a"]: still creating… 30s (provisioning)
server.web["a"]: still creating… 1m00s (provisioning)
server.web["a"]: no answer; a late one may still arrive, 1m35s left
server.web["a"]: still creating… 1m35s (no answer; a late one may still arrive, 1m05s left)
server.web["a"]: settled (it was carried out)
server.web["a"]: failed: create server: POST /servers: 402 INSUFFICIENT_CREDIT: \x1b[2Jpay
firewall_rule.http: skipped
Verifying: reading the account again…
`, errs.String())
		require.Empty(t, out.String())
	})
}

func TestLiveView(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		screen := newTerminal(60)
		var out bytes.Buffer
		v := newApplyView(viewLive, &out, screen, fixed(60), true)
		defer v.Close()
		e := starting(serverA())
		v.Event(e)
		v.Event(starting(rule()))
		e.Type, e.Status = apply.EventWaiting, "provisioning"
		v.Event(e)
		time.Sleep(3*time.Second + frameEvery/2)
		require.True(t, screen.hidden)
		require.Equal(t, ""+
			"⠋ server.web[\"a\"]  creating… (provisioning)              3s\n"+
			"⠋ firewall_rule.http  creating…                          3s\n"+
			"  ░░░░░░░░░░░░░░░░░░░░  0 of 3 done, 2 running, 3s\n", unspun(screen.screen()))

		v.Event(apply.Event{Type: apply.EventDone, Address: rule(), Action: plan.Create, Phase: plan.PhaseMake, ID: "fw_1", Elapsed: 3 * time.Second, Done: 1, Total: 3})
		e.Type, e.Message, e.Until = apply.EventCountdown, "no answer", time.Now().Add(90*time.Second)
		v.Event(e)
		time.Sleep(60 * time.Second)
		require.Equal(t, ""+
			"✓ firewall_rule.http: created fw_1 in 3s\n"+
			"⠋ server.web[\"a\"]  creating… (no answer, 31s left)    1m03s\n"+
			"  ██████░░░░░░░░░░░░░░  1 of 3 done, 1 running, 1m03s\n", unspun(screen.screen()))
		require.LessOrEqual(t, screen.writes, 2+int(63*time.Second/frameEvery), "frames are bounded")

		v.Event(apply.Event{Type: apply.EventFailed, Address: serverA(), Err: errors.New("402 \x1b[1A\r\nforged")})
		v.Close()
		v.Close()
		require.Equal(t, "✓ firewall_rule.http: created fw_1 in 3s\n✗ server.web[\"a\"]: failed: 402 \\x1b[1A\\r\\nforged\n", screen.screen())
		require.False(t, screen.hidden, "the cursor is back")
		require.Empty(t, screen.unknown)
		require.Empty(t, out.String())
	})
}

// Many changes and long names on a narrow terminal: a frame never wraps, and leaves nothing behind.
func TestLiveViewNeverWraps(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		screen := newTerminal(30)
		v := newApplyView(viewLive, &bytes.Buffer{}, screen, fixed(30), true)
		defer v.Close()
		for i := range 40 {
			a := spec.Address{Kind: "firewall_rule", Name: "東京", Key: spec.StringKey(strings.Repeat("long\x1b", i))}
			v.Event(apply.Event{Type: apply.EventWaiting, Address: a, Status: strings.Repeat("busy ", 20), Action: plan.Update, Total: 40})
			time.Sleep(frameEvery)
		}
		time.Sleep(frameEvery)
		lines := strings.Split(strings.TrimSpace(screen.screen()), "\n")
		require.Len(t, lines, liveLines+2)
		require.Contains(t, screen.screen(), "… and 30 more")
		v.Close()
		require.Empty(t, strings.TrimSpace(screen.screen()))
		require.Empty(t, screen.wide)
		require.Empty(t, screen.unknown)
	})
}

// unspun replaces the turning sign by its first.
func unspun(s string) string {
	for _, sign := range spinner {
		s = strings.ReplaceAll(s, sign, spinner[0])
	}
	return s
}

func result() *apply.Result {
	cpu := spec.Address{Kind: "alert_rule", Name: "cpu"}
	return &apply.Result{
		Counts: plan.Counts{Add: 3, Change: 1, Adopt: 4}, Duration: 4234 * time.Millisecond, Reads: 8, Writes: 4, Changed: true,
		Failures: []apply.Failure{{Address: serverA(), Err: fmt.Errorf("server: %w", &providers.Error{Outcome: providers.Refused, Kind: "server", Operation: "create",
			Request: "POST /servers", Status: 402, Code: "INSUFFICIENT_CREDIT", Message: "pay\x1b[2J first"})}},
		Questions: []plan.Question{{Kind: plan.AskPending, Address: &cpu, Summary: "Was alert_rule.cpu created?", Detail: "Its answer was lost.",
			Remedy: "vpsync resolve alert_rule.cpu --id ID\nvpsync resolve alert_rule.cpu --retry\nvpsync resolve alert_rule.cpu --forget"}},
		Skipped: []spec.Address{rule()},
		Residue: &plan.Plan{Changes: []*plan.Change{
			{Address: rule(), Action: plan.Update, Attributes: []plan.AttributeChange{{Name: "source"}, {Name: "priority"}}},
			{Address: spec.Address{Kind: "network", Name: "n"}, Action: plan.Update, Attributes: []plan.AttributeChange{{Name: "gateway"}}},
		}},
		Outputs: []*spec.Output{{Name: "ip", Value: cty.StringVal("185.1.1.1")}, {Name: "token", Value: cty.StringVal("hunter2"), Sensitive: true}},
	}
}

func TestResultText(t *testing.T) {
	var out, errs bytes.Buffer
	newApplyView(viewPlain, &out, &errs, fixed(120), false).Result(result(), 5)
	require.Contains(t, errs.String(), "Error: server.web[\"a\"] failed: the account has not enough credit\n")
	require.Contains(t, errs.String(), `INSUFFICIENT_CREDIT: pay\x1b[2J first`)
	require.Contains(t, errs.String(), "Not begun, held back by the above: firewall_rule.http.\n")
	require.Equal(t, `
Not converged: a second plan would still want this.
  ~ network.n  (gateway)

Outputs:
  ip    = "185.1.1.1"
  token = (sensitive)

1 question for you:

 1. Was alert_rule.cpu created?
    Its answer was lost.

        vpsync resolve alert_rule.cpu --id ID
        vpsync resolve alert_rule.cpu --retry
        vpsync resolve alert_rule.cpu --forget

Apply waits for an answer: 3 added, 1 changed, 0 destroyed, 4 adopted. 12 requests (8 reads, 4 writes) in 4.2s.
`, out.String())

	for _, c := range []struct {
		r    apply.Result
		exit int
		want string
	}{
		{apply.Result{Counts: plan.Counts{Add: 3, Change: 1}, Reads: 8, Writes: 4, Duration: 4200 * time.Millisecond}, 0, "Apply complete: 3 added, 1 changed, 0 destroyed. 12 requests (8 reads, 4 writes) in 4.2s."},
		{apply.Result{Failures: []apply.Failure{{Err: errors.New("x")}}, Reads: 1}, 1, "Apply failed: 0 added, 0 changed, 0 destroyed. 1 request (1 read, 0 writes) in 0s."},
		{apply.Result{Failures: []apply.Failure{{Err: errors.New("x")}}, Changed: true}, 3, "Apply incomplete: "},
		{apply.Result{Interrupted: true}, 130, "Apply interrupted: "},
	} {
		out.Reset()
		newApplyView(viewPlain, &out, &errs, fixed(80), false).Result(&c.r, c.exit)
		require.Contains(t, out.String(), "\n"+c.want)
	}
}

func TestJSONView(t *testing.T) {
	var out, errs bytes.Buffer
	v := newApplyView(viewJSON, &out, &errs, nil, true)
	e := starting(serverA())
	e.Time = time.Date(2026, 11, 21, 4, 0, 0, 0, time.UTC)
	v.Event(e)
	v.Event(apply.Event{Type: apply.EventFailed, Address: serverA(), Elapsed: 1500 * time.Millisecond, Err: result().Failures[0].Err})
	v.Event(apply.Event{Type: apply.EventVerifying})
	v.Result(result(), 5)
	v.Close()
	require.Empty(t, errs.String())
	require.NotContains(t, out.String(), "hunter2")
	require.NotContains(t, out.String(), "\x1b")

	var lines []map[string]any
	for line := range strings.Lines(out.String()) {
		var l map[string]any
		require.NoError(t, json.Unmarshal([]byte(line), &l), line)
		lines = append(lines, l)
	}
	require.Len(t, lines, 5)
	require.Equal(t, map[string]any{"type": "version", "format_version": "1.0"}, lines[0])
	require.Equal(t, "start", lines[1]["type"])
	require.Equal(t, `server.web["a"]`, lines[1]["address"])
	require.Equal(t, "2026-11-21T04:00:00Z", lines[1]["time"])
	require.Equal(t, 1.5, lines[2]["elapsed_seconds"])
	require.Equal(t, "INSUFFICIENT_CREDIT", lines[2]["error"].(map[string]any)["code"])
	require.Equal(t, "verifying", lines[3]["type"])
	require.NotContains(t, lines[3], "address")
	last := lines[4]
	require.Equal(t, "result", last["type"])
	require.Equal(t, 5.0, last["exit_code"])
	require.Equal(t, map[string]any{"reads": 8.0, "writes": 4.0, "total": 12.0}, last["requests"])
	require.Equal(t, 4.0, last["counts"].(map[string]any)["adopt"])
	require.Len(t, last["questions"], 1)
	require.Len(t, last["residue"], 2)
	require.Equal(t, []any{"firewall_rule.http"}, last["skipped"])
}

// Whatever a vendor says, no view lets a control byte through.
func TestViewsEscape(t *testing.T) {
	const evil = "x\x1b[2J\r\n\u202e\u009b1A\x00\xff"
	a := spec.Address{Kind: "server", Name: "web", Key: spec.StringKey(evil)}
	r := &apply.Result{
		Failures:  []apply.Failure{{Address: a, Err: errors.New(evil)}},
		Questions: []plan.Question{{Summary: evil, Detail: evil, Remedy: evil, Address: &a}},
		Skipped:   []spec.Address{a}, Outputs: []*spec.Output{{Name: evil, Value: cty.StringVal(evil)}},
		Residue: &plan.Plan{Changes: []*plan.Change{{Address: a, Action: plan.Update, Attributes: []plan.AttributeChange{{Name: evil}}}}},
	}
	for _, mode := range []viewMode{viewPlain, viewJSON} {
		var out bytes.Buffer
		v := newApplyView(mode, &out, &out, nil, false)
		for _, typ := range []apply.EventType{apply.EventStart, apply.EventSent, apply.EventWaiting, apply.EventCountdown, apply.EventSettling, apply.EventSettled,
			apply.EventDone, apply.EventFailed, apply.EventSkipped, apply.EventQuestion, apply.EventVerifying, "unheard of"} {
			e := apply.Event{Type: typ, Address: a, Deposed: evil, Kind: evil, Operation: evil, ID: evil, Status: evil, Message: evil, Err: errors.New(evil)}
			v.Event(e)
			e.Address = spec.Address{}
			v.Event(e)
		}
		v.Result(r, 3)
		for _, c := range out.String() {
			require.Falsef(t, c != '\n' && (unicode.IsControl(c) || unicode.Is(unicode.Cf, c)), "%U in %q", c, out.String())
		}
		require.NotContains(t, out.String(), "\xff")
	}
}

func driftPlan() *plan.Plan {
	str := cty.StringVal
	return &plan.Plan{
		Changes: []*plan.Change{
			{Address: rule(), ID: "fw_1", Action: plan.Update, Cause: plan.CauseBoth, Attributes: []plan.AttributeChange{
				{Name: "source", Before: str("0.0.0.0/0\x1b"), After: str("198.51.100.0/24"), Cause: plan.CauseDrift},
				{Name: "priority", Before: cty.NumberIntVal(100), After: cty.NumberIntVal(50), Cause: plan.CauseBoth},
				{Name: "name", Before: str("a"), After: str("b"), Cause: plan.CauseConfig},
			}},
			{Address: serverA(), Action: plan.Create, Cause: plan.CauseGone},
			{Address: spec.Address{Kind: "server", Name: "new"}, Action: plan.Create, Cause: plan.CauseNew},
		},
		Unmanaged: []plan.Unmanaged{{Account: "servosphere", Kind: "network", ID: "net_9", Values: spec.Values{"name": str("legacy")}}},
	}
}

func driftState() *state.State {
	return &state.State{Resources: []*state.Resource{{Address: serverA(), ID: "srv_1"}}}
}

func TestDrift(t *testing.T) {
	var out bytes.Buffer
	require.True(t, writeDrift(&out, driftPlan(), driftState(), true, render.Options{Width: 80}))
	require.Equal(t, `Changed at the provider (vpsync apply changes it back):
  ~ firewall_rule.http (fw_1)
      source: is "0.0.0.0/0\x1b", should be "198.51.100.0/24"
      priority: is 100, should be 50 (changed in the configuration, too)

Gone: deleted at the provider:
  - server.web["a"] (srv_1)  vpsync apply creates it again

Unmanaged: no block declares them (vpsync import ADDRESS ID takes one):
  ? network  net_9  "legacy"

Drift: 1 changed, 1 gone, 1 unmanaged.
`, out.String())

	p := &plan.Plan{Unmanaged: driftPlan().Unmanaged, Changes: driftPlan().Changes[2:]}
	out.Reset()
	require.False(t, writeDrift(&out, p, &state.State{}, false, render.Options{}))
	require.Equal(t, "No drift: the account is as vpsync left it. There is 1 object that nobody declared: vpsync drift --unmanaged\n", out.String())
	out.Reset()
	require.True(t, writeDrift(&out, p, &state.State{}, true, render.Options{}))

	out.Reset()
	found, err := writeDriftJSON(&out, driftPlan(), driftState(), false, render.Meta{Version: "1"})
	require.NoError(t, err)
	require.True(t, found)
	var d driftDocument
	require.NoError(t, json.Unmarshal(out.Bytes(), &d))
	require.Equal(t, "1.0", d.FormatVersion)
	require.Len(t, d.Changed, 1)
	require.Len(t, d.Changed[0].Attributes, 2)
	require.Len(t, d.Gone, 1)
	require.Equal(t, "srv_1", d.Gone[0].ID)
	require.Len(t, d.Unmanaged, 1)
}

// newApplyView is newRunView for the command apply.
func newApplyView(mode viewMode, out, errs io.Writer, width func() int, color bool) applyView {
	return newRunView("Apply", mode, out, errs, width, color, false, (&app{}).failure)
}
