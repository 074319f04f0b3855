package notify

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// FuzzAddress: what is taken is https or this machine's, and no error tells what was in the variable.
func FuzzAddress(f *testing.F) {
	for _, text := range []string{
		"https://hooks.example/services/T0/B0/secret", "http://127.0.0.1:8080/x", "http://[::1]/x", "http://localhost/x", "http://hooks.example/x",
		"https://ada:secret@hooks.example/x", "https://", "//x", "ftp://x", "https://[::ffff:7f00:1]:99999/", "http://127.0.0.1.example/", "http://0x7f.1/", " https://x \n",
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		u, err := address(text)
		if err != nil {
			if len(text) > 8 {
				require.NotContains(t, err.Error(), text)
			}
			return
		}
		require.NotEmpty(t, u.Hostname())
		require.Nil(t, u.User)
		if u.Scheme != "https" {
			require.Equal(t, "http", u.Scheme)
			host := u.Hostname()
			require.True(t, host == "localhost" || strings.HasPrefix(host, "127.") || strings.Contains(host, ":"), host)
		}
	})
}
