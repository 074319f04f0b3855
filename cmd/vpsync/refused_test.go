package main

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/vpsync/vpsync/pkg/apply"
	"github.com/vpsync/vpsync/pkg/plan/render"
	"github.com/vpsync/vpsync/pkg/providers"
	"github.com/vpsync/vpsync/pkg/spec"
)

// TestRefusals: what each status means, of a run and of a change. 429 is waited out for an hour before anybody reads this.
func TestRefusals(t *testing.T) {
	a := &app{settings: map[string]accountSettings{"acme": {token: "ACME_TOKEN", url: "ACME_URL"}}}
	for status, want := range map[int]string{
		0:   "A request failed: ",
		200: "The API's answer makes no sense: run the command again later",
		302: "The API redirects to another place: check that ACME_URL, or else base_url in the definition, is where the API itself answers",
		400: "The API does not accept the values: ",
		401: "The API does not accept the token: check that ACME_TOKEN holds the token, and that the provider still knows it",
		403: "The API does not accept the token: check that ACME_TOKEN holds the token, and that the provider still knows it",
		402: "The account has not enough credit: add credit at the provider, and run the command again",
		404: "The API does not know what was asked for: ",
		409: "The API says that something else is in the way: ",
		422: "The API does not accept the values: ",
		429: "The API's rate limit is used up: run the command again later",
		500: "The API has a failure of its own: run the command again later",
		503: "The API has a failure of its own: run the command again later",
	} {
		refused := &providers.Error{Account: "acme", Status: status, Kind: "server", Operation: "create", Message: "no"}
		d := a.describe(fmt.Errorf("planning: %w", refused))
		require.Equal(t, want, d.Summary+": "+d.Remedy, status)
		require.True(t, strings.HasPrefix(d.Detail, "Planning: create server"), d.Detail)
		if status != 0 {
			summary, remedy, _ := strings.Cut(want, ": ")
			f := a.failure(apply.Failure{Address: spec.Address{Kind: "server", Name: "web"}, Err: refused})
			require.Equal(t, "server.web failed: "+strings.ToLower(summary[:1])+summary[1:], f.Summary)
			require.Equal(t, remedy, f.Remedy)
		}
	}
	reached := a.describe(&providers.Error{Account: "acme", Request: "GET /servers", Err: errors.New("refused")})
	require.Equal(t, "The API could not be reached", reached.Summary)
	require.Equal(t, "vpsync doctor acme    # how far a connection comes; then run the command again", reached.Remedy)
	strange := &providers.Error{Account: "acme", Request: "GET /servers", NotHTTP: true, Err: errors.New("malformed")}
	require.Equal(t, "What answered does not speak HTTP", a.describe(strange).Summary)
	require.Equal(t, "check that ACME_URL, or else base_url in the definition, leads to the API", a.describe(strange).Remedy)
	require.Equal(t, "server.web failed: what answered does not speak HTTP", a.failure(apply.Failure{Address: spec.Address{Kind: "server", Name: "web"}, Err: strange}).Summary)
}

func TestOtherEndpoint(t *testing.T) {
	a := &app{settings: map[string]accountSettings{"acme": {token: "ACME_TOKEN", url: "ACME_URL"}}}
	for _, c := range []struct{ recorded, atHand, remedy string }{
		{"https://api.acme.example/v1", "https://api.acme.example/v2", "export ACME_URL=https://api.acme.example/v1"},
		{"https://api.acme.example/$(v)", "https://api.acme.example/v2", "export ACME_URL='https://api.acme.example/$(v)'"},
		{sandboxEndpoint, "https://api.acme.example/v2", "add --sandbox"},
		{"https://api.acme.example/v1", sandboxEndpoint, "leave out --sandbox"},
	} {
		d := a.describe(&apply.EndpointError{Account: "acme", Recorded: c.recorded, AtHand: c.atHand})
		require.Equal(t, c.remedy+"    # or the state of this account: --state FILE", d.Remedy)
	}
}

func TestUnconfigured(t *testing.T) {
	var text strings.Builder
	require.NoError(t, render.Diagnostics(&text, spec.Diagnostics{(&app{}).describe(&apply.AccountError{Account: "acme.eu"})}, render.Options{Width: 80}))
	require.Equal(t, `Error: The state and the configuration do not go together

  Resources are recorded in account acme.eu, which the stack does not configure
  any more.

    provider "acme" { alias = "eu" }    # or, to keep the objects and forget them: vpsync state rm ADDRESS
`, text.String())
}

// TestShownPath: paths of every system read alike.
func TestShownPath(t *testing.T) {
	require.Equal(t, "given/prod.vars.hcl", shownPath(`given\prod.vars.hcl`, '\\'))
	require.Equal(t, `given\prod.vars.hcl`, shownPath(`given\prod.vars.hcl`, '/'))
}
