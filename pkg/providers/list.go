package providers

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/vpsync/vpsync/internal/panics"
	"github.com/vpsync/vpsync/pkg/spec"
	"github.com/zclconf/go-cty/cty"
	"golang.org/x/sync/errgroup"
)

// List reads all pages: the first, then the rest concurrently. An object that shifted between pages
// appears once. Of a kind that lives under a parent it reads one list for each object of the parent's kind. What is being deleted
// is left out: it cannot be changed any more, and is as good as gone.
func (c *Client) List(ctx context.Context, kind string) ([]spec.Object, error) {
	objects, err := c.listAll(ctx, kind)
	return staying(objects), err
}

// listAll is List with what is being deleted.
func (c *Client) listAll(ctx context.Context, kind string) ([]spec.Object, error) {
	k, op, err := c.operation(kind, spec.OpList)
	if err != nil {
		return nil, c.impossible(kind, spec.OpList, err)
	}
	if k.Schema.Parent == "" {
		objects, pages, err := c.list(ctx, k, op, op.Path, "")
		c.noteCost(kind, pages)
		return objects, err
	}
	parents, err := c.List(ctx, k.Schema.Parent)
	if err != nil {
		return nil, err
	}
	if len(parents) > maxListedParent {
		return nil, c.impossible(kind, spec.OpList, fmt.Errorf("it takes one list for each of %d objects of kind %s", len(parents), k.Schema.Parent))
	}
	lists, pages := make([][]spec.Object, len(parents)), make([]int, len(parents))
	group, groupCtx := errgroup.WithContext(ctx)
	group.SetLimit(parentsAtOnce)
	for i, parent := range parents {
		group.Go(func() (err error) {
			defer panics.Into(&err)
			lists[i], pages[i], err = c.listUnder(groupCtx, kind, parent.ID)
			if err != nil && c.parentGone(groupCtx, k.Schema.Parent, parent.ID, err) {
				return nil // and so is what was under it
			}
			return err
		})
	}
	if err := panics.Again(group.Wait()); err != nil {
		return nil, err
	}
	var all []spec.Object
	cost := c.ListCost(k.Schema.Parent)
	for i, l := range lists {
		all = append(all, l...)
		cost += pages[i]
	}
	c.noteCost(kind, cost)
	return all, nil
}

// listUnder lists the objects of a kind that live under one parent. Their ids are composite: PARENT/ID.
func (c *Client) listUnder(ctx context.Context, kind, parent string) (objects []spec.Object, pages int, err error) {
	k, op, err := c.operation(kind, spec.OpList)
	if err != nil {
		return nil, 0, c.impossible(kind, spec.OpList, err)
	}
	path, err := fillPath(k, op, Call{Kind: kind, Desired: spec.Values{k.Schema.ParentAttribute: cty.StringVal(parent)}})
	if err != nil {
		return nil, 0, c.impossible(kind, spec.OpList, err)
	}
	return c.list(ctx, k, op, path, parent)
}

// parentGone: a list failed because its parent went since the parents were listed. The refusal alone does not prove it: where the
// definition has the wrong path, every such list is refused, and nothing may be taken for gone.
func (c *Client) parentGone(ctx context.Context, kind, id string, refusal error) bool {
	var e *Error
	if !errors.As(refusal, &e) || !e.gone() {
		return false
	}
	if c.def.Kinds[kind].Operations[spec.OpRead] != nil {
		_, found, err := c.Read(ctx, kind, id)
		return err == nil && !found
	}
	now, err := c.List(ctx, kind)
	return err == nil && !slices.ContainsFunc(now, func(o spec.Object) bool { return o.ID == id })
}

// list decodes a list, each object once, and says how many pages it took.
func (c *Client) list(ctx context.Context, k *Kind, op *Operation, path, parent string) ([]spec.Object, int, error) {
	items, pages, err := c.items(ctx, k.Schema.Name, op, path, nil)
	if err != nil {
		return nil, 0, err
	}
	objects, err := objectsOf(k, items, parent, c.config.Secrets)
	if err != nil {
		return nil, 0, c.unreadable(k, op, path, err)
	}
	return objects, pages, nil
}

// objectsOf decodes the entries of a list.
func objectsOf(k *Kind, items []any, parent string, known *Secrets) ([]spec.Object, error) {
	objects := make([]spec.Object, 0, len(items))
	seen := make(map[string]bool, len(items))
	for i, item := range items {
		m, _ := item.(map[string]any)
		id, err := idOf(k, m, known)
		if err != nil {
			return nil, fmt.Errorf("entry %d of the list: %w", i+1, err)
		}
		if id == "" {
			return nil, fmt.Errorf("entry %d of the list has no id", i+1)
		}
		if parent != "" {
			id = parent + "/" + id
		}
		if seen[id] {
			continue
		}
		seen[id] = true
		o, err := decodeObject(k, m, id, known)
		if err != nil {
			return nil, err
		}
		o.withParent(k, parent)
		objects = append(objects, o.Object)
	}
	return objects, nil
}

// Read reads one object; ok is false where the API says that there is none, or that it is being deleted.
func (c *Client) Read(ctx context.Context, kind, id string) (o spec.Object, ok bool, err error) {
	if o, ok, err = c.readAny(ctx, kind, id); o.Leaving {
		return spec.Object{}, false, err
	}
	return o, ok, err
}

// readAny is Read that shows what is being deleted, too.
func (c *Client) readAny(ctx context.Context, kind, id string) (o spec.Object, ok bool, err error) {
	k, op, err := c.operation(kind, spec.OpRead)
	if err != nil {
		return o, false, c.impossible(kind, spec.OpRead, err)
	}
	call := Call{Kind: kind, Operation: spec.OpRead, ID: id}
	path, err := fillPath(k, op, call)
	if err != nil {
		return o, false, c.impossible(kind, spec.OpRead, err)
	}
	r := &request{kind: kind, op: op, method: op.Method, path: path, query: queryOf(op), known: c.config.Secrets}
	a, err := c.send(ctx, r)
	if err != nil {
		var e *Error
		if errors.As(err, &e) && e.gone() {
			return o, false, nil
		}
		return o, false, err
	}
	d, err := c.objectIn(k, op, a.document, id)
	if errors.Is(err, errNoObject) {
		err = fmt.Errorf("%w: %s", err, quotedStart(r, a.body))
	}
	if err != nil {
		return o, false, c.unreadable(k, op, path, err)
	}
	return d.Object, true, nil
}

var errNoObject = errors.New("the answer holds no object with an id")

// objectIn is the object that a read was answered with. It must be the one that was asked for.
func (c *Client) objectIn(k *Kind, op *Operation, document any, id string) (decoded, error) {
	body, found, err := c.findObject(k, op, document)
	if err != nil {
		return decoded{}, err
	}
	if found == "" {
		return decoded{}, errNoObject
	}
	parent := ""
	if k.Schema.Parent != "" {
		parent, _, _ = strings.Cut(id, "/")
		found = parent + "/" + found
	}
	if found != id {
		return decoded{}, fmt.Errorf("the answer is about %q", shorten(found, 60))
	}
	d, err := decodeObject(k, body, id, c.config.Secrets)
	if err != nil {
		return decoded{}, err
	}
	d.withParent(k, parent)
	d.Detail = true
	return d, nil
}

// impossible is a read that cannot be sent at all.
func (c *Client) impossible(kind, operation string, err error) *Error {
	return &Error{Outcome: NotSent, Account: c.config.Account, Kind: kind, Operation: operation, Err: err}
}

// unreadable is an answer to a read that does not fit the definition.
func (c *Client) unreadable(k *Kind, op *Operation, path string, err error) *Error {
	r := &request{kind: k.Schema.Name, op: op, method: op.Method, path: path, known: c.config.Secrets}
	e := r.failure(Unknown, c.config.Account, nil, err)
	e.Unfit = true
	return e
}

// noteCost keeps how many requests a list of a kind took.
func (c *Client) noteCost(kind string, pages int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.pages[kind] = pages
}

// ListCost is how many requests the last list of a kind took, those for the objects that it lives under among them; 1 where there
// was none yet.
func (c *Client) ListCost(kind string) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return max(c.pages[kind], 1)
}

// pollOf is the poll that waiters of a kind share.
func (c *Client) pollOf(kind string) *sharedPoll {
	c.mu.Lock()
	defer c.mu.Unlock()
	p := c.polls[kind]
	if p == nil {
		p = &sharedPoll{turn: make(chan struct{}, 1)}
		c.polls[kind] = p
	}
	return p
}
