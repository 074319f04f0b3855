package main

import (
	"errors"
	"fmt"
	"strings"

	"github.com/vpsync/vpsync/internal/shell"
	"github.com/vpsync/vpsync/pkg/apply"
	"github.com/vpsync/vpsync/pkg/providers"
	"github.com/vpsync/vpsync/pkg/spec"
)

// failure is the message about a change that failed.
func (a *app) failure(f apply.Failure) spec.Diagnostic {
	d := spec.Diagnostic{Severity: spec.SeverityError, Summary: "A change failed"}
	if f.Address != (spec.Address{}) {
		d.Summary = f.Address.String() + " failed"
	}
	if f.Err == nil {
		return d
	}
	d.Detail = sentenceOf(withoutAddress(f.Err, f.Address))
	var (
		request *providers.Error
		moved   *apply.DriftError
		why     string
	)
	switch {
	case errors.As(f.Err, &moved):
		why, d.Remedy = "It is not what the plan saw", "vpsync plan"
	case errors.As(f.Err, &request) && (request.Status != 0 || request.Unfit || request.NotHTTP):
		why, d.Remedy = a.whyRefused(request)
		d.Detail = a.inAccount(request) + d.Detail
	}
	if why != "" {
		d.Summary += ": " + strings.ToLower(why[:1]) + why[1:]
	}
	d.Remedy = a.command(d.Remedy)
	return d
}

// inAccount names the account that a request was for, where there are several.
func (a *app) inAccount(e *providers.Error) string {
	if !a.severalAccounts() {
		return ""
	}
	return "Account " + e.Account + ": "
}

// whyRefused is what the status of an answer means to an operator, and what can be done about it.
func (a *app) whyRefused(e *providers.Error) (summary, remedy string) {
	token, address := a.settings[e.Account].token, "base_url in the definition"
	if variable := a.settings[e.Account].url; variable != "" {
		address = variable + ", or else " + address + ","
	}
	const later = "run the command again later"
	switch {
	case e.Unfit: // by asking again it will hardly fit
		return "The API's answer is not as the definition says", "vpsync doctor " + e.Account + "    # which lines of the definition differ"
	case e.NotHTTP:
		return "What answered does not speak HTTP", fmt.Sprintf("check that %s leads to the API", address)
	case e.Status >= 300 && e.Status < 400:
		return "The API redirects to another place", fmt.Sprintf("check that %s is where the API itself answers", address)
	case e.Status == 401, e.Status == 403:
		return "The API does not accept the token", fmt.Sprintf("check that %s holds the token, and that the provider still knows it", orElse(token, "the token's variable"))
	case e.Status == 402:
		return "The account has not enough credit", "add credit at the provider, and run the command again"
	case e.Status == 404, e.Status == 405, e.Status == 410:
		if e.Definition != "" && (e.Operation == spec.OpList || e.Operation == spec.OpRead) {
			remedy = "vpsync doctor " + e.Account + "    # whether the rest of the API is as the definition says"
		}
		return "The API does not know what was asked for", remedy
	case e.Status == 409:
		return "The API says that something else is in the way", ""
	case e.Status == 400, e.Status == 422:
		return "The API does not accept the values", ""
	case e.Status == 429:
		return "The API's rate limit is used up", later
	case e.Status >= 500:
		return "The API has a failure of its own", later
	case e.Status >= 200 && e.Status < 300:
		return "The API's answer makes no sense", later
	case e.Status == 0 && e.Request != "":
		return "The API could not be reached", "vpsync doctor " + e.Account + "    # how far a connection comes; then run the command again"
	}
	return "A request failed", ""
}

// otherEndpoint is how a state and an account that do not belong together are told apart, or brought together again.
func (a *app) otherEndpoint(e *apply.EndpointError) string {
	const another = "    # or the state of this account: --state FILE"
	variable := a.settings[e.Account].url
	switch {
	case e.AtHand == sandboxEndpoint:
		return "leave out --sandbox" + another
	case e.Recorded == sandboxEndpoint:
		return "add --sandbox" + another
	case variable == "":
		return ""
	}
	return "export " + variable + "=" + shell.Word(e.Recorded) + another
}

// unconfigured is what brings back an account that only the state knows.
func unconfigured(e *apply.AccountError) string {
	if e.Kind != "" {
		return ""
	}
	block := fmt.Sprintf("provider %q {}", e.Account)
	if name, alias, ok := strings.Cut(e.Account, "."); ok {
		block = fmt.Sprintf("provider %q { alias = %q }", name, alias)
	}
	return block + "    # or, to keep the objects and forget them: vpsync state rm ADDRESS"
}
