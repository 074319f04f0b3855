package providers

import (
	"fmt"
	"maps"
	"regexp"
	"slices"

	"github.com/hashicorp/hcl/v2/ext/typeexpr"
	"github.com/vpsync/vpsync/pkg/spec"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"
)

// attributeRole is what an attribute block describes: which arguments it knows depends on it.
type attributeRole int

const (
	ofKind     attributeRole = iota // an attribute of a kind
	ofArgument                      // what a task is given
	ofQuestion                      // what a query is asked with
	ofResult                        // what a query answers
)

// attribute decodes one attribute or argument block.
func (d *decoder) attribute(b *block, role attributeRole) (*spec.Attribute, Wire) {
	a := &spec.Attribute{
		Name: b.label(), Description: b.str("description"), Type: d.attributeType(b),
		Sensitive: b.boolean("sensitive", false),
	}
	wire := Wire{SentAs: a.Name, ReadFrom: Path(a.Name)}
	if role != ofResult {
		a.Required, a.Optional = b.boolean("required", false), b.boolean("optional", false)
		a.Default = d.typed(b, "default", a.Type)
		a.Checks = d.checks(b, a.Type)
		a.Refers = b.str("refers_to")
		wire.SendsAs = d.sendsAs(b, a.Type)
		if s := b.str("sent_as"); s != "" {
			wire.SentAs = s
		}
	}
	if role == ofQuestion {
		a.Catalog = d.typedList(b, "catalog", a.Type)
		wire.Matches = Path(b.str("matches"))
		if wire.Join = b.str("join"); (wire.Join == "") == a.Type.IsListType() {
			d.errorAt(b.header, "Join and list", fmt.Sprintf("A list stands in a query as one text: join says what its elements are joined by, and nothing but a list has one, so %s cannot be sent.", b.name), "join = \",\"")
		}
	}
	if role == ofResult {
		a.Computed = true
		wire.Emulate = b.expression("emulate")
	}
	if role == ofKind {
		a.Computed = b.boolean("computed", false)
		a.Unreadable = !b.boolean("readable", true)
		a.DetailOnly = b.boolean("detail_only", false)
		a.ServerDefault = d.typed(b, "server_default", a.Type)
		d.change(b, a)
		a.ClearedWithTarget = b.boolean("cleared_with_target", false)
		a.Catalog = d.typedList(b, "catalog", a.Type)
		if e := b.expression("emulate"); e != nil {
			wire.Emulate = e
		}
	}
	if role == ofKind || role == ofResult {
		if wire.ReadsAs = b.wordLists("reads_as"); wire.ReadsAs != nil {
			d.checkWords(b, "reads_as", a.Type, wire.ReadsAs)
		}
		if p := b.str("read"); p != "" {
			wire.ReadFrom = Path(p)
		}
	}
	a.Equal = spec.Equality(b.word("equal", "", string(spec.EqualCIDR), string(spec.EqualSet), string(spec.EqualCase)))
	if wire.Whole = b.boolean("whole", false); wire.Whole {
		a.Checks = append(a.Checks, spec.Check{Whole: true}) // said where the value stands, before anything is sent
	}
	a.Examples = d.typedList(b, "examples", a.Type)
	d.checkAttribute(b, a, wire, role)
	b.finish()
	return a, wire
}

// attributeType reads type = list(string) and the like.
func (d *decoder) attributeType(b *block) cty.Type {
	e := b.expression("type")
	if e == nil {
		d.errorAt(b.header, "Missing argument", fmt.Sprintf("%s needs a type.", sentence(b.name)), "type = string")
		return cty.DynamicPseudoType
	}
	t, diags := typeexpr.TypeConstraint(e)
	if diags.HasErrors() {
		d.errorAt(e.Range(), "Not a type", fmt.Sprintf("type of %s must be string, number or bool, or a list, set, map or object of types.", b.name), "type = list(string)")
		return cty.DynamicPseudoType
	}
	if t.HasDynamicTypes() {
		d.errorAt(e.Range(), "Not a type", fmt.Sprintf("type of %s must say what it holds; \"any\" does not.", b.name), "type = map(string)")
		return cty.DynamicPseudoType
	}
	return t
}

// typed is a literal of the attribute's type; NilVal where it is not given or wrong.
func (d *decoder) typed(b *block, name string, t cty.Type) cty.Value {
	v := b.value(name)
	if v == cty.NilVal {
		return v
	}
	return d.conform(b, name, v, t)
}

func (d *decoder) conform(b *block, name string, v cty.Value, t cty.Type) cty.Value {
	c, err := convert.Convert(v, t)
	if err != nil || c.IsNull() || t.IsPrimitiveType() && v.Type() != t {
		d.errorAt(b.at(name), "Wrong type", fmt.Sprintf("%s of %s does not fit its type, %s.", name, b.name, typeexpr.TypeString(t)), "")
		return cty.NilVal
	}
	return c
}

// typedList is a list of literals, each of type t.
func (d *decoder) typedList(b *block, name string, t cty.Type) []cty.Value {
	v := b.value(name)
	if v == cty.NilVal {
		return nil
	}
	if v.IsNull() || !v.Type().IsTupleType() {
		d.errorAt(b.at(name), "Wrong type", fmt.Sprintf("%s of %s must be a list of values.", name, b.name), fmt.Sprintf("%s = [ … ]", name))
		return nil
	}
	var list []cty.Value
	for _, e := range v.AsValueSlice() {
		if c := d.conform(b, name, e, t); c != cty.NilVal {
			list = append(list, c)
		}
	}
	return list
}

// checks decodes the rules for values. Those of a list or set are about its elements.
func (d *decoder) checks(b *block, t cty.Type) []spec.Check {
	element := t
	if t.IsListType() || t.IsSetType() {
		element = t.ElementType()
	}
	var list []spec.Check
	if words := d.typedList(b, "one_of", element); len(words) > 0 {
		list = append(list, spec.Check{OneOf: words})
	}
	if p := b.str("pattern"); p != "" {
		if _, err := regexp.Compile(p); err != nil {
			d.errorAt(b.at("pattern"), "Not a pattern", fmt.Sprintf("pattern of %s is no RE2 expression: %s.", b.name, err), "")
		}
		list = append(list, spec.Check{Pattern: p})
	}
	low, high := b.number("min"), b.number("max")
	if low != nil || high != nil {
		if element != cty.Number {
			d.errorAt(b.header, "Limits of no number", fmt.Sprintf("%s has min or max, but holds no number.", sentence(b.name)), "")
		}
		if low != nil && high != nil && *low > *high {
			d.errorAt(b.at("min"), "Empty range", fmt.Sprintf("min of %s is greater than its max.", b.name), "")
		}
		list = append(list, spec.Check{Min: low, Max: high})
	}
	formats := []string{string(spec.FormatCIDR), string(spec.FormatIP), string(spec.FormatIPOrCIDR), string(spec.FormatPortRange), string(spec.FormatCron)}
	if f := b.word("format", "", formats...); f != "" {
		list = append(list, spec.Check{Format: spec.Format(f)})
	}
	if element != cty.String {
		for _, name := range []string{"pattern", "format"} {
			if b.body.Attributes[name] != nil {
				d.errorAt(b.at(name), "Rule for no text", fmt.Sprintf("%s is a rule for strings, and %s holds none.", name, b.name), "")
			}
		}
	}
	return list
}

// sendsAs decodes the API's word for each of the configuration's, in requests.
func (d *decoder) sendsAs(b *block, t cty.Type) map[string]string {
	m := b.wordMap("sends_as")
	if m == nil {
		return nil
	}
	lists := map[string][]string{}
	for ours, theirs := range m {
		lists[ours] = []string{theirs}
	}
	d.checkWords(b, "sends_as", t, lists)
	return m
}

// checkWords: reads_as and sends_as lead back to one word of the configuration each.
func (d *decoder) checkWords(b *block, name string, t cty.Type, lists map[string][]string) {
	if !t.IsPrimitiveType() {
		d.errorAt(b.at(name), "Words for no word", fmt.Sprintf("%s translates single values, and %s holds a %s.", name, b.name, typeexpr.TypeString(t)), "")
	}
	meaning := map[string]string{}
	for _, ours := range slices.Sorted(maps.Keys(lists)) {
		for _, theirs := range lists[ours] {
			if other, twice := meaning[theirs]; twice {
				d.errorAt(b.at(name), "Ambiguous words", fmt.Sprintf("%s of %s gives %q for both %q and %q, so an answer could not be read back.", name, b.name, theirs, other, ours), "")
			}
			meaning[theirs] = ours
		}
		if _, err := convert.Convert(cty.StringVal(ours), t); err != nil && t.IsPrimitiveType() {
			d.errorAt(b.at(name), "Wrong type", fmt.Sprintf("%s of %s translates %q, which is no %s.", name, b.name, ours, typeexpr.TypeString(t)), "")
		}
	}
}

// change decodes what a changed or removed value takes.
func (d *decoder) change(b *block, a *spec.Attribute) {
	if b.isObject("on_change") { // an operation for each value
		a.OnChange, a.Operations = spec.OnOperation, b.wordMap("on_change")
	} else {
		d.changeByName(b, a)
	}
	a.OnlyFromUnset = b.boolean("only_from_unset", false)
	a.OnRemove = spec.OnRemove(b.word("on_remove", string(spec.RemoveKeeps), string(spec.RemoveKeeps), string(spec.RemoveDefault), string(spec.RemoveClears)))
}

func (d *decoder) changeByName(b *block, a *spec.Attribute) {
	switch on := b.str("on_change"); spec.OnChange(on) {
	case "", spec.OnUpdate, spec.OnReplace, spec.OnNextCreate, spec.OnError:
		a.OnChange = spec.OnChange(on)
	default: // the name of an operation: checked when all are known
		a.OnChange, a.Operation = spec.OnOperation, on
	}
}
