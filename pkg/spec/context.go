package spec

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
)

// evaluate is the one place where expressions get their values. With an error among the diagnostics the value is lost.
func (x *Session) evaluate(e hclsyntax.Expression, each map[string]cty.Value) (cty.Value, Diagnostics) {
	x.stack.busy.Store(&e)
	ctx, diags := x.context(x.refs(e), each)
	v, problems := e.Value(ctx)
	diags = append(diags, x.tell(problems, e, ctx)...)
	if !problems.HasErrors() && x.picked(e, ctx) {
		v = v.Mark(Sensitive)
	}
	if !problems.HasErrors() && HoldsAbsurd(v) {
		d := outOfBounds("This value")
		d.Range = rangeOf(e.Range())
		diags = append(diags, x.stack.sources.at(d))
	}
	if diags.HasErrors() || !v.IsWhollyKnown() && needsLost(ctx) {
		v = lost // some expressions that are unknown as a whole forget why
	}
	return v, diags
}

// picked: a secret decides which part of an object the expression comes to. The expression language keeps the marks of a key for
// lists and maps alone, and what a secret picks tells the secret. Keys that only a loop inside the expression knows are passed over.
func (x *Session) picked(e hclsyntax.Expression, ctx *hcl.EvalContext) bool {
	keys, known := x.keys[e]
	if !known {
		f := &keyFinder{}
		_ = hclsyntax.Walk(e, f)
		keys, x.keys[e] = f.keys, f.keys
	}
	return slices.ContainsFunc(keys, func(key hclsyntax.Expression) bool {
		v, problems := key.Value(ctx)
		return !problems.HasErrors() && IsSensitive(v)
	})
}

// keyFinder gathers what stands in brackets, but for what nonsensitive() declares to be none of a secret.
type keyFinder struct {
	keys []hclsyntax.Expression
	open int // how many of those calls it is in
}

// Enter is what it does on the way down.
func (f *keyFinder) Enter(n hclsyntax.Node) hcl.Diagnostics {
	switch n := n.(type) {
	case *hclsyntax.FunctionCallExpr:
		if n.Name == "nonsensitive" {
			f.open++
		}
	case *hclsyntax.IndexExpr:
		if f.open == 0 {
			f.keys = append(f.keys, n.Key)
		}
	}
	return nil
}

// Exit is what it does on the way up.
func (f *keyFinder) Exit(n hclsyntax.Node) hcl.Diagnostics {
	if call, ok := n.(*hclsyntax.FunctionCallExpr); ok && call.Name == "nonsensitive" {
		f.open--
	}
	return nil
}

// needsLost: something that the expression names could not be worked out.
func needsLost(ctx *hcl.EvalContext) bool {
	groups := slices.Collect(maps.Values(ctx.Variables))
	if data, ok := ctx.Variables[dataRoot]; ok && data.Type().IsObjectType() { // its groups lie one step deeper
		groups = append(groups, slices.Collect(maps.Values(data.AsValueMap()))...)
	}
	for _, group := range groups {
		if !group.Type().IsObjectType() {
			if !group.IsKnown() && isLost(group) {
				return true
			}
			continue
		}
		bare, _ := group.Unmark()
		if !bare.IsKnown() || bare.IsNull() {
			continue
		}
		for it := bare.ElementIterator(); it.Next(); {
			if _, v := it.Element(); !v.IsKnown() && isLost(v) {
				return true
			}
		}
	}
	return false
}

// refs is what an expression names, worked out once.
func (x *Session) refs(e hclsyntax.Expression) []reference {
	if r, ok := x.references[e]; ok {
		return r
	}
	r := references(e)
	x.references[e] = r
	return r
}

// context is what an expression may name: exactly what it does name, and nothing else.
func (x *Session) context(refs []reference, each map[string]cty.Value) (*hcl.EvalContext, Diagnostics) {
	var diags Diagnostics
	groups := map[string]map[string]cty.Value{}
	put := func(root, name string, v cty.Value) {
		if groups[root] == nil {
			groups[root] = map[string]cty.Value{}
		}
		groups[root][name] = v
	}
	partial := map[*resource]map[string]cty.Value{} // instances by key
	for _, r := range refs {
		switch r.root {
		case "var":
			v, ok := x.variables[r.name]
			if !ok {
				v = lost // said by checkReferences
			}
			put("var", r.name, v)
		case "local":
			l := x.stack.locals[r.name]
			if l == nil || x.cyclic["local."+r.name] {
				put("local", r.name, lost)
				continue
			}
			v, problems := x.local(l)
			diags = append(diags, problems.warnings()...) // its errors are told where it stands
			put("local", r.name, v)
		case "each", "count", "self":
		default:
			block := x.stack.resources[r.root][r.name]
			if block == nil || x.cyclic[block.String()] {
				put(r.root, r.name, lost)
				continue
			}
			if key, ok := x.keyOf(r, each); ok && !r.whole {
				k, object, exists := x.keyedObject(block, key, r)
				if partial[block] == nil {
					partial[block] = map[string]cty.Value{}
				}
				if exists {
					partial[block][k] = object
				}
				continue
			}
			put(r.root, r.name, x.collection(block))
		}
	}
	for block, instances := range partial {
		if _, all := groups[block.kind][block.name]; !all {
			put(block.kind, block.name, cty.ObjectVal(instances))
		}
	}
	ctx := &hcl.EvalContext{Variables: make(map[string]cty.Value, len(groups)+len(each)), Functions: x.functions}
	data := map[string]cty.Value{}
	for root, members := range groups {
		if source, isData := strings.CutPrefix(root, DataPrefix); isData {
			data[source] = cty.ObjectVal(members)
			continue
		}
		ctx.Variables[root] = cty.ObjectVal(members)
	}
	if len(data) > 0 {
		ctx.Variables[dataRoot] = cty.ObjectVal(data)
	}
	for name, v := range each {
		ctx.Variables[name] = v
	}
	for _, r := range refs {
		root, _, _ := strings.Cut(r.root, ".")
		if _, ok := ctx.Variables[root]; !ok {
			ctx.Variables[root] = lost // each and count out of place: said by checkReferences
		}
	}
	return ctx, diags
}

// keyOf is the key that a reference asks for, where that can be told without any resource.
func (x *Session) keyOf(r reference, each map[string]cty.Value) (cty.Value, bool) {
	if r.whole {
		return cty.NilVal, false
	}
	if r.index == nil {
		return r.key, r.key.IsKnown() && !r.key.IsNull() // the parser leaves odd keys unknown
	}
	for _, inner := range x.refs(r.index) {
		switch inner.root {
		case "var":
		case "each", "count":
			if inner.name == "" {
				return cty.NilVal, false
			}
		case "local":
			if x.needsResources("local." + inner.name) {
				return cty.NilVal, false
			}
		default:
			return cty.NilVal, false
		}
	}
	v, diags := x.evaluate(r.index, each)
	if diags.HasErrors() || IsSensitive(v) {
		return cty.NilVal, false
	}
	v, _ = v.UnmarkDeep()
	if !v.IsKnown() || v.IsNull() || !(v.Type() == cty.String || v.Type() == cty.Number) {
		return cty.NilVal, false
	}
	return v, true
}

const (
	unknownFunction     = "Call to unknown function"
	providerNamespace   = `namespace "provider::`
	noProviderFunctions = "Functions of Terraform's providers cannot be called here: a provider is a document, and runs no code."
)

// harmless are complaints of the expression language that show no value.
var harmless = []string{"Unsupported attribute", unknownFunction, "Not enough function arguments", "Too many function arguments", "Unknown variable"}

var quotedName = regexp.MustCompile(`named "([^"]+)"`)

// tell takes over what the expression language complains of. Its messages may show values; where a secret is at work
// they are left out. A misspelt attribute gets a suggestion from the kinds that the expression names.
func (x *Session) tell(problems hcl.Diagnostics, whole hclsyntax.Expression, ctx *hcl.EvalContext) Diagnostics {
	var out Diagnostics
	for i, d := range x.stack.sources.fromHCL(problems) {
		p := problems[i]
		if better, ok := x.missingAt(p); ok {
			out = append(out, better)
			continue
		}
		if p.Subject == nil {
			d.Range = rangeOf(whole.Range())
			d = x.stack.sources.at(d)
		}
		var failed hcl.Expression = whole
		if p.Expression != nil {
			failed = p.Expression
		}
		scope := ctx
		if p.EvalContext != nil {
			scope = p.EvalContext
		}
		if cause, _, crashed := strings.Cut(d.Detail, "panic in function implementation"); crashed {
			d.Detail = cause + "it cannot work with these values."
		}
		switch {
		case d.Summary == unknownFunction && strings.Contains(d.Detail, providerNamespace):
			d.Detail = noProviderFunctions
			d.Remedy = "use one of the functions in docs/functions.md, or give the value as a variable"
		case slices.Contains(harmless, d.Summary):
		case worksWithSecrets(failed, scope) || failed != hcl.Expression(whole) && worksWithSecrets(whole, ctx):
			d.Detail = "This expression works with a secret, so what exactly is wrong with it is not shown."
		}
		if detail := x.stack.sources.noAttribute(p); detail != "" {
			d.Detail = detail
		} else if m := quotedName.FindStringSubmatch(d.Detail); m != nil && d.Summary == "Unsupported attribute" {
			var candidates []string
			for _, r := range x.refs(whole) {
				if kind := x.kinds[r.root+"."+r.name]; kind != nil {
					candidates = append(candidates, "id")
					for _, a := range kind.Attributes {
						candidates = append(candidates, a.Name)
					}
				}
			}
			d.Detail += didYouMean(m[1], candidates)
		}
		d.Values = involved(failed, scope)
		out = append(out, d)
	}
	return out
}

// noAttribute says of a reference to an attribute that an object does not have what the object is called, and what it has. It is empty
// for all other problems.
func (s sources) noAttribute(x *hcl.Diagnostic) string {
	e, ok := x.Expression.(*hclsyntax.ScopeTraversalExpr)
	if !ok || x.Subject == nil || x.EvalContext == nil {
		return ""
	}
	for i, step := range e.Traversal {
		attr, ok := step.(hcl.TraverseAttr)
		if !ok || i == 0 || attr.SrcRange != *x.Subject {
			continue
		}
		v, problems := e.Traversal[:i].TraverseAbs(x.EvalContext)
		if problems.HasErrors() || IsSensitive(v) || !v.Type().IsObjectType() || v.Type().HasAttribute(attr.Name) {
			return ""
		}
		has := names(v.Type().AttributeTypes())
		hint := didYouMean(attr.Name, has)
		if hint == "" && len(has) > 0 && len(has) <= maxListed {
			hint = fmt.Sprintf(" It has %s.", strings.Join(has, ", "))
		}
		return fmt.Sprintf("%s has no attribute %q.%s", e.Traversal[:i].SourceRange().SliceBytes(s[x.Subject.Filename]), attr.Name, hint)
	}
	return ""
}

// maxListed is how many names a message lists.
const maxListed = 20

// missingAt is what there is to say of an index that names no instance.
func (x *Session) missingAt(p *hcl.Diagnostic) (Diagnostic, bool) {
	if p.Summary == "Invalid index" && p.Subject != nil {
		for at, d := range x.missing {
			// The brackets are a part of the reference, or follow it where an expression stands in them.
			if start := p.Subject.Start.Byte; at.Filename == p.Subject.Filename && at.Start.Byte <= start && start <= at.End.Byte {
				return d, true
			}
		}
	}
	return Diagnostic{}, false
}

// worksWithSecrets: something that the expression names is or holds a secret, or it makes one itself.
func worksWithSecrets(e hcl.Expression, ctx *hcl.EvalContext) bool {
	for _, t := range e.Variables() {
		if v, diags := t.TraverseAbs(ctx); !diags.HasErrors() && IsSensitive(v) {
			return true
		}
		for c := ctx; c != nil; c = c.Parent() { // where the way itself fails, its beginning decides
			if v, ok := c.Variables[t.RootName()]; ok && v.HasMark(Sensitive) {
				return true
			}
		}
	}
	secret := false
	if node, ok := e.(hclsyntax.Node); ok {
		_ = hclsyntax.VisitAll(node, func(n hclsyntax.Node) hcl.Diagnostics {
			if call, ok := n.(*hclsyntax.FunctionCallExpr); ok && call.Name == "sensitive" {
				secret = true
			}
			return nil
		})
	}
	return secret
}

// poison marks values that stand for what could not be worked out. The reason has been told; what follows from it is
// not told again.
type poison struct{}

var lost = cty.DynamicVal.Mark(poison{})

func isLost(v cty.Value) bool {
	if !v.ContainsMarked() {
		return false
	}
	_, marks := v.UnmarkDeep()
	_, ok := marks[poison{}]
	return ok
}
