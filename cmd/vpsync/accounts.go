package main

import (
	"cmp"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/vpsync/vpsync/pkg/providers"
	"github.com/vpsync/vpsync/pkg/providers/evotic"
	"github.com/vpsync/vpsync/pkg/providers/servosphere"
	"github.com/vpsync/vpsync/pkg/providers/vpsorg"
	"github.com/vpsync/vpsync/pkg/sandbox"
	"github.com/vpsync/vpsync/pkg/spec"
)

// embedded are the definitions that the binary brings along.
func embedded() map[string][]byte {
	return map[string][]byte{"servosphere": servosphere.Source, "vpsorg": vpsorg.Source, "evotic": evotic.Source}
}

func embeddedNames() []string {
	var names []string
	for name := range embedded() {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// decoded keeps what embeddedDefinition has decoded, by name; nobody changes a definition.
var decoded sync.Map

// embeddedDefinition decodes one of them, once.
func embeddedDefinition(name string) (*providers.Definition, error) {
	if def, ok := decoded.Load(name); ok {
		return def.(*providers.Definition), nil
	}
	src, ok := embedded()[name]
	if !ok {
		detail := fmt.Sprintf("vpsync speaks the APIs of %s.", strings.Join(embeddedNames(), ", "))
		if near := spec.Nearest(name, embeddedNames()); near != "" {
			detail += fmt.Sprintf(" Did you mean %q?", near)
		}
		return nil, &remedyError{summary: fmt.Sprintf("No provider %q", name), detail: detail, remedy: "vpsync providers list"}
	}
	def, diags := providers.Decode(src, name+".provider.hcl")
	if diags.HasErrors() {
		return nil, diags
	}
	decoded.Store(name, def)
	return def, nil
}

// everyKind is the kinds of all of them, and of the definitions of the stack.
func (a *app) everyKind() []string {
	var kinds []string
	all, _ := a.everyDefinition() // an embedded one that fails to decode is told by its test
	for _, def := range all {
		kinds = slices.AppendSeq(kinds, keysSorted(def.Schema.Kinds))
	}
	return kinds
}

// definition finds what a provider block names.
func (a *app) definition(block spec.ProviderBlock) (*providers.Definition, error) {
	if block.Definition != "" {
		return a.ownDefinition(block)
	}
	return embeddedDefinition(block.Name)
}

const (
	// sandboxEndpoint is recorded as the endpoint of emulated accounts, so that a state made against one is refused
	// against a real one.
	sandboxEndpoint = "https://sandbox.invalid"
	sandboxToken    = "a-sandbox-needs-no-token" // nothing else says this, so what masks tokens leaves all else alone
	// An embedded sandbox hurries: nobody watches a server boot that does not exist, or waits an hour for a rate limit
	// that nobody set. `vpsync sandbox serve` has the provider's limits. The first look comes after everything is ready: a
	// run takes the requests that its plan announced.
	sandboxProvisioning = 200 * time.Millisecond
	sandboxPoll         = 300 * time.Millisecond
)

// accountError is why no request of an account can be sent: for its token, or for where the request would go.
type accountError struct {
	*remedyError
	token bool
}

func (e *accountError) Unwrap() error { return e.remedyError }

// accountSettings are the names of the variables of an account that is not emulated.
type accountSettings struct{ token, url string }

// client connects one account: to an emulated one, or to the provider with the token of its variable.
func (w *workspace) client(block spec.ProviderBlock, def *providers.Definition) (*providers.Client, error) {
	a := w.app
	config := providers.Config{
		Account: block.Account(), Clock: w.clock, UserAgent: "vpsync/" + versionText(), Log: a.log, Secrets: a.secrets,
		Waiting: func(class string, until time.Time) {
			if w.waiting != nil {
				w.waiting(block.Account(), class, until)
			}
		},
	}
	if a.sandbox {
		emulated, err := a.openSandbox(block.Account(), def, sandbox.Options{Provisioning: sandboxProvisioning, Token: sandboxToken, Unlimited: true})
		if err != nil {
			return nil, err
		}
		w.close = append(w.close, emulated.Close)
		none := time.Duration(0) // requests die with the process that emulates their answers
		config.BaseURL, config.Token, config.Transport = sandboxEndpoint, sandboxToken, emulated.Transport()
		config.PollEvery, config.Grace = cmp.Or(a.hooks.poll, sandboxPoll), &none
		lag, err := sandboxLag(emulated)
		if err != nil {
			return nil, err
		}
		config.Lag = &lag
		return providers.New(def, config)
	}
	if block.Definition != "" {
		if err := a.mayTalkTo(block, orElse(a.env[def.URLEnv], def.BaseURL)); err != nil {
			return nil, err
		}
	}
	variable := tokenVariable(block, def)
	a.settings[block.Account()] = accountSettings{token: variable, url: def.URLEnv}
	config.BaseURL, config.Budgets = a.env[def.URLEnv], &w.budgets
	if config.Token = a.env[variable]; config.Token == "" {
		return nil, &accountError{token: true, remedyError: &remedyError{
			summary: fmt.Sprintf("No token for %s", block.Account()),
			detail:  fmt.Sprintf("The token of this account comes from the environment variable %s, which is not set.", variable),
			remedy:  fmt.Sprintf("export %s=...    # or add --sandbox to work on an emulated account", variable), at: placeOf(block),
		}}
	}
	c, err := providers.New(def, config)
	if err != nil {
		e := &remedyError{summary: fmt.Sprintf("The token of %s cannot be sent", block.Account()), detail: sentenceOf(fmt.Sprintf("%s: %s", variable, err)),
			remedy: fmt.Sprintf("check %s", variable), at: placeOf(block)}
		bad := (*providers.URLError)(nil)
		if errors.As(err, &bad) {
			e.summary, e.remedy = fmt.Sprintf("No requests can be sent to %s", block.Account()), fmt.Sprintf("check %s", def.URLEnv)
			e.detail = sentenceOf(fmt.Sprintf("%s, which gives the address, cannot be used: %s", def.URLEnv, bad.Err))
		}
		return nil, &accountError{remedyError: e, token: bad == nil}
	}
	return c, nil
}

// tokenVariable is the variable that an account's token comes from.
func tokenVariable(block spec.ProviderBlock, def *providers.Definition) string {
	return orElse(block.TokenEnv, def.Auth.TokenEnv)
}

// placeOf is where a stack configures an account; nil for one without a stack.
func placeOf(block spec.ProviderBlock) *spec.Range {
	if block.Range == (spec.Range{}) {
		return nil
	}
	return &block.Range
}

// sandboxLag is for how long lists of an emulated account miss what was just written: not at all, unless it was told to.
func sandboxLag(s *sandbox.Sandbox) (time.Duration, error) {
	faults, err := s.Faults()
	var lag time.Duration
	for _, f := range faults {
		if f.Do == sandbox.FaultLag {
			lag = max(lag, f.For)
		}
	}
	return lag, err
}

// openSandbox opens the emulated account that is kept in the stack's folder.
func (a *app) openSandbox(account string, def *providers.Definition, o sandbox.Options) (*sandbox.Sandbox, error) {
	o.Dir, o.Account, o.Boundary = filepath.Join(a.keepDir(), ".vpsync", "sandbox", "accounts"), account, a.hooks.boundary
	o.Provisioning = cmp.Or(a.hooks.hurry, o.Provisioning)
	return sandbox.Open(def, o)
}
