package sandbox

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/zclconf/go-cty/cty"
)

const (
	// remembered is how far back lists can lag.
	remembered = time.Hour
	// Bounds of what grows with use rather than with the account.
	maxPast = 50_000
	maxLog  = 100_000
)

// object is one thing in the account. It never changes: a change puts another one in its place.
type object struct {
	kind    string
	id      string
	seq     int // order of creation in the account
	n       int // the kind's n-th object; examples vary with it
	created time.Time
	updated time.Time
	leaving time.Time            // when its delete was accepted; zero while it stays
	work    string               // the operation that was last set to work on it, where that takes time
	began   time.Time            // when
	values  map[string]cty.Value // in the configuration's words; what is unset is absent
	// raw is what a line of the store holds, until store.adopt turns it into values.
	raw map[string]any
}

// objectJSON is an object in the store. Values are JSON as in the configuration's words.
type objectJSON struct {
	Kind    string         `json:"kind"`
	ID      string         `json:"id"`
	Seq     int            `json:"seq"`
	N       int            `json:"n"`
	Created time.Time      `json:"created"`
	Updated time.Time      `json:"updated"`
	Leaving time.Time      `json:"leaving,omitzero"`
	Work    string         `json:"work,omitempty"`
	Began   time.Time      `json:"began,omitzero"`
	Values  map[string]any `json:"values"`
}

func (o *object) MarshalJSON() ([]byte, error) {
	values := make(map[string]any, len(o.values))
	for name, v := range o.values {
		values[name] = toJSON(v)
	}
	return encode(objectJSON{o.kind, o.id, o.seq, o.n, o.created, o.updated, o.leaving, o.work, o.began, values})
}

// UnmarshalJSON keeps the numbers of values as they are written.
func (o *object) UnmarshalJSON(b []byte) error {
	var j objectJSON
	if err := decodeJSON(b, &j); err != nil {
		return err
	}
	*o = object{kind: j.Kind, id: j.ID, seq: j.Seq, n: j.N, created: j.Created, updated: j.Updated, leaving: j.Leaving, work: j.Work, began: j.Began, raw: j.Values}
	return nil
}

// with is a copy of the object to change.
func (o *object) with(now time.Time) *object {
	c := *o
	c.updated = now
	c.values = maps.Clone(o.values)
	return &c
}

// set gives the attribute a value; null and NilVal unset it.
func (o *object) set(name string, v cty.Value) {
	if v == cty.NilVal || v.IsNull() {
		delete(o.values, name)
		return
	}
	o.values[name] = v
}

type key struct {
	Kind string `json:"kind"`
	ID   string `json:"id"`
}

// record is one transaction: everything that a request or a direct change did. It is stored as one line,
// so a crash keeps all of it or nothing.
type record struct {
	At       time.Time         `json:"at"`
	Reset    bool              `json:"reset,omitempty"`
	Put      []*object         `json:"put,omitempty"` // new, or in place of the one with that id
	Gone     []key             `json:"gone,omitempty"`
	Next     map[string]int    `json:"next,omitempty"`   // by kind: objects numbered so far
	Limits   map[string]window `json:"limits,omitempty"` // by class
	Faults   *[]armed          `json:"faults,omitempty"` // all that are armed now
	Log      []LogEntry        `json:"log,omitempty"`
	ClearLog bool              `json:"clear_log,omitempty"`
	// Only a compacted store has these: its puts are no events, and what lists lag by stands in Past.
	Snapshot bool   `json:"snapshot,omitempty"`
	Seq      int    `json:"seq,omitempty"`
	Arrived  int    `json:"arrived,omitempty"`
	Past     []past `json:"past,omitempty"`
	Spent    []key  `json:"spent,omitempty"`

	made map[key]bool // what Put creates, while the record is being written
}

// past is what stood at a key before something changed it; a nil Before is nothing.
type past struct {
	At     time.Time `json:"at"`
	Key    key       `json:"key"`
	Before *object   `json:"before,omitempty"`
}

// window is what was used of a rate-limit class since Start.
type window struct {
	Start time.Time `json:"start"`
	Used  int       `json:"used"`
}

// state is the account as all records so far make it.
type state struct {
	shelves map[string]*shelf
	seq     int
	next    map[string]int
	// spent are ids that no object may get again: of objects that are gone.
	spent   map[key]bool
	limits  map[string]window
	faults  []armed
	log     []LogEntry
	arrived int // requests ever; numbers them
	past    []past
}

// shelf holds the objects of one kind in order of creation.
type shelf struct {
	order []*slot
	byID  map[string]*slot
}

type slot struct{ *object }

func newState() *state {
	return &state{shelves: map[string]*shelf{}, next: map[string]int{}, spent: map[key]bool{}, limits: map[string]window{}}
}

func (st *state) shelf(kind string) *shelf {
	s := st.shelves[kind]
	if s == nil {
		s = &shelf{byID: map[string]*slot{}}
		st.shelves[kind] = s
	}
	return s
}

func (st *state) object(kind, id string) *object {
	if s := st.shelf(kind).byID[id]; s != nil {
		return s.object
	}
	return nil
}

// apply makes a record part of the state. Replaying the lines of a store is applying them in order.
func (st *state) apply(r *record) {
	if r.Reset {
		numbered, seq, arrived, spent := st.next, st.seq, st.arrived, st.spent
		for _, s := range st.shelves {
			for _, o := range s.order {
				spent[key{o.kind, o.id}] = true
			}
		}
		*st = *newState()
		// Numbering goes on, so that an id never names two objects.
		st.next, st.seq, st.arrived, st.spent = numbered, seq, arrived, spent
	}
	for _, o := range r.Put {
		st.put(r, o)
	}
	for _, k := range r.Gone {
		st.remove(r, k)
	}
	maps.Copy(st.next, r.Next)
	maps.Copy(st.limits, r.Limits)
	if r.Faults != nil {
		st.faults = *r.Faults
	}
	if r.ClearLog {
		st.log = nil
	}
	st.log = append(st.log, r.Log...)
	if !r.Snapshot {
		st.arrived += len(r.Log)
	}
	st.seq, st.arrived = max(st.seq, r.Seq), max(st.arrived, r.Arrived)
	for _, k := range r.Spent {
		st.spent[k] = true
	}
	st.past = append(st.past, r.Past...)
	st.trim(r.At)
}

func (st *state) put(r *record, o *object) {
	s := st.shelf(o.kind)
	st.seq = max(st.seq, o.seq)
	at, known := s.byID[o.id]
	if !r.Snapshot {
		p := past{At: r.At, Key: key{o.kind, o.id}}
		if known {
			p.Before = at.object
		}
		st.past = append(st.past, p)
	}
	if known {
		at.object = o
		return
	}
	at = &slot{o}
	s.byID[o.id] = at
	s.order = append(s.order, at)
}

func (st *state) remove(r *record, k key) {
	s := st.shelf(k.Kind)
	at := s.byID[k.ID]
	if at == nil {
		return
	}
	st.past = append(st.past, past{At: r.At, Key: k, Before: at.object})
	st.spent[k] = true
	delete(s.byID, k.ID)
	if i, ok := slices.BinarySearchFunc(s.order, at.seq, func(o *slot, seq int) int { return cmp.Compare(o.seq, seq) }); ok {
		s.order = slices.Delete(s.order, i, i+1)
	}
}

// trim drops what is too old to lag by, and the oldest of too much. It cuts rarely and much, so that a record
// costs what it holds.
func (st *state) trim(now time.Time) {
	if len(st.log) > maxLog+maxLog/4 {
		st.log = slices.Clone(st.log[len(st.log)-maxLog:])
	}
	if len(st.past) > 0 && (len(st.past) > maxPast+maxPast/4 || now.Sub(st.past[0].At) > 2*remembered) {
		keep := max(0, len(st.past)-maxPast)
		for keep < len(st.past) && now.Sub(st.past[keep].At) > remembered {
			keep++
		}
		st.past = slices.Clone(st.past[keep:])
	}
}

// objects are those of a kind in order of creation, as they were at a time; the zero time is now.
func (st *state) objects(kind string, at time.Time) []*object {
	s := st.shelf(kind)
	if at.IsZero() {
		list := make([]*object, len(s.order))
		for i, o := range s.order {
			list[i] = o.object
		}
		return list
	}
	then := make(map[string]*object, len(s.order))
	for _, o := range s.order {
		then[o.id] = o.object
	}
	for _, p := range slices.Backward(st.past) {
		if p.Key.Kind != kind || !p.At.After(at) {
			continue
		}
		if p.Before == nil {
			delete(then, p.Key.ID)
		} else {
			then[p.Key.ID] = p.Before
		}
	}
	return slices.SortedFunc(maps.Values(then), func(a, b *object) int { return cmp.Compare(a.seq, b.seq) })
}

// adopt gives the objects of a record that was read their values in the definition's types. Attributes that the
// definition no longer has are left behind.
func (r *record) adopt(m *model) error {
	for _, o := range r.Put {
		if err := o.adopt(m); err != nil {
			return err
		}
	}
	for _, p := range r.Past {
		if p.Before == nil {
			continue
		}
		if err := p.Before.adopt(m); err != nil {
			return err
		}
	}
	return nil
}

func (o *object) adopt(m *model) error {
	if o == nil {
		return errors.New("it holds nothing where an object is due")
	}
	k := m.kinds[o.kind]
	if k == nil {
		return fmt.Errorf("it holds a %s, a kind that the definition %q does not have", o.kind, m.def.Name)
	}
	o.values = make(map[string]cty.Value, len(o.raw))
	for name, raw := range o.raw {
		a := k.byName[name]
		if a == nil {
			continue
		}
		v, err := fromJSON(raw, a.Type)
		if err != nil {
			return fmt.Errorf("it holds %s %s, whose %s %w in the definition %q", o.kind, o.id, name, err, m.def.Name)
		}
		o.set(name, v)
	}
	o.raw = nil
	return nil
}

func decodeJSON(b []byte, into any) error {
	d := json.NewDecoder(bytes.NewReader(b))
	d.UseNumber()
	return d.Decode(into)
}
