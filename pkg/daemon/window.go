package daemon

import "time"

// Window is a time in which something may be applied, or may not: it opens when its schedule fires, for as long as it lasts.
type Window struct {
	Opens *Schedule
	Lasts time.Duration // more than nothing, a week at most
}

// MaxWindow is how long a window may last.
const MaxWindow = 7 * 24 * time.Hour

// covers says whether the window is open at t.
func (w Window) covers(t time.Time) bool {
	opened := w.Opens.Next(t.Add(-w.Lasts))
	return !opened.IsZero() && !opened.After(t)
}

// closes is when the window that is open at t has closed, those that open while it is open included; zero where there is no end to
// be seen.
func (w Window) closes(t time.Time) time.Time {
	for looks := 0; w.covers(t); looks++ {
		if looks == maxLooks {
			return time.Time{}
		}
		last := w.Opens.Next(t.Add(-w.Lasts))
		for next := w.Opens.Next(last); !next.IsZero() && !next.After(t); next = w.Opens.Next(last) {
			last = next
		}
		t = last.Add(w.Lasts)
	}
	return t
}

// Windows are when changes may be applied: in one of Allow, or always where there is none, and never in one of Deny.
type Windows struct{ Allow, Deny []Window }

// Open says whether changes may be applied at t.
func (w Windows) Open(t time.Time) bool {
	for _, d := range w.Deny {
		if d.covers(t) {
			return false
		}
	}
	for _, a := range w.Allow {
		if a.covers(t) {
			return true
		}
	}
	return len(w.Allow) == 0
}

// maxLooks bounds the search for a time at which windows are open.
const maxLooks = 1000

// NextOpen is when changes may be applied at or after t; zero where that is not to be seen: the windows contradict each other.
func (w Windows) NextOpen(t time.Time) time.Time {
	for range maxLooks {
		if w.Open(t) {
			return t
		}
		t = w.next(t)
		if t.IsZero() {
			break
		}
	}
	return time.Time{}
}

// next is the first moment after t at which something opens or closes that is in the way at t.
func (w Windows) next(t time.Time) time.Time {
	for _, d := range w.Deny {
		if d.covers(t) {
			return d.closes(t)
		}
	}
	var first time.Time
	for _, a := range w.Allow {
		if next := a.Opens.Next(t); !next.IsZero() && (first.IsZero() || next.Before(first)) {
			first = next
		}
	}
	return first
}

// Closes is when changes may not be applied any more, being so at t; zero where no end is to be seen.
func (w Windows) Closes(t time.Time) time.Time {
	var end time.Time
	if len(w.Allow) > 0 {
		end = t
		for looks, on := 0, true; on; looks++ {
			if looks == maxLooks {
				end = time.Time{}
				break
			}
			on = false
			for _, a := range w.Allow {
				if a.covers(end) {
					next := a.closes(end)
					if next.IsZero() {
						return w.denied(t, time.Time{})
					}
					end, on = next, true
				}
			}
		}
	}
	return w.denied(t, end)
}

// denied is the first moment after t at which something denies, where that is before end.
func (w Windows) denied(t, end time.Time) time.Time {
	for _, d := range w.Deny {
		if next := d.Opens.Next(t); !next.IsZero() && (end.IsZero() || next.Before(end)) {
			end = next
		}
	}
	return end
}
