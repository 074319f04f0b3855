package main

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/spf13/cobra"
	"github.com/vpsync/vpsync/pkg/apply"
	"github.com/vpsync/vpsync/pkg/plan"
	"github.com/vpsync/vpsync/pkg/plan/render"
	"github.com/vpsync/vpsync/pkg/spec"
	"github.com/vpsync/vpsync/pkg/state"
	"github.com/zclconf/go-cty/cty"
)

func (a *app) blameCommand() *cobra.Command {
	return a.completing(&cobra.Command{
		Use: "blame ADDRESS", Short: "Show which run set each attribute of a resource, and why", Args: cobra.ExactArgs(1),
		Long: `Shows for each attribute of a recorded resource its value, and the run that set it last: when, by whom, from which
commit, and what for. What the provider gave by itself came with the object. A resource that was moved keeps its past.`,
		Example: "  vpsync blame server.db\n  vpsync blame 'firewall_rule.ssh[\"db-1\"]' --json",
		RunE:    func(c *cobra.Command, args []string) error { return a.blame(c.Context(), args[0]) },
	}, false, a.recordedAddresses())
}

// blameDocument says of each attribute of a resource where it comes from, for programs.
type blameDocument struct {
	FormatVersion string            `json:"format_version"`
	Address       spec.Address      `json:"address"`
	Account       string            `json:"account"`
	ID            string            `json:"id"`
	Attributes    []blamedAttribute `json:"attributes"`
}

type blamedAttribute struct {
	Name      string          `json:"name"`
	Value     json.RawMessage `json:"value,omitempty"` // missing where it is secret
	Sensitive bool            `json:"sensitive,omitempty"`
	// Of what set it last; all missing where the history does not reach back so far.
	Run     string     `json:"run,omitempty"`
	At      *time.Time `json:"at,omitempty"`
	Command string     `json:"command,omitempty"`
	Actor   string     `json:"actor,omitempty"`
	Commit  string     `json:"commit,omitempty"`
	Action  string     `json:"action,omitempty"`
	Cause   string     `json:"cause,omitempty"`

	shown string
}

func (a *app) blame(ctx context.Context, address string) error {
	at, err := addressOf(address)
	if err != nil {
		return err
	}
	return a.withHistory(ctx, func(store stateStore) error {
		st, err := store.Load(ctx)
		if err != nil {
			return err
		}
		found, err := a.recorded(st, at)
		if err != nil {
			return err
		}
		doc, err := newBlame(ctx, store, found[0])
		if err != nil {
			return err
		}
		if a.json {
			return a.printJSON(doc)
		}
		fmt.Fprintf(a.out, "%s, %s\n", render.Style{Color: a.outOptions().Color}.Bold(render.Escape(at.String())), render.Escape(doc.ID))
		t := render.NewTable("ATTRIBUTE", "VALUE", "CAUSE", "RUN", "WHEN", "COMMAND", "ACTOR", "COMMIT")
		t.Indent = "  "
		for _, b := range doc.Attributes {
			when := ""
			if b.At != nil {
				when = render.Time(*b.At)
			}
			t.Row(b.Name, b.shown, causeWord(b.Cause), b.Run, when, b.Command, b.Actor, shortCommit(b.Commit))
		}
		return t.Write(a.out, a.tableOptions())
	})
}

// newBlame puts together what is recorded of a resource and where it comes from.
func newBlame(ctx context.Context, store stateStore, r *state.Resource) (*blameDocument, error) {
	past, err := pastOf(ctx, store, r)
	if err != nil {
		return nil, err
	}
	runs, err := store.History(ctx, 0)
	if err != nil {
		return nil, err
	}
	byID := map[string]state.Run{}
	for _, run := range runs {
		byID[run.ID] = run
	}
	doc := &blameDocument{
		FormatVersion: render.FormatVersion, Address: r.Address, Account: r.Account, ID: r.ID, Attributes: []blamedAttribute{},
	}
	origins := originsOf(past)
	add := func(b blamedAttribute) {
		c, ok := origins[b.Name]
		if !ok {
			c, ok = origins[""] // it came with the object
		}
		if ok {
			run := byID[c.Run] // a run that settled something and ended there may have no entry
			b.Run, b.At, b.Action, b.Cause = c.Run, &c.At, c.Action, c.Cause
			b.Command, b.Actor, b.Commit = run.Command, run.Actor, run.Commit
		}
		doc.Attributes = append(doc.Attributes, b)
	}
	values := spec.Values{}
	maps.Copy(values, r.Applied)
	maps.Copy(values, r.Observed)
	raw := render.ValuesJSON(values)
	for name := range keysSorted(values) {
		if v := values[name]; v != cty.NilVal && !v.IsNull() {
			add(blamedAttribute{Name: name, Value: raw[name], shown: render.Value(v)})
		}
	}
	for name := range keysSorted(r.Secrets) {
		add(blamedAttribute{Name: name, Sensitive: true, shown: render.SensitiveValue})
	}
	return doc, nil
}

// pastOf is what the history holds of the object that a resource is bound to, oldest first, at its earlier addresses too.
func pastOf(ctx context.Context, store stateStore, r *state.Resource) ([]state.Change, error) {
	var past []state.Change
	at, seen := r.Address, map[spec.Address]bool{}
	for !seen[at] {
		seen[at] = true
		changes, err := store.ChangesAt(ctx, at)
		if err != nil {
			return nil, err
		}
		changes = slices.DeleteFunc(changes, func(c state.Change) bool { return c.ObjectID != r.ID })
		past = append(changes, past...)
		for _, c := range changes {
			if c.Action == apply.ActionMove {
				if err := json.Unmarshal(c.Before, &at); err != nil {
					return nil, err
				}
			}
		}
	}
	// Something may have been moved there and back, so addresses alone do not give the order.
	slices.SortStableFunc(past, func(a, b state.Change) int { return a.At.Compare(b.At) })
	return past, nil
}

// originsOf are the rows that set each attribute last. The one without a name stands for all that came with the object. What was
// set before an object was let go of says nothing about it any more.
func originsOf(past []state.Change) map[string]state.Change {
	origins := map[string]state.Change{}
	for _, c := range past {
		switch {
		case c.Attribute != "":
			origins[c.Attribute] = c
		case c.Action == apply.ActionMove, c.Action == string(plan.Update):
		case c.Action == string(plan.Task): // it was done to the object, and set nothing that is recorded
		case c.Action == string(plan.Delete), c.Action == string(plan.Forget), c.Action == actionDismiss:
			clear(origins)
		default:
			clear(origins)
			origins[""] = c
		}
	}
	return origins
}
