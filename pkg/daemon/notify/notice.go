// Package notify tells people what became of their stacks: on Slack, on Discord, or a program of theirs by a signed webhook.
//
// What is told is the difference of a snapshot from those before, made by a pure function ([Step]), so a situation is told once, when
// it changes, and not at every turn. How it is told is another ([Kind]). Delivering may take its time and fail: it holds nothing up,
// and what nobody got is in the log and on the page. A reader starts at [Notifier].
package notify

import (
	"cmp"
	"encoding/json"
	"maps"
	"slices"
	"time"

	"github.com/vpsync/vpsync/pkg/daemon"
)

// What has happened to a stack.
type What string

const (
	DriftFound What = "drift found"
	MoreDrift  What = "more drift"
	Healed     What = "healed"
	Failed     What = "failed"
	Recovered  What = "recovered"
	Asked      What = "question asked"
)

// Notice is one thing to tell. It holds no secret, as the snapshot that it is of.
type Notice struct {
	What   What      `json:"event"`
	Stack  string    `json:"stack"`
	At     time.Time `json:"at"`
	Commit string    `json:"commit,omitempty"`
	// Drift is what has drifted since the last notice, or what is healed.
	Drift []daemon.Drift `json:"drift,omitempty"`
	// Drifted counts everything that is drifted now.
	Drifted int `json:"drifted"`
	// By is the run that healed all of it; empty where somebody else put back some.
	By        string            `json:"by,omitempty"`
	Error     string            `json:"error,omitempty"` // of a failure
	Questions []daemon.Question `json:"questions,omitempty"`
}

// Memory is what was told, or was so when the telling began. The zero value knows nothing: the first snapshot is what it begins with,
// and none of it is told. It is not to be changed; [Step] returns another.
type Memory struct{ stacks map[string]stack }

// drifted names what drifts. What it drifted to is not in it: an attribute that keeps changing is one situation.
type drifted struct {
	Address   string `json:"address"`
	Account   string `json:"account,omitempty"`
	ID        string `json:"id,omitempty"`
	Attribute string `json:"attribute,omitempty"`
}

type stack struct {
	drift   map[drifted]bool
	asked   map[daemon.Question]bool
	failing bool
	healed  time.Time // until when what is over was told
}

// told is what is remembered of one stack, as JSON that is the same for the same.
func (m Memory) told(name string) json.RawMessage {
	st := m.stacks[name]
	text, err := json.Marshal(kept{
		Drift:   slices.SortedFunc(maps.Keys(st.drift), drifted.compare),
		Asked:   slices.SortedFunc(maps.Keys(st.asked), compareQuestions),
		Failing: st.failing, Healed: st.healed,
	})
	if err != nil {
		panic(err) // texts, a truth and a time
	}
	return text
}

// recall takes up what [Memory.told] gave; nothing where that is nil.
func (m *Memory) recall(name string, told json.RawMessage) error {
	if told == nil {
		return nil
	}
	var k kept
	if err := json.Unmarshal(told, &k); err != nil {
		return err
	}
	st := stack{drift: map[drifted]bool{}, asked: map[daemon.Question]bool{}, failing: k.Failing, healed: k.Healed}
	for _, d := range k.Drift {
		st.drift[d] = true
	}
	for _, q := range k.Asked {
		st.asked[q] = true
	}
	if m.stacks == nil {
		m.stacks = map[string]stack{}
	}
	m.stacks[name] = st
	return nil
}

// kept is a stack in JSON.
type kept struct {
	Drift   []drifted         `json:"drift,omitempty"`
	Asked   []daemon.Question `json:"asked,omitempty"`
	Failing bool              `json:"failing,omitempty"`
	Healed  time.Time         `json:"healed,omitzero"`
}

func (d drifted) compare(e drifted) int {
	return cmp.Or(cmp.Compare(d.Address, e.Address), cmp.Compare(d.Attribute, e.Attribute), cmp.Compare(d.ID, e.ID), cmp.Compare(d.Account, e.Account))
}

func compareQuestions(p, q daemon.Question) int {
	return cmp.Or(cmp.Compare(p.Address, q.Address), cmp.Compare(p.Summary, q.Summary), cmp.Compare(p.Remedy, q.Remedy))
}

// Step says what is to be told of a snapshot, by somebody who remembers what was told before, and what they remember then. Stacks
// come in the order of the snapshot.
func Step(m Memory, snap daemon.Snapshot) (Memory, []Notice) {
	next := Memory{stacks: map[string]stack{}}
	var notices []Notice
	for i := range snap.Stacks {
		st := &snap.Stacks[i]
		before, known := m.stacks[st.Name]
		if !known {
			before.healed = lastHealed(st)
		}
		after, told := step(before, st, snap.Now)
		next.stacks[st.Name] = after
		if known || m.stacks != nil {
			notices = append(notices, told...)
		}
	}
	return next, notices
}

func lastHealed(st *daemon.StackState) time.Time {
	var last time.Time
	for _, p := range st.Healed {
		if p.Until.After(last) {
			last = p.Until
		}
	}
	return last
}

func step(m stack, st *daemon.StackState, now time.Time) (stack, []Notice) {
	var told []Notice
	tell := func(n Notice) {
		n.Stack, n.Commit, n.At = st.Name, st.Commit, now
		if st.Report != nil {
			n.Drifted = len(st.Report.Drifted)
		}
		told = append(told, n)
	}
	switch failing := st.Condition == daemon.Failing || st.Failures > 0; {
	case failing && !m.failing:
		m.failing = true
		tell(Notice{What: Failed, Error: st.Error})
	case !failing && m.failing && st.Condition != daemon.Unknown:
		m.failing = false
		tell(Notice{What: Recovered})
	}
	if st.Report == nil { // nobody has looked yet: nothing is known to be otherwise
		return m, told
	}
	m, drift := stepDrift(m, st)
	if drift.What != "" {
		tell(drift)
	}
	asked := map[daemon.Question]bool{}
	var fresh []daemon.Question
	for _, q := range st.Report.Questions {
		if !m.asked[q] && !asked[q] {
			fresh = append(fresh, q)
		}
		asked[q] = true
	}
	m.asked = asked
	if len(fresh) > 0 {
		tell(Notice{What: Asked, Questions: fresh})
	}
	return m, told
}

// stepDrift says what is new of what drifts; nothing has happened where the notice is zero. What is healed is told when nothing
// drifts any more, all of it at once; a turn may have found and healed it between two snapshots.
func stepDrift(m stack, st *daemon.StackState) (stack, Notice) {
	is := map[drifted]bool{}
	var fresh []daemon.Drift
	for _, d := range st.Report.Drifted {
		key := drifted{d.Address, d.Account, d.ID, d.Attribute}
		if !m.drift[key] && !is[key] {
			fresh = append(fresh, d)
		}
		is[key] = true
	}
	before := m.drift
	m.drift = is
	switch {
	case len(fresh) > 0 && len(before) == 0:
		return m, Notice{What: DriftFound, Drift: fresh}
	case len(fresh) > 0:
		return m, Notice{What: MoreDrift, Drift: fresh}
	case len(is) > 0:
		return m, Notice{}
	}
	n := Notice{What: Healed}
	runs := map[string]bool{}
	for _, p := range slices.Backward(st.Healed) { // the oldest first
		if p.Until.After(m.healed) {
			n.Drift = append(n.Drift, p.Drift)
			runs[p.By] = true
		}
	}
	m.healed = lastHealed(st)
	if len(n.Drift) == 0 && len(before) == 0 {
		return m, Notice{}
	}
	if len(n.Drift) == 0 { // the snapshot does not keep what is over; its names are known
		for _, k := range slices.SortedFunc(maps.Keys(before), drifted.compare) {
			n.Drift = append(n.Drift, daemon.Drift{Address: k.Address, Account: k.Account, ID: k.ID, Attribute: k.Attribute})
		}
	}
	if len(runs) == 1 {
		for run := range runs {
			n.By = run
		}
	}
	return m, n
}
