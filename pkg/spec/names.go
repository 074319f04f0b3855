package spec

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
)

// place is where an expression stands, which decides what it may name.
type place struct {
	each, count bool
	self        bool // in a postcondition
}

// checkReferences finds every name that leads nowhere, also in what is never evaluated.
func (x *Session) checkReferences() Diagnostics {
	var diags Diagnostics
	s := x.stack
	check := func(e hclsyntax.Expression, at place) {
		for _, r := range x.refs(e) {
			diags = append(diags, x.checkReference(r, at)...)
		}
	}
	for _, l := range sortedByName(s.locals) {
		check(l.expr, place{})
	}
	for _, o := range sortedByName(s.outputs) {
		check(o.expr, place{})
	}
	for _, b := range s.imports {
		at := place{each: b.forEach != nil}
		if b.forEach != nil {
			check(b.forEach, place{})
		}
		check(b.to, at)
		check(b.id, at)
	}
	for _, c := range s.checks {
		for _, rule := range c.rules {
			check(rule.condition, place{})
			check(rule.message, place{})
		}
	}
	for _, b := range s.order {
		if b.count != nil {
			check(b.count, place{})
		}
		if b.forEach != nil {
			check(b.forEach, place{})
		}
		at := place{each: b.forEach != nil, count: b.count != nil}
		for _, a := range inOrder(b.attributes) {
			check(a.Expr, at)
		}
		for _, e := range b.triggers {
			check(e, at)
		}
		for _, rule := range b.before {
			check(rule.condition, at)
			check(rule.message, at)
		}
		at.self = true
		for _, rule := range b.after {
			check(rule.condition, at)
			check(rule.message, at)
		}
		for _, t := range b.dependsOn {
			diags = append(diags, x.checkDependsOn(t)...)
		}
	}
	return diags
}

func (x *Session) checkReference(r reference, at place) Diagnostics {
	s := x.stack
	what, exists := r.root, false
	var known func() []string // sorted out only where a name is missing
	switch r.root {
	case "var":
		what, exists, known = "variable", s.variables[r.name] != nil, func() []string { return names(s.variables) }
	case "local":
		what, exists, known = "local", s.locals[r.name] != nil, func() []string { return names(s.locals) }
	case "each":
		if at.each {
			return nil
		}
		return Diagnostics{s.problem(r.rng, "Nothing to repeat here", "each means something only in the arguments of a block with for_each.", "for_each = toset([\"a\", \"b\"])")}
	case "self":
		if at.self {
			return nil
		}
		return Diagnostics{s.problem(r.rng, "Nothing is meant by self here", "self is the resource itself, and stands in the postconditions of its lifecycle block alone.", "")}
	case "count":
		if at.count {
			return nil
		}
		return Diagnostics{s.problem(r.rng, "Nothing to repeat here", "count.index means something only in the arguments of a block with count.", "count = 2")}
	default:
		blocks := s.resources[r.root]
		if source, isData := strings.CutPrefix(r.root, DataPrefix); isData {
			what = "data block"
			if blocks == nil {
				if r.name == "" {
					return Diagnostics{s.problem(r.rng, "Incomplete reference", "data names a group: say which source, which block of it and which attribute.", "data.plans.all.plans")}
				}
				return Diagnostics{s.problem(r.rng, "Unknown data block", fmt.Sprintf("This stack declares no data block of %q.%s", source, didYouMean(r.root, names(s.resources))),
					fmt.Sprintf("data %q %q {\n}", source, r.name))}
			}
		}
		if blocks == nil {
			roots := append(slices.Collect(maps.Keys(s.resources)), "var", "local", "each", "count")
			return Diagnostics{s.problem(r.rng, "Unknown name", fmt.Sprintf("Nothing is called %q: this stack declares no %s block.%s", r.root, r.root, didYouMean(r.root, roots)), "")}
		}
		exists, known = blocks[r.name] != nil, func() []string { return names(blocks) }
	}
	switch {
	case r.name == "":
		return Diagnostics{s.problem(r.rng, "Incomplete reference", fmt.Sprintf("%s names a group: say which one of it.", r.root), "")}
	case !exists:
		return Diagnostics{s.problem(r.rng, "Unknown "+what, fmt.Sprintf("There is no %s %q in this stack.%s", what, r.name, didYouMean(r.name, known())), "")}
	}
	return nil
}

func (x *Session) checkDependsOn(t hcl.Traversal) Diagnostics {
	root, name, rest := split(t)
	r := reference{root: root, name: name, rng: t.SourceRange()}
	switch r.root {
	case "var", "local", "each", "count":
		return Diagnostics{x.stack.problem(r.rng, "Not a resource", "depends_on lists resources; everything else takes no time to exist.", "depends_on = [server.web]")}
	}
	if diags := x.checkReference(r, place{}); len(diags) > 0 {
		return diags
	}
	block := x.stack.resources[r.root][r.name]
	if block.data {
		return Diagnostics{x.stack.problem(r.rng, "Not a resource", "depends_on lists resources; a data block makes nothing that one could wait for.", "depends_on = [server.web]")}
	}
	if len(rest) > 0 {
		ix, ok := rest[0].(hcl.TraverseIndex)
		if !ok || len(rest) > 1 {
			return Diagnostics{x.stack.problem(r.rng, "Not a resource", "depends_on lists resources, not their attributes.", fmt.Sprintf("depends_on = [%s]", block))}
		}
		if e, diags := x.expand(block); !diags.HasErrors() {
			if _, ok := x.keyIn(block, ix.Key); !ok {
				return Diagnostics{x.stack.problem(r.rng, "No such instance", noSuchInstance(block, e), "")}
			}
		}
	}
	return nil
}

func noSuchInstance(block *resource, e *expansion) string {
	if e.form == single {
		return fmt.Sprintf("%s has neither count nor for_each, so it has no instance to pick.", block)
	}
	return fmt.Sprintf("%s has %d instances; this is none of them.", block, len(e.keys))
}
