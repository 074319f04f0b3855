package main

import (
	"github.com/spf13/cobra"
	"github.com/vpsync/vpsync/pkg/plan"
)

type destroyOptions struct {
	runFlags
	vars        variableFlags
	selection   selectionFlags
	confirmGone bool
}

func (a *app) destroyCommand() *cobra.Command {
	var o destroyOptions
	c := &cobra.Command{
		Use: "destroy", Short: "Delete everything that is recorded",
		Long: `Deletes what the API can delete, and lists as left behind what it cannot: those objects stay known, and a later
apply takes them back.`,
		Example: "  vpsync destroy\n  vpsync destroy --auto-approve\n  vpsync destroy --target volume.data",
		RunE: func(c *cobra.Command, _ []string) error {
			options := plan.Options{Destroy: true, ConfirmGone: o.confirmGone}
			if err := o.selection.into(&options); err != nil {
				return err
			}
			return a.applyPlan(c.Context(), job{command: "destroy", vars: o.vars, options: options, run: o.runFlags})
		},
	}
	o.vars.register(c)
	o.selection.register(c)
	o.runFlags.register(c)
	c.Flags().BoolVar(&o.confirmGone, "confirm-gone", false, "believe an account that suddenly looks empty")
	return c
}
