package apply_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/vpsync/vpsync/internal/matrix"
	"github.com/vpsync/vpsync/pkg/apply"
	"github.com/vpsync/vpsync/pkg/plan"
	"github.com/vpsync/vpsync/pkg/providers"
	"github.com/vpsync/vpsync/pkg/spec"
)

// Bounds of one run in virtual time and in requests (P10): an hour's window, an object that is slow to be ready, and the grace;
// fifty refusals cost a few tries each.
const (
	longestRun   = 5 * time.Hour
	mostRequests = 1000
)

// TestFaultMatrix: every request that an apply sends meets every fault that may befall it, once where it is a write, and for the
// whole of a run where it is a read. What is known afterwards is what DESIGN says, nothing is made twice, lost or touched that is
// somebody else's, and at most two runs after the fault all is well.
func TestFaultMatrix(t *testing.T) {
	begun := time.Now()
	sites, _ := allSites(t)
	cases, n := 0, 0
	perFault := map[string]int{}
	for _, s := range sites {
		for _, f := range faults() {
			if f.applies != nil && !f.applies(s) {
				continue
			}
			n++
			if testing.Short() && n%5 != 0 {
				continue
			}
			t.Run(s.String()+"/"+f.name, func(t *testing.T) {
				cases++
				perFault[f.name]++
				inDefinition(t, s.def, func(t *testing.T, w *world) { befall(t, w, s, f) })
			})
		}
	}
	t.Logf("%d call sites, %d faults", len(sites), len(perFault))
	matrix.Ran(t, "B", cases, begun)
}

// befall is one case.
func befall(t *testing.T, w *world, s *site, f fault) {
	w.prepare(s.scenario)
	var bystanders []spec.Object
	if s.kind != "" {
		bystanders = append(bystanders, w.bystander(s.kind))
		time.Sleep(time.Hour)
		bystanders[0] = w.seen(bystanders[0])
	}
	on := &between{life: t.Context(), site: s, fault: &f}
	if !s.write() && f.times == 1 && !strings.HasPrefix(f.name, "429") && !onceEnough[f.name] {
		f.times = -1
	}
	w.wire = func(next http.RoundTripper) http.RoundTripper {
		on.next = next
		return on
	}
	w.mode = s.scenario.mode
	w.write(s.scenario.after)

	// Under the fault.
	w.events = nil
	result, err := w.bounded(on)
	require.Positive(t, on.hits, "the fault never struck")
	if s.write() {
		w.requireOutcome(s, f, result, err, on)
	}
	for range 10 { // a storm lasts for several runs
		if f.times < 2 || on.hits >= f.times {
			break
		}
		_, _ = w.bounded(on)
	}
	w.requireNothingLost(bystanders, f)
	if err == nil && result.ExitCode() == 0 { // P11
		w.disarmed(on, func() {
			require.True(t, w.plan().Plan.Empty(), "exit 0, and yet: %s", summary(w.plan().Plan))
		})
	}

	// After it.
	on.fault = nil
	time.Sleep(time.Minute)
	synctest.Wait()
	w.mode = apply.RefreshAuto
	well := false
	for runs, answers := 0, 0; !well; {
		require.Less(t, runs, 2, "two runs were not enough: %s", w.trouble(result, err))
		result, err = w.bounded(on)
		if err == nil && len(result.Questions) > 0 && answers < 3 {
			answers++
			w.settleByHand(result.Questions, bystanders)
			continue
		}
		runs++
		well = err == nil && result.ExitCode() == 0 && w.plan().Plan.Empty()
	}
	w.requireNothingLost(bystanders, f)
	w.requireNotSentBlindly(s, f, on)
	st, err := w.store.Load(t.Context())
	require.NoError(t, err)
	require.Empty(t, st.Intents)
}

// onceEnough are faults of which a list or read is asked again within the run, so that lasting ones would be another fault.
var onceEnough = map[string]bool{
	"page shifted": true, "list is one object": true, "100 MB": true, "unknown status": true,
}

// bounded applies within the bounds of P10.
func (w *world) bounded(on *between) (*apply.Result, error) {
	w.t.Helper()
	began, before := time.Now(), on.all
	result, err := w.run(w.t.Context(), context.Background(), "apply")
	require.Less(w.t, time.Since(began), longestRun, "the run took too long")
	require.Less(w.t, on.all-before, mostRequests, "the run asked too much")
	return result, err
}

func (w *world) disarmed(on *between, do func()) {
	f := on.fault
	on.fault = nil
	do()
	on.fault = f
}

func (w *world) trouble(result *apply.Result, err error) string {
	if err != nil {
		return err.Error()
	}
	if result == nil {
		return "no run yet"
	}
	var b strings.Builder
	for _, f := range result.Failures {
		fmt.Fprintf(&b, "\n%s: %s", f.Address, f.Err)
	}
	for _, q := range result.Questions {
		fmt.Fprintf(&b, "\nquestion %s: %s %s", q.Kind, q.Summary, q.Detail)
	}
	if result.Residue != nil {
		fmt.Fprintf(&b, "\nresidue: %s", summary(result.Residue))
	}
	return fmt.Sprintf("exit %d %s", result.ExitCode(), b.String())
}

// requireOutcome holds what is known of a write to what DESIGN's table says.
func (w *world) requireOutcome(s *site, f fault, result *apply.Result, err error, on *between) {
	w.t.Helper()
	require.NoError(w.t, err)
	settled := len(w.happened(apply.EventSettling)) > 0
	var refused *providers.Error
	for _, failure := range result.Failures {
		if e := (*providers.Error)(nil); errors.As(failure.Err, &e) && e.Operation == s.op.Schema.Name {
			refused = e
		}
	}
	switch f.want {
	case providers.Refused:
		if s.op.Schema.Name == spec.OpDelete && (f.name == "404" || f.name == "410") { // it is there, so it was not deleted
			break
		}
		require.NotNil(w.t, refused, "no failure tells of it: %s", w.trouble(result, err))
		require.Equal(w.t, providers.Refused, refused.Outcome)
		require.False(w.t, settled, "a refusal is an answer")
		require.NotZero(w.t, result.ExitCode())
	case providers.NotSent:
		require.Nil(w.t, refused)
		require.False(w.t, settled)
		require.Len(w.t, on.sends, 2, "it is sent again")
		require.Zero(w.t, result.ExitCode(), w.trouble(result, err))
	case providers.Unknown:
		require.True(w.t, settled, "what it did has to be found out: %s", w.trouble(result, err))
		if s.blind() {
			require.Equal(w.t, 5, result.ExitCode())
		}
	}
}

// requireNotSentBlindly holds P5 and P6: after a write of unknown outcome no other leaves before it can no longer take effect.
func (w *world) requireNotSentBlindly(s *site, f fault, on *between) {
	w.t.Helper()
	if f.want != providers.Unknown || s.blind() {
		return
	}
	for i, one := range on.sends {
		if one.struck && i+1 < len(on.sends) {
			require.GreaterOrEqual(w.t, on.sends[i+1].at.Sub(one.ended), s.def.Grace, "sent again before it could no longer take effect")
		}
	}
}

// seen is an object of the account as it is now.
func (w *world) seen(o spec.Object) spec.Object {
	w.t.Helper()
	for _, now := range w.objects(o.Kind) {
		if now.ID == o.ID {
			return now
		}
	}
	w.t.Fatalf("%s %s is gone", o.Kind, o.ID)
	return o
}

// requireNothingLost holds P1, P2 and P3.
func (w *world) requireNothingLost(bystanders []spec.Object, f fault) {
	w.t.Helper()
	st, err := w.store.Load(w.t.Context())
	require.NoError(w.t, err)
	owned := map[string]int{}
	for _, r := range st.Resources {
		owned[r.Address.Kind+r.ID]++
	}
	for _, l := range st.Leftovers {
		owned[l.Kind+l.ID]++
	}
	open := map[string]int{}
	for _, in := range st.Intents {
		if in.Operation == spec.OpCreate {
			open[in.Kind]++
		}
	}
	for _, b := range bystanders {
		require.Equal(w.t, b, w.seen(b), "it is nobody's business")
		owned[b.Kind+b.ID]++
	}
	strangers := 0
	for _, o := range w.objects("") {
		n := owned[o.Kind+o.ID]
		require.LessOrEqual(w.t, n, 1, "%s %s has two owners", o.Kind, o.ID)
		if n == 0 {
			if open[o.Kind]--; open[o.Kind] < 0 {
				strangers++
			}
		}
	}
	allowed := 0
	if strings.HasPrefix(f.name, "carried out twice") {
		allowed = 1 // the API made what nobody asked for; a plan shows it as unmanaged
	}
	require.LessOrEqual(w.t, strangers, allowed, "objects that nobody knows of")
}

// settleByHand answers as an operator who looks at the account.
func (w *world) settleByHand(questions []plan.Question, bystanders []spec.Object) {
	w.t.Helper()
	st, err := w.store.Load(w.t.Context())
	require.NoError(w.t, err)
	owned := map[string]bool{}
	for _, r := range st.Resources {
		owned[r.ID] = true
	}
	for _, b := range bystanders {
		owned[b.ID] = true
	}
	for _, in := range st.Intents {
		if !in.Question {
			continue
		}
		answer := apply.Answer{Retry: true}
		if in.Operation == spec.OpCreate {
			answer = answerOf(w, in.Kind, owned)
		}
		require.NoError(w.t, w.process("resolve").Resolve(w.t.Context(), in.Address, answer))
	}
	require.NotEmpty(w.t, st.Intents, "questions that no answer settles: %+v", questions)
}
