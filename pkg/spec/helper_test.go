package spec

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/zclconf/go-cty/cty"
)

func ptr[T any](v T) *T { return &v }

func text(v string) cty.Value { return cty.StringVal(v) }

// testSchema is a small made-up provider with one of everything that a kind's attributes can say.
func testSchema() *Schema {
	required := func(name string, t cty.Type, checks ...Check) *Attribute {
		return &Attribute{Name: name, Type: t, Required: true, Checks: checks, OnChange: OnReplace}
	}
	optional := func(name string, t cty.Type, checks ...Check) *Attribute {
		return &Attribute{Name: name, Type: t, Optional: true, Checks: checks, OnChange: OnUpdate}
	}
	computed := func(name string, t cty.Type) *Attribute {
		return &Attribute{Name: name, Type: t, Computed: true}
	}
	with := func(a *Attribute, change func(*Attribute)) *Attribute { change(a); return a }
	kind := func(name string, identity []string, attributes ...*Attribute) *Kind {
		return &Kind{Name: name, Identity: identity, Attributes: attributes, WhenGone: GoneRecreate,
			Operations: map[string]*Operation{OpCreate: {Name: OpCreate}, OpList: {Name: OpList}}, OperationOrder: []string{OpCreate, OpList}}
	}
	kinds := map[string]*Kind{
		"server": kind("server", []string{"name", "location"},
			with(required("name", cty.String), func(a *Attribute) { a.Description = "Host name of the server." }),
			required("plan", cty.String),
			required("location", cty.String, Check{OneOf: []cty.Value{text("AMS"), text("IST")}}),
			with(optional("os", cty.String), func(a *Attribute) { a.ServerDefault = text("ubuntu-22.04") }),
			with(optional("ssh_keys", cty.List(cty.String)), func(a *Attribute) { a.Equal = EqualSet }),
			with(optional("password", cty.String), func(a *Attribute) { a.Sensitive = true; a.Unreadable = true }),
			computed("ip_address", cty.String),
			computed("specs", cty.Object(map[string]cty.Type{"cpu": cty.Number, "ram": cty.Number})),
		),
		"network": kind("network", []string{"name"},
			required("name", cty.String, Check{Pattern: "[a-z0-9-]+"}),
			with(required("cidr", cty.String, Check{Format: FormatCIDR}), func(a *Attribute) { a.Equal = EqualCIDR }),
			with(optional("gateway", cty.String, Check{Format: FormatIP}), func(a *Attribute) { a.Computed = true }),
			optional("vlan_id", cty.Number, Check{Whole: true, Min: ptr(1.0), Max: ptr(4094.0)}),
			optional("labels", cty.Map(cty.String)),
		),
		"rule": kind("rule", []string{"name", "server_id", "port_range"},
			required("name", cty.String),
			with(optional("server_id", cty.String), func(a *Attribute) { a.Refers = "server" }),
			required("port_range", cty.String, Check{Format: FormatPortRange}),
			optional("source", cty.String, Check{Format: FormatIPOrCIDR}),
			with(optional("priority", cty.Number), func(a *Attribute) { a.Default = cty.NumberIntVal(100) }),
		),
		"zone": kind("zone", []string{"name"},
			required("name", cty.String),
			optional("record", cty.List(cty.Object(map[string]cty.Type{"name": cty.String, "ttl": cty.Number,
				"value": cty.Set(cty.Object(map[string]cty.Type{"data": cty.String, "weight": cty.Number}))}))),
			optional("soa", cty.Object(map[string]cty.Type{"mail": cty.String, "refresh": cty.Object(map[string]cty.Type{"every": cty.Number})})),
			optional("labels", cty.Map(cty.String)),
			with(optional("secret", cty.Set(cty.Object(map[string]cty.Type{"key": cty.String}))), func(a *Attribute) { a.Sensitive = true }),
			computed("servers", cty.List(cty.Object(map[string]cty.Type{"name": cty.String}))),
		),
		"schedule": kind("schedule", []string{"name"},
			required("name", cty.String),
			required("cron", cty.String, Check{Format: FormatCron}),
		),
	}
	return &Schema{Provider: "acme", Title: "Acme", Kinds: kinds,
		RateLimits: map[string]RateLimit{"all": {Name: "all", Requests: 10}}, DefaultRateLimit: "all"}
}

// acme is a request with the test's provider configured once.
func acme() Request { return Request{Schemas: map[string]*Schema{"acme": testSchema()}} }

// folder writes files into a new folder.
func folder(t testing.TB, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, content := range files {
		path := filepath.Join(dir, filepath.FromSlash(name))
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
		require.NoError(t, os.WriteFile(path, []byte(content), 0o644))
	}
	return dir
}

// load loads a stack of one file, main.hcl, with the provider block in front, on its own line.
func load(t testing.TB, source string) *Stack {
	t.Helper()
	stack, diags := Load(folder(t, map[string]string{"main.hcl": "provider \"acme\" {}\n" + source}))
	require.Empty(t, diags)
	return stack
}

// evaluate loads and evaluates a stack that has no problems.
func evaluate(t testing.TB, source string, r Request) *Response {
	t.Helper()
	response := load(t, source).Evaluate(r)
	require.Empty(t, response.Diagnostics)
	return response
}

func find(t testing.TB, r *Response, address string) *Resource {
	t.Helper()
	for _, x := range r.Resources {
		if x.Address.String() == address {
			return x
		}
	}
	require.Failf(t, "no such resource", "%s is not among %d", address, len(r.Resources))
	return nil
}
