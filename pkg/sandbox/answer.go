package sandbox

import (
	"encoding/json"
	"maps"
	"net/http"
	"slices"
	"time"

	"github.com/vpsync/vpsync/pkg/spec"
	"github.com/zclconf/go-cty/cty"
)

// value is what an attribute is at a time: what was stored, or what is derived. It is NilVal where the attribute is
// unset. An object that is not ready yet has none of what the API hands out with it, such as an address.
func (s *Sandbox) value(k *kind, o *object, a *attribute, at time.Time) cty.Value {
	if v, ok := k.leaving[a.Name]; ok && !o.leaving.IsZero() {
		return v
	}
	if a.shows != nil {
		if shown, by := o.values[a.shows.Name]; by { // somebody said by hand what this one follows from
			return words(shown, a.meant)
		}
	}
	if v, ok := o.values[a.Name]; ok {
		return v
	}
	switch {
	case k.waitsFor(a.Name):
		return s.phaseValue(k, o, a.Name, at)
	case a.Name == k.def.CreatedAt:
		return cty.StringVal(o.created.Format(time.RFC3339))
	case a.Name == k.schema.Changed:
		return cty.StringVal(o.updated.Format(time.RFC3339))
	case k.derived(a) && !s.waiting(k, o, at):
		return a.example(o.n)
	}
	return cty.NilVal
}

// waiting reports whether the object is still being made, and nobody said otherwise by hand.
func (s *Sandbox) waiting(k *kind, o *object, at time.Time) bool {
	for name := range k.pending {
		if _, said := o.values[name]; said {
			return false
		}
	}
	return k.def.Wait != nil && k.def.Wait.Operation == nil && !s.aged(o, at)
}

// aged reports whether the time that an object takes to be ready has passed.
func (s *Sandbox) aged(o *object, at time.Time) bool {
	return s.options.Provisioning <= 0 || at.Sub(o.created) >= s.options.Provisioning
}

// busy reports whether an operation is still at work on the object.
func (s *Sandbox) busy(o *object, at time.Time) bool {
	return o.work != "" && at.Sub(o.began) < s.options.Provisioning
}

// phaseValue follows from the time since the object was created, so a restart neither hurries nor delays it.
func (s *Sandbox) phaseValue(k *kind, o *object, name string, at time.Time) cty.Value {
	ready := s.aged(o, at)
	if name == k.def.Wait.Progress {
		if ready {
			return cty.NumberIntVal(100)
		}
		return cty.NumberIntVal(int64(100 * max(0, at.Sub(o.created)) / s.options.Provisioning))
	}
	if op := k.def.Operations[o.work]; s.busy(o, at) && op != nil && op.Passes[name] != "" {
		if v, err := convertTo(k.byName[name].Attribute, cty.StringVal(op.Passes[name])); err == nil {
			return v
		}
	}
	phase, other := k.pending, k.ready
	if ready {
		phase, other = k.ready, k.pending
		if a := k.byName[name]; a.wire.Emulate != nil {
			return s.emulated(k, o, a, at)
		}
	}
	if v, ok := phase[name]; ok {
		return v
	}
	return other[name]
}

// object is the JSON of an object as the API answers it. Lists leave out what only a read carries; what is unset is
// left out, unless the definition names what an answer holds.
func (s *Sandbox) document(k *kind, o *object, at time.Time, detail bool, named []string) *document {
	d := &document{}
	var id any = o.id
	if k.numeric {
		id = json.Number(o.id)
	}
	d.set(k.idPath, id)
	for _, a := range k.attrs {
		if a.Unreadable || a.shows != nil || named == nil && a.DetailOnly && !detail || named != nil && !slices.Contains(named, a.Name) {
			continue
		}
		v := s.value(k, o, a, at)
		if v != cty.NilVal {
			d.set(a.readFrom, toJSON(words(v, a.said)))
		} else if named != nil {
			d.set(a.readFrom, nil)
		}
	}
	if named == nil {
		d.add(k.def.Emulate)
	}
	return d
}

// add sets the members of an object that the definition writes out; NilVal has none.
func (d *document) add(members cty.Value) {
	if members == cty.NilVal {
		return
	}
	for _, name := range slices.Sorted(maps.Keys(members.AsValueMap())) {
		d.set([]string{name}, toJSON(members.GetAttr(name)))
	}
}

// answerWait says how far an object has come, to a wait that asks about it alone.
func (c *call) answerWait(o *object) reply {
	k, ready := c.route.kind, c.aged(o, c.now)
	phase := k.pending
	if ready {
		phase = k.ready
	}
	body := &document{}
	for _, a := range k.waits {
		v, told := phase[a.Name]
		switch {
		case told:
		case a.Name == k.def.Wait.Progress:
			v = c.phaseValue(k, o, a.Name, c.now)
		default:
			v = a.example(o.n)
		}
		body.set(a.readFrom, toJSON(words(v, a.said)))
	}
	return jsonReply(c.route.success, c.header, body)
}

func (c *call) answerObject(o *object, detail bool) reply {
	if c.route.success == http.StatusNoContent {
		return reply{status: c.route.success, header: c.header}
	}
	body := &document{}
	body.set(c.route.answer, c.document(c.route.kind, o, c.now, detail, c.route.op.Answers))
	body.add(c.route.op.Emulate)
	return jsonReply(c.route.success, c.header, body)
}

// answerDelete has no object to show; an API that answers more than 204 says so in words.
func (c *call) answerDelete(o *object) reply {
	if c.route.success == http.StatusNoContent {
		return reply{status: c.route.success, header: c.header}
	}
	body := &document{}
	if body.add(c.route.op.Emulate); len(body.members) == 0 {
		body = details("message", "The "+o.kind+" "+o.id+" was deleted")
	}
	return jsonReply(c.route.success, c.header, body)
}

func jsonReply(status int, header http.Header, body any) reply {
	b, err := encode(body)
	if err != nil {
		// Documents are made of strings, numbers and booleans alone.
		panic(err)
	}
	header.Set("Content-Type", "application/json")
	return reply{status: status, header: header, body: b}
}

// seen is the object as its owner sees it: all attributes but the secret ones, in the configuration's words.
func (s *Sandbox) seen(k *kind, o *object, at time.Time) spec.Object {
	out := spec.Object{Kind: k.name, ID: k.fullID(o), Values: spec.Values{}, Detail: true, CreatedAt: o.created, Ready: true, Leaving: !o.leaving.IsZero()}
	for _, a := range k.attrs {
		if a.Sensitive {
			continue
		}
		v := s.value(k, o, a, at)
		if v == cty.NilVal {
			v = cty.NullVal(a.Type)
		}
		out.Values[a.Name] = v
	}
	if w := k.def.Wait; w != nil && w.Operation != nil {
		out.Ready = s.aged(o, at)
	} else if w != nil {
		out.Ready = s.holds(k, o, w.Ready, at)
		out.Failed = len(w.Failed) > 0 && s.holds(k, o, w.Failed, at)
	}
	if v, ok := out.Values["status"]; ok && !v.IsNull() && v.Type() == cty.String {
		out.Status = v.AsString()
	}
	return out
}

// holds reports whether every attribute has one of its accepted values.
func (s *Sandbox) holds(k *kind, o *object, accepted map[string][]string, at time.Time) bool {
	for name, wanted := range accepted {
		v, ok := s.value(k, o, k.byName[name], at), false
		for _, word := range wanted {
			ok = ok || idOf(v) == word
		}
		if !ok {
			return false
		}
	}
	return true
}
