//go:build unix

package main

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
	"github.com/stretchr/testify/require"
	"github.com/vpsync/vpsync/internal/matrix"
	"github.com/vpsync/vpsync/pkg/github/githubtest"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"vpsync": scriptMain, "measured": measured})
}

// scriptMain is main as scripts run it. The test binary alone can be told to kill itself: nothing in the environment
// of a released vpsync does that.
func scriptMain() {
	collectLater()
	env := environ(os.Environ())
	lease, _ := time.ParseDuration(env["VPSYNC_TEST_LEASE"])
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	h := testHooks(env)
	h.lease = lease
	if env["VPSYNC_TEST_SWEEP_AT"] != "" {
		h, signals = sweepChild(env, signals)
	}
	os.Exit(run(context.Background(), os.Args[1:], env, standardStreams(), signals, h))
}

// testHooks are those that a test asked for in the environment.
func testHooks(env map[string]string) hooks {
	h := hooks{boundary: killAt(env["VPSYNC_TEST_KILL_AT"])}
	if where := env["VPSYNC_TEST_PANIC_AT"]; where != "" {
		h.boundary = panicAt(where, env["VPSYNC_TEST_PANIC_HOLDS"])
	}
	if name := env["VPSYNC_TEST_STOP_AT"]; name != "" {
		h.boundary = stopAt(name)
		h.locked = func() { h.boundary("locked") }
	}
	return h
}

// stopAt says that the run has come to the point of this name, the first time, and goes on when the process is continued: whoever reads
// the line stops it meanwhile.
func stopAt(name string) func(point string) {
	var once sync.Once
	return func(point string) {
		if point == name {
			once.Do(func() {
				continued := make(chan os.Signal, 1)
				signal.Notify(continued, syscall.SIGCONT)
				fmt.Fprintf(os.Stderr, "\nstands at %s\n", name)
				<-continued
			})
		}
	}
}

// killAt ends the process by SIGKILL at a point, and says where that was.
func killAt(where string) func(point string) {
	return at(where, func(point string) {
		fmt.Fprintf(os.Stderr, "\nkilled at %s\n", point)
		_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
		select {} // the signal arrives before anything else happens
	})
}

// panicAt crashes at a point, as a mistake in the program would: with what a request holds, where something is given for it.
func panicAt(where, holds string) func(point string) {
	return at(where, func(point string) {
		if holds == "" {
			panic("at " + point)
		}
		panic(fmt.Errorf("at %s with %+v", point, struct {
			Header http.Header
			Body   []byte
			URL    string
		}{http.Header{"Authorization": {"Bearer " + holds}}, []byte(holds), "/" + holds}))
	})
}

// at does something at the n-th point, or at the n-th of a name: "16", "recorded", "recorded#2". It is nil where no point is named.
func at(where string, do func(point string)) func(point string) {
	name, nth, numbered := strings.Cut(where, "#")
	last, err := strconv.Atoi(where)
	switch {
	case where == "":
		return nil
	case err == nil:
		name = ""
	case numbered:
		last, _ = strconv.Atoi(nth)
	default:
		last = 1
	}
	var passed atomic.Int64
	return func(point string) {
		if (name == "" || point == name) && passed.Add(1) == int64(last) {
			do(point)
		}
	}
}

// TestScriptsOfGit: the scripts that need git are skipped without it, and say so here with their number.
func TestScriptsOfGit(t *testing.T) {
	scripts, err := filepath.Glob("../../testdata/script/*.txtar")
	require.NoError(t, err)
	n := 0
	for _, path := range scripts {
		text, err := os.ReadFile(path)
		require.NoError(t, err)
		n += bytes.Count(text, []byte("\n[!exec:git] skip"))
	}
	require.Positive(t, n)
	matrix.Need(t, matrix.Git, n)
}

func TestScript(t *testing.T) {
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	testscript.Run(t, testscript.Params{
		Dir:                filepath.Join(root, "testdata", "script"),
		Cmds:               scriptCommands(),
		RequireUniqueNames: true,
		Condition:          scriptCondition,
		Setup: func(e *testscript.Env) error {
			e.Setenv("QUICKSTART", filepath.Join(root, "examples", "quickstart"))
			e.Setenv("THREE_HOSTS", filepath.Join(root, "examples", "three-hosts"))
			e.Setenv("OWN_PROVIDER", filepath.Join(root, "examples", "own-provider"))
			e.Setenv("ACTION", filepath.Join(root, "action"))
			e.Setenv("GITLAB_PAGE", filepath.Join(root, "docs", "gitlab.md"))
			e.Setenv("HOME", e.WorkDir)
			e.Setenv("NO_COLOR", "1")
			e.Setenv("GORACE", "atexit_sleep_ms=0")
			e.Values[repositoryKey] = &githubtest.Repository{}
			e.Values[daemonKey{}] = &scriptDaemon{}
			e.Values[receiverKey{}] = make(chan []byte, 100)
			return nil
		},
	})
}
