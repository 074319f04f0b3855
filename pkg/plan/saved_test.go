package plan_test

import (
	"bytes"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/vpsync/vpsync/internal/matrix"
	"github.com/vpsync/vpsync/pkg/plan"
	"github.com/vpsync/vpsync/pkg/spec"
	"github.com/vpsync/vpsync/pkg/state"
	"github.com/zclconf/go-cty/cty"
)

func someSaved(t testing.TB) *plan.Saved {
	str := cty.StringVal
	web := spec.Address{Kind: "server", Name: "web", Key: spec.StringKey(`a"b`)}
	return &plan.Saved{
		Made: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC), Vpsync: "1.2.3", Sandbox: true, Lineage: "l",
		Endpoints: map[string]string{"acme": "https://api.acme.example"}, Definitions: map[string]string{"acme": "00ff"}, Sources: map[string]string{"main.hcl": "aa"},
		Variables: []spec.VariableValue{{Name: "n", Source: "3", Origin: "--var n"}}, Secrets: map[string]state.Digest{"s": {KeyID: "k", Sum: "00"}},
		Rows: map[string]int64{"server.web": 7}, Options: plan.Options{Allow: 2, Targets: []plan.Pattern{"server.*"}, Replace: []spec.Address{web}}, Digest: "d",
		Plan: &plan.Plan{
			Changes: []*plan.Change{{
				Address: web, Account: "acme", Kind: "server", Action: plan.Replace, ID: "srv_1", Cause: plan.CauseConfig, CreateFirst: true,
				Attributes: []plan.AttributeChange{
					{Name: "plan", Before: str("small"), After: str("large"), Cause: plan.CauseConfig, Effect: plan.EffectReplace},
					{Name: "ip", Before: cty.NullVal(cty.String), After: cty.UnknownVal(cty.String), Cause: plan.CauseConfig, Effect: plan.EffectComputed},
					{Name: "password", Sensitive: true, Cause: plan.CauseConfig, Effect: plan.EffectUpdate},
					{Name: "keys", Before: cty.ListVal([]cty.Value{str("a")}), After: cty.ListValEmpty(cty.String), Effect: plan.EffectUpdate},
				},
				Operations: []string{"create"}, Removes: "delete", LosesData: true, Notes: []string{"n"}, Range: &spec.Range{File: "main.hcl"},
			}},
			Steps:   []plan.Step{{Change: 0, Phase: plan.PhaseMake}, {Change: 0, Phase: plan.PhaseRemove, After: []int{0}}},
			Moved:   []plan.Relocation{{From: spec.Address{Kind: "server", Name: "old"}, To: web, ID: "srv_1"}},
			Outputs: []plan.OutputChange{{Name: "o", Before: cty.NullVal(cty.DynamicPseudoType), After: cty.NumberIntVal(3), Action: plan.Create}, {Name: "s", Sensitive: true}},
			LeftOut: []plan.LeftOut{{Address: web, Action: plan.Update, WaitsFor: &web}},
			Counts:  plan.Counts{Replace: 1}, Definitions: map[string]string{"acme": "00ff"}, Managed: 3,
		},
	}
}

// TestSaved: what is read is what was written.
func TestSaved(t *testing.T) {
	s := someSaved(t)
	data, err := s.Encode()
	require.NoError(t, err)
	back, err := plan.DecodeSaved(data)
	require.NoError(t, err)
	require.Equal(t, s.Plan.Digest(), back.Plan.Digest())
	again, err := back.Encode()
	require.NoError(t, err)
	require.Equal(t, string(data), string(again))
	require.Empty(t, plan.Difference(s.Plan, back.Plan))
}

// TestSavedDamage: whatever bit of whatever byte is changed, or all of them, and wherever the file ends early, it is noticed.
func TestSavedDamage(t *testing.T) {
	begun, cases := time.Now(), 0
	data, err := someSaved(t).Encode()
	require.NoError(t, err)
	damaged := bytes.Clone(data)
	for i := range data {
		for _, mask := range []byte{1, 2, 4, 8, 16, 32, 64, 128, 0xff} {
			cases++
			damaged[i] ^= mask
			if _, err := plan.DecodeSaved(damaged); err == nil {
				t.Fatalf("%#02x of byte %d of %d may be changed unseen", mask, i, len(data))
			}
			damaged[i] ^= mask
		}
		cases++
		if _, err := plan.DecodeSaved(data[:i]); err == nil {
			t.Fatalf("the file may end at byte %d of %d unseen", i, len(data))
		}
	}
	require.Equal(t, data, damaged)
	matrix.Ran(t, "D3p", cases, begun)
}

func FuzzSaved(f *testing.F) {
	data, err := someSaved(f).Encode()
	require.NoError(f, err)
	f.Add(data)
	f.Add([]byte("vpsync-plan 1 00\n{}"))
	f.Add([]byte("vpsync-plan 9 00\n{}"))
	f.Fuzz(func(t *testing.T, data []byte) {
		s, err := plan.DecodeSaved(data)
		if err != nil {
			var wrong *plan.SavedError
			require.ErrorAs(t, err, &wrong)
			return
		}
		_, err = s.Encode()
		require.NoError(t, err)
	})
}

// TestDifference names what another plan does otherwise.
func TestDifference(t *testing.T) {
	a := func(name string) spec.Address { return spec.Address{Kind: "server", Name: name} }
	change := func(name string, action plan.Action, to string) *plan.Change {
		return &plan.Change{Address: a(name), Action: action, Attributes: []plan.AttributeChange{{Name: "plan", After: cty.StringVal(to), Effect: plan.EffectUpdate}}}
	}
	was := &plan.Plan{Changes: []*plan.Change{change("same", plan.Update, "x"), change("gone", plan.Update, "x"), change("other", plan.Update, "x"), change("turned", plan.Update, "x")}}
	is := &plan.Plan{Changes: []*plan.Change{change("same", plan.Update, "x"), change("new", plan.Delete, "x"), change("other", plan.Update, "y"), change("turned", plan.Replace, "x")}}
	require.Equal(t, []string{
		"server.gone: update was planned, and nothing is to be done now",
		"server.other: another update than the one that was planned",
		"server.turned: update was planned, and now it is replace",
		"server.new: delete was not planned",
	}, plan.Difference(was, is))
}
