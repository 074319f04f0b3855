package providers

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/vpsync/vpsync/pkg/spec"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"
)

// currencyForm tells a currency that is written out from the name of a member: names are in lower-case letters.
var currencyForm = regexp.MustCompile(`^[A-Z]{3}$`)

const matchRemedy = `match = { plan_id = "id" }   # attribute of the kind = member of an entry`

// price decodes whether objects of a kind are charged for, and where their price is found.
func (d *decoder) price(b *block, src *kindSource) {
	k := src.kind
	k.Schema.Billed = b.boolean("billed", b.body.Attributes["billed"] == nil && slices.ContainsFunc(b.body.Blocks, isPrice))
	p := b.only("price")
	if p == nil {
		return
	}
	if !k.Schema.Billed {
		d.errorAt(b.at("billed"), "Contradiction", fmt.Sprintf("%s has a price, so its objects are billed.", sentence(b.name)), "Remove billed, or the price block.")
	}
	p.name = "price of " + b.name
	k.Price = &Price{
		Data: p.need("data", `"plans"`), List: p.str("list"), Match: p.wordMap("match"),
		Monthly: p.need("monthly", `"price_monthly"`), Currency: p.str("currency"),
	}
	if !currencyForm.MatchString(k.Price.Currency) {
		k.Price.Currency, k.Price.CurrencyIn = "", k.Price.Currency
	}
	k.Schema.PricedBy = slices.Sorted(maps.Keys(k.Price.Match))
	if p.body.Attributes["match"] == nil {
		d.errorAt(p.header, "Missing argument", fmt.Sprintf("The %s does not say which entry of the list is meant.", p.name), matchRemedy)
	} else if len(k.Price.Match) == 0 && p.isObject("match") {
		d.errorAt(p.at("match"), "Empty argument", fmt.Sprintf("The %s does not say which entry of the list is meant.", p.name), matchRemedy)
	}
	p.finish()
	src.price = p
}

// billing decodes which data sources tell what an account was charged.
func (d *decoder) billing(b *block) {
	o := b.only("billing")
	if o == nil {
		return
	}
	billing := &Billing{}
	if u := o.only("usage"); u != nil {
		u.name = "usage of " + b.name
		billing.Usage = &Usage{
			Data: u.need("data", `"usage"`), Total: u.need("total", `"total_cost"`), Currency: u.str("currency"), Period: u.str("period"),
			Parts: u.str("parts"), Cost: u.str("cost"),
		}
		d.usageBlock, d.current, d.previous = u, u.wordMap("current"), u.wordMap("previous")
		if (billing.Usage.Parts == "") != (billing.Usage.Cost == "") {
			d.errorAt(u.at("parts"), "Half a breakdown", "The parts of a usage need both parts, an attribute, and cost, the member of each part that holds its amount.", "parts = \"breakdown\"\ncost  = \"cost\"")
		}
		u.finish()
	}
	if i := o.only("invoices"); i != nil {
		i.name = "invoices of " + b.name
		billing.Invoices = &Invoices{
			Data: i.need("data", `"invoices"`), List: i.str("list"), Number: i.need("number", `"number"`), Amount: i.need("amount", `"amount"`),
			Currency: i.str("currency"), Status: i.str("status"), Period: i.str("period"), Due: i.str("due"),
		}
		d.invoicesBlock = i
		i.finish()
	}
	if billing.Usage == nil && billing.Invoices == nil {
		d.errorAt(o.header, "Empty billing block", "A billing block names the data sources that tell what an account was charged.", "invoices {\n  data   = \"invoices\"\n  number = \"number\"\n  amount = \"amount\"\n}")
	}
	o.finish()
	d.def.Billing = billing
}

// checkPrices: what price and billing blocks name exists, and is of a type that they can use.
func (d *decoder) checkPrices() {
	for _, src := range d.kinds {
		p, b := src.kind.Price, src.price
		if p == nil {
			continue
		}
		entry := d.entryOf(b, p.Data, &p.List)
		for _, name := range slices.Sorted(maps.Keys(p.Match)) {
			if a := src.kind.attribute(name); a == nil {
				d.unknownName(b.at("match"), "attribute", name, src.attributeNames())
			} else if a.Sensitive || !a.Type.IsPrimitiveType() {
				d.errorAt(b.at("match"), "Unusable attribute", fmt.Sprintf("%q cannot tell a price: it must be a single value that is not sensitive.", name), "")
			}
			d.member(b, "match", p.Match[name], entry, cty.String)
		}
		d.member(b, "monthly", p.Monthly, entry, cty.Number)
		if entry != cty.NilType && p.CurrencyIn != "" && !entry.HasAttribute(p.CurrencyIn) && p.CurrencyIn == strings.ToUpper(p.CurrencyIn) {
			d.errorAt(b.at("currency"), "Not a currency", fmt.Sprintf("A currency is written in three capital letters, and %q is none.", p.CurrencyIn), `currency = "EUR"   # or the member of an entry that tells it`)
		} else {
			d.member(b, "currency", p.CurrencyIn, entry, cty.String)
		}
		d.noArguments(b, p.Data, nil)
	}
	if d.def.Billing == nil {
		return
	}
	if u, b := d.def.Billing.Usage, d.usageBlock; u != nil {
		d.checkUsage(b, u)
	}
	if i, b := d.def.Billing.Invoices, d.invoicesBlock; i != nil {
		entry := d.entryOf(b, i.Data, &i.List)
		for argument, name := range map[string]string{"number": i.Number, "status": i.Status, "currency": i.Currency, "period": i.Period, "due": i.Due} {
			d.member(b, argument, name, entry, cty.String)
		}
		d.member(b, "amount", i.Amount, entry, cty.Number)
		d.noArguments(b, i.Data, nil)
	}
}

func (d *decoder) checkUsage(b *block, u *Usage) {
	q := d.source(b, u.Data)
	if q == nil {
		return
	}
	answer := map[string]cty.Type{}
	for _, a := range q.Schema.Attributes {
		if a.Computed {
			answer[a.Name] = a.Type
		}
	}
	all := cty.Object(answer)
	d.member(b, "total", u.Total, all, cty.Number)
	d.member(b, "currency", u.Currency, all, cty.String)
	d.member(b, "period", u.Period, all, cty.String)
	if u.Parts != "" && d.member(b, "parts", u.Parts, all, cty.DynamicPseudoType) {
		parts := answer[u.Parts]
		if !parts.IsObjectType() {
			d.errorAt(b.at("parts"), "Wrong type", fmt.Sprintf("parts of %s names an object of objects, and %q is none.", b.name, u.Parts), "type = object({ servers = object({ cost = number }) })")
		} else {
			for _, name := range slices.Sorted(maps.Keys(parts.AttributeTypes())) {
				d.member(b, "cost", u.Cost, parts.AttributeType(name), cty.Number)
			}
		}
	}
	u.Current, u.Previous = d.asks(b, "current", d.current, q), d.asks(b, "previous", d.previous, q)
	d.noArguments(b, u.Data, d.current)
	if d.previous != nil {
		d.noArguments(b, u.Data, d.previous)
	}
}

// asks are arguments as the data source takes them; nil where none are written.
func (d *decoder) asks(b *block, argument string, given map[string]string, q *Query) spec.Values {
	source := strings.TrimPrefix(q.Schema.Name, spec.DataPrefix)
	if given == nil {
		return nil
	}
	out := spec.Values{}
	for _, name := range slices.Sorted(maps.Keys(given)) {
		a := q.Schema.Attribute(name)
		if a == nil || !a.Required && !a.Optional {
			var known []string
			for _, a := range q.Schema.Attributes {
				if a.Required || a.Optional {
					known = append(known, a.Name)
				}
			}
			d.unknownName(b.at(argument), "argument", name, known)
			continue
		}
		v, err := convert.Convert(cty.StringVal(given[name]), a.Type)
		if err != nil {
			d.errorAt(b.at(argument), "Wrong type", fmt.Sprintf("%s of data %q is %s, which %q is not.", name, source, a.Type.FriendlyName(), given[name]), "")
			continue
		}
		for _, check := range a.Checks {
			if check.OneOf != nil && !slices.ContainsFunc(check.OneOf, func(one cty.Value) bool { return one.RawEquals(v) }) {
				d.errorAt(b.at(argument), "Unknown word", fmt.Sprintf("%s of data %q cannot be %q.", name, source, given[name]), "")
			}
		}
		out[name] = v
	}
	return out
}

// source is the data source of a name, or nil where there is none, which was then reported.
func (d *decoder) source(b *block, name string) *Query {
	q := d.def.Data[name]
	if q == nil && name != "" {
		d.unknownName(b.at("data"), "data source", name, slices.Sorted(maps.Keys(d.def.Data)))
	}
	return q
}

// noArguments reports what a data source has to be asked with and is not.
func (d *decoder) noArguments(b *block, name string, given map[string]string) {
	q := d.def.Data[name]
	if q == nil {
		return
	}
	for _, a := range q.Schema.Attributes {
		if _, ok := given[a.Name]; a.Required && !ok {
			d.errorAt(b.at("data"), "Question with arguments", fmt.Sprintf("Data %q cannot be asked without %q, and nothing here gives it.", name, a.Name), "")
		}
	}
}

// entryOf is the type of the entries that a data source answers, and fills in the list where none is named; NilType where
// there are none.
func (d *decoder) entryOf(b *block, name string, list *string) cty.Type {
	q := d.source(b, name)
	if q == nil {
		return cty.NilType
	}
	if *list == "" && b.body.Attributes["list"] == nil {
		*list = q.Lists
	}
	a := q.Schema.Attribute(*list)
	switch {
	case *list == "":
		d.errorAt(b.header, "Missing argument", fmt.Sprintf("Data %q lists nothing by itself, so list has to name its attribute that holds the entries.", name), firstList(q.Schema))
	case a == nil:
		d.unknownName(b.at("list"), "attribute", *list, attributeNames(q.Schema))
	case !a.Type.IsListType() || !a.Type.ElementType().IsObjectType():
		d.errorAt(b.at("list"), "Not a list", fmt.Sprintf("%q of data %q is no list of objects.", *list, name), "type = list(object({ id = string, price_monthly = number }))")
	default:
		return a.Type.ElementType()
	}
	return cty.NilType
}

// firstList names an attribute that could hold entries, as a remedy; empty where there is none.
func firstList(k *spec.Kind) string {
	for _, a := range k.Attributes {
		if a.Type.IsListType() && a.Type.ElementType().IsObjectType() {
			return fmt.Sprintf("list = %q", a.Name)
		}
	}
	return ""
}

func attributeNames(k *spec.Kind) []string {
	var names []string
	for _, a := range k.Attributes {
		names = append(names, a.Name)
	}
	return names
}

// member reports a name that is no member of an object, or one of another type. cty.String is any single value.
func (d *decoder) member(b *block, argument, name string, of, want cty.Type) bool {
	if name == "" || of == cty.NilType {
		return false
	}
	if !of.IsObjectType() || !of.HasAttribute(name) {
		var known []string
		if of.IsObjectType() {
			known = slices.Sorted(maps.Keys(of.AttributeTypes()))
		}
		d.unknownName(b.at(argument), "member", name, known)
		return false
	}
	is := of.AttributeType(name)
	switch {
	case want == cty.Number && is != cty.Number:
		d.errorAt(b.at(argument), "Wrong type", fmt.Sprintf("%s of %s names an amount, and %q is no number.", argument, b.name, name), name+" = number")
	case want == cty.String && !is.IsPrimitiveType():
		d.errorAt(b.at(argument), "Wrong type", fmt.Sprintf("%s of %s names a single value, and %q is none.", argument, b.name, name), name+" = string")
	}
	return true
}

func isPrice(b *hclsyntax.Block) bool { return b.Type == "price" }
