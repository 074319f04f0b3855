package spec

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"
	"github.com/zclconf/go-cty/cty/gocty"
)

// instance evaluates one instance of a block. It is nil where the block has none of that key, or its attributes could
// not be evaluated.
func (x *Session) instance(r *resource, key Key) (*instance, Diagnostics) {
	s := x.stack
	kind := x.kinds[r.String()]
	if kind == nil {
		return nil, nil // said where its account was looked for
	}
	address := Address{Kind: r.kind, Name: r.name, Key: key}
	e, diags := x.expand(r)
	if diags.HasErrors() {
		return nil, diags
	}
	if e.lost {
		return nil, nil
	}
	if !e.has[key] {
		return nil, Diagnostics{{Severity: SeverityError, Summary: "No such instance", Detail: fmt.Sprintf("The configuration has no %s.", address), Address: address.String()}}
	}
	stamp := x.stamp(r.String())
	if c, ok := x.instances[address]; ok && c.stamp == stamp {
		return c.value, c.diags
	}
	out := &Resource{
		Address: address, Account: x.accounts[r.String()], Kind: kind, Values: Values{},
		Lifecycle: r.Lifecycle, Range: r.rng, AttributeRanges: make(map[string]Range, len(r.attributes)),
	}
	each, diags := x.eachOf(r, e, key)
	used, broken := map[Address]bool{}, false
	for _, a := range kind.Attributes {
		written := r.attributes[a.Name]
		if written == nil {
			if a.Required {
				diags = append(diags, s.problemAt(r.rng, "Missing argument", fmt.Sprintf("A %s needs %q%s.", kind.Name, a.Name, purpose(a)), fmt.Sprintf("%s = %s", a.Name, example(a))))
			} else if a.Default != cty.NilVal {
				out.Values[a.Name] = a.Default
			}
			continue
		}
		out.AttributeRanges[a.Name] = *rangeOf(written.Expr.Range())
		if !a.Required && !a.Optional {
			diags = append(diags, s.problem(written.NameRange, "Not yours to set", fmt.Sprintf("%q of a %s is given by the API.", a.Name, kind.Name), "remove the line"))
			continue
		}
		blocks := r.nested[a.Name]
		if blocks != nil {
			if wrong := x.misfits(kind, a.Name, blocks); wrong.HasErrors() {
				diags = append(diags, wrong...)
				continue
			}
		}
		v, problems := x.evaluate(written.Expr, each)
		if isLost(v) {
			broken = true
		} else if !problems.HasErrors() {
			if isWithheld(v) {
				out.Withheld = append(out.Withheld, a.Name)
			}
			v = stripOrigins(v, used)
			var converted Diagnostics
			if blocks != nil {
				v, converted = s.unfold(blocks, a.Type, v)
			}
			if !converted.HasErrors() {
				v, converted = x.attributeValue(kind, a, v, written.Expr.Range())
			}
			problems = append(problems, converted...)
		}
		diags = append(diags, problems...)
		if !problems.HasErrors() && v != cty.NilVal && !isLost(v) {
			out.Values[a.Name] = v
		}
	}
	for _, written := range inOrder(r.attributes) {
		switch blocks := r.nested[written.Name]; {
		case kind.Attribute(written.Name) != nil:
		case innerHabits[written.Name] != habit{}:
			h := innerHabits[written.Name]
			diags = append(diags, s.problem(written.NameRange, h.summary, h.detail, h.remedy))
		case blocks != nil:
			diags = append(diags, x.misfits(kind, written.Name, blocks)...)
		default:
			diags = append(diags, s.problem(written.NameRange, "Unknown argument", fmt.Sprintf("A %s has no argument %q.%s", kind.Name, written.Name, didYouMean(written.Name, settable(kind))), ""))
		}
	}
	diags = append(diags, x.checkIgnored(r, kind)...)
	diags = append(diags, x.checkBackup(r, kind)...)
	triggers, problems := x.triggers(r, each)
	out.Triggers, diags = triggers, append(diags, problems...)
	for _, t := range triggers {
		used[t.Address] = true
	}
	slices.Sort(out.Withheld)
	out.Uses = x.uses(r, used)
	if !diags.HasErrors() && !broken {
		diags = append(diags, x.conditions(r, kind, out, each)...)
	}
	for i := range diags {
		diags[i].Address = address.String()
	}
	i := &instance{resource: out}
	if i.broken = diags.HasErrors() || broken; i.broken {
		i.object = cty.UnknownVal(x.objectType(kind)).Mark(poison{})
	} else {
		i.object = x.object(kind, out, x.objects[address]).Mark(origin{address})
	}
	x.instances[address] = stamped[*instance]{stamp, i, diags}
	return i, diags
}

// attributeValue converts and checks one value. Null is the same as not naming the attribute.
func (x *Session) attributeValue(kind *Kind, a *Attribute, v cty.Value, at hcl.Range) (cty.Value, Diagnostics) {
	s := x.stack
	given := v
	v, err := convert.Convert(v, a.Type)
	if err != nil {
		return cty.NilVal, Diagnostics{s.problem(at, "Wrong type", unfit(fmt.Sprintf("%q of a %s", a.Name, kind.Name), given, a.Type), fmt.Sprintf("%s = %s", a.Name, example(a)))}
	}
	bare, _ := v.Unmark()
	if bare.IsKnown() && bare.IsNull() {
		if a.Required {
			return cty.NilVal, Diagnostics{s.problem(at, "Missing argument", fmt.Sprintf("A %s needs %q%s, and this is null.", kind.Name, a.Name, purpose(a)), "")}
		}
		return cty.NilVal, nil
	}
	secret := IsSensitive(v) || a.Sensitive
	if IsSensitive(v) && kind.Asked {
		return cty.NilVal, Diagnostics{s.problem(at, "Secret in a question", fmt.Sprintf("What a %s block asks with stands in an address, which is logged; it cannot hold a secret.", kind.Name), fmt.Sprintf("%s = nonsensitive(...)", a.Name))}
	}
	if IsSensitive(v) && slices.Contains(kind.Identity, a.Name) {
		return cty.NilVal, Diagnostics{s.problem(at, "Secret in an identity", fmt.Sprintf("%q tells one %s from another and is stored and shown; it cannot hold a secret.", a.Name, kind.Name), fmt.Sprintf("%s = nonsensitive(...)", a.Name))}
	}
	if a.Sensitive {
		v = v.Mark(Sensitive)
	}
	plain, _ := v.UnmarkDeep()
	if plain.IsWhollyKnown() {
		if problem := a.Check(plain); problem != "" {
			shown := display(plain)
			if secret {
				shown = "The value"
				problem, _, _ = strings.Cut(problem, " (") // what is in brackets quotes the value
			}
			return cty.NilVal, Diagnostics{s.problem(at, "Value not allowed", fmt.Sprintf("%s %s.%s", shown, problem, a.near(plain, secret)), "")}
		}
	}
	return v, nil
}

// near suggests an allowed word for a mistyped one.
func (a *Attribute) near(v cty.Value, secret bool) string {
	if secret || v.Type() != cty.String {
		return ""
	}
	for _, c := range a.Checks {
		var words []string
		for _, w := range c.OneOf {
			if w.Type() == cty.String {
				words = append(words, w.AsString())
			}
		}
		if s := didYouMean(v.AsString(), words); s != "" {
			return s
		}
	}
	return ""
}

// object is an instance as references see it: what the configuration says, else what the provider said, else unknown
// where only the API can tell.
func (x *Session) object(kind *Kind, r *Resource, known Values) cty.Value {
	attrs := make(map[string]cty.Value, len(kind.Attributes)+1)
	for _, a := range kind.Attributes {
		v, ok := r.Values[a.Name]
		_, exists := known["id"]
		if !ok || exists && r.Ignores(a.Name) {
			was := v
			v, ok = known[a.Name]
			if !ok && was != cty.NilVal {
				v, ok = was, true
			}
			if ok {
				if converted, err := convert.Convert(v, a.Type); err == nil {
					v = converted
				} else {
					ok = false
				}
			}
		}
		switch {
		case ok:
		case a.Computed:
			v = cty.UnknownVal(a.Type)
		case a.ServerDefault != cty.NilVal:
			v = a.ServerDefault
		default:
			v = cty.NullVal(a.Type)
		}
		if a.Sensitive && !v.IsMarked() {
			v = v.Mark(Sensitive)
		}
		attrs[a.Name] = v
	}
	if kind.Asked {
		return cty.ObjectVal(attrs)
	}
	attrs["id"] = cty.UnknownVal(cty.String)
	if id, ok := known["id"]; ok {
		attrs["id"] = id
	}
	return cty.ObjectVal(attrs)
}

func (x *Session) objectType(kind *Kind) cty.Type {
	if t, ok := x.types[kind]; ok {
		return t
	}
	attrs := map[string]cty.Type{}
	if !kind.Asked {
		attrs["id"] = cty.String
	}
	for _, a := range kind.Attributes {
		attrs[a.Name] = a.Type
	}
	t := cty.Object(attrs)
	x.types[kind] = t
	return t
}

// uses are the resources whose attributes went into an instance's values, and those of depends_on.
func (x *Session) uses(r *resource, used map[Address]bool) []Address {
	for _, t := range r.dependsOn {
		block, rest := x.stack.blockAt(t)
		if block == nil {
			continue
		}
		if len(rest) > 0 {
			if ix, ok := rest[0].(hcl.TraverseIndex); ok {
				if k, ok := x.keyIn(block, ix.Key); ok {
					used[Address{Kind: block.kind, Name: block.name, Key: k}] = true
				}
				continue
			}
		}
		e, _ := x.expand(block)
		for _, k := range e.keys {
			used[Address{Kind: block.kind, Name: block.name, Key: k}] = true
		}
	}
	x.through(used)
	return slices.SortedFunc(maps.Keys(used), Address.Compare)
}

func (x *Session) keyIn(block *resource, key cty.Value) (Key, bool) {
	e, _ := x.expand(block)
	k := Key{}
	if !key.IsKnown() || key.IsNull() {
		return k, false
	}
	switch e.form {
	case single:
		return k, false // it has no instance to pick
	case counted:
		n, err := convert.Convert(key, cty.Number)
		var i int
		if err != nil || gocty.FromCtyValue(n, &i) != nil {
			return k, false
		}
		k = IntKey(i)
	case keyed:
		t, err := convert.Convert(key, cty.String)
		if err != nil {
			return k, false
		}
		k = StringKey(t.AsString())
	}
	return k, e.has[k]
}

func (s *Stack) problemAt(at Range, summary, detail, remedy string) Diagnostic {
	return s.sources.at(Diagnostic{Severity: SeverityError, Summary: summary, Detail: detail, Remedy: remedy, Range: &at})
}

func settable(kind *Kind) []string {
	out := slices.Clone(MetaArguments)
	for _, a := range kind.Attributes {
		if a.Required || a.Optional {
			out = append(out, a.Name)
		}
	}
	return out
}

func purpose(a *Attribute) string {
	if a.Description == "" {
		return ""
	}
	text := strings.TrimSuffix(strings.SplitN(a.Description, ". ", 2)[0], ".")
	if len(text) > 1 && strings.ToUpper(text[1:2]) != text[1:2] {
		text = strings.ToLower(text[:1]) + text[1:] // not "IP address"
	}
	return ", the " + text
}

// example is a value to paste.
func example(a *Attribute) string {
	for _, c := range a.Checks {
		if len(c.OneOf) > 0 {
			return display(c.OneOf[0])
		}
	}
	switch {
	case len(a.Examples) > 0:
		return display(a.Examples[0])
	case a.Type == cty.String:
		return `"..."`
	case a.Type == cty.Number:
		return "1"
	case a.Type == cty.Bool:
		return "true"
	}
	return "..."
}
