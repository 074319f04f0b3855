package main

import (
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestExampleDaemon: the commented example means something, and the unit and the Dockerfile call a program that takes it.
func TestExampleDaemon(t *testing.T) {
	c, err := readDaemonConfig("../../examples/daemon/vpsyncd.hcl")
	require.NoError(t, err)
	require.Len(t, c.Stacks, 3)
	for _, name := range []string{"vpsync.service", "Dockerfile"} {
		text, err := os.ReadFile(filepath.Join("../../examples/daemon", name))
		require.NoError(t, err)
		require.Regexp(t, regexp.MustCompile(`daemon["', ]+--config["', ]+/etc/vpsync/vpsyncd.hcl["', ]+--json`), string(text))
	}
}

// TestApprove: the daemon is told which run, with the token, and what it answers is said.
func TestApprove(t *testing.T) {
	var status int
	var body, path, token string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		path, token = r.Method+" "+r.URL.Path, r.Header.Get("Authorization")
		w.WriteHeader(status)
		_, _ = w.Write([]byte(body))
	}))
	defer server.Close()
	env := map[string]string{"VPSYNC_APPROVE_TOKEN": "hunter2"}
	for _, c := range []struct {
		name   string
		status int
		body   string
		code   int
		says   string
	}{
		{"yes", 202, `{"accepted":"the plan of 1f0c\u001b is next"}`, exitDone, `Approved: The plan of 1f0c\x1b is next.`},
		{"no", 404, `{"error":"no plan of this run awaits approval"}`, exitFailed, "No plan of this run awaits approval."},
		{"another's token", 401, `{"error":"the token is another"}`, exitFailed, "The token is another."},
		{"no daemon", 502, `<html>`, exitFailed, "Its answer is no JSON (status 502)."},
		{"elsewhere", 302, `{}`, exitFailed, "The daemon answers with status 302."},
		{"not ok", 200, `{}`, exitFailed, "Not approved"},
	} {
		t.Run(c.name, func(t *testing.T) {
			status, body = c.status, c.body
			code, said := vpsync(t, t.TempDir(), env, "approve", "1f0c", "--url", server.URL+"/")
			require.Equal(t, c.code, code)
			require.Contains(t, said.String(), c.says)
			require.Equal(t, "POST /api/v1/runs/1f0c/approve", path)
			require.Equal(t, "Bearer hunter2", token)
			require.NotContains(t, said.String(), "hunter2")
		})
	}
	path = ""
	for says, args := range map[string][]string{
		"sent in the clear": {"approve", "1f0c", "--url", "http://vpsync.example.com"},
		"takes an address":  {"approve", "1f0c", "--url", "vpsync.example.com"},
		"does not answer":   {"approve", "1f0c", "--url", "http://127.0.0.1:1"},
	} {
		code, said := vpsync(t, t.TempDir(), env, args...)
		require.Equal(t, exitFailed, code, said.String())
		require.Contains(t, said.String(), says)
	}
	code, said := vpsync(t, t.TempDir(), nil, "approve", "1f0c", "--url", server.URL)
	require.Equal(t, exitFailed, code)
	require.Contains(t, said.String(), "VPSYNC_APPROVE_TOKEN is not set")
	require.Empty(t, path, "nothing was sent")
}
