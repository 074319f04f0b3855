package apply_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/vpsync/vpsync/pkg/apply"
	"github.com/vpsync/vpsync/pkg/plan"
	"github.com/vpsync/vpsync/pkg/providers"
	"github.com/vpsync/vpsync/pkg/providers/vpsorg"
	"github.com/vpsync/vpsync/pkg/spec"
	"github.com/vpsync/vpsync/pkg/state"
	"github.com/zclconf/go-cty/cty"
)

// inVPSOrg runs a test at an account of VPS.org.
func inVPSOrg(t *testing.T, test func(t *testing.T, w *world)) {
	t.Helper()
	def, diags := providers.Decode(vpsorg.Source, "vpsorg.provider.hcl")
	require.Empty(t, diags)
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, dir, def)
		test(t, w)
		require.NoError(t, w.sandbox.Close())
	})
}

// requests counts what arrived since the log was cleared: pages of lists, single reads, and everything else.
func (w *world) requests() (lists, reads, others int) {
	w.t.Helper()
	log, err := w.sandbox.Log()
	require.NoError(w.t, err)
	for _, e := range log {
		switch {
		case e.Method == http.MethodGet && strings.HasSuffix(e.Operation, ".list"):
			lists++
		case e.Method == http.MethodGet:
			reads++
		default:
			others++
		}
	}
	return lists, reads, others
}

// TestThousandUnchangedServers: what lists lack is read once, and then again only of servers that moved, and of a share of the
// rest, so that no detail is older than a day.
func TestThousandUnchangedServers(t *testing.T) {
	const n, pages = 1000, 10
	inVPSOrg(t, func(t *testing.T, w *world) {
		var objects []spec.Object
		for i := range n {
			objects = append(objects, spec.Object{Kind: "server", Values: spec.Values{
				"name": cty.StringVal(fmt.Sprintf("web-%d", i)), "location": cty.StringVal("us-west"),
				"plan_id": cty.NumberIntVal(1), "os_id": cty.NumberIntVal(5), "backups_enabled": cty.True,
			}})
		}
		made, err := w.sandbox.CreateMany(objects)
		require.NoError(t, err)
		time.Sleep(time.Hour)
		writes := []state.Write{state.PutAccount{Account: state.Account{Name: "vpsorg", Provider: "vpsorg", Endpoint: w.def.BaseURL}}}
		for i, o := range made {
			writes = append(writes, state.PutResource{Resource: &state.Resource{
				Address: spec.Address{Kind: "server", Name: "web", Key: spec.IntKey(i)}, Account: "vpsorg", ID: o.ID,
				Applied: objects[i].Values, Observed: objects[i].Values, CreatedAt: time.Now(),
			}})
		}
		require.NoError(t, w.store.Commit(t.Context(), writes...))
		w.write(fmt.Sprintf(`
server "web" {
  count           = %d
  name            = "web-${count.index}"
  location        = "us-west"
  plan_id         = 1
  os_id           = 5
  backups_enabled = true
}`, n))
		w.requireWell(w.apply())
		count := func() (lists, reads, others int) {
			t.Helper()
			require.NoError(t, w.sandbox.ClearLog())
			require.True(t, w.plan().Plan.Empty())
			return w.requests()
		}
		want := func(reads int) {
			t.Helper()
			gotLists, gotReads, others := count()
			require.Equal(t, []int{pages, reads, 0}, []int{gotLists, gotReads, others}, "pages, single reads, writes")
		}

		t.Log("nothing moved: the pages of the list, and nothing else")
		time.Sleep(time.Hour)
		want(0)

		t.Log("two moved: two reads")
		for _, o := range made[:2] {
			_, err := w.sandbox.Set("server", o.ID, spec.Values{"hostname": cty.StringVal("other.example.com")})
			require.NoError(t, err)
		}
		time.Sleep(time.Minute)
		want(2)
		w.requireWell(w.apply())
		want(0)

		t.Log("details are renewed a share at a time, and each within a day")
		renewed := map[string]bool{}
		for range 6 {
			time.Sleep(4 * time.Hour)
			require.NoError(t, w.sandbox.ClearLog())
			w.requireWell(w.apply())
			log, err := w.sandbox.Log()
			require.NoError(t, err)
			reads := 0
			for _, e := range log {
				if strings.HasSuffix(e.Operation, ".read") {
					renewed[e.Path] = true
					reads++
				}
			}
			require.Less(t, reads, n/2, "never all at once")
		}
		require.Len(t, renewed, n)

		t.Log("a full refresh reads every one")
		w.mode = apply.RefreshFull
		want(n)
	})
}

// TestDetailsThatOthersAskFor: what only a single read tells is read where an expression asks for it, before anything that
// uses it is made.
func TestDetailsThatOthersAskFor(t *testing.T) {
	const server = `
server "web" {
  name     = "web"
  location = "us-west"
  plan_id  = 1
  os_id    = 5
}
`
	inVPSOrg(t, func(t *testing.T, w *world) {
		w.write(server)
		w.converge()
		require.NoError(t, w.sandbox.ClearLog())
		require.True(t, w.plan().Plan.Empty())
		_, reads, _ := w.requests()
		require.Zero(t, reads, "nobody asks")

		w.write(server + `
output "address" {
  value = server.web.ipv6_address
}`)
		result := w.apply()
		w.requireWell(result)
		require.Equal(t, "2001:db8::1", result.Outputs[0].Value.AsString())

		t.Log("also of a server that is made in the same run")
		w.write(server + `
server "second" {
  name     = "second"
  hostname = "second.${replace(server.web.ipv6_address, ":", "-")}.example.com"
  location = "us-west"
  plan_id  = 1
  os_id    = 5
}
snapshot "second" {
  server_id   = server.second.id
  name        = "second"
  description = server.second.ipv6_address
}`)
		w.converge()
		require.Equal(t, "2001:db8::2", w.store.record(t, "snapshot.second").Applied["description"].AsString())
	})
}

// TestStopBeforeStart: an operation that keeps the server busy is waited for, since the next one would be refused.
func TestStopBeforeStart(t *testing.T) {
	stack := func(power string) string {
		return fmt.Sprintf(`
server "web" {
  name     = "web"
  location = "us-west"
  plan_id  = 1
  os_id    = 5
  power    = %q
}`, power)
	}
	inVPSOrg(t, func(t *testing.T, w *world) {
		w.write(stack("stopped"))
		w.converge()
		id := w.store.record(t, "server.web").ID
		status := func() string {
			t.Helper()
			objects, err := w.sandbox.Objects("server")
			require.NoError(t, err)
			require.Equal(t, id, objects[0].ID)
			return objects[0].Status
		}
		require.Equal(t, "stopped", status())
		w.write(stack("running"))
		w.converge()
		require.Equal(t, "active", status())

		t.Log("suspended: said, not healed, not waited for")
		_, err := w.sandbox.Set("server", id, spec.Values{"status": cty.StringVal("suspended")})
		require.NoError(t, err)
		require.NoError(t, w.sandbox.ClearLog())
		for range 2 {
			result := w.apply()
			w.requireWell(result)
			require.False(t, result.Changed)
		}
		_, _, writes := w.requests()
		require.Zero(t, writes)
		made := w.plan()
		require.Equal(t, plan.EffectNone, made.Plan.Changes[0].Attributes[0].Effect)
		require.Len(t, made.Plan.Warnings, 1)
	})
}
