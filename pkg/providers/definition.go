package providers

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/hashicorp/hcl/v2"
	"github.com/vpsync/vpsync/pkg/spec"
	"github.com/zclconf/go-cty/cty"
)

// Definition is a decoded provider definition. It is read-only.
type Definition struct {
	// Schema is the part that configuration and planning see.
	Schema *spec.Schema

	Name     string // "servosphere"
	Title    string
	BaseURL  string // without a trailing slash
	URLEnv   string // the environment variable that overrides BaseURL: "SERVOSPHERE_API_URL"
	Auth     Auth
	Encoding Encoding // of request bodies, unless an operation says otherwise
	Error    ErrorPaths
	// Answer lists where one object may lie in an answer, first match wins; "" is the answer itself.
	Answer  []Path
	Paging  Paging
	Headers RateLimitHeaders
	Timeout time.Duration // of one request
	Grace   time.Duration // how late an unanswered request may still take effect
	Lag     time.Duration // how long a list may miss what was just written
	Kinds   map[string]*Kind
	Data    map[string]*Query
	// Tasks by the kind of the object that they are done to, and by name.
	Tasks map[string]map[string]*Task
	// Billing is where the API tells what an account was charged; nil where it does not.
	Billing *Billing
	// Classes are the names of the rate-limit classes, in the order of the document.
	Classes []string
	// Hash is the SHA-256 of the source, in hex.
	Hash string
}

// Path leads to a value inside a JSON document: "plan.id". "" is the document.
type Path string

// Encoding of a request body.
type Encoding string

const (
	EncodeJSON Encoding = "json"
	EncodeForm Encoding = "form" // application/x-www-form-urlencoded; a list repeats NAME[]=…
)

// Auth is how a token is presented.
type Auth struct {
	Scheme   AuthScheme
	TokenEnv string // the variable that holds it; starts with the provider's own name
	Name     string // of the header or query parameter; the user name for basic
}

// AuthScheme is one of the four that the language knows.
type AuthScheme string

const (
	AuthBearer AuthScheme = "bearer"
	AuthHeader AuthScheme = "header"
	AuthQuery  AuthScheme = "query"
	AuthBasic  AuthScheme = "basic"
)

// ErrorPaths are where an error answer says what is wrong. Several paths are tried in order.
type ErrorPaths struct {
	Code, Message, Details []Path
	// Fields hold the complaints about single fields of a request: {"name": ["Too long."]}.
	Fields []Path
	// Codes are the vendor's codes by status ("404"), and Emulate what else an error holds, an object or NilVal. Only the sandbox
	// says them.
	Codes   map[string]string
	Emulate cty.Value
}

// PagingStyle is how a list goes on.
type PagingStyle string

const (
	PagingNone   PagingStyle = "none"
	PagingPage   PagingStyle = "page"   // page numbers; the first answer tells how many
	PagingNext   PagingStyle = "next"   // the answer holds the URL of the next page, on the same host
	PagingCursor PagingStyle = "cursor" // the answer holds a token for the next page
)

// Paging describes the lists of an API.
type Paging struct {
	Style          PagingStyle
	PageParameter  string // page, cursor
	LimitParameter string
	PageSize       int
	Items          Path // of the array; "" where the answer is the array
	PageCount      Path // page
	PageNumber     Path
	PageLimit      Path
	Total          Path
	Next           Path // next: URL; cursor: token
}

// RateLimitHeaders name the headers that tell the budget. Reset is in Unix seconds.
type RateLimitHeaders struct {
	Limit, Remaining, Reset string
}

// Kind is the part of a kind that only HTTP needs.
type Kind struct {
	Schema     *spec.Kind
	Operations map[string]*Operation
	Wire       map[string]Wire // by attribute
	// ID is an example of an id ("srv_1234567890"): digits in it vary, the rest is fixed.
	ID string
	// IDPath is where an answer holds the id; "id" unless the definition says otherwise.
	IDPath    Path
	CreatedAt string // the attribute that tells, or empty
	Wait      *Wait
	Leave     *Leave
	// Emulate is what every object holds besides its attributes, an object or NilVal. Only the sandbox says it.
	Emulate cty.Value
	// Price says where the price of an object is found; nil where the API does not tell, or nothing is charged.
	Price *Price
}

// attribute is the attribute of a name, or nil.
func (k *Kind) attribute(name string) *spec.Attribute {
	for _, a := range k.Schema.Attributes {
		if a.Name == name {
			return a
		}
	}
	return nil
}

// Wire is how an attribute travels.
type Wire struct {
	SentAs   string // its name in requests
	ReadFrom Path   // its place in answers
	// ReadsAs are the API's words for a word of the configuration, in answers. The first is what the sandbox says.
	ReadsAs map[string][]string
	SendsAs map[string]string // configuration's word to API's word, in requests
	Whole   bool              // a number that must be an integer
	Join    string            // what stands between the elements of a list in a query: ","
	// Matches is where an entry of a list holds what the argument asks for; the sandbox alone needs it.
	Matches Path
	// Emulate is what the API sets the attribute to by itself, as an expression over the object's
	// attributes; nil where it does not. Only the sandbox evaluates it.
	Emulate hcl.Expression
}

// names are those that the attribute's value has in requests and in answers.
func (w Wire) names() []string {
	steps := strings.Split(string(w.ReadFrom), ".")
	return []string{w.SentAs, steps[len(steps)-1]}
}

// Operation is one request.
type Operation struct {
	Schema *spec.Operation
	Method string
	Path   string // "/networks/{id}"; {name} is an attribute's value
	Query  map[string]string
	// Sends names the attributes of the body. Schema.Sets holds these and those that the path carries.
	Sends    []string
	Encoding Encoding
	Success  int    // the status that the vendor answers; any 2xx is taken
	Answer   []Path // overrides the definition's
	Paging   *Paging
	Filters  map[string][]string
	// Refusal is the vendor's code for an operation on an attribute that is OnlyFromUnset and set already.
	Refusal string
	// OnlyWhen are the values that the object must have, by attribute, or the API refuses; nil: any.
	OnlyWhen map[string][]string
	// Only the sandbox needs these: Answers names the attributes that the answer holds, unset ones as null (nil: what a list
	// holds); Emulate is what else it holds, an object or NilVal; Passes is what attributes are until the work is done.
	Answers []string
	Emulate cty.Value
	Passes  map[string]string
	Place   spec.Range

	sensitive []string // the API's names of sensitive attributes, which the log masks
}

// Wait is when an object that was made, or set to work, is usable. Each map is attribute to accepted values; all
// entries of a map must hold.
type Wait struct {
	Pending, Ready, Failed map[string][]string
	Every                  time.Duration
	Timeout                time.Duration
	Progress               string // an attribute that counts from 0 to 100, or empty
	// Says names the attribute that tells in words what the object is doing; empty: those of Ready tell.
	Says string
	// Operation asks about one object where neither list nor read tells, and Attributes are what it answers. nil: the
	// kind's own attributes tell.
	Operation  *Operation
	Attributes []*spec.Attribute
	Wire       map[string]Wire
}

// Leave is how a deleted object goes: it may be seen for a while after the delete was accepted. A kind without it is
// taken to be gone with the answer.
type Leave struct {
	// Leaving is attribute to the values that an object has on its way out; all entries must hold. Nil where the API shows
	// no difference.
	Leaving map[string][]string
	Every   time.Duration
	Timeout time.Duration
}

// Query is a read-only question to the API, which a stack asks in a data block.
type Query struct {
	*Kind // of whose attributes Required and Optional ones are the arguments, and Computed ones the answer
	// Operation answers one object, or a list of which all pages together fill the attribute Lists.
	Operation *Operation
	Lists     string
}

// Task is something done to an object once, on demand. What is sent is a request of the task's own, an operation of the object's
// kind, or the create of another kind.
type Task struct {
	*Kind // its attributes are the arguments
	Name  string
	On    string // the kind of the object that it is done to
	// Call is the operation that is called: of the kind Of, or of On under the name [TaskOperation] where the request is the task's own.
	Call, Of string
	// Target is the attribute of a kind that the task creates that holds the object's id; empty otherwise.
	Target string
	// Label is the attribute of what the task creates that says what it is for, where vpsync may make one by itself before an object is
	// lost (backup_before); empty otherwise.
	Label string
	// Makes is the kind of the object that the answer holds, or empty. The task has ended when that object is ready.
	Makes string
	// Waits: the task has ended when the object that it is done to is ready again.
	Waits bool
	// LosesData: what the object holds is overwritten.
	LosesData bool
	Operation *Operation
}

// Refuses says why the API would refuse the operation on an object as it is now, or is empty.
func (o *Operation) Refuses(now spec.Values) string {
	for _, name := range slices.Sorted(maps.Keys(o.OnlyWhen)) {
		if text, ok := valueText(now[name]); ok && !slices.Contains(o.OnlyWhen[name], text) {
			return fmt.Sprintf("its %s is %s, and must be %s", name, text, strings.Join(o.OnlyWhen[name], " or "))
		}
	}
	return ""
}

// taskCalled is the task whose own request has this name in calls, or nil.
func (d *Definition) taskCalled(on, operation string) *Task {
	name, ok := strings.CutPrefix(operation, taskPrefix)
	if !ok {
		return nil
	}
	return d.Tasks[on][name]
}

const taskPrefix = "task."

// TaskOperation is the name in calls and journals of a request that is a task's own.
func TaskOperation(task string) string { return taskPrefix + task }
