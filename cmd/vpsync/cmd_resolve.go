package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"
	"github.com/vpsync/vpsync/internal/shell"
	"github.com/vpsync/vpsync/pkg/apply"
	"github.com/vpsync/vpsync/pkg/plan"
	"github.com/vpsync/vpsync/pkg/plan/render"
)

type resolveOptions struct {
	vars   variableFlags
	id     string
	retry  bool
	forget bool
}

func (a *app) resolveCommand() *cobra.Command {
	var o resolveOptions
	c := &cobra.Command{
		Use: "resolve ADDRESS", Short: "Answer what a request without an answer has done",
		Long: `When the answer to a request was lost and the API offers no way to look, only you can tell what it did. Look at the
provider's own pages, and answer with one of:

  --id ID     it was carried out, and this is the object
  --retry     it was not carried out: the next apply sends it again
  --forget    leave the matter: the intent is dropped, and what was recorded of the resource with it`,
		Example: "  vpsync resolve alert_rule.cpu --id alr_1234567890\n  vpsync resolve alert_rule.cpu --retry",
		RunE:    func(c *cobra.Command, args []string) error { return a.resolve(c.Context(), o, args[0]) },
	}
	o.vars.register(c)
	c.Flags().StringVar(&o.id, "id", "", "the object's `id`")
	c.Flags().BoolVar(&o.retry, "retry", false, "it was not carried out: send it again")
	c.Flags().BoolVar(&o.forget, "forget", false, "drop the matter")
	return a.completing(c, false, a.openAddresses())
}

func (a *app) resolve(ctx context.Context, o resolveOptions, address string) error {
	at, err := addressOf(address)
	if err != nil {
		return err
	}
	answers := 0
	for _, given := range []bool{o.id != "", o.retry, o.forget} {
		if given {
			answers++
		}
	}
	if answers != 1 {
		return &remedyError{summary: "Which answer?", detail: "resolve takes exactly one of --id ID (it was carried out), --retry (it was not) and --forget (drop the matter).",
			remedy: fmt.Sprintf("vpsync resolve %s --id ID", shell.Word(at.String()))}
	}
	var settled apply.Event // the last of what was open
	emit := func(e apply.Event) {
		if e.Type == apply.EventSettled {
			settled = e
		}
	}
	return a.withRunner(ctx, o.vars, "resolve", emit, func(r *apply.Runner) error {
		if err := r.Resolve(ctx, at, apply.Answer{ID: o.id, Retry: o.retry, Forget: o.forget}); err != nil {
			return err
		}
		name := render.Escape(at.String())
		if a.json {
			answer := map[bool]string{o.retry: "retry", o.forget: "forget", o.id != "": "id"}[true]
			return a.printJSON(resolvedDocument{formatVersion, at.String(), answer, o.id})
		}
		text := fmt.Sprintf("%s is bound to %s.", name, render.Escape(o.id))
		isTask := settled.Action == plan.Task
		switch {
		case isTask && o.retry:
			text = fmt.Sprintf("The task of %s was not carried out, and is not sent again by itself: run it again if it is still wanted.", name)
		case isTask && o.id != "", settled.Kind != at.Kind && o.id != "": // an object that it made is nobody's
			text = fmt.Sprintf("What was sent for %s was carried out; nothing is bound to it.", name)
		case o.retry:
			text = fmt.Sprintf("%s was not carried out; the next apply sends it again.", name)
		case o.forget:
			text = fmt.Sprintf("What was open about %s is dropped.", name)
		}
		_, err := fmt.Fprintln(a.out, text)
		return err
	})
}
