//go:build unix

package main

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// carriedOut is what a process of vpsync came to.
type carriedOut struct {
	code           int
	stdout, stderr string
	took           time.Duration
	peak           int64 // bytes of memory that it, or a child of its, held at most; 0 where the system does not tell
	// worked is the processor time of the process and its children, on Linux.
	worked time.Duration
}

func (e carriedOut) said() string { return e.stdout + e.stderr }

// inProcess runs vpsync as a process of its own, with this environment alone.
func inProcess(t *testing.T, dir string, env []string, args ...string) carriedOut {
	t.Helper()
	program, err := exec.LookPath("vpsync") // that of TestMain
	require.NoError(t, err)
	cmd := exec.CommandContext(t.Context(), program, args...)
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
	if usage, ok := cmd.ProcessState.SysUsage().(*syscall.Rusage); ok && runtime.GOOS == "linux" {
		e.worked = time.Duration(usage.Utime.Nano() + usage.Stime.Nano()) // of all of them
		e.peak = usage.Maxrss << 10                                       // of the largest of the process and those that it waited for (getrusage(2), wait4(2))
	}
	return e
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
