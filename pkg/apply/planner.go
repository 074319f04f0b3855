package apply

import (
	"context"
	"slices"

	"github.com/vpsync/vpsync/pkg/plan"
	"github.com/vpsync/vpsync/pkg/spec"
	"github.com/vpsync/vpsync/pkg/state"
	"github.com/zclconf/go-cty/cty"
)

// idAttribute is the computed attribute that every kind has without listing it.
const idAttribute = "id"

// Make plans against one reading of the state. It takes no lock and settles nothing. Diagnostics with an error mean that
// there is no plan; err is a failure of a request or of the state.
func (p *Planner) Make(ctx context.Context, st *state.State) (*Made, spec.Diagnostics, error) {
	if err := p.Accounts.check(st); err != nil {
		return nil, nil, err
	}
	e := p.evaluation(st)
	if !p.Unpriced && p.Mode != RefreshNone {
		e.prices, e.lists = map[plan.KindRef]plan.PriceList{}, map[source]spec.Values{}
	}
	if err := e.withData(ctx, p.Accounts); err != nil {
		return nil, nil, err
	}
	if err := e.lookFirst(ctx); err != nil {
		return nil, e.config.Diagnostics, err
	}
	if failed(e.config.Diagnostics) {
		return nil, e.config.Diagnostics, nil
	}
	if diags := e.relocate(); failed(diags) {
		return nil, diags, nil
	}
	if err := e.withData(ctx, p.Accounts); err != nil {
		return nil, nil, err
	}
	wanted := demands(p.Accounts, e.state, e.config)
	if p.Everywhere {
		p.Accounts.everywhere(wanted)
	}
	read, err := refresh(ctx, p.Accounts, wanted, p.Mode, orReal(p.Clock))
	if err != nil {
		return nil, e.config.Diagnostics, err
	}
	made, diags, err := e.plan(ctx, read)
	if made != nil && len(made.Plan.Unmatched) > 0 {
		return nil, append(slices.Clone(diags), made.Plan.Unmatched...), err
	}
	return made, diags, err
}

// lookFirst evaluates anew with what the accounts say now, where the configuration is in order but for what was recorded: a server that
// was without an address when it was seen last may have one, and a stack that uses it would never get to see it.
func (e *evaluation) lookFirst(ctx context.Context) error {
	p := e.planner
	if !failed(e.config.Diagnostics) || p.Mode == RefreshNone || len(e.state.Resources) == 0 {
		return nil
	}
	request := p.Request
	request.Objects, request.Unasked = nil, true
	if failed(p.Stack.Evaluate(request).Diagnostics) {
		return nil // whatever is recorded
	}
	read, err := refresh(ctx, p.Accounts, demands(p.Accounts, e.state, nil), p.Mode, orReal(p.Clock))
	if err != nil {
		return err
	}
	e.live, e.asked = read.live, e.asked+read.live.Reads
	return e.withData(ctx, p.Accounts)
}

// against plans with a reading at hand.
func (p *Planner) against(ctx context.Context, st *state.State, read *reading) (*Made, spec.Diagnostics, error) {
	e := p.evaluation(st)
	if err := e.withData(ctx, p.Accounts); err != nil {
		return nil, nil, err
	}
	if diags := e.relocate(); failed(diags) {
		return nil, diags, nil
	}
	return e.plan(ctx, read)
}

// evaluation is a configuration together with what it was told of existing objects.
type evaluation struct {
	planner  *Planner
	state    *state.State
	objects  map[spec.Address]spec.Values
	replaced map[spec.Address]bool   // their recorded objects will not be the ones that others refer to
	adopted  map[spec.Address]string // ids of the objects that they take over; empty where that was found to be wrong
	moved    []plan.Relocation
	live     *plan.Live
	answers  map[spec.Address]answer // of data blocks
	asked    int                     // requests that the answers took
	config   *spec.Response
	// prices by account and kind, nil where nobody asks for them; the answers that they are from; and what could not be read.
	prices   map[plan.KindRef]plan.PriceList
	lists    map[source]spec.Values
	warnings spec.Diagnostics
}

// relocate gives recorded resources the addresses that the configuration has for them now. It comes after the first evaluation,
// which tells what is declared.
func (e *evaluation) relocate() spec.Diagnostics {
	if e.planner.Options.Destroy || e.planner.Stack == nil || failed(e.config.Diagnostics) {
		return nil
	}
	st, moved, diags := plan.Relocate(e.state, e.planner.Moves, e.config)
	if len(moved) > 0 {
		e.state, e.moved = st, moved
		e.config, e.objects = nil, nil // what is known is known of other addresses
	}
	return diags
}

func (p *Planner) evaluation(st *state.State) *evaluation {
	p.Accounts.Mask(st)
	return &evaluation{planner: p, state: st, replaced: map[spec.Address]bool{}, adopted: map[spec.Address]string{}, answers: map[spec.Address]answer{}}
}

// plan evaluates and computes in turn. A replaced object's attributes are unknown to whoever refers to them, which may
// replace more; an adopted one's are known, which may adopt more. It ends when neither grows: after as many rounds as there
// are resources at most.
func (e *evaluation) plan(ctx context.Context, read *reading) (*Made, spec.Diagnostics, error) {
	p := e.planner
	made := &Made{State: e.state}
	if read != nil {
		made.Live, made.details = read.live, read.details
		e.live = read.live
	}
	schemas := make(map[string]*spec.Schema, len(p.Accounts))
	definitions := make(map[string]string, len(p.Accounts))
	for name, c := range p.Accounts {
		schemas[name], definitions[name] = c.Definition().Schema, c.Definition().Hash
	}
	for {
		if err := e.withData(ctx, p.Accounts); err != nil {
			return nil, nil, err
		}
		if failed(e.config.Diagnostics) {
			return nil, e.config.Diagnostics, nil
		}
		config := e.config
		if p.Options.Heal != nil {
			then, err := e.asRecorded()
			if err != nil {
				return nil, nil, err
			}
			config = plan.AsApplied(config, then, e.state, p.Key, e.renewed)
		}
		made.Plan = plan.Compute(plan.Input{
			Config: config, State: e.state, Moved: e.moved, Live: made.Live, Schemas: schemas, Definitions: definitions,
			Key: p.Key, Budgets: p.Accounts.budgets(), Prices: e.prices, Options: p.Options,
		})
		grown := false
		for _, a := range made.Plan.Unsettled {
			if _, told := e.objects[a]; told && !e.replaced[a] {
				e.replaced[a] = true
				grown = true
			}
		}
		grown = e.takesOver(made.Plan) || grown
		if !grown && len(made.Plan.Unpriced) > 0 {
			if err := e.priced(ctx, made.Plan.Unpriced); err != nil {
				return nil, nil, err
			}
			grown = true
		}
		if !grown {
			made.Plan.Warnings = append(made.Plan.Warnings, e.warnings...)
			made.Config, made.Objects = config, e.objects
			made.Plan.Reads += e.asked
			if unmet := unmetBy(made); len(unmet) > 0 {
				return nil, append(slices.Clone(e.config.Diagnostics), unmet...), nil
			}
			return made, e.config.Diagnostics, nil
		}
	}
}

// asRecorded is the configuration evaluated with the objects that are recorded, whatever has become of them, or nil where none gives way
// to a new one.
func (e *evaluation) asRecorded() (*spec.Response, error) {
	if e.planner.Stack == nil || !slices.ContainsFunc(e.state.Resources, func(r *state.Resource) bool { return e.renewed(r.Address) }) {
		return nil, nil
	}
	request := e.planner.Request
	request.Objects = make(map[spec.Address]spec.Values, len(e.state.Resources)+len(e.answers))
	for a, told := range e.answers {
		request.Objects[a] = told.values
	}
	for _, r := range e.state.Resources {
		if r.Deposed != "" {
			continue
		}
		_, kind, err := e.planner.Accounts.kind(plan.KindRef{Account: r.Account, Kind: r.Address.Kind})
		if err != nil {
			return nil, err
		}
		if request.Objects[r.Address], err = attributes(kind, r, nil); err != nil {
			return nil, err
		}
	}
	return e.planner.Stack.Evaluate(request), nil
}

// renewed: the address will have another object than the one that is recorded.
func (e *evaluation) renewed(a spec.Address) bool {
	if e.replaced[a] {
		return true
	}
	return e.live != nil && slices.ContainsFunc(e.state.Resources, func(r *state.Resource) bool {
		kind := e.live.Kinds[plan.KindRef{Account: r.Account, Kind: a.Kind}]
		return r.Address == a && r.Deposed == "" && kind != nil && kind.Gone[r.ID]
	})
}

// takesOver notes which objects a plan adopts. An address whose adoption does not survive what it told others is not told of again.
func (e *evaluation) takesOver(p *plan.Plan) (news bool) {
	adopts := map[spec.Address]string{}
	for _, ch := range p.Changes {
		if ch.Action == plan.Adopt && !ch.NeedsHand {
			adopts[ch.Address] = ch.ID
		}
	}
	for a, id := range e.adopted {
		if id != "" && adopts[a] != id {
			e.adopted[a], news = "", true
		}
	}
	for a, id := range adopts {
		if _, told := e.adopted[a]; !told {
			e.adopted[a], news = id, true
		}
	}
	return news
}

// unmetBy are the postconditions that objects break which the plan leaves as they are. What it changes is judged after that.
func unmetBy(made *Made) spec.Diagnostics {
	changed := map[spec.Address]bool{}
	for _, s := range made.Plan.Steps {
		changed[made.Plan.Changes[s.Change].Address] = true
	}
	for _, p := range made.Plan.Pending {
		changed[p.Address] = true
	}
	var all spec.Diagnostics
	for _, r := range made.Config.Resources {
		if !changed[r.Address] {
			all = append(all, r.Unmet...)
		}
	}
	return all
}

// evaluate evaluates the stack unless it was told the same before.
func (e *evaluation) evaluate(live *plan.Live) error {
	if e.planner.Options.Destroy || e.planner.Stack == nil {
		// Nothing is desired, so nothing in the files, a mistake among them, can be in the way of a destroy.
		e.config = &spec.Response{}
		return nil
	}
	objects, err := e.known(live)
	if err != nil {
		return err
	}
	if e.config != nil && sameObjects(objects, e.objects) {
		return nil
	}
	request := e.planner.Request
	request.Objects = objects
	e.objects = objects
	e.config = e.planner.Stack.Evaluate(request)
	e.planner.Accounts.hide(e.config) // before anything is asked of an account
	for _, r := range e.config.Resources {
		if c := e.planner.Accounts[r.Account]; c != nil {
			for name, v := range r.Values {
				if v.ContainsMarked() {
					c.Mask(r.Address.Kind, name)
				}
			}
		}
	}
	return nil
}

// known are the attributes of the objects that exist and stay.
func (e *evaluation) known(live *plan.Live) (map[spec.Address]spec.Values, error) {
	all := make(map[spec.Address]spec.Values, len(e.state.Resources)+len(e.answers))
	for a, told := range e.answers {
		all[a] = told.values
	}
	for _, r := range e.state.Resources {
		if r.Deposed != "" || e.replaced[r.Address] {
			continue
		}
		ref := plan.KindRef{Account: r.Account, Kind: r.Address.Kind}
		_, kind, err := e.planner.Accounts.kind(ref)
		if err != nil {
			return nil, err
		}
		var object *spec.Object
		if live != nil && live.Kinds[ref] != nil {
			if live.Kinds[ref].Gone[r.ID] {
				continue
			}
			object = live.Kinds[ref].Objects[r.ID]
		}
		v, err := attributes(kind, r, object)
		if err != nil {
			return nil, err
		}
		all[r.Address] = v
	}
	return all, e.knowAdopted(live, all)
}

// knowAdopted adds what is known of objects that are taken over: all that the API says, or just the id of a leftover that it
// does not answer.
func (e *evaluation) knowAdopted(live *plan.Live, all map[spec.Address]spec.Values) error {
	if len(e.adopted) == 0 || e.config == nil {
		return nil
	}
	for _, desired := range e.config.Resources {
		a := desired.Address
		id := e.adopted[a]
		if id == "" {
			continue
		}
		ref := plan.KindRef{Account: desired.Account, Kind: a.Kind}
		_, kind, err := e.planner.Accounts.kind(ref)
		if err != nil {
			return err
		}
		var object *spec.Object
		if live != nil && live.Kinds[ref] != nil {
			object = live.Kinds[ref].Objects[id]
		}
		if all[a], err = attributes(kind, &state.Resource{Address: a, Account: ref.Account, ID: id}, object); err != nil {
			return err
		}
	}
	return nil
}

// attributes are everything known of a recorded resource: what the API says where it says something, else what it said
// last, else what was asked for. Secrets are not among them, nor what an object that was never seen ready computes.
func attributes(kind *spec.Kind, r *state.Resource, object *spec.Object) (spec.Values, error) {
	all := spec.Values{}
	for _, layer := range []spec.Values{r.Applied, r.Observed} {
		v, err := spec.Conform(kind, layer)
		if err != nil {
			return nil, err
		}
		for name, value := range v {
			all[name] = value
		}
	}
	if object != nil {
		for name, value := range object.Values {
			if slices.Contains(object.Repeats, name) {
				value = value.Mark(spec.Sensitive)
			}
			all[name] = value
		}
	}
	for name := range r.Secrets {
		delete(all, name)
	}
	for _, name := range r.Hidden {
		delete(all, name)
	}
	unready := r.Unready && (object == nil || !object.Ready)
	for _, a := range kind.Attributes {
		if a.Sensitive || (unready && a.Computed && !a.Optional) {
			delete(all, a.Name)
		}
	}
	all[idAttribute] = cty.StringVal(r.ID)
	return all, nil
}

func sameObjects(a, b map[spec.Address]spec.Values) bool {
	if len(a) != len(b) {
		return false
	}
	for address, v := range a {
		w, ok := b[address]
		if !ok || len(v) != len(w) {
			return false
		}
		for name, value := range v {
			other, ok := w[name]
			if !ok || !value.RawEquals(other) {
				return false
			}
		}
	}
	return true
}

func failed(all spec.Diagnostics) bool {
	for _, d := range all {
		if d.Severity == spec.SeverityError {
			return true
		}
	}
	return false
}
