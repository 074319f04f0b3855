package main

import (
	"context"
	"errors"
	"fmt"
	"path"
	"regexp"
	"strings"

	"github.com/vpsync/vpsync/pkg/github"
	"github.com/vpsync/vpsync/pkg/plan/render"
	"github.com/vpsync/vpsync/pkg/spec"
)

// failed shows an error in the log and in the report. Where there is a plan already, it stands below.
func (s *step) failed(err error, code int) {
	s.speaks = true
	var quiet *exitError
	if errors.As(err, &quiet) && quiet.shown {
		return
	}
	s.show(err, code)
	var diags spec.Diagnostics
	if !errors.As(err, &diags) {
		diags = spec.Diagnostics{s.describe(err)}
	}
	s.completeDiagnostics(diags)
	s.found = append(s.found, diags...)
	var text strings.Builder
	_ = render.Diagnostics(&text, diags, render.Options{Width: 110})
	words := "**It failed.**"
	if code == exitNeedsAnswer {
		words = "**It needs an answer**, and nothing was sent."
	}
	s.report.Said = append([]render.Saying{{Alert: "CAUTION", Words: words + s.seeRun(), Text: text.String()}}, s.report.Said...)
}

// publish writes the page of the step and the comment. Neither is worth failing for: what was done stands.
func (s *step) publish(ctx context.Context) {
	s.report.Stack = s.stack
	if s.report.Version == "" {
		s.report.Version = versionText()
	}
	if s.pull != nil {
		s.report.Commit = s.pull.Head.SHA
		s.marker.Head = s.pull.Head.SHA
	}
	tell := func(what string, err error) {
		s.found = append(s.found, spec.Diagnostic{Severity: spec.SeverityWarning, Summary: what, Detail: sentenceOf(err.Error())})
		_ = render.Diagnostics(s.errs, s.found[len(s.found)-1:], s.errOptions())
	}
	if err := s.runner.Page(render.Markdown(s.report)); err != nil {
		tell("The page of the step could not be written", err)
	}
	if s.pull == nil || s.inputs.comment == "false" || s.inputs.command != "plan" && s.inputs.command != "apply" {
		return // a comment stands for a plan that may be applied: nothing else writes over it
	}
	if s.client == nil {
		fmt.Fprintln(s.errs, "\nThere is no token, so no comment is written.")
		return
	}
	report := s.report
	report.Most = render.MostMarkdown - len(s.marker.String()) - 1
	url, err := s.client.Put(ctx, s.env["GITHUB_REPOSITORY"], s.pull.Number, s.marker, render.Markdown(report), s.inputs.comment == "sticky" || s.speaks)
	if err != nil {
		tell("The comment could not be written", fmt.Errorf("%w. The workflow needs the permission pull-requests: write", err))
		return
	}
	s.outputs["comment_url"] = url
}

// annotate shows messages on the lines that they are about.
func (s *step) annotate() {
	const most = 50 // a runner shows ten of each level, and a page fifty
	for _, d := range s.found[:min(most, len(s.found))] {
		level := "error"
		if d.Severity == spec.SeverityWarning {
			level = "warning"
		}
		message := render.EscapeLines(d.Detail)
		if d.Remedy != "" {
			message += "\n\n" + render.EscapeLines(s.command(d.Remedy))
		}
		at := github.Annotation{Level: level, Title: render.Escape(d.Summary), Message: orElse(message, render.Escape(d.Summary))}
		if r := d.Range; r != nil && r.File != "" {
			at.File = path.Join(s.inputs.directory, render.Escape(r.File))
			at.Line, at.EndLine = r.Start.Line, r.End.Line
			if r.Start.Line == r.End.Line { // a runner takes columns of one line alone
				at.Column, at.EndCol = r.Start.Column, r.End.Column
			}
		}
		s.runner.Annotate(at)
	}
}

var serverForm = regexp.MustCompile(`^https://[A-Za-z0-9.:-]+$`)

// seeRun leads to the run, or is empty where its address is none.
func (s *step) seeRun() string {
	server, repository, id := s.env["GITHUB_SERVER_URL"], s.env["GITHUB_REPOSITORY"], s.env["GITHUB_RUN_ID"]
	if !serverForm.MatchString(server) || !regexp.MustCompile(`^[\w.-]+/[\w.-]+$`).MatchString(repository) || strings.Trim(id, "0123456789") != "" || id == "" {
		return ""
	}
	return fmt.Sprintf(" [The log](%s/%s/actions/runs/%s) has more.", server, repository, id)
}
