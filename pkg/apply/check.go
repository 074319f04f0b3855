package apply

import (
	"context"
	"time"

	"github.com/vpsync/vpsync/pkg/plan"
	"github.com/vpsync/vpsync/pkg/spec"
	"github.com/vpsync/vpsync/pkg/state"
)

// checkAge is for how long all changes of a run share one look at a kind.
const checkAge = 60 * time.Second

// checker answers whether objects are still as the plan saw them.
type checker struct {
	run     *run
	made    *Made
	deleted map[objectKey]bool     // objects that this plan deletes
	touched map[plan.KindRef]int   // how many objects of a kind have yet to be looked at
	listed  map[plan.KindRef]bool  // a create needs the list anyway
	views   map[plan.KindRef]*view // never removed
}

// view is where the changes of one kind share their looks.
type view struct {
	turn chan struct{} // holds one while somebody looks
	last *look
}

// look is one shared look at a kind. It is never changed.
type look struct {
	*plan.LiveKind
	at time.Time
	// byIdentity are the ids of the objects by their identity keys, so that a thousand creates do not compare a thousand
	// objects each.
	byIdentity map[string][]string
}

func (r *run) newChecker(made *Made) *checker {
	c := &checker{
		run: r, made: made, deleted: map[objectKey]bool{}, touched: map[plan.KindRef]int{},
		listed: map[plan.KindRef]bool{}, views: map[plan.KindRef]*view{},
	}
	for _, ch := range made.Plan.Changes {
		ref := refOf(ch)
		if c.views[ref] == nil {
			c.views[ref] = &view{turn: make(chan struct{}, 1)}
		}
		if ch.ID != "" {
			c.touched[ref]++
			if ch.Removes != "" {
				c.deleted[objectKey{ref, ch.ID}] = true
			}
		}
		if ch.Action == plan.Create || ch.Action == plan.Replace {
			c.listed[ref] = true
		}
	}
	return c
}

// look is a shared look at a kind that is at most checkAge old. It is nil for a kind that cannot be listed.
func (c *checker) look(ctx context.Context, ref plan.KindRef) (*look, error) {
	client, kind, err := c.run.Accounts.kind(ref)
	if err != nil || !kind.Can(spec.OpList) {
		return nil, err
	}
	v := c.views[ref]
	select {
	case v.turn <- struct{}{}:
		defer func() { <-v.turn }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	now := c.run.clock.Now()
	if v.last != nil && now.Sub(v.last.at) < checkAge {
		return v.last, nil
	}
	k := &kindReader{client: client, kind: kind, demand: &demand{ref: ref}, clock: c.run.clock}
	live := &plan.LiveKind{Objects: map[string]*spec.Object{}, Gone: map[string]bool{}}
	if err := k.list(ctx, live); err != nil {
		return nil, err
	}
	next := &look{LiveKind: live, at: now, byIdentity: map[string][]string{}}
	for id, o := range live.Objects {
		key := plan.IdentityKey(kind, o.Values)
		next.byIdentity[key] = append(next.byIdentity[key], id)
	}
	v.last = next
	return next, nil
}

// object looks at one recorded object. known is false for a kind that can be neither listed nor read; the object is nil
// only when a second look confirmed that it is gone.
func (c *checker) object(ctx context.Context, ref plan.KindRef, record *state.Resource) (object *spec.Object, known bool, err error) {
	client, kind, err := c.run.Accounts.kind(ref)
	if err != nil {
		return nil, false, err
	}
	if !kind.Can(spec.OpList) && !kind.Can(spec.OpRead) {
		return nil, false, nil
	}
	live := &plan.LiveKind{Objects: map[string]*spec.Object{}, Gone: map[string]bool{}}
	if c.byReading(ref, kind) {
		if o, ok, err := client.Read(ctx, ref.Kind, record.ID); err != nil {
			return nil, true, err
		} else if ok {
			return &o, true, nil
		}
	} else {
		shared, err := c.look(ctx, ref)
		if err != nil {
			return nil, true, err
		}
		if o := shared.Objects[record.ID]; o != nil {
			return o, true, nil
		}
		live.Listed, live.Pages = true, shared.Pages
	}
	k := &kindReader{
		client: client, kind: kind, clock: c.run.clock, details: map[string]detail{},
		demand: &demand{ref: ref, resources: []*state.Resource{record}},
	}
	if err := k.lookAgain(ctx, live); err != nil {
		return nil, true, err
	}
	return live.Objects[record.ID], true, nil
}

// byReading: single reads of what is touched cost less than the pages of a list.
func (c *checker) byReading(ref plan.KindRef, kind *spec.Kind) bool {
	if !kind.Can(spec.OpRead) {
		return false
	}
	if !kind.Can(spec.OpList) {
		return true
	}
	pages := 1
	if c.made.Live != nil && c.made.Live.Kinds[ref] != nil {
		pages = max(1, c.made.Live.Kinds[ref].Pages)
	}
	return !c.listed[ref] && c.touched[ref] < pages
}

// unchanged compares an object with what the plan saw of it. gone is true where it does not exist any more.
func (c *checker) unchanged(ctx context.Context, ch *plan.Change, record *state.Resource) (now *spec.Object, gone bool, err error) {
	ref := refOf(ch)
	now, known, err := c.object(ctx, ref, record)
	if err != nil || !known {
		return nil, false, err
	}
	if now == nil {
		return nil, true, nil
	}
	_, kind, err := c.run.Accounts.kind(ref)
	if err != nil {
		return nil, false, err
	}
	saw, err := c.planSaw(ref, kind, record)
	if err != nil {
		return nil, false, err
	}
	var moved []string
	for _, a := range kind.Attributes {
		if !a.Required && !a.Optional {
			continue // a status or an address moves by itself
		}
		was, told := saw[a.Name]
		is, tells := now.Values[a.Name]
		if !told || !tells || a.Same(was, is) {
			continue
		}
		if a.Refers != "" && c.deleted[objectKey{plan.KindRef{Account: ch.Account, Kind: a.Refers}, spec.Word(was)}] {
			continue // the API clears or keeps references to what this plan deletes
		}
		moved = append(moved, a.Name)
	}
	if len(moved) > 0 {
		return now, false, &DriftError{Address: ch.Address, ID: record.ID, Attributes: moved}
	}
	return now, false, nil
}

// planSaw is what the plan was made from: the live object, or without a refresh the last observed one.
func (c *checker) planSaw(ref plan.KindRef, kind *spec.Kind, record *state.Resource) (spec.Values, error) {
	if c.made.Live != nil && c.made.Live.Kinds[ref] != nil {
		if o := c.made.Live.Kinds[ref].Objects[record.ID]; o != nil {
			return o.Values, nil
		}
	}
	return spec.Conform(kind, record.Observed)
}

// twins are the objects with the identity of a planned create, as of a shared look. owned ones are among them: a create
// whose answer is lost must not be mistaken for any of these.
func (c *checker) twins(ctx context.Context, ch *plan.Change, kind *spec.Kind, desired spec.Values) ([]string, error) {
	live, err := c.look(ctx, refOf(ch))
	if err != nil || live == nil {
		return nil, err
	}
	var ids []string
	for _, id := range live.byIdentity[plan.IdentityKey(kind, desired)] {
		if plan.SameIdentity(kind, desired, live.Objects[id]) {
			ids = append(ids, id)
		}
	}
	return ids, nil
}
