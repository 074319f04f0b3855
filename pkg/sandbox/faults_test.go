package sandbox

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httptrace"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/vpsync/vpsync/pkg/providers/servosphere"
)

func (w *world) arm(f Fault) {
	w.t.Helper()
	require.NoError(w.t, w.AddFault(f))
}

// last is the newest entry of the log.
func (w *world) last() LogEntry {
	w.t.Helper()
	log := must(w.Log())
	require.NotEmpty(w.t, log)
	return log[len(log)-1]
}

func TestFaultStatus(t *testing.T) {
	w := newWorld(t)
	w.arm(Fault{Request: "POST /servers", Do: FaultStatus, Status: 503, Header: http.Header{"retry-after": {"7"}}})
	r := w.do("POST", "/v2/servers", serverBody).want(503)
	require.Equal(t, "SERVICE_UNAVAILABLE", r.text("error.code"))
	require.Equal(t, "7", r.Header.Get("Retry-After"))
	require.Empty(t, must(w.Objects("")))
	require.Equal(t, LogEntry{Time: start, Method: "POST", Path: "/servers", Operation: "server.create", Status: 503, Fault: FaultStatus}, w.last())
	w.do("POST", "/servers", serverBody).want(201)
	require.Equal(t, LogEntry{Time: start, Method: "POST", Path: "/servers", Operation: "server.create", Status: 201, Done: true}, w.last())

	w.arm(Fault{Do: FaultStatus, Status: 502, Body: "bad gateway"})
	require.Equal(t, "bad gateway", w.do("GET", "/anything", "").want(502).Body)
}

func TestFaultsCountMatchingRequests(t *testing.T) {
	w := newWorld(t)
	w.do("GET", "/networks", "")
	w.arm(Fault{Request: "GET /networks", Nth: 2, Times: 2, Do: FaultStatus, Status: 500})
	var got []int
	for range 5 {
		got = append(got, w.do("GET", "/networks?page=1", "").Status)
		w.do("GET", "/servers", "").want(200)
		w.do("POST", "/networks", networkBody).want(201)
	}
	require.Equal(t, []int{200, 500, 500, 200, 200}, got)
	require.Empty(t, must(w.Faults()), "one that has hit its last request is gone")

	w.arm(Fault{Request: "DELETE /servers/{id}", Times: -1, Do: FaultStatus, Status: 500})
	for range 3 {
		w.do("DELETE", "/servers/srv_1", "").want(500)
	}
	require.Len(t, must(w.Faults()), 1)
	require.NoError(t, w.ClearFaults())
	w.do("DELETE", "/servers/srv_1", "").want(404)

	// Two for the same request strike one after the other.
	w.arm(Fault{Do: FaultStatus, Status: 500})
	w.arm(Fault{Do: FaultStatus, Status: 501})
	w.do("GET", "/servers", "").want(500)
	w.do("GET", "/servers", "").want(501)
	w.do("GET", "/servers", "").want(200)
}

func TestFaultCloses(t *testing.T) {
	w := newWorld(t)
	for _, after := range []bool{false, true} {
		kind := map[bool]FaultKind{false: FaultCloseBefore, true: FaultCloseAfter}[after]
		w.arm(Fault{Request: "POST /monitoring/alerts", Do: kind})
		written := false
		ctx := httptrace.WithClientTrace(context.Background(), &httptrace.ClientTrace{WroteRequest: func(httptrace.WroteRequestInfo) { written = true }})
		_, err := w.try(ctx, "POST", "/monitoring/alerts", `{"name":"n","metric":"cpu","threshold":90,"condition":"greater_than"}`)
		require.ErrorIs(t, err, io.ErrUnexpectedEOF)
		require.True(t, written)
		require.Equal(t, after, len(must(w.Objects("alert_rule"))) == 1)
		require.Equal(t, after, w.last().Done)
		require.Zero(t, w.last().Status)
		require.Equal(t, kind, w.last().Fault)
	}
}

func TestFaultTruncatesAndHTML(t *testing.T) {
	w := newWorld(t)
	w.arm(Fault{Do: FaultTruncate})
	whole := `{"data":{"id":"srv_1000000001"`
	r, err := w.try(context.Background(), "POST", "/servers", serverBody)
	require.ErrorIs(t, err, io.ErrUnexpectedEOF)
	require.Equal(t, 201, r.Status)
	require.Contains(t, r.Body, whole)
	require.Len(t, must(w.Objects("server")), 1)

	w.arm(Fault{Do: FaultTruncate})
	_, err = w.try(context.Background(), "DELETE", "/servers/srv_1000000001", "")
	require.ErrorIs(t, err, io.ErrUnexpectedEOF, "there is no half of nothing")
	require.Empty(t, must(w.Objects("server")))

	w.arm(Fault{Do: FaultHTML})
	r = w.do("POST", "/servers", serverBody).want(200)
	require.Contains(t, r.Header.Get("Content-Type"), "text/html")
	require.Contains(t, r.Body, "<!DOCTYPE html>")
	require.Empty(t, must(w.Objects("server")))
}

func TestFaultHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, err := Open(decodeDefinition(t, string(servosphere.Source)), Options{Token: token})
		require.NoError(t, err)
		w := &world{Sandbox: s, t: t}
		began := time.Now()
		w.arm(Fault{Do: FaultHang})
		ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
		defer cancel()
		_, err = w.try(ctx, "POST", "/servers", serverBody)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.Equal(t, 30*time.Second, time.Since(began))

		w.arm(Fault{Do: FaultHang, For: time.Minute})
		_, err = w.try(context.Background(), "POST", "/servers", serverBody)
		require.ErrorIs(t, err, io.ErrUnexpectedEOF)
		require.Equal(t, 90*time.Second, time.Since(began))
		require.Empty(t, must(w.Objects("")))
	})
}

func TestFaultLag(t *testing.T) {
	dir := t.TempDir()
	w := newWorld(t, func(o *Options) { o.Dir, o.Provisioning = dir, 20*time.Second })
	names := func() []any {
		var found []any
		for _, s := range w.do("GET", "/servers", "").want(200).at("data").([]any) {
			found = append(found, s.(map[string]any)["name"], s.(map[string]any)["status"])
		}
		return found
	}
	one := w.create("/servers", serverBody)
	w.clock.pass(30 * time.Second)
	require.NoError(t, w.Delete("server", one))
	w.create("/servers", `{"name":"new","plan":"vps-small","location":"IST"}`)
	w.arm(Fault{Do: FaultLag, For: 20 * time.Second, Times: 2})
	w.do("DELETE", "/servers/srv_9", "").want(404)
	require.Equal(t, []any{"web", "provisioning"}, names(), "neither the deletion nor the new one is seen")
	require.NoError(t, w.store.locked(func() error { return w.store.compact(w.now()) }))
	require.Equal(t, []any{"web", "provisioning"}, names())
	require.Equal(t, []any{"new", "provisioning"}, names())
	w.arm(Fault{Do: FaultLag, For: 31 * time.Second})
	require.Empty(t, names())
}

func TestFaultsThatMakeNoSense(t *testing.T) {
	w := newWorld(t)
	for says, f := range map[string]Fault{
		"is not one of status, close-before": {Do: "explode"},
		`does not read like "POST`:           {Do: FaultHang, Request: "/servers"},
		"count from 1":                       {Do: FaultHang, Nth: -1},
		"-1 means all":                       {Do: FaultHang, Times: -2},
		"between 200 and 599":                {Do: FaultStatus},
		"at most 1h":                         {Do: FaultLag, For: 2 * time.Hour},
	} {
		require.ErrorContains(t, w.AddFault(f), says)
	}
	require.Empty(t, must(w.Faults()))
}

func TestFaultsOverHTTP(t *testing.T) {
	w := newWorld(t)
	server := httptest.NewServer(w)
	defer server.Close()
	ask := func(ctx context.Context, method, path string) (int, string, error) {
		r, err := http.NewRequestWithContext(ctx, method, server.URL+path, nil)
		require.NoError(t, err)
		r.Header.Set("Authorization", "Bearer "+token)
		answer, err := server.Client().Do(r)
		if err != nil {
			return 0, "", err
		}
		defer answer.Body.Close()
		body, err := io.ReadAll(answer.Body)
		return answer.StatusCode, string(body), err
	}
	id := w.create("/servers", serverBody)
	status, body, err := ask(t.Context(), "GET", "/v2/servers")
	require.NoError(t, err)
	require.Equal(t, 200, status)
	require.Contains(t, body, id)

	w.arm(Fault{Do: FaultCloseBefore})
	_, _, err = ask(t.Context(), "DELETE", "/v2/servers/"+id)
	require.Error(t, err)
	require.Len(t, must(w.Objects("server")), 1)

	w.arm(Fault{Do: FaultCloseAfter})
	_, _, err = ask(t.Context(), "DELETE", "/v2/servers/"+id)
	require.Error(t, err)
	require.Empty(t, must(w.Objects("server")))

	w.arm(Fault{Do: FaultTruncate})
	status, body, err = ask(t.Context(), "GET", "/v2/servers")
	require.ErrorIs(t, err, io.ErrUnexpectedEOF)
	require.Equal(t, 200, status)
	require.NotEmpty(t, body)

	w.arm(Fault{Do: FaultHang})
	ctx, cancel := context.WithCancelCause(t.Context())
	time.AfterFunc(20*time.Millisecond, func() { cancel(errors.New("enough")) })
	_, _, err = ask(ctx, "GET", "/v2/servers")
	require.ErrorContains(t, err, "enough")
}

// TestFaultsOnDisk: a fault that is spent or cleared is so for every process that shares the folder.
func TestFaultsOnDisk(t *testing.T) {
	open := func(dir string) *Sandbox {
		s, err := Open(decodeDefinition(t, string(servosphere.Source)), Options{Dir: dir, Token: "t"})
		require.NoError(t, err)
		t.Cleanup(func() { require.NoError(t, s.Close()) })
		return s
	}
	dir := t.TempDir()
	first := open(dir)
	require.NoError(t, first.AddFault(Fault{Do: FaultStatus, Status: 500}))
	request := httptest.NewRequest("GET", "/servers", nil)
	recorder := httptest.NewRecorder()
	first.ServeHTTP(recorder, request)
	require.Equal(t, 500, recorder.Code)
	require.Empty(t, must(open(dir).Faults()), "spent")

	require.NoError(t, first.AddFault(Fault{Do: FaultStatus, Status: 500, Times: -1}))
	require.Len(t, must(open(dir).Faults()), 1)
	require.NoError(t, first.ClearFaults())
	require.Empty(t, must(open(dir).Faults()), "cleared")
}
