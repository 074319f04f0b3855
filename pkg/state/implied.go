package state

import (
	"encoding/json"
	"errors"
	"fmt"

	"github.com/zclconf/go-cty/cty"
)

// scanner reads values out of JSON that is known to be valid. It gives what cty's own decoder of JSON without types gives,
// and takes a fraction of its time, since each command reads the values of thousands of resources.
type scanner struct {
	text   []byte
	at     int
	err    error           // the first; what follows it means nothing
	shared *ResourceReader // what repeats; or nil
}

// impliedValues reads an object as values by name.
func impliedValues(text []byte) (values, error) {
	s := &scanner{text: text}
	out := s.values()
	return out, s.err
}

func (s *scanner) values() values {
	out := make(values, 12) // of a typical server
	if s.peek() != '{' {
		s.fail(errors.New("values are an object"))
		return nil
	}
	s.members('}', func() {
		name := s.name()
		out[name] = s.value()
	})
	return out
}

// peek skips blanks and shows what follows; 0 is the end.
func (s *scanner) peek() byte {
	for ; s.at < len(s.text); s.at++ {
		switch c := s.text[s.at]; c {
		case ' ', '\t', '\n', '\r':
		default:
			return c
		}
	}
	return 0
}

func (s *scanner) fail(err error) {
	if s.err == nil && err != nil {
		s.err = err
	}
}

// members reads what stands between the bracket at hand and its end.
func (s *scanner) members(end byte, one func()) {
	if s.peek() == 'n' {
		s.word() // null
		return
	}
	s.at++
	for s.err == nil {
		switch s.peek() {
		case end:
			s.at++
			return
		case ',':
			s.at++
		case 0:
			s.fail(errors.New("the value has no end"))
		default:
			one()
		}
	}
}

func (s *scanner) value() cty.Value {
	switch s.peek() {
	case '{':
		out := map[string]cty.Value{}
		s.members('}', func() {
			name := cty.NormalizeString(s.name())
			out[name] = s.value()
		})
		return cty.ObjectVal(out)
	case '[':
		var out []cty.Value
		s.members(']', func() { out = append(out, s.value()) })
		return cty.TupleVal(out)
	case '"':
		raw, plain := s.quoted()
		if plain && s.shared != nil {
			return s.shared.sharedText(raw)
		}
		return cty.StringVal(s.unquoted(raw, plain))
	}
	switch word := s.word(); word {
	case "null":
		return cty.NullVal(cty.DynamicPseudoType)
	case "true":
		return cty.True
	case "false":
		return cty.False
	default:
		n, err := cty.ParseNumberVal(word)
		if err != nil {
			s.fail(fmt.Errorf("%.20q is no value: %w", word, err))
			return cty.DynamicVal
		}
		return n
	}
}

// name reads a name and the colon behind it.
func (s *scanner) name() string {
	name := s.sharedName()
	if s.peek() != ':' {
		s.fail(errors.New("a name without a value"))
		return ""
	}
	s.at++
	return name
}

// string reads a text.
func (s *scanner) string() string { return s.unquoted(s.quoted()) }

// sharedName reads a text that stands in many rows.
func (s *scanner) sharedName() string {
	raw, plain := s.quoted()
	if plain && s.shared != nil {
		return s.shared.sharedName(raw)
	}
	return s.unquoted(raw, plain)
}

// quoted gives what stands between quotes. Most texts are plain: nothing in them stands for anything else.
func (s *scanner) quoted() (raw []byte, plain bool) {
	if s.peek() != '"' {
		s.fail(errors.New("a text is missing"))
		return nil, true
	}
	s.at++
	start := s.at
	plain = true
	for ; s.at < len(s.text); s.at++ {
		switch c := s.text[s.at]; {
		case c == '\\':
			plain = false
			s.at++
		case c >= 0x80:
			plain = false // it may be no UTF-8
		case c == '"':
			s.at++
			return s.text[start : s.at-1], plain
		}
	}
	s.at = len(s.text)
	s.fail(errors.New("a text has no end"))
	return nil, true
}

func (s *scanner) unquoted(raw []byte, plain bool) string {
	if plain {
		return string(raw)
	}
	quoted := make([]byte, 0, len(raw)+2)
	quoted = append(append(append(quoted, '"'), raw...), '"')
	var out string
	s.fail(json.Unmarshal(quoted, &out))
	return out
}

// word reads a number or one of the three names.
func (s *scanner) word() string {
	s.peek()
	start := s.at
	for ; s.at < len(s.text); s.at++ {
		switch s.text[s.at] {
		case ',', ']', '}', ' ', '\t', '\n', '\r':
			return string(s.text[start:s.at])
		}
	}
	return string(s.text[start:])
}
