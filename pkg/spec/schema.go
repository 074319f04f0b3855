package spec

import (
	"slices"
	"strings"
	"time"

	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"
)

// Schema is what one provider offers, as far as configuration and planning need
// to know it. It holds no HTTP: package providers keeps that beside it.
// A Schema is read-only once its definition has been decoded.
type Schema struct {
	Provider string // "servosphere"
	Title    string // "Servosphere", for people
	Kinds    map[string]*Kind
	// Data are the read-only questions that a stack may ask, by name; the name of each is DataPrefix and that.
	Data map[string]*Kind
	// RateLimits are the classes in which requests are counted, by name.
	RateLimits map[string]RateLimit
	// DefaultRateLimit is the class of an operation that names none.
	DefaultRateLimit string
}

// kind is a kind, or a data source, by the name that it has in addresses; nil where there is none.
func (s *Schema) kind(name string) *Kind {
	if source, isData := strings.CutPrefix(name, DataPrefix); isData {
		return s.Data[source]
	}
	return s.Kinds[name]
}

// RateLimit is one class of requests: at most Requests in each window of Per.
type RateLimit struct {
	Name     string
	Requests int
	Per      time.Duration
}

// Kind is one sort of object that a provider offers: server, volume, …
type Kind struct {
	Name        string
	Description string
	Attributes  []*Attribute // in the order of the definition
	// Identity names the attributes by which an object made by a request whose
	// answer was lost is recognised, and by which an unmanaged twin of a planned
	// create is found. Never empty.
	Identity []string
	// HoldsData: losing an object of this kind loses data.
	HoldsData bool
	// WhenGone says what the absence of a recorded object means.
	WhenGone WhenGone
	// Parent names the kind under which objects of this one live, and ParentAttribute
	// the attribute that holds the parent's id; both empty for a kind of its own.
	Parent          string
	ParentAttribute string
	// Operations by name. The reserved names are OpCreate, OpList, OpRead, OpUpdate and
	// OpDelete; any other is an operation of the kind's own, such as "attach".
	// An absent entry means that the API cannot do it.
	Operations map[string]*Operation
	// OperationOrder lists the names of Operations in the order of the definition.
	OperationOrder []string
	// Waits: objects of this kind are ready only some time after their create.
	Waits bool
	// Lingers: a deleted object is still to be seen for some time after its delete was accepted.
	Lingers bool
	// Backup is how a copy of what an object holds can be made; nil where the API offers none.
	Backup *Backup
	// Asked: it is a data source. Nothing of it is managed: Required and Optional attributes are what is asked with, Computed
	// ones the answer, and OpRead is its only operation.
	Asked bool
	// WaitsApart: neither lists nor reads tell whether an object is ready, but a request of its own does.
	WaitsApart bool
	// Changed names the attribute whose unchanged value proves that a detail read would
	// answer what the last one did; empty where the API offers none.
	Changed string
	// Billed: the account is charged for an object for as long as it exists. PricedBy names the attributes that tell its price
	// in a list of prices that the API answers; empty where the API tells none.
	Billed   bool
	PricedBy []string
}

// Backup is how a copy of what an object holds is made: by the create of another kind.
type Backup struct {
	Kind   string // of the copies
	Target string // the attribute of a copy that holds the object's id
	Label  string // the attribute of a copy that says what it is for, a string; with Target it is all that a copy needs
}

// DataPrefix begins the kind of a data block's address: data.plans.all is a block of kind data.plans.
const DataPrefix = "data."

// The operations every definition may give a kind.
const (
	OpCreate = "create"
	OpList   = "list"
	OpRead   = "read"
	OpUpdate = "update"
	OpDelete = "delete"
)

// WhenGone is what the absence of a recorded object means.
type WhenGone string

const (
	GoneRecreate WhenGone = "recreate" // somebody deleted it: make it again
	GoneForget   WhenGone = "forget"   // such objects expire by themselves
)

// Operation is one request that a kind's API offers, as planning sees it.
type Operation struct {
	Name string
	// Sets names the attributes that the request carries.
	Sets []string
	// Whole: the request replaces all of Sets; what it leaves out is cleared.
	Whole bool
	// RateLimit is the class that the request is counted in.
	RateLimit string
	// Documented: the vendor prints this operation. Otherwise it was inferred, and
	// a 404 or 405 may mean that the definition is wrong.
	Documented bool
	// Request is the method and path template, for messages: "PUT /networks/{id}".
	Request string
	// Note is what a plan says of a change that takes this operation ("The account is charged."), or empty.
	Note string
	// Place is where the definition says so: "servosphere.provider.hcl:120".
	Place string
}

// Attribute is one attribute of a kind. Its values are in the words of the
// configuration (AMS), whatever the API calls them (Amsterdam).
type Attribute struct {
	Name        string
	Description string
	Type        cty.Type

	Required  bool // the configuration must give it
	Optional  bool // the configuration may give it
	Computed  bool // the API may give it; Optional and Computed together are allowed
	Sensitive bool
	// Unreadable: the API never answers it, so its drift cannot be seen.
	Unreadable bool
	// DetailOnly: lists lack it; only the read of a single object carries it.
	DetailOnly bool

	// Default is what vpsync sends where the configuration gives nothing;
	// ServerDefault is what the API then sets by itself. cty.NilVal where there is none.
	Default       cty.Value
	ServerDefault cty.Value

	Checks []Check
	Equal  Equality

	// OnChange is what a change of a wanted value takes: OnUpdate, OnReplace,
	// OnNextCreate, OnError, or OnOperation with Operation naming one of the kind's own, or
	// Operations one for each wanted value, as text: {"running": "start", "stopped": "stop"}.
	OnChange   OnChange
	Operation  string
	Operations map[string]string
	// OnlyFromUnset: Operation works only while the live value is unset (a volume can be
	// attached, but not moved).
	OnlyFromUnset bool
	// OnRemove is what removing the attribute from the configuration sends.
	OnRemove OnRemove

	// Refers names the kind whose id this attribute holds, or is empty; ClearedWithTarget says
	// that the API unsets the attribute when that object is deleted.
	Refers            string
	ClearedWithTarget bool

	// Examples are values that the vendor or the contract shows: for documentation and the sandbox.
	Examples []cty.Value
	// Catalog lists the values that the sandbox accepts; real accounts may accept others.
	Catalog []cty.Value
}

// OnChange is what a change of an attribute's wanted value takes.
type OnChange string

const (
	OnUpdate     OnChange = "update"      // the kind's update operation
	OnReplace    OnChange = "replace"     // a new object
	OnNextCreate OnChange = "next_create" // nothing now: takes effect on new objects only
	OnError      OnChange = "error"       // it cannot be changed at all
	OnOperation  OnChange = "operation"   // an operation of the kind's own
)

// OnRemove is what removing an attribute from the configuration sends.
type OnRemove string

const (
	RemoveKeeps   OnRemove = "keep"    // nothing: no longer managed, stays what it is
	RemoveDefault OnRemove = "default" // its Default or ServerDefault
	RemoveClears  OnRemove = "clear"   // null, or its absence from a request that replaces all
)

// Equality is when two values of an attribute mean the same to the API.
type Equality string

const (
	EqualExact Equality = ""
	EqualCIDR  Equality = "cidr" // 10.0.0.5/24 is 10.0.0.0/24
	EqualSet   Equality = "set"  // order and repetition of a list do not matter
	EqualCase  Equality = "case" // letter case does not matter
)

// Check is one rule for the values of an attribute.
type Check struct {
	OneOf   []cty.Value
	Pattern string   // RE2, anchored at both ends
	Min     *float64 // inclusive
	Max     *float64 // inclusive
	Whole   bool     // a number without a fraction
	Format  Format
}

// Format is a rule with a name.
type Format string

const (
	FormatCIDR      Format = "cidr"
	FormatIP        Format = "ip"
	FormatIPOrCIDR  Format = "ip_or_cidr"
	FormatPortRange Format = "port_range" // "80" or "8080-8090"
	FormatCron      Format = "cron"       // five fields
)

// Object is a thing at a provider, as a list or a read answered it.
// Values are unmarked and wholly known, and of the types of the kind's schema.
type Object struct {
	Kind   string
	ID     string
	Values Values // readable attributes that the answer held; a null means "unset"
	// Repeats are attributes in whose values the API repeats a secret. Such a value is compared with what is wanted, and shown as what is
	// sensitive. It is recorded only where it was asked for in plain: whoever wrote it has told it already.
	Repeats []string
	// Detail: the answer came from a read of this one object, so DetailOnly attributes are in it.
	Detail bool
	// CreatedAt is the zero time where the API does not tell.
	CreatedAt time.Time
	// Ready and Failed: whether the definition's wait calls the object usable, or lost. For a kind
	// that is never waited for, Ready is true; where it waits apart, only a wait can make it so.
	Ready  bool
	Failed bool
	// Leaving: the object was deleted, and will be gone in a while.
	Leaving bool
	// Status is a word for people about these ("provisioning"), or empty.
	Status string
}

// Telling: what the object has of an attribute repeats a secret, and is not what was asked for in plain. So it must not be recorded.
func (o *Object) Telling(a *Attribute, asked Values) bool {
	if !slices.Contains(o.Repeats, a.Name) {
		return false
	}
	was, ok := asked[a.Name]
	if !ok || was.IsMarked() {
		return true
	}
	was, err := convert.Convert(was, a.Type)
	return err != nil || !was.RawEquals(o.Values[a.Name])
}

// Values are attributes by name. A missing entry means "not said"; a null value means "unset".
type Values map[string]cty.Value
