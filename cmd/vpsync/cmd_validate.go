package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"
	"github.com/vpsync/vpsync/pkg/plan/render"
)

func (a *app) validateCommand() *cobra.Command {
	var vars variableFlags
	var trust untrustedFlags
	c := &cobra.Command{
		Use: "validate", Short: "Check the HCL: all problems at once",
		Long:    "Checks the configuration without a token, a request or a state. Exits with 0 or 1.",
		Example: "  vpsync validate\n  vpsync validate --json",
		RunE:    func(c *cobra.Command, _ []string) error { return a.validate(c.Context(), vars, trust) },
	}
	vars.register(c)
	trust.register(c)
	return c
}

func (a *app) validate(ctx context.Context, vars variableFlags, trust untrustedFlags) error {
	if err := trust.check(a.dir, false); err != nil {
		return err
	}
	stack, request, _, diags := a.load(ctx, vars, trust)
	resources := 0
	if !diags.HasErrors() {
		var err error
		if request.Variables, err = a.askVariables(ctx, stack.Declarations, vars, request.Variables); err != nil {
			return err
		}
	}
	if stack != nil {
		defer stack.close()
		request.Unasked = true // it speaks to nobody
		request.Distinct = true
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
