package providers

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"sync"

	"github.com/vpsync/vpsync/internal/panics"
	"golang.org/x/sync/errgroup"
)

// Bounds of one list, so that an API that promises a million pages costs a message and not a day.
const (
	maxPages        = 2000
	maxEmptyPages   = 20 // in a row, each of which names another: some APIs filter after they cut pages
	pagesAtOnce     = 4
	parentsAtOnce   = 4
	maxListedParent = 10000
)

// items reads all entries of a list, in the order of the pages, and how many pages it took. Asked goes into the query of each.
func (c *Client) items(ctx context.Context, kind string, op *Operation, path string, asked url.Values) ([]any, int, error) {
	l := c.listing(kind, op, path, asked)
	switch l.paging.Style {
	case PagingPage:
		return l.numbered(ctx)
	case PagingNext, PagingCursor:
		return l.chained(ctx)
	}
	items, _, err := l.page(ctx, l.first(), nil)
	return items, 1, err
}

// listing is a reading of a list that has not begun.
func (c *Client) listing(kind string, op *Operation, path string, asked url.Values) *listing {
	p := c.def.Paging
	if op.Paging != nil {
		p = *op.Paging
	}
	return &listing{c: c, kind: kind, op: op, path: path, asked: asked, paging: p}
}

// listing is one reading of one list.
type listing struct {
	c      *Client
	kind   string
	op     *Operation
	path   string
	asked  url.Values
	paging Paging
}

// page reads one page and its document.
func (l *listing) page(ctx context.Context, query url.Values, next *url.URL) ([]any, any, error) {
	r := &request{kind: l.kind, op: l.op, method: l.op.Method, path: l.path, query: query, next: next, known: l.c.config.Secrets}
	a, err := l.c.send(ctx, r)
	if err != nil {
		return nil, nil, err
	}
	list, err := l.entries(a.document)
	if err != nil {
		return nil, nil, l.broken(a, fmt.Errorf("%w: %s", err, quotedStart(r, a.body)))
	}
	return list, a.document, nil
}

// entries are those of one page: where the definition says that they lie, or the page itself.
func (l *listing) entries(document any) ([]any, error) {
	if v, ok := lookup(document, l.paging.Items); ok {
		if list, ok := v.([]any); ok {
			return list, nil
		}
	}
	if list, ok := document.([]any); ok {
		return list, nil
	}
	where := "as a whole"
	if l.paging.Items != "" {
		where = fmt.Sprintf("at %q", l.paging.Items)
	}
	return nil, fmt.Errorf("the answer is no list %s", where)
}

// broken is a list that cannot be read as the definition says.
func (l *listing) broken(a *answer, err error) *Error {
	r := &request{kind: l.kind, op: l.op, method: l.op.Method, path: l.path, known: l.c.config.Secrets}
	return r.failure(Unknown, l.c.config.Account, a, err)
}

// base is what the query of each page holds.
func (l *listing) base() url.Values {
	q := queryOf(l.op)
	for name, values := range l.asked {
		q[name] = values
	}
	return q
}

// first is the query of the first page.
func (l *listing) first() url.Values {
	switch l.paging.Style {
	case PagingPage:
		return l.query("1")
	case PagingNext, PagingCursor:
		return l.query("")
	}
	return l.base()
}

func (l *listing) query(page string) url.Values {
	q := l.base()
	if l.paging.LimitParameter != "" {
		q.Set(l.paging.LimitParameter, strconv.Itoa(l.paging.PageSize))
	}
	if page != "" {
		q.Set(l.paging.PageParameter, page)
	}
	return q
}

// numbered reads page numbers: the first page tells how many there are, the rest are read side by side. Pages that
// come to be while reading are read, too; pages that vanished are empty.
func (l *listing) numbered(ctx context.Context) ([]any, int, error) {
	first, document, err := l.page(ctx, l.first(), nil)
	if err != nil {
		return nil, 0, err
	}
	pages := [][]any{first}
	var mu sync.Mutex
	count, err := l.count(document, len(first), 1)
	for err == nil && len(pages) < count {
		from := len(pages)
		pages = append(pages, make([][]any, count-from)...)
		group, groupCtx := errgroup.WithContext(ctx)
		group.SetLimit(pagesAtOnce)
		for i := from; i < len(pages); i++ {
			group.Go(func() (err error) {
				defer panics.Into(&err)
				items, document, err := l.page(groupCtx, l.query(strconv.Itoa(i+1)), nil)
				if err != nil {
					return err
				}
				n, err := l.count(document, len(items), i+1)
				if err != nil {
					return err
				}
				mu.Lock()
				defer mu.Unlock()
				pages[i] = items
				count = max(count, n)
				return nil
			})
		}
		err = panics.Again(group.Wait())
	}
	if err != nil {
		return nil, 0, err
	}
	var all []any
	for _, p := range pages {
		all = append(all, p...)
	}
	return all, len(pages), nil
}

// count is how many pages there are, as one page tells: by number, else by the total. Without either the answer is
// the whole list.
func (l *listing) count(document any, items, page int) (int, error) {
	n := 1
	if v, ok := lookup(document, l.paging.PageCount); ok && l.paging.PageCount != "" {
		if pages, ok := wholeNumber(v); ok {
			n = pages
		}
	} else if v, ok := lookup(document, l.paging.Total); ok && l.paging.Total != "" {
		if total, ok := wholeNumber(v); ok {
			size := l.paging.PageSize
			if v, ok := lookup(document, l.paging.PageLimit); ok && l.paging.PageLimit != "" {
				if limit, ok := wholeNumber(v); ok && limit > 0 {
					size = limit
				}
			} else if page == 1 && items > 0 && items < total {
				size = items
			}
			if size > 0 {
				if n = total / size; total%size > 0 {
					n++
				}
			}
		}
	}
	if n > maxPages {
		return 0, l.broken(nil, fmt.Errorf("the API speaks of %d pages; at most %d are read", n, maxPages))
	}
	return n, nil
}

// chained reads page after page, each of which names the next: by URL or by cursor.
func (l *listing) chained(ctx context.Context) ([]any, int, error) {
	var all []any
	seen := map[string]bool{}
	query, next := l.first(), (*url.URL)(nil)
	empty := 0
	for pages := 1; ; pages++ {
		items, document, err := l.page(ctx, query, next)
		if err != nil {
			return nil, 0, err
		}
		all = append(all, items...)
		if empty++; len(items) > 0 {
			empty = 0
		}
		v, _ := lookup(document, l.paging.Next)
		mark, _ := primitiveText(v)
		if mark == "" || mark == "false" {
			return all, pages, nil
		}
		switch {
		case seen[mark]:
			err = errors.New("the API leads in a circle from page to page")
		case pages >= maxPages:
			err = fmt.Errorf("the list has more than %d pages", maxPages)
		case empty >= maxEmptyPages:
			err = fmt.Errorf("%d pages in a row are empty, and the last of them leads to another: no more are read", empty)
		case l.paging.Style == PagingNext:
			next, err = l.c.nextPage(l.path, mark)
		default:
			query = l.query(mark)
		}
		if err != nil {
			return nil, 0, l.broken(nil, err)
		}
		seen[mark] = true
	}
}

// nextPage checks the URL that an answer gives: it must stay on the account's host and below its base path, since the
// token goes there.
func (c *Client) nextPage(path, mark string) (*url.URL, error) {
	current, err := url.Parse(c.endpoint.String() + path)
	if err != nil {
		return nil, err
	}
	u, err := current.Parse(mark)
	if err != nil {
		return nil, errors.New("the URL of the next page is none")
	}
	u.Fragment = ""
	base := strings.TrimRight(c.endpoint.EscapedPath(), "/") + "/"
	if u.Scheme != c.endpoint.Scheme || u.Host != c.endpoint.Host || u.User != nil || !strings.HasPrefix(u.EscapedPath(), base) || strings.Contains(u.Path, "..") {
		return nil, fmt.Errorf("the next page lies outside of %s, at host %q: vpsync does not go there", c.endpoint, shorten(u.Host, 120))
	}
	return u, nil
}
