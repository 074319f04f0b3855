package sandbox

import (
	"fmt"
	"maps"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"github.com/vpsync/vpsync/pkg/providers"
	"github.com/vpsync/vpsync/pkg/spec"
	"github.com/zclconf/go-cty/cty"
)

// model is a definition made ready to answer: names resolved, patterns compiled, paths split.
// It never changes.
type model struct {
	def    *providers.Definition
	base   string // path of the base URL, "/v2" or empty
	kinds  map[string]*kind
	names  []string         // of kinds, sorted
	data   map[string]*kind // what queries ask and answer
	tasks  map[string]*kind // what tasks are given, by the kind that they are done to and their name
	routes []*route
	// clears are the attributes that lose their value when an object of the kind is deleted.
	clears map[string][]reference
	// children are the kinds whose objects go with an object of the kind.
	children map[string][]reference
	lingers  bool // some kind's objects take a while to go
}

// reference is an attribute that holds the id of another object.
type reference struct {
	kind *kind
	attr *attribute
}

type kind struct {
	name   string
	def    *providers.Kind
	schema *spec.Kind
	attrs  []*attribute
	byName map[string]*attribute
	// id of the n-th object is before + digits + after; numeric ids are numbers in JSON.
	before, after string
	numeric       bool
	idPath        []string
	pending       map[string]cty.Value // what a waiting object answers before it is ready
	ready         map[string]cty.Value // and after
	leaving       map[string]cty.Value // and between its delete and its end
	waits         []*attribute         // what a wait's own request answers
}

type attribute struct {
	*spec.Attribute
	sentAs   string
	readFrom []string
	wire     providers.Wire
	received map[string]string // API's word in requests to the configuration's
	said     map[string]string // configuration's word to the one that the API says
	meant    map[string]string // every word that the API may say to the configuration's
	// shows is the attribute of which this one is another view: both are read from the same place.
	shows    *attribute
	patterns []*regexp.Regexp // beside Checks; nil where a check has none
}

func compile(def *providers.Definition) (*model, error) {
	m := &model{def: def, kinds: map[string]*kind{}, data: map[string]*kind{}, tasks: map[string]*kind{}, clears: map[string][]reference{}, children: map[string][]reference{}}
	if u, err := url.Parse(def.BaseURL); err == nil {
		m.base = strings.TrimSuffix(u.EscapedPath(), "/")
	}
	m.names = slices.Sorted(maps.Keys(def.Kinds))
	for _, name := range m.names {
		k, err := compileKind(name, def.Kinds[name])
		if err != nil {
			return nil, err
		}
		m.kinds[name] = k
		m.lingers = m.lingers || k.def.Leave != nil
	}
	for on, tasks := range def.Tasks {
		for name, t := range tasks {
			k, err := compileKind(t.Schema.Name, t.Kind)
			if err != nil {
				return nil, err
			}
			m.tasks[on+"."+name] = k
		}
	}
	for name, q := range def.Data {
		k, err := compileKind(q.Schema.Name, q.Kind)
		if err != nil {
			return nil, err
		}
		m.data[name] = k
	}
	for _, name := range m.names {
		k := m.kinds[name]
		for _, a := range k.attrs {
			if a.Refers != "" && a.ClearedWithTarget {
				m.clears[a.Refers] = append(m.clears[a.Refers], reference{k, a})
			}
		}
		if parent := k.byName[k.schema.ParentAttribute]; k.schema.Parent != "" && parent != nil {
			m.children[k.schema.Parent] = append(m.children[k.schema.Parent], reference{k, parent})
		}
	}
	m.routes = compileRoutes(m)
	return m, nil
}

func compileKind(name string, def *providers.Kind) (*kind, error) {
	k := &kind{name: name, def: def, schema: def.Schema, byName: map[string]*attribute{}}
	k.before, k.after, k.numeric = splitID(def.ID)
	if k.idPath = split(def.IDPath); len(k.idPath) == 0 {
		k.idPath = []string{"id"}
	}
	for _, sa := range def.Schema.Attributes {
		a := newAttribute(sa, def.Wire[sa.Name])
		for _, other := range k.attrs {
			if !sa.Unreadable && !other.Unreadable && slices.Equal(other.readFrom, a.readFrom) {
				a.shows = other
			}
		}
		a.patterns = make([]*regexp.Regexp, len(sa.Checks))
		for i, c := range sa.Checks {
			if c.Pattern == "" {
				continue
			}
			re, err := regexp.Compile(`^(?:` + c.Pattern + `)$`)
			if err != nil {
				return nil, fmt.Errorf("sandbox: pattern of %s.%s: %w", name, sa.Name, err)
			}
			a.patterns[i] = re
		}
		k.attrs = append(k.attrs, a)
		k.byName[sa.Name] = a
	}
	if w := def.Wait; w != nil {
		for _, sa := range w.Attributes {
			k.waits = append(k.waits, newAttribute(sa, w.Wire[sa.Name]))
		}
		var err error
		watched := k.byName
		if w.Operation != nil {
			watched = map[string]*attribute{}
			for _, a := range k.waits {
				watched[a.Name] = a
			}
		}
		if k.pending, err = k.phase(watched, w.Pending); err != nil {
			return nil, err
		}
		if k.ready, err = k.phase(watched, w.Ready); err != nil {
			return nil, err
		}
	}
	if l := def.Leave; l != nil {
		var err error
		if k.leaving, err = k.phase(k.byName, l.Leaving); err != nil {
			return nil, err
		}
	}
	return k, nil
}

func newAttribute(sa *spec.Attribute, wire providers.Wire) *attribute {
	a := &attribute{Attribute: sa, wire: wire, sentAs: sa.Name, readFrom: []string{sa.Name}}
	if wire.SentAs != "" {
		a.sentAs = wire.SentAs
	}
	if wire.ReadFrom != "" {
		a.readFrom = split(wire.ReadFrom)
	}
	if len(wire.SendsAs) > 0 {
		a.received = map[string]string{}
		for word, sent := range wire.SendsAs {
			a.received[sent] = word
		}
	}
	if len(wire.ReadsAs) > 0 {
		a.said, a.meant = map[string]string{}, map[string]string{}
		for word, all := range wire.ReadsAs {
			a.said[word] = all[0]
			for _, read := range all {
				a.meant[read] = word
			}
		}
	}
	return a
}

// phase takes the first of the accepted values of each attribute that is watched.
func (k *kind) phase(watched map[string]*attribute, accepted map[string][]string) (map[string]cty.Value, error) {
	phase := map[string]cty.Value{}
	for name, words := range accepted {
		a := watched[name]
		if a == nil || len(words) == 0 {
			return nil, fmt.Errorf("sandbox: wait of %s names %q, which is no attribute with values", k.name, name)
		}
		v, err := convertTo(a.Attribute, cty.StringVal(words[0]))
		if err != nil {
			return nil, fmt.Errorf("sandbox: wait of %s.%s: %w", k.name, name, err)
		}
		phase[name] = v
	}
	return phase, nil
}

// waitsFor reports whether the attribute's value follows from the age of the object.
func (k *kind) waitsFor(name string) bool {
	w := k.def.Wait
	if w == nil || w.Operation != nil {
		return false
	}
	return w.Pending[name] != nil || w.Ready[name] != nil || (w.Progress != "" && w.Progress == name)
}

// knows refuses a state of the object that the definition does not name: a client would wait for its end in vain.
func (k *kind) knows(name string, v cty.Value) error {
	w := k.def.Wait
	if w == nil || w.Operation != nil || v.IsNull() || v.Type() != cty.String {
		return nil
	}
	words := slices.Concat(w.Pending[name], w.Ready[name], w.Failed[name])
	if l := k.def.Leave; l != nil {
		words = append(words, l.Leaving[name]...)
	}
	if len(words) == 0 || slices.Contains(words, v.AsString()) {
		return nil
	}
	return fmt.Errorf("must be one of %s", strings.Join(words, ", "))
}

// derived reports whether the attribute follows from the object's number and age, and is stored only where
// somebody set it by hand: what the API alone gives, but for what an expression computes.
func (k *kind) derived(a *attribute) bool {
	return k.waitsFor(a.Name) || a.Computed && !a.Optional && !a.Required && a.wire.Emulate == nil
}

// fullID is the id by which clients know an object: PARENT/ID where the kind lives under another.
func (k *kind) fullID(o *object) string {
	if k.schema.Parent == "" {
		return o.id
	}
	return idOf(o.values[k.schema.ParentAttribute]) + "/" + o.id
}

// ownID is an id without the parent's, which may be left away. Under another parent there is no such object.
func (k *kind) ownID(st *state, id string) string {
	parent, own, composite := strings.Cut(id, "/")
	if k.schema.Parent == "" || !composite {
		return id
	}
	if o := st.object(k.name, own); o == nil || idOf(o.values[k.schema.ParentAttribute]) != parent {
		return id // which nothing has
	}
	return own
}

// splitID takes the example of an id apart around its last run of digits.
func splitID(example string) (before, after string, numeric bool) {
	end := strings.LastIndexFunc(example, isDigit) + 1
	if end == 0 {
		return example, "", false
	}
	start := end
	for start > 0 && isDigit(rune(example[start-1])) {
		start--
	}
	before, after = example[:start], example[end:]
	return before, after, before == "" && after == ""
}

func isDigit(r rune) bool { return '0' <= r && r <= '9' }

func split(p providers.Path) []string {
	if p == "" {
		return nil
	}
	return strings.Split(string(p), ".")
}
