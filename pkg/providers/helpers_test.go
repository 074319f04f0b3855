package providers_test

import (
	"context"
	"fmt"
	"io"
	"log"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/vpsync/vpsync/pkg/providers"
)

// tiny is the smallest definition with every operation.
const tiny = `provider "acme" {
  base_url = "https://api.acme.example/v1"

  auth "bearer" {
    token_env = "ACME_TOKEN"
  }

  error {
    code    = "code"
    message = ["message", "detail"]
  }
}

kind "box" {
  identity = ["name"]
  id       = "1234"

  attribute "name" {
    type      = string
    required  = true
    on_change = "update"
  }
  create {
    request    = "POST /boxes"
    documented = false
    sends      = ["name"]
  }

  list {
    request    = "GET /boxes"
    documented = true
  }

  read {
    request    = "GET /boxes/{id}"
    documented = true
  }

  update {
    request    = "PATCH /boxes/{id}"
    documented = true
    sends      = ["name"]
  }

  delete {
    request    = "DELETE /boxes/{id}"
    documented = true
  }
}
`

func decode(t testing.TB, src string) *providers.Definition {
	t.Helper()
	def, diags := providers.Decode([]byte(src), "acme.provider.hcl")
	require.Empty(t, shown(diags))
	return def
}

// tripper is a function as a transport.
type tripper func(*http.Request) (*http.Response, error)

func (f tripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// says makes an answer. Headers come in pairs.
func says(status int, body string, header ...string) *http.Response {
	h := http.Header{}
	for i := 0; i+1 < len(header); i += 2 {
		h.Set(header[i], header[i+1])
	}
	return &http.Response{StatusCode: status, Header: h, Body: io.NopCloser(strings.NewReader(body))}
}

// script answers one request after the other and notes what was asked.
type script struct {
	mu      sync.Mutex
	answers []func() (*http.Response, error)
	asked   []string
	last    *http.Request
	body    string
}

func (s *script) RoundTrip(r *http.Request) (*http.Response, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.asked = append(s.asked, r.Method+" "+r.URL.RequestURI())
	s.last, s.body = r, ""
	if r.Body != nil {
		body, _ := io.ReadAll(r.Body)
		s.body = string(body)
	}
	if len(s.answers) == 0 {
		return says(500, ""), nil
	}
	next := s.answers[0]
	s.answers = s.answers[1:]
	return next()
}

func answers(list ...*http.Response) []func() (*http.Response, error) {
	var all []func() (*http.Response, error)
	for _, r := range list {
		all = append(all, func() (*http.Response, error) { return r, nil })
	}
	return all
}

func fails(err error) func() (*http.Response, error) {
	return func() (*http.Response, error) { return nil, err }
}

// clock is virtual time: sleeping takes none, and is noted.
type clock struct {
	mu    sync.Mutex
	now   time.Time
	slept []time.Duration
}

func newClock() *clock { return &clock{now: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)} }

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) Sleep(ctx context.Context, d time.Duration) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if d > 0 {
		c.now = c.now.Add(d)
		c.slept = append(c.slept, d)
	}
	return nil
}

func (c *clock) total() (sum time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, d := range c.slept {
		sum += d
	}
	return sum
}

// client makes a client of a definition's source whose transport is rt.
func client(t testing.TB, src string, rt http.RoundTripper, change ...func(*providers.Config)) *providers.Client {
	t.Helper()
	config := providers.Config{Account: "acme", Token: "t0ken", Transport: rt, Clock: newClock(), Jitter: func() float64 { return 0 }}
	for _, f := range change {
		f(&config)
	}
	c, err := providers.New(decode(t, src), config)
	require.NoError(t, err)
	return c
}

func sprint(v any) string { return fmt.Sprint(v) }

func quiet() *log.Logger { return log.New(io.Discard, "", 0) }
