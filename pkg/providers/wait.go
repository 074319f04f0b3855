package providers

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/vpsync/vpsync/pkg/spec"
)

// sharedPoll is how the waiters of one kind look at their objects together: whoever's turn it is lists them all, and the
// others take what was listed since they began to wait.
type sharedPoll struct {
	turn chan struct{} // holds one while somebody looks

	mu      sync.Mutex
	waiters int
	began   time.Time // when the last list began
	objects map[string]spec.Object
}

// Wait blocks until the object is ready or failed, or the definition's timeout passed. Several waits
// for one kind share a poll by list where that costs less. seen (nil allowed) is called with each state that was observed.
// The object is the last that was seen, also with an error; *NotReadyError tells that it failed, is missing or late.
func (c *Client) Wait(ctx context.Context, kind, id string, seen func(spec.Object)) (spec.Object, error) {
	last := emptyObject(kind, id)
	k := c.def.Kinds[kind]
	if k == nil {
		_, _, err := c.operation(kind, spec.OpRead)
		return last, c.impossible(kind, spec.OpRead, err)
	}
	if k.Wait == nil {
		last.Ready = true
		return last, nil
	}
	every := k.Wait.Every
	if c.config.PollEvery > 0 {
		every = c.config.PollEvery
	}
	poll := c.pollOf(kind)
	poll.join(1)
	defer poll.join(-1)
	start := c.clock.Now()
	due, looked := start.Add(every), start
	var missing time.Time
	ill := every
	for {
		if err := c.clock.Sleep(ctx, due.Sub(c.clock.Now())); err != nil {
			return last, err
		}
		o, found, at, err := c.lookReady(ctx, k, id, poll, looked, every)
		now := c.clock.Now()
		var absent error // why it is not found, where the wait asks apart: it may be the path that is wrong
		if e := (*Error)(nil); k.Wait.Operation != nil && errors.As(err, &e) && e.gone() {
			absent, err = err, nil
		}
		if err != nil && (ctx.Err() != nil || !passing(err)) {
			return last, err
		}
		looked, due = at, at.Add(every)
		if !due.After(now) {
			due = now.Add(every)
		}
		switch {
		case err != nil:
			// The API is ill for the moment; the timeout bounds how long that is borne, and longer pauses how often it is asked: each
			// look has been repeated already.
			ill = min(2*ill, max(every, longestPause))
			due = now.Add(ill)
		case found && !o.Leaving:
			missing, last, ill = time.Time{}, o, every
			if seen != nil {
				seen(o)
			}
			if o.Failed {
				return o, &NotReadyError{Kind: kind, ID: id, Status: o.Status, Failed: true, Waited: now.Sub(start)}
			}
			if o.Ready && k.Wait.Operation != nil {
				return c.complete(ctx, k, o), nil
			}
			if o.Ready {
				return o, nil
			}
		case missing.IsZero():
			missing = now // a page may have shifted: look once more
		case now.Sub(missing) >= c.Lag() && absent != nil:
			return last, absent
		case now.Sub(missing) >= c.Lag():
			return last, &NotReadyError{Kind: kind, ID: id, Missing: true, Waited: now.Sub(start)}
		}
		// A look that a rate limit held back may have begun long ago: what it saw says nothing of now.
		if at.Sub(start) >= k.Wait.Timeout {
			if err != nil {
				return last, err
			}
			return last, &NotReadyError{Kind: kind, ID: id, Status: last.Status, Waited: now.Sub(start)}
		}
	}
}

// longestPause is how long a wait rests at most between looks that fail.
const longestPause = time.Minute

// passing: looking again may help.
func passing(err error) bool {
	var e *Error
	return errors.As(err, &e) && (e.Outcome == Unknown || e.Outcome == NotSent && !e.final || e.Status == 429)
}

// lookReady looks at what a wait waits for: the object, or what a request of the wait's own says of it.
func (c *Client) lookReady(ctx context.Context, k *Kind, id string, poll *sharedPoll, after time.Time, every time.Duration) (o spec.Object, found bool, at time.Time, err error) {
	if k.Wait.Operation == nil {
		return c.look(ctx, k, id, poll, after, every)
	}
	at = c.clock.Now()
	o, found, err = c.ask(ctx, k, id)
	return o, found, at, err
}

// look finds the object by a single read, or in a list that all waiters of its kind share. at is when the look began; of
// a shared list, when that began.
func (c *Client) look(ctx context.Context, k *Kind, id string, poll *sharedPoll, after time.Time, every time.Duration) (o spec.Object, found bool, at time.Time, err error) {
	kind := k.Schema.Name
	reads, lists := k.Operations[spec.OpRead] != nil, k.Operations[spec.OpList] != nil
	if !lists || reads && poll.count() <= c.ListCost(kind) {
		at = c.clock.Now()
		o, found, err = c.readAny(ctx, kind, id)
		return o, found, at, err
	}
	select {
	case poll.turn <- struct{}{}:
		defer func() { <-poll.turn }()
	case <-ctx.Done():
		return o, false, after, ctx.Err()
	}
	at = c.clock.Now()
	// A list serves who waited when it began, for half an interval: so waiters that began apart fall into step.
	if poll.began.After(after) && at.Sub(poll.began) < every/2 {
		o, found = poll.objects[id]
		return o, found, poll.began, nil
	}
	objects, err := c.listAll(ctx, kind)
	if err != nil {
		return o, false, at, err
	}
	poll.began, poll.objects = at, make(map[string]spec.Object, len(objects))
	for _, object := range objects {
		poll.objects[object.ID] = object
	}
	o, found = poll.objects[id]
	return o, found, at, nil
}

// ask sends the wait's own request about one object. What it answers are no attributes of the object.
func (c *Client) ask(ctx context.Context, k *Kind, id string) (o spec.Object, found bool, err error) {
	kind, op := k.Schema.Name, k.Wait.Operation
	path, err := fillPath(k, op, Call{Kind: kind, Operation: waitOperation, ID: id})
	if err != nil {
		return o, false, c.impossible(kind, waitOperation, err)
	}
	a, err := c.send(ctx, &request{kind: kind, op: op, method: op.Method, path: path, query: queryOf(op), known: c.config.Secrets})
	if err != nil {
		return o, false, err
	}
	values, problems := decodeValues(k.Wait.Attributes, k.Wait.Wire, a.document, id)
	if err := errors.Join(problems...); err != nil {
		return o, false, c.unreadable(k, op, path, err)
	}
	o = emptyObject(kind, id)
	o.Ready, o.Failed, o.Status = k.Wait.state(values)
	o.Status = c.config.Secrets.Scrub(o.Status)
	return o, true, nil
}

// complete reads an object of which a wait's own request said that it is ready. What the read does not get, the next refresh will.
func (c *Client) complete(ctx context.Context, k *Kind, ready spec.Object) spec.Object {
	if k.Operations[spec.OpRead] == nil {
		return ready
	}
	o, found, err := c.Read(ctx, k.Schema.Name, ready.ID)
	if err != nil || !found {
		return ready
	}
	o.Ready, o.Failed, o.Status = ready.Ready, ready.Failed, ready.Status
	return o
}

func (p *sharedPoll) join(n int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.waiters += n
	if p.waiters == 0 {
		p.objects = nil
	}
}

func (p *sharedPoll) count() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.waiters
}
