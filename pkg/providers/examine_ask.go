package providers

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"strings"
	"sync"
	"time"
)

// Reach is how far requests get. Of a transport that opens no connections it knows whether it answered.
type Reach struct {
	Host     string // with the port where the address names one
	Answered bool   // an HTTP answer came
	// Addresses are what the name was resolved to; nil where the host is an address itself.
	Addresses       []string
	Connected       string    // the address and port; empty where there is no connection
	TLS             string    // "TLS 1.3"; empty without
	CertificateEnds time.Time // of the host's own; zero without TLS
	// Failed is how far the first request came that got no answer; empty where all did.
	Failed ReachStage
	Err    error // of that request; without secrets
}

// ReachStage is a step on the way to an API.
type ReachStage string

const (
	StageDNS        ReachStage = "dns"        // the name was not resolved
	StageConnection ReachStage = "connection" // nobody took the connection
	StageTLS        ReachStage = "tls"        // no connection that can be trusted
	StageAnswer     ReachStage = "answer"     // connected, and no answer
)

// maxSilent is how many requests in a row may stay without an answer before no more are sent.
const maxSilent = 2

// examiner asks what an examination needs to know, each request once.
type examiner struct {
	c         *Client
	found     *Examination
	exchange  handler
	replies   map[string]*reply  // by request
	lists     map[string]*listed // by kind
	onlyKnown bool               // nothing more is sent
	stopped   string             // why nothing more is sent
	failed    bool               // that is because something failed
	silent    int                // requests without an answer, one after the other
	last      *answer            // what came back last, whatever it says
}

// reply is what came of one request.
type reply struct {
	request *request
	answer  *answer // nil where none came
	err     *Error  // nil where the answer is 2xx and usable
}

func (r *reply) status() int {
	if r.answer == nil {
		return 0
	}
	return r.answer.status
}

// ask sends a GET, unless it was sent before. Without a reply, the judgement says why there is none.
func (x *examiner) ask(ctx context.Context, kind string, op *Operation, path string, query url.Values) (*reply, judgement) {
	r := &request{kind: kind, op: op, method: op.Method, path: path, query: query, known: x.c.config.Secrets}
	key := r.String() + "?" + query.Encode()
	if known := x.replies[key]; known != nil {
		return known, judgement{reply: known}
	}
	if x.onlyKnown {
		return nil, judgement{why: "it was not asked for"}
	}
	if x.stopped != "" {
		return nil, judgement{why: x.stopped, failed: x.failed}
	}
	if class, until, full := x.c.budget.usedUp(op); full {
		return nil, judgement{why: fmt.Sprintf("the rate limit %q is used up until %s", class, until.UTC().Format(time.TimeOnly+" UTC")), failed: true}
	}
	answered := &reply{request: r}
	x.last = nil
	var route route
	before, _ := x.c.Requests()
	_, err := x.exchange(httptrace.WithClientTrace(ctx, route.trace()), r)
	after, _ := x.c.Requests()
	x.found.Requests += after - before
	answered.answer = x.last
	if err != nil && !errors.As(err, &answered.err) {
		answered.err = r.failure(Unknown, x.c.config.Account, nil, err) // a chain's error is always an *Error
	}
	x.replies[key] = answered
	x.learn(answered, &route)
	return answered, judgement{reply: answered}
}

// note carries out a request and keeps what came back, with the clock in it.
func (x *examiner) note(ctx context.Context, r *request) (*answer, error) {
	sent := x.c.clock.Now()
	a, err := x.c.exchange(ctx, r)
	if err != nil {
		return nil, err
	}
	x.last = a
	// What a cache kept tells when it was kept.
	if date, bad := http.ParseTime(a.header.Get("Date")); bad == nil && a.header.Get("Age") == "" && !x.found.Clock.Told {
		x.found.Clock = readClock(date, sent, x.c.clock.Now())
	}
	return a, nil
}

// learn takes from a reply what it says of connection and token, and whether to go on.
func (x *examiner) learn(r *reply, route *route) {
	f := x.found
	route.describe(&f.Reach)
	if r.answer == nil {
		if f.Reach.Err == nil {
			f.Reach.Failed, f.Reach.Err = route.ended(), r.err.Err
		}
		if x.silent++; !f.Reach.Answered || x.silent >= maxSilent {
			x.stopped, x.failed = "the API did not answer any more", true
			if !f.Reach.Answered {
				x.stopped = "the API cannot be reached"
			}
		}
		return
	}
	x.silent, f.Reach.Answered = 0, true
	switch {
	case r.err == nil && r.answer.document != nil:
		f.Token, f.TokenSays = TokenAccepted, ""
	case f.Token == TokenAccepted || r.err == nil:
	case r.err.Status == http.StatusUnauthorized:
		f.Token, f.TokenSays = TokenRefused, r.err.answered()
		x.stopped = "the API does not accept the token"
	case r.err.Status == http.StatusForbidden:
		f.Token, f.TokenSays = TokenRefused, r.err.answered() // unless it may do something else
	}
}

// usedUp tells whether a request would have to wait for its class's next window, and until when.
func (b *budget) usedUp(op *Operation) (class string, until time.Time, full bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	class = op.Schema.RateLimit
	if known, ok := b.learned[op.Schema.Request]; ok {
		class = known
	}
	w := b.windows[class]
	if w == nil {
		return class, until, false
	}
	until, open := w.open(b.clock.Now(), b.def.Headers.Remaining == "")
	return class, until, !open
}

// answered is what an error says of an answer: without the request, which whoever shows it knows.
func (e *Error) answered() string {
	said := *e
	said.Operation, said.Kind, said.Request, said.Definition = "", "", "", ""
	return strings.TrimPrefix(said.Error(), ": ")
}

// route is the way of one request, as the transport tells of it while it goes.
type route struct {
	mu           sync.Mutex
	looked, dial bool // a step was begun
	resolved     []string
	connected    string
	shaking      bool
	version      uint16
	ends         time.Time
}

func (r *route) trace() *httptrace.ClientTrace {
	locked := func(note func()) {
		r.mu.Lock()
		defer r.mu.Unlock()
		note()
	}
	return &httptrace.ClientTrace{
		DNSStart: func(httptrace.DNSStartInfo) { locked(func() { r.looked = true }) },
		DNSDone: func(done httptrace.DNSDoneInfo) {
			locked(func() {
				for _, a := range done.Addrs {
					r.resolved = append(r.resolved, a.IP.String())
				}
			})
		},
		ConnectStart: func(string, string) { locked(func() { r.dial = true }) },
		ConnectDone: func(_, address string, err error) {
			locked(func() {
				if err == nil && r.connected == "" { // several addresses may be tried side by side
					r.connected = address
				}
			})
		},
		TLSHandshakeStart: func() { locked(func() { r.shaking = true }) },
		TLSHandshakeDone: func(s tls.ConnectionState, err error) {
			locked(func() {
				if err != nil {
					return
				}
				r.shaking, r.version = false, s.Version
				if len(s.PeerCertificates) > 0 {
					r.ends = s.PeerCertificates[0].NotAfter
				}
			})
		},
	}
}

// describe adds what the route shows; a connection that is used again shows nothing.
func (r *route) describe(reach *Reach) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.resolved != nil {
		reach.Addresses = r.resolved
	}
	if r.connected != "" {
		reach.Connected = r.connected
	}
	if r.version != 0 {
		reach.TLS, reach.CertificateEnds = tls.VersionName(r.version), r.ends
	}
}

// ended is how far a request came that got no answer.
func (r *route) ended() ReachStage {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case r.shaking:
		return StageTLS
	case r.dial && r.connected == "":
		return StageConnection
	case r.looked && !r.dial:
		return StageDNS
	}
	return StageAnswer
}
