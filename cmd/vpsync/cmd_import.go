package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"
	"github.com/vpsync/vpsync/pkg/apply"
	"github.com/vpsync/vpsync/pkg/plan"
	"github.com/vpsync/vpsync/pkg/plan/render"
	"github.com/vpsync/vpsync/pkg/spec"
)

func (a *app) importCommand() *cobra.Command {
	var vars variableFlags
	c := &cobra.Command{
		Use: "import ADDRESS ID", Short: "Bind an object that exists to a resource", Args: cobra.ExactArgs(2),
		Long:    "Records that the object with this id is the resource at this address. Nothing is changed at the provider; the next plan shows what differs.",
		Example: "  vpsync import server.db srv_1234567890\n  vpsync import 'server.web[0]' srv_1234567890",
		RunE: func(c *cobra.Command, args []string) error {
			return a.importObject(c.Context(), vars, args[0], args[1])
		},
	}
	vars.register(c)
	return a.completing(c, false, a.declaredAddresses(), a.unmanagedIDs())
}

func (a *app) importObject(ctx context.Context, vars variableFlags, address, id string) error {
	at, err := addressOf(address)
	if err != nil {
		return err
	}
	unseen := ""
	emit := func(e apply.Event) {
		if e.Type == apply.EventDone && e.Unseen {
			unseen = e.Message
		}
	}
	return a.withRunner(ctx, vars, "import", emit, func(r *apply.Runner) error {
		bound, err := r.Import(ctx, at, id)
		if err != nil {
			return err
		}
		if unseen != "" {
			_ = render.Diagnostics(a.errs, spec.Diagnostics{{Severity: spec.SeverityWarning, Summary: "Nothing was checked", Detail: sentenceOf(unseen), Address: at.String()}}, a.errOptions())
		}
		if a.json {
			return a.printJSON(importDocument{FormatVersion: render.FormatVersion, Address: at.String(), ID: bound.ID, Unseen: unseen != "", Assumed: append([]string{}, bound.Assumed...)})
		}
		_, err = fmt.Fprintf(a.out, "Imported %s as %s. See what differs with: %s\n", render.Escape(bound.ID), render.Escape(at.String()), a.command("vpsync plan"))
		return err
	})
}

// importDocument is what import --json prints.
type importDocument struct {
	FormatVersion string   `json:"format_version"`
	Address       string   `json:"address"`
	ID            string   `json:"id"`
	Unseen        bool     `json:"unseen"`  // the API can neither list nor read such objects: nothing was checked
	Assumed       []string `json:"assumed"` // attributes that are taken to be as the configuration says
}

// withRunner runs one thing that writes to the state, under the lock and after a backup.
func (a *app) withRunner(ctx context.Context, vars variableFlags, command string, emit func(apply.Event), do func(*apply.Runner) error) (err error) {
	w, err := a.open(ctx, vars, command)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, w.Close()) }()
	if _, err := w.load(ctx); err != nil {
		return err
	}
	if _, err := w.store.Backup(ctx); err != nil {
		return err
	}
	grace, err := a.graceOf("")
	if err != nil {
		return err
	}
	if emit == nil {
		emit = func(apply.Event) {}
	}
	return do(w.runner(w.planner(plan.Options{}, apply.RefreshAuto), command, 1, grace, emit))
}
