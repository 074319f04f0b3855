package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"
	"github.com/vpsync/vpsync/pkg/plan/render"
)

func (a *app) unlockCommand() *cobra.Command {
	return a.completing(&cobra.Command{
		Use: "unlock ID", Short: "Break the lock of a run that hangs",
		Long: `Breaks the lock with this id, which the message of a locked state names. A run that died needs none of this: the
operating system frees its lock, and one in a git remote expires. A holder that still lives sends nothing more once it notices, and the next run
waits until what it had sent has arrived.`,
		Example: "  vpsync unlock 3f1c0a9be4d27c55",
		RunE:    func(c *cobra.Command, args []string) error { return a.unlock(c.Context(), args[0]) },
	}, false, a.lockIDs())
}

func (a *app) unlock(ctx context.Context, id string) (err error) {
	a.warnOfReaders()
	store, err := a.openState(ctx, false)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	if err := store.Unlock(ctx, id); err != nil {
		return &remedyError{summary: "Nothing was unlocked", detail: sentenceOf(err.Error())}
	}
	if a.json {
		return a.printJSON(unlockedDocument{formatVersion, id})
	}
	_, err = fmt.Fprintf(a.out, "The lock %s is broken.\n", render.Escape(id))
	return err
}
