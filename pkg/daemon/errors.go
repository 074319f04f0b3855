package daemon

import "errors"

var (
	// ErrNoProposal: no plan of this run awaits approval, perhaps not any more.
	ErrNoProposal = errors.New("no plan of this run awaits approval")
	// ErrBusy: somebody else works on the stack at the moment. It is no failure: the turn comes again soon.
	ErrBusy = errors.New("somebody else works on this stack")
	// ErrMoved: the plan that was approved is another by now. It is no failure: the next look makes a new one.
	ErrMoved = errors.New("the plan is not the one that was approved")
	// ErrNoStack: the configuration has no stack of this name.
	ErrNoStack = errors.New("there is no stack of this name")
)
