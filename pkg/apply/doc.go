// Package apply carries plans out: check, journal, call, wait, record, verify. It also reads what plans are made
// from ([Planner]) and decides what requests without an answer have done (settling).
//
// It prints nothing: what happens is told as [Event]s. It keeps nothing: what must outlive the process is in the
// [state.Store] before, and not after, the outside world is touched.
//
// # One write
//
// Every write takes the same road ([Runner.Apply] walks the plan, journal.go has the road): an intent is committed; the
// request leaves once; its answer, or what a look at the account shows of it, is committed together with the closed
// intent. So at every moment an object that vpsync made is either recorded or under an open intent, and a crash at any
// point ([BoundaryBegin] and its neighbours name them all) leaves a state from which the next run goes on.
//
// No request begins after the lock is lost, after an interrupt, or once the state could not be written.
//
// # Where to start
//
//	refresh.go, details.go   reading accounts
//	planner.go               evaluate, read, compute, until nothing more is replaced
//	runner.go                walking a plan; settling side by side with it
//	make.go, adopt.go        the making half of a change
//	remove.go                the removing half
//	check.go                 is the object still what the plan saw?
//	journal.go               one write
//	settle.go                what did it do?
//	verify.go, ending.go     was the goal reached?
//	record.go                the state as this run has made it so far
package apply
