package spec

import (
	"fmt"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"
)

// maxMisfits bounds what is said of one value: a list of a thousand wrong elements has one mistake.
const maxMisfits = 5

// misfit is one place inside a value that its type does not allow.
type misfit struct {
	path cty.Path
	why  string // what the type wants there and what is there instead, to follow the place
}

// misfits says where a value does not fit the type of its variable, however deep that is. Of a secret nothing is shown: no
// value, and no key of a map.
func (s *Stack) misfits(v *variable, g VariableValue, value cty.Value, from hclsyntax.Expression, err error) Diagnostics {
	f := fitting{secret: v.sensitive}
	f.compare(nil, value, v.typ)
	if len(f.found) == 0 { // the types of several places do not go together
		f.add(nil, fmt.Sprintf(" is %s, and what was given does not fit: %s", aType(v.typ), err))
	}
	var diags Diagnostics
	for _, m := range f.found {
		detail := "var." + v.name + f.place(m.path) + m.why + "."
		if g.Origin != "" && !g.File {
			detail = g.Origin + ": " + detail
		}
		diags = append(diags, s.shown(v, Diagnostic{Severity: SeverityError, Summary: "Wrong type", Detail: detail, Range: placeOf(g, from, m.path)}))
	}
	return diags
}

// unused warns of attributes that the type does not have: they are dropped, and a misspelt optional one is hard to see.
func (s *Stack) unused(v *variable, g VariableValue, value cty.Value, from hclsyntax.Expression) Diagnostics {
	f := fitting{secret: v.sensitive, surplus: true}
	f.compare(nil, value, v.typ)
	var diags Diagnostics
	for _, m := range f.found {
		diags = append(diags, s.shown(v, Diagnostic{Severity: SeverityWarning, Summary: "Attribute is ignored",
			Detail: "var." + v.name + f.place(m.path) + m.why, Range: placeOf(g, from, m.path)}))
	}
	return diags
}

// unfit says of a value that does not convert to a type where they part first. Of a secret nothing is shown.
func unfit(what string, value cty.Value, t cty.Type) string {
	f := fitting{secret: IsSensitive(value)}
	bare, _ := value.UnmarkDeep()
	f.compare(nil, bare, t)
	if len(f.found) == 0 { // that part is not known yet
		f.add(nil, fmt.Sprintf(" is %s, and %s was given", aType(t), aGiven(bare.Type())))
	}
	return what + f.place(f.found[0].path) + f.found[0].why + "."
}

// fitting compares a value with a type.
type fitting struct {
	secret  bool
	surplus bool // look for attributes that the type does not have, rather than for what is wrong
	found   []misfit
}

func (f *fitting) add(path cty.Path, why string) {
	if len(f.found) < maxMisfits {
		f.found = append(f.found, misfit{path.Copy(), why})
	}
}

// compare walks down to the places where value and type part.
func (f *fitting) compare(path cty.Path, value cty.Value, t cty.Type) {
	if value.IsNull() || !value.IsKnown() || t == cty.DynamicPseudoType || len(f.found) == maxMisfits {
		return
	}
	given := value.Type()
	group := given.IsObjectType() || given.IsMapType()
	series := given.IsTupleType() || given.IsListType() || given.IsSetType()
	switch {
	case t.IsPrimitiveType() && given.IsPrimitiveType():
		if _, err := convert.Convert(value, t); err != nil && !f.surplus {
			shown := "what was given"
			if !f.secret {
				shown = display(value)
			}
			f.add(path, fmt.Sprintf(" is %s, and %s is none", aType(t), shown))
		}
	case t.IsObjectType() && group:
		f.attributes(path, value, t)
	case t.IsMapType() && group, (t.IsListType() || t.IsSetType()) && series:
		for it := value.ElementIterator(); it.Next(); {
			k, element := it.Element()
			if given.IsSetType() {
				k = cty.UnknownVal(cty.DynamicPseudoType) // a member of a set has no key
			}
			f.compare(path.Index(k), element, t.ElementType())
		}
	case t.IsTupleType() && series:
		if n := value.LengthInt(); n != t.Length() {
			if !f.surplus {
				f.add(path, fmt.Sprintf(" takes %d elements, and was given %d", t.Length(), n))
			}
			return
		}
		for i, element := range value.AsValueSlice() {
			f.compare(path.IndexInt(i), element, t.TupleElementType(i))
		}
	case !f.surplus:
		f.add(path, fmt.Sprintf(" is %s, and %s was given", aType(t), aGiven(given)))
	}
}

func (f *fitting) attributes(path cty.Path, value cty.Value, t cty.Type) {
	has := value.AsValueMap()
	for _, name := range names(t.AttributeTypes()) {
		if v, ok := has[name]; ok {
			f.compare(path.GetAttr(name), v, t.AttributeType(name))
		} else if !f.surplus && !t.AttributeOptional(name) {
			f.add(path, fmt.Sprintf(" needs %q, which is missing", name))
		}
	}
	if !f.surplus {
		return
	}
	for _, name := range names(has) {
		switch known := names(t.AttributeTypes()); {
		case slices.Contains(known, name):
		case f.secret:
			f.add(path, " is given an attribute that its type does not have.")
		default:
			f.add(path, fmt.Sprintf(" is given %q, which its type does not have.%s", name, didYouMean(name, known)))
		}
	}
}

// place is a path as HCL writes it.
func (f *fitting) place(path cty.Path) string {
	var b strings.Builder
	for _, step := range path {
		switch s := step.(type) {
		case cty.GetAttrStep:
			b.WriteString("." + s.Name)
		case cty.IndexStep:
			if !s.Key.IsKnown() || f.secret && s.Key.Type() == cty.String {
				b.WriteString("[...]")
			} else {
				b.WriteString("[" + display(s.Key) + "]")
			}
		}
	}
	return b.String()
}

// placeOf is where a part of a value stands in its file, as near as the source tells.
func placeOf(g VariableValue, from hclsyntax.Expression, path cty.Path) *Range {
	if g.Range == nil || from == nil || g.inJSON() { // of JSON, Source is a translation: its places are none of the file
		return g.Range
	}
	for _, step := range path {
		next := member(from, step)
		if next == nil {
			break
		}
		from = next
	}
	r := rangeOf(from.Range())
	r.File = g.Range.File
	return r
}

// member is the expression of one member of a list or an object that is written out, or nil.
func member(e hclsyntax.Expression, step cty.PathStep) hclsyntax.Expression {
	for {
		inner, ok := e.(*hclsyntax.ParenthesesExpr)
		if !ok {
			break
		}
		e = inner.Expression
	}
	var key cty.Value
	switch s := step.(type) {
	case cty.GetAttrStep:
		key = cty.StringVal(s.Name)
	case cty.IndexStep:
		key = s.Key
	}
	if !key.IsKnown() {
		return nil
	}
	switch e := e.(type) {
	case *hclsyntax.ObjectConsExpr:
		for _, item := range e.Items {
			if k, problems := item.KeyExpr.Value(nil); !problems.HasErrors() && k.RawEquals(key) {
				return item.ValueExpr
			}
		}
	case *hclsyntax.TupleConsExpr:
		if i, _ := key.AsBigFloat().Int64(); key.Type() == cty.Number && i >= 0 && int(i) < len(e.Exprs) {
			return e.Exprs[i]
		}
	}
	return nil
}

// aType is a type in a sentence.
func aType(t cty.Type) string {
	switch name := strings.ReplaceAll(t.FriendlyName(), "dynamic", "any"); {
	case t == cty.DynamicPseudoType:
		return "of any type"
	case strings.ContainsAny(name[:1], "aeiou"):
		return "an " + name
	default:
		return "a " + name
	}
}

// aGiven is the type of a value as whoever wrote it sees it.
func aGiven(t cty.Type) string {
	if t.IsTupleType() {
		return "a list"
	}
	return aType(t)
}

// sample is a value of a type, to paste.
func sample(t cty.Type) string {
	switch {
	case t == cty.Number:
		return "1"
	case t == cty.Bool:
		return "true"
	case t.IsListType(), t.IsSetType():
		if e := t.ElementType(); e == cty.String || e == cty.DynamicPseudoType {
			return `["a", "b"]`
		}
		return "[" + sample(t.ElementType()) + "]"
	case t.IsMapType():
		return "{ key = " + sample(t.ElementType()) + " }"
	case t.IsTupleType():
		var parts []string
		for _, e := range t.TupleElementTypes() {
			parts = append(parts, sample(e))
		}
		return "[" + strings.Join(parts, ", ") + "]"
	case t.IsObjectType():
		var parts []string
		for _, name := range names(t.AttributeTypes()) {
			if !t.AttributeOptional(name) {
				parts = append(parts, name+" = "+sample(t.AttributeType(name)))
			}
		}
		if len(parts) == 0 {
			return "{}"
		}
		return "{ " + strings.Join(parts, ", ") + " }"
	}
	return `"text"`
}

// typeWords are those that a type is made of.
var typeWords = []string{"string", "number", "bool", "any", "list", "set", "map", "object", "tuple"}

// typeProblems say what is wrong with the type of a variable, and what its author may have meant.
func (s *Stack) typeProblems(problems hcl.Diagnostics, written hclsyntax.Expression) Diagnostics {
	diags := s.sources.fromHCL(problems)
	for i := range diags {
		d := &diags[i]
		if d.Summary != "Invalid type specification" {
			continue
		}
		d.Summary = "Not a type"
		word := strings.TrimSpace(strings.Trim(string(rangeBytes(s.sources, d.Range)), `"`))
		switch word {
		case "string", "number", "bool", "any":
			d.Remedy = "type = " + word
		case "list", "set", "map":
			d.Remedy = fmt.Sprintf("type = %s(string)", word)
		case "object":
			d.Remedy = "type = object({ name = string })"
		case "tuple":
			d.Remedy = "type = tuple([string, number])"
		default:
			d.Detail += didYouMean(word, typeWords)
		}
		if hcl.ExprAsKeyword(written) == "" && strings.HasPrefix(d.Remedy, "type = ") && !d.Range.is(written.Range()) {
			d.Remedy = strings.TrimPrefix(d.Remedy, "type = ") // it stands inside another type
		}
	}
	return diags
}

func rangeBytes(all sources, r *Range) []byte {
	if r == nil || r.End.Byte > len(all[r.File]) {
		return nil
	}
	return all[r.File][r.Start.Byte:r.End.Byte]
}

func (r *Range) is(other hcl.Range) bool {
	return r != nil && r.Start.Byte == other.Start.Byte && r.End.Byte == other.End.Byte
}
