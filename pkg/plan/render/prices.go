package render

import (
	"strings"

	"github.com/vpsync/vpsync/pkg/plan"
)

// PriceWords say what a plan does to what is charged a month, without a stop: "+20.00 a month; unknown for 2 servers of
// servosphere; still charged: volume.data". Empty where it does nothing to that.
func PriceWords(p plan.Prices) string {
	var parts, stay []string
	differs, several := false, false
	for _, t := range p.Totals {
		differs = differs || t.Amount != "0.00"
		several = several || t.Account != p.Totals[0].Account
	}
	for i, t := range p.Totals {
		if !differs {
			parts = append(parts, "unchanged")
			break
		}
		words := signed(t.Money)
		if i == 0 {
			words += " a month"
		}
		if several {
			words += " in " + Escape(t.Account)
		}
		parts = append(parts, words)
	}
	if len(parts) > 1 {
		parts = []string{list(parts, 0)}
	}
	if unknown := ObjectWords(p.Unknown, true); unknown != "" {
		parts = append(parts, "unknown for "+unknown)
	}
	for _, a := range p.Stay {
		stay = append(stay, address(a))
	}
	if len(stay) > 0 {
		parts = append(parts, "still charged: "+list(stay, 3))
	}
	return strings.Join(parts, "; ")
}

// ObjectWords count objects by account and kind: "2 servers and 1 volume of servosphere".
func ObjectWords(all []plan.PricedObjects, accounts bool) string {
	var parts, kinds []string
	for i, u := range all {
		kinds = append(kinds, Plural(u.Objects, Noun(u.Kind)))
		if i+1 < len(all) && all[i+1].Account == u.Account {
			continue
		}
		words := list(kinds, 0)
		if accounts {
			words += " of " + Escape(u.Account)
		}
		parts, kinds = append(parts, words), nil
	}
	return strings.Join(parts, ", ")
}

// Amount is money as people read it: 20.00 EUR.
func Amount(m plan.Money) string {
	if m.Currency == "" {
		return m.Amount
	}
	return m.Amount + " " + Escape(m.Currency)
}

// signed is a difference, with its sign.
func signed(m plan.Money) string {
	if strings.HasPrefix(m.Amount, "-") {
		return Amount(m)
	}
	return "+" + Amount(m)
}
