//go:build unix

package main

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

// holder is a vpsync in a process of its own, which stands still at a point of its run, with the lock in its hand.
type holder struct {
	cmd    *exec.Cmd
	stderr io.ReadCloser
	said   bytes.Buffer
}

// startHolder returns when the process has come to the first point of this name, and was stopped there.
func startHolder(t *testing.T, p *place, point string, args ...string) *holder {
	t.Helper()
	return startHolderIn(t, p, point, nil, args...)
}

// startHolderIn starts it with these attributes: in a namespace of its own, for example.
func startHolderIn(t *testing.T, p *place, point string, attributes *syscall.SysProcAttr, args ...string) *holder {
	t.Helper()
	h := &holder{cmd: p.child(point, args...)}
	h.cmd.SysProcAttr = attributes
	var err error
	h.stderr, err = h.cmd.StderrPipe()
	require.NoError(t, err)
	h.cmd.Stdout = nil
	require.NoError(t, h.cmd.Start())
	t.Cleanup(func() { _ = h.cmd.Process.Kill(); _ = h.cmd.Wait() })
	lines := bufio.NewScanner(h.stderr)
	for lines.Scan() && lines.Text() != "stands at "+point {
		h.said.WriteString(lines.Text() + "\n")
	}
	require.Equalf(t, "stands at "+point, lines.Text(), "%v ended instead:\n%s", args, &h.said)
	// The signal is on its way when kill returns; the process stands still once the kernel says so.
	require.NoError(t, h.cmd.Process.Signal(syscall.SIGSTOP))
	var status syscall.WaitStatus
	_, err = syscall.Wait4(h.cmd.Process.Pid, &status, syscall.WUNTRACED, nil)
	require.NoError(t, err)
	require.True(t, status.Stopped(), status)
	return h
}

// child is vpsync as a process of its own; with a point it stands there.
func (p *place) child(point string, args ...string) *exec.Cmd {
	p.t.Helper()
	program, err := exec.LookPath("vpsync") // testscript.Main has put this binary there
	require.NoError(p.t, err)
	cmd := exec.Command(program, p.args(args...)...)
	cmd.Env = append(os.Environ(), "HOME="+p.dir, "NO_COLOR=1", "VPSYNC_TEST_STOP_AT="+point, "GORACE=atexit_sleep_ms=0")
	return cmd
}

// runChild runs vpsync as a process of its own, to its end.
func (p *place) runChild(cmd *exec.Cmd) int {
	p.t.Helper()
	p.streams = testStreams()
	cmd.Stdout, cmd.Stderr = p.streams.stdout, p.streams.stderr
	return exitOf(p.t, cmd.Run())
}

// goOn lets it run to its end, and says how it ended.
func (h *holder) goOn(t *testing.T) int {
	t.Helper()
	require.NoError(t, h.cmd.Process.Signal(syscall.SIGCONT))
	rest, err := io.ReadAll(h.stderr)
	require.NoError(t, err)
	h.said.Write(rest)
	return exitOf(t, h.cmd.Wait())
}

func exitOf(t *testing.T, err error) int {
	t.Helper()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		require.Truef(t, exit.Exited(), "%s", exit)
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

// words are what it has said, its lines joined.
func (h *holder) words() string { return strings.Join(strings.Fields(h.said.String()), " ") }
