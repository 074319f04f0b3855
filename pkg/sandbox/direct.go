package sandbox

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/vpsync/vpsync/pkg/spec"
	"github.com/zclconf/go-cty/cty"
)

// Objects lists what exists, in order of creation; kind may be empty for all. Unlike the API it shows what cannot be listed
// or read, too, but no secrets. Values are in the configuration's words, null where an attribute is unset.
func (s *Sandbox) Objects(kind string) ([]spec.Object, error) {
	kinds := s.model.names
	if kind != "" {
		k, err := s.kind(kind)
		if err != nil {
			return nil, err
		}
		kinds = []string{k.name}
	}
	var found []*object
	if err := s.expire(); err != nil {
		return nil, err
	}
	err := s.store.view(func(st *state) error {
		for _, name := range kinds {
			found = append(found, st.objects(name, time.Time{})...)
		}
		return nil
	})
	slices.SortFunc(found, func(a, b *object) int { return a.seq - b.seq })
	now := s.now()
	objects := make([]spec.Object, len(found))
	for i, o := range found {
		objects[i] = s.seen(s.model.kinds[o.kind], o, now)
	}
	return objects, err
}

// Create makes an object behind everybody's back, as do [Sandbox.Set] and [Sandbox.Delete]; values are in the
// configuration's words, and what the API does by itself in consequence happens here, too. The kind may be one that the
// API cannot list. What v leaves out gets what the API would give it; computed attributes may be given, and "id". References are not looked up: an account may hold an
// object whose server is gone.
func (s *Sandbox) Create(kind string, v spec.Values) (spec.Object, error) {
	made, err := s.CreateMany([]spec.Object{{Kind: kind, Values: v}})
	if err != nil {
		return spec.Object{}, err
	}
	return made[0], nil
}

// CreateMany makes objects in one transaction: all or none, in this order. Of each it takes Kind, Values and, where they are
// set, ID and CreatedAt. Its errors are those of Create.
func (s *Sandbox) CreateMany(objects []spec.Object) ([]spec.Object, error) {
	made := make([]*object, len(objects))
	err := s.store.update(func(st *state, r *record) error {
		r.At = s.now()
		for i, o := range objects {
			k, values, err := s.wanted(&o)
			if err != nil {
				return err
			}
			if o.ID != "" && taken(st, r, key{k.name, o.ID}) {
				return fmt.Errorf("sandbox: %s %s exists already, or did once", k.name, o.ID)
			}
			created := r.At
			if !o.CreatedAt.IsZero() {
				created = o.CreatedAt.UTC()
			}
			made[i] = s.newObject(st, r, k, o.ID, values, created)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	now := s.now()
	out := make([]spec.Object, len(made))
	for i, o := range made {
		out[i] = s.seen(s.model.kinds[o.kind], o, now)
	}
	return out, nil
}

// wanted checks an object that is to be made, and moves what its values say of its id and age to their fields.
func (s *Sandbox) wanted(o *spec.Object) (*kind, map[string]cty.Value, error) {
	k, err := s.kind(o.Kind)
	if err != nil {
		return nil, nil, err
	}
	given := maps.Clone(o.Values)
	if id, ok := given["id"]; ok {
		delete(given, "id")
		if o.ID = idOf(id); o.ID == "" {
			return nil, nil, fmt.Errorf("sandbox: %s: id is empty", k.name)
		}
	}
	values, err := s.checked(k, given)
	if err != nil {
		return nil, nil, err
	}
	if at, ok := values[k.def.CreatedAt]; ok {
		delete(values, k.def.CreatedAt)
		if o.CreatedAt, err = parseTime(k, at); err != nil {
			return nil, nil, err
		}
	}
	for _, a := range k.attrs {
		// What a create sends and nothing shows may be unknown of an object that is copied from elsewhere.
		if v, ok := values[a.Name]; a.Required && !a.Unreadable && (!ok || v.IsNull()) {
			return nil, nil, fmt.Errorf("sandbox: %s needs %s", k.name, a.Name)
		}
	}
	return k, values, nil
}

// Set changes attributes of an object, computed ones too; a null unsets one, and returns one that the API gives by itself
// (the status of a server) to doing so. What the API computes from the changed attributes follows.
func (s *Sandbox) Set(kindName, id string, v spec.Values) (spec.Object, error) {
	var changed *object
	err := s.alter(kindName, id, func(k *kind, old *object, _ *state, r *record) error {
		values, err := s.checked(k, v)
		if err != nil {
			return err
		}
		changed = old.with(r.At)
		for name, value := range values {
			if k.byName[name].Required && value.IsNull() {
				return fmt.Errorf("sandbox: %s needs %s", k.name, name)
			}
			if name == k.def.CreatedAt {
				if changed.created, err = parseTime(k, value); err != nil {
					return err
				}
				continue
			}
			changed.set(name, value)
		}
		s.follow(k, changed, r.At, v)
		changed.forgetSecrets(k)
		r.Put = append(r.Put, changed)
		return nil
	})
	if err != nil {
		return spec.Object{}, err
	}
	return s.seen(s.model.kinds[kindName], changed, s.now()), nil
}

// Delete removes an object of any kind, also of one that the API cannot delete.
func (s *Sandbox) Delete(kindName, id string) error {
	return s.alter(kindName, id, func(_ *kind, old *object, st *state, r *record) error {
		s.delete(st, r, old, r.At)
		return nil
	})
}

// Reset empties the account: objects, request log, budgets and faults. Numbering goes on, so that an
// id never names two objects.
func (s *Sandbox) Reset() error {
	return s.store.update(func(_ *state, r *record) error {
		r.At, r.Reset = s.now(), true
		return nil
	})
}

func (s *Sandbox) alter(kindName, id string, f func(*kind, *object, *state, *record) error) error {
	k, err := s.kind(kindName)
	if err != nil {
		return err
	}
	if err := s.expire(); err != nil {
		return err
	}
	return s.store.update(func(st *state, r *record) error {
		r.At = s.now()
		o := st.object(k.name, k.ownID(st, id))
		if o == nil {
			return fmt.Errorf("sandbox: there is no %s %s", k.name, id)
		}
		return f(k, o, st, r)
	})
}

func (s *Sandbox) kind(name string) (*kind, error) {
	if k := s.model.kinds[name]; k != nil {
		return k, nil
	}
	return nil, fmt.Errorf("sandbox: %s has no kind %q%s", s.model.def.Name, name, suggest(name, s.model.names))
}

// checked brings values given by hand into the attributes' types and holds them against their rules.
func (s *Sandbox) checked(k *kind, given spec.Values) (map[string]cty.Value, error) {
	values := map[string]cty.Value{}
	for _, name := range slices.Sorted(maps.Keys(given)) {
		if name == "id" {
			return nil, fmt.Errorf("sandbox: the id of a %s cannot change", k.name)
		}
		a := k.byName[name]
		if a == nil {
			return nil, fmt.Errorf("sandbox: %s has no attribute %q%s", k.name, name, suggest(name, slices.Collect(maps.Keys(k.byName))))
		}
		v := given[name]
		if v == cty.NilVal {
			v = cty.NullVal(a.Type)
		}
		v, err := convertTo(a.Attribute, v)
		if err == nil {
			err = a.check(v)
		}
		if err == nil {
			err = k.knows(name, v)
		}
		if err != nil {
			return nil, fmt.Errorf("sandbox: %s: %s %w", k.name, name, err)
		}
		values[name] = a.normalised(v)
	}
	return values, nil
}

func parseTime(k *kind, v cty.Value) (time.Time, error) {
	if v.IsNull() || v.Type() != cty.String {
		return time.Time{}, errors.New("sandbox: " + k.name + " needs " + k.def.CreatedAt)
	}
	at, err := time.Parse(time.RFC3339, v.AsString())
	if err != nil {
		return time.Time{}, fmt.Errorf("sandbox: %s: %s must be a time such as 2025-01-15T10:30:00Z", k.name, k.def.CreatedAt)
	}
	return at.UTC(), nil
}

// suggest ends a message about an unknown name with a known one that is near, or with all.
func suggest(name string, known []string) string {
	slices.Sort(known)
	if near := spec.Nearest(name, known); near != "" {
		return fmt.Sprintf("; did you mean %q?", near)
	}
	return "; there are " + strings.Join(known, ", ")
}
