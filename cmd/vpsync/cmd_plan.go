package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/vpsync/vpsync/internal/shell"
	"github.com/vpsync/vpsync/pkg/apply"
	"github.com/vpsync/vpsync/pkg/plan"
	"github.com/vpsync/vpsync/pkg/plan/render"
	"github.com/vpsync/vpsync/pkg/spec"
	"github.com/vpsync/vpsync/pkg/state"
)

// planFlags are those that plan and apply share: they decide what is in a plan.
type planFlags struct {
	vars        variableFlags
	selection   selectionFlags
	replace     []string
	adopt       bool
	allow       int
	confirmGone bool
}

// selectionFlags limit a plan to a part of it.
type selectionFlags struct{ targets, excludes []string }

func (f *selectionFlags) register(c *cobra.Command) {
	c.Flags().StringArrayVar(&f.targets, "target", nil, "only this `resource` and what it waits for: an address, a block, a kind, or a pattern such as 'server.web-*'")
	c.Flags().StringArrayVar(&f.excludes, "exclude", nil, "all but this `resource` and what waits for it")
}

func (f *selectionFlags) into(o *plan.Options) error {
	for _, list := range []struct {
		given []string
		to    *[]plan.Pattern
	}{{f.targets, &o.Targets}, {f.excludes, &o.Excludes}} {
		for _, text := range list.given {
			if text = strings.TrimSpace(text); text == "" {
				return wrongUsage("an empty --target or --exclude selects nothing")
			}
			*list.to = append(*list.to, plan.Pattern(text))
		}
	}
	return nil
}

func (f *planFlags) register(c *cobra.Command) {
	f.vars.register(c)
	f.selection.register(c)
	c.Flags().StringArrayVar(&f.replace, "replace", nil, "replace the object at this `address`, although nothing else asks for it")
	c.Flags().BoolVar(&f.adopt, "adopt", false, "take over unmanaged objects that a create would double")
	c.Flags().IntVar(&f.allow, "allow", 0, "let `N` destructive changes pass the brakes")
	c.Flags().BoolVar(&f.confirmGone, "confirm-gone", false, "believe an account that suddenly looks empty")
}

func (f *planFlags) options() (plan.Options, error) {
	if f.allow < 0 {
		return plan.Options{}, wrongUsage("--allow takes a count of 0 or more")
	}
	o := plan.Options{Adopt: f.adopt, Allow: f.allow, ConfirmGone: f.confirmGone}
	for _, text := range f.replace {
		a, err := addressOf(text)
		if err != nil {
			return o, err
		}
		o.Replace = append(o.Replace, a)
	}
	return o, f.selection.into(&o)
}

// planOptions are the flags of plan.
type planOptions struct {
	planFlags
	trust    untrustedFlags
	detailed bool
	refresh  string
	destroy  bool
	markdown bool
	out      string
}

func (a *app) planCommand() *cobra.Command {
	var o planOptions
	c := &cobra.Command{
		Use: "plan", Short: "Show what would happen",
		Long: `Compares what the HCL wants, what was recorded and what is live, and shows an ordered plan. It changes nothing,
takes no lock, and settles nothing.

Variables come, the later winning, from vpsync.vars.hcl, *.auto.vars.hcl by name, VPSYNC_VAR_name, --var-file and --var in
their order. Outside a file a value is plain text where the variable is a string or has no type, and HCL otherwise:
--var 'sizes=[1, 2]'. What then has neither value nor default is asked for, where there is a terminal.

A file whose name ends in .json holds JSON: blocks are objects below their types and labels, and strings are templates, but
not in files of variables.`,
		Example: "  vpsync plan\n  vpsync plan --detailed-exitcode --json\n  vpsync plan --var web_count=3\n  vpsync plan --target server.web --target 'firewall_rule.*'\n  vpsync plan --replace 'server.web[0]'\n  vpsync plan --out monday.vpsplan",
		RunE:    func(c *cobra.Command, _ []string) error { return a.plan(c.Context(), o) },
	}
	o.register(c)
	o.trust.register(c)
	c.Flags().StringVar(&o.out, "out", "", "save the plan in a `file`, for vpsync apply FILE")
	c.Flags().BoolVar(&o.markdown, "markdown", false, "print the plan as a comment for a merge request, at most 65,536 characters")
	c.Flags().BoolVar(&o.destroy, "destroy", false, "plan what vpsync destroy would do")
	c.Flags().BoolVar(&o.detailed, "detailed-exitcode", false, "exit with 2 when there is something to do")
	c.Flags().StringVar(&o.refresh, "refresh", "auto", "auto: the cheapest correct reads; full: every detail; false: none")
	a.completingFlag(c, "refresh", these("auto", "full", "false"))
	return c
}

func refreshMode(text string) (apply.RefreshMode, error) {
	switch mode := apply.RefreshMode(text); mode {
	case apply.RefreshAuto, apply.RefreshFull, apply.RefreshNone:
		return mode, nil
	case "true": // as the opposite of false
		return apply.RefreshAuto, nil
	}
	return "", wrongUsage("--refresh %s: it is auto, full or false", text)
}

func (a *app) plan(ctx context.Context, o planOptions) (err error) {
	options, err := o.options()
	if err != nil {
		return err
	}
	options.Destroy = o.destroy
	mode, err := refreshMode(o.refresh)
	if err != nil {
		return err
	}
	if o.out != "" {
		if err := mayBecomePlan(o.out); err != nil {
			return err
		}
	}
	if o.markdown && a.json {
		return wrongUsage("--json and --markdown: give one of them")
	}
	if err := o.trust.check(a.dir, true); err != nil {
		return err
	}
	w, err := a.openWith(ctx, opening{vars: o.vars, trust: o.trust})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, w.Close()) }()
	w.request.Distinct = true
	made, err := w.make(ctx, options, mode)
	if err != nil {
		return err
	}
	if o.out != "" {
		if err := w.savePlan(o.out, made, options); err != nil {
			return err
		}
	}
	if o.markdown {
		_, err = fmt.Fprint(a.out, render.Markdown(a.report(made, "")))
	} else {
		err = a.showPlan(made.Plan)
	}
	if err != nil {
		return err
	}
	if o.out != "" && !a.json {
		fmt.Fprintf(a.errs, "\nSaved in %s. To carry out exactly this plan:\n  %s\nIts digest is %s.\n", o.out, a.commandHere("vpsync apply "+shell.Word(o.out)), made.Plan.Digest())
	}
	switch {
	case len(made.Plan.Questions) > 0:
		return exitWith(exitNeedsAnswer)
	case o.detailed && !made.Plan.Empty():
		return exitWith(exitChanges)
	}
	return nil
}

// make plans against the state as it is. Warnings are shown, errors returned.
func (w *workspace) make(ctx context.Context, o plan.Options, mode apply.RefreshMode) (*apply.Made, error) {
	st, err := w.load(ctx)
	if err != nil {
		return nil, err
	}
	planner := w.planner(o, mode)
	planner.Everywhere, planner.Unpriced = w.everywhere, w.unpriced
	made, diags, err := w.planned(ctx, planner, st)
	return w.checked(made, diags, err)
}

// planned makes a plan, with all that there is to say about what it is made of.
func (w *workspace) planned(ctx context.Context, planner *apply.Planner, st *state.State) (*apply.Made, spec.Diagnostics, error) {
	if w.app.reviewed != nil {
		planner.MostAsked = mostAsked
	}
	made, diags, err := planner.Make(ctx, st)
	if made != nil && w.app.reviewed != nil {
		w.app.reviewed.mask(made.Plan)
	}
	return made, append(slices.Clone(w.warnings), diags...), err
}

func (w *workspace) checked(made *apply.Made, diags spec.Diagnostics, err error) (*apply.Made, error) {
	if err != nil {
		return nil, err
	}
	if diags.HasErrors() {
		return nil, diags
	}
	w.app.warned = append(w.app.warned, diags...)
	w.app.complete(made.Plan)
	if len(diags) > 0 && !w.app.json {
		_ = render.Diagnostics(w.app.errs, diags, w.app.errOptions())
	}
	if w.stack.Bare && made.Plan.Empty() && !w.app.json {
		fmt.Fprint(w.app.errs, "This stack declares no resources yet.\nThose that it can declare:\n  vpsync providers show servosphere\n\n")
	}
	return made, nil
}

func (a *app) showPlan(p *plan.Plan) error {
	if !a.json {
		return render.Text(a.out, p, a.outOptions())
	}
	text, err := render.JSON(p, a.meta())
	if err != nil {
		return err
	}
	_, err = a.out.Write(text)
	return err
}
