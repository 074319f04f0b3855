package main

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"time"

	"github.com/vpsync/vpsync/pkg/apply"
	"github.com/vpsync/vpsync/pkg/plan"
	"github.com/vpsync/vpsync/pkg/providers"
	"github.com/vpsync/vpsync/pkg/spec"
	"github.com/vpsync/vpsync/pkg/state"
)

// workspace is a stack with everything that a command needs to work on it.
type workspace struct {
	app      *app
	stack    *loaded
	request  spec.Request
	accounts apply.Accounts
	// definitions by account, also of those that could not be connected.
	definitions map[string]*providers.Definition
	store       stateStore
	lock        state.Lock
	key         state.Key
	clock       providers.Clock
	// recorded, if not nil, tells whoever plans nothing what not to log.
	recorded *state.State
	// everywhere: plans look at every kind, also at those of which the stack has nothing.
	everywhere bool
	// unpriced: plans are not asked what they cost.
	unpriced bool
	// view is told of waits for the rate limit, once there is one.
	waiting func(account, class string, until time.Time)
	// budgets are shared by accounts with the same token.
	budgets providers.Budgets
	close   []func() error
	// warnings are about files and variables: what evaluation finds comes with each plan.
	warnings spec.Diagnostics
}

// loadStack reads the stack and finds a schema for each of its provider blocks.
func (a *app) loadStack(vars variableFlags) (*spec.Stack, spec.Request, map[string]*providers.Definition, spec.Diagnostics) {
	stack, diags := spec.Load(a.dir)
	if stack == nil {
		return nil, spec.Request{}, nil, diags
	}
	a.stack = &stack.Declarations
	request, definitions, problems := a.equip(a.stack, stack, vars)
	return stack, request, definitions, append(diags, problems...)
}

// equip finds the definitions that a stack's provider blocks name, and the values that its variables are given.
func (a *app) equip(stack *spec.Declarations, values evaluator, vars variableFlags) (spec.Request, map[string]*providers.Definition, spec.Diagnostics) {
	request := spec.Request{Schemas: map[string]*spec.Schema{}}
	definitions := map[string]*providers.Definition{}
	var diags spec.Diagnostics
	told := map[string]bool{} // a file that two accounts name is wrong once
	for _, block := range stack.Providers {
		def, err := a.definition(block)
		if err != nil {
			var inside spec.Diagnostics // of the definition, with places of their own
			if !errors.As(err, &inside) {
				d := a.describe(err)
				d.Range = &block.Range
				inside = spec.Diagnostics{a.placed(d)}
			} else if told[block.Definition] {
				continue
			}
			told[block.Definition] = true
			diags = append(diags, inside...)
			continue
		}
		a.secrets.Hide(a.env[tokenVariable(block, def)])
		definitions[block.Account()] = def
		request.Schemas[block.Account()] = def.Schema
	}
	given, problems := a.variableValues(values, vars)
	a.hideGiven(stack, given)
	request.Variables = given
	return request, definitions, append(diags, problems...)
}

// hideGiven hides the values that sensitive variables are given, before anybody evaluates them.
func (a *app) hideGiven(stack *spec.Declarations, given []spec.VariableValue) {
	for _, v := range given {
		if stack.Secret(v.Name) && v.Source != "true" && v.Source != "false" {
			a.secrets.Hide(v.Source)
			if text, err := strconv.Unquote(v.Source); err == nil {
				a.secrets.Hide(text)
			}
		}
	}
}

// open makes a stack ready to work on. A writer takes the lock at once, before anything is read that a plan depends on.
func (a *app) open(ctx context.Context, vars variableFlags, command string) (*workspace, error) {
	return a.openWith(ctx, opening{vars: vars, command: command})
}

// opening says how a workspace is opened.
type opening struct {
	vars    variableFlags
	trust   untrustedFlags
	command string // of a writer; empty for whoever only reads
	// unconnected is told of an account that cannot be connected: unless it returns an error, the command goes on without. Where it is
	// nil none may be missing.
	unconnected func(account string, err error) error
}

func (a *app) openWith(ctx context.Context, o opening) (_ *workspace, err error) {
	w := &workspace{app: a, clock: providers.RealClock(), accounts: apply.Accounts{}}
	defer func() {
		if err != nil {
			err = errors.Join(err, w.Close())
		}
	}()
	var diags spec.Diagnostics
	w.stack, w.request, w.definitions, diags = a.load(ctx, o.vars, o.trust)
	if w.stack != nil {
		w.close = append(w.close, w.stack.close)
	}
	if diags.HasErrors() {
		if w.stack != nil {
			// What evaluation finds is worth telling at the same time.
			request := w.request
			request.Unasked = true
			diags = append(diags, w.stack.Evaluate(request).Diagnostics...)
			diags.Sort()
		}
		return w, diags
	}
	w.warnings = diags
	if w.request.Variables, err = a.askVariables(ctx, w.stack.Declarations, o.vars, w.request.Variables); err != nil {
		return w, err
	}
	a.warnOfReaders()
	if o.command != "" {
		if err := w.openForWriting(ctx, o.command); err != nil {
			return w, err
		}
	} else if w.store, err = a.openState(ctx, true); err != nil {
		return w, err
	}
	w.close = append(w.close, w.store.Close)
	for _, block := range w.stack.Providers {
		client, err := w.client(block, w.definitions[block.Account()])
		if err != nil {
			if o.unconnected != nil {
				err = o.unconnected(block.Account(), err)
			}
			if err != nil {
				return w, err
			}
			continue
		}
		w.accounts[block.Account()] = client
	}
	return w, nil
}

func (w *workspace) openForWriting(ctx context.Context, command string) error {
	var err error
	if w.store, err = w.app.openState(ctx, false); err != nil {
		return err
	}
	if w.lock, err = w.app.lockState(ctx, w.store, command); err != nil {
		return errors.Join(err, w.store.Close())
	}
	w.close = append(w.close, w.lock.Release)
	w.app.tookLock()
	return nil
}

// tookLock tells a test that the lock was taken.
func (a *app) tookLock() {
	if a.hooks.locked != nil {
		a.hooks.locked()
	}
}

// Close gives everything back, the lock first.
func (w *workspace) Close() error {
	var err error
	for _, f := range w.close {
		err = errors.Join(err, f())
	}
	w.close = nil
	return err
}

// load reads the state, and the key of its secrets.
func (w *workspace) load(ctx context.Context) (*state.State, error) {
	st, err := w.store.Load(ctx)
	if err != nil {
		return nil, err
	}
	from := state.KeySource{Given: w.app.env["VPSYNC_STATE_KEY"], Dir: w.app.keyDir(), MayCreate: w.lock != nil && st.SecretKeyID == ""}
	if w.app.keptByGit() {
		from.Dir = "" // the next run may be on another machine, which has no such file
	}
	w.key, err = state.LoadKey(from, st.Lineage)
	return st, err
}

// keyDir is vpsync's folder in the user's configuration, or empty where there is none.
func (a *app) keyDir() string {
	if dir := a.env["XDG_CONFIG_HOME"]; filepath.IsAbs(dir) {
		return filepath.Join(dir, "vpsync")
	}
	if home := a.env["HOME"]; filepath.IsAbs(home) {
		return filepath.Join(home, ".config", "vpsync")
	}
	if dir := a.env["AppData"]; filepath.IsAbs(dir) {
		return filepath.Join(dir, "vpsync")
	}
	return ""
}

func (w *workspace) planner(o plan.Options, mode apply.RefreshMode) *apply.Planner {
	return &apply.Planner{Stack: w.stack, Moves: w.stack.Moves, Request: w.request, Accounts: w.accounts, Key: w.key, Options: o, Mode: mode, Clock: w.clock}
}

// runner carries out plans in this workspace.
func (w *workspace) runner(p *apply.Planner, command string, parallelism int, grace *time.Duration, emit func(apply.Event)) *apply.Runner {
	a := w.app
	o := apply.Options{
		Parallelism: parallelism, Grace: grace, Clock: w.clock, NewID: newID, Emit: emit,
		Run: a.newRun(command, w.clock.Now()),
	}
	if a.hooks.boundary != nil {
		o.Boundary = func(point string) error {
			a.hooks.boundary(point)
			return nil
		}
	}
	return &apply.Runner{Store: w.store, Lock: w.lock, Accounts: w.accounts, Planner: p, Options: o}
}

// newRun is this run's entry in the history.
func (a *app) newRun(command string, now time.Time) state.Run {
	return state.Run{ID: a.runID, Command: command, Actor: a.actor(), Host: hostname(), Commit: a.commit(), Started: now.UTC()}
}

// owner says who holds the lock, for the message that others get.
func (a *app) owner(command string) state.Owner {
	o := state.Owner{ID: newID(), Run: a.runID, Command: command, User: a.actor(), Host: hostname(), PID: os.Getpid(), Since: time.Now().UTC().Format(time.RFC3339)}
	if id := a.env["GITHUB_RUN_ID"]; id != "" {
		o.URL = fmt.Sprintf("%s/%s/actions/runs/%s", a.env["GITHUB_SERVER_URL"], a.env["GITHUB_REPOSITORY"], id)
	}
	return o
}

func (a *app) actor() string {
	if a.who != "" {
		return a.who
	}
	if name := a.env["GITHUB_ACTOR"]; name != "" {
		return name
	}
	if u, err := user.Current(); err == nil {
		return u.Username
	}
	return "unknown"
}

func hostname() string {
	name, err := os.Hostname()
	if err != nil {
		return "unknown"
	}
	return name
}

// newID is a fresh id of a run, a lock or an intent.
func newID() string {
	b := make([]byte, 8)
	rand.Read(b)
	return hex.EncodeToString(b)
}
