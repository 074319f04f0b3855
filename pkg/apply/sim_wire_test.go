package apply_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptrace"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/vpsync/vpsync/pkg/sandbox"
	"github.com/vpsync/vpsync/pkg/spec"
)

// simWire is what lies between one process and one account: it loses, delays and garbles, and it watches what is sent.
type simWire struct {
	world   *simWorld
	account *simAccount
	process *simProcess
	next    http.RoundTripper
}

// What a wire does to a request. Each is drawn with the same weight, where it fits the request.
const (
	faultRefused   = "connection refused"
	faultLostBoth  = "request lost"
	faultLost      = "answer lost"
	faultTimeout   = "no answer in time"
	faultLate      = "carried out late"
	faultThrottle  = "429"
	faultThrottled = "429 without Retry-After"
	faultServer    = "5xx"
	faultDone5xx   = "5xx after the work"
	faultSlow      = "slow body"
	faultTooSlow   = "body slower than the timeout"
	faultTruncated = "truncated"
	faultHTML      = "HTML with status 200"
	faultRefusal   = "refusal"
	faultLag       = "lagging list"
	faultShift     = "page shift"
	faultSandbox   = "the sandbox's own"
	faultStopped   = "sender stopped, and its lock broken"
)

// What can befall any request, and what can befall a list, and a write, besides.
var (
	simAnyFaults = []string{
		faultRefused, faultLostBoth, faultLost, faultTimeout, faultThrottle, faultThrottled, faultServer, faultDone5xx,
		faultSlow, faultTooSlow, faultTruncated, faultHTML, faultRefusal, faultSandbox,
	}
	simListFaults  = append(slices.Clone(simAnyFaults), faultLag, faultLag, faultShift, faultShift, faultShift)
	simWriteFaults = append(slices.Clone(simAnyFaults), faultLate, faultLate, faultStopped, faultStopped, faultStopped, faultStopped)
)

// draw is chance for one request. It hangs on what the request is, and not on which of several that run side by side is first.
func (w *simWorld) draw(what string) *rand.Rand {
	w.mu.Lock()
	w.drawn[what]++
	n := w.drawn[what]
	w.mu.Unlock()
	h := fnv.New64a()
	fmt.Fprintf(h, "%s#%d", what, n)
	return rand.New(rand.NewPCG(w.seed, h.Sum64()))
}

func (v *simWire) RoundTrip(r *http.Request) (*http.Response, error) {
	body, err := readAll(r)
	if err != nil {
		return nil, err
	}
	write := r.Method != http.MethodGet
	what := v.account.name + " " + r.Method + " " + r.URL.RequestURI() + " " + string(body)
	fault, chance := "", v.world.draw(what)
	kind := v.account.listOf(r)
	if !v.world.calm() && chance.Float64() < v.world.rate {
		among := simAnyFaults
		if write {
			among = simWriteFaults
		} else if kind != "" {
			among = simListFaults
		}
		fault = among[chance.IntN(len(among))]
	}
	v.world.asked(v)
	storm := v.world.storm(v.account.name+r.Method+r.URL.Path, fault, chance)
	if storm != "" {
		fault = storm
	}
	sent := func() *simSent { return v.world.sends(v, what, r, write, body) }
	switch fault {
	case faultRefused:
		v.world.struck(fault, what)
		return nil, &net.OpError{Op: "dial", Net: "tcp", Err: syscall.ECONNREFUSED}
	case faultThrottle, faultThrottled, faultServer, faultRefusal:
		return v.refuse(r, sent(), fault, what, chance)
	case faultLostBoth, faultTimeout, faultHTML:
		s := sent()
		v.world.struck(fault, what)
		s.unknown()
		wrote(r)
		switch fault {
		case faultHTML:
			return answer(r, http.StatusOK, "text/html", "<html><body>Please wait</body></html>", nil), nil
		case faultLostBoth:
			return nil, io.ErrUnexpectedEOF
		}
		<-r.Context().Done()
		return nil, r.Context().Err()
	case faultLate:
		s := sent()
		v.world.struck(fault, what)
		s.unknown()
		wrote(r)
		v.late(r, body, s, time.Duration(1+chance.IntN(118))*time.Second)
		<-r.Context().Done()
		return nil, r.Context().Err()
	case faultStopped:
		if v.world.parallelism > 1 || v.world.usurped() {
			break
		}
		// It looked at its lock, and was stopped for a while before its request left: a laptop that sleeps.
		v.world.struck(fault, what)
		defer v.process.stands(time.Now())
		time.Sleep(time.Duration(1+chance.IntN(30)) * time.Minute)
		s := sent()
		s.unknown()
		wrote(r)
		v.late(r, body, s, time.Duration(1+chance.IntN(118))*time.Second)
		v.world.usurp("on the wire")
		return nil, context.DeadlineExceeded
	case faultLag:
		v.world.struck(fault, what)
		// No longer than the definition says that a list may lag.
		v.arm(sandbox.Fault{Request: r.Method + " " + r.URL.Path[len(v.account.path):], Do: sandbox.FaultLag, For: time.Duration(1+chance.IntN(4)) * time.Second, Times: 1 + chance.IntN(3)})
	case faultShift:
		response, err := v.forward(r, body, nil)
		v.world.shift(v.account, kind, what)
		return response, err
	case faultSandbox:
		do := []sandbox.FaultKind{sandbox.FaultCloseBefore, sandbox.FaultCloseAfter, sandbox.FaultTruncate, sandbox.FaultHTML, sandbox.FaultHang}[chance.IntN(5)]
		v.world.struck(fault, fmt.Sprintf("%s: %s", what, do))
		s := sent()
		s.unknown()
		v.arm(sandbox.Fault{Request: r.Method + " " + r.URL.Path[len(v.account.path):], Do: do})
		response, err := v.forward(r, body, nil)
		if log, lerr := v.account.sandbox.Log(); lerr == nil && len(log) > 0 && log[len(log)-1].Done {
			s.done()
		}
		return response, err
	}
	s := sent()
	response, err := v.forward(r, body, s)
	if err != nil {
		return nil, err
	}
	switch fault {
	case faultLost:
		v.world.struck(fault, what)
		return nil, errors.Join(io.ErrUnexpectedEOF, response.Body.Close())
	case faultDone5xx:
		v.world.struck(fault, what)
		return answer(r, http.StatusBadGateway, "text/html", "<html>Bad Gateway</html>", nil), response.Body.Close()
	case faultSlow, faultTooSlow, faultTruncated:
		return v.garble(r, response, fault, what)
	}
	return response, nil
}

// listOf is the kind that a request lists, or empty.
func (a *simAccount) listOf(r *http.Request) string {
	for name, k := range a.def.Schema.Kinds {
		if list := k.Operations[spec.OpList]; list != nil && list.Request == r.Method+" "+strings.TrimPrefix(r.URL.Path, a.path) {
			return name
		}
	}
	return ""
}

// deletes is the object that a request deletes, if it does.
func (a *simAccount) deletes(r *http.Request) (simKey, bool) {
	for name, k := range a.def.Schema.Kinds {
		if op := k.Operations[spec.OpDelete]; op != nil {
			before, after, _ := strings.Cut(op.Request, "{id}")
			rest, fits := strings.CutPrefix(r.Method+" "+strings.TrimPrefix(r.URL.Path, a.path), before)
			if id, ends := strings.CutSuffix(rest, after); fits && ends && !strings.Contains(id, "/") {
				return simKey{a.name, name, id}, true
			}
		}
	}
	return simKey{}, false
}

// forward hands the request to the account.
func (v *simWire) forward(r *http.Request, body []byte, s *simSent) (*http.Response, error) {
	r.Body = io.NopCloser(bytes.NewReader(body))
	response, err := v.next.RoundTrip(r)
	if s != nil && err == nil && response.StatusCode < 300 {
		s.done()
	}
	return response, err
}

// refuse answers in the account's place.
func (v *simWire) refuse(r *http.Request, s *simSent, fault, what string, chance *rand.Rand) (*http.Response, error) {
	v.world.struck(fault, what)
	wrote(r)
	switch fault {
	case faultThrottle:
		after := fmt.Sprint(1 + chance.IntN(40))
		if chance.IntN(3) == 0 {
			after = time.Now().Add(20 * time.Second).UTC().Format(http.TimeFormat)
		}
		return answer(r, http.StatusTooManyRequests, "application/json", `{}`, http.Header{"Retry-After": {after}}), nil
	case faultThrottled:
		return answer(r, http.StatusTooManyRequests, "application/json", `{}`, nil), nil
	case faultRefusal:
		status := []int{400, 401, 402, 403, 409, 422}[chance.IntN(6)]
		return answer(r, status, "application/json", `{"detail":"no","message":"no","error":{"code":"NO","message":"no"}}`, nil), nil
	}
	s.unknown()
	status := []int{500, 502, 503, 504}[chance.IntN(4)]
	return answer(r, status, "text/html", "<html>Something went wrong</html>", nil), nil
}

// garble spoils what was answered.
func (v *simWire) garble(r *http.Request, response *http.Response, fault, what string) (*http.Response, error) {
	all, err := io.ReadAll(response.Body)
	if err != nil || len(all) < 2 {
		response.Body = io.NopCloser(bytes.NewReader(all))
		return response, err
	}
	v.world.struck(fault, what)
	switch fault {
	case faultSlow:
		response.Body = &trickle{ctx: r.Context(), rest: all, every: 20 * time.Second / 4, step: len(all)/4 + 1}
	case faultTooSlow:
		response.Body = &trickle{ctx: r.Context(), rest: all, every: 10 * time.Second, step: len(all)/8 + 1}
	default:
		response.Body = io.NopCloser(io.MultiReader(bytes.NewReader(all[:len(all)/2]), cut{}))
	}
	return response, nil
}

// late carries a request out after its sender has given up, and whether or not that one still lives.
func (v *simWire) late(r *http.Request, body []byte, s *simSent, after time.Duration) {
	copied := r.Clone(context.Background())
	v.world.background.Add(1)
	go func() {
		defer v.world.background.Done()
		time.Sleep(after)
		response, err := v.forward(copied, body, s)
		if err == nil {
			v.world.tell("    late: %s %s: %d", r.Method, r.URL.Path, response.StatusCode)
			_ = response.Body.Close()
		}
	}()
}

func (v *simWire) arm(f sandbox.Fault) {
	if err := v.account.sandbox.AddFault(f); err != nil {
		v.world.broken("arming a fault: %v", err)
	}
}

func readAll(r *http.Request) ([]byte, error) {
	if r.Body == nil {
		return nil, nil
	}
	body, err := io.ReadAll(r.Body)
	return body, errors.Join(err, r.Body.Close())
}

// wrote tells the client that its request has left.
func wrote(r *http.Request) {
	if trace := httptrace.ContextClientTrace(r.Context()); trace != nil && trace.WroteHeaders != nil {
		trace.WroteHeaders()
	}
}

func answer(r *http.Request, status int, kind, body string, header http.Header) *http.Response {
	h := http.Header{"Content-Type": {kind}}
	for name, v := range header {
		h[name] = v
	}
	return &http.Response{StatusCode: status, Header: h, Body: io.NopCloser(strings.NewReader(body)), ContentLength: int64(len(body)), Request: r}
}

// trickle is a body that comes a little at a time.
type trickle struct {
	ctx   context.Context
	rest  []byte
	every time.Duration
	step  int
}

func (d *trickle) Read(p []byte) (int, error) {
	if len(d.rest) == 0 {
		return 0, io.EOF
	}
	if err := (wall{}).Sleep(d.ctx, d.every); err != nil {
		return 0, err
	}
	n := copy(p, d.rest[:min(d.step, len(d.rest))])
	d.rest = d.rest[n:]
	return n, nil
}

func (d *trickle) Close() error { return nil }

// cut is the end of a body that breaks off.
type cut struct{}

func (cut) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }

// simSent is a write that went onto the wire.
type simSent struct {
	world    *simWorld
	at       time.Time
	doubtful bool // the sender cannot know what it did
	carried  bool // it did
}

func (s *simSent) unknown() {
	s.world.mu.Lock()
	defer s.world.mu.Unlock()
	s.doubtful = true
}

func (s *simSent) done() {
	s.world.mu.Lock()
	defer s.world.mu.Unlock()
	s.carried = true
}

// sends holds P5 and P6 for a request that is about to go onto the wire: its sender holds the lock, and an earlier one of the same
// words, whose outcome its sender cannot know, can no longer take effect, or has.
func (w *simWorld) sends(v *simWire, what string, r *http.Request, write bool, body []byte) *simSent {
	w.mu.Lock()
	defer w.mu.Unlock()
	s := &simSent{world: w, at: time.Now()}
	if !write {
		return s
	}
	w.count("writes", 1)
	w.log("    > %s %s %s %s", v.account.name, r.Method, r.URL.Path, body)
	if key, deletes := v.account.deletes(r); deletes {
		w.takes(v.process, key)
	}
	if w.store.holder != v.process.lock {
		w.violated("P5: %s sends %s without the lock, which %q holds", v.process.name, what, w.store.holder)
	}
	for _, before := range w.sent[what] {
		if before.doubtful && !before.carried && time.Since(before.at) < simGrace {
			w.violated("P5: %s was sent %s ago, may still take effect, and is sent again", what, time.Since(before.at))
		}
	}
	w.sent[what] = append(w.sent[what], s)
	return s
}

// simGrace is how long after it was sent a request may take effect: the timeout of all definitions and their grace, less what an intent may be
// older than its request.
const simGrace = (30 + 120 - 5) * time.Second

// asked counts a request of a process (P10).
func (w *simWorld) asked(v *simWire) {
	w.mu.Lock()
	defer w.mu.Unlock()
	v.process.requests++
	w.count("requests", 1)
}

// storm lets some faults come many at a time, to one path.
func (w *simWorld) storm(path, fault string, chance *rand.Rand) string {
	w.mu.Lock()
	defer w.mu.Unlock()
	if left := w.storms[path]; left.n > 0 && !w.quiet {
		w.storms[path] = simStorm{left.n - 1, left.fault}
		return left.fault
	}
	if (fault == faultThrottle || fault == faultThrottled || fault == faultServer) && chance.IntN(4) == 0 {
		w.storms[path] = simStorm{1 + chance.IntN(9), fault}
		w.count("storms", 1)
	}
	return ""
}

type simStorm struct {
	n     int
	fault string
}
