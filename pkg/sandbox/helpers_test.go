package sandbox

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/vpsync/vpsync/pkg/providers"
	"github.com/vpsync/vpsync/pkg/providers/servosphere"
	"github.com/vpsync/vpsync/pkg/spec"
	"github.com/zclconf/go-cty/cty"
)

const token = "sandbox-token"

// start is the time at which every test begins.
var start = time.Date(2025, 1, 15, 10, 30, 0, 0, time.UTC)

// testClock is time that moves when a test says so. Sleep moves it, too.
type testClock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *testClock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *testClock) Sleep(ctx context.Context, d time.Duration) error {
	c.pass(d)
	return ctx.Err()
}

func (c *testClock) pass(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

func decodeDefinition(t testing.TB, source string) *providers.Definition {
	t.Helper()
	def, diags := providers.Decode([]byte(source), "test.provider.hcl")
	for _, d := range diags {
		require.NotEqualf(t, spec.SeverityError, d.Severity, "%s: %s", d.Summary, d.Detail)
	}
	return def
}

// world is a sandbox and a client that says what it means.
type world struct {
	*Sandbox
	t     testing.TB
	clock *testClock
}

func newWorld(t testing.TB, change ...func(*Options)) *world {
	t.Helper()
	return worldOf(t, string(servosphere.Source), change...)
}

func worldOf(t testing.TB, source string, change ...func(*Options)) *world {
	t.Helper()
	clock := &testClock{now: start}
	o := Options{Token: token, Clock: clock}
	for _, f := range change {
		f(&o)
	}
	s, err := Open(decodeDefinition(t, source), o)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	return &world{Sandbox: s, t: t, clock: clock}
}

// response is an answer as a client sees it.
type response struct {
	t      testing.TB
	Status int
	Header http.Header
	Body   string
}

// do sends a request in process; body is JSON or empty.
func (w *world) do(method, path, body string, header ...string) response {
	w.t.Helper()
	r, err := w.try(context.Background(), method, path, body, header...)
	require.NoError(w.t, err)
	return r
}

func (w *world) try(ctx context.Context, method, path, body string, header ...string) (response, error) {
	r, err := http.NewRequestWithContext(ctx, method, "https://api.example.net"+path, strings.NewReader(body))
	require.NoError(w.t, err)
	r.Header.Set("Authorization", "Bearer "+token)
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	answer, err := w.Transport().RoundTrip(r)
	if err != nil {
		return response{}, err
	}
	got, err := io.ReadAll(answer.Body)
	return response{t: w.t, Status: answer.StatusCode, Header: answer.Header, Body: string(got)}, err
}

// read is an answer that came otherwise.
func read(t testing.TB, answer *http.Response) response {
	t.Helper()
	got, err := io.ReadAll(answer.Body)
	require.NoError(t, err)
	return response{t: t, Status: answer.StatusCode, Header: answer.Header, Body: string(got)}
}

// at is the value at a dotted path of the answer; null where there is none.
func (r response) at(path string) any {
	r.t.Helper()
	var v any
	require.NoErrorf(r.t, json.Unmarshal([]byte(r.Body), &v), "%s", r.Body)
	for name := range strings.SplitSeq(path, ".") {
		switch inner := v.(type) {
		case map[string]any:
			v = inner[name]
		case []any:
			i := int(name[0] - '0')
			require.Less(r.t, i, len(inner))
			v = inner[i]
		default:
			return nil
		}
	}
	return v
}

func (r response) text(path string) string {
	r.t.Helper()
	s, ok := r.at(path).(string)
	require.Truef(r.t, ok, "%s is no text in %s", path, r.Body)
	return s
}

// want insists on a status.
func (r response) want(status int) response {
	r.t.Helper()
	require.Equalf(r.t, status, r.Status, "%s", r.Body)
	return r
}

// bodies of objects that the tests need often.
const (
	serverBody  = `{"name":"web","plan":"vps-medium","location":"AMS"}`
	volumeBody  = `{"name":"data","size_gb":500,"type":"ssd"}`
	networkBody = `{"name":"net","cidr":"10.0.0.0/24"}`
	ruleBody    = `{"name":"http","protocol":"tcp","port_range":"80","source":"0.0.0.0/0","action":"allow"}`
)

func (w *world) create(path, body string) string {
	w.t.Helper()
	return w.do("POST", path, body).want(201).text("data.id")
}

func serverValues(name string) spec.Values {
	return spec.Values{"name": cty.StringVal(name), "plan": cty.StringVal("vps-medium"), "location": cty.StringVal("AMS")}
}

// list is an answer that is a bare array.
func (r response) list() []any {
	r.t.Helper()
	var v []any
	require.NoErrorf(r.t, json.Unmarshal([]byte(r.Body), &v), "%s", r.Body)
	return v
}
