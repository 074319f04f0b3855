package providers_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/vpsync/vpsync/pkg/providers"
)

func TestAuthSchemes(t *testing.T) {
	for scheme, c := range map[string]struct {
		block string
		check func(*testing.T, *http.Request)
	}{
		"bearer": {`auth "bearer" { token_env = "ACME_TOKEN" }`, func(t *testing.T, r *http.Request) {
			require.Equal(t, "Bearer t0ken", r.Header.Get("Authorization"))
		}},
		"basic": {"auth \"basic\" {\n token_env = \"ACME_TOKEN\"\n name = \"api\"\n}", func(t *testing.T, r *http.Request) {
			user, password, _ := r.BasicAuth()
			require.Equal(t, "api t0ken", user+" "+password)
		}},
		"header": {"auth \"header\" {\n token_env = \"ACME_TOKEN\"\n name = \"X-Key\"\n}", func(t *testing.T, r *http.Request) {
			require.Equal(t, "t0ken", r.Header.Get("X-Key"))
			require.Empty(t, r.Header.Get("Authorization"))
		}},
		"query": {"auth \"query\" {\n token_env = \"ACME_TOKEN\"\n name = \"key\"\n}", func(t *testing.T, r *http.Request) {
			require.Equal(t, "t0ken", r.URL.Query().Get("key"))
		}},
	} {
		t.Run(scheme, func(t *testing.T) {
			src := strings.Replace(tiny, "auth \"bearer\" {\n    token_env = \"ACME_TOKEN\"\n  }", c.block, 1)
			s := &script{answers: answers(says(200, "[]"))}
			_, err := client(t, src, s).List(t.Context(), "box")
			require.NoError(t, err)
			c.check(t, s.last)
			require.Equal(t, "vpsync", s.last.Header.Get("User-Agent"))
			require.Empty(t, s.last.Header.Get("Idempotency-Key"))

			// Whatever the API repeats of a token, no error shows it.
			s = &script{answers: answers(says(401, `{"message":"bad token t0ken"}`))}
			_, err = client(t, src, s).List(t.Context(), "box")
			require.ErrorContains(t, err, "bad token (sensitive)")
			require.NotContains(t, err.Error(), "t0ken")
		})
	}
}

func TestEndpoint(t *testing.T) {
	def := decode(t, tiny)
	for url, text := range map[string]string{
		"http://api.acme.example":            "plain http",
		"https://u:p@api.acme.example":       "user name or password",
		"https://api.acme.example/?a=b":      "query",
		"api.acme.example":                   "not an https:// URL",
		"ftp://api.acme.example":             "not an https:// URL",
		"http://127.0.0.1.acme.example:8080": "plain http",
	} {
		_, err := providers.New(def, providers.Config{Token: "t", BaseURL: url})
		require.ErrorContains(t, err, text, url)
		require.NotContains(t, err.Error(), "u:p")
	}
	for _, url := range []string{"http://127.0.0.1:8080/v2/", "http://[::1]:8080", "http://localhost", "https://other.example/v2"} {
		c, err := providers.New(def, providers.Config{Token: "t", BaseURL: url})
		require.NoError(t, err, url)
		require.Equal(t, strings.TrimSuffix(url, "/"), c.Endpoint())
	}
	for token, text := range map[string]string{"": "none given", "a\nb": "control character", " a": "white space"} {
		_, err := providers.New(def, providers.Config{Token: token})
		require.ErrorContains(t, err, text)
	}
}
