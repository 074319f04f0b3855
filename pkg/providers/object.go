package providers

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/vpsync/vpsync/pkg/spec"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"
)

// objectOf finds the object in a write's answer. The answer to a create counts only with an id in it; of a later
// write it may be missing, and one about another object is passed over. A field that cannot be read is left out here, since
// the id must never be lost for it: the next read says what is wrong.
func (c *Client) objectOf(kind *Kind, op *Operation, document any, call Call) (spec.Object, bool) {
	body, id, _ := c.findObject(kind, op, document)
	parent := ""
	if kind.Schema.Parent != "" {
		parent, _, _ = strings.Cut(call.ID, "/")
		if v := call.Desired[kind.Schema.ParentAttribute]; call.ID == "" && v != cty.NilVal && v.Type() == cty.String && v.IsKnown() && !v.IsNull() {
			v, _ = v.Unmark()
			parent = v.AsString()
		}
	}
	if id != "" && parent != "" {
		id = parent + "/" + id
	}
	if body == nil || id == "" || call.ID != "" && id != call.ID {
		return emptyObject(call.Kind, call.ID), false
	}
	o, _ := decodeObject(kind, body, id, c.config.Secrets)
	o.withParent(kind, parent)
	return o.Object, true
}

// findObject looks where the operation, or else the definition, says that one object lies. Without one the id is empty, and the error
// says so where it has an id that is not believed.
func (c *Client) findObject(kind *Kind, op *Operation, document any) (body map[string]any, id string, err error) {
	paths := op.Answer
	if paths == nil {
		paths = c.def.Answer
	}
	for _, p := range paths {
		v, ok := lookup(document, p)
		if !ok {
			continue
		}
		if m, ok := v.(map[string]any); ok {
			id, told := idOf(kind, m, c.config.Secrets)
			if id != "" {
				return m, id, nil
			}
			err = errors.Join(err, told)
		}
	}
	return nil, "", err
}

// maxID bounds an id: what is longer is none.
const maxID = 256

// idOf reads an id, which some APIs write as a string and others as a number. What no path could hold, and a number that is not a
// plain one, is none: it would be recorded, and nothing could ever be asked of it. Nor is one that has a whole secret in it: ids are
// recorded, shown and pasted. That alone is an error.
func idOf(kind *Kind, m map[string]any, known *Secrets) (string, error) {
	v, _ := lookup(m, kind.IDPath)
	id := ""
	switch v := v.(type) {
	case string:
		id = v
	case json.Number:
		if id = v.String(); strings.Trim(id, "0123456789") != "" {
			return "", nil
		}
	}
	if len(id) > maxID || !fitsPath(id) {
		return "", nil
	}
	if known.wholeIn(id) {
		return "", errTellingID
	}
	return id, nil
}

var errTellingID = errors.New("the id of an object repeats a secret, so nothing is recorded under it")

// decoded is an object on its way to the caller.
type decoded struct{ spec.Object }

// withParent gives the object the id of its parent, where the answer does not repeat it.
func (o *decoded) withParent(kind *Kind, parent string) {
	name := kind.Schema.ParentAttribute
	if parent == "" || name == "" {
		return
	}
	if v, ok := o.Values[name]; !ok || v.IsNull() {
		if v, err := convert.Convert(cty.StringVal(parent), kind.attribute(name).Type); err == nil {
			o.Values[name] = v
		}
	}
}

// decodeObject translates one object into the configuration's words and types. Unknown fields are ignored and
// missing ones stay out of Values. The error names the fields whose type does not fit; the object is complete but for
// them.
func decodeObject(kind *Kind, body map[string]any, id string, known *Secrets) (decoded, error) {
	o := decoded{emptyObject(kind.Schema.Name, id)}
	values, problems := decodeValues(kind.Schema.Attributes, kind.Wire, body, id)
	o.Values = values
	for _, a := range kind.Schema.Attributes {
		if v, ok := values[a.Name]; ok && known.toldBy(v) {
			o.Repeats = append(o.Repeats, a.Name)
		}
	}
	if kind.CreatedAt != "" {
		if v := o.Values[kind.CreatedAt]; v != cty.NilVal && !v.IsNull() && v.Type() == cty.String {
			if t, err := time.Parse(time.RFC3339, v.AsString()); err == nil {
				o.CreatedAt = t
			}
		}
	}
	if kind.Wait == nil || kind.Wait.Operation == nil {
		o.Ready, o.Failed, o.Status = kind.Wait.state(o.Values)
	}
	if o.Leaving = kind.Leave.leaving(o.Values); o.Leaving {
		o.Ready, o.Status = false, statusOf(o.Values, kind.Leave.Leaving)
	}
	o.Status = known.Scrub(o.Status)
	return o, errors.Join(problems...)
}

// decodeValues reads attributes from an answer.
func decodeValues(attributes []*spec.Attribute, wires map[string]Wire, body any, id string) (spec.Values, []error) {
	values := spec.Values{}
	var problems []error
	for _, a := range attributes {
		if a.Unreadable {
			continue
		}
		wire := wires[a.Name]
		raw, ok := lookup(body, wire.ReadFrom)
		if !ok {
			continue
		}
		v, err := valueOf(readAs(wire, raw), a.Type)
		if err != nil {
			problems = append(problems, fmt.Errorf("%s of %s: %w", wire.ReadFrom, id, err))
			continue
		}
		values[a.Name] = v
	}
	return values, problems
}

// readAs translates the API's word into the configuration's. A word that the definition does not know stays as it is.
func readAs(wire Wire, raw any) any {
	if wire.ReadsAs == nil {
		return raw
	}
	theirs, ok := primitiveText(raw)
	if !ok {
		return raw
	}
	for ours, words := range wire.ReadsAs {
		if slices.Contains(words, theirs) {
			return ours
		}
	}
	return raw
}

func primitiveText(raw any) (string, bool) {
	switch v := raw.(type) {
	case string:
		return v, true
	case json.Number:
		return v.String(), true
	case bool:
		if v {
			return "true", true
		}
		return "false", true
	}
	return "", false
}

// maxNumberText bounds a number's digits: more are nobody's measure of anything.
const maxNumberText = 64

// valueOf converts JSON to a schema type. A number may come as a string and a string as a number, since vendors'
// samples do both.
func valueOf(raw any, t cty.Type) (cty.Value, error) {
	if raw == nil {
		return cty.NullVal(t), nil
	}
	switch {
	case t.IsPrimitiveType():
		text, ok := primitiveText(raw)
		_, number := raw.(json.Number)
		if ok && number && len(text) > maxNumberText && t == cty.Number {
			return cty.NilVal, fmt.Errorf("a number of %d characters, of which at most %d are read", len(text), maxNumberText)
		}
		if !ok || len(text) > maxNumberText && t == cty.Number {
			return cty.NilVal, unfit(raw, t)
		}
		if t == cty.String {
			return cty.StringVal(text), nil
		}
		v, err := convert.Convert(cty.StringVal(text), t)
		if t == cty.Number && (err != nil && number || err == nil && spec.Absurd(v.AsBigFloat())) {
			return cty.NilVal, fmt.Errorf("the number %s is too large, or too close to zero: those from 1e-1233 to 1e1233 are read", text)
		}
		if err != nil {
			return cty.NilVal, unfit(raw, t)
		}
		return v, nil
	case t.IsListType() || t.IsSetType():
		list, ok := raw.([]any)
		if !ok {
			return cty.NilVal, unfit(raw, t)
		}
		if len(list) == 0 {
			if t.IsSetType() {
				return cty.SetValEmpty(t.ElementType()), nil
			}
			return cty.ListValEmpty(t.ElementType()), nil
		}
		values := make([]cty.Value, len(list))
		for i, e := range list {
			v, err := valueOf(e, t.ElementType())
			if err != nil {
				return cty.NilVal, err
			}
			values[i] = v
		}
		if t.IsSetType() {
			return cty.SetVal(values), nil
		}
		return cty.ListVal(values), nil
	case t.IsMapType():
		m, ok := raw.(map[string]any)
		if !ok {
			return cty.NilVal, unfit(raw, t)
		}
		if len(m) == 0 {
			return cty.MapValEmpty(t.ElementType()), nil
		}
		values := map[string]cty.Value{}
		for k, e := range m {
			v, err := valueOf(e, t.ElementType())
			if err != nil {
				return cty.NilVal, err
			}
			values[k] = v
		}
		return cty.MapVal(values), nil
	case t.IsObjectType():
		m, ok := raw.(map[string]any)
		if !ok {
			return cty.NilVal, unfit(raw, t)
		}
		values := map[string]cty.Value{}
		for name, et := range t.AttributeTypes() {
			v, err := valueOf(m[name], et)
			if err != nil {
				return cty.NilVal, err
			}
			values[name] = v
		}
		return cty.ObjectVal(values), nil
	}
	return cty.NilVal, unfit(raw, t)
}

func unfit(raw any, t cty.Type) error {
	what := "a list"
	switch raw.(type) {
	case string:
		what = "a string"
	case json.Number:
		what = "a number"
	case bool:
		what = "a bool"
	case map[string]any:
		what = "an object"
	}
	return fmt.Errorf("%s where the definition says %s", what, t.FriendlyName())
}

// state says what a wait makes of an object. A kind without a wait is always ready.
func (w *Wait) state(values spec.Values) (ready, failed bool, status string) {
	if w == nil {
		return true, false, ""
	}
	failed = len(w.Failed) > 0 && matches(values, w.Failed)
	ready = !failed && matches(values, w.Ready)
	var words []string
	watched := w.Ready
	if w.Says != "" {
		watched = map[string][]string{w.Says: nil}
	}
	if s := statusOf(values, watched); s != "" {
		words = append(words, s)
	}
	if text, ok := valueText(values[w.Progress]); ok && w.Progress != "" {
		words = append(words, text+" %")
	}
	return ready, failed, strings.Join(words, ", ")
}

// statusOf is what the watched attributes say, in words.
func statusOf(values spec.Values, watched map[string][]string) string {
	var words []string
	for _, name := range slices.Sorted(maps.Keys(watched)) {
		if text, ok := valueText(values[name]); ok {
			words = append(words, text)
		}
	}
	return strings.Join(words, ", ")
}

// matches: each attribute has one of its accepted values.
func matches(values spec.Values, accepted map[string][]string) bool {
	for name, words := range accepted {
		text, ok := valueText(values[name])
		if !ok || !slices.Contains(words, text) {
			return false
		}
	}
	return true
}

// valueText is a single value as text, and whether there is one.
func valueText(v cty.Value) (string, bool) {
	known := v != cty.NilVal && !v.IsMarked() && !v.IsNull() && v.IsKnown() && v.Type().IsPrimitiveType()
	return spec.Word(v), known
}
