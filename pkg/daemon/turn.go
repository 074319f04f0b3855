package daemon

import (
	"cmp"
	"fmt"
	"slices"
	"time"
)

// What becomes of a stack's memory is decided here, by functions of values: what is due, what has begun, what has happened. The loop
// in run.go acts.

// Triggers of turns that no person asked for.
const (
	TriggerSchedule = "schedule"
	TriggerRetry    = "retry"  // the turn before it failed
	TriggerWindow   = "window" // it opened, and something waited for that
	TriggerCommit   = "commit" // the source has a new one
	TriggerOnce     = "once"   // [Daemon.Once]
)

const (
	// firstBackoff is how long the turn after the first failure waits; each further failure doubles that, up to lastBackoff.
	firstBackoff = time.Minute
	lastBackoff  = time.Hour
	// mostPolls is how often in a row a source may fail to answer before the stack is failing: nobody knows what is in force there.
	mostPolls = 3
)

// task is what is due.
type task int

const (
	nothing task = iota
	aPoll        // ask the source whether it has a new commit
	aTurn
)

// due says what to do about a stack now, and why; where that is nothing, when to ask again, which is zero while a turn goes on.
func (m *Memory) due(s *Stack, now time.Time) (do task, why string, again time.Time) {
	switch {
	case m.Turn != nil:
		return nothing, "", time.Time{}
	case m.Wanted != "":
		return aTurn, m.Wanted, time.Time{}
	case m.Waits && m.Failures == 0 && s.Windows.Open(now):
		return aTurn, TriggerWindow, time.Time{}
	case !m.Next.After(now):
		if m.Failures > 0 {
			return aTurn, TriggerRetry, time.Time{}
		}
		return aTurn, TriggerSchedule, time.Time{}
	case s.Git != nil && !m.Poll.After(now):
		return aPoll, "", time.Time{}
	}
	again = m.Next
	sooner := func(t time.Time) {
		if !t.IsZero() && t.Before(again) {
			again = t
		}
	}
	if s.Git != nil {
		sooner(m.Poll)
	}
	if m.Waits {
		sooner(s.Windows.NextOpen(now))
	}
	return nothing, "", again
}

func (a *Approval) trigger() string {
	if a.Who == "" {
		return "approval"
	}
	return "approval by " + a.Who
}

// wake takes up a memory when the daemon starts. A turn that goes on in it was cut off: the process that carried it out is no more.
func (m *Memory) wake(s *Stack, now time.Time, chance float64) {
	if t := m.Turn; t != nil {
		m.Lost++
		m.Turn = nil
		m.Acting = true
		m.Failures++
		m.Error = "vpsync ended in the middle of the last turn"
		if m.Lost > 1 {
			m.Error = fmt.Sprintf("vpsync ended in the middle of the last %d turns", m.Lost)
		}
		m.enter(Turn{Run: t.Run, Trigger: t.Trigger, Commit: m.Commit, Began: t.Began, Took: max(0, now.Sub(t.Began)), Result: ResultFailed, Error: m.Error})
		m.Next = now.Add(backoff(m.Lost-1, chance)) // the first time at once: what was open is to be settled
		m.judge(now)
	}
	if m.Failures == 0 {
		m.Next = now // the plan and the picture are not remembered, and the configuration may be another
	}
	if m.Mode != s.Mode {
		m.Mode, m.Proposed, m.Approved = s.Mode, nil, nil // somebody said yes to a daemon of another purpose
	}
	if s.Git == nil {
		m.Commit, m.Rejected, m.PollError, m.Polls = "", nil, "", 0
	}
}

// begin enters a turn.
func (m *Memory) begin(now time.Time, run, why string) {
	m.Turn = &Begun{Run: run, Trigger: why, Began: now}
	m.Wanted, m.Waits = "", false
}

// visit is what a turn found and did.
type visit struct {
	commit   string  // of what was looked at
	report   *Report // nil where nobody could look
	err      error
	busy     bool      // somebody else had the lock: no failure
	stopped  bool      // it was ended from outside, before it had done all
	acted    bool      // a run was begun, and ended
	applied  bool      // that was one which somebody had approved
	approved *Approval // what somebody had approved, and was tried
	note     string    // what is worth telling of a turn that did not fail
	waits    bool      // something would have been applied outside the windows
	done     Counts
	requests int
}

// end enters how a turn ended, which it answers with. chance is a random number from 0 to 1.
func (m *Memory) end(s *Stack, now time.Time, v visit, chance float64) Turn {
	if v.commit != "" {
		m.Commit = v.commit
	}
	t := Turn{Trigger: m.Turn.Trigger, Commit: m.Commit, Began: m.Turn.Began, Took: now.Sub(m.Turn.Began), Done: v.done, Requests: v.requests}
	if v.acted {
		t.Run = m.Turn.Run
	}
	if v.approved != nil {
		t.Trigger = v.approved.trigger() // whatever woke it up
	}
	began := m.Turn.Began
	m.Turn, m.Waits = nil, v.waits
	m.Lost = 0
	switch {
	case v.stopped && v.err != nil:
		t.Result, t.Error = ResultSkipped, "vpsync was stopped"
	case v.busy:
		t.Result, t.Error = ResultSkipped, v.err.Error()
	case v.err != nil:
		m.Failures++
		m.Error = v.err.Error()
		t.Result, t.Error = ResultFailed, m.Error
	default:
		m.Failures, m.Error, m.Succeeded = 0, "", now
		t.Result, t.Error = result(v), v.note
	}
	m.enter(t)
	if missed := s.Schedule.Next(began); t.Trigger == TriggerSchedule && !missed.IsZero() && !missed.After(now) {
		m.enter(Turn{Trigger: TriggerSchedule, Commit: m.Commit, Began: missed, Result: ResultSkipped, Error: "the turn before it went on"})
	}
	switch {
	case v.stopped && v.err != nil:
		m.Next = now // the next start takes it up
	case v.busy:
		m.Next = now.Add(jitter(MinPeriod, chance))
	case m.Failures > 0:
		m.Next = now.Add(backoff(m.Failures, chance))
	default:
		m.Next = s.Schedule.Next(now)
		if !m.Next.IsZero() {
			m.Next = m.Next.Add(time.Duration(float64(s.Jitter) * chance))
		}
	}
	if m.Approved != nil && (v.approved != nil && !v.busy || m.Proposed == nil || m.Proposed.Run != m.Approved.Run) {
		m.Approved = nil // it was carried out as far as that goes, or is about a plan that is none any more
		if m.Proposed != nil {
			m.Proposed.ApprovedBy = ""
		}
	}
	m.judge(now)
	return t
}

func result(v visit) Result {
	switch r := v.report; {
	case v.applied:
		return ResultApplied
	case v.acted && v.done != Counts{}:
		return ResultHealed
	case r == nil:
		return ResultSkipped
	case len(r.Questions) > 0:
		return ResultAsking
	case len(r.Drifted) > 0:
		return ResultDrift
	case !r.InSync():
		return ResultChanges
	}
	return ResultInSync
}

// seen takes over what a look found: since when there is what drift, what is over, by which run, and which plan awaits approval, to be
// known by the id proposal. Drift that does not show because its resource is open is still there: nobody has seen that it is over. by is empty where the turn has carried out nothing.
func (m *Memory) seen(s *Stack, now time.Time, found *Report, by, proposal string) {
	var before []Drift
	if m.Report != nil {
		before = m.Report.Drifted
	}
	report := found.clone()
	for i := range report.Drifted {
		d := &report.Drifted[i]
		d.Since, d.Seen = now, now
		if j := slices.IndexFunc(before, d.same); j >= 0 {
			d.Since = before[j].Since
		}
		d.Mode = s.mode(*d)
	}
	for _, was := range before {
		if slices.ContainsFunc(report.Drifted, was.same) {
			continue
		}
		if i := slices.IndexFunc(report.Open, func(o Open) bool { return o.Address == was.Address }); i >= 0 {
			was.Begun = cmp.Or(report.Open[i].Run, was.Begun)
			report.Drifted = append(report.Drifted, was)
			continue
		}
		past := Past{Drift: was, Until: now, By: cmp.Or(by, was.Begun)}
		past.Begun = ""
		m.Healed = slices.Insert(m.Healed, 0, past)
	}
	m.Healed = m.Healed[:min(len(m.Healed), mostPast)]
	m.Report, m.Looked = report, now
	switch {
	case !s.proposes(found):
		m.Proposed = nil
	case m.Proposed == nil || m.Proposed.Digest != report.Digest || m.Proposed.Commit != m.Commit:
		m.Proposed = &Proposal{Run: proposal, Digest: report.Digest, Commit: m.Commit, Made: now, Counts: report.Planned}
	}
}

// same: both are about one attribute of one object.
func (d Drift) same(e Drift) bool {
	return d.Address == e.Address && d.Account == e.Account && d.ID == e.ID && d.Attribute == e.Attribute
}

// mode is what is done about drift.
func (s *Stack) mode(d Drift) Mode {
	if d.Mode == "" {
		return s.Mode
	}
	return d.Mode
}

// proposes: a plan is to be kept ready. One that waits for an answer could not be carried out.
func (s *Stack) proposes(r *Report) bool {
	if r.Digest == "" || len(r.Questions) > 0 {
		return false
	}
	return s.Mode == Propose || slices.ContainsFunc(r.Drifted, func(d Drift) bool { return s.mode(d) == Propose })
}

// heals: something drifted that is to be put back, or a run of the daemon's left requests open.
func (m *Memory) heals(s *Stack, r *Report) bool {
	return slices.ContainsFunc(r.Drifted, func(d Drift) bool { return s.mode(d) == Heal }) || r.Unsettled > 0 && (m.Acting || s.Mode == Heal)
}

// enter adds a turn that has ended to those that are remembered.
func (m *Memory) enter(t Turn) {
	if m.totals.Turns == nil {
		m.totals.Turns = map[Result]int{}
	}
	m.totals.Turns[t.Result]++
	m.totals.Requests += t.Requests
	m.Turns = slices.Insert(m.Turns, 0, t)
	m.Turns = m.Turns[:min(len(m.Turns), mostTurns)]
}

// judge sums up how the stack is.
func (m *Memory) judge(now time.Time) {
	is := Unknown
	switch r := m.Report; {
	case m.Failures > 0 || m.Polls >= mostPolls:
		is = Failing
	case r == nil:
	case len(r.Questions) > 0:
		is = Asking
	case len(r.Drifted) > 0:
		is = Drifted
	case !r.InSync():
		is = Changes
	default:
		is = InSync
	}
	if is != m.Condition || m.Since.IsZero() {
		m.Condition, m.Since = is, now
	}
}

// backoff is how long to wait after so many failures: a quarter more or less than a power of two of firstBackoff.
func backoff(failures int, chance float64) time.Duration {
	if failures <= 0 {
		return 0
	}
	d := lastBackoff
	if failures < 7 {
		d = min(d, firstBackoff<<(failures-1))
	}
	return time.Duration(float64(d) * (0.75 + chance/2))
}

// jitter is a time, a tenth more or less.
func jitter(d time.Duration, chance float64) time.Duration {
	return time.Duration(float64(d) * (0.9 + chance/5))
}

// polled enters what asking the source came to.
func (m *Memory) polled(s *Stack, now time.Time, commit string, err error, chance float64) {
	if err != nil {
		m.Polls++
		m.PollError = err.Error()
		m.Poll = now.Add(max(jitter(s.Git.Poll, chance), backoff(m.Polls, chance)))
		m.judge(now)
		return
	}
	m.Polls, m.PollError = 0, ""
	m.judge(now)
	m.Poll = now.Add(jitter(s.Git.Poll, chance))
	if m.isNews(commit) && m.Turn == nil {
		m.Wanted = TriggerCommit
	}
}

// isNews: the commit is neither in force nor known to be wrong.
func (m *Memory) isNews(commit string) bool {
	return commit != "" && commit != m.Commit && (m.Rejected == nil || m.Rejected.Commit != commit)
}

// judged enters whether a commit validates. One that does not leaves in force what was.
func (m *Memory) judged(now time.Time, commit string, err error) {
	if err != nil {
		if m.Rejected == nil || m.Rejected.Commit != commit {
			m.Rejected = &Rejected{Commit: commit, At: now}
		}
		m.Rejected.Error = err.Error()
		return
	}
	m.Commit, m.Rejected = commit, nil
}
