package main

import (
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"github.com/vpsync/vpsync/internal/shell"
	"github.com/vpsync/vpsync/pkg/plan"
	"github.com/vpsync/vpsync/pkg/spec"
)

// carriedFlags say what a command is about. Those that a run was given belong to every command that it asks for: without them the
// command would act on another account, another state or another plan.
var (
	placeFlags   = []string{"chdir", "state", "sandbox"}
	carriedFlags = append(placeFlags, "var", "var-file", "adopt", "allow", "confirm-gone", "target", "exclude", "replace")
)

// command completes vpsync commands in a text to paste, a line each, by the flags of this run. Other lines, and flags that the
// command has already, stay as they are. Values of variables that may be secrets are not repeated.
func (a *app) command(text string) string { return a.commandWith(text, carriedFlags) }

// commandHere is command for those that know by themselves what they carry out, and only need to be told where.
func (a *app) commandHere(text string) string { return a.commandWith(text, placeFlags) }

func (a *app) commandWith(text string, which []string) string {
	if a.ran == nil || !strings.Contains(text, "vpsync ") {
		return text
	}
	lines := strings.Split(text, "\n")
	for i, line := range lines {
		rest, ok := strings.CutPrefix(line, "vpsync ")
		if !ok || hasWord(rest, "--help") {
			continue
		}
		called, path := a.called(strings.Fields(rest))
		if flags := a.carried(called, rest, which); called != nil && len(flags) > 0 {
			lines[i] = "vpsync " + path + " " + strings.Join(flags, " ") + strings.TrimPrefix(rest, path)
		}
	}
	return strings.Join(lines, "\n")
}

// called is the command that words name, and how much of them does.
func (a *app) called(words []string) (*cobra.Command, string) {
	at, n := a.ran.Root(), 0
	for _, w := range words {
		i := slices.IndexFunc(at.Commands(), func(c *cobra.Command) bool { return c.Name() == w })
		if i < 0 {
			break
		}
		at, n = at.Commands()[i], n+1
	}
	if n == 0 {
		return nil, ""
	}
	return at, strings.Join(words[:n], " ")
}

func (a *app) carried(called *cobra.Command, rest string, which []string) []string {
	if called == nil {
		return nil
	}
	var out []string
	a.ran.Flags().Visit(func(f *pflag.Flag) {
		known := called.Flags().Lookup(f.Name)
		if known == nil {
			known = called.InheritedFlags().Lookup(f.Name)
		}
		long, short := "--"+f.Name, "-"+f.Shorthand
		if !slices.Contains(which, f.Name) || known == nil || hasWord(rest, long) || f.Shorthand != "" && hasWord(rest, short) {
			return
		}
		values := []string{f.Value.String()}
		if list, ok := f.Value.(pflag.SliceValue); ok {
			values = list.GetSlice()
		}
		for _, v := range values {
			name, _, assigns := strings.Cut(v, "=")
			switch {
			case f.Value.Type() == "bool":
				out = append(out, long)
				continue
			case f.Name == "chdir":
				if a.reviewed != nil && a.reviewed.dir != "" {
					v = a.reviewed.dir // nobody is told to work in a stack that is not trusted
				}
				out = append(out, "-C "+shell.Word(v))
				continue
			case f.Name == "var" && assigns && a.secretVariable(strings.TrimSpace(name)):
				v = name + "=..."
			}
			out = append(out, long+" "+shell.Word(v))
		}
	})
	return out
}

// secretVariable: the stack calls the variable sensitive, or cannot be asked.
func (a *app) secretVariable(name string) bool { return a.stack == nil || a.stack.Secret(name) }

func hasWord(text, word string) bool {
	return slices.ContainsFunc(strings.Fields(text), func(w string) bool { return w == word || strings.HasPrefix(w, word+"=") })
}

// complete makes every remedy in a plan one of this run.
func (a *app) complete(p *plan.Plan) {
	for _, c := range p.Changes {
		c.Remedy = a.command(c.Remedy)
	}
	a.completeQuestions(p.Questions)
	a.completeDiagnostics(p.Warnings)
}

func (a *app) completeQuestions(all []plan.Question) {
	for i := range all {
		all[i].Remedy = a.command(all[i].Remedy)
	}
}

func (a *app) completeDiagnostics(all spec.Diagnostics) {
	for i := range all {
		all[i].Remedy = a.command(all[i].Remedy)
	}
}
