package sandbox

import (
	"bytes"
	"encoding/json"
)

// document is a JSON object that keeps the order in which its members were set, so that an
// answer reads like the vendor's.
type document struct {
	members []member
}

type member struct {
	name  string
	value any
}

// set puts a value at a path and makes the objects on the way. The empty path merges the members
// of a document into this one; no other value can lie there.
func (d *document) set(path []string, value any) {
	if len(path) == 0 {
		if other, ok := value.(*document); ok {
			for _, m := range other.members {
				d.set([]string{m.name}, m.value)
			}
		}
		return
	}
	i := 0
	for i < len(d.members) && d.members[i].name != path[0] {
		i++
	}
	if i == len(d.members) {
		d.members = append(d.members, member{name: path[0]})
	}
	if len(path) == 1 {
		d.members[i].value = value
		return
	}
	inner, ok := d.members[i].value.(*document)
	if !ok {
		inner = &document{}
		d.members[i].value = inner
	}
	inner.set(path[1:], value)
}

// encode is json.Marshal without the escaping that only HTML needs. It writes documents itself: a list is
// hundreds of them, and json.Marshaler would have each read over again.
func encode(v any) ([]byte, error) {
	var b bytes.Buffer
	if err := write(&b, v); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

func write(b *bytes.Buffer, v any) error {
	switch v := v.(type) {
	case *document:
		b.WriteByte('{')
		for i, m := range v.members {
			if i > 0 {
				b.WriteByte(',')
			}
			if err := write(b, m.name); err != nil {
				return err
			}
			b.WriteByte(':')
			if err := write(b, m.value); err != nil {
				return err
			}
		}
		b.WriteByte('}')
		return nil
	case []*document:
		b.WriteByte('[')
		for i, d := range v {
			if i > 0 {
				b.WriteByte(',')
			}
			if err := write(b, d); err != nil {
				return err
			}
		}
		b.WriteByte(']')
		return nil
	}
	e := json.NewEncoder(b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return err
	}
	b.Truncate(b.Len() - 1) // the encoder ends with a line break
	return nil
}
