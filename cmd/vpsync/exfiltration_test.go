//go:build unix

package main

import (
	"encoding/pem"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/vpsync/vpsync/internal/matrix"
)

const lureDefinition = `provider "acme" {
  title    = "Acme"
  base_url = "https://api.acme.example/v1"

  auth "bearer" { token_env = "ACME_TOKEN" }

  paging "next" {
    items = "boxes"
    next  = "next"
  }
}

kind "box" {
  identity = ["name"]
  id       = "1234"

  attribute "name" {
    description = "What it is called."
    type        = string
    on_change   = "replace"
    required    = true
  }

  create {
    documented = true
    request    = "POST /boxes"
    sends      = ["name"]
  }

  list {
    documented = true
    request    = "GET /boxes"
  }

  delete {
    documented = true
    request    = "DELETE /boxes/{id}"
  }
}
`

const lureStack = "provider \"acme\" { definition = \"./acme.provider.hcl\" }\nbox \"one\" {\n  name = \"one\"\n}\n"

// TestExfiltration: whoever asks for a token, by an answer, a stack or the environment, does not get it.
func TestExfiltration(t *testing.T) {
	t.Parallel() // most of its time a read is tried again
	begun, cases := time.Now(), 0
	const token = "canary-token-7fd1a2b3"
	var caught atomic.Int64 // requests that came to where none belongs
	trap := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		caught.Add(1)
		http.Error(w, "{}", http.StatusOK)
	}))
	defer trap.Close()
	evil, _ := url.Parse(trap.URL)
	nowhere := func(t *testing.T, got carriedOut, says string) {
		t.Helper()
		require.Equal(t, exitFailed, got.code, got.said())
		require.Contains(t, strings.Join(strings.Fields(got.stderr), " "), says)
		require.NotContains(t, got.said(), token)
		require.Zero(t, caught.Load(), "somebody else was spoken to: %s", got.said())
		cases++
	}

	// An API that sends vpsync elsewhere: it is trusted, and its answers are not.
	for _, c := range []struct{ name, location, next, says string }{
		{"301", trap.URL + "/v1/boxes", "", "never follows"},
		{"302", trap.URL + "/v1/boxes", "", "never follows"},
		{"303", trap.URL + "/v1/boxes", "", "never follows"},
		{"307", trap.URL + "/v1/boxes", "", "never follows"},
		{"308", trap.URL + "/v1/boxes", "", "never follows"},
		{"302", "//" + evil.Host + "/v1/boxes", "", "never follows"},
		{"302", "/elsewhere", "", "never follows"},
		{"302", "http://" + token + "." + evil.Host, "", "never follows"},
		{"", "", trap.URL + "/v1/boxes?page=2", "next page"},
		{"", "", "//" + evil.Host + "/v1/boxes", "next page"},
		{"", "", "https://HOST/v1/boxes", "next page"},
		{"", "", "http://user@HOST/v1/boxes", "next page"},
		{"", "", "http://HOST@" + evil.Host + "/v1/boxes", "next page"},
		{"", "", "http://HOST.evil.example/v1/boxes", "next page"},
		{"", "", "http://HOST/v2/boxes", "next page"},
		{"", "", "http://HOST/v1/../admin", "next page"},
		{"", "", "http://HOST/v1/%2e%2e/admin", "next page"},
		{"", "", "/admin", "next page"},
		{"", "", "\\\\" + evil.Host, "next page"},
		{"", "", "http://HOST:1/v1/boxes", "next page"},
		{"", "", "file:///etc/passwd", "next page"},
		{"", "", "http://127.1:PORT/v1/boxes", "next page"},
		{"", "", "http://2130706433:PORT/v1/boxes", "next page"},
		{"", "", "http://0177.0.0.1:PORT/v1/boxes", "next page"},
		{"", "", "http://[::ffff:127.0.0.1]:PORT/v1/boxes", "next page"},
		{"", "", "http://localhost:PORT/v1/boxes", "next page"},
		{"", "", "http://169.254.169.254/v1/boxes", "next page"},
	} {
		var came atomic.Int64
		var here *url.URL
		api := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			came.Add(1)
			w.Header().Set("Content-Type", "application/json")
			if c.location != "" {
				status := http.StatusFound
				_, _ = fmt.Sscan(c.name, &status)
				w.Header().Set("Location", c.location)
				w.WriteHeader(status)
				return
			}
			next := strings.NewReplacer("HOST", here.Host, "PORT", here.Port()).Replace(c.next)
			fmt.Fprintf(w, `{"boxes": [], "next": %q}`, next)
		}))
		here, _ = url.Parse(api.URL)
		got := inProcess(t, plant(t, tree{"main.hcl": lureStack, "acme.provider.hcl": lureDefinition}),
			[]string{"ACME_TOKEN=" + token, "ACME_API_URL=" + api.URL + "/v1", "VPSYNC_TRUSTED_HOSTS=" + here.Host}, "plan", "--log-level", "debug")
		api.Close()
		nowhere(t, got, c.says)
		require.Equal(t, int64(1), came.Load(), "%+v", c)
	}

	// An address that is not the one which the environment trusts, however it is written.
	port := evil.Port()
	for _, c := range []struct{ address, trusted, says string }{
		{trap.URL, "", "is not trusted"},
		{trap.URL, "127.0.0.1", "is not trusted"},
		{trap.URL, "127.0.0.1:1", "is not trusted"},
		{trap.URL, "localhost:" + port, "is not trusted"},
		{trap.URL, "127.0.0.1:" + port + ".evil.example", "is not trusted"},
		{trap.URL, "*", "is not trusted"},
		{"http://localhost:" + port, "127.0.0.1:" + port, "is not trusted"},
		{"http://2130706433:" + port, "127.0.0.1:" + port, "is not trusted"},
		{"http://0177.0.0.1:" + port, "127.0.0.1:" + port, "is not trusted"},
		{"http://0x7f.1:" + port, "127.0.0.1:" + port, "is not trusted"},
		{"http://[::ffff:127.0.0.1]:" + port, "127.0.0.1:" + port, "is not trusted"},
		{"http://2130706433:" + port, "2130706433:" + port, "plain http"},
		{"http://user:pw@127.0.0.1:" + port, "127.0.0.1:" + port, "tokens come from the environment"},
		{"http://127.0.0.1:" + port + "?x=1", "127.0.0.1:" + port, "query or fragment"},
		{"http://0.0.0.0:" + port, "0.0.0.0:" + port, "plain http"},
		{"http://169.254.169.254", "169.254.169.254", "plain http"},
		{"gopher://127.0.0.1:" + port, "127.0.0.1:" + port, "is not an https"},
		{"https://аcme.example", "acme.example", "is not trusted"},
	} {
		got := inProcess(t, plant(t, tree{"main.hcl": lureStack, "acme.provider.hcl": lureDefinition}),
			[]string{"ACME_TOKEN=" + token, "ACME_API_URL=" + c.address, "VPSYNC_TRUSTED_HOSTS=" + c.trusted}, "plan")
		nowhere(t, got, c.says)
	}

	// Proxies of the environment: the request goes where it belongs, and to nobody else.
	var asked atomic.Int64
	api := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") == "Bearer "+token {
			asked.Add(1)
		}
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprint(w, `{"boxes": []}`)
	}))
	defer api.Close()
	for _, name := range []string{"HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"} {
		got := inProcess(t, plant(t, tree{"main.hcl": lureStack, "acme.provider.hcl": lureDefinition}),
			[]string{name + "=" + trap.URL, "NO_PROXY=", "ACME_TOKEN=" + token, "ACME_API_URL=" + api.URL, "VPSYNC_TRUSTED_HOSTS=" + strings.TrimPrefix(api.URL, "http://")}, "plan")
		require.Equal(t, exitDone, got.code, got.said())
		cases++
	}
	require.Zero(t, caught.Load())
	require.Equal(t, int64(6), asked.Load())

	// A trusted name that leads to somebody else: who answers there has no certificate for it, whoever vouches for the one shown.
	impostor := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		caught.Add(1)
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprint(w, `{"boxes": []}`)
	}))
	impostor.Config.ErrorLog = log.New(io.Discard, "", 0)
	impostor.StartTLS()
	defer impostor.Close()
	shown := filepath.Join(t.TempDir(), "authorities.pem")
	require.NoError(t, os.WriteFile(shown, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: impostor.Certificate().Raw}), 0o600))
	_, at, err := net.SplitHostPort(impostor.Listener.Addr().String())
	require.NoError(t, err)
	asks := func(host, authorities string) carriedOut {
		return inProcess(t, plant(t, tree{"main.hcl": lureStack, "acme.provider.hcl": lureDefinition}),
			[]string{"SSL_CERT_FILE=" + authorities, "ACME_TOKEN=" + token, "ACME_API_URL=https://" + host, "VPSYNC_TRUSTED_HOSTS=" + host}, "plan")
	}
	nowhere(t, asks("localhost:"+at, shown), "not localhost")
	nowhere(t, asks("localhost:"+at, ""), "certificate")
	nowhere(t, asks("localhost:"+port, shown), "TLS handshake")
	if runtime.GOOS == "linux" { // elsewhere the system says whom to trust
		got := asks("127.0.0.1:"+at, shown)
		require.Equal(t, exitDone, got.code, got.said())
		require.Equal(t, int64(1), caught.Swap(0), "its own name is in the certificate")
	}

	// A stack that nobody has reviewed: nothing is asked of anybody, and no token is looked for.
	change := func(old, new string) tree {
		return tree{"main.hcl": lureStack, "acme.provider.hcl": strings.Replace(lureDefinition, old, new, 1)}
	}
	stack := func(text string) tree { return tree{"main.hcl": text, "acme.provider.hcl": lureDefinition} }
	for _, c := range []struct {
		proposed tree
		says     string
	}{
		{change("https://api.acme.example/v1", trap.URL), "Definition was changed"},
		{change(`"ACME_TOKEN"`, `"ACME_OTHER"`), "Definition was changed"},
		{change(`"ACME_TOKEN"`, `"VPSYNC_STATE_KEY"`), "Definition was changed"},
		{change("GET /boxes", "GET /secrets"), "Definition was changed"},
		{tree{"main.hcl": lureStack}, "Definition was changed"},
		{stack(lureStack + "provider \"evotic\" {}\n"), "Account that nobody has reviewed"},
		{stack(strings.Replace(lureStack, "{ def", "{\n  alias = \"b\"\n  def", 1)), "Error"},
		{stack("provider \"acme\" {\n  definition = \"./acme.provider.hcl\"\n  token_env = \"ACME_OTHER\"\n}\n"), "Provider block was changed"},
		{stack("provider \"acme\" {\n  definition = \"./acme.provider.hcl\"\n  token_env = \"EVOTIC_API_TOKEN\"\n}\n"), "Token variable of somebody else"},
		{stack("provider \"acme\" {\n  definition = \"./acme.provider.hcl\"\n  token_env = \"VPSYNC_STATE_KEY\"\n}\n"), "Token variable of somebody else"},
		{stack("provider \"acme\" {\n  definition = \"./acme.provider.hcl\"\n  base_url = \"" + trap.URL + "\"\n}\n"), "environment overrides"},
		{stack("provider \"acme\" { definition = \"acme.provider.hcl\" }\n"), "Provider block was changed"},
		{stack("provider \"аcme\" { definition = \"./acme.provider.hcl\" }\n"), "Error"},
		{stack("provider \"acme\" {\n  definition = \"./acme.provider.hcl\"\n  endpoint = \"" + trap.URL + "\"\n}\n"), "Error"},
		{stack("locals {}\n"), "Provider block was removed"},
		{stack(lureStack + "vpsync {\n  allow = 9\n}\n"), "Settings were changed"},
	} {
		above := t.TempDir()
		for name, files := range map[string]tree{"reviewed": stack(lureStack), "proposed": c.proposed} {
			for file, text := range files {
				plantIn(t, above, name+"/"+file, text)
			}
		}
		got := inProcess(t, above, []string{"ACME_TOKEN=" + token, "ACME_API_URL=" + trap.URL, "VPSYNC_TRUSTED_HOSTS=" + evil.Host, "VPSYNC_STATE_KEY=" + token},
			"-C", "proposed", "plan", "--untrusted", "--base", "reviewed")
		got.refusedInTime(t)
		nowhere(t, got, c.says)
	}
	matrix.Ran(t, "G8", cases, begun)
}
