package sandbox

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/zclconf/go-cty/cty"
)

func TestNewServerAnswersLikeTheVendor(t *testing.T) {
	w := newWorld(t, func(o *Options) { o.Provisioning = time.Minute })
	r := w.do("POST", "/servers", strings.Replace(serverBody, "{", `{"ssh_keys":["ssh-rsa AAAA"],`, 1)).want(201)
	require.Equal(t, "application/json", r.Header.Get("Content-Type"))
	require.JSONEq(t, `{"data": {
		"id": "srv_1000000001", "name": "web", "location": "Amsterdam", "status": "provisioning",
		"created_at": "2025-01-15T10:30:00Z"
	}}`, r.Body, "what is not ready has no address")
	w.create("/servers", serverBody)
	w.clock.pass(time.Minute)
	r = w.do("GET", "/servers?limit=1", "").want(200)
	require.JSONEq(t, `{"pagination": {"page": 1, "limit": 1, "total": 2, "pages": 2}, "data": [{
		"id": "srv_1000000001", "name": "web", "location": "Amsterdam", "status": "active",
		"ip_address": "185.123.45.67", "specs": {"cpu": 4, "ram": 8192, "disk": 160, "bandwidth": 10000},
		"created_at": "2025-01-15T10:30:00Z"
	}]}`, r.Body)
	r = w.do("GET", "/servers?limit=1&page=2", "").want(200)
	require.Equal(t, "srv_1000000002", r.text("data.0.id"))
	require.Equal(t, "185.123.45.68", r.text("data.0.ip_address"))

	servers := must(w.Objects("server"))
	require.Equal(t, cty.StringVal("vps-medium"), servers[0].Values["plan"], "stored, though never answered")
	require.Equal(t, cty.StringVal("ubuntu-22.04"), servers[0].Values["os"], "the server's default")
	require.Equal(t, cty.StringVal("AMS"), servers[0].Values["location"], "in the configuration's words")
}

func TestAddressesDiffer(t *testing.T) {
	w := newWorld(t, func(o *Options) { o.Unlimited = true })
	a := w.model.kinds["server"].byName["ip_address"]
	seen := map[string]bool{}
	for n := 1; n <= 100_000; n++ {
		ip := a.example(n).AsString()
		require.Falsef(t, seen[ip], "%s again, for object %d", ip, n)
		seen[ip] = true
	}
}

func TestServerIsReadyAfterItsTime(t *testing.T) {
	dir := t.TempDir()
	waits := func(o *Options) { o.Provisioning, o.Dir = time.Minute, dir }
	w := newWorld(t, waits)
	w.create("/servers", serverBody)
	w.clock.pass(59 * time.Second)
	require.Equal(t, "provisioning", w.do("GET", "/servers", "").text("data.0.status"))
	o := must(w.Objects("server"))[0]
	require.False(t, o.Ready)
	require.False(t, o.Failed)
	require.Equal(t, "provisioning", o.Status)

	again := newWorld(t, waits) // its clock starts anew
	again.clock.pass(61 * time.Second)
	require.Equal(t, "active", again.do("GET", "/servers", "").text("data.0.status"), "a restart does not delay it")
	require.True(t, must(again.Objects("server"))[0].Ready)
}

func TestSuspendedServerStaysSo(t *testing.T) {
	w := newWorld(t)
	id := w.create("/servers", serverBody)
	o, err := w.Set("server", id, map[string]cty.Value{"status": cty.StringVal("suspended")})
	require.NoError(t, err)
	require.True(t, o.Failed)
	w.clock.pass(time.Hour)
	require.Equal(t, "suspended", w.do("GET", "/servers", "").text("data.0.status"))
	_, err = w.Set("server", id, map[string]cty.Value{"status": cty.NullVal(cty.String)})
	require.NoError(t, err)
	require.Equal(t, "active", w.do("GET", "/servers", "").text("data.0.status"))
}

func TestNetworkGetsGatewayAndNameServers(t *testing.T) {
	w := newWorld(t)
	r := w.do("POST", "/networks", `{"name":"n","cidr":"10.0.0.5/24"}`).want(201)
	require.Equal(t, "10.0.0.0/24", r.text("data.cidr"), "host bits are dropped")
	require.Equal(t, "10.0.0.1", r.text("data.gateway"))
	require.Equal(t, []any{"8.8.8.8", "8.8.4.4"}, r.at("data.dns_servers"))
	id := r.text("data.id")

	r = w.do("PUT", "/networks/"+id, `{"gateway":"10.0.0.254"}`).want(200)
	require.Equal(t, "10.0.0.254", r.text("data.gateway"))
	require.Nil(t, r.at("data.dns_servers"), "a whole update clears what it leaves out")
	require.NotContains(t, r.Body, "dns_servers")
	r = w.do("PUT", "/networks/"+id, `{"dns_servers":["1.1.1.1"],"gateway":null}`).want(200)
	require.Nil(t, r.at("data.gateway"))
	require.Equal(t, []any{"1.1.1.1"}, r.at("data.dns_servers"))
	w.do("PUT", "/networks/"+id, `{"gateway":"nowhere"}`).want(400)
	w.do("PUT", "/networks/"+id, `{"name":"other"}`).want(400)
}

func TestSmallRangeHasNoGateway(t *testing.T) {
	r := newWorld(t).do("POST", "/networks", `{"name":"n","cidr":"10.0.0.5/32"}`).want(201)
	require.Nil(t, r.at("data.gateway"), "an expression without a value leaves its attribute unset")
}

func TestWholeUpdateOfARule(t *testing.T) {
	w := newWorld(t)
	server := w.create("/servers", serverBody)
	r := w.do("POST", "/firewall/rules", strings.Replace(ruleBody, "{", `{"priority":7,"enabled":false,"server_id":"`+server+`",`, 1)).want(201)
	require.Equal(t, float64(7), r.at("data.priority"))
	rule := r.text("data.id")
	r = w.do("PUT", "/firewall/rules/"+rule, strings.Replace(ruleBody, `"80"`, `"8080-8090"`, 1)).want(200)
	require.Equal(t, "8080-8090", r.text("data.port_range"))
	require.Equal(t, float64(100), r.at("data.priority"))
	require.Equal(t, true, r.at("data.enabled"))
	require.Nil(t, r.at("data.server_id"))
	w.do("PUT", "/firewall/rules/"+rule, `{"port_range":"80"}`).want(400)
}

func TestAttach(t *testing.T) {
	w := newWorld(t)
	one, other := w.create("/servers", serverBody), w.create("/servers", serverBody)
	r := w.do("POST", "/storage/volumes", volumeBody).want(201)
	require.Equal(t, "available", r.text("data.status"))
	require.NotContains(t, r.Body, "server_id")
	require.NotContains(t, r.Body, "mount_point")
	attach := "/storage/volumes/" + r.text("data.id") + "/attach"

	require.Contains(t, w.do("POST", attach, `{}`).want(400).text("error.message"), "required")
	require.Contains(t, w.do("POST", attach, `{"server_id":"srv_9"}`).want(400).text("error.message"), "does not exist")
	r = w.do("POST", attach, `{"server_id":"`+one+`"}`).want(200)
	require.Equal(t, "attached", r.text("data.status"))
	require.Equal(t, "/dev/sdb", r.text("data.mount_point"))
	w.do("POST", attach, `{"server_id":"`+one+`"}`).want(200)
	r = w.do("POST", attach, `{"server_id":"`+other+`"}`).want(400)
	require.Equal(t, "VOLUME_ATTACHED", r.text("error.code"))
	require.Equal(t, one, w.do("GET", "/storage/volumes", "").text("data.0.server_id"))
}

func TestDeletingAServerFreesItsVolumesAndKeepsTheRest(t *testing.T) {
	for _, direct := range []bool{false, true} {
		w := newWorld(t)
		server := w.create("/servers", serverBody)
		volume := w.create("/storage/volumes", volumeBody)
		w.do("POST", "/storage/volumes/"+volume+"/attach", `{"server_id":"`+server+`"}`).want(200)
		w.create("/firewall/rules", strings.Replace(ruleBody, "{", `{"server_id":"`+server+`",`, 1))
		w.create("/backups/schedules", `{"name":"n","server_id":"`+server+`","cron":"0 2 * * *"}`)
		if direct {
			require.NoError(t, w.Delete("server", server))
		} else {
			require.Empty(t, w.do("DELETE", "/servers/"+server, "").want(204).Body)
		}
		w.do("DELETE", "/servers/"+server, "").want(404)

		r := w.do("GET", "/storage/volumes", "")
		require.Equal(t, "available", r.text("data.0.status"))
		require.NotContains(t, r.Body, "server_id")
		require.NotContains(t, r.Body, "mount_point")
		require.Equal(t, server, w.do("GET", "/firewall/rules", "").text("data.0.server_id"))
		schedules := must(w.Objects("backup_schedule"))
		require.Equal(t, cty.StringVal(server), schedules[0].Values["server_id"])
		require.True(t, schedules[0].Values["retention_days"].RawEquals(cty.NumberIntVal(30)))
	}
}

func TestPartsAreUpdated(t *testing.T) {
	w := worldOf(t, acme("", `paging "none" {}`))
	r := w.do("POST", "/boxes", `{"label":"a","cores":2,"tags":["x"],"motto":"m","password":"secret"}`).want(201)
	require.Equal(t, float64(1_000_000_001), r.at("id"), "an id of digits alone is a number")
	path := "/boxes/1000000001"
	require.Nil(t, w.do("GET", "/boxes", "").at("0.motto"), "lists lack what only a read carries")
	r = w.do("GET", path, "").want(200)
	require.Equal(t, "m", r.text("motto"))
	require.Equal(t, "2025-01-15T10:30:00Z", r.text("changed_at"))
	w.clock.pass(time.Minute)
	r = w.do("PATCH", path, `{"label":"b"}`).want(200)
	require.Equal(t, "b", r.text("label"))
	require.Equal(t, []any{"x"}, r.at("tags"), "what is left out stays")
	require.Equal(t, "2025-01-15T10:31:00Z", r.text("changed_at"))
	w.clock.pass(time.Minute)
	r = w.do("PATCH", path, `{"label":"b"}`).want(200)
	require.Equal(t, "2025-01-15T10:31:00Z", r.text("changed_at"), "no change moves nothing")
	require.Nil(t, w.do("PATCH", path, `{"tags":null}`).want(200).at("tags"))
	w.do("PATCH", path, `{"label":null}`).want(400)
	require.NotContains(t, must(w.Objects("box"))[0].Values, "password")
	require.Equal(t, "The box 1000000001 was deleted", w.do("DELETE", path, "").want(200).text("message"))
}

func TestChildrenGoWithTheirParent(t *testing.T) {
	w := worldOf(t, acme("", `paging "none" {}`))
	w.do("POST", "/boxes", `{"label":"a","cores":2}`).want(201)
	w.do("POST", "/boxes", `{"label":"b","cores":2}`).want(201)
	require.Equal(t, "dsk-1000000001-x", w.do("POST", "/boxes/1000000001/disks", `{"name":"d"}`).want(201).text("id"))
	w.do("POST", "/boxes/1000000009/disks", `{"name":"d"}`).want(404)
	w.do("GET", "/boxes/1000000009/disks", "").want(404)
	require.Equal(t, "d", w.do("GET", "/boxes/1000000001/disks", "").want(200).text("0.name"))
	require.Equal(t, "[]", w.do("GET", "/boxes/1000000002/disks", "").want(200).Body)
	w.do("DELETE", "/boxes/1000000002/disks/dsk-1000000001-x", "").want(404)
	w.do("DELETE", "/boxes/1000000001", "").want(200)
	require.Empty(t, must(w.Objects("disk")))
}

func TestProgress(t *testing.T) {
	source := strings.Replace(acme("", `paging "none" {}`), `changed = "changed_at"`, `changed = "changed_at"

  attribute "busy" {
    type     = bool
    computed = true
  }
  attribute "done" {
    type     = number
    computed = true
  }
  wait {
    pending  = { busy = ["true"] }
    ready    = { busy = ["false"] }
    progress = "done"
  }`, 1)
	w := worldOf(t, source, func(o *Options) { o.Provisioning = time.Minute })
	w.do("POST", "/boxes", `{"label":"a","cores":2}`).want(201)
	for _, want := range []struct {
		busy bool
		done float64
	}{{true, 0}, {true, 50}, {false, 100}} {
		r := w.do("GET", "/boxes/1000000001", "").want(200)
		require.Equal(t, want.busy, r.at("busy"))
		require.Equal(t, want.done, r.at("done"))
		w.clock.pass(30 * time.Second)
	}
}
