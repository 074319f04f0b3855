// Package matrix counts the cases of the fault matrix, so that one which shrinks is seen. Tests alone use it.
//
// A family of faults is a line of families.txt: what its cases need, how many there are at least, and what is done to vpsync in
// them. Its test tells with [Ran] how many it has carried out; docs/reliability.md has the numbers of the last run. A family of which
// `make test` does a part has two floors, "180/877": of the part, and of the whole, which a target of its own does ([RanWhole]).
package matrix

import (
	_ "embed"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// Family is a line of the table.
type Family struct {
	Name  string // as the matrix has it: "A1"
	Needs Capability
	Floor int // cases, at least, of a `make test` on a machine that has what is needed
	Whole int // cases, at least, of the long form, which no `make test` does; Floor where there is no other form
	What  string
}

// Capability is what not every machine has. Tests that need nothing but Go need [Go].
type Capability string

// What families may need.
const (
	Go     Capability = "go"
	Race   Capability = "race"   // built with -race
	Root   Capability = "root"   // may mount a file system
	Strace Capability = "strace" // has strace, and may trace
	Git    Capability = "git"    // has git
	// Chromium may be started, by one of the names under which it is installed.
	Chromium Capability = "chromium"
)

//go:embed families.txt
var table string

// Families reads the table; its lines are sorted by name.
func Families() ([]Family, error) {
	var all []Family
	for line := range strings.Lines(table) {
		if line = strings.TrimSpace(line); line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		fields := strings.Fields(line)
		if len(fields) < 4 {
			return nil, fmt.Errorf("families.txt: %q is not a name, what it needs, a floor and what is done", line)
		}
		floor, whole, err := floors(fields[2])
		if err != nil {
			return nil, fmt.Errorf("families.txt: %q is no floor: %w", fields[2], err)
		}
		all = append(all, Family{Name: fields[0], Needs: Capability(fields[1]), Floor: floor, Whole: whole, What: strings.Join(fields[3:], " ")})
	}
	if !slices.IsSortedFunc(all, func(a, b Family) int { return strings.Compare(a.Name, b.Name) }) {
		return nil, fmt.Errorf("families.txt is not sorted by name")
	}
	return all, nil
}

// floors reads "180", or "180/877".
func floors(text string) (part, whole int, err error) {
	short, long, two := strings.Cut(text, "/")
	if part, err = strconv.Atoi(short); err != nil || part < 1 {
		return 0, 0, errors.Join(err, errors.New("a floor is a number of 1 or more"))
	}
	if !two {
		return part, part, nil
	}
	if whole, err = strconv.Atoi(long); err != nil || whole <= part {
		return 0, 0, errors.Join(err, errors.New("the floor of the whole is more than that of the part"))
	}
	return part, whole, nil
}

// Count is what a run of a family came to; [Ran] appends it, as a line of JSON, to the file that VPSYNC_MATRIX names.
type Count struct {
	Family  string  `json:"family"`
	Cases   int     `json:"cases"`
	Seconds float64 `json:"seconds"`
}

// Ran says that a family has been carried out in so many cases, since begun. The test fails where those are fewer than the
// family's floor, unless it was asked for less: by -short, or by a -run that picks cases.
//
// The race detector is asked for less at any rate, as -short; what is done under it counts as a family of its own, "RB" for "B".
func Ran(t testing.TB, family string, cases int, begun time.Time) {
	t.Helper()
	ran(t, family, cases, begun, func(f Family) int { return f.Floor })
}

// RanWhole is [Ran] for the long form of a family, of which `make test` does a part: the test fails below the floor of the whole.
func RanWhole(t testing.TB, family string, cases int, begun time.Time) {
	t.Helper()
	ran(t, family, cases, begun, func(f Family) int { return f.Whole })
}

func ran(t testing.TB, family string, cases int, begun time.Time, floorOf func(Family) int) {
	t.Helper()
	all, err := Families()
	if err != nil {
		t.Fatal(err)
	}
	if raceEnabled {
		family = "R" + family
	}
	i := slices.IndexFunc(all, func(f Family) bool { return f.Name == family })
	if i < 0 && raceEnabled {
		return // one of which the detector learns nothing
	}
	if i < 0 {
		t.Fatalf("families.txt does not have %s", family)
	}
	took := time.Since(begun)
	t.Logf("matrix %s: %d cases in %.1fs", family, cases, took.Seconds())
	if partial() {
		return
	}
	if floor := floorOf(all[i]); cases < floor {
		t.Errorf("%s has %d cases, and once had %d: where did the others go?", family, cases, floor)
	}
	if err := record(Count{Family: family, Cases: cases, Seconds: took.Seconds()}); err != nil {
		t.Error(err)
	}
}

// Need skips a test that the machine cannot carry out, and says how many cases are missed. Where VPSYNC_MATRIX_NEEDS names the
// capability (a list with commas), the machine is meant to have it, and the test fails instead.
func Need(t testing.TB, c Capability, cases int) {
	t.Helper()
	if has(c) {
		return
	}
	message := fmt.Sprintf("%d cases not executed: this machine has no %s", cases, c)
	if slices.Contains(strings.Split(os.Getenv("VPSYNC_MATRIX_NEEDS"), ","), string(c)) {
		t.Fatal(message)
	}
	t.Skip(message)
}

func has(c Capability) bool {
	switch c {
	case Race:
		return raceEnabled
	case Root:
		return os.Geteuid() == 0
	case Strace, Git:
		_, err := exec.LookPath(string(c))
		return err == nil
	case Chromium:
		return slices.ContainsFunc([]string{"chromium", "chromium-browser", "google-chrome", "google-chrome-stable"}, func(name string) bool {
			_, err := exec.LookPath(name)
			return err == nil
		})
	}
	return true
}

// partial: not all cases are wanted.
func partial() bool {
	if testing.Short() && !raceEnabled {
		return true
	}
	run := flag.Lookup("test.run")
	return run != nil && strings.Contains(run.Value.String(), "/")
}

func record(c Count) error {
	name := os.Getenv("VPSYNC_MATRIX")
	if name == "" {
		return nil
	}
	line, err := json.Marshal(c)
	if err != nil {
		return err
	}
	f, err := os.OpenFile(name, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(append(line, '\n'))
	return errors.Join(err, f.Close())
}
