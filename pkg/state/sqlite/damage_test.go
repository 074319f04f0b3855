package sqlite

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/vpsync/vpsync/pkg/state"
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
