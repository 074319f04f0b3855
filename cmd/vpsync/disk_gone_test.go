//go:build unix

package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/vpsync/vpsync/internal/matrix"
)

// TestStateGone takes the state, or its folder, away from a run at each of its points, and puts another in its place. From there on the run
// sends nothing; with the state put back, the next apply finishes.
func TestStateGone(t *testing.T) {
	begun, cases := time.Now(), 0
	p := newPlace(t, map[string]string{"main.hcl": quickBefore})
	p.must("apply", "--auto-approve")
	write(t, p.dir, map[string]string{"main.hcl": quickAfter + `
network "c" {
  name = "c"
  cidr = "10.2.0.0/24"
}
`})
	p.clearLog()
	good := p.snapshot()
	aside := filepath.Join(p.dir, "aside")
	folder := filepath.Join(p.dir, "folder")
	moves := map[string]struct{ away, back func() error }{
		"the file is moved": {func() error { return os.Rename(p.state, aside) }, func() error { return os.Rename(aside, p.state) }},
		"the file is replaced by a copy": {func() error {
			if err := os.Rename(p.state, aside); err != nil {
				return err
			}
			return os.WriteFile(p.state, good[filepath.Join(".vpsync", "sandbox", "state.db")].data, 0o600)
		}, func() error { return os.Rename(aside, p.state) }},
		"the folder is moved": {func() error {
			return moveState(filepath.Dir(p.state), folder)
		}, func() error { return moveState(folder, filepath.Dir(p.state)) }},
	}
	for name, move := range moves {
		for n := 1; ; n++ {
			passed, was := 0, ""
			h := hooks{boundary: func(point string) {
				if passed++; passed == n {
					require.NoError(t, move.away())
					was = fmt.Sprint(p.writes())
				}
			}}
			p.streams = testStreams()
			code := run(context.Background(), p.args("apply", "--auto-approve", "--parallelism", "1"), map[string]string{"HOME": p.dir, "NO_COLOR": "1"}, p.streams.streams, nil, h)
			when := fmt.Sprintf("%s at point %d", name, n)
			if passed < n {
				require.Greater(t, n, 8)
				require.Equal(t, exitDone, code, p.streams)
				p.reset(good)
				break
			}
			cases++
			require.Equalf(t, was, fmt.Sprint(p.writes()), "%s: it went on to send\n%s", when, p.streams)
			if code != exitDone { // at the last points all is done
				require.Containsf(t, []int{exitFailed, exitIncomplete}, code, "%s\n%s", when, p.streams)
				require.Containsf(t, p.said(), "The state is gone", "%s", when)
			}
			require.NoError(t, move.back())
			p.sound(when)
			p.converges(when)
			p.reset(good)
		}
	}
	matrix.Ran(t, "D2g", cases, begun)
}

// moveState moves what belongs to a state, and leaves the emulated account where it is.
func moveState(from, to string) error {
	if err := os.MkdirAll(to, 0o700); err != nil {
		return err
	}
	for _, name := range []string{"state.db", "state.db-wal", "state.db-shm", "state.lock", "backups"} {
		if _, err := os.Lstat(filepath.Join(from, name)); err == nil { // what a run made anew meanwhile is not the state's
			if err := os.RemoveAll(filepath.Join(to, name)); err != nil {
				return err
			}
		}
		if err := os.Rename(filepath.Join(from, name), filepath.Join(to, name)); err != nil && !os.IsNotExist(err) {
			return err
		}
	}
	return nil
}
