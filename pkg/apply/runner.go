package apply

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/vpsync/vpsync/internal/panics"
	"github.com/vpsync/vpsync/pkg/plan"
	"github.com/vpsync/vpsync/pkg/plan/dag"
	"github.com/vpsync/vpsync/pkg/spec"
	"github.com/vpsync/vpsync/pkg/state"
)

// defaultParallelism is how many changes run at once unless Options say otherwise.
const defaultParallelism = 10

// walk is one plan being carried out.
type walk struct {
	made    *Made
	session spec.Evaluation
	asking  asking
	check   *checker
	// only limits the walk to some changes; nil is all.
	only map[recordKey]bool

	mu       sync.Mutex
	left     []int                 // by change: steps that have not ended well yet
	failures []error               // by change
	skipped  []bool                // by change
	taken    map[*plan.Change]bool // creates that turned out to take a leftover back
}

// has says whether the walk is about a change at all.
func (w *walk) has(ch *plan.Change) bool {
	return w.only == nil || w.only[recordKey{ch.Address, ch.Deposed}]
}

// takes notes whether a create took a leftover back.
func (w *walk) takes(ch *plan.Change, back bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.taken[ch] = back
}

// Apply carries out a plan that Planner made under the lock. Cancelling stop ends it after what is in flight;
// cancelling ctx cancels that too.
//
// The error is of what ended the whole run: the state could not be written, or the lock was lost. What befell single
// changes is in the result, which is never nil. Its Questions are all that are open at the end, those of
// [Runner.Settle] among them.
func (r *Runner) Apply(ctx, stop context.Context, made *Made) (*Result, error) {
	x := r.once().begin(made.State)
	x.stop, x.sent = stop, r.settled
	e := &ending{run: x, result: &Result{}, made: made, started: x.clock.Now()}
	e.reads, e.writes = r.Accounts.requests()
	if err := r.Accounts.check(made.State); err != nil {
		return e.result, err
	}
	if made.Plan.Blocked() {
		e.result.Questions = slices.Clone(made.Plan.Questions) // those of open intents among them
		return e.result, nil
	}
	err := x.open(ctx, made)
	if err == nil {
		err = x.carryOut(ctx, made, e)
	}
	return e.result, e.close(ctx, err)
}

// once is a runner that plans again without what the operator asked for one time: --replace.
func (r *Runner) once() *Runner {
	if r.Planner == nil || len(r.Planner.Options.Replace) == 0 {
		return r
	}
	again, planner := *r, *r.Planner
	planner.Options.Replace = nil
	again.Planner = &planner
	return &again
}

// open enters the run in the history, and what the plan records without a request in the state.
func (r *run) open(ctx context.Context, made *Made) error {
	if err := r.boundary(BoundaryBegin); err != nil {
		return err
	}
	if r.Lock != nil {
		if err := r.Lock.Check(); err != nil {
			r.die(err)
			return err
		}
	}
	writes := r.accountWrites()
	writes = append(writes, state.PutRun{Run: r.entry})
	writes = append(writes, r.moveWrites(made)...)
	writes = append(writes, r.recordWrites(made)...)
	announced, err := r.announce(made)
	if err != nil {
		return err
	}
	writes = append(writes, announced...)
	if err := r.commit(ctx, writes...); err != nil {
		return err
	}
	return r.boundary(BoundaryRecords)
}

// accountWrites enter accounts that the state does not know yet.
func (r *run) accountWrites() []state.Write {
	var writes []state.Write
	for name, c := range r.Accounts {
		if _, known := r.ledger.accounts[name]; !known {
			writes = append(writes, state.PutAccount{Account: state.Account{
				Name: name, Provider: c.Definition().Name, Endpoint: c.Endpoint(),
			}})
		}
	}
	return writes
}

// moveWrites give recorded resources their other addresses, in the rows of those that use them, too.
func (r *run) moveWrites(made *Made) []state.Write {
	if len(made.Plan.Moved) == 0 {
		return nil
	}
	from := map[spec.Address]spec.Address{}
	for _, m := range made.Plan.Moved {
		from[m.To] = m.From
	}
	var writes, puts []state.Write
	for _, row := range made.State.Resources {
		was, moved := from[row.Address]
		if moved {
			writes = append(writes, state.RemoveResource{Address: was, Deposed: row.Deposed})
		}
		if moved || slices.ContainsFunc(row.Uses, func(u spec.Address) bool { _, moved := from[u]; return moved }) {
			puts = append(puts, state.PutResource{Resource: row})
		}
	}
	writes = append(writes, puts...) // after all removals: two addresses may change places
	for _, m := range made.Plan.Moved {
		before, _ := json.Marshal(m.From)
		after, _ := json.Marshal(m.To)
		writes = append(writes, state.AddChanges{Changes: []state.Change{{
			Run: r.Options.Run.ID, Address: m.To, Action: ActionMove, ObjectID: m.ID, Before: before, After: after,
			Cause: string(plan.CauseConfig), At: r.clock.Now(),
		}}})
	}
	return writes
}

// recordWrites are what a plan records without a request: values that moved, leftovers that are gone, details that were read.
func (r *run) recordWrites(made *Made) []state.Write {
	var writes []state.Write
	records := map[recordKey]*state.Resource{}
	for _, record := range made.Plan.Records {
		records[recordKey{record.Address, record.Deposed}] = record
	}
	for _, record := range made.State.Resources {
		key := recordKey{record.Address, record.Deposed}
		d, read := made.details[objectKey{plan.KindRef{Account: record.Account, Kind: record.Address.Kind}, record.ID}]
		if !read {
			continue
		}
		next := *record
		if planned := records[key]; planned != nil {
			next = *planned
		}
		next.Detail, next.DetailAt, next.DetailTrusted = d.changed, d.at, d.trusted && r.tookOver(made, &next)
		records[key] = &next
	}
	for _, record := range sortedRecords(records) {
		writes = append(writes, state.PutResource{Resource: record})
		writes = append(writes, r.secretKey(record.Secrets)...)
	}
	if rows := r.recordHistory(made.Plan); len(rows) > 0 {
		writes = append(writes, state.AddChanges{Changes: rows})
	}
	for _, l := range made.Plan.SeenGone {
		writes = append(writes, state.RemoveLeftover{Account: l.Account, Kind: l.Kind, ID: l.ID})
	}
	return writes
}

// carryOut walks the plan while intents of earlier runs are settled when their time comes, and then what those held back.
func (r *run) carryOut(ctx context.Context, made *Made, e *ending) error {
	settled := make(chan struct{})
	var freed map[spec.Address]bool
	var mistake error
	go func() {
		defer close(settled)
		defer panics.Into(&mistake)
		freed = r.settleWhenDue(ctx, e)
	}()
	e.walked(r.walk(ctx, made, nil))
	if err := r.withdraw(ctx); err != nil {
		return err
	}
	<-settled
	_ = panics.Again(mistake) // it is nothing else
	if err := r.dead(); err != nil {
		return err
	}
	e.freed = len(freed) > 0
	if len(freed) > 0 && !r.Options.Exactly && !r.stopped() && ctx.Err() == nil {
		next, err := r.goOn(ctx, made, e)
		if err != nil {
			return err
		}
		if next != nil {
			made = next
			e.made = next
		}
	}
	if r.stopped() || ctx.Err() != nil {
		return r.dead()
	}
	return r.verify(ctx, made, e)
}

// goOn plans again once an intent that held something back was settled, and carries out what that was: the first plan showed it
// as pending. What destroys something goes on only if that was shown, too: by the first plan, or by the run that began it.
func (r *run) goOn(ctx context.Context, first *Made, e *ending) (*Made, error) {
	st, err := r.Store.Load(ctx)
	if err != nil {
		return nil, err
	}
	again := *r.Planner
	again.Unpriced = true // what it costs was said with the first plan
	next, diags, err := again.Make(ctx, st)
	if err != nil {
		return nil, err
	}
	if failed(diags) || next.Plan.Blocked() {
		return nil, nil // verifying says what is left
	}
	if err := r.commit(ctx, r.recordWrites(next)...); err != nil {
		return nil, err
	}
	type destruction struct {
		address spec.Address
		action  plan.Action
	}
	shown := map[destruction]bool{}
	for _, p := range first.Plan.Pending {
		shown[destruction{p.Address, plan.Action(p.Operation)}] = true
	}
	for _, in := range first.State.Intents {
		shown[destruction{in.Address, plan.Action(in.Action)}] = true
	}
	held := map[spec.Address]bool{}
	for _, p := range first.Plan.Pending {
		held[p.Address] = true
	}
	for _, in := range first.State.Intents {
		held[in.Address] = true
	}
	for grown := true; grown; { // what follows from it, too
		grown = false
		for _, d := range next.Config.Resources {
			if !held[d.Address] && slices.ContainsFunc(d.Uses, func(u spec.Address) bool { return held[u] }) {
				held[d.Address], grown = true, true
			}
		}
	}
	for _, ch := range first.Plan.Changes {
		delete(held, ch.Address) // had its turn
	}
	only := map[recordKey]bool{}
	for _, ch := range next.Plan.Changes {
		destroys := ch.Action == plan.Delete || ch.Action == plan.Replace || ch.Action == plan.Forget
		only[recordKey{ch.Address, ch.Deposed}] = held[ch.Address] && (!destroys || shown[destruction{ch.Address, ch.Action}])
	}
	e.walked(r.walk(ctx, next, only))
	return next, r.dead()
}

// walk carries out the steps of a plan in order of their dependencies, several at a time.
func (r *run) walk(ctx context.Context, made *Made, only map[recordKey]bool) *walk {
	w := &walk{
		made: made, check: r.newChecker(made), only: only,
		left:     make([]int, len(made.Plan.Changes)),
		failures: make([]error, len(made.Plan.Changes)),
		skipped:  make([]bool, len(made.Plan.Changes)),
		taken:    map[*plan.Change]bool{},
	}
	if r.Planner != nil && r.Planner.Stack != nil {
		request := r.Planner.Request
		request.Objects = made.Objects
		w.session = r.Planner.Stack.Open(request)
		if r.Planner.Options.Heal != nil {
			w.session = newHealing(w.session, made)
		}
	}
	for _, s := range made.Plan.Steps {
		w.left[s.Change]++
	}
	r.emitting.Lock()
	for i := range made.Plan.Changes {
		if w.left[i] > 0 && w.has(made.Plan.Changes[i]) {
			r.total++
		}
	}
	r.emitting.Unlock()
	parallelism := r.Options.Parallelism
	if parallelism <= 0 {
		parallelism = defaultParallelism
	}
	steps := made.Plan.Steps
	outcomes := dag.Walk(ctx, len(steps), func(i int) []int { return steps[i].After }, parallelism,
		func(ctx context.Context, i int) error { return r.step(ctx, w, steps[i]) })
	for i, o := range outcomes {
		if o == dag.Skipped {
			r.skip(w, steps[i])
		}
	}
	return w
}

// step carries out one half of a change, and tells how it went.
func (r *run) step(ctx context.Context, w *walk, s plan.Step) error {
	ch := w.made.Plan.Changes[s.Change]
	tell := r.tell(ch, s.Phase)
	if !w.has(ch) {
		return errStopped
	}
	if err := r.mayBegin(); err != nil {
		r.skip(w, s)
		return err
	}
	if ctx.Err() != nil {
		r.skip(w, s)
		return ctx.Err()
	}
	tell.emit(EventStart, nil)
	var err error
	if s.Phase == plan.PhaseRemove {
		err = r.remove(ctx, w, ch, tell)
	} else {
		err = r.make(ctx, w, ch, tell)
	}
	if err != nil {
		if errors.Is(err, errStopped) {
			r.skip(w, s)
			return err
		}
		w.mu.Lock()
		first := w.failures[s.Change] == nil
		w.failures[s.Change] = err
		w.mu.Unlock()
		if first {
			r.completed()
		}
		if !asked(err) {
			tell.emit(EventFailed, func(e *Event) { e.Err = err })
		}
		return err
	}
	w.mu.Lock()
	w.left[s.Change]--
	last := w.left[s.Change] == 0
	w.mu.Unlock()
	if last {
		r.completed()
	}
	tell.emit(EventDone, nil)
	return nil
}

// skip tells that a step does not happen, once for each change.
func (r *run) skip(w *walk, s plan.Step) {
	ch := w.made.Plan.Changes[s.Change]
	if !w.has(ch) {
		return
	}
	w.mu.Lock()
	told := w.skipped[s.Change] || w.failures[s.Change] != nil
	w.skipped[s.Change] = true
	w.mu.Unlock()
	if told {
		return
	}
	r.completed()
	r.tell(ch, s.Phase).emit(EventSkipped, nil)
}

// settleWhenDue settles the intents of earlier runs that await their grace, each when its time comes, and answers whose
// addresses are free again. Everything else goes on meanwhile.
func (r *run) settleWhenDue(ctx context.Context, e *ending) map[spec.Address]bool {
	freed, failed := map[spec.Address]bool{}, map[string]bool{}
	for {
		var next *state.Intent
		var at time.Time
		for _, in := range r.ledger.open() {
			client := r.Accounts[in.Account]
			if in.Question || in.Run == r.Options.Run.ID || r.isFlying(in.ID) || client == nil || failed[in.ID] {
				continue
			}
			if due := r.due(client, in); next == nil || due.Before(at) {
				next, at = in, due
			}
		}
		if next == nil || r.dead() != nil {
			return freed
		}
		if at.After(r.clock.Now()) {
			r.tellIntent(next).countdown(at, next.Operation, "until the request can no longer take effect")
			if r.sleepUntil(ctx, at) != nil {
				return freed
			}
		}
		settled, err := r.settle(ctx, next)
		switch {
		case err != nil: // of this one; others may have nothing to do with it
			e.failed(next.Address, err)
			failed[next.ID] = true
		case settled:
			freed[next.Address] = true
		}
	}
}
