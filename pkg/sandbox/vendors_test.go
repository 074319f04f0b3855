package sandbox

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/vpsync/vpsync/pkg/providers/evotic"
	"github.com/vpsync/vpsync/pkg/providers/vpsorg"
	"github.com/vpsync/vpsync/pkg/spec"
	"github.com/zclconf/go-cty/cty"
)

func minute(o *Options) { o.Provisioning = time.Minute }

// TestPower: start and stop take their time, show what they are at, and refuse what is so already, or what is not theirs to end.
func TestPower(t *testing.T) {
	w := worldOf(t, string(vpsorg.Source), minute)
	w.do("POST", "/servers/", `{"name":"web","plan_id":1,"os_id":5,"location":"us-west"}`).want(201)
	const at = "/servers/1000000001/"
	status := func() string { return w.do("GET", at, "").want(200).text("status") }
	require.Equal(t, "provisioning", status())
	require.Nil(t, w.do("GET", at, "").at("ip_address"))
	w.do("POST", at+"start/", "").want(400)
	w.clock.pass(time.Minute)
	require.Equal(t, "active", status())

	require.Equal(t, "stopping", w.do("POST", at+"stop/", "").want(200).text("server.status"))
	w.do("POST", at+"stop/", "").want(400)
	w.clock.pass(59 * time.Second)
	require.Equal(t, "stopping", status())
	w.do("PATCH", at, `{"name":"www"}`).want(200)
	w.clock.pass(time.Second)
	require.Equal(t, "stopped", status(), "a change of the name does not begin anew")

	t.Log("what somebody says by hand is what power is")
	set := func(name, value string) spec.Object {
		t.Helper()
		o, err := w.Set("server", "1000000001", spec.Values{name: cty.StringVal(value)})
		require.NoError(t, err)
		return o
	}
	require.Equal(t, "running", set("status", "active").Values["power"].AsString())
	w.do("POST", at+"start/", "").want(400)
	w.do("POST", at+"stop/", "").want(200)
	require.Equal(t, "suspended", set("status", "suspended").Status)
	require.Contains(t, w.do("POST", at+"start/", "").want(400).text("detail"), "suspended")
	_, err := w.Set("server", "1000000001", spec.Values{"status": cty.StringVal("asleep")})
	require.ErrorContains(t, err, "must be one of")

	t.Log("and outlives a restart of the sandbox")
	dir := t.TempDir()
	kept := worldOf(t, string(vpsorg.Source), minute, func(o *Options) { o.Dir = dir })
	kept.do("POST", "/servers/", `{"name":"web","plan_id":1,"os_id":5,"location":"us-west"}`).want(201)
	kept.clock.pass(time.Minute)
	kept.do("POST", at+"stop/", "").want(200)
	again := worldOf(t, string(vpsorg.Source), minute, func(o *Options) { o.Dir, o.Clock = dir, kept.clock })
	require.Equal(t, "stopping", again.do("GET", at, "").text("status"))
	kept.clock.pass(time.Minute)
	require.Equal(t, "stopped", again.do("GET", at, "").text("status"))
}

// TestFieldByField: an API that complains about each field does so in its own shape.
func TestFieldByField(t *testing.T) {
	w := worldOf(t, string(vpsorg.Source))
	got := w.do("POST", "/servers/", `{"name":"web_1","plan_id":77,"os_id":5}`).want(400)
	require.JSONEq(t, `{"name":["Must match [A-Za-z0-9-]+."],"plan_id":["77 is not offered; there are 1, 2, 3, 4."],"location":["Is required."]}`, got.Body)
	require.Equal(t, "The requested path could not be found", w.do("POST", "/servers", `{}`).want(404).text("detail"), "without its slash a path is none")
}

// TestWaitApart: how far a server has come is answered by a request of its own, and by no other.
func TestWaitApart(t *testing.T) {
	w := worldOf(t, string(evotic.Source), minute)
	const form = "application/x-www-form-urlencoded"
	made := w.do("POST", "/servers", "name=app&location_id=1&os_id=2&password=x&cpu=1&ram=1024&disk=10&initialCommands[]=a&initialCommands[]=b", "Content-Type", form).want(200)
	require.Equal(t, "app", made.text("hostname"))
	require.NotContains(t, made.Body, "password")
	w.clock.pass(15 * time.Second)
	require.JSONEq(t, `{"status":"installing","real_status":"stopped","is_processing":true,"progress":25}`, w.do("GET", "/servers/1000000001/status", "").want(200).Body)
	require.Equal(t, "started", w.do("GET", "/servers/1000000001", "").want(200).text("status"))
	w.clock.pass(time.Minute)
	require.JSONEq(t, `{"status":"started","real_status":"started","is_processing":false,"progress":100}`, w.do("GET", "/servers/1000000001/status", "").want(200).Body)
	w.do("GET", "/servers/2/status", "").want(404)
	require.Equal(t, "invalid_request", w.do("POST", "/servers", "name=app", "Content-Type", form).want(400).text("type"))
}
