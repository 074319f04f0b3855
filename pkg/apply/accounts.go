package apply

import (
	"errors"
	"time"

	"github.com/vpsync/vpsync/pkg/plan"
	"github.com/vpsync/vpsync/pkg/providers"
	"github.com/vpsync/vpsync/pkg/spec"
	"github.com/vpsync/vpsync/pkg/state"
)

// client is the client of an account.
func (a Accounts) client(account string) (*providers.Client, error) {
	c := a[account]
	if c == nil {
		return nil, &AccountError{Account: account}
	}
	return c, nil
}

// kind is a kind of an account, and the client that speaks of it.
func (a Accounts) kind(ref plan.KindRef) (*providers.Client, *spec.Kind, error) {
	c, err := a.client(ref.Account)
	if err != nil {
		return nil, nil, err
	}
	k := c.Definition().Schema.Kinds[ref.Kind]
	if k == nil {
		return nil, nil, &AccountError{Account: ref.Account, Kind: ref.Kind}
	}
	return c, k, nil
}

// check refuses a state that was made against other endpoints, before anything is asked of them.
func (a Accounts) check(st *state.State) error {
	var all []error
	for name, account := range st.Accounts {
		c := a[name]
		if c == nil || account.Endpoint == c.Endpoint() {
			continue
		}
		all = append(all, &EndpointError{Account: name, Recorded: account.Endpoint, AtHand: c.Endpoint()})
	}
	if len(all) == 1 {
		return all[0]
	}
	return errors.Join(all...)
}

// Mask says to the clients which attributes hold secrets although their kinds do not say so, as far as it was recorded.
func (a Accounts) Mask(st *state.State) {
	for _, r := range st.Resources {
		if c := a[r.Account]; c != nil {
			for _, name := range r.Hidden {
				c.Mask(r.Address.Kind, name)
			}
		}
	}
}

// hide says to the clients what is secret in a configuration: an account may repeat in one answer what another one was sent.
func (a Accounts) hide(config *spec.Response) {
	told := map[*providers.Secrets]bool{}
	for _, c := range a {
		s := c.Secrets()
		if told[s] {
			continue
		}
		told[s] = true
		for _, v := range config.Secrets {
			s.HideValue(v)
		}
		for _, r := range config.Resources {
			for _, v := range r.Values {
				s.HideValue(v)
			}
		}
		for _, o := range config.Outputs {
			s.HideValue(o.Value)
		}
	}
}

// requests sums what all clients have sent so far.
func (a Accounts) requests() (reads, writes int) {
	for _, c := range a {
		r, w := c.Requests()
		reads, writes = reads+r, writes+w
	}
	return reads, writes
}

// budgets are what is left of the rate limits, in plan's words.
func (a Accounts) budgets() map[string][]plan.Budget {
	m := make(map[string][]plan.Budget, len(a))
	for name, c := range a {
		for _, b := range c.Budgets() {
			m[name] = append(m[name], plan.Budget{Class: b.Class, Limit: b.Limit, Remaining: b.Remaining, Reset: b.Reset})
		}
	}
	return m
}

// grace is how late a request without an answer may still take effect.
func grace(c *providers.Client, override *time.Duration) time.Duration {
	if override != nil {
		return *override
	}
	return c.Grace()
}

// pages is how many pages a list of n objects takes.
func pages(def *providers.Definition, kind string, n int) int {
	paging := def.Paging
	if k := def.Kinds[kind]; k != nil {
		if list := k.Operations[spec.OpList]; list != nil && list.Paging != nil {
			paging = *list.Paging
		}
	}
	if paging.Style == "" || paging.Style == providers.PagingNone || paging.PageSize <= 0 {
		return 1
	}
	return max(1, (n+paging.PageSize-1)/paging.PageSize)
}
