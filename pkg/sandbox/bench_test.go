package sandbox

import (
	"fmt"
	"testing"

	"github.com/vpsync/vpsync/pkg/spec"
)

// BenchmarkPage reads a page of 100 among 1,000 servers.
func BenchmarkPage(b *testing.B) {
	w := newWorld(b, keptIn(b.TempDir()), unlimited)
	w.seed("server", 1000, func(i int) spec.Values { return serverValues(fmt.Sprint("s", i)) })
	b.ReportAllocs()
	for b.Loop() {
		w.do("GET", "/servers?limit=100&page=5", "").want(200)
	}
}

// BenchmarkCreate makes one server by request.
func BenchmarkCreate(b *testing.B) {
	w := newWorld(b, keptIn(b.TempDir()), unlimited)
	for b.Loop() {
		w.do("POST", "/servers", serverBody).want(201)
	}
}
