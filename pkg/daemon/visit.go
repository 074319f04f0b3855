package daemon

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"time"
)

// turn carries out one turn that was begun, and enters how it ended.
func (d *Daemon) turn(ctx, stop context.Context, k *keeper) {
	defer d.idle()
	v := d.visit(ctx, stop, k)
	v.stopped = stop.Err() != nil || ctx.Err() != nil
	v.busy = errors.Is(v.err, ErrBusy)
	var t Turn
	d.update(k, func(m *Memory) {
		t = m.end(k.Stack, d.now(), v, d.options.Chance())
	})
	level := slog.LevelInfo
	if t.Result == ResultFailed {
		level = slog.LevelError
	}
	attrs := []any{"stack", k.Name, "trigger", t.Trigger, "result", string(t.Result), "took", t.Took.Round(time.Millisecond).String(), "requests", t.Requests}
	if t.Commit != "" {
		attrs = append(attrs, "commit", t.Commit)
	}
	if t.Run != "" {
		attrs = append(attrs, "run", t.Run)
	}
	if t.Error != "" {
		attrs = append(attrs, "error", t.Error)
	}
	d.mu.Lock()
	if r := k.memory.Report; v.report != nil && r != nil {
		attrs = append(attrs, "drifted", len(r.Drifted))
	}
	if p := k.memory.Proposed; p != nil {
		attrs = append(attrs, "proposed", p.Run)
	}
	attrs = append(attrs, "next", k.memory.Next)
	d.mu.Unlock()
	d.options.Log.Log(context.Background(), level, "turn ended", attrs...)
}

func (d *Daemon) redacted(text string) string {
	if d.options.Redact == nil {
		return text
	}
	return d.options.Redact(text)
}

// visit looks at a stack and does what its mode says. A panic of what is called is a failure of this turn, and of no other stack.
func (d *Daemon) visit(ctx, stop context.Context, k *keeper) (v visit) {
	defer func() {
		if p := recover(); p != nil {
			said := d.redacted(fmt.Sprint(p))
			d.options.Log.Error("panic", "stack", k.Name, "panic", said, "where", d.redacted(string(debug.Stack())))
			v.err = fmt.Errorf("this is a mistake in vpsync: %s", said)
		}
	}()
	at, err := d.inForce(ctx, k)
	if err != nil {
		v.err = err
		return v
	}
	v.commit = at.Commit
	d.mu.Lock()
	m := k.memory.clone()
	d.mu.Unlock()
	switch a, p := m.Approved, m.Proposed; {
	case a == nil || p == nil || p.Run != a.Run:
	case !k.Windows.Open(d.now()) || stop.Err() != nil:
		v.waits = true
	default:
		v.approved = a
		v.applied = d.act(ctx, stop, k, &v, func(acting Acting) (*Outcome, error) {
			acting.Actor = a.Who
			return d.options.Work.Apply(ctx, at, p.Digest, acting)
		})
		if errors.Is(v.err, ErrMoved) { // the next look makes a plan of how things are now
			v.note, v.err = v.err.Error(), nil
		}
	}
	if v.err == nil || v.acted {
		d.look(ctx, k, at, &v)
	}
	if v.err == nil && !v.applied && !v.waits && m.heals(k.Stack, v.report) {
		if k.Windows.Open(d.now()) && stop.Err() == nil {
			if d.act(ctx, stop, k, &v, func(acting Acting) (*Outcome, error) { return d.options.Work.Heal(ctx, at, acting) }) || v.acted {
				d.look(ctx, k, at, &v)
			}
		} else {
			v.waits = true
		}
	}
	return v
}

// look makes a report. An error of what was done before counts more.
func (d *Daemon) look(ctx context.Context, k *keeper, at Checkout, v *visit) {
	report, err := d.options.Work.Look(ctx, at)
	if report != nil {
		v.requests += report.Requests
	}
	if report != nil && err == nil {
		v.report = report
		d.update(k, func(m *Memory) {
			by := ""
			if v.acted {
				by = m.Turn.Run
			}
			m.seen(k.Stack, d.now(), report, by, d.options.NewID())
			v.report = m.Report.clone() // with what is still there although it does not show
		})
	}
	if v.err == nil {
		v.err = err
	}
}

// act begins a run and says whether it ended as it should.
func (d *Daemon) act(ctx, stop context.Context, k *keeper, v *visit, do func(Acting) (*Outcome, error)) bool {
	acting := Acting{Stop: stop, Unasked: k.Mode == Heal, AllowDestroy: k.AllowDestroy}
	if end := k.Windows.Closes(d.now()); !end.IsZero() {
		var cancel context.CancelFunc
		acting.Stop, cancel = context.WithTimeout(stop, end.Sub(d.now()))
		defer cancel()
	}
	d.update(k, func(m *Memory) {
		m.Acting = true
		acting.Run = m.Turn.Run
	})
	out, err := do(acting)
	v.acted = out != nil
	if out != nil {
		v.done = Counts{Add: v.done.Add + out.Done.Add, Change: v.done.Change + out.Done.Change, Destroy: v.done.Destroy + out.Done.Destroy,
			Replace: v.done.Replace + out.Done.Replace, Forget: v.done.Forget + out.Done.Forget, Adopt: v.done.Adopt + out.Done.Adopt}
		v.requests += out.Requests
	}
	if err != nil && out != nil && stop.Err() == nil && acting.Stop.Err() != nil {
		v.waits = true // the window closed meanwhile
		return false
	}
	v.err = err
	if err == nil || errors.Is(err, ErrMoved) { // then nothing was begun
		d.update(k, func(m *Memory) { m.Acting = false })
	}
	return err == nil
}

// inForce is the checkout to work on: the newest that validates. Where the source cannot be asked, or what it has now is wrong, it is
// what was in force before.
func (d *Daemon) inForce(ctx context.Context, k *keeper) (Checkout, error) {
	newest, late := d.options.Sources.Newest(ctx, k.Stack)
	if k.Git == nil {
		return newest, late
	}
	if ctx.Err() != nil {
		return Checkout{}, ctx.Err()
	}
	var m *Memory
	d.update(k, func(now *Memory) {
		now.polled(k.Stack, d.now(), newest.Commit, late, d.options.Chance())
		m = now.clone()
	})
	switch {
	case late != nil:
		d.options.Log.Error("cannot ask the source", "stack", k.Name, "error", late)
		if m.Commit == "" {
			return Checkout{}, late
		}
	case newest.Commit == m.Commit:
		d.update(k, func(m *Memory) { m.Rejected = nil })
		return newest, nil
	default: // also what was rejected before: what was wrong may have been this machine
		err := d.options.Work.Validate(ctx, newest)
		if ctx.Err() != nil {
			return Checkout{}, ctx.Err()
		}
		d.update(k, func(m *Memory) { m.judged(d.now(), newest.Commit, err) })
		if err == nil {
			d.options.Log.Info("commit in force", "stack", k.Name, "commit", newest.Commit)
			return newest, nil
		}
		d.options.Log.Error("commit rejected", "stack", k.Name, "commit", newest.Commit, "error", err)
		if m.Commit == "" {
			return Checkout{}, err
		}
	}
	return d.options.Sources.At(ctx, k.Stack, m.Commit)
}

// poll asks the source of a stack whether there is a new commit.
func (d *Daemon) poll(ctx, stop context.Context, k *keeper) {
	defer d.idle()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(stop, cancel)()
	newest, err := d.options.Sources.Newest(ctx, k.Stack)
	d.update(k, func(m *Memory) {
		k.asking = false
		if ctx.Err() == nil {
			m.polled(k.Stack, d.now(), newest.Commit, err, d.options.Chance())
		}
	})
	if err != nil && ctx.Err() == nil {
		d.options.Log.Error("cannot ask the source", "stack", k.Name, "error", err)
	}
}
