package main

import (
	"errors"
	"fmt"
	"math"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"github.com/vpsync/vpsync/pkg/spec"
)

// usageError is a mistake on the command line. Where it has no remedy of its own, that is the help of the command that was called.
type usageError struct {
	detail, remedy string
	at             *cobra.Command // whose help is meant, where that is not the called command
}

// wrongUsage is an error about the command line itself.
func wrongUsage(format string, args ...any) error {
	return &usageError{detail: sentenceOf(fmt.Sprintf(format, args...))}
}

func (e *usageError) Error() string { return e.detail }

// strict makes each command of a tree refuse what its usage line does not offer. Left to themselves, groups take a
// mistyped command for an argument, show their help and succeed: a check in a pipeline would pass without a look.
func (a *app) strict(c *cobra.Command) {
	if !c.HasSubCommands() || len(strings.Fields(c.Use)) > 1 { // it takes words of its own, even where some are commands
		c.Args = a.arguments
		for _, sub := range c.Commands() {
			a.strict(sub)
		}
		return
	}
	c.Args = func(c *cobra.Command, args []string) error {
		a.ran = c
		if len(args) == 0 {
			return nil
		}
		return noCommand(c, args)
	}
	c.RunE = func(c *cobra.Command, _ []string) error { return c.Help() }
	for _, sub := range c.Commands() {
		a.strict(sub)
	}
}

// noCommand says that a group has no command of the first of these words, and which is meant or near.
func noCommand(group *cobra.Command, words []string) error {
	name := words[0]
	var names []string
	for _, c := range group.Commands() {
		names = append(names, c.Name())
	}
	detail := fmt.Sprintf("There is no command %q.", name)
	if group.HasParent() {
		detail = fmt.Sprintf("There is no command %q in %s.", name, group.CommandPath())
	}
	path := strings.TrimPrefix(group.CommandPath()+" "+name, group.Root().Name()+" ")
	if h, ok := commandHabits[path]; ok {
		return &usageError{detail: detail + " " + h.why, remedy: h.fill(words[1:])}
	}
	if near := spec.Nearest(name, names); near != "" {
		detail += fmt.Sprintf(" Did you mean %q?", near)
	}
	return &usageError{detail: detail, at: group}
}

// arguments holds what was given against the command's usage line, which names them: NAME is required, [NAME] is not, and
// an ellipsis repeats the last one.
func (a *app) arguments(c *cobra.Command, args []string) error {
	a.ran = c
	var missing []string
	words := strings.Fields(c.Use)[1:]
	most := len(words)
	for i, w := range words {
		name := strings.TrimSuffix(strings.TrimSuffix(w, "]"), "...")
		if strings.Contains(w, "...") {
			most = math.MaxInt
		}
		if i >= len(args) && !strings.HasPrefix(w, "[") {
			missing = append(missing, name)
		}
	}
	line := strings.Join(append([]string{c.CommandPath()}, words...), " ")
	switch {
	case len(missing) > 1:
		return wrongUsage("%s are missing: the command is %q", strings.Join(missing, " and "), line)
	case len(missing) == 1:
		return wrongUsage("%s is missing: the command is %q", missing[0], line)
	case len(args) > most:
		return wrongUsage("%q is an argument too many: the command is %q", args[most], line)
	}
	return nil
}

// flagError says what is wrong with a flag in words that are not those of the library that reads it.
func (a *app) flagError(c *cobra.Command, err error) error {
	a.ran = c
	var unknown *pflag.NotExistError
	if errors.As(err, &unknown) && unknown.GetSpecifiedShortnames() == "" {
		return a.unknownFlag(c, unknown.GetSpecifiedName())
	}
	var invalid *pflag.InvalidValueError
	if !errors.As(err, &invalid) {
		return wrongUsage("%s", err)
	}
	flag := invalid.GetFlag()
	wants := map[string]string{
		"int": "a whole number", "duration": "a duration such as 30s or 2m", "bool": "true or false",
	}[flag.Value.Type()]
	if wants == "" {
		return wrongUsage("%s", err)
	}
	return wrongUsage("--%s takes %s, which %q is not", flag.Name, wants, invalid.GetValue())
}

func (a *app) helpCommand() *cobra.Command {
	find := func(c *cobra.Command, names []string) (*cobra.Command, error) {
		at := c.Root()
	next:
		for _, name := range names {
			for _, sub := range at.Commands() {
				if sub.Name() == name {
					at = sub
					continue next
				}
			}
			return at, noCommand(at, []string{name})
		}
		return at, nil
	}
	return &cobra.Command{
		Use: "help [COMMAND...]", Short: "Show the help of a command", Example: "  vpsync help apply\n  vpsync help state verify",
		ValidArgsFunction: func(c *cobra.Command, args []string, typed string) ([]string, cobra.ShellCompDirective) {
			var names []string
			if at, err := find(c, args); err == nil {
				for _, sub := range at.Commands() {
					if strings.HasPrefix(sub.Name(), typed) {
						names = append(names, sub.Name())
					}
				}
			}
			return names, cobra.ShellCompDirectiveNoFileComp
		},
		RunE: func(c *cobra.Command, args []string) error {
			at, err := find(c, args)
			if err != nil {
				return err
			}
			at.InitDefaultHelpFlag()
			return at.Help()
		},
	}
}
