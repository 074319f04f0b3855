package apply

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/vpsync/vpsync/pkg/plan"
	"github.com/vpsync/vpsync/pkg/spec"
	"github.com/vpsync/vpsync/pkg/state"
	ctyjson "github.com/zclconf/go-cty/cty/json"
)

// ending gathers how a run ends.
type ending struct {
	run     *run
	made    *Made
	started time.Time
	reads   int // of the clients, before the run
	writes  int
	second  *Made // the plan after the run, where one was made
	freed   bool  // an intent was settled that the plan says holds something back

	mu     sync.Mutex
	result *Result
}

// failed notes that something went wrong about an address.
func (e *ending) failed(a spec.Address, err error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.result.Failures = append(e.result.Failures, Failure{Address: a, Err: err})
}

// walked counts what a walk has done.
func (e *ending) walked(w *walk) {
	e.mu.Lock()
	defer e.mu.Unlock()
	stepped := map[int]bool{}
	for _, s := range w.made.Plan.Steps {
		stepped[s.Change] = true
	}
	for i, ch := range w.made.Plan.Changes {
		if !stepped[i] || !w.has(ch) {
			continue
		}
		switch {
		case asked(w.failures[i]):
			// The question says it all.
		case w.failures[i] != nil:
			e.result.Failures = append(e.result.Failures, Failure{Address: ch.Address, Err: w.failures[i]})
		case w.left[i] > 0:
			e.result.Skipped = append(e.result.Skipped, ch.Address)
		case w.taken[ch] && ch.Action == plan.Create:
			count(&e.result.Counts, plan.Adopt)
		default:
			count(&e.result.Counts, ch.Action)
		}
	}
}

// asked: what became of a request is a question to the operator.
func asked(err error) bool {
	var unsettled *UnsettledError
	return errors.As(err, &unsettled) && unsettled.Question
}

func count(c *plan.Counts, action plan.Action) {
	switch action {
	case plan.Create:
		c.Add++
	case plan.Update:
		c.Change++
	case plan.Delete:
		c.Destroy++
	case plan.Replace:
		c.Replace++
	case plan.Adopt:
		c.Adopt++
	case plan.Forget:
		c.Forget++
	}
}

// close fills in the result and makes the last entries.
func (e *ending) close(ctx context.Context, err error) error {
	r, res := e.run, e.result
	reads, writes := r.Accounts.requests()
	res.Reads, res.Writes = reads-e.reads, writes-e.writes
	whole := res.Residue != nil && res.Residue.Empty() && !res.unverified && len(res.Skipped) == 0
	res.Interrupted = (r.stopped() || ctx.Err() != nil) && !whole
	res.Changed, _ = r.lastEffect()
	res.broken = err != nil || r.dead() != nil
	res.Questions = e.questions()
	res.LeftBehind = r.left
	slices.SortFunc(res.LeftBehind, func(a, b *state.Leftover) int { return a.Address.Compare(b.Address) })
	slices.SortStableFunc(res.Failures, func(a, b Failure) int { return a.Address.Compare(b.Address) })
	slices.SortFunc(res.Skipped, spec.Address.Compare)
	res.Skipped = slices.Compact(res.Skipped)
	res.Duration = r.clock.Now().Sub(e.started)
	if dead := r.dead(); dead != nil {
		return dead // nothing may be written any more
	}
	if berr := r.boundary(BoundaryEnd); berr != nil {
		res.broken = true
		return berr
	}
	var last []state.Write
	if err == nil && !res.Interrupted {
		last = append(last, e.outputs()...)
		if e.well() && !e.made.Plan.Destroy && !e.made.Plan.Partial && len(e.made.Plan.LeftOut) == 0 {
			last = append(last, state.SetSettled{})
		}
	}
	entry := r.entry
	entry.Ended, entry.Requests, entry.ExitCode = r.clock.Now(), res.Reads+res.Writes, res.ExitCode()
	if err != nil && entry.ExitCode == 0 {
		entry.ExitCode = 1
	}
	if cerr := r.commit(ctx, append(last, state.PutRun{Run: entry})...); cerr != nil {
		res.broken = true
		return cerr
	}
	return err
}

// questions are those of open intents, and those that keep what is left from being carried out.
func (e *ending) questions() []plan.Question {
	all := e.run.questions()
	if e.result.Residue != nil {
		for _, q := range e.result.Residue.Questions {
			if q.Kind != plan.AskPending {
				all = append(all, q)
			}
		}
	}
	return all
}

// well: the goal state was observed and nothing is left to ask.
func (e *ending) well() bool { return e.result.ExitCode() == 0 }

// outputs notes the outputs in the result, and what of them may be stored in the state.
func (e *ending) outputs() []state.Write {
	switch {
	case e.made.Plan.Destroy:
	case e.second != nil:
		e.result.Outputs, e.result.Warnings = e.second.Config.Outputs, news(e.second.Config.Diagnostics, e.made.Config.Diagnostics)
	default:
		e.result.Outputs = e.made.Config.Outputs
	}
	stored := map[string]state.Output{}
	held := map[string]bool{} // an output of what was left out is what it was
	for _, o := range e.made.Plan.Outputs {
		if held[o.Name] = o.Held; !o.Held {
			continue
		}
		if was, ok := e.made.State.Outputs[o.Name]; ok {
			stored[o.Name] = was
		}
	}
	left := e.unfinished()
	for _, o := range e.result.Outputs {
		if !held[o.Name] && slices.ContainsFunc(o.Uses, func(a spec.Address) bool { return left[a] }) {
			held[o.Name] = true // its value would be what was wanted, and not what is
			if was, ok := e.made.State.Outputs[o.Name]; ok {
				stored[o.Name] = was
			}
		}
	}
	e.result.Outputs = slices.DeleteFunc(slices.Clone(e.result.Outputs), func(o *spec.Output) bool { return held[o.Name] })
	for _, o := range e.result.Outputs {
		if o.Sensitive || o.Value.ContainsMarked() || !o.Value.IsWhollyKnown() {
			continue
		}
		typ, err := ctyjson.MarshalType(o.Value.Type())
		if err != nil {
			continue
		}
		if value := text(o.Value); value != nil {
			stored[o.Name] = state.Output{Name: o.Name, Value: value, Type: typ}
		}
	}
	return []state.Write{state.SetOutputs{Outputs: stored}}
}

// unfinished are the resources that the run was to change and did not, or not wholly.
func (e *ending) unfinished() map[spec.Address]bool {
	left := map[spec.Address]bool{}
	for _, f := range e.result.Failures {
		left[f.Address] = true
	}
	for _, a := range e.result.Skipped {
		left[a] = true
	}
	if p := e.result.Residue; p != nil {
		for _, s := range p.Steps {
			left[p.Changes[s.Change].Address] = true
		}
		for _, held := range p.Pending {
			left[held.Address] = true
		}
	}
	return left
}

// news are diagnostics that were not told before.
func news(now, before spec.Diagnostics) spec.Diagnostics {
	told := map[string]bool{}
	for _, d := range before {
		told[d.Summary+"\x00"+d.Detail] = true
	}
	return slices.DeleteFunc(slices.Clone(now), func(d spec.Diagnostic) bool { return told[d.Summary+"\x00"+d.Detail] })
}

// ExitCode is what the process should answer: 0 done, 1 failed and nothing changed, 3 changed but not everything, 5 a
// question awaits the operator, 130 interrupted before anything changed.
func (r *Result) ExitCode() int {
	incomplete := r.broken || r.unverified || unmet(r.Residue) || len(r.Failures) > 0 || len(r.Skipped) > 0 || (r.Residue != nil && !r.Residue.Empty())
	switch {
	case len(r.Questions) > 0:
		return 5
	case r.Interrupted && !r.Changed:
		return 130
	case r.Interrupted:
		return 3
	case incomplete && (r.Changed || (len(r.Failures) == 0 && !r.broken)):
		return 3
	case incomplete:
		return 1
	}
	return 0
}

// unmet: the API did not take a value as it was asked for. The same request is not sent again, but the goal is not reached.
func unmet(p *plan.Plan) bool {
	if p == nil {
		return false
	}
	return slices.ContainsFunc(p.Changes, func(ch *plan.Change) bool {
		return slices.ContainsFunc(ch.Attributes, func(a plan.AttributeChange) bool { return a.Cause == plan.CauseUnmet })
	})
}

// sortedRecords orders records by address, then deposed key.
func sortedRecords(m map[recordKey]*state.Resource) []*state.Resource {
	return slices.SortedFunc(maps.Values(m), func(a, b *state.Resource) int {
		return cmp.Or(a.Address.Compare(b.Address), cmp.Compare(a.Deposed, b.Deposed))
	})
}
