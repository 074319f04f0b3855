package main

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/vpsync/vpsync/pkg/plan/render"
)

// TestDoctorClock: a clock that is off is told, and is no failure.
func TestDoctorClock(t *testing.T) {
	for drift, want := range map[time.Duration]string{
		0:                 `clock +ok +the API's is like this machine's`,
		10 * time.Minute:  `clock +adrift +the API's is (9m59s|10m0s) ahead of this machine's`,
		-10 * time.Minute: `clock +adrift +the API's is (9m59s|10m\d+s) behind this machine's`,
	} {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Date", time.Now().Add(drift).UTC().Format(http.TimeFormat))
			fmt.Fprint(w, "[]")
		}))
		defer server.Close()
		env := map[string]string{"EVOTIC_API_URL": server.URL, "EVOTIC_API_TOKEN": "t0ken"}
		code, s := vpsync(t, t.TempDir(), env, "doctor", "evotic")
		require.Equal(t, exitDone, code, s.String())
		require.Regexp(t, want, s.stdout.String())
		if drift == 0 {
			require.Empty(t, s.stderr.String())
			continue
		}
		require.Contains(t, s.stderr.String(), "Warning: The clock of evotic and this machine's differ")
		require.Contains(t, s.stderr.String(), "timedatectl")
	}
}

// TestDoctorWaitsForNoRateLimit: what is used up is told at once, and so is where the next window begins.
func TestDoctorWaitsForNoRateLimit(t *testing.T) {
	asked := 0
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		asked++
		w.Header().Set("Retry-After", "1800")
		w.WriteHeader(http.StatusTooManyRequests)
	}))
	defer server.Close()
	env := map[string]string{"SERVOSPHERE_API_URL": server.URL, "SERVOSPHERE_API_KEY": "t0ken"}
	code, s := vpsync(t, t.TempDir(), env, "doctor", "servosphere")
	require.Equal(t, exitFailed, code, s.String())
	require.Equal(t, 1, asked)
	require.Contains(t, s.stdout.String(), "rate limit    0 of 1000  standard, until ")
	require.Contains(t, s.stdout.String(), `the rate limit "standard" is used up until `)
	require.Contains(t, s.stderr.String(), "Error: Not everything could be asked of servosphere")
	require.Regexp(t, `vpsync doctor -C \S+ servosphere    # again, later`, s.stderr.String())
}

// TestDoctorInterrupted: Ctrl-C ends it, and there is nothing to clear up.
func TestDoctorInterrupted(t *testing.T) {
	signals := make(chan os.Signal, 1)
	released := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		signals <- os.Interrupt
		select {
		case <-r.Context().Done():
		case <-released:
		}
	}))
	defer server.Close()
	defer close(released)
	s := testStreams()
	env := map[string]string{"EVOTIC_API_URL": server.URL, "EVOTIC_API_TOKEN": "t0ken"}
	code := run(context.Background(), []string{"-C", t.TempDir(), "doctor", "evotic"}, env, s.streams, signals, hooks{})
	require.Equal(t, exitInterrupted, code, s.String())
	require.Empty(t, s.stdout.String())
}

// TestDoctorFits: what is shown is no wider than the terminal, and foreign text does nothing to it.
func TestDoctorFits(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusNotFound)
		fmt.Fprint(w, `{"error": {"code": "NO", "message": "\u001b[2Jgone"}}`)
	}))
	defer server.Close()
	s := testStreams()
	s.outTerminal, s.outWidth = true, func() int { return 80 }
	env := map[string]string{"SERVOSPHERE_API_URL": server.URL, "SERVOSPHERE_API_KEY": "t0ken"}
	require.Equal(t, exitFailed, run(context.Background(), []string{"-C", t.TempDir(), "doctor", "servosphere", "--no-color"}, env, s.streams, nil, hooks{}))
	for line := range strings.Lines(s.stdout.String()) {
		require.LessOrEqual(t, render.Width(strings.TrimSuffix(line, "\n")), 80, line)
	}
	flat := strings.Join(strings.Fields(s.stdout.String()), " ")
	require.Contains(t, flat, "network list GET /networks refuted ")
	require.Contains(t, flat, "data.invoice read: it takes invoice_id, which nothing in the definition leads to")
	require.NotContains(t, s.String(), "\x1b")
}
