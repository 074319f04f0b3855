package sandbox

import (
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/vpsync/vpsync/pkg/spec"
	"github.com/zclconf/go-cty/cty"
)

// TestLeaving: what is deleted is shown as on its way out for as long as a new object takes to be ready, takes nothing new, and is gone
// after that, also when the sandbox was closed meanwhile.
func TestLeaving(t *testing.T) {
	src, err := os.ReadFile("../../examples/own-provider/tern.provider.hcl")
	require.NoError(t, err)
	dir := t.TempDir()
	key := []string{"X-Tern-Key", token}
	open := func() *world {
		return worldOf(t, string(src), func(o *Options) { o.Dir, o.Provisioning = dir, time.Minute })
	}
	w := open()
	zone, err := w.Create("zone", spec.Values{"origin": cty.StringVal("example.org"), "contact": cty.StringVal("a@example.org")})
	require.NoError(t, err)
	made, err := w.Create("record", spec.Values{"zone_id": cty.StringVal(zone.ID), "label": cty.StringVal("www"), "type": cty.StringVal("A"),
		"values": cty.SetVal([]cty.Value{cty.StringVal("192.0.2.1")})})
	require.NoError(t, err)
	require.Equal(t, zone.ID+"/1000000001", made.ID, "clients know it by its zone, too")
	_, err = w.Set("record", made.ID, spec.Values{"note": cty.StringVal("a")})
	require.NoError(t, err)
	_, err = w.Set("record", "zn_9/1000000001", spec.Values{"note": cty.StringVal("b")})
	require.ErrorContains(t, err, "there is no record zn_9/1000000001")

	w.do("DELETE", "/v3/zones/"+zone.ID, "", key...).want(202)
	require.Equal(t, "leaving", w.do("GET", "/v3/zones/"+zone.ID, "", key...).want(200).text("zone.state"))
	w.do("DELETE", "/v3/zones/"+zone.ID, "", key...).want(202)
	w.do("PUT", "/v3/zones/"+zone.ID, `{"contact":"b@example.org"}`, key...).want(404)
	w.do("POST", "/v3/zones/"+zone.ID+"/records", `{"label":"a","type":"A","values":["192.0.2.2"]}`, key...).want(404)
	objects, err := w.Objects("zone")
	require.NoError(t, err)
	require.True(t, objects[0].Leaving)

	w.clock.pass(59 * time.Second)
	w.do("GET", "/v3/zones/"+zone.ID, "", key...).want(200)
	passed := w.clock.Now()
	w = open()
	w.clock.now = passed.Add(time.Second)
	w.do("GET", "/v3/zones/"+zone.ID, "", key...).want(404)
	objects, err = w.Objects("")
	require.NoError(t, err)
	require.Empty(t, objects, "its records went with it")
}
