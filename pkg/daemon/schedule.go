package daemon

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/robfig/cron/v3"
)

// MinPeriod is how often a schedule may fire at most.
const MinPeriod = time.Minute

// Schedule says when something is due: five fields (minute, hour, day of the month, month, day of the week), or one of @hourly,
// @daily, @weekly, @monthly, @yearly and @every DURATION, in one zone.
//
// Where the clock is put forward, what is due in the hour that does not exist is due when it is over; where it is put back, a
// schedule that names hours fires in the first of the two only, and one for every hour in both.
type Schedule struct {
	text  string
	zone  *time.Location
	fires cron.Schedule
	naive cron.Schedule // the same in UTC, to see what falls into a gap; nil where the clock on the wall does not matter
	hours bool          // it names hours
}

// parser knows five fields: nobody looks at an account every second.
var parser = cron.NewParser(cron.Minute | cron.Hour | cron.Dom | cron.Month | cron.Dow | cron.Descriptor)

// ParseSchedule reads a schedule; an empty zone is UTC. Its errors are what is wrong, without a final stop.
func ParseSchedule(text, zone string) (s *Schedule, err error) {
	text = strings.TrimSpace(text)
	s = &Schedule{text: text, zone: time.UTC}
	if zone != "" {
		if zone == "Local" {
			return nil, errors.New("the zone of a machine is not the same everywhere; name one, such as Europe/Berlin")
		}
		if s.zone, err = time.LoadLocation(zone); err != nil {
			return nil, fmt.Errorf("there is no zone %q; zones are called like Europe/Berlin", zone)
		}
	}
	if strings.Contains(text, "=") {
		return nil, errors.New("the zone stands in an argument of its own, not in the schedule")
	}
	defer func() { // the parser indexes what may not be there
		if recover() != nil {
			s, err = nil, fmt.Errorf("%q is no schedule", text)
		}
	}()
	parsed, err := parser.Parse(text)
	if err != nil {
		return nil, fmt.Errorf("%q is no schedule (%w)", text, err) // which may end with any character of the text
	}
	if every, ok := parsed.(cron.ConstantDelaySchedule); ok {
		// The library rounds what is below a second up to one.
		if d, err := time.ParseDuration(strings.TrimSpace(strings.TrimPrefix(text, "@every"))); err != nil || d < MinPeriod || every.Delay < MinPeriod {
			return nil, fmt.Errorf("%q fires more often than every %s", text, MinPeriod)
		}
		s.fires = parsed
		return s, nil
	}
	fields, ok := parsed.(*cron.SpecSchedule)
	if !ok {
		return nil, fmt.Errorf("%q is no schedule", text)
	}
	there, flat := *fields, *fields
	there.Location, flat.Location = s.zone, time.UTC
	s.fires, s.naive = &there, &flat
	s.hours = fields.Hour&(1<<63) == 0 // no star
	if s.fires.Next(time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)).IsZero() {
		return nil, fmt.Errorf("%q never fires", text)
	}
	return s, nil
}

// String is the schedule as it was written.
func (s *Schedule) String() string { return s.text }

// Zone is the zone it is meant in.
func (s *Schedule) Zone() *time.Location { return s.zone }

// Next is when it fires first after t. It is zero only where the calendar ends.
func (s *Schedule) Next(t time.Time) time.Time {
	next := s.fires.Next(t)
	for s.naive != nil && s.hours && !next.IsZero() && secondTime(next.In(s.zone)) {
		next = s.fires.Next(next)
	}
	if gap := s.afterGap(t, next); !gap.IsZero() {
		next = gap
	}
	if next.IsZero() {
		return next
	}
	return next.In(s.zone)
}

// secondTime: the clock on the wall showed the same an offset ago, before it was put back.
func secondTime(t time.Time) bool {
	begun, _ := t.ZoneBounds()
	if begun.IsZero() {
		return false
	}
	_, now := t.Zone()
	_, before := begun.Add(-time.Second).Zone()
	back := time.Duration(before-now) * time.Second
	return back > 0 && t.Sub(begun) < back
}

// afterGap is the end of the first gap between t and next into which the schedule falls; zero where there is none.
func (s *Schedule) afterGap(t, next time.Time) time.Time {
	if s.naive == nil {
		return time.Time{}
	}
	for at := t.In(s.zone); ; {
		_, end := at.ZoneBounds()
		if end.IsZero() || !next.IsZero() && !end.Before(next) {
			return time.Time{}
		}
		_, before := end.Add(-time.Second).In(s.zone).Zone()
		_, after := end.In(s.zone).Zone()
		if skipped := time.Duration(after-before) * time.Second; skipped > 0 && end.After(t) {
			first := end.UTC().Add(time.Duration(before) * time.Second) // what the clock would have shown
			if due := s.naive.Next(first.Add(-time.Second)); !due.IsZero() && due.Before(first.Add(skipped)) {
				return end
			}
		}
		at = end.In(s.zone)
		if at.Sub(t) > 6*365*24*time.Hour {
			return time.Time{}
		}
	}
}
