package apply

import (
	"time"

	"github.com/vpsync/vpsync/pkg/plan"
	"github.com/vpsync/vpsync/pkg/providers"
	"github.com/vpsync/vpsync/pkg/spec"
	"github.com/vpsync/vpsync/pkg/state"
)

// RefreshMode is how much of an account is read.
type RefreshMode string

const (
	RefreshAuto RefreshMode = "auto"  // the cheapest correct road
	RefreshFull RefreshMode = "full"  // every detail
	RefreshNone RefreshMode = "false" // nothing: plan from recorded values
)

// Accounts are the clients of a stack by account name.
type Accounts map[string]*providers.Client

// Configuration works out what is desired: a [spec.Stack] does it in this process.
type Configuration interface {
	// Evaluate works everything out.
	Evaluate(r spec.Request) *spec.Response
	// Open starts to work out one resource after the other.
	Open(r spec.Request) spec.Evaluation
}

// Planner makes plans: it evaluates, refreshes and computes until what the configuration says of replaced objects is
// settled.
type Planner struct {
	Stack    Configuration // nil: nothing is desired
	Moves    []spec.Move   // of the stack
	Request  spec.Request  // Objects is filled by the planner
	Accounts Accounts
	Key      state.Key
	Options  plan.Options
	Mode     RefreshMode
	// Everywhere reads every kind that can be listed, also those of which the stack has nothing: unmanaged objects may be of any.
	Everywhere bool
	// Unpriced: nobody asks what a plan costs, so no prices are read; with RefreshNone they are not either.
	Unpriced bool
	// MostAsked is how many data blocks may be answered; 0 is any number.
	MostAsked int
	Clock     providers.Clock
}

// Made is a plan and what it was made from.
type Made struct {
	Plan    *plan.Plan
	Config  *spec.Response
	State   *state.State
	Live    *plan.Live
	Objects map[spec.Address]spec.Values // known attributes, as the last evaluation saw them

	details map[objectKey]detail // read on the way: Apply records them
}

// Options of one run.
type Options struct {
	Parallelism int // at most this many changes at once; 0 is 10
	// Grace overrides every definition's where not nil.
	Grace *time.Duration
	Clock providers.Clock
	NewID func() string // fresh ids of intents and deposed records
	Run   state.Run
	// Emit is called with each event, from several goroutines but never concurrently.
	Emit func(Event)
	// Boundary, nil but in tests, is called at each point where a crash would leave a different trace (BoundaryBegin and
	// its neighbours). An error cuts the run off there, as a crash would: nothing is sent or written any more.
	Boundary func(point string) error
	// Exactly: nothing is sent that the plan did not show as a change. What an open intent of an earlier run held back is left to the
	// next run once that is settled.
	Exactly bool
}

// Runner applies plans to one state.
type Runner struct {
	Store    state.Store
	Lock     state.Lock
	Accounts Accounts
	Planner  *Planner
	Options  Options

	settled bool // Settle found that something was carried out
}

// Result is how a run ended.
type Result struct {
	Counts    plan.Counts // what was done, not what was planned
	Failures  []Failure
	Questions []plan.Question // of settling and of what is left
	Skipped   []spec.Address  // held back by a failure, a question or an interrupt
	// Residue is what a second plan after the run would still do: it should be empty.
	Residue     *plan.Plan
	Interrupted bool
	Changed     bool // anything was sent that may have had an effect, or was forgotten or adopted without a request
	Duration    time.Duration
	Reads       int
	Writes      int
	Outputs     []*spec.Output
	Warnings    spec.Diagnostics  // of the configuration, as it is seen after the run: checks that do not hold
	LeftBehind  []*state.Leftover // objects that this run let go of because the API cannot delete them

	unverified bool // the goal state was not observed
	broken     bool // the run ended with an error of its own
}

// Failure is one change that did not succeed.
type Failure struct {
	Address spec.Address
	Err     error
}

// Answer is the operator's answer to a question about an open intent.
type Answer struct {
	ID     string // the object that the request made, where it is known
	Retry  bool   // it was not carried out: send it again
	Forget bool   // drop the intent and the resource with it
}

// Event is something that happened in a run. JSON lines and the terminal's progress are renderings of it.
type Event struct {
	Type      EventType
	Time      time.Time
	Address   spec.Address
	Deposed   string
	Account   string // of the object
	Kind      string
	Action    plan.Action
	Phase     plan.Phase
	Unseen    bool // an import of what the API cannot show
	LetsGo    bool // the removing half leaves its object behind
	Operation string
	ID        string
	Status    string        // the object's, while waiting
	Elapsed   time.Duration // since its change started
	Until     time.Time     // of a countdown: grace, or a rate-limit window
	Message   string
	Err       error
	Done      int // of the run's changes
	Total     int
}

// EventType is what happened.
type EventType string

const (
	EventStart     EventType = "start"     // a change begins
	EventSent      EventType = "sent"      // a request was answered
	EventWaiting   EventType = "waiting"   // for an object to be ready
	EventCountdown EventType = "countdown" // for a grace or a rate limit
	EventDone      EventType = "done"      // a change ended well
	EventFailed    EventType = "failed"
	EventSkipped   EventType = "skipped"
	EventSettling  EventType = "settling"
	EventSettled   EventType = "settled"
	EventQuestion  EventType = "question"
	EventVerifying EventType = "verifying"
)
