package providers

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/vpsync/vpsync/pkg/spec"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"
)

// field is one entry of a body, in the API's words.
type field struct {
	name      string
	value     cty.Value // null: sent as null, which clears
	sensitive bool
}

// newWrite makes the request of a call: its path filled, its fields translated. An error means that nothing can be sent.
func (c *Client) newWrite(kind *Kind, op *Operation, call Call) (*request, error) {
	r := &request{kind: call.Kind, op: op, method: op.Method, encoding: op.Encoding, query: queryOf(op), known: c.config.Secrets}
	masked := c.masked(kind.Schema.Name) // attributes that hold a secret besides those which the kind calls sensitive
	var err error
	if r.path, err = fillPath(kind, op, call); err != nil {
		return nil, err
	}
	for _, name := range op.Sends {
		a, wire := kind.attribute(name), kind.Wire[name]
		v, wanted := call.Desired[name]
		if !wanted && op.Schema.Whole {
			v = call.Live[name]
		}
		if v == cty.NilVal {
			continue
		}
		v, _ = v.UnmarkDeep()
		if v.IsNull() && !clears(op, a) {
			continue
		}
		if !v.IsWhollyKnown() {
			return nil, fmt.Errorf("%s is not known yet", name)
		}
		if err := checkWhole(name, wire, v); err != nil {
			return nil, err
		}
		secret := a.Sensitive || slices.Contains(masked, name)
		if secret {
			for _, text := range texts(v) {
				r.hide(text)
			}
		}
		if v, err = sendAs(wire, v); err != nil {
			return nil, err
		}
		r.fields = append(r.fields, field{name: wire.SentAs, value: v, sensitive: secret})
	}
	return r, nil
}

// clears: a null is sent rather than left out. A create has nothing to clear, and a request that replaces all fields clears what
// it leaves out.
func clears(op *Operation, a *spec.Attribute) bool {
	return op.Schema.Name != spec.OpCreate && !op.Schema.Whole && a.OnRemove == spec.RemoveClears
}

// fillPath puts the id and attributes into the path, each as one escaped segment.
func fillPath(kind *Kind, op *Operation, call Call) (string, error) {
	parent, id := "", call.ID
	if kind.Schema.Parent != "" && op.Schema.Name != spec.OpCreate && op.Schema.Name != spec.OpList {
		var ok bool
		if parent, id, ok = strings.Cut(call.ID, "/"); !ok {
			return "", fmt.Errorf("the id of a %s is PARENT/ID, but this one is %q", call.Kind, call.ID)
		}
	}
	var failure error
	path := placeholderForm.ReplaceAllStringFunc(op.Path, func(p string) string {
		name := p[1 : len(p)-1]
		text := id
		if name != "id" {
			v, ok := call.Desired[name]
			if !ok {
				v = call.Live[name]
			}
			switch {
			case name == kind.Schema.ParentAttribute && parent != "":
				text = parent
			case v == cty.NilVal || v.IsNull() || !v.IsWhollyKnown():
				failure = fmt.Errorf("the path needs %s, which has no value", name)
				return ""
			default:
				v, _ = v.UnmarkDeep()
				v, err := sendAs(kind.Wire[name], v)
				if err == nil {
					v, err = convert.Convert(v, cty.String)
				}
				if err != nil {
					failure = fmt.Errorf("the path needs %s, which is no text", name)
					return ""
				}
				text = v.AsString()
			}
		}
		if text == "" || !fitsPath(text) {
			failure = fmt.Errorf("the path cannot hold %q as its %s", text, name)
			return ""
		}
		return url.PathEscape(text)
	})
	return path, failure
}

// fitsPath: a text can be a segment of a path.
func fitsPath(text string) bool {
	return text != "." && text != ".." && !strings.ContainsFunc(text, func(c rune) bool { return c < ' ' || c == 0x7f })
}

func queryOf(op *Operation) url.Values {
	q := url.Values{}
	for name, value := range op.Query {
		q.Set(name, value)
	}
	return q
}

// sendAs translates a configuration's word into the API's.
func sendAs(wire Wire, v cty.Value) (cty.Value, error) {
	if wire.SendsAs == nil || v.IsNull() {
		return v, nil
	}
	word, err := convert.Convert(v, cty.String)
	if err != nil {
		return v, err
	}
	if theirs, ok := wire.SendsAs[word.AsString()]; ok {
		return cty.StringVal(theirs), nil
	}
	return v, nil
}

func checkWhole(name string, wire Wire, v cty.Value) error {
	if wire.Whole && !v.IsNull() && v.Type() == cty.Number && !v.AsBigFloat().IsInt() {
		return fmt.Errorf("%s must be a whole number, but it is %s", name, spec.NumberText(v.AsBigFloat()))
	}
	return nil
}

// texts are the single values inside a secret, as they would appear in a text.
func texts(v cty.Value) []string {
	var list []string
	_ = cty.Walk(v, func(_ cty.Path, e cty.Value) (bool, error) {
		switch {
		case !e.IsKnown() || e.IsNull():
		case e.Type() == cty.Number:
			list = append(list, spec.NumberText(e.AsBigFloat()))
		case e.Type() == cty.String && e.AsString() != "":
			list = append(list, e.AsString())
		}
		return true, nil
	})
	// The longest first: one secret may be part of another.
	slices.SortFunc(list, func(a, b string) int { return len(b) - len(a) })
	return list
}

// encode turns a request's fields into bytes. A request without fields has no body.
func encode(next handler) handler {
	return func(ctx context.Context, r *request) (*answer, error) {
		if len(r.fields) == 0 {
			return next(ctx, r)
		}
		if r.header == nil {
			r.header = http.Header{}
		}
		var err error
		switch r.encoding {
		case EncodeForm:
			r.header.Set("Content-Type", "application/x-www-form-urlencoded")
			r.body, err = formBody(r.fields)
			for _, secret := range slices.Clone(r.short) {
				r.short = append(r.short, url.QueryEscape(secret)) // an answer may repeat the form
			}
		default:
			r.header.Set("Content-Type", "application/json")
			r.body, err = jsonBody(r.fields)
		}
		if err != nil {
			return nil, &wireError{err: err, final: true}
		}
		return next(ctx, r)
	}
}

// jsonBody keeps the order of the definition.
func jsonBody(fields []field) ([]byte, error) {
	var b bytes.Buffer
	b.WriteByte('{')
	for i, f := range fields {
		v, err := jsonOf(f.value)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", f.name, err)
		}
		if i > 0 {
			b.WriteByte(',')
		}
		name, err := json.Marshal(f.name)
		if err != nil {
			return nil, err
		}
		b.Write(name)
		b.WriteByte(':')
		encoder := json.NewEncoder(&b)
		encoder.SetEscapeHTML(false)
		if err := encoder.Encode(v); err != nil {
			return nil, fmt.Errorf("%s cannot be written as JSON", f.name)
		}
		b.Truncate(b.Len() - 1) // the encoder's line break
	}
	b.WriteByte('}')
	return b.Bytes(), nil
}

// jsonOf is a value as encoding/json takes it. Whole numbers stay exact, however large.
func jsonOf(v cty.Value) (any, error) {
	switch t := v.Type(); {
	case !v.IsKnown():
		return nil, errors.New("not known")
	case v.IsNull():
		return nil, nil
	case t == cty.String:
		return v.AsString(), nil
	case t == cty.Bool:
		return v.True(), nil
	case t == cty.Number:
		return json.Number(spec.NumberText(v.AsBigFloat())), nil
	case t.IsListType() || t.IsSetType() || t.IsTupleType():
		list := []any{}
		for _, e := range v.AsValueSlice() {
			j, err := jsonOf(e)
			if err != nil {
				return nil, err
			}
			list = append(list, j)
		}
		return list, nil
	case t.IsMapType() || t.IsObjectType():
		m := map[string]any{}
		for k, e := range v.AsValueMap() {
			j, err := jsonOf(e)
			if err != nil {
				return nil, err
			}
			m[k] = j
		}
		return m, nil
	default:
		return nil, fmt.Errorf("a %s has no JSON", t.FriendlyName())
	}
}

// formBody encodes fields as a browser's form does: a list repeats NAME[]=, a map writes NAME[key]=. An empty list has no
// form and is left out.
func formBody(fields []field) ([]byte, error) {
	values := url.Values{}
	var add func(name string, v any) error
	add = func(name string, v any) error {
		switch v := v.(type) {
		case nil:
			values.Add(name, "")
		case []any:
			for _, e := range v {
				if err := add(name+"[]", e); err != nil {
					return err
				}
			}
		case map[string]any:
			for k, e := range v {
				if err := add(name+"["+k+"]", e); err != nil {
					return err
				}
			}
		default:
			values.Add(name, fmt.Sprint(v))
		}
		return nil
	}
	for _, f := range fields {
		v, err := jsonOf(f.value)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", f.name, err)
		}
		if err := add(f.name, v); err != nil {
			return nil, err
		}
	}
	return []byte(values.Encode()), nil
}
