package apply_test

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/vpsync/vpsync/internal/panics"
)

// mistaken panics where a list is read.
type mistaken struct{}

func (mistaken) RoundTrip(*http.Request) (*http.Response, error) { panic("a mistake") }

// TestRefreshPanics: a panic while the account is read, in goroutines of its own, comes to whoever asked for it.
func TestRefreshPanics(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.write(quickstart)
		w.wire = func(http.RoundTripper) http.RoundTripper { return mistaken{} }
		defer func() {
			got, ok := recover().(*panics.Panic)
			require.True(t, ok)
			require.Equal(t, "a mistake", got.Value)
			require.Contains(t, string(got.Stack), "mistaken.RoundTrip")
		}()
		w.plan()
		t.Error("nobody has noticed")
	})
}
