package main

import (
	"io"

	"github.com/vpsync/vpsync/pkg/apply"
	"github.com/vpsync/vpsync/pkg/plan/render"
	"github.com/vpsync/vpsync/pkg/spec"
)

// applyView shows a run while it happens and its result when it is over. Calls come one at a time.
type applyView interface {
	// Event shows what happened.
	Event(apply.Event)
	// Result shows how the run ended; exit is the code that the process will end with.
	Result(r *apply.Result, exit int)
	// Close stops showing and leaves the terminal as it was. It may be called twice, and without Result.
	Close()
}

// viewMode is how a run is shown.
type viewMode int

const (
	viewPlain viewMode = iota // a line for what begins and what ends: logs, pipes
	viewLive                  // what runs is redrawn in place: terminals
	viewJSON                  // a JSON object a line: programs
)

// runView shows a run in the way that suits whoever looks on: a program, a terminal, or a log.
func (a *app) runView(verb string) applyView {
	mode := viewPlain
	switch {
	case a.json:
		mode = viewJSON
	case a.errTerminal && !a.dumb:
		mode = viewLive
	}
	return newRunView(verb, mode, a.out, a.errs, a.errWidth, a.errTerminal && !a.noColor, a.severalAccounts(), a.failure)
}

// newRunView returns the view for a mode; verb begins the last line ("Destroy complete: …"). Results go to out, progress to errs (with viewJSON all goes to out). width
// is asked again for each frame, since terminals are resized; nil is 80 columns. With
// accounts objects say which account they are in. explain makes a message of a failure.
func newRunView(verb string, mode viewMode, out, errs io.Writer, width func() int, color, accounts bool, explain func(apply.Failure) spec.Diagnostic) applyView {
	if width == nil {
		width = func() int { return 80 }
	}
	results := resultText{verb: verb, out: out, errs: errs, width: width, color: color, accounts: accounts, explain: explain}
	switch mode {
	case viewJSON:
		return newJSONView(out)
	case viewLive:
		return newLiveView(errs, width, render.Style{Color: color}, results)
	}
	return newPlainView(errs, render.Style{Color: color}, results)
}
