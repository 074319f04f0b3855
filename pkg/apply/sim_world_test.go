package apply_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime/debug"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/vpsync/vpsync/pkg/apply"
	"github.com/vpsync/vpsync/pkg/plan"
	"github.com/vpsync/vpsync/pkg/providers"
	"github.com/vpsync/vpsync/pkg/sandbox"
	"github.com/vpsync/vpsync/pkg/spec"
	"github.com/vpsync/vpsync/pkg/state"
	"github.com/zclconf/go-cty/cty"
)

// simWorld is everything that exists in one simulation. It all comes of the seed: nothing in it looks at a real clock, at the order of a
// map, or at chance of its own.
type simWorld struct {
	t           *testing.T
	seed        uint64
	rng         *rand.Rand // of the simulation's own doings, which follow one another
	dir         string
	parallelism int
	accounts    []*simAccount
	stack       *simStack
	store       *simState
	rate        float64                    // of requests that something befalls
	foreign     map[simKey]simObj          // what others have in the accounts, as it must stay
	former      []simFormer                // what others had
	touched     map[simKey]map[string]bool // attributes that others have set
	background  sync.WaitGroup             // requests that are carried out late
	depth       int                        // of runs within runs
	others      sync.Mutex                 // one of the others at a time
	drifts      int                        // changes by others so far
	shifts      int                        // of pages, in this run
	shifted     time.Time

	mu         sync.Mutex
	quiet      bool // faults have ended
	drawn      map[string]int
	sent       map[string][]*simSent
	storms     map[string]simStorm
	processes  int
	ids        int
	transcript strings.Builder
	violations []string
	counts     map[string]int
}

type simAccount struct {
	name    string // as the state has it
	path    string // of the API's base URL
	def     *providers.Definition
	sandbox *sandbox.Sandbox
}

// kinds are those that a stack can hold.
func (a *simAccount) kinds() []*spec.Kind {
	var all []*spec.Kind
	for _, name := range sortedKeys(a.def.Schema.Kinds) {
		k := a.def.Schema.Kinds[name]
		if k.Can(spec.OpCreate) && distinct(k) != nil {
			all = append(all, k)
			if k.HoldsData && k.WhenGone != spec.GoneForget {
				all = append(all, k, k) // servers are what the others are about
			}
		}
	}
	return all
}

type simKey struct{ account, kind, id string }

// simFormer is an object of others that was deleted, or that they call otherwise now.
type simFormer struct {
	key   simKey
	apart cty.Value // what it was called
	until time.Time
}

// simProcess is one vpsync, from its start until it ends or is killed.
type simProcess struct {
	world    *simWorld
	name     string
	lock     string
	requests int
	began    time.Time
	away     time.Duration // it stood still, or waited for what the simulation did in its place
	brake    *simBrake     // nil: it may take what it likes, or has no plan yet
}

// simState is the state's store as the processes of a machine share it: one at a time has the lock, and the system frees it when its
// holder dies.
type simState struct {
	*memory
	world    *simWorld
	holder   string
	brokenAt time.Time
}

// simHandle is the store as one process has it open.
type simHandle struct {
	*simState
	lock    string
	adopt   bool // what its process was told
	process *simProcess
}

func (h *simHandle) Commit(ctx context.Context, writes ...state.Write) error {
	h.world.mu.Lock()
	lost := h.holder != h.lock
	h.world.mu.Unlock()
	if lost {
		return state.ErrLockLost
	}
	serial := func() int64 {
		h.memory.mu.Lock()
		defer h.memory.mu.Unlock()
		return h.memory.serial
	}
	before := serial()
	err := h.memory.Commit(ctx, writes...)
	if err != nil {
		return err
	}
	h.world.recorded(h.adopt, writes)
	after := serial()
	h.world.mu.Lock()
	defer h.world.mu.Unlock()
	if after <= before {
		h.world.violated("P7: a commit took the serial from %d to %d", before, after)
	}
	if h.process != nil {
		h.world.replaced(h.process, writes)
	}
	return nil
}

func (h *simHandle) Lock(_ context.Context, owner state.Owner) (state.Lock, error) {
	h.world.mu.Lock()
	defer h.world.mu.Unlock()
	if h.holder != "" {
		return nil, &state.LockedError{Owner: state.Owner{ID: h.holder}}
	}
	h.holder, h.lock = owner.ID, owner.ID
	return &simLock{h, h.brokenAt}, nil
}

func (h *simHandle) Unlock(_ context.Context, id string) error {
	h.world.mu.Lock()
	defer h.world.mu.Unlock()
	if h.holder != id {
		return fmt.Errorf("the lock is not %s", id)
	}
	h.holder, h.brokenAt = "", time.Now()
	return nil
}

type simLock struct {
	h      *simHandle
	broken time.Time
}

func (l *simLock) ID() string          { return l.h.lock }
func (l *simLock) BrokenAt() time.Time { return l.broken }
func (l *simLock) Check() error {
	l.h.world.mu.Lock()
	defer l.h.world.mu.Unlock()
	if l.h.holder != l.h.lock {
		return state.ErrLockLost
	}
	return nil
}

func (l *simLock) Release() error {
	l.h.world.mu.Lock()
	defer l.h.world.mu.Unlock()
	if l.h.holder == l.h.lock {
		l.h.holder = ""
	}
	return nil
}

// tell writes a line into the transcript, which is shown where the seed fails.
func (w *simWorld) tell(format string, args ...any) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.log(format, args...)
}

func (w *simWorld) log(format string, args ...any) {
	fmt.Fprintf(&w.transcript, "%s "+format+"\n", append([]any{time.Now().UTC().Format("15:04:05")}, args...)...)
}

// violated notes a broken promise. The caller holds the lock.
func (w *simWorld) violated(format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	w.violations = append(w.violations, text)
	w.log("!!! %s", text)
}

// broken ends the seed.
func (w *simWorld) broken(format string, args ...any) {
	panic(simFailure{fmt.Sprintf(format, args...)})
}

type simFailure struct{ text string }

func (w *simWorld) count(what string, n int) { w.counts[what] += n }

func (w *simWorld) counted(what string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.count(what, 1)
}

func (w *simWorld) struck(fault, what string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.count("fault: "+fault, 1)
	w.log("    fault: %s: %s", fault, what)
}

// calm: no faults are left.
func (w *simWorld) calm() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.quiet
}

// simOptions are what a person says on the command line.
type simOptions struct {
	command string
	adopt   bool
	gone    bool // --confirm-gone
	allow   int
}

// simOutcome is how a run ended.
type simOutcome struct {
	err     error
	result  *apply.Result
	made    *apply.Made
	crashed bool
	stopped bool
	locked  bool
	began   time.Time
}

// well: exit code 0.
func (o simOutcome) well() bool { return o.err == nil && o.result != nil && o.result.ExitCode() == 0 }

// questions are those that the run ended with.
func (o simOutcome) questions() []plan.Question {
	if o.result == nil {
		return nil
	}
	return o.result.Questions
}

// open makes a process with its own memory. It has no lock yet.
func (w *simWorld) open(o simOptions) (*simProcess, *apply.Runner, *simHandle) {
	w.mu.Lock()
	w.processes++
	p := &simProcess{world: w, name: fmt.Sprintf("%s %d", o.command, w.processes), lock: fmt.Sprintf("lock-%d", w.processes), began: time.Now()}
	w.mu.Unlock()
	accounts, schemas := apply.Accounts{}, map[string]*spec.Schema{}
	for _, a := range w.accounts {
		client, err := providers.New(a.def, providers.Config{
			Account: a.name, Token: token, Clock: wall{}, Jitter: func() float64 { return 0.5 },
			Transport: &simWire{world: w, account: a, process: p, next: a.sandbox.Transport()},
		})
		if err != nil {
			w.broken("%v", err)
		}
		accounts[a.name], schemas[a.name] = client, a.def.Schema
	}
	stack, diags := spec.Load(w.dir)
	if diags.HasErrors() {
		w.broken("the configuration does not load: %s", diagnosticsText(diags))
	}
	h := &simHandle{simState: w.store, adopt: o.adopt, process: p}
	return p, &apply.Runner{
		Store: h, Accounts: accounts,
		Planner: &apply.Planner{
			Stack: stack, Request: spec.Request{Schemas: schemas, Distinct: o.command != "destroy"}, Accounts: accounts, Mode: apply.RefreshAuto, Clock: wall{}, Key: testKey,
			Options: plan.Options{Destroy: o.command == "destroy", Allow: o.allow, Adopt: o.adopt, ConfirmGone: o.gone},
		},
		Options: apply.Options{
			Parallelism: w.parallelism, Clock: wall{}, Run: state.Run{ID: p.name, Command: o.command},
			NewID: func() string {
				w.mu.Lock()
				defer w.mu.Unlock()
				w.ids++
				return fmt.Sprintf("id-%d", w.ids)
			},
		},
	}, h
}

// run is `vpsync apply` or `vpsync destroy`, with what befalls it.
func (w *simWorld) run(o simOptions) simOutcome {
	p, r, h := w.open(o)
	lock, err := h.Lock(w.t.Context(), state.Owner{ID: p.lock})
	if err != nil {
		w.counted("runs held off by a lock")
		w.tell("%s: %v", p.name, err)
		return simOutcome{err: err, locked: true}
	}
	r.Lock = lock
	w.counted("runs")
	w.tell("%s begins (adopt=%t confirm-gone=%t allow=%d)", p.name, o.adopt, o.gone, o.allow)
	ctx, cancel := context.WithCancel(context.WithoutCancel(w.t.Context()))
	stop, interrupt := context.WithCancel(context.Background())
	defer cancel()
	defer interrupt()
	fate := w.fate(p, interrupt, cancel)
	r.Options.Boundary = fate.boundary
	r.Options.Emit = func(e apply.Event) {
		if e.Type == apply.EventWaiting {
			return
		}
		w.tell("    %s %s %s %s %s%s", e.Type, e.Address, e.Operation, e.ID, e.Message, errText(e.Err))
	}
	drifts := w.drifts
	out := w.carryOut(ctx, stop, p, r)
	out.began = p.began
	out.crashed = errors.Is(out.err, errCrash)
	out.stopped = fate.stopped
	if err := lock.Release(); err != nil { // a process that dies loses its lock, too
		w.broken("%v", err)
	}
	w.conclude(p, o, out)
	w.inspect(p, o, out, drifts == w.drifts)
	return out
}

func (w *simWorld) carryOut(ctx, stop context.Context, p *simProcess, r *apply.Runner) (out simOutcome) {
	if _, err := r.Settle(ctx); err != nil {
		return simOutcome{err: err}
	}
	st, err := r.Store.Load(ctx)
	if err != nil {
		w.broken("P7: the state cannot be read: %v", err)
	}
	made, diags, err := r.Planner.Make(ctx, st)
	if err != nil {
		return simOutcome{err: err}
	}
	if made == nil {
		w.broken("no plan: %s", diagnosticsText(diags))
	}
	w.tell("    plan: %s", strings.ReplaceAll(shortSummary(made.Plan), "\n", "\n        "))
	out.made = made
	if !r.Planner.Options.Destroy && r.Planner.Options.Allow == 0 {
		w.brakes(p, st, made.Plan)
	}
	out.result, out.err = r.Apply(ctx, stop, made)
	return out
}

// conclude counts and tells how a run ended.
func (w *simWorld) conclude(p *simProcess, o simOptions, out simOutcome) {
	w.mu.Lock()
	defer w.mu.Unlock()
	code := "-"
	if out.result != nil {
		code = fmt.Sprint(out.result.ExitCode())
		c := out.result.Counts
		for action, n := range map[plan.Action]int{plan.Create: c.Add, plan.Update: c.Change, plan.Delete: c.Destroy, plan.Replace: c.Replace, plan.Adopt: c.Adopt, plan.Forget: c.Forget} {
			w.count("done: "+string(action), n)
		}
		w.count("questions", len(out.result.Questions))
		for _, q := range out.result.Questions {
			w.count("question: "+string(q.Kind), 1)
			w.log("    question: %s (%s)", q.Summary, q.Detail)
		}
		for _, f := range out.result.Failures {
			w.log("    failure: %s: %v", f.Address, f.Err)
		}
		if out.result.Residue != nil && !out.result.Residue.Empty() {
			w.log("    left: %s", shortSummary(out.result.Residue))
		}
	}
	if out.made != nil {
		w.count("done: move", len(out.made.Plan.Moved))
	}
	w.count("exit "+code, 1)
	w.log("%s ends: exit %s, %d requests in %s%s", p.name, code, p.requests, time.Since(p.began), errText(out.err))
}

func errText(err error) string {
	if err == nil {
		return ""
	}
	return ": " + err.Error()
}

func diagnosticsText(all spec.Diagnostics) string {
	var parts []string
	for _, d := range all {
		parts = append(parts, fmt.Sprintf("%s: %s %s", d.Summary, d.Detail, d.Address))
	}
	return strings.Join(parts, "\n")
}

// shortSummary is a plan in a line for each change.
func shortSummary(p *plan.Plan) string {
	var parts []string
	for _, ch := range p.Changes {
		parts = append(parts, strings.TrimSpace(fmt.Sprintf("%s %s %s (%s) %s %s %s", ch.Action, ch.Address, ch.ID, ch.Cause, strings.Join(ch.Operations, ","), ch.Removes, ch.Unsupported)))
	}
	for _, m := range p.Moved {
		parts = append(parts, fmt.Sprintf("moved %s to %s", m.From, m.To))
	}
	for _, h := range p.Pending {
		parts = append(parts, "pending "+h.Address.String()+": "+h.Reason)
	}
	for _, q := range p.Questions {
		parts = append(parts, "question "+q.Summary)
	}
	if len(parts) == 0 {
		return "empty"
	}
	return strings.Join(parts, "\n")
}

// play runs one seed, and says how it failed, if it did.
func (w *simWorld) play(story func()) (failure string) {
	defer func() {
		switch p := recover().(type) {
		case nil:
		case simFailure:
			failure = p.text
		default:
			failure = fmt.Sprintf("panic: %v\n%s", p, debug.Stack())
		}
		w.background.Wait()
		if failure == "" && len(w.violations) > 0 {
			failure = strings.Join(w.violations, "\n")
		}
	}()
	story()
	return ""
}
