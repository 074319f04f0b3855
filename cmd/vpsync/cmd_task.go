package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/vpsync/vpsync/pkg/apply"
	"github.com/vpsync/vpsync/pkg/plan/render"
	"github.com/vpsync/vpsync/pkg/providers"
	"github.com/vpsync/vpsync/pkg/state"
)

type taskOptions struct {
	vars        variableFlags
	autoApprove bool
	grace       string
}

func (a *app) taskCommand() *cobra.Command {
	var o taskOptions
	c := &cobra.Command{
		Use: "task NAME ADDRESS [ARGUMENT=VALUE...]", Short: "Do something to an object once: reboot it, back it up",
		Long: `Carries out a task of the provider on the object of a resource: reboot, start, stop, snapshot, backup, restore, whatever its
API offers; vpsync task list says which. It asks first, waits for the end where the API tells of it, and stands in the history.

A task is sent once. Where its answer is lost and nothing shows whether it was carried out, that becomes a question
(vpsync resolve), and the task is never sent again by itself.`,
		Example: "  vpsync task list\n  vpsync task backup server.db name=before-upgrade --auto-approve\n  vpsync task snapshot volume.data --auto-approve",
		RunE: func(c *cobra.Command, args []string) error {
			return a.task(c.Context(), o, args[0], args[1], args[2:])
		},
	}
	o.vars.register(c)
	c.Flags().BoolVar(&o.autoApprove, "auto-approve", false, "do not ask")
	c.Flags().StringVar(&o.grace, "grace", "", "how late an unanswered request may still take effect, such as 30s (also VPSYNC_GRACE)")
	c.AddCommand(&cobra.Command{
		Use: "list", Short: "Show the tasks of the stack's providers",
		Example: "  vpsync task list\n  vpsync task list --json",
		RunE:    func(c *cobra.Command, _ []string) error { return a.listTasks(c.Context()) },
	})
	return a.completing(c, true, a.taskNames(), a.taskTargets(), a.taskArguments())
}

func (a *app) task(ctx context.Context, o taskOptions, name, address string, words []string) error {
	at, err := addressOf(address)
	if err != nil {
		return err
	}
	given := map[string]string{}
	for _, word := range words {
		argument, text, ok := strings.Cut(word, "=")
		if !ok {
			return wrongUsage("%q is not ARGUMENT=VALUE", word)
		}
		if _, twice := given[argument]; twice {
			return wrongUsage("%s is given twice", argument)
		}
		given[argument] = text
	}
	grace, err := a.graceOf(o.grace)
	if err != nil {
		return err
	}
	var view applyView
	emit := func(e apply.Event) {
		if view != nil {
			view.Event(e)
		}
	}
	return a.withRunner(ctx, o.vars, fmt.Sprintf("task %s %s", name, at), emit, func(r *apply.Runner) error {
		if grace != nil {
			r.Options.Grace = grace
		}
		t, err := r.PrepareTask(ctx, name, at, given)
		if err != nil {
			return err
		}
		if !a.json {
			a.showTask(t)
		}
		if !o.autoApprove {
			if err := a.confirm(ctx, "Carry out this task?"); err != nil {
				return err
			}
		}
		view = a.runView("Task")
		defer view.Close()
		a.lines, _ = view.(*jsonView)
		close(a.sending)
		done, err := r.RunTask(ctx, a.stop, t)
		view.Close()
		code := done.ExitCode(err)
		if a.lines != nil {
			a.lines.Result(&apply.Result{Reads: done.Reads, Writes: done.Writes, Duration: done.Elapsed, Changed: done.Sent, Interrupted: code == exitInterrupted}, code)
		}
		if code == exitInterrupted {
			a.tellUntouched()
			return exitWith(code)
		}
		if err != nil {
			return &exitError{code: code, err: a.taskFailed(t, err)}
		}
		return nil
	})
}

// showTask says what is about to be done.
func (a *app) showTask(t *apply.Task) {
	s := render.Style{Color: a.outOptions().Color}
	fmt.Fprintln(a.out, s.Bold(fmt.Sprintf("Task %s on %s:", render.Escape(t.Definition.Name), render.Escape(t.Address.String()))))
	object := render.Escape(t.ID)
	if t.Object != nil && t.Object.Status != "" {
		object += " (" + render.Escape(t.Object.Status) + ")"
	}
	if a.severalAccounts() {
		object += " in " + render.Escape(t.Account)
	}
	table := render.NewTable()
	table.Indent = "  "
	table.Row("object", object)
	if about := t.Definition.Schema.Description; about != "" {
		table.Row("does", about)
	}
	table.Row("sends", t.Definition.Operation.Schema.Request)
	for _, attribute := range t.Definition.Schema.Attributes {
		if v, ok := t.Arguments[attribute.Name]; ok {
			table.Row(attribute.Name, render.Value(v))
		}
	}
	_ = table.Write(a.out, a.tableOptions())
	if t.Definition.LosesData {
		fmt.Fprintln(a.out, s.Alarm("  DATA LOST: what the object holds now is overwritten."))
	}
}

// taskFailed says what became of a task that did not end well.
func (a *app) taskFailed(t *apply.Task, err error) error {
	var late *providers.NotReadyError
	if errors.As(err, &late) {
		return &remedyError{summary: "The task did not end well", detail: sentenceOf(fmt.Sprintf("%s was sent to %s; %s", t.Definition.Name, t.Address, err)), remedy: a.command("vpsync plan")}
	}
	var unsettled *apply.UnsettledError
	if errors.As(err, &unsettled) {
		return &remedyError{summary: "Was it carried out?", detail: sentenceOf(err.Error()), remedy: a.command("vpsync plan") + "    # shows the question"}
	}
	return err
}

// taskDocument is one task of a provider.
type taskDocument struct {
	Name        string         `json:"name"`
	On          string         `json:"on"` // the kind of the object
	Provider    string         `json:"provider"`
	Description string         `json:"description,omitempty"`
	Arguments   []taskArgument `json:"arguments"`
	Makes       string         `json:"makes,omitempty"` // a kind
	LosesData   bool           `json:"loses_data"`
	Documented  bool           `json:"documented"` // by the vendor
	Request     string         `json:"request"`
	Addresses   []string       `json:"addresses"` // of the resources that it can be done to
}

// takes names the arguments; those in brackets may be left away.
func (d taskDocument) takes() string {
	var takes []string
	for _, argument := range d.Arguments {
		if argument.Required {
			takes = append(takes, argument.Name)
		} else {
			takes = append(takes, "["+argument.Name+"]")
		}
	}
	return strings.Join(takes, " ")
}

type taskArgument struct {
	Name        string `json:"name"`
	Type        string `json:"type"`
	Required    bool   `json:"required"`
	Description string `json:"description,omitempty"`
}

// tasksDocument is what task list --json prints.
type tasksDocument struct {
	FormatVersion string         `json:"format_version"`
	Tasks         []taskDocument `json:"tasks"`
}

func (a *app) listTasks(ctx context.Context) error {
	_, _, definitions, diags := a.loadStack(variableFlags{})
	if diags.HasErrors() {
		return diags
	}
	st, err := a.readState(ctx)
	if err != nil {
		return err
	}
	doc := tasksDocument{FormatVersion: formatVersion, Tasks: tasksOf(definitions, st)}
	if a.json {
		return a.printJSON(doc)
	}
	if len(doc.Tasks) == 0 {
		_, err := fmt.Fprintln(a.out, "The providers of this stack have no tasks.")
		return err
	}
	t := render.NewTable("TASK", "ON", "TAKES", "DOES", "RESOURCES")
	for _, d := range doc.Tasks {
		on := d.On
		if len(definitions) > 1 {
			on = d.Provider + " " + on
		}
		t.Row(d.Name, on, d.takes(), d.Description, fmt.Sprint(len(d.Addresses)))
	}
	return t.Write(a.out, a.tableOptions())
}

// tasksOf are the tasks of the definitions, each once, by provider, kind and name.
func tasksOf(definitions map[string]*providers.Definition, st *state.State) []taskDocument {
	out := []taskDocument{}
	accounts := map[string][]string{}
	byName := map[string]*providers.Definition{}
	for account, def := range definitions {
		accounts[def.Name] = append(accounts[def.Name], account)
		byName[def.Name] = def
	}
	for _, provider := range slices.Sorted(keysSorted(byName)) {
		def := byName[provider]
		for _, on := range slices.Sorted(keysSorted(def.Tasks)) {
			for _, name := range slices.Sorted(keysSorted(def.Tasks[on])) {
				t := def.Tasks[on][name]
				d := taskDocument{
					Name: name, On: on, Provider: provider, Description: t.Schema.Description, Arguments: []taskArgument{}, Makes: t.Makes,
					LosesData: t.LosesData, Documented: t.Operation.Schema.Documented, Request: t.Operation.Schema.Request, Addresses: []string{},
				}
				for _, at := range t.Schema.Attributes {
					d.Arguments = append(d.Arguments, taskArgument{at.Name, typeText(at.Type), at.Required, at.Description})
				}
				for _, r := range st.Resources {
					if r.Deposed == "" && r.Address.Kind == on && slices.Contains(accounts[provider], r.Account) {
						d.Addresses = append(d.Addresses, r.Address.String())
					}
				}
				out = append(out, d)
			}
		}
	}
	return out
}

// taskNames, taskTargets and taskArguments offer the words of a task command, each by those before it.
func (a *app) taskNames() offer {
	return a.fromTasks(func(all []taskDocument, _ []string) []word {
		var out []word
		for _, t := range all {
			out = append(out, word{t.Name, t.Description})
		}
		return out
	})
}

func (a *app) taskTargets() offer {
	return a.fromTasks(func(all []taskDocument, args []string) []word {
		var out []word
		for _, t := range all {
			for _, at := range t.Addresses {
				if t.Name == args[0] {
					out = append(out, word{at, ""})
				}
			}
		}
		return out
	})
}

func (a *app) taskArguments() offer {
	return a.fromTasks(func(all []taskDocument, args []string) []word {
		var out []word
		for _, t := range all {
			if t.Name != args[0] || !slices.Contains(t.Addresses, args[1]) {
				continue
			}
			for _, argument := range t.Arguments {
				if !slices.ContainsFunc(args[2:], func(given string) bool { return strings.HasPrefix(given, argument.Name+"=") }) {
					out = append(out, word{argument.Name + "=", argument.Description})
				}
			}
		}
		return out
	})
}

// fromTasks offers words out of the stack's tasks.
func (a *app) fromTasks(words func([]taskDocument, []string) []word) offer {
	return a.fromState(func(st *state.State, args []string) []word {
		_, _, definitions, _ := a.loadStack(variableFlags{})
		return words(tasksOf(definitions, st), args)
	})
}
