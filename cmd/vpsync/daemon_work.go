package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"path"
	"slices"
	"strings"

	"github.com/vpsync/vpsync/pkg/apply"
	"github.com/vpsync/vpsync/pkg/daemon"
	"github.com/vpsync/vpsync/pkg/plan"
	"github.com/vpsync/vpsync/pkg/plan/render"
	"github.com/vpsync/vpsync/pkg/plan/render/graph"
	"github.com/vpsync/vpsync/pkg/spec"
	"github.com/vpsync/vpsync/pkg/state"
)

// stackWork is what a daemon has done: what the commands validate, plan and apply do, each time with an app of its own, which asks
// nobody and prints nothing.
type stackWork struct {
	app    *app // of the daemon
	config *daemon.Config
	vars   variableFlags // those of the command line
	log    *slog.Logger
}

// turn is an app for one piece of work on a stack.
func (w *stackWork) turn(at daemon.Checkout, o daemon.Acting) (*app, variableFlags, untrustedFlags) {
	stack := w.stack(at.Stack)
	t := &app{
		streams: streams{in: strings.NewReader(""), out: io.Discard, errs: io.Discard, outWidth: eighty, errWidth: eighty},
		env:     w.app.env, hooks: w.app.hooks, printed: &outlet{to: io.Discard}, settings: map[string]accountSettings{},
		dir: at.Dir, state: stack.State, sandbox: w.app.sandbox, noColor: true, dumb: true, log: w.app.log, secrets: w.app.secrets,
		runID: o.Run, who: o.Actor, at: at.Commit, sending: make(chan struct{}), stop: o.Stop,
	}
	if stack.Git != nil {
		t.home = stackHome(w.config.Data, stack.Name)
		t.fetched = &fetched{at.Repository, strings.Trim(path.Clean("/"+stack.Git.Path), "/")}
	}
	if t.runID == "" {
		t.runID = newID()
	}
	vars := w.vars
	vars.files = append(slices.Clone(stack.VarFiles), vars.files...)
	return t, vars, untrustedFlags{confined: at.Foreign}
}

func eighty() int { return 80 }

func (w *stackWork) stack(name string) *daemon.Stack {
	return w.config.Stacks[slices.IndexFunc(w.config.Stacks, func(s *daemon.Stack) bool { return s.Name == name })]
}

// Validate is vpsync validate.
func (w *stackWork) Validate(ctx context.Context, at daemon.Checkout) error {
	t, vars, trust := w.turn(at, daemon.Acting{})
	return t.terse(t.validate(ctx, vars, trust))
}

// Look is vpsync plan, with objects that nobody declared.
func (w *stackWork) Look(ctx context.Context, at daemon.Checkout) (_ *daemon.Report, err error) {
	t, vars, trust := w.turn(at, daemon.Acting{})
	defer func() { err = t.terse(err) }()
	space, err := t.openWith(ctx, opening{vars: vars, trust: trust})
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, space.Close()) }()
	space.everywhere, space.unpriced, space.request.Distinct = true, true, true
	made, err := space.make(ctx, plan.Options{}, apply.RefreshAuto)
	if err != nil {
		return &daemon.Report{Requests: requests(space.accounts)}, err
	}
	return t.daemonReport(made, space.accounts)
}

// requests is how many were sent to all accounts.
func requests(accounts apply.Accounts) int {
	sum := 0
	for _, c := range accounts {
		reads, writes := c.Requests()
		sum += reads + writes
	}
	return sum
}

// daemonReport takes out of a plan what a daemon tells.
func (a *app) daemonReport(made *apply.Made, accounts apply.Accounts) (*daemon.Report, error) {
	p := made.Plan
	r := &daemon.Report{Drifted: []daemon.Drift{}, Unmanaged: []daemon.Unmanaged{}, Resources: p.Managed, Requests: requests(accounts)}
	found := newDriftReport(p, made.State, true)
	modes := map[spec.Address]daemon.Mode{}
	for _, res := range made.Config.Resources {
		modes[res.Address] = map[spec.OnDrift]daemon.Mode{spec.DriftReport: daemon.Observe, spec.DriftPropose: daemon.Propose, spec.DriftHeal: daemon.Heal}[res.OnDrift]
	}
	for _, c := range found.gone {
		r.Drifted = append(r.Drifted, daemon.Drift{Address: c.Address.String(), Account: c.Account, ID: c.ID, Mode: modes[c.Address]})
	}
	for _, c := range found.changed {
		for _, at := range c.Attributes {
			if at.Effect == plan.EffectComputed {
				continue // it comes with the new object that would put the others back
			}
			r.Drifted = append(r.Drifted, daemon.Drift{Address: c.Address.String(), Account: c.Account, ID: c.ID, Attribute: at.Name,
				Was: driftValue(at.After, at.Sensitive), Is: driftValue(at.Before, at.Sensitive), Mode: modes[c.Address]})
		}
	}
	for _, u := range p.Unmanaged {
		r.Unmanaged = append(r.Unmanaged, daemon.Unmanaged{Account: u.Account, Kind: u.Kind, ID: u.ID, Name: objectName(u.Values["name"])})
	}
	r.Planned, r.Pending = daemonCounts(p.Counts), pendingCounts(p)
	if len(p.Steps) > 0 {
		r.Digest = p.Digest()
	}
	open := func(a spec.Address, run string) { r.Open = append(r.Open, daemon.Open{Address: a.String(), Run: run}) }
	for _, in := range made.State.Intents {
		if !in.Question {
			r.Unsettled++
		}
		open(in.Address, in.Run)
	}
	for _, row := range made.State.Resources {
		if len(row.Pending) > 0 || row.Unready {
			r.Unsettled++
			open(row.Address, "")
		}
	}
	r.Unsettled += len(plan.Behind(made.Config, made.State))
	for _, waits := range p.Pending {
		open(waits.Address, waits.Run)
	}
	for _, q := range p.Questions {
		if q.Kind == plan.AskPending && !slices.ContainsFunc(made.State.Intents, func(in *state.Intent) bool { return in.Question }) {
			continue // whoever writes next finds out
		}
		told := daemon.Question{Summary: q.Summary, Remedy: q.Remedy}
		if q.Address != nil {
			told.Address = q.Address.String()
		}
		r.Questions = append(r.Questions, told)
	}
	for name, c := range accounts {
		for _, b := range c.Budgets() {
			r.Budgets = append(r.Budgets, daemon.Budget{Account: name, Class: b.Class, Limit: b.Limit, Remaining: b.Remaining, Resets: b.Reset})
		}
	}
	slices.SortFunc(r.Budgets, func(x, y daemon.Budget) int {
		return strings.Compare(x.Account+" "+x.Class, y.Account+" "+y.Class)
	})
	var err error
	if r.Plan, err = render.JSON(p, a.meta()); err != nil {
		return nil, err
	}
	r.Graph = graph.SVG(graph.NewPlanned(made.Config.Resources, made.State.Resources, p))
	return r, nil
}

func daemonCounts(c plan.Counts) daemon.Counts {
	return daemon.Counts{Add: c.Add, Change: c.Change, Destroy: c.Destroy, Replace: c.Replace, Forget: c.Forget, Adopt: c.Adopt}
}

// pendingCounts are the changes that somebody's edit of the configuration asks for, and not one of the account.
func pendingCounts(p *plan.Plan) daemon.Counts {
	var out plan.Counts
	gone := slices.ContainsFunc(p.Changes, func(c *plan.Change) bool { return c.Cause == plan.CauseGone || c.Cause == plan.CauseDrift })
	for _, c := range p.Changes {
		if c.NeedsHand || c.Cause == plan.CauseGone || c.Cause == plan.CauseDrift || c.Cause == plan.CauseDepends && gone {
			continue
		}
		switch c.Action {
		case plan.Create:
			out.Add++
		case plan.Update:
			out.Change++
		case plan.Delete:
			out.Destroy++
		case plan.Replace:
			out.Replace++
		case plan.Adopt:
			out.Adopt++
		case plan.Forget:
			out.Forget++
		}
	}
	return daemonCounts(out)
}

// Heal is an apply of what drifted alone.
func (w *stackWork) Heal(ctx context.Context, at daemon.Checkout, o daemon.Acting) (*daemon.Outcome, error) {
	return w.run(ctx, at, o, job{command: "heal", options: plan.Options{Heal: &plan.Healing{Unasked: o.Unasked, Destroy: o.AllowDestroy}}})
}

// Apply is vpsync apply --expect-digest.
func (w *stackWork) Apply(ctx context.Context, at daemon.Checkout, digest string, o daemon.Acting) (*daemon.Outcome, error) {
	return w.run(ctx, at, o, job{command: "approve", options: plan.Options{Reviewed: true}, expect: digest})
}

func (w *stackWork) run(ctx context.Context, at daemon.Checkout, o daemon.Acting, j job) (*daemon.Outcome, error) {
	t, vars, trust := w.turn(at, o)
	view := &loggedView{log: w.log.With("stack", at.Stack, "run", o.Run), explain: t.failure}
	j.vars, j.trust, j.view, j.run = vars, trust, view, runFlags{autoApprove: true, parallelism: 10}
	j.warned = view.warned
	err := t.applyPlan(ctx, j)
	var out *daemon.Outcome
	if r := view.result; r != nil && t.begun() {
		out = &daemon.Outcome{Done: daemonCounts(r.Counts), ExitCode: exitCodeOf(err), Requests: r.Reads + r.Writes}
	}
	var locked *state.LockedError
	var quiet *exitError
	var moved *movedError
	switch {
	case errors.As(err, &moved):
		return out, fmt.Errorf("%w: nothing was done", daemon.ErrMoved)
	case errors.As(err, &locked):
		return out, fmt.Errorf("%w: %w", daemon.ErrBusy, err)
	case errors.As(err, &quiet) && quiet.shown && quiet.code == exitNeedsAnswer:
		return out, nil // the next look has the questions
	case errors.As(err, &quiet) && quiet.shown:
		return out, errors.New(orElse(strings.Join(view.failures, "; "), "not everything was done"))
	}
	return out, t.terse(err)
}

// terse makes one line of an error, for a log and a page: place, what and why of the first problem, and how many others there are.
func (a *app) terse(err error) error {
	if err == nil || errors.Is(err, context.Canceled) {
		return err
	}
	var diags spec.Diagnostics
	if !errors.As(err, &diags) {
		diags = spec.Diagnostics{a.describe(err)}
	}
	diags = slices.DeleteFunc(slices.Clone(diags), func(d spec.Diagnostic) bool { return d.Severity != spec.SeverityError })
	if len(diags) == 0 {
		return err
	}
	d := diags[0]
	text := d.Summary
	if d.Range != nil && d.Range.File != "" {
		text = d.Range.String() + ": " + text
	}
	if d.Detail != "" {
		text += ": " + strings.TrimSuffix(strings.Join(strings.Fields(d.Detail), " "), ".")
	}
	if n := len(diags) - 1; n > 0 {
		text += fmt.Sprintf(" (and %s)", render.Plural(n, "more problem"))
	}
	return &terseError{text, err}
}

// terseError is an error in one line.
type terseError struct {
	text string
	err  error
}

func (e *terseError) Error() string { return e.text }
func (e *terseError) Unwrap() error { return e.err }

// loggedView shows a run as lines of a log.
type loggedView struct {
	log      *slog.Logger
	explain  func(apply.Failure) spec.Diagnostic
	result   *apply.Result
	failures []string
}

func (v *loggedView) Event(e apply.Event) {
	switch e.Type {
	case apply.EventDone:
		v.log.Info("changed", "address", e.Address.String(), "action", string(e.Action), "id", e.ID)
	case apply.EventFailed:
		v.log.Error("not changed", "address", e.Address.String(), "action", string(e.Action), "error", fmt.Sprint(e.Err))
	case apply.EventSettled:
		v.log.Info("settled", "address", e.Address.String(), "operation", e.Operation)
	}
}

func (v *loggedView) warned(all []spec.Diagnostic) {
	for _, d := range all {
		v.log.Warn(d.Summary, "address", d.Address, "why", d.Detail)
	}
}

func (v *loggedView) Result(r *apply.Result, _ int) {
	v.result = r
	for _, f := range r.Failures {
		d := v.explain(f)
		v.failures = append(v.failures, strings.TrimSuffix(d.Summary+": "+d.Detail, "."))
	}
}

func (*loggedView) Close() {}
