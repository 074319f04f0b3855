//go:build unix

package main

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/vpsync/vpsync/internal/matrix"
)

// faults are the ways in which a disk fails; half and done leave a trace of what failed.
var faults = []fault{
	{name: "full", full: true},
	{name: "broken", half: true},
	{name: "full half-way", full: true, half: true},
	{name: "broken afterwards", done: true},
}

// Stacks of what an emulated account has ready at once.
const (
	quickBefore = `
provider "servosphere" {}
network "a" {
  name = "a"
  cidr = "10.0.0.0/24"
}
firewall_rule "http" {
  name       = "http"
  protocol   = "tcp"
  port_range = "80"
  source     = "0.0.0.0/0"
  action     = "allow"
}
`
	quickAfter = quickBefore + `
network "b" {
  name = "b"
  cidr = "10.1.0.0/24"
}
`
)

// diskStory is a command and where it begins.
type diskStory struct {
	name  string
	begin map[string]file
	args  []string
}

// diskStories are the commands that write: a first apply, which makes the state, one that changes it, and those that edit it.
func diskStories(t *testing.T) (*place, []diskStory) {
	t.Helper()
	p := newPlace(t, map[string]string{"main.hcl": quickBefore})
	first := p.snapshot()
	p.must("apply", "--auto-approve")
	p.must("state", "mv", "network.a", "network.z")
	p.must("state", "mv", "network.z", "network.a")
	recorded := p.snapshot()
	write(t, p.dir, map[string]string{"main.hcl": quickAfter})
	later := p.snapshot()
	return p, []diskStory{
		{"a first apply", first, []string{"apply", "--auto-approve"}},
		{"an apply", later, []string{"apply", "--auto-approve", "--parallelism", "1"}},
		{"destroy", recorded, []string{"destroy", "--auto-approve"}},
		{"state rm", recorded, []string{"state", "rm", "firewall_rule.http"}},
		{"state restore", recorded, []string{"state", "restore", "latest", "--auto-approve"}},
	}
}

// TestFailingDisk fails each thing that SQLite does to a file, one after the other: once, and from then on. The command says so or is not
// hurt, the state is whole and holds what was or what should be, and what was begun is finished by the next apply.
func TestFailingDisk(t *testing.T) {
	installFaultyDisk(t)
	begun, cases := time.Now(), 0
	p, stories := diskStories(t)
	most := 44 // of a command's operations that are tried; those that are left out differ between once and lasting
	if testing.Short() {
		most = 8
	}
	for _, story := range stories {
		p.reset(story.begin)
		theDisk.arm(1<<30, false, fault{}) // a run that no fault strikes counts
		require.Equal(t, exitDone, p.run(story.args...), p.streams)
		theDisk.heal()
		last := theDisk.passed
		require.Greater(t, last, 10, story.name)
		stride := 1 + last/most
		for i, n := 0, 1; n <= last; i, n = i+1, n+stride {
			how, lasting := faults[i/2%len(faults)], i%2 == 1
			when := fmt.Sprintf("%s, operation %d of %d (%s, lasting %v)", story.name, n, last, how.name, lasting)
			p.reset(story.begin)
			theDisk.arm(n, lasting, how)
			code := p.run(story.args...)
			what := theDisk.heal()
			require.NotEmpty(t, what, when)
			cases++
			p.afterFault(when+": "+what, story, code)
		}
		t.Logf("%s: %d operations, %d cases so far, %s", story.name, last, cases, time.Since(begun))
	}
	for _, story := range stories { // a disk that takes its time is no fault
		p.reset(story.begin)
		theDisk.arm(1, true, fault{name: "slow", slow: 15 * time.Millisecond})
		require.Equal(t, exitDone, p.run(story.args...), p.streams)
		require.NotEmpty(t, theDisk.heal())
		p.afterFault(story.name+" on a slow disk", story, exitDone)
		cases++
	}
	matrix.Ran(t, "D2", cases, begun)
}

// afterFault judges what a fault of the disk has left. A command that ends well has done its work.
func (p *place) afterFault(when string, story diskStory, code int) {
	p.t.Helper()
	said := p.said()
	require.Containsf(p.t, []int{exitDone, exitFailed, exitIncomplete}, code, "%s\n%s", when, said)
	if code != exitDone {
		require.Regexpf(p.t, `disk|cannot be|could not|input/output error`, said, "%s", when)
	}
	if !exists(p.state) { // the first apply could not even make it
		require.NotEqual(p.t, exitDone, code, when)
		require.Empty(p.t, p.writes(), when)
	} else {
		p.sound(when)
		if story.args[0] == "apply" && code == exitDone {
			p.nothingLostOrTwice(when)
		}
	}
	for _, pattern := range []string{".new-*", ".restore-*"} {
		left, err := filepath.Glob(filepath.Join(filepath.Dir(p.state), pattern))
		require.NoError(p.t, err)
		if !strings.Contains(when, "unlink") { // what cannot be removed stays
			require.Empty(p.t, left, when)
		}
	}
	if story.args[0] != "apply" {
		before := p.sound(when)
		if story.name == "state rm" && len(before.Resources) == 1 {
			return // it is done
		}
		require.Equalf(p.t, exitDone, p.run(story.args...), "%s: again\n%s\nafter:\n%s", when, p.streams, said)
		p.sound(when)
		return
	}
	code = p.run("apply", "--auto-approve")
	require.Equalf(p.t, exitDone, code, "%s: the next apply ended with %d\n%s\nafter:\n%s", when, code, p.streams, said)
	p.nothingLostOrTwice(when)
	code = p.run("plan", "--detailed-exitcode")
	require.Equalf(p.t, exitDone, code, "%s: the second plan is not empty\n%s", when, p.streams)
}
