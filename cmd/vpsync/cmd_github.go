package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	"github.com/vpsync/vpsync/pkg/github"
	"github.com/vpsync/vpsync/pkg/plan"
	"github.com/vpsync/vpsync/pkg/plan/render"
	"github.com/vpsync/vpsync/pkg/spec"
)

func (a *app) githubCommand() *cobra.Command {
	c := &cobra.Command{Use: "github", Short: "Be a step of GitHub Actions"}
	c.AddCommand(a.githubRunCommand(), a.githubPostCommand())
	return c
}

func (a *app) githubRunCommand() *cobra.Command {
	return &cobra.Command{
		Use: "run", Short: "Do what the inputs of the Action say",
		Long: `What the Action calls: it reads its inputs from INPUT_COMMAND, INPUT_DIRECTORY, INPUT_VAR_FILES, INPUT_COMMENT, INPUT_TOKEN,
INPUT_FAIL_ON and INPUT_EXPECT_DIGEST, and what it runs for from the variables that GitHub sets. It writes outputs, the page of the
step, annotations on the lines at fault, and one comment per stack.

A pull request is untrusted: its stack is held against the branch that it wants to be merged into. One from a fork gets no token: what
its files change is worked out from the files alone. The page docs/github-action.md tells it all.`,
		Example: "  vpsync github run",
		RunE:    func(c *cobra.Command, _ []string) error { return a.github(c.Context()) },
	}
}

// actionInputs are what a workflow gives the Action.
type actionInputs struct {
	command, comment, token, failOn, expect string
	directory                               string   // from the workspace, with slashes
	varFiles                                []string // the same
}

// step is one run of the Action.
type step struct {
	*app
	inputs actionInputs
	runner *github.Runner
	event  *github.Event
	name   string // of the event
	pull   *github.Pull
	client *github.Client // nil without a token
	// workspace is the folder of the checkout.
	workspace string
	stack     string // its name in comments
	outputs   map[string]string
	found     spec.Diagnostics // for annotations
	report    render.Report
	marker    github.Marker
	// speaks: there is something that a comment is made for, with comment: changes.
	speaks bool
}

// actionOutputs are the outputs of the Action, in the order of action.yml.
var actionOutputs = []string{"changes", "to_add", "to_change", "to_destroy", "to_replace", "to_forget", "plan_file", "plan_digest", "exit_code", "comment_url", "summary"}

// github is the command.
func (a *app) github(ctx context.Context) error {
	return a.asStep(func(s *step) int {
		code, err := s.run(ctx)
		if err != nil {
			s.failed(err, code)
		}
		s.publish(ctx)
		s.outputs["exit_code"] = strconv.Itoa(code)
		return s.verdict(code)
	})
}

// asStep does something for the runner. Whatever is printed on the way is text to it, and no command; what it is to do is said at the end.
func (a *app) asStep(do func(*step) int) error {
	if a.env["GITHUB_ACTIONS"] != "true" {
		return &remedyError{summary: "This is no run of GitHub Actions", detail: "vpsync github is what the Action calls. Elsewhere the commands themselves do the same.", remedy: "vpsync plan --markdown"}
	}
	a.errs, a.errTerminal, a.outTerminal = a.out, false, false // one stream: the runner reads two in no order
	runner := &github.Runner{Out: a.out, Outputs: a.env["GITHUB_OUTPUT"], Summary: a.env["GITHUB_STEP_SUMMARY"]}
	runner.Mask(a.env["INPUT_TOKEN"])
	runner.Mask(a.env["VPSYNC_STATE_KEY"])
	end := runner.Quiet()
	s, err := a.newStep(runner)
	if err != nil {
		a.show(err, exitFailed)
		end()
		return exitWith(exitFailed)
	}
	code := do(s)
	s.found = append(s.found, a.warned...)
	if err := runner.SetOutputs(s.allOutputs()); err != nil {
		a.show(err, exitFailed)
		code = max(code, exitFailed)
	}
	end()
	s.annotate()
	return exitWith(code)
}

// allOutputs are those of action.yml, empty ones too.
func (s *step) allOutputs() []github.Output {
	var all []github.Output
	for _, name := range actionOutputs {
		all = append(all, github.Output{Name: name, Value: s.outputs[name]})
	}
	return all
}

// newStep reads what the runner says.
func (a *app) newStep(runner *github.Runner) (*step, error) {
	s := &step{app: a, runner: runner, outputs: map[string]string{}, name: a.env["GITHUB_EVENT_NAME"], workspace: a.env["GITHUB_WORKSPACE"]}
	var err error
	if s.inputs, err = readInputs(a.env); err != nil {
		return nil, err
	}
	if s.workspace == "" {
		return nil, wrongUsage("GITHUB_WORKSPACE is not set: the Action runs after actions/checkout")
	}
	if s.event, err = github.ReadEvent(a.env["GITHUB_EVENT_PATH"]); err != nil {
		return nil, &remedyError{summary: "The event cannot be read", detail: sentenceOf(err.Error())}
	}
	if s.name == "pull_request" {
		if s.pull = s.event.Pull; s.pull == nil || s.pull.Number < 1 || !github.Commit.MatchString(s.pull.Head.SHA) || !github.Commit.MatchString(s.pull.Base.SHA) {
			return nil, &remedyError{summary: "The event cannot be read", detail: "It is said to be one of a pull request, and has none."}
		}
	}
	a.state = a.env["VPSYNC_STATE"]
	a.dir = filepath.Join(s.workspace, filepath.FromSlash(s.inputs.directory))
	if here, err := os.Getwd(); err == nil {
		if near, err := filepath.Rel(here, a.dir); err == nil && filepath.IsLocal(near) {
			a.dir = near
		}
	}
	s.stack = s.inputs.directory
	if len(s.inputs.varFiles) > 0 {
		s.stack += " with " + strings.Join(s.inputs.varFiles, ", ")
	}
	s.marker.Stack = s.stack
	return s, s.connect()
}

// connect makes the client, where a token was given.
func (s *step) connect() error {
	if s.inputs.token == "" || s.pull != nil && s.pull.FromFork() { // a fork's run has one, but it may only read
		return nil
	}
	var err error
	s.client, err = github.New(github.Options{API: orElse(s.env["GITHUB_API_URL"], "https://api.github.com"), Token: s.inputs.token, Version: versionText()})
	if err != nil {
		return &remedyError{summary: "GitHub cannot be asked", detail: sentenceOf(err.Error())}
	}
	return nil
}

func readInputs(env map[string]string) (actionInputs, error) {
	get := func(name, otherwise string) string {
		return orElse(strings.TrimSpace(env["INPUT_"+name]), otherwise)
	}
	in := actionInputs{
		command: get("COMMAND", "plan"), comment: get("COMMENT", "sticky"), token: get("TOKEN", ""), failOn: get("FAIL_ON", "never"), expect: get("EXPECT_DIGEST", ""),
		directory: get("DIRECTORY", "."),
	}
	for _, choice := range []struct {
		name, value string
		of          []string
	}{
		{"command", in.command, []string{"plan", "apply", "drift", "validate"}},
		{"comment", in.comment, []string{"sticky", "changes", "false"}},
		{"fail_on", in.failOn, []string{"never", "drift", "destroy"}},
	} {
		if !slices.Contains(choice.of, choice.value) {
			return in, wrongUsage("The input %s is %q: it is %s", choice.name, choice.value, listNames(choice.of, 5))
		}
	}
	if in.expect != "" && !digestForm.MatchString(in.expect) {
		return in, wrongUsage("The input expect_digest takes a whole digest, 64 hexadecimal digits")
	}
	if in.expect != "" && in.command != "apply" {
		return in, wrongUsage("The input expect_digest belongs to the command apply")
	}
	inside := func(input, name string) (string, error) {
		if !filepath.IsLocal(filepath.FromSlash(name)) || strings.ContainsAny(name, "\x00\r\n") {
			return "", wrongUsage("The input %s is %q: it names something in the repository, from its root", input, name)
		}
		return path.Clean(filepath.ToSlash(name)), nil
	}
	var err error
	if in.directory, err = inside("directory", in.directory); err != nil {
		return in, err
	}
	for line := range strings.Lines(env["INPUT_VAR_FILES"]) {
		if line = strings.TrimSpace(line); line == "" {
			continue
		}
		name, err := inside("var_files", line)
		if err != nil {
			return in, err
		}
		in.varFiles = append(in.varFiles, name)
	}
	return in, nil
}

// run does what the command input says, and gives the code that the command itself would end with.
func (s *step) run(ctx context.Context) (int, error) {
	if err := s.allowed(); err != nil {
		return exitFailed, err
	}
	if s.pull != nil {
		remove, err := s.apart(ctx)
		if err != nil {
			return exitFailed, err
		}
		defer func() { _ = remove() }() // it lies in the runner's folder for what goes with the run
	}
	var err error
	code := exitDone
	switch {
	case s.name == "workflow_run":
		err = s.postAll(ctx)
	case s.inputs.command == "apply":
		code, err = s.apply(ctx)
	case s.inputs.command == "drift":
		code, err = s.drift(ctx)
	case s.inputs.command == "validate":
		err = s.validate(ctx)
	case s.pull != nil && s.pull.FromFork():
		code, err = s.planOffline(ctx, "It comes from a fork, which gets no token: nothing was asked of the account.")
	default:
		code, err = s.plan(ctx)
	}
	if err != nil {
		code = max(code, exitCodeOf(err))
	}
	return code, err
}

// allowed refuses events whose stack may not be trusted with what the command does.
func (s *step) allowed() error {
	refuse := func(detail, remedy string) error {
		return &remedyError{summary: "Not for this event", detail: detail, remedy: remedy}
	}
	switch s.name {
	case "pull_request":
		if s.inputs.command == "apply" || s.inputs.command == "drift" {
			return refuse(fmt.Sprintf("A pull request is not reviewed yet, and %s uses tokens on the strength of its files.", s.inputs.command), "on:\n  push:\n    branches: [main]")
		}
		for _, name := range append([]string{s.inputs.directory}, s.inputs.varFiles...) {
			if err := s.plainPath(name); err != nil {
				return err
			}
		}
		return nil
	case "push", "schedule", "workflow_dispatch", "workflow_run": // the last posts, and does nothing else
		return nil
	case "pull_request_target":
		return refuse("With pull_request_target the files of a pull request would run with the secrets of the repository.", "on: pull_request")
	}
	return refuse(fmt.Sprintf("The Action knows pull_request, push, schedule and workflow_dispatch, and does not know whether to trust the files of a run for %q.", s.name), "on: pull_request")
}

// plainPath refuses links: what a pull request names must be its own, and not something of the runner that a link leads to.
func (s *step) plainPath(name string) error {
	at := s.workspace
	for _, part := range strings.Split(name, "/") {
		at = filepath.Join(at, part)
		info, err := os.Lstat(at)
		if errors.Is(err, fs.ErrNotExist) {
			return nil // said where it is read
		}
		if err != nil || info.Mode()&fs.ModeSymlink != 0 || !info.IsDir() && !info.Mode().IsRegular() {
			return &remedyError{summary: "A link, and no file", detail: fmt.Sprintf("%s leads elsewhere than into the pull request.", name)}
		}
	}
	return nil
}

func (s *step) variables() variableFlags {
	var v variableFlags
	for _, name := range s.inputs.varFiles {
		v.files = append(v.files, filepath.Join(s.workspace, filepath.FromSlash(name)))
	}
	return v
}

// counted are the outputs about a plan.
func (s *step) counted(p *plan.Plan) {
	for name, n := range map[string]int{"to_add": p.Counts.Add, "to_change": p.Counts.Change, "to_destroy": p.Counts.Destroy, "to_replace": p.Counts.Replace, "to_forget": p.Counts.Forget} {
		s.outputs[name] = strconv.Itoa(n)
	}
	s.outputs["changes"] = strconv.FormatBool(!p.Empty())
	s.outputs["plan_digest"] = p.Digest()
	s.outputs["summary"] = render.Summary(p.Counts)
	if p.Empty() {
		s.outputs["summary"] = "No changes."
	}
}

// verdict is the code that the step ends with: what is no failure fails it only where fail_on says so.
func (s *step) verdict(code int) int {
	if code != exitChanges {
		return code
	}
	destroys := s.outputs["to_destroy"] != "0" && s.outputs["to_destroy"] != "" || s.outputs["to_replace"] != "0" && s.outputs["to_replace"] != ""
	if s.inputs.failOn == "destroy" && destroys || s.inputs.failOn == "drift" && s.outputs["drift"] == "true" {
		return exitChanges
	}
	return exitDone
}
