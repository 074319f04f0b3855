package web

import (
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/vpsync/vpsync/pkg/daemon"
)

// head is what every page begins with.
type head struct {
	Title   string
	Now     time.Time
	Version string
	Started time.Time
}

func newHead(snap *daemon.Snapshot, title string) head {
	return head{clean(title), snap.Now, clean(snap.Version), snap.Started}
}

type missing struct {
	head
	Name string
}

// overview is the page of all stacks.
type overview struct {
	head
	Ready       bool
	Tally       []tally
	Stacks      []stackRow
	Waiting     []waiting
	Drift       rows[driftRow]
	Unmanaged   rows[unmanagedRow]
	Turns       rows[turnRow]
	Budgets     rows[budgetRow]
	Undelivered []daemon.Undelivered
}

// tally counts the stacks of one condition.
type tally struct {
	N         int
	Condition daemon.Condition
}

// at says of which stack a row is: its name as it is shown, and where its page is.
type at struct{ Stack, URL string }

type stackRow struct {
	at
	daemon.StackState
	Drifted int
	Last    *daemon.Turn
	Budget  *daemon.Budget // of which the least is left
}

// waiting is what a person must do.
type waiting struct {
	at
	Proposed *daemon.Proposal
	Question *daemon.Question
	Rejected *daemon.Rejected
	Error    string
	Failures int
	Window   daemon.WindowNow
	Now      time.Time
}

type driftRow struct {
	at
	daemon.Drift
	Now time.Time
}

type unmanagedRow struct {
	at
	daemon.Unmanaged
}

type turnRow struct {
	at
	daemon.Turn
	Now time.Time
}

type budgetRow struct {
	at
	daemon.Budget
	Now time.Time
}

// rows are those that are shown, and how many are not.
type rows[T any] struct {
	Shown []T
	More  int
}

func limit[T any](all []T) rows[T] {
	return rows[T]{all[:min(len(all), maxRows)], max(0, len(all)-maxRows)}
}

func newOverview(snap daemon.Snapshot) overview {
	v := overview{head: newHead(&snap, ""), Ready: snap.Ready, Undelivered: clean(snap.Undelivered)}
	var drift []driftRow
	var unmanaged []unmanagedRow
	var turns []turnRow
	var budgets []budgetRow
	var looked []time.Time // for each of them
	numbers := map[daemon.Condition]int{}
	for i := range snap.Stacks {
		st := clean(snap.Stacks[i])
		where := at{st.Name, stackURL(snap.Stacks[i].Name)}
		numbers[st.Condition]++
		row := stackRow{at: where, StackState: st}
		if len(st.Turns) > 0 {
			row.Last = &st.Turns[0]
		}
		if st.Report != nil {
			row.Drifted = driftedResources(st.Report)
			row.Budget = scarcest(st.Report.Budgets)
		}
		v.Stacks = append(v.Stacks, row)
		drift = append(drift, driftOf(where, &st, snap.Now)...)
		unmanaged = append(unmanaged, unmanagedOf(where, &st)...)
		turns = append(turns, turnsOf(where, &st, snap.Now)...)
		budgets = append(budgets, budgetsOf(where, &st, snap.Now)...)
		looked = append(looked, slices.Repeat([]time.Time{st.Looked}, len(budgets)-len(looked))...)
	}
	// What is worst stands first; otherwise the order is that of the configuration.
	slices.SortStableFunc(v.Stacks, func(a, b stackRow) int { return rank(b.Condition) - rank(a.Condition) })
	for i := range v.Stacks {
		v.Waiting = append(v.Waiting, awaited(v.Stacks[i].at, &v.Stacks[i].StackState, snap.Now)...)
	}
	slices.SortStableFunc(drift, func(a, b driftRow) int { return b.Since.Compare(a.Since) })
	slices.SortStableFunc(turns, func(a, b turnRow) int { return b.Began.Compare(a.Began) })
	const recent = 15
	v.Drift, v.Unmanaged, v.Budgets = limit(drift), limit(unmanaged), limit(newest(budgets, looked))
	v.Turns = rows[turnRow]{Shown: turns[:min(len(turns), recent)]}
	for i := len(conditions) - 1; i >= 0; i-- {
		if n := numbers[conditions[i]]; n > 0 {
			v.Tally = append(v.Tally, tally{n, conditions[i]})
		}
	}
	if bad := len(v.Stacks) - numbers[daemon.InSync] - numbers[daemon.Unknown]; bad > 0 {
		v.Title = plural(bad, "stack") + " to look at"
	}
	return v
}

// newest are the budgets, each once: stacks share accounts, and who looked last knows best.
func newest(all []budgetRow, looked []time.Time) []budgetRow {
	type limited struct{ account, class string }
	at := map[limited]int{} // in out
	var out []budgetRow
	var when []time.Time
	for i, b := range all {
		key := limited{b.Account, b.Class}
		j, known := at[key]
		switch {
		case !known:
			at[key] = len(out)
			out, when = append(out, b), append(when, looked[i])
		case looked[i].After(when[j]):
			out[j], when[j] = b, looked[i]
		}
	}
	return out
}

func rank(c daemon.Condition) int { return slices.Index(conditions, c) }

// stackView is the page of one stack.
type stackView struct {
	head
	at
	daemon.StackState
	APIURL     string
	ApproveURL string // empty where nothing awaits approval (any more), or nobody may approve here
	Waiting    []waiting
	Drifted    int
	Drift      rows[driftRow]
	Unmanaged  rows[unmanagedRow]
	Turns      rows[turnRow]
	Budgets    rows[budgetRow]
	Past       rows[daemon.Past]
	Picture    *picture
	HasPlan    bool
}

func newStackView(snap *daemon.Snapshot, raw *daemon.StackState, canApprove bool) stackView {
	st := clean(*raw)
	where := at{st.Name, stackURL(raw.Name)}
	v := stackView{
		head: newHead(snap, raw.Name+": "+string(raw.Condition)), at: where, StackState: st,
		APIURL:  "/api/v1" + where.URL,
		Waiting: awaited(where, &st, snap.Now),
		Drift:   limit(driftOf(where, &st, snap.Now)), Unmanaged: limit(unmanagedOf(where, &st)),
		Turns: limit(turnsOf(where, &st, snap.Now)), Budgets: limit(budgetsOf(where, &st, snap.Now)), Past: limit(st.Healed),
		Picture: newPicture(raw.Name, raw.Report),
	}
	if raw.Proposed != nil && raw.Proposed.ApprovedBy == "" && canApprove {
		v.ApproveURL = "/api/v1/runs/" + url.PathEscape(raw.Proposed.Run) + "/approve"
	}
	if raw.Report != nil {
		v.HasPlan = len(raw.Report.Plan) > 0
		v.Drifted = driftedResources(raw.Report)
	}
	return v
}

// awaited is what a person must do about a stack.
func awaited(where at, st *daemon.StackState, now time.Time) []waiting {
	var all []waiting
	if st.Error != "" {
		all = append(all, waiting{at: where, Error: st.Error, Failures: st.Failures, Now: now})
	}
	if st.Report != nil {
		for i := range st.Report.Questions {
			all = append(all, waiting{at: where, Question: &st.Report.Questions[i], Now: now})
		}
	}
	if st.Proposed != nil {
		all = append(all, waiting{at: where, Proposed: st.Proposed, Window: st.Window, Now: now})
	}
	if st.Rejected != nil {
		all = append(all, waiting{at: where, Rejected: st.Rejected, Now: now})
	}
	return all
}

func driftOf(where at, st *daemon.StackState, now time.Time) []driftRow {
	if st.Report == nil {
		return nil
	}
	var all []driftRow
	for _, d := range st.Report.Drifted {
		all = append(all, driftRow{where, d, now})
	}
	return all
}

func unmanagedOf(where at, st *daemon.StackState) []unmanagedRow {
	if st.Report == nil {
		return nil
	}
	var all []unmanagedRow
	for _, u := range st.Report.Unmanaged {
		all = append(all, unmanagedRow{where, u})
	}
	return all
}

func turnsOf(where at, st *daemon.StackState, now time.Time) []turnRow {
	var all []turnRow
	for _, t := range st.Turns {
		all = append(all, turnRow{where, t, now})
	}
	return all
}

func budgetsOf(where at, st *daemon.StackState, now time.Time) []budgetRow {
	if st.Report == nil {
		return nil
	}
	var all []budgetRow
	for _, b := range st.Report.Budgets {
		all = append(all, budgetRow{where, b, now})
	}
	return all
}

// scarcest is the budget of which the smallest part is left; nil where none is known.
func scarcest(all []daemon.Budget) *daemon.Budget {
	var worst *daemon.Budget
	for i := range all {
		b := &all[i]
		if b.Remaining < 0 || b.Limit <= 0 {
			continue
		}
		if worst == nil || b.Remaining*worst.Limit < worst.Remaining*b.Limit {
			worst = b
		}
	}
	return worst
}

// countWords are changes in words: 1 to add, 2 to change.
func countWords(c daemon.Counts, sense string) string {
	words := map[string][2]string{
		"add": {"to add", "added"}, "change": {"to change", "changed"}, "replace": {"to replace", "replaced"},
		"destroy": {"to destroy", "destroyed"}, "adopt": {"to adopt", "adopted"}, "forget": {"to forget", "forgotten"},
	}
	which := 0
	if sense == "done" {
		which = 1
	}
	var parts []string
	for _, k := range counted(c) {
		if k.n > 0 {
			parts = append(parts, itoa(k.n)+" "+words[k.action][which])
		}
	}
	return strings.Join(parts, ", ")
}
