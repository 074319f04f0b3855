package dag_test

import (
	"context"
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/vpsync/vpsync/internal/panics"
	"github.com/vpsync/vpsync/pkg/plan/dag"
	"pgregory.net/rapid"
)

func edges(m map[int][]int) func(int) []int { return func(i int) []int { return m[i] } }

func TestSort(t *testing.T) {
	tests := map[string]struct {
		n           int
		after       map[int][]int
		order, rest []int
	}{
		"none":            {0, nil, []int{}, nil},
		"free":            {3, nil, []int{0, 1, 2}, nil},
		"backwards":       {3, map[int][]int{0: {1}, 1: {2}}, []int{2, 1, 0}, nil},
		"smallest first":  {4, map[int][]int{0: {3}}, []int{1, 2, 3, 0}, nil},
		"repeated edges":  {2, map[int][]int{0: {1, 1, 1}}, []int{1, 0}, nil},
		"outside ignored": {2, map[int][]int{0: {7, -1, 1}}, []int{1, 0}, nil},
		"cycle":           {4, map[int][]int{0: {1}, 1: {0}, 2: {1}}, []int{3}, []int{0, 1, 2}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			order, rest := dag.Sort(test.n, edges(test.after))
			require.Equal(t, test.order, order)
			require.Equal(t, test.rest, rest)
		})
	}
}

func TestComponents(t *testing.T) {
	require.Empty(t, dag.Components(3, edges(map[int][]int{0: {1}, 1: {2}})))
	require.Equal(t, [][]int{{1, 2, 3}}, dag.Components(5, edges(map[int][]int{0: {1}, 1: {2}, 2: {3}, 3: {1}, 4: {3}})))
	require.Equal(t, [][]int{{2}}, dag.Components(3, edges(map[int][]int{2: {2}})))
	require.Equal(t, [][]int{{0, 1}, {2, 3}}, dag.Components(5, edges(map[int][]int{0: {1}, 1: {0}, 2: {3, 1}, 3: {2}, 4: {2}})))
}

// TestLarge holds that a long chain neither overflows a stack nor takes quadratic time.
func TestLarge(t *testing.T) {
	const n = 50_000
	chain := func(i int) []int {
		if i == 0 {
			return []int{n - 1}
		}
		if i == n-1 {
			return nil
		}
		return []int{i + 1, n - 1}
	}
	start := time.Now()
	order, rest := dag.Sort(n, chain)
	require.Len(t, order, n)
	require.Empty(t, rest)
	require.Empty(t, dag.Components(n, chain))
	require.Len(t, dag.Components(n, func(i int) []int { return []int{(i + 1) % n} }), 1)
	outcomes := dag.Walk(t.Context(), n, chain, 8, func(context.Context, int) error { return nil })
	require.NotContains(t, outcomes, dag.Skipped)
	require.Less(t, time.Since(start), 5*time.Second, "this takes a fraction of a second unless something is quadratic")
}

func TestWalkFinishesIndependentBranches(t *testing.T) {
	// 0 fails; 1 and 2 depend on it, 3 does not, 4 depends on both.
	after := edges(map[int][]int{1: {0}, 2: {1}, 4: {2, 3}})
	var visited []int
	outcomes := dag.Walk(t.Context(), 6, after, 1, func(_ context.Context, i int) error {
		visited = append(visited, i)
		if i == 0 {
			return errors.New("no")
		}
		return nil
	})
	require.Equal(t, []dag.Outcome{dag.Failed, dag.Skipped, dag.Skipped, dag.Done, dag.Skipped, dag.Done}, outcomes)
	require.Equal(t, []int{0, 3, 5}, visited)
}

func TestWalkSkipsCycles(t *testing.T) {
	outcomes := dag.Walk(t.Context(), 3, edges(map[int][]int{0: {1}, 1: {0}}), 2, func(context.Context, int) error { return nil })
	require.Equal(t, []dag.Outcome{dag.Skipped, dag.Skipped, dag.Done}, outcomes)
}

func TestWalkStopsBeginningWhenCancelled(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	outcomes := dag.Walk(ctx, 3, edges(nil), 1, func(_ context.Context, i int) error {
		if i == 1 {
			cancel()
		}
		return nil
	})
	require.Equal(t, []dag.Outcome{dag.Done, dag.Done, dag.Skipped}, outcomes)
}

// TestWalkIsBounded holds that exactly limit visits run at once where so many could.
func TestWalkWaitsForOthersBeforeItPanics(t *testing.T) {
	begun, finished := make(chan struct{}), false
	defer func() {
		got, ok := recover().(*panics.Panic)
		require.True(t, ok)
		require.Equal(t, "a mistake", got.Value)
		require.Contains(t, string(got.Stack), "TestWalkWaits")
		require.True(t, finished)
	}()
	dag.Walk(t.Context(), 3, edges(nil), 2, func(_ context.Context, i int) error {
		switch i {
		case 0:
			<-begun
			panic("a mistake")
		case 1:
			close(begun)
			finished = true
			return nil
		}
		return nil
	})
}

func TestWalkIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var running, most atomic.Int32
		start := time.Now()
		dag.Walk(t.Context(), 12, edges(nil), 4, func(context.Context, int) error {
			now := running.Add(1)
			for old := most.Load(); now > old && !most.CompareAndSwap(old, now); old = most.Load() {
			}
			time.Sleep(time.Second)
			running.Add(-1)
			return nil
		})
		require.EqualValues(t, 4, most.Load())
		require.Equal(t, 3*time.Second, time.Since(start))
	})
}

// TestLaws: every order respects its edges, a walk visits what it can, and one with a limit of one follows Sort.
func TestLaws(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(0, 30).Draw(t, "n")
		m := map[int][]int{}
		for i := range n {
			m[i] = rapid.SliceOfN(rapid.IntRange(0, max(n-1, 0)), 0, 3).Draw(t, "after")
			if rapid.Bool().Draw(t, "acyclic") {
				m[i] = slices.DeleteFunc(m[i], func(j int) bool { return j >= i })
			}
		}
		after := edges(m)
		order, rest := dag.Sort(n, after)
		require.Len(t, order, n-len(rest))
		at := map[int]int{}
		for position, i := range order {
			at[i] = position
			for _, j := range m[i] {
				before, ordered := at[j]
				require.True(t, ordered, "%d comes after %d", i, j)
				require.Less(t, before, position)
			}
		}
		require.Equal(t, len(rest) > 0, len(dag.Components(n, after)) > 0)
		fails := rapid.SliceOfDistinct(rapid.IntRange(0, max(n-1, 0)), rapid.ID).Draw(t, "fails")
		limit := rapid.IntRange(1, 4).Draw(t, "limit")
		var mu sync.Mutex
		var visited []int
		outcomes := dag.Walk(context.Background(), n, after, limit, func(_ context.Context, i int) error {
			mu.Lock()
			defer mu.Unlock()
			visited = append(visited, i)
			if slices.Contains(fails, i) {
				return errors.New("no")
			}
			return nil
		})
		for i, o := range outcomes {
			ok := true
			for _, j := range m[i] {
				ok = ok && outcomes[j] == dag.Done
			}
			if !ok || slices.Contains(rest, i) {
				require.Equal(t, dag.Skipped, o)
			} else if slices.Contains(fails, i) {
				require.Equal(t, dag.Failed, o)
			} else {
				require.Equal(t, dag.Done, o)
			}
		}
		if limit == 1 && len(fails) == 0 {
			require.Equal(t, order, append([]int{}, visited...))
		}
	})
}
