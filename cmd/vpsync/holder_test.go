//go:build unix

package main

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

// holder is a vpsync in a process of its own, which stands still at a point of its run, with the lock in its hand.
type holder struct {
	cmd            *exec.Cmd
	stdout, stderr bytes.Buffer
}

// startHolder returns when the process has stopped at the first point of this name.
func startHolder(t *testing.T, p *place, point string, args ...string) *holder {
	t.Helper()
	return startHolderIn(t, p, point, nil, args...)
}

// startHolderIn puts words before the command, such as unshare and its flags.
func startHolderIn(t *testing.T, p *place, point string, in []string, args ...string) *holder {
	t.Helper()
	program, err := exec.LookPath("vpsync") // testscript.Main has put this binary there
	require.NoError(t, err)
	words := append(append(in, program), p.args(args...)...)
	h := &holder{cmd: exec.Command(words[0], words[1:]...)}
	h.cmd.Env = append(os.Environ(), "HOME="+p.dir, "NO_COLOR=1", "VPSYNC_TEST_STOP_AT="+point, "GORACE=atexit_sleep_ms=0")
	h.cmd.Stdout, h.cmd.Stderr = &h.stdout, &h.stderr
	require.NoError(t, h.cmd.Start())
	t.Cleanup(func() { _ = h.cmd.Process.Kill(); _ = h.cmd.Wait() })
	var status syscall.WaitStatus
	_, err = syscall.Wait4(h.cmd.Process.Pid, &status, syscall.WUNTRACED, nil)
	require.NoError(t, err)
	require.Truef(t, status.Stopped(), "%v ended instead of stopping at %s: %v\n%s%s", args, point, status, &h.stdout, &h.stderr)
	return h
}

// goOn lets it run to its end, and says how it ended.
func (h *holder) goOn(t *testing.T) int {
	t.Helper()
	require.NoError(t, h.cmd.Process.Signal(syscall.SIGCONT))
	err := h.cmd.Wait()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return exit.ExitCode()
	}
	require.NoError(t, err)
	return 0
}

// kill ends it as nothing else does; the kernel frees its lock.
func (h *holder) kill(t *testing.T) {
	t.Helper()
	require.NoError(t, h.cmd.Process.Kill())
	_ = h.cmd.Wait()
}
