package spec

import (
	"fmt"
	"slices"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"
)

// nested are the blocks of one name in one body: another way to write an attribute whose type is an object, or a list or set of
// them. Where they stand a list of objects is made of them at once, so that whatever looks at expressions needs to know of
// arguments alone; what the list must be is decided when the type is at hand.
type nested struct {
	name   string
	blocks []nestedBlock // in source order, never none
	// several: they are those of several bodies, gathered where it cannot be told which of them a value comes from.
	several bool
}

// nestedBlock is one of them, or the content of a dynamic block, which makes any number.
type nestedBlock struct {
	at       hcl.Range // its header
	name     hcl.Range
	body     *hclsyntax.Body
	inner    map[string]*nested
	forEach  hclsyntax.Expression // of a dynamic block, or nil
	iterator string
}

var contentLanguage = Block{
	Name: "content", Description: "the arguments of each block that is made; other blocks may stand in it, dynamic ones too", Open: true,
}

var dynamicLanguage = Block{Name: "dynamic", Description: "blocks for an attribute, one for each element of a collection",
	Labels: []string{"attribute"}, Arguments: []Argument{
		{Name: "for_each", Description: "a list, set or map: a block for each element", Type: cty.DynamicPseudoType, Required: true},
		{Name: "iterator", Description: "what the element is called in the content, as in r.key and r.value; by default like the attribute"},
	}, Blocks: []Block{contentLanguage}}

// attributeBlocks takes in the blocks of a resource that stand for attributes.
func (s *Stack) attributeBlocks(r *resource, body *hclsyntax.Body) Diagnostics {
	var blocks []*hclsyntax.Block
	for _, b := range body.Blocks {
		if b.Type != "lifecycle" {
			blocks = append(blocks, b)
		}
	}
	all, diags := s.nestedBlocks(blocks, body.Attributes, r.kind, MetaArguments)
	for _, name := range names(all) {
		n := all[name]
		if r.attributes[name] != nil { // told
			continue
		}
		at := n.blocks[0].name
		r.attributes[name] = &hclsyntax.Attribute{Name: name, Expr: n.expression(), SrcRange: at, NameRange: at, EqualsRange: at}
		if r.nested == nil {
			r.nested = map[string]*nested{}
		}
		r.nested[name] = n
	}
	return diags
}

// nestedBlocks groups the blocks of one body by the attribute that they stand for. Holder is what the body is of, for messages.
func (s *Stack) nestedBlocks(blocks []*hclsyntax.Block, arguments hclsyntax.Attributes, holder string, reserved []string) (
	map[string]*nested, Diagnostics) {
	all := map[string]*nested{}
	var diags Diagnostics
	for _, b := range blocks {
		name, made := b.Type, nestedBlock{at: b.DefRange(), name: b.TypeRange, body: b.Body}
		var problems Diagnostics
		if b.Type == "dynamic" {
			name, made, problems = s.dynamicBlock(b)
		} else if h, ok := innerHabits[b.Type]; ok && len(b.Labels) > 0 {
			problems = Diagnostics{s.problem(b.TypeRange, h.summary, h.detail, h.remedy)}
		} else if len(b.Labels) > 0 {
			problems = Diagnostics{s.problem(b.DefRange(), "Unknown block",
				fmt.Sprintf("A %s block holds no %s block with a label; blocks for an attribute have none.", holder, b.Type), "")}
		}
		diags = append(diags, problems...)
		switch {
		case problems.HasErrors():
			continue
		case slices.Contains(reserved, name):
			remedy := ""
			if name != "lifecycle" && name != "dynamic" && name != "id" {
				remedy = name + " = ..."
			}
			diags = append(diags, s.problem(made.name, "Unknown block",
				fmt.Sprintf("%s is no attribute of a %s that blocks could stand for.", name, holder), remedy))
			continue
		case arguments[name] != nil:
			diags = append(diags, s.both(made.name, name, arguments[name].NameRange))
			continue
		}
		made.inner, problems = s.nestedBlocks(made.body.Blocks, made.body.Attributes, name, nil)
		diags = append(diags, problems...)
		n := all[name]
		if n == nil {
			n = &nested{name: name}
			all[name] = n
		}
		n.blocks = append(n.blocks, made)
	}
	return all, diags
}

func (s *Stack) both(at hcl.Range, name string, other hcl.Range) Diagnostic {
	return s.problem(at, "Both argument and blocks",
		fmt.Sprintf("%s is given as an argument at %s already; it is written either so or as blocks.", name, rangeOf(other)), "")
}

// dynamicBlock reads one: the attribute that it is for, and its content.
func (s *Stack) dynamicBlock(b *hclsyntax.Block) (string, nestedBlock, Diagnostics) {
	diags, ok := s.labels(b, "attribute")
	if !ok {
		return "", nestedBlock{}, diags
	}
	name := b.Labels[0]
	out := nestedBlock{at: b.DefRange(), name: b.LabelRanges[0], iterator: name}
	if a := b.Body.Attributes["labels"]; a != nil {
		diags = append(diags, s.problem(a.NameRange, "Labels are not supported",
			"Blocks that stand for an attribute have no labels, so a dynamic block gives them none.", ""))
	}
	for _, d := range s.only(b, dynamicLanguage) {
		if a := b.Body.Attributes["labels"]; a == nil || *d.Range != *rangeOf(a.NameRange) {
			diags = append(diags, d)
		}
	}
	if a := b.Body.Attributes["iterator"]; a != nil {
		out.iterator = hcl.ExprAsKeyword(a.Expr)
		if out.iterator == "" {
			diags = append(diags, s.problem(a.Expr.Range(), "Not a name",
				"The iterator is a name without quotes, by which the content calls the element.", "iterator = item"))
		}
	}
	if slices.Contains(ReservedRoots, out.iterator) {
		diags = append(diags, s.problem(b.DefRange(), "Reserved name",
			fmt.Sprintf("In the content, %s would no longer mean what it means everywhere.", out.iterator), "iterator = item"))
	}
	if a := b.Body.Attributes["for_each"]; a != nil {
		out.forEach = a.Expr
	} else {
		diags = append(diags, s.problem(b.DefRange(), "Missing argument",
			`A dynamic block needs "for_each", the collection for whose elements it makes blocks.`, "for_each = [...]"))
	}
	for _, inner := range b.Body.Blocks {
		if inner.Type != contentLanguage.Name {
			continue
		}
		problems, _ := s.labels(inner)
		if out.body != nil {
			problems = append(problems, s.problem(inner.DefRange(), "Two content blocks",
				"A dynamic block makes all of its blocks alike: it has one content block.", ""))
		}
		diags, out.body = append(diags, problems...), inner.Body
	}
	if out.body == nil && !diags.HasErrors() {
		diags = append(diags, s.problem(b.DefRange(), "Missing block",
			"A dynamic block needs a content block, with the arguments of the blocks that it makes.", "content {\n  ...\n}"))
	}
	return name, out, diags
}

// expression is the list of objects that the blocks stand for.
func (n *nested) expression() hclsyntax.Expression {
	at := n.blocks[0].at
	var parts, loops []hclsyntax.Expression
	var written *hclsyntax.TupleConsExpr // the part that goes on, or nil
	for _, b := range n.blocks {
		if b.forEach != nil {
			parts, loops, written = append(parts, b.loop()), append(loops, b.forEach), nil
			continue
		}
		if written == nil {
			written = &hclsyntax.TupleConsExpr{SrcRange: b.at, OpenRange: b.at}
			parts = append(parts, written)
		}
		written.Exprs = append(written.Exprs, b.object())
	}
	if len(parts) == 1 {
		return parts[0]
	}
	return &markedExpr{&hclsyntax.FunctionCallExpr{Name: "concat", Args: parts, NameRange: at, OpenParenRange: at, CloseParenRange: at}, loops}
}

// object is { argument = value, ... }.
func (b nestedBlock) object() hclsyntax.Expression {
	out := &hclsyntax.ObjectConsExpr{SrcRange: b.at, OpenRange: b.at}
	add := func(name string, at hcl.Range, value hclsyntax.Expression) {
		key := &hclsyntax.LiteralValueExpr{Val: cty.StringVal(name), SrcRange: at}
		out.Items = append(out.Items, hclsyntax.ObjectConsItem{KeyExpr: key, ValueExpr: value})
	}
	for _, a := range inOrder(b.body.Attributes) {
		add(a.Name, a.NameRange, a.Expr)
	}
	for _, name := range names(b.inner) {
		add(name, b.inner[name].blocks[0].name, b.inner[name].expression())
	}
	return out
}

// loop is [for ITERATOR in [for key, value in FOR_EACH : { key = key, value = value }] : CONTENT].
func (b nestedBlock) loop() hclsyntax.Expression {
	at := b.forEach.Range()
	pair := &hclsyntax.ObjectConsExpr{SrcRange: at, OpenRange: at}
	for _, name := range []string{"key", "value"} {
		pair.Items = append(pair.Items, hclsyntax.ObjectConsItem{
			KeyExpr:   &hclsyntax.LiteralValueExpr{Val: cty.StringVal(name), SrcRange: at},
			ValueExpr: &hclsyntax.ScopeTraversalExpr{Traversal: hcl.Traversal{hcl.TraverseRoot{Name: name, SrcRange: at}}, SrcRange: at},
		})
	}
	elements := &hclsyntax.ForExpr{KeyVar: "key", ValVar: "value", CollExpr: b.forEach, ValExpr: pair, SrcRange: at, OpenRange: at, CloseRange: at}
	return &markedExpr{&hclsyntax.ForExpr{ValVar: b.iterator, CollExpr: &markedExpr{elements, []hclsyntax.Expression{b.forEach}},
		ValExpr: b.object(), SrcRange: b.at, OpenRange: b.at, CloseRange: b.at}, []hclsyntax.Expression{b.forEach}}
}

// markedExpr is an expression that knows where it comes from although it is unknown as a whole. The parser's own loops and calls
// forget the marks of what has not even a type yet, and with them what must exist first.
type markedExpr struct {
	hclsyntax.Expression
	from []hclsyntax.Expression // what its loops go over, whose marks it has then; small, since it is evaluated again
}

// Value is that of the expression.
func (e *markedExpr) Value(ctx *hcl.EvalContext) (cty.Value, hcl.Diagnostics) {
	v, diags := e.Expression.Value(ctx)
	if !diags.HasErrors() && !v.IsKnown() {
		for _, part := range e.from {
			whole, _ := part.Value(ctx)
			_, marks := whole.Unmark()
			v = v.WithMarks(marks)
		}
	}
	return v, diags
}

// objectIn is the type of one block for an attribute of the type, or NilType where no block can stand for it.
func objectIn(t cty.Type) cty.Type {
	if t.IsListType() || t.IsSetType() {
		t = t.ElementType()
	}
	if t.IsObjectType() {
		return t
	}
	return cty.NilType
}

// misfits are the blocks that no attribute of the kind has room for, whatever their values.
func (x *Session) misfits(kind *Kind, name string, n *nested) Diagnostics {
	at := n.blocks[0].name
	a := kind.Attribute(name)
	if a == nil {
		return Diagnostics{x.stack.problem(at, "Unknown block", fmt.Sprintf("A %s has no attribute %q that a block could stand for.%s", kind.Name, name, didYouMean(name, settable(kind))), "")}
	}
	return x.stack.blockMisfits(n, a.Type, fmt.Sprintf("%q of a %s", name, kind.Name), example(a))
}

func (s *Stack) blockMisfits(n *nested, t cty.Type, what, example string) Diagnostics {
	one := objectIn(t)
	if one == cty.NilType {
		switch {
		case example != "...":
		case t.IsMapType(), t.IsObjectType():
			example = "{ ... }"
		case !t.IsPrimitiveType():
			example = "[...]"
		}
		return Diagnostics{s.problem(n.blocks[0].name, "Unknown block",
			fmt.Sprintf("%s is a %s; a block stands for an object alone.", what, t.FriendlyName()), fmt.Sprintf("%s = %s", n.name, example))}
	}
	var diags Diagnostics
	has := names(one.AttributeTypes())
	for _, b := range n.blocks {
		for _, a := range inOrder(b.body.Attributes) {
			if !one.HasAttribute(a.Name) {
				diags = append(diags, s.problem(a.NameRange, "Unknown argument",
					fmt.Sprintf("A %s block has no argument %q.%s", n.name, a.Name, didYouMean(a.Name, has)), ""))
			}
		}
		for _, name := range names(b.inner) {
			inner := b.inner[name]
			if !one.HasAttribute(name) {
				diags = append(diags, s.problem(inner.blocks[0].name, "Unknown block",
					fmt.Sprintf("A %s block holds no %s block.%s", n.name, name, didYouMean(name, has)), ""))
				continue
			}
			diags = append(diags, s.blockMisfits(inner, one.AttributeType(name), fmt.Sprintf("%q of a %s block", name, n.name), "...")...)
		}
		for _, name := range has {
			if b.body.Attributes[name] == nil && b.inner[name] == nil {
				remedy := name + " = ..."
				if t := one.AttributeType(name); t.IsListType() || t.IsSetType() {
					remedy = name + " = []"
				}
				diags = append(diags, s.problem(b.at, "Missing argument", fmt.Sprintf("A %s block needs %q.", n.name, name), remedy))
			}
		}
	}
	return diags
}

// unfold makes of the list that blocks became what the attribute is, which may be one object. What is an argument after all stays
// as it is.
func (s *Stack) unfold(n *nested, t cty.Type, v cty.Value) (cty.Value, Diagnostics) {
	bare, marks := v.Unmark()
	if !bare.IsKnown() {
		return cty.UnknownVal(t).WithMarks(marks), nil
	}
	if bare.IsNull() || !bare.Type().IsTupleType() {
		return v, nil
	}
	var diags Diagnostics
	elements := bare.AsValueSlice()
	for i, e := range elements {
		object, own := e.Unmark()
		if !object.IsKnown() || object.IsNull() || !object.Type().IsObjectType() {
			continue
		}
		fields := object.AsValueMap()
		b := n.made(i)
		for _, name := range names(fields) {
			one := objectIn(t)
			if !one.HasAttribute(name) {
				continue
			}
			want := one.AttributeType(name)
			if inner := n.within(name, b); inner != nil {
				var problems Diagnostics
				fields[name], problems = s.unfold(inner, want, fields[name])
				diags = append(diags, problems...)
			} else if b != nil {
				if _, err := convert.Convert(fields[name], want); err != nil {
					diags = append(diags, s.problem(b.body.Attributes[name].Expr.Range(), "Wrong type",
						unfit(fmt.Sprintf("%q of a %s block", name, n.name), fields[name], want), ""))
				}
			}
		}
		elements[i] = cty.ObjectVal(fields).WithMarks(own)
	}
	if t.IsObjectType() && len(elements) != 1 {
		counted := fmt.Sprintf("; here are %d", len(elements))
		if IsSensitive(v) {
			counted = ""
		}
		diags = append(diags, s.problem(n.blocks[len(n.blocks)-1].at, "Not one block",
			fmt.Sprintf("%s is one object, so exactly one block stands for it%s.", n.name, counted),
			fmt.Sprintf("%s = ... ? { ... } : null    # where it may be missing", n.name)))
	}
	switch {
	case diags.HasErrors():
		return cty.NilVal, diags
	case t.IsObjectType():
		return elements[0].WithMarks(marks), nil
	}
	return cty.TupleVal(elements).WithMarks(marks), nil
}

// made is the block that an element of the list comes from, or nil where that cannot be told.
func (n *nested) made(element int) *nestedBlock {
	dynamic := slices.ContainsFunc(n.blocks, func(b nestedBlock) bool { return b.forEach != nil })
	switch {
	case n.several:
		return nil
	case len(n.blocks) == 1:
		return &n.blocks[0]
	case dynamic || element >= len(n.blocks):
		return nil
	}
	return &n.blocks[element]
}

// within are the blocks of a name in one of these, or in all of them where that one is not known; nil where the name is an
// argument.
func (n *nested) within(name string, b *nestedBlock) *nested {
	if b != nil {
		return b.inner[name]
	}
	all := &nested{name: name, several: true}
	for _, b := range n.blocks {
		if in := b.inner[name]; in != nil {
			all.blocks = append(all.blocks, in.blocks...)
		}
	}
	if len(all.blocks) == 0 {
		return nil
	}
	return all
}
