package apply_test

import (
	"context"
	"fmt"
	"net/http"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/vpsync/vpsync/internal/matrix"
	"github.com/vpsync/vpsync/pkg/apply"
	"github.com/vpsync/vpsync/pkg/spec"
	"github.com/vpsync/vpsync/pkg/state"
	"github.com/zclconf/go-cty/cty"
)

// skewed is a clock that is wrong, or whose machine sleeps. The API's clock is the bubble's, which is right.
type skewed struct {
	mu      sync.Mutex
	off     time.Duration
	suspend time.Duration // during the next sleep, once
	sleeps  int
}

func (c *skewed) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return time.Now().Add(c.off)
}

func (c *skewed) Sleep(ctx context.Context, d time.Duration) error {
	c.mu.Lock()
	d += c.suspend
	c.suspend = 0
	c.sleeps++
	c.mu.Unlock()
	return wall{}.Sleep(ctx, d)
}

func (c *skewed) jump(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.off += d
}

// dated gives answers a Date, as servers do.
type dated struct{ next http.RoundTripper }

func (d dated) RoundTrip(r *http.Request) (*http.Response, error) {
	resp, err := d.next.RoundTrip(r)
	if err == nil {
		resp.Header.Set("Date", time.Now().UTC().Format(http.TimeFormat))
	}
	return resp, err
}

// timeCase is a clock, and what happens to it.
type timeCase struct {
	name  string
	off   time.Duration // from the beginning
	jump  time.Duration // in the middle of the first run, or right after it
	sleep time.Duration // the machine is suspended for so long in the middle of a wait
	age   time.Duration // of the world
}

var timeCases = []timeCase{
	{name: "right"},
	{name: "an hour ahead", off: time.Hour},
	{name: "an hour behind", off: -time.Hour},
	{name: "a day ahead", off: 24 * time.Hour},
	{name: "ten years behind", off: -10 * 365 * 24 * time.Hour},
	{name: "set back an hour", jump: -time.Hour},
	{name: "set back a year", jump: -365 * 24 * time.Hour},
	{name: "corrected backwards", off: time.Hour, jump: -time.Hour},
	{name: "suspended for eight hours", sleep: 8 * time.Hour},
	{name: "2038", age: time.Unix(1<<31, 0).Sub(time.Date(2000, 1, 1, 0, 1, 0, 0, time.UTC))},
}

// TestTime: whatever the clock of this machine says, a life goes well, a lost answer makes nothing twice and holds nobody up for
// longer than the grace, and a window of requests is neither overrun nor waited for twice.
func TestTime(t *testing.T) {
	begun, cases := time.Now(), 0
	for _, c := range timeCases {
		for name, story := range map[string]func(*testing.T, *world, *skewed, timeCase){
			"life": timeOfLife, "crash": timeOfCrash, "lost": timeOfLostAnswer, "window": timeOfWindow, "broken lock": timeOfBrokenLock, "two runners": timeOfTwoRunners,
		} {
			t.Run(name+"/"+c.name, func(t *testing.T) {
				cases++
				inDefinition(t, limitedTo(t, 1000, 5), func(t *testing.T, w *world) {
					time.Sleep(c.age)
					clock := &skewed{off: c.off}
					w.clock = clock
					w.wire = func(next http.RoundTripper) http.RoundTripper { return dated{next} }
					story(t, w, clock, c)
				})
			})
		}
	}
	for name, after := range map[string]func(api time.Time) string{
		"seconds":  func(time.Time) string { return "40" },
		"date":     func(api time.Time) string { return api.Add(40 * time.Second).UTC().Format(http.TimeFormat) },
		"past":     func(api time.Time) string { return api.Add(-time.Hour).UTC().Format(http.TimeFormat) },
		"far":      func(api time.Time) string { return api.AddDate(50, 0, 0).UTC().Format(http.TimeFormat) },
		"year 1":   func(time.Time) string { return "Mon, 01 Jan 0001 00:00:00 GMT" },
		"too much": func(time.Time) string { return strconv.FormatUint(1<<63, 10) },
	} {
		for _, off := range []time.Duration{0, time.Hour, -time.Hour} {
			t.Run(fmt.Sprintf("retry-after/%s/%s", name, off), func(t *testing.T) {
				cases++
				inDefinition(t, limitedTo(t, 1000, 100), func(t *testing.T, w *world) { timeOfRetryAfter(t, w, &skewed{off: off}, name, after) })
			})
		}
	}
	matrix.Ran(t, "F", cases, begun)
}

// inTheMiddle is what the clock does while something waits to be ready.
func inTheMiddle(w *world, clock *skewed, c timeCase) {
	var once sync.Once
	w.emit = func(e apply.Event) {
		if e.Type == apply.EventWaiting || e.Type == apply.EventSent {
			once.Do(func() {
				clock.jump(c.jump)
				clock.mu.Lock()
				clock.suspend = c.sleep
				clock.mu.Unlock()
			})
		}
	}
}

func timeOfLife(t *testing.T, w *world, clock *skewed, c timeCase) {
	inTheMiddle(w, clock, c)
	w.write(quickstart)
	began := time.Now()
	w.converge()
	w.write(replaceOnce(quickstart, `"5432"`, `"5433"`))
	w.converge()
	require.Less(t, time.Since(began), c.sleep+time.Hour)
	require.Zero(t, refused(t, w.sandbox))
	_, err := w.run(t.Context(), context.Background(), "destroy")
	require.NoError(t, err)
	w.requireOwned()
}

// timeOfCrash: a run died with an intent; the clock changed before the next.
func timeOfCrash(t *testing.T, w *world, clock *skewed, c timeCase) {
	w.write(oneServer)
	w.crashOn(apply.BoundaryIntent, 1)
	clock.jump(c.jump)
	clock.suspend = c.sleep
	began := time.Now()
	w.converge()
	require.Less(t, time.Since(began), c.sleep+10*time.Minute, "the grace is minutes")
	require.Len(t, w.objects("server"), 1)
	require.Equal(t, 1, w.writes(false)["server.create"])
}

// timeOfLostAnswer: the server exists, and nothing says so but the account, by its own clock.
func timeOfLostAnswer(t *testing.T, w *world, clock *skewed, c timeCase) {
	w.write(oneServer)
	w.crashOn(apply.BoundaryAnswered, 1)
	clock.jump(c.jump)
	clock.suspend = c.sleep
	began := time.Now()
	result := w.apply()
	if c.jump < 0 && len(result.Questions) > 0 { // it looks older than its request: one clear question, which names it
		require.Len(t, result.Questions, 1)
		require.Contains(t, result.Questions[0].Detail, w.objects("server")[0].ID)
		w.answer(c.name)
		result = w.apply()
	}
	w.requireWell(result)
	require.Less(t, time.Since(began), c.sleep+10*time.Minute)
	require.Len(t, w.objects("server"), 1)
	require.Equal(t, 1, w.writes(false)["server.create"], "it was found")
}

// timeOfWindow: the API tells by its own clock when its window ends.
func timeOfWindow(t *testing.T, w *world, clock *skewed, c timeCase) {
	inTheMiddle(w, clock, c)
	w.write(servers(12)) // of 5 in an hour
	began := time.Now()
	w.requireWell(w.apply())
	require.Zero(t, refused(t, w.sandbox), "the end of the window was told")
	require.Less(t, time.Since(began), c.sleep+2*time.Hour+10*time.Minute, "two windows, and not a third")
}

// timeOfBrokenLock: another run's lock was broken at a time that our clock has not reached.
func timeOfBrokenLock(t *testing.T, w *world, clock *skewed, c timeCase) {
	w.write(oneServer)
	w.crashOn(apply.BoundaryIntent, 1)
	w.store.brokenAt = clock.Now()
	clock.jump(c.jump)
	clock.suspend = c.sleep
	began := time.Now()
	w.converge()
	require.GreaterOrEqual(t, time.Since(began), w.def.Grace, "its holder may still have been sending")
	require.Less(t, time.Since(began), c.sleep+10*time.Minute)
	require.Len(t, w.objects("server"), 1)
}

// timeOfTwoRunners: a run on another machine was stopped, and gave the lock back; what it had sent arrives half a minute later. This
// machine's clock is right, until it jumps.
func timeOfTwoRunners(t *testing.T, w *world, clock *skewed, c timeCase) {
	w.far = newDeferring(w.store)
	w.write(oneServer)
	w.crashOn(apply.BoundaryIntent, 1)
	time.AfterFunc(30*time.Second, func() {
		_, err := w.sandbox.CreateMany([]spec.Object{{Kind: "server", CreatedAt: time.Now(), Values: spec.Values{
			"name": cty.StringVal("web"), "plan": cty.StringVal("vps-small"), "location": cty.StringVal("AMS"),
		}}})
		require.NoError(t, err)
	})
	clock.jump(c.jump - c.off)
	clock.suspend = c.sleep
	began := time.Now()
	result := w.apply()
	if len(result.Questions) > 0 { // it looks older than its request: one clear question, which names it
		require.Len(t, result.Questions, 1)
		require.Contains(t, result.Questions[0].Detail, w.objects("server")[0].ID)
		w.answer(c.name)
		result = w.apply()
	}
	w.requireWell(result)
	require.Less(t, time.Since(began), c.sleep+10*time.Minute, "the grace is waited for once")
	require.Len(t, w.objects("server"), 1)
	require.Zero(t, w.writes(false)["server.create"], "it was found")
}

func timeOfRetryAfter(t *testing.T, w *world, clock *skewed, name string, after func(time.Time) string) {
	w.clock = clock
	first := true
	w.wire = func(next http.RoundTripper) http.RoundTripper {
		return dated{roundTripper(func(r *http.Request) (*http.Response, error) {
			if r.Method == http.MethodPost && first {
				first = false
				return &http.Response{StatusCode: http.StatusTooManyRequests, Header: http.Header{"Retry-After": {after(time.Now())}}, Body: http.NoBody, Request: r}, nil
			}
			return next.RoundTrip(r)
		})}
	}
	w.write(oneServer)
	began := time.Now()
	result := w.apply()
	took := time.Since(began)
	if name == "far" { // for the operator to decide
		require.Len(t, result.Failures, 1)
		require.Less(t, took, 5*time.Minute)
		time.Sleep(time.Hour)
		w.converge()
		return
	}
	w.requireWell(result)
	require.Less(t, took, map[string]time.Duration{"too much": 70 * time.Minute}[name]+5*time.Minute)
	if name == "seconds" || name == "date" {
		require.GreaterOrEqual(t, took, 39*time.Second)
	}
	require.Equal(t, 1, w.writes(true)["server.create"])
}

// TestALockThatIsLostWhileJournaling: a request waited for its turn, and while it was stamped anew the lock ran out. It does not leave.
func TestALockThatIsLostWhileJournaling(t *testing.T) {
	inDefinition(t, limitedTo(t, 1000, 5), func(t *testing.T, w *world) {
		w.write(servers(6))
		began := time.Now()
		w.store.fail = func(int) error {
			if time.Since(began) > 30*time.Minute { // the sixth is let through
				w.store.broken = true
			}
			return nil
		}
		_, err := w.run(t.Context(), context.Background(), "apply")
		require.ErrorIs(t, err, state.ErrLockLost)
		require.Greater(t, time.Since(began), 30*time.Minute)
		require.Len(t, w.objects("server"), 5)
	})
}

// TestCreatedAround: what says of itself that it was created shortly before the request may be what the request made; what is older
// is neither taken nor overlooked.
func TestCreatedAround(t *testing.T) {
	for _, c := range []struct {
		age   time.Duration
		taken bool
	}{
		{0, true}, {time.Minute, true}, {4*time.Minute + 50*time.Second, true}, {5*time.Minute + 10*time.Second, false}, {time.Hour, false}, {-time.Hour, true},
	} {
		t.Run(c.age.String(), func(t *testing.T) {
			inWorld(t, func(t *testing.T, w *world) {
				w.write(oneServer)
				w.crashOn(apply.BoundaryIntent, 1)
				intent := time.Now()
				_, err := w.sandbox.CreateMany([]spec.Object{{Kind: "server", CreatedAt: intent.Add(-c.age), Values: spec.Values{
					"name": cty.StringVal("web"), "plan": cty.StringVal("vps-small"), "location": cty.StringVal("AMS"),
				}}})
				require.NoError(t, err)
				result := w.apply()
				require.Equal(t, c.taken, len(result.Questions) == 0, w.trouble(result, nil))
				require.Zero(t, w.writes(false)["server.create"])
			})
		})
	}
}
