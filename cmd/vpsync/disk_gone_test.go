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
	for _, r := range p.removals() {
		for n := 1; ; n++ {
			passed, was, back := 0, "", func() {}
			h := hooks{boundary: func(point string) {
				if passed++; passed == n {
					back = r.away()
					was = fmt.Sprint(p.writes())
				}
			}}
			p.streams = testStreams()
			code := run(context.Background(), p.args("apply", "--auto-approve", "--parallelism", "1"), map[string]string{"HOME": p.dir, "NO_COLOR": "1"}, p.streams.streams, nil, h)
			when := fmt.Sprintf("%s at point %d", r.name, n)
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
			back()
			p.sound(when)
			p.converges(when)
			p.reset(good)
		}
	}
	matrix.Ran(t, "D2g", cases, begun)
}

// removal takes a state away from under a run.
type removal struct {
	name string
	away func() (back func())
}

// removals are the ways in which a state may go. Before it has its name, what there is of it goes with its folder.
func (p *place) removals() []removal {
	aside := filepath.Join(p.dir, "aside")
	folder := func() func() {
		p.moveState(filepath.Dir(p.state), aside)
		return func() { p.moveState(aside, filepath.Dir(p.state)) }
	}
	file := func() func() {
		if !exists(p.state) {
			return folder()
		}
		require.NoError(p.t, os.Rename(p.state, aside))
		return func() { require.NoError(p.t, os.Rename(aside, p.state)) }
	}
	return []removal{
		{"the file is moved", file},
		{"the file is replaced by a copy", func() func() {
			back := file()
			if data, err := os.ReadFile(aside); err == nil { // and no folder
				require.NoError(p.t, os.WriteFile(p.state, data, 0o600))
			}
			return back
		}},
		{"the folder is moved", folder},
	}
}

// moveState moves what belongs to a state, and leaves the emulated account where it is. What a run made anew meanwhile is not the state's.
func (p *place) moveState(from, to string) {
	require.NoError(p.t, os.MkdirAll(to, 0o700))
	for _, dir := range []string{to, from} {
		entries, err := os.ReadDir(dir)
		require.NoError(p.t, err)
		for _, e := range entries {
			switch path := filepath.Join(dir, e.Name()); {
			case e.Name() == "accounts":
			case dir == to:
				require.NoError(p.t, os.RemoveAll(path))
			default:
				require.NoError(p.t, os.Rename(path, filepath.Join(to, e.Name())))
			}
		}
	}
}
