package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"
	"time"

	"github.com/spf13/cobra"
	"github.com/vpsync/vpsync/pkg/plan/render"
	"github.com/vpsync/vpsync/pkg/spec"
	"github.com/vpsync/vpsync/pkg/state"
	"github.com/vpsync/vpsync/pkg/state/sqlite"
)

func (a *app) stateCommand() *cobra.Command {
	c := &cobra.Command{Use: "state", Short: "Look at the state, and correct it"}
	c.AddCommand(
		&cobra.Command{Use: "list", Short: "List the recorded addresses",
			RunE: func(c *cobra.Command, _ []string) error { return a.stateList(c.Context()) }},
		&cobra.Command{Use: "show ADDRESS", Short: "Show one recorded resource",
			RunE: func(c *cobra.Command, args []string) error { return a.stateShow(c.Context(), args[0]) }},
		&cobra.Command{Use: "rm ADDRESS...", Short: "Forget resources; their objects stay",
			RunE: func(c *cobra.Command, args []string) error { return a.stateRemove(c.Context(), args) }},
		&cobra.Command{Use: "mv FROM TO", Short: "Give a recorded resource another address",
			RunE: func(c *cobra.Command, args []string) error { return a.stateMove(c.Context(), args[0], args[1]) }},
		&cobra.Command{Use: "verify", Short: "Check the state against its invariants",
			RunE: func(c *cobra.Command, _ []string) error { return a.stateVerify(c.Context()) }},
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

// edit changes the state under its lock, after a backup.
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
	return store.Commit(ctx, writes...)
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
				writes = append(writes, state.RemoveResource{Address: r.Address, Deposed: r.Deposed})
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
		if _, err := recorded(st, source); err != nil {
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
		return []state.Write{state.MoveResource{From: source, To: target}}, nil
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
	c := &cobra.Command{Use: "leftovers", Short: "List objects that vpsync let go of because the API cannot delete them",
		Example: "  vpsync state leftovers\n  vpsync state leftovers --dismiss net_1234567890    # it was removed by hand",
		RunE: func(c *cobra.Command, _ []string) error {
			if len(dismiss) > 0 {
				return a.dismiss(c.Context(), dismiss)
			}
			return a.leftovers(c.Context())
		}}
	c.Flags().StringArrayVar(&dismiss, "dismiss", nil, "take the object with this `id` off the list")
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
					writes = append(writes, state.RemoveLeftover{Account: l.Account, Kind: l.Kind, ID: l.ID})
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
