package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"
	"github.com/vpsync/vpsync/internal/shell"
	"github.com/vpsync/vpsync/pkg/plan/render"
	"github.com/vpsync/vpsync/pkg/spec"
	"github.com/vpsync/vpsync/pkg/state"
	"github.com/vpsync/vpsync/pkg/state/sqlite"
)

func (a *app) pullCommand() *cobra.Command {
	return &cobra.Command{
		Use: "pull [FILE]", Short: "Print the state, or copy it into a file",
		Long: `Without an argument it prints everything that is recorded as JSON lines, one row each. With a file, which must not exist, it copies
the state with its history there, where --state finds it and vpsync state push takes it from.`,
		Example: "  vpsync state pull > state.jsonl\n  vpsync state pull copy.db",
		RunE: func(c *cobra.Command, args []string) error {
			if len(args) == 0 {
				return a.pull(c.Context(), "")
			}
			return a.pull(c.Context(), args[0])
		},
	}
}

func (a *app) pull(ctx context.Context, file string) (err error) {
	from, err := a.openRecords(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, from.Close()) }()
	all, err := readEverything(ctx, from)
	if err != nil {
		return err
	}
	if file == "" {
		text, err := all.lines()
		if err != nil {
			return err
		}
		_, err = fmt.Fprint(a.out, text)
		return err
	}
	if all.Lineage == "" {
		return &remedyError{summary: "There is no state yet", detail: "Nothing was ever recorded, so there is nothing to copy."}
	}
	if err := a.copyToFile(ctx, all, file, "state pull"); err != nil {
		return err
	}
	if a.json {
		return a.printJSON(newCopiedDocument(all, file))
	}
	_, err = fmt.Fprintf(a.out, "%s holds a copy of the state, serial %d: %s.\n", render.Escape(file), all.Serial, all.tell())
	return err
}

// copyToFile makes a state in a file that does not exist.
func (a *app) copyToFile(ctx context.Context, all *copied, file, command string) (err error) {
	if _, err := os.Lstat(file); !errors.Is(err, fs.ErrNotExist) {
		return &remedyError{summary: "The file exists", detail: fmt.Sprintf("%s is there already, and a state is never put over something else.", file), remedy: "mv " + shell.Word(file) + " " + shell.Word(file+".old")}
	}
	to, err := sqlite.Open(ctx, file, sqlite.Options{NewLineage: func() string { return all.Lineage }})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, to.Close()) }()
	return a.copyUnderLock(ctx, all, to, command)
}

func (a *app) copyUnderLock(ctx context.Context, all *copied, to stateStore, command string, besides ...state.Write) (err error) {
	lock, err := a.lockState(ctx, to, command)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, lock.Release()) }()
	return all.into(ctx, to, besides...)
}

// copyLocked takes the lock of a state and reads everything under it. The caller gives the lock back.
func (a *app) copyLocked(ctx context.Context, from stateStore, command string) (*copied, state.Lock, error) {
	lock, err := a.lockState(ctx, from, command)
	if err != nil {
		return nil, nil, err
	}
	all, err := readEverything(ctx, from)
	if err != nil {
		return nil, nil, errors.Join(err, lock.Release())
	}
	return all, lock, nil
}

func (a *app) pushCommand() *cobra.Command {
	force := false
	c := &cobra.Command{
		Use: "push FILE", Short: "Put a copy of the state in its place",
		Long: `Puts what a file holds, one that vpsync state pull made, in the place of the state, under its lock. A copy of another state is refused,
and so is one that is older than the state, unless --force says that it is meant. The history of the state stays.`,
		Example: "  vpsync state push copy.db",
		RunE:    func(c *cobra.Command, args []string) error { return a.push(c.Context(), args[0], force) },
	}
	c.Flags().BoolVar(&force, "force", false, "also where the copy is older than the state")
	return c
}

func (a *app) push(ctx context.Context, file string, force bool) (err error) {
	if _, err := os.Stat(file); err != nil {
		return &remedyError{summary: "There is no such file", detail: fmt.Sprintf("%s cannot be read.", file), remedy: "vpsync state pull " + shell.Word(file)}
	}
	from, err := sqlite.Open(ctx, file, sqlite.Options{ReadOnly: true})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, from.Close()) }()
	all, err := readEverything(ctx, from)
	if err != nil {
		return err
	}
	to, err := a.openNew(ctx, all.Lineage)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, to.Close()) }()
	lock, err := a.lockState(ctx, to, "state push")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, lock.Release()) }()
	there, err := to.Load(ctx)
	if err != nil {
		return err
	}
	switch {
	case there.Lineage != all.Lineage:
		return &remedyError{summary: "Another state", detail: fmt.Sprintf("%s holds the state %s, and this is the state %s. Nothing was changed.", file, all.Lineage, there.Lineage)}
	case there.Serial > all.Serial && !force:
		return &remedyError{summary: "The copy is older than the state", detail: fmt.Sprintf("%s has serial %d, and the state has serial %d: what was recorded since would be forgotten. Nothing was changed.", file, all.Serial, there.Serial),
			remedy: "vpsync state push " + shell.Word(file) + " --force"}
	}
	if _, err := to.Backup(ctx); err != nil {
		return err
	}
	all = a.keyless(all)
	run := a.newRun("state push", time.Now())
	run.Ended = run.Started
	if err := all.into(ctx, to, state.PutRun{Run: run}); err != nil {
		return err
	}
	if a.json {
		return a.printJSON(newCopiedDocument(all, orElse(a.whereGit(ctx), a.statePath())))
	}
	_, err = fmt.Fprintf(a.out, "The state is what %s holds: %s.\n", render.Escape(file), all.tell())
	return err
}

// openNew opens the state for writing; one that does not exist gets this lineage.
func (a *app) openNew(ctx context.Context, lineage string) (stateStore, error) {
	settings, err := a.stateSettings()
	if err != nil {
		return nil, err
	}
	if settings.Backend == spec.BackendGit {
		store, err := a.openGit(ctx, settings, false, lineage)
		if err != nil {
			return nil, err
		}
		return store, a.notMigrated(ctx, store)
	}
	store, err := sqlite.Open(ctx, a.statePath(), sqlite.Options{NewLineage: func() string { return lineage }})
	if err != nil {
		return nil, err
	}
	return store, nil
}

func (a *app) migrateCommand() *cobra.Command {
	var from spec.StateSettings
	c := &cobra.Command{
		Use: "migrate", Short: "Bring the state to where the stack says that it is kept",
		Long: `Run it once after the stack's state block was written, or removed. With backend = "git" it copies the state from its file into the
repository's remote, with its history; without, from there into the file. Both are verified and compared. The file is renamed then, so that
nobody goes on with it; a reference in a remote stays until somebody deletes it.`,
		Example: "  vpsync state migrate",
		RunE: func(c *cobra.Command, _ []string) error {
			settings, err := a.stateSettings()
			switch {
			case err != nil:
				return err
			case a.sandbox:
				fmt.Fprintln(a.errs, "There is nothing to migrate: the sandbox's state is always in its file.")
				return nil
			case settings.Backend == spec.BackendGit:
				return a.migrateToGit(c.Context(), settings)
			}
			return a.migrateFromGit(c.Context(), from)
		},
	}
	c.Flags().StringVar(&from.Remote, "remote", "", "the `remote` that the state comes from, where it was not origin")
	c.Flags().StringVar(&from.Name, "name", "", "the `name` that the state had there, where the stack gave it one")
	return c
}

// movedSuffix ends the name of a file whose state has moved on.
const movedSuffix = ".migrated"

func (a *app) migrateToGit(ctx context.Context, settings spec.StateSettings) (err error) {
	path := a.statePath()
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		return &remedyError{summary: "There is nothing to migrate", detail: fmt.Sprintf("No state was kept in %s.", path)}
	}
	from, err := sqlite.Open(ctx, path, sqlite.Options{})
	if err != nil {
		return err
	}
	open := true
	defer func() {
		if open {
			err = errors.Join(err, from.Close())
		}
	}()
	all, lock, err := a.copyLocked(ctx, from, "state migrate")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, lock.Release()) }()
	to, err := a.openGit(ctx, settings, false, all.Lineage)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, to.Close()) }()
	exists, err := to.Exists(ctx)
	if err != nil {
		return err
	}
	if exists { // of an earlier migrate that was killed, it is the same one, and has not gone on
		there, err := to.Load(ctx)
		if err != nil {
			return err
		}
		if there.Lineage != all.Lineage || there.Serial > all.Serial+1 {
			return &remedyError{summary: "There is a state already", detail: fmt.Sprintf("%s holds the state %s with serial %d, and %s the state %s with serial %d. Nothing was changed.",
				to.Where(), there.Lineage, there.Serial, path, all.Lineage, all.Serial), remedy: "mv " + shell.Word(path) + " " + shell.Word(path+".old") + "    # goes on with the one in the remote"}
		}
	}
	all = a.keyless(all)
	if err := a.copyUnderLock(ctx, all, to, "state migrate"); err != nil {
		return err
	}
	open = false
	if err := from.Close(); err != nil {
		return err
	}
	if err := from.SetAside(movedSuffix); err != nil {
		return err
	}
	if a.json {
		return a.printJSON(newCopiedDocument(all, to.Where()))
	}
	_, err = fmt.Fprintf(a.out, "The state is in %s now: %s.\nThe file it was in is %s; nothing reads it any more.\n", render.Escape(to.Where()), all.tell(), render.Escape(path+movedSuffix))
	return err
}

func (a *app) migrateFromGit(ctx context.Context, settings spec.StateSettings) (err error) {
	from, err := a.openGit(ctx, settings, true, "")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, from.Close()) }()
	exists, err := from.Exists(ctx)
	if err != nil {
		return err
	}
	if !exists {
		return &remedyError{summary: "There is nothing to migrate", detail: fmt.Sprintf("%s is no state, and the stack has no state block that names another place.", from.Where())}
	}
	locked, err := a.openGit(ctx, settings, false, "")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, locked.Close()) }()
	all, lock, err := a.copyLocked(ctx, locked, "state migrate")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, lock.Release()) }()
	if err := a.copyToFile(ctx, all, a.statePath(), "state migrate"); err != nil {
		return err
	}
	if a.json {
		return a.printJSON(newCopiedDocument(all, a.statePath()))
	}
	_, err = fmt.Fprintf(a.out, "The state is in %s now: %s.\n%s stays where it is. Once every runner has the stack without its state block: git push %s --delete %s\n",
		render.Escape(filepath.Clean(a.statePath())), all.tell(), render.Escape(from.Where()), orElse(settings.Remote, "origin"), from.Ref())
	return err
}

// copiedDocument says what was copied, and where to.
type copiedDocument struct {
	FormatVersion string `json:"format_version"`
	To            string `json:"to"` // a file, or a reference of a remote
	Lineage       string `json:"lineage"`
	Serial        int64  `json:"serial"` // of the state that was copied; the copy's is beyond it
	Resources     int    `json:"resources"`
	Leftovers     int    `json:"leftovers"`
	Requests      int    `json:"open_requests"`
	Runs          int    `json:"runs"`
}

func newCopiedDocument(c *copied, to string) copiedDocument {
	return copiedDocument{formatVersion, to, c.Lineage, c.Serial, len(c.Resources), len(c.Leftovers), len(c.Intents), len(c.runs)}
}

// whereGit names the state in a git remote, or is empty where it is in a file.
func (a *app) whereGit(ctx context.Context) string {
	settings, err := a.stateSettings()
	if err != nil || settings.Backend != spec.BackendGit {
		return ""
	}
	store, err := a.openGit(ctx, settings, true, "")
	if err != nil {
		return ""
	}
	defer store.Close()
	return store.Where()
}
