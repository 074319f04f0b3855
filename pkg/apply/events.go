package apply

import (
	"fmt"
	"time"

	"github.com/vpsync/vpsync/pkg/plan"
	"github.com/vpsync/vpsync/pkg/spec"
	"github.com/vpsync/vpsync/pkg/state"
)

// emit tells of something that happened. Several steps call it at once; the receiver is called by one at a time.
func (r *run) emit(e Event) {
	if r.Options.Emit == nil {
		return
	}
	r.emitting.Lock()
	defer r.emitting.Unlock()
	e.Time = r.clock.Now()
	e.Done, e.Total = r.done, r.total
	r.Options.Emit(e)
}

// teller tells the events of one step.
type teller struct {
	run     *run
	base    Event
	started time.Time
}

func (r *run) tell(ch *plan.Change, phase plan.Phase) *teller {
	return &teller{run: r, started: r.clock.Now(), base: Event{
		Address: ch.Address, Deposed: ch.Deposed, Account: ch.Account, Kind: ch.Kind, Action: ch.Action, Phase: phase, ID: ch.ID, LetsGo: ch.Forgets,
	}}
}

func (t *teller) emit(typ EventType, with func(*Event)) {
	e := t.base
	e.Type, e.Elapsed = typ, t.run.clock.Now().Sub(t.started)
	if with != nil {
		with(&e)
	}
	t.run.emit(e)
}

func (t *teller) waiting(o spec.Object) {
	t.emit(EventWaiting, func(e *Event) { e.Status = o.Status; e.ID = t.base.ID })
}

// countdown tells that nothing happens before a point in time.
func (t *teller) countdown(until time.Time, operation, message string) {
	t.emit(EventCountdown, func(e *Event) { e.Until, e.Operation, e.Message = until, operation, message })
}

// throttled tells of a rate limit that keeps the next request waiting, where the answers so far say so.
func (t *teller) throttled(account, class, operation string) {
	client := t.run.Accounts[account]
	if client == nil {
		return
	}
	for _, b := range client.Budgets() {
		if b.Class == class && b.Remaining == 0 && b.Reset.After(t.run.clock.Now()) {
			t.countdown(b.Reset, operation, fmt.Sprintf("the rate limit %q of %s is used up", class, account))
		}
	}
}

// tellIntent tells of an open intent of whatever run.
func (r *run) tellIntent(in *state.Intent) *teller {
	return &teller{run: r, started: in.Opened, base: Event{
		Address: in.Address, Deposed: in.Deposed, Account: in.Account, Kind: in.Kind, Action: plan.Action(in.Action),
		Operation: in.Operation, ID: in.ObjectID,
	}}
}

// completed counts a change that ended, well or not.
func (r *run) completed() {
	r.emitting.Lock()
	defer r.emitting.Unlock()
	r.done++
}
