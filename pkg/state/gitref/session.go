package gitref

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"sync"
	"time"

	"github.com/vpsync/vpsync/internal/panics"
	"github.com/vpsync/vpsync/pkg/git"
	"github.com/vpsync/vpsync/pkg/state"
)

// lock is a lock that was taken through a store, and the state under it. A goroutine of its own pushes: what waits to be durable, and
// otherwise a sign of life.
type lock struct {
	s        *Store
	owner    state.Owner
	brokenAt time.Time

	wake chan struct{} // something waits
	stop chan struct{} // closed by Release
	done chan struct{} // closed when nothing is pushed any more

	mu       sync.Mutex
	model    *model
	taken    int64         // commits taken in
	pushed   int64         // of them durable
	changed  chan struct{} // closed and replaced when pushed or dead changes
	accepted time.Time     // when the last push that the remote took had begun
	id       string        // of the lock's commit
	beat     int64
	tip      string // of the state's commit
	base     string // what the commit of this run stands on
	linear   bool   // the remote takes no commit that replaces another one
	dead     error  // why nothing is taken in any more
	lost     bool   // the lock is another's
	released bool
}

func newLock(s *Store, owner state.Owner, brokenAt time.Time, id string, began time.Time) *lock {
	return &lock{
		s: s, owner: owner, brokenAt: brokenAt, id: id, accepted: began,
		wake: make(chan struct{}, 1), stop: make(chan struct{}), done: make(chan struct{}), changed: make(chan struct{}),
	}
}

// begin reads the state, which nobody else changes from here on, and starts to show signs of life.
func (l *lock) begin(ctx context.Context) error {
	m, tip, err := l.s.read(ctx)
	if err == nil {
		_, err = l.s.verified(m)
	}
	if err != nil {
		close(l.done)
		return err
	}
	l.model, l.tip, l.base = m.clone(), tip, tip
	go l.loop()
	return nil
}

func (m *model) clone() *model {
	c := newModel("")
	c.meta = m.meta
	for _, t := range tables {
		c.tables[t] = maps.Clone(m.tables[t])
	}
	return c
}

// ID is the owner's.
func (l *lock) ID() string { return l.owner.ID }

// BrokenAt is when the lock was last taken from a holder, by Unlock or because it had expired.
func (l *lock) BrokenAt() time.Time { return l.brokenAt }

// Check fails once half a lease has passed since the remote last took a push: from then on another run may be about to take the lock.
func (l *lock) Check() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.check()
}

func (l *lock) check() error {
	switch {
	case l.released:
		return state.ErrLockLost
	case l.dead != nil:
		return panics.Again(l.dead)
	case l.left() <= 0:
		l.die(l.expired(nil))
		return l.dead
	}
	return nil
}

// left is how long the holder may go on without another sign of life. A clock that is set counts as well as one that is not: a machine
// that slept does not know it by the latter.
func (l *lock) left() time.Duration {
	now := time.Now()
	return l.s.options.Lease/2 - max(now.Sub(l.accepted), now.Round(0).Sub(l.accepted.Round(0)))
}

func (l *lock) expired(err error) error {
	why := "the machine slept, or had too much to do"
	if err != nil {
		why = err.Error()
	}
	return &state.UnusableError{Path: l.s.ref, Err: state.ErrLockLost, Summary: "The lock of the state has run out", Remedy: "run the command again",
		Detail: fmt.Sprintf("the lock of the state %s could not be renewed for %s, so that another run may take it, and nothing is sent any more: %s", l.s.Where(), l.s.options.Lease/2, why)}
}

// die ends what is taken in; l.mu is held.
func (l *lock) die(err error) {
	if l.dead == nil {
		l.dead = err
		l.tell()
	}
}

// tell wakes who waits for a push; l.mu is held.
func (l *lock) tell() {
	close(l.changed)
	l.changed = make(chan struct{})
}

func (l *lock) load() (*state.State, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.dead != nil {
		return nil, panics.Again(l.dead)
	}
	return l.s.verified(l.model)
}

func (l *lock) take(ctx context.Context, durable bool, writes []state.Write) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := l.check(); err != nil {
		return err
	}
	if len(writes) > 0 {
		if err := l.model.apply(writes); err != nil {
			return l.s.unusable("be written", err)
		}
		l.taken++
	}
	// What began is not abandoned: the caller must know how it ended.
	for mine := l.taken; durable && l.pushed < mine; {
		if l.dead != nil {
			return panics.Again(l.dead)
		}
		changed := l.changed
		l.mu.Unlock()
		select {
		case l.wake <- struct{}{}:
		default:
		}
		<-changed
		l.mu.Lock()
	}
	return nil
}

// loop pushes what waits, and otherwise a sign of life every so often. If it panics, so does whoever asks for anything from then on; what was
// taken in comes with the release, unless that panics, too.
func (l *lock) loop() {
	defer close(l.done)
	t := time.NewTimer(l.s.options.Beat)
	defer t.Stop()
	for {
		select {
		case <-l.stop:
			return
		case <-l.wake:
			l.mu.Lock()
			waiting := l.pushed < l.taken
			l.mu.Unlock()
			if !waiting {
				continue
			}
		case <-t.C:
		}
		if err := l.tryPush(); err != nil {
			l.mu.Lock()
			l.die(err)
			l.mu.Unlock()
			return
		}
		t.Reset(l.s.options.Beat)
	}
}

func (l *lock) tryPush() (err error) {
	defer panics.Into(&err)
	return l.push(false)
}

// parcel is what one push brings.
type parcel struct {
	taken   int64
	files   map[string][]byte // of the state; nil where only the lock moves
	message string
	changes int
	note    *note // nil deletes the lock
	lock    string
	tip     string
	base    string
	began   time.Time
}

// pack puts together what is to be pushed. The last push gives the lock back.
func (l *lock) pack(last bool) (*parcel, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	p := &parcel{taken: l.taken, lock: l.id, tip: l.tip, base: l.base, changes: len(l.model.changes)}
	if l.pushed < l.taken {
		seal, err := l.sealed()
		if err != nil {
			return nil, err
		}
		if p.files, err = l.model.files(seal); err != nil {
			return nil, err
		}
		p.message = l.model.message()
	}
	l.beat++
	p.note = &note{Owner: &l.owner, Beat: l.beat, BrokenAt: l.brokenAt}
	if last {
		p.note = nil
		if time.Since(l.brokenAt) < forgotten {
			p.note = &note{Beat: l.beat, BrokenAt: l.brokenAt}
		}
	}
	return p, nil
}

// sealed is what seals the rows, if anything does: from here on, where they were not sealed before; l.mu is held.
func (l *lock) sealed() (*state.Sealer, error) {
	s := l.s
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.seal == nil && s.options.Seal {
		seal, err := s.sealer(l.model.meta.Lineage)
		if err != nil {
			return nil, err
		}
		s.seal = seal
		l.model.unline()
	}
	return s.seal, nil
}

// unline forgets how rows are kept, so that they are written anew.
func (m *model) unline() {
	for _, t := range tables {
		for key, r := range m.tables[t] {
			r.line = ""
			m.tables[t][key] = r
		}
	}
}

// refusals is how often a remote that answers may refuse a push, of each form, before that is taken for its last word.
const refusals = 2

// forward: the remote says that it takes only what goes forward, in git's words or those of a host.
var forward = regexp.MustCompile(`(?i)non-fast-forward|force[- ]push|deletion|delete`)

// push pushes what was taken in, and moves the lock with it. It tries again while the lease lasts.
func (l *lock) push(last bool) error {
	p, err := l.pack(last)
	if err != nil {
		return l.s.unusable("be written", err)
	}
	l.mu.Lock()
	left := l.left()
	l.mu.Unlock()
	if last && left <= 0 {
		left = l.s.options.Beat // nobody has taken the lock, perhaps
	}
	ctx, cancel := context.WithTimeout(context.Background(), left)
	defer cancel()
	s := l.s
	updates, err := l.objects(ctx, p)
	p.began = time.Now()
	for refused := 0; ; {
		if err != nil && ctx.Err() != nil {
			return l.expired(err)
		}
		if err != nil {
			return s.unusable("be written", err)
		}
		began := time.Now()
		failed := s.repo.Push(ctx, s.options.Remote, updates...)
		if failed == nil {
			l.arrived(p, updates, began)
			return nil
		}
		refs, asking := s.repo.Refs(ctx, s.options.Remote, s.ref, s.key)
		if asking == nil {
			switch arrived, mine := l.compare(refs, updates); {
			case arrived:
				l.arrived(p, updates, p.began)
				return nil
			case !mine:
				l.mu.Lock()
				l.lost = true
				l.mu.Unlock()
				return state.ErrLockLost
			case refs[s.ref] != p.tip:
				return &state.UnusableError{Path: s.ref, Err: failed, Summary: "Somebody else has changed the state", Remedy: "run the command again",
					Detail: fmt.Sprintf("the state %s was changed by something that does not hold its lock", s.Where())}
			}
			refused++
			switch plain := !l.linear || p.note == nil; {
			case plain && (refused >= refusals || forward.MatchString(failed.Error())): // some remotes take only what goes forward
				l.linear, refused = true, 0
				if p.note == nil {
					p.note = &note{BrokenAt: l.brokenAt}
				}
				updates, err = l.objects(ctx, p)
				continue
			case refused >= refusals:
				return s.denied("be written", failed)
			}
		}
		if sleep(ctx, s.options.Beat/4) != nil {
			return l.expired(failed)
		}
	}
}

// objects writes what a push needs, and says what becomes of the references. The lock comes last in it.
func (l *lock) objects(ctx context.Context, p *parcel) ([]git.Update, error) {
	s := l.s
	var updates []git.Update
	if p.files != nil {
		parent := p.base
		if l.linear {
			parent = p.tip
		}
		var parents []string
		if parent != "" {
			parents = []string{parent}
		}
		id, err := s.write(ctx, p.files, parents, p.message, signature(l.owner.User, l.owner.Host))
		if err != nil {
			return nil, err
		}
		updates = append(updates, git.Update{Ref: s.ref, Old: p.tip, New: id})
	}
	u := git.Update{Ref: s.key, Old: p.lock}
	if p.note != nil {
		var parents []string
		if l.linear {
			parents = []string{p.lock}
		}
		id, err := s.writeNote(ctx, *p.note, parents...)
		if err != nil {
			return nil, err
		}
		u.New = id
	}
	return append(updates, u), nil
}

// compare says whether what was not answered has been done, and if not whether the lock is still ours.
func (l *lock) compare(refs map[string]string, updates []git.Update) (arrived, mine bool) {
	arrived = true
	for _, u := range updates {
		arrived = arrived && refs[u.Ref] == u.New
	}
	u := updates[len(updates)-1]
	return arrived, refs[u.Ref] == u.Old
}

// arrived notes what the remote has taken.
func (l *lock) arrived(p *parcel, updates []git.Update, began time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.accepted, l.id = began, updates[len(updates)-1].New
	if p.files != nil {
		l.tip = updates[0].New
		l.pushed = p.taken
		if l.linear {
			l.base = l.tip
			l.model.changes = l.model.changes[p.changes:]
		}
		l.tell()
	}
}

// pin keeps the commit that there is: the next one stands on it, and says what comes after it. Nothing waits to be pushed.
func (l *lock) pin() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.base = l.tip
	if l.pushed == l.taken {
		l.model.changes = nil
	}
	return l.tip
}

// Release makes durable what was deferred, and gives the lock back. Twice is harmless, and so is giving back one that was lost. Where the
// remote cannot be told, the lock expires.
func (l *lock) Release() error {
	l.s.mu.Lock()
	if l.s.held == l {
		l.s.held = nil
	}
	l.s.mu.Unlock()
	l.mu.Lock()
	again := l.released
	l.released = true
	l.mu.Unlock()
	if again {
		return nil
	}
	close(l.stop)
	<-l.done
	if l.lost {
		return nil
	}
	if l.model == nil { // the state could not be read
		l.model = newModel("")
	}
	behind := l.pushed < l.taken
	err := l.push(true)
	if err == nil {
		ctx, cancel := context.WithTimeout(context.Background(), l.s.options.Lease)
		defer cancel()
		if l.tip != "" {
			_ = l.s.repo.SetLocal(ctx, l.s.ref, l.tip) // it only helps
		}
		return nil
	}
	if !behind || errors.Is(err, state.ErrLockLost) && l.lost {
		return nil
	}
	return err
}

// abandon ends it as a death of the process would.
func (l *lock) abandon() {
	l.mu.Lock()
	again := l.released
	l.released = true
	l.die(errors.New("the state is closed"))
	l.mu.Unlock()
	if !again {
		close(l.stop)
		<-l.done
	}
}

// message is that of the commit of a run.
func (m *model) message() string {
	title, body := "Before a run", ""
	if r := m.lastRun(); r != nil {
		title = fmt.Sprintf("%s by %s", r.Command, orUnknown(r.Actor))
		if counts := m.counts(); counts != "" {
			title += ": " + counts
		}
		switch {
		case r.Ended.IsZero():
			title += " (not ended)"
		case r.ExitCode != 0:
			title += fmt.Sprintf(" (exit code %d)", r.ExitCode)
		}
		body = fmt.Sprintf("\n\nRun %s on %s", r.ID, orUnknown(r.Host))
		if r.Commit != "" {
			body += "\nStack " + r.Commit
		}
		if did := m.did(); did != "" {
			body = "\n\n" + did + body
		}
	}
	return title + body + fmt.Sprintf("\nSerial %d\n", m.meta.Serial)
}

func orUnknown(name string) string {
	if name == "" {
		return "somebody"
	}
	return name
}

// lastRun is the run that began last of those that this commit tells of, or nil.
func (m *model) lastRun() *state.Run {
	var last *state.Run
	for _, key := range slices.Sorted(maps.Keys(m.runs)) {
		if r, err := readRun([]byte(m.runs[key].Body)); err == nil && (last == nil || r.Started.After(last.Started)) {
			last = &r
		}
	}
	return last
}
