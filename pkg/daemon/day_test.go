package daemon

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// fakeWork is an account in memory, and what was asked of it, with the time on the wall of the bubble.
type fakeWork struct {
	mu    sync.Mutex
	zone  *time.Location
	log   []string
	drift []Drift
	more  Counts // what the configuration asks for
	fails int    // so many looks fail
	takes time.Duration
	heals time.Duration
	bad   map[string]bool // commits that do not validate
	open  int
	waits []Open // whose drift does not show
}

func (w *fakeWork) say(what string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.log = append(w.log, time.Now().In(w.zone).Format("02 15:04:05 ")+what)
}

// said is what was said since it was asked last.
func (w *fakeWork) said() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	out := w.log
	w.log = nil
	return out
}

func (w *fakeWork) set(change func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	change()
}

func (w *fakeWork) Validate(_ context.Context, at Checkout) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.bad[at.Commit] {
		return errors.New("it does not validate")
	}
	return nil
}

func (w *fakeWork) Look(ctx context.Context, at Checkout) (*Report, error) {
	w.say(strings.TrimSpace("look " + at.Commit))
	select {
	case <-time.After(w.takes):
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.fails > 0 {
		w.fails--
		return nil, errors.New("the API is down")
	}
	shown := slices.DeleteFunc(slices.Clone(w.drift), func(d Drift) bool {
		return slices.ContainsFunc(w.waits, func(o Open) bool { return o.Address == d.Address })
	})
	r := &Report{Drifted: shown, Pending: w.more, Planned: w.more, Unsettled: w.open, Open: w.waits, Requests: 3}
	if !r.InSync() {
		r.Digest = fmt.Sprint(w.drift, w.more)
	}
	return r, nil
}

func (w *fakeWork) Heal(ctx context.Context, _ Checkout, o Acting) (*Outcome, error) {
	w.say("heal")
	out := &Outcome{Requests: 2}
	for i := 0; ; i++ {
		w.mu.Lock()
		w.open = 0
		i := slices.IndexFunc(w.drift, func(d Drift) bool { return d.Mode == Heal || d.Mode == "" && o.Unasked })
		w.mu.Unlock()
		if i < 0 {
			break
		}
		if o.Stop.Err() != nil {
			w.say("heal stops")
			out.ExitCode = 3
			return out, errors.New("not everything was done")
		}
		select { // one change, which a clean stop finishes
		case <-time.After(w.heals):
		case <-ctx.Done():
			return out, ctx.Err()
		}
		w.set(func() { w.drift = slices.Delete(w.drift, i, i+1) })
		out.Done.Change++
	}
	w.say("healed")
	return out, nil
}

func (w *fakeWork) Apply(_ context.Context, _ Checkout, digest string, o Acting) (*Outcome, error) {
	w.say("apply for " + o.Actor)
	w.mu.Lock()
	defer w.mu.Unlock()
	if digest != fmt.Sprint(w.drift, w.more) {
		return nil, ErrMoved
	}
	out := &Outcome{Done: Counts{Change: w.more.Change + len(w.drift)}}
	w.drift, w.more = nil, Counts{}
	return out, nil
}

// folders are sources that are folders, or branches in memory.
type folders struct {
	mu   sync.Mutex
	tip  string
	down bool
	asks int
}

func (f *folders) Newest(_ context.Context, s *Stack) (Checkout, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.asks++
	if s.Git == nil {
		return Checkout{Stack: s.Name, Dir: s.Dir}, nil
	}
	if f.down {
		return Checkout{}, errors.New("the remote is away")
	}
	return Checkout{Stack: s.Name, Dir: f.tip, Commit: f.tip, Foreign: true}, nil
}

func (f *folders) At(_ context.Context, s *Stack, commit string) (Checkout, error) {
	return Checkout{Stack: s.Name, Dir: commit, Commit: commit, Foreign: true}, nil
}

// world is a daemon in virtual time. It begins at midnight UTC of 2000-01-01, a Saturday.
type world struct {
	t       *testing.T
	work    *fakeWork
	sources *folders
	config  *Config
	daemon  *Daemon
}

func newWorld(t *testing.T, s *Stack) *world {
	s.Name, s.Dir, s.Memory = "web", "/web", filepath.Join(t.TempDir(), "web.daemon.json")
	if s.Mode == "" {
		s.Mode = Observe
	}
	zone := s.Schedule.Zone()
	return &world{t: t, work: &fakeWork{zone: zone}, sources: &folders{tip: "1"}, config: &Config{Parallel: 2, Stacks: []*Stack{s}}}
}

// start begins to look after the stack; the loop ends with the returned function, cleanly.
func (w *world) start() (stop func()) {
	w.t.Helper()
	n := 0
	d, closer, err := New(w.config, Options{Work: w.work, Sources: w.sources, Chance: func() float64 { return 0.5 }, NewID: func() string { n++; return fmt.Sprintf("run-%d", n) }})
	require.NoError(w.t, err)
	w.daemon = d
	ctx, cancel := context.WithCancel(w.t.Context())
	stopping, end := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- d.Run(ctx, stopping) }()
	return func() {
		w.t.Helper()
		end()
		<-done
		cancel()
		require.NoError(w.t, closer())
	}
}

func (w *world) stack() StackState { return w.daemon.Snapshot().Stacks[0] }

// until sleeps until a time on the wall.
func until(t *testing.T, text string) {
	t.Helper()
	time.Sleep(time.Until(at(t, text)))
	synctest.Wait()
}

// TestADay is a day of a schedule: each turn on time, none twice.
func TestADay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, &Stack{Schedule: schedule(t, "*/30 * * * *", "")})
		stop := w.start()
		until(t, "2000-01-02T00:00:01Z")
		stop()
		said := w.work.said()
		require.Len(t, said, 49)
		require.Equal(t, []string{"01 00:00:00 look", "01 00:30:00 look", "01 01:00:00 look"}, said[:3])
		require.Equal(t, "02 00:00:00 look", said[48])
		require.Equal(t, InSync, w.stack().Condition)
		require.Len(t, w.stack().Turns, 49)
		require.True(t, w.daemon.Snapshot().Ready)
	})
}

// TestADayThatIsNot24Hours: the clock in Berlin is put forward on 26 March 2000, and back on 29 October.
func TestADayThatIsNot24Hours(t *testing.T) {
	for day, want := range map[string][]string{
		"2000-03-26": {"25 02:30:00 look", "26 03:00:00 look", "27 02:30:00 look"},
		"2000-10-29": {"28 02:30:00 look", "29 02:30:00 look", "30 02:30:00 look"},
	} {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t, &Stack{Schedule: schedule(t, "30 2 * * *", "Europe/Berlin")})
			noon := at(t, day+"T12:00:00Z")
			time.Sleep(time.Until(noon.Add(-36 * time.Hour)))
			stop := w.start()
			time.Sleep(time.Until(noon.Add(24 * time.Hour)))
			stop()
			require.Equal(t, want, w.work.said()[1:])
		})
	}
}

func TestOverrunIsNotDoubled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, &Stack{Schedule: schedule(t, "*/10 * * * *", "")})
		stop := w.start()
		until(t, "2000-01-01T00:05:00Z")
		w.work.set(func() { w.work.takes = 25 * time.Minute })
		until(t, "2000-01-01T00:50:00Z")
		require.True(t, w.stack().Running)
		w.work.set(func() { w.work.takes = 0 })
		until(t, "2000-01-01T01:31:00Z")
		stop()
		require.Equal(t, []string{"01 00:00:00 look", "01 00:10:00 look", "01 00:40:00 look", "01 01:10:00 look", "01 01:20:00 look", "01 01:30:00 look"}, w.work.said())
		var skipped []string
		for _, turn := range w.stack().Turns {
			if turn.Result == ResultSkipped {
				skipped = append(skipped, turn.Began.Format("15:04 ")+turn.Error)
			}
		}
		require.Equal(t, []string{"00:50 the turn before it went on", "00:20 the turn before it went on"}, skipped)
	})
}

func TestBackoff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, &Stack{Schedule: schedule(t, "@daily", "")})
		w.work.fails = 9
		stop := w.start()
		until(t, "2000-01-01T03:00:00Z")
		s := w.stack()
		require.Equal(t, Failing, s.Condition)
		require.Equal(t, 8, s.Failures)
		require.Equal(t, "the API is down", s.Error)
		until(t, "2000-01-01T05:00:00Z")
		require.Equal(t, []string{
			"01 00:00:00 look", "01 00:01:00 look", "01 00:03:00 look", "01 00:07:00 look", "01 00:15:00 look", "01 00:31:00 look",
			"01 01:03:00 look", "01 02:03:00 look", "01 03:03:00 look", "01 04:03:00 look",
		}, w.work.said())
		s = w.stack()
		require.Equal(t, InSync, s.Condition)
		require.Zero(t, s.Failures)
		require.Equal(t, at(t, "2000-01-02T00:00:00Z"), s.Next.UTC())
		stop()
	})
}

// TestTriggerDoesNotWaitForTheBackoff: whoever asks for a turn gets it.
func TestTriggerDoesNotWaitForTheBackoff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, &Stack{Schedule: schedule(t, "@daily", "")})
		w.work.fails = 6
		stop := w.start()
		until(t, "2000-01-01T00:31:30Z")
		w.work.said()
		changed := w.daemon.Changed()
		require.NoError(t, w.daemon.Trigger("web", "webhook"))
		require.ErrorIs(t, w.daemon.Trigger("mail", "webhook"), ErrNoStack)
		synctest.Wait()
		<-changed
		require.Equal(t, []string{"01 00:31:30 look"}, w.work.said())
		require.Equal(t, "webhook", w.stack().Turns[0].Trigger)
		stop()
	})
}

func TestWindowsOfADay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		night := Window{schedule(t, "0 22 * * *", ""), 4 * time.Hour}
		w := newWorld(t, &Stack{Mode: Heal, Schedule: schedule(t, "0 */6 * * *", ""), Windows: Windows{Allow: []Window{night}}})
		stop := w.start()
		until(t, "2000-01-01T11:00:00Z")
		w.work.said()
		w.work.set(func() { w.work.drift = []Drift{{Address: "server.web", Attribute: "plan"}} })
		until(t, "2000-01-01T12:30:00Z")
		s := w.stack()
		require.Equal(t, Drifted, s.Condition)
		require.Equal(t, at(t, "2000-01-01T12:00:00Z"), s.Report.Drifted[0].Since)
		require.Equal(t, Heal, s.Report.Drifted[0].Mode)
		require.Equal(t, WindowNow{Opens: at(t, "2000-01-01T22:00:00Z")}, s.Window)
		until(t, "2000-01-01T22:30:00Z")
		require.Equal(t, []string{"01 12:00:00 look", "01 18:00:00 look", "01 22:00:00 look", "01 22:00:00 heal", "01 22:00:00 healed", "01 22:00:00 look"}, w.work.said())
		s = w.stack()
		require.Equal(t, InSync, s.Condition)
		require.Equal(t, ResultHealed, s.Turns[0].Result)
		require.Equal(t, Past{Drift: Drift{Address: "server.web", Attribute: "plan", Mode: Heal, Since: at(t, "2000-01-01T12:00:00Z"), Seen: at(t, "2000-01-01T22:00:00Z")},
			Until: at(t, "2000-01-01T22:00:00Z"), By: s.Turns[0].Run}, s.Healed[0])
		// The window closes while something is put back: what is in flight is finished, and the rest waits for the next night.
		until(t, "2000-01-02T01:00:00Z")
		w.work.set(func() {
			w.work.heals = 45 * time.Minute
			w.work.drift = []Drift{{Address: "server.a"}, {Address: "server.b"}, {Address: "server.c"}}
		})
		w.work.said()
		require.NoError(t, w.daemon.Trigger("web", "somebody"))
		until(t, "2000-01-02T05:00:00Z")
		require.Equal(t, []string{"02 01:00:00 look", "02 01:00:00 heal", "02 02:30:00 heal stops", "02 02:30:00 look"}, w.work.said())
		require.Equal(t, Drifted, w.stack().Condition)
		require.Len(t, w.stack().Report.Drifted, 1)
		stop()
	})
}

func TestCleanStopFinishesTheChangeInFlight(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, &Stack{Mode: Heal, Schedule: schedule(t, "@hourly", "")})
		w.work.heals = time.Minute
		w.work.drift = []Drift{{Address: "server.a"}, {Address: "server.b"}}
		stop := w.start()
		until(t, "2000-01-01T00:00:30Z")
		stop()
		require.Equal(t, []string{"01 00:00:00 look", "01 00:00:00 heal", "01 00:01:00 heal stops", "01 00:01:00 look"}, w.work.said())
		m, err := ReadMemory(w.config.Stacks[0].Memory)
		require.NoError(t, err)
		require.Nil(t, m.Turn)
		require.Zero(t, m.Failures, "a stop is no failure")
		require.Len(t, m.Report.Drifted, 1)
		// The next start goes on with it.
		w.work.heals = 0
		stop = w.start()
		synctest.Wait()
		require.Equal(t, InSync, w.stack().Condition)
		stop()
	})
}

// TestCrashLoop: a turn that takes the process with it, again and again, waits longer each time, and is seen.
func TestCrashLoop(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, &Stack{Schedule: schedule(t, "*/5 * * * *", "")})
		stop := w.start()
		synctest.Wait()
		stop()
		path := w.config.Stacks[0].Memory
		for n := range 3 {
			m, err := ReadMemory(path)
			require.NoError(t, err)
			m.begin(time.Now().UTC(), "lost", TriggerSchedule) // and the process is no more
			require.NoError(t, m.write(path, func() {}))
			d, closer, err := New(w.config, Options{Work: w.work, Sources: w.sources, Chance: func() float64 { return 0.5 }})
			require.NoError(t, err)
			s := d.Snapshot().Stacks[0]
			require.NoError(t, closer())
			require.Equal(t, Failing, s.Condition)
			require.Equal(t, n+1, s.Failures)
			require.Equal(t, []time.Duration{0, time.Minute, 2 * time.Minute}[n], time.Until(s.Next))
			require.Equal(t, []string{"vpsync ended in the middle of the last turn", "vpsync ended in the middle of the last 2 turns", "vpsync ended in the middle of the last 3 turns"}[n], s.Error)
		}
		stop = w.start()
		time.Sleep(time.Minute)
		synctest.Wait()
		require.Equal(t, 3, w.stack().Failures, "it waits, though the schedule would not")
		time.Sleep(time.Minute)
		synctest.Wait()
		require.Equal(t, InSync, w.stack().Condition, "a turn that ends well ends the loop")
		stop()
	})
}

// TestOnDrift: a resource may be treated otherwise than its stack.
func TestOnDrift(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, &Stack{Mode: Observe, Schedule: schedule(t, "@hourly", "")})
		w.work.drift = []Drift{{Address: "server.a"}, {Address: "server.b", Mode: Heal}, {Address: "server.c", Mode: Propose}}
		stop := w.start()
		synctest.Wait()
		s := w.stack()
		require.Len(t, s.Report.Drifted, 2)
		require.Equal(t, []Mode{Observe, Propose}, []Mode{s.Report.Drifted[0].Mode, s.Report.Drifted[1].Mode})
		require.Equal(t, "server.b", s.Healed[0].Address)
		require.NotNil(t, s.Proposed)
		stop()
	})
}

// TestALostRunIsSettled: what a run left open is looked after although nothing has drifted.
func TestALostRunIsSettled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, &Stack{Mode: Heal, Schedule: schedule(t, "@hourly", "")})
		w.work.open = 1
		stop := w.start()
		synctest.Wait()
		require.Equal(t, []string{"01 00:00:00 look", "01 00:00:00 heal", "01 00:00:00 healed", "01 00:00:00 look"}, w.work.said())
		stop()
	})
}

// TestOpenDriftIsNotOver: while it is not known what a request did, the plan does not show what drifts of its resource. That it was put back
// is known only when it is seen.
func TestOpenDriftIsNotOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, &Stack{Mode: Observe, Schedule: schedule(t, "@hourly", "")})
		w.work.drift = []Drift{{Address: "server.a", Attribute: "name", Is: "wild"}, {Address: "server.b"}, {Address: "server.c"}}
		stop := w.start()
		synctest.Wait()
		// An apply puts back server.c, and dies in the middle of the others.
		w.work.set(func() {
			w.work.drift, w.work.open = w.work.drift[:2], 2
			w.work.waits = []Open{{Address: "server.a", Run: "lost"}, {Address: "server.b"}}
		})
		for range 2 { // and what is kept is kept again
			time.Sleep(time.Hour)
			synctest.Wait()
			s := w.stack()
			require.Equal(t, Drifted, s.Condition)
			require.Equal(t, ResultDrift, s.Turns[0].Result)
			require.Equal(t, []Drift{
				{Address: "server.a", Attribute: "name", Is: "wild", Mode: Observe, Begun: "lost", Since: at(t, "2000-01-01T00:00:00Z"), Seen: at(t, "2000-01-01T00:00:00Z")},
				{Address: "server.b", Mode: Observe, Since: at(t, "2000-01-01T00:00:00Z"), Seen: at(t, "2000-01-01T00:00:00Z")},
			}, s.Report.Drifted)
			require.Len(t, s.Healed, 1)
			require.Equal(t, "server.c", s.Healed[0].Address)
		}
		// The next apply finds out that the one was done, and the other not.
		w.work.set(func() { w.work.drift, w.work.open, w.work.waits = w.work.drift[1:], 0, nil })
		time.Sleep(time.Hour)
		synctest.Wait()
		s := w.stack()
		require.Equal(t, []Drift{{Address: "server.b", Mode: Observe, Since: at(t, "2000-01-01T00:00:00Z"), Seen: at(t, "2000-01-01T03:00:00Z")}}, s.Report.Drifted)
		require.Equal(t, "server.a", s.Healed[0].Address)
		require.Equal(t, "lost", s.Healed[0].By)
		require.Empty(t, s.Healed[0].Begun)
		stop()
	})
}

func TestOneDaemonForAStack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, &Stack{Schedule: schedule(t, "@daily", "")})
		stop := w.start()
		_, _, err := New(w.config, Options{Work: w.work, Sources: w.sources})
		require.ErrorIs(t, err, ErrBusy)
		stop()
	})
}

// TestPanic: a mistake in one turn is a failure of that turn.
func TestPanic(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, &Stack{Schedule: schedule(t, "@daily", "")})
		w.sources = nil
		stop := w.start()
		synctest.Wait()
		require.Equal(t, Failing, w.stack().Condition)
		require.Contains(t, w.stack().Error, "mistake in vpsync")
		stop()
	})
}
