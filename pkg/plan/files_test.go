package plan_test

import (
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/vpsync/vpsync/pkg/plan"
	"github.com/vpsync/vpsync/pkg/spec"
	"github.com/zclconf/go-cty/cty"
)

// What two configurations differ in: new and gone resources, changed attributes, and nothing where both depend on what nobody knows.
func TestOfFiles(t *testing.T) {
	kind := &spec.Kind{Name: "server", HoldsData: true, Attributes: []*spec.Attribute{
		{Name: "name", Type: cty.String}, {Name: "location", Type: cty.String, OnChange: spec.OnReplace}, {Name: "network_id", Type: cty.String}, {Name: "password", Type: cty.String, Sensitive: true},
	}}
	resource := func(address string, values spec.Values) *spec.Resource {
		a, err := spec.ParseAddress(address)
		require.NoError(t, err)
		return &spec.Resource{Address: a, Kind: kind, Values: values}
	}
	text := func(s string) cty.Value { return cty.StringVal(s) }
	unknown := cty.UnknownVal(cty.String)
	was := &spec.Response{Resources: []*spec.Resource{
		resource("server.same", spec.Values{"name": text("a"), "network_id": unknown}),
		resource("server.gone", spec.Values{"name": text("b")}),
		resource("server.moved", spec.Values{"name": text("c"), "location": text("AMS")}),
		resource("server.secret", spec.Values{"password": text("canary").Mark("secret"), "name": cty.NullVal(cty.String)}),
	}}
	is := &spec.Response{Resources: []*spec.Resource{
		resource("server.same", spec.Values{"name": text("a"), "network_id": unknown}),
		resource("server.moved", spec.Values{"name": text("c"), "location": text("IST")}),
		resource("server.secret", spec.Values{"password": text("canary2")}),
		resource("server.new", spec.Values{"name": text("d")}),
	}}
	p := plan.OfFiles(was, is)
	require.Equal(t, plan.Counts{Add: 1, Change: 1, Destroy: 1, Replace: 1}, p.Counts)
	got := map[string]*plan.Change{}
	for _, c := range p.Changes {
		got[c.Address.String()] = c
	}
	require.Len(t, got, 4)
	require.Equal(t, plan.Delete, got["server.gone"].Action)
	require.True(t, got["server.gone"].LosesData)
	require.Equal(t, plan.Replace, got["server.moved"].Action)
	require.True(t, got["server.moved"].LosesData)
	require.Equal(t, plan.Create, got["server.new"].Action)
	secret := got["server.secret"].Attributes
	require.Len(t, secret, 1)
	require.True(t, secret[0].Sensitive)
	require.Equal(t, cty.NilVal, secret[0].After)
	require.Empty(t, plan.OfFiles(is, is).Changes)
	require.Empty(t, p.Steps)
}
