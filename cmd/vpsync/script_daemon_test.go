//go:build unix

package main

import (
	"bufio"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// daemonPatience is how long a script waits for what a daemon is to do. It waits for an event, and not for a time.
const daemonPatience = time.Minute

// scriptDaemon is the daemon that a script runs; scripts run side by side, so each has its own.
type scriptDaemon struct {
	cmd   *exec.Cmd
	log   *os.File
	ended chan error
}

type daemonKey struct{}

// cmdDaemon starts `vpsync daemon` on a free port, and asks it what the script wants to know.
func cmdDaemon(ts *testscript.TestScript, neg bool, args []string) {
	running := ts.Value(daemonKey{}).(*scriptDaemon)
	switch {
	case len(args) > 0 && args[0] == "serve":
		running.serve(ts, args[1:])
	case len(args) == 1 && args[0] == "end":
		ts.Check(running.cmd.Process.Signal(os.Interrupt))
		ts.Check(<-running.ended)
	case len(args) == 1 && args[0] == "died":
		select {
		case err := <-running.ended:
			if err == nil {
				ts.Fatalf("it ended by itself\n%s", ts.ReadFile("daemon.log"))
			}
		case <-time.After(daemonPatience):
			ts.Fatalf("it lives\n%s", ts.ReadFile("daemon.log"))
		}
	case len(args) == 2 && args[0] == "get":
		ts.Check(os.WriteFile(ts.MkAbs("answer"), askDaemon(ts, http.MethodGet, args[1], nil, nil), 0o600))
	case len(args) == 3 && args[0] == "until":
		daemonUntil(ts, args[1], args[2])
	case len(args) == 2 && args[0] == "metric":
		text := string(askDaemon(ts, http.MethodGet, "/metrics", nil, nil))
		if strings.Contains(text, "\n"+args[1]+"\n") == neg {
			ts.Fatalf("%s: not so in\n%s", args[1], text)
		}
	case len(args) == 2 && args[0] == "pushed":
		body := []byte(`{"ref":"refs/heads/main"}`)
		mac := hmac.New(sha256.New, []byte(ts.Getenv("HOOK_SECRET")))
		mac.Write(body)
		askDaemon(ts, http.MethodPost, "/hooks/"+args[1], body, http.Header{"X-Github-Event": {"push"}, "X-Hub-Signature-256": {"sha256=" + hex.EncodeToString(mac.Sum(nil))}})
	default:
		ts.Fatalf("usage: daemon serve [ARG...] | end | died | get PATH | until PATH WANT | metric LINE | pushed STACK")
	}
}

// serve starts a daemon, and sets DAEMON to its address when it listens.
func (d *scriptDaemon) serve(ts *testscript.TestScript, args []string) {
	program, err := lookPath(ts, "vpsync")
	ts.Check(err)
	cmd := exec.Command(program, append([]string{"daemon", "--json", "--listen", "127.0.0.1:0"}, args...)...)
	cmd.Dir, cmd.Env = ts.MkAbs("."), scriptEnviron(ts)
	errs, err := cmd.StderrPipe()
	ts.Check(err)
	d.log, err = os.Create(ts.MkAbs("daemon.log"))
	ts.Check(err)
	cmd.Stdout = d.log // where --json has errors
	ts.Check(cmd.Start())
	d.cmd, d.ended = cmd, make(chan error, 1)
	at := make(chan string, 1)
	log := d.log
	go func() {
		lines := bufio.NewScanner(errs)
		for lines.Scan() {
			_, _ = log.Write(append(lines.Bytes(), '\n'))
			var said struct{ Msg, URL string }
			if json.Unmarshal(lines.Bytes(), &said) == nil && said.Msg == "listening" {
				at <- said.URL
			}
		}
		close(at)
		_ = log.Close()
		d.ended <- cmd.Wait()
	}()
	ts.Defer(func() { _ = cmd.Process.Kill() })
	url, listens := <-at
	if !listens {
		ts.Fatalf("the daemon ended: %v\n%s", <-d.ended, ts.ReadFile("daemon.log"))
	}
	ts.Setenv("DAEMON_PID", strconv.Itoa(cmd.Process.Pid))
	ts.Setenv("DAEMON", strings.TrimSuffix(url, "/"))
}

// askDaemon sends one request, which is answered well.
func askDaemon(ts *testscript.TestScript, method, path string, body []byte, header http.Header) []byte {
	r, err := http.NewRequest(method, ts.Getenv("DAEMON")+path, strings.NewReader(string(body)))
	ts.Check(err)
	if header != nil {
		r.Header = header
	}
	answer, err := http.DefaultClient.Do(r)
	ts.Check(err)
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	ts.Check(err)
	if answer.StatusCode/100 != 2 {
		ts.Fatalf("%s %s: %s: %s", method, path, answer.Status, text)
	}
	return text
}

// daemonUntil follows the daemon's events until the value at a path of /api/v1/status is as wanted.
func daemonUntil(ts *testscript.TestScript, path, want string) {
	ctx, cancel := context.WithTimeout(context.Background(), daemonPatience)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, ts.Getenv("DAEMON")+"/events", nil)
	ts.Check(err)
	answer, err := http.DefaultClient.Do(r)
	ts.Check(err)
	defer answer.Body.Close()
	var got string
	events := bufio.NewScanner(answer.Body)
	for events.Scan() {
		if !strings.HasPrefix(events.Text(), "data: ") {
			continue
		}
		text := askDaemon(ts, http.MethodGet, "/api/v1/status", nil, nil)
		ts.Check(os.WriteFile(ts.MkAbs("answer"), text, 0o600))
		var all any
		ts.Check(json.Unmarshal(text, &all))
		value, _ := valueAt(all, path)
		if got = fmt.Sprint(value); got == want {
			return
		}
	}
	ts.Fatalf("%s never became %s; it is %s\n%s\n%s", path, want, got, ts.ReadFile("answer"), ts.ReadFile("daemon.log"))
}

type receiverKey struct{}

// cmdReceiver starts a server that is told what becomes of stacks: HOOK_URL is where, and HOOK_SECRET what it is signed with.
func cmdReceiver(ts *testscript.TestScript, _ bool, args []string) {
	const secret = "a secret of the receiver"
	told := ts.Value(receiverKey{}).(chan []byte)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		mac := hmac.New(sha256.New, []byte(secret))
		mac.Write(body)
		if err != nil || r.Header.Get("X-Vpsync-Signature-256") != "sha256="+hex.EncodeToString(mac.Sum(nil)) {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		told <- body
	}))
	ts.Defer(server.Close)
	ts.Setenv("HOOK_URL", server.URL)
	ts.Setenv("HOOK_SECRET", secret)
}

// cmdTold waits until the receiver has been told the next thing, which is this event. It is in the file told.
func cmdTold(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) != 1 {
		ts.Fatalf("usage: told EVENT")
	}
	select {
	case text := <-ts.Value(receiverKey{}).(chan []byte):
		ts.Check(os.WriteFile(ts.MkAbs("told"), text, 0o600))
		var notice struct{ Event string }
		ts.Check(json.Unmarshal(text, &notice))
		if notice.Event != args[0] {
			ts.Fatalf("the receiver was told: %s", text)
		}
	case <-time.After(daemonPatience):
		ts.Fatalf("nobody was told")
	}
}
