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
		{"b.auto.vars.hcl", func() {
			write(t, dir, map[string]string{"a.auto.vars.hcl": `x = "a"`, "b.auto.vars.hcl": `x = "b.auto.vars.hcl"`})
		}},
		{"environment", func() { env["VPSYNC_VAR_x"] = "environment" }},
		{"--var-file", func() {
			write(t, dir, map[string]string{"given.vars.hcl": `x = "--var-file"`})
			args = append(args, "--var-file", filepath.Join(dir, "given.vars.hcl"))
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
		_, listed := vpsync(t, dir, nil, "sandbox", "list")
		require.Equal(t, want == exitDone, strings.Contains(listed.stdout.String(), "net_"))
	}
	dir := t.TempDir()
	write(t, dir, map[string]string{"main.hcl": oneNetwork})
	code, s := vpsync(t, dir, nil, "apply", "--sandbox")
	require.Equal(t, exitFailed, code)
	require.Contains(t, s.stderr.String(), "--auto-approve")
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

// TestInterruptedWhileAsked: an interrupt while a secret is typed ends the run, and the terminal's own reader is told.
func TestInterruptedWhileAsked(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, map[string]string{"main.hcl": "variable \"token\" { sensitive = true }\n" + oneNetwork})
	s := testStreams()
	s.inTerminal, s.errTerminal = true, true
	signals := make(chan os.Signal, 1)
	told := false
	s.secret = func(ctx context.Context) (string, error) {
		signals <- os.Interrupt
		<-ctx.Done()
		told = true
		return "", ctx.Err()
	}
	code := run(context.Background(), []string{"-C", dir, "apply", "--sandbox"}, map[string]string{"HOME": dir}, s.streams, signals, hooks{})
	require.Equal(t, exitInterrupted, code, s.String())
	require.True(t, told)
	require.Contains(t, s.stderr.String(), "var.token")
	require.Contains(t, s.stderr.String(), "Nothing was changed")
	require.NoFileExists(t, filepath.Join(dir, ".vpsync", "sandbox", "state.db"))
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
		"Accepts 2 arg(s), received 1.":        {"import", "server.web"},
		"--refresh x: it is":                   {"plan", "--refresh=x"},
		"resolve takes exactly one of --id ID": {"resolve", "server.web"},
		"--log-level loud: it is":              {"version", "--log-level", "loud"},
		"an address is server.web":             {"state", "show", "web"},
	} {
		code, s := vpsync(t, t.TempDir(), nil, args...)
		require.Equal(t, exitFailed, code, "%v", args)
		require.Contains(t, strings.Join(strings.Fields(s.stderr.String()), " "), want)
	}
}
