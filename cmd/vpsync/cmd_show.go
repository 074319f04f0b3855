package main

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"time"

	"github.com/spf13/cobra"
	"github.com/vpsync/vpsync/pkg/plan/render"
	"github.com/vpsync/vpsync/pkg/spec"
	"github.com/vpsync/vpsync/pkg/state"
	"github.com/zclconf/go-cty/cty"
)

// resourceDocument is a recorded resource for programs. Secrets are named, never shown.
type resourceDocument struct {
	Address     string                     `json:"address"`
	Deposed     string                     `json:"deposed,omitempty"`
	Account     string                     `json:"account"`
	Kind        string                     `json:"kind"`
	ID          string                     `json:"id"`
	Applied     map[string]json.RawMessage `json:"applied"`
	Observed    map[string]json.RawMessage `json:"observed"`
	Secrets     []string                   `json:"secrets"`
	Unready     bool                       `json:"unready,omitempty"`
	Pending     []string                   `json:"pending,omitempty"`
	Unsupported string                     `json:"on_unsupported,omitempty"`
	Uses        []spec.Address             `json:"uses"`
	Recorded    time.Time                  `json:"recorded"`
}

func newResourceDocument(r *state.Resource) resourceDocument {
	return resourceDocument{
		Address: r.Address.String(), Deposed: r.Deposed, Account: r.Account, Kind: r.Address.Kind, ID: r.ID,
		Applied: render.ValuesJSON(r.Applied), Observed: render.ValuesJSON(r.Observed),
		Secrets: slices.AppendSeq([]string{}, keysSorted(r.Secrets)), Unready: r.Unready, Pending: r.Pending,
		Unsupported: string(r.Unsupported), Uses: append([]spec.Address{}, r.Uses...), Recorded: r.CreatedAt,
	}
}

func keysSorted[V any](m map[string]V) func(func(string) bool) {
	return slices.Values(slices.Sorted(maps.Keys(m)))
}

func (a *app) showCommand() *cobra.Command {
	return &cobra.Command{
		Use: "show [PLAN]", Short: "Show what is recorded, or a saved plan",
		Long:    "Shows every recorded resource with the values that the API answered last. It sends nothing.\nWith PLAN, a file that vpsync plan --out made, it shows that plan.",
		Example: "  vpsync show\n  vpsync show --json\n  vpsync show monday.vpsplan",
		RunE: func(c *cobra.Command, args []string) error {
			if len(args) == 1 {
				return a.showSaved(args[0])
			}
			st, err := a.readState(c.Context())
			if err != nil {
				return err
			}
			if a.json {
				return a.printJSON(stateDocument(st))
			}
			for i, r := range st.Resources {
				if i > 0 {
					fmt.Fprintln(a.out)
				}
				writeResource(a.out, r, a.recordOptions(st))
			}
			if len(st.Resources) == 0 {
				fmt.Fprintln(a.out, "Nothing is recorded.")
			}
			if len(st.Outputs) == 0 {
				return nil
			}
			fmt.Fprintln(a.out, "\nOutputs:")
			return writeOutputs(a.out, "  ", st)
		},
	}
}

// recordOptions are outOptions for what is recorded, where the state says how many accounts there are, and no stack is read.
func (a *app) recordOptions(st *state.State) render.Options {
	o := a.outOptions()
	o.Accounts = len(st.Accounts) > 1
	return o
}

type showDocument struct {
	FormatVersion string                     `json:"format_version"`
	Lineage       string                     `json:"lineage"`
	Serial        int64                      `json:"serial"`
	Resources     []resourceDocument         `json:"resources"`
	Outputs       map[string]json.RawMessage `json:"outputs"`
}

func stateDocument(st *state.State) showDocument {
	d := showDocument{FormatVersion: formatVersion, Lineage: st.Lineage, Serial: st.Serial, Resources: []resourceDocument{}, Outputs: map[string]json.RawMessage{}}
	for _, r := range st.Resources {
		d.Resources = append(d.Resources, newResourceDocument(r))
	}
	for name, o := range st.Outputs {
		d.Outputs[name] = o.Value
	}
	return d
}

// writeResource shows a resource in the manner of HCL.
func writeResource(w io.Writer, r *state.Resource, o render.Options) {
	s := render.Style{Color: o.Color}
	title := s.Bold(render.Escape(r.Address.String()))
	if r.Deposed != "" {
		title += " (old object, awaits its deletion)"
	}
	fmt.Fprintln(w, title)
	t := render.NewTable()
	t.Indent = "  "
	if o.Accounts {
		t.Row("account", render.Value(cty.StringVal(r.Account)))
	}
	t.Row("id", render.Value(cty.StringVal(r.ID)))
	values := spec.Values{}
	maps.Copy(values, r.Applied)
	maps.Copy(values, r.Observed)
	for name := range keysSorted(values) {
		if !values[name].IsNull() {
			t.Row(name, render.Value(values[name]))
		}
	}
	for name := range keysSorted(r.Secrets) {
		t.Row(name, "(sensitive)")
	}
	_ = t.Write(w, render.Options{Width: max(o.Width, 40), Color: o.Color})
	if len(r.Pending) > 0 {
		fmt.Fprintf(w, "  (half made: the next apply goes on with %s)\n", render.Escape(r.Pending[0]))
	}
}

// writeOutputs writes a line for each output, values aligned.
func writeOutputs(w io.Writer, indent string, st *state.State) error {
	widest := 0
	for name := range st.Outputs {
		widest = max(widest, render.Width(render.Escape(name)))
	}
	for name := range keysSorted(st.Outputs) {
		v, err := st.Outputs[name].Decode()
		if err != nil {
			return err
		}
		name = render.Escape(name)
		if _, err := fmt.Fprintf(w, "%s%s%*s = %s\n", indent, name, widest-render.Width(name), "", render.Value(v)); err != nil {
			return err
		}
	}
	return nil
}
