package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/vpsync/vpsync/internal/shell"
	"github.com/vpsync/vpsync/pkg/plan/render"
	"github.com/vpsync/vpsync/pkg/spec"
	"github.com/vpsync/vpsync/pkg/state"
	"github.com/vpsync/vpsync/pkg/state/sqlite"
)

// openRecords opens the state for reading alone. Where none was made yet it is an empty one, unless its file was named:
// then it is a typing mistake, and an empty answer would hide it.
func (a *app) openRecords(ctx context.Context) (stateStore, error) {
	a.warnOfReaders()
	store, err := a.openState(ctx, true)
	if err != nil {
		return nil, err
	}
	if err := a.namedStateExists(); err != nil {
		return nil, errors.Join(err, store.Close())
	}
	return store, nil
}

func (a *app) namedStateExists() error {
	if a.state == "" {
		return nil
	}
	if _, err := os.Stat(a.state); errors.Is(err, fs.ErrNotExist) {
		return &remedyError{summary: "There is no such state",
			detail: fmt.Sprintf("The file %s, which --state names, does not exist.", a.state)}
	}
	return nil
}

// readState opens the state for reading alone, and reads it.
func (a *app) readState(ctx context.Context) (st *state.State, err error) {
	store, err := a.openRecords(ctx)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	if st, err = store.Load(ctx); err == nil {
		a.hintAtSandbox(ctx, st)
	}
	return st, err
}

// hintAtSandbox says that what is missed here may be recorded there: --sandbox has a state of its own, and who forgets the
// flag is told of nothing.
func (a *app) hintAtSandbox(ctx context.Context, st *state.State) {
	if a.sandbox || a.state != "" || len(st.Resources)+len(st.Outputs)+len(st.Leftovers) > 0 {
		return
	}
	store, err := sqlite.Open(ctx, a.sandboxStatePath(), sqlite.Options{ReadOnly: true})
	if err != nil {
		return // what is wrong with that state is said where it is meant
	}
	defer store.Close()
	if other, err := store.Load(ctx); err == nil && len(other.Resources) > 0 {
		fmt.Fprintf(a.errs, "This is not the sandbox's state, which holds %s: add --sandbox.\n",
			render.Plural(len(other.Resources), "resource"))
	}
}

func (a *app) sandboxStatePath() string {
	return filepath.Join(a.keepDir(), ".vpsync", "sandbox", "state.db")
}

// edit changes the state under its lock, after a backup. It is a run of the history. What it did is to be told after it, when it has happened.
func (a *app) edit(ctx context.Context, command string, change func(*state.State) ([]state.Write, error)) (err error) {
	if _, err := os.Stat(a.statePath()); errors.Is(err, fs.ErrNotExist) && !a.keptByGit() {
		// There is nothing to change, and no state is made to say so.
		st, err := a.readState(ctx)
		if err == nil {
			_, err = change(st)
		}
		return err
	}
	a.warnOfReaders()
	store, err := a.openState(ctx, false)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	lock, err := a.lockState(ctx, store, command)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, lock.Release()) }()
	a.tookLock()
	st, err := store.Load(ctx)
	if err != nil {
		return err
	}
	a.hintAtSandbox(ctx, st)
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

// addressOf reads an address from the command line. It is shown as it was typed, since quotes are where the mistakes are.
func addressOf(text string) (spec.Address, error) {
	at, err := spec.ParseAddress(text)
	if err == nil {
		return at, nil
	}
	why := strings.TrimPrefix(err.Error(), fmt.Sprintf("%q is not an address: ", text))
	why, example, _ := strings.Cut(why, "; ")
	detail := fmt.Sprintf("%s is not an address: %s.", text, why)
	if text == "" {
		detail = "The address is empty."
	}
	if example != "" {
		detail += " " + sentenceOf(example)
	}
	return at, &remedyError{summary: "Not an address", detail: detail}
}

// recorded finds the resources at an address: its object and its deposed ones.
func (a *app) recorded(st *state.State, at spec.Address) ([]*state.Resource, error) {
	var found []*state.Resource
	for _, r := range st.Resources {
		if r.Address == at {
			found = append(found, r)
		}
	}
	if len(found) == 0 {
		return nil, a.notRecorded(st, at)
	}
	return found, nil
}

// notRecorded names the instances of the block that is meant, else what is near.
func (a *app) notRecorded(st *state.State, at spec.Address) error {
	e := &remedyError{summary: "No such resource", detail: fmt.Sprintf("Nothing is recorded at %s.", at), remedy: "vpsync state list"}
	block := spec.Address{Kind: at.Kind, Name: at.Name}
	if all := instances(st, block); len(all) > 0 && at == block {
		e.detail += fmt.Sprintf(" Its block has %s: %s.", render.Plural(len(all), "recorded instance"), listAddresses(all, 8))
		if a.ran != nil && len(all) <= 8 {
			e.remedy = a.ran.CommandPath() + " " + a.wordsFor(all)
		}
		return e
	}
	var blocks []string
	for _, r := range st.Resources {
		if name := r.Address.Kind + "." + r.Address.Name; !slices.Contains(blocks, name) {
			blocks = append(blocks, name)
		}
	}
	if near := spec.Nearest(block.String(), blocks); near != "" {
		meant, _ := spec.ParseAddress(near) // it was an address's
		meant.Key = at.Key
		all := instances(st, meant)
		if meant.Key != (spec.Key{}) && !slices.Contains(all, meant) {
			meant.Key = spec.Key{}
			all = instances(st, meant)
		}
		e.detail += fmt.Sprintf(" Did you mean %s?", strings.ReplaceAll(listAddresses(all, 3), ", ", " or "))
	}
	return e
}

// instances are the addresses of a block that are recorded; of an address with a key, that one.
func instances(st *state.State, at spec.Address) []spec.Address {
	var all []spec.Address
	for _, r := range st.Resources {
		same := r.Address.Kind == at.Kind && r.Address.Name == at.Name && (at.Key == spec.Key{} || r.Address.Key == at.Key)
		if same && !slices.Contains(all, r.Address) {
			all = append(all, r.Address)
		}
	}
	return all
}

// wordsFor are addresses as arguments of the command that was called: all where it takes all, else the first.
func (a *app) wordsFor(all []spec.Address) string {
	if !strings.Contains(a.ran.Use, "...") {
		all = all[:1]
	}
	var words []string
	for _, at := range all {
		words = append(words, shell.Word(at.String()))
	}
	return strings.Join(words, " ")
}
