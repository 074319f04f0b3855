package main

import (
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/vpsync/vpsync/pkg/plan/render"
	"github.com/vpsync/vpsync/pkg/providers"
	"github.com/vpsync/vpsync/pkg/spec"
)

// A definition that a stack brings along comes from whoever wrote the stack, a pull request perhaps. So it may neither pass for a
// provider that vpsync knows, nor name the variable of somebody else's secret, nor choose where a token goes: the operator's
// environment says which hosts it may talk to.

// definitionSuffix ends the name of every definition: what ends so is never read as a part of the stack.
const definitionSuffix = ".provider.hcl"

// trustedHosts is the variable that names the hosts which the definitions of stacks may talk to.
const trustedHosts = "VPSYNC_TRUSTED_HOSTS"

// ownName is what a definition of a stack may be called. ASCII alone: of two names that look alike, one would get the other's
// token (a long s in capitals is an S like any other).
var ownName = regexp.MustCompile(`^[a-z][a-z0-9_]*$`)

// ownDefinition reads the definition that a provider block names, from within the stack's folder.
func (a *app) ownDefinition(block spec.ProviderBlock) (*providers.Definition, error) {
	refuse := func(summary, detail, remedy string) error {
		return &remedyError{summary: summary, detail: detail, remedy: remedy, at: &block.Range}
	}
	if problem, remedy := unusableName(block.Name); problem != "" {
		return nil, refuse("Not a name for a provider of your own", problem, remedy)
	}
	file := path.Clean(filepath.ToSlash(block.Definition))
	if !strings.HasSuffix(file, definitionSuffix) || path.Base(file) == definitionSuffix {
		return nil, refuse("Not a definition",
			fmt.Sprintf("A definition is a file whose name ends in %s, so that it is not taken for a part of the stack; this one is %q.", definitionSuffix, block.Definition),
			fmt.Sprintf("definition = \"./%s%s\"", block.Name, definitionSuffix))
	}
	src, err := spec.ReadFile(a.homeDir(), file)
	if err != nil {
		detail := fmt.Sprintf("%s cannot be read: %s.", block.Definition, reasonOf(err))
		if errors.Is(err, fs.ErrNotExist) {
			detail = fmt.Sprintf("There is no file %s in the stack's folder.", block.Definition)
		}
		return nil, refuse("Definition cannot be read", detail+" A definition lies within the stack's folder, and links do not lead out of it.", "")
	}
	def, diags := providers.Decode(src, file)
	if diags.HasErrors() {
		return nil, diags
	}
	if def.Name != block.Name {
		return nil, refuse("Definition of another provider", fmt.Sprintf("%s defines %q, and this block configures %q.", file, def.Name, block.Name),
			fmt.Sprintf("provider %q {\n  definition = %q\n}", def.Name, block.Definition))
	}
	return def, nil
}

// unusableName says what is wrong with the name of a provider that vpsync does not bring along; empty where nothing is. The variables
// of a provider begin with its name, so one that begins like another's could ask for that one's token.
func unusableName(name string) (problem, remedy string) {
	if !ownName.MatchString(name) {
		return fmt.Sprintf("%+q is not made of lower-case ASCII letters, digits and underscores. Other letters may look like those of a name that is trusted.", name),
			`provider "acme" { … }`
	}
	for _, taken := range append(embeddedNames(), "vpsync") {
		switch {
		case name == taken && taken == "vpsync":
			return "vpsync's own variables, such as VPSYNC_STATE_KEY, begin with this name.", "Choose another name."
		case name == taken:
			return fmt.Sprintf("vpsync brings a definition of %s along, and no other may take its name: it would get its token.", taken),
				"Leave definition away, or choose another name."
		case strings.HasPrefix(name, taken+"_"):
			return fmt.Sprintf("The variables of %q would begin like those of %s, whose token it could ask for.", name, taken), "Choose another name."
		}
	}
	return "", ""
}

// reasonOf is an error without the path that the message already names.
func reasonOf(err error) string {
	var at *fs.PathError
	if errors.As(err, &at) {
		return at.Err.Error()
	}
	return err.Error()
}

// mayTalkTo refuses an account of an own definition whose host the environment does not name. This machine is no exception:
// other people's programs listen there, too.
func (a *app) mayTalkTo(block spec.ProviderBlock, base string) error {
	u, err := url.Parse(base)
	if err != nil || u.Hostname() == "" {
		return nil // the engine says what is wrong with it
	}
	host := hostKey(u.Host, u.Scheme)
	var trusted []string
	for entry := range strings.SplitSeq(a.env[trustedHosts], ",") {
		if entry = strings.TrimSpace(entry); entry == "" {
			continue
		}
		trusted = append(trusted, entry)
		if hostKey(entry, u.Scheme) == host {
			return nil
		}
	}
	named := "is not set"
	if len(trusted) > 0 {
		named = "does not name it"
	}
	return &remedyError{
		summary: fmt.Sprintf("%s is not trusted", shownHost(u)),
		detail: fmt.Sprintf("The definition of %s comes with the stack, so its token goes only to hosts that the environment names: %s %s.",
			block.Name, trustedHosts, named),
		remedy: fmt.Sprintf("export %s=%s    # if that is where it belongs", trustedHosts, strings.Join(append(trusted, shownHost(u)), ",")),
		at:     &block.Range,
	}
}

// shownHost is the host as the list of trusted ones names it.
func shownHost(u *url.URL) string { return strings.ToLower(u.Host) }

// hostKey is a host with its port, so that two ways to write one are equal.
func hostKey(host, scheme string) string {
	u := url.URL{Host: strings.ToLower(host)}
	port := u.Port()
	if port == "" {
		port = map[string]string{"https": "443", "http": "80"}[scheme]
	}
	return strings.TrimSuffix(u.Hostname(), ".") + ":" + port
}

// everyDefinition is what vpsync brings along, and then what the stack does; what is wrong with the latter is left to the commands
// that work on the stack.
func (a *app) everyDefinition() ([]*providers.Definition, error) {
	var all []*providers.Definition
	for _, name := range embeddedNames() {
		def, err := embeddedDefinition(name)
		if err != nil {
			return nil, err
		}
		all = append(all, def)
	}
	for _, block := range a.ownBlocks() {
		if def, err := a.ownDefinition(block); err == nil {
			all = append(all, def)
		}
	}
	return all, nil
}

// tellLeftOut warns of definitions of the stack that are not among every definition, since they are wrong.
func (a *app) tellLeftOut() error {
	var diags spec.Diagnostics
	for _, block := range a.ownBlocks() {
		_, err := a.ownDefinition(block)
		if err == nil {
			continue
		}
		d := spec.Diagnostic{Severity: spec.SeverityWarning, Summary: fmt.Sprintf("%s is left out", block.Name), Range: &block.Range,
			Detail: "Its definition cannot be used.", Remedy: a.commandHere("vpsync validate")}
		var inside spec.Diagnostics
		if errors.As(err, &inside) {
			d.Detail = fmt.Sprintf("Its definition has %s.", render.Plural(len(inside), "mistake"))
		}
		diags = append(diags, d)
	}
	return render.Diagnostics(a.errs, diags, a.errOptions())
}

// ownBlocks are the stack's provider blocks that bring a definition along, one for each provider.
func (a *app) ownBlocks() []spec.ProviderBlock {
	stack, _ := spec.Load(a.dir)
	if stack == nil {
		return nil
	}
	var own []spec.ProviderBlock
	for _, block := range stack.Providers {
		if block.Definition != "" && !slices.ContainsFunc(own, func(b spec.ProviderBlock) bool { return b.Name == block.Name }) {
			own = append(own, block)
		}
	}
	return own
}

// definitionOf finds a definition by the provider's name: one of the stack, or one that vpsync brings along.
func (a *app) definitionOf(name string) (*providers.Definition, error) {
	for _, block := range a.ownBlocks() {
		if block.Name == name {
			return a.ownDefinition(block)
		}
	}
	return embeddedDefinition(name)
}
