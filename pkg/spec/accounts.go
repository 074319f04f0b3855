package spec

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// assignAccounts gives each resource block its account and its kind.
func (x *Session) assignAccounts() Diagnostics {
	var diags Diagnostics
	s := x.stack
	var accounts, kinds, sources []string
	offering := map[string][]string{} // kind to accounts
	var unread []string               // accounts whose kinds are not known
	for _, p := range s.Providers {
		account := p.Account()
		schema := x.schemas[account]
		if schema == nil {
			unread = append(unread, account)
			continue // the caller has said so already
		}
		accounts = append(accounts, account)
		for kind := range schema.Kinds {
			if len(offering[kind]) == 0 {
				kinds = append(kinds, kind)
			}
			offering[kind] = append(offering[kind], account)
		}
		for source := range schema.Data {
			if len(offering[DataPrefix+source]) == 0 {
				sources = append(sources, source)
			}
			offering[DataPrefix+source] = append(offering[DataPrefix+source], account)
		}
	}
	slices.Sort(kinds)
	slices.Sort(sources)
	if len(s.Providers) == 0 && len(s.order) > 0 {
		at := s.order[0].rng
		return append(diags, s.sources.at(Diagnostic{Severity: SeverityError, Summary: "No provider is configured",
			Detail: fmt.Sprintf("%s and the other resources of this stack need an account to live in.", s.order[0]), Remedy: fmt.Sprintf("provider %q {}", x.likelyProvider()), Range: &at}))
	}
	for _, r := range s.order {
		offers := offering[r.kind]
		at := r.rng
		refuse := func(summary, detail, remedy string) {
			diags = append(diags, s.sources.at(Diagnostic{Severity: SeverityError, Summary: summary, Detail: detail, Remedy: remedy, Range: &at}))
		}
		switch {
		case slices.Contains(unread, r.provider), r.provider == "" && len(offers) == 0 && len(unread) > 0:
			// It may well be offered by the account whose definition is wrong.
		case r.provider != "" && !slices.Contains(accounts, r.provider):
			at = *rangeOf(*r.providerAt)
			refuse("No such account", fmt.Sprintf("No provider block configures %s.%s", r.provider, didYouMean(r.provider, accounts)), "")
		case r.data && (len(offers) == 0 || r.provider != "" && !slices.Contains(offers, r.provider)):
			source := strings.TrimPrefix(r.kind, DataPrefix)
			who := "No configured provider"
			if r.provider != "" {
				who = "The account " + r.provider
			}
			detail := fmt.Sprintf("%s answers %q.%s", who, source, didYouMean(source, sources))
			if Nearest(source, sources) == "" && len(sources) > 0 {
				detail += fmt.Sprintf(" There are: %s.", joinWords(sources))
			}
			refuse("Unknown data source", detail, "")
		case r.provider != "" && !slices.Contains(offers, r.provider):
			refuse("Kind not offered", fmt.Sprintf("%s offers no kind %q.%s", r.provider, r.kind, didYouMean(r.kind, kinds)), "")
		case r.provider != "":
			x.accounts[r.String()] = r.provider
		case len(offers) == 0 && len(kinds) > 0:
			near := Nearest(r.kind, append([]string{"provider", "variable", "locals", "output"}, kinds...))
			detail := fmt.Sprintf("No configured provider offers a kind %q, and it is no block of the language.", r.kind)
			if near != "" {
				detail += fmt.Sprintf(" Did you mean %q?", near)
			} else {
				detail += fmt.Sprintf(" There are: %s.", joinWords(kinds))
			}
			refuse("Unknown block type", detail, "")
		case len(offers) > 1:
			refuse("Which account?", fmt.Sprintf("%s is offered by %s.", r.kind, joinWords(offers)), "provider = "+offers[0])
		case len(offers) == 1:
			x.accounts[r.String()] = offers[0]
		}
		if account := x.accounts[r.String()]; account != "" {
			x.kinds[r.String()] = x.schemas[account].kind(r.kind)
		}
	}
	return diags
}

// likelyProvider is a provider that offers what the stack declares, for a remedy to paste.
func (x *Session) likelyProvider() string {
	for _, name := range slices.Sorted(maps.Keys(x.schemas)) {
		for _, r := range x.stack.order {
			if x.schemas[name] != nil && x.schemas[name].kind(r.kind) != nil {
				return x.schemas[name].Provider
			}
		}
	}
	return "servosphere"
}
