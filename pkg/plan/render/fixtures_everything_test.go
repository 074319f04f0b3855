package render_test

import (
	"strings"
	"testing"
	"time"

	"github.com/vpsync/vpsync/pkg/plan"
	"github.com/vpsync/vpsync/pkg/spec"
	"github.com/vpsync/vpsync/pkg/state"
)

// everythingPlan is one plan in which whatever can happen happens, each once, to be looked at as a whole.
func everythingPlan(t *testing.T) *plan.Plan {
	p := &plan.Plan{Managed: 24, Reads: 9}
	add := func(c *plan.Change) *plan.Change {
		p.Changes = append(p.Changes, c)
		return c
	}
	cpu, db, legacy := at(t, "alert_rule.cpu"), at(t, "server.db"), at(t, "network.legacy")

	// Needs a hand: the API can neither change nor delete it.
	c := add(change(t, "alert_rule.cpu", plan.NoOp, "alr_1792000009", plan.CauseConfig,
		edit("threshold", num(90), num(95), plan.CauseConfig, plan.EffectImpossible)))
	c.NeedsHand, c.Remedy = true, "lifecycle { on_unsupported = \"forget\" }"
	c.Unsupported = "Servosphere has no operation that deletes an alert rule, which a change of threshold takes"

	// Create, with a secret, a long value, a text of several lines, and what only apply can tell.
	c = add(change(t, "backup_schedule.nightly", plan.Create, "", plan.CauseNew,
		fresh("name", str("nightly")), fresh("server_id", unknown), fresh("cron", str("0 2 * * *")),
		plan.AttributeChange{Name: "passphrase", Sensitive: true, Cause: plan.CauseNew, Effect: plan.EffectUpdate, Operation: "create"},
		fresh("public_key", str("ssh-rsa "+strings.Repeat("AAAAB3NzaC1yc2E", 10)+" ops@example.com")),
		fresh("script", str("#!/bin/sh\nset -eu\npg_dump shop\n")), computed("next_run"), computed("created_at")))
	c.Operations = []string{"create", "update"}

	// Update: edited, drifted, both; a text of several lines; unverified; no longer managed; a secret.
	before := "#!/bin/sh\nset -eu\napt-get update\napt-get install -y nginx\nsystemctl enable nginx\n"
	add(change(t, `firewall_rule.ssh["db-1"]`, plan.Update, "fw_1792000014", plan.CauseBoth,
		edit("source", str("0.0.0.0/0"), str("198.51.100.0/24"), plan.CauseDrift, plan.EffectUpdate),
		edit("port_range", str("22"), str("2222"), plan.CauseConfig, plan.EffectUpdate),
		plan.AttributeChange{Name: "priority", Before: num(50), After: num(50), Cause: plan.CauseConfig, Effect: plan.EffectNone, Note: "no longer managed, stays 50"},
		plan.AttributeChange{Name: "passphrase", Sensitive: true, Cause: plan.CauseConfig, Effect: plan.EffectUpdate, Operation: "reset_passphrase"},
		plan.AttributeChange{Name: "mode", Before: str("strict"), After: str("lenient"), Unverified: true, Cause: plan.CauseConfig, Effect: plan.EffectUpdate, Operation: "update"},
		edit("script", str(before), str(strings.Replace(before, "nginx\n", "caddy\n", 1)), plan.CauseConfig, plan.EffectUpdate),
		edit("description", str(strings.Repeat("the old words ", 6)), str(strings.Repeat("some new words ", 6)), plan.CauseConfig, plan.EffectUpdate)))

	// Delete, forget, adopt and import.
	add(change(t, "firewall_rule.legacy", plan.Delete, "fw_1792000013", plan.CauseRemoved))
	add(change(t, "firewall_rule.older", plan.Delete, "fw_1792000012", plan.CauseRemoved))
	c = add(change(t, "network.lab", plan.Adopt, "net_1792000001", plan.CauseNew,
		edit("gateway", str("10.20.0.1"), str("10.20.0.254"), plan.CauseConfig, plan.EffectUpdate)))
	c.TakesBack = "net_1792000001"
	add(change(t, "network.legacy", plan.Create, "", plan.CauseNew, fresh("name", str("legacy")), fresh("cidr", str("10.99.0.0/24"))))
	c = add(change(t, "network.old", plan.Forget, "net_1792000007", plan.CauseRemoved))
	c.Forgets, c.Unsupported = true, "Servosphere has no operation that deletes a network; net_1792000007 is left behind"
	add(change(t, "network.office", plan.Adopt, "net_1792000003", plan.CauseImport))

	// Replace, the old one first and the new one first, and an old object that still awaits its end.
	c = add(change(t, "server.db", plan.Replace, "srv_1792000003", plan.CauseConfig,
		plan.AttributeChange{Name: "plan", Before: str("vps-large"), After: str("vps-medium"), Unverified: true, Cause: plan.CauseConfig, Effect: plan.EffectReplace},
		edit("ip_address", str("185.123.45.67"), unknown, plan.CauseDepends, plan.EffectComputed)))
	c.Removes, c.LosesData, c.Operations = "delete", true, []string{"create"}
	c = add(change(t, "server.gone", plan.Create, "", plan.CauseGone, fresh("name", str("gone"))))
	c.Notes = []string{"srv_1792000005 is gone: it was deleted behind vpsync's back"}
	c = add(change(t, "server.old", plan.Delete, "srv_1792000008", plan.CauseDeposed))
	c.Deposed, c.Removes, c.LosesData = "d1", "delete", true
	c = add(change(t, `server.web["amsterdam-1"]`, plan.Replace, "srv_1792000004", plan.CauseTriggered,
		edit("ip_address", str("185.123.45.68"), unknown, plan.CauseDepends, plan.EffectComputed)))
	c.Removes, c.LosesData, c.CreateFirst = "delete", true, true
	c.Notes = []string{"replaced because firewall_rule.ssh[\"db-1\"].port_range changes, as replace_triggered_by says"}

	// Nothing is sent: takes effect on new objects, and what the API answers otherwise.
	add(change(t, "server.mail", plan.NoOp, "srv_1792000006", plan.CauseConfig,
		plan.AttributeChange{Name: "ssh_keys", Before: strs("ssh-ed25519 AAAA old"), After: strs("ssh-ed25519 AAAA new"), Unverified: true,
			Cause: plan.CauseConfig, Effect: plan.EffectNextCreate, Note: "takes effect on new servers only"}))

	p.Moved = []plan.Relocation{{From: at(t, "server.front"), To: at(t, `server.web["amsterdam-1"]`), ID: "srv_1792000004"}}
	p.Records = []*state.Resource{{Address: at(t, "volume.data")}}
	p.Pending = []plan.Pending{
		{Address: at(t, "alert_rule.disk"), Operation: "create", Run: "7f3a", Since: when, Question: true, Reason: "The answer was lost, and Servosphere cannot list alert rules."},
		{Address: at(t, `volume.logs["amsterdam-1"]`), Operation: "attach", Run: "7f3a", Since: when},
	}
	p.Leftovers = []*state.Leftover{{ID: "alr_1792000002", Kind: "alert_rule", Account: "servosphere", Address: cpu, Since: when, Run: "7f3a",
		Applied: spec.Values{"name": str("cpu-high")}, Observed: spec.Values{}}}
	p.Unmanaged = []plan.Unmanaged{{Account: "servosphere", Kind: "server", ID: "srv_1", Values: spec.Values{"name": str("pet")}}}
	p.LeftOut = []plan.LeftOut{
		{Address: at(t, "firewall_rule.late"), Action: plan.Update},
		{Address: at(t, `firewall_rule.late["amsterdam-1"]`), Action: plan.Create, WaitsFor: &db},
		{Address: at(t, "server.late"), Deposed: "d2", Action: plan.Delete},
		{Address: at(t, "volume.late"), Action: plan.Replace},
	}
	p.Warnings = []spec.Diagnostic{{Severity: spec.SeverityWarning, Summary: "A secret cannot be compared", Address: `firewall_rule.ssh["db-1"]`,
		Detail: "The key of this state is not at hand, so whether passphrase changed is not known."}}
	p.Outputs = []plan.OutputChange{
		{Name: "addresses", Before: strs("185.1.1.1"), After: strs("185.1.1.1", "185.1.1.2"), Action: plan.Update},
		{Name: "token", Sensitive: true, Action: plan.Create},
		{Name: "unused", Before: str("x"), After: null, Action: plan.Delete},
	}
	p.Cost = []plan.Cost{
		{Account: "servosphere", Class: "standard", Requests: 19, Limit: 1000, Per: time.Hour, Remaining: 984, Reset: when},
		{Account: "servosphere", Class: "intensive", Requests: 4, Limit: 100, Per: time.Hour, Remaining: 3, Reset: when, Windows: 1},
	}
	p.Questions = []plan.Question{
		{Kind: plan.AskNeedsHand, Address: &cpu, Summary: "alert_rule.cpu needs a hand",
			Detail: "Servosphere has no operation that deletes an alert_rule, which a change of threshold takes. Nothing of this plan is sent until that is settled.",
			Remedy: "lifecycle { on_unsupported = \"forget\" }"},
		{Kind: plan.AskTwin, Address: &legacy, Summary: "network.legacy exists already, and nobody manages it",
			Detail: "The object net_1792000021 has the same name. Creating another one would make a twin that nobody can tell apart.",
			Remedy: "vpsync import network.legacy net_1792000021\nvpsync apply --adopt"},
		{Kind: plan.AskBrakeDestroy, Summary: "3 objects that hold data would be lost", Detail: "That is more than 1, a tenth of them.", Remedy: "vpsync apply --allow 3"},
	}
	p.Counts = plan.Counts{Add: 3, Change: 1, Destroy: 3, Replace: 2, Adopt: 2, Forget: 1, NeedsHand: 1}
	return p
}
