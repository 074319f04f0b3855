package main

import (
	"context"

	"github.com/vpsync/vpsync/pkg/spec"
	"github.com/vpsync/vpsync/pkg/state"
	"github.com/vpsync/vpsync/pkg/state/gitref"
	"github.com/vpsync/vpsync/pkg/state/sqlite"
)

// restoring is a backup about to be put in the place of a state, whose lock it holds, whatever keeps it.
type restoring struct {
	state.Kept
	Backup  *state.State        // what the state will be
	Present *state.State        // what it is; nil where it is missing, or Damage says what is wrong with it
	Damage  *state.DamagedError // then
	put     func(ctx context.Context, writes ...state.Write) (aside string, now *state.State, err error)
	close   func() error
}

// backups are the backups of the state that is meant: files, or commits.
type backups struct {
	list  func(ctx context.Context) ([]state.Kept, error)
	begin func(ctx context.Context, name string, owner state.Owner) (*restoring, error)
	where string // for messages
}

func (a *app) backups(ctx context.Context) (*backups, error) {
	settings, err := a.stateSettings()
	if err != nil {
		return nil, err
	}
	if settings.Backend == spec.BackendGit {
		store, err := a.openGit(ctx, settings, false, "")
		if err != nil {
			return nil, err
		}
		return commitsOf(store), nil
	}
	all, err := sqlite.BackupsOf(a.statePath(), sqlite.Options{Boundary: a.hooks.boundary})
	if err != nil {
		return nil, err
	}
	return &backups{where: a.statePath(), list: all.List, begin: func(ctx context.Context, name string, owner state.Owner) (*restoring, error) {
		r, err := all.Begin(ctx, name, owner)
		if err != nil {
			return nil, err
		}
		return &restoring{Kept: r.Kept, Backup: r.Backup, Present: r.Present, Damage: r.Damage, put: r.Put, close: r.Close}, nil
	}}, nil
}

func commitsOf(store *gitref.Store) *backups {
	return &backups{where: store.Where(), list: store.Commits, begin: func(ctx context.Context, name string, owner state.Owner) (*restoring, error) {
		r, err := store.BeginRestore(ctx, name, owner)
		if err != nil {
			return nil, err
		}
		return &restoring{Kept: r.Kept, Backup: r.Backup, Present: r.Present, Damage: r.Damage, put: r.Put, close: r.Close}, nil
	}}
}
