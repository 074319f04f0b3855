package plan_test

import (
	"time"

	"github.com/vpsync/vpsync/pkg/spec"
	"github.com/zclconf/go-cty/cty"
)

// testSchema is built like a real definition: servers that lists do not tell everything about, networks and volumes that
// cannot be deleted, rules that can do everything, alert rules that can only be made; and a vault for what those lack:
// secrets, details, and attributes that nothing changes.
func testSchema() *spec.Schema {
	s := &spec.Schema{
		Provider: "acme", Title: "Acme", Kinds: map[string]*spec.Kind{}, DefaultRateLimit: "standard",
		RateLimits: map[string]spec.RateLimit{
			"standard":  {Name: "standard", Requests: 100, Per: time.Hour},
			"intensive": {Name: "intensive", Requests: 10, Per: time.Hour},
		},
	}
	add := func(k *spec.Kind, ops ...*spec.Operation) *spec.Kind {
		k.Operations = map[string]*spec.Operation{}
		for _, op := range ops {
			k.Operations[op.Name] = op
			k.OperationOrder = append(k.OperationOrder, op.Name)
		}
		if k.WhenGone == "" {
			k.WhenGone = spec.GoneRecreate
		}
		s.Kinds[k.Name] = k
		return k
	}
	op := func(name string, sets ...string) *spec.Operation { return &spec.Operation{Name: name, Sets: sets} }
	costly := op(spec.OpCreate, "name", "plan", "location", "os", "ssh_keys")
	costly.RateLimit = "intensive"
	add(&spec.Kind{
		Name: "server", HoldsData: true, Billed: true, PricedBy: []string{"plan"}, Waits: true, Identity: []string{"name", "location"},
		Attributes: []*spec.Attribute{
			required("name", spec.OnReplace),
			unreadable(required("plan", spec.OnReplace)),
			required("location", spec.OnReplace),
			serverDefault(unreadable(optional("os", cty.String, spec.OnReplace)), cty.StringVal("ubuntu")),
			equal(unreadable(optional("ssh_keys", cty.List(cty.String), spec.OnNextCreate)), spec.EqualSet),
			computed("ip_address"),
		},
	}, costly, op(spec.OpList), op(spec.OpDelete))
	gateway, dns := optional("gateway", cty.String, spec.OnUpdate), optional("dns_servers", cty.List(cty.String), spec.OnUpdate)
	gateway.Computed, dns.Computed = true, true
	add(&spec.Kind{
		Name: "network", Identity: []string{"name"},
		Attributes: []*spec.Attribute{
			required("name", spec.OnReplace),
			equal(required("cidr", spec.OnReplace), spec.EqualCIDR),
			gateway, dns,
		},
	}, op(spec.OpCreate, "name", "cidr"), op(spec.OpList), op(spec.OpUpdate, "gateway", "dns_servers"))
	attached := optional("server_id", cty.String, spec.OnOperation)
	attached.Operation, attached.OnlyFromUnset, attached.Refers, attached.ClearedWithTarget, attached.Computed = "attach", true, "server", true, true
	size := optional("size_gb", cty.Number, spec.OnReplace)
	size.Required, size.Optional = true, false
	add(&spec.Kind{
		Name: "volume", HoldsData: true, Billed: true, PricedBy: []string{"size_gb"}, Identity: []string{"name"},
		Attributes: []*spec.Attribute{required("name", spec.OnReplace), size, attached},
	}, op(spec.OpCreate, "name", "size_gb"), op(spec.OpList), op("attach", "server_id"))
	guarded := removes(optional("server_id", cty.String, spec.OnUpdate), spec.RemoveClears)
	guarded.Refers = "server"
	all := []string{"name", "port", "source", "server_id", "priority"}
	add(&spec.Kind{
		Name: "rule", Identity: []string{"port", "source", "server_id"},
		Attributes: []*spec.Attribute{
			required("name", spec.OnUpdate), required("port", spec.OnUpdate),
			equal(required("source", spec.OnUpdate), spec.EqualCIDR), guarded,
			serverDefault(removes(optional("priority", cty.Number, spec.OnUpdate), spec.RemoveDefault), cty.NumberIntVal(100)),
		},
	}, op(spec.OpCreate, all...), op(spec.OpList), op(spec.OpUpdate, all...), op(spec.OpDelete))
	watched := optional("server_id", cty.String, spec.OnReplace)
	watched.Refers = "server"
	add(&spec.Kind{
		Name: "alert", Identity: []string{"name"},
		Attributes: []*spec.Attribute{required("name", spec.OnReplace), required("threshold", spec.OnReplace), watched},
	}, op(spec.OpCreate, "name", "threshold", "server_id"))
	password := unreadable(optional("password", cty.String, spec.OnUpdate))
	password.Sensitive = true
	region := optional("region", cty.String, spec.OnError)
	detail := optional("detail", cty.String, spec.OnUpdate)
	detail.DetailOnly = true
	add(&spec.Kind{
		Name: "vault", Identity: []string{"name"}, Billed: true, PricedBy: []string{"detail"},
		Attributes: []*spec.Attribute{required("name", spec.OnUpdate), password, region, detail},
	}, op(spec.OpCreate, "name", "password", "region", "detail"), op(spec.OpList), op(spec.OpRead), op(spec.OpUpdate, "name", "password", "detail"), op(spec.OpDelete))
	power := serverDefault(optional("power", cty.String, spec.OnOperation), cty.StringVal("on"))
	power.Operations = map[string]string{"on": "start", "off": "stop"}
	charged := op(spec.OpCreate, "name")
	charged.Note = "The account is charged."
	add(&spec.Kind{
		Name: "machine", HoldsData: true, Billed: true, Waits: true, Identity: []string{"name"},
		Attributes: []*spec.Attribute{required("name", spec.OnReplace), power},
	}, charged, op(spec.OpList), op(spec.OpDelete), op("start", "power"), op("stop", "power"))
	expires := add(&spec.Kind{
		Name: "backup", Identity: []string{"name"}, Attributes: []*spec.Attribute{required("name", spec.OnReplace)}, WhenGone: spec.GoneForget,
	}, op(spec.OpCreate, "name"), op(spec.OpList))
	expires.HoldsData = true
	return s
}

func required(name string, on spec.OnChange) *spec.Attribute {
	return &spec.Attribute{Name: name, Type: cty.String, Required: true, OnChange: on, OnRemove: spec.RemoveKeeps}
}

func optional(name string, t cty.Type, on spec.OnChange) *spec.Attribute {
	return &spec.Attribute{Name: name, Type: t, Optional: true, OnChange: on, OnRemove: spec.RemoveKeeps}
}

func computed(name string) *spec.Attribute {
	return &spec.Attribute{Name: name, Type: cty.String, Computed: true}
}

func unreadable(a *spec.Attribute) *spec.Attribute {
	a.Unreadable = true
	return a
}

func equal(a *spec.Attribute, e spec.Equality) *spec.Attribute {
	a.Equal = e
	return a
}

func removes(a *spec.Attribute, r spec.OnRemove) *spec.Attribute {
	a.OnRemove = r
	return a
}

func serverDefault(a *spec.Attribute, v cty.Value) *spec.Attribute {
	a.ServerDefault = v
	return a
}
