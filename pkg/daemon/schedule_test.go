package daemon

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func schedule(t *testing.T, text, zone string) *Schedule {
	t.Helper()
	s, err := ParseSchedule(text, zone)
	require.NoError(t, err)
	return s
}

func at(t *testing.T, text string) time.Time {
	t.Helper()
	when, err := time.Parse(time.RFC3339, text)
	require.NoError(t, err)
	return when
}

func TestSchedule(t *testing.T) {
	const berlin = "Europe/Berlin"
	for _, c := range []struct{ name, text, zone, after, next string }{
		{"quarters", "*/15 * * * *", "", "2026-03-14T15:09:26Z", "2026-03-14T15:15:00Z"},
		{"strictly after", "*/15 * * * *", "", "2026-03-14T15:15:00Z", "2026-03-14T15:30:00Z"},
		{"a zone", "30 2 * * *", berlin, "2026-01-10T00:00:00Z", "2026-01-10T02:30:00+01:00"},
		{"a leap day", "0 0 29 2 *", "", "2026-03-01T00:00:00Z", "2028-02-29T00:00:00Z"},
		{"hourly", "@hourly", "", "2026-03-14T15:09:26Z", "2026-03-14T16:00:00Z"},
		{"every", "@every 90m", "", "2026-03-14T15:00:00Z", "2026-03-14T16:30:00Z"},
		{"in the gap", "30 2 * * *", berlin, "2026-03-29T00:00:00Z", "2026-03-29T03:00:00+02:00"},
		{"after the gap", "30 2 * * *", berlin, "2026-03-29T01:00:00Z", "2026-03-30T02:30:00+02:00"},
		{"every hour around the gap", "0 * * * *", berlin, "2026-03-29T00:30:00Z", "2026-03-29T03:00:00+02:00"},
		{"before the overlap", "30 2 * * *", berlin, "2026-10-24T22:00:00Z", "2026-10-25T02:30:00+02:00"},
		{"once in the overlap", "30 2 * * *", berlin, "2026-10-25T00:30:00Z", "2026-10-26T02:30:00+01:00"},
		{"every half hour in the overlap", "*/30 * * * *", berlin, "2026-10-25T00:30:00Z", "2026-10-25T02:00:00+01:00"},
		{"half an hour of a gap", "15 2 * * *", "Australia/Lord_Howe", "2026-10-03T14:00:00Z", "2026-10-04T02:30:00+11:00"},
		{"beyond 2038", "0 0 1 1 *", "", "2038-06-01T00:00:00Z", "2039-01-01T00:00:00Z"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := schedule(t, c.text, c.zone).Next(at(t, c.after))
			require.Equal(t, c.next, got.Format(time.RFC3339))
		})
	}
}

func TestScheduleRefuses(t *testing.T) {
	for text, says := range map[string]string{
		"":                      "no schedule",
		"TZ=":                   "argument of its own",
		"CRON_TZ=UTC * * * * *": "argument of its own",
		"* * * * * *":           "no schedule",
		"0 0 30 2 *":            "never fires",
		"@every 0s":             "more often",
		"@every 59s":            "more often",
		"@every -1h":            "more often",
		"@reboot":               "no schedule",
		"61 * * * *":            "no schedule",
		"*/0 * * * *":           "no schedule",
		"5-1 * * * *":           "no schedule",
	} {
		_, err := ParseSchedule(text, "")
		require.ErrorContains(t, err, says, text)
	}
	_, err := ParseSchedule("* * * * *", "Mars/Olympus")
	require.ErrorContains(t, err, "Europe/Berlin")
	_, err = ParseSchedule("* * * * *", "Local")
	require.Error(t, err)
}

// FuzzSchedule: whatever is written, reading it ends and either is refused or fires, always later.
func FuzzSchedule(f *testing.F) {
	for _, text := range []string{"*/15 * * * *", "30 2 * * *", "@every 90m", "TZ=", "0 0 30 2 *", "@every 0s", "1,2-5/2 * 1 jan mon"} {
		f.Add(text, "Europe/Berlin", int64(1_790_000_000))
	}
	f.Fuzz(func(t *testing.T, text, zone string, unix int64) {
		s, err := ParseSchedule(text, zone)
		if err != nil {
			require.False(t, strings.HasSuffix(err.Error(), "."))
			return
		}
		from := time.Unix(unix%4_000_000_000, 0)
		for range 5 {
			next := s.Next(from)
			if next.IsZero() {
				return
			}
			require.True(t, next.After(from), "%q at %s: %s", text, from, next)
			from = next
		}
	})
}

func TestWindows(t *testing.T) {
	night := Window{schedule(t, "0 22 * * *", ""), 4 * time.Hour}
	weekend := Window{schedule(t, "0 0 * * sat", ""), 48 * time.Hour}
	hourly := Window{schedule(t, "0 * * * *", ""), time.Hour}
	for _, c := range []struct {
		name    string
		w       Windows
		at      string
		open    bool
		reopens string
	}{
		{"no windows", Windows{}, "2026-03-14T15:09:26Z", true, "2026-03-14T15:09:26Z"},
		{"before it opens", Windows{Allow: []Window{night}}, "2026-03-14T21:59:59Z", false, "2026-03-14T22:00:00Z"},
		{"when it opens", Windows{Allow: []Window{night}}, "2026-03-14T22:00:00Z", true, "2026-03-14T22:00:00Z"},
		{"past midnight", Windows{Allow: []Window{night}}, "2026-03-15T01:59:59Z", true, "2026-03-15T01:59:59Z"},
		{"when it closes", Windows{Allow: []Window{night}}, "2026-03-15T02:00:00Z", false, "2026-03-15T22:00:00Z"},
		{"denied", Windows{Deny: []Window{weekend}}, "2026-03-15T12:00:00Z", false, "2026-03-16T00:00:00Z"},
		{"denied though allowed", Windows{Allow: []Window{night}, Deny: []Window{weekend}}, "2026-03-14T23:00:00Z", false, "2026-03-16T00:00:00Z"},
		{"denied without end", Windows{Deny: []Window{hourly}}, "2026-03-14T23:00:00Z", false, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			now := at(t, c.at)
			require.Equal(t, c.open, c.w.Open(now))
			next := c.w.NextOpen(now)
			if c.reopens == "" {
				require.True(t, next.IsZero())
				return
			}
			require.Equal(t, c.reopens, next.UTC().Format(time.RFC3339))
		})
	}
}
