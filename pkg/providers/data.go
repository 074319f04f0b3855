package providers

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/vpsync/vpsync/pkg/spec"
	"github.com/zclconf/go-cty/cty"
)

// Ask asks the question of a data block: source is its name in the definition, arguments what it is asked with, in the
// configuration's words. The answer holds every attribute that the API may answer; one that it left out is null, and
// one in which it repeats a secret is sensitive. An error is always an *Error.
func (c *Client) Ask(ctx context.Context, source string, arguments spec.Values) (spec.Values, error) {
	q := c.def.Data[source]
	if q == nil {
		return nil, c.impossible(spec.DataPrefix+source, spec.OpRead, fmt.Errorf("%s has no data source %q", c.def.Name, source))
	}
	path, err := fillPath(q.Kind, q.Operation, Call{Kind: q.Schema.Name, Operation: spec.OpRead, Desired: arguments})
	if err != nil {
		return nil, c.impossible(q.Schema.Name, spec.OpRead, err)
	}
	asked, err := q.query(arguments)
	if err != nil {
		return nil, c.impossible(q.Schema.Name, spec.OpRead, err)
	}
	body, err := c.body(ctx, q, path, asked)
	if err != nil {
		return nil, err
	}
	o, err := decodeObject(q.Kind, body, q.Schema.Name, c.config.Secrets)
	if err != nil {
		return nil, c.unreadable(q.Kind, q.Operation, path, err)
	}
	answer := spec.Values{}
	for _, a := range q.Schema.Attributes {
		if !a.Computed {
			continue
		}
		v := o.Values[a.Name]
		if v == cty.NilVal {
			v = cty.NullVal(a.Type)
		}
		if slices.Contains(o.Repeats, a.Name) {
			v = v.Mark(spec.Sensitive)
		}
		answer[a.Name] = v
	}
	return answer, nil
}

// query is what of the arguments does not stand in the path.
func (q *Query) query(arguments spec.Values) (url.Values, error) {
	asked := url.Values{}
	inPath := placeholders(q.Operation.Path)
	for _, a := range q.Schema.Attributes {
		v, given := arguments[a.Name]
		if !given || v.IsNull() || slices.Contains(inPath, a.Name) {
			continue
		}
		wire := q.Wire[a.Name]
		v, _ = v.UnmarkDeep()
		if !v.IsWhollyKnown() {
			return nil, fmt.Errorf("%s is not known yet", a.Name)
		}
		parts := []cty.Value{v}
		if wire.Join != "" {
			parts = v.AsValueSlice()
		}
		var texts []string
		for _, part := range parts {
			part, err := sendAs(wire, part)
			if err != nil {
				return nil, err
			}
			text, ok := valueText(part)
			if !ok {
				return nil, fmt.Errorf("%s cannot stand in a query", a.Name)
			}
			texts = append(texts, text)
		}
		asked.Set(wire.SentAs, strings.Join(texts, wire.Join))
	}
	return asked, nil
}

// body is the object that answers: one that the API sends, or one made of the entries of all pages.
func (c *Client) body(ctx context.Context, q *Query, path string, asked url.Values) (map[string]any, error) {
	if q.Lists != "" {
		items, _, err := c.items(ctx, q.Schema.Name, q.Operation, path, asked)
		if err != nil {
			return nil, err
		}
		return q.listed(items), nil
	}
	query := queryOf(q.Operation)
	for name, values := range asked {
		query[name] = values
	}
	r := &request{kind: q.Schema.Name, op: q.Operation, method: q.Operation.Method, path: path, query: query, known: c.config.Secrets}
	a, err := c.send(ctx, r)
	if err != nil {
		return nil, err
	}
	if m, ok := c.answerOf(q, a.document); ok {
		if !q.answered(m) {
			if e := r.denial(c.def, c.config.Account, a); e != nil {
				return nil, e
			}
		}
		return m, nil
	}
	return nil, r.failure(Unknown, c.config.Account, a, errors.New("the answer is no object: "+quotedStart(r, a.body)))
}

// answered: the object holds something of what was asked.
func (q *Query) answered(m map[string]any) bool {
	return slices.ContainsFunc(q.Schema.Attributes, func(a *spec.Attribute) bool {
		_, ok := lookup(m, q.Wire[a.Name].ReadFrom)
		return a.Computed && ok
	})
}

// listed is the object that the entries of a list make.
func (q *Query) listed(items []any) map[string]any {
	if items == nil {
		items = []any{}
	}
	return map[string]any{string(q.Wire[q.Lists].ReadFrom): items}
}

// answerOf finds the object that answers, where the operation, or else the definition, says that it lies.
func (c *Client) answerOf(q *Query, document any) (map[string]any, bool) {
	paths := q.Operation.Answer
	if paths == nil {
		paths = c.def.Answer
	}
	for _, p := range paths {
		if v, ok := lookup(document, p); ok {
			if m, ok := v.(map[string]any); ok {
				return m, true
			}
		}
	}
	return nil, false
}
