package apply

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/vpsync/vpsync/pkg/plan"
	"github.com/vpsync/vpsync/pkg/providers"
	"github.com/vpsync/vpsync/pkg/spec"
	"github.com/vpsync/vpsync/pkg/state"
	"github.com/zclconf/go-cty/cty"
)

// Bill is what the API tells of what an account was charged. What it does not tell, or could not be read, is nil.
type Bill struct {
	Current, Previous *Usage
	Invoices          []Invoice // as the API orders them; not nil where it listed none
}

// Usage is what an account used in one billing period.
type Usage struct {
	Period string      // as the API says it ("2025-01"), or empty
	Total  *plan.Money // nil where the answer holds none
	Parts  []UsagePart // by name
}

// UsagePart is one sort of thing that is charged for.
type UsagePart struct {
	Name   string
	Amount *plan.Money // nil where the answer holds none
	// Measures are the other numbers that the API tells of it, as they were written: count 3, gb_hours 24000.
	Measures map[string]string
}

// Invoice is one invoice, in the API's words; what it does not tell is empty.
type Invoice struct {
	Number, Status, Period, Due string
	Amount                      *plan.Money
}

// Bill reads what an account was charged: nil where its definition names no data source that tells. What cannot be read is an error
// for each question, beside what could be.
func (a Accounts) Bill(ctx context.Context, account string) (*Bill, []error) {
	client, err := a.client(account)
	if err != nil {
		return nil, []error{err}
	}
	billing := client.Definition().Billing
	if billing == nil {
		return nil, nil
	}
	bill := &Bill{}
	var failures []error
	ask := func(what, source string, arguments spec.Values, take func(answer spec.Values)) {
		answer, err := askPlainly(ctx, client, source, arguments)
		if err != nil {
			failures = append(failures, fmt.Errorf("%s of %s: %w", what, account, err))
			return
		}
		take(answer)
	}
	if u := billing.Usage; u != nil {
		ask("the usage", u.Data, u.Current, func(answer spec.Values) { bill.Current = usageOf(u, answer) })
		if u.Previous != nil {
			ask("the usage of the previous period", u.Data, u.Previous, func(answer spec.Values) { bill.Previous = usageOf(u, answer) })
		}
	}
	if i := billing.Invoices; i != nil {
		ask("the invoices", i.Data, nil, func(answer spec.Values) { bill.Invoices = invoicesOf(i, answer) })
	}
	return bill, failures
}

func usageOf(u *providers.Usage, answer spec.Values) *Usage {
	currency := spec.Word(answer[u.Currency])
	out := &Usage{Period: spec.Word(answer[u.Period]), Total: moneyOf(answer[u.Total], currency)}
	parts := answer[u.Parts]
	if parts == cty.NilVal || parts.IsNull() || !parts.IsKnown() {
		return out
	}
	all := parts.AsValueMap()
	for _, name := range slices.Sorted(maps.Keys(all)) {
		if all[name].IsNull() {
			continue
		}
		part := UsagePart{Name: name, Measures: map[string]string{}}
		for member, v := range all[name].AsValueMap() {
			if member == u.Cost {
				part.Amount = moneyOf(v, currency)
			} else if v.Type() == cty.Number && spec.Word(v) != "" {
				part.Measures[member] = spec.Word(v)
			}
		}
		out.Parts = append(out.Parts, part)
	}
	return out
}

func invoicesOf(i *providers.Invoices, answer spec.Values) []Invoice {
	out := []Invoice{}
	for _, entry := range entriesOf(answer[i.List]) {
		out = append(out, Invoice{
			Number: spec.Word(entry[i.Number]), Status: spec.Word(entry[i.Status]), Period: spec.Word(entry[i.Period]), Due: spec.Word(entry[i.Due]),
			Amount: moneyOf(entry[i.Amount], spec.Word(entry[i.Currency])),
		})
	}
	return out
}

func moneyOf(v cty.Value, currency string) *plan.Money {
	exact, ok := amount(v)
	if !ok {
		return nil
	}
	return &plan.Money{Amount: exact.FloatString(2), Currency: currency}
}

// Charged reads the prices of what is recorded of one account, leftovers among it, and sums up what that is charged a month. An error
// is that of reading prices; what is returned beside it is right without them.
func (a Accounts) Charged(ctx context.Context, st *state.State, account string) (plan.Charged, error) {
	client, err := a.client(account)
	if err != nil {
		return plan.Charged{}, err
	}
	def := client.Definition()
	own := &state.State{}
	kinds := map[string]bool{}
	for _, r := range st.Resources {
		if r.Account == account {
			own.Resources, kinds[r.Address.Kind] = append(own.Resources, r), true
		}
	}
	for _, l := range st.Leftovers {
		if l.Account == account {
			own.Leftovers, kinds[l.Kind] = append(own.Leftovers, l), true
		}
	}
	prices, answers := map[plan.KindRef]plan.PriceList{}, map[string]spec.Values{}
	for _, kind := range slices.Sorted(maps.Keys(kinds)) {
		k := def.Kinds[kind]
		if k == nil || k.Price == nil {
			continue
		}
		answer, asked := answers[k.Price.Data]
		if !asked {
			var failed error
			if answer, failed = askPlainly(ctx, client, k.Price.Data, nil); failed != nil {
				err = fmt.Errorf("the prices of %s: %w", account, failed)
			}
			answers[k.Price.Data] = answer
		}
		prices[plan.KindRef{Account: account, Kind: kind}] = priceList(k.Price, k.Schema, answer)
	}
	return plan.Charges(own, map[string]*spec.Schema{account: def.Schema}, prices), err
}
