package plan_test

import (
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/vpsync/vpsync/pkg/spec"
	"github.com/vpsync/vpsync/pkg/state"
	"github.com/zclconf/go-cty/cty"
)

func testKey(t testing.TB) state.Key { return state.NewKey([]byte("a key for tests")) }

func digest(t testing.TB, account string, a spec.Address, name, plain string) state.Digest {
	d, ok := testKey(t).Digest(account, a, name, cty.StringVal(plain))
	require.True(t, ok)
	return d
}
