package main

import (
	"strings"
	"time"

	"github.com/vpsync/vpsync/pkg/apply"
	"github.com/vpsync/vpsync/pkg/plan"
	"github.com/vpsync/vpsync/pkg/plan/render"
	"github.com/vpsync/vpsync/pkg/spec"
)

// subject names what an event is about, safe to print; a run as a whole has no name.
func subject(e apply.Event) string {
	if e.Address == (spec.Address{}) {
		return ""
	}
	s := render.Escape(e.Address.String())
	if e.Deposed != "" {
		s += " (replaced object " + render.Escape(e.Deposed) + ")"
	}
	return s
}

// removing says that an event belongs to the half of a change that takes something away.
func removing(e apply.Event) bool {
	return e.Phase == plan.PhaseRemove || e.Phase == "" && (e.Action == plan.Delete || e.Action == plan.Forget)
}

// presentTense is what happens now: creating.
func presentTense(e apply.Event) string {
	switch {
	case removing(e) && (e.LetsGo || e.Action == plan.Forget):
		return "letting go"
	case removing(e):
		return "destroying"
	case e.Action == plan.Create, e.Action == plan.Replace:
		return "creating"
	case e.Action == plan.Adopt:
		return "adopting"
	case e.Action == plan.Update:
		return "changing"
	case e.Action == plan.Task && e.Type == apply.EventStart:
		return render.Escape(e.Operation)
	}
	return "working"
}

// pastTense is what has happened: created.
func pastTense(e apply.Event) string {
	switch {
	case removing(e) && (e.LetsGo || e.Action == plan.Forget):
		return "let go of"
	case removing(e):
		return "destroyed"
	case e.Action == plan.Create, e.Action == plan.Replace:
		return "created"
	case e.Action == plan.Adopt:
		return "adopted"
	case e.Action == plan.Update:
		return "changed"
	case e.Action == plan.Task:
		return render.Escape(e.Operation) + " done"
	}
	return "done"
}

// eventStage is what a change is busy with, in a few words.
func eventStage(e apply.Event) string {
	switch e.Type {
	case apply.EventWaiting:
		if e.Status != "" {
			return render.Escape(e.Status)
		}
		if e.Phase == plan.PhaseRemove {
			return "waiting until it is gone"
		}
		return "waiting until it is ready"
	case apply.EventSent:
		if e.Operation != "" {
			return render.Escape(strings.ReplaceAll(e.Operation, "_", " ")) + " answered"
		}
		return "answered"
	case apply.EventCountdown, apply.EventSettling:
		return render.Escape(e.Message)
	}
	return ""
}

// standing is the stage of a change and, of a countdown, what is left of it.
func standing(e apply.Event, now time.Time) string {
	stage, rest := eventStage(e), timeLeft(e.Until, now)
	if stage != "" && rest != "" {
		return stage + ", " + rest
	}
	return stage + rest
}

// joinWords puts what is not empty side by side.
func joinWords(parts ...string) string {
	var said []string
	for _, p := range parts {
		if p != "" {
			said = append(said, p)
		}
	}
	return strings.Join(said, " ")
}

// endText is the one line that remains of a change, or of anything else that ended, without the subject.
func endText(e apply.Event) string {
	took := ""
	if e.Elapsed > 0 {
		took = "in " + render.HumanDuration(e.Elapsed)
	}
	id := render.Escape(e.ID)
	switch e.Type {
	case apply.EventDone:
		return joinWords(pastTense(e), id, took, eventNote(e))
	case apply.EventFailed:
		reason := render.Escape(e.Message)
		if e.Err != nil {
			reason = render.Escape(withoutAddress(e.Err, e.Address))
		}
		return joinWords("failed:", reason)
	case apply.EventSkipped:
		return joinWords("skipped", eventNote(e))
	case apply.EventSettled:
		return joinWords("settled", eventNote(e))
	case apply.EventQuestion:
		return joinWords("needs an answer", eventNote(e))
	}
	return render.Escape(e.Message)
}

func eventNote(e apply.Event) string {
	if e.Message == "" {
		return ""
	}
	return "(" + render.Escape(e.Message) + ")"
}

// isEnd says that nothing more follows for the subject of an event.
func isEnd(e apply.Event) bool {
	switch e.Type {
	case apply.EventDone, apply.EventFailed, apply.EventSkipped, apply.EventSettled, apply.EventQuestion:
		return true
	}
	return false
}

// paintEnd colours the line of something that ended.
func paintEnd(s render.Style, e apply.Event, line string) string {
	switch e.Type {
	case apply.EventDone, apply.EventSettled:
		return s.Green(line)
	case apply.EventFailed:
		return s.Red(line)
	case apply.EventQuestion, apply.EventSkipped:
		return s.Yellow(line)
	}
	return line
}

// withoutAddress is an error without the address that the line begins with already.
func withoutAddress(err error, a spec.Address) string {
	return strings.TrimPrefix(err.Error(), a.String()+": ")
}

// timeLeft is how long a countdown still takes, or nothing.
func timeLeft(until, now time.Time) string {
	if until.IsZero() || !until.After(now) {
		return ""
	}
	d := until.Sub(now)
	if whole := d.Truncate(time.Second); whole != d { // a countdown ends at 1s, not at 0s
		d = whole + time.Second
	}
	return render.HumanDuration(d) + " left"
}
