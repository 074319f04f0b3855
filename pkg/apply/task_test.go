package apply_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/vpsync/vpsync/pkg/apply"
	"github.com/vpsync/vpsync/pkg/sandbox"
	"github.com/vpsync/vpsync/pkg/spec"
)

var db = spec.Address{Kind: "server", Name: "db"}

// task prepares and carries out a task as the command does.
func (w *world) task(name string, given map[string]string) (*apply.TaskDone, error) {
	w.t.Helper()
	r := w.process("task " + name)
	t, err := r.PrepareTask(w.t.Context(), name, db, given)
	if err != nil {
		return nil, err
	}
	return r.RunTask(w.t.Context(), context.Background(), t)
}

// TestCrashInTask cuts a task off at each of its points. Whatever became of it, it was sent once at most, and the stack goes on:
// by itself where what the task makes can be looked for, and otherwise after one answer.
func TestCrashInTask(t *testing.T) {
	for _, s := range []struct {
		task, request string
		given         map[string]string
		asks          bool
	}{
		{"backup", "backup.create", map[string]string{"name": "nightly"}, false},
		{"restore", "task.restore", map[string]string{"backup_id": "bkp_1000000001"}, true},
	} {
		cases, asked := 0, 0
		for n, done := 1, false; !done; n++ {
			t.Run(fmt.Sprintf("%s/%d", s.task, n), func(t *testing.T) {
				inWorld(t, func(t *testing.T, w *world) {
					w.write(quickstart)
					w.converge()
					if s.asks {
						_, err := w.task("backup", map[string]string{"name": "earlier"})
						require.NoError(t, err)
					}
					require.NoError(t, w.sandbox.ClearLog())
					hook, reached := crashAt(n)
					w.boundary = hook
					_, err := w.task(s.task, s.given)
					count, point := reached()
					w.boundary = nil
					if count < n {
						require.NoError(t, err)
						require.Equal(t, 1, w.writes(true)[s.request])
						done = true
						return
					}
					cases++
					require.ErrorIs(t, err, errCrash, point)
					sent := w.writes(false)[s.request]
					result := w.apply()
					if len(result.Questions) > 0 {
						asked++
						require.True(t, s.asks, point)
						require.Len(t, result.Questions, 1)
						require.Equal(t, "vpsync resolve server.db --forget    # look at the provider's own pages; then drop the matter", result.Questions[0].Remedy)
						require.NoError(t, w.process("resolve").Resolve(t.Context(), db, apply.Answer{Forget: true}))
					}
					w.converge()
					require.Equal(t, sent, w.writes(false)[s.request], "nobody sends it again: %s", point)
					require.LessOrEqual(t, sent, 1, point)
					require.NotNil(t, w.store.record(t, "server.db"), "what is recorded of the server stays")
				})
			})
			require.Less(t, n, 100, "the task never ends")
		}
		require.Greater(t, cases, 3, "the sweep has shrunk")
		require.Equal(t, s.asks, asked > 0, "an answer that nothing tells is asked for")
	}
}

// TestTaskLosesItsAnswer: what was made is found, and is not made again.
func TestTaskLosesItsAnswer(t *testing.T) {
	for _, what := range []sandbox.FaultKind{sandbox.FaultCloseBefore, sandbox.FaultCloseAfter} {
		t.Run(string(what), func(t *testing.T) {
			inWorld(t, func(t *testing.T, w *world) {
				w.write(quickstart)
				w.converge()
				require.NoError(t, w.sandbox.AddFault(sandbox.Fault{Request: "POST /backups", Do: what}))
				done, err := w.task("backup", map[string]string{"name": "nightly"})
				if what == sandbox.FaultCloseAfter {
					require.NoError(t, err)
					require.Equal(t, "completed", done.Status)
				} else {
					require.Error(t, err, "it was not carried out, and is not sent again by itself")
					require.Equal(t, 1, done.ExitCode(err))
				}
				made := 0
				if err == nil {
					made = 1
				}
				require.Len(t, w.objects("backup"), made)
				require.Equal(t, 1, done.Writes)
				w.converge()
			})
		})
	}
}

// preparedTask is a backup that only has to be sent, in the quickstart's account, and who is to send it.
func (w *world) preparedTask() (*apply.Runner, *apply.Task) {
	w.t.Helper()
	w.write(quickstart)
	w.converge()
	r := w.process("task backup")
	prepared, err := r.PrepareTask(w.t.Context(), "backup", db, map[string]string{"name": "nightly"})
	require.NoError(w.t, err)
	require.NoError(w.t, w.sandbox.ClearLog())
	return r, prepared
}

// TestTaskThatCannotBegin: a state that takes no row (a full disk) ends a task before it is sent, and the run has an end to tell of.
func TestTaskThatCannotBegin(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		r, prepared := w.preparedTask()
		full := errors.New("disk full")
		w.store.fail = func(int) error { return full }
		done, err := r.RunTask(t.Context(), context.Background(), prepared)
		require.ErrorIs(t, err, full)
		require.False(t, done.Sent)
		require.Equal(t, 1, done.ExitCode(err))
		require.Empty(t, w.writes(true))
	})
}

// TestTaskInterrupted: a task that is interrupted before its request leaves ends with 130, and with nothing open.
func TestTaskInterrupted(t *testing.T) {
	for _, at := range []string{apply.BoundaryOpening, apply.BoundaryIntent} {
		t.Run(at, func(t *testing.T) {
			inWorld(t, func(t *testing.T, w *world) {
				r, prepared := w.preparedTask()
				stop, interrupt := context.WithCancel(t.Context())
				defer interrupt()
				r.Options.Boundary = func(point string) error {
					if point == at {
						interrupt()
					}
					return nil
				}
				done, err := r.RunTask(t.Context(), stop, prepared)
				require.Error(t, err)
				require.Equal(t, 130, done.ExitCode(err))
				require.Empty(t, w.writes(false))
				st, err := w.store.Load(t.Context())
				require.NoError(t, err)
				require.Empty(t, st.Intents)
			})
		})
	}
}
