package providers

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/vpsync/vpsync/pkg/spec"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"
	"github.com/zclconf/go-cty/cty/gocty"
)

// block reads the arguments of one block by name. It remembers what it was asked for, so that finish can
// report everything else as unknown, with the nearest name that it does know.
type block struct {
	d          *decoder
	name       string // for messages: kind "server"
	labels     []string
	body       *hclsyntax.Body
	header     hcl.Range
	arguments  []string // known, in the order of asking
	blockTypes []string
	seen       map[string]*block // labelled children so far, by type and label
}

// label is the block's last label.
func (b *block) label() string { return b.labels[len(b.labels)-1] }

// labelRange is the place of the block's last label.
func (b *block) labelRange(hb *hclsyntax.Block) hcl.Range {
	if n := len(hb.LabelRanges); n > 0 {
		return hb.LabelRanges[n-1]
	}
	return hb.TypeRange
}

// blocks returns the children of one type, which carry exactly n labels (0 or 1) and do not repeat.
func (b *block) blocks(kind string, n int) []*block {
	b.blockTypes = append(b.blockTypes, kind)
	var found []*block
	for _, hb := range b.body.Blocks {
		if hb.Type != kind {
			continue
		}
		c := &block{d: b.d, labels: hb.Labels, body: hb.Body, header: hb.DefRange(), seen: map[string]*block{}}
		c.name = strings.Join(append([]string{kind}, quotedEach(hb.Labels)...), " ")
		if len(hb.Labels) != n {
			want := fmt.Sprintf("%s { }", kind)
			if n == 1 {
				want = fmt.Sprintf("%s \"name\" { }", kind)
			}
			b.d.errorAt(c.header, "Wrong number of labels", fmt.Sprintf("A %s block in %s is written %s.", kind, b.name, want), "")
			continue
		}
		key := kind + " " + strings.Join(hb.Labels, " ")
		if first := b.seen[key]; first != nil {
			b.d.errorAt(b.labelRange(hb), fmt.Sprintf("Duplicate %s", c.name),
				fmt.Sprintf("%s has %s on line %d already.", sentence(b.name), c.name, first.header.Start.Line), "Remove one of the two, or rename it.")
			continue
		}
		b.seen[key] = c
		found = append(found, c)
	}
	return found
}

// only returns the single unlabelled child of a type, or nil.
func (b *block) only(kind string) *block {
	if found := b.blocks(kind, 0); len(found) > 0 {
		return found[0]
	}
	return nil
}

// finish reports arguments and blocks that nobody asked for.
func (b *block) finish() {
	for name, a := range b.body.Attributes {
		if slices.Contains(b.arguments, name) {
			continue
		}
		detail := fmt.Sprintf("%s has no argument %q.", sentence(b.name), name)
		remedy := "Remove it."
		if slices.Contains(b.blockTypes, name) {
			remedy = fmt.Sprintf("Write it as a block: %s { … }", name)
		} else if near := spec.Nearest(name, b.arguments); near != "" {
			remedy = fmt.Sprintf("Did you mean %q?", near)
		} else if len(b.arguments) > 0 {
			remedy = "It knows " + strings.Join(b.arguments, ", ") + "."
		}
		b.d.errorAt(a.NameRange, "Unknown argument", detail, remedy)
	}
	for _, hb := range b.body.Blocks {
		if slices.Contains(b.blockTypes, hb.Type) {
			continue
		}
		detail := fmt.Sprintf("%s has no block %q.", sentence(b.name), hb.Type)
		remedy := "Remove it."
		if slices.Contains(b.arguments, hb.Type) {
			remedy = fmt.Sprintf("Write it as an argument: %s = …", hb.Type)
		} else if near := spec.Nearest(hb.Type, b.blockTypes); near != "" {
			remedy = fmt.Sprintf("Did you mean %q?", near)
		} else if len(b.blockTypes) > 0 {
			remedy = "It knows " + strings.Join(b.blockTypes, ", ") + "."
		}
		b.d.errorAt(hb.TypeRange, "Unknown block", detail, remedy)
	}
}

// expression returns an argument unevaluated; nil where it is not given.
func (b *block) expression(name string) hclsyntax.Expression {
	b.arguments = append(b.arguments, name)
	if a := b.body.Attributes[name]; a != nil {
		return a.Expr
	}
	return nil
}

// at is the place of an argument, or of the block's header where it is not given.
func (b *block) at(name string) hcl.Range {
	if a := b.body.Attributes[name]; a != nil {
		return a.Expr.Range()
	}
	return b.header
}

// value evaluates an argument, which is made of literals; NilVal where it is not given or wrong.
func (b *block) value(name string) cty.Value {
	e := b.expression(name)
	if e == nil {
		return cty.NilVal
	}
	v, diags := e.Value(nil)
	if diags.HasErrors() {
		b.d.errorAt(e.Range(), "Not a literal value", fmt.Sprintf("%s of %s must be written out: a definition has no variables.", name, b.name), "")
		return cty.NilVal
	}
	if spec.HoldsAbsurd(v) {
		b.d.errorAt(e.Range(), "Number out of all bounds", fmt.Sprintf("%s of %s is too large, or too close to zero, for any request.", name, b.name), "")
		return cty.NilVal
	}
	return v
}

// as evaluates an argument as a type; want describes it in messages. NilVal where it is not given or wrong.
func (b *block) as(name string, t cty.Type, want string) cty.Value {
	v := b.value(name)
	if v == cty.NilVal {
		return v
	}
	c, err := convert.Convert(v, t)
	// A number where a word belongs (or a number written as a string) is a slip worth telling.
	exact := err == nil && !c.IsNull() && c.IsWhollyKnown() && (!t.IsPrimitiveType() || v.Type() == t)
	if exact && t.IsCollectionType() {
		exact = noNulls(c)
	}
	if !exact {
		b.d.errorAt(b.at(name), "Wrong type", fmt.Sprintf("%s of %s must be %s.", name, b.name, want), "")
		return cty.NilVal
	}
	return c
}

func noNulls(v cty.Value) bool {
	ok := true
	_ = cty.Walk(v, func(_ cty.Path, e cty.Value) (bool, error) {
		if e.IsNull() {
			ok = false
		}
		return ok, nil
	})
	return ok
}

// str is a string argument; "" where it is not given.
func (b *block) str(name string) string {
	v := b.as(name, cty.String, "a string")
	if v == cty.NilVal {
		return ""
	}
	return v.AsString()
}

// need is a string argument that must be given and not be empty; example completes the remedy.
func (b *block) need(name, example string) string {
	s := b.str(name)
	switch a := b.body.Attributes[name]; {
	case a == nil:
		b.d.errorAt(b.header, "Missing argument", fmt.Sprintf("%s needs %s.", sentence(b.name), name), fmt.Sprintf("%s = %s", name, example))
	case s == "" && isEmptyString(a.Expr): // what is no string at all was reported by str
		b.d.errorAt(b.at(name), "Empty argument", fmt.Sprintf("%s of %s must not be empty.", name, b.name), fmt.Sprintf("%s = %s", name, example))
	}
	return s
}

func isEmptyString(e hclsyntax.Expression) bool {
	v, diags := e.Value(nil)
	return !diags.HasErrors() && v.Type() == cty.String && v.IsKnown() && !v.IsNull() && v.AsString() == ""
}

// word is a string argument out of a few; fallback where it is not given.
func (b *block) word(name, fallback string, allowed ...string) string {
	s := b.str(name)
	if s == "" && b.body.Attributes[name] == nil {
		return fallback
	}
	if s == "" && !isEmptyString(b.body.Attributes[name].Expr) {
		return fallback // reported already
	}
	if !slices.Contains(allowed, s) {
		remedy := ""
		if near := spec.Nearest(s, allowed); near != "" {
			remedy = fmt.Sprintf("Did you mean %q?", near)
		}
		b.d.errorAt(b.at(name), "Unknown word", fmt.Sprintf("%s of %s must be %s.", name, b.name, quoted(allowed)), remedy)
		return fallback
	}
	return s
}

func (b *block) boolean(name string, fallback bool) bool {
	v := b.as(name, cty.Bool, "true or false")
	if v == cty.NilVal {
		return fallback
	}
	return v.True()
}

// integer is a whole number from low to high.
func (b *block) integer(name string, fallback, low, high int) int {
	want := fmt.Sprintf("a whole number from %d to %d", low, high)
	v := b.as(name, cty.Number, want)
	if v == cty.NilVal {
		return fallback
	}
	var n int
	if err := gocty.FromCtyValue(v, &n); err != nil || n < low || n > high {
		b.d.errorAt(b.at(name), "Number out of range", fmt.Sprintf("%s of %s must be %s.", name, b.name, want), "")
		return fallback
	}
	return n
}

// number is any number; nil where it is not given.
func (b *block) number(name string) *float64 {
	v := b.as(name, cty.Number, "a number")
	if v == cty.NilVal {
		return nil
	}
	f, _ := v.AsBigFloat().Float64()
	return &f
}

// duration is a length of time from low to high, written "10s", "15m" or "1h".
func (b *block) duration(name string, fallback, low, high time.Duration) time.Duration {
	s := b.str(name)
	if s == "" && (b.body.Attributes[name] == nil || !isEmptyString(b.body.Attributes[name].Expr)) {
		return fallback
	}
	t, err := time.ParseDuration(s)
	if err != nil {
		b.d.errorAt(b.at(name), "Not a duration", fmt.Sprintf("%s of %s must be a number with a unit, but it is %q.", name, b.name, s), fmt.Sprintf("%s = \"30s\"", name))
		return fallback
	}
	if t < low || t > high {
		b.d.errorAt(b.at(name), "Duration out of range", fmt.Sprintf("%s of %s must be from %s to %s.", name, b.name, low, high), "")
		return fallback
	}
	return t
}

// words is a list of strings; nil where it is not given.
func (b *block) words(name string) []string {
	v := b.as(name, cty.List(cty.String), "a list of strings")
	if v == cty.NilVal {
		return nil
	}
	list := []string{}
	for _, e := range v.AsValueSlice() {
		list = append(list, e.AsString())
	}
	return list
}

// names is a list of strings without repetition.
func (b *block) names(name string) []string {
	list := b.words(name)
	for i, w := range list {
		if slices.Contains(list[:i], w) {
			b.d.errorAt(b.at(name), "Repeated name", fmt.Sprintf("%s of %s names %q twice.", name, b.name, w), "Name it once.")
		}
	}
	return list
}

// paths is one path or a list of them, tried in order.
func (b *block) paths(name string) []Path {
	if e := b.body.Attributes[name]; e != nil {
		if v, diags := e.Expr.Value(nil); !diags.HasErrors() && v.Type() == cty.String && !v.IsNull() {
			b.arguments = append(b.arguments, name)
			return []Path{Path(v.AsString())}
		}
	}
	var paths []Path
	for _, w := range b.words(name) {
		paths = append(paths, Path(w))
	}
	return paths
}

// wordMap is a map of strings to strings.
func (b *block) wordMap(name string) map[string]string {
	v := b.as(name, cty.Map(cty.String), "a map of words: { AMS = \"Amsterdam\" }")
	if v == cty.NilVal {
		return nil
	}
	m := map[string]string{}
	for k, e := range v.AsValueMap() {
		m[k] = e.AsString()
	}
	return m
}

// members is an object that is written out, for an answer of the sandbox; NilVal where it is not given.
func (b *block) members(name string) cty.Value {
	v := b.value(name)
	if v == cty.NilVal {
		return v
	}
	if v.IsNull() || !v.Type().IsObjectType() {
		b.d.errorAt(b.at(name), "Wrong type", fmt.Sprintf("%s of %s must be an object: what else an answer holds.", name, b.name), name+" = { message = \"Done\" }")
		return cty.NilVal
	}
	return v
}

// isObject: the argument is given, and is an object.
func (b *block) isObject(name string) bool {
	a := b.body.Attributes[name]
	if a == nil {
		return false
	}
	v, diags := a.Expr.Value(nil)
	return !diags.HasErrors() && v.Type().IsObjectType()
}

// wordLists is a map of strings to one word or several.
func (b *block) wordLists(name string) map[string][]string {
	v := b.value(name)
	if v == cty.NilVal {
		return nil
	}
	m := map[string][]string{}
	fits := !v.IsNull() && v.Type().IsObjectType()
	if fits {
		for k, e := range v.AsValueMap() {
			if !e.IsNull() && e.Type() == cty.String {
				e = cty.TupleVal([]cty.Value{e})
			}
			list, err := convert.Convert(e, cty.List(cty.String))
			if err != nil || list.IsNull() || list.LengthInt() == 0 || !noNulls(list) {
				fits = false
				break
			}
			for _, w := range list.AsValueSlice() {
				m[k] = append(m[k], w.AsString())
			}
		}
	}
	if !fits {
		b.d.errorAt(b.at(name), "Wrong type", fmt.Sprintf("%s of %s must be a map of words: { AMS = \"Amsterdam\" }, or of several each: { running = [\"active\", \"starting\"] }.", name, b.name), "")
		return nil
	}
	return m
}

// listMap is a map of strings to lists of words.
func (b *block) listMap(name string) map[string][]string {
	v := b.as(name, cty.Map(cty.List(cty.String)), "a map of lists: { status = [\"active\"] }")
	if v == cty.NilVal {
		return nil
	}
	m := map[string][]string{}
	for k, e := range v.AsValueMap() {
		m[k] = []string{} // any value, where none is named
		for _, w := range e.AsValueSlice() {
			m[k] = append(m[k], w.AsString())
		}
	}
	return m
}

func quotedEach(words []string) []string {
	q := make([]string, len(words))
	for i, w := range words {
		q[i] = fmt.Sprintf("%q", w)
	}
	return q
}

// sentence starts with a capital letter.
func sentence(s string) string { return strings.ToUpper(s[:1]) + s[1:] }
