package main

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/vpsync/vpsync/pkg/plan/render"
	"github.com/vpsync/vpsync/pkg/spec"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"
)

func (a *app) outputCommand() *cobra.Command {
	var raw bool
	c := &cobra.Command{
		Use: "output [NAME]", Short: "Show the outputs of the last apply",
		Long:    "Shows what the last apply recorded of the outputs. Sensitive outputs are never stored: they are shown by nothing.",
		Example: "  vpsync output\n  vpsync output --raw database_address\n  vpsync output --json",
		RunE: func(c *cobra.Command, args []string) error {
			if raw && a.json {
				return wrongUsage("--raw prints bare text and --json prints JSON: give one of them")
			}
			st, err := a.readState(c.Context())
			if err != nil {
				return err
			}
			if len(args) == 0 {
				if raw {
					return wrongUsage("--raw prints one output: name it")
				}
				if a.json {
					all := map[string]json.RawMessage{}
					for name, o := range st.Outputs {
						all[name] = o.Value
					}
					return a.printJSON(all)
				}
				if len(st.Outputs) == 0 {
					fmt.Fprintln(a.errs, "No outputs are recorded.")
				}
				return writeOutputs(a.out, "", st)
			}
			o, ok := st.Outputs[args[0]]
			if !ok {
				return a.noOutput(args[0], slices.Sorted(maps.Keys(st.Outputs)))
			}
			if a.json {
				return a.printJSON(json.RawMessage(o.Value))
			}
			v, err := o.Decode()
			if err != nil {
				return err
			}
			if !raw {
				_, err = fmt.Fprintln(a.out, render.Value(v))
				return err
			}
			text, err := convert.Convert(v, cty.String)
			if err != nil || text.IsNull() {
				return &remedyError{summary: "No bare text", remedy: "vpsync output --json " + args[0],
					detail: fmt.Sprintf("The output %s is %s, and --raw prints a string, a number or a bool.", args[0], whatIs(v))}
			}
			// Raw output is for programs; only line ends of its own are left out.
			_, err = fmt.Fprintln(a.out, render.EscapeLines(text.AsString()))
			return err
		},
	}
	c.Flags().BoolVar(&raw, "raw", false, "print the bare text of one output")
	return a.completing(c, false, a.outputNames())
}

// whatIs names the sort of a value that is no text.
func whatIs(v cty.Value) string {
	switch t := v.Type(); {
	case v.IsNull():
		return "null"
	case t.IsObjectType():
		return "an object"
	case t.IsMapType():
		return "a map"
	case t.IsSetType():
		return "a set"
	case t.IsListType(), t.IsTupleType():
		return "a list"
	default:
		return article(t.FriendlyName())
	}
}

// noOutput says whether the output is unknown, sensitive, or not applied yet.
func (a *app) noOutput(name string, recorded []string) error {
	e := &remedyError{summary: "No such output", detail: fmt.Sprintf("Nothing is recorded of an output %q.", name)}
	if near := spec.Nearest(name, recorded); near != "" {
		e.detail += fmt.Sprintf(" Did you mean %q?", near)
	} else if len(recorded) > 0 {
		e.detail += fmt.Sprintf(" There are: %s.", strings.Join(recorded, ", "))
	}
	e.detail += " Sensitive outputs are never stored, and new ones are recorded by the next apply."
	return e
}
