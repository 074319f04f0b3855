package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestManual: docs/cli.md is what the program says of itself.
func TestManual(t *testing.T) {
	code, s := vpsync(t, t.TempDir(), nil, "man", "--markdown")
	require.Equal(t, exitDone, code, s.String())
	page, err := os.ReadFile("../../docs/cli.md")
	require.NoError(t, err)
	require.Equal(t, string(page), s.stdout.String(), "run: make docs")
}

// TestManualIsWhole: each command says what it is, gives an example and its exit codes.
func TestManualIsWhole(t *testing.T) {
	s := testStreams()
	pages := manualOf((&app{streams: s.streams}).root())
	known := map[string]bool{}
	for _, p := range pages {
		name := strings.TrimPrefix(p.path, "vpsync ")
		known[name] = true
		require.NotEmpty(t, p.about, p.path)
		require.False(t, strings.HasSuffix(p.about, "."), p.path)
		if strings.HasPrefix(name, "completion") || len(p.beneath) > 0 { // the first is cobra's, and tells it in its text
			continue
		}
		require.NotEmpty(t, p.examples, p.path)
		for line := range strings.Lines(p.examples) {
			require.True(t, strings.HasPrefix(line, p.path), line)
		}
		require.NotEmpty(t, p.exits, p.path)
		for _, code := range p.exits {
			require.NotEmpty(t, meaningOf(code))
		}
	}
	for name := range commandExits {
		require.True(t, known[name], name)
	}
}

// TestManualPages: one for each command, without anything that roff would take for a request or that a terminal would obey.
func TestManualPages(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "man1")
	code, s := vpsync(t, t.TempDir(), nil, "man", dir)
	require.Equal(t, exitDone, code, s.String())
	names, err := filepath.Glob(filepath.Join(dir, "*.1"))
	require.NoError(t, err)
	require.Greater(t, len(names), 20)
	requests := map[string]bool{".TH": true, ".SH": true, ".PP": true, ".B": true, ".BR": true, ".RS": true, ".RE": true, ".nf": true, ".fi": true, ".TP": true}
	for _, name := range names {
		text, err := os.ReadFile(name)
		require.NoError(t, err)
		for line := range strings.Lines(string(text)) {
			if strings.HasPrefix(line, ".") {
				require.True(t, requests[strings.Fields(line)[0]], "%s: %s", name, line)
			}
			require.False(t, strings.HasPrefix(line, "'"), "%s: %s", name, line)
		}
	}
	text, err := os.ReadFile(filepath.Join(dir, "vpsync-state-rm.1"))
	require.NoError(t, err)
	require.Contains(t, string(text), `vpsync\-state\-rm \- Forget resources; their objects stay`)
	require.Contains(t, string(text), ".BR vpsync\\-state (1),\n.BR vpsync (1)\n")

	for _, args := range [][]string{{"man"}, {"man", dir, "--markdown"}} {
		code, s := vpsync(t, t.TempDir(), nil, args...)
		require.Equal(t, exitFailed, code)
		require.Contains(t, s.stderr.String(), "Man takes a folder")
	}
}
