package apply

import (
	"context"
	"maps"
	"slices"
	"sort"

	"github.com/vpsync/vpsync/pkg/plan"
	"github.com/vpsync/vpsync/pkg/providers"
	"github.com/vpsync/vpsync/pkg/spec"
	"github.com/vpsync/vpsync/pkg/state"
	"github.com/zclconf/go-cty/cty"
)

// making is the making half of one change under way.
type making struct {
	run     *run
	change  *plan.Change
	client  *providers.Client
	kind    *spec.Kind
	desired *spec.Resource
	want    *wanted
	tell    *teller

	record *state.Resource // as last committed; nil before a create
	object *spec.Object    // as last seen; nil where nothing was seen
}

// make carries out the making half of a change: create, update, adopt, or the second half of a replacement.
func (r *run) make(ctx context.Context, w *walk, ch *plan.Change, tell *teller) error {
	client, kind, err := r.Accounts.kind(refOf(ch))
	if err != nil {
		return err
	}
	if err := w.asking.ask(ctx, r.Accounts, w.session, ch.Address); err != nil {
		return err
	}
	desired, diags := w.session.Resource(ch.Address)
	if failed(diags) || desired == nil {
		return &EvaluationError{Address: ch.Address, Diagnostics: diags}
	}
	if ch.Action == plan.Update || ch.Action == plan.Adopt {
		desired = managed(desired)
	}
	m := &making{run: r, change: ch, client: client, kind: kind, desired: desired, tell: tell}
	if m.want, err = r.want(kind, desired, ch); err != nil {
		return err
	}
	operations := m.operations()
	switch ch.Action {
	case plan.Create, plan.Replace:
		left, taken, terr := m.takesBack(ctx, w)
		if terr != nil {
			return terr
		}
		w.takes(ch, taken)
		if !taken {
			err = m.create(ctx, w)
			if len(operations) > 0 && operations[0] == spec.OpCreate {
				operations = operations[1:]
			}
			break
		}
		if operations, err = m.adopt(ctx, w, left.ID, left); err != nil {
			r.ledger.release(leftoverKey(left))
		}
	case plan.Adopt:
		left := r.ledger.claim(objectKey{refOf(ch), ch.TakesBack})
		if _, err = m.adopt(ctx, w, ch.ID, left); err != nil && left != nil {
			r.ledger.release(leftoverKey(left))
		}
	default:
		err = m.resume(ctx, w)
	}
	for _, op := range operations {
		if err != nil {
			break
		}
		if err = m.await(ctx); err == nil {
			err = m.perform(ctx, op)
		}
	}
	if err == nil {
		err = m.await(ctx)
	}
	if err == nil && (ch.Action == plan.Create || ch.Action == plan.Replace) {
		err = m.detail(ctx, w.made.Config)
	}
	if err == nil {
		err = m.finish(ctx)
	}
	if m.record != nil {
		known, kerr := attributes(kind, m.record, m.object)
		if kerr != nil && err == nil {
			err = kerr
		}
		w.session.Know(ch.Address, known)
	}
	if err == nil {
		if unmet := w.session.Postconditions(ch.Address); failed(unmet) {
			err = &EvaluationError{Address: ch.Address, Diagnostics: unmet}
		}
	}
	return err
}

// operations are those of the plan, and of a new object also what a value takes that was not known to the plan: where each value has
// an operation of its own, the plan could not say which (power: start or stop).
func (m *making) operations() []string {
	if m.change.Action != plan.Create && m.change.Action != plan.Replace {
		return m.change.Operations
	}
	late := map[string]bool{}
	for _, a := range m.kind.Attributes {
		v, given := m.want.wire[a.Name]
		if !given || v.IsNull() || a.Operations == nil {
			continue
		}
		if op := plan.MakingOperation(m.kind, a, v); m.kind.Can(op) && !slices.Contains(m.change.Operations, op) {
			late[op] = true
		}
	}
	return append(slices.Clone(m.change.Operations), plan.InOrder(m.kind, late)...)
}

// managed is what is asked of an object that exists: without what ignore_changes leaves to it.
func managed(desired *spec.Resource) *spec.Resource {
	out := *desired
	out.Values = maps.Clone(desired.Values)
	maps.DeleteFunc(out.Values, func(name string, _ cty.Value) bool { return desired.Ignores(name) })
	return &out
}

// takesBack decides, now that all values are known, whether a leftover is what the create would make. It compares what the
// leftover is now: somebody may have changed or deleted it since the plan was made.
func (m *making) takesBack(ctx context.Context, w *walk) (left *state.Leftover, taken bool, err error) {
	ref := refOf(m.change)
	for _, id := range m.change.MayTakeBack {
		key := objectKey{ref, id}
		left := m.run.ledger.claim(key)
		if left == nil {
			continue
		}
		object, known, err := w.check.object(ctx, ref, &state.Resource{Address: m.change.Address, Account: m.change.Account, ID: id})
		if err != nil {
			m.run.ledger.release(key)
			return nil, false, err
		}
		now := *left
		if object != nil {
			now.Observed = overlay(left.Observed, observable(m.kind, object, state.PolicyOf(m.desired), left.Secrets, m.want.plain))
		}
		if (object != nil || !known) && plan.TakesBack(m.kind, m.desired.Values, &now, m.run.Planner.Key) {
			return left, true, nil
		}
		m.run.ledger.release(key)
	}
	return nil, false, nil
}

// create makes the object and records it the moment an answer holds its id.
func (m *making) create(ctx context.Context, w *walk) error {
	// One at a time of those that could be mistaken for one another should an answer be lost.
	leave, err := m.run.identities.enter(ctx, m.identity())
	if err != nil {
		return err
	}
	defer leave()
	seen, err := w.check.twins(ctx, m.change, m.kind, m.want.plain)
	if err != nil {
		return err
	}
	if err := m.appeared(w, seen); err != nil {
		return err
	}
	q, err := m.run.newRequest(m.change, spec.OpCreate, m.tell)
	if err != nil {
		return err
	}
	op := m.kind.Operations[spec.OpCreate]
	if op == nil {
		return &AccountError{Account: m.change.Account, Kind: m.change.Kind}
	}
	slices.Sort(seen)
	in := q.intent
	in.Seen, in.Pending = seen, without(m.operations(), spec.OpCreate)
	in.Applied, in.Secrets = m.want.sent(op)
	in.Policy = state.PolicyOf(m.desired)
	q.call.Desired = m.want.wire
	return m.run.carry(ctx, q, func(o *spec.Object) ([]state.Write, error) {
		writes, record := m.run.created(in, m.kind, o)
		m.object, m.record, m.tell.base.ID = o, record, o.ID
		if m.whole() {
			m.record = m.final(record)
			writes = replaceRecord(writes, m.record)
		}
		return append(writes, state.AddChanges{Changes: m.run.history(m.change, o.ID, op.Sets, true, m.want)}), nil
	})
}

// whole: the create was all, so that its record is the final one.
func (m *making) whole() bool { return len(m.record.Pending) == 0 && !m.record.Unready }

// appeared refuses a create next to an object with its identity that was not there when the plan was made.
func (m *making) appeared(w *walk, twins []string) error {
	ref := refOf(m.change)
	if w.made.Live == nil || w.made.Live.Kinds[ref] == nil || !w.made.Live.Kinds[ref].Listed {
		return nil
	}
	for _, id := range twins {
		if w.made.Live.Kinds[ref].Objects[id] == nil && !m.run.ledger.owned(objectKey{ref, id}) {
			return &DriftError{Address: m.change.Address, ID: id, Appeared: true}
		}
	}
	return nil
}

// identity is a key that creates share which could be mistaken for one another.
func (m *making) identity() string {
	return m.change.Account + "\x00" + m.change.Kind + "\x00" + plan.IdentityKey(m.kind, m.want.plain)
}

// unready: the object is waited for, and was not seen ready. What cannot be looked at is not waited for.
func unready(kind *spec.Kind, o *spec.Object) bool {
	return kind.Waits && !o.Ready && (kind.Can(spec.OpList) || kind.Can(spec.OpRead) || kind.WaitsApart)
}

// busy: an operation set the object to work, and it says that this is not done: what comes next would be refused.
func busy(kind *spec.Kind, o *spec.Object) bool {
	return o != nil && o.Status != "" && !o.Failed && unready(kind, o)
}

// created are the writes for an object that a create made: its record, and where the address still has the object that it
// replaces, that one's as deposed. The record of an object that is gone is overwritten.
func (r *run) created(in *state.Intent, kind *spec.Kind, o *spec.Object) ([]state.Write, *state.Resource) {
	record := &state.Resource{
		Address: in.Address, Account: in.Account, ID: o.ID,
		Applied: in.Applied, Secrets: in.Secrets, Observed: observable(kind, o, in.Policy, in.Secrets, in.Applied),
		Pending: in.Pending, Unready: unready(kind, o),
		Policy: in.Policy, CreatedAt: r.clock.Now(),
	}
	writes := r.deposed(plan.Action(in.Action), in.Address, o.ID, in.Policy)
	writes = append(writes, state.PutResource{Resource: record})
	return append(writes, r.secretKey(record.Secrets)...), record
}

// deposed are the writes that set aside the object which a replacement's new one, of this id, comes before: its removing half is still
// to come. What becomes of it, and whether a backup is made first, says the block that replaces it: what the plan showed.
func (r *run) deposed(action plan.Action, a spec.Address, id string, policy state.Policy) []state.Write {
	old := r.ledger.resource(a, "")
	if old == nil || old.ID == id || action != plan.Replace {
		return nil
	}
	row := *old
	row.Deposed = r.newID()
	row.Unsupported, row.PreventDestroy, row.BackupBefore = policy.Unsupported, policy.PreventDestroy, policy.BackupBefore
	return []state.Write{state.PutResource{Resource: &row}}
}

// replaceRecord exchanges the record that is written for its address.
func replaceRecord(writes []state.Write, record *state.Resource) []state.Write {
	for i, w := range writes {
		if put, ok := w.(state.PutResource); ok && put.Resource.Deposed == record.Deposed {
			writes[i] = state.PutResource{Resource: record}
		}
	}
	return writes
}

// resume goes on with an object that exists: it must still be as the plan saw it.
func (m *making) resume(ctx context.Context, w *walk) error {
	m.record = m.run.ledger.resource(m.change.Address, "")
	if m.record == nil {
		return &DriftError{Address: m.change.Address, ID: m.change.ID, Gone: true}
	}
	now, gone, err := w.check.unchanged(ctx, m.change, m.record)
	if err != nil {
		return err
	}
	if gone {
		return &DriftError{Address: m.change.Address, ID: m.record.ID, Gone: true}
	}
	m.object = now
	return nil
}

// await waits until the object is ready, where the record says that it has not been seen so.
func (m *making) await(ctx context.Context) error {
	if m.record == nil || !m.record.Unready {
		return nil
	}
	if err := m.run.boundary(BoundaryWaiting); err != nil {
		return err
	}
	o, err := m.client.Wait(ctx, m.change.Kind, m.record.ID, m.tell.waiting)
	if err != nil {
		return err
	}
	if len(o.Values) > 0 { // a question of the wait's own need not tell anything else
		m.object = &o
	}
	if err := m.run.boundary(BoundaryReady); err != nil {
		return err
	}
	next := m.seen()
	next.Unready = false
	if len(next.Pending) == 0 {
		next = m.final(next)
	}
	return m.put(ctx, next)
}

// detail reads a new object once more where others ask it for what neither its create nor a list tells.
func (m *making) detail(ctx context.Context, config *spec.Response) error {
	asked := slices.ContainsFunc(m.kind.Attributes, func(a *spec.Attribute) bool { return a.DetailOnly && asks(config, a.Name) })
	if !asked || m.object == nil || m.object.Detail || !m.kind.Can(spec.OpRead) {
		return nil
	}
	o, found, err := m.client.Read(ctx, m.change.Kind, m.record.ID)
	if err != nil || !found {
		return err
	}
	m.object = &o
	return nil
}

// perform carries out one operation on the object.
func (m *making) perform(ctx context.Context, operation string) error {
	op := m.kind.Operations[operation]
	if op == nil {
		return &AccountError{Account: m.change.Account, Kind: m.change.Kind}
	}
	q, err := m.run.newRequest(m.change, operation, m.tell)
	if err != nil {
		return err
	}
	in := q.intent
	in.ObjectID, in.Pending = m.record.ID, without(m.record.Pending, operation)
	in.Applied, in.Secrets = m.want.sent(op)
	in.Policy = state.PolicyOf(m.desired)
	q.call.ID, q.call.Desired = m.record.ID, m.want.wire
	if m.object != nil {
		q.call.Live = m.object.Values
	} else if q.call.Live, err = spec.Conform(m.kind, m.record.Observed); err != nil {
		return err
	}
	return m.run.carry(ctx, q, func(o *spec.Object) ([]state.Write, error) {
		m.saw(o)
		next := m.seen()
		next.Applied = overlay(next.Applied, in.Applied)
		next.Secrets = sentDigests(next.Secrets, in)
		next.Assumed = slices.DeleteFunc(slices.Clone(next.Assumed), func(name string) bool { return slices.Contains(op.Sets, name) })
		next.Pending = in.Pending
		next.Unready = next.Unready || busy(m.kind, o)
		for name := range m.want.removed {
			if slices.Contains(op.Sets, name) {
				delete(next.Applied, name)
			}
		}
		m.record = next
		writes := []state.Write{state.PutResource{Resource: next}}
		writes = append(writes, m.run.secretKey(next.Secrets)...)
		return append(writes, state.AddChanges{Changes: m.run.history(m.change, next.ID, op.Sets, false, m.want)}), nil
	})
}

// saw merges an answer into what is known of the object: many answers tell a part of it.
func (m *making) saw(o *spec.Object) {
	if o == nil {
		return
	}
	if m.object == nil {
		m.object = o
		return
	}
	merged := *o
	merged.Values, merged.Repeats = overlay(m.object.Values, o.Values), slices.Clone(o.Repeats)
	for _, name := range m.object.Repeats {
		if _, told := o.Values[name]; !told {
			merged.Repeats = append(merged.Repeats, name)
		}
	}
	m.object = &merged
}

// seen is a copy of the record with what was observed last.
func (m *making) seen() *state.Resource {
	next := *m.record
	next.Policy = state.PolicyOf(m.desired)
	if m.object != nil {
		next.Observed = observedSince(next.Observed, m.kind, m.object, next.Policy, mergeDigests(next.Secrets, m.want.secrets), m.want.plain)
	}
	return &next
}

// final is the record of a change that ended: it holds what the configuration names and nothing else. An attribute that
// takes effect on new objects only stays recorded as the object got it.
func (m *making) final(record *state.Resource) *state.Resource {
	next := *record
	named := func(name string) bool { _, named := m.desired.Values[name]; return named || m.desired.Ignores(name) }
	next.Applied = maps.Clone(record.Applied)
	maps.DeleteFunc(next.Applied, func(name string, _ cty.Value) bool {
		_, plain := m.want.plain[name]
		return !plain && !m.desired.Ignores(name)
	})
	next.Secrets = maps.Clone(record.Secrets)
	maps.DeleteFunc(next.Secrets, func(name string, _ state.Digest) bool { return !named(name) })
	for _, c := range m.change.Attributes {
		if c.Effect != plan.EffectRecord {
			continue
		}
		if v, ok := m.want.plain[c.Name]; ok {
			next.Applied[c.Name] = v
		}
		if d, ok := m.want.secrets[c.Name]; ok {
			next.Secrets = mergeDigests(next.Secrets, map[string]state.Digest{c.Name: d})
		}
	}
	next.Assumed = slices.DeleteFunc(slices.Clone(record.Assumed), func(name string) bool { return !named(name) })
	return &next
}

// finish records the end of a change, unless the last record says it already.
func (m *making) finish(ctx context.Context) error {
	next := m.final(m.seen())
	if sameRecord(m.record, next) {
		return nil
	}
	return m.put(ctx, next)
}

func (m *making) put(ctx context.Context, next *state.Resource) error {
	writes := append([]state.Write{state.PutResource{Resource: next}}, m.run.secretKey(next.Secrets)...)
	if err := m.run.later(ctx, writes...); err != nil {
		return err
	}
	m.record = next
	return nil
}

// sentDigests are the digests of a record after a request: with those of what it sent, and without that of an attribute which
// it sent in plain, since the configuration does not call it a secret any more.
func sentDigests(base map[string]state.Digest, in *state.Intent) map[string]state.Digest {
	out := mergeDigests(base, in.Secrets)
	for name := range in.Applied {
		if _, secret := out[name]; secret && in.Secrets[name] == (state.Digest{}) {
			out = maps.Clone(out)
			delete(out, name)
		}
	}
	return out
}

func mergeDigests(base, top map[string]state.Digest) map[string]state.Digest {
	if len(top) == 0 {
		return base
	}
	out := map[string]state.Digest{}
	maps.Copy(out, base)
	maps.Copy(out, top)
	return out
}

// sameRecord compares what finishing can change.
func sameRecord(a, b *state.Resource) bool {
	sorted := func(list []string) []string { list = slices.Clone(list); sort.Strings(list); return list }
	return sameValues(a.Applied, b.Applied) && sameValues(a.Observed, b.Observed) && maps.Equal(a.Secrets, b.Secrets) &&
		slices.Equal(sorted(a.Assumed), sorted(b.Assumed)) && a.Policy.Equal(b.Policy) &&
		slices.Equal(a.Pending, b.Pending) && a.Unready == b.Unready
}

func sameValues(a, b spec.Values) bool {
	return maps.EqualFunc(a, b, func(x, y cty.Value) bool { return x.RawEquals(y) })
}
