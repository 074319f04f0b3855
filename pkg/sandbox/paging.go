package sandbox

import (
	"cmp"
	"encoding/base64"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strconv"

	"github.com/vpsync/vpsync/pkg/providers"
	"github.com/zclconf/go-cty/cty"
)

// defaultLimit is the page size of a request that names none, where the API lets it.
const defaultLimit = 20

// list answers the objects of the kind, in order of creation, filtered and cut into pages.
func (c *call) list() (reply, *problem) {
	k := c.route.kind
	at := c.asOf
	objects := c.state.objects(k.name, at)
	if at.IsZero() {
		at = c.now
	}
	if p := c.checkParents(); p != nil {
		return reply{}, p
	}
	objects = slices.DeleteFunc(objects, func(o *object) bool {
		for name, want := range c.wanted() {
			a := k.byName[name]
			if a == nil || idOf(words(c.value(k, o, a, at), a.said)) != want {
				return true
			}
		}
		return false
	})
	page, p := c.cut(objects)
	if p != nil {
		return reply{}, p
	}
	items := make([]*document, len(page.objects))
	for i, o := range page.objects {
		items[i] = c.document(k, o, at, false, nil)
	}
	if paging := c.route.paging; paging.Items != "" {
		body := &document{}
		body.set(split(paging.Items), items)
		page.describe(body, paging)
		return jsonReply(c.route.success, c.header, body), nil
	}
	return jsonReply(c.route.success, c.header, items), nil
}

// wanted are the values that listed objects must have: what the path fixes, and filters.
func (c *call) wanted() map[string]string {
	wanted := maps.Clone(c.params)
	for name := range c.route.op.Filters {
		if c.query.Has(name) {
			wanted[name] = c.query.Get(name)
		}
	}
	return wanted
}

// page is a part of a list.
type page struct {
	objects                     []*object
	number, limit, total, pages int
	next                        string // URL or cursor; empty at the end
}

// describe says where in the list the page lies, as far as the definition has a place for it.
func (p page) describe(body *document, paging providers.Paging) {
	put := func(path providers.Path, v any) {
		if path != "" {
			body.set(split(path), v)
		}
	}
	if paging.Style == providers.PagingPage {
		put(paging.PageNumber, p.number)
		put(paging.PageLimit, p.limit)
	}
	put(paging.Total, p.total)
	if paging.Style == providers.PagingPage {
		put(paging.PageCount, p.pages)
	}
	if paging.Style == providers.PagingNext || paging.Style == providers.PagingCursor {
		var next any
		if p.next != "" {
			next = p.next
		}
		put(paging.Next, next)
	}
}

// cut takes the page that the query asks for.
func (c *call) cut(objects []*object) (page, *problem) {
	paging := c.route.paging
	out := page{objects: objects, number: 1, limit: len(objects), total: len(objects), pages: 1}
	if paging.Style == providers.PagingNone || paging.Style == "" {
		return out, nil
	}
	largest := max(1, paging.PageSize)
	out.limit = largest
	if paging.LimitParameter != "" {
		var p *problem
		if out.limit, p = c.whole(paging.LimitParameter, min(defaultLimit, largest), largest); p != nil {
			return out, p
		}
	}
	out.pages = (len(objects) + out.limit - 1) / out.limit
	if paging.Style == providers.PagingCursor {
		return c.cutAtCursor(out, paging.PageParameter)
	}
	number, p := c.whole(pageParameter(paging), 1, 1<<31-1)
	if p != nil {
		return out, p
	}
	out.number = number
	// A page number may be large enough to overflow a product.
	from := len(objects)
	if number <= out.pages {
		from = (number - 1) * out.limit
	}
	to := min(len(objects), from+out.limit)
	out.objects = objects[from:to]
	if paging.Style == providers.PagingNext && to < len(objects) {
		out.next = c.with(pageParameter(paging), strconv.Itoa(number+1))
	}
	return out, nil
}

// pageParameter is the parameter of the page's number; an API that answers URLs need not tell its name.
func pageParameter(p providers.Paging) string { return cmp.Or(p.PageParameter, "page") }

// cutAtCursor goes on after the object that the cursor names, whether or not that still exists.
func (c *call) cutAtCursor(out page, parameter string) (page, *problem) {
	after := 0
	if token := c.query.Get(parameter); token != "" {
		text, err := base64.RawURLEncoding.DecodeString(token)
		if err == nil {
			after, err = strconv.Atoi(string(text))
		}
		if err != nil {
			return out, invalid(parameter, "is not a cursor of this API")
		}
	}
	from, _ := slices.BinarySearchFunc(out.objects, after+1, func(o *object, seq int) int { return cmp.Compare(o.seq, seq) })
	to := min(len(out.objects), from+out.limit)
	if to < len(out.objects) {
		out.next = base64.RawURLEncoding.EncodeToString([]byte(strconv.Itoa(out.objects[to-1].seq)))
	}
	out.objects = out.objects[from:to]
	return out, nil
}

// with is the URL of the request with one parameter changed.
func (c *call) with(parameter, value string) string {
	query := maps.Clone(c.query)
	query.Set(parameter, value)
	if auth := c.model.def.Auth; auth.Scheme == providers.AuthQuery {
		query.Del(auth.Name) // a token has no place in an answer
	}
	u := url.URL{Scheme: c.url.Scheme, Host: c.url.Host, Path: c.url.Path, RawPath: c.url.RawPath, RawQuery: query.Encode()}
	return u.String()
}

// whole reads a parameter that counts from 1.
func (c *call) whole(parameter string, otherwise, largest int) (int, *problem) {
	if !c.query.Has(parameter) {
		return otherwise, nil
	}
	n, err := strconv.Atoi(c.query.Get(parameter))
	if err != nil || n < 1 || n > largest {
		return 0, invalid(parameter, fmt.Sprintf("must be a whole number from 1 to %d", largest))
	}
	return n, nil
}

// checkQuery refuses parameters that the operation does not have.
func (c *call) checkQuery() *problem {
	for _, name := range slices.Sorted(maps.Keys(c.query)) {
		if len(c.query[name]) > 1 {
			return invalid(name, "is given more than once")
		}
		if auth := c.model.def.Auth; auth.Scheme == providers.AuthQuery && name == auth.Name {
			continue
		}
		if _, ok := c.route.op.Query[name]; ok {
			continue
		}
		if c.route.verb == verbAsk {
			if a := c.route.kind.sentAs(name); (a == nil || !a.Required && !a.Optional) && !c.pages(name) {
				return invalid(name, "is not a parameter of this operation")
			}
			continue
		}
		if c.route.verb != "list" {
			return invalid(name, "is not a parameter of this operation")
		}
		accepted, ok := c.route.op.Filters[name]
		if ok && len(accepted) > 0 && !slices.Contains(accepted, c.query.Get(name)) {
			return invalid(name, "must be one of "+join(accepted))
		}
		if !ok && !c.pages(name) {
			return invalid(name, "is not a parameter of this operation")
		}
	}
	return nil
}

// pages reports whether a parameter chooses a page.
func (c *call) pages(name string) bool {
	paging := c.route.paging
	switch paging.Style {
	case providers.PagingPage, providers.PagingNext:
		return name == pageParameter(paging) || name == paging.LimitParameter
	case providers.PagingCursor:
		return name == paging.PageParameter || name == paging.LimitParameter
	}
	return false
}

// checkParents answers 404 where the path leads through an object that does not exist.
func (c *call) checkParents() *problem {
	for name, id := range c.params {
		a := c.route.kind.byName[name]
		if a == nil || a.Refers == "" {
			continue
		}
		if above := c.state.object(a.Refers, id); above == nil || !above.leaving.IsZero() {
			return notFound(a.Refers, id)
		}
	}
	return nil
}

// idOf is the text of a simple value, as it stands in a path or a query.
func idOf(v cty.Value) string {
	switch j := toJSON(v).(type) {
	case nil:
		return ""
	case string:
		return j
	default:
		return fmt.Sprint(j)
	}
}
