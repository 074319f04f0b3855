package main

import (
	"fmt"
	"io"
	"slices"
	"sync"
	"time"

	"github.com/vpsync/vpsync/pkg/apply"
	"github.com/vpsync/vpsync/pkg/plan/render"
)

// heartbeat is how often a plain view says that something still runs: CI systems end jobs that are silent.
const heartbeat = 30 * time.Second

// plainView writes a line when something begins, one when it ends, and one from time to time in between.
type plainView struct {
	mu      sync.Mutex
	to      io.Writer
	style   render.Style
	result  resultText
	running map[string]*busy
	stop    chan struct{}
	stopped sync.WaitGroup
	once    sync.Once
}

// busy is a change that runs.
type busy struct {
	last  apply.Event
	since time.Time // when it began
	said  time.Time // when a line was last written about it
	order int
	begun bool // by an event of its own, and so ended by one
}

// stays says that a change goes on although an event of an intent would end it: what an answer was lost for is settled
// in the middle of its change.
func (b *busy) stays(e apply.Event) bool {
	return b != nil && b.begun && e.Type == apply.EventSettled
}

func newPlainView(to io.Writer, style render.Style, result resultText) *plainView {
	v := &plainView{to: to, style: style, result: result, running: map[string]*busy{}, stop: make(chan struct{})}
	v.stopped.Go(v.beat)
	return v
}

func (v *plainView) Event(e apply.Event) {
	v.mu.Lock()
	defer v.mu.Unlock()
	now := time.Now()
	name := subject(e)
	b := v.running[name]
	switch {
	case isEnd(e):
		if !b.stays(e) {
			delete(v.running, name)
		}
		v.say(name, paintEnd(v.style, e, endText(e)))
		return
	case name == "":
		if e.Message != "" || e.Type == apply.EventVerifying {
			v.say("", runText(e, now, v.result.accounts))
		}
		return
	case b == nil || e.Type == apply.EventStart:
		v.running[name] = &busy{last: e, since: now.Add(-e.Elapsed), said: now, order: len(v.running), begun: e.Type == apply.EventStart}
		v.say(name, beginText(e, now))
		return
	case e.Type == apply.EventCountdown && b.last.Type != apply.EventCountdown:
		b.said = now
		v.say(name, standing(e, now))
	}
	b.last = e
}

// beginText is the line for something new.
func beginText(e apply.Event, now time.Time) string {
	switch e.Type {
	case apply.EventSettling:
		return joinWords("settling what an earlier run began…", timeLeft(e.Until, now), eventNote(e))
	case apply.EventCountdown:
		return standing(e, now)
	}
	return presentTense(e) + "…"
}

// runText is the line for what concerns the run as a whole; accounts says that the stack has several.
func runText(e apply.Event, now time.Time, accounts bool) string {
	message := render.Escape(e.Message)
	if message == "" && e.Type == apply.EventVerifying {
		message = "Verifying: reading the account again…"
		if accounts {
			message = "Verifying: reading the accounts again…"
		}
	}
	return joinWords(message, timeLeft(e.Until, now))
}

func (v *plainView) say(name, text string) {
	if name != "" {
		text = name + ": " + text
	}
	fmt.Fprintln(v.to, text)
}

// beat tells what still runs.
func (v *plainView) beat() {
	t := time.NewTicker(time.Second)
	defer t.Stop()
	for {
		select {
		case <-v.stop:
			return
		case now := <-t.C:
			v.mu.Lock()
			for _, name := range inOrder(v.running) {
				b := v.running[name]
				if now.Sub(b.said) < heartbeat {
					continue
				}
				b.said = now
				v.say(name, joinWords("still "+presentTense(b.last)+"…", render.HumanDuration(now.Sub(b.since).Truncate(time.Second)),
					parens(standing(b.last, now))))
			}
			v.mu.Unlock()
		}
	}
}

func parens(s string) string {
	if s == "" {
		return ""
	}
	return "(" + s + ")"
}

// inOrder lists what runs, longest first.
func inOrder(running map[string]*busy) []string {
	names := make([]string, 0, len(running))
	for n := range running {
		names = append(names, n)
	}
	slices.SortFunc(names, func(a, b string) int {
		x, y := running[a], running[b]
		if c := x.since.Compare(y.since); c != 0 {
			return c
		}
		if x.order != y.order {
			return x.order - y.order
		}
		if a < b {
			return -1
		}
		return 1
	})
	return names
}

func (v *plainView) Result(r *apply.Result, exit int) {
	v.Close()
	v.result.write(r, exit)
}

func (v *plainView) Close() {
	v.once.Do(func() {
		close(v.stop)
		v.stopped.Wait()
	})
}
