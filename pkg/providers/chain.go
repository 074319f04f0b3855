package providers

import (
	"context"
	"net/http"
	"net/url"
)

// handler carries out one request. A chain of them does what a client has to do, each one thing. The error of the
// finished chain is always an *Error.
type handler func(ctx context.Context, r *request) (*answer, error)

// request is one call on its way down the chain. A retry sends the same request again; handlers below retry
// therefore only add what they would add again.
type request struct {
	kind     string
	op       *Operation
	method   string
	path     string // escaped, below the base URL, with a leading slash
	query    url.Values
	next     *url.URL // the whole URL instead, where an answer named it
	fields   []field  // of the body
	encoding Encoding
	ready    func() error
	known    *Secrets // what must not appear in what is shown: those of the client, with this request's
	short    []string // and those of this request that are too short to be hidden anywhere else

	url    *url.URL
	header http.Header
	body   []byte
}

// write: the request may change something, so it is repeated only where it surely had no effect.
func (r *request) write() bool { return r.method != http.MethodGet }

// String is the request as messages show it: without a query, which may hold a token.
func (r *request) String() string {
	if r.next != nil {
		return r.method + " " + r.next.EscapedPath()
	}
	return r.method + " " + r.path
}

// class is the rate-limit class that the definition counts the request in.
func (r *request) class() string { return r.op.Schema.RateLimit }

// answer is what came back, on its way up the chain.
type answer struct {
	status   int
	header   http.Header
	body     []byte
	cut      error // the body ended early or was too large; body holds what there was
	document any   // the body as JSON; nil where it is empty
	// wait is how long a 429 asks to wait; 0 where it does not say.
	wait retryAfter
}
