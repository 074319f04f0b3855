package state_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/vpsync/vpsync/pkg/spec"
	"github.com/vpsync/vpsync/pkg/state"
	"github.com/zclconf/go-cty/cty"
)

const account = "servosphere"

var web = spec.Address{Kind: "server", Name: "web"}

func digest(t testing.TB, k state.Key, a spec.Address, v cty.Value) state.Digest {
	t.Helper()
	d, ok := k.Digest(account, a, "root_password", v)
	require.True(t, ok)
	return d
}

func TestDigestSaysWhetherASecretChanged(t *testing.T) {
	key := state.NewKey([]byte("a key"))
	secret := cty.StringVal("hunter2").Mark(spec.Sensitive)
	d := digest(t, key, web, secret)
	require.Equal(t, state.Same, key.Compare(d, secret))
	require.Equal(t, state.Same, key.Compare(d, cty.StringVal("hunter2")), "marks are not part of a value")
	require.Equal(t, state.Different, key.Compare(d, cty.StringVal("hunter3")))
	require.Equal(t, state.Unverified, key.Compare(d, cty.UnknownVal(cty.String)))
	require.Equal(t, state.Unverified, state.Key{}.Compare(d, secret))
	require.Equal(t, state.Unverified, state.NewKey([]byte("another")).Compare(d, secret), "under another key nothing can be said")
	require.Equal(t, key.ID(), d.KeyID)

	elsewhere := digest(t, key, spec.Address{Kind: "server", Name: "db"}, secret)
	require.NotEqual(t, d.Sum, elsewhere.Sum, "equal secrets at two places look different")
	require.Equal(t, state.Same, key.Compare(elsewhere, secret), "a digest knows its place, so a moved resource keeps its own")

	text, err := json.Marshal(d)
	require.NoError(t, err)
	require.NotContains(t, string(text), "hunter2")
}

func TestDigestTellsTypesApart(t *testing.T) {
	key := state.NewKey([]byte("a key"))
	d := digest(t, key, web, cty.StringVal("1"))
	require.Equal(t, state.Different, key.Compare(d, cty.NumberIntVal(1)))
	require.Equal(t, state.Different, key.Compare(d, cty.TupleVal([]cty.Value{cty.StringVal("1")})))
	require.Equal(t, state.Different, key.Compare(d, cty.NullVal(cty.String)))

	list := digest(t, key, web, cty.ListVal([]cty.Value{cty.StringVal("a")}))
	require.Equal(t, state.Same, key.Compare(list, cty.TupleVal([]cty.Value{cty.StringVal("a")})), "JSON knows one kind of list")
}

func TestNoKeyMakesNoDigest(t *testing.T) {
	_, ok := state.Key{}.Digest(account, web, "root_password", cty.StringVal("x"))
	require.False(t, ok)
	_, ok = state.NewKey([]byte("a key")).Digest(account, web, "root_password", cty.UnknownVal(cty.String))
	require.False(t, ok)
}

func TestLoadKey(t *testing.T) {
	const lineage = "0f3b"
	load := func(t *testing.T, from state.KeySource) state.Key {
		t.Helper()
		k, err := state.LoadKey(from, lineage)
		require.NoError(t, err)
		return k
	}
	t.Run("given", func(t *testing.T) {
		dir := t.TempDir()
		k := load(t, state.KeySource{Given: "from the environment", Dir: dir, MayCreate: true})
		require.False(t, k.IsZero())
		require.Equal(t, k.ID(), load(t, state.KeySource{Given: "from the environment"}).ID())
		require.NoDirExists(t, filepath.Join(dir, "keys"), "a given key needs no file")
		other, err := state.LoadKey(state.KeySource{Given: "from the environment"}, "another")
		require.NoError(t, err)
		require.NotEqual(t, k.ID(), other.ID(), "each state has a key of its own")
	})
	t.Run("file", func(t *testing.T) {
		dir := filepath.Join(t.TempDir(), "vpsync")
		require.True(t, load(t, state.KeySource{Dir: dir}).IsZero(), "a key is not made where digests exist already")
		require.NoDirExists(t, dir)
		k := load(t, state.KeySource{Dir: dir, MayCreate: true})
		require.False(t, k.IsZero())
		require.Equal(t, k.ID(), load(t, state.KeySource{Dir: dir}).ID())
		require.Equal(t, k.ID(), load(t, state.KeySource{Dir: dir, MayCreate: true}).ID(), "a key is made once")
		if runtime.GOOS != "windows" {
			for path, mode := range map[string]os.FileMode{dir: 0o700, filepath.Join(dir, "keys"): 0o700, filepath.Join(dir, "keys", lineage): 0o600} {
				info, err := os.Stat(path)
				require.NoError(t, err)
				require.Equal(t, mode, info.Mode().Perm(), path)
			}
		}
		left, err := os.ReadDir(filepath.Join(dir, "keys"))
		require.NoError(t, err)
		require.Len(t, left, 1, "no temporary file stays")
	})
	t.Run("truncated file", func(t *testing.T) {
		dir := t.TempDir()
		require.NoError(t, os.MkdirAll(filepath.Join(dir, "keys"), 0o700))
		require.NoError(t, os.WriteFile(filepath.Join(dir, "keys", lineage), []byte("short"), 0o600))
		_, err := state.LoadKey(state.KeySource{Dir: dir, MayCreate: true}, lineage)
		require.ErrorContains(t, err, filepath.Join(dir, "keys", lineage))
		require.ErrorContains(t, err, "5 bytes")
		require.NotContains(t, err.Error(), "short", "what may be a part of a key is not printed")
	})
	t.Run("lineage is not a path", func(t *testing.T) {
		for _, bad := range []string{"../x", "a/b", "..", "."} {
			_, err := state.LoadKey(state.KeySource{Dir: t.TempDir(), MayCreate: true}, bad)
			require.Error(t, err, bad)
		}
	})
	t.Run("two at once agree", func(t *testing.T) {
		dir := t.TempDir()
		ids := make([]string, 8)
		var wg sync.WaitGroup
		for i := range ids {
			wg.Go(func() {
				k, err := state.LoadKey(state.KeySource{Dir: dir, MayCreate: true}, lineage)
				if err == nil {
					ids[i] = k.ID()
				}
			})
		}
		wg.Wait()
		require.Equal(t, strings.Repeat(ids[0]+" ", len(ids)), strings.Join(ids, " ")+" ")
		require.NotEmpty(t, ids[0])
	})
}
