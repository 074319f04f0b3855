package spec

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// shape is an outline in words: each resource with what it uses.
func shape(all []*Resource) map[string][]string {
	out := map[string][]string{}
	for _, r := range all {
		out[r.Address.String()] = nil
		for _, u := range r.Uses {
			out[r.Address.String()] = append(out[r.Address.String()], u.String())
		}
	}
	return out
}

const openStack = `
variable "count" {
  type = number
  validation {
    condition     = var.count > 0
    error_message = "Some."
  }
}
server "db" {
  name     = "db"
  plan     = "m"
  location = "AMS"
}
server "web" {
  count    = var.count
  name     = "web-${count.index}"
  plan     = "m"
  location = "AMS"
}
locals {
  ids = { for s in server.web : s.name => s.id }
}
rule "each" {
  for_each   = local.ids
  name       = each.key
  server_id  = each.value
  port_range = "80"
}
rule "one" {
  name       = "first of ${length(server.web)}"
  server_id  = server.db.id
  port_range = "80"
}
schedule "after" {
  count      = 2
  name       = "s-${count.index}"
  cron       = "0 2 * * *"
  depends_on = [rule.each]
}
`

// A block whose instances cannot be told is there once, and so is what refers to it.
func TestOutlineOpen(t *testing.T) {
	o := load(t, openStack).Outline(acme())
	require.Empty(t, o.Diagnostics)
	require.Equal(t, map[string][]string{
		"server.db":         nil,
		"rule.one":          {"server.db", "server.web"},
		"schedule.after[0]": {"rule.each"},
		"schedule.after[1]": {"rule.each"},
	}, shape(o.Resources))
	require.Equal(t, map[string][]string{"server.web": nil, "rule.each": {"server.web"}}, shape(o.Open))
	require.True(t, load(t, openStack).Evaluate(acme()).Diagnostics.HasErrors(), "what an apply needs is still missing")
}

// With everything known an outline is what Evaluate gives.
func TestOutlineClosed(t *testing.T) {
	r := acme()
	r.Variables = []VariableValue{{Name: "count", Source: "2"}}
	stack := load(t, openStack)
	o := stack.Outline(r)
	require.Empty(t, o.Diagnostics)
	require.Empty(t, o.Open)
	require.Equal(t, shape(stack.Evaluate(r).Resources), shape(o.Resources))
	require.Equal(t, []string{"server.web[1]"}, shape(o.Resources)[`rule.each["web-1"]`])
}

// What an apply could tell alone, and what is simply wrong.
func TestOutlineUnknownAndMistaken(t *testing.T) {
	o := load(t, `
server "db" {
  name     = "db"
  plan     = "m"
  location = "AMS"
}
rule "x" {
  for_each   = toset([server.db.ip_address])
  name       = each.key
  port_range = "80"
}
`).Outline(acme())
	require.Empty(t, o.Diagnostics)
	require.Equal(t, map[string][]string{"rule.x": {"server.db"}}, shape(o.Open))

	require.True(t, load(t, "rule \"x\" {\n  count = -1\n}\n").Outline(acme()).Diagnostics.HasErrors())
}
