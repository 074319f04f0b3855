//go:build unix

package main

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"

	"github.com/rogpeppe/go-internal/testscript"
)

// cmdKillEachRunner is kill-each-point for CI: the state lies in the remote of a repository, and whatever a run leaves behind goes with
// the machine that it was killed on. Every run has a fresh clone of its own.
func cmdKillEachRunner(ts *testscript.TestScript, _ bool, args []string) {
	step := 1
	if len(args) > 1 && args[0] == "-every" {
		var err error
		step, err = strconv.Atoi(args[1])
		ts.Check(err)
		args = args[2:]
	}
	if *sweepAll {
		step = 1
	}
	if len(args) < 3 {
		ts.Fatalf("usage: kill-each-runner [-every N] VAR STACK ARG...")
	}
	stack := ts.MkAbs(args[1])
	var points []string
	for n := step; ; n += step {
		ask(ts, "sandbox", "reset")
		remote := ts.MkAbs("remote.git")
		ts.Check(os.RemoveAll(remote))
		ts.Check(ts.Exec("git", "init", "--quiet", "--bare", remote))
		ts.Setenv("VPSYNC_TEST_KILL_AT", strconv.Itoa(n))
		err := onRunner(ts, stack, "", args[2:]...)
		ts.Setenv("VPSYNC_TEST_KILL_AT", "")
		point := killedAt(ts.ReadFile("stderr"))
		if point == "" {
			if code := exitCode(ts, err); code != 0 {
				ts.Fatalf("the run that was not killed ended with %d\n%s", code, ts.ReadFile("stderr"))
			}
			break
		}
		points = append(points, point)
		convergeRunners(ts, stack, fmt.Sprintf("killed at point %d (%s)", n, point))
	}
	if len(points) < 3 {
		ts.Fatalf("only %d points were visited: %v", len(points), points)
	}
	ts.Logf("killed at %d points: %v", len(points), points)
	ts.Setenv(args[0], strconv.Itoa(len(points)))
}

// onRunner runs vpsync on a machine that nobody has used before, and of which nothing is left afterwards. The stack is committed by
// somebody else; here it is only there.
func onRunner(ts *testscript.TestScript, stack, lease string, args ...string) error {
	clone := ts.MkAbs("runner")
	ts.Check(os.RemoveAll(clone))
	ts.Check(ts.Exec("git", "clone", "--quiet", ts.MkAbs("remote.git"), clone))
	copyExample(ts, stack, clone)
	ts.Setenv("STACK", clone)
	ts.Setenv("VPSYNC_TEST_LEASE", lease)
	defer ts.Setenv("VPSYNC_TEST_LEASE", "")
	return ts.Exec("vpsync", append(args, "-C", clone)...)
}

var askedToUnlock = regexp.MustCompile(`vpsync unlock (?:-C \S+ )?([0-9a-f]+)`)

// convergeRunners applies on fresh machines until the account equals the stack, breaking the lock of the dead, and answering questions by
// looking into the account.
func convergeRunners(ts *testscript.TestScript, stack, when string) {
	for range 5 {
		// One that lets its lock expire waits for minutes: who holds it is asked with a lease that is over at once.
		code := exitCode(ts, onRunner(ts, stack, "", "unlock", "0"))
		if id := askedToUnlock.FindStringSubmatch(ts.ReadFile("stderr")); code != 0 && id != nil {
			if code := exitCode(ts, onRunner(ts, stack, "200ms", "unlock", id[1])); code != 0 {
				ts.Fatalf("%s: unlock ended with %d\n%s", when, code, ts.ReadFile("stderr"))
			}
		}
		code = exitCode(ts, onRunner(ts, stack, "", "apply", "--auto-approve"))
		out := ts.ReadFile("stdout") + ts.ReadFile("stderr")
		switch code {
		case 0:
			cmdLost(ts, false, nil)
			cmdTwice(ts, false, nil)
			if code := exitCode(ts, onRunner(ts, stack, "", "plan", "--detailed-exitcode")); code != 0 {
				ts.Fatalf("%s: the second plan is not empty\n%s", when, ts.ReadFile("stdout"))
			}
			ts.Check(os.RemoveAll(filepath.Clean(ts.MkAbs("runner"))))
			return
		case 5:
			answerQuestions(ts, when, out)
		default:
			ts.Fatalf("%s: apply ended with %d\n%s", when, code, out)
		}
	}
	ts.Fatalf("%s: five applies did not converge", when)
}

// cmdUnlocks breaks the lock that the message printed last names, as an operator does who knows that its holder is dead; without waiting
// for as long.
func cmdUnlocks(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) != 1 {
		ts.Fatalf("usage: unlocks STACK")
	}
	id := askedToUnlock.FindStringSubmatch(ts.ReadFile("stderr"))
	if id == nil {
		ts.Fatalf("no lock was named:\n%s", ts.ReadFile("stderr"))
	}
	expectExit(ts, 0, "vpsync", []string{"unlock", id[1], "-C", ts.MkAbs(args[0])})
}
