package spec

import (
	"cmp"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/hashicorp/hcl/v2/hclwrite"
	"github.com/zclconf/go-cty/cty"
)

// Key tells the instances of one block apart: no key, an index (count) or a
// string (for_each). The zero Key is "no key". Keys are comparable.
type Key struct {
	kind keyKind
	i    int
	s    string
}

type keyKind uint8

const (
	noKey keyKind = iota
	intKey
	stringKey
)

// IntKey is the key of the i-th instance of a block with count.
func IntKey(i int) Key { return Key{kind: intKey, i: i} }

// StringKey is the key of an instance of a block with for_each.
func StringKey(s string) Key { return Key{kind: stringKey, s: s} }

// Address names one declared resource instance: server.web, server.web[0] or
// server.web["a"], or one instance of a data block: data.plans.all. Addresses are comparable and make good map keys; the zero
// Address names nothing.
type Address struct {
	Kind string
	Name string
	Key  Key
}

// Int is the index of an instance of a block with count.
func (k Key) Int() (int, bool) { return k.i, k.kind == intKey }

// Text is the key of an instance of a block with for_each.
func (k Key) Text() (string, bool) { return k.s, k.kind == stringKey }

// text is the key as it is written between brackets, or empty.
func (k Key) text() string {
	switch k.kind {
	case intKey:
		return strconv.Itoa(k.i)
	case stringKey:
		return quote(k.s)
	}
	return ""
}

// quote writes a string as HCL does, so that what it quotes cannot be taken for a template.
func quote(s string) string {
	for _, r := range s {
		if r < ' ' || r > '~' || strings.ContainsRune(`"\$%`, r) {
			return string(hclwrite.TokensForValue(cty.StringVal(s)).Bytes())
		}
	}
	return `"` + s + `"`
}

// String is the address as it is written: server.web["a"].
func (a Address) String() string {
	if a.Key.kind == noKey {
		return a.Kind + "." + a.Name
	}
	return a.Kind + "." + a.Name + "[" + a.Key.text() + "]"
}

// Compare orders addresses by kind, name and key, indices by number.
func (a Address) Compare(b Address) int {
	return cmp.Or(
		strings.Compare(a.Kind, b.Kind), strings.Compare(a.Name, b.Name),
		cmp.Compare(a.Key.kind, b.Key.kind), cmp.Compare(a.Key.i, b.Key.i), strings.Compare(a.Key.s, b.Key.s))
}

// Less orders addresses.
func (a Address) Less(b Address) bool { return a.Compare(b) < 0 }

// MarshalText makes addresses JSON strings and JSON object keys.
func (a Address) MarshalText() ([]byte, error) { return []byte(a.String()), nil }

// UnmarshalText is the opposite of MarshalText.
func (a *Address) UnmarshalText(text []byte) error {
	parsed, err := ParseAddress(string(text))
	if err != nil {
		return err
	}
	*a = parsed
	return nil
}

// maxAddress bounds what is parsed as an address, in bytes.
const maxAddress = 4096

// ParseAddress reads an address as String writes it.
func ParseAddress(s string) (Address, error) {
	wrong := func(why string) (Address, error) {
		return Address{}, fmt.Errorf("%q is not an address: %s; an address is server.web, server.web[0] or server.web[\"a\"]", s, why)
	}
	if len(s) > maxAddress {
		return Address{}, fmt.Errorf("an address of %d bytes is longer than any", len(s))
	}
	if !utf8.ValidString(s) {
		return wrong("it is not UTF-8 text")
	}
	rest, key, bracket := s, "", strings.IndexByte(s, '[')
	if bracket >= 0 {
		rest, key = s[:bracket], s[bracket:]
	}
	prefix := ""
	if after, isData := strings.CutPrefix(rest, DataPrefix); isData && strings.Contains(after, ".") {
		prefix, rest = DataPrefix, after
	}
	kind, name, ok := strings.Cut(rest, ".")
	switch {
	case !ok:
		return wrong("it has no dot")
	case !hclsyntax.ValidIdentifier(kind):
		return wrong(fmt.Sprintf("%q is not the name of a kind", kind))
	case !hclsyntax.ValidIdentifier(name):
		return wrong(fmt.Sprintf("%q is not the name of a block", name))
	}
	a := Address{Kind: prefix + kind, Name: name}
	if bracket < 0 {
		return a, nil
	}
	inner, ok := strings.CutSuffix(key[1:], "]")
	if !ok {
		return wrong("its bracket does not end")
	}
	if i, err := strconv.Atoi(inner); err == nil && i >= 0 && strconv.Itoa(i) == inner {
		a.Key = IntKey(i)
		return a, nil
	}
	if len(inner) < 2 || inner[0] != '"' {
		return wrong("between brackets stands a number or a quoted string")
	}
	expr, diags := hclsyntax.ParseExpression([]byte(inner), "", hcl.InitialPos)
	if diags.HasErrors() {
		return wrong("its key is not a quoted string")
	}
	template, ok := expr.(*hclsyntax.TemplateExpr)
	if !ok || len(template.Parts) > 0 && !template.IsStringLiteral() {
		return wrong("its key is not a plain quoted string")
	}
	v, diags := expr.Value(nil)
	if diags.HasErrors() || v.Type() != cty.String || v.IsNull() {
		return wrong("its key is not a quoted string")
	}
	a.Key = StringKey(v.AsString())
	return a, nil
}
