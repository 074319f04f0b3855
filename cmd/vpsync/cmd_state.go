package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/vpsync/vpsync/internal/shell"
	"github.com/vpsync/vpsync/pkg/apply"
	"github.com/vpsync/vpsync/pkg/plan"
	"github.com/vpsync/vpsync/pkg/plan/render"
	"github.com/vpsync/vpsync/pkg/spec"
	"github.com/vpsync/vpsync/pkg/state"
)

func (a *app) stateCommand() *cobra.Command {
	c := &cobra.Command{Use: "state", Short: "Look at the state, and correct it"}
	c.AddCommand(
		&cobra.Command{Use: "list", Short: "List the recorded addresses",
			Example: "  vpsync state list",
			RunE:    func(c *cobra.Command, _ []string) error { return a.stateList(c.Context()) }},
		a.completing(&cobra.Command{Use: "show ADDRESS", Short: "Show one recorded resource",
			Example: "  vpsync state show 'server.web[0]'",
			RunE:    func(c *cobra.Command, args []string) error { return a.stateShow(c.Context(), args[0]) }}, false, a.recordedAddresses()),
		a.completing(&cobra.Command{Use: "rm ADDRESS...", Short: "Forget resources; their objects stay",
			Example: "  vpsync state rm server.db 'server.web[0]'",
			RunE:    func(c *cobra.Command, args []string) error { return a.stateRemove(c.Context(), args) }}, true, a.recordedAddresses()),
		a.completing(&cobra.Command{Use: "mv FROM TO", Short: "Give a recorded resource another address",
			Example: "  vpsync state mv server.db server.database",
			RunE:    func(c *cobra.Command, args []string) error { return a.stateMove(c.Context(), args[0], args[1]) }},
			false, a.recordedAddresses(), a.declaredAddresses()),
		&cobra.Command{Use: "verify", Short: "Check the state against its invariants",
			Example: "  vpsync state verify",
			RunE:    func(c *cobra.Command, _ []string) error { return a.stateVerify(c.Context()) }},
		a.restoreCommand(),
		a.pullCommand(),
		a.pushCommand(),
		a.migrateCommand(),
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

func (a *app) stateShow(ctx context.Context, address string) error {
	at, err := addressOf(address)
	if err != nil {
		return err
	}
	st, err := a.readState(ctx)
	if err != nil {
		return err
	}
	found, err := a.recorded(st, at)
	if err != nil {
		return err
	}
	if a.json {
		return a.printJSON(struct {
			FormatVersion string `json:"format_version"`
			resourceDocument
		}{formatVersion, newResourceDocument(found[0])})
	}
	for _, r := range found {
		writeResource(a.out, r, a.recordOptions(st))
	}
	return nil
}

// actionDismiss is the history's word for a leftover that was taken off the list.
const actionDismiss = "dismiss"

// byHand is the cause, in the history, of what an operator did to the state without a request.
const byHand = "by_hand"

// edited is the row of such an edit in the history.
func (a *app) edited(action string, at spec.Address, id string) state.Change {
	return state.Change{Run: a.runID, Address: at, Action: action, ObjectID: id, Cause: byHand, At: time.Now().UTC()}
}

func (a *app) stateRemove(ctx context.Context, addresses []string) error {
	var all []spec.Address
	for _, text := range addresses {
		at, err := addressOf(text)
		if err != nil {
			return err
		}
		if !slices.Contains(all, at) {
			all = append(all, at)
		}
	}
	var removed []*state.Resource
	if err := a.edit(ctx, "state rm", func(st *state.State) ([]state.Write, error) {
		var writes []state.Write
		for _, at := range all {
			found, err := a.recorded(st, at)
			if err != nil {
				return nil, err
			}
			for _, r := range found {
				writes = append(writes, state.RemoveResource{Address: r.Address, Deposed: r.Deposed},
					state.AddChanges{Changes: []state.Change{a.edited(string(plan.Forget), r.Address, r.ID)}})
				removed = append(removed, r)
			}
		}
		return writes, nil
	}); err != nil {
		return err
	}
	if a.json {
		d := removedDocument{FormatVersion: formatVersion}
		for _, r := range removed {
			d.Removed = append(d.Removed, newRemovedResource(r))
		}
		return a.printJSON(d)
	}
	for _, r := range removed {
		if _, err := fmt.Fprintf(a.out, "%s is forgotten. %s stays at the provider, unmanaged.\n",
			render.Escape(r.Address.String()), render.Escape(r.ID)); err != nil {
			return err
		}
	}
	return nil
}

func (a *app) stateMove(ctx context.Context, from, to string) error {
	source, err := addressOf(from)
	if err != nil {
		return err
	}
	target, err := addressOf(to)
	if err != nil {
		return err
	}
	if err := a.edit(ctx, "state mv", func(st *state.State) ([]state.Write, error) {
		if err := a.mayMove(st, source, target); err != nil {
			return nil, err
		}
		writes := []state.Write{state.MoveResource{From: source, To: target}}
		for _, r := range st.Resources {
			if r.Address != source {
				continue
			}
			row := a.edited(apply.ActionMove, target, r.ID)
			var err error
			if row.Before, err = json.Marshal(source); err != nil {
				return nil, err
			}
			if row.After, err = json.Marshal(target); err != nil {
				return nil, err
			}
			writes = append(writes, state.AddChanges{Changes: []state.Change{row}})
		}
		return writes, nil
	}); err != nil {
		return err
	}
	if a.json {
		return a.printJSON(movedDocument{formatVersion, source.String(), target.String()})
	}
	_, err = fmt.Fprintf(a.out, "%s is now %s.\n", render.Escape(source.String()), render.Escape(target.String()))
	return err
}

// mayMove says why an address cannot become another.
func (a *app) mayMove(st *state.State, source, target spec.Address) error {
	if _, err := a.recorded(st, source); err != nil {
		return err
	}
	if source == target {
		return &remedyError{summary: "Nothing to move", detail: fmt.Sprintf("%s is there already.", source)}
	}
	if source.Kind != target.Kind {
		e := &remedyError{summary: "Another kind",
			detail: fmt.Sprintf("%s cannot become %s.", sentenceStart(article(source.Kind)), article(target.Kind))}
		if kinds := a.everyKind(); !slices.Contains(kinds, target.Kind) {
			e.summary, e.detail = "No such kind", fmt.Sprintf("There is no kind %q.", target.Kind)
			if near := spec.Nearest(target.Kind, kinds); near != "" {
				e.detail += fmt.Sprintf(" Did you mean %q?", near)
			}
		}
		return e
	}
	for _, r := range st.Resources {
		if r.Address == target {
			return &remedyError{summary: "The address is taken", detail: fmt.Sprintf("%s is bound to %s already.", target, r.ID),
				remedy: "vpsync state rm " + shell.Word(target.String())}
		}
	}
	for _, i := range st.Intents {
		if i.Address == source || i.Address == target {
			return &remedyError{summary: "A request is open",
				detail: fmt.Sprintf("It is not known yet what the %s of %s did.", i.Operation, i.Address), remedy: "vpsync apply    # settles it"}
		}
	}
	return nil
}

func (a *app) stateVerify(ctx context.Context) (err error) {
	store, err := a.openRecords(ctx)
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
	a.hintAtSandbox(ctx, st)
	if a.json {
		return a.printJSON(map[string]any{"format_version": formatVersion, "valid": true, "serial": st.Serial, "resources": len(st.Resources)})
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
	c.Flags().StringArrayVar(&dismiss, "dismiss", nil, "take the object with this `id` off the list; ACCOUNT/KIND/ID where several have it")
	a.completingFlag(c, "dismiss", a.leftoverIDs())
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
		}{formatVersion, all})
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

// leftoverOf finds a leftover by its id, or as ACCOUNT/KIND/ID where other objects have that id, too: ids are unique within a kind of
// an account and no further.
func leftoverOf(st *state.State, word string) (*state.Leftover, error) {
	var found []*state.Leftover
	whole := func(l *state.Leftover) string { return l.Account + "/" + l.Kind + "/" + l.ID }
	for _, l := range st.Leftovers {
		if whole(l) == word {
			return l, nil
		}
		if l.ID == word {
			found = append(found, l)
		}
	}
	switch len(found) {
	case 0:
		return nil, &remedyError{summary: "No such leftover", detail: fmt.Sprintf("%q is not on the list.", word), remedy: "vpsync state leftovers"}
	case 1:
		return found[0], nil
	}
	var names, commands []string
	for _, l := range found {
		names = append(names, fmt.Sprintf("%s, once %s, in %s", article(render.Noun(l.Kind)), l.Address, l.Account))
		commands = append(commands, "vpsync state leftovers --dismiss "+shell.Word(whole(l)))
	}
	return nil, &remedyError{summary: "Several leftovers have this id", detail: fmt.Sprintf("%q is %s.", word, strings.Join(names, "; and ")),
		remedy: strings.Join(commands, "\n")}
}

func (a *app) dismiss(ctx context.Context, ids []string) error {
	var dismissed []*state.Leftover
	if err := a.edit(ctx, "state leftovers", func(st *state.State) ([]state.Write, error) {
		var writes []state.Write
		for i, id := range ids {
			if slices.Contains(ids[:i], id) {
				continue
			}
			l, err := leftoverOf(st, id)
			if err != nil {
				return nil, err
			}
			writes = append(writes, state.RemoveLeftover{Account: l.Account, Kind: l.Kind, ID: l.ID},
				state.AddChanges{Changes: []state.Change{a.edited(actionDismiss, l.Address, l.ID)}})
			dismissed = append(dismissed, l)
		}
		return writes, nil
	}); err != nil {
		return err
	}
	if a.json {
		d := dismissedDocument{FormatVersion: formatVersion}
		for _, l := range dismissed {
			d.Dismissed = append(d.Dismissed, render.NewLeftoverDocument(l))
		}
		return a.printJSON(d)
	}
	for _, l := range dismissed {
		if _, err := fmt.Fprintf(a.out, "%s %s is off the list. If it still exists, it is unmanaged now.\n",
			sentenceStart(render.Noun(l.Kind)), render.Escape(l.ID)); err != nil {
			return err
		}
	}
	return nil
}
