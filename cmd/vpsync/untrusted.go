package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/vpsync/vpsync/pkg/apply"
	"github.com/vpsync/vpsync/pkg/plan"
	"github.com/vpsync/vpsync/pkg/providers"
	"github.com/vpsync/vpsync/pkg/spec"
	"github.com/vpsync/vpsync/pkg/spec/confined"
	"github.com/zclconf/go-cty/cty"
)

// A stack that nobody has reviewed may say which resources there are to be, and nothing else. Who is spoken to, with which token, by
// which definition, with which state and behind which brakes, comes from the reviewed stack (--base): a difference is an error,
// before a token is read. The stack is evaluated by a child process, which gets no secret.

// untrustedFlags say that the stack comes from somebody who may want harm.
type untrustedFlags struct {
	untrusted bool
	base      string
	timeout   time.Duration
	// confined: the stack is evaluated by a child process, and trusted otherwise. No flag says so.
	confined bool
}

func (f *untrustedFlags) register(c *cobra.Command) {
	c.Flags().BoolVar(&f.untrusted, "untrusted", false, "the stack comes from somebody else, a pull request perhaps: it may change resources alone, and sees no secret")
	c.Flags().StringVar(&f.base, "base", "", "with --untrusted, the `folder` of the stack as it was reviewed")
	c.Flags().DurationVar(&f.timeout, "evaluation-timeout", confined.DefaultLimits.Time, "with --untrusted, how long the stack may take to evaluate")
	_ = c.MarkFlagDirname("base")
}

// check refuses flags that make no sense together. needsBase: the command uses tokens or a state.
func (f *untrustedFlags) check(dir string, needsBase bool) error {
	switch {
	case !f.untrusted && f.base != "":
		return wrongUsage("--base says what an --untrusted stack is compared with")
	case !f.untrusted:
		return nil
	case f.timeout <= 0:
		return wrongUsage("--evaluation-timeout %s: it is longer than nothing", f.timeout)
	case f.base == "" && needsBase:
		return &remedyError{summary: "Nothing to hold the stack against",
			detail: "An untrusted stack may change resources alone. Its provider blocks, definitions, settings and state come from the stack as it was reviewed, so that has to be at hand.",
			remedy: "--base DIR    # the same folder in a checkout of the branch that it shall be merged into"}
	}
	if link := linkIn(dir, f.base); link != "" {
		return &remedyError{summary: "The stack's folder is a link", detail: fmt.Sprintf("%s leads elsewhere. An untrusted stack could choose where, and files are read there.", link),
			remedy: "-C DIR    # the folder itself"}
	}
	if f.base == "" {
		return nil
	}
	here, err := os.Stat(dir)
	if err != nil {
		return nil // said where the stack is read
	}
	if there, err := os.Stat(f.base); err == nil && os.SameFile(here, there) {
		return wrongUsage("--base %s is the untrusted stack itself", f.base)
	}
	return nil
}

// linkIn is a link on the way to a folder that comes with the untrusted stack: its last part, and all others that it has in common with
// the reviewed one. It is empty where there is none.
func linkIn(dir, base string) string {
	here, err := filepath.Abs(dir)
	if err != nil {
		return "" // said where the stack is read
	}
	there := ""
	if base != "" {
		there, _ = filepath.Abs(base)
	}
	for {
		if info, err := os.Lstat(here); err == nil && info.Mode()&os.ModeSymlink != 0 {
			return here
		}
		name := filepath.Base(here)
		if filepath.Dir(here) == here || filepath.Base(there) != name {
			return ""
		}
		here, there = filepath.Dir(here), filepath.Dir(there)
		if filepath.Base(here) != filepath.Base(there) {
			return "" // the two checkouts
		}
	}
}

// reviewed is what an untrusted run takes from the stack as it was reviewed.
type reviewed struct {
	dir   string
	stack *spec.Stack // nil without --base
}

// evaluator works out what a stack wants, in this process or in a child.
type evaluator interface {
	apply.Configuration
	VariableFiles() ([]spec.VariableValue, spec.Diagnostics)
	VariableValues(given []spec.VariableValue) (map[string]cty.Value, spec.Diagnostics)
}

// loaded is a stack, wherever it is worked out.
type loaded struct {
	*spec.Declarations
	evaluator
	close func() error // never nil
}

// load reads the stack as the flags say, and finds a schema for each of its provider blocks. The stack is nil where nothing could be
// read; otherwise the caller closes it.
func (a *app) load(ctx context.Context, vars variableFlags, f untrustedFlags) (*loaded, spec.Request, map[string]*providers.Definition, spec.Diagnostics) {
	if f.untrusted {
		return a.loadUntrusted(ctx, vars, f)
	}
	if f.confined {
		out, diags := a.loadConfined(ctx, f)
		if out == nil {
			return nil, spec.Request{}, nil, diags
		}
		request, definitions, problems := a.equip(a.stack, out.evaluator, vars)
		return out, request, definitions, append(diags, problems...)
	}
	stack, request, definitions, diags := a.loadStack(vars)
	if stack == nil {
		return nil, request, definitions, diags
	}
	return &loaded{&stack.Declarations, stack, func() error { return nil }}, request, definitions, diags
}

func (a *app) loadUntrusted(ctx context.Context, vars variableFlags, f untrustedFlags) (*loaded, spec.Request, map[string]*providers.Definition, spec.Diagnostics) {
	a.reviewed = &reviewed{dir: f.base}
	if f.base != "" {
		base, diags := spec.Load(f.base)
		if diags.HasErrors() {
			for i := range diags {
				diags[i].Detail = strings.TrimSpace("In --base " + f.base + ": " + diags[i].Detail)
				diags[i].Range, diags[i].Snippet = nil, "" // places are those of the stack
			}
			return nil, spec.Request{}, nil, diags
		}
		a.reviewed.stack = base
	}
	out, diags := a.loadConfined(ctx, f)
	if out == nil {
		return nil, spec.Request{}, nil, diags
	}
	diags = append(diags, a.overreach(a.stack)...)
	if diags.HasErrors() {
		diags.Sort()
		_ = out.close()
		return nil, spec.Request{}, nil, diags // no definition is read, no variable and no token
	}
	request, definitions, problems := a.equip(a.stack, out.evaluator, vars)
	return out, request, definitions, append(diags, problems...)
}

// loadConfined reads the stack in a child process. It is nil where nothing could be read.
func (a *app) loadConfined(ctx context.Context, f untrustedFlags) (*loaded, spec.Diagnostics) {
	program, err := os.Executable()
	if err != nil {
		return nil, spec.Diagnostics{{Severity: spec.SeverityError, Summary: "No process to evaluate in", Detail: err.Error()}}
	}
	stack, diags := confined.Load(ctx, a.dir, confined.Options{Program: program, Arguments: []string{evaluateCommand}, Limits: confined.Limits{Time: f.timeout}})
	if stack == nil {
		return nil, diags
	}
	a.stack = &stack.Declarations
	return &loaded{&stack.Declarations, stack, stack.Close}, diags
}

// overreach are the differences from the reviewed stack that are not an untrusted one's to make.
func (a *app) overreach(d *spec.Declarations) spec.Diagnostics {
	var diags spec.Diagnostics
	refuse := func(at *spec.Range, summary, detail string) {
		diags = append(diags, a.placed(spec.Diagnostic{Severity: spec.SeverityError, Summary: summary, Range: at,
			Detail: detail + " An untrusted stack may change resources alone.", Remedy: "merge this part by itself, once somebody has looked at it"}))
	}
	base := a.reviewed.stack
	if base == nil {
		for _, p := range d.Providers {
			if p.Definition != "" {
				refuse(&p.Range, "Definition that nobody has reviewed", fmt.Sprintf("%s is described by %s, which comes with the stack.", p.Name, p.Definition))
			}
		}
		return diags
	}
	same := func(p spec.ProviderBlock) func(spec.ProviderBlock) bool {
		return func(q spec.ProviderBlock) bool {
			q.Range = p.Range
			return p == q
		}
	}
	for _, p := range d.Providers {
		i := slices.IndexFunc(base.Providers, func(q spec.ProviderBlock) bool { return q.Account() == p.Account() })
		switch {
		case i < 0:
			refuse(&p.Range, "Account that nobody has reviewed", fmt.Sprintf("The reviewed stack has no provider block for %s.", p.Account()))
		case !same(p)(base.Providers[i]):
			refuse(&p.Range, "Provider block was changed", fmt.Sprintf("The reviewed stack configures %s in another way.", p.Account()))
		case p.Definition != "" && !a.sameFile(p.Definition):
			refuse(&p.Range, "Definition was changed", fmt.Sprintf("%s is not the file that the reviewed stack has. It decides where a token goes.", p.Definition))
		}
	}
	for _, q := range base.Providers {
		if !slices.ContainsFunc(d.Providers, func(p spec.ProviderBlock) bool { return p.Account() == q.Account() }) {
			refuse(nil, "Provider block was removed", fmt.Sprintf("The reviewed stack configures %s.", q.Account()))
		}
	}
	for _, ask := range d.Asks {
		known := slices.ContainsFunc(base.Asks, func(b spec.Ask) bool { return b.Block == ask.Block && b.Source == ask.Source })
		if !known {
			refuse(&ask.Range, "Question that nobody has reviewed", fmt.Sprintf("The reviewed stack has no such %s block. It would have the account tell what no resource declares, and a plan shows it.", strings.SplitN(ask.Block, ".", 2)[0]))
		}
	}
	if d.Settings.State != base.Settings.State {
		refuse(nil, "State was moved", "The state block says where the state is kept, and says something else in the reviewed stack.")
	}
	if d.Settings.Allow != base.Settings.Allow {
		refuse(nil, "Settings were changed", "The vpsync block sets the brakes, and says something else in the reviewed stack.")
	}
	return diags
}

// sameFile: both stacks have the file, with the same bytes.
func (a *app) sameFile(name string) bool {
	here, err := spec.ReadFile(a.dir, name)
	there, other := spec.ReadFile(a.reviewed.dir, name)
	return err == nil && other == nil && bytes.Equal(here, there)
}

// withhold takes the secrets away from what is given to an untrusted stack from outside of it: the values of variables that the
// reviewed stack declares as sensitive, or does not know.
func (r *reviewed) withhold(given []spec.VariableValue) {
	for i, v := range given {
		if r.stack == nil || r.stack.Secret(v.Name) {
			given[i].Source, given[i].Withheld = "", true
		}
	}
}

// mostAsked is how many data blocks an untrusted stack may have answered: a reviewed one may be multiplied by what it depends on.
const mostAsked = 200

// mask takes the values of outputs out of a plan of an untrusted stack: they could be any.
func (r *reviewed) mask(p *plan.Plan) {
	for i := range p.Outputs {
		o := &p.Outputs[i]
		o.Sensitive, o.Before, o.After = true, cty.NilVal, cty.NilVal
	}
}

// evaluateCommand is what a child process that evaluates is called with.
const evaluateCommand = "evaluate-untrusted"

// evaluateCommand is the child: it has no flags, and nobody types it.
func (a *app) evaluateCommand() *cobra.Command {
	return &cobra.Command{
		Use: evaluateCommand + " BYTES TIME", Short: "Evaluate a stack for another vpsync", Hidden: true, DisableFlagParsing: true,
		RunE: func(_ *cobra.Command, args []string) error { return confined.Serve(a.in, a.out, args) },
	}
}
