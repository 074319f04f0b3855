package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/vpsync/vpsync/pkg/apply"
	"github.com/vpsync/vpsync/pkg/plan"
	"github.com/vpsync/vpsync/pkg/plan/render"
	"github.com/vpsync/vpsync/pkg/spec"
	"github.com/vpsync/vpsync/pkg/state"
	ctyjson "github.com/zclconf/go-cty/cty/json"
)

func (a *app) historyCommand() *cobra.Command {
	limit := 20
	c := &cobra.Command{
		Use: "history [RUN]", Short: "Show what was done, when, by whom and from which commit", Args: cobra.MaximumNArgs(1),
		Long: `Lists the runs that wrote to the state, the newest first; with a run's id, or the start of it, everything that it
changed, and why. It sends nothing. The commit is the one of the git work tree that the stack lay in.`,
		Example: "  vpsync history\n  vpsync history --limit 0 --json\n  vpsync history 3f1c0a9be4d27c55",
		RunE: func(c *cobra.Command, args []string) error {
			if limit < 0 {
				return wrongUsage("--limit takes a count of 0 or more; 0 is all")
			}
			if len(args) > 0 {
				return a.historyOf(c.Context(), args[0])
			}
			return a.history(c.Context(), limit)
		},
	}
	c.Flags().IntVar(&limit, "limit", limit, "show the newest `N` runs; 0 is all")
	return a.completing(c, false, a.runIDs())
}

// runDocument is a run for programs.
type runDocument struct {
	ID       string         `json:"id"`
	Command  string         `json:"command"`
	Actor    string         `json:"actor,omitempty"`
	Host     string         `json:"host,omitempty"`
	Commit   string         `json:"commit,omitempty"`
	Started  time.Time      `json:"started"`
	Ended    *time.Time     `json:"ended"`     // null while it runs, and of a run that died
	ExitCode *int           `json:"exit_code"` // null with ended
	Result   string         `json:"result"`
	Seconds  float64        `json:"seconds,omitempty"`
	Requests int            `json:"requests,omitempty"`
	Counts   map[string]int `json:"counts"` // resources by action
}

// results are exit codes in a word or two.
var results = map[int]string{
	exitDone: "done", exitFailed: "failed", exitIncomplete: "incomplete", exitNeedsAnswer: "needs an answer",
	exitInterrupted: "interrupted",
}

func newRunDocument(r state.Run, changes []state.Change) runDocument {
	d := runDocument{
		ID: r.ID, Command: r.Command, Actor: r.Actor, Host: r.Host, Commit: r.Commit, Started: r.Started,
		Result: "not ended", Requests: r.Requests, Counts: countActions(changes),
	}
	if !r.Ended.IsZero() {
		d.Ended, d.ExitCode, d.Seconds = &r.Ended, &r.ExitCode, r.Ended.Sub(r.Started).Seconds()
		d.Result = cmp.Or(results[r.ExitCode], fmt.Sprintf("exit code %d", r.ExitCode))
	}
	return d
}

// took is how long a run lasted, or nothing.
func (d runDocument) took() string {
	if d.Ended == nil {
		return ""
	}
	return render.HumanDuration(d.Ended.Sub(d.Started))
}

// actionsPast are the actions of the history in the order in which they are counted. A word that is not among them counts last,
// as it is.
var actionsPast = []struct{ action, past string }{
	{string(plan.Create), "added"}, {string(plan.Update), "changed"}, {string(plan.Replace), "replaced"},
	{string(plan.Delete), "destroyed"}, {string(plan.Adopt), "adopted"}, {string(plan.Forget), "forgotten"},
	{"import", "imported"}, {string(plan.Task), "task"}, {apply.ActionMove, "moved"}, {apply.ActionRecord, "recorded"}, {actionDismiss, "dismissed"},
}

// countActions counts resources by what happened to them.
func countActions(changes []state.Change) map[string]int {
	type resource struct {
		action string
		at     spec.Address
	}
	seen, counts := map[resource]bool{}, map[string]int{}
	for _, c := range changes {
		if r := (resource{c.Action, c.Address}); !seen[r] {
			seen[r] = true
			counts[c.Action]++
		}
	}
	return counts
}

// said is the counts in words: 3 added, 1 changed.
func said(counts map[string]int) string {
	var parts []string
	known := map[string]bool{}
	for _, a := range actionsPast {
		known[a.action] = true
		if n := counts[a.action]; n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n, a.past))
		}
	}
	for action := range keysSorted(counts) {
		if !known[action] {
			parts = append(parts, fmt.Sprintf("%d %s", counts[action], action))
		}
	}
	return strings.Join(parts, ", ")
}

// withHistory opens the state for reading alone.
func (a *app) withHistory(ctx context.Context, do func(stateStore) error) (err error) {
	a.warnOfReaders()
	store, err := a.openState(ctx, true)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	return do(store)
}

func (a *app) history(ctx context.Context, limit int) error {
	return a.withHistory(ctx, func(store stateStore) error {
		runs, err := store.History(ctx, limit)
		if err != nil {
			return err
		}
		docs := []runDocument{}
		for _, r := range runs {
			changes, err := store.Changes(ctx, r.ID)
			if err != nil {
				return err
			}
			docs = append(docs, newRunDocument(r, changes))
		}
		if a.json {
			return a.printJSON(struct {
				FormatVersion string        `json:"format_version"`
				Runs          []runDocument `json:"runs"`
			}{render.FormatVersion, docs})
		}
		if len(docs) == 0 {
			fmt.Fprintln(a.errs, "Nothing was done yet.")
			return nil
		}
		t := render.NewTable("RUN", "STARTED", "COMMAND", "ACTOR", "COMMIT", "RESULT", "TOOK", "CHANGES")
		for _, d := range docs {
			t.Row(d.ID, render.Time(d.Started), d.Command, d.Actor, shortCommit(d.Commit), d.Result, d.took(), said(d.Counts))
		}
		return t.Write(a.out, a.tableOptions())
	})
}

func shortCommit(id string) string {
	if isCommit(id) {
		return id[:12]
	}
	return id
}

// changeDocument is one attribute's change by a run, or that of an object as a whole, for programs.
type changeDocument struct {
	Address   spec.Address    `json:"address"`
	Action    string          `json:"action"`
	ObjectID  string          `json:"object_id,omitempty"`
	Attribute string          `json:"attribute,omitempty"`
	Before    json.RawMessage `json:"before,omitempty"` // missing where it is not known, or secret
	After     json.RawMessage `json:"after,omitempty"`
	Sensitive bool            `json:"sensitive,omitempty"`
	Cause     string          `json:"cause,omitempty"`
	At        time.Time       `json:"at"`
}

// hiddenText is what the history keeps of a secret.
const hiddenText = `"` + render.SensitiveValue + `"`

// secretNow says which attributes are secrets by now: what was recorded of them before is not shown either, at whatever address
// the object was.
func secretNow(st *state.State) func(state.Change) bool {
	type object struct{ kind, id string }
	secrets := map[object]map[string]state.Digest{}
	for _, r := range st.Resources {
		secrets[object{r.Address.Kind, r.ID}] = r.Secrets
	}
	return func(c state.Change) bool {
		_, secret := secrets[object{c.Address.Kind, c.ObjectID}][c.Attribute]
		return secret
	}
}

func newChangeDocument(c state.Change, secret bool) changeDocument {
	d := changeDocument{
		Address: c.Address, Action: c.Action, ObjectID: c.ObjectID, Attribute: c.Attribute,
		Before: c.Before, After: c.After, Cause: c.Cause, At: c.At,
		Sensitive: secret || string(c.Before) == hiddenText || string(c.After) == hiddenText,
	}
	if d.Sensitive {
		d.Before, d.After = nil, nil
	}
	return d
}

// findRun finds a run by its id or by the start of it.
func findRun(runs []state.Run, id string) (state.Run, error) {
	var found []state.Run
	for _, r := range runs {
		if r.ID == id {
			return r, nil
		}
		if strings.HasPrefix(r.ID, id) && id != "" {
			found = append(found, r)
		}
	}
	switch len(found) {
	case 1:
		return found[0], nil
	case 0:
		return state.Run{}, &remedyError{summary: "No such run", detail: fmt.Sprintf("The history has no run %q.", id),
			remedy: "vpsync history --limit 0"}
	}
	return state.Run{}, &remedyError{summary: "Which run?", detail: fmt.Sprintf("%s begin with %q.", render.Plural(len(found), "run"), id),
		remedy: "vpsync history " + found[0].ID}
}

func (a *app) historyOf(ctx context.Context, id string) error {
	return a.withHistory(ctx, func(store stateStore) error {
		runs, err := store.History(ctx, 0)
		if err != nil {
			return err
		}
		run, err := findRun(runs, id)
		if err != nil {
			return err
		}
		changes, err := store.Changes(ctx, run.ID)
		if err != nil {
			return err
		}
		st, err := store.Load(ctx)
		if err != nil {
			return err
		}
		secret := secretNow(st)
		docs := []changeDocument{}
		for _, c := range changes {
			docs = append(docs, newChangeDocument(c, secret(c)))
		}
		d := newRunDocument(run, changes)
		if a.json {
			return a.printJSON(struct {
				FormatVersion string           `json:"format_version"`
				Run           runDocument      `json:"run"`
				Changes       []changeDocument `json:"changes"`
			}{render.FormatVersion, d, docs})
		}
		return writeRun(a.out, d, docs, a.tableOptions())
	})
}

// writeRun shows a run, and its changes by resource in the order in which they happened first.
func writeRun(w io.Writer, d runDocument, changes []changeDocument, o render.Options) error {
	s := render.Style{Color: o.Color}
	fmt.Fprintf(w, "%s\n", s.Bold(fmt.Sprintf("vpsync %s, run %s", render.Escape(d.Command), render.Escape(d.ID))))
	t := render.NewTable()
	t.Indent = "  "
	t.Row("started", render.Time(d.Started))
	t.Row("by", fmt.Sprintf("%s on %s", cmp.Or(d.Actor, "somebody"), cmp.Or(d.Host, "some host")))
	if d.Commit != "" {
		t.Row("commit", d.Commit)
	}
	result := d.Result
	if d.Ended != nil {
		result += fmt.Sprintf(" in %s, %s", d.took(), render.Plural(d.Requests, "request"))
	}
	t.Row("result", result)
	t.Row("changes", cmp.Or(said(d.Counts), "none"))
	if err := t.Write(w, o); err != nil {
		return err
	}
	type group struct {
		action string
		at     spec.Address
	}
	var order []group
	groups := map[group][]changeDocument{}
	for _, c := range changes {
		g := group{c.Action, c.Address}
		if groups[g] == nil {
			order = append(order, g)
		}
		groups[g] = append(groups[g], c)
	}
	for _, g := range order {
		if err := writeChanges(w, groups[g], o); err != nil {
			return err
		}
	}
	return nil
}

// writeChanges shows what a run did to one resource.
func writeChanges(w io.Writer, all []changeDocument, o render.Options) error {
	first := all[0]
	i := slices.IndexFunc(all, func(c changeDocument) bool { return c.ObjectID != "" })
	title := fmt.Sprintf("%s %s", first.Action, first.Address)
	if first.Action == string(plan.Task) {
		title = fmt.Sprintf("task %s on %s", first.Cause, first.Address)
		first.Cause = ""
	}
	if i >= 0 {
		title += ", " + all[i].ObjectID
	}
	if first.Cause != "" {
		title += fmt.Sprintf(" (%s)", causeWord(first.Cause))
	}
	fmt.Fprintf(w, "\n%s\n", render.Style{Color: o.Color}.Bold(render.Escape(title)))
	t := render.NewTable()
	t.Indent = "  "
	for _, c := range all {
		if !c.Sensitive && c.After == nil && (c.Before == nil || string(c.Before) == "null") {
			continue // the object itself, or what the provider was left to decide
		}
		name, change := cmp.Or(c.Attribute, "address"), historyValue(c.After, c.Sensitive)
		if before := historyValue(c.Before, c.Sensitive); c.Sensitive || before != "null" {
			change = before + " → " + change
		}
		if c.Cause != first.Cause {
			change += fmt.Sprintf("  (%s)", causeWord(c.Cause))
		}
		t.Row(name, change)
	}
	return t.Write(w, o)
}

// causeWord is a cause as people read it.
func causeWord(cause string) string { return strings.ReplaceAll(cause, "_", " ") }

// historyValue is a value of the history in the configuration's syntax.
func historyValue(text json.RawMessage, sensitive bool) string {
	switch {
	case sensitive:
		return render.SensitiveValue
	case text == nil:
		return "(not recorded)"
	}
	var v ctyjson.SimpleJSONValue
	if err := v.UnmarshalJSON(text); err != nil {
		return render.Escape(string(text))
	}
	return render.Value(v.Value)
}
