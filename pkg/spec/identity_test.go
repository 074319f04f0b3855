package spec

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/zclconf/go-cty/cty"
)

const sameTwice = `
network "a" {
  name = "n"
  cidr = "10.0.0.0/24"
}
network "b" {
  name = "n"
  cidr = "10.0.1.0/24"
}
`

// TestIndistinct: what an account could not tell apart is refused, with both places, unless it exists already.
func TestIndistinct(t *testing.T) {
	const web = "server \"web\" {\n  name     = \"web\"\n  plan     = \"m\"\n  location = \"AMS\"\n}\n"
	rule := func(label, name, server string) string {
		return "rule \"" + label + "\" {\n  name       = \"" + name + "\"\n  port_range = \"80\"\n  server_id  = " + server + "\n}\n"
	}
	for name, c := range map[string]struct {
		source string
		twice  []string // "address: place of the other"
	}{
		"names":                    {sameTwice, []string{"network.b: main.hcl line 3"}},
		"instances of one block":   {"network \"n\" {\n  count = 3\n  name = \"n\"\n  cidr = \"10.0.0.0/24\"\n}\n", []string{"network.n[1]: main.hcl line 2"}},
		"a part differs":           {rule("a", "x", "null") + rule("b", "y", "null"), nil},
		"unset equals unset":       {rule("a", "x", "null") + rule("b", "x", "null"), []string{"rule.b: main.hcl line 2"}},
		"one reference, not known": {web + rule("a", "x", "server.web.id") + rule("b", "x", "server.web.id"), []string{"rule.b: main.hcl line 7"}},
		"what only apply can tell": {web + rule("a", "x", "server.web.id") + rule("b", "x", `"${server.web.id}"`), nil},
		"an instance's own":        {"rule \"a\" {\n  for_each = toset([\"x\", \"y\"])\n  name = each.key\n  port_range = \"80\"\n}\n", nil},
		"what is wrong itself":     {rule("a", "x", "var.gone") + rule("b", "x", "var.gone"), nil},
	} {
		t.Run(name, func(t *testing.T) {
			request := acme()
			request.Distinct = true
			var twice []string
			for _, d := range load(t, c.source).Evaluate(request).Diagnostics {
				if d.Summary == "The same object twice" {
					require.Contains(t, d.Detail, "main.hcl line")
					twice = append(twice, d.Address+": main.hcl line "+between(d.Detail, "main.hcl line ", ","))
				}
			}
			require.Equal(t, c.twice, twice)
		})
	}
	stack := load(t, sameTwice)
	request := acme()
	require.Empty(t, stack.Evaluate(request).Diagnostics, "only those who are about to make them mind")
	request.Distinct = true
	ids := func(n ...string) {
		request.Objects = map[Address]Values{}
		for _, label := range n {
			request.Objects[Address{Kind: "network", Name: label}] = Values{"id": cty.StringVal("net_" + label)}
		}
	}
	ids("a")
	require.Len(t, stack.Evaluate(request).Diagnostics, 1)
	ids("a", "b")
	require.Empty(t, stack.Evaluate(request).Diagnostics, "ids tell them apart")
}

func between(text, before, after string) string {
	_, text, _ = strings.Cut(text, before)
	text, _, _ = strings.Cut(text, after)
	return text
}
