package spec

import (
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/zclconf/go-cty/cty"
)

func address(t testing.TB, s string) Address {
	t.Helper()
	a, err := ParseAddress(s)
	require.NoError(t, err)
	return a
}

// forms are the ways in which rules are commonly made for servers.
var commonForms = map[string]string{
	"by key": `
server "web" {
  for_each = toset([for i in range(%[1]d) : "web-${i}"])
  name     = each.key
  plan     = "m"
  location = "AMS"
}
rule "http" {
  for_each   = { for p in setproduct(range(%[1]d), range(5)) : "${p[0]}-${p[1]}" => { server = "web-${p[0]}", port = 80 + p[1] } }
  name       = each.key
  server_id  = server.web[each.value.server].id
  port_range = tostring(each.value.port)
}
`,
	"each value": `
server "web" {
  count    = %[1]d
  name     = "web-${count.index}"
  plan     = "m"
  location = "AMS"
}
` + strings.Join([]string{rulesOver("a"), rulesOver("b"), rulesOver("c"), rulesOver("d"), rulesOver("e")}, ""),
	"whole block": `
server "web" {
  for_each = toset([for i in range(%[1]d) : "web-${i}"])
  name     = each.key
  plan     = "m"
  location = "AMS"
}
` + strings.Join([]string{rulesOfBlock("a"), rulesOfBlock("b"), rulesOfBlock("c"), rulesOfBlock("d"), rulesOfBlock("e")}, ""),
}

func rulesOver(name string) string {
	return `
rule "` + name + `" {
  for_each   = { for i, s in server.web : s.name => s.id }
  name       = "` + name + `-${each.key}"
  server_id  = each.value
  port_range = "80"
}
`
}

func rulesOfBlock(name string) string {
	return `
rule "` + name + `" {
  for_each   = server.web
  name       = "` + name + `-${each.key}"
  server_id  = each.value.id
  port_range = "80"
}
`
}

// TestSessionFollowsAnApply makes servers one after the other, and looks at the rules of each right then.
func TestSessionFollowsAnApply(t *testing.T) {
	const n = 5
	for name, source := range commonForms {
		t.Run(name, func(t *testing.T) {
			stack := load(t, fmt.Sprintf(source, n))
			response := stack.Evaluate(acme())
			require.Empty(t, response.Diagnostics)
			session := stack.Session(acme())
			rulesOf := map[Address][]Address{}
			for _, r := range response.Resources {
				if r.Address.Kind == "rule" {
					require.Lenf(t, r.Uses, 1, "%s names one server", r.Address)
					rulesOf[r.Uses[0]] = append(rulesOf[r.Uses[0]], r.Address)
				}
			}
			require.Len(t, rulesOf, n)
			var servers []Address
			for _, r := range response.Resources {
				if r.Address.Kind == "server" {
					servers = append(servers, r.Address)
				}
			}
			// Twice: the second time an id that was known changes, as when a server is replaced.
			for round := range 2 {
				for i, server := range servers {
					require.Len(t, rulesOf[server], 5)
					id := fmt.Sprintf("srv_%d_%d", round, i)
					session.Know(server, Values{"id": text(id)})
					for _, rule := range rulesOf[server] {
						r, diags := session.Resource(rule)
						require.Empty(t, diags)
						require.Equal(t, text(id), r.Values["server_id"])
						require.Equal(t, []Address{server}, r.Uses)
					}
					if round == 0 && i+1 < n {
						r, _ := session.Resource(rulesOf[servers[i+1]][0])
						require.False(t, r.Values["server_id"].IsKnown(), "what is not made yet stays unknown")
					}
				}
			}
		})
	}
}

func TestSessionSeesThroughOthers(t *testing.T) {
	stack := load(t, `
network "lan" {
  name = "lan"
  cidr = "10.0.0.0/8"
}
server "web" {
  for_each = toset(["a"])
  name     = each.key
  plan     = network.lan.gateway
  location = "AMS"
}
locals { plans = { for k, s in server.web : k => s.plan } }
rule "r" {
  for_each   = { for k, s in server.web : k => s.plan }
  name       = local.plans[each.key]
  source     = each.value
  port_range = "80"
}
output "plan" { value = local.plans["a"] }
`)
	session := stack.Session(acme())
	r, diags := session.Resource(address(t, `rule.r["a"]`))
	require.Empty(t, diags)
	require.False(t, r.Values["source"].IsKnown())
	outputs, diags := session.Outputs()
	require.Empty(t, diags)
	require.False(t, outputs[0].Value.IsKnown())

	session.Know(address(t, "network.lan"), Values{"id": text("net_1"), "gateway": text("10.0.0.1")})
	r, diags = session.Resource(address(t, `rule.r["a"]`))
	require.Empty(t, diags)
	require.Equal(t, text("10.0.0.1"), r.Values["source"])
	require.Equal(t, text("10.0.0.1"), r.Values["name"])
	outputs, diags = session.Outputs()
	require.Empty(t, diags)
	require.Equal(t, text("10.0.0.1"), outputs[0].Value)
}

func TestSessionKnowsWhatIsDeclared(t *testing.T) {
	session := load(t, "network \"a\" {\n  name = \"a\"\n  cidr = \"10.0.0.0/8\"\n}\n").Session(acme())
	for _, s := range []string{"network.b", "network.a[0]", `network.a["x"]`, "server.a"} {
		r, diags := session.Resource(address(t, s))
		require.Nil(t, r)
		require.Truef(t, diags.HasErrors(), "%s", s)
	}
	// What only apply can tell may turn out to be wrong.
	session = load(t, `
server "web" {
  name     = "web"
  plan     = "m"
  location = "AMS"
}
rule "r" {
  name       = "r"
  source     = server.web.ip_address
  port_range = "80"
}
`).Session(acme())
	session.Know(address(t, "server.web"), Values{"id": text("srv_1"), "ip_address": text("pending")})
	_, diags := session.Resource(address(t, "rule.r"))
	require.Equal(t, "Value not allowed", diags[0].Summary)
	require.Equal(t, "rule.r", diags[0].Address)
}

func TestSessionInParallel(t *testing.T) {
	stack := load(t, fmt.Sprintf(commonForms["each value"], 20))
	session := stack.Session(acme())
	var wg sync.WaitGroup
	for i := range 20 {
		wg.Go(func() {
			session.Know(Address{Kind: "server", Name: "web", Key: IntKey(i)}, Values{"id": text(fmt.Sprint(i))})
			r, diags := session.Resource(Address{Kind: "rule", Name: "c", Key: StringKey(fmt.Sprintf("web-%d", i))})
			if diags.HasErrors() || !r.Values["server_id"].RawEquals(text(fmt.Sprint(i))) {
				t.Errorf("rule %d: %v", i, diags)
			}
			session.Outputs()
		})
	}
	wg.Wait()
}

// TestReferencesSeeTheConfigurationFirst holds that a reference means what is wanted, and the object only where nothing is.
func TestReferencesSeeTheConfigurationFirst(t *testing.T) {
	request := acme()
	request.Objects = map[Address]Values{{Kind: "server", Name: "web"}: {
		"id": text("srv_1"), "name": text("live name"), "ip_address": text("192.0.2.1"), "plan": cty.NullVal(cty.String),
		"specs": cty.ObjectVal(map[string]cty.Value{"cpu": text("2"), "ram": cty.NumberIntVal(4)}), "gone": cty.True,
	}}
	response := evaluate(t, `
server "web" {
  name     = "wanted name"
  plan     = "m"
  location = "AMS"
}
output "object" {
  sensitive = true
  value     = server.web
}
`, request)
	require.Equal(t, `{"id" = "srv_1", "ip_address" = "192.0.2.1", "location" = "AMS", "name" = "wanted name", "os" = "ubuntu-22.04", "password" = sensitive(null), `+
		`"plan" = "m", "specs" = {"cpu" = 2, "ram" = 4}, "ssh_keys" = null}`, show(response.Outputs[0].Value))
}

// TestProblemsAreToldOnce holds that what breaks is told where it stands, whoever asked first, and is never passed over.
func TestProblemsAreToldOnce(t *testing.T) {
	stack := load(t, `
locals { n = tonumber(server.web.ip_address) }
server "web" {
  name     = "web"
  plan     = "m"
  location = "AMS"
}
rule "r" {
  name       = "r"
  port_range = "80"
  priority   = local.n
}
output "n" { value = local.n }
`)
	request := acme()
	request.Objects = map[Address]Values{address(t, "server.web"): {"id": text("srv_1"), "ip_address": text("none")}}
	response := stack.Evaluate(request)
	require.Len(t, response.Diagnostics, 1)
	require.Equal(t, 3, response.Diagnostics[0].Range.Start.Line)

	session := stack.Session(acme())
	r, diags := session.Resource(address(t, "rule.r"))
	require.Empty(t, diags)
	require.False(t, r.Values["priority"].IsKnown())
	session.Know(address(t, "server.web"), request.Objects[address(t, "server.web")])
	r, diags = session.Resource(address(t, "rule.r"))
	require.Nil(t, r)
	require.Len(t, diags, 1)
	require.Equal(t, 3, diags[0].Range.Start.Line)
	outputs, diags := session.Outputs()
	require.Empty(t, outputs)
	require.Len(t, diags, 1)
}
