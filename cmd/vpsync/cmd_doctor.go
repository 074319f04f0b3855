package main

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/vpsync/vpsync/pkg/apply"
	"github.com/vpsync/vpsync/pkg/plan/render"
	"github.com/vpsync/vpsync/pkg/providers"
	"github.com/vpsync/vpsync/pkg/spec"
)

func (a *app) doctorCommand() *cobra.Command {
	return a.completing(&cobra.Command{
		Use: "doctor [PROVIDER]", Short: "Compare each API with its definition, and look at token, clock and connection",
		Long: `Looks at each account of the stack, or at those of PROVIDER alone; without a stack, at an account of PROVIDER by the token in its
variable. Nothing is changed: it sends a few reads, each once, and counts them.

Of each account it tells whether the API can be reached and accepts the token, whether its clock agrees with this machine's, and
what is left of its rate limit. Of each operation it tells a verdict:

  documented     the vendor prints it; it is only asked for where that costs nothing more
  confirmed      the vendor does not print it, and its answer fits the definition
  refuted        its answer does not fit: the message names the line of the definition to correct
  not checkable  it needs an object that there is not, or an argument that nobody knows, or would change something

Creates, updates, deletes and tasks would change something, so they are counted, and listed with --json. Exits with 1 when something is
wrong; a clock that is off is a warning.`,
		Example: "  vpsync doctor\n  vpsync doctor servosphere --json",
		RunE: func(c *cobra.Command, args []string) error {
			return a.doctor(c.Context(), strings.Join(args, ""))
		},
	}, false, a.examinedNames())
}

// doctor examines accounts one after the other: whoever is asked may count requests by the second.
func (a *app) doctor(ctx context.Context, only string) (err error) {
	blocks, err := a.examinedBlocks(only)
	if err != nil {
		return err
	}
	w := &workspace{app: a, clock: providers.RealClock()}
	defer func() { err = errors.Join(err, w.Close()) }()
	if a.log != nil {
		w.recorded, _ = a.readState(ctx) // no state, or a damaged one, is another command's to tell
	}
	var accounts []doctorAccount
	var diags spec.Diagnostics
	told := map[string]bool{}
	for _, block := range blocks {
		def, err := a.definition(block)
		if err != nil {
			if !told[block.Definition] { // a file that two accounts name is wrong once
				diags = append(diags, a.diagnosticsOf(err)...)
			}
			told[block.Definition] = true
			continue
		}
		account, found, err := w.examine(ctx, block, def)
		if err != nil {
			return err
		}
		accounts, diags = append(accounts, account), append(diags, found...)
	}
	a.completeDiagnostics(diags)
	if a.json {
		err = a.printJSON(doctorDocument{DiagnosticsDocument: render.NewDiagnosticsDocument(diags, a.meta()), Accounts: append([]doctorAccount{}, accounts...)})
	} else {
		err = a.writeDoctor(accounts)
		if err == nil {
			err = render.Diagnostics(a.errs, diags, a.errOptions())
		}
	}
	if err == nil && diags.HasErrors() {
		return exitWith(exitFailed)
	}
	return err
}

// diagnosticsOf is an error as messages, with their places.
func (a *app) diagnosticsOf(err error) spec.Diagnostics {
	var inside spec.Diagnostics
	if errors.As(err, &inside) {
		return inside
	}
	return spec.Diagnostics{a.placed(a.describe(err))}
}

// examinedBlocks are the accounts that are meant: those of the stack, or one of a provider that vpsync brings along.
func (a *app) examinedBlocks(only string) ([]spec.ProviderBlock, error) {
	stack, diags := spec.Load(a.dir)
	if stack == nil && only != "" {
		if _, err := embeddedDefinition(only); err != nil {
			return nil, err
		}
		return []spec.ProviderBlock{{Name: only}}, nil
	}
	if stack == nil && len(diags) == 1 && diags[0].Remedy != "" {
		diags[0].Remedy += "\nvpsync doctor servosphere    # an account without a stack"
	}
	if diags.HasErrors() {
		return nil, diags
	}
	a.stack = &stack.Declarations
	given, _ := a.variableValues(stack, variableFlags{}) // an account may repeat in its answers what it was sent
	a.hideGiven(a.stack, given)
	for _, block := range stack.Providers {
		if def, err := a.definition(block); err == nil {
			a.secrets.Hide(a.env[tokenVariable(block, def)])
		}
	}
	if only == "" {
		if len(stack.Providers) == 0 {
			return nil, &remedyError{summary: "The stack has no account", detail: "It has no provider block, so there is nothing to look at.",
				remedy: `provider "servosphere" {}`}
		}
		return stack.Providers, nil
	}
	var found []spec.ProviderBlock
	var names []string
	for _, block := range stack.Providers {
		if block.Name == only || block.Account() == only {
			found = append(found, block)
		}
		names = append(names, block.Account())
	}
	if len(found) == 0 {
		e := &remedyError{summary: fmt.Sprintf("No account of %q", only), remedy: "vpsync doctor",
			detail: fmt.Sprintf("The stack has the accounts %s.", strings.Join(names, ", "))}
		if near := spec.Nearest(only, names); near != "" {
			e.detail += fmt.Sprintf(" Did you mean %q?", near)
		}
		return nil, e
	}
	return found, nil
}

// examinedNames offers the accounts of the stack, or without one what vpsync brings along.
func (a *app) examinedNames() offer {
	inStack, anywhere := a.accountNames(), these(embeddedNames()...)
	return func(ctx context.Context, args []string) []word {
		if words := inStack(ctx, args); len(words) > 0 {
			return words
		}
		return anywhere(ctx, args)
	}
}

// examine looks at one account. What is wrong with it is in the diagnostics; the error is an interruption.
func (w *workspace) examine(ctx context.Context, block spec.ProviderBlock, def *providers.Definition) (doctorAccount, spec.Diagnostics, error) {
	a := w.app
	d := newDoctorAccount(block, def, a.sandbox)
	if !a.sandbox && a.env[def.URLEnv] != "" {
		d.Endpoint = shownEndpoint(a.env[def.URLEnv])
	}
	client, err := w.client(block, def)
	if err != nil {
		said := a.diagnosticsOf(err)
		var refused *accountError
		if errors.As(err, &refused) && refused.token {
			d.Token.State, d.Token.Detail = doctorFailed, said[0].Summary
			if a.env[d.Token.Variable] == "" {
				d.Token.State = doctorMissing
			}
		} else {
			d.Reachability.State, d.Reachability.FailedAt, d.Reachability.Detail = doctorFailed, doctorAtAddress, said[0].Summary
		}
		return d, said, nil
	}
	d.Endpoint = client.Endpoint()
	if w.recorded != nil {
		apply.Accounts{block.Account(): client}.Mask(w.recorded)
	}
	x, err := client.Examine(ctx)
	if err != nil {
		return d, nil, err
	}
	d.fill(x, client.Budgets())
	return d, a.wrongWith(block, def, x), nil
}

// shownEndpoint is an address as the environment gives it, where it may be one that cannot be used, and hold what is nobody's business.
func shownEndpoint(text string) string {
	u, err := url.Parse(text)
	if err != nil || u.Host == "" || u.User == nil && strings.Contains(text, "@") { // a password may hold what ends a host
		return ""
	}
	return u.Scheme + "://" + u.Host
}

// wrongWith is what an operator should know of what was found, and do about it.
func (a *app) wrongWith(block spec.ProviderBlock, def *providers.Definition, x *providers.Examination) spec.Diagnostics {
	var diags spec.Diagnostics
	account := block.Account()
	report := func(severity spec.Severity, summary, detail, remedy string) {
		diags = append(diags, spec.Diagnostic{Severity: severity, Summary: summary, Detail: sentenceOf(detail), Remedy: remedy})
	}
	wrong := func(summary, detail, remedy string) { report(spec.SeverityError, summary, detail, remedy) }
	switch {
	case x.Reach.Err != nil && !x.Reach.Answered:
		detail, remedy := a.unreached(def, x.Reach)
		wrong(fmt.Sprintf("%s cannot be reached", account), detail, remedy)
		return diags
	case x.Token == providers.TokenRefused:
		summary, remedy := a.whyRefused(&providers.Error{Account: account, Status: 401})
		wrong(summary, fmt.Sprintf("%s answers %s", account, x.TokenSays), remedy)
	}
	if x.Clock.Adrift() {
		report(spec.SeverityWarning, fmt.Sprintf("The clock of %s and this machine's differ", account),
			fmt.Sprintf("The API's clock is %s. Which object a request of ours has made, and when a rate limit ends, is told by comparing the two.", clockWords(x.Clock)),
			"sudo timedatectl set-ntp true    # or whatever else sets the clock of this machine")
	}
	refuted, asked := 0, 0
	var failed []string
	for _, c := range x.Checks {
		if c.Asked {
			asked++
		}
		if c.Verdict == providers.VerdictRefuted {
			refuted++
		}
		if c.Unanswered {
			failed = append(failed, fmt.Sprintf("%s: %s", c.Request, c.Reason))
		}
	}
	if len(failed) > 0 {
		wrong(fmt.Sprintf("Not everything could be asked of %s", account), someOf(failed), "vpsync doctor "+account+"    # again, later")
	}
	if refuted > 1 && refuted == asked {
		wrong(fmt.Sprintf("Nothing of %s is as the definition says", account),
			fmt.Sprintf("Each of %d answers is another than it should be, so it is rather the address than each line that is wrong: something else may be at %s.", asked, x.Reach.Host),
			a.checkAddress(block, def))
		return diags
	}
	for _, c := range x.Checks {
		if c.Verdict == providers.VerdictRefuted {
			diags = append(diags, a.refutation(block, c))
		}
	}
	return diags
}

// maxFailedShown is how many requests that failed a message names.
const maxFailedShown = 5

func someOf(lines []string) string {
	lines = slices.Compact(lines)
	if n := len(lines) - maxFailedShown; n > 0 {
		lines = append(lines[:maxFailedShown:maxFailedShown], fmt.Sprintf("and %d more", n))
	}
	return strings.Join(lines, "; ")
}

// refutation is the message about one line of a definition.
func (a *app) refutation(block spec.ProviderBlock, c providers.Check) spec.Diagnostic {
	d := spec.Diagnostic{
		Severity: spec.SeverityError, Summary: fmt.Sprintf("%s of %s is not as the definition says", c.Request, block.Account()),
		Detail: sentenceOf(fmt.Sprintf("Operation %s %s: %s", c.Of, c.Operation, c.Reason)), Range: &c.Place,
	}
	if c.Documented {
		d.Detail += " The vendor prints this request: perhaps the API has changed, or something else answers in its place."
	} else {
		d.Detail += " The vendor does not print this request: the definition infers it."
	}
	if block.Definition != "" {
		d.Remedy = "vpsync providers check " + filepath.ToSlash(c.Place.File) + "    # once the line is corrected"
		return a.placed(d)
	}
	d.Remedy = fmt.Sprintf("correct the line in vpsync's source, pkg/providers/%s/%s, or tell whoever keeps it", block.Name, c.Place.File)
	if lines := strings.Split(string(embedded()[block.Name]), "\n"); c.Place.Start.Line <= len(lines) {
		d.Snippet = lines[c.Place.Start.Line-1]
	}
	return d
}

// unreached says how far a request came.
func (a *app) unreached(def *providers.Definition, r providers.Reach) (detail, remedy string) {
	why := r.Err.Error()
	switch r.Failed {
	case providers.StageDNS:
		detail, remedy = fmt.Sprintf("The name %s has no address: %s", r.Host, why), "check this machine's connection and its name server"
	case providers.StageConnection:
		detail, remedy = fmt.Sprintf("Nobody takes a connection at %s: %s", r.Host, why), "check this machine's connection and its firewall; vpsync uses no proxy"
	case providers.StageTLS:
		detail = fmt.Sprintf("The connection to %s cannot be trusted: %s", r.Host, why)
		remedy = "check this machine's clock, its certificates, and what stands between it and the API"
	default:
		detail, remedy = fmt.Sprintf("%s took the connection and gave no answer: %s", r.Host, why), "run the command again later"
	}
	if !a.sandbox && a.env[def.URLEnv] != "" {
		remedy = fmt.Sprintf("check %s, which gives the address", def.URLEnv)
	}
	return detail, remedy
}

// checkAddress is where the address of an account comes from.
func (a *app) checkAddress(block spec.ProviderBlock, def *providers.Definition) string {
	switch {
	case !a.sandbox && a.env[def.URLEnv] != "":
		return fmt.Sprintf("check %s, which gives the address", def.URLEnv)
	case block.Definition != "":
		return "check base_url in " + path.Clean(filepath.ToSlash(block.Definition))
	}
	return "run the command again later, and from another network"
}
