package render

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"fmt"
	"unicode/utf8"
)

// FormatVersion is the version of every JSON document that vpsync prints. A change of the first number breaks readers;
// new fields raise the second.
const FormatVersion = "1.0"

// PlanSchema is the JSON Schema (draft 2020-12) of what [JSON] writes.
//
//go:embed plan.schema.json
var PlanSchema []byte

// Meta is what a document says of its origin. Nothing in it is needed to understand the plan.
type Meta struct {
	Version string // of vpsync
	Sandbox bool   // the accounts were emulated
}

// Encode writes any value as JSON as this package does: indented, deterministic, and with every rune that is not safe on a
// terminal as \u escapes, so that a document can be shown as it is. It ends in a line feed.
func Encode(v any) ([]byte, error) { return encode(v, "  ") }

// EncodeLine is Encode on one line.
func EncodeLine(v any) ([]byte, error) { return encode(v, "") }

func encode(v any, indent string) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", indent)
	if err := e.Encode(v); err != nil {
		return nil, err
	}
	return escapeJSON(b.Bytes()), nil
}

// escapeJSON writes unsafe runes as \u escapes. Outside of strings JSON has only safe ones and line feeds.
func escapeJSON(doc []byte) []byte {
	out := make([]byte, 0, len(doc))
	for i := 0; i < len(doc); {
		r, size := utf8.DecodeRune(doc[i:])
		switch {
		case r == '\n' || safe(r):
			out = append(out, doc[i:i+size]...)
		case r > 0xffff:
			r -= 0x10000
			out = fmt.Appendf(out, `\u%04x\u%04x`, 0xd800+(r>>10), 0xdc00+(r&0x3ff))
		default:
			out = fmt.Appendf(out, `\u%04x`, r)
		}
		i += size
	}
	return out
}
