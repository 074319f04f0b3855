//go:build unix

package git

import (
	"os/exec"
	"syscall"
)

// alone gives git a session of its own: an interrupt at the terminal is for vpsync to decide upon, nobody can be asked for a password,
// and what git has started ends with it.
func alone(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
}
