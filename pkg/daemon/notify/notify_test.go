package notify

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/vpsync/vpsync/pkg/daemon"
)

const (
	slackURL = "https://hooks.slack.example/services/T0/B0/canary-of-the-url"
	hookKey  = "canary-of-the-hmac-key"
)

var environment = map[string]string{
	"SLACK_URL": slackURL, "HOOK_URL": "https://ops.example/vpsync?key=canary-of-the-url", "HOOK_SECRET": hookKey,
	"PLAIN": "http://ops.example/canary", "LOCAL": "http://127.0.0.1:9/x", "USER": "https://u:canary@ops.example/", "SHORT": "canary",
	"BROKEN": "https://ops.example/%zz-canary", "NOHOST": "https:///canary", "FTP": "ftp://ops.example/canary",
}

func getenv(name string) string { return environment[name] }

// world answers requests as it is told, and remembers them.
type world struct {
	mu     sync.Mutex
	answer func(try int, r *http.Request) (*http.Response, error)
	sent   []*http.Request
	bodies [][]byte
	at     []time.Duration
	begun  time.Time
	log    bytes.Buffer
}

func (w *world) RoundTrip(r *http.Request) (*http.Response, error) {
	body, _ := io.ReadAll(r.Body)
	w.mu.Lock()
	w.sent, w.bodies, w.at = append(w.sent, r), append(w.bodies, body), append(w.at, time.Since(w.begun))
	try := len(w.sent)
	w.mu.Unlock()
	return w.answer(try, r)
}

func status(code int, header ...string) (*http.Response, error) {
	h := http.Header{}
	for i := 0; i < len(header); i += 2 {
		h.Set(header[i], header[i+1])
	}
	return &http.Response{StatusCode: code, Header: h, Body: io.NopCloser(strings.NewReader("canary-of-the-body"))}, nil
}

// fake is a service that says when it has changed.
type fake struct {
	daemon.Service
	mu      sync.Mutex
	snap    daemon.Snapshot
	changed chan struct{}
}

func (f *fake) Snapshot() daemon.Snapshot {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.snap
}

func (f *fake) Changed() <-chan struct{} {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.changed
}

func (f *fake) become(stacks ...daemon.StackState) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.snap = daemon.Snapshot{Now: time.Now(), Stacks: stacks}
	close(f.changed)
	f.changed = make(chan struct{})
}

var (
	clean   = daemon.StackState{Name: "shop", Condition: daemon.InSync, Report: &daemon.Report{}}
	drifts  = daemon.StackState{Name: "shop", Condition: daemon.Drifted, Report: &daemon.Report{Drifted: drift("web")}}
	slackTo = daemon.Receiver{Name: "team", Kind: string(Slack), URLEnv: "SLACK_URL"}
	hookTo  = daemon.Receiver{Name: "ops", Kind: string(Webhook), URLEnv: "HOOK_URL", SecretEnv: "HOOK_SECRET"}
)

// run has a notifier tell of one drift, in virtual time, and gives it an hour.
func run(t *testing.T, to daemon.Receiver, answer func(int, *http.Request) (*http.Response, error)) (*world, []daemon.Undelivered) {
	w := &world{answer: answer}
	var undelivered []daemon.Undelivered
	synctest.Test(t, func(t *testing.T) {
		w.begun = time.Now()
		n, err := New([]daemon.Receiver{to}, getenv, Options{Transport: w, Log: slog.New(slog.NewTextHandler(&w.log, nil))})
		require.NoError(t, err)
		f := &fake{snap: daemon.Snapshot{Stacks: []daemon.StackState{clean}}, changed: make(chan struct{})}
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan struct{})
		go func() { defer close(ended); n.Run(ctx, f) }()
		synctest.Wait()
		f.become(drifts)
		time.Sleep(time.Hour)
		f.become(drifts)
		time.Sleep(time.Hour)
		undelivered = n.Undelivered()
		stop()
		<-ended
	})
	require.NotContains(t, w.log.String(), "canary")
	for _, u := range undelivered {
		require.NotContains(t, u.Error, "canary")
	}
	return w, undelivered
}

func TestDelivered(t *testing.T) {
	w, lost := run(t, hookTo, func(int, *http.Request) (*http.Response, error) { return status(204) })
	require.Empty(t, lost)
	require.Len(t, w.sent, 1, "once, though there were two turns")
	require.Equal(t, "POST", w.sent[0].Method)
	require.Equal(t, environment["HOOK_URL"], w.sent[0].URL.String())
	mac := hmac.New(sha256.New, []byte(hookKey))
	mac.Write(w.bodies[0])
	require.Equal(t, "sha256="+hex.EncodeToString(mac.Sum(nil)), w.sent[0].Header.Get("X-Vpsync-Signature-256"))
}

func TestTriedAgain(t *testing.T) {
	w, lost := run(t, slackTo, func(try int, r *http.Request) (*http.Response, error) {
		switch try {
		case 1:
			return nil, &url.Error{Op: "Post", URL: slackURL, Err: errors.New("connection reset")}
		case 2:
			return status(503)
		case 3:
			return status(429, "Retry-After", "100")
		}
		return status(200)
	})
	require.Empty(t, lost)
	require.Equal(t, []time.Duration{0, 2 * time.Second, 10 * time.Second, 110 * time.Second}, w.at)
	require.Equal(t, w.bodies[0], w.bodies[3])
}

func TestGivenUp(t *testing.T) {
	for _, c := range []struct {
		name   string
		answer func(int, *http.Request) (*http.Response, error)
		tries  int
		says   string
	}{
		{"always 500", func(int, *http.Request) (*http.Response, error) { return status(500) }, tries, "500"},
		{"waits for years", func(int, *http.Request) (*http.Response, error) { return status(429, "Retry-After", "999999999999") }, tries, "429"},
		{"no such hook", func(int, *http.Request) (*http.Response, error) { return status(404) }, 1, "404"},
		{"elsewhere", func(int, *http.Request) (*http.Response, error) {
			return status(307, "Location", "https://evil.example/canary")
		}, 1, "does not follow"},
		{"silence", func(_ int, r *http.Request) (*http.Response, error) {
			<-r.Context().Done()
			return nil, r.Context().Err()
		}, tries, "deadline"},
	} {
		t.Run(c.name, func(t *testing.T) {
			w, lost := run(t, slackTo, c.answer)
			require.Len(t, w.sent, c.tries)
			require.Len(t, lost, 1)
			require.Contains(t, lost[0].Error, c.says)
			require.Equal(t, "team", lost[0].Receiver)
			require.Equal(t, "drift found", lost[0].What)
			require.Contains(t, w.log.String(), "a notification was not delivered")
			require.LessOrEqual(t, w.at[len(w.at)-1], 20*time.Minute+50*time.Second)
		})
	}
}

// TestNeverHeldUp: a receiver that does not answer holds up neither the daemon nor the others, and does not fill the memory.
func TestNeverHeldUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &world{begun: time.Now()}
		w.answer = func(_ int, r *http.Request) (*http.Response, error) {
			if r.URL.Host == "ops.example" {
				return status(200)
			}
			<-r.Context().Done()
			return nil, r.Context().Err()
		}
		n, err := New([]daemon.Receiver{slackTo, hookTo}, getenv, Options{Transport: w})
		require.NoError(t, err)
		f := &fake{snap: daemon.Snapshot{Stacks: []daemon.StackState{clean}}, changed: make(chan struct{})}
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan struct{})
		go func() { defer close(ended); n.Run(ctx, f) }()
		synctest.Wait()
		begun := time.Now()
		for range 100 {
			f.become(drifts)
			synctest.Wait()
			f.become(clean)
			synctest.Wait()
		}
		require.Zero(t, time.Since(begun), "nobody waited")
		w.mu.Lock()
		require.GreaterOrEqual(t, len(w.sent), 200)
		w.mu.Unlock()
		require.Len(t, n.Undelivered(), maxKept)
		require.Contains(t, n.Undelivered()[0].Error, "wait to be told already")
		stop()
		<-ended
		require.Contains(t, n.Undelivered()[0].Error, "the daemon ended before")
		time.Sleep(25 * time.Hour)
		require.Empty(t, n.Undelivered(), "it is old news")
	})
}

// TestLastWords: what the last turn of a daemon that ends did is told, too.
func TestLastWords(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &world{begun: time.Now(), answer: func(try int, _ *http.Request) (*http.Response, error) {
			if try == 1 {
				return status(503)
			}
			return status(200)
		}}
		n, err := New([]daemon.Receiver{slackTo}, getenv, Options{Transport: w})
		require.NoError(t, err)
		f := &fake{snap: daemon.Snapshot{Stacks: []daemon.StackState{clean}}, changed: make(chan struct{})}
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan struct{})
		go func() { defer close(ended); n.Run(ctx, f) }()
		synctest.Wait()
		stop()
		f.become(drifts)
		<-ended
		require.Len(t, w.sent, 2)
		require.Empty(t, n.Undelivered())
	})
}

func TestReceivers(t *testing.T) {
	for _, c := range []struct {
		name string
		of   daemon.Receiver
		says string
	}{
		{"unset", daemon.Receiver{Kind: string(Slack), URLEnv: "NONE"}, "export NONE=https://"},
		{"not https", daemon.Receiver{Kind: string(Slack), URLEnv: "PLAIN"}, "not https"},
		{"another scheme", daemon.Receiver{Kind: string(Slack), URLEnv: "FTP"}, "not https"},
		{"a user", daemon.Receiver{Kind: string(Discord), URLEnv: "USER"}, "has a user"},
		{"broken", daemon.Receiver{Kind: string(Discord), URLEnv: "BROKEN"}, "cannot be read"},
		{"no host", daemon.Receiver{Kind: string(Discord), URLEnv: "NOHOST"}, "has no host"},
		{"no secret", daemon.Receiver{Kind: string(Webhook), URLEnv: "HOOK_URL"}, "needs the name of a variable"},
		{"a short one", daemon.Receiver{Kind: string(Webhook), URLEnv: "HOOK_URL", SecretEnv: "SHORT"}, "openssl rand"},
		{"one too many", daemon.Receiver{Kind: string(Slack), URLEnv: "SLACK_URL", SecretEnv: "HOOK_SECRET"}, "signs nothing"},
		{"no kind", daemon.Receiver{Kind: "pager", URLEnv: "SLACK_URL"}, "slack, discord and webhook"},
	} {
		c.of.Name = c.name
		_, err := New([]daemon.Receiver{c.of}, getenv, Options{})
		require.ErrorContains(t, err, c.says, c.name)
		require.ErrorContains(t, err, `"`+c.name+`"`)
		require.NotContains(t, err.Error(), "canary", c.name)
	}
	_, err := New([]daemon.Receiver{{Name: "a", Kind: string(Slack), URLEnv: "LOCAL"}, {Name: "b", Kind: string(Slack), URLEnv: "NONE"}, {Name: "c", URLEnv: "NONE"}}, getenv, Options{})
	require.ErrorContains(t, err, `"b"`)
	require.ErrorContains(t, err, `"c"`)
	require.NotContains(t, err.Error(), `"a"`, "http is good for this machine")
}

// keeping is a service that keeps what was told, as a file does.
type keeping struct {
	*fake
	told map[string]json.RawMessage
}

func (k *keeping) Told(stack string) json.RawMessage { return k.told[stack] }

func (k *keeping) KeepTold(stack string, told json.RawMessage) error {
	k.told[stack] = told
	return nil
}

// TestOverACrash: a situation is told once, by whichever process; one whose telling was cut off is told by the next.
func TestOverACrash(t *testing.T) {
	failing := drifts
	failing.Condition, failing.Failures, failing.Error = daemon.Failing, 1, "vpsync ended in the middle of the last turn"
	synctest.Test(t, func(t *testing.T) {
		kept := map[string]json.RawMessage{}
		// process is one life of a daemon: it begins with the first situation, then comes to the others. A receiver that never answers is one
		// that the process is killed before.
		process := func(answers bool, first daemon.StackState, then ...daemon.StackState) []string {
			w := &world{answer: func(_ int, r *http.Request) (*http.Response, error) {
				if answers {
					return status(200)
				}
				<-r.Context().Done()
				return nil, r.Context().Err()
			}}
			n, err := New([]daemon.Receiver{hookTo}, getenv, Options{Transport: w})
			require.NoError(t, err)
			service := &keeping{&fake{snap: daemon.Snapshot{Stacks: []daemon.StackState{first}}, changed: make(chan struct{})}, kept}
			n.Begin(service)
			ctx, stop := context.WithCancel(t.Context())
			ended := make(chan struct{})
			go func() { n.Run(ctx, service); close(ended) }()
			for _, is := range then {
				synctest.Wait()
				service.become(is)
			}
			synctest.Wait()
			stop()
			<-ended
			var told []string
			for _, body := range w.bodies {
				var notice struct{ Event string }
				require.NoError(t, json.Unmarshal(body, &notice))
				told = append(told, notice.Event)
			}
			return told
		}
		require.Empty(t, process(true, clean), "what is so at the first of all starts is no news")
		require.Equal(t, []string{"drift found"}, process(false, clean, drifts))
		require.Equal(t, []string{"failed", "drift found"}, process(true, failing), "it was not told, and a turn was cut off")
		require.Empty(t, process(true, failing), "the turn after that was cut off, too")
		require.Equal(t, []string{"recovered"}, process(true, failing, drifts))
		require.Equal(t, []string{"healed"}, process(true, clean), "somebody put it back while nobody looked")
		require.Empty(t, process(true, clean))
	})
}

// TestWhatWasToldIsDamaged: the daemon begins anew with that, and says so.
func TestWhatWasToldIsDamaged(t *testing.T) {
	var log bytes.Buffer
	n, err := New([]daemon.Receiver{hookTo}, getenv, Options{Log: slog.New(slog.NewTextHandler(&log, nil))})
	require.NoError(t, err)
	service := &keeping{&fake{snap: daemon.Snapshot{Stacks: []daemon.StackState{drifts}}, changed: make(chan struct{})}, map[string]json.RawMessage{"shop": json.RawMessage(`[]`)}}
	n.Begin(service)
	require.Contains(t, log.String(), "it is not known what was told")
	require.Empty(t, n.receivers[0].waiting)
	require.Contains(t, string(service.told["shop"]), "server.web")
}
