//go:build unix

package main

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"

	"github.com/rogpeppe/go-internal/testscript"
)

// scriptCommands are what a script in testdata/script may use besides testscript's own commands; the README there
// describes them. All of them look at the account from outside: they ask the sandbox, never vpsync's own words.
func scriptCommands() map[string]func(ts *testscript.TestScript, neg bool, args []string) {
	return map[string]func(ts *testscript.TestScript, neg bool, args []string){
		"vpsync":           func(ts *testscript.TestScript, _ bool, args []string) { expectExit(ts, 0, "vpsync", args) },
		"exits":            cmdExits,
		"quickstart":       cmdExample("QUICKSTART"),
		"three-hosts":      cmdExample("THREE_HOSTS"),
		"replace":          cmdReplace,
		"json":             cmdJSON,
		"id":               cmdID,
		"objects":          cmdObjects,
		"requests":         cmdRequests,
		"arrives":          cmdArrives,
		"lost":             cmdLost,
		"twice":            cmdTwice,
		"flip":             cmdFlip,
		"kill-each-point":  cmdKillEachPoint,
		"serve":            cmdServe,
		"kill-each-runner": cmdKillEachRunner,
		"unlocks":          cmdUnlocks,
		"seed":             cmdSeed,
		"tern":             cmdTern,
		"github":           cmdGitHub,
		"gitlab":           cmdGitLab,
		"action":           cmdAction,
		"daemon":           cmdDaemon,
		"receiver":         cmdReceiver,
		"told":             cmdTold,

		"carriage-returns": cmdCarriageReturns,
		"mode":             cmdMode,
		"terminal":         cmdTerminal,
		"schema":           cmdSchema,
		"pick":             cmdPick,
	}
}

// scriptCondition: [mounts] is true where a script may mount a small disk of its own, which goes with the process that mounted it.
func scriptCondition(condition string) (bool, error) {
	if condition != "mounts" {
		return false, fmt.Errorf("unknown condition %s", condition)
	}
	return exec.Command("unshare", "-m", "mount", "-t", "tmpfs", "tmpfs", os.TempDir()).Run() == nil, nil
}

// expectExit runs a program and insists on its exit code. stdout and stderr match what it printed.
func expectExit(ts *testscript.TestScript, want int, program string, args []string) {
	got := exitCode(ts, ts.Exec(program, args...))
	if got != want {
		ts.Fatalf("%s %s: exit code %d, want %d\n%s\n%s", program, strings.Join(args, " "), got, want,
			ts.ReadFile("stdout"), ts.ReadFile("stderr"))
	}
}

func exitCode(ts *testscript.TestScript, err error) int {
	if err == nil {
		return 0
	}
	var exit *exec.ExitError
	if !errors.As(err, &exit) {
		ts.Fatalf("cannot run: %v", err)
	}
	return exit.ExitCode()
}

func cmdExits(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) < 2 {
		ts.Fatalf("usage: exits CODE PROGRAM ARG...")
	}
	code, err := strconv.Atoi(args[0])
	ts.Check(err)
	expectExit(ts, code, args[1], args[2:])
}

// cmdExample copies the folder that a variable names.
func cmdExample(variable string) func(ts *testscript.TestScript, neg bool, args []string) {
	return func(ts *testscript.TestScript, _ bool, args []string) {
		dir := "."
		if len(args) > 0 {
			dir = args[0]
		}
		copyExample(ts, ts.Getenv(variable), ts.MkAbs(dir))
	}
}

func copyExample(ts *testscript.TestScript, from, to string) {
	ts.Check(filepath.WalkDir(from, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(from, path)
		if err != nil {
			return err
		}
		if entry.IsDir() {
			if entry.Name() == ".vpsync" {
				return filepath.SkipDir
			}
			return os.MkdirAll(filepath.Join(to, rel), 0o755)
		}
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		return os.WriteFile(filepath.Join(to, rel), data, 0o644)
	}))
}

func cmdReplace(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) != 3 {
		ts.Fatalf("usage: replace OLD NEW FILE")
	}
	file := ts.MkAbs(args[2])
	before := ts.ReadFile(file)
	if !strings.Contains(before, args[0]) {
		ts.Fatalf("%s holds no %q", args[2], args[0])
	}
	ts.Check(os.WriteFile(file, []byte(strings.ReplaceAll(before, args[0], args[1])), 0o644))
}

// cmdCarriageReturns copies a file with the line ends of Windows, and its byte order mark where -bom says so.
func cmdCarriageReturns(ts *testscript.TestScript, _ bool, args []string) {
	mark := ""
	if len(args) > 0 && args[0] == "-bom" {
		mark, args = "\ufeff", args[1:]
	}
	if len(args) != 2 {
		ts.Fatalf("usage: carriage-returns [-bom] FROM TO")
	}
	text := mark + strings.ReplaceAll(ts.ReadFile(args[0]), "\n", "\r\n")
	ts.Check(os.WriteFile(ts.MkAbs(args[1]), []byte(text), 0o644))
}

// cmdMode insists on a file's mode.
func cmdMode(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) != 2 {
		ts.Fatalf("usage: mode FILE MODE")
	}
	info, err := os.Stat(ts.MkAbs(args[0]))
	ts.Check(err)
	if got := info.Mode().String(); got != args[1] {
		ts.Fatalf("%s has the mode %s, not %s", args[0], got, args[1])
	}
}

// cmdJSON compares the value at a dotted path of the JSON printed last.
func cmdJSON(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) != 2 {
		ts.Fatalf("usage: json PATH WANT")
	}
	got := jsonAt(ts, args[0])
	if (got == args[1]) == neg {
		ts.Fatalf("%s is %s, want %s", args[0], got, args[1])
	}
}

// cmdPick sets a variable to the value at a dotted path of the JSON printed last.
func cmdPick(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) != 2 {
		ts.Fatalf("usage: pick VAR PATH")
	}
	ts.Setenv(args[0], jsonAt(ts, args[1]))
}

// jsonAt is the value at a dotted path of the JSON printed last, as text.
func jsonAt(ts *testscript.TestScript, where string) string {
	path, count := where, false
	if inner, ok := strings.CutPrefix(path, "len("); ok {
		path, count = strings.TrimSuffix(inner, ")"), true
	}
	var value any
	ts.Check(json.Unmarshal([]byte(ts.ReadFile("stdout")), &value))
	got, found := valueAt(value, path)
	if !found {
		ts.Fatalf("%s is not in %v", where, value)
	}
	if count {
		list, _ := got.([]any)
		return strconv.Itoa(len(list))
	}
	return fmt.Sprint(got)
}

// valueAt is the value at a dotted path of a JSON document. A key that an object does not have is nil.
func valueAt(value any, path string) (any, bool) {
	for step := range strings.SplitSeq(path, ".") {
		switch v := value.(type) {
		case map[string]any:
			value = v[step]
		case []any:
			i, err := strconv.Atoi(step)
			if err != nil || i >= len(v) {
				return nil, false
			}
			value = v[i]
		default:
			return nil, false
		}
	}
	return value, true
}

// cmdFlip changes one bit of each place where TEXT stands in a file.
func cmdFlip(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) != 2 {
		ts.Fatalf("usage: flip FILE TEXT")
	}
	file := ts.MkAbs(args[0])
	data, err := os.ReadFile(file)
	ts.Check(err)
	places := regexp.MustCompile(regexp.QuoteMeta(args[1])).FindAllIndex(data, -1)
	if len(places) == 0 {
		ts.Fatalf("%s holds no %q", args[0], args[1])
	}
	for _, p := range places {
		data[p[0]] ^= 1
	}
	ts.Check(os.WriteFile(file, data, 0o600))
}

// cmdKillEachPoint runs a command again and again, each time in a new account and killed at the next point. After each
// kill it applies until nothing is asked, and looks for what was lost or made twice. It ends with the run that was
// not killed, and insists that there were points at all.
func cmdKillEachPoint(ts *testscript.TestScript, _ bool, args []string) {
	step, least := 1, 10
	if len(args) > 1 && args[0] == "-every" {
		var err error
		step, err = strconv.Atoi(args[1])
		ts.Check(err)
		least, args = 3, args[2:]
	}
	if len(args) < 2 {
		ts.Fatalf("usage: kill-each-point [-every N] VAR ARG...")
	}
	var points []string
	for n := step; ; n += step {
		ts.Check(os.RemoveAll(ts.MkAbs(".vpsync")))
		ts.Setenv("VPSYNC_TEST_KILL_AT", strconv.Itoa(n))
		err := ts.Exec("vpsync", args[1:]...)
		ts.Setenv("VPSYNC_TEST_KILL_AT", "")
		point := killedAt(ts.ReadFile("stderr"))
		if point == "" {
			if code := exitCode(ts, err); code != 0 {
				ts.Fatalf("the run that was not killed ended with %d\n%s", code, ts.ReadFile("stderr"))
			}
			break
		}
		points = append(points, point)
		converge(ts, fmt.Sprintf("killed at point %d (%s)", n, point))
	}
	if len(points) < least {
		ts.Fatalf("only %d points were visited: %v", len(points), points)
	}
	ts.Logf("killed at %d points: %s", len(points), strings.Join(points, " "))
	ts.Setenv(args[0], strconv.Itoa(len(points)))
}

// killedAt is the name of the point at which the last run was killed, or empty.
func killedAt(stderr string) string {
	_, after, ok := strings.Cut(stderr, "killed at ")
	if !ok {
		return ""
	}
	name, _, _ := strings.Cut(after, "\n")
	return name
}

// converge applies until the account equals the configuration, answering the questions about kinds that the API cannot
// list as an operator would: by looking into the account.
func converge(ts *testscript.TestScript, when string) {
	for range 3 {
		code := exitCode(ts, ts.Exec("vpsync", "apply", "--sandbox", "--auto-approve"))
		out := ts.ReadFile("stdout") + ts.ReadFile("stderr")
		switch code {
		case 0:
			cmdLost(ts, false, nil)
			cmdTwice(ts, false, nil)
			if code := exitCode(ts, ts.Exec("vpsync", "plan", "--sandbox", "--detailed-exitcode")); code != 0 {
				ts.Fatalf("%s: the second plan is not empty\n%s", when, ts.ReadFile("stdout"))
			}
			return
		case 5:
			answerQuestions(ts, when, out)
		default:
			ts.Fatalf("%s: apply ended with %d\n%s", when, code, out)
		}
	}
	ts.Fatalf("%s: three applies did not converge", when)
}

var askedAddress = regexp.MustCompile(`vpsync resolve (?:--sandbox |-C \S+ )*(\S+) --id`)

func answerQuestions(ts *testscript.TestScript, when, out string) {
	asked := askedAddress.FindAllStringSubmatch(out, -1)
	if len(asked) == 0 {
		ts.Fatalf("%s: exit code 5 without a question\n%s", when, out)
	}
	answered := map[string]bool{}
	for _, a := range asked {
		if answered[a[1]] {
			continue // the plan asks, and so does the result
		}
		answered[a[1]] = true
		at := strings.Trim(a[1], `'`)
		kind, _, _ := strings.Cut(at, ".")
		answer := []string{"resolve", at, "--retry"}
		resources, leftovers := known(ts)
		for _, o := range sandboxObjects(ts, kind) { // one that nobody knows is what the request made
			if !resources[o.key()] && !leftovers[o.key()] {
				answer = []string{"resolve", at, "--id", o.ID}
			}
		}
		if code := exitCode(ts, ts.Exec("vpsync", stateArgs(ts, answer...)...)); code != 0 {
			ts.Fatalf("%s: vpsync %s ended with %d\n%s", when, strings.Join(answer, " "), code, ts.ReadFile("stderr"))
		}
	}
}

// cmdSchema makes a state one of another schema.
func cmdSchema(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) != 2 {
		ts.Fatalf("usage: schema FILE VERSION")
	}
	file := ts.MkAbs(args[0])
	data, err := os.ReadFile(file)
	ts.Check(err)
	version, err := strconv.ParseUint(args[1], 10, 32)
	ts.Check(err)
	binary.BigEndian.PutUint32(data[60:], uint32(version)) // user_version in the header (sqlite.org/fileformat2.html)
	ts.Check(os.WriteFile(file, data, 0o600))
}
