package providers

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"github.com/vpsync/vpsync/pkg/spec"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"
)

// An answer fits where the engine could work with it: it lies where the definition says, has an id where an object has one, what is
// read of it has the types of the definition, and what every object must have is there. A member that some objects lack proves nothing:
// APIs leave out what is not set.

// listed is the first page of a kind's list.
type listed struct {
	judgement
	objects []spec.Object // those that nobody deletes
}

// list reads the first page of a kind's list; of a kind under a parent, that of one parent.
func (x *examiner) list(ctx context.Context, k *Kind) *listed {
	name := k.Schema.Name
	if known := x.lists[name]; known != nil {
		return known
	}
	l := &listed{}
	op := k.Operations[spec.OpList]
	if op == nil {
		l.why = fmt.Sprintf("the API lists no %s, so no id of one is known", name)
		return l
	}
	parent, values := "", spec.Values{}
	if k.Schema.Parent != "" {
		above, problem := x.sample(ctx, k.Schema.Parent)
		if problem != nil {
			l.judgement = *problem
			return l
		}
		parent, values = above.ID, spec.Values{k.Schema.ParentAttribute: cty.StringVal(above.ID)}
	}
	path, err := fillPath(k, op, Call{Kind: name, Operation: spec.OpList, Desired: values})
	if err != nil {
		l.why = err.Error()
		return l
	}
	reading := x.c.listing(name, op, path, nil)
	var r *reply
	if r, l.judgement = x.ask(ctx, name, op, path, reading.first()); r == nil {
		return l
	}
	x.lists[name] = l
	if r.err != nil {
		return l
	}
	entries, err := reading.entries(r.answer.document)
	if err != nil {
		l.refute = fmt.Errorf("%w: it is %s", err, shapeOf(r))
		return l
	}
	objects, err := objectsOf(k, entries, parent, x.c.config.Secrets)
	if err == nil {
		err = lacks(k, entries, false, len(entries))
	}
	if err != nil {
		l.refute = err
		return l
	}
	l.objects = staying(objects)
	l.note = notes(op, r, k, objects)
	if len(entries) == 0 {
		l.note = joinNotes(l.note, "the list is empty, so no object was looked at")
	}
	return l
}

// sample is an object of a kind, best one that is ready, or why there is none.
func (x *examiner) sample(ctx context.Context, kind string) (spec.Object, *judgement) {
	l := x.list(ctx, x.c.def.Kinds[kind])
	if len(l.objects) == 0 {
		none := judgement{why: l.why, failed: l.failed}
		switch {
		case l.why != "":
		case x.stopped != "":
			none.why, none.failed = x.stopped, x.failed
		case l.refute != nil, l.reply.err != nil:
			none.why = fmt.Sprintf("it takes the id of one %s, and their list could not be read", kind)
			_, none.failed, _ = l.reply.told()
		default:
			none.why = fmt.Sprintf("it takes the id of one %s, and there is none", kind)
		}
		return spec.Object{}, &none
	}
	if i := slices.IndexFunc(l.objects, func(o spec.Object) bool { return o.Ready }); i >= 0 {
		return l.objects[i], nil
	}
	return l.objects[0], nil
}

// read reads one object that the list holds.
func (x *examiner) read(ctx context.Context, k *Kind, op *Operation) judgement {
	r, j, id := x.askOf(ctx, k, op)
	if r == nil || r.err != nil {
		return j
	}
	d, err := x.c.objectIn(k, op, r.answer.document, id)
	if errors.Is(err, errNoObject) {
		err = fmt.Errorf("%w: it is %s", err, shapeOf(r))
	}
	if err == nil {
		body, _, _ := x.c.findObject(k, op, r.answer.document)
		err = lacks(k, []any{body}, true, 1)
	}
	if j.refute = err; err == nil {
		j.note = notes(op, r, k, []spec.Object{d.Object})
	}
	return j
}

// wait asks the wait's own request about one object that the list holds.
func (x *examiner) wait(ctx context.Context, k *Kind) judgement {
	w := k.Wait
	r, j, id := x.askOf(ctx, k, w.Operation)
	if r == nil || r.err != nil {
		return j
	}
	values, problems := decodeValues(w.Attributes, w.Wire, r.answer.document, id)
	j.refute = errors.Join(problems...)
	for _, name := range slices.Sorted(maps.Keys(w.Ready)) {
		if v := values[name]; j.refute == nil && (v == cty.NilVal || v.IsNull()) {
			j.refute = fmt.Errorf("the answer has no %s, which tells when one %s is ready: it is %s", w.Wire[name].ReadFrom, k.Schema.Name, shapeOf(r))
		}
	}
	if j.refute == nil {
		j.note = notes(w.Operation, r, nil, nil)
	}
	return j
}

// askOf asks about one object of a kind.
func (x *examiner) askOf(ctx context.Context, k *Kind, op *Operation) (*reply, judgement, string) {
	object, problem := x.sample(ctx, k.Schema.Name)
	if problem != nil {
		return nil, *problem, ""
	}
	path, err := fillPath(k, op, Call{Kind: k.Schema.Name, Operation: op.Schema.Name, ID: object.ID, Desired: object.Values})
	if err != nil {
		return nil, judgement{why: err.Error()}, ""
	}
	r, j := x.ask(ctx, k.Schema.Name, op, path, queryOf(op))
	return r, j, object.ID
}

// query asks the question of a data block with what it must be given.
func (x *examiner) query(ctx context.Context, q *Query) judgement {
	arguments := spec.Values{}
	for _, a := range q.Schema.Attributes {
		if !a.Required {
			continue
		}
		v, problem := x.argument(ctx, a)
		if problem != nil {
			return *problem
		}
		arguments[a.Name] = v
	}
	name, op := q.Schema.Name, q.Operation
	path, err := fillPath(q.Kind, op, Call{Kind: name, Operation: spec.OpRead, Desired: arguments})
	var asked url.Values
	if err == nil {
		asked, err = q.query(arguments)
	}
	if err != nil {
		return judgement{why: err.Error()}
	}
	reading := x.c.listing(name, op, path, asked)
	sent := reading.base()
	if q.Lists != "" {
		sent = reading.first()
	}
	r, j := x.ask(ctx, name, op, path, sent)
	if r == nil || r.err != nil {
		return j
	}
	if j.refute = x.c.answers(q, reading, r); j.refute == nil {
		j.note = notes(op, r, nil, nil)
	}
	return j
}

// argument is a value for what a question must be given.
func (x *examiner) argument(ctx context.Context, a *spec.Attribute) (cty.Value, *judgement) {
	if a.Refers != "" {
		object, problem := x.sample(ctx, a.Refers)
		if problem != nil {
			return cty.NilVal, problem
		}
		if v, err := convert.Convert(cty.StringVal(object.ID), a.Type); err == nil {
			return v, nil
		}
	}
	for _, c := range a.Checks {
		if len(c.OneOf) > 0 && c.OneOf[0].Type().Equals(a.Type) {
			return c.OneOf[0], nil
		}
	}
	return cty.NilVal, &judgement{why: fmt.Sprintf("it takes %s, which nothing in the definition leads to", a.Name)}
}

// answers says why an answer is none to a question.
func (c *Client) answers(q *Query, reading *listing, r *reply) error {
	var body map[string]any
	if q.Lists != "" {
		entries, err := reading.entries(r.answer.document)
		if err != nil {
			return fmt.Errorf("%w: it is %s", err, shapeOf(r))
		}
		body = q.listed(entries)
		if err := strangers(q, entries); err != nil {
			return err
		}
	} else {
		var ok bool
		if body, ok = c.answerOf(q, r.answer.document); !ok {
			return fmt.Errorf("the answer is no object: it is %s", shapeOf(r))
		}
		var wanted []string
		for _, a := range q.Schema.Attributes {
			if _, ok := lookup(body, q.Wire[a.Name].ReadFrom); a.Computed && ok {
				wanted = nil
				break
			} else if a.Computed {
				wanted = append(wanted, string(q.Wire[a.Name].ReadFrom))
			}
		}
		if len(wanted) > 0 {
			return fmt.Errorf("the answer holds none of %s: it is %s", strings.Join(wanted, ", "), shapeOf(r))
		}
	}
	_, err := decodeObject(q.Kind, body, q.Schema.Name, nil)
	return err
}

// strangers: the entries of a list have nothing of what the definition says that each has.
func strangers(q *Query, entries []any) error {
	element := q.Schema.Attribute(q.Lists).Type.ElementType()
	if !element.IsObjectType() || len(entries) == 0 {
		return nil
	}
	seen := map[string]bool{}
	for _, e := range entries {
		m, _ := e.(map[string]any)
		for name := range element.AttributeTypes() {
			seen[name] = seen[name] || m[name] != nil
		}
	}
	names := slices.Sorted(maps.Keys(seen))
	if !slices.ContainsFunc(names, func(n string) bool { return seen[n] }) {
		return fmt.Errorf("the entries of the list hold none of %s", strings.Join(names, ", "))
	}
	if id, has := seen["id"]; has && !id {
		return errors.New("no entry of the list has an id")
	}
	return nil
}

// lacks: an attribute that every object has is in none of those that were answered.
func lacks(k *Kind, entries []any, detail bool, n int) error {
	if n == 0 {
		return nil
	}
	for _, a := range k.Schema.Attributes {
		if !a.Required || a.Unreadable || a.DetailOnly && !detail || a.Name == k.Schema.ParentAttribute {
			continue
		}
		from := k.Wire[a.Name].ReadFrom
		if !slices.ContainsFunc(entries, func(e any) bool { v, _ := lookup(e, from); return v != nil }) {
			return fmt.Errorf("the answer has no %s, where %s of the %s is read", from, a.Name, k.Schema.Name)
		}
	}
	return nil
}

// notes are what is worth knowing of an answer that fits.
func notes(op *Operation, r *reply, k *Kind, objects []spec.Object) string {
	note := ""
	if r.answer.status != op.Success {
		note = fmt.Sprintf("it answers %d where the definition says %d", r.answer.status, op.Success)
	}
	if k == nil {
		return note
	}
	form := idForm(k.ID)
	for _, o := range objects {
		if _, own, ok := strings.Cut(o.ID, "/"); ok && k.Schema.Parent != "" {
			o.ID = own
		}
		if !form.MatchString(o.ID) {
			return joinNotes(note, fmt.Sprintf("the id %q is not like %s", shorten(o.ID, 60), k.ID))
		}
	}
	return note
}

var digits = regexp.MustCompile(`[0-9]+`)

// idForm is what ids look like that are like an example.
func idForm(example string) *regexp.Regexp {
	return regexp.MustCompile("^" + digits.ReplaceAllString(regexp.QuoteMeta(example), "[0-9]+") + "$")
}

func joinNotes(a, b string) string {
	if a == "" {
		return b
	}
	return a + "; " + b
}

// maxMembers bounds how many names of an answer are told.
const maxMembers = 12

// shapeOf describes an answer without its values, which may be anybody's.
func shapeOf(r *reply) string {
	switch v := r.answer.document.(type) {
	case nil:
		return "empty"
	case []any:
		return "a list"
	case map[string]any:
		if len(v) == 0 {
			return "an object without members"
		}
		names := slices.Sorted(maps.Keys(v))
		rest := ""
		if len(names) > maxMembers {
			names, rest = names[:maxMembers], ", …"
		}
		for i, name := range names {
			names[i] = shorten(r.request.scrub(name), 40)
		}
		return "an object with " + strings.Join(names, ", ") + rest
	}
	return "a single value"
}
