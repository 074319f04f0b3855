package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/vpsync/vpsync/internal/matrix"
)

// TestSystemCalls fails the system calls themselves, those of vpsync's own code too: the note in state.lock, the link, rename and sync of a
// finished file. strace counts them in each thread by itself, so not every number strikes; those that do are the cases. The emulated
// account appends by write(2), which is left alone.
func TestSystemCalls(t *testing.T) {
	matrix.Need(t, matrix.Strace, 105)
	begun, cases := time.Now(), 0
	p, stories := diskStories(t)
	p.apart = true
	trace := filepath.Join(quickDir(t), "trace")
	kinds := map[string]int{}
	for _, story := range stories {
		for _, call := range []struct {
			names, errors string
			most, stride  int
		}{
			{"pwrite64", "ENOSPC EIO", 24, 3},
			{"fsync,fdatasync", "EIO ENOSPC", 8, 1},
			{"ftruncate", "EIO", 3, 1},
			{"rename,renameat,renameat2,link,linkat", "ENOSPC EROFS", 3, 1},
			{"unlink,unlinkat", "EIO", 4, 1},
			{"mkdirat", "ENOSPC", 3, 1},
		} {
			codes := strings.Fields(call.errors)
			for i, n := 0, 1; n <= call.most; i, n = i+1, n+call.stride {
				code, from := codes[i%len(codes)], []string{"", "+"}[i/2%2]
				p.reset(story.begin)
				require.NoError(t, os.RemoveAll(trace))
				plain := p.child("", story.args...)
				words := []string{"-f", "-q", "-o", trace, "-e", "trace=" + call.names, "-e", fmt.Sprintf("inject=%s:error=%s:when=%d%s", call.names, code, n, from)}
				cmd := exec.Command("strace", append(append(words, plain.Path), plain.Args[1:]...)...)
				cmd.Env = append(plain.Env, "GOMAXPROCS=1")
				exit := p.runChild(cmd)
				seen, err := os.ReadFile(trace)
				require.NoError(t, err, p.streams)
				if !strings.Contains(string(seen), "(INJECTED)") {
					break
				}
				cases++
				kinds[call.names]++
				p.afterFault(fmt.Sprintf("%s, %s %d%s fails with %s", story.name, call.names, n, from, code), story, map[string]cause{"ENOSPC": diskFull, "EROFS": diskReadOnly, "EIO": diskBroken}[code], exit)
			}
		}
	}
	t.Log(kinds)
	require.Greater(t, len(kinds), 4)
	matrix.Ran(t, "D2s", cases, begun)
}
