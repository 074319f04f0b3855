package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	_ "time/tzdata" // a zone means the same on every machine

	"github.com/spf13/cobra"
	"github.com/vpsync/vpsync/pkg/daemon"
	"github.com/vpsync/vpsync/pkg/daemon/source"
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
	_ = c.MarkFlagFilename("config", "hcl")
	completingFlag(c, "mode", these("observe", "propose", "heal"))
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
	}
	for _, s := range c.Stacks {
		at := &app{dir: s.Dir, sandbox: a.sandbox, state: s.State}
		if s.Git != nil {
			at.home = stackHome(c.Data, s.Name)
		}
		s.State = at.statePath()
		s.Memory = memoryPath(s.State)
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
	log := slog.New(slog.NewTextHandler(render.NewWriter(a.errs), nil))
	if a.json {
		log = slog.New(slog.NewJSONHandler(a.errs, nil))
	}
	work := &stackWork{app: a, config: config, vars: o.vars, log: log}
	d, closer, err := daemon.New(config, daemon.Options{
		Work: work, Version: versionText(), Log: log, Boundary: a.hooks.boundary,
		Sources: &source.Sources{Data: config.Data, Env: a.env, Commit: gitCommit},
	})
	if errors.Is(err, daemon.ErrBusy) {
		return &exitError{code: exitLocked, err: &remedyError{summary: "Another daemon is at work", detail: sentenceOf(err.Error())}}
	}
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, closer()) }()
	close(a.sending) // the first signal is a clean stop from here on
	if o.once {
		d.Once(ctx, a.stop)
		return a.showTurns(d.Snapshot())
	}
	hangups := make(chan os.Signal, 1)
	signal.Notify(hangups, syscall.SIGHUP)
	defer signal.Stop(hangups)
	go func() {
		for {
			select {
			case <-hangups:
				for _, s := range config.Stacks {
					_ = d.Trigger(s.Name, "signal") // it has a stack of this name
				}
			case <-a.stop.Done():
				return
			}
		}
	}()
	log.Info("daemon begins", "version", versionText(), "stacks", len(config.Stacks))
	err = d.Run(ctx, a.stop)
	log.Info("daemon ends")
	if errors.Is(err, context.Canceled) {
		return nil
	}
	return err
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
		if s.Report != nil && s.Error == "" {
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
