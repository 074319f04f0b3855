package apply

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/vpsync/vpsync/pkg/plan"
	"github.com/vpsync/vpsync/pkg/providers"
	"github.com/vpsync/vpsync/pkg/spec"
	"github.com/vpsync/vpsync/pkg/state"
)

// stale is how old an intent may be when its request leaves. A request that waited longer for its turn (a rate limit can
// take an hour) is stamped anew first: the grace counts from when it was sent.
const stale = 5 * time.Second

// attempts is how often one run sends a request whose every answer was lost. The next run goes on from there.
const attempts = 3

// request is one write with its journal row.
type request struct {
	intent *state.Intent
	call   providers.Call
	client *providers.Client
	kind   *spec.Kind
	tell   *teller
	ended  time.Time // of the last attempt
}

// newRequest fills in what all intents have in common.
func (r *run) newRequest(ch *plan.Change, operation string, tell *teller) (*request, error) {
	client, kind, err := r.Accounts.kind(refOf(ch))
	if err != nil {
		return nil, err
	}
	return &request{
		client: client, kind: kind, tell: tell,
		intent: &state.Intent{
			ID: r.idOf(ch, operation), Run: r.Options.Run.ID, Address: ch.Address, Deposed: ch.Deposed,
			Account: ch.Account, Kind: ch.Kind, Action: string(ch.Action), Operation: operation,
		},
		call: providers.Call{Kind: ch.Kind, Operation: operation},
	}, nil
}

// carry journals a request, sends it, and finds out what it did. carried is called with what the request made or left, as
// far as it is known, and returns the writes that record it; they are committed together with the closed intent. It is called once
// or, where the request was not carried out, never.
func (r *run) carry(ctx context.Context, q *request, carried func(*spec.Object) ([]state.Write, error)) error {
	for attempt := 1; ; attempt++ {
		in := *q.intent
		if attempt > 1 && in.Began.IsZero() {
			in.Began = in.Opened
		}
		in.Opened, in.Attempts = r.clock.Now(), attempt
		q.intent = &in
		if err := r.mayBegin(); err != nil {
			if attempt > 1 && errors.Is(err, errStopped) {
				r.fly(in.ID, false) // the earlier attempt is known not to have been carried out
				err = errors.Join(err, r.later(ctx, state.CloseIntent{ID: in.ID}))
			}
			return err
		}
		if err := r.boundary(BoundaryOpening); err != nil {
			return err
		}
		r.fly(in.ID, true)
		r.used(&in)
		if err := r.journal(ctx, &in, r.secretKey(in.Secrets)...); err != nil {
			return err
		}
		object, err := r.send(ctx, q)
		if dead := r.dead(); dead != nil {
			return dead
		}
		if err == nil {
			return r.close(ctx, q, object, carried)
		}
		if !unknown(err, attempt) {
			r.fly(in.ID, false)
			return errors.Join(err, r.closed(ctx, q, state.CloseIntent{ID: in.ID}))
		}
		object, done, serr := r.settleNow(ctx, q, err)
		if serr != nil {
			r.fly(in.ID, false)
			return serr
		}
		if done {
			return r.close(ctx, q, object, carried)
		}
		if in.Action == string(plan.Task) { // it is asked for again, or not at all
			r.fly(in.ID, false)
			return errors.Join(err, r.closed(ctx, q, state.CloseIntent{ID: in.ID}))
		}
		if attempt == attempts {
			r.fly(in.ID, false)
			return &UnsettledError{Address: in.Address, Operation: in.Operation, Err: err,
				Reason: "no attempt was answered; the next run looks again"}
		}
	}
}

// send puts the request on the wire once, and again only where the engine knows that it was not carried out.
func (r *run) send(ctx context.Context, q *request) (*spec.Object, error) {
	if err := r.boundary(BoundaryIntent); err != nil {
		return nil, err
	}
	if op := q.kind.Operations[q.intent.Operation]; op != nil {
		q.tell.throttled(q.intent.Account, op.RateLimit, op.Name)
	}
	left := false
	result, err := q.client.Do(ctx, q.call, func() error {
		if err := r.mayBegin(); err != nil {
			return err
		}
		if now := r.clock.Now(); now.Sub(q.intent.Opened) > stale {
			in := *q.intent
			in.Opened = now
			if err := r.journal(ctx, &in); err != nil {
				return err
			}
			q.intent = &in
			if err := r.mayBegin(); err != nil { // writing it may have taken as long as the lock lasts
				return err
			}
		}
		left = true
		return nil
	})
	q.ended = r.clock.Now()
	if left && (err == nil || unknown(err, 1)) {
		r.effect()
	}
	if berr := r.boundary(BoundaryAnswered); berr != nil {
		return nil, berr
	}
	q.tell.emit(EventSent, func(e *Event) { e.Operation, e.ID, e.Err = q.intent.Operation, result.Object.ID, err })
	if err != nil {
		return nil, err
	}
	if result.Absent {
		return nil, r.absent(ctx, q, result)
	}
	object := result.Object
	if object.ID == "" {
		object.ID = q.call.ID
	}
	if object.ID == "" {
		return nil, &providers.Error{Outcome: providers.Unknown, Account: q.intent.Account, Kind: q.intent.Kind,
			Operation: q.intent.Operation, Message: "the answer names no id"}
	}
	return &object, nil
}

// absent decides about a delete that was answered with "there is no such object": it is done when the object is also not
// to be seen, and refused otherwise.
func (r *run) absent(ctx context.Context, q *request, result providers.Result) error {
	ref := plan.KindRef{Account: q.intent.Account, Kind: q.intent.Kind}
	object, known, err := find(ctx, q.client, q.kind, ref, q.call.ID, r.clock)
	if err != nil {
		unsure := *result.Refusal
		unsure.Outcome, unsure.Err = providers.Unknown, err
		return &unsure
	}
	if known && object == nil {
		return nil
	}
	return result.Refusal
}

// close records what the request did, and closes its intent, in one transaction. A delete is done when the object is gone: until
// then the intent stays open, so that a later run looks whether the API kept its word.
func (r *run) close(ctx context.Context, q *request, object *spec.Object, carried func(*spec.Object) ([]state.Write, error)) error {
	defer r.fly(q.intent.ID, false)
	if q.intent.Operation == spec.OpDelete && q.kind.Lingers {
		if err := r.boundary(BoundaryLeaving); err != nil {
			return err
		}
		if err := r.awaitGone(ctx, q.client, q.intent, false, q.tell); err != nil {
			return err
		}
	}
	writes, err := carried(object)
	if err != nil {
		return err // the intent stays open: what it did is known, but could not be put into words
	}
	if err := r.closed(ctx, q, append(writes, state.CloseIntent{ID: q.intent.ID})...); err != nil {
		return err
	}
	return r.boundary(BoundaryRecorded)
}

// closed commits the end of an intent: at once where nobody could find it out again.
func (r *run) closed(ctx context.Context, q *request, writes ...state.Write) error {
	if findable(q.kind, q.intent) {
		return r.later(ctx, writes...)
	}
	return r.commit(ctx, writes...)
}

// awaitGone waits until the object of a delete is gone that the API accepted. Its intent is open, and stays so with an error.
func (r *run) awaitGone(ctx context.Context, client *providers.Client, in *state.Intent, atOnce bool, tell *teller) error {
	err := client.WaitGone(ctx, in.Kind, in.ObjectID, atOnce, tell.waiting)
	if err == nil {
		return nil
	}
	reason := "the API accepted it, and it was not waited for to the end"
	if late := (*providers.LingerError)(nil); errors.As(err, &late) {
		reason = late.Error()
	}
	return &UnsettledError{Address: in.Address, Operation: in.Operation, Err: err, Reason: reason + "; the next run looks again"}
}

// unknown says whether a request may have been carried out although it failed. A conflict on a later attempt may be the
// work of an earlier one.
func unknown(err error, attempt int) bool {
	var failed *providers.Error
	if !errors.As(err, &failed) {
		return true
	}
	switch failed.Outcome {
	case providers.Refused:
		return attempt > 1 && (failed.Status == http.StatusConflict || failed.Status == http.StatusUnprocessableEntity)
	case providers.NotSent:
		return false
	}
	return true
}

// fly marks an intent as in the hands of a step, so that nobody else settles it.
func (r *run) fly(id string, flying bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if flying {
		r.flying[id] = true
	} else {
		delete(r.flying, id)
	}
}

func (r *run) isFlying(id string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.flying[id]
}
