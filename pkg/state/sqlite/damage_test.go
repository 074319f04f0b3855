package sqlite

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/vpsync/vpsync/pkg/state"
	"github.com/vpsync/vpsync/pkg/state/statetest"
)

// TestFlippedBytes flips one bit at a time, all over the file: each is noticed, or does no harm.
func TestFlippedBytes(t *testing.T) {
	path, was := made(t)
	good, err := os.ReadFile(path)
	require.NoError(t, err)
	random := rand.New(rand.NewPCG(1, 2))
	spoilt := filepath.Join(t.TempDir(), "state.db")
	const flips = 200
	noticed := 0
	for i := range flips {
		// One in each stretch of the file, so that every page is hit.
		at := i*len(good)/flips + random.IntN(len(good)/flips)
		bit := byte(1) << random.IntN(8)
		bad := append([]byte(nil), good...)
		bad[at] ^= bit
		if harmed(t, spoilt, bad, was, fmt.Sprintf("bit %#02x of byte %d", bit, at)) {
			noticed++
		}
	}
	t.Logf("%d of %d flips were refused, the others did no harm", noticed, flips)
	require.Greater(t, noticed, flips/5, "so much of the file is rows of the state; the rest is history, indices and room")
}

// TestTruncatedFile cuts the file off at many places.
func TestTruncatedFile(t *testing.T) {
	path, was := made(t)
	good, err := os.ReadFile(path)
	require.NoError(t, err)
	cut := filepath.Join(t.TempDir(), "state.db")
	sizes := []int{0, 1, 15, 16, 99, 100, 511, 512, 1024, 4095, 4096, 4097, len(good) - 4096, len(good) - 1}
	for i := range 12 {
		sizes = append(sizes, len(good)*i/12)
	}
	for _, size := range sizes {
		require.True(t, harmed(t, cut, good[:size], was, fmt.Sprintf("cut to %d bytes", size)), "cut to %d bytes", size)
	}
}

// small is a small state in pages of 512 bytes, so that all of its bytes can be tried, and a copy of it from the middle of a run: most of
// what was committed is in the write-ahead log there. With it is what was committed.
func small(t *testing.T) (files map[string][]byte, was *state.State) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "state.db")
	s := openAt(t, path)
	l := statetest.Take(t, s, "x")
	require.NoError(t, l.Release())
	require.NoError(t, s.Close())
	require.NoError(t, execute(path, `PRAGMA journal_mode = DELETE`, `PRAGMA page_size = 512`, `VACUUM`))
	s = openAt(t, path)
	statetest.Take(t, s, "y")
	fill(t, s, 1)
	statetest.Commit(t, s, state.PutResource{Resource: statetest.Server("later")})
	was = statetest.Load(t, s)
	files = map[string][]byte{}
	for _, suffix := range []string{"state.db", "state.db-wal", "state.lock"} {
		data, err := os.ReadFile(filepath.Join(filepath.Dir(path), suffix))
		require.NoError(t, err)
		files[suffix] = data
	}
	require.NoError(t, s.Close())
	whole, err := os.ReadFile(path)
	require.NoError(t, err)
	files["whole"] = whole
	require.Equal(t, byte(2), whole[16], "pages of 512 bytes")
	return files, was
}

// TestEveryByte flips every byte of a small state and of its log, and cuts each off everywhere: whatever loads is what was committed. The
// file of a saved plan has the same test beside it (plan.TestSavedDamage).
func TestEveryByte(t *testing.T) {
	files, was := small(t)
	for _, c := range []struct {
		name      string
		flip, cut int               // one byte in so many, primes to the sizes of pages and frames: all of them would take a minute
		rest      map[string][]byte // beside the file that is spoilt
	}{
		{"state.db", 3, 11, nil},
		{"state.db-wal", 17, 37, map[string][]byte{"state.db": files["state.db"], "state.lock": files["state.lock"]}},
	} {
		good := files[c.name]
		if c.name == "state.db" {
			good = files["whole"]
		}
		for _, how := range []string{"flipped", "cut"} {
			t.Run(c.name+" "+how, func(t *testing.T) {
				t.Parallel()
				dir := t.TempDir()
				path := filepath.Join(dir, "state.db")
				stride := c.flip
				if how == "cut" {
					stride = c.cut
				}
				if testing.Short() {
					stride *= 29
				}
				place := func() {
					for name, data := range c.rest {
						require.NoError(t, os.WriteFile(filepath.Join(dir, name), data, 0o600))
					}
				}
				place()
				require.False(t, refusedOr(t, path, c.name, good, was, "not spoilt"))
				tried, noticed := 0, 0
				for at := 0; at < len(good); at += stride {
					bad := good[:at]
					if how == "flipped" {
						bad = append([]byte(nil), good...)
						bad[at] ^= 0xff
					}
					place()
					tried++
					if refusedOr(t, path, c.name, bad, was, fmt.Sprintf("%s at byte %d", how, at)) {
						noticed++
					}
				}
				t.Logf("%d of %d were refused, the others did no harm", noticed, tried)
				require.Positive(t, noticed)
			})
		}
	}
}

// refusedOr is harmed for any file of a state.
func refusedOr(t *testing.T, path, name string, bad []byte, was *state.State, how string) bool {
	t.Helper()
	if name == filepath.Base(path) {
		return harmed(t, path, bad, was, how)
	}
	_ = os.Remove(path + "-shm")
	require.NoError(t, os.WriteFile(filepath.Join(filepath.Dir(path), name), bad, 0o600))
	st, err := openLoad(t, path, Options{ReadOnly: true})
	if err != nil {
		require.ErrorContains(t, err, path, how)
		return true
	}
	require.Equal(t, was, st, how)
	return false
}

// harmed says whether a spoilt file is refused; it fails if it loads as something else than what was committed.
func harmed(t *testing.T, path string, bad []byte, was *state.State, how string) bool {
	t.Helper()
	for _, suffix := range []string{"", "-wal", "-shm"} {
		if err := os.Remove(path + suffix); err != nil {
			require.ErrorIs(t, err, os.ErrNotExist)
		}
	}
	require.NoError(t, os.WriteFile(path, bad, 0o600))
	st, err := openLoad(t, path, Options{ReadOnly: true})
	if err != nil {
		require.ErrorContains(t, err, path, how)
		return true
	}
	require.Equal(t, was, st, how)
	return false
}
