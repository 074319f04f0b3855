package main

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/vpsync/vpsync/pkg/github"
	"github.com/vpsync/vpsync/pkg/github/githubtest"
	"github.com/vpsync/vpsync/pkg/state"
	"github.com/vpsync/vpsync/pkg/state/sqlite"
)

// Examples name ids in the form that they have; here each is one that there is.
const (
	someServer  = "srv_1234567890"
	someNetwork = "net_1234567890"
	someAlert   = "alr_1234567890"
	someRun     = "3f1c0a9be4d27c55"
	someBackup  = "20260314T150926.535Z-12"
)

// TestManualExamples: each example of docs/cli.md does in an applied quickstart what it is for, on the emulated account.
func TestManualExamples(t *testing.T) {
	applied := t.TempDir()
	require.NoError(t, os.CopyFS(applied, os.DirFS(root+"/examples/quickstart")))
	code, s := vpsync(t, applied, nil, "apply", "--sandbox", "--auto-approve")
	require.Equal(t, exitDone, code, s.String())
	own := testStreams()
	seen := 0
	for _, p := range manualOf((&app{streams: own.streams}).root()) {
		for line := range strings.Lines(p.examples) {
			line = strings.TrimSpace(line)
			seen++
			t.Run(line, func(t *testing.T) {
				x := example{t: t, dir: t.TempDir(), env: map[string]string{}}
				require.NoError(t, os.CopyFS(x.dir, os.DirFS(applied)))
				require.NoError(t, os.Chmod(filepath.Join(x.dir, ".vpsync", "sandbox", "state.db"), 0o600)) // a copy has the common mode
				line = x.prepare(p.path, line)
				t.Chdir(x.dir)
				code, out := x.run(line)
				allowed := slices.DeleteFunc(slices.Clone(p.exits), func(c int) bool { return c == exitFailed || c == exitInterrupted })
				require.Contains(t, allowed, code, "%s:\n%s", line, out)
				require.NotContains(t, out, "Error: ")
			})
		}
	}
	require.Greater(t, seen, 40)
}

// example is one that is tried in a folder of its own.
type example struct {
	t   *testing.T
	dir string
	env map[string]string // besides HOME
}

// vpsync does what an example rests on.
func (x example) vpsync(args ...string) string {
	x.t.Helper()
	code, s := vpsync(x.t, x.dir, nil, append(args, "--sandbox")...)
	require.Contains(x.t, []int{exitDone, exitIncomplete, exitNeedsAnswer}, code, "%v: %s", args, s)
	return s.stdout.String()
}

// find is a value in a JSON document: the first of that name for which ok says so.
func (x example) find(document, name string, ok func(object map[string]any) bool) string {
	x.t.Helper()
	var all any
	require.NoError(x.t, json.Unmarshal([]byte(document), &all))
	var walk func(v any) string
	walk = func(v any) string {
		switch v := v.(type) {
		case map[string]any:
			if id, is := v[name].(string); is && ok(v) {
				return id
			}
			for _, inner := range v {
				if id := walk(inner); id != "" {
					return id
				}
			}
		case []any:
			for _, inner := range v {
				if id := walk(inner); id != "" {
					return id
				}
			}
		}
		return ""
	}
	id := walk(all)
	require.NotEmpty(x.t, id, document)
	return id
}

// prepare makes what an example of a command is about, and puts its ids in the place of those that are written.
func (x example) prepare(command, line string) string {
	first := func(map[string]any) bool { return true }
	switch command {
	case "vpsync apply", "vpsync show":
		if strings.Contains(line, ".vpsplan") {
			x.vpsync("plan", "--var", "web_count=3", "--out", filepath.Join(x.dir, "monday.vpsplan"))
		}
	case "vpsync providers check":
		own, err := os.ReadFile(root + "/examples/own-provider/tern.provider.hcl")
		require.NoError(x.t, err)
		require.NoError(x.t, os.WriteFile(filepath.Join(x.dir, "acme.provider.hcl"), own, 0o644))
	case "vpsync fmt":
		require.NoError(x.t, os.Mkdir(filepath.Join(x.dir, "stacks"), 0o755))
	case "vpsync import":
		words, _ := shellWords(line)
		id := x.find(x.vpsync("state", "show", words[2], "--json"), "id", first)
		x.vpsync("state", "rm", words[2])
		line = strings.Replace(line, someServer, id, 1)
	case "vpsync resolve":
		x.vpsync("state", "rm", "alert_rule.cpu")
		x.vpsync("sandbox", "fault", "POST /monitoring/alerts", "close-after")
		before := x.vpsync("sandbox", "list", "alert_rule", "--json")
		x.vpsync("apply", "--auto-approve")
		made := func(o map[string]any) bool { return !strings.Contains(before, o["id"].(string)) }
		line = strings.Replace(line, someAlert, x.find(x.vpsync("sandbox", "list", "alert_rule", "--json"), "id", made), 1)
	case "vpsync unlock":
		store, err := sqlite.Open(x.t.Context(), filepath.Join(x.dir, ".vpsync", "sandbox", "state.db"), sqlite.Options{})
		require.NoError(x.t, err)
		lock, err := store.Lock(x.t.Context(), state.Owner{ID: someRun, Command: "apply", PID: os.Getpid()})
		require.NoError(x.t, err)
		x.t.Cleanup(func() {
			_ = lock.Release() // it was broken
			_ = store.Close()
		})
	case "vpsync history":
		line = strings.Replace(line, someRun, x.find(x.vpsync("history", "--json"), "id", first), 1)
	case "vpsync state leftovers":
		x.vpsync("destroy", "--auto-approve")
		id := x.find(x.vpsync("state", "leftovers", "--json"), "id", func(o map[string]any) bool { return strings.HasPrefix(o["id"].(string), "net_") })
		line = strings.Replace(line, someNetwork, id, 1)
	case "vpsync state restore":
		line = strings.Replace(line, someBackup, x.find(x.vpsync("state", "restore", "--json"), "name", first), 1)
	case "vpsync github run", "vpsync github post":
		server := githubtest.Start("")
		x.t.Cleanup(server.Close)
		maps.Copy(x.env, server.Environment(x.dir))
		commit, repo := strings.Repeat("a", 40), &github.Repo{FullName: server.Repository}
		fork := github.Pull{Number: 7, State: "open", Head: github.Side{SHA: commit, Repo: &github.Repo{FullName: "mallory/infra"}}, Base: github.Side{Repo: repo}}
		server.Pulls[7] = fork
		event, err := json.Marshal(github.Event{WorkflowRun: &github.Run{Event: "pull_request", HeadSHA: commit, HeadRepository: fork.Head.Repo}})
		require.NoError(x.t, err)
		report, err := json.Marshal(forkReport{FormatVersion: formatVersion, Pull: 7, Head: commit, Stack: "prod", Text: "text"})
		require.NoError(x.t, err)
		maps.Copy(x.env, map[string]string{"GITHUB_EVENT_NAME": "push", "GITHUB_EVENT_PATH": filepath.Join(x.dir, "event.json"), "GITHUB_WORKSPACE": x.dir})
		if command == "vpsync github post" {
			maps.Copy(x.env, map[string]string{"GITHUB_EVENT_NAME": "workflow_run", "INPUT_TOKEN": githubtest.BotToken})
		}
		require.NoError(x.t, os.WriteFile(x.env["GITHUB_EVENT_PATH"], event, 0o600))
		require.NoError(x.t, os.WriteFile(filepath.Join(x.dir, "report.json"), report, 0o600))
	case "vpsync approve":
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(`{"accepted":"it is next"}`)) }))
		x.t.Cleanup(server.Close)
		x.env["VPSYNC_APPROVE_TOKEN"] = "t"
		words, _ := shellWords(line)
		line = strings.Join(words[:3], " ") + " --url " + server.URL
	case "vpsync daemon", "vpsync drift":
		stack := "stack \"here\" {\n  folder = " + strconv.Quote(x.dir) + "\n}\n"
		config := filepath.Join(x.t.TempDir(), "vpsyncd.hcl")
		require.NoError(x.t, os.WriteFile(config, []byte(stack), 0o600))
		line = strings.Replace(line, "/etc/vpsync/vpsyncd.hcl", config, 1)
	case "vpsync state push":
		x.vpsync("state", "pull", filepath.Join(x.dir, "copy.db"))
	case "vpsync sandbox serve":
		line = strings.Replace(line, ":8080", ":0", 1)
	}
	return line
}

// run carries a line out as a shell would, on the emulated account, at a terminal where somebody says yes.
func (x example) run(line string) (int, string) {
	words, ok := shellWords(line)
	require.True(x.t, ok, line)
	require.Equal(x.t, "vpsync", words[0])
	var in io.Reader = strings.NewReader("yes\n")
	args := words[1:]
	if i := slices.IndexFunc(args, func(w string) bool { return w == "<" || w == ">" || w == "|" }); i >= 0 {
		switch args[i] {
		case "<":
			f, err := os.Open(args[i+1])
			require.NoError(x.t, err)
			defer f.Close()
			in = f
		case "|":
			require.Equal(x.t, "dot", args[i+1], "nobody knows what becomes of it")
		}
		args = args[:i]
	}
	var out, errs bytes.Buffer
	width := func() int { return 80 }
	signals := make(chan os.Signal, 2)
	if strings.HasPrefix(line, "vpsync sandbox serve") {
		signals <- os.Interrupt // it would serve until then
	}
	var said io.Writer = &errs
	if strings.HasPrefix(line, "vpsync daemon") { // it would look after stacks until then
		said = io.MultiWriter(&errs, &once{"daemon begins", func() { signals <- os.Interrupt }})
	}
	s := streams{in: in, out: &out, errs: said, inTerminal: true, outWidth: width, errWidth: width}
	x.env["HOME"] = x.dir
	code := run(context.Background(), append(args, "--sandbox"), x.env, s, signals, hooks{})
	if slices.Contains(words, "dot") {
		require.True(x.t, strings.HasPrefix(out.String(), "digraph"), out.String())
	}
	return code, out.String() + errs.String()
}

// once does something when a text is written for the first time.
type once struct {
	text string
	do   func()
}

func (o *once) Write(p []byte) (int, error) {
	if o.do != nil && bytes.Contains(p, []byte(o.text)) {
		o.do()
		o.do = nil
	}
	return len(p), nil
}
