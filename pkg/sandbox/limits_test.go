package sandbox

import (
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestBudgetsByClass(t *testing.T) {
	w := newWorld(t)
	w.clock.pass(7 * time.Minute)
	reset := strconv.FormatInt(time.Date(2025, 1, 15, 11, 0, 0, 0, time.UTC).Unix(), 10)
	budget := func(r response) [3]string {
		return [3]string{r.Header.Get("X-RateLimit-Limit"), r.Header.Get("X-RateLimit-Remaining"), r.Header.Get("X-RateLimit-Reset")}
	}
	require.Equal(t, [3]string{"1000", "999", reset}, budget(w.do("GET", "/servers", "")))
	require.Equal(t, [3]string{"100", "99", reset}, budget(w.do("POST", "/servers", serverBody)), "creating a server is intensive")
	require.Equal(t, [3]string{"1000", "998", reset}, budget(w.do("GET", "/nothing", "")))
	require.Equal(t, [3]string{"1000", "997", reset}, budget(w.do("POST", "/networks", "{}")), "a refused request counts")
	for range 99 {
		w.do("POST", "/servers", serverBody).want(201)
	}
	for range 2 {
		r := w.do("POST", "/servers", serverBody).want(429)
		require.Equal(t, "RATE_LIMITED", r.text("error.code"))
		require.Equal(t, [3]string{"100", "0", reset}, budget(r))
	}
	require.Len(t, must(w.Objects("server")), 100)
	w.do("GET", "/servers", "").want(200)

	w.clock.pass(23*time.Minute - time.Second)
	w.do("POST", "/servers", serverBody).want(429)
	w.clock.pass(time.Second)
	require.Equal(t, "99", w.do("POST", "/servers", serverBody).want(201).Header.Get("X-RateLimit-Remaining"))
}

func TestBudgetsSurviveARestart(t *testing.T) {
	dir := t.TempDir()
	in := func(o *Options) { o.Dir = dir }
	newWorld(t, in).do("GET", "/servers", "").want(200)
	require.Equal(t, "998", newWorld(t, in).do("GET", "/servers", "").Header.Get("X-RateLimit-Remaining"))
}

func TestUnlimited(t *testing.T) {
	w := newWorld(t, func(o *Options) { o.Unlimited = true })
	for range 101 {
		r := w.do("POST", "/servers", serverBody).want(201)
		require.Empty(t, r.Header.Get("X-RateLimit-Limit"))
	}
}
