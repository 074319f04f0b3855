package main

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/vpsync/vpsync/pkg/apply"
	"github.com/vpsync/vpsync/pkg/github"
	"github.com/vpsync/vpsync/pkg/plan"
	"github.com/vpsync/vpsync/pkg/plan/render"
	"github.com/vpsync/vpsync/pkg/spec"
)

// review is which plan somebody has looked at.
type review struct {
	digest string // empty where nobody has, and why says so
	why    string
	was    map[string]plan.Fingerprint // what is known of that plan, or nil
}

// apply is the command apply: the plan is made again, and carried out only if it is the one that was reviewed.
func (s *step) apply(ctx context.Context) (int, error) {
	if err := s.lasting("the next run would buy everything again"); err != nil {
		return exitFailed, err
	}
	reviewed, err := s.reviewOf(ctx)
	if err != nil {
		return exitFailed, err
	}
	var made *apply.Made
	judge := func(m *apply.Made) error {
		made = m
		s.planned(m)
		return s.judge(m.Plan, reviewed)
	}
	err = s.applyPlan(ctx, job{command: "apply", vars: s.variables(), options: plan.Options{Reviewed: true}, run: runFlags{parallelism: 10}, judge: judge})
	code := exitCodeOf(err)
	if made == nil {
		return code, err
	}
	switch {
	case code == exitDone && len(made.Plan.Steps) == 0:
		s.say("", "**Nothing was to be done**: the account is as the configuration says.")
	case code == exitDone:
		s.say("NOTE", "**Applied**: exactly the plan below was carried out, and a second look found everything as it should be."+s.seeRun())
		s.outputs["summary"] = "Applied: " + render.Done(made.Plan.Counts) + "."
	case code == exitIncomplete:
		s.say("CAUTION", "**Not everything of this plan was carried out**, or it is not as it should be. The next apply goes on from where this one ended."+s.seeRun())
	}
	return code, err
}

// lasting refuses a state that goes with the checkout.
func (s *step) lasting(otherwise string) error {
	settings, err := s.stateSettings()
	switch {
	case s.state != "" && settings.Backend == spec.BackendGit:
		return &remedyError{summary: "The state is not in a file", detail: fmt.Sprintf("The stack's state block has it kept by git, and VPSYNC_STATE names the file %s.", s.state),
			remedy: "vpsync state migrate    # where the file holds it: brings it to git; then the workflow does without VPSYNC_STATE"}
	case err != nil:
		return err
	case s.state != "" || settings.Backend == spec.BackendGit:
		return nil
	}
	if _, diags := spec.Load(s.dir); diags.HasErrors() {
		return diags // a stack that cannot be read may well have the block
	}
	return &remedyError{summary: "The state would be lost",
		detail: "It is kept in the folder of the stack, which goes with the checkout; " + otherwise + ". A state block has it kept in the repository's remote; on a runner of your own, VPSYNC_STATE may name a file that stays.",
		remedy: "state {\n  backend = \"git\"\n}"}
}

func (s *step) say(alert, words string) {
	s.report.Said = append(s.report.Said, render.Saying{Alert: alert, Words: words})
}

// reviewOf finds out which plan was reviewed: the one that expect_digest names, or the one in the token's own comment on the pull request
// that was merged, for the head that was merged.
func (s *step) reviewOf(ctx context.Context) (*review, error) {
	r := &review{digest: s.inputs.expect}
	if s.client == nil {
		r.why = "There is no token to read the comment with."
		return r, nil
	}
	repository := s.env["GITHUB_REPOSITORY"]
	var err error
	if s.pull, err = s.client.MergedAs(ctx, repository, s.env["GITHUB_SHA"]); err != nil {
		return nil, &remedyError{summary: "GitHub does not say which pull request was merged", detail: sentenceOf(err.Error())}
	}
	if s.pull == nil {
		r.why = "The commit is not the merge of a pull request."
		return r, nil
	}
	own, err := s.client.Own(ctx, repository, s.pull.Number, s.stack)
	if err != nil {
		return nil, &remedyError{summary: "The comment cannot be read", detail: sentenceOf(err.Error())}
	}
	r.why = fmt.Sprintf("Pull request %d has no plan of this stack for the commit that was merged.", s.pull.Number)
	own = slices.DeleteFunc(own, func(c github.Stored) bool { return c.Marker.Head != s.pull.Head.SHA })
	for i, c := range own {
		editor, err := s.client.Editor(ctx, c.Comment)
		switch {
		case err != nil:
			return nil, &remedyError{summary: "The comment cannot be read", detail: sentenceOf(err.Error())}
		case editor != nil && editor.ID != c.User.ID:
			r.why = fmt.Sprintf("The comment on pull request %d was edited by %s, so that it is no word of vpsync's.", s.pull.Number, render.Escape(editor.Login))
			s.marker = github.Marker{Stack: s.stack}
			return r, nil
		case c.Marker.Digest != own[0].Marker.Digest:
			r.why = fmt.Sprintf("Pull request %d has two comments with different plans of this stack.", s.pull.Number)
			s.marker = github.Marker{Stack: s.stack}
			return r, nil
		case i == 0 && digestForm.MatchString(c.Marker.Digest):
			s.marker = c.Marker // it stays what was reviewed, whatever the comment says from now on
		}
	}
	if r.digest == "" {
		r.digest = s.marker.Digest
	}
	if r.digest != "" && r.digest == s.marker.Digest && json.Unmarshal(s.marker.Data, &r.was) != nil {
		r.was = nil
	}
	return r, nil
}

// judge lets a plan pass that was reviewed, or that does nothing.
func (s *step) judge(p *plan.Plan, r *review) error {
	digest := p.Digest()
	switch {
	case digest == r.digest, len(p.Steps) == 0 && !p.Blocked():
		return nil
	case r.digest == "":
		s.say("CAUTION", "**Nothing was applied**: nobody has reviewed this plan. To apply it, run the workflow by hand with the digest below as `expect_digest`."+s.seeRun())
		return s.unreviewed("Nobody has reviewed this plan", r.why+" Nothing was sent.", digest)
	}
	var differs []string
	if r.was != nil {
		differs = plan.DifferenceOf(r.was, p.Fingerprints())
	}
	text := ""
	for _, line := range differs {
		text += render.Escape(line) + "\n"
	}
	s.report.Said = append(s.report.Said, render.Saying{Alert: "CAUTION",
		Words: "**Nothing was applied**: this is not the plan that was reviewed. To apply it all the same, run the workflow by hand with the digest below as `expect_digest`." + s.seeRun(), Text: text})
	detail := fmt.Sprintf("Its digest is %s, and %s was reviewed: the account, the state or the branch has moved since.", digest, r.digest)
	if len(differs) > 0 {
		detail += " What differs: " + listNames(differs, 8) + "."
	}
	return s.unreviewed("The plan is not the one that was reviewed", detail+" Nothing was sent.", digest)
}

func (s *step) unreviewed(summary, detail, digest string) error {
	return &exitError{code: exitNeedsAnswer, err: &remedyError{summary: summary, detail: detail, remedy: "run the workflow by hand, with expect_digest: " + digest}}
}
