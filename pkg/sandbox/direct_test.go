package sandbox

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/vpsync/vpsync/pkg/spec"
	"github.com/zclconf/go-cty/cty"
)

func TestDirectChanges(t *testing.T) {
	w := newWorld(t)
	o, err := w.Create("network", spec.Values{"name": cty.StringVal("legacy"), "cidr": cty.StringVal("10.99.0.7/24"), "vlan_id": cty.StringVal("12")})
	require.NoError(t, err)
	require.Equal(t, "net_1000000001", o.ID)
	require.Equal(t, start, o.CreatedAt)
	require.True(t, o.Ready)
	require.Equal(t, cty.StringVal("10.99.0.0/24"), o.Values["cidr"])
	require.True(t, o.Values["vlan_id"].RawEquals(cty.NumberIntVal(12)), "a number even where text was given")
	require.Equal(t, cty.StringVal("10.99.0.1"), o.Values["gateway"])

	o, err = w.Set("network", o.ID, spec.Values{"location": cty.StringVal("IST"), "gateway": cty.NullVal(cty.String)})
	require.NoError(t, err)
	require.Equal(t, cty.StringVal("IST"), o.Values["location"], "computed attributes can be set")
	require.True(t, o.Values["gateway"].IsNull())

	o, err = w.Create("volume", spec.Values{"name": cty.StringVal("v"), "size_gb": cty.NumberIntVal(10), "type": cty.StringVal("ssd"), "server_id": cty.StringVal("srv_7")})
	require.NoError(t, err)
	require.Equal(t, cty.StringVal("attached"), o.Values["status"])
	o, err = w.Set("volume", o.ID, spec.Values{"server_id": cty.NullVal(cty.String)})
	require.NoError(t, err)
	require.Equal(t, cty.StringVal("available"), o.Values["status"], "what the API computes follows")
	require.NoError(t, w.Delete("volume", o.ID), "which the API cannot do")

	_, err = w.Create("alert_rule", spec.Values{"name": cty.StringVal("a"), "metric": cty.StringVal("cpu"), "threshold": cty.NumberFloatVal(90.5), "condition": cty.StringVal("less_than")})
	require.NoError(t, err)
	all := must(w.Objects(""))
	require.Len(t, all, 2)
	require.Equal(t, []string{"network", "alert_rule"}, []string{all[0].Kind, all[1].Kind}, "in order of creation")
	require.Empty(t, must(w.Log()), "nobody asked the API")
}

func TestDirectMistakes(t *testing.T) {
	w := newWorld(t)
	id := must(w.Create("server", serverValues("a"))).ID
	set := func(name string, v cty.Value) error {
		_, err := w.Set("server", id, spec.Values{name: v})
		return err
	}
	create := func(kind string, v spec.Values) error {
		_, err := w.Create(kind, v)
		return err
	}
	tests := []struct {
		err  error
		says string
	}{
		{create("sever", nil), `has no kind "sever"; did you mean "server"?`},
		{create("x", nil), `has no kind "x"; there are alert_rule, backup, backup_schedule`},
		{create("server", nil), "server needs name"},
		{set("plam", cty.StringVal("x")), `server has no attribute "plam"; did you mean "plan"?`},
		{set("plan", cty.StringVal("giant")), "server: plan"},
		{set("location", cty.StringVal("Amsterdam")), "one of AMS, IST"},
		{set("name", cty.NullVal(cty.String)), "server needs name"},
		{set("status", cty.StringVal("bogus")), "server: status must be one of provisioning, active, inactive, suspended"},
		{set("ssh_keys", cty.StringVal("k")), "ssh_keys must be list of string"},
		{set("name", cty.UnknownVal(cty.String)), "must be known"},
		{create("alert_rule", spec.Values{"threshold": cty.StringVal("1e-99999999")}), "threshold must be a number between"},
		{create("alert_rule", spec.Values{"threshold": cty.StringVal("1e99999999")}), "threshold must be a number between"},
		{set("id", cty.StringVal("srv_2")), "cannot change"},
		{set("created_at", cty.StringVal("yesterday")), "must be a time"},
		{w.Delete("server", "srv_9"), "there is no server srv_9"},
		{create("server", spec.Values{"id": cty.StringVal(id), "name": cty.StringVal("b"), "location": cty.StringVal("AMS")}), "exists already"},
	}
	for _, tt := range tests {
		require.ErrorContains(t, tt.err, tt.says)
	}
	require.Len(t, must(w.Objects("")), 1)
}

func TestGivenIDsAndAges(t *testing.T) {
	w := newWorld(t, func(o *Options) { o.Provisioning = time.Minute })
	old := start.Add(-time.Hour)
	made, err := w.CreateMany([]spec.Object{
		{Kind: "server", ID: "srv_1000000002", CreatedAt: old, Values: serverValues("a")},
		{Kind: "server", Values: serverValues("b")},
		{Kind: "server", Values: serverValues("c")},
	})
	require.NoError(t, err)
	require.Equal(t, []string{"srv_1000000002", "srv_1000000003", "srv_1000000004"}, []string{made[0].ID, made[1].ID, made[2].ID})
	require.True(t, made[0].Ready)
	require.False(t, made[1].Ready)
	require.Equal(t, cty.StringVal("2025-01-15T09:30:00Z"), made[0].Values["created_at"])

	_, err = w.CreateMany([]spec.Object{{Kind: "server", ID: "srv_1", Values: serverValues("a")}, {Kind: "server", ID: "srv_1", Values: serverValues("b")}})
	require.ErrorContains(t, err, "exists already")
	require.Len(t, must(w.Objects("server")), 3, "all or none")
}

func TestAnIDNeverNamesTwoObjects(t *testing.T) {
	n := 0
	w := newWorld(t, func(o *Options) {
		o.IDs = func(string, int) string { n++; return []string{"1", "2", "3", "4", "5", "6", "7", "8", "9"}[(n-1)%9] }
	})
	ids := map[string]bool{}
	for i := range 6 {
		id := must(w.Create("server", serverValues("a"))).ID
		require.Falsef(t, ids[id], "%s again", id)
		ids[id] = true
		switch i {
		case 1:
			require.NoError(t, w.Delete("server", id))
			n = 0
		case 3:
			require.NoError(t, w.Reset())
			n = 0
		}
	}
	require.Len(t, must(w.Objects("")), 2)
}

func TestResetEmptiesTheAccount(t *testing.T) {
	w := newWorld(t, func(o *Options) { o.Dir = t.TempDir() })
	first := w.create("/servers", serverBody)
	w.arm(Fault{Do: FaultHang})
	require.NoError(t, w.Reset())
	require.Empty(t, must(w.Objects("")))
	require.Empty(t, must(w.Log()))
	require.Empty(t, must(w.Faults()))
	require.NotEqual(t, first, w.create("/servers", serverBody))
	require.Len(t, must(w.Log()), 1)
	require.NoError(t, w.ClearLog())
	require.Empty(t, must(w.Log()))
	require.Len(t, must(w.Objects("")), 1)
}

func TestBoundary(t *testing.T) {
	var points []string
	var w *world
	w = newWorld(t, func(o *Options) {
		o.Boundary = func(point string) {
			points = append(points, point)
			require.Len(t, must(w.Objects("")), 1, "the work is done, and nothing is locked")
		}
	})
	w.create("/servers", serverBody)
	w.do("GET", "/servers", "").want(200)
	w.do("POST", "/servers", "{}").want(400)
	require.Equal(t, []string{"worked"}, points)
}
