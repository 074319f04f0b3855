package apply

import (
	"maps"
	"slices"

	"github.com/vpsync/vpsync/pkg/plan"
	"github.com/vpsync/vpsync/pkg/spec"
	"github.com/vpsync/vpsync/pkg/state"
	"github.com/zclconf/go-cty/cty"
	ctyjson "github.com/zclconf/go-cty/cty/json"
)

// wanted is what the configuration asks of one object, taken apart by where each value may go.
type wanted struct {
	// wire holds all values, unmarked. It goes into a request and nowhere else.
	wire spec.Values
	// plain holds those that may be recorded: not sensitive by schema and not derived from a secret.
	plain spec.Values
	// secrets are digests of the others.
	secrets map[string]state.Digest
	// removed are attributes that the configuration no longer names, with what the plan sends for them.
	removed spec.Values
}

// want takes a resource's values apart. All of them must be known by now.
func (r *run) want(kind *spec.Kind, d *spec.Resource, ch *plan.Change) (*wanted, error) {
	w := &wanted{wire: spec.Values{}, plain: spec.Values{}, secrets: map[string]state.Digest{}, removed: spec.Values{}}
	for _, name := range slices.Sorted(maps.Keys(d.Values)) {
		marked := d.Values[name]
		value, _ := marked.UnmarkDeep()
		if !value.IsWhollyKnown() {
			return nil, &ValueError{Address: d.Address, Attribute: name}
		}
		w.wire[name] = value
		a := kind.Attribute(name)
		if (a == nil || !a.Sensitive) && !marked.ContainsMarked() {
			w.plain[name] = value
			continue
		}
		if sum, ok := r.Planner.Key.Digest(d.Account, d.Address, name, value); ok {
			w.secrets[name] = sum
		}
	}
	if ch == nil {
		return w, nil
	}
	for _, c := range ch.Attributes {
		if _, named := d.Values[c.Name]; named || c.Effect != plan.EffectUpdate || c.After == cty.NilVal || !c.After.IsKnown() {
			continue
		}
		w.removed[c.Name] = c.After
		w.wire[c.Name] = c.After
	}
	return w, nil
}

// sent is the part of what is wanted that an operation carries: values to record, and digests.
func (w *wanted) sent(op *spec.Operation) (spec.Values, map[string]state.Digest) {
	values, secrets := spec.Values{}, map[string]state.Digest{}
	for _, name := range op.Sets {
		if v, ok := w.plain[name]; ok {
			values[name] = v
		} else if v, ok := w.removed[name]; ok {
			values[name] = v
		}
		if d, ok := w.secrets[name]; ok {
			secrets[name] = d
		}
	}
	return values, secrets
}

// observable is an answer as it may be recorded: without what stands for, is, or repeats a secret. That there is no digest of it, since no
// key was at hand, does not make it less of one. What was applied in plain is no secret, whatever it repeats.
func observable(kind *spec.Kind, o *spec.Object, policy state.Policy, secrets map[string]state.Digest, applied spec.Values) spec.Values {
	out := make(spec.Values, len(o.Values))
	for name, value := range o.Values {
		a := kind.Attribute(name)
		if _, secret := secrets[name]; secret || a == nil || a.Sensitive || policy.Hides(name) || o.Telling(a, applied) {
			continue
		}
		out[name] = value
	}
	return out
}

// observedSince is what was observed before, overlaid with an answer as it may be recorded. Of what now repeats a secret nothing is left:
// what was observed before is not so any more.
func observedSince(before spec.Values, kind *spec.Kind, o *spec.Object, policy state.Policy, secrets map[string]state.Digest, applied spec.Values) spec.Values {
	out := overlay(before, observable(kind, o, policy, secrets, applied))
	for _, name := range o.Repeats {
		if a := kind.Attribute(name); a == nil || o.Telling(a, applied) {
			delete(out, name)
		}
	}
	return out
}

// overlay is base with the entries of top over it.
func overlay(base, top spec.Values) spec.Values {
	out := make(spec.Values, len(base)+len(top))
	maps.Copy(out, base)
	maps.Copy(out, top)
	return out
}

// readable: an answer can hold the attribute.
func readable(a *spec.Attribute) bool { return a != nil && !a.Unreadable && !a.Sensitive }

// answered is an attribute of an object; what its answer left out is unset.
func answered(a *spec.Attribute, o *spec.Object) cty.Value {
	if v, ok := o.Values[a.Name]; ok {
		return v
	}
	return cty.NullVal(a.Type)
}

// sameAsApplied says whether every readable attribute of the values is live, and how many of them could be compared.
func sameAsApplied(kind *spec.Kind, v spec.Values, o *spec.Object) (same bool, compared int) {
	for name, was := range v {
		a := kind.Attribute(name)
		if !readable(a) || (a.DetailOnly && !o.Detail) {
			continue
		}
		compared++
		if !a.Same(was, answered(a, o)) {
			return false, compared
		}
	}
	return true, compared
}

// operationsFor are the operations that make what exists equal what is wanted, in the order of the definition.
func operationsFor(kind *spec.Kind, want, have spec.Values) []string {
	need := map[string]bool{}
	for name, wanted := range want {
		a := kind.Attribute(name)
		if a == nil {
			continue
		}
		if is, ok := have[name]; ok && a.Same(wanted, is) {
			continue
		}
		need[a.OperationFor(wanted)] = true
	}
	var ops []string
	for _, name := range kind.OperationOrder {
		if need[name] {
			ops = append(ops, name)
		}
	}
	return ops
}

// without is a list with one entry taken out.
func without(list []string, entry string) []string {
	var out []string
	for _, e := range list {
		if e != entry {
			out = append(out, e)
		}
	}
	return out
}

// text is a value as the history keeps it: JSON, or nothing where there is no value to tell.
func text(v cty.Value) []byte {
	if v == cty.NilVal || !v.IsWhollyKnown() || v.ContainsMarked() {
		return nil
	}
	b, err := ctyjson.Marshal(v, v.Type())
	if err != nil {
		return nil
	}
	return b
}

// secretText stands for a secret in the history.
var secretText = []byte(`"(sensitive)"`)

// history is the rows of one operation of a change: each attribute that it carries, and the object itself where it is made.
func (r *run) history(ch *plan.Change, id string, names []string, made bool, w *wanted) []state.Change {
	row := state.Change{
		Run: r.Options.Run.ID, Address: ch.Address, Action: string(ch.Action), ObjectID: id,
		Cause: string(ch.Cause), At: r.clock.Now(),
	}
	var rows []state.Change
	if made {
		rows = append(rows, row)
	}
	for _, c := range ch.Attributes {
		if !slices.Contains(names, c.Name) {
			continue
		}
		row := row
		row.Attribute = c.Name
		if c.Cause != "" {
			row.Cause = string(c.Cause)
		}
		if c.Sensitive {
			row.Before, row.After = secretText, secretText
		} else {
			row.Before, row.After = text(c.Before), text(c.After)
			if w != nil {
				if v, ok := w.plain[c.Name]; ok {
					row.After = text(v)
				} else if _, secret := w.secrets[c.Name]; secret {
					row.After = secretText
				}
			}
		}
		rows = append(rows, row)
	}
	return rows
}

// ActionRecord is the history's word for a value that was recorded without a request: what was asked for was so already, or
// takes effect on new objects only.
const ActionRecord = "record"

// ActionMove is the history's word for a resource that got another address.
const ActionMove = "move"

// recordHistory is the rows of what a plan records without a request.
func (r *run) recordHistory(p *plan.Plan) []state.Change {
	var rows []state.Change
	for _, record := range p.Records {
		i := slices.IndexFunc(p.Changes, func(c *plan.Change) bool {
			return c.Address == record.Address && c.Deposed == record.Deposed
		})
		if i < 0 {
			continue
		}
		recorded := *p.Changes[i]
		recorded.Action = ActionRecord
		var names []string
		for _, c := range recorded.Attributes {
			if (c.Effect == plan.EffectRecord || c.Effect == plan.EffectNextCreate) && c.Cause != plan.CauseUnmet {
				names = append(names, c.Name)
			}
		}
		rows = append(rows, r.history(&recorded, record.ID, names, false, nil)...)
	}
	return rows
}

// settledHistory is the rows of a request that was found to be carried out: the object, and each attribute that was asked for.
func (r *run) settledHistory(in *state.Intent, id string) []state.Change {
	row := state.Change{
		Run: r.Options.Run.ID, Address: in.Address, Action: in.Action, ObjectID: id,
		Cause: string(plan.CauseResumed), At: r.clock.Now(),
	}
	rows := []state.Change{row}
	var before state.Resource
	if old := r.ledger.resource(in.Address, in.Deposed); old != nil && in.Operation != spec.OpCreate {
		before = *old
	}
	for _, name := range slices.Sorted(maps.Keys(in.Applied)) {
		row.Attribute, row.Before, row.After = name, text(before.Applied[name]), text(in.Applied[name])
		rows = append(rows, row)
	}
	for _, name := range slices.Sorted(maps.Keys(in.Secrets)) {
		row.Attribute, row.Before, row.After = name, secretText, secretText
		rows = append(rows, row)
	}
	return rows
}

// letGo is the history row of an object that is deleted, or left.
func (r *run) letGo(ch *plan.Change, id string) state.AddChanges {
	return state.AddChanges{Changes: []state.Change{{
		Run: r.Options.Run.ID, Address: ch.Address, Action: string(ch.Action), ObjectID: id,
		Cause: string(ch.Cause), At: r.clock.Now(),
	}}}
}
