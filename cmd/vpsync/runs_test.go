//go:build unix

package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/vpsync/vpsync/internal/matrix"
	"github.com/zclconf/go-cty/cty"

	"github.com/vpsync/vpsync/pkg/spec"
	"github.com/vpsync/vpsync/pkg/state"
)

// command is one of those that read or write a state.
type command struct {
	args  []string
	point string // where it stands with the lock in its hand; empty for one that takes none
	more  []string
	exit  int // where nobody else is at work
}

func (c command) String() string { return strings.Join(c.args, " ") }

// contested is a place where each command has something to do: an object to change, one to make, one to import, a question to answer and
// a backup to put back.
func contested(t *testing.T) (*place, []command) {
	t.Helper()
	const before = `
provider "servosphere" {}
network "a" {
  name = "a"
  cidr = "10.0.0.0/24"
}
firewall_rule "b" {
  name       = "b"
  protocol   = "tcp"
  port_range = "80"
  source     = "0.0.0.0/0"
  action     = "allow"
}
`
	const question = `
alert_rule "cpu" {
  name      = "cpu"
  metric    = "cpu"
  threshold = 90
  condition = "greater_than"
}
`
	p := newPlace(t, map[string]string{"main.hcl": before})
	p.must("apply", "--auto-approve")
	write(t, p.dir, map[string]string{"main.hcl": before + question})
	killedAtPoint(t, p, "intent", "apply", "--auto-approve", "--parallelism", "1")
	s := p.account()
	c, err := s.Create("network", spec.Values{"name": cty.StringVal("c"), "cidr": cty.StringVal("10.2.0.0/24")})
	require.NoError(t, err)
	require.NoError(t, s.Close())
	write(t, p.dir, map[string]string{"main.hcl": before + question + `
network "c" {
  name = "c"
  cidr = "10.2.0.0/24"
}
network "d" {
  name = "d"
  cidr = "10.3.0.0/24"
}
`})
	p.clearLog()
	all := []command{
		{args: []string{"apply", "--auto-approve", "--adopt", "--parallelism", "1"}, point: "locked", more: []string{"begin", "opening", "intent", "answered", "recorded", "verify", "end"}},
		{args: []string{"destroy", "--auto-approve", "--parallelism", "1"}, point: "locked", more: []string{"begin", "opening", "intent", "answered", "recorded", "verify", "end"}},
		{args: []string{"import", "network.c", c.ID}, point: "locked"},
		{args: []string{"resolve", "alert_rule.cpu", "--retry"}, point: "locked"},
		{args: []string{"state", "mv", "network.a", "network.z"}, point: "locked"},
		{args: []string{"state", "rm", "firewall_rule.b"}, point: "locked"},
		{args: []string{"state", "restore", "latest", "--auto-approve"}, point: "staged", more: []string{"kept aside", "finished"}},
		{args: []string{"unlock", "0123456789abcdef"}},
		{args: []string{"plan"}},
		{args: []string{"drift"}},
		{args: []string{"state", "list"}},
		{args: []string{"state", "verify"}},
	}
	good := p.snapshot()
	for i := range all {
		all[i].exit = p.run(all[i].args...)
		require.Contains(t, []int{exitDone, exitFailed, exitChanges, exitIncomplete, exitNeedsAnswer}, all[i].exit, "%s\n%s", all[i], p.streams)
		p.reset(good)
	}
	return p, all
}

var unlocks = regexp.MustCompile(`vpsync unlock .*?\b([0-9a-f]{16})\b`)

// traces is what must not change while somebody else holds the lock: requests that write, and the state.
func (p *place) traces() string {
	p.t.Helper()
	st, err := p.recorded()
	require.NoError(p.t, err)
	text, err := json.Marshal(st)
	require.NoError(p.t, err)
	return strings.Join(p.writes(), "\n") + string(text)
}

// TestConcurrentRuns lets every command that takes the lock stand still with it, and every command come along.
func TestConcurrentRuns(t *testing.T) {
	begun, cases := time.Now(), 0
	p, all := contested(t)
	good := p.snapshot()
	for _, first := range all {
		if first.point == "" {
			continue
		}
		t.Run(strings.Join(first.args[:min(2, len(first.args))], " "), func(t *testing.T) {
			p.t = t
			// While it lives it is let alone, by whomever.
			h := startHolder(t, p, first.point, first.args...)
			was := p.traces()
			id := ""
			for _, second := range all {
				cases++
				code := p.run(second.args...)
				switch {
				case second.point != "":
					require.Equalf(t, exitLocked, code, "%s while %s runs\n%s", second, first, p.streams)
					require.Contains(t, p.said(), strings.Join(first.args[:1], " "))
					m := unlocks.FindStringSubmatch(p.said())
					require.NotNil(t, m, p.said())
					id = m[1]
				case second.args[0] == "unlock":
					require.Equal(t, exitFailed, code)
					require.Contains(t, p.said(), "vpsync unlock "+id)
				default:
					require.Equalf(t, second.exit, code, "%s while %s runs\n%s", second, first, p.streams)
				}
				require.Equalf(t, was, p.traces(), "%s changed something while %s ran", second, first)
			}
			h.kill(t)
			p.reset(good)

			// Dead, it is in nobody's way.
			for _, second := range all {
				cases++
				startHolder(t, p, first.point, first.args...).kill(t)
				require.Equalf(t, second.exit, p.run(second.args...), "%s after %s died\n%s", second, first, p.streams)
				p.reset(good)
			}
		})
	}
	p.t = t
	for _, first := range all {
		if first.point == "" {
			continue
		}
		// Stopped, its lock broken, and awake again it sends and writes nothing, whatever has happened meanwhile.
		betweens := []string{"nothing", "apply --auto-approve --adopt", "state rm firewall_rule.b"}
		for i, point := range append([]string{first.point}, first.more...) {
			for j, between := range betweens {
				if i > 0 && j != i%len(betweens) { // each of them at the first point, then in turn
					continue
				}
				cases++
				when := first.String() + " stopped at " + point + ", then " + between
				h := startHolder(t, p, point, first.args...)
				require.Equal(t, exitLocked, p.run("state", "rm", "network.a"), when)
				id := unlocks.FindStringSubmatch(p.said())
				require.NotNil(t, id, p.said())
				require.Equalf(t, exitDone, p.run("unlock", id[1]), "%s\n%s", when, p.streams)
				if between != "nothing" {
					code := p.run(strings.Fields(between)...)
					require.NotEqualf(t, exitLocked, code, "%s\n%s", when, p.streams)
				}
				was := p.traces()
				code := h.goOn(t)
				require.NotZerof(t, code, "%s: it takes itself for done\n%s", when, h.words())
				require.Equalf(t, was, p.traces(), "%s: it went on\n%s", when, h.words())
				p.reset(good)
			}
		}
	}
	cases += forgedOwners(t, p, good)
	matrix.Ran(t, "E1", cases, begun)
}

// forgedOwners: who is said to hold the lock decides nothing; whether it is held does. Two containers may share the name of their host
// and have processes of the same number.
func forgedOwners(t *testing.T, p *place, good map[string]file) (cases int) {
	t.Helper()
	path := filepath.Join(filepath.Dir(p.state), "state.lock")
	forge := func(pid int, host string) {
		data, err := os.ReadFile(path)
		require.NoError(t, err)
		var n map[string]any
		require.NoError(t, json.Unmarshal(data[1:], &n))
		n["owner"] = state.Owner{ID: "feedfeedfeedfeed", Run: "r", Command: "apply", User: "root", Host: host, PID: pid, Since: "2026-01-01T00:00:00Z"}
		text, err := json.Marshal(n)
		require.NoError(t, err)
		f, err := os.OpenFile(path, os.O_WRONLY, 0) // in place: another file would be another lock
		require.NoError(t, err)
		_, err = f.WriteAt([]byte(" "+string(text)+strings.Repeat(" ", 4094-len(text))+"\n"), 0)
		require.NoError(t, err)
		require.NoError(t, f.Close())
	}
	dead := startHolder(t, p, "locked", "state", "rm", "network.a")
	dead.kill(t)
	p.reset(good)
	for _, host := range []string{hostname(), "elsewhere"} {
		for _, pid := range []int{os.Getpid(), 1, dead.cmd.Process.Pid} {
			cases += 2
			// Nobody holds it: an owner who lives somewhere is none.
			forge(pid, host)
			require.Equal(t, exitDone, p.run("state", "rm", "network.a"), p.streams)
			p.reset(good)
			// Somebody holds it: an owner who is dead here may live elsewhere.
			h := startHolder(t, p, "locked", "state", "rm", "network.a")
			forge(pid, host)
			require.Equal(t, exitLocked, p.run("state", "rm", "firewall_rule.b"), p.streams)
			h.kill(t)
			p.reset(good)
		}
	}
	return cases
}

// TestStoppedInPlace: a restore that is about to rename is not pushed aside, since it could not be held back any more. Its lock cannot be
// broken, which is said with what can be done.
func TestStoppedInPlace(t *testing.T) {
	t.Parallel() // SQLite waits for five seconds
	p, all := contested(t)
	good := p.snapshot()
	restore := all[slices.IndexFunc(all, func(c command) bool { return c.point == "staged" })]
	h := startHolder(t, p, "left", restore.args...)
	require.Equal(t, exitDone, p.run("state", "list"), p.streams)
	require.Equal(t, exitFailed, p.run("unlock", "0123456789abcdef"), p.streams)
	require.Contains(t, p.said(), fmt.Sprintf("kill -9 %d", h.cmd.Process.Pid))
	require.Zero(t, h.goOn(t), h.words())
	p.sound("the restore went on")
	p.reset(good)

	startHolder(t, p, "left", restore.args...).kill(t)
	require.Equal(t, exitDone, p.run("state", "rm", "network.a"), p.streams)
}
