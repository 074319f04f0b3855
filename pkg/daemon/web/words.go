package web

import (
	"fmt"
	"strconv"
	"time"

	"github.com/vpsync/vpsync/pkg/daemon"
)

// moment of the page: relative in words, exact in its attributes. page.js keeps the words true; words in both files are the same.
type instant struct {
	Words string // "4 min ago", "in 2 min 05 s"
	Exact string // for people
	ISO   string // for programs
	Kind  string // "ago", "in" or "for"
}

// when tells a time as seen from now. A time to come counts down.
func when(now, t time.Time) instant {
	i := instant{Exact: t.UTC().Format("2006-01-02 15:04:05 UTC"), ISO: t.UTC().Format(time.RFC3339), Kind: "ago"}
	if s := int64(t.Sub(now).Round(time.Second) / time.Second); s > 0 {
		i.Kind, i.Words = "in", "in "+seconds(s, true)
	} else if s > -5 {
		i.Words = "now"
	} else {
		i.Words = seconds(-s, false) + " ago"
	}
	return i
}

// since tells how long something has been so.
func since(now, t time.Time) instant {
	i := when(now, t)
	i.Kind, i.Words = "for", "for "+seconds(max(0, int64(now.Sub(t).Round(time.Second)/time.Second)), false)
	return i
}

// doing is what is done about drift.
func doing(m daemon.Mode) string {
	switch m {
	case daemon.Observe:
		return "tells of it"
	case daemon.Propose:
		return "proposes a plan"
	case daemon.Heal:
		return "puts it back"
	}
	return string(m)
}

// seconds in the two largest units, or in the largest.
func seconds(s int64, fine bool) string {
	switch {
	case s < 60:
		return fmt.Sprintf("%d s", s)
	case s < 3600 && fine:
		return fmt.Sprintf("%d min %02d s", s/60, s%60)
	case s < 3600:
		return fmt.Sprintf("%d min", s/60)
	case s < 86400:
		return fmt.Sprintf("%d h %02d min", s/3600, s%3600/60)
	}
	return fmt.Sprintf("%d d %d h", s/86400, s%86400/3600)
}

func durationWords(d time.Duration) string {
	if d < 10*time.Second {
		return fmt.Sprintf("%.1f s", d.Seconds())
	}
	return seconds(int64(d.Round(time.Second)/time.Second), true)
}

func plural(n int, noun string) string {
	if n != 1 {
		noun += "s"
	}
	return itoa(n) + " " + noun
}

func itoa(n int) string { return strconv.Itoa(n) }

// percent of a budget that is left, for a meter; nothing where it is not known.
func percent(b daemon.Budget) string {
	if b.Limit <= 0 || b.Remaining < 0 {
		return ""
	}
	return itoa(min(100, b.Remaining*100/b.Limit))
}

// mark is the name of a condition's shape and colour: a word of our own, whatever the condition is.
func mark(c daemon.Condition) string {
	switch c {
	case daemon.InSync:
		return "good"
	case daemon.Changes:
		return "todo"
	case daemon.Drifted:
		return "drift"
	case daemon.Asking:
		return "ask"
	case daemon.Failing:
		return "bad"
	}
	return "none"
}

// resultMark is the same for how a turn ended.
func resultMark(r daemon.Result) string {
	switch r {
	case daemon.ResultInSync, daemon.ResultHealed, daemon.ResultApplied:
		return "good"
	case daemon.ResultDrift:
		return "drift"
	case daemon.ResultChanges:
		return "todo"
	case daemon.ResultAsking:
		return "ask"
	case daemon.ResultFailed:
		return "bad"
	}
	return "none"
}
