package main

import (
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/vpsync/vpsync/internal/matrix"
)

// TestContainers: two containers share the name of their host and a folder, and each has but one process, number 1. The second cannot see
// whether the first one lives; the kernel can.
func TestContainers(t *testing.T) {
	const cases = 21
	matrix.Need(t, matrix.Root, cases)
	begun, ran := time.Now(), 0
	container := func() *syscall.SysProcAttr { return &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWPID} }
	p, all := contested(t)
	good := p.snapshot()
	second := func(c command) int {
		cmd := p.child("", c.args...)
		cmd.SysProcAttr = container()
		return p.runChild(cmd)
	}
	for i, first := range all[:7] {
		h := startHolderIn(t, p, first.point, container(), first.args...)
		was := p.traces()
		other := all[(i+1)%7]
		require.Equal(t, exitLocked, second(other), "%s\n%s", other, p.streams)
		require.Contains(t, p.said(), "process 1,", "they are not told apart by number")
		require.Equal(t, was, p.traces())

		id := unlocks.FindStringSubmatch(p.said())
		require.NotNil(t, id, p.said())
		require.Equal(t, exitDone, second(command{args: []string{"unlock", id[1]}}), p.streams)
		was = p.traces()
		require.NotZero(t, h.goOn(t), h.words())
		require.Equal(t, was, p.traces(), "%s went on\n%s", first, h.words())
		p.reset(good)

		startHolderIn(t, p, first.point, container(), first.args...).kill(t)
		require.Equal(t, other.exit, second(other), "%s after %s\n%s", other, first, p.streams)
		p.reset(good)
		ran += 3
	}
	matrix.Ran(t, "E1r", ran, begun)
}
