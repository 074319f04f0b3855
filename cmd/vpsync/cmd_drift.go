package main

import (
	"context"
	"errors"

	"github.com/spf13/cobra"
	"github.com/vpsync/vpsync/pkg/apply"
	"github.com/vpsync/vpsync/pkg/plan"
)

type driftOptions struct {
	vars      variableFlags
	unmanaged bool
	history   bool
	config    string
}

func (a *app) driftCommand() *cobra.Command {
	var o driftOptions
	c := &cobra.Command{
		Use: "drift", Short: "Show what somebody changed at the provider", Args: cobra.NoArgs,
		Long: `Lists what differs at the provider from what was recorded: changed, gone, and with --unmanaged also objects that no
resource declares. Exits with 2 when there is any. Edits of the HCL are no drift, and neither are leftovers.

With --history it tells what a vpsync daemon has seen, and which runs put something back. It asks no account, and exits with 0.
A daemon of several stacks remembers those that come from repositories in a folder of its own, so --config tells of all its stacks.`,
		Example: "  vpsync drift\n  vpsync drift --unmanaged --json\n  vpsync drift --history\n  vpsync drift --history --config /etc/vpsync/vpsyncd.hcl",
		RunE: func(c *cobra.Command, _ []string) error {
			if o.history {
				if o.unmanaged {
					return wrongUsage("--history is about what drifted, and --unmanaged about what nobody declared")
				}
				if o.config != "" {
					return a.driftHistoryOfAll(c.Context(), o)
				}
				return a.driftHistory(c.Context())
			}
			if o.config != "" {
				return wrongUsage("--config belongs to --history: a daemon's stacks are looked at by vpsync daemon --once")
			}
			return a.drift(c.Context(), o)
		},
	}
	o.vars.register(c)
	c.Flags().BoolVar(&o.history, "history", false, "show what drifted before: seen first, seen last, put back by which run; without a request")
	c.Flags().StringVar(&o.config, "config", "", "with --history, that of all stacks in this `file` of a daemon")
	_ = c.MarkFlagFilename("config", "hcl")
	c.Flags().BoolVar(&o.unmanaged, "unmanaged", false, "count objects that no resource declares")
	return c
}

func (a *app) drift(ctx context.Context, o driftOptions) (err error) {
	w, err := a.open(ctx, o.vars, "")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, w.Close()) }()
	w.everywhere, w.unpriced = o.unmanaged, true
	// Nothing will be sent, so what a plan would ask before sending is no matter here.
	made, err := w.make(ctx, plan.Options{ConfirmGone: true}, apply.RefreshAuto)
	if err != nil {
		return err
	}
	var found bool
	if a.json {
		found, err = writeDriftJSON(a.out, made.Plan, made.State, o.unmanaged, a.meta())
	} else {
		found = writeDrift(a.out, made.Plan, made.State, o.unmanaged, a.outOptions())
	}
	if err == nil && found {
		return exitWith(exitChanges)
	}
	return err
}
