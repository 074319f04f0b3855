//go:build unix

package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// sandboxObject is an object as `vpsync sandbox list --json` prints it.
type sandboxObject struct {
	Account string         `json:"account"`
	Kind    string         `json:"kind"`
	ID      string         `json:"id"`
	Values  map[string]any `json:"values"`
}

// key tells objects apart: an id is one only within a kind of an account.
func (o sandboxObject) key() string { return o.Account + "/" + o.Kind + "/" + o.ID }

// ask runs vpsync for a command's own purposes and answers with what it printed, leaving the script's stdout alone.
func ask(ts *testscript.TestScript, args ...string) []byte {
	program, err := lookPath(ts, "vpsync")
	ts.Check(err)
	cmd := exec.Command(program, args...)
	cmd.Dir = ts.MkAbs(".")
	cmd.Env = scriptEnviron(ts)
	out, err := cmd.Output()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		ts.Fatalf("vpsync %s: %v\n%s", strings.Join(args, " "), err, exit.Stderr)
	}
	ts.Check(err)
	return out
}

func lookPath(ts *testscript.TestScript, program string) (string, error) {
	for _, dir := range filepath.SplitList(ts.Getenv("PATH")) {
		path := filepath.Join(dir, program)
		if info, err := os.Stat(path); err == nil && !info.IsDir() {
			return path, nil
		}
	}
	return "", fmt.Errorf("%s is not in the script's PATH", program)
}

// passedOn are the variables of a script's environment that vpsync looks at.
var passedOn = []string{
	"PATH", "HOME", "TMPDIR", "XDG_CONFIG_HOME", "GORACE", "GOCOVERDIR",
	"SERVOSPHERE_API_KEY", "SERVOSPHERE_API_URL", "SERVOSPHERE_EU_KEY", "VPSORG_API_TOKEN", "VPSORG_API_URL", "EVOTIC_API_TOKEN", "EVOTIC_API_URL",
	"VPSYNC_STATE_KEY", "VPSYNC_GRACE", "VPSYNC_TRUSTED_HOSTS", "VPSYNC_APPROVE_TOKEN", "HOOK_URL", "HOOK_SECRET", "GITHUB_ACTOR",
	"VPSYNC_TEST_KILL_AT", "VPSYNC_TEST_LEASE",
}

func scriptEnviron(ts *testscript.TestScript) []string {
	var env []string
	for _, name := range passedOn {
		if v := ts.Getenv(name); v != "" {
			env = append(env, name+"="+v)
		}
	}
	return env
}

func sandboxObjects(ts *testscript.TestScript, kind string) []sandboxObject {
	args := []string{"sandbox", "list", "--json"}
	if kind != "" {
		args = append(args, kind)
	}
	var doc struct {
		Objects []sandboxObject `json:"objects"`
	}
	ts.Check(json.Unmarshal(ask(ts, args...), &doc))
	return doc.Objects
}

func cmdID(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) != 3 {
		ts.Fatalf("usage: id VAR KIND NAME")
	}
	id := ""
	for _, o := range sandboxObjects(ts, args[1]) {
		if o.Values["name"] == args[2] {
			id = o.ID // the last one wins: objects are listed in the order of their creation
		}
	}
	if id == "" {
		ts.Fatalf("the sandbox holds no %s named %s", args[1], args[2])
	}
	ts.Setenv(args[0], id)
}

func cmdObjects(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) != 2 {
		ts.Fatalf("usage: objects KIND N")
	}
	objects := sandboxObjects(ts, args[0])
	if got := strconv.Itoa(len(objects)); got != args[1] {
		ts.Fatalf("the sandbox holds %s objects of kind %s, want %s: %v", got, args[0], args[1], objects)
	}
}

// sandboxRequest is a request as `vpsync sandbox log --json` prints it.
type sandboxRequest struct {
	Account string `json:"account"`
	Method  string `json:"method"`
	Path    string `json:"path"`
}

func sandboxLog(ts *testscript.TestScript) []sandboxRequest {
	var doc struct {
		Requests []sandboxRequest `json:"requests"`
	}
	ts.Check(json.Unmarshal(ask(ts, "sandbox", "log", "--json"), &doc))
	return doc.Requests
}

// cmdArrives asks for the sandbox's log until it holds the request; each look starts a process, so it does not spin.
func cmdArrives(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) != 2 {
		ts.Fatalf("usage: arrives METHOD PATH")
	}
	for end := time.Now().Add(30 * time.Second); time.Now().Before(end); {
		for _, r := range sandboxLog(ts) {
			if r.Method == args[0] && strings.HasSuffix(r.Path, args[1]) {
				return
			}
		}
	}
	ts.Fatalf("no %s %s arrived within 30 s", args[0], args[1])
}

// cmdRequests counts what arrived at the sandbox, from the sandbox's own log.
func cmdRequests(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) == 1 && args[0] == "clear" {
		ask(ts, "sandbox", "log", "--clear")
		return
	}
	account := ""
	if len(args) == 3 {
		account, args = args[0], args[1:]
	}
	if len(args) != 2 {
		ts.Fatalf("usage: requests [ACCOUNT] METHOD N | requests clear")
	}
	n := 0
	var seen []string
	for _, r := range sandboxLog(ts) {
		if account != "" && r.Account != account {
			continue
		}
		if args[0] == "*" || r.Method == args[0] {
			n++
			seen = append(seen, r.Method+" "+r.Path)
		}
	}
	if strconv.Itoa(n) != args[1] {
		ts.Fatalf("%d requests with method %s, want %s:\n%s", n, args[0], args[1], strings.Join(seen, "\n"))
	}
}

// known are the keys of what the state knows: resources, and what was left behind.
func known(ts *testscript.TestScript) (resources, leftovers map[string]bool) {
	var doc struct {
		Resources []sandboxObject `json:"resources"`
		Leftovers []sandboxObject `json:"leftovers"`
	}
	ts.Check(json.Unmarshal(ask(ts, stateArgs(ts, "show", "--json")...), &doc))
	ts.Check(json.Unmarshal(ask(ts, stateArgs(ts, "state", "leftovers", "--json")...), &doc))
	keys := func(all []sandboxObject) map[string]bool {
		m := map[string]bool{}
		for _, o := range all {
			m[o.key()] = true
		}
		return m
	}
	return keys(doc.Resources), keys(doc.Leftovers)
}

// cmdLost fails when an object exists that the state knows neither as a resource nor as a leftover.
func cmdLost(ts *testscript.TestScript, _ bool, _ []string) {
	resources, leftovers := known(ts)
	for _, o := range sandboxObjects(ts, "") {
		if !resources[o.key()] && !leftovers[o.key()] {
			ts.Fatalf("%s (%v) has no owner", o.key(), o.Values["name"])
		}
	}
}

// cmdTwice fails when two objects of one account, kind and name exist of which none is a leftover.
func cmdTwice(ts *testscript.TestScript, _ bool, _ []string) {
	_, leftovers := known(ts)
	seen := map[string]string{}
	for _, o := range sandboxObjects(ts, "") {
		if leftovers[o.key()] {
			continue
		}
		key := fmt.Sprint(o.Account, " ", o.Kind, " ", o.Values["name"])
		if first, ok := seen[key]; ok {
			ts.Fatalf("%s exists twice: %s and %s", key, first, o.ID)
		}
		seen[key] = o.ID
	}
}

// stateArgs adds --sandbox where the script works on the embedded one, and the stack's folder where it is another one.
func stateArgs(ts *testscript.TestScript, args ...string) []string {
	if ts.Getenv("SERVOSPHERE_API_URL") == "" {
		args = append(args, "--sandbox")
	}
	if stack := ts.Getenv("STACK"); stack != "" {
		args = append(args, "-C", stack)
	}
	return args
}
