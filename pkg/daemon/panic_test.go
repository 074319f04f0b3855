package daemon

import (
	"bytes"
	"context"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"
)

// mistakenWork panics with what it holds.
type mistakenWork struct{ *fakeWork }

func (mistakenWork) Look(context.Context, Checkout) (*Report, error) {
	panic("a request holds canary-in-a-panic")
}

// TestPanicTellsNoSecret: a mistake of vpsync's own fails a turn, and neither the log nor what is remembered and shown of it holds a secret.
func TestPanicTellsNoSecret(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, &Stack{Schedule: schedule(t, "*/30 * * * *", "")})
		var log bytes.Buffer
		d, closer, err := New(w.config, Options{
			Work: mistakenWork{w.work}, Sources: w.sources, Chance: func() float64 { return 0.5 }, NewID: func() string { return "run" },
			Log: slog.New(slog.NewTextHandler(&log, nil)), Redact: func(text string) string { return strings.ReplaceAll(text, "canary-in-a-panic", "(sensitive)") },
		})
		require.NoError(t, err)
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- d.Run(ctx, ctx) }()
		until(t, "2000-01-01T00:00:01Z")
		cancel()
		<-done
		require.NoError(t, closer())
		turns := d.Snapshot().Stacks[0].Turns
		require.NotEmpty(t, turns)
		require.Equal(t, "this is a mistake in vpsync: a request holds (sensitive)", turns[0].Error)
		require.Contains(t, log.String(), `panic="a request holds (sensitive)"`)
		require.NotContains(t, log.String(), "canary-in-a-panic")
	})
}
