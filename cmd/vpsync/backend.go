package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"

	"github.com/vpsync/vpsync/pkg/git"
	"github.com/vpsync/vpsync/pkg/plan/render"
	"github.com/vpsync/vpsync/pkg/providers"
	"github.com/vpsync/vpsync/pkg/spec"
	"github.com/vpsync/vpsync/pkg/state"
	"github.com/vpsync/vpsync/pkg/state/gitref"
	"github.com/vpsync/vpsync/pkg/state/sqlite"
)

// stateStore is a state as commands use it, whatever keeps it.
type stateStore interface {
	state.Store
	// Verify checks everything, the history too.
	Verify(ctx context.Context) error
	// Changes reads what a run changed, and ChangesAt what was changed at an address, in the order in which it was recorded.
	Changes(ctx context.Context, run string) ([]state.Change, error)
	ChangesAt(ctx context.Context, a spec.Address) ([]state.Change, error)
	// Holder is who wrote itself down as the holder of the lock last, or nil. The holder may be dead.
	Holder(ctx context.Context) *state.Owner
}

// stateSettings are where the stack says that its state is kept. The sandbox has a state of its own, in a file.
func (a *app) stateSettings() (spec.StateSettings, error) {
	if a.sandbox {
		return spec.StateSettings{}, nil
	}
	var settings spec.StateSettings
	switch {
	case a.reviewed != nil && a.reviewed.stack != nil:
		settings = a.reviewed.stack.Settings.State
	case a.reviewed == nil && a.stack != nil:
		settings = a.stack.Settings.State
	default:
		stack, diags := spec.Load(a.homeDir())
		if stack == nil {
			break // the commands that need a stack say so
		}
		settings = stack.Settings.State
		if _, err := os.Stat(a.statePath()); stack.Unparsed() && settings == (spec.StateSettings{}) && errors.Is(err, fs.ErrNotExist) {
			return settings, diags // where the state lies may stand in what cannot be read
		}
	}
	if settings.Backend == spec.BackendGit && a.state != "" {
		return settings, &remedyError{summary: "The state is not in a file", detail: fmt.Sprintf("The stack's state block has it kept by git, and --state names the file %s.", a.state),
			remedy: "vpsync state pull FILE    # copies it into a file"}
	}
	return settings, nil
}

// keptByGit: the state lies in the repository's remote.
func (a *app) keptByGit() bool {
	settings, err := a.stateSettings()
	return err == nil && settings.Backend == spec.BackendGit
}

// openState opens the state where the stack says that it is kept.
func (a *app) openState(ctx context.Context, readOnly bool) (stateStore, error) {
	settings, err := a.stateSettings()
	switch {
	case err != nil:
		return nil, err
	case settings.Backend == spec.BackendGit:
		store, err := a.openGit(ctx, settings, readOnly, "")
		if err != nil {
			return nil, err
		}
		return store, a.notMigrated(ctx, store)
	}
	if err := a.notMovedOn(); err != nil {
		return nil, err
	}
	store, err := sqlite.Open(ctx, a.statePath(), sqlite.Options{ReadOnly: readOnly, Boundary: a.hooks.boundary})
	if err != nil {
		return nil, err // not a nil *sqlite.Store in an interface
	}
	return store, nil
}

// openGit opens the state in the repository's remote. One that is made gets this lineage, or one of its own.
func (a *app) openGit(ctx context.Context, settings spec.StateSettings, readOnly bool, lineage string) (*gitref.Store, error) {
	dir := a.homeDir()
	if a.fetched != nil {
		dir = a.fetched.repository
	}
	repo, err := git.Open(ctx, dir, git.Options{Env: a.env})
	if errors.Is(err, git.ErrNoRepository) {
		return nil, &remedyError{summary: "The stack lies in no git repository", detail: "Its state block has the state kept in the remote of the repository that the stack lies in.",
			remedy: "git init\ngit remote add origin URL"}
	}
	if err != nil {
		return nil, err
	}
	o := gitref.Options{
		Remote: settings.Remote, Name: settings.Name, ReadOnly: readOnly, Seal: settings.Seal, Secret: []byte(a.env["VPSYNC_STATE_KEY"]),
		Lease: a.hooks.lease, Patience: a.lockTimeout, Watching: a.tellWatching,
	}
	if lineage != "" {
		o.NewLineage = func() string { return lineage }
	}
	if o.Name == "" {
		path := repo.Prefix()
		if a.fetched != nil {
			path = a.fetched.path
		}
		if o.Name, err = gitref.DefaultName(path); err != nil {
			return nil, &remedyError{summary: "The state needs a name", detail: sentenceOf(err.Error()), remedy: "state {\n  backend = \"git\"\n  name    = \"...\"\n}"}
		}
	} else if err := gitref.CheckName(o.Name); err != nil {
		return nil, &remedyError{summary: "The state needs another name", detail: sentenceOf(err.Error()), remedy: "name = \"web\""}
	}
	return gitref.Open(ctx, repo, o)
}

// notMigrated refuses an empty state in the remote while the file that was used before holds one: all that is in it would be made again.
func (a *app) notMigrated(ctx context.Context, store *gitref.Store) error {
	if _, err := os.Stat(a.statePath()); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if exists, err := store.Exists(ctx); exists || err != nil {
		return err
	}
	return &remedyError{summary: "The state is still in its file", remedy: "vpsync state migrate",
		detail: fmt.Sprintf("The stack's state block has it kept by git, but %s has no state yet, and %s holds one.", store.Where(), a.statePath())}
}

// notMovedOn is the same for the way back: the state block was removed, and the state is where that said.
func (a *app) notMovedOn() error {
	if _, err := os.Stat(a.statePath()); !errors.Is(err, fs.ErrNotExist) || a.sandbox {
		return nil
	}
	if _, err := os.Stat(a.statePath() + movedSuffix); err != nil {
		return nil
	}
	return &remedyError{summary: "The state has moved on", remedy: "vpsync state migrate",
		detail: fmt.Sprintf("The stack has no state block for git any more, but its state was migrated from %s into the repository's remote.", a.statePath())}
}

// tellWatching says why nothing happens for a while.
func (a *app) tellWatching(owner state.Owner, until time.Time) {
	fmt.Fprintf(a.errs, "The state is locked by vpsync %s of %s on %s; watching whether that run lives, until %s at most.\n",
		render.Escape(owner.Command), render.Escape(owner.User), render.Escape(owner.Host), until.UTC().Format("15:04:05 MST"))
}

// whereState names the state for messages.
func (w *workspace) whereState() string {
	if far, ok := w.store.(interface{ Where() string }); ok {
		return far.Where()
	}
	return w.app.statePath()
}

// lockState takes the lock. Of a file's it tries again while the patience lasts: the operating system frees it when its holder ends.
func (a *app) lockState(ctx context.Context, store state.Store, command string) (state.Lock, error) {
	clock := providers.RealClock()
	end := clock.Now().Add(a.lockTimeout)
	for {
		lock, err := store.Lock(ctx, a.owner(command))
		var locked *state.LockedError
		if !errors.As(err, &locked) || !clock.Now().Before(end) {
			return lock, err
		}
		if err := clock.Sleep(ctx, min(time.Second, end.Sub(clock.Now()))); err != nil {
			return nil, err
		}
	}
}
