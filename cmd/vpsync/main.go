// Command vpsync keeps accounts at small VPS hosts as HCL says they should be.
//
// Everything about flags, the environment, streams and exit codes is in this package, one file for each command;
// nothing below it prints, exits or reads the environment.
package main

import (
	"context"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"golang.org/x/term"
)

func main() {
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	os.Exit(run(context.Background(), os.Args[1:], environ(os.Environ()), standardStreams(), signals, hooks{}))
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

// standardStreams are those of the process, with what is known of the terminals behind them.
func standardStreams() streams {
	width := func(f *os.File) func() int {
		return func() int {
			if w, _, err := term.GetSize(int(f.Fd())); err == nil && w > 0 {
				return w
			}
			return 80
		}
	}
	return streams{
		in: os.Stdin, out: os.Stdout, errs: os.Stderr,
		inTerminal:  term.IsTerminal(int(os.Stdin.Fd())),
		outTerminal: term.IsTerminal(int(os.Stdout.Fd())),
		errTerminal: term.IsTerminal(int(os.Stderr.Fd())),
		outWidth:    width(os.Stdout), errWidth: width(os.Stderr),
	}
}
