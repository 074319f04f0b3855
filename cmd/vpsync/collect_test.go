package main

import (
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// TestCollectLater: the first collection waits, and the next ones come as they would have.
func TestCollectLater(t *testing.T) {
	pace := func() int {
		now := []metrics.Sample{{Name: "/gc/gogc:percent"}}
		metrics.Read(now)
		return int(now[0].Value.Uint64())
	}
	defer debug.SetGCPercent(debug.SetGCPercent(70))
	t.Setenv("GOGC", "70")
	collectLater()
	require.Equal(t, 70, pace())
	t.Setenv("GOGC", "")
	collectLater()
	require.Equal(t, 1600, pace())
	runtime.GC()
	require.Eventually(t, func() bool { return pace() == 70 }, time.Minute, time.Millisecond)
}
