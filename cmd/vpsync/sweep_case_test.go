//go:build unix

package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/vpsync/vpsync/pkg/providers"
	"github.com/vpsync/vpsync/pkg/sandbox"
	"github.com/vpsync/vpsync/pkg/state"
	"github.com/vpsync/vpsync/pkg/state/sqlite"
)

// sweepFolder is a stack with its state and its emulated accounts. Its errors say what is wrong and show what vpsync said.
type sweepFolder struct{ dir string }

// ended is how a vpsync ended.
type ended struct {
	code int    // -1 where a signal ended it
	text string // what it printed, on both streams
	at   *point // where something befell it, or nil
}

// lockedWriter is both streams of a run.
type lockedWriter struct {
	mu sync.Mutex
	to io.Writer
}

func (w *lockedWriter) Write(text []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.to.Write(text)
}

// environment of every vpsync of the sweep.
func (f sweepFolder) environment() []string {
	return []string{
		"HOME=" + f.dir, "NO_COLOR=1", "GORACE=atexit_sleep_ms=0",
		"VPSYNC_STATE_KEY=0123456789abcdef0123456789abcdef", "VPSYNC_VAR_root_password=canary-canary-1",
	}
}

// arguments of a command in the folder; what is about no account takes no --sandbox either, but suffers it.
func (f sweepFolder) arguments(args []string) []string {
	return append([]string{"-C", f.dir, "--sandbox"}, args...)
}

// vpsync runs in this process.
func (f sweepFolder) vpsync(h hooks, args ...string) ended {
	h.hurry, h.poll = sweepBoot, sweepPoll
	var text bytes.Buffer
	both := &lockedWriter{to: &text}
	width := func() int { return 120 }
	s := streams{in: strings.NewReader(""), out: both, errs: both, outWidth: width, errWidth: width}
	code := run(context.Background(), f.arguments(args), environ(f.environment()), s, nil, h)
	return ended{code: code, text: text.String()}
}

// child runs as a process that something befalls at its n-th point.
func (f sweepFolder) child(n int, by string, args ...string) (ended, error) {
	self, err := os.Executable()
	if err != nil {
		return ended{}, err
	}
	cmd := &exec.Cmd{Path: self, Args: append([]string{"vpsync"}, f.arguments(args)...),
		Env: append(f.environment(), "VPSYNC_TEST_SWEEP_AT="+strconv.Itoa(n), "VPSYNC_TEST_SWEEP_BY="+by)}
	var text bytes.Buffer
	cmd.Stdout, cmd.Stderr = &text, &text
	err = cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		return ended{}, err
	}
	return ended{code: cmd.ProcessState.ExitCode(), text: text.String(), at: pointIn(text.String())}, nil
}

var pointLine = regexp.MustCompile(`(?m)^` + pointWord + `(.+) \((\S+)\)$`)

func pointIn(text string) *point {
	m := pointLine.FindStringSubmatch(text)
	if m == nil {
		return nil
	}
	return &point{m[1], m[2]}
}

// copyTo is the folder once more.
func (f sweepFolder) copyTo(dir string) (sweepFolder, error) {
	return sweepFolder{dir}, copyTree(f.dir, dir)
}

func (f sweepFolder) statePath() string {
	return filepath.Join(f.dir, ".vpsync", "sandbox", "state.db")
}

// recorded is the state as it is.
func (f sweepFolder) recorded() (_ *state.State, err error) {
	store, err := sqlite.Open(context.Background(), f.statePath(), sqlite.Options{ReadOnly: true})
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	return store.Load(context.Background())
}

// accounts opens each emulated account in turn: what happened there is asked of the sandbox, never of vpsync.
func (f sweepFolder) accounts(do func(account string, s *sandbox.Sandbox) error) error {
	dir := filepath.Join(f.dir, ".vpsync", "sandbox", "accounts")
	stores, err := filepath.Glob(filepath.Join(dir, "*.jsonl"))
	if err != nil {
		return err
	}
	for _, store := range stores {
		account := strings.TrimSuffix(filepath.Base(store), ".jsonl")
		provider, _, _ := strings.Cut(account, ".")
		def, err := f.definition(provider)
		if err != nil {
			return err
		}
		s, err := sandbox.Open(def, sandbox.Options{Dir: dir, Account: account, Provisioning: time.Nanosecond}) // nothing is under way any more
		if err != nil {
			return err
		}
		if err := errors.Join(do(account, s), s.Close()); err != nil {
			return err
		}
	}
	return nil
}

func (f sweepFolder) definition(provider string) (*providers.Definition, error) {
	if slices.Contains(embeddedNames(), provider) {
		return embeddedDefinition(provider)
	}
	name := provider + definitionSuffix
	src, err := os.ReadFile(filepath.Join(f.dir, name))
	if err != nil {
		return nil, err
	}
	def, diags := providers.Decode(src, name)
	if diags.HasErrors() {
		return nil, diags
	}
	return def, nil
}

func (f sweepFolder) objects() ([]sandboxObject, error) {
	var all []sandboxObject
	err := f.accounts(func(account string, s *sandbox.Sandbox) error {
		found, err := s.Objects("")
		for _, o := range found {
			text, err := json.Marshal(newObjectDocument(o))
			if err != nil {
				return err
			}
			seen := sandboxObject{Account: account}
			if err := json.Unmarshal(text, &seen); err != nil {
				return err
			}
			all = append(all, seen)
		}
		return err
	})
	return all, err
}

// loggedRequest is a request as the sandbox saw it.
type loggedRequest struct {
	Account string
	sandbox.LogEntry
}

func (f sweepFolder) log() ([]loggedRequest, error) {
	var all []loggedRequest
	err := f.accounts(func(account string, s *sandbox.Sandbox) error {
		entries, err := s.Log()
		for _, e := range entries {
			all = append(all, loggedRequest{account, e})
		}
		return err
	})
	return all, err
}

// made counts the creates that the accounts have carried out, by account and operation.
func (f sweepFolder) made() (map[string]int, error) {
	log, err := f.log()
	if err != nil {
		return nil, err
	}
	made := map[string]int{}
	for _, r := range log {
		if strings.HasSuffix(r.Operation, ".create") && r.Done {
			made[r.Account+" "+r.Operation]++
		}
	}
	return made, nil
}

// known are the objects of the state: bound to an address, and left behind.
func (f sweepFolder) known() (resources, leftovers map[string]bool, _ error) {
	st, err := f.recorded()
	if err != nil {
		return nil, nil, err
	}
	resources, leftovers = map[string]bool{}, map[string]bool{}
	for _, r := range st.Resources {
		resources[sandboxObject{Account: r.Account, Kind: r.Address.Kind, ID: r.ID}.key()] = true
	}
	for _, l := range st.Leftovers {
		leftovers[sandboxObject{Account: l.Account, Kind: l.Kind, ID: l.ID}.key()] = true
	}
	return resources, leftovers, nil
}

// apart from the ids and times that differ with each run, these are what a picture of an account leaves out.
var (
	fleeting = regexp.MustCompile(`(^|_)(at|ip|uuid|address|addresses|node|mount_point)$`)
	anyID    = regexp.MustCompile(`(?:\b[a-z]{2,3}[_-])?\b1\d{9}\b`)
)

// files are those of the stack.
func (f sweepFolder) files() ([]string, error) {
	entries, err := os.ReadDir(f.dir)
	if err != nil {
		return nil, err
	}
	var lines []string
	for _, e := range entries {
		if !e.Type().IsRegular() {
			continue
		}
		text, err := os.ReadFile(filepath.Join(f.dir, e.Name()))
		if err != nil {
			return nil, err
		}
		lines = append(lines, fmt.Sprintf("file %s: %d bytes, %x", e.Name(), len(text), sha256.Sum256(text)))
	}
	return lines, nil
}

// picture is what exists in the accounts, and whose it is, and the stack: the same after every way to the same end.
func (f sweepFolder) picture(s *sweepScenario) ([]string, error) {
	objects, err := f.objects()
	if err != nil {
		return nil, err
	}
	st, err := f.recorded()
	if err != nil {
		return nil, err
	}
	owner := map[string]string{}
	for _, r := range st.Resources {
		owner[sandboxObject{Account: r.Account, Kind: r.Address.Kind, ID: r.ID}.key()] = r.Address.String() + r.Deposed
	}
	for _, l := range st.Leftovers {
		owner[sandboxObject{Account: l.Account, Kind: l.Kind, ID: l.ID}.key()] = "left behind"
	}
	lines, err := f.files()
	if err != nil {
		return nil, err
	}
	for _, o := range objects {
		if _, owned := owner[o.key()]; !owned && len(s.once) > 0 && s.makes(o) {
			continue // the task was carried out, or it was not
		}
		for name := range o.Values {
			if fleeting.MatchString(name) {
				delete(o.Values, name)
			}
		}
		values, err := json.Marshal(o.Values)
		if err != nil {
			return nil, err
		}
		lines = append(lines, anyID.ReplaceAllString(fmt.Sprintf("%s %s %s: %s", o.Account, o.Kind, owner[o.key()], values), "ID"))
		delete(owner, o.key())
	}
	for key, at := range owner {
		lines = append(lines, fmt.Sprintf("%s has no object: %s", at, anyID.ReplaceAllString(key, "ID")))
	}
	slices.Sort(lines)
	return lines, nil
}

// converge does what follows a kill until nothing is open, and answers questions as an operator would: by looking into the account.
func (f sweepFolder) converge(s *sweepScenario) error {
	commands := [][]string{s.again}
	if !s.applies() {
		// Either the work was not done and is done now, or it was done, and this says so.
		if r := f.vpsync(hooks{}, s.again...); r.code != 0 && r.code != 1 {
			return fmt.Errorf("vpsync %s ended with %d\n%s", strings.Join(s.again, " "), r.code, r.text)
		}
		commands = [][]string{{"apply", "--auto-approve"}}
	}
	for _, command := range commands {
		if err := f.until(command); err != nil {
			return err
		}
	}
	return nil
}

// applies: what follows a kill is a run that plans.
func (s *sweepScenario) applies() bool {
	return s.again[0] == "apply" || s.again[0] == "destroy" || s.again[0] == "daemon"
}

// until runs a command until it ends with 0: twice at most, and once more after each time that it asked, which it does twice at most: about
// what was killed, and about what was lost in the run that came after.
func (f sweepFolder) until(args []string) error {
	var r ended
	for tries, asks := 2, 2; tries > 0 && asks >= 0; {
		switch r = f.vpsync(hooks{}, args...); r.code {
		case 0:
			return nil
		case exitNeedsAnswer:
			asks--
			if err := f.answer(r.text); err != nil {
				return err
			}
		default:
			tries--
		}
	}
	return fmt.Errorf("vpsync %s ended with %d, again and again\n%s", strings.Join(args, " "), r.code, r.text)
}

var askedOf = regexp.MustCompile(`vpsync resolve (?:-C \S+ )?(?:--sandbox )?(\S+) --(?:id|forget)`)

// answer answers the questions that a run has printed.
func (f sweepFolder) answer(out string) error {
	answered := map[string]bool{}
	for _, m := range askedOf.FindAllStringSubmatch(out, -1) {
		at := strings.Trim(m[1], `'`)
		if answered[at] {
			continue // the plan asks, and so does the result
		}
		answered[at] = true
		args, err := f.truth(at)
		if err != nil {
			return err
		}
		if r := f.vpsync(hooks{}, args...); r.code != 0 {
			return fmt.Errorf("vpsync %s ended with %d\n%s", strings.Join(args, " "), r.code, r.text)
		}
	}
	if len(answered) == 0 {
		return fmt.Errorf("an answer is needed, and nothing is asked\n%s", out)
	}
	return nil
}

// truth is the answer to what an open request did: the log of the account has it.
func (f sweepFolder) truth(address string) ([]string, error) {
	st, err := f.recorded()
	if err != nil {
		return nil, err
	}
	i := slices.IndexFunc(st.Intents, func(i *state.Intent) bool { return i.Address.String() == address })
	if i < 0 {
		return nil, fmt.Errorf("it is asked what became of %s, and nothing of it is open", address)
	}
	in := st.Intents[i]
	if in.Action == state.ActionTask { // done or not: nothing is bound to it
		return []string{"resolve", address, "--forget"}, nil
	}
	objects, err := f.objects()
	if err != nil {
		return nil, err
	}
	resources, leftovers, err := f.known()
	if err != nil {
		return nil, err
	}
	for _, o := range objects { // one that nobody knows is what the request made
		if o.Account == in.Account && o.Kind == in.Address.Kind && !resources[o.key()] && !leftovers[o.key()] {
			return []string{"resolve", address, "--id", o.ID}, nil
		}
	}
	return []string{"resolve", address, "--retry"}, nil
}

// settled looks whether everything is as it must be at the end of a case.
func (f sweepFolder) settled(s *sweepScenario, want []string) error {
	var all []error
	fail := func(format string, args ...any) { all = append(all, fmt.Errorf(format, args...)) }
	if got, err := f.picture(s); err != nil {
		return err
	} else if !slices.Equal(got, want) {
		fail("the accounts are not what they are after a run that was not killed:\n  %s\nwant\n  %s", strings.Join(got, "\n  "), strings.Join(want, "\n  "))
	}
	if err := f.owned(s); err != nil {
		all = append(all, err)
	}
	if s.again[0] != "destroy" {
		// what the configuration asks for is there
		if r := f.vpsync(hooks{}, "plan", "--detailed-exitcode"); r.code != 0 {
			fail("the second plan is not empty: exit code %d\n%s", r.code, r.text)
		}
	}
	if r := f.vpsync(hooks{}, "state", "verify"); r.code != 0 {
		fail("state verify ended with %d\n%s", r.code, r.text)
	}
	log, err := f.log()
	if err != nil {
		return err
	}
	// Another run gets the lock at once, and has nothing to do.
	last := []string{"apply", "--auto-approve"}
	if s.again[0] == "destroy" {
		last = s.again
	}
	if r := f.vpsync(hooks{}, last...); r.code != 0 {
		fail("another %s ended with %d\n%s", last[0], r.code, r.text)
	}
	after, err := f.log()
	if err != nil {
		return err
	}
	if before, now := writesIn(log), writesIn(after); now > before {
		fail("another %s sent %d requests that write", last[0], now-before)
	}
	for _, name := range f.strange() {
		fail("%s was left behind", name)
	}
	return errors.Join(all...)
}

func writesIn(log []loggedRequest) int {
	n := 0
	for _, r := range log {
		if r.Method != "GET" {
			n++
		}
	}
	return n
}

// owned: no object exists twice, and none without an owner.
func (f sweepFolder) owned(s *sweepScenario) error {
	var all []error
	st, err := f.recorded()
	if err != nil {
		return err
	}
	if len(st.Intents) > 0 {
		all = append(all, fmt.Errorf("%d requests are open", len(st.Intents)))
	}
	if s.again[0] == "destroy" && len(st.Resources) > 0 {
		all = append(all, fmt.Errorf("%d resources are still there", len(st.Resources)))
	}
	resources, leftovers, err := f.known()
	if err != nil {
		return err
	}
	objects, err := f.objects()
	if err != nil {
		return err
	}
	seen := map[string]string{}
	for _, o := range objects {
		if bystander(o) {
			continue
		}
		if !resources[o.key()] && !leftovers[o.key()] && !s.makes(o) {
			all = append(all, fmt.Errorf("%s (%v) has no owner", o.key(), o.Values["name"]))
		}
		name := fmt.Sprint(o.Account, " ", o.Kind, " ", o.Values["name"], o.Values["description"])
		if first, ok := seen[name]; ok && resources[o.key()] {
			all = append(all, fmt.Errorf("%s exists twice: %s and %s", name, first, o.ID))
		}
		if resources[o.key()] {
			seen[name] = o.ID
		}
	}
	return errors.Join(all...)
}

// bystander: an object that was there before, and is nobody's.
func bystander(o sandboxObject) bool { return o.Values["name"] == "bystander" }

// makes: what a task or a backup_before makes is nobody's, as the manual says; it may be there once.
func (s *sweepScenario) makes(o sandboxObject) bool {
	return o.Kind == "backup" || o.Kind == "snapshot"
}

var ownFiles = regexp.MustCompile(`^(state\.db|state\.lock|state\.daemon\.json(\.lock)?|backups/[^/]+\.db|accounts/[a-z.]+\.(jsonl|lock))$`)

// strange are files in the folder of the state that belong to nothing.
func (f sweepFolder) strange() []string {
	var names []string
	root := filepath.Join(f.dir, ".vpsync", "sandbox")
	_ = filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		if rel, _ := filepath.Rel(root, path); !ownFiles.MatchString(filepath.ToSlash(rel)) {
			names = append(names, rel)
		}
		return nil
	})
	return names
}
