package daemon

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

func TestGitSource(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, &Stack{Schedule: schedule(t, "@daily", ""), Git: &Git{URL: "https://example.com/x.git", Branch: "main", Poll: 10 * time.Minute}})
		w.work.bad = map[string]bool{"2": true}
		stop := w.start()
		until(t, "2000-01-01T00:15:00Z")
		w.sources.mu.Lock()
		w.sources.tip = "2"
		w.sources.mu.Unlock()
		until(t, "2000-01-01T00:35:00Z")
		s := w.stack()
		require.Equal(t, "1", s.Commit)
		require.Equal(t, "https://example.com/x.git main", s.Source)
		require.Equal(t, &Rejected{Commit: "2", At: at(t, "2000-01-01T00:20:00Z"), Error: "it does not validate"}, s.Rejected)
		w.sources.mu.Lock()
		w.sources.tip = "3"
		w.sources.mu.Unlock()
		until(t, "2000-01-01T00:45:00Z")
		require.Equal(t, "3", w.stack().Commit)
		require.Nil(t, w.stack().Rejected)
		require.Equal(t, []string{"01 00:00:00 look 1", "01 00:20:00 look 1", "01 00:40:00 look 3"}, w.work.said())
		// A remote that is away keeps nobody from looking after what is in force, and is asked less and less often.
		w.sources.mu.Lock()
		w.sources.down, w.sources.asks = true, 0
		w.sources.mu.Unlock()
		until(t, "2000-01-02T00:01:00Z")
		require.Equal(t, []string{"02 00:00:00 look 3"}, w.work.said())
		require.Equal(t, "the remote is away", w.stack().Error)
		require.Equal(t, Failing, w.stack().Condition, "nobody knows what the branch asks for")
		require.Less(t, w.sources.asks, 40)
		w.sources.mu.Lock()
		w.sources.down = false
		w.sources.mu.Unlock()
		until(t, "2000-01-02T02:01:00Z")
		require.Equal(t, InSync, w.stack().Condition)
		stop()
	})
}

// TestRejectedOnce: what was wrong with a commit may have been this machine, so each turn looks at it again. One that nobody wants any
// more is forgotten.
func TestRejectedOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, &Stack{Schedule: schedule(t, "@hourly", ""), Git: &Git{URL: "https://example.com/x.git", Branch: "main", Poll: 10 * time.Minute}})
		w.work.bad = map[string]bool{"1": true}
		stop := w.start()
		until(t, "2000-01-01T00:00:30Z")
		require.Equal(t, "1", w.stack().Rejected.Commit)
		first := w.stack().Rejected.At
		require.NoError(t, w.daemon.Trigger("web", "webhook"))
		synctest.Wait()
		require.Len(t, w.stack().Turns, 2)
		require.Equal(t, first, w.stack().Rejected.At, "since when, and not when it was looked at last")
		require.Equal(t, Failing, w.stack().Condition)
		w.work.set(func() { w.work.bad = nil })
		until(t, "2000-01-01T00:05:00Z")
		require.Equal(t, "1", w.stack().Commit)
		require.Nil(t, w.stack().Rejected)
		w.work.set(func() { w.work.bad = map[string]bool{"2": true} })
		for _, tip := range []string{"2", "1"} {
			w.sources.mu.Lock()
			w.sources.tip = tip
			w.sources.mu.Unlock()
			require.NoError(t, w.daemon.Trigger("web", "webhook"))
			synctest.Wait()
			require.Equal(t, "1", w.stack().Commit)
			require.Equal(t, tip == "2", w.stack().Rejected != nil)
		}
		stop()
	})
}
