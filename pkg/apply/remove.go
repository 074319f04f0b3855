package apply

import (
	"context"

	"github.com/vpsync/vpsync/pkg/plan"
	"github.com/vpsync/vpsync/pkg/providers"
	"github.com/vpsync/vpsync/pkg/spec"
	"github.com/vpsync/vpsync/pkg/state"
)

// remove carries out the removing half of a change: delete, forget, or the first half of a replacement.
func (r *run) remove(ctx context.Context, w *walk, ch *plan.Change, tell *teller) error {
	record := w.old(r, ch)
	if record == nil {
		return nil // somebody took it out of the state, or an earlier step of this run did
	}
	if ch.Removes == "" {
		return r.letGoOf(ctx, ch, record)
	}
	_, gone, err := w.check.unchanged(ctx, ch, record)
	if err != nil {
		return err
	}
	if gone {
		return r.commitAltered(ctx, state.RemoveResource{Address: record.Address, Deposed: record.Deposed}, r.letGo(ch, record.ID))
	}
	if ch.BackupFirst {
		if err := r.backUp(ctx, ch, record, tell); err != nil {
			return err
		}
	}
	q, err := r.newRequest(ch, ch.Removes, tell)
	if err != nil {
		return err
	}
	in := q.intent
	in.ObjectID, in.Deposed = record.ID, record.Deposed
	in.Policy = record.Policy
	q.call.ID = record.ID
	if q.call.Live, err = spec.Conform(q.kind, overlay(record.Applied, record.Observed)); err != nil {
		return err
	}
	return r.carry(ctx, q, func(*spec.Object) ([]state.Write, error) {
		return []state.Write{state.RemoveResource{Address: record.Address, Deposed: record.Deposed}, r.letGo(ch, record.ID)}, nil
	})
}

// letGoOf drops a record without a request. An object that may still exist becomes a leftover.
func (r *run) letGoOf(ctx context.Context, ch *plan.Change, record *state.Resource) error {
	if err := r.boundary(BoundaryLettingGo); err != nil {
		return err
	}
	writes := []state.Write{state.RemoveResource{Address: record.Address, Deposed: record.Deposed}, r.letGo(ch, record.ID)}
	if !ch.Forgets {
		return r.commitAltered(ctx, writes...)
	}
	left := &state.Leftover{
		ID: record.ID, Kind: record.Address.Kind, Account: record.Account, Address: record.Address,
		Applied: record.Applied, Observed: record.Observed, Secrets: record.Secrets, Assumed: record.Assumed,
		Since: r.clock.Now(), Run: r.Options.Run.ID,
	}
	if err := r.commitAltered(ctx, append(writes, state.PutLeftover{Leftover: left})...); err != nil {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.left = append(r.left, left)
	return nil
}

// old is the record that the removing half of a change is about. Where the making half came first, it is deposed by now.
func (w *walk) old(r *run, ch *plan.Change) *state.Resource {
	if ch.Deposed != "" {
		return r.ledger.resource(ch.Address, ch.Deposed)
	}
	if record := r.ledger.resource(ch.Address, ""); record != nil && (ch.ID == "" || record.ID == ch.ID) {
		return record
	}
	r.ledger.mu.Lock()
	defer r.ledger.mu.Unlock()
	for key, record := range r.ledger.resources {
		if key.address == ch.Address && key.deposed != "" && record.ID == ch.ID {
			return record
		}
	}
	return nil
}

// find looks for one object by its id: with a single read or a list, and once more where it is not seen. known is false for
// a kind that has neither.
func find(ctx context.Context, client *providers.Client, kind *spec.Kind, ref plan.KindRef, id string, clock providers.Clock) (object *spec.Object, known bool, err error) {
	if !kind.Can(spec.OpRead) && !kind.Can(spec.OpList) {
		return nil, false, nil
	}
	k := &kindReader{
		client: client, kind: kind, clock: clock, details: map[string]detail{},
		demand: &demand{ref: ref, resources: []*state.Resource{{Address: spec.Address{Kind: ref.Kind}, Account: ref.Account, ID: id}}},
	}
	live := &plan.LiveKind{Objects: map[string]*spec.Object{}, Gone: map[string]bool{}}
	if kind.Can(spec.OpRead) {
		err = k.readEach(ctx, live, []string{id})
	} else {
		err = k.list(ctx, live)
	}
	if err != nil {
		return nil, true, err
	}
	if live.Objects[id] == nil {
		if kind.Can(spec.OpList) {
			err = k.list(ctx, live)
		} else {
			err = k.readEach(ctx, live, []string{id})
		}
	}
	return live.Objects[id], true, err
}
