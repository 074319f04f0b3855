//go:build !windows

package main

import (
	"errors"
	"syscall"
)

// brokenPipe: whoever read has gone away.
func brokenPipe(err error) bool { return errors.Is(err, syscall.EPIPE) }
