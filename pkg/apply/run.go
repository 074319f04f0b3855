package apply

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/vpsync/vpsync/pkg/plan"
	"github.com/vpsync/vpsync/pkg/providers"
	"github.com/vpsync/vpsync/pkg/spec"
	"github.com/vpsync/vpsync/pkg/state"
)

// run is one use of a Runner: the state as it has made it so far, and whether it may go on.
type run struct {
	*Runner
	clock  providers.Clock
	ledger *ledger
	entry  state.Run // in the history
	// stop is cancelled by the first interrupt: nothing new begins. Its zero value never is.
	stop context.Context

	emitting sync.Mutex
	done     int // changes
	total    int

	alive context.Context // cancelled with fatal: whoever sleeps for this run wakes up
	end   context.CancelFunc

	mu     sync.Mutex
	fatal  error // why nothing may be sent or written any more
	left   []*state.Leftover
	sent   bool // a request left that may have had an effect, or the state was changed in place of one
	wrote  time.Time
	flying map[string]bool // intents in the hands of a step
	// announced are intents that were committed before the first request, and whose own was not sent yet; journaled are those that are
	// durable, by id. Both are for stores that commit later.
	announced map[announceKey]*state.Intent
	journaled map[string][]byte
	patient   time.Time // no intent is older than this: another run's lock was broken then, and its holder may have sent until then
	begun     time.Time // who held the lock before had ended by then, unless it was broken

	identities keyed
}

// errStopped: an interrupt kept something from beginning.
var errStopped = errors.New("interrupted before it began")

func (r *Runner) begin(st *state.State) *run {
	x := &run{
		Runner: r, clock: orReal(r.Options.Clock), ledger: newLedger(st), stop: context.Background(),
		flying: map[string]bool{}, identities: keyed{turns: map[string]chan struct{}{}},
	}
	x.entry = r.Options.Run
	if x.entry.Started.IsZero() {
		x.entry.Started = x.clock.Now()
	}
	x.begun = x.clock.Now()
	x.alive, x.end = context.WithCancel(context.Background())
	if r.Lock != nil {
		x.patient = r.Lock.BrokenAt()
	}
	return x
}

// load begins a run on the state as it is now.
func (r *Runner) load(ctx context.Context) (*run, *state.State, error) {
	st, err := r.Store.Load(ctx)
	if err != nil {
		return nil, nil, err
	}
	if err := r.Accounts.check(st); err != nil {
		return nil, nil, err
	}
	return r.begin(st), st, nil
}

func orReal(c providers.Clock) providers.Clock {
	if c == nil {
		return providers.RealClock()
	}
	return c
}

// dead is why nothing may be sent or written any more, or nil.
func (r *run) dead() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.fatal
}

func (r *run) die(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.fatal == nil {
		r.fatal = err
		r.end()
	}
}

// stopped: an interrupt came.
func (r *run) stopped() bool { return r.stop.Err() != nil }

// mayBegin says why no request may begin now, or nil. It is asked right before each time that a request is put on the wire.
func (r *run) mayBegin() error {
	if err := r.dead(); err != nil {
		return err
	}
	if r.stopped() {
		return errStopped
	}
	if r.Lock == nil {
		return nil
	}
	if err := r.Lock.Check(); err != nil {
		r.die(err)
		return err
	}
	return nil
}

// effect notes that something was sent that may have had an effect.
func (r *run) effect() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.sent, r.wrote = true, r.clock.Now()
}

// altered notes that the state was changed in place of a request: an object was let go of, or taken over.
func (r *run) altered() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.sent = true
}

func (r *run) lastEffect() (bool, time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.sent, r.wrote
}

// newID makes an id for a journal row or a deposed record.
func (r *run) newID() string { return r.Options.NewID() }

// sleepUntil sleeps, and ends early with an interrupt's error.
func (r *run) sleepUntil(ctx context.Context, until time.Time) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(r.stop, cancel)()
	defer context.AfterFunc(r.alive, cancel)()
	d := until.Sub(r.clock.Now())
	if d <= 0 {
		return ctx.Err()
	}
	if err := r.clock.Sleep(ctx, d); err != nil {
		switch dead := r.dead(); {
		case dead != nil:
			return dead
		case r.stopped():
			return errStopped
		}
		return err
	}
	return nil
}

// desiredOf finds what the configuration says of an address, or nil.
func desiredOf(config *spec.Response, a spec.Address) *spec.Resource {
	if config == nil {
		return nil
	}
	for _, r := range config.Resources {
		if r.Address == a {
			return r
		}
	}
	return nil
}

// ref is the kind of a change.
func refOf(ch *plan.Change) plan.KindRef { return plan.KindRef{Account: ch.Account, Kind: ch.Kind} }

// keyed lets one at a time in for each key. Whoever waits gives up with its context.
type keyed struct {
	mu    sync.Mutex
	turns map[string]chan struct{}
}

func (k *keyed) enter(ctx context.Context, key string) (leave func(), err error) {
	k.mu.Lock()
	turn := k.turns[key]
	if turn == nil {
		turn = make(chan struct{}, 1)
		k.turns[key] = turn
	}
	k.mu.Unlock()
	select {
	case turn <- struct{}{}:
		return func() { <-turn }, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}
