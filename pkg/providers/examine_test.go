package providers_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/vpsync/vpsync/pkg/providers"
)

// examined has every kind of question: of each that the vendor does not print, something is to be learned.
const examined = `provider "acme" {
  base_url = "https://api.acme.example/v1"

  auth "bearer" {
    token_env = "ACME_TOKEN"
  }

  error {
    code    = "code"
    message = "message"
  }

  rate_limit "standard" {
    requests = 100
    per      = "1h"
  }

  rate_limit_headers {
    limit     = "X-Limit"
    remaining = "X-Remaining"
    reset     = "X-Reset"
  }

  paging "page" {
    page_parameter = "page"
    items          = "boxes"
    page_count     = "pages"
  }
}

kind "box" {
  identity = ["name"]
  id       = "box_12"

  attribute "name" {
    type      = string
    required  = true
    on_change = "update"
    read      = "spec.name"
  }

  attribute "size" {
    type     = number
    computed = true
  }

  wait {
    request    = "GET /boxes/{id}/progress"
    documented = false
    ready      = { busy = [false] }

    attribute "busy" {
      type = bool
      read = "is_busy"
    }
  }

  create {
    request    = "POST /boxes"
    documented = true
    sends      = ["name"]
  }

  list {
    request    = "GET /boxes"
    documented = true
  }

  read {
    request    = "GET /boxes/{id}"
    documented = false
  }

  update {
    request    = "PATCH /boxes/{id}"
    documented = false
    sends      = ["name"]
  }
}

kind "lid" {
  identity         = ["box_id", "color"]
  id               = "7"
  parent           = "box"
  parent_attribute = "box_id"

  attribute "box_id" {
    type      = string
    required  = true
    refers_to = "box"
    on_change = "replace"
  }

  attribute "color" {
    type      = string
    required  = true
    on_change = "replace"
  }

  list {
    request    = "GET /boxes/{box_id}/lids"
    documented = false

    paging "none" {}
  }

  read {
    request    = "GET /boxes/{box_id}/lids/{id}"
    documented = false
  }
}

data "boxes" {
  request    = "GET /boxes"
  documented = false
  lists      = "boxes"

  argument "color" {
    type     = string
    optional = true
  }

  attribute "boxes" {
    type = list(object({ id = string, size = number }))
  }
}

data "load" {
  request    = "GET /boxes/{box_id}/load"
  documented = false

  argument "box_id" {
    type      = string
    required  = true
    refers_to = "box"
  }

  argument "unit" {
    type     = string
    required = true
    one_of   = ["percent", "watt"]
  }

  attribute "load" {
    type = number
  }
}

data "invoice" {
  request    = "GET /invoices/{number}"
  documented = false

  argument "number" {
    type     = string
    required = true
  }

  attribute "total" {
    type = number
  }
}

task "shake" {
  on         = "box"
  request    = "POST /boxes/{id}/shake"
  documented = true
}
`

// fitting are answers that are as the definition says, by request.
func fitting() map[string]string {
	return map[string]string{
		"/v1/boxes?page=1":                  `{"boxes": [{"id": "box_1", "spec": {"name": "a"}, "size": 3}], "pages": 9}`,
		"/v1/boxes/box_1":                   `{"id": "box_1", "spec": {"name": "a"}, "size": 3}`,
		"/v1/boxes/box_1/progress":          `{"is_busy": false}`,
		"/v1/boxes/box_1/lids":              `[{"id": 7, "color": "red"}]`,
		"/v1/boxes/box_1/lids/7":            `{"id": 7, "color": "red"}`,
		"/v1/boxes/box_1/load?unit=percent": `{"load": 12.5}`,
	}
}

// host answers as it is told to, 404 otherwise, and notes what arrived.
type host struct {
	answers map[string]string
	status  map[string]int
	header  map[string]string
	mu      sync.Mutex
	asked   []string
}

func (h *host) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.asked = append(h.asked, r.Method+" "+r.URL.RequestURI())
	w.Header().Set("Date", newClock().Now().Format(http.TimeFormat))
	for name, value := range h.header {
		w.Header().Set(name, value)
	}
	w.Header().Set("Content-Type", "application/json")
	body, ok := h.answers[r.URL.RequestURI()]
	if !ok {
		w.WriteHeader(http.StatusNotFound)
		body = `{"code": "NOT_FOUND", "message": "No such page"}`
	}
	if status := h.status[r.URL.RequestURI()]; status != 0 {
		w.WriteHeader(status)
	}
	_, _ = w.Write([]byte(body))
}

// examine examines a host on this machine.
func examine(t *testing.T, src string, h http.Handler, change ...func(*providers.Config)) (*providers.Client, *providers.Examination) {
	t.Helper()
	server := httptest.NewServer(h)
	t.Cleanup(server.Close)
	at := func(c *providers.Config) { c.BaseURL, c.Transport = server.URL+"/v1", nil }
	c := client(t, src, nil, append([]func(*providers.Config){at}, change...)...)
	found, err := c.Examine(t.Context())
	require.NoError(t, err)
	return c, found
}

// verdicts are the checks in short: "box read: confirmed".
func verdicts(x *providers.Examination) []string {
	var all []string
	for _, c := range x.Checks {
		line := c.Of + " " + c.Operation + ": " + string(c.Verdict)
		if c.Reason != "" {
			line += ": " + c.Reason
		}
		all = append(all, line)
	}
	return all
}

func TestExamineConfirms(t *testing.T) {
	h := &host{answers: fitting(), header: map[string]string{"X-Limit": "100", "X-Remaining": "61", "X-Reset": "1767326400"}}
	c, x := examine(t, examined, h)
	require.Equal(t, []string{
		"box wait: confirmed",
		"box create: not checkable: it would change something",
		"box list: documented",
		"box read: confirmed",
		"box update: not checkable: it would change something",
		"lid list: confirmed",
		"lid read: confirmed",
		"data.boxes read: confirmed",
		"data.load read: confirmed",
		"data.invoice read: not checkable: it takes number, which nothing in the definition leads to",
		"box task.shake: not checkable: it would change something",
	}, verdicts(x))
	// One page of each list, each request once, and nothing but reads.
	require.ElementsMatch(t, []string{
		"GET /v1/boxes?page=1", "GET /v1/boxes/box_1/progress", "GET /v1/boxes/box_1", "GET /v1/boxes/box_1/lids", "GET /v1/boxes/box_1/lids/7",
		"GET /v1/boxes/box_1/load?unit=percent",
	}, h.asked)
	require.Equal(t, 6, x.Requests)
	require.Equal(t, providers.TokenAccepted, x.Token)
	require.True(t, x.Reach.Answered)
	require.Equal(t, x.Reach.Host, x.Reach.Connected)
	require.Empty(t, x.Reach.TLS)
	require.Equal(t, 56, c.Budgets()[0].Remaining) // 61 after the first, and five since
	line := strings.Count(examined[:strings.Index(examined, `"GET /boxes/{id}"`)], "\n") + 1
	require.Equal(t, line, x.Checks[3].Place.Start.Line)
	require.True(t, x.Checks[2].Asked)
	require.False(t, x.Checks[4].Asked)
	require.True(t, x.Checks[4].Writes)
}

// TestExamineJudges: what one answer does to the verdict of its operation, all others being as they should.
func TestExamineJudges(t *testing.T) {
	for _, c := range []struct {
		path, body string
		status     int
		want       string
	}{
		{"/v1/boxes/box_1", `{"id": "box_1", "spec": {}}`, 0, "box read: refuted: the answer has no spec.name, where name of the box is read"},
		{"/v1/boxes/box_1", `{"id": "box_1", "spec": {"name": "a"}, "size": "big"}`, 0, "box read: refuted: size of box_1: a string where the definition says number"},
		{"/v1/boxes/box_1", `{"id": "box_2", "spec": {"name": "a"}}`, 0, `box read: refuted: the answer is about "box_2"`},
		{"/v1/boxes/box_1", `{"box": {"id": "box_1", "owner": "me@example.com"}}`, 0, "box read: refuted: the answer holds no object with an id: it is an object with box"},
		{"/v1/boxes/box_1", `<html>Welcome</html>`, 0, `box read: refuted: 200 OK: the answer is not usable JSON`},
		{"/v1/boxes/box_1", ``, 405, "box read: refuted: 405 Method Not Allowed"},
		{"/v1/boxes/box_1", ``, 301, "box read: refuted: 301 Moved Permanently: the API redirects"},
		{"/v1/boxes/box_1", `{"code": "BAD", "message": "owner is missing"}`, 400, "box read: refuted: 400 BAD: owner is missing"},
		{"/v1/boxes/box_1", ``, 0, "box read: refuted: the answer holds no object with an id: it is empty"},
		{"/v1/boxes/box_1", `{"id": "box_1", "spec": {"name": "a"}}`, 203, "box read: confirmed: it answers 203 where the definition says 200"},
		{"/v1/boxes/box_1", `{"message": "not yours"}`, 403, "box read: not checkable: the token may not ask for it: 403 Forbidden: not yours"},
		{"/v1/boxes/box_1", `{"message": "away"}`, 503, "box read: not checkable: 503 Service Unavailable: away"},
		{"/v1/boxes/box_1/progress", `{"busy": false}`, 0, "box wait: refuted: the answer has no is_busy, which tells when one box is ready: it is an object with busy"},
		{"/v1/boxes/box_1/load?unit=percent", `{"value": 1, "token": "t0ken"}`, 0, "data.load read: refuted: the answer holds none of load: it is an object with token, value"},
		{"/v1/boxes/box_1/load?unit=percent", `[1]`, 0, "data.load read: refuted: the answer is no object: it is a list"},
		{"/v1/boxes/box_1/load?unit=percent", `{"load": {}}`, 0, "data.load read: refuted: load of data.load: an object where the definition says number"},
		{"/v1/boxes/box_1/lids", `{"lids": []}`, 0, "lid list: refuted: the answer is no list as a whole: it is an object with lids"},
		{"/v1/boxes/box_1/lids", `{"lids": []}`, 0, "lid read: not checkable: it takes the id of one lid, and their list could not be read"},
		{"/v1/boxes/box_1/lids", `[{"color": "red"}]`, 0, "lid list: refuted: entry 1 of the list has no id"},
		{"/v1/boxes/box_1/lids", `[{"id": "seven", "color": "red"}]`, 0, `lid list: confirmed: the id "seven" is not like 7`},
		{"/v1/boxes/box_1/lids", `[]`, 0, "lid list: confirmed: the list is empty, so no object was looked at"},
		{"/v1/boxes/box_1/lids", `[]`, 0, "lid read: not checkable: it takes the id of one lid, and there is none"},
		{"/v1/boxes?page=1", `{"boxes": []}`, 0, "box read: not checkable: it takes the id of one box, and there is none"},
		{"/v1/boxes?page=1", `{"boxes": [{"id": "box_1", "spec": {"name": "a"}, "size": {}}]}`, 0, "box list: refuted: size of box_1: an object where the definition says number"},
		{"/v1/boxes?page=1", `{"boxes": [{"name": "a"}]}`, 0, "data.boxes read: refuted: the entries of the list hold none of id, size"},
		{"/v1/boxes?page=1", `{"boxes": [{"size": 1}]}`, 0, "data.boxes read: refuted: no entry of the list has an id"},
		{"/v1/boxes?page=1", `{"results": []}`, 0, `box list: refuted: the answer is no list at "boxes": it is an object with results`},
	} {
		h := &host{answers: fitting(), status: map[string]int{}}
		h.answers[c.path], h.status[c.path] = c.body, c.status
		_, x := examine(t, examined, h)
		got := verdicts(x)
		require.Condition(t, func() bool {
			for _, line := range got {
				if strings.HasPrefix(line, c.want) {
					return true
				}
			}
			return false
		}, "%s %s: want %q in\n%s", c.path, c.body, c.want, strings.Join(got, "\n"))
		require.NotContains(t, strings.Join(got, "\n"), "t0ken")
		require.NotContains(t, strings.Join(got, "\n"), "me@example.com")
		for _, k := range x.Checks {
			require.Equal(t, c.status >= 500 && k.Verdict == providers.VerdictNotCheckable && k.Asked, k.Unanswered, "%+v", k)
		}
	}
}

// TestExamineDocumented: where the vendor prints everything, one request tells of the token and of the way.
func TestExamineDocumented(t *testing.T) {
	h := &host{answers: map[string]string{"/v1/boxes": `[]`}}
	_, x := examine(t, tiny, h)
	require.Equal(t, []string{"GET /v1/boxes"}, h.asked)
	require.Equal(t, []string{
		"box create: not checkable: it would change something",
		"box list: documented: the list is empty, so no object was looked at",
		"box read: documented",
		"box update: not checkable: it would change something",
		"box delete: not checkable: it would change something",
	}, verdicts(x))
}

func TestExamineStops(t *testing.T) {
	t.Run("token", func(t *testing.T) {
		h := &host{answers: map[string]string{"/v1/boxes?page=1": `{"code": "NO", "message": "t0ken is wrong"}`}, status: map[string]int{"/v1/boxes?page=1": 401}}
		_, x := examine(t, examined, h)
		require.Len(t, h.asked, 1)
		require.Equal(t, providers.TokenRefused, x.Token)
		require.Equal(t, "401 NO: (sensitive) is wrong", x.TokenSays)
		require.Contains(t, verdicts(x), "box read: not checkable: the API does not accept the token")
	})
	t.Run("rate limit", func(t *testing.T) {
		now := newClock().Now()
		h := &host{answers: fitting(), header: map[string]string{"X-Limit": "100", "X-Remaining": "0", "X-Reset": sprint(now.Add(time.Minute).Unix())}}
		_, x := examine(t, examined, h)
		require.Len(t, h.asked, 1)
		require.Contains(t, verdicts(x), `lid list: not checkable: the rate limit "standard" is used up until 03:05:05 UTC`)
		require.True(t, x.Checks[3].Unanswered)
	})
	t.Run("silence", func(t *testing.T) {
		asked := 0
		c := client(t, examined, tripper(func(r *http.Request) (*http.Response, error) {
			if asked++; asked > 1 {
				return nil, io.ErrUnexpectedEOF
			}
			return says(200, fitting()[r.URL.RequestURI()]), nil
		}))
		x, err := c.Examine(t.Context())
		require.NoError(t, err)
		require.Equal(t, 3, asked) // nothing is repeated, and two in a row are enough
		require.Equal(t, 3, x.Requests)
		require.True(t, x.Reach.Answered)
		require.Equal(t, providers.StageAnswer, x.Reach.Failed)
		require.Contains(t, verdicts(x), "data.load read: not checkable: the API did not answer any more")
	})
	t.Run("cancelled", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		c := client(t, examined, tripper(func(*http.Request) (*http.Response, error) {
			cancel()
			return nil, context.Canceled
		}))
		_, err := c.Examine(ctx)
		require.ErrorIs(t, err, context.Canceled)
	})
}

func TestExamineReach(t *testing.T) {
	reach := func(base string, transport http.RoundTripper) providers.Reach {
		c := client(t, examined, nil, func(c *providers.Config) { c.BaseURL, c.Transport = base, transport })
		x, err := c.Examine(t.Context())
		require.NoError(t, err)
		require.Equal(t, providers.TokenUnknown, x.Token)
		require.False(t, x.Reach.Answered)
		require.Error(t, x.Reach.Err)
		require.Contains(t, verdicts(x), "lid list: not checkable: the API cannot be reached")
		return x.Reach
	}
	closed := httptest.NewServer(http.NotFoundHandler())
	closed.Close()
	require.Equal(t, providers.StageConnection, reach(closed.URL, nil).Failed)
	strange := httptest.NewUnstartedServer(http.NotFoundHandler())
	strange.Config.ErrorLog = quiet()
	strange.StartTLS() // with a certificate that nobody vouches for
	defer strange.Close()
	require.Equal(t, providers.StageTLS, reach(strange.URL, nil).Failed)
	trusted := httptest.NewTLSServer(&host{answers: fitting()})
	defer trusted.Close()
	c := client(t, examined, nil, func(c *providers.Config) { c.BaseURL, c.Transport = trusted.URL+"/v1", trusted.Client().Transport })
	x, err := c.Examine(t.Context())
	require.NoError(t, err)
	require.True(t, x.Reach.Answered)
	require.Equal(t, "TLS 1.3", x.Reach.TLS)
	require.Equal(t, trusted.Certificate().NotAfter, x.Reach.CertificateEnds)
	nameless := &net.Dialer{Resolver: &net.Resolver{PreferGo: true, Dial: func(context.Context, string, string) (net.Conn, error) {
		return nil, errors.New("no name server")
	}}}
	require.Equal(t, providers.StageDNS, reach("https://nowhere.invalid/v1", &http.Transport{DialContext: nameless.DialContext}).Failed)
}

func TestExamineClock(t *testing.T) {
	ours := newClock().Now() // 03:04:05
	for _, c := range []struct {
		theirs time.Time
		ahead  time.Duration
		adrift bool
	}{
		{ours, 0, false},
		{ours.Add(-time.Second), 0, false}, // it may have been the very end of that second
		{ours.Add(-11 * time.Second), -10 * time.Second, false},
		{ours.Add(time.Minute), time.Minute, false},
		{ours.Add(7 * time.Minute), 7 * time.Minute, true},
		{ours.Add(-time.Hour), -time.Hour + time.Second, true},
	} {
		h := &host{answers: fitting(), header: map[string]string{"Date": c.theirs.Format(http.TimeFormat)}}
		_, x := examine(t, examined, h)
		require.Equal(t, providers.ClockReading{Told: true, Ahead: c.ahead}, x.Clock, "%s", c.theirs)
		require.Equal(t, c.adrift, x.Clock.Adrift())
	}
	// What takes its time on the way is no drift.
	late := newClock()
	_, x := examine(t, examined, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Date", late.Now().Format(http.TimeFormat))
		_ = late.Sleep(r.Context(), 20*time.Second)
		_ = json.NewEncoder(w).Encode([]any{})
	}), func(c *providers.Config) { c.Clock = late })
	require.Equal(t, providers.ClockReading{Told: true}, x.Clock)
	// Neither is the age of what a cache kept, nor a date that is none.
	for _, header := range []map[string]string{{"Date": ours.Add(-time.Hour).Format(http.TimeFormat), "Age": "3600"}, {"Date": "yesterday"}} {
		_, x := examine(t, examined, &host{answers: fitting(), header: header})
		require.False(t, x.Clock.Told)
	}
}
