package apply

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/vpsync/vpsync/internal/shell"
	"github.com/vpsync/vpsync/pkg/plan"
	"github.com/vpsync/vpsync/pkg/providers"
	"github.com/vpsync/vpsync/pkg/spec"
	"github.com/vpsync/vpsync/pkg/state"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"
)

// Task is a task that is ready to be carried out on one recorded resource: it has been looked at, and nothing was sent that
// changes anything.
type Task struct {
	Definition *providers.Task
	Address    spec.Address
	Account    string
	ID         string      // of the object
	Arguments  spec.Values // of the types of the definition
	Object     *spec.Object
}

// TaskDone is how a task ended well.
type TaskDone struct {
	ID            string // of the object that it made, or empty
	Status        string // of the object that was waited for
	Sent          bool   // the request was carried out, whatever came of waiting for its end
	Reads, Writes int
	Elapsed       time.Duration
}

// TaskError: a task cannot be carried out. Nothing was sent.
type TaskError struct {
	Address spec.Address
	Task    string
	Problem string // one sentence without a final stop
	Remedy  string
}

func (e *TaskError) Error() string {
	return fmt.Sprintf("cannot %s %s: %s", e.Task, e.Address, e.Problem)
}

// PrepareTask finds the task, the object and what the task is given, as text by name; the elements of a list stand between commas. Open intents of the address are
// settled first. Call it with the lock held.
func (r *Runner) PrepareTask(ctx context.Context, name string, a spec.Address, given map[string]string) (*Task, error) {
	x, _, err := r.load(ctx)
	if err != nil {
		return nil, err
	}
	refuse := func(remedy, format string, args ...any) (*Task, error) {
		return nil, &TaskError{Address: a, Task: name, Problem: fmt.Sprintf(format, args...), Remedy: remedy}
	}
	record := x.ledger.resource(a, "")
	if record == nil {
		return refuse("vpsync apply", "no object is recorded at that address")
	}
	client, kind, err := r.Accounts.kind(plan.KindRef{Account: record.Account, Kind: a.Kind})
	if err != nil {
		return nil, err
	}
	tasks := client.Definition().Tasks[a.Kind]
	t := tasks[name]
	if t == nil {
		known := slices.Sorted(maps.Keys(tasks))
		problem := fmt.Sprintf("%s has no task %q for a %s", client.Definition().Title, name, a.Kind)
		if near := spec.Nearest(name, known); near != "" {
			problem += fmt.Sprintf("; did you mean %q?", near)
		}
		return refuse("vpsync task list", "%s", problem)
	}
	for _, in := range x.ledger.open() {
		if in.Address != a {
			continue
		}
		settled, err := x.settle(ctx, in)
		if err != nil {
			return nil, err
		}
		if !settled {
			return refuse(plan.AskIntent(in).Remedy, "what became of its %s, sent at %s, is not known yet", plan.Doing(in), in.Opened.UTC().Format("2006-01-02T15:04:05Z"))
		}
	}
	out := &Task{Definition: t, Address: a, Account: record.Account, ID: record.ID, Arguments: spec.Values{}}
	object, known, err := find(ctx, client, kind, plan.KindRef{Account: record.Account, Kind: a.Kind}, record.ID, x.clock)
	switch {
	case err != nil:
		return nil, err
	case known && object == nil:
		return refuse("vpsync plan", "%s is gone", record.ID)
	}
	out.Object = object
	if object != nil {
		if why := t.Operation.Refuses(object.Values); why != "" {
			return refuse("vpsync plan", "%s", client.Secrets().Scrub(why))
		}
	}
	if err := out.give(given); err != nil {
		return refuse(out.usage(), "%s", err)
	}
	for _, a := range t.Schema.Attributes {
		v, ok := out.Arguments[a.Name]
		if !ok || a.Refers == "" {
			continue
		}
		id, err := convert.Convert(v, cty.String)
		if err != nil {
			return nil, err
		}
		if problem, err := r.refers(ctx, client, out, a, id.AsString()); err != nil || problem != "" {
			if err != nil {
				return nil, err
			}
			return refuse(out.usage(), "%s", problem)
		}
	}
	return out, nil
}

// give converts what a task is given. The error is a sentence about one argument.
func (t *Task) give(given map[string]string) error {
	var names []string
	for _, a := range t.Definition.Schema.Attributes {
		names = append(names, a.Name)
		text, ok := given[a.Name]
		switch {
		case !ok && a.Required:
			return fmt.Errorf("it needs %s", a.Name)
		case !ok && a.Default != cty.NilVal:
			t.Arguments[a.Name] = a.Default
			continue
		case !ok:
			continue
		}
		v, err := valueOf(text, a.Type)
		if err != nil {
			return fmt.Errorf("%s must be a %s", a.Name, a.Type.FriendlyName())
		}
		if problem := a.Check(v); problem != "" {
			return fmt.Errorf("%s %s", a.Name, problem)
		}
		t.Arguments[a.Name] = v
	}
	for _, name := range slices.Sorted(maps.Keys(given)) {
		if !slices.Contains(names, name) {
			problem := fmt.Sprintf("it takes no %s", name)
			if near := spec.Nearest(name, names); near != "" {
				problem += fmt.Sprintf("; did you mean %s?", near)
			}
			return errors.New(problem)
		}
	}
	return nil
}

// valueOf reads a value of a type from text.
func valueOf(text string, t cty.Type) (cty.Value, error) {
	if !t.IsListType() && !t.IsSetType() {
		return convert.Convert(cty.StringVal(text), t)
	}
	var elements []cty.Value
	for part := range strings.SplitSeq(text, ",") {
		elements = append(elements, cty.StringVal(strings.TrimSpace(part)))
	}
	return convert.Convert(cty.ListVal(elements), t)
}

// usage is the command with all that it takes.
func (t *Task) usage() string {
	text := fmt.Sprintf("vpsync task %s %s", t.Definition.Name, shell.Word(t.Address.String()))
	for _, a := range t.Definition.Schema.Attributes {
		word := fmt.Sprintf("%s=…", a.Name)
		if !a.Required {
			word = "[" + word + "]"
		}
		text += " " + word
	}
	return text
}

// refers says what is wrong with an argument that names another object: there is none, or it belongs to somebody else.
func (r *Runner) refers(ctx context.Context, client *providers.Client, t *Task, a *spec.Attribute, id string) (string, error) {
	ref := plan.KindRef{Account: t.Account, Kind: a.Refers}
	_, kind, err := r.Accounts.kind(ref)
	if err != nil {
		return "", err
	}
	object, known, err := find(ctx, client, kind, ref, id, orReal(r.Options.Clock))
	switch {
	case err != nil || !known:
		return "", err
	case object == nil:
		return fmt.Sprintf("account %s has no %s %s", t.Account, a.Refers, id), nil
	}
	for _, b := range kind.Attributes {
		if b.Refers != t.Address.Kind {
			continue
		}
		of, ok := object.Values[b.Name]
		if !ok || of.IsNull() {
			continue
		}
		if owner, err := convert.Convert(of, cty.String); err == nil && owner.AsString() != t.ID {
			return fmt.Sprintf("%s %s belongs to the %s %s, not to %s", a.Refers, id, b.Refers, client.Secrets().Scrub(owner.AsString()), t.ID), nil
		}
	}
	return "", nil
}

// RunTask carries a task out, once: what was answered is recorded, what was not is looked for where that is possible, and otherwise
// becomes a question. It is never sent again by itself. stop ends it before its request leaves; ctx also while it waits. What it
// returns is never nil: a task that did not begin was not sent.
func (r *Runner) RunTask(ctx, stop context.Context, t *Task) (*TaskDone, error) {
	done := &TaskDone{}
	x, _, err := r.load(ctx)
	if err != nil {
		return done, err
	}
	x.stop = stop
	x.total = 1
	defer x.end()
	reads, writes := r.Accounts.requests()
	ch := &plan.Change{Address: t.Address, Account: t.Account, Kind: t.Definition.Of, Action: plan.Task, ID: t.ID, Cause: plan.Cause(t.Definition.Name)}
	tell := x.tell(ch, plan.PhaseMake)
	tell.base.Operation = t.Definition.Name
	tell.emit(EventStart, nil)
	if err := x.commit(ctx, append(x.accountWrites(), state.PutRun{Run: x.entry})...); err != nil {
		return done, err
	}
	err = x.task(ctx, t, ch, tell, done)
	x.completed()
	r2, w2 := r.Accounts.requests()
	done.Reads, done.Writes, done.Elapsed = r2-reads, w2-writes, x.clock.Now().Sub(tell.started)
	if err != nil {
		tell.emit(EventFailed, func(e *Event) { e.Err = err })
	} else {
		tell.emit(EventDone, func(e *Event) { e.ID = done.ID })
	}
	entry := x.ended(done.ExitCode(err))
	entry.Requests = done.Reads + done.Writes
	if x.dead() == nil {
		err = errors.Join(err, x.commit(context.WithoutCancel(ctx), state.PutRun{Run: entry}))
	}
	return done, err
}

// ExitCode is what the process should answer after an error of RunTask, or none: as [Result.ExitCode] says.
func (d *TaskDone) ExitCode(err error) int {
	var unsettled *UnsettledError
	switch {
	case err == nil:
		return 0
	case errors.As(err, &unsettled):
		return 5
	case d != nil && d.Sent:
		return 3
	case errors.Is(err, errStopped), errors.Is(err, context.Canceled):
		return 130
	}
	return 1
}

// task sends the request of a task and waits for its end.
func (r *run) task(ctx context.Context, t *Task, ch *plan.Change, tell *teller, done *TaskDone) error {
	def := t.Definition
	q, err := r.newRequest(ch, def.Call, tell)
	if err != nil {
		return err
	}
	q.call.Desired = maps.Clone(t.Arguments)
	if def.Target != "" {
		target, err := convert.Convert(cty.StringVal(t.ID), q.kind.Attribute(def.Target).Type)
		if err != nil {
			return fmt.Errorf("%s of %s: %w", def.Target, def.Of, err)
		}
		q.call.Desired[def.Target] = target
		q.intent.Applied = q.call.Desired
		if _, err := r.alike(ctx, q); err != nil {
			return err
		}
	} else {
		q.intent.ObjectID, q.call.ID = t.ID, t.ID
	}
	var made *spec.Object
	err = r.carry(ctx, q, func(o *spec.Object) ([]state.Write, error) {
		made, done.Sent = o, true
		return []state.Write{r.taskRow(t.Address, def.Name, t.ID)}, nil
	})
	if err != nil {
		return err
	}
	kind, id := t.Address.Kind, t.ID
	if def.Makes != "" && made != nil && made.ID != "" && made.ID != t.ID {
		kind, id, done.ID = def.Makes, made.ID, made.ID
	} else if !def.Waits {
		return nil
	}
	if err := r.boundary(BoundaryWaiting); err != nil {
		return err
	}
	tell.base.ID = id
	o, err := q.client.Wait(ctx, kind, id, tell.waiting)
	done.Status = o.Status
	return err
}

// taskRow is the history row of something that was done to an object, and changed nothing that is recorded of it.
func (r *run) taskRow(a spec.Address, task, id string) state.AddChanges {
	return r.letGo(&plan.Change{Address: a, Action: plan.Task, Cause: plan.Cause(task)}, id)
}

// alike are the objects that could be mistaken for the one that a request is going to make. The intent notes their ids.
func (r *run) alike(ctx context.Context, q *request) ([]*spec.Object, error) {
	if !q.kind.Can(spec.OpList) {
		return nil, nil
	}
	objects, err := q.client.List(ctx, q.kind.Name)
	if err != nil {
		return nil, err
	}
	var alike []*spec.Object
	for i := range objects {
		if o := &objects[i]; plan.SameIdentity(q.kind, q.call.Desired, o) {
			alike = append(alike, o)
			q.intent.Seen = append(q.intent.Seen, o.ID)
		}
	}
	slices.Sort(q.intent.Seen)
	return alike, nil
}
