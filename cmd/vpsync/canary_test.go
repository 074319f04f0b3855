//go:build unix

package main

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/vpsync/vpsync/internal/matrix"
	"github.com/vpsync/vpsync/pkg/sandbox"
)

// canary is a secret that is looked for wherever vpsync has been. Its characters look different in each encoding.
type canary struct{ source, text string }

func newCanary(source, letters string) canary {
	return canary{source, letters + `?"&<+/>=~\` + strings.ToUpper(letters) + letters}
}

// forms are how a canary may be written: whole, and the first eight characters of each.
func (c canary) forms() map[string]string {
	b := []byte(c.text)
	quoted, _ := json.Marshal(c.text)
	var plain bytes.Buffer
	e := json.NewEncoder(&plain)
	e.SetEscapeHTML(false)
	_ = e.Encode(c.text)
	all := map[string]string{
		"as it is": c.text, "URL": url.QueryEscape(c.text), "path": url.PathEscape(c.text), "JSON": strings.Trim(string(quoted), `"`),
		"plain JSON": strings.Trim(strings.TrimSpace(plain.String()), `"`), "HCL": strings.Trim(fmt.Sprintf("%q", c.text), `"`),
		"hex": hex.EncodeToString(b), "HEX": strings.ToUpper(hex.EncodeToString(b)), "base64": base64.StdEncoding.EncodeToString(b), "base64url": base64.RawURLEncoding.EncodeToString(b),
	}
	for _, name := range slices.Sorted(maps.Keys(all)) {
		all["start of "+name] = all[name][:8]
	}
	for shift := 1; shift < 3 && len(b) > 12; shift++ { // in the middle of something that was encoded as a whole
		moved := base64.StdEncoding.EncodeToString(append(make([]byte, shift), b...))
		all[fmt.Sprintf("base64 after %d", shift)] = moved[4 : len(moved)-4]
	}
	return all
}

// leaks are the canaries in some bytes.
func leaks(data []byte, all []canary) []string {
	var found []string
	for _, c := range all {
		for form, text := range c.forms() {
			if i := bytes.Index(data, []byte(text)); i >= 0 {
				found = append(found, fmt.Sprintf("the %s (%s) in …%q…\n", c.source, form, data[max(0, i-60):min(len(data), i+60)]))
			}
		}
	}
	slices.Sort(found)
	return found
}

// echo answers as the account does, but writes back all that was sent, in every form, where it is told to.
type echo struct {
	next  http.Handler
	fails atomic.Bool   // writes are refused with all that they sent
	hangs atomic.Bool   // writes arrive, and are not answered
	came  chan struct{} // for each that hangs
}

func (e *echo) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	switch write := r.Method != http.MethodGet; {
	case write && e.hangs.Load():
		e.came <- struct{}{}
		<-r.Context().Done()
	case write && e.fails.Load():
		var sent []string
		for _, header := range r.Header {
			for _, h := range header {
				_, token, _ := strings.Cut(h, " ")
				sent = append(sent, h, token)
			}
		}
		var fields map[string]any
		_ = json.Unmarshal(body, &fields)
		for _, v := range fields {
			list, ok := v.([]any)
			if !ok {
				list = []any{v}
			}
			for _, one := range list {
				sent = append(sent, fmt.Sprint(one))
			}
		}
		said := []string{string(body), url.QueryEscape(string(body)), hex.EncodeToString(body), base64.StdEncoding.EncodeToString(body)}
		for _, s := range sent {
			if len(s) > 8 {
				said = append(said, slices.Sorted(maps.Values(canary{"", s}.forms()))...)
			}
		}
		text := strings.Join(said, " | ")
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusUnprocessableEntity)
		_ = json.NewEncoder(w).Encode(map[string]any{
			"type": "invalid " + text, "message": text, "detail": text, "error": map[string]any{"code": "NO", "message": text, "details": map[string]any{text: text}},
		})
	default:
		r.Body = io.NopCloser(bytes.NewReader(body))
		e.next.ServeHTTP(w, r)
	}
}

const canaryStack = `
provider "evotic" {}
provider "servosphere" {}

variable "root_password" { sensitive = true }
variable "given" { sensitive = true }
variable "filed" { sensitive = true }
variable "label" { sensitive = true }
variable "cpu" { default = 1 }

server "app" {
  provider    = evotic
  name        = "app"
  location_id = 1
  os_id       = 2
  password    = var.root_password
  cpu         = var.cpu
  ram         = 1024
  disk        = 10

  initial_commands = ["echo ${var.given} ${base64encode(var.filed)}"]
}

network "lan" {
  name = "lan"
  cidr = "10.0.0.0/24"
}

volume "data" {
  name    = "data"
  size_gb = 10
  type    = "ssd"
}

firewall_rule "web" {
  name       = "web-${var.label}"
  protocol   = "tcp"
  port_range = "443"
  source     = "0.0.0.0/0"
  action     = "allow"
}

output "secret" {
  value     = "${var.given}-${var.root_password}"
  sensitive = true
}

output "digest" {
  value = nonsensitive(length(var.given))
}
`

const canaryMore = `
firewall_rule "crash" {
  name       = "crash-${var.label}"
  protocol   = "tcp"
  port_range = "80"
  source     = "0.0.0.0/0"
  action     = "allow"
}

network "more" {
  name = "more"
  cidr = "10.1.0.0/24"
}
`

// TestCanaries: a secret from anywhere is nowhere, through the whole life of a stack.
func TestCanaries(t *testing.T) {
	t.Parallel() // most of its time it waits for a server that boots
	begun := time.Now()
	var (
		evoticToken = newCanary("token of evotic", "kqzjwxvhpb")
		shopToken   = newCanary("token of servosphere", "wqhxzkjvyf")
		password    = newCanary("root password", "zvkxqjhwgd")
		given       = newCanary("variable of --var", "jxqvzwkhym")
		filed       = newCanary("variable of a file", "hzwqkvxjtc")
		label       = newCanary("variable in a name", "xkwjhqzvrn")
		stateKey    = newCanary("key of the state", "qwzhvjkxls")
		address     = newCanary("password in an address", "vjhkwzqxbd")
	)
	secrets := []canary{evoticToken, shopToken, password, given, filed, label, stateKey, address}
	home, vault := t.TempDir(), plant(t, tree{"secret.vars.hcl": fmt.Sprintf("filed = %q\n", filed.text)})
	stack := filepath.Join(home, "stack")
	require.NoError(t, os.Mkdir(stack, 0o700))
	write(t, stack, tree{"main.hcl": canaryStack})
	write(t, home, tree{"evotic.provider.hcl": string(embedded()["evotic"])})
	accounts := filepath.Join(home, "accounts")
	serve := func(provider, account string, token canary) (*echo, string) {
		def, err := embeddedDefinition(provider)
		require.NoError(t, err)
		s, err := sandbox.Open(def, sandbox.Options{Dir: accounts, Account: account, Token: token.text, Unlimited: true})
		require.NoError(t, err)
		e := &echo{next: sandbox.Together(s), came: make(chan struct{}, 16)}
		server := httptest.NewServer(e)
		t.Cleanup(func() {
			server.CloseClientConnections()
			server.Close()
			require.NoError(t, s.Close())
		})
		return e, server.URL
	}
	evotic, evoticURL := serve("evotic", "evotic", evoticToken)
	shop, shopURL := serve("servosphere", "servosphere", shopToken)
	env := []string{
		"EVOTIC_API_TOKEN=" + evoticToken.text, "EVOTIC_API_URL=" + evoticURL, "SERVOSPHERE_API_KEY=" + shopToken.text, "SERVOSPHERE_API_URL=" + shopURL,
		"VPSYNC_STATE_KEY=" + stateKey.text, "VPSYNC_VAR_root_password=" + password.text, "VPSYNC_VAR_label=" + label.text,
	}
	vars := []string{"--var", fmt.Sprintf("given=%q", given.text), "--var-file", filepath.Join(vault, "secret.vars.hcl")}
	places := 0
	clean := func(where string, data []byte) {
		t.Helper()
		places++
		found := secrets
		if strings.HasPrefix(where, accounts) { // the emulated account itself, to which names belong
			found = slices.DeleteFunc(slices.Clone(secrets), func(c canary) bool { return c == label })
		}
		require.Empty(t, leaks(data, found), where)
	}
	files := func(after string) {
		t.Helper()
		require.NoError(t, filepath.WalkDir(home, func(path string, e fs.DirEntry, err error) error {
			if err != nil || e.IsDir() {
				return err
			}
			data, err := os.ReadFile(path)
			if os.IsNotExist(err) {
				return nil
			}
			clean(path, append([]byte(path), data...))
			return err
		}), after)
	}
	const debug = "--log-level=debug"
	does := func(code int, args ...string) carriedOut {
		t.Helper()
		got := inProcess(t, home, env, append([]string{"-C", "stack", debug}, args...)...)
		require.Equal(t, code, got.code, "%v\n%.3000s", args, got.said())

		clean(strings.Join(args, " "), []byte(got.said()))
		return got
	}
	with := func(args ...string) []string { return append(args, vars...) }

	does(exitDone, with("validate")...)
	does(exitDone, with("validate", "--json")...)
	does(exitDone, with("plan")...)
	does(exitDone, with("plan", "--json")...)
	does(exitDone, with("graph", "--format", "json")...)

	// Whatever is sent comes back in the error.
	evotic.fails.Store(true)
	shop.fails.Store(true)
	got := does(exitFailed, with("apply", "--auto-approve")...)
	require.Contains(t, got.said(), "(sensitive)", "an error repeats nothing of what came back")
	does(exitFailed, with("apply", "--auto-approve", "--json")...)
	evotic.fails.Store(false)
	shop.fails.Store(false)
	files("failed applies")

	does(exitDone, with("plan", "--out", "first.vpsplan")...)
	files("plan --out")
	does(exitDone, with("apply", "first.vpsplan")...)
	does(exitDone, with("plan", "--detailed-exitcode")...)
	does(exitDone, with("drift")...)
	for _, args := range [][]string{
		{"show"}, {"show", "--json"}, {"state", "list"}, {"state", "show", "server.app"}, {"state", "show", "firewall_rule.web", "--json"}, {"state", "verify"}, {"output"}, {"output", "--json"},
		{"history"}, {"history", "--json"}, {"blame", "server.app"}, {"blame", "firewall_rule.web"}, {"cost"}, {"graph"}, {"graph", "--format", "dot"}, {"doctor"}, {"doctor", "--json"},
		{"providers", "check", "evotic.provider.hcl"}, {"providers", "list", "--json"}, {"schema"}, {"task", "list"}, {"state", "restore"}, {"state", "leftovers"},
	} {
		does(exitDone, args...)
	}
	does(exitFailed, "output", "secret")
	does(exitFailed, "output", "--json", "secret")
	does(exitFailed, "output", "--raw", "secret")

	// Another password, another label: the plan shows that something changes, and not what.
	other := newCanary("next label", "wkzqjvxhcm")
	secrets = append(secrets, other)
	env = append(env, "VPSYNC_VAR_label="+other.text)
	does(exitChanges, with("plan", "--detailed-exitcode")...)
	does(exitChanges, with("plan", "--detailed-exitcode", "--json")...)
	does(exitDone, with("drift")...)
	env = env[:len(env)-1]

	// A task, an import, and a state that is put back.
	does(exitFailed, with("task", "snapshot", "volume.data")...) // nobody is there to answer
	does(exitDone, "state", "rm", "network.lan")
	var id string
	for _, line := range strings.Split(does(exitDone, with("import", "network.lan", "net_1000000001")...).said(), "\n") {
		id += line
	}
	require.Contains(t, id, "Imported")
	does(exitDone, "state", "restore", "latest", "--auto-approve")
	files("restore")

	// Mistakes in what is secret.
	wrong := newCanary("mistaken value", "hqkzxwjvsd")
	secrets = append(secrets, wrong)
	for _, mistake := range [][]string{
		{"plan", "--var", wrong.text}, {"plan", "--var", "given=[" + wrong.text}, {"plan", "--var", "nobody=" + wrong.text}, {"validate", "--var", "given={" + wrong.text + "}"}, {"plan", "--var", "cpu=" + wrong.text[:10]},
	} {
		got := inProcess(t, home, env, append([]string{"-C", "stack", debug}, mistake...)...)
		require.Equal(t, exitFailed, got.code, "%v\n%s", mistake, got.said())
		if mistake[2] != "cpu="+wrong.text[:10] { // no secret
			clean(strings.Join(mistake[:1], " "), []byte(got.said()))
		}
	}
	for _, bad := range []string{"http://user:" + address.text + "@127.0.0.1:1", "ftp://x:" + address.text + "@h", address.text, "https://h/%zz" + address.text} {
		before := env
		env = append(slices.Clone(env), "EVOTIC_API_URL="+bad)
		does(exitFailed, with("plan")...)
		does(exitFailed, "doctor")
		env = before
	}
	for _, bad := range []string{" " + evoticToken.text, evoticToken.text + "\n", evoticToken.text + "\x01x"} {
		before := env
		env = append(slices.Clone(env), "EVOTIC_API_TOKEN="+bad)
		does(exitFailed, with("plan")...)
		env = before
	}
	env = append(env, "SERVOSPHERE_API_KEY="+wrong.text)
	does(exitFailed, with("plan")...)
	env = env[:len(env)-1]

	// A crash in the middle of an apply, with all that a Go program says of itself then.
	write(t, stack, tree{"more.hcl": canaryMore})
	crashed := inProcess(t, home, append(slices.Clone(env), "VPSYNC_TEST_PANIC_AT=2", "GOTRACEBACK=all"),
		with("-C", "stack", debug, "apply", "--auto-approve", "--target", "firewall_rule.crash")...)
	require.Contains(t, crashed.stderr, "goroutine ", "it did not crash")
	clean("crash", []byte(crashed.said()))
	files("crash")

	// An interrupt while a create is on its way, twice.
	evotic.hangs.Store(true)
	shop.hangs.Store(true)
	program, err := exec.LookPath("vpsync")
	require.NoError(t, err)
	cmd := exec.CommandContext(t.Context(), program, with("-C", "stack", debug, "apply", "--auto-approve", "--target", "network.more")...)
	out := listener{word: "Interrupted", heard: make(chan struct{})}
	cmd.Dir, cmd.Env, cmd.Stdout, cmd.Stderr = home, append([]string{"HOME=" + home}, env...), &out, &out
	require.NoError(t, cmd.Start())
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	select {
	case <-shop.came:
	case err := <-ended:
		t.Fatalf("it ended before it sent anything: %v\n%s", err, out.text.String())
	}
	require.NoError(t, cmd.Process.Signal(syscall.SIGINT))
	<-out.heard
	require.NoError(t, cmd.Process.Signal(syscall.SIGINT))
	<-ended
	clean("interrupt", out.text.Bytes())
	files("interrupt")
	does(exitDone, "show")
	does(exitDone, "history", "--json")

	cases := places * len(secrets)
	matrix.Ran(t, "G7", cases, begun)
}

// listener keeps what a process says, and tells when a word was said. One stream alone writes to it at a time (os/exec).
type listener struct {
	word  string
	heard chan struct{}
	once  sync.Once
	text  bytes.Buffer
}

func (l *listener) Write(p []byte) (int, error) {
	n, err := l.text.Write(p)
	if bytes.Contains(l.text.Bytes(), []byte(l.word)) {
		l.once.Do(func() { close(l.heard) })
	}
	return n, err
}
