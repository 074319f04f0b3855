package main

import (
	"errors"
	"io"
	"sync/atomic"

	"github.com/vpsync/vpsync/pkg/spec"
)

// outlet is where results are printed. It remembers the first write that failed, since most of what prints does not look: a result that
// is cut short must not end like a whole one. A reader that went away is no failure.
type outlet struct {
	to     io.Writer
	failed atomic.Pointer[error]
}

func (o *outlet) Write(text []byte) (int, error) {
	if failed := o.failed.Load(); failed != nil {
		return 0, *failed
	}
	n, err := o.to.Write(text)
	if err != nil && !brokenPipe(err) {
		o.failed.CompareAndSwap(nil, &err)
	}
	return n, err
}

// unprinted is a message where results could not be printed, and err says nothing else that went wrong. What a run did stands all
// the same.
func (a *app) unprinted(err error) *spec.Diagnostic {
	failed := a.printed.failed.Load()
	var quiet *exitError
	if failed == nil || err != nil && !errors.Is(err, *failed) && !(errors.As(err, &quiet) && quiet.shown) {
		return nil
	}
	d := spec.Diagnostic{Severity: spec.SeverityError, Summary: "The output could not be written",
		Detail: sentenceOf(withoutPath(*failed)) + " What was printed is not all of it.", Remedy: "run the command again, with its output elsewhere"}
	if a.begun() {
		d.Severity, d.Detail = spec.SeverityWarning, sentenceOf(withoutPath(*failed))+" The run itself went on to its end, and is recorded."
		d.Remedy = a.command("vpsync show")
	}
	return &d
}
