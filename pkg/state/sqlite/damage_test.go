package sqlite

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/vpsync/vpsync/internal/matrix"
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

// every: TestEveryByte tries all bytes and all lengths, as `make damage` does; else a part.
var every = flag.Bool("every", false, "spoil every byte of a state and of its log, and cut each off at every length")

// TestEveryByte spoils the bytes of a small state and of its log, once all bits of a byte and once one of them, and cuts each off:
// whatever loads is what was committed. A part has its turn; with -every, each byte and each length. The file of a saved plan has the
// same test beside it (plan.TestSavedDamage).
func TestEveryByte(t *testing.T) {
	begun := time.Now()
	files, was := small(t)
	var cases atomic.Int64
	t.Run("of", func(t *testing.T) {
		for _, c := range []struct {
			name, how string
			stride    int // one byte in so many: primes to the sizes of pages and frames
			good      []byte
			rest      map[string][]byte // beside the file that is spoilt
		}{
			{"state.db", "flipped", 3, files["whole"], nil},
			{"state.db", "one bit of", 11, files["whole"], nil},
			{"state.db", "cut", 11, files["whole"], nil},
			{"state.db-wal", "flipped", 17, files["state.db-wal"], files},
			{"state.db-wal", "one bit of", 37, files["state.db-wal"], files},
			{"state.db-wal", "cut", 37, files["state.db-wal"], files},
		} {
			t.Run(c.how+" "+c.name, func(t *testing.T) {
				t.Parallel()
				dir := inMemory(t)
				path := filepath.Join(dir, "state.db")
				if c.rest != nil {
					require.NoError(t, os.WriteFile(filepath.Join(dir, "state.lock"), c.rest["state.lock"], 0o600))
				}
				refused := func(bad []byte, how string) bool {
					if c.rest == nil {
						return harmed(t, path, bad, was, how)
					}
					return harmedLog(t, path, c.rest["state.db"], bad, was, how)
				}
				require.False(t, refused(c.good, "not spoilt"))
				stride := c.stride
				switch {
				case *every:
					stride = 1
				case testing.Short():
					stride *= 29
				}
				tried, noticed := 0, 0
				bad := make([]byte, len(c.good))
				for at := 0; at < len(c.good); at += stride {
					bad = append(bad[:0], c.good...)
					switch c.how {
					case "flipped":
						bad[at] ^= 0xff
					case "one bit of":
						bad[at] ^= 1 << (at % 8)
					case "cut":
						bad = bad[:at]
					}
					tried++
					if refused(bad, fmt.Sprintf("%s byte %d", c.how, at)) {
						noticed++
					}
				}
				t.Logf("%d of %d were refused, the others did no harm", noticed, tried)
				if c.rest != nil {
					require.Equal(t, tried, noticed, "the sum of a frame covers all that is before it, and what was committed last is remembered beside the log")
				}
				require.Positive(t, noticed)
				cases.Add(int64(tried))
			})
		}
	})
	count := matrix.Ran
	if *every {
		count = matrix.RanWhole
	}
	count(t, "D3b", int(cases.Load()), begun)
}

// inMemory is a folder whose files no disk has to take, where the machine has such.
func inMemory(t *testing.T) string {
	dir, err := os.MkdirTemp("/dev/shm", "vpsync-test-")
	if err != nil {
		return t.TempDir()
	}
	t.Cleanup(func() { require.NoError(t, os.RemoveAll(dir)) })
	return dir
}

// harmedLog is harmed for a log beside the state that it belongs to.
func harmedLog(t *testing.T, path string, whole, bad []byte, was *state.State, how string) bool {
	t.Helper()
	_ = os.Remove(path + "-shm")
	require.NoError(t, os.WriteFile(path, whole, 0o600))
	require.NoError(t, os.WriteFile(path+"-wal", bad, 0o600))
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
