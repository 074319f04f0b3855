package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"
	"github.com/vpsync/vpsync/pkg/github"
	"github.com/vpsync/vpsync/pkg/plan"
	"github.com/vpsync/vpsync/pkg/plan/render"
	"github.com/vpsync/vpsync/pkg/spec"
	"github.com/vpsync/vpsync/pkg/spec/confined"
)

// planOffline tells what the files of a pull request change, from the files alone: no token, no state, no request. why says why.
func (s *step) planOffline(ctx context.Context, why string) (code int, err error) {
	base, remove, err := s.base(ctx)
	if err != nil {
		return exitFailed, err
	}
	defer func() { err = errors.Join(err, remove()) }()
	reviewed, err := s.reviewedFiles(base)
	if err != nil {
		return exitFailed, err
	}
	proposed, err := s.proposedFiles(ctx, base)
	if err != nil {
		return exitFailed, err
	}
	p := plan.OfFiles(reviewed, proposed)
	if err := render.Text(s.out, p, render.Options{Width: 110, Accounts: s.severalAccounts(), Title: "This is what the files change:"}); err != nil {
		return exitFailed, err
	}
	s.counted(p)
	s.outputs["plan_digest"], s.outputs["changes"] = "", fmt.Sprint(len(p.Changes) > 0)
	s.outputs["summary"] = render.Summary(p.Counts)
	s.speaks = s.speaks || len(p.Changes) > 0
	s.report.Plan, s.report.Accounts, s.report.OfFiles = p, s.severalAccounts(), true
	s.report.Said = append(s.report.Said, render.Saying{Alert: "NOTE", Words: why + " This is what its files change, and no plan: what is live, what drifted and what it costs is not in it, and nothing can be applied by it."})
	if err := s.saveReport(p); err != nil {
		return exitFailed, err
	}
	if len(p.Changes) > 0 {
		return exitChanges, nil
	}
	return exitDone, nil
}

// reviewedFiles is what the reviewed stack asks for; nothing where there is none.
func (s *step) reviewedFiles(base string) (*spec.Response, error) {
	if base == "" {
		return &spec.Response{}, nil
	}
	dir := s.dir
	s.dir = base
	defer func() { s.dir = dir }()
	stack, request, _, diags := s.loadStack(variableFlags{})
	if stack != nil && !diags.HasErrors() {
		request.Unasked = true
		response := stack.Evaluate(request)
		if diags = response.Diagnostics; !diags.HasErrors() {
			return response, nil
		}
	}
	for i := range diags {
		diags[i].Detail = strings.TrimSpace("On the branch that it wants to be merged into: " + diags[i].Detail)
		diags[i].Range, diags[i].Snippet = nil, "" // places are those of the pull request
	}
	return nil, diags
}

func (s *step) proposedFiles(ctx context.Context, base string) (*spec.Response, error) {
	stack, request, _, diags := s.load(ctx, s.variables(), untrustedFlags{untrusted: true, base: base, timeout: confined.DefaultLimits.Time})
	if stack != nil {
		defer stack.close()
		request.Unasked, request.Distinct = true, true
		if !diags.HasErrors() {
			response := stack.Evaluate(request)
			if diags = append(diags, response.Diagnostics...); !diags.HasErrors() {
				return response, nil
			}
		}
	}
	return nil, diags
}

// forkReport is what a run without a token leaves for one that has one. Whoever wrote the pull request may have written it, too.
type forkReport struct {
	FormatVersion string `json:"format_version"`
	Pull          int    `json:"pull"`
	Head          string `json:"head"`
	Stack         string `json:"stack"`
	Text          string `json:"text"`
}

// mostReport is how long the file of a report may be, in bytes.
const mostReport = 1 << 20

// saveReport leaves what was found where another workflow can take it from.
func (s *step) saveReport(p *plan.Plan) error {
	var text strings.Builder
	if err := render.Text(&text, p, render.Options{Width: 110, Accounts: s.severalAccounts(), Title: "This is what the files change:"}); err != nil {
		return err
	}
	data, err := render.Encode(forkReport{formatVersion, s.pull.Number, s.pull.Head.SHA, s.stack, text.String()[:min(text.Len(), mostReport/4)]})
	if err != nil {
		return err
	}
	file := filepath.Join(orElse(s.env["RUNNER_TEMP"], os.TempDir()), "vpsync-report-"+newID()+".json")
	s.outputs["plan_file"] = file
	return os.WriteFile(file, data, 0o600)
}

func (a *app) githubPostCommand() *cobra.Command {
	return &cobra.Command{
		Use: "post FILE...", Short: "Write the comment that a run without a token could not write",
		Long: `Takes reports that the Action made of a pull request from a fork, in a workflow that runs for workflow_run. A report is hostile: the
pull request that it names must be the one that the other run was for, and all of it is shown as text. It never counts as a review.`,
		Example: "  vpsync github post report.json",
		RunE: func(c *cobra.Command, args []string) error {
			return a.asStep(func(s *step) int {
				for _, file := range args {
					if err := s.post(c.Context(), file); err != nil {
						s.failed(err, exitFailed)
						return exitFailed
					}
				}
				return exitDone
			})
		},
	}
}

// postAll posts the reports in the input directory: what the Action does in a run for workflow_run.
func (s *step) postAll(ctx context.Context) error {
	files, err := filepath.Glob(filepath.Join(s.dir, "*.json"))
	if err == nil && len(files) == 0 {
		err = &remedyError{summary: "There is no report to post", detail: fmt.Sprintf("%s has no .json file.", s.inputs.directory), remedy: "- uses: actions/download-artifact@v4"}
	}
	const most = 20
	for _, file := range files[:min(most, len(files))] {
		if err := s.post(ctx, file); err != nil {
			return err
		}
	}
	return err
}

func (s *step) post(ctx context.Context, file string) error {
	refuse := func(format string, args ...any) error {
		return &remedyError{summary: "The report is not posted", detail: fmt.Sprintf(format, args...)}
	}
	r, err := readReport(file)
	if err != nil {
		return refuse("%s: %s", filepath.Base(file), sentenceOf(err.Error()))
	}
	run := s.event.WorkflowRun
	switch {
	case s.name != "workflow_run" || run == nil || run.HeadRepository == nil:
		return refuse("This run is for %q, and not for the end of another one.", s.name)
	case s.client == nil:
		return refuse("There is no token to post it with.")
	case run.Event != "pull_request" || run.HeadSHA != r.Head:
		return refuse("It is not about the commit that the other run was for.")
	}
	repository := s.env["GITHUB_REPOSITORY"]
	p, err := s.client.Pull(ctx, repository, r.Pull)
	if err != nil {
		return refuse("%s", sentenceOf(err.Error()))
	}
	if p.State != "open" || !p.FromFork() || p.Head.Repo == nil || p.Head.SHA != run.HeadSHA || p.Head.Repo.FullName != run.HeadRepository.FullName || p.Base.Repo.FullName != repository {
		return refuse("Pull request %d is not the one that the other run was for, or has moved on.", r.Pull)
	}
	m := github.Marker{Stack: "fork: " + r.Stack, Head: p.Head.SHA} // no digest: nothing may be applied by it
	text := render.Markdown(render.Report{Stack: r.Stack, Commit: p.Head.SHA, Most: render.MostMarkdown - len(m.String()) - 1, Said: []render.Saying{{Alert: "WARNING",
		Words: "**From a fork**: this was made without a token, by a run that whoever wrote the pull request could change. Read its files, and do not rely on it.", Text: r.Text}}})
	url, err := s.client.Put(ctx, repository, r.Pull, m, text, true)
	if err != nil {
		return refuse("%s", sentenceOf(err.Error()))
	}
	_, err = fmt.Fprintf(s.out, "Posted: %s\n", render.Escape(url))
	return err
}

// readReport reads a hostile file.
func readReport(file string) (*forkReport, error) {
	info, err := os.Lstat(file)
	if err != nil {
		return nil, errors.New(withoutPath(err))
	}
	if !info.Mode().IsRegular() || info.Size() > mostReport {
		return nil, fmt.Errorf("it is no ordinary file of at most %d bytes", mostReport)
	}
	data, err := os.ReadFile(file)
	if err != nil {
		return nil, errors.New(withoutPath(err))
	}
	r := &forkReport{}
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	if err := d.Decode(r); err != nil {
		return nil, errors.New("it is no report of vpsync")
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) || r.FormatVersion != formatVersion || r.Pull < 1 || !github.Commit.MatchString(r.Head) || len(r.Stack) > 1000 {
		return nil, errors.New("it is no report of this vpsync")
	}
	return r, nil
}
