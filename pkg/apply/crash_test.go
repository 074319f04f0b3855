package apply_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/vpsync/vpsync/internal/matrix"
	"github.com/vpsync/vpsync/pkg/apply"
	"github.com/vpsync/vpsync/pkg/spec"
	"github.com/zclconf/go-cty/cty"
)

// TestCrashEverywhere stops a run at its n-th boundary, for every n until a run ends without reaching one, drops what it had in
// memory, and lets fresh runs go on from what was committed. Nothing may be made twice, lost, or left without an owner.
func TestCrashEverywhere(t *testing.T) { crashEverywhere(t, "A0", false) }

// TestCrashFarFromTheState is the same for a state that is far away: what was announced or deferred is all that the next machine knows.
func TestCrashFarFromTheState(t *testing.T) { crashEverywhere(t, "A0F", true) }

func crashEverywhere(t *testing.T, family string, far bool) {
	type scenario struct {
		name   string
		before string                       // applied in peace
		meddle func(t *testing.T, w *world) // behind vpsync's back
		hcl    string                       // applied under crashes
	}
	scenarios := []scenario{
		{name: "create", hcl: quickstart},
		{name: "update", before: quickstart, hcl: replaceOnce(replaceOnce(quickstart, `"5432"`, `"5433"`), `"10.0.0.254"`, `"10.0.0.253"`)},
		{name: "replace", before: quickstart, hcl: replaceOnce(quickstart, `"vps-medium"`, `"vps-large"`)},
		{name: "heal", before: quickstart, hcl: quickstart, meddle: func(t *testing.T, w *world) {
			require.NoError(t, w.sandbox.Delete("server", w.store.record(t, "server.db").ID))
			_, err := w.sandbox.Set("firewall_rule", w.store.record(t, "firewall_rule.http[0]").ID, spec.Values{"source": cty.StringVal("192.168.0.0/16")})
			require.NoError(t, err)
		}},
		{name: "empty", before: quickstart, hcl: ""},
		{name: "take back", before: quickstart, hcl: quickstart, meddle: func(t *testing.T, w *world) {
			_, err := w.run(t.Context(), context.Background(), "destroy")
			require.NoError(t, err)
		}},
	}
	saved := "\"vps-%s\"\n  lifecycle {\n    backup_before = [\"replace\"]\n  }"
	first := "\"vps-%s\"\n  lifecycle {\n    create_before_destroy = true\n  }"
	scenarios = append(scenarios, []scenario{
		{name: "create first", before: replaceOnce(quickstart, `"vps-medium"`, fmt.Sprintf(first, "medium")),
			hcl: replaceOnce(quickstart, `"vps-medium"`, fmt.Sprintf(first, "large"))},
		{name: "backup", before: replaceOnce(quickstart, `"vps-medium"`, fmt.Sprintf(saved, "medium")),
			hcl: replaceOnce(quickstart, `"vps-medium"`, fmt.Sprintf(saved, "large"))},
		{name: "move", before: quickstart, hcl: strings.NewReplacer("server.db", "server.database", `server "db"`, `server "database"`, `"5432"`, `"5433"`).Replace(quickstart) +
			"\nmoved {\n  from = server.db\n  to   = server.database\n}\n"},
	}...)
	cases, begun := 0, time.Now()
	for _, s := range scenarios {
		for n, done := 1, false; !done; n += stride() {
			t.Run(fmt.Sprintf("%s/%d", s.name, n), func(t *testing.T) {
				inWorld(t, func(t *testing.T, w *world) {
					w.parallelism = 1
					if s.before != "" {
						w.write(s.before)
						w.converge()
					}
					if s.meddle != nil {
						s.meddle(t, w)
					}
					w.write(s.hcl)
					made := map[string]int{}
					for _, o := range w.objects("") {
						made[o.ID]++
					}
					require.NoError(t, w.sandbox.ClearLog())
					if far {
						w.far = newDeferring(w.store)
					}
					hook, reached := crashAt(n)
					w.boundary = hook
					_, err := w.run(t.Context(), context.Background(), "apply")
					count, point := reached()
					w.boundary = nil
					if far && err != nil {
						w.far.die()
					}
					if count < n {
						require.NoError(t, err)
						done = true
						return
					}
					cases++
					require.ErrorIs(t, err, errCrash, point)
					w.requireOwned()
					w.recover(point)
				})
			})
			require.Less(t, n, 500, "the run never ends")
		}
	}
	matrix.Ran(t, family, cases, begun)
}

// stride is how far one point of a sweep lies from the next: a short run looks at some of them.
func stride() int {
	if testing.Short() {
		return 4
	}
	return 1
}

// recover runs until all is well, answering questions as an operator would who looks at the account: at most two runs
// and one for each answer.
func (w *world) recover(point string) {
	w.t.Helper()
	for range 2 {
		result, err := w.run(w.t.Context(), context.Background(), "apply")
		require.NoError(w.t, err, point)
		if len(result.Questions) > 0 {
			if w.far != nil { // one at a time: only what was sent, and not recorded, can be in question
				require.Len(w.t, result.Questions, 1, point)
				require.Contains(w.t, []string{apply.BoundaryIntent, apply.BoundaryAnswered}, point)
			}
			w.answer(point)
			continue
		}
		w.requireWell(result)
		break
	}
	w.converge()
	w.requireSentOnce(point)
}

// answer looks into the sandbox, which a person would do on the vendor's page, and resolves every question.
func (w *world) answer(point string) {
	w.t.Helper()
	st, err := w.store.Load(w.t.Context())
	require.NoError(w.t, err)
	owned := map[string]bool{}
	for _, r := range st.Resources {
		owned[r.ID] = true
	}
	for _, l := range st.Leftovers {
		owned[l.ID] = true
	}
	for _, in := range st.Intents {
		if !in.Question {
			continue
		}
		require.Equal(w.t, spec.OpCreate, in.Operation, point)
		answer := answerOf(w, in.Kind, owned)
		require.NoError(w.t, w.process("resolve").Resolve(w.t.Context(), in.Address, answer), point)
	}
}

// requireSentOnce holds P2 and P6: of every kind as many objects exist as are recorded or left over.
func (w *world) requireSentOnce(point string) {
	w.t.Helper()
	st, err := w.store.Load(w.t.Context())
	require.NoError(w.t, err)
	objects, backups := w.objects(""), 0
	for _, o := range objects {
		if o.Kind == "backup" {
			backups++
		}
	}
	require.LessOrEqual(w.t, backups, 1, "what is lost once is backed up once: %s", point)
	require.Len(w.t, objects, len(st.Resources)+len(st.Leftovers)+backups, point)
	require.Empty(w.t, st.Intents, point)
}

// TestCommitFails: a state that cannot be written ends the run before anything is sent that it could not record.
func TestCommitFails(t *testing.T) {
	full := errors.New("disk full")
	for n := 1; n <= 12; n++ {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			inWorld(t, func(t *testing.T, w *world) {
				w.write(quickstart)
				w.parallelism = 1
				w.store.fail = func(commit int) error {
					if commit >= n {
						return full
					}
					return nil
				}
				_, err := w.run(t.Context(), context.Background(), "apply")
				require.ErrorIs(t, err, full)
				w.requireOwned()
				w.store.fail = nil
				w.recover("full disk")
			})
		})
	}
}

// TestLockLost: no request begins after the lock was taken over (P5).
func TestLockLost(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.write(quickstart)
		w.parallelism = 1
		answered := 0
		w.boundary = func(point string) error {
			if point == "intent" {
				if answered++; answered == 3 {
					w.store.mu.Lock()
					w.store.broken = true
					w.store.mu.Unlock()
				}
			}
			return nil
		}
		_, err := w.run(t.Context(), context.Background(), "apply")
		require.Error(t, err)
		total := 0
		for _, n := range w.writes(false) {
			total += n
		}
		require.Equal(t, 2, total)
	})
}

// TestCrashInParallel cuts off runs that do many things at once, at points spread over the run.
func TestCrashInParallel(t *testing.T) {
	for n := 1; n < 60; n += 3 {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			inWorld(t, func(t *testing.T, w *world) {
				w.parallelism = 8
				w.write(quickstart)
				hook, reached := crashAt(n)
				w.boundary = hook
				_, err := w.run(t.Context(), context.Background(), "apply")
				w.boundary = nil
				if count, _ := reached(); count >= n {
					require.ErrorIs(t, err, errCrash)
				}
				w.requireOwned()
				w.recover("parallel")
			})
		})
	}
}
