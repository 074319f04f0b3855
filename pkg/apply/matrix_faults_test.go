package apply_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/http/httptrace"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/vpsync/vpsync/pkg/providers"
	"github.com/vpsync/vpsync/pkg/spec"
)

// strike is a request that a fault hits.
type strike struct {
	site *site
	req  *http.Request
	body []byte
	next http.RoundTripper
	n    int // of this fault, from 1
	life context.Context
}

// carried lets the API carry the request out, and gives its answer with the body read.
func (s *strike) carried() (*http.Response, []byte, error) {
	resp, err := s.next.RoundTrip(s.again(s.req.Context()))
	if err != nil {
		return nil, nil, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	return resp, body, err
}

// again is the request to be sent once more.
func (s *strike) again(ctx context.Context) *http.Request {
	r := s.req.Clone(ctx)
	if s.body != nil {
		r.Body = io.NopCloser(bytes.NewReader(s.body))
	}
	return r
}

// written tells the trace that the request left, as net/http does.
func (s *strike) written() {
	if trace := httptrace.ContextClientTrace(s.req.Context()); trace != nil {
		trace.WroteHeaders()
	}
}

// says is an answer that was not the API's idea.
func (s *strike) says(status int, body string, header ...string) *http.Response {
	s.written()
	h := http.Header{"Content-Type": {"application/json"}}
	for i := 0; i+1 < len(header); i += 2 {
		h.Set(header[i], header[i+1])
	}
	return &http.Response{
		StatusCode: status, Status: strconv.Itoa(status), Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Header: h,
		Body: io.NopCloser(strings.NewReader(body)), ContentLength: int64(len(body)), Request: s.req,
	}
}

// answers carries the request out and replaces the body of what was answered.
func (s *strike) answers(change func([]byte) []byte) (*http.Response, error) {
	resp, body, err := s.carried()
	if err != nil {
		return nil, err
	}
	body = change(body)
	resp.Body, resp.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
	return resp, nil
}

// fault is something that goes wrong with a request, once unless times says otherwise.
type fault struct {
	name  string
	times int // -1: until it is taken away
	// want is what is known of a write afterwards. Reads have no outcome.
	want    providers.Outcome
	applies func(*site) bool
	do      func(*strike) (*http.Response, error)
}

func onWrites(s *site) bool { return s.write() }

func onLists(s *site) bool { return s.op.Schema.Name == spec.OpList }

func onCreates(s *site) bool { return s.op.Schema.Name == spec.OpCreate }

// answered: the API's answer to it has a body.
func answered(s *site) bool { return s.op.Success != http.StatusNoContent }

func told(s *site) bool { return s.def.Headers.Reset != "" }

func refusal(status int, body string, header ...string) func(*strike) (*http.Response, error) {
	return func(s *strike) (*http.Response, error) { return s.says(status, body, header...), nil }
}

// later is a refusal of too many requests.
func later(after func(now time.Time) []string) func(*strike) (*http.Response, error) {
	return func(s *strike) (*http.Response, error) {
		return s.says(http.StatusTooManyRequests, `{"message":"slow down"}`, after(time.Now())...), nil
	}
}

func broken(err error) func(*strike) (*http.Response, error) {
	return func(s *strike) (*http.Response, error) { return nil, err }
}

func reset(op string) error { return &net.OpError{Op: op, Net: "tcp", Err: syscall.ECONNRESET} }

// faults are those of family B.
func faults() []fault {
	var all []fault
	add := func(name string, want providers.Outcome, applies func(*site) bool, do func(*strike) (*http.Response, error)) {
		all = append(all, fault{name: name, times: 1, want: want, applies: applies, do: do})
	}

	// The connection.
	add("refused connection", providers.NotSent, nil, broken(&net.OpError{Op: "dial", Net: "tcp", Err: syscall.ECONNREFUSED}))
	add("no such name", providers.NotSent, nil, broken(&net.DNSError{Err: "no such host", Name: "api.example.com", IsNotFound: true}))
	add("wrong certificate", providers.NotSent, nil, broken(x509.UnknownAuthorityError{}))
	add("idle connection closed", providers.NotSent, nil, func(s *strike) (*http.Response, error) {
		httptrace.ContextClientTrace(s.req.Context()).GetConn("api.example.com:443")
		return nil, errors.New("http: server closed idle connection")
	})
	add("reset before", providers.Unknown, nil, func(s *strike) (*http.Response, error) {
		s.written()
		return nil, reset("read")
	})
	add("reset after", providers.Unknown, nil, func(s *strike) (*http.Response, error) {
		if _, _, err := s.carried(); err != nil {
			return nil, err
		}
		return nil, reset("read")
	})
	add("timeout before", providers.Unknown, nil, func(s *strike) (*http.Response, error) {
		s.written()
		<-s.req.Context().Done()
		return nil, s.req.Context().Err()
	})
	add("timeout after", providers.Unknown, nil, func(s *strike) (*http.Response, error) {
		if _, _, err := s.carried(); err != nil {
			return nil, err
		}
		<-s.req.Context().Done()
		return nil, s.req.Context().Err()
	})
	add("a minute after our timeout", providers.Unknown, onWrites, func(s *strike) (*http.Response, error) {
		s.written()
		<-s.req.Context().Done()
		go func() {
			select {
			case <-time.After(time.Minute):
			case <-s.life.Done(): // the case failed
				return
			}
			if resp, err := s.next.RoundTrip(s.again(context.Background())); err == nil {
				_ = resp.Body.Close()
			}
		}()
		return nil, s.req.Context().Err()
	})

	// Throttling.
	const throttled = providers.NotSent // nothing was carried out, and it is sent again
	add("429 seconds", throttled, nil, later(func(time.Time) []string { return []string{"Retry-After", "30"} }))
	add("429 zero", throttled, nil, later(func(time.Time) []string { return []string{"Retry-After", "0"} }))
	add("429 date", throttled, nil, later(func(now time.Time) []string {
		return []string{"Retry-After", now.Add(40 * time.Second).UTC().Format(http.TimeFormat)}
	}))
	add("429 past date", throttled, nil, later(func(now time.Time) []string {
		return []string{"Retry-After", now.Add(-24 * time.Hour).UTC().Format(http.TimeFormat)}
	}))
	add("429 nonsense", throttled, nil, later(func(time.Time) []string { return []string{"Retry-After", "soon"} }))
	add("429 silent", throttled, nil, later(func(time.Time) []string { return nil }))
	add("429 reset header", throttled, told, func(s *strike) (*http.Response, error) {
		return s.says(429, "", s.site.def.Headers.Reset, strconv.FormatInt(time.Now().Add(50*time.Second).Unix(), 10)), nil
	})
	add("429 thirty years", providers.Refused, nil, later(func(time.Time) []string { return []string{"Retry-After", "1000000000"} }))
	all = append(all, fault{name: "429 storm", times: 50, want: providers.Refused, do: later(func(time.Time) []string { return nil })})

	// The server.
	add("500", providers.Unknown, nil, refusal(500, `{"message":"oops"}`))
	add("500 after", providers.Unknown, nil, func(s *strike) (*http.Response, error) {
		if _, _, err := s.carried(); err != nil {
			return nil, err
		}
		return s.says(500, `{"message":"oops"}`), nil
	})
	add("502 page", providers.Unknown, nil, refusal(502, "<html><h1>Bad Gateway</h1></html>", "Content-Type", "text/html"))
	add("503", providers.Unknown, nil, refusal(503, "", "Retry-After", "5"))
	add("200 page", providers.Unknown, nil, refusal(200, "<!doctype html><title>Log in</title>", "Content-Type", "text/html"))
	for _, status := range []int{400, 401, 402, 403, 404, 405, 409, 410, 413, 415, 422, 501} {
		want := providers.Refused
		add(strconv.Itoa(status), want, nil, func(s *strike) (*http.Response, error) {
			return s.says(status, errorBody(s.site.def, strconv.Itoa(status))), nil
		})
	}
	add("200 with an error", "", nil, func(s *strike) (*http.Response, error) {
		return s.says(200, errorBody(s.site.def, "500")), nil
	})
	add("301", providers.Unknown, nil, refusal(301, "", "Location", "https://elsewhere.example.com/v1/"))
	add("307", providers.Unknown, nil, refusal(307, "", "Location", "/v2/other"))

	// The body of what was carried out.
	body := func(name string, want providers.Outcome, change func([]byte) []byte) {
		add(name, want, answered, func(s *strike) (*http.Response, error) { return s.answers(change) })
	}
	body("empty", "", func([]byte) []byte { return nil })
	body("null", "", func([]byte) []byte { return []byte("null") })
	body("truncated", providers.Unknown, func(b []byte) []byte { return b[:len(b)/2] })
	body("trailing bytes", providers.Unknown, func(b []byte) []byte { return append(b, "{}"...) })
	body("invalid UTF-8", providers.Unknown, func(b []byte) []byte { return bytes.Replace(b, []byte(`":"`), []byte("\":\"\xff"), 1) })
	body("duplicate keys", providers.Unknown, func(b []byte) []byte { return inside(b, `"x":1,"x":2`) })
	body("deep nesting", providers.Unknown, func(b []byte) []byte { return inside(b, `"x":`+strings.Repeat("[", 1e5)+strings.Repeat("]", 1e5)) })
	body("gzip unasked", providers.Unknown, func(b []byte) []byte {
		var z bytes.Buffer
		w := gzip.NewWriter(&z)
		_, _ = w.Write(b)
		_ = w.Close()
		return z.Bytes()
	})
	body("wrong types", "", mapped(func(key string, v any) any {
		switch v.(type) {
		case string, json.Number, bool:
			if !strings.HasSuffix(key, "id") {
				return map[string]any{"x": 1}
			}
		}
		return v
	}))
	body("swapped types", "", mapped(func(_ string, v any) any {
		if n, ok := v.(json.Number); ok {
			return n.String()
		}
		return v
	}))
	body("huge numbers", "", mapped(func(_ string, v any) any {
		if _, ok := v.(json.Number); ok {
			return json.Number("9e999999999")
		}
		return v
	}))
	body("unknown status", "", mapped(func(key string, v any) any {
		if strings.HasSuffix(key, "status") {
			return "quantum"
		}
		return v
	}))
	body("unknown fields", "", func(b []byte) []byte { return inside(b, `"x_new":{"a":[1,2,{}]}`) })
	endless := func(each time.Duration) func(*strike) (*http.Response, error) {
		return func(s *strike) (*http.Response, error) {
			resp, _, err := s.carried()
			if err != nil {
				return nil, err
			}
			resp.Body, resp.ContentLength = io.NopCloser(&drip{ctx: s.req.Context(), each: each, left: 100 << 20}), -1
			return resp, nil
		}
	}
	add("100 MB", providers.Unknown, answered, endless(0))
	add("a byte each 10 s", providers.Unknown, answered, endless(10*time.Second))

	// What the answer means.
	add("carried out twice", "", onCreates, func(s *strike) (*http.Response, error) {
		if _, _, err := s.carried(); err != nil {
			return nil, err
		}
		return s.next.RoundTrip(s.again(s.req.Context()))
	})
	add("carried out twice, unanswered", providers.Unknown, onCreates, func(s *strike) (*http.Response, error) {
		for range 2 {
			if _, _, err := s.carried(); err != nil {
				return nil, err
			}
		}
		return nil, reset("read")
	})
	add("page shifted", "", onLists, func(s *strike) (*http.Response, error) {
		return s.answers(listed(s.site, func(items []any) []any { return nil }))
	})
	add("listed twice", "", onLists, func(s *strike) (*http.Response, error) {
		return s.answers(listed(s.site, func(items []any) []any { return append(slices.Clone(items), items...) }))
	})
	add("list is one object", "", onLists, func(s *strike) (*http.Response, error) {
		return s.answers(listed(s.site, func(items []any) []any { return items[:min(1, len(items))] }))
	})
	add("code for name", "", func(s *site) bool {
		k := s.def.Kinds[s.kind]
		return k != nil && answered(s) && slices.ContainsFunc(slices.Collect(maps.Values(k.Wire)), func(w providers.Wire) bool { return w.ReadsAs != nil })
	}, func(s *strike) (*http.Response, error) {
		codes := map[string]string{}
		for _, w := range s.site.def.Kinds[s.site.kind].Wire {
			for code, names := range w.ReadsAs {
				codes[names[0]] = code
			}
		}
		return s.answers(mapped(func(_ string, v any) any {
			if name, ok := v.(string); ok && codes[name] != "" {
				return codes[name]
			}
			return v
		}))
	})
	return all
}

// errorBody is an error in the vendor's form, with its code for the status.
func errorBody(def *providers.Definition, status string) string {
	doc := map[string]any{}
	put := func(paths []providers.Path, v string) {
		if len(paths) == 0 {
			return
		}
		at, parts := doc, strings.Split(string(paths[0]), ".")
		for _, p := range parts[:len(parts)-1] {
			if _, ok := at[p].(map[string]any); !ok {
				at[p] = map[string]any{}
			}
			at = at[p].(map[string]any)
		}
		at[parts[len(parts)-1]] = v
	}
	put(def.Error.Code, "CODE_"+status)
	put(def.Error.Message, "the vendor says "+status)
	b, err := json.Marshal(doc)
	if err != nil {
		panic(err)
	}
	return string(b)
}

// inside puts members into the first object of a document, or around one that has none.
func inside(b []byte, members string) []byte {
	i := bytes.IndexByte(b, '{')
	if i < 0 {
		return []byte("{" + members + "}")
	}
	comma := ","
	if bytes.HasPrefix(bytes.TrimSpace(b[i+1:]), []byte("}")) {
		comma = ""
	}
	return slices.Concat(b[:i+1], []byte(members+comma), b[i+1:])
}

// mapped changes every value of a document but containers.
func mapped(change func(key string, v any) any) func([]byte) []byte {
	var walk func(key string, v any) any
	walk = func(key string, v any) any {
		switch c := v.(type) {
		case map[string]any:
			for name, e := range c {
				c[name] = walk(name, e)
			}
			return c
		case []any:
			for i, e := range c {
				c[i] = walk(key, e)
			}
			return c
		}
		return change(key, v)
	}
	return func(b []byte) []byte { return remade(b, func(doc any) any { return walk("", doc) }) }
}

// listed changes the entries of a list.
func listed(s *site, change func([]any) []any) func([]byte) []byte {
	return func(b []byte) []byte {
		return remade(b, func(doc any) any {
			if list, ok := doc.([]any); ok {
				return change(list)
			}
			m := doc.(map[string]any)
			path := string(s.def.Paging.Items)
			list, _ := m[path].([]any)
			m[path] = change(list)
			return m
		})
	}
}

func remade(b []byte, change func(any) any) []byte {
	if len(b) == 0 {
		return b
	}
	d := json.NewDecoder(bytes.NewReader(b))
	d.UseNumber()
	var doc any
	if err := d.Decode(&doc); err != nil {
		panic(fmt.Sprintf("%s: %q", err, b))
	}
	out, err := json.Marshal(change(doc))
	if err != nil {
		panic(err)
	}
	return out
}

// drip is a body that ends late, or never in anybody's time.
type drip struct {
	ctx  context.Context
	each time.Duration
	left int
}

func (d *drip) Read(p []byte) (int, error) {
	if d.left == 0 {
		return 0, io.EOF
	}
	n := min(len(p), d.left)
	if d.each > 0 {
		n = 1
		select {
		case <-time.After(d.each):
		case <-d.ctx.Done():
			return 0, d.ctx.Err()
		}
	}
	for i := range p[:n] {
		p[i] = ' '
	}
	d.left -= n
	return n, nil
}

// between stands between vpsync and the API. It knows of every write when it left, and whether its outcome could be known.
type between struct {
	life  context.Context // the case's
	site  *site
	next  http.RoundTripper
	mu    sync.Mutex
	fault *fault // nil: none any more
	hits  int
	sends []sending // writes of the site
	all   int       // requests of any sort
}

// sending is a write that left, or would have.
type sending struct {
	at, ended time.Time
	struck    bool
}

func (w *between) RoundTrip(r *http.Request) (*http.Response, error) {
	w.mu.Lock()
	w.all++
	f, ours := w.fault, w.site.matches(r)
	struck := ours && f != nil && (f.times < 0 || w.hits < f.times)
	if struck {
		w.hits++
	}
	n := w.hits
	at := -1
	if ours && w.site.write() {
		at = len(w.sends)
		w.sends = append(w.sends, sending{at: time.Now(), struck: struck})
	}
	w.mu.Unlock()
	defer func() {
		if at >= 0 {
			w.mu.Lock()
			w.sends[at].ended = time.Now()
			w.mu.Unlock()
		}
	}()
	if !struck {
		return w.next.RoundTrip(r)
	}
	s := &strike{site: w.site, req: r, next: w.next, n: n, life: w.life}
	if r.Body != nil {
		var err error
		if s.body, err = io.ReadAll(r.Body); err != nil {
			return nil, err
		}
	}
	return f.do(s)
}
