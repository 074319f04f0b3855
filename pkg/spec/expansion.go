package spec

import (
	"slices"

	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"
)

// expansion is the instances of a block. Which there are is settled once: keys are known when planning or not at all.
// The values of for_each (each.value) may come to be known later, one by one.
type expansion struct {
	form forms
	keys []Key
	has  map[Key]bool
	each map[Key]eachValue
	// sources tells for a for_each over the instances of another block which of them gave each key; it is made when
	// first needed.
	sources map[Key]Key
	// lost: which instances there are could not be worked out. The reason has been told.
	lost bool
}

type forms uint8

const (
	single forms = iota
	counted
	keyed
)

// eachValue is one each.value, and the tick of the session when it was worked out.
type eachValue struct {
	value cty.Value
	tick  int
}

// eachOf is what an instance's own expressions may name besides the stack.
func (x *Session) eachOf(r *resource, e *expansion, k Key) (map[string]cty.Value, Diagnostics) {
	switch e.form {
	case counted:
		return map[string]cty.Value{"count": cty.ObjectVal(map[string]cty.Value{"index": cty.NumberIntVal(int64(k.i))})}, nil
	case keyed:
		diags := x.refresh(r, e, k)
		return map[string]cty.Value{"each": cty.ObjectVal(map[string]cty.Value{"key": cty.StringVal(k.s), "value": e.each[k].value})}, diags
	}
	return nil, nil
}

// refresh works out one each.value again where something that it came from is known better now. The common forms,
//
//	for_each = server.web
//	for_each = { for k, s in server.web : s.name => s.id }
//
// cost one instance; any other is evaluated as a whole.
func (x *Session) refresh(r *resource, e *expansion, k Key) Diagnostics {
	if !x.stale(e.each[k]) {
		return nil
	}
	collection, loop := repeatedBlock(r.forEach)
	block := x.blockOf(collection)
	if block == nil || x.cyclic[block.String()] {
		return x.refreshAll(r, e)
	}
	if loop == nil {
		if i, _ := x.instance(block, k); i != nil {
			e.each[k] = eachValue{i.object, x.tick}
			return nil
		}
		return x.refreshAll(r, e)
	}
	if e.sources == nil {
		e.sources = x.sourcesOf(block, loop)
	}
	source, ok := e.sources[k]
	if !ok {
		return x.refreshAll(r, e)
	}
	v, ok := x.inLoop(block, loop, loop.ValExpr, source)
	if !ok {
		return x.refreshAll(r, e)
	}
	e.each[k] = eachValue{v, x.tick}
	return nil
}

// stale: an object that the value came from, or one of those which that depends on, came to be known since.
func (x *Session) stale(v eachValue) bool {
	if v.tick == x.tick || v.value == cty.NilVal || !v.value.ContainsMarked() {
		return false
	}
	_, marks := v.value.UnmarkDeep()
	for m := range marks {
		from, ok := m.(origin)
		if !ok {
			continue
		}
		if x.tickOf[from.Address] > v.tick {
			return true
		}
		if x.tickBelow[from.Kind+"."+from.Name] > v.tick {
			return true
		}
	}
	return false
}

func (x *Session) refreshAll(r *resource, e *expansion) Diagnostics {
	again, diags := x.expandForEach(r)
	if diags.HasErrors() {
		return diags
	}
	for k, v := range again.each {
		if e.has[k] {
			e.each[k] = v
		}
	}
	for k, v := range e.each {
		e.each[k] = eachValue{v.value, x.tick}
	}
	return diags
}

// repeatedBlock takes apart the common forms of for_each: the collection, and the loop over it, if any.
func repeatedBlock(e hclsyntax.Expression) (*hclsyntax.ScopeTraversalExpr, *hclsyntax.ForExpr) {
	loop, ok := e.(*hclsyntax.ForExpr)
	if !ok {
		collection, _ := e.(*hclsyntax.ScopeTraversalExpr)
		return collection, nil
	}
	if loop.KeyExpr == nil || loop.Group {
		return nil, nil
	}
	collection, _ := loop.CollExpr.(*hclsyntax.ScopeTraversalExpr)
	return collection, loop
}

// blockOf is the repeated block that a plain server.web names, or nil.
func (x *Session) blockOf(collection *hclsyntax.ScopeTraversalExpr) *resource {
	if collection == nil {
		return nil
	}
	block, rest := x.stack.blockAt(collection.Traversal)
	if block == nil || len(rest) > 0 || block.count == nil && block.forEach == nil {
		return nil
	}
	return block
}

// sourcesOf evaluates the keys of a loop, one by one.
func (x *Session) sourcesOf(block *resource, loop *hclsyntax.ForExpr) map[Key]Key {
	e, _ := x.expand(block)
	sources := make(map[Key]Key, len(e.keys))
	for _, source := range e.keys {
		key, ok := x.inLoop(block, loop, loop.KeyExpr, source)
		if !ok {
			continue
		}
		key, _ = key.UnmarkDeep()
		if key, err := convert.Convert(key, cty.String); err == nil && key.IsKnown() && !key.IsNull() {
			sources[StringKey(key.AsString())] = source
		}
	}
	return sources
}

// inLoop evaluates a part of a loop for one instance of the block that it goes over.
func (x *Session) inLoop(block *resource, loop *hclsyntax.ForExpr, part hclsyntax.Expression, source Key) (cty.Value, bool) {
	i, _ := x.instance(block, source)
	if i == nil {
		return cty.NilVal, false
	}
	refs := slices.DeleteFunc(slices.Clone(x.refs(part)), func(r reference) bool { return r.root == loop.ValVar || r.root == loop.KeyVar })
	ctx, diags := x.context(refs, nil)
	if diags.HasErrors() {
		return cty.NilVal, false
	}
	child := ctx.NewChild()
	child.Variables = map[string]cty.Value{loop.ValVar: i.object}
	if loop.KeyVar != "" {
		child.Variables[loop.KeyVar] = cty.NumberIntVal(int64(source.i))
		if s, ok := source.Text(); ok {
			child.Variables[loop.KeyVar] = cty.StringVal(s)
		}
	}
	v, problems := part.Value(child)
	return v, !problems.HasErrors()
}
