package spec

import (
	"fmt"
	"slices"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"
)

// Move is a moved block: what is recorded at From is at To from now on. Both are whole blocks, or instances.
type Move struct {
	From, To Address
	Range    Range
}

// Removal is a removed block: From is not declared any more, and its object is destroyed, or left alone at the provider.
type Removal struct {
	From    Address // a whole block, or an instance
	Destroy bool
	Range   Range
}

// Import is one object that an import block binds to a resource.
type Import struct {
	To    Address
	ID    string
	Range Range
}

// Covers: the address is this one or, where this is a whole block, an instance of it.
func (a Address) Covers(b Address) bool {
	return a == b || a.Key == Key{} && a.Kind == b.Kind && a.Name == b.Name
}

// importBlock is one import block, before its instances are known.
type importBlock struct {
	to, id  hclsyntax.Expression
	forEach hclsyntax.Expression
	rng     Range
}

// addressArgument reads an address that a block names: server.web, server.web[0] or server.web["a"].
func (s *Stack) addressArgument(b *hclsyntax.Block, name string) (Address, Diagnostics) {
	a := b.Body.Attributes[name]
	if a == nil {
		return Address{}, Diagnostics{s.problem(b.DefRange(), "Missing argument", fmt.Sprintf("A %s block needs %q, an address.", b.Type, name), name+" = server.web")}
	}
	wrong := Diagnostics{s.problem(a.Expr.Range(), "Not an address", "An address is server.web, server.web[0] or server.web[\"a\"], without quotes around it.", name+" = server.web")}
	t, problems := hcl.AbsTraversalForExpr(a.Expr)
	if problems.HasErrors() || len(t) < 2 || len(t) > 3 || t.RootName() == dataRoot {
		return Address{}, wrong
	}
	kind, name, rest := split(t)
	out := Address{Kind: kind, Name: name}
	if len(rest) == 1 {
		ix, ok := rest[0].(hcl.TraverseIndex)
		if !ok {
			return Address{}, wrong
		}
		switch key := ix.Key; {
		case key.Type() == cty.String:
			out.Key = StringKey(key.AsString())
		default:
			n, _ := key.AsBigFloat().Int64()
			out.Key = IntKey(int(n))
		}
	}
	if out.Name == "" {
		return Address{}, wrong
	}
	return out, nil
}

func (s *Stack) movedBlock(b *hclsyntax.Block) Diagnostics {
	diags, ok := s.labels(b)
	if !ok {
		return diags
	}
	diags = append(diags, s.only(b, within(Blocks(), b.Type))...)
	from, problems := s.addressArgument(b, "from")
	diags = append(diags, problems...)
	to, problems := s.addressArgument(b, "to")
	diags = append(diags, problems...)
	switch {
	case diags.HasErrors():
		return diags
	case from.Kind != to.Kind:
		return append(diags, s.problem(b.DefRange(), "Not a move", fmt.Sprintf("A %s cannot become a %s: an object stays what it is.", from.Kind, to.Kind), ""))
	case from == to:
		return append(diags, s.problem(b.DefRange(), "Not a move", fmt.Sprintf("%s is moved to itself.", from), ""))
	}
	if i := slices.IndexFunc(s.Moves, func(m Move) bool { return m.From == from && m.To != to }); i >= 0 {
		return append(diags, s.problem(b.DefRange(), "Moved to two places", fmt.Sprintf("%s is moved to %s at %s already.", from, s.Moves[i].To, s.Moves[i].Range), "delete one of the two"))
	}
	s.Moves = append(s.Moves, Move{From: from, To: to, Range: *rangeOf(b.DefRange())})
	return diags
}

func (s *Stack) removedBlock(b *hclsyntax.Block) Diagnostics {
	diags, ok := s.labels(b)
	if !ok {
		return diags
	}
	diags = append(diags, s.only(b, within(Blocks(), b.Type))...)
	from, problems := s.addressArgument(b, "from")
	diags = append(diags, problems...)
	r := Removal{From: from, Range: *rangeOf(b.DefRange())}
	destroy := b.Body.Attributes["destroy"]
	for _, inner := range b.Body.Blocks {
		if inner.Type == "lifecycle" && destroy == nil { // where other tools have it
			destroy = inner.Body.Attributes["destroy"]
		}
	}
	if destroy == nil {
		return append(diags, s.problem(b.DefRange(), "Destroyed or left alone?", fmt.Sprintf("The removed block of %s does not say what becomes of the object: destroy = true deletes it, and lifts prevent_destroy; destroy = false stops managing it and leaves it as it is.", from),
			"destroy = false"))
	}
	diags = append(diags, s.constant(destroy, &r.Destroy)...)
	if !diags.HasErrors() {
		s.removals = append(s.removals, r)
	}
	return diags
}

func (s *Stack) importBlock(b *hclsyntax.Block) Diagnostics {
	diags, ok := s.labels(b)
	if !ok {
		return diags
	}
	diags = append(diags, s.only(b, within(Blocks(), b.Type))...)
	to, id := b.Body.Attributes["to"], b.Body.Attributes["id"]
	if to == nil || id == nil {
		return append(diags, s.problem(b.DefRange(), "Incomplete import block", "It says which object, by its id, belongs to which resource.", "to = server.web\nid = \"srv_1234567890\""))
	}
	i := &importBlock{to: to.Expr, id: id.Expr, rng: *rangeOf(b.DefRange())}
	if a := b.Body.Attributes["for_each"]; a != nil {
		i.forEach = a.Expr
	}
	s.imports = append(s.imports, i)
	s.asks(b.Type, b)
	return diags
}

// checkRemovals refuses removed blocks about what is still declared.
func (x *Session) checkRemovals() Diagnostics {
	var diags Diagnostics
	declared := func(a Address) bool {
		block := x.stack.resources[a.Kind][a.Name]
		if block == nil || a.Key == (Key{}) {
			return block != nil
		}
		e, _ := x.expand(block)
		return e.has[a.Key]
	}
	said := map[Address]Removal{}
	for _, r := range x.stack.removals {
		if other, twice := said[r.From]; twice && other.Destroy != r.Destroy {
			diags = append(diags, x.stack.problemAt(r.Range, "Destroyed or left alone?", fmt.Sprintf("The removed block at %s says the opposite of %s.", other.Range, r.From), "delete one of the two"))
		}
		said[r.From] = r
		if declared(r.From) {
			diags = append(diags, x.stack.problemAt(r.Range, "Removed and declared", fmt.Sprintf("%s is declared in this stack, so it cannot be removed from it at the same time.", r.From), "delete one of the two"))
		}
	}
	return diags
}

// importsNow are the bindings that the import blocks ask for.
func (x *Session) importsNow() ([]Import, Diagnostics) {
	var out []Import
	var diags Diagnostics
	for _, b := range x.stack.imports {
		if b.forEach == nil {
			one, problems := x.importOf(b, nil)
			diags = append(diags, problems...)
			if one != nil {
				out = append(out, *one)
			}
			continue
		}
		e, problems := x.expandForEach(&resource{kind: "import", name: "block", forEach: b.forEach, rng: b.rng})
		diags = append(diags, problems...)
		for _, k := range e.keys {
			each := map[string]cty.Value{"each": cty.ObjectVal(map[string]cty.Value{"key": cty.StringVal(k.s), "value": e.each[k].value})}
			one, problems := x.importOf(b, each)
			diags = append(diags, problems...)
			if one != nil {
				out = append(out, *one)
			}
		}
	}
	seen := map[Address]Import{}
	for _, i := range out {
		if other, twice := seen[i.To]; twice && other.ID != i.ID {
			diags = append(diags, x.stack.problemAt(i.Range, "Imported twice", fmt.Sprintf("%s is to be %s at %s already.", i.To, other.ID, other.Range), ""))
		}
		seen[i.To] = i
	}
	slices.SortFunc(out, func(a, b Import) int { return a.To.Compare(b.To) })
	return out, diags
}

func (x *Session) importOf(b *importBlock, each map[string]cty.Value) (*Import, Diagnostics) {
	t, ok := targetOf(b.to)
	var block *resource
	if ok && t.attribute == "" {
		block, _ = x.stack.blockAt(t.block)
	}
	if block == nil {
		return nil, Diagnostics{x.stack.problem(b.to.Range(), "No such resource", "An import block binds an object to a resource that the stack declares: write its block, too.", "to = server.web")}
	}
	a := Address{Kind: block.kind, Name: block.name}
	e, problems := x.expand(block)
	if problems.HasErrors() || e.lost {
		return nil, nil // told where that block stands
	}
	key := t.key
	var diags Diagnostics
	if t.index != nil {
		if key, diags = x.evaluate(t.index, each); diags.HasErrors() || isLost(key) {
			return nil, diags
		}
		key, _ = key.UnmarkDeep()
	}
	if key != cty.NilVal {
		k, ok := x.keyIn(block, key)
		if !ok {
			d := x.noInstance(block, e, k, b.to.Range())
			d.Remedy = "" // that of a reference says how to do without the instance
			return nil, Diagnostics{d}
		}
		a.Key = k
	} else if e.form != single {
		return nil, Diagnostics{x.stack.problem(b.to.Range(), "Which instance?", fmt.Sprintf("%s has %d instances; an object is bound to one of them.", block, len(e.keys)), fmt.Sprintf("to = %s[each.key]", block))}
	}
	v, problems := x.evaluate(b.id, each)
	if diags = append(diags, problems...); diags.HasErrors() || isLost(v) {
		return nil, diags
	}
	secret := IsSensitive(v)
	v, _ = v.UnmarkDeep()
	id, err := convert.Convert(v, cty.String)
	switch {
	case secret:
		return nil, append(diags, x.stack.problem(b.id.Range(), "Id derives from a secret", "An id is recorded and shown.", "id = nonsensitive(...)"))
	case err != nil || id.IsKnown() && id.IsNull() || id.IsKnown() && id.AsString() == "":
		return nil, append(diags, x.stack.problem(b.id.Range(), "Not an id", "An id is the text by which the provider knows the object.", `id = "srv_1234567890"`))
	case !id.IsKnown():
		return nil, append(diags, x.stack.problem(b.id.Range(), "Id is known only after apply", "Which object is meant must be known when planning.", ""))
	}
	return &Import{To: a, ID: id.AsString(), Range: b.rng}, diags
}
