package main

import (
	"context"
	"errors"

	"github.com/spf13/cobra"
	"github.com/vpsync/vpsync/pkg/apply"
	"github.com/vpsync/vpsync/pkg/plan"
	"github.com/vpsync/vpsync/pkg/plan/render"
	"github.com/vpsync/vpsync/pkg/plan/render/graph"
	"github.com/vpsync/vpsync/pkg/spec"
)

// graphOptions are the flags of graph.
type graphOptions struct {
	vars    variableFlags
	format  string
	planned bool
}

// graphFormats are the names of the formats as --format takes them.
const graphFormats = "dot, mermaid, svg or json"

func (a *app) graphCommand() *cobra.Command {
	var o graphOptions
	c := &cobra.Command{
		Use: "graph", Short: "Draw which resource uses which", Args: cobra.NoArgs,
		Long: `Draws the resources of the configuration, from what is needed first down to what uses it. It needs no token, sends
no request and reads no state. A variable without a value is unknown; a block that has an unknown number of instances is
drawn once, with a dashed border. More than 12 instances of one block are one box, such as server.web ×40.

--plan refreshes, as vpsync plan does, and marks each resource with what would happen to it:
  + create   ~ change   -/+ replace   - destroy   x forget   <- adopt   ! needs a hand   ? waits for an open question

The formats:
  dot      for Graphviz
  mermaid  for Markdown pages
  svg      a picture that stands alone, in light and dark
  json     for programs (as --json): format_version, planned, nodes (id, address, deposed, kind, name, account,
           instances_known, action, needs_hand, waits) and edges (from, to: two ids; to uses from). Nothing is folded.`,
		Example: "  vpsync graph --format svg > graph.svg\n  vpsync graph --format mermaid\n  vpsync graph --plan | dot -Tpng > plan.png",
		RunE: func(c *cobra.Command, _ []string) error {
			if a.json {
				if c.Flags().Changed("format") && o.format != "json" {
					return wrongUsage("--json and --format %s: give one of them", o.format)
				}
				o.format = "json"
			}
			return a.graph(c.Context(), o)
		},
	}
	o.vars.register(c)
	c.Flags().StringVar(&o.format, "format", "dot", "how it is written: "+graphFormats)
	c.Flags().BoolVar(&o.planned, "plan", false, "refresh, and mark each resource with what is planned for it")
	return c
}

func (a *app) graph(ctx context.Context, o graphOptions) error {
	var write func(*graph.Graph) ([]byte, error)
	plainly := func(f func(*graph.Graph) []byte) func(*graph.Graph) ([]byte, error) {
		return func(g *graph.Graph) ([]byte, error) { return f(g), nil }
	}
	switch o.format {
	case "dot":
		write = plainly(graph.DOT)
	case "mermaid":
		write = plainly(graph.Mermaid)
	case "svg":
		write = plainly(graph.SVG)
	case "json":
		write = func(g *graph.Graph) ([]byte, error) { return graph.JSON(g, a.meta()) }
	default:
		return wrongUsage("--format %s: it is %s", o.format, graphFormats)
	}
	read := a.configurationGraph
	if o.planned {
		read = func(vars variableFlags) (*graph.Graph, error) { return a.planGraph(ctx, vars) }
	}
	g, err := read(o.vars)
	if err != nil {
		return err
	}
	text, err := write(g)
	if err != nil {
		return err
	}
	_, err = a.out.Write(text)
	return err
}

// configurationGraph is what the files alone tell.
func (a *app) configurationGraph(vars variableFlags) (*graph.Graph, error) {
	stack, request, _, diags := a.loadStack(vars)
	outline := &spec.Outline{}
	if stack != nil {
		outline = stack.Outline(request)
		diags = append(diags, outline.Diagnostics...)
		diags.Sort()
	}
	if diags.HasErrors() {
		return nil, diags
	}
	if !a.json {
		if err := render.Diagnostics(a.errs, diags, a.errOptions()); err != nil {
			return nil, err
		}
	}
	return graph.New(outline), nil
}

// planGraph is what would happen. A plan with questions is drawn all the same: nothing is carried out here.
func (a *app) planGraph(ctx context.Context, vars variableFlags) (_ *graph.Graph, err error) {
	w, err := a.open(ctx, vars, "")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, w.Close()) }()
	w.unpriced = true
	made, err := w.make(ctx, plan.Options{}, apply.RefreshAuto)
	if err != nil {
		return nil, err
	}
	return graph.NewPlanned(made.Config.Resources, made.State.Resources, made.Plan), nil
}
