package sandbox

import (
	"maps"
	"net/url"
	"slices"
	"strings"

	"github.com/vpsync/vpsync/pkg/providers"
	"github.com/vpsync/vpsync/pkg/spec"
	"github.com/zclconf/go-cty/cty"
)

// route is one operation of the definition, where requests find it.
type route struct {
	name     string // "server.create"
	verb     string // "create"
	method   string
	segments []string         // of the path; {name} stands for any
	open     int              // how many of them stand for any
	kind     *kind            // or what a query asks and answers
	query    *providers.Query // nil of a kind's operation
	op       *providers.Operation
	sends    []*attribute // what its body may carry
	inPath   []*attribute // what its path sets, rather than says which object is meant
	brings   []effect     // what it sets by being called at all
	encoding providers.Encoding
	class    string // of rate limits
	success  int
	answer   []string // where one object lies in the answer
	paging   providers.Paging
	task     *providers.Task // whose request it is, or nil
	// absent says why the sandbox cannot do it although the definition names it, or is empty.
	absent string
}

// effect is a value that an attribute gets.
type effect struct {
	attr  *attribute
	value cty.Value
}

// verbWait is a wait's own request.
const verbWait = "wait"

// reads: the request changes nothing.
func (r *route) reads() bool {
	return r.verb == spec.OpList || r.verb == spec.OpRead || r.verb == verbWait
}

// compileRoutes lists the operations, those with fewer open segments first, so that /servers/stats is not taken for
// a server called stats.
func compileRoutes(m *model) []*route {
	var routes []*route
	for _, name := range m.names {
		k := m.kinds[name]
		for _, verb := range verbs(k) {
			routes = append(routes, compileRoute(m, k, verb, k.def.Operations[verb]))
		}
		if w := k.def.Wait; w != nil && w.Operation != nil {
			routes = append(routes, compileRoute(m, k, verbWait, w.Operation))
		}
	}
	for _, name := range slices.Sorted(maps.Keys(m.def.Data)) {
		if op := m.def.Data[name].Operation; op != nil {
			// A list of a kind's objects is answered as the kind's.
			if !slices.ContainsFunc(routes, func(r *route) bool {
				return r.method == op.Method && sameSegments(r.segments, strings.Split(op.Path, "/"))
			}) {
				r := newRoute(m, spec.DataPrefix+name, op)
				r.verb, r.query, r.kind = verbAsk, m.def.Data[name], m.data[name]
				routes = append(routes, r)
			}
		}
	}
	for _, on := range slices.Sorted(maps.Keys(m.def.Tasks)) {
		for _, name := range slices.Sorted(maps.Keys(m.def.Tasks[on])) {
			if t := m.def.Tasks[on][name]; t.Call == providers.TaskOperation(name) {
				routes = append(routes, compileTask(m, t))
			}
		}
	}
	slices.SortStableFunc(routes, func(a, b *route) int { return a.open - b.open })
	return routes
}

// sameSegments: two paths lead to the same place, whatever their placeholders are called.
func sameSegments(a, b []string) bool {
	return slices.EqualFunc(a, b, func(x, y string) bool { return x == y || isOpen(x) && isOpen(y) })
}

// verbs are the names of a kind's operations in the order of the definition.
func verbs(k *kind) []string {
	var names []string
	for _, name := range k.schema.OperationOrder {
		if k.def.Operations[name] != nil {
			names = append(names, name)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(k.def.Operations)) {
		if !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return names
}

func newRoute(m *model, name string, op *providers.Operation) *route {
	r := &route{name: name, method: op.Method, op: op, segments: strings.Split(op.Path, "/"),
		encoding: m.def.Encoding, class: m.def.Schema.DefaultRateLimit, success: op.Success, paging: m.def.Paging}
	for _, s := range r.segments {
		if isOpen(s) {
			r.open++
		}
	}
	if op.Encoding != "" {
		r.encoding = op.Encoding
	}
	if op.Paging != nil {
		r.paging = *op.Paging
	}
	if op.Schema != nil && op.Schema.RateLimit != "" {
		r.class = op.Schema.RateLimit
	}
	return r
}

func compileRoute(m *model, k *kind, verb string, op *providers.Operation) *route {
	r := newRoute(m, k.name+"."+verb, op)
	r.kind, r.verb = k, verb
	if places := slices.Concat(op.Answer, m.def.Answer); len(places) > 0 {
		r.answer = split(places[0])
	}
	for _, name := range op.Sends {
		if a := k.byName[name]; a != nil {
			r.sends = append(r.sends, a)
		}
	}
	if op.Schema != nil {
		for _, name := range op.Schema.Sets {
			a := k.byName[name]
			switch {
			case a == nil || slices.Contains(op.Sends, name):
			case slices.Contains(r.segments, "{"+name+"}"):
				r.inPath = append(r.inPath, a)
			default:
				r.bring(a)
			}
		}
	}
	if r.success == 0 {
		switch verb {
		case spec.OpCreate:
			r.success = 201
		case spec.OpDelete:
			r.success = 204
		default:
			r.success = 200
		}
	}
	if verb != spec.OpCreate && verb != spec.OpList && !slices.Contains(r.segments, "{id}") {
		r.absent = "The sandbox cannot tell which " + k.name + " a path without {id} means"
	}
	return r
}

// bring notes the value for which on_change of an attribute names the operation.
func (r *route) bring(a *attribute) {
	for value, verb := range a.Operations {
		if v, err := convertTo(a.Attribute, cty.StringVal(value)); err == nil && verb == r.verb {
			r.brings = append(r.brings, effect{a, v})
		}
	}
}

func isOpen(segment string) bool {
	return len(segment) > 2 && strings.HasPrefix(segment, "{") && strings.HasSuffix(segment, "}")
}

// local is the escaped path of a URL within the API: with or without the base path of the definition's URL.
func (m *model) local(u *url.URL) string {
	path := u.EscapedPath()
	if rest, ok := strings.CutPrefix(path, m.base); ok && m.base != "" && strings.HasPrefix(rest, "/") {
		return rest
	}
	if path == "" {
		return "/"
	}
	return path
}

// match finds the operations that a request may mean, which share one path, and the values of its open segments.
func (m *model) match(method, path string) ([]*route, map[string]string) {
	segments := strings.Split(path, "/")
	var found []*route
	var params map[string]string
	for _, r := range m.routes {
		if r.method != method {
			continue
		}
		if len(found) > 0 {
			if slices.EqualFunc(r.segments, found[0].segments, func(a, b string) bool { return a == b || isOpen(a) && isOpen(b) }) {
				found = append(found, r)
			}
			continue
		}
		if p, ok := r.fits(segments); ok {
			found, params = append(found, r), p
		}
	}
	return found, params
}

func (r *route) fits(segments []string) (map[string]string, bool) {
	if len(segments) != len(r.segments) {
		return nil, false
	}
	params := map[string]string{}
	for i, want := range r.segments {
		got, err := url.PathUnescape(segments[i])
		switch {
		case err != nil:
			return nil, false
		case isOpen(want):
			if got == "" {
				return nil, false
			}
			params[want[1:len(want)-1]] = got
		case got != want:
			return nil, false
		}
	}
	return params, true
}

// choose picks, among operations that share method and path, the one that takes all the fields of a body.
func choose(routes []*route, fields map[string]any) *route {
	for _, r := range routes {
		takes := true
		for name := range fields {
			takes = takes && r.field(name) != nil
		}
		if takes {
			return r
		}
	}
	return routes[0]
}

// pathSets reports whether the path gives the attribute a value.
func (r *route) pathSets(name string) bool {
	return slices.ContainsFunc(r.inPath, func(a *attribute) bool { return a.Name == name })
}

// field is the attribute that is sent under a name, or nil.
func (r *route) field(name string) *attribute {
	for _, a := range r.sends {
		if a.sentAs == name {
			return a
		}
	}
	return nil
}
