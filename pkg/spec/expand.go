package spec

import (
	"cmp"
	"fmt"
	"maps"
	"slices"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"
	"github.com/zclconf/go-cty/cty/gocty"
)

// maxInstances bounds one block.
const maxInstances = 100_000

// expand says which instances a block has. With an error among the diagnostics it has none.
func (x *Session) expand(r *resource) (*expansion, Diagnostics) {
	name := r.String()
	if c, ok := x.expansions[name]; ok && (!c.diags.HasErrors() && !c.value.lost || c.stamp == x.stamp(name)) {
		return c.value, c.diags
	}
	e, diags := &expansion{lost: true}, Diagnostics(nil)
	if !x.cyclic[name] {
		e, diags = x.expandNow(r)
	}
	switch {
	case r.count != nil:
		e.form = counted
	case r.forEach != nil:
		e.form = keyed
	}
	e.has = make(map[Key]bool, len(e.keys))
	for _, k := range e.keys {
		e.has[k] = true
	}
	x.expansions[name] = stamped[*expansion]{x.stamp(name), e, diags}
	return e, diags
}

func (x *Session) expandNow(r *resource) (*expansion, Diagnostics) {
	s := x.stack
	switch {
	case r.count != nil:
		v, diags := x.evaluate(r.count, nil)
		if diags.HasErrors() || isLost(v) {
			return &expansion{lost: true}, diags
		}
		secret, secluded := IsSensitive(v), isWithheld(v)
		v, _ = v.Unmark()
		at := r.count.Range()
		v, err := convert.Convert(v, cty.Number)
		var n int
		switch {
		case err != nil || v.IsNull():
			return nilExpansion(diags, x.explained(r.count, "Not a count", "count is a whole number of 0 or more."))
		case !v.IsKnown() && secluded:
			return nilExpansion(diags, x.secluded(at, "Count", r))
		case !v.IsKnown():
			return x.unknownExpansion(r, diags, s.problem(at, "Count is known only after apply",
				fmt.Sprintf("How many instances %s has must be known when planning, and this depends on what only apply can tell.", r),
				"depend on a variable, or on an attribute that the configuration sets"))
		case secret:
			return nilExpansion(diags, s.problem(at, "Count derives from a secret", "How many instances there are would tell something of it.", "count = nonsensitive(...)"))
		case gocty.FromCtyValue(v, &n) != nil || n < 0:
			return nilExpansion(diags, x.explained(r.count, "Not a count", "count is a whole number of 0 or more."))
		case n > maxInstances:
			return nilExpansion(diags, x.explained(r.count, "Too many instances", fmt.Sprintf("A block may have %d instances.", maxInstances)))
		}
		e := &expansion{form: counted}
		for i := range n {
			e.keys = append(e.keys, IntKey(i))
		}
		return e, diags
	case r.forEach != nil:
		return x.expandForEach(r)
	}
	return &expansion{form: single, keys: []Key{{}}}, nil
}

// secluded is about instances that depend on a value which this run does not get to see.
func (x *Session) secluded(at hcl.Range, what string, r *resource) Diagnostic {
	return x.stack.problem(at, what+" depends on a withheld secret",
		fmt.Sprintf("Which instances %s has derives from a variable that the reviewed stack declares as sensitive. An untrusted run does not get its value.", r),
		"depend on a variable that is no secret")
}

func (x *Session) expandForEach(r *resource) (*expansion, Diagnostics) {
	s := x.stack
	v, diags := x.evaluate(r.forEach, nil)
	if whole, _ := v.Unmark(); diags.HasErrors() || isLost(v) && !whole.IsKnown() {
		return &expansion{lost: true}, diags
	}
	at := r.forEach.Range()
	secret, secluded := v.HasMark(Sensitive), isWithheld(v)
	v, _ = v.Unmark() // where its keys come from orders nothing: they are known
	if secret {
		return nilExpansion(diags, s.problem(at, "for_each derives from a secret", "Its keys become addresses, which are shown everywhere.", "for_each = nonsensitive(...)"))
	}
	ty := v.Type()
	unknown := s.problem(at, "for_each is known only after apply",
		fmt.Sprintf("The keys of %s become addresses, so they must be known when planning; the values need not.", r),
		"for_each = { for s in server.web : s.name => s.id }    # keys that the configuration sets")
	switch {
	case v.IsNull():
		return nilExpansion(diags, s.problem(at, "for_each is null", "It takes a map, an object or a set of strings.", "for_each = {}"))
	case !v.IsKnown() && secluded:
		return nilExpansion(diags, x.secluded(at, "for_each", r))
	case !v.IsKnown():
		return x.unknownExpansion(r, diags, unknown)
	case ty.IsMapType(), ty.IsObjectType():
	case ty.IsSetType():
		if !v.IsWhollyKnown() {
			return x.unknownExpansion(r, diags, unknown)
		}
		if ty.ElementType() != cty.String && v.LengthInt() > 0 {
			return nilExpansion(diags, s.problem(at, "Set of something else than strings", "The members of the set become addresses.", "for_each = toset([for v in ... : tostring(v)])"))
		}
	default:
		return nilExpansion(diags, s.problem(at, "Not a map or a set", fmt.Sprintf("for_each is a %s; it takes a map, an object or a set of strings.", ty.FriendlyName()), "for_each = toset(...)"))
	}
	if v.LengthInt() > maxInstances {
		return nilExpansion(diags, s.problem(at, "Too many instances", fmt.Sprintf("A block may have %d instances.", maxInstances), ""))
	}
	e := &expansion{form: keyed, each: make(map[Key]eachValue, v.LengthInt())}
	for it := v.ElementIterator(); it.Next(); {
		k, value := it.Element()
		if ty.IsSetType() {
			k = value
		}
		if k.IsNull() {
			return nilExpansion(diags, s.problem(at, "Key is null", "Each key becomes an address.", ""))
		}
		key := StringKey(k.AsString())
		e.keys = append(e.keys, key)
		e.each[key] = eachValue{value, x.tick}
	}
	return e, diags
}

// explained is a problem with what an expression came to: it shows the values that are involved.
func (x *Session) explained(e hclsyntax.Expression, summary, detail string) Diagnostic {
	d := x.stack.problem(e.Range(), summary, detail, "")
	ctx, _ := x.context(x.refs(e), nil)
	d.Values = involved(e, ctx)
	return d
}

func nilExpansion(diags Diagnostics, d Diagnostic) (*expansion, Diagnostics) {
	return &expansion{lost: true}, append(diags, d)
}

// unknownExpansion is nilExpansion where only the values are missing: an outline shows such a block without its instances, and where
// data is not asked for, what depends on its answers has none either.
func (x *Session) unknownExpansion(r *resource, diags Diagnostics, d Diagnostic) (*expansion, Diagnostics) {
	if x.outline || x.unasked && x.asks(r) {
		return &expansion{lost: true}, diags
	}
	return nilExpansion(diags, d)
}

// keyedObject is one instance's object, under the key by which the expression will ask for it. Where there is none, it leaves
// behind what is to be said if the expression really asks: a condition or try() may keep it from doing so.
func (x *Session) keyedObject(r *resource, key cty.Value, ref reference) (name string, object cty.Value, exists bool) {
	delete(x.missing, ref.rng)
	e, problems := x.expand(r)
	text, err := convert.Convert(key, cty.String)
	if err != nil || problems.HasErrors() || e.lost {
		if err == nil {
			name = text.AsString()
		}
		return name, lost, true // the reason is told where the block stands
	}
	name = text.AsString()
	var k Key
	switch e.form {
	case counted:
		var i int
		if n, err := convert.Convert(key, cty.Number); err != nil || gocty.FromCtyValue(n, &i) != nil {
			x.missing[ref.rng] = x.stack.problem(ref.rng, "Not an index", fmt.Sprintf("The instances of %s are numbered from 0.", r), "")
			return name, lost, false
		}
		k = IntKey(i)
	case keyed:
		k = StringKey(name)
	}
	if e.form == single || !e.has[k] {
		x.missing[ref.rng] = x.noInstance(r, e, k, ref.rng)
		return name, lost, false
	}
	if i, _ := x.instance(r, k); i != nil {
		return name, i.object, true
	}
	return name, lost, true
}

// noInstance says that a block has no instance of a key, and why.
func (x *Session) noInstance(r *resource, e *expansion, k Key, place hcl.Range) Diagnostic {
	s := x.stack
	if e.form == single {
		return s.problem(place, "Not repeated", fmt.Sprintf("%s has neither count nor for_each, so it has no instance to pick.", r), r.String())
	}
	asked := cmp.Or(k.text(), "this")
	d := s.problem(place, "No such instance", "", "")
	switch {
	case len(e.keys) == 0:
		by, argument, from := "count is 0", "count", r.count
		if e.form == keyed {
			by, argument, from = "for_each is empty", "for_each", r.forEach
		}
		at := rangeOf(from.Range())
		d.Detail = fmt.Sprintf("%s has no instances: its %s (%s). What may have none is asked for with a condition, or through a list that may be empty.", r, by, at)
		d.Remedy = fmt.Sprintf("one(%s[*].id)    # null without instances", r)
		if argument == "for_each" {
			d.Remedy = fmt.Sprintf("one(values(%s)[*].id)    # null without instances", r)
		}
		ctx, _ := x.context(x.refs(from), nil)
		d.Values = involved(from, ctx)
	case e.form == keyed:
		keys := make([]string, 0, len(e.keys))
		for _, other := range e.keys {
			keys = append(keys, other.s)
		}
		d.Detail = fmt.Sprintf("%s has no instance %s.%s", r, asked, didYouMean(k.s, keys))
	default:
		d.Detail = fmt.Sprintf("%s has %d instances, numbered from 0; %s is not among them.", r, len(e.keys), asked)
		if len(e.keys) == 1 {
			d.Detail = fmt.Sprintf("%s has one instance, [0]; %s is not it.", r, asked)
		}
	}
	return d
}

// collection is everything that a block's plain name means: its object, a list of them, or a map. Its problems are told
// where the block stands.
func (x *Session) collection(r *resource) cty.Value {
	kind := x.kinds[r.String()]
	if kind == nil {
		return lost
	}
	stamp := x.stamp(r.String()) + x.known[r.String()]
	if c, ok := x.whole[r.String()]; ok && c.stamp == stamp {
		return c.value
	}
	e, diags := x.expand(r)
	if diags.HasErrors() || e.lost {
		return lost
	}
	v := x.collect(r, kind, e)
	x.whole[r.String()] = stamped[cty.Value]{stamp, v, nil}
	return v
}

func (x *Session) collect(r *resource, kind *Kind, e *expansion) cty.Value {
	objects := make(map[string]cty.Value, len(e.keys))
	list := make([]cty.Value, 0, len(e.keys))
	for _, k := range e.keys {
		object := cty.UnknownVal(x.objectType(kind)).Mark(poison{})
		if i, _ := x.instance(r, k); i != nil {
			object = i.object
		}
		objects[k.s] = object
		list = append(list, object)
	}
	switch {
	case e.form == single:
		return list[0]
	case e.form == counted && len(list) == 0:
		return cty.ListValEmpty(x.objectType(kind))
	case e.form == counted:
		return cty.ListVal(list)
	case len(list) == 0:
		return cty.MapValEmpty(x.objectType(kind))
	}
	return cty.MapVal(objects)
}

// local evaluates one entry of a locals block.
func (x *Session) local(l *local) (cty.Value, Diagnostics) {
	name := "local." + l.name
	stamp := x.stamp(name)
	if c, ok := x.locals[l.name]; ok && c.stamp == stamp {
		return c.value, c.diags
	}
	if x.cyclic[name] {
		return lost, nil
	}
	v, diags := x.evaluate(l.expr, nil)
	if held := weigh(v); held.values > maxHeld || held.bytes > maxLocalBytes {
		detail := fmt.Sprintf("local.%s would hold more than %d values, or %d bytes. Locals that name each other twice grow fast.",
			l.name, maxHeld, maxLocalBytes)
		if !isLost(v) { // else it has been said of one that this one names
			diags = append(diags, x.stack.problem(l.expr.Range(), "Local value is too large", detail, "put together only what is needed"))
		}
		v = lost
	}
	x.locals[l.name] = stamped[cty.Value]{stamp, v, diags}
	return v, diags
}

func (x *Session) outputs() ([]*Output, Diagnostics) {
	var out []*Output
	var diags Diagnostics
	s := x.stack
	for _, o := range sortedByName(s.outputs) {
		v, problems := x.evaluate(o.expr, nil)
		diags = append(diags, problems...)
		if problems.HasErrors() || isLost(v) {
			continue
		}
		used := map[Address]bool{}
		v = stripOrigins(v, used)
		x.through(used)
		if IsSensitive(v) && !o.sensitive {
			diags = append(diags, s.problem(o.expr.Range(), "Output derives from a secret", fmt.Sprintf("The value of output %q is or contains a secret, and outputs are printed.", o.name), "sensitive = true"))
			continue
		}
		out = append(out, &Output{Name: o.name, Value: v, Sensitive: o.sensitive, Range: o.rng, Uses: slices.SortedFunc(maps.Keys(used), Address.Compare)})
	}
	return out, diags
}

func (d Diagnostics) warnings() Diagnostics {
	return slices.DeleteFunc(slices.Clone(d), func(x Diagnostic) bool { return x.Severity == SeverityError })
}

func names[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

func sortedByName[V any](m map[string]V) []V {
	out := make([]V, 0, len(m))
	for _, name := range names(m) {
		out = append(out, m[name])
	}
	return out
}
