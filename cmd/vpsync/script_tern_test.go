//go:build unix

package main

import (
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"

	"github.com/rogpeppe/go-internal/testscript"
	"github.com/vpsync/vpsync/examples/own-provider/tern"
)

// cmdTern starts the invented host of examples/own-provider, or asks it behind vpsync's back.
func cmdTern(ts *testscript.TestScript, _ bool, args []string) {
	const key = "the-key"
	switch {
	case len(args) == 1 && args[0] == "serve":
		server := httptest.NewServer(tern.New(key))
		ts.Defer(server.Close)
		ts.Setenv("TERN_API_URL", server.URL+"/v3")
		ts.Setenv("TERN_API_KEY", key)
		ts.Setenv("VPSYNC_TRUSTED_HOSTS", strings.TrimPrefix(server.URL, "http://"))
	case len(args) == 2 || len(args) == 3:
		r, err := http.NewRequest(args[0], ts.Getenv("TERN_API_URL")+args[1], strings.NewReader(strings.Join(args[2:], "")))
		ts.Check(err)
		r.Header.Set("X-Tern-Key", key)
		answer, err := http.DefaultClient.Do(r)
		ts.Check(err)
		defer answer.Body.Close()
		text, err := io.ReadAll(answer.Body)
		ts.Check(err)
		if answer.StatusCode/100 != 2 {
			ts.Fatalf("%s %s: %s: %s", args[0], args[1], answer.Status, text)
		}
		ts.Check(os.WriteFile(ts.MkAbs("answer"), text, 0o600))
	default:
		ts.Fatalf("usage: tern serve, or tern METHOD PATH [BODY]")
	}
}
