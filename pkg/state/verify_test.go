package state_test

import (
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/vpsync/vpsync/pkg/spec"
	"github.com/vpsync/vpsync/pkg/state"
	"github.com/zclconf/go-cty/cty"
)

// sound is a state that breaks no invariant.
func sound() *state.State {
	values := spec.Values{"name": cty.StringVal("x")}
	return &state.State{
		Lineage: "l", Accounts: map[string]state.Account{account: {Name: account}},
		Resources: []*state.Resource{
			{Address: web, Account: account, ID: "1", Applied: values, Observed: values, Policy: state.Policy{Uses: []spec.Address{{Kind: "network", Name: "n"}}}},
			{Address: web, Deposed: "d", Account: account, ID: "2", Secrets: map[string]state.Digest{"p": {KeyID: "k", Sum: "00"}}},
			{Address: spec.Address{Kind: "volume", Name: "v"}, Account: account, ID: "1"},
		},
		Leftovers: []*state.Leftover{{ID: "3", Kind: "server", Account: account, Address: web, Applied: values}},
		Intents: []*state.Intent{
			{ID: "i1", Address: spec.Address{Kind: "server", Name: "new"}, Account: account, Kind: "server", Action: "create", Operation: spec.OpCreate, Applied: values},
			{ID: "i2", Address: web, Account: account, Kind: "server", Action: "replace", Operation: spec.OpDelete, ObjectID: "1"},
		},
	}
}

func TestVerify(t *testing.T) {
	require.Empty(t, state.Verify(sound()))
	require.Empty(t, state.Verify(&state.State{}))
	for name, c := range map[string]struct {
		breaks func(s *state.State)
		detail string
	}{
		"an address twice":        {func(s *state.State) { s.Resources[0].Deposed = "d" }, "server.web (deposed d) is recorded twice"},
		"an object twice":         {func(s *state.State) { s.Resources[1].ID = "1" }, "server 1 belongs to server.web and to server.web (deposed d)"},
		"an object and leftover":  {func(s *state.State) { s.Leftovers[0].ID = "2" }, "server 2 belongs to server.web (deposed d) and to the leftovers"},
		"a leftover twice":        {func(s *state.State) { s.Leftovers = append(s.Leftovers, s.Leftovers[0]) }, "server 3 is twice among the leftovers"},
		"no id":                   {func(s *state.State) { s.Resources[0].ID = "" }, "server.web has no id"},
		"no account":              {func(s *state.State) { s.Resources[0].Account = "b" }, `the account "b"`},
		"no account of leftover":  {func(s *state.State) { s.Leftovers[0].Account = "b" }, `the account "b"`},
		"no account of an intent": {func(s *state.State) { s.Intents[0].Account = "b" }, `the account "b"`},
		"no kind of leftover":     {func(s *state.State) { s.Leftovers[0].Kind = "" }, "no kind"},
		"uses nothing":            {func(s *state.State) { s.Resources[0].Uses[0].Name = "" }, "server.web uses"},
		"an intent uses nothing":  {func(s *state.State) { s.Intents[0].Uses = []spec.Address{{}} }, "the intent i1 uses"},
		"an intent of nothing":    {func(s *state.State) { s.Intents[1].ObjectID = "" }, "wants delete of no object"},
		"an intent to nothing":    {func(s *state.State) { s.Intents[1].Operation = "" }, "says too little"},
		"an unknown action":       {func(s *state.State) { s.Intents[0].Action = "forget" }, `the unknown action "forget"`},
		"two creates": {func(s *state.State) {
			second := *s.Intents[0]
			second.ID = "i3"
			s.Intents = append(s.Intents, &second)
		}, "server.new has two open creates"},
		"a secret":             {func(s *state.State) { s.Resources[0].Applied["name"] = cty.StringVal("x").Mark(spec.Sensitive) }, "name of server.web is or derives from a secret"},
		"an unknown":           {func(s *state.State) { s.Leftovers[0].Observed = spec.Values{"a": cty.UnknownVal(cty.String)} }, "a of the leftover 3 is not known"},
		"no value":             {func(s *state.State) { s.Intents[1].Applied = spec.Values{"a": cty.NilVal} }, "a of the intent i2 has no value"},
		"a digest without key": {func(s *state.State) { s.Resources[1].Secrets["p"] = state.Digest{Sum: "00"} }, "the digest of p of server.web (deposed d)"},
		"an intent's digest":   {func(s *state.State) { s.Intents[0].Secrets = map[string]state.Digest{"p": {KeyID: "k"}} }, "the digest of p of the intent i1"},
	} {
		t.Run(name, func(t *testing.T) {
			s := sound()
			c.breaks(s)
			broken := state.Verify(s)
			require.NotEmpty(t, broken)
			require.Contains(t, broken[0].Detail, c.detail)
			require.NotEmpty(t, broken[0].Invariant)
			require.NotEmpty(t, broken[0].Why)
		})
	}
}

func TestErrorsSayWhatToDo(t *testing.T) {
	locked := &state.LockedError{Owner: state.Owner{ID: "l1", Run: "r1", Command: "apply", User: "ada", Host: "box", PID: 7, Since: "2026-03-14T15:09:26Z", URL: "https://ci.example/1"}}
	require.EqualError(t, locked, "the state is locked by vpsync apply (run r1) of ada on box, process 7, since 2026-03-14T15:09:26Z, https://ci.example/1")
	require.EqualError(t, &state.LockedError{}, "the state is locked by another run")
	require.EqualError(t, &state.DamagedError{Path: "/s", Problem: "it is empty", Remedy: "bring it back"}, "the state /s is damaged: it is empty; bring it back")
}
