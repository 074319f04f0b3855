package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"runtime"
	"time"

	"github.com/spf13/cobra"
	"github.com/vpsync/vpsync/pkg/apply"
	"github.com/vpsync/vpsync/pkg/plan"
	"github.com/vpsync/vpsync/pkg/plan/render"
	"github.com/vpsync/vpsync/pkg/spec"
	"github.com/vpsync/vpsync/pkg/state"
	"github.com/vpsync/vpsync/pkg/state/sqlite"
)

func (a *app) stateCommand() *cobra.Command {
	c := &cobra.Command{Use: "state", Short: "Look at the state, and correct it"}
	c.AddCommand(
		&cobra.Command{Use: "list", Short: "List the recorded addresses", Args: cobra.NoArgs,
			Example: "  vpsync state list",
			RunE:    func(c *cobra.Command, _ []string) error { return a.stateList(c.Context()) }},
		a.completing(&cobra.Command{Use: "show ADDRESS", Short: "Show one recorded resource", Args: cobra.ExactArgs(1),
			Example: "  vpsync state show 'server.web[\"a\"]'",
			RunE:    func(c *cobra.Command, args []string) error { return a.stateShow(c.Context(), args[0]) }}, false, a.recordedAddresses()),
		a.completing(&cobra.Command{Use: "rm ADDRESS...", Short: "Forget resources; their objects stay", Args: cobra.MinimumNArgs(1),
			Example: "  vpsync state rm server.web 'server.db[0]'",
			RunE:    func(c *cobra.Command, args []string) error { return a.stateRemove(c.Context(), args) }}, true, a.recordedAddresses()),
		a.completing(&cobra.Command{Use: "mv FROM TO", Short: "Give a recorded resource another address", Args: cobra.ExactArgs(2),
			Example: "  vpsync state mv server.db server.database",
			RunE:    func(c *cobra.Command, args []string) error { return a.stateMove(c.Context(), args[0], args[1]) }},
			false, a.recordedAddresses(), a.declaredAddresses()),
		&cobra.Command{Use: "verify", Short: "Check the state against its invariants", Args: cobra.NoArgs,
			Example: "  vpsync state verify",
			RunE:    func(c *cobra.Command, _ []string) error { return a.stateVerify(c.Context()) }},
		a.leftoversCommand(),
	)
	return c
}

func (a *app) stateList(ctx context.Context) error {
	st, err := a.readState(ctx)
	if err != nil {
		return err
	}
	if a.json {
		return a.printJSON(stateDocument(st))
	}
	for _, r := range st.Resources {
		text := render.Escape(r.Address.String())
		if r.Deposed != "" {
			text += " (deposed)"
		}
		if _, err := fmt.Fprintln(a.out, text); err != nil {
			return err
		}
	}
	return nil
}

// recorded finds the resources at an address: its object and its deposed ones.
func recorded(st *state.State, a spec.Address) ([]*state.Resource, error) {
	var found []*state.Resource
	var names []string
	for _, r := range st.Resources {
		names = append(names, r.Address.String())
		if r.Address == a {
			found = append(found, r)
		}
	}
	if len(found) == 0 {
		e := &remedyError{summary: "No such resource", detail: fmt.Sprintf("Nothing is recorded at %s.", a), remedy: "vpsync state list"}
		if near := spec.Nearest(a.String(), names); near != "" {
			e.detail += fmt.Sprintf(" Did you mean %s?", near)
		}
		return nil, e
	}
	return found, nil
}

func (a *app) stateShow(ctx context.Context, address string) error {
	at, err := spec.ParseAddress(address)
	if err != nil {
		return err
	}
	st, err := a.readState(ctx)
	if err != nil {
		return err
	}
	found, err := recorded(st, at)
	if err != nil {
		return err
	}
	if a.json {
		return a.printJSON(newResourceDocument(found[0]))
	}
	for _, r := range found {
		writeResource(a.out, r, a.outOptions())
	}
	return nil
}

// Words of the history for what no plan does: a resource got another address (its row lies at the new one, and holds both), and a
// leftover was taken off the list.
const (
	actionDismiss = "dismiss"
)

// byHand is the cause, in the history, of what an operator did to the state without a request.
const byHand = "by_hand"

// edited is the row of such an edit in the history.
func (a *app) edited(action string, at spec.Address, id string) state.Change {
	return state.Change{Run: a.runID, Address: at, Action: action, ObjectID: id, Cause: byHand, At: time.Now().UTC()}
}

// edit changes the state under its lock, after a backup. It is a run of the history.
func (a *app) edit(ctx context.Context, command string, change func(*state.State) ([]state.Write, error)) (err error) {
	store, err := sqlite.Open(ctx, a.statePath(), sqlite.Options{})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	lock, err := store.Lock(ctx, a.owner(command))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, lock.Release()) }()
	st, err := store.Load(ctx)
	if err != nil {
		return err
	}
	writes, err := change(st)
	if err != nil || len(writes) == 0 {
		return err
	}
	if _, err := store.Backup(ctx); err != nil {
		return err
	}
	run := a.newRun(command, time.Now())
	run.Ended = run.Started
	return store.Commit(ctx, append(writes, state.PutRun{Run: run})...)
}

func (a *app) stateRemove(ctx context.Context, addresses []string) error {
	return a.edit(ctx, "state rm", func(st *state.State) ([]state.Write, error) {
		var writes []state.Write
		for _, text := range addresses {
			at, err := spec.ParseAddress(text)
			if err != nil {
				return nil, err
			}
			found, err := recorded(st, at)
			if err != nil {
				return nil, err
			}
			for _, r := range found {
				writes = append(writes, state.RemoveResource{Address: r.Address, Deposed: r.Deposed},
					state.AddChanges{Changes: []state.Change{a.edited(string(plan.Forget), r.Address, r.ID)}})
				fmt.Fprintf(a.out, "%s is forgotten. %s stays at the provider, unmanaged.\n", render.Escape(at.String()), render.Escape(r.ID))
			}
		}
		return writes, nil
	})
}

func (a *app) stateMove(ctx context.Context, from, to string) error {
	source, err := spec.ParseAddress(from)
	if err != nil {
		return err
	}
	target, err := spec.ParseAddress(to)
	if err != nil {
		return err
	}
	return a.edit(ctx, "state mv", func(st *state.State) ([]state.Write, error) {
		found, err := recorded(st, source)
		if err != nil {
			return nil, err
		}
		if source.Kind != target.Kind {
			return nil, fmt.Errorf("a %s cannot become a %s", source.Kind, target.Kind)
		}
		for _, r := range st.Resources {
			if r.Address == target {
				return nil, &remedyError{summary: "The address is taken", detail: fmt.Sprintf("%s is bound to %s already.", target, r.ID), remedy: "vpsync state rm " + target.String()}
			}
		}
		for _, i := range st.Intents {
			if i.Address == source || i.Address == target {
				return nil, &remedyError{summary: "A request is open", detail: fmt.Sprintf("It is not known yet what the %s of %s did.", i.Operation, i.Address), remedy: "vpsync apply    # settles it"}
			}
		}
		fmt.Fprintf(a.out, "%s is now %s.\n", render.Escape(source.String()), render.Escape(target.String()))
		writes := []state.Write{state.MoveResource{From: source, To: target}}
		for _, r := range found {
			row := a.edited(apply.ActionMove, target, r.ID)
			if row.Before, err = json.Marshal(source); err != nil {
				return nil, err
			}
			if row.After, err = json.Marshal(target); err != nil {
				return nil, err
			}
			writes = append(writes, state.AddChanges{Changes: []state.Change{row}})
		}
		return writes, nil
	})
}

func (a *app) stateVerify(ctx context.Context) (err error) {
	store, err := sqlite.Open(ctx, a.statePath(), sqlite.Options{ReadOnly: true})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	if err := store.Verify(ctx); err != nil {
		return err
	}
	st, err := store.Load(ctx)
	if err != nil {
		return err
	}
	if runtime.GOOS != "windows" {
		if info, err := os.Stat(a.statePath()); err == nil && info.Mode().Perm()&0o077 != 0 {
			return &remedyError{summary: "The state can be read by others", detail: fmt.Sprintf("%s has the mode %s.", a.statePath(), info.Mode().Perm()), remedy: "chmod 600 " + a.statePath()}
		}
	}
	if a.json {
		return a.printJSON(map[string]any{"format_version": "1.0", "valid": true, "serial": st.Serial, "resources": len(st.Resources)})
	}
	_, err = fmt.Fprintf(a.out, "The state is whole: %s, %s, %s, serial %d.\n", render.Plural(len(st.Resources), "resource"),
		render.Plural(len(st.Leftovers), "leftover"), render.Plural(len(st.Intents), "open request"), st.Serial)
	return err
}

func (a *app) leftoversCommand() *cobra.Command {
	var dismiss []string
	c := &cobra.Command{Use: "leftovers", Short: "List objects that vpsync let go of because the API cannot delete them", Args: cobra.NoArgs,
		Example: "  vpsync state leftovers\n  vpsync state leftovers --dismiss net_1234567890    # it was removed by hand",
		RunE: func(c *cobra.Command, _ []string) error {
			if len(dismiss) > 0 {
				return a.dismiss(c.Context(), dismiss)
			}
			return a.leftovers(c.Context())
		}}
	c.Flags().StringArrayVar(&dismiss, "dismiss", nil, "take the object with this `id` off the list")
	completingFlag(c, "dismiss", a.leftoverIDs())
	return c
}

func (a *app) leftovers(ctx context.Context) error {
	st, err := a.readState(ctx)
	if err != nil {
		return err
	}
	if a.json {
		all := []render.LeftoverDocument{}
		for _, l := range st.Leftovers {
			all = append(all, render.NewLeftoverDocument(l))
		}
		return a.printJSON(struct {
			FormatVersion string                    `json:"format_version"`
			Leftovers     []render.LeftoverDocument `json:"leftovers"`
		}{"1.0", all})
	}
	if len(st.Leftovers) == 0 {
		fmt.Fprintln(a.errs, "There are no leftovers.")
		return nil
	}
	t := render.NewTable("ID", "WAS", "ACCOUNT", "SINCE")
	for _, l := range st.Leftovers {
		t.Row(l.ID, l.Address.String(), l.Account, l.Since.UTC().Format(time.DateOnly))
	}
	return t.Write(a.out, a.tableOptions())
}

func (a *app) dismiss(ctx context.Context, ids []string) error {
	return a.edit(ctx, "state leftovers", func(st *state.State) ([]state.Write, error) {
		var writes []state.Write
		for _, id := range ids {
			found := false
			for _, l := range st.Leftovers {
				if l.ID == id {
					found = true
					writes = append(writes, state.RemoveLeftover{Account: l.Account, Kind: l.Kind, ID: l.ID},
						state.AddChanges{Changes: []state.Change{a.edited(actionDismiss, l.Address, l.ID)}})
					fmt.Fprintf(a.out, "%s %s is off the list. If it still exists, it is unmanaged now.\n", render.Noun(l.Kind), render.Escape(id))
				}
			}
			if !found {
				return nil, &remedyError{summary: "No such leftover", detail: fmt.Sprintf("%q is not on the list.", id), remedy: "vpsync state leftovers"}
			}
		}
		return writes, nil
	})
}
