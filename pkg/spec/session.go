package spec

import (
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/function"
)

// Session evaluates single instances again as objects come to be known, so that an apply costs what it names. It is
// safe for concurrent use.
//
// What it worked out it keeps, stamped with how much was known of the blocks that it depends on; a value is worked out
// again only when one of those came to be known better.
type Session struct {
	mu        sync.Mutex
	stack     *Stack
	unasked   bool // what data blocks answer is not known, and no mistake
	outline   bool // what has no value yet is unknown, and no mistake
	distinct  bool // resources of equal identity are one
	withholds bool // some variables have values that it does not get to see
	graph     *graph
	cyclic    map[string]bool // blocks that cannot be worked out, since they need themselves
	problems  Diagnostics     // of declaring, found once
	schemas   map[string]*Schema
	accounts  map[string]string // of each resource block
	kinds     map[string]*Kind  // of each resource block
	types     map[*Kind]cty.Type
	functions map[string]function.Function

	variables map[string]cty.Value
	objects   map[Address]Values

	missing    map[hcl.Range]Diagnostic // of references to instances that are not there, for when they are asked for
	references map[hclsyntax.Expression][]reference
	keys       map[hclsyntax.Expression][]hclsyntax.Expression // in the brackets of each expression, where they are no literals
	known      map[string]int                                  // of each block, how often an object of it came to be known
	tick       int                                             // how often any did
	tickOf     map[Address]int
	tickBelow  map[string]int  // the last one of any block that a block depends on
	stamps     map[string]int  // of each block, how often an object of one that it depends on came to be known
	fed        map[string]bool // locals that depend on a resource
	locals     map[string]stamped[cty.Value]
	expansions map[string]stamped[*expansion]
	instances  map[Address]stamped[*instance]
	whole      map[string]stamped[cty.Value]
}

// stamped is a value and how much was known when it was worked out.
type stamped[T any] struct {
	stamp int
	value T
	diags Diagnostics
}

// instance is one evaluated resource, and its object as references see it.
type instance struct {
	resource *Resource
	object   cty.Value
	// broken: something that the instance refers to could not be worked out.
	broken bool
}

// Evaluation works out single instances as objects come to be known, here or in another process. It is safe for concurrent use. A
// [Session] is one.
type Evaluation interface {
	// Know tells it the attributes of an object that now exists, "id" among them, or the answer of a data block.
	Know(a Address, v Values)
	// Resource is one instance with what is known now.
	Resource(a Address) (*Resource, Diagnostics)
	// Unanswered are the data blocks to ask before that.
	Unanswered(a Address) ([]*Resource, Diagnostics)
	// Postconditions judges those of an object that exists.
	Postconditions(a Address) Diagnostics
}

// Open is Session, for whoever does not mind where it is.
func (s *Stack) Open(r Request) Evaluation { return s.Session(r) }

// Session starts from what Evaluate would see.
func (s *Stack) Session(r Request) *Session { return s.session(r, false) }

func (s *Stack) session(r Request, outline bool) *Session {
	x := &Session{
		stack: s, outline: outline, distinct: r.Distinct, unasked: r.Unasked, graph: s.graph(), schemas: r.Schemas,
		accounts: map[string]string{}, kinds: map[string]*Kind{}, types: map[*Kind]cty.Type{},
		functions: functions(s.Dir),
		objects:   make(map[Address]Values, len(r.Objects)), known: map[string]int{}, stamps: map[string]int{},
		locals: map[string]stamped[cty.Value]{}, expansions: map[string]stamped[*expansion]{},
		instances: make(map[Address]stamped[*instance], len(r.Objects)), whole: map[string]stamped[cty.Value]{},
		references: map[hclsyntax.Expression][]reference{}, keys: map[hclsyntax.Expression][]hclsyntax.Expression{}, missing: map[hcl.Range]Diagnostic{}, cyclic: map[string]bool{}, tickOf: map[Address]int{}, tickBelow: map[string]int{},
	}
	for a, v := range r.Objects {
		x.objects[a] = v
	}
	x.problems = s.cycleDiagnostics(x.graph)
	for _, c := range x.graph.cycles {
		for _, name := range c {
			x.cyclic[name] = true
		}
	}
	x.withholds = slices.ContainsFunc(r.Variables, func(v VariableValue) bool { return v.Withheld })
	var diags Diagnostics
	x.variables, diags = s.variableValues(r.Variables, outline)
	x.problems = append(x.problems, diags...)
	x.problems = append(x.problems, x.assignAccounts()...)
	x.problems = append(x.problems, x.checkReferences()...)
	x.problems = append(x.problems, x.validate()...)
	return x
}

// Evaluate checks and evaluates the whole stack: all resources, all outputs, all problems.
func (s *Stack) Evaluate(r Request) *Response {
	x := s.Session(r)
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.all()
}

func (x *Session) all() *Response {
	s := x.stack
	if s.unparsed { // what else there is to say would follow from that
		return &Response{Settings: s.Settings}
	}
	out := &Response{Settings: s.Settings, Asked: s.asked(), Diagnostics: slices.Clone(x.problems)}
	if x.graph.depth > maxChain {
		return out
	}
	for _, v := range sortedByName(s.variables) {
		if v.sensitive {
			out.Secrets = append(out.Secrets, x.variables[v.name])
		}
	}
	for _, block := range s.order {
		if x.kinds[block.String()] == nil {
			continue
		}
		e, diags := x.expand(block)
		out.Diagnostics = append(out.Diagnostics, diags...)
		for _, key := range e.keys {
			i, diags := x.instance(block, key)
			out.Diagnostics = append(out.Diagnostics, diags...)
			switch {
			case i == nil:
			case block.data:
				out.Data = append(out.Data, i.resource)
			default:
				out.Resources = append(out.Resources, i.resource)
			}
		}
	}
	if x.distinct {
		out.Diagnostics = append(out.Diagnostics, x.indistinct(out.Resources)...)
	}
	for _, l := range sortedByName(s.locals) {
		_, diags := x.local(l)
		out.Diagnostics = append(out.Diagnostics, diags...)
	}
	outputs, diags := x.outputs()
	out.Outputs = outputs
	out.Diagnostics = append(out.Diagnostics, diags...)
	out.Removals = slices.Clone(s.removals)
	out.Diagnostics = append(out.Diagnostics, x.checkRemovals()...)
	out.Imports, diags = x.importsNow()
	out.Diagnostics = append(out.Diagnostics, diags...)
	out.Diagnostics = append(out.Diagnostics, x.assertions()...)
	slices.SortFunc(out.Resources, func(a, b *Resource) int { return a.Address.Compare(b.Address) })
	slices.SortFunc(out.Data, func(a, b *Resource) int { return a.Address.Compare(b.Address) })
	out.Diagnostics = out.Diagnostics.distinct()
	out.Diagnostics.Sort()
	return out
}

// Know tells the session the attributes of an object that now exists, "id" among them.
func (x *Session) Know(a Address, v Values) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.objects[a] = v
	delete(x.instances, a)
	block := a.Kind + "." + a.Name
	x.known[block]++
	x.tick++
	x.tickOf[a] = x.tick
	seen := map[string]bool{}
	for work := []string{block}; len(work) > 0; {
		at := work[len(work)-1]
		work = work[:len(work)-1]
		for _, user := range x.graph.users[at] {
			if !seen[user] {
				seen[user] = true
				x.stamps[user]++
				x.tickBelow[user] = x.tick
				work = append(work, user)
			}
		}
	}
}

// Resource evaluates one instance with what is known now. Its Values may still hold unknowns where they depend on
// objects that the session was not told of.
func (x *Session) Resource(a Address) (*Resource, Diagnostics) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.problems.HasErrors() {
		return nil, slices.Clone(x.problems)
	}
	block := x.stack.resources[a.Kind][a.Name]
	if block == nil || x.kinds[block.String()] == nil {
		return nil, Diagnostics{{Severity: SeverityError, Summary: "No such resource", Detail: fmt.Sprintf("The configuration declares no %s.", a), Address: a.String()}}
	}
	i, diags := x.instance(block, a.Key)
	if i == nil || i.broken {
		if !diags.HasErrors() {
			diags = append(diags, x.reasons(block.String(), a.String())...)
		}
		return nil, diags
	}
	return i.resource, diags
}

// reasons are the errors of what a block refers to. There is always one.
func (x *Session) reasons(name, who string) Diagnostics {
	var diags Diagnostics
	for _, d := range x.dependencies(name) {
		if local, ok := strings.CutPrefix(d, "local."); ok {
			diags = append(diags, x.locals[local].diags...)
		}
		diags = append(diags, x.expansions[d].diags...)
		for a, i := range x.instances {
			if a.Kind+"."+a.Name == d {
				diags = append(diags, i.diags...)
			}
		}
	}
	if diags = diags.distinct(); !diags.HasErrors() {
		diags = append(diags, Diagnostic{Severity: SeverityError, Summary: "Value cannot be worked out", Detail: fmt.Sprintf("What %s refers to has errors.", who), Address: who})
	}
	diags.Sort()
	return diags
}

// Outputs evaluates the outputs with what is known now.
func (x *Session) Outputs() ([]*Output, Diagnostics) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.problems.HasErrors() {
		return nil, slices.Clone(x.problems)
	}
	out, diags := x.outputs()
	if len(out) < len(x.stack.outputs) && !diags.HasErrors() {
		for _, l := range x.locals {
			diags = append(diags, l.diags...)
		}
		if !diags.HasErrors() {
			diags = append(diags, Diagnostic{Severity: SeverityError, Summary: "Output cannot be worked out", Detail: "What an output refers to has errors."})
		}
		diags.Sort()
	}
	return out, diags
}

// stamp says how much is known of everything that a block depends on, itself excluded. It only grows.
func (x *Session) stamp(name string) int { return x.stamps[name] }

// dependencies are all blocks that a block depends on, through others too. It is asked for only where something went wrong.
func (x *Session) dependencies(name string) []string {
	seen := map[string]bool{}
	work := []string{name}
	var all []string
	for len(work) > 0 {
		at := work[len(work)-1]
		work = work[:len(work)-1]
		for _, to := range x.graph.uses[at] {
			if !seen[to] {
				seen[to] = true
				all = append(all, to)
				work = append(work, to)
			}
		}
	}
	return all
}

// needsResources: a local depends on a resource, at once or through other locals.
func (x *Session) needsResources(name string) bool {
	if x.fed == nil {
		x.fed = map[string]bool{}
		var work []string
		for block := range x.graph.uses {
			if !strings.HasPrefix(block, "local.") {
				work = append(work, block)
			}
		}
		for len(work) > 0 {
			at := work[len(work)-1]
			work = work[:len(work)-1]
			for _, user := range x.graph.users[at] {
				if strings.HasPrefix(user, "local.") && !x.fed[user] {
					x.fed[user] = true
					work = append(work, user)
				}
			}
		}
	}
	return x.fed[name]
}
