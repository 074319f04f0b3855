//go:build unix

package main

import (
	"bytes"
	"crypto/sha256"
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
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/vpsync/vpsync/internal/matrix"
	"github.com/vpsync/vpsync/pkg/sandbox"
	"github.com/vpsync/vpsync/pkg/state/sqlite"
)

// canary is a secret that is looked for wherever vpsync has been. Its characters look different in each encoding.
type canary struct{ source, text string }

func newCanary(source, letters string) canary {
	return canary{source, letters + `?"&<+/>=~\` + strings.ToUpper(letters) + letters}
}

// forms are how a canary may be written: whole, the first eight characters of each, and what of it an encoding of something longer holds.
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
	query := url.QueryEscape(c.text) // as a form holds it, whose text is encoded again
	all["URL twice"], all["hex of URL"], all["base64 of URL"] = url.QueryEscape(query), hex.EncodeToString([]byte(query)), base64.RawStdEncoding.EncodeToString([]byte(query))
	for name, alphabet := range map[string]*base64.Encoding{"base64": base64.RawStdEncoding, "base64url": base64.RawURLEncoding} {
		for shift := 0; shift < 3 && len(b) > 12; shift++ { // in the middle of something that was encoded as a whole
			moved := alphabet.EncodeToString(append(make([]byte, shift), b...))
			all[fmt.Sprintf("%s after %d", name, shift)] = moved[(shift*8+5)/6 : (shift+len(b))*8/6]
		}
	}
	all["bytes"] = strings.Trim(fmt.Sprint(b), "[]")
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

// TestLeaks: what looks for canaries finds each form of one, wherever it stands, and none where there is none.
func TestLeaks(t *testing.T) {
	c, other := newCanary("token", "kqzjwxvhpb"), newCanary("password", "wqhxzkjvyf")
	for name, write := range map[string]func(string) string{
		"plain": func(s string) string { return s }, "query": url.QueryEscape, "path": url.PathEscape, "quoted": strconv.Quote,
		"JSON": func(s string) string { text, _ := json.Marshal(s); return string(text) },
		"hex":  func(s string) string { return hex.EncodeToString([]byte(s)) }, "HEX": func(s string) string { return fmt.Sprintf("%X", s) },
		"base64":    func(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) },
		"rawbase64": func(s string) string { return base64.RawStdEncoding.EncodeToString([]byte(s)) },
		"base64url": func(s string) string { return base64.URLEncoding.EncodeToString([]byte(s)) },
		"rawurl":    func(s string) string { return base64.RawURLEncoding.EncodeToString([]byte(s)) },
		"bytes":     func(s string) string { return fmt.Sprint([]byte(s)) },
	} {
		for before := range 3 {
			for after := range 3 {
				text := write("xyz"[:before] + c.text + "xyz"[:after])
				require.NotEmpty(t, leaks([]byte("it is "+text+"."), []canary{other, c}), "%s: %s", name, text)
				require.Empty(t, leaks([]byte("it is "+text+"."), []canary{other}), "%s: %s", name, text)
			}
		}
		if name != "bytes" {
			require.NotEmpty(t, leaks([]byte(write(c.text)[:9]), []canary{c}), "the start of %s", name)
		}
	}
	require.Empty(t, leaks([]byte("(sensitive) "+c.source), []canary{c, other}))
}

// echo answers as the account does, but writes back all that was sent, in every form, where it is told to.
type echo struct {
	next    http.Handler
	fails   atomic.Bool   // writes are refused with all that they sent
	refuses atomic.Bool   // so are reads
	hangs   atomic.Bool   // writes arrive, and are not answered
	came    chan struct{} // for each that hangs

	mu      sync.Mutex
	repeats []canary       // are in each answer that is no refusal, one after the other
	told    map[string]int // how many such answers there were, by method and status
}

// repeat has every answer repeat secrets that the account was sent before, and every refusal of a read, too.
func (e *echo) repeat(these ...canary) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.repeats, e.told = these, map[string]int{}
}

// repeated is an answer with a secret in all its forms besides: in a member of its own, in the name of one, and in each entry.
func (e *echo) repeated(method string, status int, answer []byte) []byte {
	e.mu.Lock()
	defer e.mu.Unlock()
	var document any
	if len(e.repeats) == 0 || json.Unmarshal(answer, &document) != nil {
		return answer
	}
	kind := fmt.Sprint(method, " ", status)
	c := e.repeats[e.told[kind]%len(e.repeats)]
	e.told[kind]++
	text := strings.Join(slices.Sorted(maps.Values(c.forms())), " | ")
	var within func(v any)
	within = func(v any) {
		switch v := v.(type) {
		case map[string]any:
			for _, member := range v {
				within(member)
			}
			v["0echo"], v["1"+c.text] = text, true // the log shows the beginning of an answer
			if _, has := v["node"]; has {
				v["node"] = "installed with " + e.repeats[len(e.repeats)-1].text // in what vpsync reads and records
			}
		case []any:
			for _, entry := range v {
				within(entry)
			}
		}
	}
	within(document)
	out, err := json.Marshal(document)
	if err != nil {
		panic(err)
	}
	return out
}

func (e *echo) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	write := r.Method != http.MethodGet
	switch {
	case write && e.hangs.Load():
		e.came <- struct{}{}
		<-r.Context().Done()
	case write && e.fails.Load(), !write && e.refuses.Load():
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
		e.mu.Lock()
		for _, c := range e.repeats {
			sent = append(sent, c.text)
		}
		e.mu.Unlock()
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
		answer := httptest.NewRecorder()
		e.next.ServeHTTP(answer, r)
		said := e.repeated(r.Method, answer.Code, answer.Body.Bytes())
		maps.Copy(w.Header(), answer.Header())
		w.Header().Set("Content-Length", strconv.Itoa(len(said)))
		w.WriteHeader(answer.Code)
		_, _ = w.Write(said)
	}
}

const canaryHead = `
provider "evotic" {}
provider "servosphere" {}
provider "vpsorg" {}

data "servers" "theirs" {
  provider = vpsorg
}

variable "root_password" { sensitive = true }
variable "given" { sensitive = true }
variable "filed" { sensitive = true }
variable "label" { sensitive = true }
variable "cpu" { default = 1 }
`

const canaryStack = canaryHead + `
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

# What the account says of it repeats a secret.
output "node" {
  value     = "on ${server.app.node}"
  sensitive = true
}

output "digest" {
  value = nonsensitive(length(var.given))
}
`

const canaryOrg = `
server "org" {
  provider = vpsorg
  name     = "org"
  location = "us-west"
  plan_id  = 1
  os_id    = 5
  hostname = "${var.label}.example"
}
`

// canaryCreates are creates with a secret in each, at all three.
const canaryCreates = canaryHead + canaryOrg + `
firewall_rule "crash" {
  name       = "crash-${var.label}"
  protocol   = "tcp"
  port_range = "80"
  source     = "0.0.0.0/0"
  action     = "allow"
}

server "crash" {
  provider         = evotic
  name             = "crash"
  location_id      = 1
  os_id            = 2
  password         = var.root_password
  cpu              = 1
  ram              = 1024
  disk             = 10
  initial_commands = [var.given]
}
`

// TestCanaries: a secret from anywhere is nowhere, through the whole life of a stack.
func TestCanaries(t *testing.T) {
	t.Parallel() // most of its time it waits for a server that boots
	begun := time.Now()
	var (
		evoticToken = newCanary("token of evotic", "kqzjwxvhpb")
		shopToken   = newCanary("token of servosphere", "wqhxzkjvyf")
		orgToken    = newCanary("token of VPS.org", "jvwkqzhxpy")
		password    = newCanary("root password", "zvkxqjhwgd")
		given       = newCanary("variable of --var", "jxqvzwkhym")
		filed       = newCanary("variable of a file", "hzwqkvxjtc")
		label       = newCanary("variable in a name", "xkwjhqzvrn")
		stateKey    = newCanary("key of the state", "qwzhvjkxls")
		address     = newCanary("password in an address", "vjhkwzqxbd")
	)
	secrets := []canary{evoticToken, shopToken, orgToken, password, given, filed, label, stateKey, address}
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
	org, orgURL := serve("vpsorg", "vpsorg", orgToken)
	apis := []*echo{evotic, shop, org}
	env := []string{
		"VPSORG_API_TOKEN=" + orgToken.text, "VPSORG_API_URL=" + orgURL,
		"EVOTIC_API_TOKEN=" + evoticToken.text, "EVOTIC_API_URL=" + evoticURL, "SERVOSPHERE_API_KEY=" + shopToken.text, "SERVOSPHERE_API_URL=" + shopURL,
		"VPSYNC_STATE_KEY=" + stateKey.text, "VPSYNC_VAR_root_password=" + password.text, "VPSYNC_VAR_label=" + label.text,
	}
	vars := []string{"--var", fmt.Sprintf("given=%q", given.text), "--var-file", filepath.Join(vault, "secret.vars.hcl")}
	cases, searched := 0, map[[sha256.Size]byte]int{} // for how many secrets, by what was searched
	clean := func(where string, data []byte) {
		t.Helper()
		found := secrets
		if strings.HasPrefix(where, accounts) { // the emulated account itself, to which names belong
			found = slices.DeleteFunc(slices.Clone(secrets), func(c canary) bool { return c == label })
		}
		require.Empty(t, leaks(data, found), where)
		if sum := sha256.Sum256(data); len(data) > 0 && len(found) > searched[sum] { // the same bytes are no other case
			cases += len(found) - searched[sum]
			searched[sum] = len(found)
		}
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
			clean(path, data)
			clean("the name of "+path, []byte(path))
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
	all := func(do func(e *echo)) {
		for _, e := range apis {
			do(e)
		}
	}

	does(exitDone, with("validate")...)
	does(exitDone, with("validate", "--json")...)
	does(exitDone, with("plan")...)
	does(exitDone, with("plan", "--json")...)
	does(exitDone, with("plan", "--markdown")...)
	does(exitDone, with("graph", "--format", "json")...)

	// Whatever is sent comes back in the error.
	write(t, stack, tree{"org.hcl": canaryOrg})
	all(func(e *echo) { e.fails.Store(true) })
	got := does(exitFailed, with("apply", "--auto-approve")...)
	for _, what := range []string{"create server: POST /servers: 422", "create firewall_rule: POST /firewall/rules: 422", "create server: POST /servers/: 422"} {
		require.Regexp(t, "failed: "+what+`.*\(sensitive\)`, got.said(), "an error repeats nothing of what came back")
	}
	for _, what := range []string{`password=(sensitive)`, `hostname=(sensitive)`, `name=(sensitive)`, `initialCommands=(sensitive)`, `msg=answer request="POST /servers" status=422`, `msg=answer request="POST /servers/" status=422`} {
		require.Contains(t, got.stderr, what, "the log says nothing of it")
	}
	does(exitFailed, with("apply", "--auto-approve", "--json")...)
	all(func(e *echo) { e.fails.Store(false) })
	require.NoError(t, os.Remove(filepath.Join(stack, "org.hcl")))
	all(func(e *echo) { e.repeat(secrets[:7]...); e.refuses.Store(true) })
	got = does(exitFailed, with("plan")...)
	require.Contains(t, got.stderr, "(sensitive)")
	all(func(e *echo) { e.refuses.Store(false) })
	files("failed applies")

	does(exitDone, with("plan", "--out", "first.vpsplan")...)
	files("plan --out")
	does(exitDone, with("apply", "first.vpsplan")...)
	does(exitDone, with("plan", "--detailed-exitcode")...)
	does(exitDone, with("plan", "--detailed-exitcode", "--refresh", "full")...)
	got = does(exitDone, with("drift", "--unmanaged")...)
	require.Regexp(t, `\\"0echo\\":\\"\(sensitive\) ?\| \(sensitive\)`, got.stderr, "the log shows nothing of what was repeated")
	require.Contains(t, got.stderr, `\"1(sensitive)\":true`)
	write(t, stack, tree{"more.hcl": "output \"plainly\" { value = server.app.node }\n"})
	require.Contains(t, does(exitFailed, with("plan")...).stderr, "sensitive = true", "what repeats a secret is no secret")
	require.NoError(t, os.Remove(filepath.Join(stack, "more.hcl")))
	require.GreaterOrEqual(t, shop.told["POST 201"], 2)
	require.GreaterOrEqual(t, evotic.told["POST 201"]+evotic.told["POST 200"], 1)
	all(func(e *echo) {
		require.GreaterOrEqual(t, e.told["GET 200"], len(e.repeats), "not each was repeated")
		e.repeat(evoticToken, shopToken, orgToken, password, label) // those that come from the environment: the others nobody can know who is not given them
	})
	for _, args := range [][]string{
		{"show"}, {"show", "--json"}, {"state", "list"}, {"state", "show", "server.app"}, {"state", "show", "firewall_rule.web", "--json"}, {"state", "verify"}, {"output"}, {"output", "--json"},
		{"history"}, {"history", "--json"}, {"blame", "server.app"}, {"blame", "firewall_rule.web"}, {"cost"}, {"graph"}, {"graph", "--format", "dot"}, {"doctor"}, {"doctor", "--json"},
		{"providers", "check", "evotic.provider.hcl"}, {"providers", "list", "--json"}, {"schema"}, {"task", "list"}, {"state", "restore"}, {"state", "leftovers"},
	} {
		does(exitDone, args...)
	}
	all(func(e *echo) { e.repeat() })
	does(exitFailed, "output", "secret")
	does(exitFailed, "output", "--json", "secret")
	does(exitFailed, "output", "--raw", "secret")

	// Another password, another label: the plan shows that something changes, and not what.
	other := newCanary("next label", "wkzqjvxhcm")
	secrets = append(secrets, other)
	env = append(env, "VPSYNC_VAR_label="+other.text)
	does(exitChanges, with("plan", "--detailed-exitcode")...)
	does(exitChanges, with("plan", "--detailed-exitcode", "--json")...)
	require.Contains(t, does(exitDone, with("plan", "--markdown")...).stdout, "(sensitive)")
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

	// A crash with all that a program in Go can say of a request: before anything is asked, and where the intent of a create is on disk.
	begin := func(name string) (string, []string) {
		dir := filepath.Join(home, name)
		require.NoError(t, os.Mkdir(dir, 0o700))
		write(t, dir, tree{"main.hcl": canaryCreates})
		return dir, with("-C", name, debug, "apply", "--auto-approve")
	}
	intents := func(dir string, least int) {
		t.Helper()
		s, err := sqlite.Open(t.Context(), filepath.Join(dir, ".vpsync", "state.db"), sqlite.Options{ReadOnly: true})
		require.NoError(t, err)
		st, err := s.Load(t.Context())
		require.NoError(t, err)
		require.NoError(t, s.Close())
		require.GreaterOrEqual(t, len(st.Intents), least)
		for _, in := range st.Intents {
			require.NotEmpty(t, in.Secrets, "the intent of %s holds no secret", in.Address)
		}
	}
	var holds []string
	for _, c := range secrets[:7] {
		holds = append(holds, slices.Sorted(maps.Values(c.forms()))...)
	}
	holds = append(holds, stateKey.text)
	for at, code := range map[string]int{"1": exitFailed, "intent": exitIncomplete} {
		dir, args := begin("crashed at " + at)
		crashed := inProcess(t, home, append(slices.Clone(env), "VPSYNC_TEST_PANIC_AT="+at, "VPSYNC_TEST_PANIC_HOLDS="+strings.Join(holds, " | "), "GOTRACEBACK=all"), append(args, "--parallelism", "1")...)
		require.Equal(t, code, crashed.code, crashed.stderr)
		require.Contains(t, crashed.stderr, "goroutine ", "it did not crash")
		require.Contains(t, crashed.stderr, "Authorization:[Bearer (sensitive)", "it says nothing of what it holds")
		clean("crash at "+at, []byte(crashed.said()))
		files("crash at " + at)
		if at == "intent" {
			intents(dir, 1)
		}
	}

	// An interrupt while creates are on their way, twice, and a process that is killed there.
	program, err := exec.LookPath("vpsync")
	require.NoError(t, err)
	all(func(e *echo) { e.hangs.Store(true) })
	for _, signals := range [][]syscall.Signal{{syscall.SIGINT, syscall.SIGINT}, {syscall.SIGKILL}} {
		dir, args := begin(fmt.Sprint("ended by ", signals))
		cmd := exec.CommandContext(t.Context(), program, args...)
		out := listener{word: "Interrupted", heard: make(chan struct{})}
		cmd.Dir, cmd.Env, cmd.Stdout, cmd.Stderr = home, append([]string{"HOME=" + home}, env...), &out, &out
		require.NoError(t, cmd.Start())
		ended := make(chan error, 1)
		go func() { ended <- cmd.Wait() }()
		for _, e := range apis {
			select {
			case <-e.came:
			case err := <-ended:
				t.Fatalf("it ended before it sent anything: %v\n%s", err, out.text.String())
			}
		}
		files("creates are on their way")
		for i, signal := range signals {
			if i > 0 {
				<-out.heard
			}
			require.NoError(t, cmd.Process.Signal(signal))
		}
		<-ended
		require.Contains(t, out.text.String(), "password=(sensitive)", "it says nothing of what it sent")
		clean(fmt.Sprint("ended by ", signals), out.text.Bytes())
		files(fmt.Sprint("ended by ", signals))
		intents(dir, 3)
	}
	does(exitDone, "show")
	does(exitDone, "history", "--json")
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
