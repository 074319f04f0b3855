package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/vpsync/vpsync/pkg/plan/render"
	"github.com/vpsync/vpsync/pkg/state"
)

// vpsync runs the program in a folder, without a terminal.
func vpsync(t *testing.T, dir string, env map[string]string, args ...string) (int, captured) {
	t.Helper()
	s := testStreams()
	all := map[string]string{"HOME": dir}
	for name, value := range env {
		all[name] = value
	}
	return run(context.Background(), append([]string{"-C", dir}, args...), all, s.streams, nil, hooks{}), s
}

func write(t *testing.T, dir string, files map[string]string) {
	t.Helper()
	for name, text := range files {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600))
	}
}

func TestExitCodes(t *testing.T) {
	for code, err := range map[int]error{
		exitDone:        nil,
		exitFailed:      errors.New("anything"),
		exitLocked:      fmt.Errorf("while planning: %w", &state.LockedError{}),
		exitIncomplete:  fmt.Errorf("while applying: %w", state.ErrLockLost),
		exitChanges:     exitWith(exitChanges),
		exitNeedsAnswer: fmt.Errorf("wrapped: %w", exitWith(exitNeedsAnswer)),
	} {
		require.Equal(t, code, exitCodeOf(err), "%v", err)
	}
	help := exitCodeHelp()
	for _, e := range exitCodes {
		require.Contains(t, help, fmt.Sprintf("%3d  %s", e.code, e.meaning))
	}
}

func TestVariablePrecedence(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, map[string]string{"main.hcl": `
provider "servosphere" {}
variable "x" { default = "default" }
output "x" { value = var.x }
`})
	env, args := map[string]string{}, []string{"plan", "--sandbox", "--json"}
	require.Equal(t, "default", planned(t, dir, env, args))
	for _, step := range []struct {
		from string
		add  func()
	}{
		{"vpsync.vars.hcl", func() { write(t, dir, map[string]string{"vpsync.vars.hcl": `x = "vpsync.vars.hcl"`}) }},
		{"vpsync.vars.hcl.json", func() {
			write(t, dir, map[string]string{"vpsync.vars.hcl.json": `{"x": "vpsync.vars.hcl.json"}`})
		}},
		{"b.auto.vars.hcl", func() {
			write(t, dir, map[string]string{"a.auto.vars.hcl": `x = "a"`, "b.auto.vars.hcl": `x = "b.auto.vars.hcl"`})
		}},
		{"c.auto.vars.hcl.json", func() {
			write(t, dir, map[string]string{"c.auto.vars.hcl.json": `{"x": "c.auto.vars.hcl.json"}`})
		}},
		{"environment", func() { env["VPSYNC_VAR_x"] = "environment" }},
		{"--var-file", func() {
			write(t, dir, map[string]string{"given.vars.hcl": `x = "--var-file"`})
			args = append(args, "--var-file", filepath.Join(dir, "given.vars.hcl"))
		}},
		{"${json}", func() {
			write(t, dir, map[string]string{"given.json": `{"x": "${json}"}`})
			args = append(args, "--var-file", filepath.Join(dir, "given.json"))
		}},
		{"--var", func() { args = append(args, "--var", "x=--var") }},
	} {
		step.add()
		require.Equal(t, step.from, planned(t, dir, env, args))
	}
}

// planned is the planned value of the output x.
func planned(t *testing.T, dir string, env map[string]string, args []string) string {
	t.Helper()
	code, s := vpsync(t, dir, env, args...)
	require.Equal(t, exitDone, code, s.String())
	_, after, ok := strings.Cut(s.stdout.String(), `"after": "`)
	require.True(t, ok, s.stdout)
	value, _, _ := strings.Cut(after, `"`)
	return value
}

const oneNetwork = `
provider "servosphere" {}
network "n" {
  name = "n"
  cidr = "10.0.0.0/24"
}
`

// TestProvidersFit: what is shown of a provider is no wider than the terminal.
func TestProvidersFit(t *testing.T) {
	for _, width := range []int{60, 80} {
		for _, args := range [][]string{{"providers", "list"}, {"providers", "show", "servosphere"}} {
			s := testStreams()
			s.outTerminal, s.outWidth = true, func() int { return width }
			require.Equal(t, exitDone, run(context.Background(), append(args, "--no-color"), nil, s.streams, nil, hooks{}), s)
			for line := range strings.Lines(s.stdout.String()) {
				require.LessOrEqual(t, render.Width(strings.TrimSuffix(line, "\n")), width, line)
			}
		}
	}
}

// TestPrompt: only "yes" goes on, and without a terminal nothing is asked.
func TestPrompt(t *testing.T) {
	for answer, want := range map[string]int{"yes\n": exitDone, "y\n": exitFailed, "no\n": exitFailed, "": exitFailed} {
		dir := t.TempDir()
		write(t, dir, map[string]string{"main.hcl": oneNetwork})
		s := testStreams()
		s.in, s.inTerminal = strings.NewReader(answer), true
		code := run(context.Background(), []string{"-C", dir, "apply", "--sandbox"}, map[string]string{"HOME": dir}, s.streams, nil, hooks{})
		require.Equal(t, want, code, "%q: %s", answer, s)
		require.Contains(t, s.stderr.String(), `Only "yes" goes on`)
		require.Equal(t, want != exitDone, strings.Contains(s.stderr.String(), "\nError: Not confirmed\n\n  Nothing was changed.\n"), s)
		_, listed := vpsync(t, dir, nil, "sandbox", "list")
		require.Equal(t, want == exitDone, strings.Contains(listed.stdout.String(), "net_"))
	}
	dir := t.TempDir()
	write(t, dir, map[string]string{"main.hcl": oneNetwork})
	code, s := vpsync(t, dir, nil, "apply", "--sandbox")
	require.Equal(t, exitFailed, code)
	require.Contains(t, s.stderr.String(), "Error: There is no terminal to ask on")
	require.Contains(t, s.stderr.String(), "\n    vpsync apply -C "+dir+" --sandbox --auto-approve\n")
}

// TestInterruptedBeforeAnything: an interrupt while the prompt waits changes nothing and says so.
func TestInterruptedBeforeAnything(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, map[string]string{"main.hcl": oneNetwork})
	s := testStreams()
	asked, never := make(chan struct{}), make(chan struct{})
	defer close(never)
	s.in, s.inTerminal = silent{asked, never}, true
	signals := make(chan os.Signal, 1)
	go func() {
		<-asked
		signals <- os.Interrupt
	}()
	code := run(context.Background(), []string{"-C", dir, "apply", "--sandbox"}, map[string]string{"HOME": dir}, s.streams, signals, hooks{})
	require.Equal(t, exitInterrupted, code, s.String())
	require.Contains(t, s.stderr.String(), "Nothing was changed")
	_, listed := vpsync(t, dir, nil, "sandbox", "list")
	require.Empty(t, listed.stdout.String())
}

// silent is a terminal at which nobody types.
type silent struct {
	asked chan<- struct{}
	never <-chan struct{}
}

func (b silent) Read([]byte) (int, error) {
	close(b.asked)
	<-b.never
	return 0, os.ErrClosed
}

// TestWrongUsage: mistakes on the command line say what to type instead.
func TestWrongUsage(t *testing.T) {
	for want, args := range map[string][]string{
		`Did you mean "plan"?`:                 {"plna"},
		"Unknown flag: --foo.":                 {"apply", "--foo"},
		"ID is missing: the command is":        {"import", "server.web"},
		"--refresh x: it is":                   {"plan", "--refresh=x"},
		"resolve takes exactly one of --id ID": {"resolve", "server.web"},
		"--log-level loud: it is":              {"version", "--log-level", "loud"},
		"An address is server.web":             {"state", "show", "web"},
	} {
		code, s := vpsync(t, t.TempDir(), nil, args...)
		require.Equal(t, exitFailed, code, "%v", args)
		require.Contains(t, strings.Join(strings.Fields(s.stderr.String()), " "), want)
	}
}

// TestDamageIsASentence: what SQLite says ends in a number in parentheses, and another sentence follows.
func TestDamageIsASentence(t *testing.T) {
	d := (&app{}).describe(&state.DamagedError{Path: "/s/state.db", Problem: "database disk image is malformed (11)"})
	require.Equal(t, "/s/state.db: database disk image is malformed (11). Nothing was sent.", d.Detail)
	require.Equal(t, "Whole (as it is.)", sentenceOf("whole (as it is.)"))
}
