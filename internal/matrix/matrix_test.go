package matrix

import (
	"strings"
	"testing"
	"time"

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
		require.Contains(t, []Capability{Go, Race, Root, Strace, Git, Chromium}, f.Needs, f.Name)
		require.GreaterOrEqual(t, f.Whole, f.Floor, f.Name)
	}
}

func TestFloors(t *testing.T) {
	part, whole, err := floors("180/877")
	require.NoError(t, err)
	require.Equal(t, []int{180, 877}, []int{part, whole})
	part, whole, err = floors("12")
	require.NoError(t, err)
	require.Equal(t, []int{12, 12}, []int{part, whole})
	for _, text := range []string{"", "0", "-1", "x", "12/", "12/x", "12/12", "12/3", "1/2/3"} {
		_, _, err := floors(text)
		require.Error(t, err, text)
	}
}

// listening is a test that notes whether it failed.
type listening struct {
	testing.TB
	failed bool
}

func (l *listening) Errorf(string, ...any) { l.failed = true }

// TestRanWhole: the part of a family passes its own floor, and not that of the whole.
func TestRanWhole(t *testing.T) {
	if partial() {
		t.Skip("counts are not held to floors")
	}
	t.Setenv("VPSYNC_MATRIX", "")
	all, err := Families()
	require.NoError(t, err)
	for _, f := range all {
		name := f.Name
		if raceEnabled {
			if f.Needs != Race {
				continue
			}
			name = strings.TrimPrefix(name, "R")
		}
		fails := func(count func(testing.TB, string, int, time.Time), cases int) bool {
			l := &listening{TB: t}
			count(l, name, cases, time.Now())
			return l.failed
		}
		require.False(t, fails(Ran, f.Floor), f.Name)
		require.True(t, fails(Ran, f.Floor-1), f.Name)
		require.False(t, fails(RanWhole, f.Whole), f.Name)
		require.True(t, fails(RanWhole, f.Whole-1), f.Name)
	}
}
