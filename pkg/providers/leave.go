package providers

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/vpsync/vpsync/pkg/spec"
)

// LingerError is an object that is still there long after its delete was accepted.
type LingerError struct {
	Kind, ID string
	Status   string        // as last seen; may be empty
	Waited   time.Duration // until now
}

func (e *LingerError) Error() string {
	text := fmt.Sprintf("%s %s is still there %s after its delete was accepted", e.Kind, e.ID, e.Waited.Round(time.Second))
	if e.Status != "" {
		text += fmt.Sprintf(": its status is %q", e.Status)
	}
	return text
}

// WaitGone blocks until a deleted object is not to be seen any more, or the definition's timeout passed: then the error is a
// *LingerError. Of a kind whose objects are gone with the answer it returns at once. Several waits share lists as those of [Client.Wait]
// do. It looks after the definition's interval first, or at once where atOnce is set: after a delete of long ago. seen (nil allowed)
// is called with each state that was observed.
func (c *Client) WaitGone(ctx context.Context, kind, id string, atOnce bool, seen func(spec.Object)) error {
	k := c.def.Kinds[kind]
	if k == nil {
		_, _, err := c.operation(kind, spec.OpDelete)
		return c.impossible(kind, spec.OpDelete, err)
	}
	if k.Leave == nil {
		return nil
	}
	every := k.Leave.Every
	if c.config.PollEvery > 0 {
		every = c.config.PollEvery
	}
	poll := c.pollOf(kind)
	poll.join(1)
	defer poll.join(-1)
	start := c.clock.Now()
	due, looked, last := start.Add(every), start, ""
	if atOnce {
		due = start
	}
	for {
		if err := c.clock.Sleep(ctx, due.Sub(c.clock.Now())); err != nil {
			return err
		}
		o, found, at, err := c.look(ctx, k, id, poll, looked, every)
		now := c.clock.Now()
		switch {
		case err != nil && (ctx.Err() != nil || !passing(err)):
			return err
		case err == nil && !found:
			// One look is enough: the API has said already that it deletes the object.
			return nil
		case err == nil:
			if last = o.Status; last == "" {
				last = statusOf(o.Values, k.Leave.Leaving)
			}
			if seen != nil {
				seen(o)
			}
		}
		if at.Sub(start) >= k.Leave.Timeout { // as in Wait: by when the look began
			if err != nil {
				return err
			}
			return &LingerError{Kind: kind, ID: id, Status: last, Waited: now.Sub(start)}
		}
		looked, due = at, at.Add(every)
		if !due.After(now) {
			due = now.Add(every)
		}
	}
}

// leaving: the object was deleted, and is still to be seen.
func (l *Leave) leaving(values spec.Values) bool {
	return l != nil && len(l.Leaving) > 0 && matches(values, l.Leaving)
}

// staying are the objects that nobody deletes.
func staying(objects []spec.Object) []spec.Object {
	return slices.DeleteFunc(objects, func(o spec.Object) bool { return o.Leaving })
}
