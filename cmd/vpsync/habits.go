package main

import (
	"regexp"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"github.com/vpsync/vpsync/internal/shell"
	"github.com/vpsync/vpsync/pkg/spec"
)

// habit is what people type who come from Terraform, and what to type here. In a remedy {NAME} is the first argument that was given, or
// else NAME.
type habit struct{ why, remedy string }

// commandHabits are commands that do not exist here.
var commandHabits = map[string]habit{
	"console":   {"Expressions are worked out in plans: put one into an output block, and plan it.", "vpsync plan --sandbox"},
	"env":       {"A stack is one folder with one state. Another environment is another folder, or another state and other variables.", "vpsync plan --state staging.db --var-file staging.vars.hcl"},
	"get":       {"There are no modules to fetch, and nothing else to download.", "vpsync validate"},
	"login":     {"No token is stored. It comes from the environment of each run.", "export SERVOSPHERE_API_KEY=..."},
	"logout":    {"No token is stored. It comes from the environment of each run.", "unset SERVOSPHERE_API_KEY"},
	"metadata":  {"Blocks, kinds and functions stand in one document.", "vpsync schema --json"},
	"modules":   {"There are no modules: for_each repeats a block, and a folder is a stack.", "vpsync state list"},
	"refresh":   {"Every plan reads the account, and what it finds is recorded by the next apply. What somebody changed there is drift.", "vpsync drift"},
	"taint":     {"Nothing is marked in the state. What to replace is said where the plan is made.", "vpsync apply --replace {ADDRESS}"},
	"test":      {"A stack is tried on an emulated account, which costs nothing.", "vpsync apply --sandbox"},
	"untaint":   {"Nothing is marked in the state: without --replace nothing is replaced.", "vpsync plan"},
	"workspace": {"A stack is one folder with one state. Another environment is another folder, or another state and other variables.", "vpsync plan --state staging.db --var-file staging.vars.hcl"},

	"force-unlock": {"The command is unlock.", "vpsync unlock {ID}"},

	"providers lock":         {"Definitions of APIs are part of the program or of the stack: there is nothing to lock.", "vpsync version"},
	"providers mirror":       {"Definitions of APIs are part of the program or of the stack: there is nothing to download.", "vpsync providers list"},
	"providers schema":       {"Blocks, kinds and functions stand in one document.", "vpsync schema --json"},
	"state replace-provider": {"A resource belongs to the account that its block names. Under another one it is another object: forget it, and bind that one.", "vpsync state rm ADDRESS"},
}

// flagHabits are flags that do not exist here, by command or, with none, for all. Without a remedy of its own the flag is left away.
var flagHabits = map[string]habit{
	"plan --refresh-only":        {"Every plan reads the account. What somebody changed there is drift.", "vpsync drift"},
	"apply --refresh-only":       {"Every apply records what it reads. What somebody changed at the account is drift.", "vpsync drift"},
	"graph --type":               {"A graph is of the configuration, or of a plan.", "vpsync graph --plan"},
	"apply --refresh":            {"Nothing is carried out that was not looked at: what a plan rests on is read.", ""},
	"destroy --refresh":          {"Nothing is carried out that was not looked at: what a plan rests on is read.", ""},
	"apply --destroy":            {"That is a command of its own.", "vpsync destroy"},
	"plan --parallelism":         {"A plan reads whole pages, and few of them; only apply and destroy work in parallel.", ""},
	"plan --generate-config-out": {"vpsync writes no HCL. Write the block, bind the object to it, and the plan shows what differs.", "vpsync import ADDRESS ID"},
	"plan --lock":                {"A plan takes no lock.", ""},
	"plan --lock-timeout":        {"A plan takes no lock.", ""},
	"--backend":                  {"The state is a file in the stack's folder, or where the stack's state block says.", "vpsync validate"},
	"--backend-config":           {"The state is a file in the stack's folder, or where the stack's state block says.", "vpsync validate --state FILE"},
	"--compact-warnings":         {"Warnings are short already.", ""},
	"--force":                    {"Nothing is forced: where an answer is needed, the message names it.", ""},
	"--lock":                     {"What writes to the state holds its lock, always.", ""},
	"--lock-timeout":             {"apply and destroy alone wait for a lock: another command that finds it taken ends with exit code 4, and may be repeated.", ""},
	"--migrate-state":            {"A state moves to where the stack's state block says by a command of its own.", "vpsync state migrate"},
	"--reconfigure":              {"The state is a file in the stack's folder, or where the stack's state block says.", "vpsync validate"},
	"--upgrade":                  {"Definitions of APIs are part of the program: there is nothing to upgrade but vpsync.", "vpsync version"},
}

var placeholder = regexp.MustCompile(`\{[A-Z]+\}`)

// fill gives a remedy the argument that the habit was typed with.
func (h habit) fill(args []string) string {
	return placeholder.ReplaceAllStringFunc(h.remedy, func(name string) string {
		if len(args) > 0 {
			return shell.Word(args[0])
		}
		return strings.Trim(name, "{}")
	})
}

// twoDashes gives long flags their second dash, so that -auto-approve is --auto-approve: the only letters that are flags are -C and
// -h, so that nothing else can be meant. What is the value of a flag stays as it is, and so does everything after --.
func twoDashes(root *cobra.Command, args []string) []string {
	if len(args) > 0 && strings.HasPrefix(args[0], cobra.ShellCompRequestCmd) {
		return args // what is typed so far is no flag yet
	}
	takes := valueFlags(root)
	out := slices.Clone(args)
	for i := 0; i < len(out); i++ {
		arg := out[i]
		if arg == "--" {
			break
		}
		if len(arg) > 2 && arg[0] == '-' && arg[1] >= 'a' && arg[1] <= 'z' {
			arg = "-" + arg
			out[i] = arg
		}
		if takes[arg] {
			i++
		}
	}
	return out
}

// valueFlags are the flags of a whole tree of commands that take the next argument for their value.
func valueFlags(root *cobra.Command) map[string]bool {
	takes := map[string]bool{"-C": true}
	var walk func(c *cobra.Command)
	walk = func(c *cobra.Command) {
		note := func(f *pflag.Flag) {
			if f.NoOptDefVal == "" {
				takes["--"+f.Name] = true
			}
		}
		c.Flags().VisitAll(note)
		c.PersistentFlags().VisitAll(note)
		for _, sub := range c.Commands() {
			walk(sub)
		}
	}
	walk(root)
	return takes
}

// words are the arguments that are neither flags nor their values.
func (a *app) words(c *cobra.Command) []string {
	takes := valueFlags(c.Root())
	var out []string
	for i := 0; i < len(a.args); i++ {
		switch arg := a.args[i]; {
		case takes[arg]:
			i++
		case !strings.HasPrefix(arg, "-"):
			out = append(out, arg)
		}
	}
	return out
}

// unknownFlag says what to use in the place of a flag that a command does not have.
func (a *app) unknownFlag(c *cobra.Command, flag string) error {
	if c.HasSubCommands() {
		words := a.words(c)
		if at, path := a.called(words); at == nil || at == c {
			if rest := words[len(strings.Fields(path)):]; len(rest) > 0 {
				return noCommand(c, rest) // which is the greater mistake
			}
		}
	}
	// What follows is read all the same: a remedy repeats where the state is, and --json says how it is told.
	if i := slices.IndexFunc(a.args, func(arg string) bool { return arg == "--"+flag || strings.HasPrefix(arg, "--"+flag+"=") }); i >= 0 {
		c.FParseErrWhitelist.UnknownFlags = true
		_ = c.ParseFlags(a.args[i+1:])
	}
	path := strings.TrimPrefix(c.CommandPath(), c.Root().Name()+" ")
	h, ok := flagHabits[path+" --"+flag]
	if !ok {
		h, ok = flagHabits["--"+flag]
	}
	if ok {
		e := &usageError{detail: "There is no flag --" + flag + " in " + c.CommandPath() + ". " + h.why, remedy: h.fill(nil)}
		if e.remedy == "" {
			e.remedy = a.without(flag)
		}
		return e
	}
	var names []string
	note := func(f *pflag.Flag) { names = append(names, f.Name) }
	c.Flags().VisitAll(note)
	c.InheritedFlags().VisitAll(note)
	near := spec.Nearest(flag, names)
	if near == "" {
		return wrongUsage("There is no flag --%s in %s", flag, c.CommandPath())
	}
	return wrongUsage("There is no flag --%s in %s. Did you mean --%s?", flag, c.CommandPath(), near)
}

// without is this run's command line without one flag. Values of variables may be secrets, and are not repeated.
func (a *app) without(flag string) string {
	line := "vpsync"
	for i, arg := range a.args {
		name, value, assigned := strings.Cut(strings.TrimPrefix(arg, "--"), "=")
		switch {
		case strings.HasPrefix(arg, "--") && name == flag:
			continue
		case i > 0 && a.args[i-1] == "--var":
			arg, _, _ = strings.Cut(arg, "=")
			arg += "=..."
		case strings.HasPrefix(arg, "--") && assigned:
			if name == "var" {
				value, _, _ = strings.Cut(value, "=")
				value += "=..."
			}
			line += " --" + name + "=" + shell.Word(value)
			continue
		}
		line += " " + shell.Word(arg)
	}
	return line
}
