package daemon

import "time"

// Snapshot is how everything is at one moment: what the page, the metrics and the JSON API show. It is the caller's, and holds no
// secret.
type Snapshot struct {
	Now     time.Time    `json:"now"`
	Started time.Time    `json:"started"`
	Version string       `json:"version"`
	Ready   bool         `json:"ready"` // every stack has had a turn
	Stacks  []StackState `json:"stacks"`
	// Undelivered are notifications that nobody got, the newest first, a few at most. The daemon leaves it empty; whoever sends them
	// fills it in.
	Undelivered []Undelivered `json:"undelivered,omitempty"`
}

// Condition sums up how a stack is, the worse the later.
type Condition string

const (
	Unknown Condition = "unknown" // nobody has looked yet
	InSync  Condition = "in sync"
	Changes Condition = "changes" // the configuration asks for something that nobody carried out
	Drifted Condition = "drifted"
	Asking  Condition = "asking" // a question awaits the operator
	Failing Condition = "failing"
)

// StackState is how one stack is.
type StackState struct {
	Name      string    `json:"name"`
	Source    string    `json:"source"` // the folder, or the URL without what may be a password, the branch and the path
	Commit    string    `json:"commit,omitempty"`
	Mode      Mode      `json:"mode"`
	Schedule  string    `json:"schedule"`
	Zone      string    `json:"zone"`
	Condition Condition `json:"condition"`
	Since     time.Time `json:"since,omitzero"` // of the condition
	Report    *Report   `json:"report,omitempty"`
	Looked    time.Time `json:"looked,omitzero"`    // when the report was made
	Succeeded time.Time `json:"succeeded,omitzero"` // the last turn that ended well
	Next      time.Time `json:"next,omitzero"`      // turn
	Running   bool      `json:"running"`
	Window    WindowNow `json:"window"`
	Failures  int       `json:"failures"`        // turns that failed since the last that did not
	Polls     int       `json:"source_failures"` // how often in a row the source did not answer
	Error     string    `json:"error,omitempty"`
	// Rejected is at the source and does not validate; what did before stays in force.
	Rejected *Rejected `json:"rejected,omitempty"`
	// Proposed is the plan that awaits approval; nil where there is none.
	Proposed *Proposal `json:"proposed,omitempty"`
	// Turns are the last ones, the newest first; Healed is drift that is no more, the newest first.
	Turns  []Turn `json:"turns"`
	Healed []Past `json:"healed"`
	// Totals count what has been since the daemon began.
	Totals Totals `json:"totals"`
}

// Totals only grow while a daemon runs, and begin anew with it.
type Totals struct {
	Turns    map[Result]int `json:"turns,omitempty"`
	Requests int            `json:"requests"` // to the APIs of the hosts
}

// Undelivered is a notification that nobody got.
type Undelivered struct {
	Receiver string    `json:"receiver"` // its name in the configuration
	Stack    string    `json:"stack"`
	What     string    `json:"what"` // "drift found"
	At       time.Time `json:"at"`   // when it was given up
	Error    string    `json:"error"`
}

// WindowNow says whether changes may be applied.
type WindowNow struct {
	Open  bool      `json:"open"`
	Opens time.Time `json:"opens,omitzero"` // zero while it is open, or where no end is to be seen
}

// Rejected is a commit that did not come into force.
type Rejected struct {
	Commit string    `json:"commit"`
	At     time.Time `json:"at"`
	Error  string    `json:"error"`
}

// Proposal is a plan that awaits approval: vpsync approve RUN.
type Proposal struct {
	Run    string    `json:"run"`
	Digest string    `json:"digest"`
	Commit string    `json:"commit,omitempty"`
	Made   time.Time `json:"made"`
	Counts Counts    `json:"counts"`
	// ApprovedBy is who said yes; empty while nobody has. It is carried out as soon as the stack's windows allow it.
	ApprovedBy string `json:"approved_by,omitempty"`
}

// Turn is one visit to a stack.
type Turn struct {
	Run      string        `json:"run,omitempty"` // in the state's history, where it applied something
	Trigger  string        `json:"trigger"`       // "schedule", "webhook", "commit", "approval by NAME"
	Commit   string        `json:"commit,omitempty"`
	Began    time.Time     `json:"began"`
	Took     time.Duration `json:"took"`
	Result   Result        `json:"result"`
	Done     Counts        `json:"done"`
	Error    string        `json:"error,omitempty"`
	Requests int           `json:"requests"`
}

// Result is how a turn ended.
type Result string

const (
	ResultInSync  Result = "in sync"
	ResultDrift   Result = "drift"
	ResultHealed  Result = "healed"
	ResultApplied Result = "applied"
	ResultChanges Result = "changes"
	ResultAsking  Result = "asking"
	ResultFailed  Result = "failed"
	ResultSkipped Result = "skipped" // outside its windows, or the turn before it went on
)

// Past is drift that is over.
type Past struct {
	Drift
	Until time.Time `json:"until"`
	// By is the run that healed it; empty where somebody else put it back.
	By string `json:"by,omitempty"`
}

// Service is what a page, an API and a command ask of a daemon. It is safe for concurrent use.
type Service interface {
	Snapshot() Snapshot
	// Changed is closed when something has changed since it was asked for.
	Changed() <-chan struct{}
	// Approve carries out a proposal, as the next turn of its stack. It fails with ErrNoProposal where there is none of this run (any
	// more); who is for the history.
	Approve(run, who string) error
	// Trigger makes a turn of a stack due now. It fails with ErrNoStack.
	Trigger(stack, why string) error
}
