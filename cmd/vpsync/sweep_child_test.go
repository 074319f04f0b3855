//go:build unix

package main

import (
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

// An emulated account of the sweep boots its servers in this time, and is looked at this often: long enough that a run which follows a
// kill at once still finds them booting, short enough for thousands of cases.
const sweepBoot, sweepPoll = 40 * time.Millisecond, 15 * time.Millisecond

// point is where a process was when it died: the constant's value, and the line of the call.
type point struct{ name, site string }

func (p point) String() string { return p.name + " (" + p.site + ")" }

// here is the point at which a boundary hook is called.
func here(name string) point {
	pcs := make([]uintptr, 20)
	frames := runtime.CallersFrames(pcs[:runtime.Callers(2, pcs)])
	for {
		f, more := frames.Next()
		inHook := strings.HasSuffix(f.Function, ".boundary") || strings.HasSuffix(f.File, "_test.go") || strings.Contains(f.Function, ".runner.func")
		if !inHook || !more {
			return point{name, siteOf(f.File, f.Line)}
		}
	}
}

// siteOf is a line of a file, whatever folder the sources lie in.
func siteOf(file string, line int) string {
	dir, base := filepath.Split(filepath.ToSlash(file))
	return filepath.Base(filepath.Dir(filepath.Clean(dir))) + "/" + filepath.Base(dir) + "/" + base + ":" + strconv.Itoa(line)
}

// recorder notes every point that a run passes.
type recorder struct {
	mu     sync.Mutex
	points []point
}

func (r *recorder) pass(name string) {
	p := here(name)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.points = append(r.points, p)
}

// What befalls a child at its point.
const (
	endKill       = "kill"      // SIGKILL
	endInterrupt  = "interrupt" // SIGINT once
	endInterrupt2 = "interrupt twice"
	endTerminate  = "terminate"   // SIGTERM
	endHangUp     = "hang up"     // SIGHUP: the terminal is gone
	endNoReader   = "no reader"   // nobody reads stdout and stderr any more: the parent has died
	endStop       = "stop"        // SIGSTOP, for somebody else to go on
	pointWord     = "at a point " // before its name on stderr
)

// sweepChild makes the hooks of a vpsync that something befalls at its n-th point. The test binary alone has it.
func sweepChild(env map[string]string, from chan os.Signal) (hooks, chan os.Signal) {
	last, err := strconv.Atoi(env["VPSYNC_TEST_SWEEP_AT"])
	if err != nil {
		panic(err)
	}
	// A signal is delivered when run takes it, and the hook goes on after that: otherwise a case would be another one each time.
	to, taken := make(chan os.Signal), make(chan struct{}, 8)
	go func() {
		for s := range from {
			to <- s
			taken <- struct{}{}
		}
	}()
	self := os.Getpid()
	send := func(s syscall.Signal) {
		_ = syscall.Kill(self, s)
		<-taken
	}
	var mu sync.Mutex
	passed := 0
	return hooks{hurry: sweepBoot, poll: sweepPoll, boundary: func(name string) {
		mu.Lock()
		defer mu.Unlock()
		if passed++; passed != last {
			return
		}
		fmt.Fprintf(os.Stderr, "\n%s%s\n", pointWord, here(name))
		switch env["VPSYNC_TEST_SWEEP_BY"] {
		case endKill:
			_ = syscall.Kill(self, syscall.SIGKILL)
			select {} // the signal arrives before anything else happens
		case endStop:
			goesOn := make(chan os.Signal, 1)
			signal.Notify(goesOn, syscall.SIGCONT)
			_ = syscall.Kill(self, syscall.SIGSTOP)
			<-goesOn // this thread may run on for a while before it is stopped
		case endHangUp:
			_ = syscall.Kill(self, syscall.SIGHUP)
			select {}
		case endInterrupt:
			send(syscall.SIGINT)
		case endInterrupt2:
			send(syscall.SIGINT)
			_ = syscall.Kill(self, syscall.SIGINT) // is not taken any more where the first has ended everything
		case endTerminate:
			send(syscall.SIGTERM)
		case endNoReader:
			_, _ = os.Stdin.Read(make([]byte, 1)) // the parent closes its ends of the pipes, and then this one
		}
	}}, to
}
