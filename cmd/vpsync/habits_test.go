package main

import (
	"io"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"github.com/stretchr/testify/require"
)

// TestHabits: what is said in the place of a habit exists, and the habit does not.
func TestHabits(t *testing.T) {
	tree := func() *cobra.Command {
		s := testStreams()
		root := (&app{streams: s.streams}).root()
		root.SetOut(io.Discard)
		return root
	}
	find := func(words string) (*cobra.Command, []string) {
		at, rest, err := tree().Find(strings.Fields(words))
		if err != nil {
			at = tree()
		}
		return at, rest
	}
	remedy := func(h habit) {
		require.NotEmpty(t, h.why)
		words, ours := strings.CutPrefix(h.fill(nil), "vpsync ")
		if !ours {
			return
		}
		c, rest := find(words)
		require.True(t, c.HasParent(), words)
		require.NoError(t, c.ParseFlags(rest), words)
		require.NoError(t, c.ValidateArgs(c.Flags().Args()), words)
	}
	for path, h := range commandHabits {
		remedy(h)
		c, _ := find(path)
		require.NotEqual(t, "vpsync "+path, c.CommandPath())
	}
	for name, h := range flagHabits {
		path, flag, _ := strings.Cut(name, "--")
		c, rest := find(path)
		require.Empty(t, rest, name)
		require.Nil(t, c.Flags().Lookup(flag), name)
		require.Nil(t, c.InheritedFlags().Lookup(flag), name)
		if h.remedy != "" {
			remedy(h)
		}
	}
}

// TestTwoDashes: a flag takes a value in all commands or in none, so that its value is found wherever it stands.
func TestTwoDashes(t *testing.T) {
	s := testStreams()
	root := (&app{streams: s.streams}).root()
	takes := valueFlags(root)
	var walk func(c *cobra.Command)
	walk = func(c *cobra.Command) {
		c.Flags().VisitAll(func(f *pflag.Flag) {
			require.Equal(t, takes["--"+f.Name], f.NoOptDefVal == "", "%s --%s", c.CommandPath(), f.Name)
			if f.Shorthand != "" {
				require.Contains(t, []string{"C", "h"}, f.Shorthand)
			}
		})
		for _, sub := range c.Commands() {
			walk(sub)
		}
	}
	walk(root)
	for given, want := range map[string]string{
		"plan -target=x -json":            "plan --target=x --json",
		"-chdir -state plan -sandbox":     "--chdir -state plan --sandbox",
		"-C -sandbox plan":                "-C -sandbox plan",
		"-Cdir plan -h":                   "-Cdir plan -h",
		"apply --allow -1 -auto-approve":  "apply --allow -1 --auto-approve",
		"fmt - -check -- -diff":           "fmt - --check -- -diff",
		"plan --var -x -var y=1":          "plan --var -x --var y=1",
		"sandbox set server a name=-json": "sandbox set server a name=-json",
		"__complete plan -ta":             "__complete plan -ta",
	} {
		require.Equal(t, want, strings.Join(twoDashes(root, strings.Fields(given)), " "))
	}
}
