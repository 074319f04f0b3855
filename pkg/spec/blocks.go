package spec

import (
	"fmt"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/ext/typeexpr"
	"github.com/hashicorp/hcl/v2/gohcl"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
)

// variable is one variable block.
type variable struct {
	name        string
	description string
	typ         cty.Type
	mistyped    bool // its type makes no sense, so no value can fit
	defaults    *typeexpr.Defaults
	value       hcl.Expression // default, or nil
	sensitive   bool
	nullable    bool
	rules       []rule
	rng         Range
}

// local is one entry of a locals block.
type local struct {
	name string
	expr hclsyntax.Expression
	rng  Range
}

// output is one output block.
type output struct {
	name      string
	expr      hclsyntax.Expression
	sensitive bool
	rng       Range
}

// resource is one block of a kind, or a data block, before its instances are known.
type resource struct {
	data        bool // it asks; its kind begins with DataPrefix
	kind, name  string
	attributes  map[string]*hclsyntax.Attribute
	nested      map[string]*nested // those of them that are written as blocks
	count       hclsyntax.Expression
	forEach     hclsyntax.Expression
	dependsOn   []hcl.Traversal
	provider    string // account key, or empty
	providerAt  *hcl.Range
	lifecycleAt *hcl.Range // of its lifecycle block, or nil
	lifecycle
	rng Range
}

func (r *resource) String() string { return r.kind + "." + r.name }

// foreignBlocks are those that other tools have.
var foreignBlocks = []string{"resource", "terraform", "module"}

// ReservedBlocks are the block types that no kind may be named after, and ReservedRoots the first words of references that mean
// something else.
var (
	ReservedBlocks = slices.Concat([]string{"vpsync", "state", "provider", "variable", "locals", "output", "moved", "removed", "import", "check", dataRoot}, foreignBlocks)
	ReservedRoots  = []string{"var", "local", "each", "count", "self", "path"}
)

// MetaArguments are the names inside a block that no attribute may have.
var MetaArguments = []string{"id", "count", "for_each", "depends_on", "provider", "lifecycle", "dynamic"}

// blocks takes in the top level of one file. Whether a kind exists is decided when schemas are at hand.
func (s *Stack) blocks(body *hclsyntax.Body) Diagnostics {
	var diags Diagnostics
	for _, a := range inOrder(body.Attributes) {
		diags = append(diags, s.problem(a.NameRange, "Argument outside a block",
			fmt.Sprintf("%q stands at the top of the file, where only blocks may stand.", a.Name),
			fmt.Sprintf("locals {\n  %s = ...\n}", a.Name)))
	}
	for _, b := range body.Blocks {
		switch b.Type {
		case "vpsync":
			diags = append(diags, s.settingsBlock(b)...)
		case "state":
			diags = append(diags, s.stateBlock(b)...)
		case "provider":
			diags = append(diags, s.providerBlock(b)...)
		case "variable":
			diags = append(diags, s.variableBlock(b)...)
		case "locals":
			diags = append(diags, s.localsBlock(b)...)
		case "output":
			diags = append(diags, s.outputBlock(b)...)
		case "moved":
			diags = append(diags, s.movedBlock(b)...)
		case "removed":
			diags = append(diags, s.removedBlock(b)...)
		case "import":
			diags = append(diags, s.importBlock(b)...)
		case "check":
			diags = append(diags, s.checkBlock(b)...)
		case dataRoot:
			diags = append(diags, s.dataBlock(b)...)
		default:
			if slices.Contains(foreignBlocks, b.Type) {
				diags = append(diags, s.foreignBlock(b))
				continue
			}
			diags = append(diags, s.resourceBlock(b)...)
		}
	}
	return diags
}

// labels insists on a number of labels that are names.
func (s *Stack) labels(b *hclsyntax.Block, want ...string) (Diagnostics, bool) {
	if len(b.Labels) != len(want) {
		form := b.Type
		for _, w := range want {
			form += fmt.Sprintf(" %q", w)
		}
		return Diagnostics{s.problem(b.DefRange(), "Wrong number of labels", fmt.Sprintf("A %s block has %d labels here and takes %d.", b.Type, len(b.Labels), len(want)), form+" {\n  ...\n}")}, false
	}
	for i, l := range b.Labels {
		if !hclsyntax.ValidIdentifier(l) {
			return Diagnostics{s.problem(b.LabelRanges[i], "Not a name", fmt.Sprintf("%q is not a name: letters, digits, - and _, not starting with a digit.", l), "")}, false
		}
	}
	return nil, true
}

// only refuses what a block may not hold.
func (s *Stack) only(b *hclsyntax.Block, may Block) Diagnostics {
	var diags Diagnostics
	allowed, blocks := may.holds()
	for _, a := range inOrder(b.Body.Attributes) {
		if !slices.Contains(allowed, a.Name) {
			diags = append(diags, s.problem(a.NameRange, "Unknown argument", fmt.Sprintf("A %s block has no argument %q.%s", b.Type, a.Name, didYouMean(a.Name, allowed)), ""))
		}
	}
	for _, inner := range b.Body.Blocks {
		if !slices.Contains(blocks, inner.Type) {
			diags = append(diags, s.problem(inner.TypeRange, "Unknown block", fmt.Sprintf("A %s block holds no %s block.", b.Type, inner.Type), ""))
		}
	}
	return diags
}

// constant decodes an argument that may refer to nothing.
func (s *Stack) constant(a *hclsyntax.Attribute, into any) Diagnostics {
	if a == nil {
		return nil
	}
	return s.sources.fromHCL(gohcl.DecodeExpression(a.Expr, nil, into))
}

func (s *Stack) settingsBlock(b *hclsyntax.Block) Diagnostics {
	diags, ok := s.labels(b)
	if !ok {
		return diags
	}
	if s.settingsAt != nil {
		return append(diags, s.problem(b.DefRange(), "Two vpsync blocks", fmt.Sprintf("The stack's settings stand at %s already.", s.settingsAt), ""))
	}
	s.settingsAt = rangeOf(b.DefRange())
	diags = append(diags, s.only(b, within(Blocks(), b.Type))...)
	diags = append(diags, s.constant(b.Body.Attributes["allow"], &s.Settings.Allow)...)
	if s.Settings.Allow < 0 {
		diags = append(diags, s.problem(b.Body.Attributes["allow"].Range(), "Not a count", "allow is how many destructive changes may pass without being asked for: 0 or more.", ""))
	}
	return diags
}

func (s *Stack) providerBlock(b *hclsyntax.Block) Diagnostics {
	diags, ok := s.labels(b, "servosphere")
	if !ok {
		return diags
	}
	p := ProviderBlock{Name: b.Labels[0], Range: *rangeOf(b.DefRange())}
	for _, a := range inOrder(b.Body.Attributes) {
		switch a.Name {
		case "base_url", "endpoint", "url", "api_url", "host":
			diags = append(diags, s.problem(a.NameRange, "The endpoint is not set in HCL",
				"A definition fixes its host, so that a change to this file cannot send a token elsewhere. Only the environment overrides it.",
				fmt.Sprintf("export %s_API_URL=...", strings.ToUpper(p.Name))))
			delete(b.Body.Attributes, a.Name)
		case "token", "api_key", "key", "password":
			diags = append(diags, s.problem(a.NameRange, "A token does not belong into HCL",
				"Tokens come from the environment alone, so that none is ever committed.", fmt.Sprintf("export %s_API_KEY=...", strings.ToUpper(p.Name))))
			delete(b.Body.Attributes, a.Name)
		}
	}
	diags = append(diags, s.only(b, within(Blocks(), b.Type))...)
	diags = append(diags, s.constant(b.Body.Attributes["alias"], &p.Alias)...)
	diags = append(diags, s.constant(b.Body.Attributes["token_env"], &p.TokenEnv)...)
	diags = append(diags, s.constant(b.Body.Attributes["definition"], &p.Definition)...)
	if p.Alias != "" && !hclsyntax.ValidIdentifier(p.Alias) {
		diags = append(diags, s.problem(b.Body.Attributes["alias"].Range(), "Not a name", fmt.Sprintf("The alias %q is not a name.", p.Alias), ""))
	}
	prefix := strings.ToUpper(strings.ReplaceAll(p.Name, "-", "_")) + "_"
	if p.TokenEnv != "" && !strings.HasPrefix(p.TokenEnv, prefix) {
		diags = append(diags, s.problem(b.Body.Attributes["token_env"].Range(), "Token variable of somebody else",
			fmt.Sprintf("The token of %s comes from a variable whose name starts with %s, so that a stack cannot send another program's secret to it.", p.Name, prefix),
			fmt.Sprintf("token_env = \"%sEU_KEY\"", prefix)))
	}
	for _, other := range s.Providers {
		if other.Account() == p.Account() {
			diags = append(diags, s.problem(b.DefRange(), "Account configured twice", fmt.Sprintf("%s is configured at %s already.", p.Account(), other.Range), `alias = "eu"`))
			return diags
		}
	}
	s.Providers = append(s.Providers, p)
	return diags
}

func (s *Stack) variableBlock(b *hclsyntax.Block) Diagnostics {
	diags, ok := s.labels(b, "name")
	if !ok {
		return diags
	}
	v := &variable{name: b.Labels[0], typ: cty.DynamicPseudoType, nullable: true, rng: *rangeOf(b.DefRange())}
	for _, inner := range b.Body.Blocks {
		if inner.Type == "validation" {
			rule, problems := s.validationBlock(inner)
			diags = append(diags, problems...)
			if rule.condition != nil {
				v.rules = append(v.rules, rule)
			}
		}
	}
	diags = append(diags, s.only(b, within(Blocks(), b.Type))...)
	if a := b.Body.Attributes["type"]; a != nil {
		typ, defaults, problems := typeexpr.TypeConstraintWithDefaults(a.Expr)
		diags = append(diags, s.typeProblems(problems, a.Expr)...)
		v.typ, v.defaults, v.mistyped = typ, defaults, problems.HasErrors()
	}
	if a := b.Body.Attributes["default"]; a != nil {
		v.value = a.Expr
	}
	diags = append(diags, s.constant(b.Body.Attributes["sensitive"], &v.sensitive)...)
	diags = append(diags, s.constant(b.Body.Attributes["nullable"], &v.nullable)...)
	diags = append(diags, s.constant(b.Body.Attributes["description"], &v.description)...)
	if other := s.variables[v.name]; other != nil {
		return append(diags, s.problem(b.DefRange(), "Variable declared twice", fmt.Sprintf("var.%s is declared at %s already.", v.name, other.rng), ""))
	}
	s.variables[v.name] = v
	return diags
}

func (s *Stack) localsBlock(b *hclsyntax.Block) Diagnostics {
	diags, ok := s.labels(b)
	if !ok {
		return diags
	}
	for _, inner := range b.Body.Blocks {
		diags = append(diags, s.problem(inner.TypeRange, "Unknown block", "A locals block holds arguments alone.", ""))
	}
	for _, a := range inOrder(b.Body.Attributes) {
		if other := s.locals[a.Name]; other != nil {
			diags = append(diags, s.problem(a.NameRange, "Local declared twice", fmt.Sprintf("local.%s is declared at %s already.", a.Name, other.rng), ""))
			continue
		}
		s.locals[a.Name] = &local{name: a.Name, expr: a.Expr, rng: *rangeOf(a.NameRange)}
	}
	return diags
}

func (s *Stack) outputBlock(b *hclsyntax.Block) Diagnostics {
	diags, ok := s.labels(b, "name")
	if !ok {
		return diags
	}
	o := &output{name: b.Labels[0], rng: *rangeOf(b.DefRange())}
	diags = append(diags, s.only(b, within(Blocks(), b.Type))...)
	diags = append(diags, s.constant(b.Body.Attributes["sensitive"], &o.sensitive)...)
	var description string
	diags = append(diags, s.constant(b.Body.Attributes["description"], &description)...)
	a := b.Body.Attributes["value"]
	if a == nil {
		return append(diags, s.problem(b.DefRange(), "Output without a value", fmt.Sprintf("output.%s says nothing.", o.name), "value = server.web.ip_address"))
	}
	o.expr = a.Expr
	if other := s.outputs[o.name]; other != nil {
		return append(diags, s.problem(b.DefRange(), "Output declared twice", fmt.Sprintf("The output %s is declared at %s already.", o.name, other.rng), ""))
	}
	s.outputs[o.name] = o
	return diags
}

func (s *Stack) resourceBlock(b *hclsyntax.Block) Diagnostics {
	diags, ok := s.labels(b, "name")
	if !ok {
		return diags
	}
	return append(diags, s.declare(&resource{kind: b.Type, name: b.Labels[0]}, b)...)
}

// dataBlock is a question to a provider: data "plans" "all" { ... }.
func (s *Stack) dataBlock(b *hclsyntax.Block) Diagnostics {
	diags, ok := s.labels(b, "plans", "all")
	if !ok {
		return diags
	}
	if a := b.Body.Attributes["depends_on"]; a != nil {
		diags = append(diags, s.problem(a.NameRange, "Data waits for nothing else", "A data block is read when planning. What must exist first is named in an argument: then it is read once that is known.", "server_id = server.web.id"))
		delete(b.Body.Attributes, a.Name)
	}
	for _, inner := range b.Body.Blocks {
		if inner.Type == "lifecycle" {
			return append(diags, s.problem(inner.TypeRange, "Nothing to look after", "A data block makes nothing. What should be true of its answer stands in a check block, or in a precondition of what uses it.",
				"check \"name\" {\n  assert {\n    condition     = ...\n    error_message = \"...\"\n  }\n}"))
		}
	}
	s.asks(strings.Join(append([]string{b.Type}, b.Labels...), "."), b)
	return append(diags, s.declare(&resource{data: true, kind: DataPrefix + b.Labels[0], name: b.Labels[1]}, b)...)
}

// declare takes in the body of a resource or data block.
func (s *Stack) declare(r *resource, b *hclsyntax.Block) Diagnostics {
	var diags Diagnostics
	r.attributes, r.rng = map[string]*hclsyntax.Attribute{}, *rangeOf(b.DefRange())
	r.Unsupported = UnsupportedError
	for _, a := range inOrder(b.Body.Attributes) {
		switch a.Name {
		case "count":
			r.count = a.Expr
		case "for_each":
			r.forEach = a.Expr
		case "depends_on":
			items, problems := hcl.ExprList(a.Expr)
			diags = append(diags, s.sources.fromHCL(problems)...)
			for _, item := range items {
				t, problems := hcl.AbsTraversalForExpr(item)
				diags = append(diags, s.sources.fromHCL(problems)...)
				if t != nil {
					r.dependsOn = append(r.dependsOn, t)
				}
			}
		case "provider":
			t, problems := hcl.AbsTraversalForExpr(a.Expr)
			diags = append(diags, s.sources.fromHCL(problems)...)
			if t != nil {
				at := a.Expr.Range()
				r.provider, r.providerAt = traversalName(t), &at
			}
		case "id":
			if r.data {
				r.attributes[a.Name] = a
				continue
			}
			diags = append(diags, s.problem(a.NameRange, "The id is the provider's to give", "An object that exists is bound to its block by import, not by an id in HCL.", fmt.Sprintf("vpsync import %s ID", r)))
		default:
			r.attributes[a.Name] = a
		}
	}
	if r.count != nil && r.forEach != nil {
		diags = append(diags, s.problem(b.Body.Attributes["for_each"].NameRange, "Both count and for_each", fmt.Sprintf("%s has instances either by number or by key.", r), ""))
		r.count = nil
	}
	for _, inner := range b.Body.Blocks {
		if inner.Type == "lifecycle" {
			diags = append(diags, s.lifecycleBlock(r, inner)...)
		}
	}
	diags = append(diags, s.attributeBlocks(r, b.Body)...)
	if s.resources[r.kind] == nil {
		s.resources[r.kind] = map[string]*resource{}
	}
	what := "Resource"
	if r.data {
		what = "Data block"
	}
	if other := s.resources[r.kind][r.name]; other != nil {
		return append(diags, s.problem(b.DefRange(), what+" declared twice", fmt.Sprintf("%s is declared at %s already.", r, other.rng), ""))
	}
	s.resources[r.kind][r.name] = r
	s.order = append(s.order, r)
	return diags
}

// inOrder are arguments in the order of the source.
func inOrder(all hclsyntax.Attributes) []*hclsyntax.Attribute {
	list := make([]*hclsyntax.Attribute, 0, len(all))
	for _, a := range all {
		list = append(list, a)
	}
	slices.SortFunc(list, func(a, b *hclsyntax.Attribute) int { return a.NameRange.Start.Byte - b.NameRange.Start.Byte })
	return list
}

func traversalName(t hcl.Traversal) string {
	name := t.RootName()
	for _, step := range t[1:] {
		if a, ok := step.(hcl.TraverseAttr); ok {
			name += "." + a.Name
		}
	}
	return name
}
