package render_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/vpsync/vpsync/pkg/plan"
	"github.com/vpsync/vpsync/pkg/spec"
	"github.com/vpsync/vpsync/pkg/state"
	"github.com/zclconf/go-cty/cty"
)

// The plans that the tests render: a plan of every action and cause, of every question, of every kind of value.
var plans = map[string]func(t *testing.T) *plan.Plan{
	"create":     createPlan,
	"actions":    actionsPlan,
	"values":     valuesPlan,
	"questions":  questionsPlan,
	"pending":    pendingPlan,
	"sections":   sectionsPlan,
	"destroy":    destroyPlan,
	"quiet":      quietPlan,
	"wide":       widePlan,
	"everything": everythingPlan,
	"empty":      func(*testing.T) *plan.Plan { return &plan.Plan{Managed: 17, Reads: 4} },
	"gone":       func(*testing.T) *plan.Plan { return &plan.Plan{Destroy: true} },
}

var when = time.Date(2026, 11, 20, 14, 3, 9, 0, time.UTC)

func at(t *testing.T, address string) spec.Address {
	t.Helper()
	a, err := spec.ParseAddress(address)
	require.NoError(t, err)
	return a
}

func str(s string) cty.Value { return cty.StringVal(s) }

func strs(all ...string) cty.Value {
	vals := make([]cty.Value, len(all))
	for i, s := range all {
		vals[i] = cty.StringVal(s)
	}
	return cty.ListVal(vals)
}

var (
	num     = cty.NumberIntVal
	null    = cty.NullVal(cty.String)
	unknown = cty.UnknownVal(cty.String)
)

// fresh is an attribute of an object that is created.
func fresh(name string, v cty.Value) plan.AttributeChange {
	return plan.AttributeChange{Name: name, Before: cty.NullVal(cty.DynamicPseudoType), After: v, Cause: plan.CauseNew, Effect: plan.EffectUpdate, Operation: "create"}
}

func computed(name string) plan.AttributeChange {
	a := fresh(name, unknown)
	a.Effect, a.Operation = plan.EffectComputed, ""
	return a
}

func edit(name string, before, after cty.Value, cause plan.Cause, effect plan.Effect) plan.AttributeChange {
	a := plan.AttributeChange{Name: name, Before: before, After: after, Cause: cause, Effect: effect}
	if effect == plan.EffectUpdate {
		a.Operation = "update"
	}
	return a
}

func change(t *testing.T, address string, action plan.Action, id string, cause plan.Cause, attributes ...plan.AttributeChange) *plan.Change {
	a := at(t, address)
	return &plan.Change{Address: a, Account: "servosphere", Kind: a.Kind, Action: action, ID: id, Cause: cause, Attributes: attributes}
}

const sshKey = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIHF1aWNrc3RhcnRxdWlja3N0YXJ0cXVpY2tzdGFydHF1aWNr ops@example.com"

func createPlan(t *testing.T) *plan.Plan {
	server := change(t, "server.web[0]", plan.Create, "", plan.CauseNew,
		fresh("name", str("web-1")), fresh("plan", str("vps-medium")), fresh("location", str("AMS")),
		fresh("os", null), fresh("ssh_keys", strs(sshKey)), computed("status"), computed("ip_address"))
	rule := change(t, `firewall_rule.http["web-1"]`, plan.Create, "", plan.CauseNew,
		fresh("name", str("allow-http-web-1")), fresh("protocol", str("tcp")), fresh("port_range", str("80")),
		fresh("source", str("0.0.0.0/0")), fresh("action", str("allow")), fresh("server_id", unknown))
	network := change(t, "network.private", plan.Create, "", plan.CauseNew,
		fresh("name", str("company")), fresh("cidr", str("10.20.0.0/24")), fresh("gateway", str("10.20.0.1")),
		fresh("dns_servers", strs("9.9.9.9", "149.112.112.112")))
	network.Operations = []string{"create", "update"}
	network.MayTakeBack = []string{"net_1792000001"}
	return &plan.Plan{
		Changes: []*plan.Change{rule, network, server},
		Steps:   []plan.Step{{Change: 1, Phase: plan.PhaseMake}, {Change: 2, Phase: plan.PhaseMake}, {Change: 0, Phase: plan.PhaseMake, After: []int{1}}},
		Outputs: []plan.OutputChange{
			{Name: "database_address", Before: null, After: unknown, Action: plan.Create},
			{Name: "web_addresses", Before: null, After: cty.ObjectVal(map[string]cty.Value{"web-1": unknown, "web-2": unknown, "web-3": unknown}), Action: plan.Create},
		},
		Cost: []plan.Cost{
			{Account: "servosphere", Class: "standard", Requests: 7, Limit: 1000, Per: time.Hour, Remaining: 993, Reset: when},
			{Account: "servosphere", Class: "intensive", Requests: 1, Limit: 100, Per: time.Hour, Remaining: 100, Reset: when},
		},
		Counts: plan.Counts{Add: 3}, Managed: 3, Reads: 4,
	}
}

func actionsPlan(t *testing.T) *plan.Plan {
	p := &plan.Plan{Managed: 14, Reads: 6}
	add := func(c *plan.Change) *plan.Change {
		p.Changes = append(p.Changes, c)
		return c
	}
	c := add(change(t, "alert_rule.cpu", plan.Replace, "alr_1792000009", plan.CauseConfig,
		edit("threshold", num(90), num(95), plan.CauseConfig, plan.EffectReplace)))
	c.Forgets = true
	c.Unsupported = "Servosphere can neither change nor delete an alert rule; alr_1792000009 is left behind and a new one is created, as on_unsupported says"
	add(change(t, `firewall_rule.http["web-1"]`, plan.Update, "fw_1792000011", plan.CauseDepends,
		edit("server_id", str("srv_1792000003"), unknown, plan.CauseDepends, plan.EffectUpdate)))
	add(change(t, `firewall_rule.http["web-2"]`, plan.Create, "", plan.CauseGone,
		fresh("name", str("allow-http-web-2")), fresh("server_id", str("srv_1792000004")))).Notes =
		[]string{"fw_1792000012 is gone: it was deleted behind vpsync's back"}
	add(change(t, "firewall_rule.legacy", plan.Delete, "fw_1792000013", plan.CauseRemoved))
	add(change(t, `firewall_rule.ssh["db-1"]`, plan.Update, "fw_1792000014", plan.CauseDrift,
		edit("source", str("0.0.0.0/0"), str("198.51.100.0/24"), plan.CauseDrift, plan.EffectUpdate)))
	add(change(t, `firewall_rule.ssh["web-1"]`, plan.Update, "fw_1792000015", plan.CauseBoth,
		edit("source", str("0.0.0.0/0"), str("203.0.113.0/24"), plan.CauseBoth, plan.EffectUpdate),
		edit("priority", num(100), num(50), plan.CauseDrift, plan.EffectUpdate)))
	c = add(change(t, "network.private", plan.Adopt, "net_1792000001", plan.CauseNew,
		edit("gateway", str("10.20.0.1"), str("10.20.0.254"), plan.CauseConfig, plan.EffectUpdate)))
	c.TakesBack = "net_1792000001"
	add(change(t, "network.lab", plan.Adopt, "net_1792000002", plan.CauseNew))
	add(change(t, "network.old", plan.Forget, "net_1792000007", plan.CauseRemoved)).Forgets = true
	c = add(change(t, "server.db", plan.Replace, "srv_1792000003", plan.CauseConfig,
		plan.AttributeChange{Name: "plan", Before: str("vps-large"), After: str("vps-medium"), Unverified: true, Cause: plan.CauseConfig, Effect: plan.EffectReplace},
		edit("ip_address", str("185.123.45.67"), unknown, plan.CauseDepends, plan.EffectComputed)))
	c.Removes, c.LosesData, c.Operations = "delete", true, []string{"create"}
	add(change(t, "server.gone", plan.Forget, "srv_1792000005", plan.CauseGone))
	add(change(t, "server.half", plan.Update, "srv_1792000006", plan.CauseResumed)).Notes = []string{"it was made by an earlier run and has not been seen ready yet"}
	c = add(change(t, "server.old", plan.Delete, "srv_1792000008", plan.CauseDeposed))
	c.Deposed, c.Removes, c.LosesData = "d1", "delete", true
	add(change(t, "volume.data", plan.Update, "vol_1792000010", plan.CauseDepends,
		plan.AttributeChange{Name: "server_id", Before: null, After: unknown, Cause: plan.CauseDepends, Effect: plan.EffectUpdate, Operation: "attach"}))
	p.Counts = plan.Counts{Add: 1, Change: 5, Destroy: 2, Replace: 2, Adopt: 2, Forget: 2}
	return p
}

func valuesPlan(t *testing.T) *plan.Plan {
	before := "#!/bin/sh\nset -eu\napt-get update\napt-get install -y nginx\nsystemctl enable nginx\necho one\necho two\necho three\necho four\necho five\n"
	after := strings.Replace(before, "nginx\n", "caddy\n", 1) + "echo done\n"
	long := make([]string, 30)
	for i := range long {
		long[i] = "192.0.2." + num(int64(i)).AsBigFloat().String()
	}
	moved := append(append([]string{}, long[:20]...), "198.51.100.1")
	return &plan.Plan{
		Changes: []*plan.Change{
			change(t, "server.new", plan.Create, "", plan.CauseNew,
				fresh("script", str(before)), fresh("empty", str("")), fresh("password", cty.NilVal),
				fresh("flags", cty.ObjectVal(map[string]cty.Value{"a b": cty.True, "cpu": num(4)})),
				fresh("disks", cty.TupleVal([]cty.Value{
					cty.ObjectVal(map[string]cty.Value{"name": str("root"), "size_gb": num(100), "type": str("ssd")}),
					cty.ObjectVal(map[string]cty.Value{"name": unknown, "size_gb": num(2000), "type": str("hdd")}),
				})),
				fresh("allowed", strs(long...)),
				fresh("public_key", str("ssh-rsa "+strings.Repeat("AAAAB3NzaC1yc2E", 40)))),
			change(t, "server.web", plan.Update, "srv_1", plan.CauseConfig,
				edit("script", str(before), str(after), plan.CauseConfig, plan.EffectUpdate),
				edit("note", null, str("two\nlines"), plan.CauseConfig, plan.EffectUpdate),
				edit("allowed", strs(long...), strs(moved...), plan.CauseConfig, plan.EffectUpdate),
				edit("description", str(strings.Repeat("the old words ", 6)), str(strings.Repeat("some new words ", 6)), plan.CauseConfig, plan.EffectUpdate),
				edit("tags", cty.MapVal(map[string]cty.Value{"env": str("test")}), cty.MapVal(map[string]cty.Value{"env": str("production"), "team": str("web")}), plan.CauseDrift, plan.EffectUpdate),
				plan.AttributeChange{Name: "password", Sensitive: true, Cause: plan.CauseConfig, Effect: plan.EffectUpdate, Operation: "reset_password"},
				edit("gateway", str("10.0.0.1"), null, plan.CauseConfig, plan.EffectUpdate),
				edit("enabled", cty.False, cty.True, plan.CauseConfig, plan.EffectUpdate),
				edit("ratio", cty.MustParseNumberVal("0.1"), cty.MustParseNumberVal("12345678901234567890.5"), plan.CauseConfig, plan.EffectUpdate),
				plan.AttributeChange{Name: "size_gb", Before: num(100), After: num(200), Cause: plan.CauseConfig, Effect: plan.EffectImpossible},
				plan.AttributeChange{Name: "owner", Before: str("張偉"), After: str("Zoë 🚀"), Cause: plan.CauseUnmet, Effect: plan.EffectNone, Note: "the API answers another value; it is not sent again"},
				edit("big", str(strings.Repeat("a line of it\n", 6000)), str(strings.Repeat("a line of it\n", 6001)), plan.CauseConfig, plan.EffectUpdate)),
		},
		Counts: plan.Counts{Add: 1, Change: 1}, Managed: 2,
	}
}

func questionsPlan(t *testing.T) *plan.Plan {
	volume := at(t, "volume.data")
	network := at(t, "network.legacy")
	c := change(t, "volume.data", plan.NoOp, "vol_1792000010", plan.CauseConfig,
		plan.AttributeChange{Name: "size_gb", Before: num(100), After: num(200), Cause: plan.CauseConfig, Effect: plan.EffectImpossible})
	c.NeedsHand = true
	c.Unsupported = "Servosphere cannot change size_gb of a volume, and it has no operation that deletes one"
	c.Remedy = "lifecycle {\n  on_unsupported = \"forget\" # makes a new one; vol_1792000010 is left behind with its data\n}"
	return &plan.Plan{
		Changes: []*plan.Change{
			change(t, "network.legacy", plan.Create, "", plan.CauseNew, fresh("name", str("legacy")), fresh("cidr", str("10.99.0.0/24"))),
			c,
		},
		Questions: []plan.Question{
			{Kind: plan.AskNeedsHand, Address: &volume, Summary: "volume.data needs a hand",
				Detail: "Servosphere cannot change size_gb of a volume, and it has no operation that deletes one. Say in its block what shall become of the old volume.", Remedy: c.Remedy},
			{Kind: plan.AskTwin, Address: &network, Summary: "network.legacy exists already, and nobody manages it",
				Detail: "The object net_1792000021 has the same name. Creating another one would make a twin that nobody can tell apart.",
				Remedy: "vpsync import network.legacy net_1792000021\nvpsync apply --adopt"},
			{Kind: plan.AskEmpty, Summary: "The account servosphere looks empty",
				Detail: "17 objects are recorded, and none of them was found. Is SERVOSPHERE_API_KEY the token of another account?", Remedy: "vpsync apply --confirm-gone"},
			{Kind: plan.AskBrakeDestroy, Summary: "2 objects that hold data would be lost", Detail: "That is more than 1, a tenth of them.", Remedy: "vpsync apply --allow 2"},
			{Kind: plan.AskBrakeCreate, Summary: "60 objects would be created", Detail: "That is more than half of what there is.", Remedy: "vpsync apply --allow 60"},
			{Kind: plan.AskBrakeDrift, Summary: "server.db would be replaced because of drift alone", Remedy: "vpsync apply --allow 1"},
		},
		Counts: plan.Counts{Add: 1, NeedsHand: 1}, Managed: 3, Reads: 4,
	}
}

func pendingPlan(t *testing.T) *plan.Plan {
	cpu := at(t, "alert_rule.cpu")
	return &plan.Plan{
		Pending: []plan.Pending{
			{Address: cpu, Operation: "create", Run: "run-7f3a", Since: when, Question: true, Reason: "The answer was lost, and Servosphere cannot list alert rules."},
			{Address: at(t, `server.web["a"]`), Operation: "create", Run: "run-7f3a", Since: when},
		},
		Questions: []plan.Question{{Kind: plan.AskPending, Address: &cpu, Summary: "Was alert_rule.cpu created?",
			Detail: "Look at the provider's page. Nothing is sent for it until you have said; the rest goes on.",
			Remedy: "vpsync resolve alert_rule.cpu --id ID\nvpsync resolve alert_rule.cpu --retry\nvpsync resolve alert_rule.cpu --forget"}},
		Managed: 2,
	}
}

func sectionsPlan(t *testing.T) *plan.Plan {
	left := func(address, id, name string) *state.Leftover {
		a := at(t, address)
		return &state.Leftover{ID: id, Kind: a.Kind, Account: "servosphere", Address: a, Since: when, Run: "run-1",
			Applied: spec.Values{"name": str(name)}, Observed: spec.Values{}}
	}
	p := &plan.Plan{
		Changes: []*plan.Change{change(t, "network.private", plan.Update, "net_1", plan.CauseConfig,
			edit("gateway", str("10.20.0.1"), str("10.20.0.254"), plan.CauseConfig, plan.EffectUpdate))},
		Records:   []*state.Resource{{Address: at(t, "server.db")}, {Address: at(t, "server.web[0]")}},
		Leftovers: []*state.Leftover{left("alert_rule.cpu", "alr_1792000009", "cpu-high"), left("backup_schedule.nightly", "sch_1792000030", "database-nightly")},
		SeenGone:  []*state.Leftover{left("volume.old", "vol_1792000031", "old")},
		Unmanaged: []plan.Unmanaged{
			{Account: "servosphere", Kind: "firewall_rule", ID: "fw_1"}, {Account: "servosphere", Kind: "server", ID: "srv_1", Values: spec.Values{"name": str("pet")}},
			{Account: "servosphere", Kind: "firewall_rule", ID: "fw_2"},
		},
		Warnings: []spec.Diagnostic{{Severity: spec.SeverityWarning, Summary: "A secret cannot be compared", Detail: "The key of this state is not at hand, so whether password changed is not known.",
			Range: &spec.Range{File: "main.hcl", Start: spec.Pos{Line: 12, Column: 3}, End: spec.Pos{Line: 12, Column: 11}}, Snippet: "  password = var.password"}},
		Outputs: []plan.OutputChange{
			{Name: "addresses", Before: strs("185.1.1.1"), After: strs("185.1.1.1", "185.1.1.2"), Action: plan.Update},
			{Name: "same", Before: str("x"), After: str("x"), Action: plan.NoOp},
			{Name: "token", Sensitive: true, Action: plan.Create},
			{Name: "unused", Before: str("x"), After: null, Action: plan.Delete},
		},
		Cost: []plan.Cost{
			{Account: "servosphere", Class: "standard", Requests: 2200, Limit: 1000, Per: time.Hour, Remaining: 993, Windows: 2},
			{Account: "servosphere", Class: "intensive", Requests: 3, Limit: 100, Per: time.Hour, Remaining: -1},
			{Account: "servosphere.eu", Class: "standard", Requests: 1, Limit: 1000, Per: time.Hour, Remaining: -1},
		},
		Prices: plan.Prices{
			Totals: []plan.PriceTotal{
				{Account: "servosphere", Money: plan.Money{Amount: "20.00", Currency: "EUR"}}, {Account: "servosphere.eu", Money: plan.Money{Amount: "-5.10"}},
			},
			Unknown: []plan.PricedObjects{{Account: "evotic", Kind: "server", Objects: 1}, {Account: "servosphere", Kind: "server", Objects: 2}, {Account: "servosphere", Kind: "volume", Objects: 1}},
			Stay:    []spec.Address{at(t, "volume.data")},
		},
		Counts: plan.Counts{Change: 1}, Managed: 20, Reads: 9,
	}
	p.Changes[0].Price = &plan.Price{
		Before: &plan.Money{Amount: "5.00", Currency: "EUR"}, After: &plan.Money{Amount: "25.00", Currency: "EUR"},
		Difference: &plan.Money{Amount: "20.00", Currency: "EUR"}, Stays: false,
	}
	for range 9 {
		p.Leftovers = append(p.Leftovers, left("network.x", "net_17", "x"))
	}
	return p
}

func destroyPlan(t *testing.T) *plan.Plan {
	db := change(t, "server.db", plan.Delete, "srv_1792000003", plan.CauseRemoved)
	db.LosesData, db.Removes = true, "delete"
	network := change(t, "network.private", plan.Forget, "net_1792000001", plan.CauseRemoved)
	network.Forgets = true
	network.Unsupported = "Servosphere has no operation that deletes a network; net_1792000001 is left behind"
	return &plan.Plan{
		Changes: []*plan.Change{change(t, `firewall_rule.ssh["db-1"]`, plan.Delete, "fw_1792000014", plan.CauseRemoved), network, db},
		Counts:  plan.Counts{Destroy: 2, Forget: 1}, Destroy: true,
	}
}

func quietPlan(t *testing.T) *plan.Plan {
	c := change(t, "server.web[0]", plan.NoOp, "srv_1792000003", plan.CauseConfig,
		plan.AttributeChange{Name: "ssh_keys", Before: strs("ssh-ed25519 AAAA old"), After: strs("ssh-ed25519 AAAA new"), Unverified: true,
			Cause: plan.CauseConfig, Effect: plan.EffectNextCreate, Note: "takes effect on new servers only"})
	return &plan.Plan{Changes: []*plan.Change{c}, Managed: 17}
}

// widePlan is a plan in which everything is as long as it gets.
func widePlan(t *testing.T) *plan.Plan {
	long := `firewall_rule.from_everywhere["the-first-of-the-web-servers-in-amsterdam"]`
	replaced := change(t, "server.web[0]", plan.Replace, "srv_1792000003", plan.CauseConfig,
		plan.AttributeChange{Name: "plan", Before: str("vps-extra-large"), After: str("vps-medium"), Unverified: true, Cause: plan.CauseConfig, Effect: plan.EffectReplace},
		edit("ssh_keys", strs(sshKey, "ssh-rsa "+strings.Repeat("AAAAB3NzaC1yc2E", 40)), strs(sshKey+" on the new laptop"), plan.CauseConfig, plan.EffectNextCreate),
		edit("script", str("#!/bin/sh\necho "+strings.Repeat("old words ", 12)+"\n"), str("#!/bin/sh\necho "+strings.Repeat("new words ", 12)+"\n"), plan.CauseConfig, plan.EffectUpdate),
		edit("an_attribute_with_quite_a_long_name", str(strings.Repeat("before ", 8)), str(strings.Repeat("after ", 8)), plan.CauseConfig, plan.EffectUpdate),
		edit("the_flag_of_a_long_name", cty.False, cty.True, plan.CauseDrift, plan.EffectUpdate))
	replaced.LosesData = true
	deposed := change(t, long, plan.Delete, "fw_1792000014", plan.CauseDeposed)
	deposed.Deposed = "d1"
	noted := change(t, `server.web["the-first-of-the-web-servers-in-amsterdam"]`, plan.NoOp, "srv_1792000003", plan.CauseConfig,
		plan.AttributeChange{Name: "ssh_keys", Before: strs(sshKey), After: strs(sshKey, sshKey), Unverified: true, Cause: plan.CauseConfig, Effect: plan.EffectNextCreate})
	return &plan.Plan{
		Changes: []*plan.Change{replaced, change(t, long, plan.Update, "fw_1792000015", plan.CauseBoth), deposed, noted},
		Pending: []plan.Pending{{Address: at(t, long), Operation: "create", Run: "run-7f3a-of-the-night", Since: when, Reason: "The answer was lost, and Servosphere cannot list them."}},
		Outputs: []plan.OutputChange{
			{Name: "the_addresses_of_all_servers", Before: null, After: str(strings.Repeat("192.0.2.1 ", 12)), Action: plan.Create},
			{Name: "the_addresses_of_all_servers_by_their_names", Before: str(strings.Repeat("192.0.2.1 ", 6)), After: str(strings.Repeat("192.0.2.2 ", 6)), Action: plan.Update},
		},
		Unmanaged: []plan.Unmanaged{{Account: "servosphere", Kind: "backup_schedule", ID: "sch_1"}},
		Warnings: []spec.Diagnostic{{Severity: spec.SeverityWarning, Summary: "A secret cannot be compared", Address: long,
			Range: &spec.Range{File: "main.hcl", Start: spec.Pos{Line: 12, Column: 3}, End: spec.Pos{Line: 12, Column: 11}}, Snippet: "  password = var.password"}},
		Counts: plan.Counts{Add: 11, Change: 22, Destroy: 33, Replace: 44, Adopt: 55, Forget: 66, NeedsHand: 77}, Managed: 3, Reads: 4,
	}
}
