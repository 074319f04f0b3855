package main

import (
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"github.com/vpsync/vpsync/pkg/apply"
	"github.com/vpsync/vpsync/pkg/plan/render"
)

const (
	frameEvery  = 100 * time.Millisecond // between two frames, at least
	liveLines   = 10                     // changes that a frame shows
	hideCursor  = "\x1b[?25l"
	showCursor  = "\x1b[?25h"
	clearBelow  = "\x1b[J"
	cursorUpFmt = "\x1b[%dA"
)

// spinner has one sign for each frame.
var spinner = []string{"⠋", "⠙", "⠹", "⠸", "⠼", "⠴", "⠦", "⠧", "⠇", "⠏"}

// liveView shows on a terminal what runs right now, redrawn in place below the lines of what has ended.
type liveView struct {
	mu      sync.Mutex
	to      io.Writer
	width   func() int
	style   render.Style
	result  resultText
	running map[string]*busy
	ended   []string // lines that the next frame scrolls out above itself
	message string   // about the run as a whole
	until   time.Time
	begun   time.Time
	done    int
	total   int
	drawn   int // lines of the last frame
	frames  int
	started int
	stop    chan struct{}
	stopped sync.WaitGroup
	once    sync.Once
}

func newLiveView(to io.Writer, width func() int, style render.Style, result resultText) *liveView {
	v := &liveView{
		to: to, width: width, style: style, result: result,
		running: map[string]*busy{}, begun: time.Now(), stop: make(chan struct{}),
	}
	io.WriteString(to, hideCursor)
	v.stopped.Go(v.draw)
	return v
}

func (v *liveView) Event(e apply.Event) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.total = max(v.total, e.Total)
	v.done = max(v.done, e.Done)
	name := subject(e)
	switch {
	case isEnd(e):
		if !v.running[name].stays(e) {
			delete(v.running, name)
		}
		v.ended = append(v.ended, v.endLine(name, e))
	case name == "":
		v.message, v.until = runText(e, time.Time{}, v.result.accounts), e.Until
	default:
		b := v.running[name]
		if b == nil || e.Type == apply.EventStart {
			v.started++
			b = &busy{since: time.Now().Add(-e.Elapsed), order: v.started, begun: e.Type == apply.EventStart}
			v.running[name] = b
		}
		b.last = e
	}
}

func (v *liveView) endLine(name string, e apply.Event) string {
	sign := map[apply.EventType]string{apply.EventFailed: "✗", apply.EventSkipped: "–", apply.EventQuestion: "?"}[e.Type]
	if sign == "" {
		sign = "✓"
	}
	if name != "" {
		name += ": "
	}
	return paintEnd(v.style, e, sign) + " " + name + endText(e)
}

// draw redraws until the view is closed.
func (v *liveView) draw() {
	t := time.NewTicker(frameEvery)
	defer t.Stop()
	for {
		select {
		case <-v.stop:
			return
		case now := <-t.C:
			v.mu.Lock()
			v.frame(now)
			v.mu.Unlock()
		}
	}
}

// frame replaces the last frame in one write, so that nothing flickers.
func (v *liveView) frame(now time.Time) {
	var b strings.Builder
	v.erase(&b)
	for _, line := range v.ended {
		b.WriteString(line + "\n")
	}
	v.ended = nil
	lines := v.lines(now)
	for _, line := range lines {
		b.WriteString(line + "\n")
	}
	v.drawn = len(lines)
	v.frames++
	io.WriteString(v.to, b.String())
}

func (v *liveView) erase(b *strings.Builder) {
	if v.drawn > 0 {
		fmt.Fprintf(b, cursorUpFmt, v.drawn)
		b.WriteString(clearBelow)
	}
	v.drawn = 0
}

// lines are the frame: what runs, and how far the run has come. None is wider than the terminal, or moving up by
// their number would miss the first one.
func (v *liveView) lines(now time.Time) []string {
	width := max(v.width(), 20) - 1
	names := inOrder(v.running)
	var out []string
	for _, name := range names[:min(len(names), liveLines)] {
		out = append(out, v.busyLine(name, v.running[name], now, width))
	}
	if more := len(names) - liveLines; more > 0 {
		out = append(out, v.style.Dim(render.Cut(fmt.Sprintf("  … and %d more", more), width)))
	}
	if v.message != "" {
		out = append(out, render.Cut(v.spin()+" "+joinWords(v.message, timeLeft(v.until, now)), width))
	}
	if v.total > 0 {
		out = append(out, v.style.Dim(render.Cut(v.progress(len(names), now), width)))
	}
	return out
}

// busyLine puts the time at the right, where eyes find it.
func (v *liveView) busyLine(name string, b *busy, now time.Time, width int) string {
	took := render.HumanDuration(now.Sub(b.since).Truncate(time.Second))
	room := width - len(took) - 2
	what := presentTense(b.last) + "…"
	if b.last.Type == apply.EventSettling {
		what = "settling…"
	}
	line := render.Cut(v.spin()+" "+name+"  "+joinWords(what, parens(standing(b.last, now))), room)
	return line + strings.Repeat(" ", max(0, room-render.Width(line))) + "  " + took
}

func (v *liveView) spin() string { return spinner[v.frames%len(spinner)] }

func (v *liveView) progress(running int, now time.Time) string {
	const bar = 20
	full := bar * min(v.done, v.total) / v.total
	return fmt.Sprintf("  %s%s  %d of %d done, %d running, %s", strings.Repeat("█", full), strings.Repeat("░", bar-full),
		v.done, v.total, running, render.HumanDuration(now.Sub(v.begun).Truncate(time.Second)))
}

func (v *liveView) Result(r *apply.Result, exit int) {
	v.Close()
	v.result.write(r, exit)
}

func (v *liveView) Close() {
	v.once.Do(func() {
		close(v.stop)
		v.stopped.Wait()
		v.mu.Lock()
		defer v.mu.Unlock()
		var b strings.Builder
		v.erase(&b)
		for _, line := range v.ended {
			b.WriteString(line + "\n")
		}
		v.ended = nil
		b.WriteString(showCursor)
		io.WriteString(v.to, b.String())
	})
}
