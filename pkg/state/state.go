package state

import (
	"slices"
	"time"

	"github.com/vpsync/vpsync/pkg/spec"
)

// State is one consistent reading of everything recorded, already verified.
type State struct {
	Lineage string // names this state for ever; made once
	Serial  int64  // grows by at least one with each commit
	// Settled: an apply of this stack has ended with exit code 0, so it is not new.
	Settled   bool
	Accounts  map[string]Account
	Resources []*Resource // sorted by address, then deposed key
	Leftovers []*Leftover // sorted by id
	Intents   []*Intent   // open ones, oldest first
	Outputs   map[string]Output
	// SecretKeyID is the id of the key of the digests in it, or empty while it holds none.
	SecretKeyID string
}

// Account is a provider account that the state was made against.
type Account struct {
	Name     string `json:"name"`     // "servosphere.eu"
	Provider string `json:"provider"` // "servosphere"
	Endpoint string `json:"endpoint"` // the base URL; a different one at hand refuses the state
}

// Resource is a recorded resource: the object it is bound to and the values last seen of it.
type Resource struct {
	Address spec.Address `json:"address"`
	// Deposed is empty, or the key of an old object that still awaits its deletion.
	Deposed string `json:"deposed,omitzero"`
	Account string `json:"account"`
	ID      string `json:"id"` // the object's id at the provider; never empty
	// Applied is what was last asked for; Observed what the API last answered. Neither holds secrets;
	// their values are known, unmarked, and of JSON-implied types (convert to the schema's).
	Applied  spec.Values `json:"applied"`
	Observed spec.Values `json:"observed"`
	// Secrets are digests of the sensitive attributes last asked for.
	Secrets map[string]Digest `json:"secrets,omitzero"`
	// Assumed names attributes of Applied that were recorded without a request, because the API
	// never answers them (an imported object's).
	Assumed []string `json:"assumed,omitzero"`
	// Pending names the operations of a create sequence that have not been done yet, in order: the object exists
	// and is finished by the next apply, not destroyed.
	Pending []string `json:"pending,omitzero"`
	// Unready: the object was created but has not been seen ready.
	Unready bool `json:"unready,omitzero"`
	// Due are replacements that the object is owed: names of what replace_triggered_by lists, each with a digest of its value before
	// the change that triggers. Where the value is another by now, the change was carried out and the replacement was not.
	Due map[string]string `json:"due,omitzero"`
	Policy
	// Detail is the value of the kind's changed attribute as of the last detail read, and when that was; it is
	// trusted only if DetailTrusted.
	Detail        string    `json:"detail,omitzero"`
	DetailAt      time.Time `json:"detail_at,omitzero"`
	DetailTrusted bool      `json:"detail_trusted,omitzero"`
	CreatedAt     time.Time `json:"created_at,omitzero"` // when vpsync recorded it
	Version       int64     `json:"version,omitzero"`    // the serial of the commit that last wrote the row
}

// Policy is what the configuration last said about a resource beyond its values. It holds when the block is gone.
type Policy struct {
	Unsupported    spec.OnUnsupported `json:"unsupported,omitzero"`
	PreventDestroy bool               `json:"prevent_destroy,omitzero"`
	// BackupBefore are the changes before which a backup is made: spec.BackupReplace, spec.BackupDelete; sorted.
	BackupBefore []string       `json:"backup_before,omitzero"`
	Uses         []spec.Address `json:"uses,omitzero"` // orders deletions
	// Hidden names attributes that hold a secret although their kind does not say so, sorted. Nothing is recorded of them but,
	// while a key is at hand, a digest.
	Hidden []string `json:"hidden,omitzero"`
}

// Hides: nothing but a digest may be recorded of the attribute.
func (p Policy) Hides(name string) bool { return slices.Contains(p.Hidden, name) }

// PolicyOf is what a block says now.
func PolicyOf(r *spec.Resource) Policy {
	p := Policy{Unsupported: r.Unsupported, PreventDestroy: r.PreventDestroy, BackupBefore: slices.Clone(r.BackupBefore), Uses: slices.Clone(r.Uses)}
	for name, v := range r.Values {
		if v.ContainsMarked() && !(r.Kind != nil && r.Kind.Attribute(name) != nil && r.Kind.Attribute(name).Sensitive) {
			p.Hidden = append(p.Hidden, name)
		}
	}
	slices.Sort(p.Hidden)
	return p
}

// Equal: both say the same.
func (p Policy) Equal(q Policy) bool {
	return p.Unsupported == q.Unsupported && p.PreventDestroy == q.PreventDestroy && slices.Equal(p.BackupBefore, q.BackupBefore) && slices.Equal(p.Uses, q.Uses) && slices.Equal(p.Hidden, q.Hidden)
}

// Leftover is an object that vpsync let go of because the API cannot delete it.
type Leftover struct {
	ID       string            `json:"id"` // of the object
	Kind     string            `json:"kind"`
	Account  string            `json:"account"`
	Address  spec.Address      `json:"address"` // where it was recorded last
	Applied  spec.Values       `json:"applied"`
	Observed spec.Values       `json:"observed"`
	Secrets  map[string]Digest `json:"secrets,omitzero"`
	Assumed  []string          `json:"assumed,omitzero"`
	Since    time.Time         `json:"since,omitzero"`
	Run      string            `json:"run,omitzero"`
}

// Intent is a journal row: it was committed before its request left.
type Intent struct {
	ID        string       `json:"id"`
	Run       string       `json:"run"`
	Address   spec.Address `json:"address"`
	Deposed   string       `json:"deposed,omitzero"`
	Account   string       `json:"account"`
	Kind      string       `json:"kind"`
	Action    string       `json:"action"`             // plan.Action of the change: "create", "update", "replace", "delete"
	Operation string       `json:"operation"`          // of the kind: "create", "attach"
	ObjectID  string       `json:"object_id,omitzero"` // empty for a create
	// Applied and Secrets are what the request asks for.
	Applied spec.Values       `json:"applied"`
	Secrets map[string]Digest `json:"secrets,omitzero"`
	// Seen are ids of objects that had this identity before the request.
	Seen    []string  `json:"seen,omitzero"`
	Policy            // for the resource's row once the intent closes as done
	Pending []string  `json:"pending,omitzero"` // operations that follow this one
	Opened  time.Time `json:"opened"`           // before its last attempt left
	// Began is before its first attempt left, where that was earlier.
	Began    time.Time `json:"began,omitzero"`
	Attempts int       `json:"attempts"`
	Question bool      `json:"question,omitzero"` // settling could not decide: awaits `vpsync resolve`
	Reason   string    `json:"reason,omitzero"`   // why
}

// ActionTask is the action of an intent whose request a task sends.
const ActionTask = "task"

// Aside: the request changes nothing that is recorded of the address: it is a task's, or makes an object of another kind, a backup.
func (i *Intent) Aside() bool { return i.Action == ActionTask || i.Kind != i.Address.Kind }

// Output is a recorded output value; sensitive ones are never stored.
type Output struct {
	Name  string `json:"name"`
	Value []byte `json:"value"` // JSON
	Type  []byte `json:"type"`  // cty type as JSON
}

// Run is one apply, destroy, import or resolve, for the history.
type Run struct {
	ID       string    `json:"id"`
	Command  string    `json:"command"`
	Actor    string    `json:"actor,omitzero"`
	Host     string    `json:"host,omitzero"`
	Commit   string    `json:"commit,omitzero"` // of the stack's repository, where known
	Started  time.Time `json:"started"`
	Ended    time.Time `json:"ended,omitzero"` // zero while it runs
	ExitCode int       `json:"exit_code,omitzero"`
	Requests int       `json:"requests,omitzero"`
}

// Change is one attribute's change by a run, for the history.
type Change struct {
	Run       string       `json:"run"`
	Address   spec.Address `json:"address"`
	Action    string       `json:"action"`
	ObjectID  string       `json:"object_id,omitzero"`
	Attribute string       `json:"attribute,omitzero"` // empty for the object as a whole
	Before    []byte       `json:"before,omitzero"`    // JSON; a secret is the JSON string "(sensitive)"
	After     []byte       `json:"after,omitzero"`
	Cause     string       `json:"cause,omitzero"`
	At        time.Time    `json:"at"`
}
