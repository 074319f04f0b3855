package sandbox

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestTokenIsWanted(t *testing.T) {
	for name, header := range map[string]string{"none": "", "wrong": "Bearer other", "other scheme": "Basic " + token, "empty": "Bearer "} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			r := w.do("GET", "/servers", "", "Authorization", header).want(401)
			require.Equal(t, "UNAUTHORIZED", r.text("error.code"))
			require.Equal(t, "Invalid or missing API key", r.text("error.message"))
			require.Equal(t, "2025-01-15T10:30:00Z", r.text("error.timestamp"))
			require.Regexp(t, `^req_[0-9a-f]{8}$`, r.text("error.request_id"))
			require.Empty(t, r.Header.Get("X-RateLimit-Limit"), "a stranger has no budget")
		})
	}
	w := newWorld(t, func(o *Options) { o.Token = "" })
	w.do("GET", "/servers", "", "Authorization", "Bearer ").want(401)
}

func TestSchemesOfAuth(t *testing.T) {
	tests := []struct{ auth, path, name, value string }{
		{`auth "header" {
			token_env = "ACME_KEY"
			name = "X-Key"
		}`, "/boxes", "X-Key", token},
		{`auth "query" {
			token_env = "ACME_KEY"
			name = "key"
		}`, "/boxes?key=" + token, "X", "y"},
		{`auth "basic" {
			token_env = "ACME_KEY"
			name = "api"
		}`, "/boxes", "Authorization", "Basic YXBpOnNhbmRib3gtdG9rZW4="},
	}
	for _, tt := range tests {
		t.Run(strings.Fields(tt.auth)[1], func(t *testing.T) {
			w := worldOf(t, acme(tt.auth, `paging "none" {}`))
			w.do("GET", "/boxes", "").want(401)
			w.do("GET", tt.path, "", tt.name, tt.value).want(200)
			log, err := w.Log()
			require.NoError(t, err)
			for _, e := range log {
				require.NotContains(t, e.Path, token)
			}
		})
	}
}

func TestOnlyWhatTheDefinitionSays(t *testing.T) {
	w := newWorld(t)
	server, network := w.create("/servers", serverBody), w.create("/networks", networkBody)
	for _, request := range []string{
		"GET /nothing", "GET /", "GET /servers/" + server, "PUT /servers/" + server, "PATCH /networks/" + network,
		"DELETE /networks/" + network, "POST /billing/usage", "GET /backups/schedules", "GET /servers/", "GET //servers",
		"POST /servers/" + server, "HEAD /servers", "OPTIONS /servers", "GET /v2/v2/servers", "GET /v3/servers",
	} {
		method, path, _ := strings.Cut(request, " ")
		r := w.do(method, path, "")
		require.Equalf(t, 404, r.Status, "%s", request)
		require.Equalf(t, "RESOURCE_NOT_FOUND", r.text("error.code"), "%s", request)
	}
	require.Equal(t, server, w.do("GET", "/v2/servers", "").want(200).text("data.0.id"), "with the base path")
	require.Equal(t, server, w.do("GET", "/servers", "").want(200).text("data.0.id"), "and without")
}

func TestUnknownObjectIsNotFound(t *testing.T) {
	w := newWorld(t)
	r := w.do("DELETE", "/servers/srv_invalid123", "").want(404)
	require.Equal(t, "RESOURCE_NOT_FOUND", r.text("error.code"))
	require.Equal(t, "The requested server could not be found", r.text("error.message"))
	require.Equal(t, "server", r.text("error.details.resource_type"))
	require.Equal(t, "srv_invalid123", r.text("error.details.resource_id"))
}

func TestBodiesAreCheckedStrictly(t *testing.T) {
	tests := []struct{ name, path, body, field, says string }{
		{"missing field", "/servers", `{"name":"a","plan":"vps-small"}`, "location", "is required"},
		{"null for a required field", "/servers", `{"name":null,"plan":"vps-small","location":"AMS"}`, "name", "is required"},
		{"empty body", "/servers", ``, "name", "is required"},
		{"unknown field", "/servers", `{"name":"a","plan":"vps-small","location":"AMS","size":1}`, "size", "is not a field"},
		{"computed field", "/servers", `{"name":"a","plan":"vps-small","location":"AMS","status":"active"}`, "status", "is not a field"},
		{"number for text", "/servers", `{"name":1,"plan":"vps-small","location":"AMS"}`, "name", "must be a string"},
		{"text for a number", "/storage/volumes", `{"name":"a","size_gb":"10","type":"ssd"}`, "size_gb", "must be a number"},
		{"text for a boolean", "/firewall/rules", strings.Replace(ruleBody, "{", `{"enabled":"true",`, 1), "enabled", "must be true or false"},
		{"text for a list", "/servers", strings.Replace(serverBody, "{", `{"ssh_keys":"k",`, 1), "ssh_keys", "must be a list"},
		{"null in a list", "/servers", strings.Replace(serverBody, "{", `{"ssh_keys":[null],`, 1), "ssh_keys", "element 0"},
		{"half a number", "/storage/volumes", `{"name":"a","size_gb":10.5,"type":"ssd"}`, "size_gb", "whole"},
		{"huge number", "/storage/volumes", `{"name":"a","size_gb":1e999999999,"type":"ssd"}`, "size_gb", "number between"},
		{"too small", "/storage/volumes", `{"name":"a","size_gb":9,"type":"ssd"}`, "size_gb", "at least 10"},
		{"too large", "/storage/volumes", `{"name":"a","size_gb":10001,"type":"ssd"}`, "size_gb", "at most 10000"},
		{"not one of", "/storage/volumes", `{"name":"a","size_gb":10,"type":"nvme"}`, "type", "one of ssd, hdd"},
		{"location by its name", "/servers", `{"name":"a","plan":"vps-small","location":"Amsterdam"}`, "location", "one of AMS, IST"},
		{"plan that is not sold", "/servers", `{"name":"a","plan":"vps-giant","location":"AMS"}`, "plan", "not offered"},
		{"no range", "/networks", `{"name":"a","cidr":"10.0.0.0"}`, "cidr", "a range"},
		{"vlan out of range", "/networks", `{"name":"a","cidr":"10.0.0.0/24","vlan_id":4095}`, "vlan_id", "at most 4094"},
		{"port 0", "/firewall/rules", strings.Replace(ruleBody, `"80"`, `"0"`, 1), "port_range", "a port"},
		{"port range backwards", "/firewall/rules", strings.Replace(ruleBody, `"80"`, `"90-80"`, 1), "port_range", "a port"},
		{"no address", "/firewall/rules", strings.Replace(ruleBody, `0.0.0.0/0`, `anywhere`, 1), "source", "an address"},
		{"unknown server", "/firewall/rules", strings.Replace(ruleBody, "{", `{"server_id":"srv_9",`, 1), "server_id", "does not exist"},
		{"unknown server of a schedule", "/backups/schedules", `{"name":"a","server_id":"srv_9","cron":"0 2 * * *"}`, "server_id", "does not exist"},
		{"no json", "/servers", `{`, "body", "not JSON"},
		{"more after the json", "/servers", serverBody + `{}`, "body", "goes on"},
		{"a list as body", "/servers", `[]`, "body", "a JSON object"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t)
			r := w.do("POST", tt.path, tt.body).want(400)
			require.Equal(t, "VALIDATION_ERROR", r.text("error.code"))
			require.Equal(t, map[string]any{"field": tt.field}, r.at("error.details"))
			require.Contains(t, r.text("error.message"), tt.field)
			require.Contains(t, r.text("error.message"), tt.says)
			require.Empty(t, must(w.Objects("")), "nothing was made")
		})
	}
}

func TestCronFields(t *testing.T) {
	w := newWorld(t)
	server := w.create("/servers", serverBody)
	for cron, status := range map[string]int{
		"0 2 * * *": 201, "*/5 0-6 1,15 JAN MON": 201, "0 2 * *": 400, "0 0 2 * * *": 400, "@daily": 400, "TZ=": 400,
		"TZ=UTC 0 2 * *": 400, "61 2 * * *": 400, "@every 5s a b c": 400, "": 400,
	} {
		body := `{"name":"n","server_id":"` + server + `","cron":"` + cron + `"}`
		require.Equalf(t, status, w.do("POST", "/backups/schedules", body).Status, "%q", cron)
	}
}

func TestAllWrongFieldsAreReportedAtOnce(t *testing.T) {
	r := newWorld(t).do("POST", "/servers", `{"plan":"x","colour":"red"}`).want(400)
	for _, field := range []string{"name", "plan", "location", "colour"} {
		require.Contains(t, r.text("error.message"), field)
	}
	require.Equal(t, "name", r.text("error.details.field"))
}

func TestContentType(t *testing.T) {
	w := newWorld(t)
	w.do("POST", "/servers", serverBody, "Content-Type", "text/plain").want(415)
	w.do("POST", "/servers", serverBody, "Content-Type", "").want(415)
	w.do("POST", "/servers", serverBody, "Content-Encoding", "gzip").want(415)
	w.do("POST", "/servers", serverBody, "Content-Type", "application/json; charset=utf-8").want(201)
	w.do("POST", "/servers", `{"name":"`+strings.Repeat("a", maxBody)+`"}`).want(413)
	w.do("GET", "/servers", `{}`).want(400)
	w.do("GET", "/servers", "", "Content-Type", "application/json").want(200)
}

func TestFormBodies(t *testing.T) {
	w := worldOf(t, acme(`encoding = "form"`, `paging "none" {}`))
	form := []string{"Content-Type", "application/x-www-form-urlencoded"}
	r := w.do("POST", "/boxes", "label=a&cores=2&tags[]=x&tags[]=y%26z&on=true", form...).want(201)
	require.Equal(t, []any{"x", "y&z"}, r.at("tags"))
	require.Equal(t, float64(2), r.at("hardware.cores"), "read from another place than it is sent to")
	require.Equal(t, true, r.at("on"))

	require.Contains(t, w.do("POST", "/boxes", "label=a&cores=two", form...).want(400).text("message"), "must be a number")
	require.Contains(t, w.do("POST", "/boxes", "label=a&cores=1&label=b", form...).want(400).text("message"), "more than once")
	require.Contains(t, w.do("POST", "/boxes", "cores=1&colour=red", form...).want(400).text("message"), "not a field")
	for _, body := range []string{"label=%84&cores=1", "label=a&cores=1&tags[]=%C3&tags[]=%A9", "label=a&cores=1&%84=x"} {
		require.Contains(t, w.do("POST", "/boxes", body, form...).want(400).text("message"), "not in UTF-8", body)
	}
	w.do("POST", "/boxes", `{"label":"a","cores":1}`).want(415)
}

func TestErrorsLieWhereTheDefinitionSays(t *testing.T) {
	w := worldOf(t, acme(`encoding = "json"`, `paging "none" {}`))
	r := w.do("GET", "/nothing", "").want(404)
	require.JSONEq(t, `{"type":"RESOURCE_NOT_FOUND","message":"The requested path could not be found"}`, r.Body)
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// acme is a small API that differs from Servosphere in whatever it can. account goes into its provider block.
func acme(account, paging string) string {
	auth := `auth "bearer" {
		token_env = "ACME_KEY"
	}`
	if strings.HasPrefix(account, "auth") {
		account, auth = "", account
	}
	return `
provider "acme" {
  title    = "Acme"
  base_url = "https://acme.example.net/api"
  ` + account + `
  ` + auth + `
  error {
    code    = "type"
    message = "message"
    details = "details"
  }
  answer = [""]
  ` + paging + `
}

kind "box" {
  description = "A box."
  identity    = ["label"]
  id          = "1234"

  attribute "label" {
    type      = string
    required  = true
    on_change = "update"
  }
  attribute "cores" {
    type      = number
    required  = true
    whole     = true
    read      = "hardware.cores"
    on_change = "replace"
  }
  attribute "tags" {
    type      = list(string)
    optional  = true
    on_change = "update"
  }
  attribute "on" {
    type      = bool
    optional  = true
    on_change = "replace"
  }
  attribute "motto" {
    type        = string
    optional    = true
    detail_only = true
    on_change   = "update"
  }
  attribute "password" {
    type      = string
    optional  = true
    sensitive = true
    readable  = false
    on_change = "next_create"
  }
  attribute "changed_at" {
    type     = string
    computed = true
  }
  changed = "changed_at"

  create {
    request    = "POST /boxes"
    documented = true
    sends      = ["label", "cores", "tags", "on", "motto", "password"]
    success    = 201
  }
  list {
    request    = "GET /boxes"
    documented = true
  }
  read {
    request    = "GET /boxes/{id}"
    documented = true
  }
  update {
    request    = "PATCH /boxes/{id}"
    documented = true
    sends      = ["label", "tags", "motto"]
  }
  delete {
    request    = "DELETE /boxes/{id}"
    documented = true
    success    = 200
  }
}

kind "disk" {
  description = "A disk of a box."
  parent      = "box"
  parent_attribute = "box_id"
  identity    = ["name"]
  id          = "dsk-1-x"

  attribute "box_id" {
    type      = string
    required  = true
    refers_to = "box"
    on_change = "replace"
  }
  attribute "name" {
    type      = string
    required  = true
    on_change = "replace"
  }

  create {
    request    = "POST /boxes/{box_id}/disks"
    documented = true
    sends      = ["name"]
    success    = 201
  }
  list {
    request    = "GET /boxes/{box_id}/disks"
    documented = true
  }
  delete {
    request    = "DELETE /boxes/{box_id}/disks/{id}"
    documented = true
    success    = 204
  }
}
`
}
