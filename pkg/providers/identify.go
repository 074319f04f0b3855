package providers

import (
	"context"
	"net/http"
)

// identify sets the headers that every request has. It never sets Idempotency-Key: net/http would take that as
// leave to send a POST twice by itself.
func identify(next handler, userAgent string) handler {
	return func(ctx context.Context, r *request) (*answer, error) {
		if r.header == nil {
			r.header = http.Header{}
		}
		r.header.Set("Accept", "application/json")
		r.header.Set("User-Agent", userAgent)
		return next(ctx, r)
	}
}
