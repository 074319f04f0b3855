package spec

import (
	"encoding/json"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestAddressText(t *testing.T) {
	for _, x := range []struct {
		address Address
		text    string
	}{
		{Address{Kind: "server", Name: "web"}, `server.web`},
		{Address{Kind: "server", Name: "web", Key: IntKey(0)}, `server.web[0]`},
		{Address{Kind: "server", Name: "web-1", Key: IntKey(12)}, `server.web-1[12]`},
		{Address{Kind: "server", Name: "web", Key: StringKey("a")}, `server.web["a"]`},
		{Address{Kind: "server", Name: "web", Key: StringKey("0")}, `server.web["0"]`},
		{Address{Kind: "server", Name: "web", Key: StringKey("")}, `server.web[""]`},
		{Address{Kind: "server", Name: "web", Key: StringKey(`a"]b\`)}, `server.web["a\"]b\\"]`},
		{Address{Kind: "server", Name: "web", Key: StringKey("${x} %{if}")}, `server.web["$${x} %%{if}"]`},
		{Address{Kind: "server", Name: "web", Key: StringKey("a\nb\tc")}, `server.web["a\nb\tc"]`},
		{Address{Kind: "server", Name: "web", Key: StringKey("größe")}, `server.web["größe"]`},
		{Address{Kind: "firewall_rule", Name: "x", Key: StringKey("10.0.0.0/8 $5 50%")}, `firewall_rule.x["10.0.0.0/8 $5 50%"]`},
	} {
		t.Run(x.text, func(t *testing.T) {
			require.Equal(t, x.text, x.address.String())
			parsed, err := ParseAddress(x.text)
			require.NoError(t, err)
			require.Equal(t, x.address, parsed)
		})
	}
}

func TestAddressMistakes(t *testing.T) {
	for _, x := range []struct{ text, says string }{
		{``, "it has no dot"},
		{`server`, "it has no dot"},
		{`server.`, `"" is not the name of a block`},
		{`.web`, `"" is not the name of a kind`},
		{`server.web.id`, `"web.id" is not the name of a block`},
		{`server.web[`, "its bracket does not end"},
		{`server.web[]`, "a number or a quoted string"},
		{`server.web[-1]`, "a number or a quoted string"},
		{`server.web[01]`, "a number or a quoted string"},
		{`server.web[1.0]`, "a number or a quoted string"},
		{`server.web[a]`, "a number or a quoted string"},
		{`server.web['a']`, "a number or a quoted string"},
		{`server.web["a]`, "not a quoted string"},
		{`server.web["a"]x`, "its bracket does not end"},
		{`server.web["a"]["b"]`, "not a quoted string"},
		{`server.web["${1}"]`, "not a plain quoted string"},
		{`server.web["a${1}"]`, "not a plain quoted string"},
		{`server.web["a" + "b"]`, "not a plain quoted string"},
		{` server.web`, `" server" is not the name of a kind`},
		{"server.web\n", `"web\n" is not the name of a block`},
	} {
		t.Run(x.text, func(t *testing.T) {
			_, err := ParseAddress(x.text)
			require.ErrorContains(t, err, x.says)
			require.ErrorContains(t, err, `an address is server.web, server.web[0] or server.web["a"]`)
		})
	}
}

func TestAddressOrder(t *testing.T) {
	want := []string{`network.a`, `server.a`, `server.b[2]`, `server.b[10]`, `server.b["1"]`, `server.b["a"]`}
	var got []Address
	for _, s := range []int{3, 5, 0, 4, 1, 2} {
		a, err := ParseAddress(want[s])
		require.NoError(t, err)
		got = append(got, a)
	}
	slices.SortFunc(got, Address.Compare)
	for i, a := range got {
		require.Equal(t, want[i], a.String())
		require.False(t, a.Less(a))
	}
	require.True(t, got[0].Less(got[1]))
}

func TestAddressInJSON(t *testing.T) {
	in := map[Address]int{{Kind: "server", Name: "web", Key: StringKey(`a"b`)}: 1, {Kind: "server", Name: "web", Key: IntKey(0)}: 2}
	data, err := json.Marshal(in)
	require.NoError(t, err)
	require.Equal(t, `{"server.web[\"a\\\"b\"]":1,"server.web[0]":2}`, string(data))
	var out map[Address]int
	require.NoError(t, json.Unmarshal(data, &out))
	require.Equal(t, in, out)
	require.Error(t, json.Unmarshal([]byte(`{"server":1}`), &out))
}
