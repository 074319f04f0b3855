package apply_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/vpsync/vpsync/pkg/apply"
	"github.com/vpsync/vpsync/pkg/plan"
	"github.com/vpsync/vpsync/pkg/providers"
	"github.com/vpsync/vpsync/pkg/providers/servosphere"
	"github.com/vpsync/vpsync/pkg/sandbox"
	"github.com/vpsync/vpsync/pkg/spec"
	"github.com/vpsync/vpsync/pkg/state"
)

const token = "sandbox-token"

// world is an account, a state and a stack. Everything in it happens in the virtual time of a synctest bubble.
type world struct {
	t       *testing.T
	def     *providers.Definition
	sandbox *sandbox.Sandbox
	store   *memory
	far     *deferring // where commits are costly; nil where they are not
	dir     string
	runs    int
	ids     int
	mu      sync.Mutex
	events  []apply.Event
	// of the next runs
	boundary    func(point string) error
	parallelism int
	grace       *time.Duration
	allow       int
	adopt       bool
	mode        apply.RefreshMode
	emit        func(apply.Event)
	pollEvery   time.Duration
	wire        func(http.RoundTripper) http.RoundTripper
	throttled   func(class string, until time.Time)
	clock       providers.Clock // vpsync's own; the API's is the bubble's
}

// inWorld runs a test with an empty account and an empty state, in virtual time.
func inWorld(t *testing.T, test func(t *testing.T, w *world)) {
	t.Helper()
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, dir, servosphereDefinition(t))
		test(t, w)
		require.NoError(t, w.sandbox.Close())
	})
}

func newWorld(t *testing.T, dir string, def *providers.Definition) *world {
	t.Helper()
	s, err := sandbox.Open(def, sandbox.Options{Token: token, Clock: wall{}, Provisioning: 45 * time.Second})
	require.NoError(t, err)
	return &world{t: t, def: def, sandbox: s, store: newMemory(), dir: dir, parallelism: 4, allow: 100, mode: apply.RefreshAuto, clock: wall{}}
}

func servosphereDefinition(t *testing.T) *providers.Definition {
	t.Helper()
	def, diags := decodeServosphere()
	require.Empty(t, diags)
	return def
}

// decodeServosphere decodes once: a definition is read-only.
var decodeServosphere = sync.OnceValues(func() (*providers.Definition, spec.Diagnostics) {
	return providers.Decode(servosphere.Source, "servosphere.provider.hcl")
})

// write replaces the stack.
func (w *world) write(hcl string) {
	w.t.Helper()
	require.NoError(w.t, os.WriteFile(filepath.Join(w.dir, "main.hcl"), []byte("provider \""+w.def.Name+"\" {}\n"+hcl), 0o600))
}

// process is what a fresh vpsync would hold in memory.
func (w *world) process(command string) *apply.Runner {
	w.t.Helper()
	transport := w.sandbox.Transport()
	if w.wire != nil {
		transport = w.wire(transport)
	}
	client, err := providers.New(w.def, providers.Config{
		Account: w.def.Name, Token: token, Transport: transport, Clock: w.clock, Jitter: func() float64 { return 0.5 }, PollEvery: w.pollEvery,
		Waiting: w.throttled,
	})
	require.NoError(w.t, err)
	accounts := apply.Accounts{w.def.Name: client}
	stack, diags := spec.Load(w.dir)
	require.Empty(w.t, diags)
	w.runs++
	run := fmt.Sprintf("run-%d", w.runs)
	lock, err := w.store.Lock(w.t.Context(), state.Owner{})
	require.NoError(w.t, err)
	var store state.Store = w.store
	if w.far != nil {
		store = w.far
	}
	return &apply.Runner{
		Store: store, Lock: lock, Accounts: accounts,
		Planner: &apply.Planner{
			Stack: stack, Moves: stack.Moves, Request: spec.Request{Schemas: map[string]*spec.Schema{w.def.Name: w.def.Schema}}, Accounts: accounts,
			Options: plan.Options{Destroy: command == "destroy", Allow: w.allow, Adopt: w.adopt}, Mode: w.mode, Clock: w.clock, Key: testKey,
		},
		Options: apply.Options{
			Parallelism: w.parallelism, Grace: w.grace, Clock: w.clock, Boundary: w.boundary,
			NewID: func() string {
				w.mu.Lock()
				defer w.mu.Unlock()
				w.ids++
				return fmt.Sprintf("id-%d", w.ids)
			},
			Run: state.Run{ID: run, Command: command},
			Emit: func(e apply.Event) {
				w.mu.Lock()
				w.events = append(w.events, e)
				w.mu.Unlock()
				if w.emit != nil {
					w.emit(e)
				}
			},
		},
	}
}

// plan makes a plan as `vpsync plan` does.
func (w *world) plan() *apply.Made {
	w.t.Helper()
	r := w.process("plan")
	st, err := w.store.Load(w.t.Context())
	require.NoError(w.t, err)
	made, diags, err := r.Planner.Make(w.t.Context(), st)
	require.NoError(w.t, err)
	for _, d := range diags {
		require.NotEqual(w.t, spec.SeverityError, d.Severity, "%s: %s", d.Summary, d.Detail)
	}
	return made
}

// run settles, plans and applies as the commands apply and destroy do.
func (w *world) run(ctx, stop context.Context, command string) (*apply.Result, error) {
	w.t.Helper()
	r := w.process(command)
	if _, err := r.Settle(ctx); err != nil {
		return nil, err
	}
	st, err := w.store.Load(ctx)
	require.NoError(w.t, err)
	made, diags, err := r.Planner.Make(ctx, st)
	if err != nil {
		return nil, err
	}
	for _, d := range diags {
		require.NotEqual(w.t, spec.SeverityError, d.Severity, "%s: %s", d.Summary, d.Detail)
	}
	return r.Apply(ctx, stop, made)
}

func (w *world) apply() *apply.Result {
	w.t.Helper()
	result, err := w.run(w.t.Context(), context.Background(), "apply")
	require.NoError(w.t, err)
	return result
}

// converge applies and holds the promises that every good run keeps: exit 0, an empty second plan, nothing unowned.
func (w *world) converge() *apply.Result {
	w.t.Helper()
	result := w.apply()
	w.requireWell(result)
	require.True(w.t, w.plan().Plan.Empty(), "the second plan is not empty: %s", summary(w.plan().Plan))
	w.requireOwned()
	return result
}

func (w *world) requireWell(result *apply.Result) {
	w.t.Helper()
	for _, f := range result.Failures {
		require.NoError(w.t, f.Err, f.Address.String())
	}
	require.Empty(w.t, result.Questions)
	require.Empty(w.t, result.Skipped)
	if result.Residue != nil {
		require.True(w.t, result.Residue.Empty(), "left to do: %s", summary(result.Residue))
	}
	require.Zero(w.t, result.ExitCode())
}

// requireOwned holds P1 and P2: whatever exists is recorded, once, or left over, or under an open intent.
func (w *world) requireOwned() {
	w.t.Helper()
	st, err := w.store.Load(w.t.Context())
	require.NoError(w.t, err)
	type object struct{ kind, id string }
	owners := map[object]int{}
	for _, r := range st.Resources {
		owners[object{r.Address.Kind, r.ID}]++
	}
	for _, l := range st.Leftovers {
		owners[object{l.Kind, l.ID}]++
	}
	open := map[string]int{} // creates by kind: each may have made one
	for _, in := range st.Intents {
		if in.Operation == spec.OpCreate {
			open[in.Kind]++
		}
	}
	objects, err := w.sandbox.Objects("")
	require.NoError(w.t, err)
	for _, o := range objects {
		if o.Kind == "backup" {
			continue // made before something was lost, and nobody's
		}
		n := owners[object{o.Kind, o.ID}]
		if n == 0 {
			open[o.Kind]--
			require.GreaterOrEqual(w.t, open[o.Kind], 0, "%s %s is nobody's", o.Kind, o.ID)
		}
		require.LessOrEqual(w.t, n, 1, "%s %s has two owners", o.Kind, o.ID)
	}
}

// summary is a plan in a line, for messages.
func summary(p *plan.Plan) string {
	var parts []string
	for _, ch := range p.Changes {
		var attributes []string
		for _, a := range ch.Attributes {
			attributes = append(attributes, fmt.Sprintf("%s:%s %#v->%#v", a.Name, a.Effect, a.Before, a.After))
		}
		parts = append(parts, fmt.Sprintf("%s %s (%s) [%s] ops=%v removes=%q forgets=%t", ch.Action, ch.Address, ch.Cause, strings.Join(attributes, " "), ch.Operations, ch.Removes, ch.Forgets))
	}
	for _, q := range p.Questions {
		parts = append(parts, "question: "+q.Summary)
	}
	for _, q := range p.Pending {
		parts = append(parts, "pending: "+q.Address.String())
	}
	return strings.Join(parts, "\n")
}

// writes counts the writes in the sandbox's log by operation; only those that took effect where done is set.
func (w *world) writes(done bool) map[string]int {
	w.t.Helper()
	log, err := w.sandbox.Log()
	require.NoError(w.t, err)
	count := map[string]int{}
	for _, e := range log {
		if e.Method != http.MethodGet && (e.Done || !done) {
			count[e.Operation]++
		}
	}
	return count
}

func (w *world) objects(kind string) []spec.Object {
	w.t.Helper()
	all, err := w.sandbox.Objects(kind)
	require.NoError(w.t, err)
	return all
}

func (w *world) happened(typ apply.EventType) []apply.Event {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(w.events), func(e apply.Event) bool { return e.Type != typ })
}

// crashAt makes a boundary hook that cuts the run off at its n-th point; reached tells how many points there were.
func crashAt(n int) (hook func(string) error, reached func() (int, string)) {
	var mu sync.Mutex
	count, at := 0, ""
	return func(point string) error {
			mu.Lock()
			defer mu.Unlock()
			count++
			if count == n {
				at = point
				return errCrash
			}
			return nil
		}, func() (int, string) {
			mu.Lock()
			defer mu.Unlock()
			return count, at
		}
}

var testKey = state.NewKey([]byte("a key of the tests"))

var errCrash = errors.New("crash")

// quickstart is what a small company would have.
const quickstart = `
network "main" {
  name        = "main"
  cidr        = "10.0.0.0/24"
  gateway     = "10.0.0.254"
  lifecycle { on_unsupported = "forget" }
}

server "web" {
  count    = 2
  name     = "web-${count.index + 1}"
  plan     = "vps-small"
  location = "AMS"
  ssh_keys = ["ssh-ed25519 AAAA ops"]
}

server "db" {
  name     = "db"
  plan     = "vps-medium"
  location = "IST"
}

volume "data" {
  name      = "data"
  size_gb   = 100
  type      = "ssd"
  server_id = server.db.id
  lifecycle { on_unsupported = "forget" }
}

firewall_rule "http" {
  count      = 2
  name       = "http-${count.index + 1}"
  server_id  = server.web[count.index].id
  protocol   = "tcp"
  port_range = "80"
  source     = "0.0.0.0/0"
  action     = "allow"
}

firewall_rule "db" {
  name       = "db"
  server_id  = server.db.id
  protocol   = "tcp"
  port_range = "5432"
  source     = "10.0.0.0/24"
  action     = "allow"
}

alert_rule "cpu" {
  name      = "cpu"
  metric    = "cpu"
  threshold = 90
  condition = "greater_than"
  lifecycle { on_unsupported = "forget" }
}

backup_schedule "nightly" {
  name      = "nightly"
  server_id = server.db.id
  cron      = "0 2 * * *"
  lifecycle { on_unsupported = "forget" }
}

output "web" {
  value = server.web[*].ip_address
}
`

// replaceOnce edits a stack; what it replaces must be there once.
func replaceOnce(s, old, new string) string {
	if strings.Count(s, old) != 1 {
		panic(fmt.Sprintf("%q is there %d times", old, strings.Count(s, old)))
	}
	return strings.Replace(s, old, new, 1)
}
