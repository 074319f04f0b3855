package main

import (
	"errors"
	"syscall"
)

// errorNoData is what writing to a pipe says whose reader is closing it.
const errorNoData = syscall.Errno(232)

// brokenPipe: whoever read has gone away.
func brokenPipe(err error) bool {
	return errors.Is(err, syscall.ERROR_BROKEN_PIPE) || errors.Is(err, errorNoData) || errors.Is(err, syscall.EPIPE)
}
