// Package daemon looks after stacks on a schedule: it finds drift, keeps plans ready for somebody to approve, and puts back what may
// be put back without asking.
//
// It decides when something happens and what may happen then, and remembers how each stack is. What happens is given to it as
// [Work]: it knows neither providers nor states, prints nothing and reads no environment. Time, randomness and the fetching of
// sources are injected, so that a day of it runs in a millisecond of a test. A reader starts at [Config] and [Daemon].
package daemon

import (
	"context"
	"time"
)

// Mode is what a turn does about what it finds.
type Mode string

const (
	Observe Mode = "observe" // report
	Propose Mode = "propose" // keep a plan ready, for vpsync approve
	Heal    Mode = "heal"    // put back what drifted
)

// Modes are all of them.
var Modes = []Mode{Observe, Propose, Heal}

// Work is what the daemon has done by others. Each function works on one checkout of a stack, and may be called for several stacks at
// once, but never twice at once for one.
type Work interface {
	// Validate says what is wrong with a checkout: nothing where it may come into force.
	Validate(ctx context.Context, at Checkout) error
	// Look makes a plan and sends nothing that writes. Where it fails the report, if there is one, has nothing but the requests that this took.
	Look(ctx context.Context, at Checkout) (*Report, error)
	// Heal puts back what drifted, with the values that were applied, and nothing else: never what deletes or replaces unless the stack's
	// entry allows it. Requests that an earlier run left open are settled first.
	Heal(ctx context.Context, at Checkout, o Acting) (*Outcome, error)
	// Apply carries out the plan of this digest. It fails with ErrMoved, and has sent nothing that writes, where the plan is another by now.
	Apply(ctx context.Context, at Checkout, digest string, o Acting) (*Outcome, error)
}

// Sources brings the files of stacks to this disk.
type Sources interface {
	// Newest is the stack as its source has it now. For a folder that is the folder.
	Newest(ctx context.Context, s *Stack) (Checkout, error)
	// At is the stack at a commit that Newest brought before, perhaps before a restart.
	At(ctx context.Context, s *Stack, commit string) (Checkout, error)
}

// Checkout is a stack at one commit, on this disk.
type Checkout struct {
	Stack  string // its name in the configuration
	Dir    string
	Commit string // in full; empty for a folder that no repository knows
	// Foreign: it came from a git source, so it is evaluated in a process of its own.
	Foreign bool
	// Repository is the bare repository that it was fetched into, with its source as the remote origin; empty for a folder.
	Repository string
}

// Acting bounds what a turn may do.
type Acting struct {
	Run   string // the id that it gets in the state's history
	Actor string // who approved it; empty where nobody was asked
	// Stop, when it is done, ends the run after what is in flight: the daemon stops, or the window closes.
	Stop context.Context
	// Unasked: what drifted is put back unless its block says otherwise; not set, only where its block says heal.
	Unasked bool
	// AllowDestroy lets it delete and replace, too.
	AllowDestroy bool
}

// Report is how a stack is, as one look found it.
type Report struct {
	Drifted   []Drift     `json:"drifted"`
	Unmanaged []Unmanaged `json:"unmanaged"`
	// Pending counts the changes that the configuration asks for and nobody carried out.
	Pending Counts `json:"pending"`
	// Planned counts all changes of the plan, those that put back what drifted among them.
	Planned Counts `json:"planned"`
	// Digest of the plan; empty where there is nothing to do.
	Digest string `json:"digest,omitempty"`
	// Plan is the plan as vpsync plan --json prints it. It holds no secret.
	Plan []byte `json:"-"`
	// Graph is the dependency graph as SVG, as vpsync graph --svg draws it.
	Graph []byte `json:"-"`
	// Unsettled counts requests of which it is not known what they did, objects that were made and not finished, and what has yet to follow
	// an object that was made anew. Whoever writes next sees to them.
	Unsettled int `json:"unsettled,omitempty"`
	// Open are the resources which that is about, and those that wait for them. What drifts of them does not show in a plan.
	Open []Open `json:"open,omitempty"`
	// Questions await an answer of the operator: terse lines, with what answers them.
	Questions []Question `json:"questions,omitempty"`
	Resources int        `json:"resources"`
	Requests  int        `json:"requests"` // that the look took
	Budgets   []Budget   `json:"budgets,omitempty"`
}

// InSync: nothing drifted, nothing is pending, nothing is asked.
func (r *Report) InSync() bool {
	return len(r.Drifted) == 0 && r.Pending == Counts{} && len(r.Questions) == 0 && r.Unsettled == 0
}

// Counts are changes by what they do.
type Counts struct {
	Add     int `json:"add"`
	Change  int `json:"change"`
	Destroy int `json:"destroy"`
	Replace int `json:"replace"`
	Forget  int `json:"forget"`
	Adopt   int `json:"adopt"`
}

// Drift is one attribute of one object, or a whole object, that is not as vpsync left it.
type Drift struct {
	Address   string `json:"address"`
	Account   string `json:"account"`
	ID        string `json:"id"`
	Attribute string `json:"attribute,omitempty"` // empty: the object is gone
	Was       string `json:"was,omitempty"`       // as the plan shows values; a secret is "(sensitive)"
	Is        string `json:"is,omitempty"`
	// Mode is what is done about it: what lifecycle { on_drift } of the resource says, or the stack's, which Look leaves to the daemon.
	Mode Mode `json:"mode"`
	// Begun is the run that has begun to put it back, and has not been seen to end that; empty where none has, or it is not known.
	Begun string `json:"begun,omitempty"`
	// Since is when it was seen first, and Seen when it was seen last. Both are kept by the daemon.
	Since time.Time `json:"since,omitzero"`
	Seen  time.Time `json:"seen,omitzero"`
}

// Open is a resource of which it is not known yet what became of it.
type Open struct {
	Address string `json:"address"`
	Run     string `json:"run,omitempty"` // that has begun; empty where it is not known
}

// Unmanaged is an object that no resource declares.
type Unmanaged struct {
	Account string `json:"account"`
	Kind    string `json:"kind"`
	ID      string `json:"id"`
	Name    string `json:"name,omitempty"`
}

// Question awaits the operator.
type Question struct {
	Address string `json:"address,omitempty"`
	Summary string `json:"summary"`
	Remedy  string `json:"remedy,omitempty"`
}

// Budget is what is left of a rate limit.
type Budget struct {
	Account   string    `json:"account"`
	Class     string    `json:"class"`
	Limit     int       `json:"limit"`     // 0: not known
	Remaining int       `json:"remaining"` // -1: not known
	Resets    time.Time `json:"resets,omitzero"`
}

// Outcome is what a run did.
type Outcome struct {
	Done     Counts
	ExitCode int // as vpsync apply ends
	Requests int
}
