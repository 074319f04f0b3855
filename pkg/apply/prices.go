package apply

import (
	"context"
	"fmt"
	"maps"
	"math/big"
	"time"

	"github.com/vpsync/vpsync/pkg/plan"
	"github.com/vpsync/vpsync/pkg/providers"
	"github.com/vpsync/vpsync/pkg/spec"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"
)

// source is a data source of an account, which several kinds may have their prices from.
type source struct{ account, name string }

// priced reads the price lists of these kinds that were not read yet, once for each account and data source, and takes over what a
// data block of the stack asked already. A list that cannot be read is an empty one with a warning. It ends early where ctx does.
func (e *evaluation) priced(ctx context.Context, refs []plan.KindRef) error {
	for _, ref := range refs {
		client, kind, err := e.planner.Accounts.kind(ref)
		if err != nil {
			return err
		}
		price := client.Definition().Kinds[ref.Kind].Price
		from := source{ref.Account, price.Data}
		answer, asked := e.lists[from]
		if !asked {
			if answer, asked = e.answered(from); !asked {
				before, _ := e.planner.Accounts.requests()
				answer, err = askWithin(ctx, client, price.Data)
				after, _ := e.planner.Accounts.requests()
				e.asked += after - before
				if ctx.Err() != nil {
					return err
				}
				if err != nil {
					e.warnings = append(e.warnings, unreadPrices(from, err))
				}
			}
			e.lists[from] = answer
		}
		e.prices[ref] = priceList(price, kind, answer)
	}
	return nil
}

// priceTimeout bounds the read of a list of prices, with its repetitions and its waits for the rate limit: a plan waits no longer for
// what it can do without.
const priceTimeout = 15 * time.Second

// askPlainly asks what is to be shown: of what repeats a secret there is nothing.
func askPlainly(ctx context.Context, client *providers.Client, source string, arguments spec.Values) (spec.Values, error) {
	answer, err := client.Ask(ctx, source, arguments)
	return plainly(answer), err
}

// plainly is an answer without what is sensitive in it.
func plainly(answer spec.Values) spec.Values {
	out := maps.Clone(answer)
	for name, v := range out {
		if v.IsMarked() {
			out[name] = cty.NullVal(v.Type())
		}
	}
	return out
}

func askWithin(ctx context.Context, client *providers.Client, name string) (spec.Values, error) {
	bounded, cancel := context.WithTimeout(ctx, priceTimeout)
	defer cancel()
	answer, err := askPlainly(bounded, client, name, nil)
	if err != nil && bounded.Err() != nil && ctx.Err() == nil {
		return nil, fmt.Errorf("no answer within %s", priceTimeout)
	}
	return answer, err
}

// answered is what a data block was told that asks the same.
func (e *evaluation) answered(from source) (spec.Values, bool) {
	if e.config == nil {
		return nil, false
	}
	for _, d := range e.config.Data {
		if told, ok := e.answers[d.Address]; ok && d.Account == from.account && d.Address.Kind == spec.DataPrefix+from.name && asksNothing(told.question) {
			return plainly(told.values), true
		}
	}
	return nil, false
}

func asksNothing(question spec.Values) bool {
	for _, v := range question {
		if !v.IsNull() {
			return false
		}
	}
	return true
}

func unreadPrices(from source, err error) spec.Diagnostic {
	return spec.Diagnostic{
		Severity: spec.SeverityWarning, Summary: fmt.Sprintf("The prices of %s are not known", from.account),
		Detail: fmt.Sprintf("They could not be read (%s). The plan is the same without them.", err),
	}
}

// priceList is what the answer of a data source says of the prices of a kind. Entries that lack a price, or a value that tells whose
// price it is, are left out.
func priceList(price *providers.Price, kind *spec.Kind, answer spec.Values) plan.PriceList {
	list := plan.PriceList{}
	for _, entry := range entriesOf(answer[price.List]) {
		monthly, ok := amount(entry[price.Monthly])
		if !ok {
			continue
		}
		e := plan.PriceEntry{Values: spec.Values{}, Monthly: monthly, Currency: price.Currency}
		if price.CurrencyIn != "" {
			e.Currency = spec.Word(entry[price.CurrencyIn])
		}
		for name, member := range price.Match {
			v, err := convert.Convert(entry[member], kind.Attribute(name).Type)
			if ok = ok && err == nil && !v.IsNull(); ok {
				e.Values[name] = v
			}
		}
		if ok {
			list = append(list, e)
		}
	}
	return list
}

// entriesOf are the objects of a list; none where it is no such list.
func entriesOf(list cty.Value) []map[string]cty.Value {
	if list == cty.NilVal || list.IsNull() || !list.IsWhollyKnown() {
		return nil
	}
	var out []map[string]cty.Value
	for _, entry := range list.AsValueSlice() {
		if !entry.IsNull() {
			out = append(out, entry.AsValueMap())
		}
	}
	return out
}

// amount is a number exactly as it was written, to a ten-thousandth of a cent: a price like 0.1 has no exact binary form.
func amount(v cty.Value) (*big.Rat, bool) {
	if v == cty.NilVal || v.IsNull() || !v.IsKnown() || v.Type() != cty.Number || spec.Absurd(v.AsBigFloat()) {
		return nil, false
	}
	return new(big.Rat).SetString(v.AsBigFloat().Text('f', 6))
}
