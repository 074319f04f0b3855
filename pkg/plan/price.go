package plan

import (
	"cmp"
	"maps"
	"math/big"
	"slices"

	"github.com/vpsync/vpsync/pkg/spec"
	"github.com/vpsync/vpsync/pkg/state"
	"github.com/zclconf/go-cty/cty"
)

// PriceList is what a provider charges for objects of one kind. An empty one knows no price.
type PriceList []PriceEntry

// PriceEntry is the price of objects whose attributes have these values, which are known and unmarked.
type PriceEntry struct {
	Values   spec.Values
	Monthly  *big.Rat
	Currency string // "EUR", or empty where nobody tells
}

// Of is the entry for an object with these values. It is not known where a value is not, where no entry is of these values,
// or where two are that differ.
func (l PriceList) Of(values spec.Values) (entry PriceEntry, known bool) {
	for _, e := range l {
		if !e.fits(values) {
			continue
		}
		if known && (entry.Monthly.Cmp(e.Monthly) != 0 || entry.Currency != e.Currency) {
			return PriceEntry{}, false
		}
		entry, known = e, true
	}
	return entry, known
}

func (e PriceEntry) fits(values spec.Values) bool {
	for name, want := range e.Values {
		v, ok := values[name]
		if !ok || v == cty.NilVal || v.IsNull() {
			return false
		}
		if v, _ = v.UnmarkDeep(); !v.IsWhollyKnown() || !v.RawEquals(want) {
			return false
		}
	}
	return true
}

// Money is an amount with two decimals ("20.00", "-5.00") and its currency, which may be empty.
type Money struct {
	Amount   string
	Currency string
}

func money(amount *big.Rat, currency string) Money {
	text := amount.FloatString(2)
	if text == "-0.00" {
		text = "0.00"
	}
	return Money{text, currency}
}

// Price is what a change does to what the account is charged a month. Before and After are of the objects before and after it,
// nil where there is none or its price is not known.
type Price struct {
	Before, After *Money
	// Difference is what is charged more; nil where nobody can tell, or the currencies differ.
	Difference *Money
	// Stays: the old object is let go of and goes on being charged for, with Before, which is in no difference then.
	Stays bool
}

// Prices are what a plan does to what the accounts are charged a month.
type Prices struct {
	// Totals are sums of known differences, by account and currency; one of nothing is among them.
	Totals []PriceTotal
	// Unknown counts the changes of which no difference is known, by account and kind.
	Unknown []PricedObjects
	// Stay are resources whose objects are let go of, have a known price and go on being charged for.
	Stay []spec.Address
}

// PriceTotal is what one account is charged more a month, or less.
type PriceTotal struct {
	Account string
	Money
}

// PricedObjects counts objects of one kind.
type PricedObjects struct {
	Account, Kind string
	Objects       int
}

// sums adds up exact amounts, and counts what cannot be added.
type sums struct {
	totals  map[PriceTotal]*big.Rat // by account and currency, without an amount
	unknown map[KindRef]int
}

func newSums() *sums { return &sums{map[PriceTotal]*big.Rat{}, map[KindRef]int{}} }

func (s *sums) add(account, currency string, amount *big.Rat) {
	key := PriceTotal{account, Money{Currency: currency}}
	if s.totals[key] == nil {
		s.totals[key] = new(big.Rat)
	}
	s.totals[key].Add(s.totals[key], amount)
}

func (s *sums) prices() (p Prices) {
	for key, sum := range s.totals {
		p.Totals = append(p.Totals, PriceTotal{key.Account, money(sum, key.Currency)})
	}
	slices.SortFunc(p.Totals, func(a, b PriceTotal) int {
		return cmp.Or(cmp.Compare(a.Account, b.Account), cmp.Compare(a.Currency, b.Currency))
	})
	for _, ref := range slices.SortedFunc(maps.Keys(s.unknown), compareRefs) {
		p.Unknown = append(p.Unknown, PricedObjects{ref.Account, ref.Kind, s.unknown[ref]})
	}
	return p
}

// price tells of each change that is carried out what it does to what the account is charged a month, and sums that up. Where the
// list of prices that this takes is not among the input, the kind is noted as Unpriced.
func (p *planner) price() {
	if p.in.Prices == nil {
		return
	}
	owners := map[*Change]*decision{}
	for _, d := range p.all {
		owners[d.change] = d
	}
	sums, unpriced := newSums(), map[KindRef]bool{}
	var stay []spec.Address
	seen := map[int]bool{} // a replacement has two steps
	for _, s := range p.plan.Steps {
		c := p.plan.Changes[s.Change]
		if d := owners[c]; !seen[s.Change] && d != nil && d.kind != nil && d.kind.Billed {
			seen[s.Change] = true
			ref := KindRef{c.Account, c.Kind}
			list, read := p.in.Prices[ref]
			if !p.priceOf(d, c, list, sums) {
				continue
			}
			if !read && len(d.kind.PricedBy) > 0 {
				unpriced[ref] = true
			}
			if c.Price != nil && c.Price.Stays {
				stay = append(stay, c.Address)
			}
		}
	}
	p.plan.Prices = sums.prices()
	p.plan.Prices.Stay = stay
	p.plan.Unpriced = slices.SortedFunc(maps.Keys(unpriced), compareRefs)
}

// priceOf tells what a change does to what is charged, and whether it does anything at all.
func (p *planner) priceOf(d *decision, c *Change, list PriceList, sums *sums) bool {
	makes, removes := c.Action == Create || c.Action == Replace, c.Removes != ""
	resizes := !makes && !removes && slices.ContainsFunc(c.Attributes, func(a AttributeChange) bool {
		return a.Effect == EffectUpdate && slices.Contains(d.kind.PricedBy, a.Name)
	})
	if !makes && !removes && !resizes && !c.Forgets {
		return false
	}
	price := &Price{}
	was, wasKnown := PriceEntry{}, true
	if removes || resizes || c.Forgets {
		was, wasKnown = list.Of(p.charged(d, c))
		price.Before = was.money(wasKnown)
	}
	is, isKnown := PriceEntry{}, true
	if makes || resizes {
		is, isKnown = list.Of(p.becomes(d, c))
		price.After = is.money(isKnown)
	}
	if c.Forgets && !removes {
		price.Stays = wasKnown
		if was, wasKnown = (PriceEntry{}), true; !makes { // it stays, so nothing becomes less
			if price.Stays {
				c.Price = price
			}
			return true
		}
	}
	c.Price = price
	currency := cmp.Or(was.Currency, is.Currency)
	if !wasKnown || !isKnown || was.Monthly != nil && is.Monthly != nil && was.Currency != is.Currency {
		sums.unknown[KindRef{c.Account, c.Kind}]++
		return true
	}
	more := new(big.Rat)
	if is.Monthly != nil {
		more.Add(more, is.Monthly)
	}
	if was.Monthly != nil {
		more.Sub(more, was.Monthly)
	}
	difference := money(more, currency)
	price.Difference = &difference
	sums.add(c.Account, currency, more)
	return true
}

// money is the price for people; nil where it is not known.
func (e PriceEntry) money(known bool) *Money {
	if !known {
		return nil
	}
	m := money(e.Monthly, e.Currency)
	return &m
}

// charged are the values by which an object that exists is charged: the last that anybody knows.
func (p *planner) charged(d *decision, c *Change) spec.Values {
	if d.recorded != nil {
		return knownValues(d.kind, d.recorded, d.live)
	}
	if o, _ := p.look(KindRef{c.Account, c.Kind}, c.ID); o != nil {
		return maps.Clone(o.Values)
	}
	return spec.Values{}
}

// becomes are the values by which an object is charged after the change.
func (p *planner) becomes(d *decision, c *Change) spec.Values {
	out := spec.Values{}
	if c.Action != Create && c.Action != Replace {
		out = p.charged(d, c)
	}
	for _, name := range d.kind.PricedBy {
		a := d.kind.Attribute(name)
		if a == nil || d.desired == nil {
			continue
		}
		v, _ := p.wanted(d, a)
		_, known := out[name]
		switch {
		case v != cty.NilVal:
			out[name] = v
		case known:
		case a.Default != cty.NilVal:
			out[name] = a.Default
		case a.ServerDefault != cty.NilVal:
			out[name] = a.ServerDefault
		}
	}
	return out
}

// knownValues are what was asked for of a recorded object, overlaid with what the API answered last, and with what it answers now
// where live is not nil. Secrets are not among them.
func knownValues(kind *spec.Kind, r *state.Resource, live *spec.Object) spec.Values {
	out := conformed(kind, r.Applied)
	for name, v := range conformed(kind, r.Observed) {
		out[name] = v
	}
	if live != nil {
		maps.Copy(out, live.Values)
	}
	for name := range r.Secrets {
		delete(out, name)
	}
	return out
}
