//go:build unix

package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"vpsync": scriptMain})
}

// scriptMain is main as scripts run it. The test binary alone can be told to kill itself: nothing in the environment
// of a released vpsync does that.
func scriptMain() {
	env := environ(os.Environ())
	lease, _ := time.ParseDuration(env["VPSYNC_TEST_LEASE"])
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	os.Exit(run(context.Background(), os.Args[1:], env, standardStreams(), signals, hooks{boundary: killAt(env["VPSYNC_TEST_KILL_AT"]), lease: lease}))
}

// killAt ends the process by SIGKILL at the n-th point, and says where that was.
func killAt(n string) func(point string) {
	last, err := strconv.Atoi(n)
	if err != nil {
		return nil
	}
	points := make(chan int, 1)
	points <- 0
	return func(point string) {
		passed := <-points + 1
		if passed == last {
			fmt.Fprintf(os.Stderr, "\nkilled at %s\n", point)
			_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
			select {} // the signal arrives before anything else happens
		}
		points <- passed
	}
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
			e.Setenv("HOME", e.WorkDir)
			e.Setenv("NO_COLOR", "1")
			e.Setenv("GORACE", "atexit_sleep_ms=0")
			return nil
		},
	})
}
