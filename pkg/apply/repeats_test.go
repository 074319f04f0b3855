package apply

import (
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/vpsync/vpsync/pkg/providers"
	"github.com/vpsync/vpsync/pkg/spec"
	"github.com/zclconf/go-cty/cty"
)

// TestSaw: an answer that tells a part of an object leaves the rest of it as it was, and what of that repeats a secret does so still.
func TestSaw(t *testing.T) {
	m := &making{object: &spec.Object{Values: spec.Values{"a": cty.StringVal("1"), "b": cty.StringVal("2")}, Repeats: []string{"a", "b"}}}
	m.saw(&spec.Object{Values: spec.Values{"b": cty.StringVal("3"), "c": cty.StringVal("4")}, Repeats: []string{"c"}})
	require.Equal(t, spec.Values{"a": cty.StringVal("1"), "b": cty.StringVal("3"), "c": cty.StringVal("4")}, m.object.Values)
	require.ElementsMatch(t, []string{"a", "c"}, m.object.Repeats)
}

// TestDetailThatRepeats: what was read with a secret in it is not recorded as a whole, so the next run reads it again. Nor is the secret
// kept as what tells whether an object moved.
func TestDetailThatRepeats(t *testing.T) {
	k := &kindReader{kind: &spec.Kind{Changed: "version"}, clock: providers.RealClock(), details: map[string]detail{}}
	version := spec.Values{"version": cty.StringVal("v1")}
	k.noteDetail(&spec.Object{ID: "a", Values: version})
	require.True(t, k.details["a"].trusted)
	require.Equal(t, "v1", k.details["a"].changed)
	k.noteDetail(&spec.Object{ID: "b", Values: version, Repeats: []string{"version"}})
	require.False(t, k.details["b"].trusted)
	require.Empty(t, k.details["b"].changed)
}
