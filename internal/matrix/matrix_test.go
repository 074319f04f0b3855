package matrix

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestFamilies(t *testing.T) {
	all, err := Families()
	require.NoError(t, err)
	require.NotEmpty(t, all)
	seen := map[string]bool{}
	for _, f := range all {
		require.False(t, seen[f.Name], "%s is there twice", f.Name)
		seen[f.Name] = true
		require.Contains(t, []Capability{Go, Race, Root, Strace, Chromium}, f.Needs, f.Name)
	}
}
