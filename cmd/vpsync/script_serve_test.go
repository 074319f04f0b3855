//go:build unix

package main

import (
	"bufio"
	"os/exec"
	"strings"

	"github.com/rogpeppe/go-internal/testscript"
)

// cmdServe starts `vpsync sandbox serve` for the rest of the script, and takes over the environment that it prints.
func cmdServe(ts *testscript.TestScript, _ bool, args []string) {
	program, err := lookPath(ts, "vpsync")
	ts.Check(err)
	cmd := exec.Command(program, append([]string{"sandbox", "serve", "--provisioning", "0s"}, args...)...)
	cmd.Dir = ts.MkAbs(".")
	cmd.Env = scriptEnviron(ts)
	out, err := cmd.StdoutPipe()
	ts.Check(err)
	ts.Check(cmd.Start())
	ts.Defer(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	lines := bufio.NewScanner(out)
	for {
		if !lines.Scan() {
			ts.Fatalf("vpsync sandbox serve printed no environment: %v", lines.Err())
		}
		if strings.HasPrefix(lines.Text(), "#") {
			return // that is all
		}
		name, value, ok := strings.Cut(strings.TrimPrefix(lines.Text(), "export "), "=")
		if !ok {
			ts.Fatalf("vpsync sandbox serve printed %q", lines.Text())
		}
		ts.Setenv(name, value)
	}
}
