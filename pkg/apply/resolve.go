package apply

import (
	"context"
	"fmt"

	"github.com/vpsync/vpsync/pkg/plan"
	"github.com/vpsync/vpsync/pkg/spec"
	"github.com/vpsync/vpsync/pkg/state"
)

// Resolve closes the open intents of an address with an answer.
//
// With an ID, the request was carried out: the object of a create is recorded under that id, verified where the API can
// list or read it, and what is left of its sequence is done by the next apply. With Retry it was not: the next plan decides
// anew. With Forget the intent is dropped together with what is recorded of the address; the object, if there is one, is
// then nobody's.
func (r *Runner) Resolve(ctx context.Context, a spec.Address, answer Answer) error {
	x, _, err := r.load(ctx)
	if err != nil {
		return err
	}
	var open []*state.Intent
	for _, in := range x.ledger.open() {
		if in.Address == a {
			open = append(open, in)
		}
	}
	if len(open) == 0 {
		return &ResolveError{Address: a, Problem: "no request about it is open", Remedy: "vpsync plan"}
	}
	given := 0
	for _, yes := range []bool{answer.ID != "", answer.Retry, answer.Forget} {
		if yes {
			given++
		}
	}
	if given != 1 {
		return &ResolveError{Address: a, Problem: "exactly one of --id, --retry and --forget answers the question", Remedy: plan.AskIntent(open[0]).Remedy}
	}
	writes := append(x.accountWrites(), state.PutRun{Run: x.ended(0)})
	for _, in := range open {
		more, err := x.answer(ctx, in, answer)
		if err != nil {
			return err
		}
		writes = append(writes, append(more, state.CloseIntent{ID: in.ID})...)
	}
	if err := x.boundary(BoundarySettling); err != nil {
		return err
	}
	if err := x.commit(ctx, writes...); err != nil {
		return err
	}
	for _, in := range open {
		x.tellIntent(in).emit(EventSettled, func(e *Event) { e.Message = "answered by the operator" })
	}
	return x.boundary(BoundarySettled)
}

// answer is what an answer makes of one open intent.
func (r *run) answer(ctx context.Context, in *state.Intent, answer Answer) ([]state.Write, error) {
	switch {
	case answer.Retry, answer.Forget && in.Aside():
		return nil, nil
	case answer.Forget:
		if r.ledger.resource(in.Address, in.Deposed) == nil {
			return nil, nil
		}
		return []state.Write{state.RemoveResource{Address: in.Address, Deposed: in.Deposed}}, nil
	}
	refuse := func(format string, args ...any) error {
		return &ResolveError{Address: in.Address, Problem: fmt.Sprintf(format, args...), Remedy: plan.AskIntent(in).Remedy}
	}
	ref := plan.KindRef{Account: in.Account, Kind: in.Kind}
	client, kind, err := r.Accounts.kind(ref)
	if err != nil {
		return nil, err
	}
	switch {
	case in.Operation == spec.OpDelete:
		return nil, refuse("the open request is a delete: an id does not answer it")
	case in.Operation != spec.OpCreate && answer.ID != in.ObjectID:
		return nil, refuse("the open request was about %s, not %s", in.ObjectID, answer.ID)
	case in.Operation == spec.OpCreate && r.ledger.owned(objectKey{ref, answer.ID}):
		return nil, refuse("%s is recorded already: as a resource or as a leftover", answer.ID)
	}
	object, known, err := find(ctx, client, kind, ref, answer.ID, r.clock)
	switch {
	case err != nil:
		return nil, err
	case known && object == nil:
		return nil, refuse("account %s has no %s %s", in.Account, in.Kind, answer.ID)
	case object == nil:
		object = &spec.Object{Kind: in.Kind, ID: answer.ID, Ready: true}
	}
	return r.settledWrites(kind, in, object)
}
