//go:build unix

package main

import (
	"context"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
)

// BenchmarkPlan is a whole `vpsync plan` without changes: HCL, state, every page of the account (emulated in the same
// process, so its time is in it), and the plan. Compare the sizes with each other within one run: twice the resources
// should take twice the time.
func BenchmarkPlan(b *testing.B) {
	for _, size := range []struct{ servers, rules int }{{500, 2500}, {1000, 5000}, {2000, 10000}} {
		b.Run(fmt.Sprintf("%d+%d", size.servers, size.rules), func(b *testing.B) {
			dir := b.TempDir()
			require.NoError(b, seed(dir, size.servers, size.rules))
			b.ReportAllocs()
			for b.Loop() {
				s := testStreams()
				code := run(context.Background(), []string{"-C", dir, "plan", "--sandbox", "--detailed-exitcode"}, map[string]string{"HOME": dir}, s.streams, nil, hooks{})
				require.Equal(b, exitDone, code, s.String())
			}
			b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N)/float64(size.servers+size.rules), "µs/resource")
		})
	}
}
