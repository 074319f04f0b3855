package spec

import (
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/zclconf/go-cty/cty"
)

// TestTelling: an answer that repeats a secret may be recorded where the same was asked for in plain, and nowhere else.
func TestTelling(t *testing.T) {
	tags, name := &Attribute{Name: "tags", Type: cty.List(cty.String)}, &Attribute{Name: "name", Type: cty.String}
	o := &Object{Repeats: []string{"tags"}, Values: Values{"tags": cty.ListVal([]cty.Value{text("a")}), "name": text("b")}}
	require.False(t, o.Telling(name, nil), "it repeats nothing")
	require.True(t, o.Telling(tags, nil))
	require.True(t, o.Telling(tags, Values{"tags": cty.ListVal([]cty.Value{text("b")})}))
	require.True(t, o.Telling(tags, Values{"tags": cty.ListVal([]cty.Value{text("a")}).Mark(Sensitive)}))
	require.True(t, o.Telling(tags, Values{"tags": cty.NullVal(cty.List(cty.String))}))
	require.False(t, o.Telling(tags, Values{"tags": cty.ListVal([]cty.Value{text("a")})}))
	require.False(t, o.Telling(tags, Values{"tags": cty.TupleVal([]cty.Value{text("a")})}), "as a state holds it")
}
