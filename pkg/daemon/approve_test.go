package daemon

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

func TestProposeAndApprove(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, &Stack{Mode: Propose, Schedule: schedule(t, "@hourly", ""), Windows: Windows{Deny: []Window{{schedule(t, "0 0 * * *", ""), 90 * time.Minute}}}})
		w.work.more = Counts{Change: 2}
		stop := w.start()
		until(t, "2000-01-01T00:30:00Z")
		first := w.stack().Proposed
		require.Equal(t, Counts{Change: 2}, first.Counts)
		stop()
		stop = w.start() // a restart keeps it
		until(t, "2000-01-01T01:10:00Z")
		require.Equal(t, first, w.stack().Proposed)
		require.ErrorIs(t, w.daemon.Approve("run-x", "ada"), ErrNoProposal)
		require.NoError(t, w.daemon.Approve(first.Run, "ada"))
		until(t, "2000-01-01T02:10:00Z")
		require.Equal(t, []string{"01 00:00:00 look", "01 00:30:00 look", "01 01:00:00 look", "01 01:10:00 look", "01 01:30:00 apply for ada", "01 01:30:00 look", "01 02:00:00 look"}, w.work.said())
		s := w.stack()
		require.Nil(t, s.Proposed)
		require.Equal(t, InSync, s.Condition)
		require.Equal(t, ResultApplied, s.Turns[1].Result)
		require.ErrorIs(t, w.daemon.Approve(first.Run, "ada"), ErrNoProposal, "once")
		// A plan that is another one by now is not carried out.
		w.work.set(func() { w.work.more = Counts{Add: 1} })
		until(t, "2000-01-01T03:10:00Z")
		old := w.stack().Proposed
		w.work.set(func() { w.work.more = Counts{Add: 5} })
		w.work.said()
		require.NoError(t, w.daemon.Approve(old.Run, "ada"))
		synctest.Wait()
		require.Equal(t, Counts{Add: 5}, w.work.more)
		require.Equal(t, []string{"01 03:10:00 apply for ada", "01 03:10:00 look"}, w.work.said())
		s = w.stack()
		require.Equal(t, ErrMoved.Error(), s.Turns[0].Error)
		require.Equal(t, "approval by ada", s.Turns[0].Trigger)
		require.Zero(t, s.Failures, "it is nobody's failure")
		kept, err := ReadMemory(w.config.Stacks[0].Memory)
		require.NoError(t, err)
		require.False(t, kept.Acting, "nothing was begun that would have to be settled")
		require.NotEqual(t, old.Run, s.Proposed.Run)
		stop()
	})
}

// TestApprovalWaits: a yes waits for the windows, and does not outlive the mode that it was said in.
func TestApprovalWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, &Stack{Mode: Propose, Schedule: schedule(t, "@hourly", ""), Windows: Windows{Deny: []Window{{schedule(t, "0 0 * * *", ""), 90 * time.Minute}}}})
		w.work.more = Counts{Change: 2}
		stop := w.start()
		until(t, "2000-01-01T00:30:00Z")
		require.NoError(t, w.daemon.Approve(w.stack().Proposed.Run, "ada"))
		until(t, "2000-01-01T00:31:00Z")
		require.Equal(t, "ada", w.stack().Proposed.ApprovedBy)
		stop()
		w.config.Stacks[0].Mode, w.config.Stacks[0].Windows = Observe, Windows{}
		w.work.said()
		stop = w.start()
		until(t, "2000-01-01T02:01:00Z")
		require.NotContains(t, strings.Join(w.work.said(), " "), "apply")
		require.Nil(t, w.stack().Proposed)
		stop()
	})
}
