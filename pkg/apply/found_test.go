package apply_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/vpsync/vpsync/pkg/apply"
	"github.com/vpsync/vpsync/pkg/plan"
	"github.com/vpsync/vpsync/pkg/spec"
	"github.com/zclconf/go-cty/cty"
)

// What TestSimulation found, each by itself.

// TestDeposedAsPlanned: a replacement that makes before it removes dies in between. What becomes of the old object says the block that
// replaces it, as the plan showed, and not what the block said before.
func TestDeposedAsPlanned(t *testing.T) {
	t.Run("left behind", func(t *testing.T) {
		inWorld(t, func(t *testing.T, w *world) {
			w.parallelism = 1
			w.write(oneAlert)
			w.converge()
			w.write("alert_rule \"cpu\" {\n  name      = \"other\"\n  metric    = \"cpu\"\n  threshold = 90\n  condition = \"greater_than\"\n" +
				"  lifecycle {\n    on_unsupported        = \"forget\"\n    create_before_destroy = true\n  }\n}\n")
			w.crashOn(apply.BoundaryLettingGo, 1)
			require.NotEmpty(t, w.plan().Plan.Changes[0].Deposed)
			w.converge()
			require.Len(t, w.store.leftovers, 1)
		})
	})
	t.Run("backed up", func(t *testing.T) {
		inWorld(t, func(t *testing.T, w *world) {
			w.parallelism = 1
			w.write(oneServer)
			w.converge()
			w.write("server \"web\" {\n  name     = \"web\"\n  plan     = \"vps-large\"\n  location = \"AMS\"\n" +
				"  lifecycle {\n    backup_before         = [\"replace\"]\n    create_before_destroy = true\n  }\n}\n")
			w.crashOn(apply.BoundaryReady, 1) // of the new one
			w.converge()
			require.Len(t, w.objects("backup"), 1, "the old server was deleted without a backup")
			require.Len(t, w.objects("server"), 1)
		})
	})
}

// TestDetailDriftOutlivesCrash: a refresh read a detail that somebody changed, and the run died before it was changed back. An object that
// has not moved since is not read again; the change is seen all the same.
func TestDetailDriftOutlivesCrash(t *testing.T) {
	inAcme(t, func(t *testing.T, w *world) {
		w.write(boxes)
		w.converge()
		time.Sleep(time.Minute)
		_, err := w.sandbox.Set("box", w.store.record(t, "box.a[1]").ID, spec.Values{"backups": cty.False})
		require.NoError(t, err)
		time.Sleep(time.Minute)
		w.crashOn(apply.BoundaryOpening, 1)
		time.Sleep(time.Minute)
		require.Equal(t, 1, w.converge().Counts.Change)
		for _, o := range w.objects("box") {
			require.True(t, o.Values["backups"].True(), o.ID)
		}
	})
}

// TestUnmetEachTime: a goal that is not reached is not reached the second time either, although nothing is left to send.
func TestUnmetEachTime(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.parallelism = 1
		w.write(oneServer)
		w.boundary = func(point string) error {
			if point == apply.BoundaryWaiting { // so soon that it is never seen as it was asked for
				_, err := w.sandbox.Set("server", w.objects("server")[0].ID, spec.Values{"location": cty.StringVal("IST")})
				require.NoError(t, err)
			}
			return nil
		}
		for range 3 {
			result, err := w.run(t.Context(), context.Background(), "apply")
			require.NoError(t, err)
			require.Equal(t, 3, result.ExitCode())
			require.True(t, result.Residue.Empty())
			w.boundary = nil
		}
	})
}

// TestRemedyNamesTheRecord: a plan that waits for an answer records no moves, so what it says to paste names the resource as the state has it.
func TestRemedyNamesTheRecord(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		alert := func(label, count, moved string) string {
			return "alert_rule \"" + label + "\" {\n  count     = " + count + "\n  name      = \"cpu-${count.index}\"\n  metric    = \"cpu\"\n  threshold = 90\n  condition = \"greater_than\"\n}\n" + moved
		}
		w.write(alert("old", "2", ""))
		w.converge()
		w.write(alert("new", "1", "moved {\n  from = alert_rule.old\n  to   = alert_rule.new\n}\n"))
		result := w.apply()
		require.Len(t, result.Questions, 1)
		require.Equal(t, "alert_rule.new[1]", result.Questions[0].Address.String())
		require.Contains(t, result.Questions[0].Remedy, "vpsync state rm 'alert_rule.old[1]' ")
	})
}

// TestTakesBackFirst: a replacement that makes before it removes takes a leftover back. The object that it replaces is set aside meanwhile,
// and left behind at the end.
func TestTakesBackFirst(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.parallelism = 1
		volume := func(size string) string {
			return "volume \"v\" {\n  name    = \"v\"\n  size_gb = " + size + "\n  type    = \"ssd\"\n  lifecycle {\n    on_unsupported        = \"forget\"\n    create_before_destroy = true\n  }\n}\n"
		}
		for _, size := range []string{"10", "20", "10"} {
			w.write(volume(size))
			w.converge()
		}
		require.Len(t, w.objects("volume"), 2, "the first one was taken back")
		require.Len(t, w.store.leftovers, 1)
	})
}

// TestFreedAndHeldUp: an apply waits out the grace of a create that was not carried out, and then finds that it may not send it again:
// somebody has made such an object meanwhile. It asks, and does not end as if all were well.
func TestFreedAndHeldUp(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.parallelism = 1
		w.write(oneServer)
		w.crashOn(apply.BoundaryIntent, 1)
		w.emit = func(e apply.Event) {
			if e.Type == apply.EventCountdown && len(w.objects("server")) == 0 {
				_, err := w.sandbox.CreateMany([]spec.Object{{Kind: "server", CreatedAt: time.Now().Add(-time.Hour), Values: spec.Values{
					"name": cty.StringVal("web"), "plan": cty.StringVal("vps-small"), "location": cty.StringVal("AMS"),
				}}})
				require.NoError(t, err)
			}
		}
		w.store.intents[soleIntent(w)].Seen = []string{"srv_1000000001"} // there before, say: the plan shows it as a twin, and nothing else
		result := w.apply()
		require.NotZero(t, result.ExitCode())
		require.Len(t, w.objects("server"), 1)
		require.NotEmpty(t, result.Questions)
		require.Equal(t, plan.AskTwin, result.Questions[0].Kind)
	})
}

func soleIntent(w *world) string {
	for id := range w.store.intents {
		return id
	}
	return ""
}
