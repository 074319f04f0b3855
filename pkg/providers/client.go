package providers

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/vpsync/vpsync/pkg/spec"
)

// Config is what a Client needs besides its definition.
type Config struct {
	Account   string
	BaseURL   string // overrides the definition's where not empty
	Token     string
	Transport http.RoundTripper // nil: a transport of its own, TLS 1.2 or later, no proxy tricks
	Clock     Clock             // nil: the real one
	Jitter    func() float64    // in [0,1); nil: math/rand/v2
	UserAgent string
	Log       *slog.Logger  // request log, redacted; nil: none
	PollEvery time.Duration // overrides every kind's wait interval where not zero
	// Grace overrides the definition's where not nil.
	Grace *time.Duration
	// Lag overrides the definition's where not nil.
	Lag *time.Duration
	// Waiting, if not nil, is told when a request is held back until a rate-limit window ends. It must not block.
	Waiting func(class string, until time.Time)
	// Secrets, if not nil, are those that neither the log nor an error shows, shared with whoever else hides them. The token joins them,
	// and whatever sensitive is sent.
	Secrets *Secrets
	// Budgets, if not nil, are shared with the other clients that are made with them.
	Budgets *Budgets
}

// Client is one account at one provider. It is safe for concurrent use; all requests share one
// connection pool and one rate-limit budget, which other clients of the same token may share, too.
type Client struct {
	def      *Definition
	config   Config
	endpoint *url.URL
	clock    Clock
	send     handler // the whole chain
	exchange handler // the chain below classify: one attempt, with whatever came back
	budget   *budget
	reads    atomic.Int64
	writes   atomic.Int64

	mu    sync.Mutex
	polls map[string]*sharedPoll // by kind
	masks map[string][]string    // by kind: attributes that hold secrets although their kind does not say so
	pages map[string]int         // what the last list of a kind cost
}

// URLError says why requests cannot be sent to an address. It is told apart from a bad token, since another variable holds it.
type URLError struct {
	Provider string
	Err      error
}

func (e *URLError) Error() string { return fmt.Sprintf("endpoint of %s: %s", e.Provider, e.Err) }

func (e *URLError) Unwrap() error { return e.Err }

// New assembles the chain of handlers. It sends nothing.
func New(def *Definition, config Config) (*Client, error) {
	base := def.BaseURL
	if config.BaseURL != "" {
		base = strings.TrimRight(config.BaseURL, "/")
	}
	if err := checkBaseURL(base); err != nil {
		return nil, &URLError{Provider: def.Name, Err: err}
	}
	endpoint, err := url.Parse(base)
	if err != nil {
		return nil, &URLError{Provider: def.Name, Err: errors.New("it is not a URL")}
	}
	if err := checkToken(config.Token); err != nil {
		return nil, fmt.Errorf("token of %s: %w", def.Name, err) // which variable it comes from, the account says
	}
	if config.Clock == nil {
		config.Clock = RealClock()
	}
	if config.Jitter == nil {
		config.Jitter = rand.Float64
	}
	if config.Transport == nil {
		config.Transport = newTransport()
	}
	if config.UserAgent == "" {
		config.UserAgent = "vpsync"
	}
	if config.Secrets == nil {
		config.Secrets = &Secrets{}
	}
	config.Secrets.Hide(config.Token)
	c := &Client{
		def: def, config: config, endpoint: endpoint, clock: config.Clock,
		polls: map[string]*sharedPoll{}, masks: map[string][]string{}, pages: map[string]int{},
	}
	c.budget = config.Budgets.budget(def, c.clock, c.endpoint.String(), config.Token)
	waiting := config.Waiting
	if waiting == nil {
		waiting = func(string, time.Time) {}
	}

	// From the wire outwards. A request travels down this list from its end, its answer up.
	h := c.transport(config.Transport, def.Timeout)    // one HTTP exchange, bounded in time and size
	h = authorize(h, def.Auth, endpoint, config.Token) // the token, for this host alone
	h = identify(h, config.UserAgent)                  // the headers that every request has
	h = encode(h)                                      // fields become bytes
	h = logged(h, config.Log, c.clock, c.maskedNames)  // what is sent and answered, without secrets
	h = c.budget.limit(h, waiting)                     // holds back what the API would refuse
	c.exchange = h
	h = classify(h, def, config.Account)          // what is known now: done, refused, not sent, unknown
	h = retry(h, c.clock, config.Jitter, waiting) // repeats what is safe to repeat
	c.send = h
	return c, nil
}

// Definition is the document that the client executes.
func (c *Client) Definition() *Definition { return c.def }

// Endpoint is the base URL in use.
func (c *Client) Endpoint() string { return c.endpoint.String() }

// Lag is for how long a list may miss what was just written.
func (c *Client) Lag() time.Duration {
	if c.config.Lag != nil {
		return *c.config.Lag
	}
	return c.def.Lag
}

// Grace is how late an unanswered request may still take effect.
func (c *Client) Grace() time.Duration {
	if c.config.Grace != nil {
		return *c.config.Grace
	}
	return c.def.Grace
}

// Secrets are what neither the log nor an error of the client shows.
func (c *Client) Secrets() *Secrets { return c.config.Secrets }

// Budgets are what is left, by class, in the order of the definition.
func (c *Client) Budgets() []Budget { return c.budget.snapshot() }

// Skew is how far the clock of this machine is ahead of the API's, as the answers so far tell: 0 where they tell nothing, or no
// more than a few seconds.
func (c *Client) Skew() time.Duration {
	c.budget.mu.Lock()
	defer c.budget.mu.Unlock()
	return c.budget.skew
}

// Requests counts what was sent so far: reads and writes. An attempt that was repeated counts twice.
func (c *Client) Requests() (reads, writes int) {
	return int(c.reads.Load()), int(c.writes.Load())
}

// Mask says that an attribute of a kind holds a secret here, although its kind does not say so: a stack gives it one. It is treated as if
// the kind did, in the log and in what an answer repeats. An attribute that the kind does not have is none.
func (c *Client) Mask(kind, attribute string) {
	k := c.def.Kinds[kind]
	if k == nil || k.attribute(attribute) == nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if !slices.Contains(c.masks[kind], attribute) {
		c.masks[kind] = append(slices.Clone(c.masks[kind]), attribute) // whoever reads the list goes on reading its own
	}
}

func (c *Client) masked(kind string) []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.masks[kind]
}

// maskedNames are the API's names of the masked attributes of a kind.
func (c *Client) maskedNames(kind string) []string {
	var names []string
	for _, attribute := range c.masked(kind) {
		names = append(names, c.def.Kinds[kind].Wire[attribute].names()...)
	}
	return names
}

// Call is one write, complete.
type Call struct {
	Kind      string
	Operation string
	ID        string      // of the object; empty for a create
	Desired   spec.Values // what is wanted, secrets unmarked
	// Live is what the API last answered: an operation that replaces all its fields sends these for attributes that
	// Desired does not hold.
	Live spec.Values
}

// Result is what a write answered.
type Result struct {
	// Object as far as the answer held it; its ID is set whenever the answer named one.
	Object spec.Object
	// Absent: a delete was answered with 404 or 410. It is done only once a list or read confirms that the object is
	// gone; Refusal is the error that it is otherwise.
	Absent  bool
	Refusal *Error
}

// Do sends one write. It repeats it only where the earlier attempt was not sent or refused with 429. An error
// is always an *Error. ready (nil allowed) is called right before each time that the request is put on the wire; its error
// stops the call as NotSent.
func (c *Client) Do(ctx context.Context, call Call, ready func() error) (Result, error) {
	kind, op, err := c.operation(call.Kind, call.Operation)
	if err != nil {
		return Result{}, &Error{Outcome: NotSent, Account: c.config.Account, Kind: call.Kind, Operation: call.Operation, Err: err}
	}
	r, err := c.newWrite(kind, op, call)
	if err != nil {
		return Result{}, &Error{
			Outcome: NotSent, Account: c.config.Account, Kind: call.Kind, Operation: call.Operation,
			Request: op.Schema.Request, Err: err,
		}
	}
	r.ready = ready
	a, err := c.send(ctx, r)
	if err != nil {
		var e *Error
		if errors.As(err, &e) && call.Operation == spec.OpDelete && e.absent() {
			return Result{Object: spec.Object{Kind: call.Kind, ID: call.ID}, Absent: true, Refusal: e}, nil
		}
		return Result{}, err
	}
	if t := c.def.taskCalled(call.Kind, call.Operation); t != nil && t.Makes != "" {
		made := c.def.Kinds[t.Makes]
		body, id, err := c.findObject(made, op, a.document)
		if err != nil {
			return Result{}, r.failure(Unknown, c.config.Account, a, err)
		}
		if id != "" {
			o, _ := decodeObject(made, body, id, c.config.Secrets)
			return Result{Object: o.Object}, nil
		}
	}
	_, id, told := c.findObject(kind, op, a.document)
	if id == "" && told == nil {
		if e := r.denial(c.def, c.config.Account, a); e != nil {
			return Result{}, e
		}
	}
	o, found := c.objectOf(kind, op, a.document, call)
	if call.Operation == spec.OpCreate && !found {
		if told == nil {
			told = errors.New("the answer holds no id of a new object")
		}
		return Result{}, r.failure(Unknown, c.config.Account, a, told)
	}
	return Result{Object: o}, nil
}

// operation finds an operation, or says that the API has none.
func (c *Client) operation(kind, name string) (*Kind, *Operation, error) {
	k := c.def.Kinds[kind]
	if k == nil {
		return nil, nil, fmt.Errorf("%s has no kind %q", c.def.Title, kind)
	}
	if t := c.def.taskCalled(kind, name); t != nil {
		return t.Kind, t.Operation, nil
	}
	op := k.Operations[name]
	if op == nil {
		return nil, nil, fmt.Errorf("the API of %s has no operation %q of %s", c.def.Title, name, kind)
	}
	return k, op, nil
}
