package main

import (
	"errors"
	"fmt"
	"io/fs"
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
	last   []spec.VariableValue // of a saved plan: they win over all others
}

func (v *variableFlags) register(c *cobra.Command) {
	c.Flags().StringArrayVar(&v.values, "var", nil, "set a variable: `name=value` (HCL, or plain text for a string)")
	c.Flags().StringArrayVar(&v.files, "var-file", nil, "read variables from a `file`: HCL, or JSON where its name ends in .json")
	_ = c.MarkFlagFilename("var-file", "hcl", "json")
}

// variableValues collects values in rising precedence: vpsync.vars.hcl, *.auto.vars.hcl by name, VPSYNC_VAR_name,
// --var-file in order, --var in order. Each of those files may be in JSON, its name then ending in .json.
func (a *app) variableValues(flags variableFlags) ([]spec.VariableValue, spec.Diagnostics) {
	var out []spec.VariableValue
	var diags spec.Diagnostics
	file := func(name string, src []byte, err error) {
		if err != nil {
			diags = append(diags, spec.Diagnostic{Severity: spec.SeverityError, Summary: "Variables cannot be read", Detail: fmt.Sprintf("%s: %s", name, sentenceOf(withoutPath(err)))})
			return
		}
		values, problems := spec.VariableFile(src, name)
		out, diags = append(out, values...), append(diags, problems...)
	}
	own := func(name string) {
		src, err := spec.ReadFile(a.dir, name)
		file(name, src, err)
	}
	for _, name := range []string{"vpsync.vars.hcl", "vpsync.vars.hcl.json"} {
		if _, err := os.Lstat(filepath.Join(a.dir, name)); err == nil {
			own(name)
		}
	}
	entries, _ := os.ReadDir(a.dir) // a folder that cannot be read is said elsewhere; entries are sorted
	for _, e := range entries {
		if strings.HasSuffix(strings.TrimSuffix(e.Name(), ".json"), ".auto.vars.hcl") {
			own(e.Name())
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
		src, err := readAnywhere(path)
		file(path, src, err)
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
	return append(out, flags.last...), diags
}

// readAnywhere reads a file that the operator named, which may be a pipe.
func readAnywhere(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return spec.ReadAtMost(f)
}

// withoutPath is an error whose path has been named already.
func withoutPath(err error) string {
	var of *fs.PathError
	if errors.As(err, &of) {
		return of.Err.Error()
	}
	return err.Error()
}
