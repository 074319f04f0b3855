package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	_ "time/tzdata" // a zone means the same on every machine

	"github.com/spf13/cobra"
	"github.com/vpsync/vpsync/pkg/daemon"
	"github.com/vpsync/vpsync/pkg/daemon/notify"
	"github.com/vpsync/vpsync/pkg/daemon/source"
	"github.com/vpsync/vpsync/pkg/daemon/web"
	"github.com/vpsync/vpsync/pkg/plan/render"
)

type daemonOptions struct {
	vars         variableFlags
	config       string
	once         bool
	schedule     string
	zone         string
	mode         string
	allowDestroy bool
	listen       string
}

func (a *app) daemonCommand() *cobra.Command {
	var o daemonOptions
	c := &cobra.Command{
		Use: "daemon", Short: "Look after stacks on a schedule", Args: cobra.NoArgs,
		Long: `Looks at each of its stacks on a schedule, and does about drift what the stack's mode says: observe reports it, propose
keeps a plan ready to be approved, heal puts it back with the values that were applied. It never deletes or replaces unless it is
allowed to, and applies nothing outside the stack's windows. A resource may say otherwise: lifecycle { on_drift = "report" }.

Without --config it looks after the stack in this folder. With --once it carries out one turn of each stack and ends: with 0 where all
is as it should be, 2 where something drifted or is pending, 5 where a question waits, 1 where a turn failed.

While it goes on it serves a status page, a JSON API, metrics and probes on one address of this machine (--listen); who approves a plan
there needs the token in VPSYNC_APPROVE_TOKEN.

It logs to stderr, with --json a JSON object a line. A signal to end lets what is in flight finish, a second one does not; SIGHUP makes
a turn of each stack due.`,
		Example: "  vpsync daemon --config /etc/vpsync/vpsyncd.hcl\n  vpsync daemon --mode heal --schedule '*/30 * * * *'\n  vpsync daemon --once --mode heal",
		RunE: func(c *cobra.Command, _ []string) error {
			if o.config != "" {
				for _, name := range []string{"schedule", "zone", "mode", "allow-destroy", "state", "var", "var-file"} {
					if c.Flags().Changed(name) {
						return wrongUsage("--%s is about the stack of this folder; with --config it stands in the file", name)
					}
				}
			}
			if c.Flags().Changed("listen") {
				if err := daemon.CheckAddress(o.listen); err != nil {
					return wrongUsage("--listen: %s, or %s", err, daemon.NoAddress)
				}
			} else if o.config != "" {
				o.listen = ""
			}
			return a.daemon(c.Context(), o)
		},
	}
	o.vars.register(c)
	c.Flags().StringVar(&o.config, "config", "", "look after the stacks in this `file`")
	c.Flags().BoolVar(&o.once, "once", false, "carry out one turn of each stack, and end")
	c.Flags().StringVar(&o.schedule, "schedule", "*/15 * * * *", "when to look, in `cron` syntax with five fields, or @every 90m")
	c.Flags().StringVar(&o.zone, "zone", "", "the `zone` of the schedule, such as Europe/Berlin (default UTC)")
	c.Flags().StringVar(&o.mode, "mode", "observe", "what to do about drift: observe, propose or heal")
	c.Flags().BoolVar(&o.allowDestroy, "allow-destroy", false, "healing may delete and replace, too")
	c.Flags().StringVar(&o.listen, "listen", daemon.DefaultAddress, "serve the status page, the API and metrics at this `address`, or none")
	_ = c.MarkFlagFilename("config", "hcl")
	a.completingFlag(c, "mode", these("observe", "propose", "heal"))
	return c
}

// stackHome is where what is kept of a stack lies that comes from a repository.
func stackHome(data, name string) string { return filepath.Join(data, name) }

// daemonConfig reads the file, or makes a configuration of the flags.
func (a *app) daemonConfig(o daemonOptions) (*daemon.Config, error) {
	c := &daemon.Config{}
	if o.config != "" {
		var diags error
		if c, diags = readDaemonConfig(o.config); diags != nil {
			return nil, diags
		}
	} else {
		dir, err := filepath.Abs(a.dir)
		if err != nil {
			return nil, err
		}
		s := &daemon.Stack{Name: filepath.Base(dir), Dir: dir, State: a.state, Mode: daemon.Mode(o.mode), AllowDestroy: o.allowDestroy}
		if !slices.Contains(daemon.Modes, s.Mode) {
			return nil, wrongUsage("--mode %s: it is observe, propose or heal", o.mode)
		}
		if s.Schedule, err = daemon.ParseSchedule(o.schedule, o.zone); err != nil {
			return nil, wrongUsage("--schedule: %s", err)
		}
		c.Stacks = []*daemon.Stack{s}
		c.Listen.TokenEnv = daemon.DefaultTokenEnv
	}
	if o.listen != "" {
		c.Listen.Address = o.listen
	}
	for _, s := range c.Stacks {
		if info, err := os.Stat(s.Dir); s.Git == nil && (err != nil || !info.IsDir()) {
			return nil, &remedyError{summary: "No such folder", detail: fmt.Sprintf("Stack %q is to be in %s, which is no folder.", s.Name, s.Dir), at: &s.Range}
		}
		at := &app{dir: s.Dir, sandbox: a.sandbox, state: s.State}
		if s.Git != nil {
			at.home = stackHome(c.Data, s.Name)
		}
		s.Memory = memoryPath(at.statePath())
	}
	return c, nil
}

// memoryPath is where a daemon remembers a stack: beside its state.
func memoryPath(state string) string { return strings.TrimSuffix(state, ".db") + ".daemon.json" }

func (a *app) daemon(ctx context.Context, o daemonOptions) (err error) {
	config, err := a.daemonConfig(o)
	if err != nil {
		return err
	}
	for _, name := range config.SecretEnv() {
		a.secrets.Hide(strings.TrimSpace(a.env[name]))
	}
	log := slog.New(slog.NewTextHandler(render.NewWriter(a.errs), nil))
	if a.json {
		log = slog.New(slog.NewJSONHandler(a.errs, nil))
	}
	site, err := a.site(config, log)
	if err != nil {
		return err
	}
	notifier, err := notify.New(config.Notify, func(name string) string { return a.env[name] }, notify.Options{Log: log})
	if err != nil {
		return &remedyError{summary: "Somebody could not be told", detail: sentenceOf(err.Error())}
	}
	site.Undelivered = notifier.Undelivered
	work := &stackWork{app: a, config: config, vars: o.vars, log: log}
	d, closer, err := daemon.New(config, daemon.Options{
		Work: work, Version: versionText(), Log: log, Boundary: a.hooks.boundary, Redact: a.secrets.Scrub,
		Sources: &source.Sources{Data: config.Data, Env: a.env, Commit: gitCommit},
	})
	if errors.Is(err, daemon.ErrBusy) {
		return &exitError{code: exitLocked, err: &remedyError{summary: "Another daemon is at work", detail: sentenceOf(err.Error())}}
	}
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, closer()) }()
	var listener net.Listener
	if config.Listen.Address != daemon.NoAddress && !o.once {
		if listener, err = net.Listen("tcp", config.Listen.Address); err != nil {
			return &remedyError{summary: "Cannot listen", detail: sentenceOf(err.Error()),
				remedy: "vpsync daemon --listen 127.0.0.1:0    # any port that is free\nvpsync daemon --listen none           # no page, no API"}
		}
	}
	a.tellStop = func() { log.Info("finishing what is in flight; a second signal cancels it") }
	close(a.sending) // the first signal is a clean stop from here on

	// The page and whoever is told see the last turn end.
	shown, end := context.WithCancel(context.WithoutCancel(ctx))
	var beside sync.WaitGroup
	defer beside.Wait()
	defer end()
	notifier.Begin(d)
	beside.Go(func() { notifier.Run(shown, d) })
	if o.once {
		d.Once(ctx, a.stop)
		return a.showTurns(d.Snapshot())
	}
	log.Info("daemon begins", "version", versionText(), "stacks", len(config.Stacks))
	if listener != nil {
		log.Info("listening", "url", "http://"+listener.Addr().String()+"/", "approving", site.Token != "")
		beside.Go(func() {
			if err := web.Serve(shown, listener, d, site); err != nil {
				log.Error("nothing is served any more", "error", err)
			}
		})
	}
	hangups := make(chan os.Signal, 1)
	signal.Notify(hangups, syscall.SIGHUP)
	defer signal.Stop(hangups)
	go lookAtAll(a.stop, hangups, d)
	err = d.Run(ctx, a.stop)
	log.Info("daemon ends")
	if errors.Is(err, context.Canceled) {
		return nil
	}
	return err
}

// lookAtAll makes a turn of each stack due for each signal that comes.
func lookAtAll(ctx context.Context, signals <-chan os.Signal, d *daemon.Daemon) {
	for {
		select {
		case <-signals:
			for _, s := range d.Snapshot().Stacks {
				_ = d.Trigger(s.Name, "signal") // it has a stack of this name
			}
		case <-ctx.Done():
			return
		}
	}
}

// site is what a daemon's address may do, with the secrets of the environment.
func (a *app) site(c *daemon.Config, log *slog.Logger) (web.Options, error) {
	hooks := map[string]string{}
	for _, s := range c.Stacks {
		if s.Git == nil || s.Git.HookSecretEnv == "" {
			continue
		}
		if hooks[s.Name] = a.env[s.Git.HookSecretEnv]; len(hooks[s.Name]) < daemon.MinSecret {
			return web.Options{}, &remedyError{summary: "No secret for a webhook", remedy: fmt.Sprintf("export %s=$(openssl rand -hex 32)    # and give the git host the same", s.Git.HookSecretEnv),
				detail: fmt.Sprintf("The calls for stack %q are signed with what %s holds, which has to have %d characters or more.", s.Name, s.Git.HookSecretEnv, daemon.MinSecret)}
		}
	}
	token := a.env[c.Listen.TokenEnv]
	if token != "" && len(token) < daemon.MinSecret {
		return web.Options{}, &remedyError{summary: "The token is short", remedy: fmt.Sprintf("export %s=$(openssl rand -hex 32)", c.Listen.TokenEnv),
			detail: fmt.Sprintf("Whoever guesses what %s holds can approve plans. It has to have %d characters or more.", c.Listen.TokenEnv, daemon.MinSecret)}
	}
	return web.Options{Token: token, Names: c.Listen.Names, HookSecret: func(stack string) string { return hooks[stack] }, Log: log}, nil
}

// daemonDocument is how the stacks of a daemon are.
type daemonDocument struct {
	FormatVersion string `json:"format_version"`
	daemon.Snapshot
}

// showTurns prints how each stack is after its turn.
func (a *app) showTurns(snapshot daemon.Snapshot) error {
	code := exitDone
	worst := map[daemon.Condition]int{daemon.Changes: exitChanges, daemon.Drifted: exitChanges, daemon.Asking: exitNeedsAnswer, daemon.Failing: exitFailed, daemon.Unknown: exitFailed}
	order := []int{exitDone, exitChanges, exitNeedsAnswer, exitFailed}
	for _, s := range snapshot.Stacks {
		if c := worst[s.Condition]; slices.Index(order, c) > slices.Index(order, code) {
			code = c
		}
	}
	if a.json {
		if err := a.printJSON(daemonDocument{formatVersion, snapshot}); err != nil {
			return err
		}
		return exitWith(code)
	}
	for _, s := range snapshot.Stacks {
		fmt.Fprintf(a.out, "%s: %s%s\n", render.Escape(s.Name), s.Condition, turnText(s))
		if s.Report != nil {
			for _, d := range s.Report.Drifted {
				fmt.Fprintf(a.out, "  %s\n", render.Escape(driftText(d)))
			}
			for _, q := range s.Report.Questions {
				fmt.Fprintf(a.out, "  ? %s\n", render.Escape(q.Summary))
			}
		}
		if s.Proposed != nil {
			fmt.Fprintf(a.out, "  a plan awaits approval: vpsync approve %s\n", s.Proposed.Run)
		}
		if s.Error != "" {
			fmt.Fprintf(a.out, "  %s\n", render.Escape(s.Error))
		}
	}
	return exitWith(code)
}

// turnText is what the last turn did, where it did something.
func turnText(s daemon.StackState) string {
	if len(s.Turns) == 0 || s.Turns[0].Done == (daemon.Counts{}) {
		return ""
	}
	done := s.Turns[0].Done
	var parts []string
	for _, p := range []struct {
		n    int
		word string
	}{{done.Add, "added"}, {done.Change, "changed"}, {done.Replace, "replaced"}, {done.Destroy, "destroyed"}, {done.Adopt, "adopted"}, {done.Forget, "forgotten"}} {
		if p.n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", p.n, p.word))
		}
	}
	return fmt.Sprintf(" (%s: %s)", s.Turns[0].Result, strings.Join(parts, ", "))
}

func driftText(d daemon.Drift) string {
	if d.Attribute == "" {
		return fmt.Sprintf("%s is gone (%s)", d.Address, d.ID)
	}
	return fmt.Sprintf("%s.%s is %s, should be %s", d.Address, d.Attribute, d.Is, d.Was)
}

// readDaemonConfig reads a daemon's file.
func readDaemonConfig(path string) (*daemon.Config, error) {
	c, diags := daemon.ReadConfig(path)
	if c == nil {
		return nil, diags
	}
	return c, nil
}
