package sandbox

import (
	"crypto/subtle"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/vpsync/vpsync/pkg/providers"
	"github.com/vpsync/vpsync/pkg/spec"
)

// request is one that arrived, whichever way.
type request struct {
	method string
	url    *url.URL // with scheme and host
	header http.Header
	body   []byte // one byte more than maxBody where there was more
}

// maxBody is how many bytes a request may carry.
const maxBody = 1 << 20

// reply is an answer, and what becomes of it.
type reply struct {
	status int // 0: none is given
	header http.Header
	body   []byte
	fault  FaultKind
	lasts  time.Duration // of a hang
}

// call is a request while it is looked after: what it wants, what there is, and the record of what it does.
type call struct {
	*Sandbox
	request
	state  *state
	record *record
	now    time.Time
	header http.Header // of the answer
	route  *route
	params map[string]string
	query  url.Values
	asOf   time.Time // lists show the account of then; zero is now
}

// handle does the work of one request in one transaction. A hang and a closed connection are left to
// the transport; nothing waits in here.
func (s *Sandbox) handle(q request) reply {
	var out reply
	worked := false
	err := s.expire()
	if err == nil {
		err = s.take(q, &out, &worked)
	}
	if err != nil {
		p := &problem{status: http.StatusInternalServerError, code: "INTERNAL_ERROR", message: err.Error()}
		return p.reply(s.model.def, s.now(), 0, http.Header{})
	}
	if worked && s.options.Boundary != nil {
		s.options.Boundary(BoundaryWorked)
	}
	return out
}

// take is the transaction of a request: it sets its reply, and whether it changed anything.
func (s *Sandbox) take(q request, out *reply, worked *bool) error {
	return s.store.update(func(st *state, r *record) error {
		r.At = s.now()
		path := s.model.local(q.url)
		routes, params := s.model.match(q.method, path)
		c := &call{Sandbox: s, request: q, state: st, record: r, now: r.At, header: http.Header{}, params: params}
		entry := LogEntry{Time: r.At, Method: q.method, Path: c.logged(path)}
		if len(routes) > 0 {
			c.route, entry.Operation = routes[0], routes[0].name
		}
		fault := strike(st, r, q.method, path, len(routes) > 0 && routes[0].verb == spec.OpList)
		if fault != nil {
			entry.Fault = fault.Do
		}
		*out = c.faulted(fault)
		if out.fault == "" {
			done := c.answer(routes, fault)
			*out, entry.Done = done, done.status < 300
			entry.Operation = operationName(c.route)
			if fault != nil && fault.Do != FaultLag {
				out.fault = fault.Do
			}
			*worked = entry.Done && c.route != nil && !c.route.reads()
		}
		entry.Status = out.status
		if out.fault == FaultCloseAfter {
			entry.Status = 0
		}
		r.Log = []LogEntry{entry}
		return nil
	})
}

func operationName(r *route) string {
	if r == nil {
		return ""
	}
	return r.name
}

// faulted is the reply of a fault that leaves the work undone; its fault is empty where the work is to be done.
func (c *call) faulted(f *Fault) reply {
	if f == nil {
		return reply{}
	}
	switch f.Do {
	case FaultCloseBefore:
		return reply{fault: f.Do}
	case FaultHang:
		return reply{fault: f.Do, lasts: f.For}
	case FaultHTML:
		h := http.Header{"Content-Type": {"text/html; charset=utf-8"}}
		body := "<!DOCTYPE html>\n<html><head><title>Maintenance</title></head><body><h1>We will be right back</h1></body></html>\n"
		return reply{status: http.StatusOK, header: h, body: []byte(body), fault: f.Do}
	case FaultStatus:
		p := &problem{status: f.Status, code: codeOf(f.Status), message: http.StatusText(f.Status)}
		out := p.reply(c.model.def, c.now, c.state.arrived, http.Header{})
		if f.Body != "" {
			out.body = []byte(f.Body)
		}
		for name, values := range f.Header {
			out.header[http.CanonicalHeaderKey(name)] = values
		}
		out.fault = f.Do
		return out
	}
	return reply{}
}

// answer does what the request asks for. It looks at the token first, then at the budget, and only then at what
// is wanted, as a gateway before an API does.
func (c *call) answer(routes []*route, f *Fault) reply {
	if f != nil && f.Do == FaultLag {
		c.asOf = c.now.Add(-f.For)
	}
	out, p := c.dispatch(routes)
	if p != nil {
		// What a refused request had prepared is not done.
		c.record.Put, c.record.Gone, c.record.Next = nil, nil, nil
		return p.reply(c.model.def, c.now, c.state.arrived, c.header)
	}
	return out
}

func (c *call) dispatch(routes []*route) (reply, *problem) {
	query, err := url.ParseQuery(c.url.RawQuery)
	c.query = query
	if !c.authorized() {
		return reply{}, &problem{status: http.StatusUnauthorized, code: "UNAUTHORIZED", message: "Invalid or missing API key"}
	}
	class := c.model.def.Schema.DefaultRateLimit
	if c.route != nil {
		class = c.route.class
	}
	if p := c.count(class); p != nil {
		return reply{}, p
	}
	switch {
	case c.route == nil:
		return reply{}, &problem{status: http.StatusNotFound, code: "RESOURCE_NOT_FOUND", message: "The requested path could not be found"}
	case c.route.absent != "":
		return reply{}, &problem{status: http.StatusNotFound, code: "RESOURCE_NOT_FOUND", message: c.route.absent}
	case err != nil:
		return reply{}, invalid("query", "cannot be parsed")
	}
	fields, p := c.decode()
	if p != nil {
		return reply{}, p
	}
	c.route = choose(routes, fields)
	if p := c.checkQuery(); p != nil {
		return reply{}, p
	}
	switch c.route.verb {
	case spec.OpList:
		return c.list()
	case verbAsk:
		return c.ask()
	case verbTask:
		return c.perform(fields)
	case spec.OpCreate:
		return c.create(fields)
	}
	o, p := c.target()
	if p != nil {
		return reply{}, p
	}
	switch c.route.verb {
	case spec.OpRead:
		return c.answerObject(o, true), nil
	case verbWait:
		return c.answerWait(o), nil
	case spec.OpDelete:
		c.remove(o)
		return c.answerDelete(o), nil
	}
	return c.change(o, fields)
}

// target is the object that the path names.
func (c *call) target() (*object, *problem) {
	k := c.route.kind
	o := c.state.object(k.name, c.params["id"])
	if o == nil {
		return nil, notFound(k.name, c.params["id"])
	}
	for name, want := range c.params {
		if a := k.byName[name]; a != nil && !c.route.pathSets(name) && idOf(o.values[name]) != want {
			return nil, notFound(k.name, c.params["id"])
		}
	}
	if !o.leaving.IsZero() && c.route.verb != spec.OpRead && c.route.verb != spec.OpDelete {
		return nil, notFound(k.name, c.params["id"])
	}
	return o, nil
}

// authorized: the request carries the token of this account.
func (c *call) authorized() bool { return c.opens(c.request.header, c.query) }

// opens compares the token of a request in constant time. An empty token opens nothing.
func (s *Sandbox) opens(header http.Header, query url.Values) bool {
	auth := s.model.def.Auth
	given := ""
	switch auth.Scheme {
	case providers.AuthBearer:
		if scheme, token, ok := strings.Cut(header.Get("Authorization"), " "); ok && strings.EqualFold(scheme, "Bearer") {
			given = token
		}
	case providers.AuthHeader:
		given = header.Get(auth.Name)
	case providers.AuthQuery:
		given = query.Get(auth.Name)
	case providers.AuthBasic:
		r := http.Request{Header: header}
		if user, password, ok := r.BasicAuth(); ok && user == auth.Name {
			given = password
		}
	}
	return s.options.Token != "" && subtle.ConstantTimeCompare([]byte(given), []byte(s.options.Token)) == 1
}

// logged is path and query as the log keeps them: without a token.
func (c *call) logged(path string) string {
	query := c.url.RawQuery
	if auth := c.model.def.Auth; auth.Scheme == providers.AuthQuery && query != "" {
		values, _ := url.ParseQuery(query)
		values.Del(auth.Name)
		query = values.Encode()
	}
	if query == "" {
		return path
	}
	return path + "?" + query
}
