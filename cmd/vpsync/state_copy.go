package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/vpsync/vpsync/pkg/plan/render"
	"github.com/vpsync/vpsync/pkg/state"
)

// copied is everything that a state holds, as writes that make another one the same.
type copied struct {
	*state.State
	rows    []state.Write // what is recorded now
	runs    []state.Run   // oldest first
	changes map[string][]state.Change
}

// readEverything reads a state with its history.
func readEverything(ctx context.Context, from stateStore) (*copied, error) {
	if err := from.Verify(ctx); err != nil {
		return nil, err
	}
	st, err := from.Load(ctx)
	if err != nil {
		return nil, err
	}
	c := &copied{State: st, rows: writesOf(st), changes: map[string][]state.Change{}}
	if c.runs, err = from.History(ctx, 0); err != nil {
		return nil, err
	}
	slices.Reverse(c.runs)
	for _, r := range c.runs {
		if c.changes[r.ID], err = from.Changes(ctx, r.ID); err != nil {
			return nil, err
		}
	}
	return c, nil
}

// withoutDigests is what is copied to where no key is at hand: no digest of a secret either, as an apply there would record it. An open
// request still tells which secrets it sent. n is how many digests were left out.
func (c *copied) withoutDigests() (without *copied, n int) {
	st := *c.State
	st.SecretKeyID = ""
	st.Resources, st.Leftovers, st.Intents = nil, nil, nil
	for _, r := range c.Resources {
		row := *r
		n += len(r.Secrets)
		row.Secrets = nil
		st.Resources = append(st.Resources, &row)
	}
	for _, l := range c.Leftovers {
		row := *l
		n += len(l.Secrets)
		row.Secrets = nil
		st.Leftovers = append(st.Leftovers, &row)
	}
	for _, i := range c.Intents {
		row := *i
		n += len(i.Secrets)
		row.Secrets = maps.Clone(i.Secrets)
		for name := range row.Secrets {
			row.Secrets[name] = state.Digest{}
		}
		st.Intents = append(st.Intents, &row)
	}
	return &copied{State: &st, rows: writesOf(&st), runs: c.runs, changes: c.changes}, n
}

// keyless leaves digests out that git would keep without their key being at hand for the next run, and says so.
func (a *app) keyless(c *copied) *copied {
	if a.env["VPSYNC_STATE_KEY"] != "" || !a.keptByGit() {
		return c
	}
	without, n := c.withoutDigests()
	if n > 0 {
		fmt.Fprintf(a.errs, "VPSYNC_STATE_KEY is not set, so %s of secrets %s not brought to git: whether a secret changes will not be known.\n",
			render.Plural(n, "digest"), map[bool]string{true: "is", false: "are"}[n == 1])
	}
	return without
}

// writesOf are the writes that put everything that is recorded into a state.
func writesOf(st *state.State) []state.Write {
	var all []state.Write
	for name := range keysSorted(st.Accounts) {
		all = append(all, state.PutAccount{Account: st.Accounts[name]})
	}
	for _, r := range st.Resources {
		all = append(all, state.PutResource{Resource: r})
	}
	for _, l := range st.Leftovers {
		all = append(all, state.PutLeftover{Leftover: l})
	}
	for _, i := range st.Intents {
		all = append(all, state.PutIntent{Intent: i})
	}
	all = append(all, state.SetOutputs{Outputs: st.Outputs}, state.SetSecretKey{ID: st.SecretKeyID})
	if st.Settled {
		all = append(all, state.SetSettled{})
	}
	return all
}

// into makes another state, whose lock is held, the same: what that one has besides goes, and its history stays.
func (c *copied) into(ctx context.Context, to stateStore, besides ...state.Write) error {
	there, err := to.Load(ctx)
	if err != nil {
		return err
	}
	past, err := to.History(ctx, 0)
	if err != nil {
		return err
	}
	known := map[string]bool{}
	for _, r := range past {
		known[r.ID] = true
	}
	writes := []state.Write{state.SetSerial{Serial: c.Serial + 1}}
	for _, r := range there.Resources {
		writes = append(writes, state.RemoveResource{Address: r.Address, Deposed: r.Deposed})
	}
	for _, l := range there.Leftovers {
		writes = append(writes, state.RemoveLeftover{Account: l.Account, Kind: l.Kind, ID: l.ID})
	}
	for _, i := range there.Intents {
		writes = append(writes, state.CloseIntent{ID: i.ID})
	}
	writes = append(writes, c.rows...)
	for _, r := range c.runs {
		if !known[r.ID] {
			writes = append(writes, state.PutRun{Run: r}, state.AddChanges{Changes: c.changes[r.ID]})
		}
	}
	if err := to.Commit(ctx, append(writes, besides...)...); err != nil {
		return err
	}
	return c.same(ctx, to)
}

// same reads the other state back, and says whether it records the same.
func (c *copied) same(ctx context.Context, to stateStore) error {
	if err := to.Verify(ctx); err != nil {
		return err
	}
	st, err := to.Load(ctx)
	if err != nil {
		return err
	}
	want, err := bodies(c.rows)
	if err != nil {
		return err
	}
	got, err := bodies(writesOf(st))
	if err != nil {
		return err
	}
	switch {
	case st.Lineage != c.Lineage || st.Serial < c.Serial:
		return fmt.Errorf("the copy is the state %s with serial %d, and not the state %s with a serial beyond %d", st.Lineage, st.Serial, c.Lineage, c.Serial)
	case !maps.Equal(want, got) || st.Settled != c.Settled || st.SecretKeyID != c.SecretKeyID:
		return errors.New("the copy does not record the same")
	}
	return nil
}

// bodies are what rows say, by table and key.
func bodies(writes []state.Write) (map[string]string, error) {
	out := map[string]string{}
	for _, w := range writes {
		rows, err := state.Rows(w)
		if err != nil {
			return nil, err
		}
		for _, r := range rows {
			out[r.Table+" "+r.Key] = r.Body
		}
	}
	return out, nil
}

// lines are the rows as JSON lines, each with its table.
func (c *copied) lines() (string, error) {
	var b strings.Builder
	fmt.Fprintf(&b, `{"table":"meta","row":{"lineage":%q,"serial":%d,"settled":%t,"secret_key":%q}}`+"\n", c.Lineage, c.Serial, c.Settled, c.SecretKeyID)
	for _, w := range c.rows {
		rows, err := state.Rows(w)
		if err != nil {
			return "", err
		}
		for _, r := range rows {
			fmt.Fprintf(&b, `{"table":%q,"row":%s}`+"\n", r.Table, r.Body)
		}
	}
	return b.String(), nil
}

// tell says what was copied.
func (c *copied) tell() string {
	return fmt.Sprintf("%s, %s, %s and %s", render.Plural(len(c.Resources), "resource"), render.Plural(len(c.Leftovers), "leftover"),
		render.Plural(len(c.Intents), "open request"), render.Plural(len(c.runs), "run"))
}
