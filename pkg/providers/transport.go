package providers

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"sync/atomic"
	"syscall"
	"time"
)

// Bounds of one answer.
const (
	maxBodyBytes   = 16 << 20 // after decompression
	maxHeaderBytes = 64 << 10
)

// newTransport is one connection pool. The context of each request bounds its time as a whole. Proxy is nil on purpose: an environment variable left over from something
// else must not decide where a token travels.
func newTransport() *http.Transport {
	return &http.Transport{
		Proxy:                  nil,
		DialContext:            (&net.Dialer{Timeout: 10 * time.Second, KeepAlive: 30 * time.Second}).DialContext,
		TLSClientConfig:        &tls.Config{MinVersion: tls.VersionTLS12},
		TLSHandshakeTimeout:    10 * time.Second,
		MaxResponseHeaderBytes: maxHeaderBytes,
		MaxIdleConnsPerHost:    16,
		IdleConnTimeout:        60 * time.Second,
		ForceAttemptHTTP2:      true,
	}
}

// transport is the innermost handler: one HTTP exchange. It uses the RoundTripper itself rather than an http.Client,
// so nothing can follow a redirect, keep a cookie or put a URL with a token into an error.
func (c *Client) transport(rt http.RoundTripper, timeout time.Duration) handler {
	return func(ctx context.Context, r *request) (*answer, error) {
		ctx, cancel := context.WithTimeout(ctx, timeout)
		defer cancel()
		var wire wireTrace
		hr, err := http.NewRequestWithContext(httptrace.WithClientTrace(ctx, wire.trace()), r.method, r.url.String(), nil)
		if err != nil {
			return nil, &wireError{err: fmt.Errorf("%s makes no request", r)}
		}
		hr.Header = r.header.Clone()
		if r.body != nil {
			// Without GetBody, the transport cannot send a body twice by itself.
			hr.Body, hr.ContentLength = io.NopCloser(bytes.NewReader(r.body)), int64(len(r.body))
		}
		if err := ctx.Err(); err != nil {
			return nil, &wireError{err: err}
		}
		if r.ready != nil {
			if err := r.ready(); err != nil {
				return nil, &wireError{err: err, final: true}
			}
		}
		if r.write() {
			c.writes.Add(1)
		} else {
			c.reads.Add(1)
		}
		resp, err := rt.RoundTrip(hr)
		if err != nil {
			return nil, &wireError{err: err, sent: !wire.unsent(err), notHTTP: wire.heard.Load() && !brokeOff(err)}
		}
		defer resp.Body.Close()
		a := &answer{status: resp.StatusCode, header: resp.Header}
		a.body, a.cut = io.ReadAll(io.LimitReader(resp.Body, maxBodyBytes+1))
		if a.cut == nil && len(a.body) > maxBodyBytes {
			a.body, a.cut = nil, fmt.Errorf("the answer is larger than %d MiB", maxBodyBytes>>20)
		}
		return a, nil
	}
}

// wireError is an exchange that ended without an answer.
type wireError struct {
	err   error
	sent  bool // something may have left
	final bool // ready forbade it: trying again would ask it again

	notHTTP bool // something was answered, and no answer could be made of it
}

func (e *wireError) Error() string { return e.err.Error() }
func (e *wireError) Unwrap() error { return e.err }

// wireTrace tells whether anything was written. A transport that is not net/http's (a sandbox in the same process)
// reports nothing; then the kind of error has to tell.
type wireTrace struct{ traced, wrote, heard atomic.Bool }

func (w *wireTrace) trace() *httptrace.ClientTrace {
	return &httptrace.ClientTrace{
		GetConn:      func(string) { w.traced.Store(true) },
		WroteHeaders: func() { w.wrote.Store(true) },

		GotFirstResponseByte: func() { w.heard.Store(true) },
	}
}

// brokeOff: what was wrong with an answer is that no more of it came.
func brokeOff(err error) bool {
	var op *net.OpError
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.As(err, &op) ||
		errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded)
}

func (w *wireTrace) unsent(err error) bool {
	return w.traced.Load() && !w.wrote.Load() || !w.wrote.Load() && beforeAnyByte(err)
}

// beforeAnyByte recognises failures of names, dialling and TLS.
func beforeAnyByte(err error) bool {
	var (
		dns    *net.DNSError
		op     *net.OpError
		verify *tls.CertificateVerificationError
		record tls.RecordHeaderError
		host   x509.HostnameError
		ca     x509.UnknownAuthorityError
	)
	return errors.As(err, &dns) || errors.As(err, &op) && op.Op == "dial" || errors.Is(err, syscall.ECONNREFUSED) ||
		errors.As(err, &verify) || errors.As(err, &record) || errors.As(err, &host) || errors.As(err, &ca)
}
