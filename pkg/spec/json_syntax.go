package spec

import (
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
)

// parse makes the syntax tree of one file of a stack, which the end of its name says how to read. It is nil where nothing could be
// made of it.
func (s *Stack) parse(src []byte, name string) (*hclsyntax.Body, Diagnostics) {
	if strings.HasSuffix(name, ".json") {
		body, problems := parseJSON(src, name)
		for i, d := range problems {
			problems[i] = s.sources.at(d)
		}
		if body != nil {
			divides(body)
		}
		return body, problems
	}
	if refused := Guard(src, name); len(refused) > 0 {
		return nil, refused
	}
	file, problems := hclsyntax.ParseConfig(src, name, hcl.InitialPos)
	diags := s.sources.fromHCL(untangled(problems))
	if file == nil {
		return nil, diags
	}
	body := file.Body.(*hclsyntax.Body)
	divides(body)
	return body, diags
}

// parseJSON makes of JSON the tree that the same stack has in HCL's own syntax, so that nothing beyond needs to know of a second
// one. The convention is that of other tools for HCL: a block is an object below its type and its labels, or a list of
// them; strings are templates; a key "//" is a remark. Which keys are blocks the language says.
func parseJSON(src []byte, name string) (*hclsyntax.Body, Diagnostics) {
	f, root := readJSON(src, name)
	if root == nil {
		return nil, f.problems
	}
	body := f.emptyBody(root)
	switch {
	case root.form == jsonObject:
		f.file(root, body)
	case root.isObjects():
		for _, e := range root.elements {
			f.file(e, body)
		}
	default:
		f.tell(f.rangeOf(root), "Not an object", "A file of a stack in JSON is one object, whose keys are the types of blocks, or a list of such objects.", `{ "locals": { "x": 1 } }`)
		return nil, f.problems
	}
	return body, f.problems
}

// file is the outermost body: whatever is no block of the language is a kind.
func (f *jsonFile) file(root *jsonNode, body *hclsyntax.Body) {
	all := Blocks()
	for _, m := range f.named(root) {
		i := slices.IndexFunc(all, func(b Block) bool { return b.Name == m.name.text })
		switch {
		case i >= 0:
			f.blocks(jsonBlock{typ: m.name, head: m.name, language: all[i]}, len(all[i].Labels), m.value, body)
		case slices.Contains(ReservedBlocks, m.name.text):
			f.reserved(m, body)
		case m.value.isObjects():
			f.blocks(jsonBlock{typ: m.name, head: m.name, language: ResourceBlock()}, 1, m.value, body)
		default:
			f.attribute(m, ResourceBlock(), body)
		}
	}
}

// named are the members of an object that mean something, each with a name that the language can write.
func (f *jsonFile) named(object *jsonNode) []jsonMember {
	var out []jsonMember
	for _, m := range object.members {
		switch {
		case m.name.text == jsonComment:
		case !hclsyntax.ValidIdentifier(m.name.text):
			f.tell(f.rangeOf(m.name), "Not a name", fmt.Sprintf("%q is not a name: letters, digits, - and _, not starting with a digit.", m.name.text), "")
		case !m.again:
			out = append(out, m)
		}
	}
	return out
}

// isObjects: it may be a block, or several.
func (v *jsonNode) isObjects() bool {
	switch v.form {
	case jsonObject:
		return true
	case jsonArray:
		return len(v.elements) > 0 && !slices.ContainsFunc(v.elements, func(e *jsonNode) bool { return e.form != jsonObject })
	}
	return false
}

// reserved is a block that other tools have, or a later version: only its place, and its labels where they make a better remedy.
func (f *jsonFile) reserved(m jsonMember, into *hclsyntax.Body) {
	b := &hclsyntax.Block{Type: m.name.text, Body: f.emptyBody(m.value), TypeRange: f.rangeOf(m.name)}
	if kinds := m.value; kinds.form == jsonObject && len(kinds.members) > 0 {
		if first := kinds.members[0]; first.value.form == jsonObject && len(first.value.members) > 0 {
			b.Labels = []string{first.name.text, first.value.members[0].name.text}
		}
	}
	into.Blocks = append(into.Blocks, b)
}

// jsonBlock is a block on the way from its type down to its body.
type jsonBlock struct {
	typ, head *jsonNode // the key of its type, and what is nearest to its body: a key, or an element of a list
	labels    []*jsonNode
	language  Block
}

// blocks goes down through the labels that are left to the bodies.
func (f *jsonFile) blocks(b jsonBlock, left int, v *jsonNode, into *hclsyntax.Body) {
	switch {
	case v.form == jsonNull: // a block that is not there
	case v.form == jsonArray:
		for _, e := range v.elements {
			b.head = e
			if e.form != jsonObject {
				f.notBlock(b, e)
				continue
			}
			f.blocks(b, left, e, into)
		}
	case v.form != jsonObject:
		f.notBlock(b, v)
	case left > 0:
		for _, m := range v.members {
			if m.name.text == jsonComment || m.again {
				continue
			}
			labelled := b
			labelled.head, labelled.labels = m.name, append(slices.Clone(b.labels), m.name)
			f.blocks(labelled, left-1, m.value, into)
		}
	default:
		into.Blocks = append(into.Blocks, f.block(b, v))
	}
}

func (f *jsonFile) notBlock(b jsonBlock, v *jsonNode) {
	example := "{ ... }"
	for range b.language.Labels {
		example = fmt.Sprintf(`{ "name": %s }`, example)
	}
	f.tell(f.rangeOf(v), "Not a block", "In JSON a block is an object, or a list of objects, below its type and its labels.",
		fmt.Sprintf("%q: %s", b.typ.text, example))
}

func (f *jsonFile) block(b jsonBlock, v *jsonNode) *hclsyntax.Block {
	// What a message calls the place of a block is the key nearest to it: its type may stand many lines above.
	head := f.rangeOf(b.head)
	if b.head.form != jsonString {
		head = f.between(b.head.start, b.head.start+1)
	}
	out := &hclsyntax.Block{Type: b.typ.text, Body: f.body(v, b.language), TypeRange: head,
		OpenBraceRange: f.between(v.start, v.start+1), CloseBraceRange: f.between(v.end-1, v.end)}
	for _, l := range b.labels {
		out.Labels = append(out.Labels, l.text)
		out.LabelRanges = append(out.LabelRanges, head)
	}
	return out
}

func (f *jsonFile) emptyBody(v *jsonNode) *hclsyntax.Body {
	return &hclsyntax.Body{Attributes: hclsyntax.Attributes{}, SrcRange: f.rangeOf(v), EndRange: f.between(v.end, v.end)}
}

// body is what stands in a block of the language, or of a kind.
func (f *jsonFile) body(v *jsonNode, language Block) *hclsyntax.Body {
	body := f.emptyBody(v)
	known := language.Blocks
	if language.Name == contentLanguage.Name { // whose own table would have no end
		known = []Block{dynamicLanguage}
	}
	mayMake := slices.ContainsFunc(known, func(b Block) bool { return b.Name == dynamicLanguage.Name })
	made := v.dynamic()
	for _, m := range f.named(v) {
		i := slices.IndexFunc(known, func(b Block) bool { return b.Name == m.name.text })
		switch {
		case i >= 0:
			f.blocks(jsonBlock{typ: m.name, head: m.name, language: known[i]}, len(known[i].Labels), m.value, body)
		case mayMake && m.value.isObjects() && (slices.Contains(made, m.name.text) || m.value.holdsDynamic()):
			// A list of objects is the same as blocks, but for dynamic ones among them or within them.
			f.blocks(jsonBlock{typ: m.name, head: m.name, language: contentLanguage}, 0, m.value, body)
		default:
			f.attribute(m, language, body)
		}
	}
	return body
}

// dynamic are the attributes for which the body that an object is has dynamic blocks.
func (v *jsonNode) dynamic() []string {
	var out []string
	for _, m := range v.members {
		if m.name.text != dynamicLanguage.Name {
			continue
		}
		for _, e := range slices.Concat(m.value.elements, []*jsonNode{m.value}) {
			for _, label := range e.members {
				out = append(out, label.name.text)
			}
		}
	}
	return out
}

// holdsDynamic: something in the objects is made by a dynamic block.
func (v *jsonNode) holdsDynamic() bool {
	for _, m := range v.members {
		if m.value.isObjects() && (m.name.text == dynamicLanguage.Name || m.value.holdsDynamic()) {
			return true
		}
	}
	return slices.ContainsFunc(v.elements, (*jsonNode).holdsDynamic)
}

// attribute is an argument. What the language says is no value is written as a string, and means what stands in it.
func (f *jsonFile) attribute(m jsonMember, language Block, into *hclsyntax.Body) {
	a := &hclsyntax.Attribute{Name: m.name.text, NameRange: f.rangeOf(m.name), EqualsRange: f.between(m.name.end, m.name.end),
		SrcRange: f.between(m.name.start, m.value.end)}
	symbol := slices.ContainsFunc(language.Arguments, func(x Argument) bool { return x.Name == a.Name && x.Type == cty.NilType })
	before := len(f.problems)
	a.Expr = f.expression(m.value, symbol)
	if symbol && len(f.problems) > before {
		return // what is wrong with half a name has been told
	}
	into.Attributes[a.Name] = a
}

// expression is a value as it would stand in HCL. With symbol its strings are expressions rather than templates.
func (f *jsonFile) expression(v *jsonNode, symbol bool) hclsyntax.Expression {
	at := f.rangeOf(v)
	open := f.between(v.start, v.start+1)
	literal := func(v cty.Value) hclsyntax.Expression { return &hclsyntax.LiteralValueExpr{Val: v, SrcRange: at} }
	switch v.form {
	case jsonArray:
		out := &hclsyntax.TupleConsExpr{SrcRange: at, OpenRange: open}
		for _, e := range v.elements {
			out.Exprs = append(out.Exprs, f.expression(e, symbol))
		}
		return out
	case jsonObject:
		out := &hclsyntax.ObjectConsExpr{SrcRange: at, OpenRange: open}
		for _, m := range v.members {
			key := &hclsyntax.ObjectConsKeyExpr{Wrapped: f.template(m.name)}
			out.Items = append(out.Items, hclsyntax.ObjectConsItem{KeyExpr: key, ValueExpr: f.expression(m.value, symbol)})
		}
		return out
	case jsonString:
		if symbol {
			return f.within(v, hclsyntax.LexExpression, hclsyntax.ParseExpression)
		}
		return f.template(v)
	case jsonNumber:
		return literal(cty.MustParseNumberVal(v.text))
	case jsonBool:
		return literal(cty.BoolVal(v.text == "true"))
	}
	return literal(cty.NullVal(cty.DynamicPseudoType))
}

func (f *jsonFile) template(v *jsonNode) hclsyntax.Expression {
	if !strings.Contains(v.text, "${") && !strings.Contains(v.text, "%{") {
		at := f.rangeOf(v)
		part := &hclsyntax.LiteralValueExpr{Val: cty.StringVal(v.text), SrcRange: at}
		return &hclsyntax.TemplateExpr{Parts: []hclsyntax.Expression{part}, SrcRange: at}
	}
	return f.within(v, hclsyntax.LexTemplate, hclsyntax.ParseTemplate)
}

// within parses what stands in a string, measured before like a file of HCL.
func (f *jsonFile) within(v *jsonNode, lex func([]byte, string, hcl.Pos) (hclsyntax.Tokens, hcl.Diagnostics),
	parse func([]byte, string, hcl.Pos) (hclsyntax.Expression, hcl.Diagnostics)) hclsyntax.Expression {
	nothing := &hclsyntax.LiteralValueExpr{Val: cty.DynamicVal, SrcRange: f.rangeOf(v)} // with an error told, it is never evaluated
	if strings.IndexByte(v.text, 0) >= 0 {
		f.tell(f.rangeOf(v), "Text holds a NUL", "A string with an expression in it cannot hold the character NUL.", "")
		return nothing
	}
	begin := f.pos(v.start + 1)
	place := func(r hcl.Range) hcl.Range { return r }
	if len(v.escapes) > 0 { // what the parser counts are the bytes of the text
		place = func(r hcl.Range) hcl.Range {
			return f.between(v.source(r.Start.Byte-begin.Byte), v.source(r.End.Byte-begin.Byte))
		}
	}
	refuse := func(all Diagnostics) {
		for _, d := range all {
			if d.Range != nil {
				d.Range = rangeOf(place(hcl.Range{Filename: d.Range.File, Start: hcl.Pos(d.Range.Start), End: hcl.Pos(d.Range.End)}))
			}
			f.problems = append(f.problems, d)
		}
	}
	tokens, _ := lex([]byte(v.text), f.name, begin)
	if refused := guardTokens(tokens, nesting{}); len(refused) > 0 {
		refuse(refused)
		return nothing
	}
	expr, problems := parse([]byte(v.text), f.name, begin)
	refuse(sources{}.fromHCL(problems))
	if len(v.escapes) > 0 {
		movePlaces(reflect.ValueOf(&expr), place, map[any]bool{})
	}
	if expr == nil || problems.HasErrors() {
		return nothing
	}
	return expr
}

var (
	rangeType = reflect.TypeFor[hcl.Range]()
	valueType = reflect.TypeFor[cty.Value]()
)

// movePlaces changes every range that a tree holds. The nodes of an expression are of two dozen types, and a list of their fields
// here would be out of date without anybody noticing.
func movePlaces(v reflect.Value, place func(hcl.Range) hcl.Range, seen map[any]bool) {
	switch v.Kind() {
	case reflect.Pointer:
		if v.IsNil() || seen[v.Interface()] {
			return
		}
		seen[v.Interface()] = true
		movePlaces(v.Elem(), place, seen)
	case reflect.Interface:
		inner := v.Elem()
		if inner.Kind() != reflect.Struct { // a pointer, or nothing
			movePlaces(inner, place, seen)
			return
		}
		changed := reflect.New(inner.Type()).Elem() // a step of a traversal
		changed.Set(inner)
		movePlaces(changed, place, seen)
		v.Set(changed)
	case reflect.Slice:
		for i := range v.Len() {
			movePlaces(v.Index(i), place, seen)
		}
	case reflect.Struct:
		switch v.Type() {
		case rangeType:
			v.Set(reflect.ValueOf(place(v.Interface().(hcl.Range))))
		case valueType:
		default:
			for i := range v.NumField() {
				if v.Type().Field(i).IsExported() {
					movePlaces(v.Field(i), place, seen)
				}
			}
		}
	}
}
