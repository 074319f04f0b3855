package daemon

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	mathrand "math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/gofrs/flock"
)

// Options of a daemon. Work and Sources are needed.
type Options struct {
	Work    Work
	Sources Sources
	Version string
	Log     *slog.Logger // nil says nothing
	// Now, Chance (a number from 0 to 1) and NewID are replaced by tests.
	Now    func() time.Time
	Chance func() float64
	NewID  func() string
	// Redact, if not nil, takes the secrets out of what a panic says: nobody knows what that is.
	Redact func(string) string
	// Boundary, nil but in tests, is called at each point where a crash would leave a different trace.
	Boundary func(point string)
}

// The points of a daemon's own; what its work passes has others.
const (
	BoundaryRemembering = "remembering" // what is remembered is written, and not in its place yet
	BoundaryRemembered  = "remembered"
)

// Daemon looks after the stacks of a configuration. It is a [Service].
type Daemon struct {
	config  *Config
	options Options
	started time.Time
	poke    chan struct{} // something is due that was not

	mu      sync.Mutex
	changed chan struct{}
	stacks  map[string]*keeper
	working int
}

// keeper is a stack with what is remembered of it.
type keeper struct {
	*Stack
	memory *Memory
	asking bool // its source is being asked
}

// New makes a daemon and takes up what is remembered. Nothing happens before [Daemon.Run] or [Daemon.Once]. Whoever made it closes it:
// until then no other daemon may look after the same stacks.
func New(c *Config, o Options) (_ *Daemon, closer func() error, err error) {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Chance == nil {
		o.Chance = mathrand.Float64
	}
	if o.NewID == nil {
		o.NewID = newID
	}
	d := &Daemon{config: c, options: o, poke: make(chan struct{}, 1), changed: make(chan struct{}), stacks: map[string]*keeper{}}
	d.started = d.now()
	var locks []*flock.Flock
	unlock := func() error {
		var err error
		for _, l := range locks {
			err = errors.Join(err, l.Close())
		}
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, unlock())
		}
	}()
	for _, s := range c.Stacks {
		if err := os.MkdirAll(filepath.Dir(s.Memory), 0o700); err != nil {
			return nil, nil, err
		}
		if err := ordinary(s.Memory + ".lock"); err != nil {
			return nil, nil, err
		}
		l := flock.New(s.Memory+".lock", flock.SetPermissions(0o600))
		locks = append(locks, l)
		if got, err := l.TryLock(); err != nil {
			return nil, nil, err
		} else if !got {
			return nil, nil, fmt.Errorf("%w: another vpsync daemon looks after %s", ErrBusy, s.Name)
		}
		m, err := ReadMemory(s.Memory)
		if errors.Is(err, errDamaged) { // it is no reason to look after nothing
			o.Log.Error("what was remembered is put aside", "stack", s.Name, "file", s.Memory+".damaged", "error", err)
			m, err = freshMemory(), os.Rename(s.Memory, s.Memory+".damaged")
		}
		if err != nil {
			return nil, nil, err
		}
		lost := m.Turn != nil
		m.wake(s, d.now(), o.Chance())
		if lost {
			o.Log.Error("the turn before was cut off", "stack", s.Name, "times", m.Lost, "next", m.Next)
			if err := d.remember(s.Memory, m); err != nil {
				return nil, nil, err
			}
		}
		d.stacks[s.Name] = &keeper{Stack: s, memory: m}
	}
	return d, unlock, nil
}

func newID() string {
	b := make([]byte, 8)
	rand.Read(b)
	return hex.EncodeToString(b)
}

// now is the time on the wall: a machine that slept has missed what was due meanwhile.
func (d *Daemon) now() time.Time { return d.options.Now().Round(0).UTC() }

// longestNap is how long the loop sleeps at most, since the clock may be set, or the machine be put to sleep.
const longestNap = time.Minute

// Run looks after the stacks until stop is done, and then finishes what is in flight. When ctx is done that is cancelled, too.
func (d *Daemon) Run(ctx, stop context.Context) error {
	var turns sync.WaitGroup
	defer turns.Wait()
	for stop.Err() == nil && ctx.Err() == nil {
		nap := d.round(ctx, stop, &turns)
		timer := time.NewTimer(nap)
		select {
		case <-timer.C:
		case <-d.poke:
		case <-stop.Done():
		case <-ctx.Done():
		}
		timer.Stop()
	}
	return ctx.Err()
}

// round begins what is due, and says how long nothing will be.
func (d *Daemon) round(ctx, stop context.Context, turns *sync.WaitGroup) time.Duration {
	d.mu.Lock()
	defer d.mu.Unlock()
	now := d.now()
	nap := longestNap
	for _, s := range d.config.Stacks {
		k := d.stacks[s.Name]
		if k.asking {
			continue
		}
		do, why, again := k.memory.due(s, now)
		if do != nothing && d.working >= max(1, d.config.Parallel) {
			continue // one that ends looks here again
		}
		switch do {
		case nothing:
			if !again.IsZero() {
				nap = min(nap, max(0, again.Sub(now)))
			}
			continue
		case aPoll:
			k.asking = true
			d.working++
			turns.Go(func() { d.poll(ctx, stop, k) })
		case aTurn:
			if !d.begin(k, now, why) {
				continue
			}
			d.working++
			turns.Go(func() { d.turn(ctx, stop, k) })
		}
	}
	return nap
}

// begin enters a turn before it does anything. Without that nothing is done: a crash would not be seen.
func (d *Daemon) begin(k *keeper, now time.Time, why string) bool {
	before := k.memory.clone()
	k.memory.begin(now, d.options.NewID(), why)
	if err := d.remember(k.Memory, k.memory); err != nil {
		d.options.Log.Error("cannot remember", "stack", k.Name, "error", err)
		k.memory = before
		k.memory.Failures++
		k.memory.Error = err.Error()
		k.memory.Next = now.Add(backoff(k.memory.Failures, d.options.Chance()))
		k.memory.judge(now)
		d.tell()
		return false
	}
	d.options.Log.Info("turn begins", "stack", k.Name, "trigger", why)
	d.tell()
	return true
}

// remember keeps what is remembered of a stack.
func (d *Daemon) remember(path string, m *Memory) error {
	if err := m.write(path, func() { d.boundary(BoundaryRemembering) }); err != nil {
		return err
	}
	d.boundary(BoundaryRemembered)
	return nil
}

func (d *Daemon) boundary(point string) {
	if d.options.Boundary != nil {
		d.options.Boundary(point)
	}
}

// update changes what is remembered of a stack, and tells whoever waits for that.
func (d *Daemon) update(k *keeper, change func(m *Memory)) {
	d.mu.Lock()
	defer d.mu.Unlock()
	change(k.memory)
	if err := d.remember(k.Memory, k.memory); err != nil {
		d.options.Log.Error("cannot remember", "stack", k.Name, "error", err)
	}
	d.tell()
}

// tell wakes up whoever waits for a change.
func (d *Daemon) tell() {
	close(d.changed)
	d.changed = make(chan struct{})
}

// rouse makes the loop look again.
func (d *Daemon) rouse() {
	select {
	case d.poke <- struct{}{}:
	default:
	}
}

// idle notes that a piece of work has ended.
func (d *Daemon) idle() {
	d.mu.Lock()
	d.working--
	d.mu.Unlock()
	d.rouse()
}

// Once carries out one turn of each stack, one after the other, whatever the schedule says.
func (d *Daemon) Once(ctx, stop context.Context) {
	for _, s := range d.config.Stacks {
		if stop.Err() != nil || ctx.Err() != nil {
			return
		}
		d.mu.Lock()
		k := d.stacks[s.Name]
		begun := d.begin(k, d.now(), TriggerOnce)
		d.working++
		d.mu.Unlock()
		if begun {
			d.turn(ctx, stop, k)
		} else {
			d.idle()
		}
	}
}

// Snapshot is how everything is.
func (d *Daemon) Snapshot() Snapshot {
	d.mu.Lock()
	defer d.mu.Unlock()
	now := d.now()
	out := Snapshot{Now: now, Started: d.started, Version: d.options.Version, Ready: true}
	for _, s := range d.config.Stacks {
		m := d.stacks[s.Name].memory.clone()
		st := StackState{
			Name: s.Name, Source: s.Source(), Commit: m.Commit, Mode: s.Mode, Schedule: s.Schedule.String(), Zone: s.Schedule.Zone().String(),
			Condition: m.Condition, Since: m.Since, Report: m.Report, Looked: m.Looked, Succeeded: m.Succeeded, Next: m.Next, Running: m.Turn != nil,
			Window: WindowNow{Open: s.Windows.Open(now)}, Failures: m.Failures, Polls: m.Polls, Error: m.Error, Rejected: m.Rejected, Proposed: m.Proposed,
			Turns: m.Turns, Healed: m.Healed, Totals: m.totals,
		}
		if st.Error == "" {
			st.Error = m.PollError
		}
		if !st.Window.Open {
			st.Window.Opens = s.Windows.NextOpen(now)
		}
		out.Ready = out.Ready && len(m.Turns) > 0
		out.Stacks = append(out.Stacks, st)
	}
	return out
}

// Changed is closed when something has changed since it was asked for.
func (d *Daemon) Changed() <-chan struct{} {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.changed
}

// Approve carries out a proposal as the next turn of its stack, as soon as its windows allow that.
func (d *Daemon) Approve(run, who string) error {
	d.mu.Lock()
	i := slices.IndexFunc(d.config.Stacks, func(s *Stack) bool {
		p := d.stacks[s.Name].memory.Proposed
		return run != "" && p != nil && p.Run == run
	})
	d.mu.Unlock()
	if i < 0 {
		return ErrNoProposal
	}
	d.update(d.stacks[d.config.Stacks[i].Name], func(m *Memory) {
		if m.Proposed != nil && m.Proposed.Run == run {
			m.Approved = &Approval{Run: run, Who: who}
			m.Proposed.ApprovedBy = who
			m.Wanted = m.Approved.trigger()
		}
	})
	d.options.Log.Info("approved", "stack", d.config.Stacks[i].Name, "run", run, "by", who)
	d.rouse()
	return nil
}

// Trigger makes a turn of a stack due now.
func (d *Daemon) Trigger(stack, why string) error {
	k := d.stacks[stack]
	if k == nil {
		return ErrNoStack
	}
	d.update(k, func(m *Memory) { m.Wanted = why })
	d.rouse()
	return nil
}

// Told is what [Daemon.KeepTold] kept last of a stack, perhaps before a restart, or nil.
func (d *Daemon) Told(stack string) json.RawMessage {
	d.mu.Lock()
	defer d.mu.Unlock()
	if k := d.stacks[stack]; k != nil {
		return k.memory.Told
	}
	return nil
}

// KeepTold remembers what was told of a stack. It is no change of the stack.
func (d *Daemon) KeepTold(stack string, told json.RawMessage) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	k := d.stacks[stack]
	if k == nil {
		return ErrNoStack
	}
	k.memory.Told = told
	return k.memory.write(k.Memory, func() {})
}

var _ Service = (*Daemon)(nil)
