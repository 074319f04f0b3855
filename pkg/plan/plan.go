package plan

import (
	"time"

	"github.com/vpsync/vpsync/pkg/spec"
	"github.com/vpsync/vpsync/pkg/state"
	"github.com/zclconf/go-cty/cty"
)

// Input is everything that a plan depends on.
type Input struct {
	Config      *spec.Response          // desired
	State       *state.State            // recorded
	Live        *Live                   // live; nil plans from the recorded values alone
	Schemas     map[string]*spec.Schema // by account
	Key         state.Key               // compares digests of secrets
	Definitions map[string]string       // hashes of the definitions, by account
	// Moved is what was relocated in State before.
	Moved   []Relocation
	Budgets map[string][]Budget // by account, for the cost; may be empty
	// Prices by account and kind, as far as they were read: see Plan.Unpriced. Nil where nobody asks what the plan costs.
	Prices  map[KindRef]PriceList
	Options Options
}

// Options are the operator's.
type Options struct {
	Destroy     bool // the command destroy: nothing is desired, and on_unsupported is forget
	Adopt       bool // a create takes over an unmanaged twin
	Allow       int  // --allow N: how many changes a brake lets pass; 0 is not given
	ConfirmGone bool // an account that looks empty is believed
	// Targets and Excludes limit the plan to a part of it: see select.go.
	Targets, Excludes []Pattern
	// Only, where not nil, limits the plan to these addresses, and what they wait for.
	Only map[spec.Address]bool
	// Reviewed: somebody has looked at exactly this plan, which the caller makes sure of. The brakes do not hold it.
	Reviewed bool
	// Replace are resources to replace although nothing else asks for it.
	Replace []spec.Address
	// Heal, where not nil, limits the plan to what drifted.
	Heal *Healing
}

// Budget is what is left of a rate-limit class. Remaining is -1 where nothing is known.
type Budget struct {
	Class            string
	Limit, Remaining int
	Reset            time.Time
}

// Live is what a refresh found.
type Live struct {
	Kinds map[KindRef]*LiveKind
	// Reads counts the requests that it took.
	Reads int
}

// KindRef names a kind in an account.
type KindRef struct{ Account, Kind string }

// LiveKind is what a refresh found of one kind. A kind that can be neither listed nor read has none.
type LiveKind struct {
	// Listed: Objects are all there are, so unmanaged ones can be seen.
	Listed  bool
	Objects map[string]*spec.Object // by id
	// Gone are recorded ids whose absence a second look confirmed.
	Gone map[string]bool
	// Pages is what one list of the kind costs.
	Pages int
}

// Action is what a change does.
type Action string

const (
	NoOp    Action = "no-op"
	Create  Action = "create"
	Update  Action = "update"
	Replace Action = "replace"
	Delete  Action = "delete"
	Forget  Action = "forget" // let go: the object becomes a leftover, or is gone already
	Adopt   Action = "adopt"  // take over an object that exists, then update it where needed
	// Task is no action of a plan: a journal row has it whose request was sent by a task.
	Task Action = state.ActionTask
)

// Cause is why an attribute changes, or a change happens.
type Cause string

const (
	CauseConfig    Cause = "config"    // somebody edited the HCL
	CauseDrift     Cause = "drift"     // somebody edited the account
	CauseBoth      Cause = "both"      // both
	CauseNew       Cause = "new"       // no such object yet
	CauseGone      Cause = "gone"      // the object was deleted behind vpsync's back
	CauseRemoved   Cause = "removed"   // its block is gone, or the command is destroy
	CauseDepends   Cause = "depends"   // what it refers to is replaced or new
	CauseResumed   Cause = "resumed"   // an earlier run left it half done
	CauseDeposed   Cause = "deposed"   // an old object still awaits its deletion
	CauseImport    Cause = "import"    // an import block names its object
	CauseTriggered Cause = "triggered" // its replace_triggered_by names something that changes
	CauseAsked     Cause = "asked"     // the operator asked for it: --replace
	// CauseUnmet: the API answers something else than it was asked for, and nobody has touched either. It is said, and not sent again.
	CauseUnmet Cause = "not_converged"
)

// Effect is how an attribute's change is carried out.
type Effect string

const (
	EffectUpdate     Effect = "update"      // by the operation in AttributeChange.Operation
	EffectReplace    Effect = "replace"     // by a new object
	EffectNextCreate Effect = "next_create" // not now: on a new object only
	EffectRecord     Effect = "record"      // in the state alone, no request
	EffectComputed   Effect = "computed"    // by the API
	EffectNone       Effect = "none"        // not at all: said, not repeated (did not converge; no longer managed)
	EffectImpossible Effect = "impossible"  // the API cannot: see Change.Unsupported
)

// AttributeChange is one attribute's part of a change. Before and After are unmarked, null for unset; After is
// unknown where only apply can tell. Of a sensitive attribute both are cty.NilVal.
type AttributeChange struct {
	Name          string
	Before, After cty.Value
	Sensitive     bool
	Unverified    bool // Before is what was asked for; the API never answers it
	Cause         Cause
	Effect        Effect
	Operation     string // for EffectUpdate
	Note          string // a sentence, or empty: "takes effect on new servers only"
}

// Change is what happens to one resource.
type Change struct {
	Address    spec.Address
	Deposed    string // the key of an old object, or empty
	Account    string
	Kind       string
	Action     Action
	ID         string // of the object that exists; empty for a create
	Cause      Cause
	Attributes []AttributeChange // only those that change, in the order of the schema
	// Operations are the requests of the making half, in order: create, then those that set what create cannot; or the
	// updates. Each gets an intent of its own.
	Operations []string
	// Removes is the removing half: OpDelete, or "" with Forgets where the object becomes a leftover, or neither.
	Removes string
	Forgets bool
	// CreateFirst: the making half of a replacement comes before the removing half. The old object is deposed in between.
	CreateFirst bool
	// TakesBack is the id of the leftover that an adopt takes back. MayTakeBack are leftovers that a create, or the making half
	// of a replacement, takes back instead if, once its values are known, they turn out equal (see TakesBack).
	TakesBack   string
	MayTakeBack []string
	LosesData   bool
	// BackupFirst: before its removing half a backup of the object is made, and waited for.
	BackupFirst bool
	// Unsupported explains what the API cannot do, and what was decided about it.
	Unsupported string
	// NeedsHand: nothing of this plan may be sent until an operator has acted.
	NeedsHand bool
	Remedy    string // snippet or command to paste
	Notes     []string
	Price     *Price      // nil where the change makes no difference to what is charged
	Range     *spec.Range // of the block, where there still is one
}

// Phase tells the two halves of a change apart: of a replacement both happen.
type Phase string

const (
	PhaseRemove Phase = "remove"
	PhaseMake   Phase = "make"
)

// Step is one node of the ordered graph of a plan.
type Step struct {
	Change int // index into Plan.Changes
	Phase  Phase
	After  []int // indices of earlier steps that must have ended well
}

// Plan is an ordered set of changes. It is data: it holds no closures and no secrets.
type Plan struct {
	Changes []*Change // sorted by address; no-ops are not among them, but for those with notes or records
	Steps   []Step    // in an order that respects After
	// Records are resources whose recorded values change although nothing is sent (a computed attribute moved, a
	// wanted value is live already, a new value takes effect on new objects only). They are written before the steps; one of a
	// resource that is also updated holds only what no request will record.
	Records []*state.Resource
	// Moved are recorded resources whose address is another one now. Nothing is sent for that.
	Moved     []Relocation
	Leftovers []*state.Leftover // those that stay
	SeenGone  []*state.Leftover // leftovers that no longer exist: they are dropped from the state
	Unmanaged []Unmanaged
	Pending   []Pending
	Questions []Question // the exit code is 5; with any but those of open intents, nothing is sent
	Warnings  []spec.Diagnostic
	Outputs   []OutputChange
	Cost      []Cost
	Prices    Prices
	Counts    Counts
	// LeftOut are changes that Targets or Excludes keep out of the plan.
	LeftOut []LeftOut
	// Partial: something is left out, of a saved plan too, which lists it no more.
	Partial bool
	// Unmatched are errors: Targets, Excludes or Replace name what there is not. Such a plan is not carried out.
	Unmatched spec.Diagnostics
	// Deferred are data blocks that are read when the plan is carried out, since what they ask with is not known before.
	Deferred []spec.Address
	// Unsettled are resources whose object is new after this plan: whatever the configuration computed from their
	// recorded attributes must be computed again with these unknown, and the plan made again.
	Unsettled []spec.Address
	// Unpriced are kinds whose prices the plan takes and was not told: with them in Input.Prices, be it as an empty list, it is to be
	// made again.
	Unpriced []KindRef `json:"-"`
	Destroy  bool
	// Definitions are the hashes of the definitions of the accounts that it changes.
	Definitions map[string]string
	// Managed counts resources in the configuration; Reads the requests that the refresh took.
	Managed, Reads int
}

// Counts is the plan's summary line.
type Counts struct {
	Add, Change, Destroy, Replace, Adopt, Forget, NeedsHand int
}

// Unmanaged is an object with no resource.
type Unmanaged struct {
	Account, Kind, ID string
	Values            spec.Values // readable, not sensitive, and repeating no secret
}

// Pending is a resource that an open intent holds back: its own, or that of what it depends on, which Reason then names. Operation
// is the intent's, or the action that waits.
type Pending struct {
	Address   spec.Address
	Operation string
	Run       string
	Since     time.Time
	Question  bool
	Reason    string
}

// Question is why a plan waits for the operator.
type Question struct {
	Kind    QuestionKind
	Address *spec.Address // where one resource is meant
	Summary string
	Detail  string
	Remedy  string
}

// QuestionKind is the reason, for programs.
type QuestionKind string

const (
	AskNeedsHand    QuestionKind = "needs_hand"
	AskTwin         QuestionKind = "unmanaged_twin"
	AskEmpty        QuestionKind = "account_looks_empty"
	AskOtherStack   QuestionKind = "other_stack"
	AskBrakeDestroy QuestionKind = "brake_destroy"
	AskBrakeCreate  QuestionKind = "brake_create"
	AskBrakeDrift   QuestionKind = "brake_drift_replacement"
	AskPending      QuestionKind = "pending"
)

// OutputChange is one output before and after. Sensitive ones have no values.
type OutputChange struct {
	Name          string
	Before, After cty.Value
	Sensitive     bool
	Action        Action // NoOp, Create, Update, Delete
	// Held: it comes from a change that is left out of the plan, so what is recorded of it stays.
	Held bool
}

// Cost is what applying the plan takes from one rate-limit class of one account.
type Cost struct {
	Account, Class string
	Requests       int
	Limit          int
	Per            time.Duration
	Remaining      int // -1: not known
	Reset          time.Time
	// Windows is how many full windows have to pass before the last request can leave; 0 when it all fits.
	Windows int
}
