package daemon

import "errors"

var (
	// ErrNoProposal: no plan of this run awaits approval, perhaps not any more.
	ErrNoProposal = errors.New("no plan of this run awaits approval")
	// ErrNoStack: the configuration has no stack of this name.
	ErrNoStack = errors.New("there is no stack of this name")
)
