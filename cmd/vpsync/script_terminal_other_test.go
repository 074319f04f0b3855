//go:build unix && !linux

package main

import "github.com/rogpeppe/go-internal/testscript"

// cmdTerminal needs the pseudo-terminals of Linux: scripts that use it are for [linux] alone.
func cmdTerminal(ts *testscript.TestScript, _ bool, _ []string) {
	ts.Fatalf("terminal works on Linux alone")
}
