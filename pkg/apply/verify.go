package apply

import (
	"context"
	"time"

	"github.com/vpsync/vpsync/pkg/plan"
	"github.com/vpsync/vpsync/pkg/spec"
)

// verify looks at the touched kinds again and plans against what it sees: a run has ended well only when the goal was
// observed. A list may lag behind what was written, so it looks again until the lag has passed before it believes that
// something is missing.
func (r *run) verify(ctx context.Context, made *Made, e *ending) error {
	if len(made.Plan.Steps) == 0 && len(e.made.Plan.Steps) == 0 && r.quiet() && !e.freed {
		if unmet(made.Plan) {
			e.result.Residue = made.Plan
		}
		return nil // the plan itself observed what there is
	}
	if err := r.boundary(BoundaryVerify); err != nil {
		return err
	}
	r.emit(Event{Type: EventVerifying})
	e.result.unverified = true
	touched := r.touched(made, e)
	lag := longestLag(r.Accounts, touched)
	for pause := firstPause; ; pause *= 2 {
		second, looked, err := r.planAgain(ctx, made, touched)
		if err != nil {
			return err
		}
		if second == nil {
			return nil // the configuration cannot be evaluated any more; its diagnostics were shown with the plan
		}
		e.second, e.result.Residue, e.result.unverified = second, second.Plan, false
		_, wrote := r.lastEffect()
		if len(second.Plan.Steps) == 0 || len(e.result.Failures) > 0 || !looked.Before(wrote.Add(lag)) {
			return r.commit(ctx, r.recordWrites(second)...)
		}
		if err := r.sleepUntil(ctx, minTime(looked.Add(pause), wrote.Add(lag))); err != nil {
			return nil
		}
	}
}

// quiet: nothing was sent.
func (r *run) quiet() bool {
	sent, _ := r.lastEffect()
	return !sent
}

// planAgain reads the touched kinds and plans with what was read of the others before.
func (r *run) planAgain(ctx context.Context, made *Made, touched map[plan.KindRef]bool) (*Made, time.Time, error) {
	looked := r.clock.Now()
	st, err := r.Store.Load(ctx)
	if err != nil {
		return nil, looked, err
	}
	want := demands(r.Accounts, st, made.Config)
	for ref := range want {
		if !touched[ref] {
			delete(want, ref)
		}
	}
	fresh, err := refresh(ctx, r.Accounts, want, RefreshAuto, r.clock)
	if err != nil {
		return nil, looked, err
	}
	read := &reading{live: &plan.Live{Kinds: map[plan.KindRef]*plan.LiveKind{}, Reads: fresh.live.Reads}, details: fresh.details}
	if made.Live != nil {
		for ref, k := range made.Live.Kinds {
			read.live.Kinds[ref] = k
		}
	}
	for ref, k := range fresh.live.Kinds {
		read.live.Kinds[ref] = k
	}
	second, _, err := r.Planner.against(ctx, st, read)
	return second, looked, err
}

// touched are the kinds that requests of the run may have changed: those of the changes, those whose objects were waited for, and those whose attributes
// the API clears when an object of a touched kind is deleted.
func (r *run) touched(made *Made, e *ending) map[plan.KindRef]bool {
	all := map[plan.KindRef]bool{}
	for _, m := range []*Made{made, e.made} {
		for _, s := range m.Plan.Steps {
			ch := m.Plan.Changes[s.Change]
			if ch.Removes == "" && len(ch.Operations) == 0 && !r.waited(ch) {
				continue
			}
			all[refOf(ch)] = true
			if ch.Removes == "" {
				continue
			}
			for name, kind := range r.schema(ch.Account).Kinds {
				for _, a := range kind.Attributes {
					if a.Refers == ch.Kind && a.ClearedWithTarget {
						all[plan.KindRef{Account: ch.Account, Kind: name}] = true
					}
				}
			}
		}
	}
	return all
}

// waited: the object was waited for, so that it is another than the plan saw, although nothing was sent for it.
func (r *run) waited(ch *plan.Change) bool {
	kind := r.schema(ch.Account).Kinds[ch.Kind]
	return ch.Action == plan.Update && kind != nil && kind.Waits
}

func (r *run) schema(account string) *spec.Schema {
	if c := r.Accounts[account]; c != nil {
		return c.Definition().Schema
	}
	return &spec.Schema{}
}

// longestLag is for how long any of the kinds may show an old picture.
func longestLag(accounts Accounts, kinds map[plan.KindRef]bool) time.Duration {
	var lag time.Duration
	for ref := range kinds {
		if c := accounts[ref.Account]; c != nil {
			lag = max(lag, c.Lag())
		}
	}
	return lag
}

func maxTime(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

func minTime(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}
