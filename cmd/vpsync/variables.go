package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/spf13/cobra"
	"github.com/vpsync/vpsync/internal/shell"
	"github.com/vpsync/vpsync/pkg/plan/render"
	"github.com/vpsync/vpsync/pkg/spec"
)

// variableFlags are --var, --var-file and --input as given.
type variableFlags struct {
	values []string
	files  []string
	input  bool
	last   []spec.VariableValue // of a saved plan: they win over all others
}

func (v *variableFlags) register(c *cobra.Command) {
	c.Flags().StringArrayVar(&v.values, "var", nil, "set a variable: `name=value` (HCL, or plain text for a string)")
	c.Flags().StringArrayVar(&v.files, "var-file", nil, "read variables from a `file`: HCL, or JSON where its name ends in .json")
	c.Flags().BoolVar(&v.input, "input", true, "ask on the terminal for variables that have no value")
	_ = c.MarkFlagFilename("var-file", "hcl", "json")
}

// variableValues collects values in rising precedence: vpsync.vars.hcl, *.auto.vars.hcl by name, VPSYNC_VAR_name,
// --var-file in order, --var in order. Each of those files may be in JSON, its name then ending in .json.
func (a *app) variableValues(stack evaluator, flags variableFlags) ([]spec.VariableValue, spec.Diagnostics) {
	out, diags := stack.VariableFiles()
	file := func(name string, src []byte, err error) {
		if err != nil {
			diags = append(diags, a.unreadVariables(name, err))
			return
		}
		values, problems := spec.VariableFile(src, name)
		out, diags = append(out, values...), append(diags, problems...)
	}
	brought := len(out)
	diags = append(diags, a.foreignVariables()...)
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
		file(shownPath(path, filepath.Separator), src, err)
	}
	for i, given := range flags.values {
		name, value, ok := strings.Cut(given, "=")
		name = strings.TrimSpace(name)
		unnamed := !hclsyntax.ValidIdentifier(name) || strings.Trim(value, "=") == "" && !a.stack.Declares(name)
		if !ok || unnamed { // a secret whose name was forgotten may hold =, or end in it
			diags = append(diags, a.namelessVariable(i, given, ok))
			continue
		}
		out = append(out, spec.VariableValue{Name: name, Source: value, Origin: "--var " + name})
	}
	out = append(out, flags.last...)
	if a.reviewed != nil {
		a.reviewed.withhold(out[brought:])
	}
	return out, diags
}

// namelessVariable is about a --var that is no name=value. It is not repeated unless it is the name of a variable: it may be
// a secret whose name was forgotten.
func (a *app) namelessVariable(i int, given string, assigns bool) spec.Diagnostic {
	d := spec.Diagnostic{Severity: spec.SeverityError, Summary: "--var without a name",
		Detail: fmt.Sprintf("The %s --var has no name of a variable before its =.", ordinal(i+1)), Remedy: "--var name=value"}
	switch name := strings.TrimSpace(given); {
	case assigns:
	case a.stack != nil && a.stack.Declares(name):
		d.Summary, d.Detail, d.Remedy = "--var without a value", fmt.Sprintf("--var %s has no = in it.", name), fmt.Sprintf("--var %s=...", name)
	default:
		d.Detail = fmt.Sprintf("The %s --var has no = in it.", ordinal(i+1))
	}
	return d
}

func ordinal(n int) string {
	switch n {
	case 1:
		return "first"
	case 2:
		return "second"
	case 3:
		return "third"
	}
	return fmt.Sprintf("%dth", n)
}

// unreadVariables is about a file of variables that cannot be read.
func (a *app) unreadVariables(name string, err error) spec.Diagnostic {
	d := spec.Diagnostic{Severity: spec.SeverityError, Summary: "Variables cannot be read", Detail: fmt.Sprintf("%s: %s", name, sentenceOf(withoutPath(err)))}
	switch inStack := filepath.Join(a.dir, name); {
	case name == "":
		d.Detail, d.Remedy = "A --var-file names no file.", "--var-file prod.vars.hcl"
	case !errors.Is(err, fs.ErrNotExist) || filepath.IsAbs(name):
	case isFile(inStack):
		d.Detail = fmt.Sprintf("There is no file %s in the current folder; the stack's folder has one. Paths on the command line start from the current folder.", name)
		d.Remedy = "--var-file " + shell.Word(filepath.ToSlash(inStack))
	default:
		d.Detail = fmt.Sprintf("There is no file %s. Paths on the command line start from the current folder.", name)
	}
	return d
}

func isFile(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular()
}

// shownPath is a path as messages show it: with forward slashes on every system, since a shell of either takes them.
func shownPath(path string, separator rune) string {
	return strings.ReplaceAll(path, string(separator), "/")
}

// askVariables asks for the values of variables that have none, each once, where there is somebody to ask. An empty answer
// gives none, which evaluation then says.
func (a *app) askVariables(ctx context.Context, stack *spec.Declarations, flags variableFlags, values []spec.VariableValue) ([]spec.VariableValue, error) {
	if a.reviewed != nil { // what an untrusted stack asks for might be any secret
		return values, nil
	}
	if !flags.input || a.json || !a.inTerminal || !a.errTerminal {
		return values, nil
	}
	style := render.Style{Color: a.errTerminal && !a.noColor}
	for i, v := range stack.Unset(values) {
		if i > 0 {
			fmt.Fprintln(a.errs)
		}
		note := ""
		if v.Sensitive {
			note = "; what you type is not shown"
		}
		fmt.Fprintf(a.errs, "%s has no value.\n", style.Bold("var."+render.Escape(v.Name)))
		if v.Description != "" {
			fmt.Fprintf(a.errs, "  %s\n", render.Escape(v.Description))
		}
		fmt.Fprintf(a.errs, "  (%s%s)\n%s = ", v.Type, note, render.Escape(v.Name))
		answer, err := a.readLine(ctx, v.Sensitive)
		if errors.Is(err, io.EOF) {
			fmt.Fprintln(a.errs)
			break
		}
		if err != nil {
			return values, err
		}
		if strings.TrimSpace(answer) != "" {
			values = append(values, spec.VariableValue{Name: v.Name, Source: answer, Origin: "What you typed"})
		}
	}
	return values, nil
}

// foreignVariables warns of values in the environment that only Terraform would read.
func (a *app) foreignVariables() spec.Diagnostics {
	var diags spec.Diagnostics
	for _, foreign := range slices.Sorted(maps.Keys(a.env)) {
		name, ok := strings.CutPrefix(foreign, "TF_VAR_")
		own := "VPSYNC_VAR_" + name
		if _, both := a.env[own]; !ok || both || a.stack == nil || !a.stack.Declares(name) {
			continue
		}
		diags = append(diags, spec.Diagnostic{Severity: spec.SeverityWarning, Summary: foreign + " is not read",
			Detail: fmt.Sprintf("The environment gives a variable of this stack to Terraform. vpsync reads %s.", own),
			Remedy: fmt.Sprintf("export %s=\"$%s\"", own, foreign)})
	}
	return diags
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
