package plan

import (
	"maps"
	"slices"

	"github.com/vpsync/vpsync/pkg/spec"
	"github.com/vpsync/vpsync/pkg/state"
)

// Charged is what recorded objects are charged a month.
type Charged struct {
	Prices // the sums of known prices, and the objects that have none
	// Known counts the objects whose price is known, by account and kind.
	Known []PricedObjects
}

// Charges sums up what recorded objects are charged a month, leftovers and replaced ones among them. Objects of kinds that are not
// billed are left out, and so are those of accounts without a schema.
func Charges(st *state.State, schemas map[string]*spec.Schema, prices map[KindRef]PriceList) Charged {
	sums := newSums()
	known := map[KindRef]int{}
	count := func(ref KindRef, values func(*spec.Kind) spec.Values) {
		schema := schemas[ref.Account]
		if schema == nil || schema.Kinds[ref.Kind] == nil || !schema.Kinds[ref.Kind].Billed {
			return
		}
		if e, ok := prices[ref].Of(values(schema.Kinds[ref.Kind])); ok {
			sums.add(ref.Account, e.Currency, e.Monthly)
			known[ref]++
		} else {
			sums.unknown[ref]++
		}
	}
	for _, r := range st.Resources {
		count(KindRef{r.Account, r.Address.Kind}, func(k *spec.Kind) spec.Values { return knownValues(k, r, nil) })
	}
	for _, l := range st.Leftovers {
		count(KindRef{l.Account, l.Kind}, func(k *spec.Kind) spec.Values { return have(k, l) })
	}
	out := Charged{Prices: sums.prices()}
	for _, ref := range slices.SortedFunc(maps.Keys(known), compareRefs) {
		out.Known = append(out.Known, PricedObjects{ref.Account, ref.Kind, known[ref]})
	}
	return out
}
