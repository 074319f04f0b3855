package sandbox

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/vpsync/vpsync/pkg/spec"
	"github.com/zclconf/go-cty/cty"
)

// create makes an object of what the request carries.
func (c *call) create(sent map[string]any) (reply, *problem) {
	if p := c.checkParents(); p != nil {
		return reply{}, p
	}
	values, p := c.fields(sent)
	if p != nil {
		return reply{}, p
	}
	o := c.newObject(c.state, c.record, c.route.kind, "", values, c.now)
	return c.answerObject(o, false), nil
}

// newObject puts an object with these values, in the configuration's words, into the record; all that they leave out is
// what the API would make of it. An empty id takes the next.
func (s *Sandbox) newObject(st *state, r *record, k *kind, id string, values map[string]cty.Value, now time.Time) *object {
	if r.Next == nil {
		r.Next, r.made = map[string]int{}, map[key]bool{}
	}
	n := max(st.next[k.name], r.Next[k.name]) + 1
	if id == "" {
		for id = s.nthID(k, n); taken(st, r, key{k.name, id}); id = s.nthID(k, n) {
			n++
		}
	}
	r.Next[k.name] = n
	r.made[key{k.name, id}] = true
	o := &object{kind: k.name, id: id, n: n, seq: st.seq + len(r.Put) + 1, created: now, updated: now, values: map[string]cty.Value{}}
	for _, a := range k.attrs {
		given, ok := values[a.Name]
		switch {
		case ok && !given.IsNull():
			o.set(a.Name, given)
		case a.ServerDefault != cty.NilVal:
			o.set(a.Name, initial(a))
		case a.wire.Emulate == nil && !k.derived(a):
			o.set(a.Name, a.example(n))
		}
	}
	s.emulate(k, o, now, func(a *attribute) bool { return values[a.Name] == cty.NilVal || values[a.Name].IsNull() })
	o.forgetSecrets(k)
	r.Put = append(r.Put, o)
	return o
}

func (s *Sandbox) nthID(k *kind, n int) string { return k.before + s.options.IDs(k.name, n) + k.after }

// taken reports whether an id names an object, will when the record is done, or once did.
func taken(st *state, r *record, k key) bool {
	return r.made[k] || st.object(k.Kind, k.ID) != nil || st.spent[k]
}

// forgetSecrets drops what would be kept for nobody: what the API never answers and is a secret, or may be one, since only a new
// object takes it: first commands with a password in them.
func (o *object) forgetSecrets(k *kind) {
	for _, a := range k.attrs {
		if a.Unreadable && (a.Sensitive || a.OnChange == spec.OnNextCreate) {
			delete(o.values, a.Name)
		}
	}
}

// change is an update, or an operation of the kind's own: it sets what the request carries, and clears the rest of
// what it could have carried where it replaces all of it.
func (c *call) change(old *object, sent map[string]any) (reply, *problem) {
	values, p := c.fields(sent)
	if p != nil {
		return reply{}, p
	}
	k := c.route.kind
	if p := c.refusal(old, values); p != nil {
		return reply{}, p
	}
	o := old.with(c.now)
	for _, a := range slices.Concat(c.route.sends, c.route.inPath) {
		v, given := values[a.Name]
		switch {
		case given && !v.IsNull():
			o.set(a.Name, v)
		case given || c.route.op.Schema.Whole:
			o.set(a.Name, initial(a))
		}
	}
	if p := c.bring(old, o); p != nil {
		return reply{}, p
	}
	c.follow(k, o, c.now, nil)
	o.forgetSecrets(k)
	if len(c.route.op.Passes) == 0 && len(c.route.brings) == 0 && sameValues(old, o) {
		return c.answerObject(old, false), nil
	}
	c.record.Put = append(c.record.Put, o)
	return c.answerObject(o, false), nil
}

// bring gives attributes the values that the operation stands for. What an object is already, or cannot be from where it is, is
// refused.
func (c *call) bring(old, o *object) *problem {
	k := c.route.kind
	for _, e := range c.route.brings {
		is := c.value(k, old, e.attr, c.now)
		if is == cty.NilVal {
			is = cty.NullVal(e.attr.Type)
		}
		if same(is, e.value) || !e.attr.Reachable(is) {
			return &problem{status: http.StatusBadRequest, code: "VALIDATION_ERROR",
				message: fmt.Sprintf("The %s %s is %s already", strings.ReplaceAll(old.kind, "_", " "), old.id, idOf(is))}
		}
		o.set(e.attr.Name, e.value)
	}
	for name, words := range c.route.op.OnlyWhen {
		if is := idOf(c.value(k, old, k.byName[name], c.now)); !slices.Contains(words, is) {
			return &problem{status: http.StatusBadRequest, code: "VALIDATION_ERROR",
				message: fmt.Sprintf("The %s %s is %s", strings.ReplaceAll(old.kind, "_", " "), old.id, is)}
		}
	}
	if len(c.route.op.Passes) > 0 {
		o.work, o.began = c.route.verb, c.now
		for name := range c.route.op.Passes {
			delete(o.values, name) // whatever somebody had said by hand
		}
	}
	return nil
}

// refusal is the answer to a request that moves what can only be set once.
func (c *call) refusal(old *object, values map[string]cty.Value) *problem {
	for _, a := range slices.Concat(c.route.sends, c.route.inPath) {
		v, given := values[a.Name]
		if !a.OnlyFromUnset || !given || c.route.verb == spec.OpCreate {
			continue
		}
		if had, ok := old.values[a.Name]; ok && !same(had, v) {
			code := c.route.op.Refusal
			if code == "" {
				code = "VALIDATION_ERROR"
			}
			return &problem{status: http.StatusBadRequest, code: code,
				message: fmt.Sprintf("The %s %s has another %s already", strings.ReplaceAll(old.kind, "_", " "), old.id, a.sentAs)}
		}
	}
	return nil
}

// follow sets again what the API computes alone, after a change; chosen are attributes that somebody set by
// hand and that therefore stay.
func (s *Sandbox) follow(k *kind, o *object, now time.Time, chosen spec.Values) {
	if _, by := chosen[k.schema.Changed]; !by {
		delete(o.values, k.schema.Changed)
	}
	s.emulate(k, o, now, func(a *attribute) bool {
		_, by := chosen[a.Name]
		return !by && a.Computed && !a.Optional && !a.Required
	})
}

// remove deletes an object, or lets it begin to go where the definition says that this takes a while.
func (c *call) remove(o *object) {
	if c.route.kind.def.Leave == nil || c.options.Provisioning <= 0 {
		c.delete(c.state, c.record, o, c.now)
		return
	}
	if o.leaving.IsZero() {
		going := o.with(c.now)
		going.leaving = c.now
		c.record.Put = append(c.record.Put, going)
	}
}

// expire ends what has been leaving for as long as a new object takes to be ready.
func (s *Sandbox) expire() error {
	now := s.now()
	var over []*object
	look := func(st *state) error {
		over = nil
		for _, name := range s.model.names {
			if s.model.kinds[name].def.Leave == nil {
				continue
			}
			for _, o := range st.objects(name, time.Time{}) {
				if !o.leaving.IsZero() && now.Sub(o.leaving) >= s.options.Provisioning {
					over = append(over, o)
				}
			}
		}
		return nil
	}
	if !s.model.lingers {
		return nil
	}
	if err := s.store.view(look); err != nil || len(over) == 0 {
		return err
	}
	return s.store.update(func(st *state, r *record) error {
		r.At = now
		_ = look(st) // another process may have been faster
		for _, o := range over {
			s.delete(st, r, o, now)
		}
		return nil
	})
}

// delete ends an object, and does to others what follows: what lives under it goes with it, what is cleared with it comes
// free. Everything else keeps its id.
func (s *Sandbox) delete(st *state, r *record, o *object, now time.Time) {
	gone := key{o.kind, o.id}
	if slices.Contains(r.Gone, gone) {
		return
	}
	r.Gone = append(r.Gone, gone)
	for _, child := range s.model.children[o.kind] {
		for _, other := range st.objects(child.kind.name, time.Time{}) {
			if idOf(other.values[child.attr.Name]) == o.id {
				s.delete(st, r, other, now)
			}
		}
	}
	for _, clears := range s.model.clears[o.kind] {
		for _, other := range st.objects(clears.kind.name, time.Time{}) {
			if idOf(other.values[clears.attr.Name]) != o.id {
				continue
			}
			free := r.pending(other).with(now)
			free.set(clears.attr.Name, cty.NilVal)
			s.follow(clears.kind, free, now, nil)
			r.Put = append(r.Put, free)
		}
	}
}

// pending is what the record makes of an object so far.
func (r *record) pending(o *object) *object {
	for _, p := range slices.Backward(r.Put) {
		if p.kind == o.kind && p.id == o.id {
			return p
		}
	}
	return o
}

func sameValues(a, b *object) bool {
	if len(a.values) != len(b.values) {
		return false
	}
	for name, v := range a.values {
		if !same(v, b.values[name]) {
			return false
		}
	}
	return true
}
