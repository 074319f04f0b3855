//go:build unix

package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/vpsync/vpsync/internal/matrix"
	"github.com/vpsync/vpsync/pkg/apply"
)

// sweepAll: every point of every scenario is visited, as `make sweep` does; else a part, in which every line of the program that is a
// point has its turn.
var sweepAll = flag.Bool("sweep.all", false, "visit every point of the sweep")

// sweep is what the scenarios came to together.
type sweep struct {
	root  string
	slots chan struct{} // as many cases run side by side

	mu      sync.Mutex
	visited map[point]int   // where a process died
	turns   map[point]int   // how often a point had its turn for being a new one
	driven  map[string]int  // operations that runs which are killed carry out, as "provider kind.operation"
	rows    map[string]*row // by scenario
	begun   time.Time
}

// row is a line of the table that the sweep prints.
type row struct {
	points, killed, second, signals int
	family                          string // of killed
}

// scenarioRun is a scenario on its way through the sweep.
type scenarioRun struct {
	*sweepScenario
	*sweep
	t        *testing.T
	prepared sweepFolder
	points   []point        // of the run that is not killed
	did      []string       // picture of the accounts after it
	want     []string       // and after what makes everything as it is wanted
	log      map[string]int // operations that it carries out
	made     map[string]int // the creates of it, and of what makes everything as it is wanted
	n        int            // number of the scenario, which shifts the points that a part visits
	turn     []bool         // of the points: the run is killed there
	err      error          // of the run that is not killed
	row      *row
}

// TestSweep ends a real vpsync by kill -9 at every point of every story of testdata/sweep at which a crash leaves a different trace,
// one point a process, and looks each time whether the next run makes everything well. `make sweep` is all of it.
func TestSweep(t *testing.T) {
	// Under nohup a child would ignore a hangup, too; one that its parent catches is as usual in a child.
	hangups := make(chan os.Signal, 1)
	signal.Notify(hangups, syscall.SIGHUP)
	defer signal.Stop(hangups)
	scenarios := sweepScenarios(t)
	w := &sweep{root: t.TempDir(), slots: make(chan struct{}, 3*runtime.GOMAXPROCS(0)), visited: map[point]int{}, turns: map[point]int{}, driven: map[string]int{}, rows: map[string]*row{}, begun: time.Now()}
	whole := t.Run("of", func(t *testing.T) {
		var picked []*scenarioRun
		for i, s := range scenarios {
			t.Run(s.name, func(t *testing.T) {
				r := w.of(t, s, i)
				picked = append(picked, r)
				t.Parallel() // here it waits for the end of the function around
				require.NoError(t, r.err)
				r.kills()
			})
		}
		w.clean(picked)
	})
	picked := len(w.rows) < len(scenarios) // by -run
	t.Run("unlock", func(t *testing.T) {
		i := slices.IndexFunc(scenarios, func(s *sweepScenario) bool { return s.name == "create-small" })
		require.NoError(t, w.unlocks(t, scenarios[i]))
	})
	w.print(t)
	if whole && !picked {
		w.everyPoint(t)
		w.everyOperation(t)
		count := matrix.Ran
		if *sweepAll {
			count = matrix.RanWhole
		}
		for family, n := range w.families() {
			count(t, family, n, w.begun)
		}
	}
}

// of is one scenario.
func (w *sweep) of(t *testing.T, s *sweepScenario, n int) *scenarioRun {
	r := &scenarioRun{sweepScenario: s, sweep: w, t: t, n: n, row: &row{family: s.family()}, prepared: sweepFolder{filepath.Join(w.root, s.name, "prepared")}}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.rows[s.name] = r.row
	return r
}

// clean does each scenario without a kill, and then chooses the points that have their turn: in the order of the scenarios, so that a
// part is the same one each time, however busy the machine is. Of second kills the number is the same.
func (w *sweep) clean(scenarios []*scenarioRun) {
	var all sync.WaitGroup
	for _, r := range scenarios {
		all.Go(func() {
			w.slots <- struct{}{}
			defer func() { <-w.slots }()
			r.err = r.clean()
		})
	}
	all.Wait()
	for _, r := range scenarios {
		r.choose()
	}
}

// kills ends a run at each point of the scenario that has its turn.
func (r *scenarioRun) kills() {
	var all sync.WaitGroup
	for at := range r.points {
		if !r.turn[at] {
			continue
		}
		all.Add(1)
		go func() {
			defer all.Done()
			r.kill(at + 1)
		}()
	}
	for at := range r.points {
		for _, by := range r.endingsAt(at) {
			all.Add(1)
			go func() {
				defer all.Done()
				r.interrupt(at+1, by)
			}()
		}
	}
	all.Add(1)
	go func() {
		defer all.Done()
		r.last()
	}()
	all.Wait()
}

// choose gives points their turn. A part takes every so manieth, other ones in each scenario, and of the rest those that are the first of
// their kind in the scenario, until two scenarios have had the kind.
func (r *scenarioRun) choose() {
	const stride = 5
	r.turn = make([]bool, len(r.points))
	for at, p := range r.points {
		r.turn[at] = *sweepAll || at%stride == r.n%stride || slices.Index(r.points, p) == at && r.isNew(p)
	}
}

// isNew: the point has not had its turn twice for this.
func (w *sweep) isNew(p point) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.turns[p]++
	return w.turns[p] <= 2
}

// clean is the run that is not killed: it tells how many points there are, and what is wanted.
func (r *scenarioRun) clean() error {
	if err := r.prepare(r.prepared); err != nil {
		return err
	}
	f, err := r.fresh("clean")
	if err != nil {
		return err
	}
	var seen recorder
	if e := f.vpsync(hooks{boundary: seen.pass}, r.sweepScenario.kill...); e.code != r.code {
		return fmt.Errorf("the run that was not killed ended with %d\n%s", e.code, e.text)
	}
	r.points = seen.points
	r.row.points = len(r.points)
	if len(r.points) == 0 {
		return fmt.Errorf("it passes no point")
	}
	log, err := f.log()
	if err != nil {
		return err
	}
	r.log = map[string]int{}
	r.mu.Lock()
	for _, entry := range log {
		if entry.Done {
			r.log[entry.Operation]++
			r.driven[strings.Split(entry.Account, ".")[0]+" "+entry.Operation]++
		}
	}
	r.mu.Unlock()
	for _, operation := range r.once {
		if r.log[operation] == 0 {
			return fmt.Errorf("%s is not among what it does: %v", operation, r.log)
		}
	}
	if r.did, err = f.picture(r.sweepScenario); err != nil {
		return err
	}
	if err := r.goOn(f); err != nil {
		return err
	}
	if r.made, err = f.made(); err != nil {
		return err
	}
	if r.want, err = f.picture(r.sweepScenario); err != nil {
		return err
	}
	if err := f.settled(r.sweepScenario, r.want); err != nil {
		return err
	}
	return os.RemoveAll(f.dir)
}

// goOn does what follows a run that was not killed, where that was no apply.
func (r *scenarioRun) goOn(f sweepFolder) error {
	if r.sweepScenario.kill[0] == r.again[0] && r.applies() && r.code == 0 {
		return nil
	}
	return f.converge(r.sweepScenario)
}

// fresh is a copy of the prepared folder.
func (r *scenarioRun) fresh(name string) (sweepFolder, error) {
	return r.prepared.copyTo(filepath.Join(r.root, r.name, name))
}

// died counts a process that something befell.
func (r *scenarioRun) died(p point, which *int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.visited[p]++
	*which++
}

// failed tells of a case, with what to type to see it again.
func (r *scenarioRun) failed(f sweepFolder, what string, err error) {
	r.t.Errorf("%s, %s: %v\nagain: go test ./cmd/vpsync -run 'TestSweep/of/%s$' -sweep.all", r.name, what, err, r.name)
}

// kill is a case: killed at the n-th point, and then made well.
func (r *scenarioRun) kill(n int) {
	r.slots <- struct{}{}
	defer func() { <-r.slots }()
	f, err := r.fresh("k" + strconv.Itoa(n))
	if err != nil {
		r.t.Error(err)
		return
	}
	what := fmt.Sprintf("killed at point %d, %s", n, r.points[n-1])
	e, err := f.child(n, endKill, r.sweepScenario.kill...)
	switch {
	case err != nil:
	case e.at == nil:
		err = fmt.Errorf("it was not killed, and ended with %d\n%s", e.code, e.text)
	case e.code != -1:
		err = fmt.Errorf("it ended with %d\n%s", e.code, e.text)
	default:
		r.died(*e.at, &r.row.killed)
		if r.twice {
			err = r.secondKill(f, n)
		}
		if err == nil {
			err = r.well(f)
		}
	}
	if err != nil {
		r.failed(f, what, err)
		return
	}
	if err := os.RemoveAll(f.dir); err != nil {
		r.t.Error(err)
	}
}

// well makes everything well, and looks whether it is.
func (r *scenarioRun) well(f sweepFolder) error {
	if err := f.converge(r.sweepScenario); err != nil {
		return err
	}
	if err := errors.Join(r.atMostOnce(f), r.notMoreMade(f)); err != nil {
		return err
	}
	return f.settled(r.sweepScenario, r.want)
}

// notMoreMade: nothing was made that is not made without a kill either. Whoever sends a create again has seen that it was not carried out.
func (r *scenarioRun) notMoreMade(f sweepFolder) error {
	made, err := f.made()
	if err != nil {
		return err
	}
	for operation, n := range made {
		if n > r.made[operation] {
			return fmt.Errorf("%s was carried out %d times, and %d times without a kill", operation, n, r.made[operation])
		}
	}
	return nil
}

// atMostOnce: what is sent once was not carried out again.
func (r *scenarioRun) atMostOnce(f sweepFolder) error {
	log, err := f.log()
	if err != nil {
		return err
	}
	done := map[string]int{}
	for _, entry := range log {
		if entry.Done {
			done[entry.Operation]++
		}
	}
	for _, operation := range r.once {
		if done[operation] > r.log[operation] {
			return fmt.Errorf("%s was carried out %d times, and %d times without a kill", operation, done[operation], r.log[operation])
		}
	}
	return nil
}

// last is the run after that of the last point: nothing kills it, or there is a point that nobody counted.
func (r *scenarioRun) last() {
	r.slots <- struct{}{}
	defer func() { <-r.slots }()
	f, err := r.fresh("last")
	if err == nil {
		var e ended
		e, err = f.child(len(r.points)+1, endKill, r.sweepScenario.kill...)
		switch {
		case err != nil:
		case e.at != nil:
			err = fmt.Errorf("it has %d points, and was killed at one more, %s", len(r.points), e.at)
		case e.code != r.code:
			err = fmt.Errorf("it ended with %d\n%s", e.code, e.text)
		default:
			if err = r.goOn(f); err == nil {
				err = f.settled(r.sweepScenario, r.want)
			}
		}
	}
	if err != nil {
		r.failed(f, "not killed", err)
	}
}

// A plan says unseen of an object that an earlier run made and has not seen ready. Whoever carries it out passes so many points more than
// one which finds the object ready when it looks: waiting, ready, committing, committed.
const (
	unseen       = "has not been seen ready yet"
	pointsOfWait = 4
)

// settling: the m-th point lies between the first at which a run settles and the one that follows the last.
func settling(points []point, m int) bool {
	first := slices.IndexFunc(points, func(p point) bool { return p.name == apply.BoundarySettling })
	last := -1
	for i, p := range points {
		if p.name == apply.BoundarySettled {
			last = i
		}
	}
	return first >= 0 && m >= first && m <= last+1
}

// secondKill kills the run that recovers from the first kill at each of its points, in a copy of the folder.
func (r *scenarioRun) secondKill(f sweepFolder, n int) error {
	passes, err := f.copyTo(f.dir + "-again")
	if err != nil {
		return err
	}
	var seen recorder
	passed := passes.vpsync(hooks{boundary: seen.pass}, r.again...)
	if err := os.RemoveAll(passes.dir); err != nil {
		return err
	}
	for m := range seen.points {
		if r.settles && !settling(seen.points, m) {
			continue
		}
		if !*sweepAll && (m+n)%6 != 0 && !r.isNew(seen.points[m]) {
			continue
		}
		g, err := f.copyTo(fmt.Sprintf("%s-%d", f.dir, m+1))
		if err != nil {
			return err
		}
		e, err := g.child(m+1, endKill, r.again...)
		if err != nil {
			return err
		}
		switch waited := strings.Count(passed.text, unseen) - strings.Count(e.text, unseen); {
		case e.at != nil && e.code == -1:
			r.died(*e.at, &r.row.second)
		case e.at == nil && e.code == passed.code && m+1 > len(seen.points)-waited*pointsOfWait:
			// What the run that was counted had to wait for is ready by now: this one had the points of the wait less, and has ended.
		default:
			return fmt.Errorf("and then it was not killed at point %d of %d, %s, and ended with %d\n%s", m+1, len(seen.points), seen.points[m], e.code, e.text)
		}
		if err := r.well(g); err != nil {
			return fmt.Errorf("and then at point %d, %s: %w", m+1, seen.points[m], err)
		}
		if err := os.RemoveAll(g.dir); err != nil {
			return err
		}
	}
	return nil
}
