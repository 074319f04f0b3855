package web

import (
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"github.com/vpsync/vpsync/pkg/daemon"
	"github.com/vpsync/vpsync/pkg/plan/render/escape"
)

// The metrics; docs/daemon-http.md explains them.
var (
	mBuild       = metric("build_info", "Always 1; the label is vpsync's version.", "version")
	mStarted     = metric("start_timestamp_seconds", "When the daemon began.")
	mReady       = metric("ready", "1 once every stack has had a turn.")
	mInSync      = metric("stack_in_sync", "1 where nothing drifted, nothing is pending and nothing is asked.", "stack")
	mCondition   = metric("stack_condition", "1 for the condition that the stack is in, 0 for the others.", "stack", "condition")
	mResources   = metric("resources", "Resources of the stack, at the last look.", "stack")
	mDrifted     = metric("drifted_resources", "Resources that are not as vpsync left them.", "stack")
	mUnmanaged   = metric("unmanaged_resources", "Objects that no resource declares.", "stack")
	mPending     = metric("pending_changes", "Changes that the configuration asks for and nobody carried out.", "stack", "action")
	mQuestions   = metric("questions", "Questions that await an answer of the operator.", "stack")
	mProposed    = metric("plans_awaiting_approval", "1 where a plan awaits approval.", "stack")
	mTurns       = metric("turns_total", "Turns since the daemon began, by how they ended.", "stack", "result")
	mRequests    = metric("api_requests_total", "Requests to the APIs of the hosts since the daemon began.", "stack")
	mLeft        = metric("api_budget_remaining_requests", "What is left of a rate limit, at the last look.", "stack", "account", "class")
	mLimit       = metric("api_budget_limit_requests", "The rate limit, where it is known.", "stack", "account", "class")
	mFailures    = metric("consecutive_failures", "Turns that failed since the last that did not.", "stack")
	mSource      = metric("source_failures", "How often in a row the stack's repository did not answer.", "stack")
	mRejected    = metric("commit_rejected", "1 where the newest commit does not validate, and an older one is in force.", "stack")
	mSucceeded   = metric("last_success_timestamp_seconds", "When the last turn that ended well did; absent before.", "stack")
	mAge         = metric("last_success_age_seconds", "How long ago that is; absent before.", "stack")
	mNext        = metric("next_turn_timestamp_seconds", "When the next turn is due.", "stack")
	mUndelivered = metric("undelivered_notifications", "Notifications of late that nobody got.")
)

var conditions = []daemon.Condition{daemon.Unknown, daemon.InSync, daemon.Changes, daemon.Drifted, daemon.Asking, daemon.Failing}

var results = []daemon.Result{daemon.ResultInSync, daemon.ResultDrift, daemon.ResultHealed, daemon.ResultApplied, daemon.ResultChanges,
	daemon.ResultAsking, daemon.ResultFailed, daemon.ResultSkipped}

func metric(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc("vpsync_"+name, help, labels, nil)
}

// collector tells a snapshot as metrics. Nothing is counted here, so what is scraped is what the page shows.
type collector struct{ site *site }

func (s *site) metrics() http.Handler {
	registry := prometheus.NewRegistry()
	registry.MustRegister(collector{s})
	return promhttp.HandlerFor(registry, promhttp.HandlerOpts{MaxRequestsInFlight: 4})
}

// Describe tells nothing: what labels there are shows itself.
func (collector) Describe(chan<- *prometheus.Desc) {}

func (c collector) Collect(ch chan<- prometheus.Metric) {
	snap := c.site.snapshot()
	type series struct {
		of     *prometheus.Desc
		labels [3]string
	}
	seen := map[series]bool{}
	put := func(kind prometheus.ValueType, of *prometheus.Desc, value float64, labels ...string) {
		key := series{of: of}
		for i := range labels {
			labels[i] = escape.Line(labels[i])
			key.labels[i] = labels[i]
		}
		if seen[key] { // told already; a second one would spoil the whole answer
			return
		}
		seen[key] = true
		ch <- prometheus.MustNewConstMetric(of, kind, value, labels...)
	}
	gauge := func(of *prometheus.Desc, value float64, labels ...string) {
		put(prometheus.GaugeValue, of, value, labels...)
	}
	gauge(mBuild, 1, snap.Version)
	gauge(mReady, truth(snap.Ready))
	gauge(mUndelivered, float64(len(snap.Undelivered)))
	moment(gauge, mStarted, snap.Started)
	for i := range snap.Stacks {
		st := &snap.Stacks[i]
		for _, c := range conditions {
			gauge(mCondition, truth(st.Condition == c), st.Name, string(c))
		}
		gauge(mInSync, truth(st.Condition == daemon.InSync), st.Name)
		gauge(mProposed, truth(st.Proposed != nil), st.Name)
		gauge(mFailures, float64(st.Failures), st.Name)
		gauge(mSource, float64(st.Polls), st.Name)
		gauge(mRejected, truth(st.Rejected != nil), st.Name)
		moment(gauge, mNext, st.Next, st.Name)
		moment(gauge, mSucceeded, st.Succeeded, st.Name)
		if !st.Succeeded.IsZero() {
			gauge(mAge, snap.Now.Sub(st.Succeeded).Seconds(), st.Name)
		}
		put(prometheus.CounterValue, mRequests, float64(st.Totals.Requests), st.Name)
		for _, r := range results {
			put(prometheus.CounterValue, mTurns, float64(st.Totals.Turns[r]), st.Name, string(r))
		}
		if st.Report != nil {
			reported(gauge, st)
		}
	}
}

// reported tells what the last look found.
func reported(gauge func(*prometheus.Desc, float64, ...string), st *daemon.StackState) {
	r := st.Report
	gauge(mResources, float64(r.Resources), st.Name)
	gauge(mDrifted, float64(driftedResources(r)), st.Name)
	gauge(mUnmanaged, float64(len(r.Unmanaged)), st.Name)
	gauge(mQuestions, float64(len(r.Questions)), st.Name)
	for _, c := range counted(r.Pending) {
		gauge(mPending, float64(c.n), st.Name, c.action)
	}
	for _, b := range r.Budgets {
		if b.Remaining >= 0 {
			gauge(mLeft, float64(b.Remaining), st.Name, b.Account, b.Class)
		}
		if b.Limit > 0 {
			gauge(mLimit, float64(b.Limit), st.Name, b.Account, b.Class)
		}
	}
}

// driftedResources counts resources, of which several attributes may have drifted.
func driftedResources(r *daemon.Report) int {
	addresses := map[string]bool{}
	for i := range r.Drifted {
		addresses[r.Drifted[i].Address] = true
	}
	return len(addresses)
}

type count struct {
	action string
	n      int
}

func counted(c daemon.Counts) []count {
	return []count{{"add", c.Add}, {"change", c.Change}, {"replace", c.Replace}, {"destroy", c.Destroy}, {"adopt", c.Adopt}, {"forget", c.Forget}}
}

func moment(gauge func(*prometheus.Desc, float64, ...string), of *prometheus.Desc, t time.Time, labels ...string) {
	if !t.IsZero() {
		gauge(of, float64(t.UnixMilli())/1000, labels...)
	}
}

func truth(b bool) float64 {
	if b {
		return 1
	}
	return 0
}
