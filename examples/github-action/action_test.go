// Package action_test runs the workflows of this folder, and the steps of the Action that they use, in a runner of this machine: act,
// without containers, against an emulated host and a server that speaks GitHub's API. make test-action does that.
package action_test

import (
	"bufio"
	"crypto/sha256"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/vpsync/vpsync/pkg/github"
	"github.com/vpsync/vpsync/pkg/github/githubtest"
)

var act = flag.String("act", "", "the program act; without it nothing is run")

// world is a repository with the workflows, and all that they talk to.
type world struct {
	*githubtest.Repository
	t       *testing.T
	root    string // of the project
	temp    string
	env     map[string]string
	release string // what the step downloads; empty: it builds
}

func newWorld(t *testing.T) *world {
	if *act == "" {
		t.Skip("make test-action runs this: it needs act")
	}
	root, err := filepath.Abs("../..")
	require.NoError(t, err)
	temp := t.TempDir()
	w := &world{t: t, root: root, temp: temp, env: map[string]string{}}
	server := githubtest.Start("")
	t.Cleanup(server.Close)
	w.Repository = &githubtest.Repository{Dir: filepath.Join(temp, "repo"), Server: server, Event: filepath.Join(temp, "event.json"), Remote: filepath.Join(temp, "remote.git")}
	w.copyWorkflows()
	stack, err := os.ReadFile("stack/main.hcl")
	require.NoError(t, err)
	w.write("stack/main.hcl", string(stack))
	require.NoError(t, w.Begin())
	w.stub("checkout", `git init -q; git remote add origin "$TEST_URL"; git config "http.$TEST_URL.extraheader" "$TEST_HEADER"; git fetch -q --depth "${{ inputs.fetch-depth }}" origin "$GITHUB_SHA"; git checkout -q --detach FETCH_HEAD`)
	w.stub("upload-artifact", `cp "${{ inputs.path }}" "$TEST_REPOSITORY/../report.json"`)
	w.stub("download-artifact", `mkdir -p report && cp "$TEST_REPOSITORY/../report.json" report/`)
	w.serve()
	return w
}

// stub stands for an action of GitHub's own.
func (w *world) stub(name, does string) {
	file := filepath.Join(w.temp, "stubs", name, "action.yml")
	require.NoError(w.t, os.MkdirAll(filepath.Dir(file), 0o755))
	require.NoError(w.t, os.WriteFile(file, []byte("name: "+name+"\ninputs:\n  path: {default: ''}\n  fetch-depth: {default: '1'}\nruns:\n  using: composite\n  steps:\n    - run: |\n        "+does+"\n      shell: bash\n"), 0o644))
}

// copyWorkflows takes the workflows as they are.
func (w *world) copyWorkflows() {
	files, err := filepath.Glob(".github/workflows/*.yml")
	require.NoError(w.t, err)
	require.Len(w.t, files, 4)
	for _, file := range files {
		text, err := os.ReadFile(file)
		require.NoError(w.t, err)
		w.write(file, string(text))
	}
}

func (w *world) write(name, text string) {
	path := filepath.Join(w.Dir, name)
	require.NoError(w.t, os.MkdirAll(filepath.Dir(path), 0o755))
	require.NoError(w.t, os.WriteFile(path, []byte(text), 0o644))
}

// serve builds vpsync, makes a release of it, and starts an emulated host.
func (w *world) serve() {
	program := filepath.Join(w.temp, "vpsync")
	build := exec.Command("go", "build", "-o", program, "./cmd/vpsync")
	build.Dir = w.root
	out, err := build.CombinedOutput()
	require.NoError(w.t, err, string(out))
	binary, err := os.ReadFile(program)
	require.NoError(w.t, err)
	name := fmt.Sprintf("vpsync_v1.2.3_%s_%s", runtime.GOOS, runtime.GOARCH)
	releases := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/v1.2.3/" + name:
			_, _ = rw.Write(binary)
		case "/v1.2.3/SHA256SUMS":
			fmt.Fprintf(rw, "%x  %s\n", sha256.Sum256([]byte(w.release+string(binary))), name)
		default:
			http.NotFound(rw, r)
		}
	}))
	w.t.Cleanup(releases.Close)
	w.env["VPSYNC_RELEASES"] = releases.URL

	host := exec.Command(program, "sandbox", "serve", "--provisioning", "0s")
	host.Dir = w.temp
	stdout, err := host.StdoutPipe()
	require.NoError(w.t, err)
	require.NoError(w.t, host.Start())
	w.t.Cleanup(func() { _ = host.Process.Kill(); _ = host.Wait() })
	for lines := bufio.NewScanner(stdout); lines.Scan() && !strings.HasPrefix(lines.Text(), "#"); {
		name, value, _ := strings.Cut(strings.TrimPrefix(lines.Text(), "export "), "=")
		w.env[name] = value
	}
}

// run has act run a workflow for an event, and gives what it printed.
func (w *world) run(workflow string, told map[string]string, passes bool, inputs ...string) string {
	w.t.Helper()
	stubs := filepath.Join(w.temp, "stubs")
	args := []string{told["GITHUB_EVENT_NAME"], "-C", w.Dir, "-W", ".github/workflows/" + workflow, "-e", w.Event, "--no-skip-checkout", "-P", "ubuntu-latest=-self-hosted", "-P", "self-hosted=-self-hosted",
		"--local-repository", "vpsync/vpsync@v1=" + w.root, "--no-cache-server", "--defaultbranch", "main", "-s", "GITHUB_TOKEN=" + githubtest.BotToken, "-s", "SERVOSPHERE_API_KEY=" + w.env["SERVOSPHERE_API_KEY"],
		"-s", "VPSYNC_STATE_KEY=" + strings.Repeat("k", 64)}
	for _, name := range []string{"checkout", "upload-artifact", "download-artifact"} {
		args = append(args, "--local-repository", "actions/"+name+"@v4="+filepath.Join(stubs, name))
	}
	text, err := os.ReadFile(filepath.Join(w.Dir, ".github/workflows", workflow))
	require.NoError(w.t, err)
	url, header := w.Server.GitAccess(strings.Contains(string(text), "contents: write"))
	for k, v := range map[string]string{"TEST_URL": url, "TEST_HEADER": header, "GITHUB_API_URL": w.Server.URL, "GITHUB_REPOSITORY": w.Server.Repository, "TEST_REPOSITORY": w.Dir, "SERVOSPHERE_API_URL": w.env["SERVOSPHERE_API_URL"], "VPSYNC_RELEASES": w.env["VPSYNC_RELEASES"]} {
		args = append(args, "--env", k+"="+v)
	}
	for _, in := range inputs {
		args = append(args, "--input", in)
	}
	c := exec.Command(*act, args...)
	c.Dir = w.root
	cache, err := exec.Command("go", "env", "GOCACHE").Output()
	require.NoError(w.t, err)
	c.Env = append(os.Environ(), "GOCACHE="+strings.TrimSpace(string(cache)), "XDG_CACHE_HOME="+filepath.Join(w.temp, "cache"), "ACT_DISABLE_WARNING=true")
	out, err := c.CombinedOutput()
	if passes {
		require.NoError(w.t, err, string(out))
	} else {
		require.Error(w.t, err, string(out))
	}
	return string(out)
}

func (w *world) comments(pull int) []github.Comment {
	w.Server.Lock()
	defer w.Server.Unlock()
	return append([]github.Comment{}, w.Server.Comments[pull]...)
}

const servers = "state {\n  backend = \"git\"\n}\n\nprovider \"servosphere\" {}\n\nserver \"web\" {\n  count    = %d\n  name     = \"web-${count.index}\"\n  plan     = \"vps-small\"\n  location = \"AMS\"\n}\n"

// The life of a change: proposed, reviewed, merged, applied; then one that moved in between, and the answer to that.
func TestWorkflows(t *testing.T) {
	w := newWorld(t)
	w.write("stack/main.hcl", fmt.Sprintf(servers, 2))
	told, err := w.Open(1, false)
	require.NoError(t, err)
	w.run("plan.yml", told, true)
	comments := w.comments(1)
	require.Len(t, comments, 1)
	require.Contains(t, comments[0].Body, "### vpsync `stack`: 2 to add")
	w.run("plan.yml", told, true)
	require.Len(t, w.comments(1), 1)

	told, err = w.Merge(1)
	require.NoError(t, err)
	w.run("apply.yml", told, true)
	require.Contains(t, w.comments(1)[0].Body, "**Applied**")
	require.Equal(t, 2, w.servers())

	told, err = w.Other("schedule", github.Event{})
	require.NoError(t, err)
	require.Contains(t, w.run("drift.yml", told, true), "No drift")
	w.ask(http.MethodDelete, "/servers/"+w.list()[0].ID) // by somebody else
	require.Contains(t, w.run("drift.yml", told, false), "1 gone")

	// Pushed past review, the change is not applied until somebody gives its digest.
	w.write("stack/main.hcl", fmt.Sprintf(servers, 3))
	_, err = w.Git("commit", "-qam", "past review")
	require.NoError(t, err)
	told, err = w.Other("push", github.Event{})
	require.NoError(t, err)
	log := w.run("apply.yml", told, false)
	require.Contains(t, log, "Nobody has reviewed this plan")
	require.Equal(t, 1, w.servers())
	_, digest, _ := strings.Cut(log, "expect_digest: ")
	told, err = w.Other("workflow_dispatch", github.Event{})
	require.NoError(t, err)
	event, err := json.Marshal(map[string]any{"inputs": map[string]string{"expect_digest": digest[:64]}})
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(w.Event, event, 0o600))
	w.run("apply.yml", told, true)
	require.Equal(t, 3, w.servers())

	// The repository tells all of it.
	story, err := w.Git("-C", w.Remote, "log", "--format=%s", "refs/vpsync/stack")
	require.NoError(t, err)
	require.Regexp(t, `^apply by \S+: .*2 create.*\napply by \S+: 2 create\nA new state$`, story)
}

// A fork's plan needs nothing, and is posted by the other workflow.
func TestForks(t *testing.T) {
	w := newWorld(t)
	w.write("stack/main.hcl", fmt.Sprintf(servers, 2))
	told, err := w.Open(2, true)
	require.NoError(t, err)
	log := w.run("plan.yml", told, true)
	require.Contains(t, log, "This is what the files change:")
	require.Empty(t, w.comments(2))
	require.FileExists(t, filepath.Join(w.temp, "report.json"))
	w.Server.Lock()
	p := w.Server.Pulls[2]
	w.Server.Unlock()
	told, err = w.Other("workflow_run", github.Event{WorkflowRun: &github.Run{Event: "pull_request", HeadSHA: p.Head.SHA, HeadRepository: p.Head.Repo}})
	require.NoError(t, err)
	w.run("forks.yml", told, true)
	require.Contains(t, w.comments(2)[0].Body, "**From a fork**")
}

// A release is taken if it has the checksum that is listed with it.
func TestRelease(t *testing.T) {
	w := newWorld(t)
	file := filepath.Join(w.Dir, ".github/workflows/drift.yml")
	text, err := os.ReadFile(file)
	require.NoError(t, err)
	w.write(".github/workflows/drift.yml", strings.Replace(string(text), "          command: drift\n", "          command: validate\n          version: v1.2.3\n", 1))
	told, err := w.Other("schedule", github.Event{})
	require.NoError(t, err)
	require.Contains(t, w.run("drift.yml", told, true), "The configuration is valid")
	w.release = "something else"
	require.Contains(t, w.run("drift.yml", told, false), "is not what SHA256SUMS says it is")
}

// ask sends a request to the emulated host, as somebody behind vpsync's back, and gives the answer.
func (w *world) ask(method, path string) []byte {
	request, err := http.NewRequest(method, w.env["SERVOSPHERE_API_URL"]+path, nil)
	require.NoError(w.t, err)
	request.Header.Set("Authorization", "Bearer "+w.env["SERVOSPHERE_API_KEY"])
	answer, err := http.DefaultClient.Do(request)
	require.NoError(w.t, err)
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	require.NoError(w.t, err)
	require.Less(w.t, answer.StatusCode, 300, string(body))
	return body
}

type server struct {
	ID string `json:"id"`
}

// list are the servers of the emulated host.
func (w *world) list() []server {
	var list struct {
		Data []server `json:"data"`
	}
	require.NoError(w.t, json.Unmarshal(w.ask(http.MethodGet, "/servers"), &list))
	return list.Data
}

func (w *world) servers() int { return len(w.list()) }
