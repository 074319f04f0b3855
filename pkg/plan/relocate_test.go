package plan_test

import (
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/vpsync/vpsync/pkg/plan"
	"github.com/vpsync/vpsync/pkg/spec"
	"github.com/vpsync/vpsync/pkg/state"
)

func TestRelocate(t *testing.T) {
	type moves [][2]string
	for name, c := range map[string]struct {
		recorded []string
		declared []string
		moves    moves
		open     []string
		want     []string // of recorded, in order
		error    string
	}{
		"nothing":            {recorded: []string{"server.a"}, declared: []string{"server.a"}, want: []string{"server.a"}},
		"a block":            {recorded: []string{"server.a[0]", "server.a[1]"}, declared: []string{"server.b[0]"}, moves: moves{{"server.a", "server.b"}}, want: []string{"server.b[0]", "server.b[1]"}},
		"an instance":        {recorded: []string{"server.a"}, declared: []string{`server.a["x"]`}, moves: moves{{"server.a", `server.a["x"]`}}, want: []string{`server.a["x"]`}},
		"a chain":            {recorded: []string{"server.a"}, declared: []string{"server.c"}, moves: moves{{"server.a", "server.b"}, {"server.b", "server.c"}}, want: []string{"server.c"}},
		"a chain backwards":  {recorded: []string{"server.a"}, declared: []string{"server.d"}, moves: moves{{"server.c", "server.d"}, {"server.b", "server.c"}, {"server.a", "server.b"}}, want: []string{"server.d"}},
		"a chain of blocks":  {recorded: []string{"server.a[0]", "server.a[1]"}, declared: []string{`server.c["x"]`, "server.c[1]"}, moves: moves{{"server.b[0]", `server.c["x"]`}, {"server.b", "server.c"}, {"server.a", "server.b"}}, want: []string{`server.c["x"]`, "server.c[1]"}},
		"an instance first":  {recorded: []string{"server.a[0]", "server.a[1]"}, declared: []string{`server.b["x"]`, "server.b[1]"}, moves: moves{{"server.a", "server.b"}, {"server.a[0]", `server.b["x"]`}}, want: []string{`server.b["x"]`, "server.b[1]"}},
		"a key, then away":   {recorded: []string{"server.a"}, declared: []string{"server.b"}, moves: moves{{`server.a["x"]`, "server.b"}, {"server.a", `server.a["x"]`}}, want: []string{"server.b"}},
		"a circle":           {recorded: []string{"server.a"}, declared: []string{"server.c"}, moves: moves{{"server.a", "server.b"}, {"server.b", "server.a"}}, error: "Moved in a circle"},
		"done already":       {recorded: []string{"server.b"}, declared: []string{"server.b"}, moves: moves{{"server.a", "server.b"}}, want: []string{"server.b"}},
		"count came":         {recorded: []string{"server.a"}, declared: []string{"server.a[0]", "server.a[1]"}, want: []string{"server.a[0]"}},
		"count went":         {recorded: []string{"server.a[0]", "server.a[1]"}, declared: []string{"server.a"}, want: []string{"server.a", "server.a[1]"}},
		"for_each came":      {recorded: []string{"server.a"}, declared: []string{`server.a["x"]`}, want: []string{"server.a"}},
		"an open request":    {recorded: []string{"server.a"}, declared: []string{"server.b"}, moves: moves{{"server.a", "server.b"}}, open: []string{"server.a"}, want: []string{"server.a"}},
		"still declared":     {recorded: []string{"server.a"}, declared: []string{"server.a", "server.b"}, moves: moves{{"server.a", "server.b"}}, error: "Moved and declared"},
		"both are recorded":  {recorded: []string{"server.a", "server.b"}, declared: []string{"server.b"}, moves: moves{{"server.a", "server.b"}}, error: "Both are recorded"},
		"out of each's way":  {recorded: []string{"server.a", "server.b"}, declared: []string{"server.b", "server.c"}, moves: moves{{"server.b", "server.c"}, {"server.a", "server.b"}}, error: "Moved and declared"},
		"one makes room":     {recorded: []string{"server.a[0]", "server.a[1]"}, declared: []string{"server.b[0]", "server.b[1]"}, moves: moves{{"server.a[1]", "server.b[0]"}, {"server.a[0]", "server.b[1]"}}, want: []string{"server.b[1]", "server.b[0]"}},
		"another block's":    {recorded: []string{"server.ab"}, declared: []string{"server.ab"}, moves: moves{{"server.a", "server.c"}}, want: []string{"server.ab"}},
		"a key of the first": {recorded: []string{"server.a[0]"}, declared: []string{`server.a["0"]`}, want: []string{"server.a[0]"}},
	} {
		t.Run(name, func(t *testing.T) {
			st := &state.State{}
			for _, a := range c.recorded {
				st.Resources = append(st.Resources, &state.Resource{Address: address(t, a), ID: a, Policy: state.Policy{Uses: []spec.Address{address(t, c.recorded[0])}}})
			}
			for _, a := range c.open {
				st.Intents = append(st.Intents, &state.Intent{Address: address(t, a)})
			}
			config := &spec.Response{}
			for _, a := range c.declared {
				config.Resources = append(config.Resources, &spec.Resource{Address: address(t, a)})
			}
			var list []spec.Move
			for _, m := range c.moves {
				list = append(list, spec.Move{From: address(t, m[0]), To: address(t, m[1])})
			}
			got, moved, diags := plan.Relocate(st, list, config)
			if c.error != "" {
				require.True(t, diags.HasErrors())
				require.Equal(t, c.error, diags[0].Summary)
				return
			}
			require.Empty(t, diags)
			at := map[string]string{}
			for _, r := range got.Resources {
				at[r.ID] = r.Address.String()
			}
			for i, a := range c.recorded {
				require.Equal(t, c.want[i], at[a])
				require.Equal(t, a, st.Resources[i].Address.String(), "the state itself stays as it is")
			}
			for _, r := range got.Resources {
				require.Equal(t, c.want[0], r.Uses[0].String(), "what uses it follows")
			}
			changed := 0
			for i, a := range c.recorded {
				if c.want[i] != a {
					changed++
				}
			}
			require.Len(t, moved, changed)
		})
	}
}
