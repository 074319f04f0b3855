package main

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"github.com/vpsync/vpsync/pkg/daemon"
	"github.com/vpsync/vpsync/pkg/daemon/source"
	"github.com/vpsync/vpsync/pkg/plan"
	"github.com/vpsync/vpsync/pkg/plan/render"
	"github.com/vpsync/vpsync/pkg/state"
)

// Drift has a history of two sources: what a daemon remembers beside the state (since when, until when, still there), and the runs in
// the state that changed something because of drift, whoever started them.

// pastDriftDocument is the history of drift, the newest first.
type pastDriftDocument struct {
	FormatVersion string      `json:"format_version"`
	Drift         []pastDrift `json:"drift"`
}

type pastDrift struct {
	Stack     string `json:"stack,omitempty"` // its name in the daemon's configuration
	Address   string `json:"address"`
	Account   string `json:"account,omitempty"`
	ID        string `json:"id,omitempty"`
	Attribute string `json:"attribute,omitempty"` // missing where the object was gone
	Was       string `json:"was,omitempty"`
	Is        string `json:"is,omitempty"`
	// FirstSeen and LastSeen are missing where no daemon was looking.
	FirstSeen *time.Time `json:"first_seen,omitempty"`
	LastSeen  *time.Time `json:"last_seen,omitempty"`
	// Ended is when it was over, missing while it is not; HealedBy the run that put it back, missing where somebody else did.
	Ended    *time.Time `json:"ended,omitempty"`
	HealedBy string     `json:"healed_by,omitempty"`
}

func (p pastDrift) when() time.Time {
	for _, t := range []*time.Time{p.Ended, p.LastSeen, p.FirstSeen} {
		if t != nil {
			return *t
		}
	}
	return time.Time{}
}

// driftHistory is that of the stack in this folder.
func (a *app) driftHistory(ctx context.Context) error {
	return a.withHistory(ctx, func(store stateStore) error {
		doc, err := a.pastDrift(ctx, store)
		if err != nil {
			return err
		}
		return a.showPastDrift(doc, false)
	})
}

// driftHistoryOfAll is that of all stacks of a daemon.
func (a *app) driftHistoryOfAll(ctx context.Context, o driftOptions) error {
	config, err := a.daemonConfig(daemonOptions{config: o.config})
	if err != nil {
		return err
	}
	sources := &source.Sources{Data: config.Data, Env: a.env, Commit: gitCommit}
	work := &stackWork{app: a, config: config, vars: o.vars, log: slog.New(slog.DiscardHandler)}
	all := &pastDriftDocument{FormatVersion: formatVersion, Drift: []pastDrift{}}
	for _, stack := range config.Stacks {
		at := daemon.Checkout{Stack: stack.Name, Dir: stack.Dir}
		if stack.Git != nil {
			memory, err := daemon.ReadMemory(stack.Memory)
			if err != nil {
				return err
			}
			if memory.Commit == "" {
				continue // nothing of it is in force yet
			}
			if at, err = sources.At(ctx, stack, memory.Commit); err != nil {
				return err
			}
		}
		of, _, _ := work.turn(at, daemon.Acting{})
		err := of.withHistory(ctx, func(store stateStore) error {
			doc, err := of.pastDrift(ctx, store)
			if err == nil {
				for _, d := range doc.Drift {
					d.Stack = stack.Name
					all.Drift = append(all.Drift, d)
				}
			}
			return err
		})
		if err != nil {
			return fmt.Errorf("stack %s: %w", stack.Name, err)
		}
	}
	slices.SortStableFunc(all.Drift, newerDrift)
	return a.showPastDrift(all, true)
}

// showPastDrift prints a history, with the names of stacks where it is that of several.
func (a *app) showPastDrift(doc *pastDriftDocument, stacks bool) error {
	if a.json {
		return a.printJSON(doc)
	}
	if len(doc.Drift) == 0 {
		fmt.Fprintln(a.errs, "No drift was seen by a daemon, or put back by a run.")
		return nil
	}
	columns := []string{"WHAT", "WAS", "BECAME", "FIRST SEEN", "LAST SEEN", "HEALED BY"}
	if stacks {
		columns = append([]string{"STACK"}, columns...)
	}
	t := render.NewTable(columns...)
	shown := func(at *time.Time) string {
		if at == nil {
			return ""
		}
		return render.Time(*at)
	}
	for _, d := range doc.Drift {
		what, is, by := d.Address, d.Is, d.HealedBy
		if d.Attribute != "" {
			what += "." + d.Attribute
		} else {
			is = "gone"
		}
		switch {
		case d.Ended == nil:
			by = "(not yet)"
		case by == "":
			by = "(somebody else)"
		}
		row := []string{what, d.Was, is, shown(d.FirstSeen), shown(d.LastSeen), by}
		if stacks {
			row = append([]string{d.Stack}, row...)
		}
		t.Row(row...)
	}
	return t.Write(a.out, a.tableOptions())
}

func (a *app) pastDrift(ctx context.Context, store stateStore) (*pastDriftDocument, error) {
	st, err := store.Load(ctx)
	if err != nil {
		return nil, err
	}
	memory, err := daemon.ReadMemory(memoryPath(a.statePath()))
	if err != nil {
		return nil, err
	}
	doc := &pastDriftDocument{FormatVersion: formatVersion, Drift: []pastDrift{}}
	rows, err := healingRows(ctx, store)
	if err != nil {
		return nil, err
	}
	told := make([]bool, len(rows))
	add := func(d daemon.Drift, ended *time.Time, by string) {
		p := pastDrift{Address: d.Address, Account: d.Account, ID: d.ID, Attribute: d.Attribute, Was: d.Was, Is: d.Is, FirstSeen: &d.Since, LastSeen: &d.Seen, Ended: ended, HealedBy: by}
		for i, c := range rows {
			if c.Address.String() != d.Address || c.Attribute != d.Attribute || c.At.Before(d.Since) || ended != nil && c.At.After(*ended) {
				continue
			}
			told[i] = true // a run may have put it back that was none of the daemon's
			if p.HealedBy == "" {
				p.HealedBy, p.Ended = c.Run, &rows[i].At
			}
		}
		doc.Drift = append(doc.Drift, p)
	}
	if memory.Report != nil {
		for _, d := range memory.Report.Drifted {
			add(d, nil, "")
		}
	}
	for _, p := range memory.Healed {
		add(p.Drift, &p.Until, p.By)
	}
	for i, c := range rows {
		if !told[i] {
			doc.Drift = append(doc.Drift, pastDrift{Address: c.Address.String(), ID: c.ObjectID, Attribute: c.Attribute, Was: string(c.After), Is: string(c.Before), Ended: &rows[i].At, HealedBy: c.Run})
		}
	}
	hidden := secretNow(st)
	for i, d := range doc.Drift {
		at, err := addressOf(d.Address)
		if err == nil && d.Attribute != "" && hidden(state.Change{Address: at, ObjectID: d.ID, Attribute: d.Attribute}) {
			doc.Drift[i].Was, doc.Drift[i].Is = render.SensitiveValue, render.SensitiveValue
		}
	}
	slices.SortStableFunc(doc.Drift, newerDrift)
	return doc, nil
}

// newerDrift orders a history: what is still so comes first, then the newest.
func newerDrift(x, y pastDrift) int {
	if over := x.Ended != nil; over != (y.Ended != nil) {
		if over {
			return 1
		}
		return -1
	}
	return y.when().Compare(x.when())
}

// healingRows are the rows of the history that tell of drift which a run put back.
func healingRows(ctx context.Context, store stateStore) ([]state.Change, error) {
	runs, err := store.History(ctx, 0)
	if err != nil {
		return nil, err
	}
	var rows []state.Change
	for _, run := range runs {
		changes, err := store.Changes(ctx, run.ID)
		if err != nil {
			return nil, err
		}
		for _, c := range changes {
			if c.Attribute != "" && (c.Cause == string(plan.CauseDrift) || c.Cause == string(plan.CauseBoth)) || c.Attribute == "" && c.Cause == string(plan.CauseGone) {
				rows = append(rows, c)
			}
		}
	}
	return rows, nil
}
