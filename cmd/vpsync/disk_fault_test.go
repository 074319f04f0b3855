//go:build unix

package main

import (
	"flag"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/vpsync/vpsync/internal/matrix"
)

// everyOperation: TestFailingDisk strikes each operation with each fault, as `make damage` does; else a part.
var everyOperation = flag.Bool("every", false, "strike every operation on a state's files with every fault of a disk")

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
	name   string
	begin  map[string]file
	args   []string
	leaves []string // objects in the account, once it is done
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
	had := []string{"firewall_rule http", "network a"}
	return p, []diskStory{
		{"a first apply", first, []string{"apply", "--auto-approve"}, had},
		{"an apply", later, []string{"apply", "--auto-approve"}, []string{"firewall_rule http", "network a", "network b"}},
		{"destroy", recorded, []string{"destroy", "--auto-approve"}, []string{"network a"}}, // which cannot be deleted
		{"state rm", recorded, []string{"state", "rm", "firewall_rule.http"}, had},
		{"state restore", recorded, []string{"state", "restore", "latest", "--auto-approve"}, had},
	}
}

// strike is a fault that begins at an operation: once, or from then on.
type strike struct {
	at      int
	how     fault
	lasting bool
}

// someStrikes are strikes at most operations of a command, spread evenly; the faults take turns, and so do once and lasting.
func someStrikes(all []fault, last, most int) (out []strike) {
	stride := 1 + last/most
	for i, n := 0, 1; n <= last; i, n = i+1, n+stride {
		out = append(out, strike{n, all[i/2%len(all)], i%2 == 1})
	}
	return out
}

// everyStrike is at each operation with each cause. What a cause may do takes turns, and so do once and lasting.
func everyStrike(all []fault, last int) (out []strike) {
	of := map[cause][]fault{}
	for _, f := range all {
		of[f.cause] = append(of[f.cause], f)
	}
	for n := 1; n <= last; n++ {
		for i, why := range causes {
			out = append(out, strike{n, of[why][n/2%len(of[why])], (n+i)%2 == 1})
		}
	}
	return out
}

// TestFailingDisk fails each thing that SQLite does to a file, one after the other: once, and from then on; or takes the state away before
// it. The command says so or is not hurt, the state is whole and holds what was or what should be, and what was begun is finished by the
// next apply.
func TestFailingDisk(t *testing.T) {
	installFaultyDisk(t)
	begun, cases := time.Now(), 0
	p, stories := diskStories(t)
	sent, back := "", func() {}
	faults := []fault{
		{name: "full", cause: diskFull},
		{name: "broken", cause: diskBroken, half: true},
		{name: "full half-way", cause: diskFull, half: true},
		{name: "read-only", cause: diskReadOnly},
		{name: "broken afterwards", cause: diskBroken, done: true},
	}
	for _, r := range p.removals() {
		faults = append(faults, fault{name: r.name, cause: diskGone, gone: func() {
			back = r.away()
			sent = fmt.Sprint(p.writes())
		}})
	}
	slowly := fault{name: "slow", cause: diskSlow, slow: 15 * time.Millisecond}
	if *everyOperation {
		faults = append(faults, fault{name: "slow", cause: diskSlow, slow: time.Millisecond}) // for as many as 160 operations, 440 times
	}
	most := 44 // of a command's operations that are tried; those that are left out differ between once and lasting
	if testing.Short() {
		most = 8
	}
	for i, story := range stories {
		if story.args[0] == "apply" || story.args[0] == "destroy" { // one at a time, so that each run does the same in the same order
			story.args = append(story.args, "--parallelism", "1")
			stories[i] = story
		}
		p.reset(story.begin)
		theDisk.arm(1<<30, false, fault{}) // a run that no fault strikes counts
		require.Equal(t, exitDone, p.run(story.args...), p.streams)
		theDisk.heal()
		last := theDisk.passed
		require.Greater(t, last, 10, story.name)
		strikes := someStrikes(faults, last, most)
		if *everyOperation {
			strikes = everyStrike(faults, last)
		}
		for _, s := range strikes {
			when := fmt.Sprintf("%s, operation %d of %d (%s, lasting %v)", story.name, s.at, last, s.how.name, s.lasting)
			p.reset(story.begin)
			theDisk.arm(s.at, s.lasting, s.how)
			code := p.run(story.args...)
			what := theDisk.heal()
			require.NotEmpty(t, what, when)
			cases++
			if s.how.cause == diskGone {
				require.Equalf(t, sent, fmt.Sprint(p.writes()), "%s: it went on to send\n%s", when, p.streams)
				if story.name != "state restore" || code != exitDone || !exists(p.state) { // else another is in its place, as it should be
					back()
				}
			}
			p.afterFault(when+": "+what, story, s.how.cause, code)
		}
		t.Logf("%s: %d operations, %d cases so far, %s", story.name, last, cases, time.Since(begun))
	}
	for _, story := range stories { // a disk that takes its time is no fault
		p.reset(story.begin)
		theDisk.arm(1, true, slowly)
		require.Equal(t, exitDone, p.run(story.args...), p.streams)
		require.NotEmpty(t, theDisk.heal())
		p.afterFault(story.name+" on a slow disk", story, diskSlow, exitDone)
		cases++
	}
	count := matrix.Ran
	if *everyOperation {
		count = matrix.RanWhole
	}
	count(t, "D2", cases, begun)
}

// plain is what an error says of a cause and of what to do about it. It may name several causes, where SQLite does not tell them apart. A
// key that cannot be made may be kept elsewhere.
var plain = map[cause]struct{ cause, remedy string }{
	diskFull: {`[Tt]he disk is full|no space left|the disk has no room|the disk fails, is full|must be writable and have room`,
		`make room on (it|the disk)|df -h \S+ |export VPSYNC_STATE_KEY=`},
	diskBroken:   {`the disk fails|fails, or has become|must be writable|input/output error`, `df -h \S+ .*(dmesg|mount) |export VPSYNC_STATE_KEY=`},
	diskReadOnly: {`read-only|must be writable`, `df -h \S+ .*(dmesg|mount) |export VPSYNC_STATE_KEY=`},
	diskGone:     {`^Error: The state (is gone|was replaced meanwhile)`, `put back what was at|run the command again`},
}

// afterFault judges what a fault of the disk has left. A command that ends well has done its work.
func (p *place) afterFault(when string, story diskStory, why cause, code int) {
	p.t.Helper()
	said := p.said()
	require.Containsf(p.t, []int{exitDone, exitFailed, exitIncomplete}, code, "%s\n%s", when, said)
	if code != exitDone {
		said := said[max(0, strings.LastIndex(said, "Error: ")):]
		require.Containsf(p.t, said, p.dir, "%s: which file", when)
		require.Regexpf(p.t, plain[why].cause, said, "%s: why", when)
		require.Regexpf(p.t, plain[why].remedy, said, "%s: what to do", when)
	}
	if !exists(p.state) { // the first apply could not even make it
		require.NotEqual(p.t, exitDone, code, when)
		require.Empty(p.t, p.writes(), when)
	} else {
		p.sound(when)
		if story.name == "destroy" || story.args[0] == "apply" && code == exitDone {
			p.nothingLostOrTwice(when)
		}
		if code == exitDone {
			require.Equal(p.t, story.leaves, p.objects(), when)
		}
	}
	if why != diskGone && !strings.Contains(when, "unlink") { // what cannot be removed stays
		require.Empty(p.t, p.scratch(), when)
	}
	if story.name == "destroy" && code == exitDone {
		require.Empty(p.t, p.sound(when).Resources, when)
	}
	if story.name != "state rm" || len(p.sound(when).Resources) > 1 { // which can be done once
		code = p.run(story.args...)
		require.Equalf(p.t, exitDone, code, "%s: again it ended with %d\n%s\nafter:\n%s", when, code, p.streams, said)
	}
	p.sound(when)
	require.Equal(p.t, story.leaves, p.objects(), when)
	if story.name != "state rm" {
		p.nothingLostOrTwice(when)
		require.Empty(p.t, p.scratch(), when)
	}
	if story.args[0] == "apply" {
		code = p.run("plan", "--detailed-exitcode")
		require.Equalf(p.t, exitDone, code, "%s: the second plan is not empty\n%s", when, p.streams)
	}
}

// scratch are files of which a state or a backup was to be made.
func (p *place) scratch() (all []string) {
	p.t.Helper()
	for _, pattern := range []string{".new-*", ".restore-*", ".lock-*", "backups/*.tmp*"} {
		left, err := filepath.Glob(filepath.Join(filepath.Dir(p.state), pattern))
		require.NoError(p.t, err)
		all = append(all, left...)
	}
	return all
}
