// Package panics takes the panic of a goroutine to the one that waits for it. Left to itself it would end the process with 2, which
// vpsync's callers read as "there are changes", and what the waiting one has to record or to give back would be lost.
package panics

import (
	"errors"
	"fmt"
	"runtime/debug"
)

// Panic is what a goroutine panicked with.
type Panic struct {
	Value any
	Stack []byte // of the goroutine
}

func (p *Panic) Error() string { return fmt.Sprint(p.Value) }

// Of is what was recovered from: the Panic itself, where it has come from another goroutine already.
func Of(recovered any) *Panic {
	if p, ok := recovered.(*Panic); ok {
		return p
	}
	return &Panic{Value: recovered, Stack: debug.Stack()}
}

// Into, deferred at the top of a goroutine, turns its panic into its error, a [*Panic]. Whoever waits for it calls [Again].
func Into(err *error) {
	if value := recover(); value != nil {
		*err = Of(value)
	}
}

// Again panics with what [Into] made an error of. Every other error, and none, it passes on.
func Again(err error) error {
	if p := (*Panic)(nil); errors.As(err, &p) {
		panic(p)
	}
	return err
}
