package plan

import (
	"slices"

	"github.com/vpsync/vpsync/pkg/spec"
	"github.com/vpsync/vpsync/pkg/state"
)

// Compute makes the plan. It changes nothing of its input. Records are copies; Leftovers and SeenGone are the input's own.
//
// Each address in the configuration or the state is decided once, after what it refers to
// (resource.go); what may be sent at all is decided after that, over all of them: open intents
// (pending.go), an account that looks empty (empty.go), brakes (brakes.go). Then come order and cost.
func Compute(in Input) *Plan {
	p := newPlanner(in)
	p.takeStock()
	for _, d := range p.all {
		p.decide(d)
	}
	p.holdBack()
	p.createFirst()
	p.collect()
	p.order()
	p.selects()
	p.heals()
	p.unmatched()
	p.askAboutEmptyAccounts()
	p.askAboutOtherStack()
	p.brake()
	p.plan.Definitions = map[string]string{}
	for _, c := range p.plan.Changes {
		if hash, known := in.Definitions[c.Account]; known && c.Action != NoOp {
			p.plan.Definitions[c.Account] = hash
		}
	}
	p.plan.Outputs = p.outputs()
	for _, d := range in.Config.Data {
		waits := func(a spec.Address) bool { on := p.current[a]; return on != nil && on.leftOut }
		if !d.Askable() && !slices.ContainsFunc(d.Uses, waits) {
			p.plan.Deferred = append(p.plan.Deferred, d.Address)
		}
	}
	p.plan.Cost = p.cost()
	p.price()
	return p.plan
}

// Empty: applying the plan would do nothing and ask nothing; `plan --detailed-exitcode` is then 0. What is
// recorded without a request (Records, changes that are no-ops, outputs) does not count, since it changes no object.
func (p *Plan) Empty() bool { return len(p.Steps) == 0 && len(p.Questions) == 0 }

// Blocked: nothing of the plan may be sent. A question about an open intent does not block: it holds back
// its address and what depends on it, and the rest goes on.
func (p *Plan) Blocked() bool {
	return slices.ContainsFunc(p.Questions, func(q Question) bool { return q.Kind != AskPending })
}

// objectKey names an object in all accounts.
type objectKey struct {
	KindRef
	id string
}

// planner is one computation.
type planner struct {
	in   Input
	plan *Plan

	all      []*decision // sorted by address, then deposed key
	current  map[spec.Address]*decision
	owner    map[objectKey]*decision // of recorded objects
	pending  map[spec.Address]*state.Intent
	users    map[spec.Address][]*decision // recorded resources by what they were recorded to use
	leftover map[KindRef][]*leftover
	named    map[leftoverKey][]*leftover
	free     map[KindRef]*unmanaged
	imported map[spec.Address]*spec.Import
}

// decision is one address (or one deposed object) on its way through the stages, and what was decided.
type decision struct {
	address spec.Address
	deposed string
	account string
	schema  *spec.Schema // nil where the account is not configured any more
	kind    *spec.Kind   // nil where the schema has no such kind

	desired  *spec.Resource  // nil: not in the configuration
	recorded *state.Resource // nil: not in the state
	live     *spec.Object    // nil: not read, or gone
	gone     bool

	stage    stage
	change   *Change
	record   *state.Resource // the row without a request, or nil
	question *Question
	held     bool // an open intent is in the way
	leftOut  bool // the operator selected something else
	// waitsFor is the resource whose removal frees the attribute that this change sets.
	waitsFor *decision
	// byDrift: the replacement has no cause but drift.
	byDrift bool
}

type stage int

const (
	undecided stage = iota
	deciding
	decided
)

func newPlanner(in Input) *planner {
	if in.Config == nil {
		in.Config = &spec.Response{}
	}
	if in.State == nil {
		in.State = &state.State{}
	}
	p := &planner{
		in: in, plan: &Plan{Destroy: in.Options.Destroy, Moved: in.Moved}, imported: map[spec.Address]*spec.Import{},
		current: map[spec.Address]*decision{}, owner: map[objectKey]*decision{},
		pending: map[spec.Address]*state.Intent{}, users: map[spec.Address][]*decision{},
		leftover: map[KindRef][]*leftover{}, named: map[leftoverKey][]*leftover{}, free: map[KindRef]*unmanaged{},
	}
	if in.Live != nil {
		p.plan.Reads = in.Live.Reads
	}
	return p
}

// takeStock lines the stages up by address.
func (p *planner) takeStock() {
	if !p.in.Options.Destroy {
		p.plan.Managed = len(p.in.Config.Resources)
		for _, r := range p.in.Config.Resources {
			d := &decision{address: r.Address, account: r.Account, desired: r}
			p.all = append(p.all, d)
			p.current[r.Address] = d
		}
	}
	for _, r := range p.in.State.Resources {
		d := p.current[r.Address]
		if r.Deposed != "" || d == nil {
			d = &decision{address: r.Address, deposed: r.Deposed, account: r.Account}
			p.all = append(p.all, d)
			if r.Deposed == "" {
				p.current[r.Address] = d
			}
		}
		d.recorded = r
		p.owner[objectKey{KindRef{r.Account, r.Address.Kind}, r.ID}] = d
		for _, u := range r.Uses {
			p.users[u] = append(p.users[u], d)
		}
	}
	slices.SortFunc(p.all, func(a, b *decision) int {
		return compareChanges(a.address, a.deposed, b.address, b.deposed)
	})
	for _, d := range p.all {
		if d.schema = p.in.Schemas[d.account]; d.schema != nil {
			d.kind = d.schema.Kinds[d.address.Kind]
		}
		if d.kind == nil && d.desired != nil {
			d.kind = d.desired.Kind
		}
		if d.recorded != nil {
			d.live, d.gone = p.look(KindRef{d.recorded.Account, d.address.Kind}, d.recorded.ID)
		}
	}
	for _, in := range p.in.State.Intents {
		if p.pending[in.Address] == nil {
			p.pending[in.Address] = in
		}
	}
	for i := range p.in.Config.Imports {
		p.imported[p.in.Config.Imports[i].To] = &p.in.Config.Imports[i]
	}
	p.stockLeftovers()
	p.stockUnmanaged()
}

// look finds an object in what the refresh read. Neither an object nor gone: it was not read.
func (p *planner) look(ref KindRef, id string) (o *spec.Object, gone bool) {
	live := p.liveKind(ref)
	if live == nil {
		return nil, false
	}
	if o := live.Objects[id]; o != nil {
		return o, false
	}
	return nil, live.Gone[id]
}

func (p *planner) liveKind(ref KindRef) *LiveKind {
	if p.in.Live == nil {
		return nil
	}
	return p.in.Live.Kinds[ref]
}

func (p *planner) warn(summary, detail string, a spec.Address, at *spec.Range) {
	p.plan.Warnings = append(p.plan.Warnings, spec.Diagnostic{
		Severity: spec.SeverityWarning, Summary: summary, Detail: detail, Address: a.String(), Range: at,
	})
}

// collect gathers what was decided, in the order of the addresses.
func (p *planner) collect() {
	for _, d := range p.all {
		if d.held {
			continue
		}
		if d.record != nil {
			p.plan.Records = append(p.plan.Records, d.record)
		}
		if d.question != nil {
			p.plan.Questions = append(p.plan.Questions, *d.question)
		}
		if d.change == nil {
			continue
		}
		p.noteOperations(d)
		p.plan.Changes = append(p.plan.Changes, d.change)
		p.plan.Counts.count(d.change)
		if d.recorded != nil && d.deposed == "" && !d.change.NeedsHand && (d.change.Action == Create || d.change.Action == Replace) {
			p.plan.Unsettled = append(p.plan.Unsettled, d.address)
		}
	}
	p.collectLeftovers()
	p.collectUnmanaged()
}

// noteOperations adds what the definition says of the operations that a change takes: that one is charged for, say.
func (p *planner) noteOperations(d *decision) {
	c := d.change
	if d.kind == nil || c.NeedsHand || c.Action == NoOp {
		return
	}
	for _, name := range append(slices.Clone(c.Operations), c.Removes) {
		if op := d.kind.Operations[name]; op != nil && op.Note != "" {
			c.Notes = append(c.Notes, op.Note)
		}
	}
}

func (c *Counts) count(ch *Change) {
	switch {
	case ch.NeedsHand:
		c.NeedsHand++
	case ch.Action == Create:
		c.Add++
	case ch.Action == Update:
		c.Change++
	case ch.Action == Delete:
		c.Destroy++
	case ch.Action == Replace:
		c.Replace++
	case ch.Action == Adopt:
		c.Adopt++
	case ch.Action == Forget:
		c.Forget++
	}
}

func compareChanges(a spec.Address, aDeposed string, b spec.Address, bDeposed string) int {
	if c := a.Compare(b); c != 0 {
		return c
	}
	switch {
	case aDeposed < bDeposed:
		return -1
	case aDeposed > bDeposed:
		return 1
	}
	return 0
}
