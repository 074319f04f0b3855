package spec

import (
	"fmt"
	"maps"
	"slices"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
)

// Lifecycle is what a block says about the changes of its resource, beyond its values.
type Lifecycle struct {
	Unsupported    OnUnsupported // on_unsupported, UnsupportedError by default
	PreventDestroy bool          // prevent_destroy: neither deleted nor replaced
	CreateFirst    bool          // create_before_destroy: a replacement makes before it removes
	// IgnoreAll and IgnoreChanges are ignore_changes: all attributes, or those named, sorted. An object that exists keeps
	// what it has of them; a new one gets what the configuration says.
	IgnoreAll     bool
	IgnoreChanges []string
	// BackupBefore is backup_before, sorted: BackupReplace, BackupDelete.
	BackupBefore []string
	// Triggers are replace_triggered_by, sorted.
	Triggers []Trigger
	// OnDrift is on_drift: what a daemon does when somebody else changed the object. Empty: what its stack's mode says.
	OnDrift OnDrift `json:",omitempty"`
}

// OnDrift decides about what somebody changed at the provider.
type OnDrift string

// What on_drift may say.
const (
	DriftReport  OnDrift = "report"  // say it
	DriftPropose OnDrift = "propose" // keep a plan ready for somebody to approve
	DriftHeal    OnDrift = "heal"    // put it back
)

// Ignores: a difference of the attribute changes nothing.
func (l Lifecycle) Ignores(attribute string) bool {
	return l.IgnoreAll || slices.Contains(l.IgnoreChanges, attribute)
}

// What backup_before may name: the changes that lose what an object holds.
const (
	BackupReplace = "replace"
	BackupDelete  = "delete"
)

// Trigger is a resource whose change replaces another. Attribute is empty where any change does.
type Trigger struct {
	Address   Address
	Attribute string
}

// lifecycle is one lifecycle block, before its instances are known.
type lifecycle struct {
	Lifecycle
	ignoreAt map[string]hcl.Range
	backupAt *hcl.Range // of backup_before, or nil
	triggers []hclsyntax.Expression
	before   []rule // preconditions
	after    []rule // postconditions
}

func (s *Stack) lifecycleBlock(r *resource, b *hclsyntax.Block) Diagnostics {
	var diags Diagnostics
	known, _ := lifecycleLanguage.holds()
	if r.lifecycleAt != nil {
		return Diagnostics{s.problem(b.DefRange(), "Two lifecycle blocks", fmt.Sprintf("%s has a lifecycle block at %s already.", r, rangeOf(*r.lifecycleAt)), "")}
	}
	at := b.DefRange()
	r.lifecycleAt = &at
	for _, inner := range b.Body.Blocks {
		switch inner.Type {
		case "precondition", "postcondition":
			rule, problems := s.ruleBlock(inner)
			diags = append(diags, problems...)
			switch {
			case rule.condition == nil:
			case inner.Type == "precondition":
				r.before = append(r.before, rule)
			default:
				r.after = append(r.after, rule)
			}
		default:
			diags = append(diags, s.problem(inner.TypeRange, "Unknown block", fmt.Sprintf("A lifecycle block holds no %s block.%s", inner.Type, didYouMean(inner.Type, []string{"precondition", "postcondition"})), ""))
		}
	}
	for _, a := range inOrder(b.Body.Attributes) {
		switch a.Name {
		case "on_unsupported":
			diags = append(diags, s.unsupportedArgument(r, a)...)
		case "on_drift":
			diags = append(diags, s.driftArgument(r, a)...)
		case "prevent_destroy":
			diags = append(diags, s.constant(a, &r.PreventDestroy)...)
		case "create_before_destroy":
			diags = append(diags, s.constant(a, &r.CreateFirst)...)
		case "ignore_changes":
			diags = append(diags, s.ignoreArgument(r, a)...)
		case "backup_before":
			diags = append(diags, s.backupArgument(r, a)...)
		case "replace_triggered_by":
			items, problems := hcl.ExprList(a.Expr)
			diags = append(diags, s.sources.fromHCL(problems)...)
			for _, item := range items {
				if e, ok := item.(hclsyntax.Expression); ok {
					r.triggers = append(r.triggers, e)
				}
			}
		default:
			diags = append(diags, s.problem(a.NameRange, "Unknown argument", fmt.Sprintf("A lifecycle block has no argument %q.%s", a.Name, didYouMean(a.Name, known)), ""))
		}
	}
	return diags
}

func (s *Stack) unsupportedArgument(r *resource, a *hclsyntax.Attribute) Diagnostics {
	var v string
	diags := s.constant(a, &v)
	r.Unsupported = OnUnsupported(v)
	if !diags.HasErrors() && !slices.Contains([]OnUnsupported{UnsupportedError, UnsupportedForget, UnsupportedIgnore}, r.Unsupported) {
		diags = append(diags, s.problem(a.Expr.Range(), "Unknown decision", fmt.Sprintf(`on_unsupported is "error", "forget" or "ignore", not %q.%s`, v, didYouMean(v, []string{"error", "forget", "ignore"})), `on_unsupported = "forget"`))
	}
	return diags
}

func (s *Stack) driftArgument(r *resource, a *hclsyntax.Attribute) Diagnostics {
	var v string
	diags := s.constant(a, &v)
	r.OnDrift = OnDrift(v)
	words := []string{string(DriftReport), string(DriftPropose), string(DriftHeal)}
	if !diags.HasErrors() && !slices.Contains(words, v) {
		diags = append(diags, s.problem(a.Expr.Range(), "Unknown decision", fmt.Sprintf(`on_drift is "report", "propose" or "heal", not %q.%s`, v, didYouMean(v, words)), `on_drift = "report"`))
	}
	return diags
}

func (s *Stack) backupArgument(r *resource, a *hclsyntax.Attribute) Diagnostics {
	diags := s.constant(a, &r.BackupBefore)
	at := a.Expr.Range()
	r.backupAt = &at
	words := []string{BackupReplace, BackupDelete}
	for _, word := range r.BackupBefore {
		if !slices.Contains(words, word) {
			diags = append(diags, s.problem(at, "Unknown change", fmt.Sprintf(`backup_before lists "replace" and "delete", not %q.%s`, word, didYouMean(word, words)), `backup_before = ["replace", "delete"]`))
		}
	}
	slices.Sort(r.BackupBefore)
	r.BackupBefore = slices.Compact(r.BackupBefore)
	return diags
}

// checkBackup refuses backup_before where the API has no backups of the kind.
func (x *Session) checkBackup(r *resource, kind *Kind) Diagnostics {
	if len(r.BackupBefore) == 0 || kind.Backup != nil {
		return nil
	}
	return Diagnostics{x.stack.problem(*r.backupAt, "No backup of this", fmt.Sprintf("The API of %s has no operation that backs up an object of kind %s, so none can be made before it is lost.", x.schemas[x.accounts[r.String()]].Title, kind.Name), "prevent_destroy = true")}
}

func (s *Stack) ignoreArgument(r *resource, a *hclsyntax.Attribute) Diagnostics {
	if hcl.ExprAsKeyword(a.Expr) == "all" {
		r.IgnoreAll = true
		return nil
	}
	items, problems := hcl.ExprList(a.Expr)
	if problems.HasErrors() {
		return Diagnostics{s.problem(a.Expr.Range(), "Not a list of attributes", "ignore_changes lists attributes of the block by their names, or is the word all.", "ignore_changes = [name]")}
	}
	var diags Diagnostics
	r.ignoreAt = map[string]hcl.Range{}
	for _, item := range items {
		t, problems := hcl.AbsTraversalForExpr(item)
		if problems.HasErrors() || len(t) != 1 {
			diags = append(diags, s.problem(item.Range(), "Not an attribute", "ignore_changes lists whole attributes of the block, by their names without quotes.", "ignore_changes = [name]"))
			continue
		}
		r.IgnoreChanges = append(r.IgnoreChanges, t.RootName())
		r.ignoreAt[t.RootName()] = item.Range()
	}
	slices.Sort(r.IgnoreChanges)
	r.IgnoreChanges = slices.Compact(r.IgnoreChanges)
	return diags
}

// checkIgnored refuses names in ignore_changes that are no attributes of the kind.
func (x *Session) checkIgnored(r *resource, kind *Kind) Diagnostics {
	var diags Diagnostics
	for _, name := range r.IgnoreChanges {
		if kind.Attribute(name) == nil {
			diags = append(diags, x.stack.problem(r.ignoreAt[name], "Unknown attribute", fmt.Sprintf("A %s has no attribute %q to ignore changes of.%s", kind.Name, name, didYouMean(name, settable(kind))), ""))
		}
	}
	return diags
}

// target is what an expression of replace_triggered_by names: a resource, one instance of it, or an attribute of one.
type target struct {
	block     hcl.Traversal
	index     hclsyntax.Expression // or nil
	key       cty.Value            // a literal key, or NilVal
	attribute string
}

// targetOf takes such an expression apart. ok is false for anything else.
func targetOf(e hclsyntax.Expression) (t target, ok bool) {
	steps := func(rest hcl.Traversal) bool {
		for i, step := range rest {
			switch step := step.(type) {
			case hcl.TraverseIndex:
				if i > 0 || t.index != nil {
					return false
				}
				t.key = step.Key
			case hcl.TraverseAttr:
				if t.attribute != "" {
					return false
				}
				t.attribute = step.Name
			}
		}
		return true
	}
	switch e := e.(type) {
	case *hclsyntax.ScopeTraversalExpr:
		if len(e.Traversal) < 2 {
			return t, false
		}
		t.block = e.Traversal[:2]
		return t, steps(e.Traversal[2:])
	case *hclsyntax.IndexExpr:
		c, plain := e.Collection.(*hclsyntax.ScopeTraversalExpr)
		if !plain || len(c.Traversal) != 2 {
			return t, false
		}
		t.block, t.index = c.Traversal, e.Key
		return t, true
	case *hclsyntax.RelativeTraversalExpr:
		inner, ok := targetOf(e.Source)
		if !ok || inner.index == nil {
			return t, false
		}
		t = inner
		return t, steps(e.Traversal)
	}
	return t, false
}

// triggers are the instances and attributes that replace_triggered_by names for one instance.
func (x *Session) triggers(r *resource, each map[string]cty.Value) ([]Trigger, Diagnostics) {
	var out []Trigger
	var diags Diagnostics
	for _, e := range r.triggers {
		t, ok := targetOf(e)
		var block *resource
		if ok {
			block, _ = x.stack.blockAt(t.block)
		}
		if block == nil {
			diags = append(diags, x.stack.problem(e.Range(), "Not a resource", "replace_triggered_by lists resources, their instances, or attributes of them.", "replace_triggered_by = [server.web.plan]"))
			continue
		}
		if kind := x.kinds[block.String()]; kind != nil && t.attribute != "" && t.attribute != "id" && kind.Attribute(t.attribute) == nil {
			diags = append(diags, x.stack.problem(e.Range(), "Unknown attribute", fmt.Sprintf("A %s has no attribute %q.%s", kind.Name, t.attribute, didYouMean(t.attribute, settable(kind))), ""))
			continue
		}
		expanded, problems := x.expand(block)
		if problems.HasErrors() || expanded.lost {
			continue // told where that block stands
		}
		key := t.key
		if t.index != nil {
			var problems Diagnostics
			key, problems = x.evaluate(t.index, each)
			diags = append(diags, problems...)
			if problems.HasErrors() || isLost(key) {
				continue
			}
			key, _ = key.UnmarkDeep()
		}
		add := func(k Key) {
			out = append(out, Trigger{Address{Kind: block.kind, Name: block.name, Key: k}, t.attribute})
		}
		if key == cty.NilVal {
			for _, k := range expanded.keys {
				add(k)
			}
			continue
		}
		k, ok := x.keyIn(block, key)
		if !ok {
			diags = append(diags, x.noInstance(block, expanded, k, e.Range()))
			continue
		}
		add(k)
	}
	slices.SortFunc(out, func(a, b Trigger) int {
		if c := a.Address.Compare(b.Address); c != 0 {
			return c
		}
		return slices.Compare([]byte(a.Attribute), []byte(b.Attribute))
	})
	return slices.Compact(out), diags
}

// conditions judges the preconditions of an instance, and notes those of its postconditions that are not met by what is known.
func (x *Session) conditions(r *resource, kind *Kind, out *Resource, each map[string]cty.Value) Diagnostics {
	var diags Diagnostics
	for _, rule := range r.before {
		diags = append(diags, x.insist(rule, each, fmt.Sprintf("Precondition of %s is not met", out.Address))...)
	}
	for _, d := range x.postconditions(r, kind, out, each) {
		d.Address = out.Address.String()
		out.Unmet = append(out.Unmet, d)
	}
	return diags
}

func (x *Session) postconditions(r *resource, kind *Kind, out *Resource, each map[string]cty.Value) Diagnostics {
	if len(r.after) == 0 {
		return nil
	}
	scope := maps.Clone(each)
	if scope == nil {
		scope = map[string]cty.Value{}
	}
	scope["self"] = x.object(kind, out, x.objects[out.Address])
	var diags Diagnostics
	for _, rule := range r.after {
		diags = append(diags, x.insist(rule, scope, fmt.Sprintf("Postcondition of %s is not met", out.Address))...)
	}
	return diags
}

// insist is an error where the rule is broken, and nothing where that is not known yet.
func (x *Session) insist(r rule, each map[string]cty.Value, summary string) Diagnostics {
	verdict, diags := x.judge(r, each)
	if verdict == broken {
		diags = append(diags, x.broken(r, each, summary, SeverityError)...)
	}
	return diags
}

// Postconditions judges those of a resource that exists, with what the session was told of it.
func (x *Session) Postconditions(a Address) Diagnostics {
	x.mu.Lock()
	defer x.mu.Unlock()
	block := x.stack.resources[a.Kind][a.Name]
	if block == nil || len(block.after) == 0 || x.problems.HasErrors() {
		return nil
	}
	if i, _ := x.instance(block, a.Key); i != nil {
		return i.resource.Unmet
	}
	return nil
}
