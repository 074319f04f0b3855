package main

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/vpsync/vpsync/internal/matrix"
)

// TestFullDisk runs each command with the state on a small disk that has less and less room, and on one that is read-only. The account is
// kept elsewhere.
func TestFullDisk(t *testing.T) {
	const least = 95
	matrix.Need(t, matrix.Root, least)
	begun, cases := time.Now(), 0
	// The mount is seen by this thread alone, which ends with the test, and the mount with it.
	runtime.LockOSThread()
	require.NoError(t, syscall.Unshare(syscall.CLONE_NEWNS))
	require.NoError(t, syscall.Mount("", "/", "", syscall.MS_REC|syscall.MS_PRIVATE, ""))
	p, stories := diskStories(t)
	p.apart = true
	elsewhere := quickDir(t)
	disk := filepath.Dir(p.state)
	small := func(kib int) {
		require.NoError(t, os.Rename(filepath.Join(disk, "accounts"), filepath.Join(elsewhere, "accounts")))
		held := &place{t: t, dir: disk}
		was := held.snapshot()
		require.NoError(t, syscall.Mount("tmpfs", disk, "tmpfs", 0, "mode=0700,size=1m"))
		held.reset(was)
		// accounts lies on the disk outside, seen through a mount of its own.
		require.NoError(t, os.Mkdir(filepath.Join(disk, "accounts"), 0o700))
		require.NoError(t, syscall.Mount(filepath.Join(elsewhere, "accounts"), filepath.Join(disk, "accounts"), "", syscall.MS_BIND, ""))
		var stat syscall.Statfs_t
		require.NoError(t, syscall.Statfs(disk, &stat))
		free := int(stat.Bavail) * int(stat.Bsize)
		require.NoError(t, os.WriteFile(filepath.Join(disk, "ballast"), make([]byte, max(0, free-kib<<10)), 0o600))
	}
	away := func() {
		require.NoError(t, syscall.Unmount(filepath.Join(disk, "accounts"), syscall.MNT_DETACH))
		require.NoError(t, syscall.Unmount(disk, syscall.MNT_DETACH))
		require.NoError(t, os.RemoveAll(filepath.Join(elsewhere, "accounts")))
	}
	plan := diskStory{"plan --out", stories[1].begin, []string{"plan", "--out", filepath.Join(disk, "monday.vpsplan")}, stories[0].leaves}
	for _, story := range append(stories, plan) {
		failed := 0
		for _, kib := range []int{0, 4, 8, 16, 24, 32, 40, 48, 64, 80, 96, 128, 192, 256, 400} {
			when := fmt.Sprintf("%s with %d KiB", story.name, kib)
			p.reset(story.begin)
			require.NoError(t, os.MkdirAll(filepath.Join(disk, "accounts"), 0o700))
			small(kib)
			code := p.run(story.args...)
			if code != exitDone {
				failed++
				require.Contains(t, p.said(), "The disk is full", when)
				require.Regexp(t, `[Mm]ake room`, p.said(), when)
			}
			cases++
			require.NoError(t, os.Remove(filepath.Join(disk, "ballast")))
			p.afterFault(when, story, diskFull, code)
			away()
		}
		require.Positive(t, failed, "%s never met a full disk", story.name)
	}
	for _, story := range stories {
		cases++
		p.reset(story.begin)
		require.NoError(t, os.MkdirAll(filepath.Join(disk, "accounts"), 0o700))
		small(600)
		remount := uintptr(syscall.MS_REMOUNT | syscall.MS_RDONLY)
		require.NoError(t, syscall.Mount("", disk, "", remount, ""))
		code := p.run(story.args...)
		require.Equal(t, exitFailed, code, "%s\n%s", story.name, p.streams)
		require.Contains(t, p.said(), "cannot be written", story.name)
		require.NoError(t, syscall.Mount("", disk, "", syscall.MS_REMOUNT, ""))
		p.afterFault(story.name+" on a read-only disk", story, diskReadOnly, code)
		away()
	}
	matrix.Ran(t, "D1", cases, begun)
}
