package main

import (
	"github.com/vpsync/vpsync/pkg/apply"
	"github.com/vpsync/vpsync/pkg/plan/render"
	"github.com/vpsync/vpsync/pkg/plan/render/graph"
)

// mostNodes is how many boxes a graph in a report has: a picture of more says nothing.
const mostNodes = 50

// report is what a comment says of a plan. The stack's name is shown where it is not empty.
func (a *app) report(made *apply.Made, stack string) render.Report {
	return render.Report{Stack: stack, Plan: made.Plan, Graph: planDrawing(made), Commit: a.commit(), Version: versionText(), Accounts: a.severalAccounts(), Command: a.command}
}

// planDrawing is the graph of a plan that does something, in Mermaid's language, or nil where it would have too many boxes.
func planDrawing(made *apply.Made) []byte {
	if len(made.Plan.Steps) == 0 {
		return nil
	}
	g := graph.NewPlanned(made.Config.Resources, made.State.Resources, made.Plan)
	if len(g.Fold().Nodes) > mostNodes {
		return nil
	}
	return graph.Mermaid(g)
}
