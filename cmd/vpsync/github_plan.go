package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/vpsync/vpsync/pkg/apply"
	"github.com/vpsync/vpsync/pkg/plan"
	"github.com/vpsync/vpsync/pkg/plan/render"
	"github.com/vpsync/vpsync/pkg/spec/confined"
)

// plan is the command plan. The stack of a pull request is held against the branch that it wants to be merged into.
func (s *step) plan(ctx context.Context) (code int, err error) {
	trust := untrustedFlags{}
	if s.pull != nil {
		base, remove, err := s.base(ctx)
		if err != nil {
			return exitFailed, err
		}
		defer func() { err = errors.Join(err, remove()) }()
		if base == "" {
			return s.planOffline(ctx, "The stack is new: who is spoken to, and with which token, nobody has reviewed yet. Nothing was asked of an account.")
		}
		trust = untrustedFlags{untrusted: true, base: base, timeout: confined.DefaultLimits.Time}
	}
	w, err := s.openWith(ctx, opening{vars: s.variables(), trust: trust})
	if err != nil {
		return exitFailed, err
	}
	defer func() { err = errors.Join(err, w.Close()) }()
	w.request.Distinct = true
	made, err := w.make(ctx, plan.Options{}, apply.RefreshAuto)
	if err != nil {
		return exitFailed, err
	}
	s.planned(made)
	s.report.Reviewed = s.pull != nil
	file := filepath.Join(orElse(s.env["RUNNER_TEMP"], os.TempDir()), "vpsync-"+newID()+".vpsplan")
	if err := w.savePlan(file, made, plan.Options{}); err != nil {
		return exitFailed, err
	}
	s.outputs["plan_file"] = file
	if err := s.showPlan(made.Plan); err != nil {
		return exitFailed, err
	}
	others, _ := render.Brakes(made.Plan.Questions)
	switch {
	case len(others) > 0 || len(made.Plan.Questions) > 0 && s.pull == nil:
		return exitNeedsAnswer, nil
	case !made.Plan.Empty():
		return exitChanges, nil
	}
	return exitDone, nil
}

// planned keeps a plan for the report, the outputs and the comment's marker.
func (s *step) planned(made *apply.Made) {
	said := s.report.Said
	s.report = s.app.report(made, s.stack)
	s.report.Said = said
	s.counted(made.Plan)
	s.speaks = s.speaks || !made.Plan.Empty()
	drift := false
	for _, c := range made.Plan.Changes {
		drift = drift || c.Action != plan.NoOp && (c.Cause == plan.CauseDrift || c.Cause == plan.CauseGone || c.Cause == plan.CauseBoth)
	}
	s.outputs["drift"] = fmt.Sprint(drift)
	if s.inputs.command == "plan" && s.pull != nil { // what apply finds, nobody has looked at before it was merged
		s.marker.Digest = made.Plan.Digest()
		s.marker.Data, _ = json.Marshal(made.Plan.Fingerprints())
	}
}

// validate is the command validate.
func (s *step) validate(ctx context.Context) error {
	trust := untrustedFlags{}
	if s.pull != nil {
		trust = untrustedFlags{untrusted: true, timeout: confined.DefaultLimits.Time}
	}
	var text strings.Builder
	was := s.out
	s.app.out = io.MultiWriter(was, &text)
	err := s.app.validate(ctx, s.variables(), trust)
	s.app.out = was
	if err == nil {
		s.outputs["summary"] = strings.TrimSpace(text.String())
		s.report.Said = append(s.report.Said, render.Saying{Words: s.outputs["summary"]})
	}
	return err
}

// drift is the command drift.
func (s *step) drift(ctx context.Context) (code int, err error) {
	if err := s.lasting("this run knows nothing of the account, and would find no drift, ever"); err != nil {
		return exitFailed, err
	}
	w, err := s.open(ctx, s.variables(), "")
	if err != nil {
		return exitFailed, err
	}
	defer func() { err = errors.Join(err, w.Close()) }()
	w.unpriced = true
	made, err := w.make(ctx, plan.Options{ConfirmGone: true}, apply.RefreshAuto)
	if err != nil {
		return exitFailed, err
	}
	var text strings.Builder
	found := writeDrift(io.MultiWriter(s.out, &text), made.Plan, made.State, false, render.Options{Width: 110, Command: s.command, Accounts: s.severalAccounts()})
	r := newDriftReport(made.Plan, made.State, false)
	s.counted(&plan.Plan{Counts: plan.Counts{Add: len(r.gone), Change: len(r.changed)}})
	s.outputs["plan_digest"], s.outputs["changes"], s.outputs["drift"] = "", fmt.Sprint(found), fmt.Sprint(found)
	s.outputs["summary"] = fmt.Sprintf("Drift: %d changed, %d gone.", len(r.changed), len(r.gone))
	if !found {
		s.outputs["summary"] = "No drift."
	}
	s.report.Said = append(s.report.Said, render.Saying{Alert: map[bool]string{true: "WARNING"}[found], Words: "**" + s.outputs["summary"] + "**", Text: text.String()})
	if found {
		return exitChanges, nil
	}
	return exitDone, nil
}
