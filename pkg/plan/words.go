package plan

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/vpsync/vpsync/pkg/spec"
	"github.com/zclconf/go-cty/cty"
	ctyjson "github.com/zclconf/go-cty/cty/json"
)

// article puts a or an before a word.
func article(word string) string {
	if word != "" && strings.ContainsRune("aeiou", rune(word[0])) {
		return "an " + word
	}
	return "a " + word
}

// sentence begins text with a capital and ends it with a stop. A leading id or address (one that holds a digit or a
// dot) is left as it is.
func sentence(text string) string {
	first, _, _ := strings.Cut(text, " ")
	if !strings.ContainsAny(first, "._[0123456789") {
		r, size := utf8.DecodeRuneInString(text)
		text = string(unicode.ToUpper(r)) + text[size:]
	}
	return text + "."
}

// list joins words as people do: a, b and c.
func list(words []string) string {
	if len(words) < 2 {
		return strings.Join(words, "")
	}
	return strings.Join(words[:len(words)-1], ", ") + " and " + words[len(words)-1]
}

func plural(n int, one, many string) string {
	if n == 1 {
		return fmt.Sprintf("%d %s", n, one)
	}
	return fmt.Sprintf("%d %s", n, many)
}

// display is a value in a message.
func display(v cty.Value) string {
	switch {
	case v == cty.NilVal:
		return "(sensitive)"
	case !v.IsWhollyKnown():
		return "(known after apply)"
	case v.IsNull():
		return "unset"
	}
	b, err := ctyjson.Marshal(v, v.Type())
	if err != nil {
		return "(" + v.Type().FriendlyName() + ")"
	}
	return string(b)
}

func orElse(s, other string) string {
	if s == "" {
		return other
	}
	return s
}

// attributeRange is where a block sets an attribute, or the block itself.
func attributeRange(r *spec.Resource, name string) *spec.Range {
	if r == nil {
		return nil
	}
	at, ok := r.AttributeRanges[name]
	if !ok {
		at = r.Range
	}
	return &at
}
