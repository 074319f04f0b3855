//go:build unix

package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/vpsync/vpsync/pkg/spec/confined"
)

// carriedOut is what a process of vpsync came to.
type carriedOut struct {
	code           int
	stdout, stderr string
	took           time.Duration
	peak           int64         // bytes of memory that it, or a child of its, held at most; 0 elsewhere than on Linux
	worked         time.Duration // processor time of the process and its children
}

// refusedInTime: it gave up an untrusted stack within the two seconds that it had, and what it takes to start two processes and to
// print. On the clock it may be more: the machine may be busy.
func (e carriedOut) refusedInTime(t *testing.T) {
	t.Helper()
	require.Equal(t, exitFailed, e.code, e.said())
	require.NotContains(t, e.stderr, "broke off", "a child that fell over is no refusal")
	require.Positive(t, e.worked)
	require.Less(t, e.worked, confined.DefaultLimits.Time+1500*time.Millisecond)
}

func (e carriedOut) said() string { return e.stdout + e.stderr }

// inProcess runs vpsync as a process of its own, with this environment alone.
func inProcess(t *testing.T, dir string, env []string, args ...string) carriedOut {
	t.Helper()
	program, err := exec.LookPath("measured") // of TestMain, and so is vpsync
	require.NoError(t, err)
	usage := filepath.Join(t.TempDir(), "usage")
	cmd := exec.CommandContext(t.Context(), program, append([]string{usage, filepath.Join(filepath.Dir(program), "vpsync")}, args...)...)
	var out, errs bytes.Buffer
	cmd.Dir, cmd.Env, cmd.Stdout, cmd.Stderr = dir, append([]string{"HOME=" + dir, "GORACE=atexit_sleep_ms=0"}, env...), &out, &errs
	begun := time.Now()
	err = cmd.Run()
	e := carriedOut{took: time.Since(begun), stdout: out.String(), stderr: errs.String()}
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		require.NoError(t, err)
	}
	e.code = cmd.ProcessState.ExitCode()
	text, err := os.ReadFile(usage)
	require.NoError(t, err)
	_, err = fmt.Sscan(string(text), &e.peak, &e.worked)
	require.NoError(t, err)
	return e
}

// measured runs a program with arguments and writes down what it took, with its children: memory in bytes, processor time in nanoseconds.
// A process of its own does that, since a process begins with the memory of the one that it was forked from, and a test is large.
func measured() {
	cmd := exec.Command(os.Args[2], os.Args[3:]...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	err := cmd.Run()
	var peak int64
	if used, ok := cmd.ProcessState.SysUsage().(*syscall.Rusage); ok && runtime.GOOS == "linux" {
		peak = used.Maxrss << 10 // of the largest (getrusage(2))
	}
	text := fmt.Sprint(peak, " ", (cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()).Nanoseconds()) // of all (wait4(2))
	if err := os.WriteFile(os.Args[1], []byte(text), 0o600); err != nil {
		panic(err)
	}
	if code := cmd.ProcessState.ExitCode(); code >= 0 {
		os.Exit(code)
	}
	panic(err)
}

// plant writes files into a new folder; a name may have folders.
func plant(t *testing.T, files tree) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		plantIn(t, dir, name, text)
	}
	return dir
}

func plantIn(t *testing.T, dir, name, text string) {
	t.Helper()
	require.NoError(t, os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o700))
	require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600))
}
