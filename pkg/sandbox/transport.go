package sandbox

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"strconv"
)

// ServeHTTP answers one request. A connection that a fault closes is aborted, so what a client sees is what a
// crashed server shows: a reset, or half a body.
func (s *Sandbox) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := readBody(r.Body)
	if err != nil {
		panic(http.ErrAbortHandler) // the client went away in the middle of its request
	}
	u := *r.URL
	u.Host, u.Scheme = r.Host, "http"
	if r.TLS != nil {
		u.Scheme = "https"
	}
	out := s.handle(request{method: r.Method, url: &u, header: r.Header, body: body})
	switch out.fault {
	case FaultHang:
		_ = s.hang(r.Context(), out)
		panic(http.ErrAbortHandler)
	case FaultCloseBefore, FaultCloseAfter:
		panic(http.ErrAbortHandler)
	}
	for name, values := range out.header {
		w.Header()[name] = values
	}
	if out.fault != FaultTruncate {
		w.WriteHeader(out.status)
		_, _ = w.Write(out.body)
		return
	}
	half := out.half()
	if len(half) == 0 {
		panic(http.ErrAbortHandler)
	}
	w.Header().Set("Content-Length", strconv.Itoa(len(out.body)))
	w.WriteHeader(out.status)
	_, _ = w.Write(half)
	if f, ok := w.(http.Flusher); ok {
		f.Flush()
	}
	panic(http.ErrAbortHandler)
}

// Together serves several accounts of one API at one address, as the vendor does: a request belongs to the account whose token it
// carries, and without a token that is known to the first, which refuses it. There is at least one.
func Together(accounts ...*Sandbox) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for _, s := range accounts {
			if s.opens(r.Header, r.URL.Query()) {
				s.ServeHTTP(w, r)
				return
			}
		}
		accounts[0].ServeHTTP(w, r)
	})
}

// Transport answers requests in process, whatever their host. It keeps to the request's context, and a closed
// connection is the error that a real transport gives: [io.ErrUnexpectedEOF], after the request was written.
func (s *Sandbox) Transport() http.RoundTripper { return transport{s} }

type transport struct{ sandbox *Sandbox }

func (t transport) RoundTrip(r *http.Request) (*http.Response, error) {
	body, err := readBody(r.Body)
	if r.Body != nil {
		err = errors.Join(err, r.Body.Close())
	}
	if err != nil {
		return nil, err
	}
	if err := r.Context().Err(); err != nil {
		return nil, err // not sent
	}
	if trace := httptrace.ContextClientTrace(r.Context()); trace != nil {
		if trace.WroteHeaders != nil {
			trace.WroteHeaders()
		}
		if trace.WroteRequest != nil {
			trace.WroteRequest(httptrace.WroteRequestInfo{})
		}
	}
	out := t.sandbox.handle(request{method: method(r), url: withHost(r), header: r.Header, body: body})
	switch out.fault {
	case FaultHang:
		if err := t.sandbox.hang(r.Context(), out); err != nil {
			return nil, err
		}
		return nil, io.ErrUnexpectedEOF
	case FaultCloseBefore, FaultCloseAfter:
		return nil, io.ErrUnexpectedEOF
	}
	if err := r.Context().Err(); err != nil {
		return nil, err // answered too late
	}
	response := &http.Response{
		Status: fmt.Sprintf("%d %s", out.status, http.StatusText(out.status)), StatusCode: out.status,
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: out.header, ContentLength: int64(len(out.body)), Request: r,
		Body: io.NopCloser(bytes.NewReader(out.body)),
	}
	if out.fault == FaultTruncate {
		half := out.half()
		if len(half) == 0 {
			return nil, io.ErrUnexpectedEOF
		}
		response.Body = io.NopCloser(io.MultiReader(bytes.NewReader(half), broken{}))
	}
	return response, nil
}

func method(r *http.Request) string {
	if r.Method == "" {
		return http.MethodGet
	}
	return r.Method
}

func withHost(r *http.Request) *url.URL {
	u := *r.URL
	if r.Host != "" {
		u.Host = r.Host
	}
	return &u
}

// hang waits until the fault has lasted or the client gave up; the error is the context's.
func (s *Sandbox) hang(ctx context.Context, out reply) error {
	if out.lasts > 0 {
		return s.clock.Sleep(ctx, out.lasts)
	}
	<-ctx.Done()
	return ctx.Err()
}

func (r reply) half() []byte { return r.body[:len(r.body)/2] }

// readBody reads one byte more than a body may have, which tells that it is too large.
func readBody(body io.Reader) ([]byte, error) {
	if body == nil {
		return nil, nil
	}
	return io.ReadAll(io.LimitReader(body, maxBody+1))
}

// broken is what lies behind half an answer.
type broken struct{}

func (broken) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }
