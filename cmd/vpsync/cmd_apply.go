package main

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/vpsync/vpsync/pkg/apply"
	"github.com/vpsync/vpsync/pkg/plan"
	"github.com/vpsync/vpsync/pkg/plan/render"
	"github.com/vpsync/vpsync/pkg/spec"
)

// runFlags are those that apply and destroy share: they decide how a plan is carried out.
type runFlags struct {
	autoApprove bool
	parallelism int
	grace       string
	lockTimeout time.Duration
}

func (f *runFlags) register(c *cobra.Command) {
	c.Flags().BoolVar(&f.autoApprove, "auto-approve", false, "do not ask")
	c.Flags().IntVar(&f.parallelism, "parallelism", 10, "carry out at most `N` changes at once")
	c.Flags().DurationVar(&f.lockTimeout, "lock-timeout", 0, "how long to wait for a run that holds the lock")
	c.Flags().StringVar(&f.grace, "grace", "", "how late an unanswered request may still take effect, such as 30s (also VPSYNC_GRACE)")
}

// graceOf is the grace asked for, or nil.
func (a *app) graceOf(flag string) (*time.Duration, error) {
	from := "--grace"
	if flag == "" {
		from, flag = "VPSYNC_GRACE", a.env["VPSYNC_GRACE"]
	}
	if flag == "" {
		return nil, nil
	}
	d, err := time.ParseDuration(flag)
	if err != nil || d < 0 {
		return nil, wrongUsage("%s %s: it is a duration such as 30s or 2m", from, flag)
	}
	return &d, nil
}

// warnOfGrace says what a lowered grace risks.
func (w *workspace) warnOfGrace(grace *time.Duration) {
	if grace == nil {
		return
	}
	for name, c := range w.accounts {
		if *grace < c.Definition().Grace && *grace < c.Grace() {
			_ = render.Diagnostics(w.app.errs, spec.Diagnostics{{Severity: spec.SeverityWarning, Summary: "The grace is lowered",
				Detail: fmt.Sprintf("An unanswered request to %s may still take effect for %s. After %s it is sent again, and what both make exists twice.",
					name, render.HumanDuration(c.Definition().Grace), render.HumanDuration(*grace))}}, w.app.errOptions())
		}
	}
}

type applyOptions struct {
	planFlags
	runFlags
	expect string
}

func (a *app) applyCommand() *cobra.Command {
	var o applyOptions
	c := &cobra.Command{
		Use: "apply [PLAN]", Short: "Make the accounts what the HCL says",
		Long: `Takes the lock, settles what an earlier run left open, plans, asks, and carries the plan out. Interrupted once it
finishes what is in flight; interrupted twice it cancels that too. Either way the next run settles by itself.

With PLAN, a file that vpsync plan --out made, it carries out exactly that plan, without asking. The plan is made again, of the same
resources; if that one does otherwise, or something that it rests on has moved, nothing is sent. The same holds for
--expect-digest: the digest of a plan stands in vpsync plan --json, and vpsync plan --out prints it.`,
		Example: "  vpsync apply\n  vpsync apply --auto-approve --parallelism 4\n  vpsync apply --allow 2\n  vpsync apply monday.vpsplan",
		RunE: func(c *cobra.Command, args []string) error {
			if len(args) == 1 {
				if given := planChangingFlags(c); len(given) > 0 {
					if given[0] == "--expect-digest" {
						return wrongUsage("A saved plan is carried out as it is, and holds its digest: --expect-digest belongs to an apply without one")
					}
					return wrongUsage("A saved plan is carried out as it is: %s belongs to vpsync plan --out", strings.Join(given, ", "))
				}
				return a.applySaved(c.Context(), args[0], o)
			}
			options, err := o.options()
			if err != nil {
				return err
			}
			if o.expect != "" && !digestForm.MatchString(o.expect) {
				return wrongUsage("--expect-digest takes a whole digest, 64 hexadecimal digits: vpsync plan --json has it, and so has vpsync plan --out")
			}
			options.Reviewed = o.expect != ""
			return a.applyPlan(c.Context(), job{command: "apply", vars: o.vars, options: options, run: o.runFlags, expect: o.expect})
		},
	}
	c.Flags().StringVar(&o.expect, "expect-digest", "", "go on, without asking, only if the plan has this `digest`")
	o.planFlags.register(c)
	o.runFlags.register(c)
	return c
}

// digestForm is what the digest of a plan looks like.
var digestForm = regexp.MustCompile(`^[0-9a-f]{64}$`)

// planChangingFlags are the flags that were given and that decide what is in a plan.
func planChangingFlags(c *cobra.Command) []string {
	var given []string
	for _, name := range []string{"target", "exclude", "replace", "adopt", "allow", "confirm-gone", "expect-digest"} {
		if c.Flags().Changed(name) {
			given = append(given, "--"+name)
		}
	}
	return given
}

// job is a plan to make and to carry out.
type job struct {
	command string // apply or destroy, or what a daemon does: heal, approve
	vars    variableFlags
	trust   untrustedFlags
	view    applyView // nil: the one that suits whoever looks on
	options plan.Options
	run     runFlags
	expect  string      // the digest that the plan must have, or empty
	saved   *plan.Saved // the plan that it must be, or nil
	path    string      // of that one's file
	// judge, where not nil, looks at the plan instead of a person, and says why it is not to be carried out.
	judge func(*apply.Made) error
	// warned, where not nil, is told what the plan warns of.
	warned func([]spec.Diagnostic)
}

// reviewed: somebody has looked at exactly this plan.
func (j job) reviewed() bool { return j.expect != "" || j.saved != nil || j.judge != nil }

// applyPlan is the commands apply and destroy.
func (a *app) applyPlan(ctx context.Context, j job) (err error) {
	command, vars, options, o := j.command, j.vars, j.options, j.run
	if j.saved != nil {
		vars.last = j.saved.Variables
	}
	grace, err := a.graceOf(o.grace)
	if err != nil {
		return err
	}
	if o.parallelism < 1 {
		return wrongUsage("--parallelism takes a count of 1 or more")
	}
	if o.lockTimeout < 0 {
		return wrongUsage("--lock-timeout %s: it is a duration such as 30s or 2m", o.lockTimeout)
	}
	a.lockTimeout = o.lockTimeout
	w, err := a.openWith(ctx, opening{vars: vars, command: command, trust: j.trust})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, w.Close()) }()
	before, err := w.load(ctx) // the key, too; and a damaged state is seen before anything is sent
	if err != nil {
		return err
	}
	if j.saved != nil {
		if err := w.fits(j.saved, j.path, before, j.vars); err != nil {
			return err
		}
	}
	w.warnOfGrace(grace)
	verb := map[string]string{"apply": "Apply", "destroy": "Destroy"}[command]
	view := j.view
	if view == nil {
		view = a.runView(verb)
	}
	defer view.Close()
	a.lines, _ = view.(*jsonView)
	w.waiting = func(account, class string, until time.Time) {
		limit := class + " rate limit"
		if a.severalAccounts() {
			limit += " of " + account
		}
		view.Event(apply.Event{Type: apply.EventCountdown, Time: w.clock.Now(), Until: until, Message: limit})
	}
	w.request.Distinct = !options.Destroy // what is twice can go all the same
	planner := w.planner(options, apply.RefreshAuto)
	runner := w.runner(planner, command, o.parallelism, grace, view.Event)
	runner.Options.Exactly = j.reviewed()

	backup := func() error {
		_, err := w.store.Backup(ctx)
		return err
	}
	if len(before.Intents) > 0 { // settling writes
		if err := backup(); err != nil {
			return err
		}
		backup = func() error { return nil }
	}
	if _, err := runner.Settle(ctx); err != nil {
		return err
	}
	st, err := w.store.Load(ctx)
	if err != nil {
		return err
	}
	made, diags, err := w.planned(ctx, planner, st)
	if made, err = w.checked(made, diags, err); err != nil {
		return err
	}
	if a.lines != nil {
		a.lines.Diagnostics(diags)
		a.lines.Plan(withoutPending(made.Plan), a.meta())
	} else if err := a.showPlan(withoutPending(made.Plan)); err != nil {
		return err
	}
	switch digest := made.Plan.Digest(); {
	case j.saved != nil && digest != j.saved.Digest:
		return differs("Planned anew, the same resources would be changed otherwise than "+j.path+" says: the account has moved since.", j.saved.Plan, made.Plan)
	case j.expect != "" && digest != j.expect:
		return differs(fmt.Sprintf("Its digest is %s, and %s was expected.", digest, j.expect), nil, made.Plan)
	}
	if j.warned != nil {
		j.warned(made.Plan.Warnings)
	}
	if j.judge != nil {
		if err := j.judge(made); err != nil {
			return err
		}
	}
	if made.Plan.Blocked() {
		return a.blocked(made.Plan, view)
	}
	if len(made.Plan.Steps) > 0 {
		if !o.autoApprove && !j.reviewed() {
			if err := a.confirm(ctx, question(command, made.Plan)); err != nil {
				return err
			}
		}
	}
	if options.Heal != nil && len(made.Plan.Steps) == 0 && len(before.Intents) == 0 {
		return nil // nothing is written in the history of a turn that changes nothing
	}
	if err := backup(); err != nil {
		return err
	}
	close(a.sending)
	result, err := runner.Apply(ctx, a.stop, made)
	a.completeQuestions(result.Questions)
	if err != nil {
		if code := result.ExitCode(); code != exitDone {
			view.Result(result, code)
			return &exitError{code: max(code, exitFailed), err: err}
		}
		return err
	}
	code := result.ExitCode()
	if len(made.Plan.Steps) > 0 || code != exitDone || a.json {
		view.Result(result, code)
	}
	return exitWith(code)
}

// withoutPending is the plan without the questions about open requests: all questions come together at the end of the run,
// and these do not keep it from being carried out.
func withoutPending(p *plan.Plan) *plan.Plan {
	if p.Blocked() {
		return p
	}
	shown := *p
	shown.Questions = nil
	return &shown
}

// blocked ends an apply whose plan may not be carried out.
func (a *app) blocked(p *plan.Plan, view applyView) error {
	if a.json {
		view.Result(&apply.Result{Questions: p.Questions}, exitNeedsAnswer)
	} else {
		fmt.Fprintln(a.errs, "\nNothing was sent: the plan waits for an answer.")
	}
	return exitWith(exitNeedsAnswer)
}

// question is what the operator is asked: it names what will be destroyed.
func question(command string, p *plan.Plan) string {
	var lost []string
	for _, c := range p.Changes {
		if c.Removes != "" {
			name := c.Address.String()
			if c.LosesData {
				name += " (its data is lost)"
			}
			lost = append(lost, name)
		}
	}
	text := "Carry out this plan?"
	if command == "destroy" {
		text = "Destroy all of this?"
	}
	if len(lost) == 0 {
		return text
	}
	out := fmt.Sprintf("This deletes %s:\n", render.Plural(len(lost), "object"))
	for i, name := range lost {
		if i == 20 {
			out += fmt.Sprintf("  … and %d more\n", len(lost)-i)
			break
		}
		out += "  - " + render.Escape(name) + "\n"
	}
	return out + text
}
