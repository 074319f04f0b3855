package apply

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/vpsync/vpsync/pkg/plan"
	"github.com/vpsync/vpsync/pkg/providers"
	"github.com/vpsync/vpsync/pkg/spec"
	"github.com/vpsync/vpsync/pkg/state"
)

// clockSkew is how far the API's clock may run behind ours before its word on an object's age is doubted: an object is taken for
// newer than an intent if it was created after the intent less this.
const clockSkew = 5 * time.Minute

// verdict is what is known of a request that was not answered.
type verdict int

const (
	// notSeen: nothing shows that it was carried out; it may yet be, until the grace is over.
	notSeen verdict = iota
	carriedOut
	// overtaken: what it was about does not exist any more, so that it cannot be carried out either.
	overtaken
	// undecidable: only an operator can tell.
	undecidable
)

// finding is a verdict with its grounds.
type finding struct {
	verdict verdict
	object  *spec.Object // that was made or changed
	reason  string       // for undecidable: one sentence
}

// Settle decides what the open intents did, as far as it can without waiting. What only an operator can tell is a question
// each; an intent that awaits its grace stays open, and [Runner.Apply] settles it when its time comes. Call it with the
// lock held, before planning.
func (r *Runner) Settle(ctx context.Context) ([]plan.Question, error) {
	x, _, err := r.load(ctx)
	if err != nil {
		return nil, err
	}
	var failures []error
	for _, in := range x.ledger.open() {
		if _, err := x.settle(ctx, in); err != nil {
			if x.dead() != nil || ctx.Err() != nil {
				return nil, err
			}
			failures = append(failures, err) // another account's, or another kind's, can still be settled
		}
	}
	if sent, _ := x.lastEffect(); sent {
		r.settled = true
	}
	return x.questions(), errors.Join(failures...)
}

// settle looks at one open intent and closes it where it can be told what it did. settled is false while it stays open.
func (r *run) settle(ctx context.Context, in *state.Intent) (settled bool, err error) {
	tell := r.tellIntent(in)
	tell.emit(EventSettling, nil)
	client, kind, err := r.Accounts.kind(plan.KindRef{Account: in.Account, Kind: in.Kind})
	if err != nil {
		return false, err
	}
	due := r.due(client, in)
	over := !r.clock.Now().Before(due)
	f, err := r.judge(ctx, client, kind, in)
	if err == nil && f.verdict == notSeen && over {
		// Twice: a page may have shifted while it was read.
		f, err = r.judge(ctx, client, kind, in)
	}
	if err != nil {
		return false, err
	}
	var writes []state.Write
	message := ""
	switch f.verdict {
	case undecidable:
		return false, r.ask(ctx, in, f.reason, tell)
	case notSeen:
		if !over {
			tell.countdown(due, in.Operation, "until the request can no longer take effect")
			return false, nil
		}
		message = "it was not carried out"
	case overtaken:
		message = "its object does not exist any more"
	case carriedOut:
		message = "it was carried out"
		if in.Operation == spec.OpDelete && kind.Lingers {
			// What it lies in, or what takes its name, needs it gone. One that is stuck on its way holds up nothing else.
			err := r.awaitGone(ctx, client, in, true, tell)
			if late := (*providers.LingerError)(nil); err != nil && !errors.As(err, &late) {
				return false, err
			}
		}
		if writes, err = r.settledWrites(kind, in, f.object); err != nil {
			return false, err
		}
		writes = append(writes, state.PutRun{Run: r.entry}) // the plan that follows may be declined
	}
	if err := r.boundary(BoundarySettling); err != nil {
		return false, err
	}
	if err := r.commit(ctx, append(writes, state.CloseIntent{ID: in.ID})...); err != nil {
		return false, err
	}
	if f.verdict == carriedOut {
		r.effect()
	}
	tell.emit(EventSettled, func(e *Event) {
		e.Message = message
		if f.object != nil {
			e.ID = f.object.ID
		}
	})
	return true, r.boundary(BoundarySettled)
}

// due is when a request can no longer take effect unseen: it may have left as late as its timeout after the intent, and worked
// for as long as the grace. Without a grace requests end with their sender, and only a list may lag behind them.
func (r *run) due(client *providers.Client, in *state.Intent) time.Time {
	late := grace(client, r.Options.Grace)
	opened := maxTime(in.Opened, r.patient)
	// What another run sent left before this one began. Where runs are on several machines, when it did is by another clock than this one's;
	// and an opened intent from the future is by a clock that was set back since.
	if in.Run != r.Options.Run.ID && (opened.After(r.begun) || r.deferrer() != nil) {
		opened = r.begun
	}
	if late > 0 {
		return opened.Add(client.Definition().Timeout + max(late, client.Lag()))
	}
	// Its sender was dead before this run took the lock. What it did a list may still miss.
	if ended := opened.Add(client.Definition().Timeout); ended.Before(r.begun) {
		return ended.Add(client.Lag())
	}
	return r.begun.Add(client.Lag())
}

// judge looks at the account once and says what an unanswered request did.
func (r *run) judge(ctx context.Context, client *providers.Client, kind *spec.Kind, in *state.Intent) (finding, error) {
	if in.Operation == spec.OpCreate {
		return r.judgeCreate(ctx, client, kind, in)
	}
	if in.Action == string(plan.Task) {
		return finding{verdict: undecidable, reason: "such a task leaves nothing behind by which one could tell, and it is never sent twice without being asked for"}, nil
	}
	ref := plan.KindRef{Account: in.Account, Kind: in.Kind}
	object, known, err := find(ctx, client, kind, ref, in.ObjectID, r.clock)
	switch {
	case err != nil:
		return finding{}, err
	case !known:
		return finding{verdict: undecidable, reason: fmt.Sprintf("the API can neither list nor read objects of kind %s", in.Kind)}, nil
	case in.Operation == spec.OpDelete && object == nil:
		return finding{verdict: carriedOut}, nil
	case in.Operation == spec.OpDelete:
		return finding{verdict: notSeen}, nil
	case object == nil && r.fresh(client, in):
		return finding{verdict: notSeen}, nil // a list may miss it yet
	case object == nil:
		return finding{verdict: overtaken}, nil
	}
	applied, err := spec.Conform(kind, in.Applied)
	if err != nil {
		return finding{}, err
	}
	same, compared := sameAsApplied(kind, applied, object)
	if same && !r.proves(kind, in, applied) {
		compared = 0
	}
	switch {
	case compared == 0 && in.Operation != spec.OpUpdate:
		// Sending an update again does no harm; of any other operation that is not known.
		return finding{verdict: undecidable, reason: fmt.Sprintf("the API does not answer what %s sets", in.Operation)}, nil
	case same && compared > 0:
		return finding{verdict: carriedOut, object: object}, nil
	}
	return finding{verdict: notSeen, object: object}, nil
}

// fresh: the object of an intent was recorded so short a time ago that a list may still miss it.
func (r *run) fresh(client *providers.Client, in *state.Intent) bool {
	record := r.ledger.resource(in.Address, in.Deposed)
	return record != nil && r.clock.Now().Before(record.CreatedAt.Add(client.Lag()))
}

// proves: an object that has every readable value of the request can have them only from it. Where the request also sent what
// no answer tells (a password), those that the object had before show nothing.
func (r *run) proves(kind *spec.Kind, in *state.Intent, applied spec.Values) bool {
	hidden := len(in.Secrets) > 0
	for name := range applied {
		hidden = hidden || !readable(kind.Attribute(name))
	}
	record := r.ledger.resource(in.Address, in.Deposed)
	if !hidden || record == nil {
		return true
	}
	before, err := spec.Conform(kind, record.Observed)
	if err != nil {
		return false
	}
	for name, asked := range applied {
		if a := kind.Attribute(name); readable(a) {
			if was, ok := before[name]; !ok || !a.Same(asked, was) {
				return true
			}
		}
	}
	return false
}

// judgeCreate looks for the object that a create made: newer than the intent, with its identity, not seen before it, and nobody's.
// Of several the one with every value that was sent is it; one alone is it even with other values, since an API may store what it
// was sent in another form. One that says it is older than the intent is neither taken nor overlooked.
func (r *run) judgeCreate(ctx context.Context, client *providers.Client, kind *spec.Kind, in *state.Intent) (finding, error) {
	if !kind.Can(spec.OpList) {
		return finding{verdict: undecidable, reason: fmt.Sprintf("the API cannot list objects of kind %s, so what it made cannot be looked for", in.Kind)}, nil
	}
	ref := plan.KindRef{Account: in.Account, Kind: in.Kind}
	objects, err := client.List(ctx, in.Kind)
	if err != nil {
		return finding{}, err
	}
	applied, err := spec.Conform(kind, in.Applied)
	if err != nil {
		return finding{}, err
	}
	owned := r.ledger.owners(ref)
	began := in.Opened
	if !in.Began.IsZero() {
		began = in.Began
	}
	var alike, equal, older []*spec.Object
	for i := range objects {
		o := &objects[i]
		if owned[o.ID] || slices.Contains(in.Seen, o.ID) || !plan.SameIdentity(kind, applied, o) {
			continue
		}
		if o, err = detailed(ctx, client, kind, applied, o); err != nil {
			return finding{}, err
		}
		if !o.CreatedAt.IsZero() && o.CreatedAt.Add(client.Skew()).Before(began.Add(-clockSkew)) {
			older = append(older, o)
			continue
		}
		alike = append(alike, o)
		if same, _ := sameAsApplied(kind, applied, o); same {
			equal = append(equal, o)
		}
	}
	switch {
	case len(equal) == 1:
		return finding{verdict: carriedOut, object: equal[0]}, nil
	case len(alike) == 1:
		return finding{verdict: carriedOut, object: alike[0]}, nil
	case len(alike) > 1:
		return finding{verdict: undecidable, reason: "several objects look like it: " + idsOf(alike)}, nil
	case len(older) > 0:
		return finding{verdict: undecidable, reason: fmt.Sprintf("%s looks like it, but says that it was created at %s, before the request", idsOf(older), older[0].CreatedAt.UTC().Format(time.RFC3339))}, nil
	}
	return finding{verdict: notSeen}, nil
}

func idsOf(objects []*spec.Object) string {
	ids := make([]string, len(objects))
	for i, o := range objects {
		ids[i] = o.ID
	}
	slices.Sort(ids)
	return strings.Join(ids, ", ")
}

// detailed reads a candidate by itself where the list lacks something that was sent.
func detailed(ctx context.Context, client *providers.Client, kind *spec.Kind, applied spec.Values, o *spec.Object) (*spec.Object, error) {
	if o.Detail || !kind.Can(spec.OpRead) {
		return o, nil
	}
	for name := range applied {
		if a := kind.Attribute(name); a != nil && a.DetailOnly {
			full, ok, err := client.Read(ctx, kind.Name, o.ID)
			if err != nil || !ok {
				return o, err
			}
			return &full, nil
		}
	}
	return o, nil
}

// settledWrites record what a request did that was found to be carried out.
func (r *run) settledWrites(kind *spec.Kind, in *state.Intent, object *spec.Object) ([]state.Write, error) {
	if in.Aside() { // what it made is nobody's
		return []state.Write{r.taskRow(in.Address, in.Kind, in.ObjectID)}, nil
	}
	row := state.AddChanges{Changes: r.settledHistory(in, in.ObjectID)}
	switch in.Operation {
	case spec.OpCreate:
		writes, _ := r.created(in, kind, object)
		return append(writes, state.AddChanges{Changes: r.settledHistory(in, object.ID)}), nil
	case spec.OpDelete:
		return []state.Write{state.RemoveResource{Address: in.Address, Deposed: in.Deposed}, row}, nil
	}
	old := r.ledger.resource(in.Address, in.Deposed)
	if old == nil {
		return nil, nil
	}
	next := *old
	next.Applied = overlay(next.Applied, in.Applied)
	for name, v := range next.Applied {
		if v.IsNull() {
			delete(next.Applied, name)
		}
	}
	next.Secrets = sentDigests(next.Secrets, in)
	next.Assumed = slices.DeleteFunc(slices.Clone(next.Assumed), func(name string) bool { _, sent := in.Applied[name]; return sent })
	next.Pending = in.Pending
	next.Policy = in.Policy
	next.Unready = next.Unready || busy(kind, object)
	if object != nil {
		next.Observed = observedSince(next.Observed, kind, object, next.Policy, next.Secrets, next.Applied)
	}
	return append([]state.Write{state.PutResource{Resource: &next}, row}, r.secretKey(next.Secrets)...), nil
}

// settleNow finds out within its own step what an unanswered request did: it looks at once, again when a list no longer
// lags, and when the grace is over. done means that it was carried out; otherwise, without an error, it was not and may be
// sent again.
func (r *run) settleNow(ctx context.Context, q *request, cause error) (object *spec.Object, done bool, err error) {
	in := q.intent
	if ctx.Err() != nil {
		return nil, false, &UnsettledError{Address: in.Address, Operation: in.Operation, Err: cause,
			Reason: "the run was interrupted; the next one looks"}
	}
	q.tell.emit(EventSettling, func(e *Event) { e.Operation, e.Err = in.Operation, cause })
	// The request may have begun to wait for its answer long after its intent was opened.
	lagged := q.ended.Add(q.client.Lag())
	due := lagged
	if late := grace(q.client, r.Options.Grace); late > 0 {
		due = maxTime(due, maxTime(r.due(q.client, in), q.ended.Add(late)))
		if last := q.ended.Add(q.client.Definition().Timeout + max(late, q.client.Lag())); due.After(last) {
			due = last // the clock was set back while it was under way
		}
	}
	looks := []time.Time{r.clock.Now()}
	if lagged.Before(due) {
		looks = append(looks, lagged)
	}
	looks = append(looks, due, due)
	told := false
	for _, at := range looks {
		if at.After(r.clock.Now()) {
			if !told {
				q.tell.countdown(due, in.Operation, "until the request can no longer take effect")
				told = true
			}
			if err := r.sleepUntil(ctx, at); err != nil {
				return nil, false, &UnsettledError{Address: in.Address, Operation: in.Operation, Err: cause,
					Reason: "the run was interrupted; the next one looks"}
			}
		}
		f, err := r.judge(ctx, q.client, q.kind, in)
		if err != nil {
			return nil, false, &UnsettledError{Address: in.Address, Operation: in.Operation, Err: err,
				Reason: "looking for its effect failed; the next run looks again"}
		}
		switch f.verdict {
		case carriedOut:
			if err := r.boundary(BoundarySettling); err != nil {
				return nil, false, err
			}
			q.tell.emit(EventSettled, func(e *Event) { e.Operation, e.Message = in.Operation, "it was carried out" })
			return f.object, true, nil
		case overtaken:
			if err := r.commit(ctx, state.CloseIntent{ID: in.ID}); err != nil {
				return nil, false, err
			}
			return nil, false, &DriftError{Address: in.Address, ID: in.ObjectID, Gone: true, Sent: true}
		case undecidable:
			if err := r.ask(ctx, in, f.reason, q.tell); err != nil {
				return nil, false, err
			}
			return nil, false, &UnsettledError{Address: in.Address, Operation: in.Operation, Reason: f.reason, Question: true, Err: cause}
		}
	}
	q.tell.emit(EventSettled, func(e *Event) { e.Operation, e.Message = in.Operation, "it was not carried out" })
	return nil, false, nil
}

// ask marks an intent as a question to the operator.
func (r *run) ask(ctx context.Context, in *state.Intent, reason string, tell *teller) error {
	asked := *in
	asked.Question, asked.Reason = true, reason
	if !in.Question || in.Reason != reason {
		if err := r.boundary(BoundarySettling); err != nil {
			return err
		}
		if err := r.commit(ctx, state.PutIntent{Intent: &asked}); err != nil {
			return err
		}
	}
	tell.emit(EventQuestion, func(e *Event) { e.Operation, e.Message = in.Operation, reason })
	return nil
}

// questions are those of all intents that await an answer, oldest first.
func (r *run) questions() []plan.Question {
	var all []plan.Question
	for _, in := range r.ledger.open() {
		if in.Question {
			all = append(all, plan.AskIntent(in))
		}
	}
	return all
}
