package main

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/vpsync/vpsync/pkg/spec"
)

// variableFlags are --var and --var-file as given.
type variableFlags struct {
	values []string
	files  []string
}

func (v *variableFlags) register(c *cobra.Command) {
	c.Flags().StringArrayVar(&v.values, "var", nil, "set a variable: `name=value` (HCL, or plain text for a string)")
	c.Flags().StringArrayVar(&v.files, "var-file", nil, "read variables from a `file`")
	_ = c.MarkFlagFilename("var-file", "hcl")
}

// variableValues collects values in rising precedence: vpsync.vars.hcl, *.auto.vars.hcl by name, VPSYNC_VAR_name,
// --var-file in order, --var in order.
func (a *app) variableValues(flags variableFlags) ([]spec.VariableValue, spec.Diagnostics) {
	var out []spec.VariableValue
	var diags spec.Diagnostics
	file := func(path, name string, optional bool) {
		src, err := os.ReadFile(path)
		if os.IsNotExist(err) && optional {
			return
		}
		if err != nil {
			diags = append(diags, spec.Diagnostic{Severity: spec.SeverityError, Summary: "Variables cannot be read", Detail: sentenceOf(err.Error())})
			return
		}
		values, problems := spec.VariableFile(src, name)
		out, diags = append(out, values...), append(diags, problems...)
	}
	file(filepath.Join(a.dir, "vpsync.vars.hcl"), "vpsync.vars.hcl", true)
	entries, _ := os.ReadDir(a.dir) // a folder that cannot be read is said elsewhere; entries are sorted
	for _, e := range entries {
		if strings.HasSuffix(e.Name(), ".auto.vars.hcl") {
			file(filepath.Join(a.dir, e.Name()), e.Name(), false)
		}
	}
	var names []string
	for name := range a.env {
		if strings.HasPrefix(name, "VPSYNC_VAR_") {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	for _, name := range names {
		out = append(out, spec.VariableValue{Name: strings.TrimPrefix(name, "VPSYNC_VAR_"), Source: a.env[name], Origin: name})
	}
	for _, path := range flags.files {
		file(path, path, false)
	}
	for _, given := range flags.values {
		name, value, ok := strings.Cut(given, "=")
		if !ok {
			// Not repeated: it may be a secret whose name was forgotten.
			diags = append(diags, spec.Diagnostic{Severity: spec.SeverityError, Summary: "--var without a name", Detail: "A --var has no = in it.", Remedy: "--var name=value"})
			continue
		}
		out = append(out, spec.VariableValue{Name: strings.TrimSpace(name), Source: value, Origin: fmt.Sprintf("--var %s", name)})
	}
	return out, diags
}
