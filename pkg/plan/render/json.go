package render

import (
	_ "embed"

	"github.com/vpsync/vpsync/pkg/plan/render/escape"
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
func Encode(v any) ([]byte, error) { return escape.JSON(v, "  ") }

// EncodeLine is Encode on one line.
func EncodeLine(v any) ([]byte, error) { return escape.JSON(v, "") }
