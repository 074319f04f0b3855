package providers

import (
	"context"
	"net/url"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestTokenIsBoundToItsHost: even if a request got past every other check, the token does not leave for another place.
func TestTokenIsBoundToItsHost(t *testing.T) {
	endpoint, err := url.Parse("https://api.acme.example/v1")
	require.NoError(t, err)
	sent := 0
	h := authorize(func(context.Context, *request) (*answer, error) { sent++; return &answer{}, nil }, Auth{Scheme: AuthBearer}, endpoint, "t0ken")
	for _, place := range []string{"https://evil.example/v1", "http://api.acme.example/v1", "https://api.acme.example:8443/v1", "https://u:p@api.acme.example/v1"} {
		next, err := url.Parse(place)
		require.NoError(t, err)
		r := &request{next: next, known: &Secrets{}}
		_, err = h(t.Context(), r)
		require.ErrorContains(t, err, "is not for host", place)
		require.Empty(t, r.header)
	}
	require.Zero(t, sent)
	next, err := url.Parse("https://api.acme.example/v1/boxes")
	require.NoError(t, err)
	_, err = h(t.Context(), &request{next: next, known: &Secrets{}})
	require.NoError(t, err)
	require.Equal(t, 1, sent)
}
