package apply

import (
	"bytes"
	"context"
	"encoding/json"
	"slices"
	"time"

	"github.com/vpsync/vpsync/pkg/plan"
	"github.com/vpsync/vpsync/pkg/spec"
	"github.com/vpsync/vpsync/pkg/state"
)

// Where a commit asks somebody far away, an apply commits the intents of its whole plan at once, before its first request, and what was
// answered later: see [state.Deferrer]. After a crash each of these intents is settled, whether its request was sent or not. So only those
// are announced of which settling can tell, by looking, that nothing happened; and of an address one at most, since rows of two halves of
// a change would be settled in an order of their own.

// deferrer is the store where it may be written later, or nil.
func (r *run) deferrer() state.Deferrer {
	d, _ := r.Store.(state.Deferrer)
	return d
}

// later commits what is found out again after a crash: at once where that is cheap.
func (r *run) later(ctx context.Context, writes ...state.Write) error {
	d := r.deferrer()
	if d == nil {
		return r.commit(ctx, writes...)
	}
	return r.commitBy(ctx, d.Defer, writes)
}

// journal makes an intent durable. One that is so already, but for when it was sent, need not wait: whoever takes over the lock of a run
// that died knows until when that one may have sent.
func (r *run) journal(ctx context.Context, in *state.Intent, writes ...state.Write) error {
	writes = append(writes, state.PutIntent{Intent: in})
	if r.deferrer() == nil {
		return r.commit(ctx, writes...)
	}
	row, err := timeless(in)
	if err != nil {
		return err
	}
	r.mu.Lock()
	durable := bytes.Equal(r.journaled[in.ID], row)
	r.mu.Unlock()
	if durable {
		return r.later(ctx, writes...)
	}
	if err := r.commit(ctx, writes...); err != nil {
		return err
	}
	r.journalled(in.ID, row)
	return nil
}

func (r *run) journalled(id string, row []byte) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.journaled == nil {
		r.journaled = map[string][]byte{}
	}
	r.journaled[id] = row
}

// timeless is an intent's row without what changes with each attempt.
func timeless(in *state.Intent) ([]byte, error) {
	row := *in
	row.Opened, row.Began, row.Attempts = time.Time{}, time.Time{}, 0
	return json.Marshal(row)
}

// findable: settling can tell by looking what a request did.
func findable(kind *spec.Kind, in *state.Intent) bool {
	switch {
	case in.Action == string(plan.Task):
		return false
	case in.Operation == spec.OpCreate:
		return kind.Can(spec.OpList)
	case !kind.Can(spec.OpRead) && !kind.Can(spec.OpList):
		return false
	case in.Operation == spec.OpUpdate, in.Operation == spec.OpDelete:
		return true
	}
	for name := range in.Applied {
		if readable(kind.Attribute(name)) {
			return true
		}
	}
	return false
}

// announceKey tells announced intents apart.
type announceKey struct {
	address         spec.Address
	deposed         string
	kind, operation string
}

// announce opens the intents of a plan that are known by now, and gives what makes them durable.
func (r *run) announce(made *Made) ([]state.Write, error) {
	if r.deferrer() == nil || r.Planner == nil {
		return nil, nil
	}
	r.announced = map[announceKey]*state.Intent{}
	stepped := map[int]bool{}
	for _, s := range made.Plan.Steps {
		stepped[s.Change] = true
	}
	alike := map[string]int{}
	for _, ch := range made.Plan.Changes {
		if desired := desiredOf(made.Config, ch.Address); desired != nil && (ch.Action == plan.Create || ch.Action == plan.Replace) {
			alike[identityOf(ch, desired)]++
		}
	}
	var writes []state.Write
	taken := map[spec.Address]bool{}
	for i, ch := range made.Plan.Changes {
		if !stepped[i] || taken[ch.Address] {
			continue
		}
		in, kind, err := r.foreseen(made, ch, alike)
		if err != nil {
			return nil, err
		}
		if in == nil || !findable(kind, in) {
			continue
		}
		taken[ch.Address] = true
		in.ID, in.Run, in.Opened = r.newID(), r.Options.Run.ID, r.clock.Now()
		in.Address, in.Deposed, in.Account, in.Kind, in.Action = ch.Address, ch.Deposed, ch.Account, ch.Kind, string(ch.Action)
		row, err := timeless(in)
		if err != nil {
			return nil, err
		}
		r.journalled(in.ID, row)
		r.announced[announceKey{in.Address, in.Deposed, in.Kind, in.Operation}] = in
		writes = append(append(writes, r.secretKey(in.Secrets)...), state.PutIntent{Intent: in})
	}
	return writes, nil
}

// identityOf is a key that creates share which could be mistaken for one another.
func identityOf(ch *plan.Change, desired *spec.Resource) string {
	plain := spec.Values{}
	for name, v := range desired.Values {
		plain[name], _ = v.UnmarkDeep()
	}
	return ch.Account + "\x00" + ch.Kind + "\x00" + plan.IdentityKey(desired.Kind, plain)
}

// foreseen is the first request of a change as far as the plan knows it, or nil.
func (r *run) foreseen(made *Made, ch *plan.Change, alike map[string]int) (*state.Intent, *spec.Kind, error) {
	client, kind, err := r.Accounts.kind(refOf(ch))
	if err != nil {
		return nil, nil, err
	}
	record := r.ledger.resource(ch.Address, ch.Deposed)
	if ch.Action == plan.Delete {
		if ch.Removes == "" || ch.BackupFirst || record == nil {
			return nil, kind, nil
		}
		return &state.Intent{Operation: ch.Removes, ObjectID: record.ID, Policy: record.Policy}, kind, nil
	}
	desired := desiredOf(made.Config, ch.Address)
	if desired == nil || desired.Kind == nil || ch.Action != plan.Create && ch.Action != plan.Update {
		return nil, kind, nil
	}
	key := identityOf(ch, desired)
	if ch.Action == plan.Update {
		desired = managed(desired)
	}
	for _, v := range desired.Values {
		if !v.IsWhollyKnown() {
			return nil, kind, nil
		}
	}
	m := &making{run: r, change: ch, client: client, kind: kind, desired: desired}
	if m.want, err = r.want(kind, desired, ch); err != nil {
		return nil, nil, err
	}
	operations := m.operations()
	if len(operations) == 0 {
		return nil, kind, nil
	}
	in := &state.Intent{Operation: operations[0], Policy: state.PolicyOf(desired)}
	op := kind.Operations[in.Operation]
	if op == nil {
		return nil, kind, nil
	}
	in.Applied, in.Secrets = m.want.sent(op)
	if ch.Action == plan.Update {
		if record == nil || in.Operation == spec.OpCreate {
			return nil, kind, nil
		}
		in.ObjectID, in.Pending = record.ID, without(record.Pending, in.Operation)
		return in, kind, nil
	}
	live := liveKind(made, refOf(ch))
	if in.Operation != spec.OpCreate || len(ch.MayTakeBack) > 0 || alike[key] > 1 || live == nil || !live.Listed {
		return nil, kind, nil
	}
	in.Pending = without(operations, spec.OpCreate)
	for id, o := range live.Objects {
		if plan.SameIdentity(kind, m.want.plain, o) {
			in.Seen = append(in.Seen, id)
		}
	}
	slices.Sort(in.Seen)
	return in, kind, nil
}

func liveKind(made *Made, ref plan.KindRef) *plan.LiveKind {
	if made.Live == nil {
		return nil
	}
	return made.Live.Kinds[ref]
}

// idOf is the id of the intent that was announced for a request, or a fresh one.
func (r *run) idOf(ch *plan.Change, operation string) string {
	r.mu.Lock()
	in := r.announced[announceKey{ch.Address, ch.Deposed, ch.Kind, operation}]
	r.mu.Unlock()
	if in != nil {
		return in.ID
	}
	return r.newID()
}

// used notes that a request takes up its announced intent.
func (r *run) used(in *state.Intent) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.announced, announceKey{in.Address, in.Deposed, in.Kind, in.Operation})
}

// withdraw closes the announced intents whose requests were not sent. Nothing is in flight.
func (r *run) withdraw(ctx context.Context) error {
	r.mu.Lock()
	var writes []state.Write
	for _, in := range r.announced {
		writes = append(writes, state.CloseIntent{ID: in.ID})
	}
	r.announced = nil
	r.mu.Unlock()
	if len(writes) == 0 || r.dead() != nil {
		return nil
	}
	return r.later(ctx, writes...)
}
