package apply

import (
	"context"
	"fmt"
	"slices"

	"github.com/vpsync/vpsync/internal/shell"
	"github.com/vpsync/vpsync/pkg/plan"
	"github.com/vpsync/vpsync/pkg/spec"
	"github.com/vpsync/vpsync/pkg/state"
)

// Import binds an object that exists to an address; the values of its configuration are compared by the next plan.
//
// What the API answers is recorded as it is; what it never answers, and the configuration names, is assumed to be so and
// listed in the resource's Assumed. An object of a kind that can be neither listed nor read is bound unseen: then every
// attribute is assumed, which an event says.
func (r *Runner) Import(ctx context.Context, a spec.Address, id string) (*state.Resource, error) {
	x, st, err := r.load(ctx)
	if err != nil {
		return nil, err
	}
	refuse := func(remedy, format string, args ...any) error {
		return &ImportError{Address: a, ID: id, Problem: fmt.Sprintf(format, args...), Remedy: remedy}
	}
	e := r.Planner.evaluation(st)
	if err := e.withData(ctx, r.Accounts); err != nil {
		return nil, err
	}
	if err := e.lookFirst(ctx); err != nil {
		return nil, err
	}
	if failed(e.config.Diagnostics) {
		return nil, &EvaluationError{Address: a, Diagnostics: e.config.Diagnostics}
	}
	desired := desiredOf(e.config, a)
	if desired == nil {
		return nil, r.noBlock(e.config, a, id)
	}
	if id == "" {
		return nil, refuse("", "the id is empty")
	}
	ref := plan.KindRef{Account: desired.Account, Kind: a.Kind}
	client, kind, err := r.Accounts.kind(ref)
	if err != nil {
		return nil, err
	}
	if old := x.ledger.resource(a, ""); old != nil {
		return nil, refuse(fmt.Sprintf("vpsync state rm %s", shell.Word(a.String())), "it is bound to %s already", old.ID)
	}
	for _, other := range st.Resources {
		if other.ID == id && other.Account == ref.Account && other.Address.Kind == ref.Kind {
			return nil, refuse(fmt.Sprintf("vpsync state mv %s %s", shell.Word(other.Address.String()), shell.Word(a.String())),
				"%s has that object", other.Address)
		}
	}
	for _, in := range x.ledger.open() {
		if in.Address == a {
			return nil, refuse(plan.AskIntent(in).Remedy, "a %s of it, sent at %s, is not settled", plan.Doing(in), in.Opened.UTC().Format("2006-01-02T15:04:05Z"))
		}
	}
	object, known, err := find(ctx, client, kind, ref, id, x.clock)
	if err != nil {
		return nil, err
	}
	if known && object == nil {
		return nil, refuse("", "account %s has no %s with that id", ref.Account, ref.Kind)
	}
	want, err := x.wantKnown(kind, desired)
	if err != nil {
		return nil, err
	}
	left := x.ledger.claim(objectKey{ref, id})
	probe := &state.Resource{Address: a, Account: ref.Account, ID: id, CreatedAt: x.clock.Now()}
	record, err := bind(kind, probe, desired, want, object, left)
	if err != nil {
		return nil, err
	}
	writes := append(x.accountWrites(), state.PutRun{Run: x.ended(0)}, state.PutResource{Resource: record})
	writes = append(writes, x.secretKey(record.Secrets)...)
	if left != nil {
		writes = append(writes, state.RemoveLeftover{Account: left.Account, Kind: left.Kind, ID: left.ID})
	}
	writes = append(writes, x.letGo(&plan.Change{Address: a, Action: "import", Cause: plan.CauseNew}, id))
	if err := x.commit(ctx, writes...); err != nil {
		return nil, err
	}
	message := "imported"
	if !known {
		message = fmt.Sprintf("bound unseen: the API can neither list nor read objects of kind %s, so the id and every attribute are taken on trust", a.Kind)
	}
	x.emit(Event{Type: EventDone, Address: a, Kind: a.Kind, ID: id, Action: plan.Adopt, Message: message, Unseen: !known})
	return record, nil
}

// noBlock says why an address cannot be imported to that the configuration does not have.
func (r *Runner) noBlock(config *spec.Response, a spec.Address, id string) error {
	e := &ImportError{Address: a, ID: id, Problem: "the configuration has no such resource; write its block first", Remedy: fmt.Sprintf("%s %q {\n  # …\n}", a.Kind, a.Name)}
	for _, other := range config.Resources {
		if other.Address.Kind == a.Kind && other.Address.Name == a.Name {
			e.Problem = fmt.Sprintf("the block %s.%s has no such instance", a.Kind, a.Name)
			e.Remedy = fmt.Sprintf("vpsync import %s %s", shell.Word(other.Address.String()), shell.Word(id))
			return e
		}
	}
	var kinds []string
	for _, c := range r.Accounts {
		for name := range c.Definition().Schema.Kinds {
			kinds = append(kinds, name)
		}
	}
	if !slices.Contains(kinds, a.Kind) {
		e.Problem, e.Remedy = fmt.Sprintf("no account offers a kind %q", a.Kind), ""
		slices.Sort(kinds)
		if near := spec.Nearest(a.Kind, kinds); near != "" {
			e.Problem += fmt.Sprintf("; did you mean %s.%s?", near, a.Name)
		}
	}
	return e
}

// wantKnown is want without the values that are not known yet: they are compared once they are.
func (r *run) wantKnown(kind *spec.Kind, desired *spec.Resource) (*wanted, error) {
	known := *desired
	known.Values = spec.Values{}
	for name, v := range desired.Values {
		if u, _ := v.UnmarkDeep(); u.IsWhollyKnown() {
			known.Values[name] = v
		}
	}
	return r.want(kind, &known, nil)
}

// ended is the history's entry of a run that does one thing.
func (r *run) ended(code int) state.Run {
	entry := r.entry
	entry.Ended, entry.ExitCode = r.clock.Now(), code
	return entry
}
