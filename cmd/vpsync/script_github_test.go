//go:build unix

package main

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/rogpeppe/go-internal/testscript"
	"github.com/vpsync/vpsync/pkg/github"
	"github.com/vpsync/vpsync/pkg/github/githubtest"
)

const repositoryKey = "the repository"

// cmdGitHub is a GitHub for the rest of the script, with a repository in the folder repo.
func cmdGitHub(ts *testscript.TestScript, _ bool, args []string) {
	r := ts.Value(repositoryKey).(*githubtest.Repository)
	tell := func(env map[string]string, err error) {
		ts.Check(err)
		for _, k := range slices.Sorted(maps.Keys(env)) {
			ts.Setenv(k, env[k])
		}
	}
	number := func(i int) int {
		if i >= len(args) {
			ts.Fatalf("github %s: a number is missing", args[0])
		}
		n, err := strconv.Atoi(args[i])
		ts.Check(err)
		return n
	}
	switch args[0] {
	case "serve":
		serveGitHub(ts, r)
	case "remote": // the repository is one that git can reach, too
		r.Remote = ts.MkAbs("remote.git")
	case "begin":
		ts.Check(r.Begin())
	case "checkout": // github checkout DEPTH [-push]: on a runner that nobody has used before
		dir := ts.MkAbs("checkout")
		ts.Check(os.RemoveAll(dir))
		ts.Check(r.Checkout(dir, number(1), slices.Contains(args, "-push")))
		ts.Setenv("GITHUB_WORKSPACE", dir)
	case "pull":
		tell(r.Open(number(1), slices.Contains(args, "-fork")))
		r.Server.Lock()
		defer r.Server.Unlock()
		ts.Setenv("PULL_HEAD", r.Server.Pulls[number(1)].Head.SHA)
	case "merge":
		tell(r.Merge(number(1)))
	case "event":
		tell(r.Other(args[1], github.Event{}))
	case "finished": // the run of a pull request
		r.Server.Lock()
		p := r.Server.Pulls[number(1)]
		r.Server.Unlock()
		tell(r.Other("workflow_run", github.Event{WorkflowRun: &github.Run{Event: "pull_request", HeadSHA: p.Head.SHA, HeadRepository: p.Head.Repo}}))
	case "say": // github say PULL LOGIN FILE: somebody's comment
		r.Server.Lock()
		defer r.Server.Unlock()
		by := github.User{ID: 666, Login: args[2]}
		if args[2] == "the-bot" { // the token's own user
			by = githubtest.Bot
		}
		r.Server.Say(number(1), by, ts.ReadFile(args[3]))
	case "edit": // github edit PULL LOGIN FILE: somebody changes the last comment
		r.Server.Lock()
		defer r.Server.Unlock()
		r.Server.Edit(number(1), len(r.Server.Comments[number(1)])-1, github.User{ID: 667, Login: args[2]}, ts.ReadFile(args[3]))
	case "comments": // github comments PULL N: there are so many, and the last is in the file comment
		r.Server.Lock()
		defer r.Server.Unlock()
		all := r.Server.Comments[number(1)]
		if len(all) != number(2) {
			ts.Fatalf("pull request %s has %d comments: %v", args[1], len(all), all)
		}
		if len(all) > 0 {
			ts.Check(os.WriteFile(filepath.Join(ts.Getenv("WORK"), "comment"), []byte(all[len(all)-1].Body), 0o600))
		}
	default:
		ts.Fatalf("github %s: there is no such thing", args[0])
	}
}

// serveGitHub starts it, as an enterprise server.
func serveGitHub(ts *testscript.TestScript, r *githubtest.Repository) {
	s := githubtest.Start("/api/v3")
	ts.Defer(s.Close)
	temp := ts.MkAbs("runner")
	ts.Check(os.MkdirAll(temp, 0o700))
	for k, v := range s.Environment(temp) {
		ts.Setenv(k, v)
	}
	*r = githubtest.Repository{Dir: ts.MkAbs("repo"), Server: s, Event: filepath.Join(temp, "event.json")}
}

// cmdAction runs the step: action CODE [NAME=VALUE...]. What it printed is in stdout; the files outputs, annotations and summary have
// what the runner made of it.
func cmdAction(ts *testscript.TestScript, _ bool, args []string) {
	for _, name := range []string{"COMMAND", "DIRECTORY", "VAR_FILES", "COMMENT", "FAIL_ON", "EXPECT_DIGEST"} {
		ts.Setenv("INPUT_"+name, "")
	}
	ts.Setenv("INPUT_TOKEN", githubtest.BotToken)
	for _, arg := range args[1:] {
		name, value, _ := strings.Cut(arg, "=")
		ts.Setenv("INPUT_"+strings.ToUpper(name), value)
	}
	for _, file := range []string{"GITHUB_OUTPUT", "GITHUB_STEP_SUMMARY"} {
		ts.Check(os.WriteFile(ts.Getenv(file), nil, 0o600))
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	expectExit(ts, want, "vpsync", []string{"github", "run"})
	var annotations strings.Builder
	for _, c := range githubtest.Commands(ts.ReadFile("stdout")) {
		if c.Name == "add-mask" {
			continue
		}
		at, err := json.Marshal(c.Properties)
		ts.Check(err)
		fmt.Fprintf(&annotations, "%s %s %s\n", c.Name, at, c.Data)
	}
	outputs, err := githubtest.Outputs(ts.ReadFile(ts.Getenv("GITHUB_OUTPUT")))
	ts.Check(err)
	var lines strings.Builder
	for _, k := range slices.Sorted(maps.Keys(outputs)) {
		fmt.Fprintf(&lines, "%s=%s\n", k, outputs[k])
		ts.Setenv("OUTPUT_"+k, outputs[k])
	}
	for file, text := range map[string]string{"annotations": annotations.String(), "outputs": lines.String(), "page": ts.ReadFile(ts.Getenv("GITHUB_STEP_SUMMARY"))} {
		ts.Check(os.WriteFile(filepath.Join(ts.Getenv("WORK"), file), []byte(text), 0o600))
	}
}
