// Command vpsync keeps accounts at small VPS hosts as HCL says they should be.
//
// Everything about flags, the environment, streams and exit codes is in this package, one file for each command;
// nothing below it prints, exits or reads the environment.
package main

import (
	"context"
	"errors"
	"io"
	"os"
	"os/signal"
	"runtime"
	"runtime/debug"
	"strings"
	"sync/atomic"
	"syscall"

	"golang.org/x/term"
)

func main() {
	collectLater()
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	os.Exit(run(context.Background(), os.Args[1:], environ(os.Environ()), standardStreams(), signals, hooks{}))
}

// startingHeap is how many bytes the heap has before the first collection. Most runs end before they have made so much.
const startingHeap = 64 << 20

// collectLater has Go collect for the first time at startingHeap rather than at 4 MiB, which a plan of a few servers passes several times,
// and from then on at its own pace. Where GOGC is set, that holds.
func collectLater() {
	if os.Getenv("GOGC") != "" {
		return
	}
	pace := debug.SetGCPercent(100 * startingHeap / (4 << 20)) // of what there is, but no less than of 4 MiB
	nothing := new(*int)                                       // a pointer: what has none may lie with others, and is collected with them
	runtime.AddCleanup(nothing, func(pace int) { debug.SetGCPercent(pace) }, pace)
}

// environ is a process's environment as a map.
func environ(list []string) map[string]string {
	env := make(map[string]string, len(list))
	for _, entry := range list {
		if name, value, ok := strings.Cut(entry, "="); ok {
			env[name] = value
		}
	}
	return env
}

// pipe writes until nobody reads any more, and then swallows the rest.
type pipe struct {
	to     io.Writer
	broken atomic.Bool
}

func (p *pipe) Write(text []byte) (int, error) {
	if p.broken.Load() {
		return len(text), nil
	}
	n, err := p.to.Write(text)
	if brokenPipe(err) {
		p.broken.Store(true)
		return len(text), nil
	}
	return n, err
}

// standardStreams are those of the process, with what is known of the terminals behind them.
//
// A reader that goes away (| head) ends its output, not the program: an apply must not die in the middle for that. So the signal for it
// is ignored from here on.
func standardStreams() streams {
	signal.Ignore(syscall.SIGPIPE)
	width := func(f *os.File) func() int {
		return func() int {
			if w, _, err := term.GetSize(int(f.Fd())); err == nil && w > 0 {
				return w
			}
			return 80
		}
	}
	return streams{
		in: os.Stdin, out: &pipe{to: os.Stdout}, errs: &pipe{to: os.Stderr},
		inTerminal:  term.IsTerminal(int(os.Stdin.Fd())),
		outTerminal: term.IsTerminal(int(os.Stdout.Fd())),
		errTerminal: term.IsTerminal(int(os.Stderr.Fd())),
		outWidth:    width(os.Stdout), errWidth: width(os.Stderr),
		secret: readSecret,
	}
}

// readSecret reads a line from the terminal without showing it.
func readSecret(ctx context.Context) (string, error) {
	fd := int(os.Stdin.Fd())
	before, err := term.GetState(fd)
	if err != nil {
		return "", err
	}
	type answer struct {
		line []byte
		err  error
	}
	answered := make(chan answer, 1)
	go func() {
		line, err := term.ReadPassword(fd)
		answered <- answer{line, err}
	}()
	select {
	case <-ctx.Done(): // the read goes on, but the process ends
		return "", errors.Join(ctx.Err(), term.Restore(fd, before))
	case got := <-answered:
		return string(got.line), got.err
	}
}
