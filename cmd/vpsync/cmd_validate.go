package main

import (
	"fmt"

	"github.com/spf13/cobra"
	"github.com/vpsync/vpsync/pkg/plan/render"
)

func (a *app) validateCommand() *cobra.Command {
	var vars variableFlags
	c := &cobra.Command{
		Use: "validate", Short: "Check the HCL: all problems at once",
		Long:    "Checks the configuration without a token, a request or a state. Exits with 0 or 1.",
		Example: "  vpsync validate\n  vpsync validate --json",
		RunE:    func(*cobra.Command, []string) error { return a.validate(vars) },
	}
	vars.register(c)
	return c
}

func (a *app) validate(vars variableFlags) error {
	stack, request, _, diags := a.loadStack(vars)
	resources := 0
	if stack != nil {
		request.Unasked = true // it speaks to nobody
		response := stack.Evaluate(request)
		resources = len(response.Resources)
		diags = append(diags, response.Diagnostics...)
		diags.Sort()
	}
	if a.json {
		text, err := render.DiagnosticsJSON(diags, a.meta())
		if err != nil {
			return err
		}
		if _, err := a.out.Write(text); err != nil {
			return err
		}
		if diags.HasErrors() {
			return exitWith(exitFailed)
		}
		return nil
	}
	if diags.HasErrors() {
		return diags
	}
	if err := render.Diagnostics(a.errs, diags, a.errOptions()); err != nil {
		return err
	}
	_, err := fmt.Fprintf(a.out, "The configuration is valid: %s.\n", render.Plural(resources, "resource"))
	return err
}
