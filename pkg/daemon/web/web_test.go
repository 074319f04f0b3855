package web

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil/promlint"
	"github.com/stretchr/testify/require"
	"github.com/vpsync/vpsync/pkg/daemon"
	"go.uber.org/goleak"
)

var noon = time.Date(2026, 11, 21, 12, 20, 0, 0, time.UTC)

const secret = "a long secret of the hook"

var allowed = Options{
	Token: "the token", Loopback: true,
	HookSecret: func(stack string) string {
		if stack == "shop" || stack == "unknown" {
			return secret
		}
		return ""
	},
}

// ask sends one request as a browser on this machine would, unless how changes it.
func ask(h http.Handler, method, path, body string, how ...func(*http.Request)) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	r.Host = "localhost:8642"
	for _, f := range how {
		f(r)
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

func header(name, value string) func(*http.Request) {
	return func(r *http.Request) { r.Header.Set(name, value) }
}

func host(name string) func(*http.Request) { return func(r *http.Request) { r.Host = name } }

func TestEveryAnswerIsGuarded(t *testing.T) {
	h := Handler(newFake(rich(noon)), allowed)
	for _, path := range []string{"/", "/stacks/shop", "/stacks/none", "/api/v1/status", "/api/v1/stacks/shop", "/metrics", "/healthz", "/readyz", "/nowhere", "/assets/page.css", "/assets/no"} {
		got := ask(h, "GET", path, "").Header()
		require.Equal(t, policy, got.Get("Content-Security-Policy"), path)
		require.Equal(t, "nosniff", got.Get("X-Content-Type-Options"), path)
		require.Equal(t, "no-referrer", got.Get("Referrer-Policy"), path)
		require.Equal(t, "no-store", got.Get("Cache-Control"), path)
		require.NotEmpty(t, got.Get("Content-Type"), path)
	}
	require.NotContains(t, policy, "unsafe")
	got := ask(h, "GET", "/api/v1/stacks/shop/graph.svg", "")
	require.Equal(t, "image/svg+xml", got.Header().Get("Content-Type"))
	require.Contains(t, got.Header().Get("Content-Security-Policy"), "sandbox")
	require.Contains(t, got.Body.String(), "<svg")
}

// TestNames: a page elsewhere whose name resolves to this machine gets nothing.
func TestNames(t *testing.T) {
	for _, c := range []struct {
		loopback bool
		names    []string
		host     string
		status   int
	}{
		{true, nil, "localhost:8642", 200},
		{true, nil, "localhost", 200},
		{true, nil, "127.0.0.1:8642", 200},
		{true, nil, "[::1]:8642", 200},
		{true, nil, "[::1]", 200},
		{true, nil, "vpsync.localhost", 200},
		{true, nil, "evil.example", 421},
		{true, nil, "localhost.evil.example", 421},
		{true, nil, "evil.example:8642", 421},
		{true, nil, "192.0.2.1", 421},
		{true, nil, "0.0.0.0:8642", 421},
		{true, nil, "", 421},
		{true, []string{"vpsync.example.com"}, "VPSYNC.example.com.:443", 200},
		{true, []string{"vpsync.example.com"}, "evil.example", 421},
		{false, nil, "vpsync.example.com", 200},
		{false, []string{"vpsync.example.com"}, "evil.example", 421},
		{false, []string{"vpsync.example.com"}, "192.0.2.1:8642", 200},
	} {
		h := Handler(newFake(rich(noon)), Options{Loopback: c.loopback, Names: c.names})
		require.Equal(t, c.status, ask(h, "GET", "/api/v1/status", "", host(c.host)).Code, "%+v", c)
	}
}

func TestProbes(t *testing.T) {
	f := newFake(rich(noon))
	h := Handler(f, allowed)
	require.Equal(t, 200, ask(h, "GET", "/healthz", "").Code)
	got := ask(h, "GET", "/readyz", "")
	require.Equal(t, 503, got.Code)
	require.Equal(t, "not yet: 4 of 5 stacks have had a turn\n", got.Body.String())
	f.change(func(s *daemon.Snapshot) { s.Ready = true })
	require.Equal(t, 200, ask(h, "GET", "/readyz", "").Code)
}

func TestAPI(t *testing.T) {
	h := Handler(newFake(rich(noon)), allowed)
	var all daemon.Snapshot
	require.NoError(t, json.Unmarshal(ask(h, "GET", "/api/v1/status", "").Body.Bytes(), &all))
	require.Len(t, all.Stacks, 5)
	require.Equal(t, "srv-48211", all.Stacks[1].Report.Drifted[0].ID)
	var one daemon.StackState
	require.NoError(t, json.Unmarshal(ask(h, "GET", "/api/v1/stacks/shop", "").Body.Bytes(), &one))
	require.Equal(t, all.Stacks[1], one)
	require.JSONEq(t, `{"format_version": "1.0"}`, ask(h, "GET", "/api/v1/stacks/shop/plan", "").Body.String())
	for path, says := range map[string]string{
		"/api/v1/stacks/none": "no stack", "/api/v1/stacks/archive/plan": "no plan yet", "/api/v1/stacks/archive/graph.svg": "no picture yet", "/api/v1": "nothing at",
	} {
		got := ask(h, "GET", path, "")
		require.Equal(t, 404, got.Code, path)
		require.Contains(t, got.Body.String(), says, path)
	}
	require.Equal(t, 404, ask(h, "DELETE", "/api/v1/status", "").Code)
}

func TestApproving(t *testing.T) {
	const path = "/api/v1/runs/r-20261121-1216-a41c/approve"
	bearer := header("Authorization", "Bearer the token")
	for _, c := range []struct {
		name, path, body string
		how              []func(*http.Request)
		o                Options
		status           int
	}{
		{"no token", path, "", nil, allowed, 401},
		{"another token", path, "", []func(*http.Request){header("Authorization", "Bearer the tokem")}, allowed, 401},
		{"a part of it", path, "", []func(*http.Request){header("Authorization", "Bearer the")}, allowed, 401},
		{"another scheme", path, "", []func(*http.Request){header("Authorization", "Basic the token")}, allowed, 401},
		{"in a cookie", path, "", []func(*http.Request){header("Cookie", "token=the token")}, allowed, 401},
		{"in the address", path + "?token=the+token", "", nil, allowed, 401},
		{"nobody may", path, "", []func(*http.Request){header("Authorization", "Bearer ")}, Options{}, 403},
		{"another name of the address", path, "", []func(*http.Request){bearer, host("evil.example")}, allowed, 421},
		{"another run", "/api/v1/runs/r-0/approve", "", []func(*http.Request){bearer}, allowed, 409},
		{"no document", path, "who=ada", []func(*http.Request){bearer}, allowed, 400},
		{"too much", path, strings.Repeat(" ", maxRequest+1), []func(*http.Request){bearer}, allowed, 400},
	} {
		f := newFake(rich(noon))
		got := ask(Handler(f, c.o), "POST", c.path, c.body, c.how...)
		require.Equal(t, c.status, got.Code, c.name)
		approved, _ := f.said()
		require.Empty(t, approved, c.name)
		var p problem
		require.NoError(t, json.Unmarshal(got.Body.Bytes(), &p), c.name)
		require.NotEmpty(t, p.Error, c.name)
	}
	f := newFake(rich(noon))
	h := Handler(f, allowed)
	require.Equal(t, 202, ask(h, "POST", path, `{"who": "ada\u001b[31m"}`, bearer).Code)
	approved, _ := f.said()
	require.Equal(t, []string{"r-20261121-1216-a41c", `ada\x1b[31m`}, approved)
	require.Equal(t, 409, ask(h, "POST", path, "", bearer).Code, "a second time")
	require.Equal(t, 404, ask(h, "GET", path, "", bearer).Code, "only by POST")
}

func TestTurn(t *testing.T) {
	f := newFake(rich(noon))
	h := Handler(f, allowed)
	require.Equal(t, 401, ask(h, "POST", "/api/v1/stacks/shop/turn", "").Code)
	require.Equal(t, 404, ask(h, "POST", "/api/v1/stacks/none/turn", "", header("Authorization", "bearer the token")).Code)
	require.Equal(t, 202, ask(h, "POST", "/api/v1/stacks/shop/turn", "", header("Authorization", "bearer the token")).Code)
	_, turns := f.said()
	require.Equal(t, []string{"shop", "the API"}, turns)
}

func TestHook(t *testing.T) {
	sign := func(body string) string {
		mac := hmac.New(sha256.New, []byte(secret))
		mac.Write([]byte(body))
		return "sha256=" + hex.EncodeToString(mac.Sum(nil))
	}
	const body = `{"ref":"refs/heads/main"}`
	large := strings.Repeat("x", maxHook+1)
	for _, c := range []struct {
		name, path, body, signature, event string
		status                             int
	}{
		{"a push", "/hooks/shop", body, sign(body), "push", 202},
		{"another host", "/hooks/shop", body, sign(body), "", 202},
		{"a ping", "/hooks/shop", body, sign(body), "ping", 200},
		{"an issue", "/hooks/shop", body, sign(body), "issues", 200},
		{"unsigned", "/hooks/shop", body, "", "push", 401},
		{"another body", "/hooks/shop", body + " ", sign(body), "push", 401},
		{"half a signature", "/hooks/shop", body, sign(body)[:40], "push", 401},
		{"no prefix", "/hooks/shop", body, strings.TrimPrefix(sign(body), "sha256="), "push", 401},
		{"not hex", "/hooks/shop", body, "sha256=zz", "push", 401},
		{"a stack without a secret", "/hooks/office", body, sign(body), "push", 404},
		{"no stack", "/hooks/unknown", body, sign(body), "push", 404},
		{"too large", "/hooks/shop", large, sign(large), "push", 413},
	} {
		f := newFake(rich(noon))
		got := ask(Handler(f, allowed), "POST", c.path, c.body, header("X-Hub-Signature-256", c.signature), header("X-GitHub-Event", c.event))
		require.Equal(t, c.status, got.Code, c.name)
		_, turns := f.said()
		require.Equal(t, c.status == 202, len(turns) > 0, c.name)
	}
}

func TestMetrics(t *testing.T) {
	h := Handler(newFake(rich(noon)), allowed)
	got := ask(h, "GET", "/metrics", "")
	require.Equal(t, 200, got.Code)
	text := got.Body.String()
	problems, err := promlint.New(strings.NewReader(text)).Lint()
	require.NoError(t, err)
	require.Empty(t, problems)
	for _, line := range []string{
		`vpsync_stack_in_sync{stack="office"} 1`, `vpsync_stack_in_sync{stack="shop"} 0`,
		`vpsync_drifted_resources{stack="shop"} 2`, `vpsync_unmanaged_resources{stack="shop"} 2`,
		`vpsync_turns_total{result="drift",stack="shop"} 6`, `vpsync_turns_total{result="failed",stack="shop"} 0`,
		`vpsync_api_requests_total{stack="shop"} 1200`,
		`vpsync_api_budget_remaining_requests{account="servosphere.main",class="read",stack="shop"} 412`,
		`vpsync_last_success_age_seconds{stack="shop"} 240`, `vpsync_questions{stack="lab"} 1`,
		`vpsync_stack_condition{condition="failing",stack="mail"} 1`, `vpsync_pending_changes{action="change",stack="shop"} 2`,
	} {
		require.Contains(t, text, line+"\n")
	}
	require.NotContains(t, text, `vpsync_last_success_age_seconds{stack="archive"}`)
	require.NotContains(t, text, `account="evotic.eu"`, "what is not known is not told")
}

// TestMetricsOfTwins: labels that look the same do not spoil the answer.
func TestMetricsOfTwins(t *testing.T) {
	snap := rich(noon)
	b := daemon.Budget{Account: "a", Class: "\x01", Limit: 5, Remaining: 3}
	twin := b
	twin.Class = `\x01`
	snap.Stacks[0].Report.Budgets = []daemon.Budget{b, twin, b}
	require.Equal(t, 200, ask(Handler(newFake(snap), allowed), "GET", "/metrics", "").Code)
}

// TestServe: the server ends when it is told to, though somebody looks on, and leaves nothing behind.
func TestServe(t *testing.T) {
	defer goleak.VerifyNone(t)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() { ended <- Serve(ctx, l, newFake(rich(noon)), Options{}) }()
	client := &http.Client{Transport: &http.Transport{}}
	defer client.CloseIdleConnections()
	stream, err := client.Get("http://" + l.Addr().String() + "/events")
	require.NoError(t, err)
	defer stream.Body.Close()
	require.Equal(t, "text/event-stream", stream.Header.Get("Content-Type"))
	r, err := http.NewRequest("GET", "http://"+l.Addr().String()+"/healthz", nil)
	require.NoError(t, err)
	r.Host = "evil.example" // the listener is on loopback, and Serve has seen that
	refused, err := client.Do(r)
	require.NoError(t, err)
	refused.Body.Close()
	require.Equal(t, 421, refused.StatusCode)
	r, err = http.NewRequest("GET", "http://"+l.Addr().String()+"/healthz", nil)
	require.NoError(t, err)
	r.Header.Set("X-Large", strings.Repeat("x", 3*maxHeader))
	large, err := client.Do(r)
	require.NoError(t, err)
	large.Body.Close()
	require.Equal(t, 431, large.StatusCode)
	stop()
	require.NoError(t, <-ended)
	_, err = io.Copy(io.Discard, stream.Body)
	_ = err // it ended, one way or another
}

// TestManual: docs/daemon-http.md has every metric, and none that is no more.
func TestManual(t *testing.T) {
	page, err := os.ReadFile("../../../docs/daemon-http.md")
	require.NoError(t, err)
	snap := rich(noon)
	told := map[string]bool{}
	for _, m := range regexp.MustCompile(`(?m)^# TYPE (vpsync_\w+) `).FindAllStringSubmatch(ask(Handler(newFake(snap), allowed), "GET", "/metrics", "").Body.String(), -1) {
		told[m[1]] = true
	}
	listed := map[string]bool{}
	for _, m := range regexp.MustCompile("(?m)^\\| `(vpsync_\\w+)` \\|").FindAllStringSubmatch(string(page), -1) {
		listed[m[1]] = true
	}
	require.Equal(t, told, listed)
	require.Contains(t, string(page), daemon.DefaultAddress)
}
