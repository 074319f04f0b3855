package spec

import "github.com/zclconf/go-cty/cty"

// Request is everything that evaluating a stack depends on. With the same
// Request (and the same files) Evaluate gives the same Response. It can be
// encoded as JSON, so that a child process can do the evaluation.
type Request struct {
	// Schemas by account: "servosphere", "servosphere.eu".
	Schemas map[string]*Schema
	// Variables are given values in order of rising precedence.
	Variables []VariableValue
	// Objects are the known attributes of resources that exist, "id" among them.
	// Attributes of a resource that is not here, and computed attributes missing from
	// its entry, evaluate to unknown. Answers of data blocks are here, too, whole.
	Objects map[Address]Values
	// Unasked: no data block is answered, and that is no mistake of a block whose instances depend on one.
	Unasked bool
	// Distinct refuses resources of equal identity, unless both exist. Whoever is about to make them wants that; an import of two
	// objects that look alike does not.
	Distinct bool
}

// VariableValue is one value given to a variable from outside the stack.
type VariableValue struct {
	Name string
	// Source is HCL expression syntax. From the command line and the environment (--var name=text, VPSYNC_VAR_name=text)
	// it is plain text where the variable's type is string, unless it is quoted, and where the variable has no type,
	// unless it begins like a list, an object or a quoted string. From a file it is always HCL.
	Source string
	Origin string // "--var", "the environment variable VPSYNC_VAR_x", or a file name
	File   bool   // Origin is a file: Source is always HCL
	Range  *Range // where it stands in it
	// Withheld: the variable has a value, which a stack that nobody vouches for does not get to see. Source is empty. Whatever
	// derives from it is a secret and unknown, and never known in this process.
	Withheld bool `json:",omitempty"`
}

// Response is a checked configuration, as far as it could be evaluated.
type Response struct {
	Resources []*Resource // sorted by address
	// Data are the data blocks, sorted by address; Values are what each asks with, unknown where only apply can tell.
	Data     []*Resource
	Outputs  []*Output // sorted by name
	Removals []Removal
	Imports  []Import // sorted by address
	Settings Settings
	// Secrets are the values of the sensitive variables, marked with Sensitive: what must not be shown, whoever repeats it. They stay in
	// this process.
	Secrets []cty.Value `json:"-"`
	// Asked are the attribute names that expressions ask of anything, sorted.
	Asked []string `json:",omitempty"`
	// Diagnostics of all of it; with an error among them Resources must not be planned.
	Diagnostics Diagnostics
}

// Resource is one declared instance.
type Resource struct {
	Address Address
	Account string // key into Request.Schemas
	Kind    *Kind  `json:"-"`
	// Values holds the attributes that the configuration names, plus client-side defaults.
	// They are of the schema's types. A value is unknown where it depends on what only apply
	// can tell, and marked with Sensitive where it is or derives from a secret.
	Values Values
	// Withheld are the attributes that derive from a value which was withheld, sorted: unknown here, and no news.
	Withheld []string `json:",omitempty"`
	// Uses are the resources that this one names in its expressions or depends_on, sorted.
	// Instances that are named together (server.web[*]) are all here.
	Uses []Address
	Lifecycle
	Range Range // of the block's header
	// Unmet are postconditions that the object as it is known does not meet. Applying a change may mend that.
	Unmet Diagnostics `json:",omitempty"`
	// AttributeRanges are where each attribute is set.
	AttributeRanges map[string]Range
}

// Settings are what a stack says about vpsync itself, in its optional vpsync { } block.
type Settings struct {
	Allow int // brakes: how many destructive changes beyond the default; 0 is unset
	State StateSettings
}

// StateSettings are where the state of a stack is kept, in its optional state { } block.
type StateSettings struct {
	Backend string // BackendSQLite or BackendGit; empty is the first
	Remote  string // of the repository, for BackendGit; empty is origin
	Name    string // of the state, for BackendGit; empty is made of the folder's path in the repository
	Seal    bool   // rows are sealed, for BackendGit
}

// Backends that a state block may name.
const (
	BackendSQLite = "sqlite"
	BackendGit    = "git"
)

// Output is one output block.
type Output struct {
	Name      string
	Value     cty.Value // unknown and marked like a resource's values
	Sensitive bool
	Range     Range
	Uses      []Address // the resources that its value comes from, sorted
}

// OnUnsupported decides about a change or deletion that the API cannot carry out.
type OnUnsupported string

const (
	UnsupportedError  OnUnsupported = "error"  // stop and say so: needs a hand
	UnsupportedForget OnUnsupported = "forget" // let go of the object; it becomes a leftover
	UnsupportedIgnore OnUnsupported = "ignore" // list it, send nothing
)
