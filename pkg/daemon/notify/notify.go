package notify

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/vpsync/vpsync/pkg/daemon"
	"github.com/vpsync/vpsync/pkg/plan/render/escape"
)

// Options of a notifier. The zero value is good but for tests.
type Options struct {
	Transport http.RoundTripper // nil: one of its own, without a proxy
	Now       func() time.Time  // nil: the clock of this machine
	// Wait returns after d, or with the error of a context that ended before; nil: it does so in real time.
	Wait func(ctx context.Context, d time.Duration) error
	Log  *slog.Logger // nil: nobody is told
}

// Bounds of delivering.
const (
	tries      = 5
	firstWait  = 2 * time.Second // then four times as much, each time
	maxWait    = 5 * time.Minute // whatever a receiver asks for
	oneTry     = 10 * time.Second
	maxQueue   = 50
	maxKept    = 20
	keptFor    = 24 * time.Hour
	maxDiscard = 64 << 10
	// lastWords is how long delivering goes on after the daemon has ended: what its last turn did is worth telling, too.
	lastWords = 10 * time.Second
)

// Notifier tells receivers what becomes of stacks. It is safe for concurrent use.
type Notifier struct {
	o         Options
	client    *http.Client
	receivers []*queue

	mu          sync.Mutex
	memory      Memory
	keeper      Keeper // nil: what was told is forgotten with the process
	kept        map[string]json.RawMessage
	untold      int                  // notices that wait, or are on their way
	undelivered []daemon.Undelivered // the newest first
}

// Keeper remembers by stack what was told of it, over a restart and a crash. A [daemon.Service] may be one.
type Keeper interface {
	// Told is nil where nothing was kept.
	Told(stack string) json.RawMessage
	KeepTold(stack string, told json.RawMessage) error
}

// queue is what a receiver has not been told yet.
type queue struct {
	*receiver
	waiting chan Notice
}

// New reads URLs and secrets from the environment that getenv knows. Its error tells of all receivers that cannot be, and holds no
// secret.
func New(all []daemon.Receiver, getenv func(string) string, o Options) (*Notifier, error) {
	if o.Transport == nil {
		o.Transport = &http.Transport{TLSHandshakeTimeout: oneTry, ForceAttemptHTTP2: true, MaxResponseHeaderBytes: 64 << 10}
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Wait == nil {
		o.Wait = wait
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	n := &Notifier{o: o, client: &http.Client{
		Transport: o.Transport, Timeout: oneTry,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }, // what is told is for nobody else
	}}
	var problems []error
	for _, c := range all {
		r, err := newReceiver(c, getenv)
		if err != nil {
			problems = append(problems, err)
			continue
		}
		n.receivers = append(n.receivers, &queue{r, make(chan Notice, maxQueue)})
	}
	return n, errors.Join(problems...)
}

// Begin takes up what was told before, and takes how the daemon is: what has changed since, a process that was killed among it, is told by
// [Notifier.Run]. Where nothing was kept, what is so now is not told. It is called once, before anything changes.
func (n *Notifier) Begin(service daemon.Service) {
	snap := service.Snapshot()
	if keeper, ok := service.(Keeper); ok && len(n.receivers) > 0 {
		n.keeper, n.kept = keeper, map[string]json.RawMessage{}
		for i := range snap.Stacks {
			name := snap.Stacks[i].Name
			n.kept[name] = keeper.Told(name)
			if err := n.memory.recall(name, n.kept[name]); err != nil {
				n.o.Log.Error("it is not known what was told", "stack", escape.Line(name), "error", escape.Line(err.Error()))
			}
		}
	}
	n.Take(snap)
}

// Run tells of every change of a daemon since [Notifier.Begin] until ctx ends. Then it tells the rest, which may take
// some seconds, and returns; what nobody got by then is in the log.
func (n *Notifier) Run(ctx context.Context, service daemon.Service) {
	sending, end := context.WithCancel(context.WithoutCancel(ctx))
	defer end()
	var all sync.WaitGroup
	for _, q := range n.receivers {
		all.Go(func() { n.deliver(sending, q) })
	}
	for ctx.Err() == nil {
		changed := service.Changed()
		n.Take(service.Snapshot())
		select {
		case <-changed:
		case <-ctx.Done():
		}
	}
	n.Take(service.Snapshot())
	for _, q := range n.receivers {
		close(q.waiting)
	}
	defer time.AfterFunc(lastWords, end).Stop()
	all.Wait()
}

// Take compares a snapshot with those before, and has the receivers told of what changed. It waits for nobody.
func (n *Notifier) Take(snap daemon.Snapshot) {
	n.mu.Lock()
	defer n.mu.Unlock()
	var notices []Notice
	n.memory, notices = Step(n.memory, snap)
	for _, notice := range notices {
		for _, q := range n.receivers {
			select {
			case q.waiting <- notice:
				n.untold++
			default:
				n.giveUp(q, notice, fmt.Errorf("%d others wait to be told already", maxQueue))
			}
		}
	}
	n.keep()
}

// keep remembers what was told, once nothing of it is on its way any more: what a crash cuts off is told again. n.mu is held.
func (n *Notifier) keep() {
	if n.keeper == nil || n.untold > 0 {
		return
	}
	for name := range n.memory.stacks {
		told := n.memory.told(name)
		if bytes.Equal(told, n.kept[name]) {
			continue
		}
		if err := n.keeper.KeepTold(name, told); err != nil {
			n.o.Log.Error("cannot remember what was told", "stack", escape.Line(name), "error", escape.Line(err.Error()))
			continue
		}
		n.kept[name] = told
	}
}

// Undelivered are the notices of the last day that were given up, the newest first, a few at most.
func (n *Notifier) Undelivered() []daemon.Undelivered {
	n.mu.Lock()
	defer n.mu.Unlock()
	oldest := n.o.Now().Add(-keptFor)
	n.undelivered = slices.DeleteFunc(n.undelivered, func(u daemon.Undelivered) bool { return u.At.Before(oldest) })
	return slices.Clone(n.undelivered)
}

// giveUp keeps what was not told; n.mu is held.
func (n *Notifier) giveUp(q *queue, notice Notice, err error) {
	text := escape.Line(err.Error())
	n.o.Log.Error("a notification was not delivered", "receiver", q.name, "stack", escape.Line(notice.Stack), "what", string(notice.What), "error", text)
	u := daemon.Undelivered{Receiver: q.name, Stack: notice.Stack, What: string(notice.What), At: n.o.Now(), Error: text}
	n.undelivered = slices.Insert(n.undelivered, 0, u)
	n.undelivered = n.undelivered[:min(len(n.undelivered), maxKept)]
}

// deliver tells one receiver, one notice after another, until no more will come. What is left when ctx ends is given up.
func (n *Notifier) deliver(ctx context.Context, q *queue) {
	for notice := range q.waiting {
		err := n.tell(ctx, q, &notice)
		ended := err != nil && ctx.Err() != nil
		if ended {
			err = errors.New("the daemon ended before")
		}
		n.mu.Lock()
		if err != nil {
			n.giveUp(q, notice, err)
		}
		if !ended { // the next process tells it
			n.untold--
			n.keep()
		}
		n.mu.Unlock()
	}
}

// tell sends a notice, again where that may help. A receiver may get it twice where its answer was lost; its id is the same then.
func (n *Notifier) tell(ctx context.Context, q *queue, notice *Notice) error {
	r, err := render(notice, q.kind, q.secret)
	if err != nil {
		return err
	}
	pause := firstWait
	for try := 1; ; try++ {
		again, asked, err := n.send(ctx, q, r)
		if err == nil || !again || try == tries {
			return err
		}
		n.o.Log.Warn("a notification is tried again", "receiver", q.name, "error", escape.Line(err.Error()))
		if n.o.Wait(ctx, min(max(pause, asked), maxWait)) != nil {
			return err
		}
		pause *= 4
	}
}

// send tries once. Where it failed it says whether trying again may help, and how long the receiver asks to wait before.
func (n *Notifier) send(ctx context.Context, q *queue, r request) (again bool, asked time.Duration, err error) {
	sent, err := http.NewRequestWithContext(ctx, http.MethodPost, q.url.String(), bytes.NewReader(r.body))
	if err != nil {
		return false, 0, bare(err)
	}
	sent.Header = r.header.Clone()
	answer, err := n.client.Do(sent)
	if err != nil {
		return true, 0, bare(err)
	}
	_, _ = io.Copy(io.Discard, io.LimitReader(answer.Body, maxDiscard)) // so that the connection may be used again
	_ = answer.Body.Close()
	status := answer.StatusCode
	if status >= 200 && status < 300 {
		return false, 0, nil
	}
	if seconds, err := strconv.Atoi(answer.Header.Get("Retry-After")); err == nil && seconds > 0 {
		asked = time.Duration(min(seconds, int(maxWait/time.Second))) * time.Second
	}
	err = fmt.Errorf("the receiver answered %d %s", status, http.StatusText(status))
	if status >= 300 && status < 400 {
		err = fmt.Errorf("the receiver answered %d: vpsync does not follow it elsewhere", status)
	}
	return status >= 500 || status == http.StatusTooManyRequests || status == http.StatusRequestTimeout, asked, err
}

func wait(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
