package providers

import (
	"context"
	"fmt"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/vpsync/vpsync/pkg/spec"
)

// Budget is what is left of one rate-limit class.
type Budget struct {
	Class     string
	Limit     int
	Remaining int       // -1: not known yet
	Reset     time.Time // zero: not known
}

// maxRequests bounds what a header may say of a window, so that every sum of such numbers is one on any machine.
const maxRequests = 1 << 30

// Budgets are those of several clients: clients of one definition that send one token to one address share a budget, since the API
// counts their requests together. The zero value is ready, and safe for concurrent use.
type Budgets struct {
	mu  sync.Mutex
	all map[budgetKey]*budget
}

type budgetKey struct{ definition, endpoint, token string }

// budget finds the budget of a client, or makes it. A nil receiver shares nothing.
func (b *Budgets) budget(def *Definition, clock Clock, endpoint, token string) *budget {
	if b == nil {
		return newBudget(def, clock)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	key := budgetKey{def.Hash, endpoint, token}
	if b.all[key] == nil {
		if b.all == nil {
			b.all = map[budgetKey]*budget{}
		}
		b.all[key] = newBudget(def, clock)
	}
	return b.all[key]
}

// budget is one token's share of requests, by class. All requests of a client pass it, so that none leaves of which
// it is known that the API would refuse it.
type budget struct {
	def   *Definition
	clock Clock

	mu      sync.Mutex
	skew    time.Duration // how far our clock is ahead of the API's, as its answers tell; what is too little to matter is 0
	windows map[string]*window
	learned map[string]string // the class that the API really counts an operation in, by its request
}

// window is the current window of one class.
type window struct {
	class     spec.RateLimit
	remaining int           // -1: not known
	reset     time.Time     // zero: not known
	held      time.Time     // no request before this: a 429 said so
	silent    int           // refusals in a row that did not say for how long
	flying    int           // sent and not answered
	heard     chan struct{} // closed at the next answer, and made anew
}

func newBudget(def *Definition, clock Clock) *budget {
	b := &budget{def: def, clock: clock, windows: map[string]*window{}, learned: map[string]string{}}
	for _, name := range def.Classes {
		class := def.Schema.RateLimits[name]
		b.windows[name] = &window{class: class, remaining: -1, heard: make(chan struct{})}
	}
	return b
}

// limit holds requests back until their class has room, and learns from the headers of the answers. waiting is told of each wait.
func (b *budget) limit(next handler, waiting func(class string, until time.Time)) handler {
	return func(ctx context.Context, r *request) (*answer, error) {
		class, err := b.take(ctx, r, waiting)
		if err != nil {
			return nil, &wireError{err: err, final: true}
		}
		sent := b.clock.Now()
		a, err := next(ctx, r)
		if err != nil {
			b.give(class, err)
			return nil, err
		}
		b.learn(class, r.op, a, sent)
		return a, nil
	}
}

// take takes one request out of the class's window, or waits for the next window, or for an answer that tells of it.
func (b *budget) take(ctx context.Context, r *request, waiting func(string, time.Time)) (string, error) {
	var waited time.Time // a window that was slept through is over, whatever a clock says
	for {
		b.mu.Lock()
		class := r.class()
		if known, ok := b.learned[r.op.Schema.Request]; ok {
			class = known
		}
		w := b.windows[class]
		if w == nil {
			b.mu.Unlock()
			return class, nil // the definition counts nothing
		}
		until, open := w.open(later(b.clock.Now(), waited), b.def.Headers.Remaining == "")
		if open {
			if w.remaining > 0 {
				w.remaining--
			}
			w.flying++
			b.mu.Unlock()
			return class, nil
		}
		limit, remaining, heard := w.class.Requests, w.remaining, w.heard
		b.mu.Unlock()
		if until.IsZero() {
			select {
			case <-heard:
				continue
			case <-ctx.Done():
				return class, fmt.Errorf("rate limit %q: waiting for the answers to requests under way: %w", class, ctx.Err())
			}
		}
		waiting(class, until)
		if err := b.clock.Sleep(ctx, until.Sub(b.clock.Now())); err != nil {
			return class, fmt.Errorf("rate limit %q: %d of %d requests left until %s: %w", class, max(remaining, 0), limit, until.UTC().Format(time.TimeOnly), err)
		}
		waited = until
	}
}

func later(a, b time.Time) time.Time {
	if a.Before(b) {
		return b
	}
	return a
}

// open tells whether a request may leave now, and else the time to look again: zero where only the answer to a request under
// way can tell.
func (w *window) open(now time.Time, counted bool) (time.Time, bool) {
	if far := now.Add(2 * w.class.Per); w.reset.After(far) || w.held.After(far) { // our clock was set back
		w.reset, w.held = now.Add(w.class.Per), time.Time{}
	}
	if now.Before(w.held) {
		return w.held, false
	}
	if w.silent > 0 { // nobody knows whether there is room by now: one goes and sees
		return time.Time{}, w.flying == 0
	}
	if !w.reset.IsZero() && !now.Before(w.reset) { // a new window, of which nothing was heard yet
		w.remaining, w.reset = max(w.class.Requests-w.flying, 0), time.Time{}
	}
	switch {
	case counted && w.reset.IsZero(): // no headers tell: count from the first request on
		w.remaining, w.reset = w.class.Requests, now.Add(w.class.Per)
		return time.Time{}, true
	case w.remaining == 0 && !w.reset.IsZero():
		return w.reset, false
	case w.remaining > 0:
		return time.Time{}, true
	case w.remaining == 0:
		return time.Time{}, w.flying == 0
	}
	return time.Time{}, w.flying < w.class.Requests // nothing is known: the documented limit
}

// answered takes a request as not under way any more, and wakes those who wait for what its answer tells.
func (w *window) answered() {
	w.flying = max(w.flying-1, 0)
	close(w.heard)
	w.heard = make(chan struct{})
}

// give takes note of a request without an answer. One that never left was not counted.
func (b *budget) give(class string, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	w := b.windows[class]
	if w == nil {
		return
	}
	w.answered()
	if wire, ok := err.(*wireError); ok && !wire.sent && w.remaining >= 0 {
		w.remaining++
	}
}

// learn reads the headers of an answer. The limit in them tells the class, where it is not the one that the definition
// names.
func (b *budget) learn(class string, op *Operation, a *answer, sent time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	now := b.clock.Now()
	b.compare(a, sent, now)
	if a.status == http.StatusTooManyRequests {
		a.wait = readRetryAfter(a.header, b.def.Headers.Reset, now.Add(-b.skew))
	}
	w := b.windows[class]
	if w == nil {
		return
	}
	w.answered()
	if a.status == http.StatusTooManyRequests && !a.wait.given {
		a.wait = w.guess(now)
	} else {
		w.silent = 0
	}
	h := b.def.Headers
	told, ok := headerNumber(a.header, h.Limit)
	if limit := int(min(told, maxRequests)); ok && limit > 0 && limit != w.class.Requests {
		if other := b.byLimit(limit); other != nil {
			if w.remaining >= 0 {
				w.remaining++ // it was counted elsewhere
			}
			b.learned[op.Schema.Request] = other.class.Name
			w = other
		} else {
			w.class.Requests = limit // this account has another limit than the document says
		}
	}
	remaining, known := headerNumber(a.header, h.Remaining)
	reset, dated := headerNumber(a.header, h.Reset)
	if known && remaining >= 0 {
		w.hear(int(min(remaining, maxRequests)), time.Unix(reset, 0).Add(b.skew), dated, now)
	}
	if a.wait.given {
		// What is left of a window that lasts longer stays as the answers told it: a refusal that asks for less was not about that.
		wait := min(a.wait.duration, w.class.Per)
		if w.silent >= maxRefusals { // for longer than a window: each of many would wait for another one in vain
			wait = atLeast(0)
		}
		w.held = now.Add(wait)
		if w.reset.Before(w.held) {
			w.reset, w.remaining = w.held, 0
		}
	}
}

// Bounds of comparing clocks: a Date has whole seconds, and of an answer that took long it is not known when it was given.
const (
	smallSkew  = 5 * time.Second
	promptness = 10 * time.Second
)

// compare holds our clock against the API's. What it says of times is in its own; a budget that took the one for the other would
// send into a window that is used up, or wait for hours. A difference that moves a little is the same one: windows are told apart
// by when they end.
func (b *budget) compare(a *answer, sent, now time.Time) {
	date, err := http.ParseTime(a.header.Get("Date"))
	if err != nil || a.header.Get("Age") != "" || now.Sub(sent) > promptness || now.Before(sent) {
		return
	}
	skew := now.Sub(date).Truncate(time.Second)
	moved := skew - b.skew
	if moved.Abs() <= smallSkew {
		return
	}
	b.skew = skew
	for _, w := range b.windows { // what was known is told by the new clock from now on
		if !w.reset.IsZero() {
			w.reset = w.reset.Add(moved)
		}
		if !w.held.IsZero() {
			w.held = w.held.Add(moved)
		}
	}
}

// guess is how long to hold back after a refusal that does not say: a share of the window, four times as long each time. The first is
// soon over, since it may be a stray one, and the tries that one request has last for a whole window. The zero value is no guess: the
// window's length is not known. Answers to what was under way when the first of them came say nothing new.
func (w *window) guess(now time.Time) retryAfter {
	if w.class.Per <= 0 {
		return retryAfter{}
	}
	if now.Before(w.held) {
		return retryAfter{atLeast(w.held.Sub(now)), true, w.silent}
	}
	w.silent++
	return retryAfter{atLeast(w.class.Per >> (2 * max(maxRefusals-1-w.silent, 0))), true, w.silent}
}

// hear updates the window from one answer. Answers may arrive out of order: within a window the smaller number holds.
func (w *window) hear(remaining int, reset time.Time, dated bool, now time.Time) {
	if dated {
		if reset.After(now.Add(2 * w.class.Per)) { // nobody waits for years because of one header
			reset = now.Add(w.class.Per)
		}
		switch {
		case reset.Before(w.reset):
			return // of a window that is over
		case reset.After(w.reset):
			w.reset, w.remaining = reset, max(remaining-w.flying, 0)
			return
		}
	}
	switch {
	case w.reset.IsZero(): // no window is known that answers could be out of order in: the newest holds
		w.remaining = max(remaining-w.flying, 0)
	case remaining < w.remaining:
		w.remaining = remaining
	}
}

// byLimit is the only class with a limit, or nil.
func (b *budget) byLimit(limit int) *window {
	var found *window
	for _, w := range b.windows {
		if w.class.Requests == limit {
			if found != nil {
				return nil
			}
			found = w
		}
	}
	return found
}

func (b *budget) snapshot() []Budget {
	b.mu.Lock()
	defer b.mu.Unlock()
	var list []Budget
	for _, name := range b.def.Classes {
		w := b.windows[name]
		list = append(list, Budget{Class: name, Limit: w.class.Requests, Remaining: w.remaining, Reset: w.reset})
	}
	return list
}

func headerNumber(h http.Header, name string) (int64, bool) {
	if name == "" {
		return 0, false
	}
	n, err := strconv.ParseInt(h.Get(name), 10, 64)
	return n, err == nil
}
