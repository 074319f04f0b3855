package apply

import "errors"

// The points of [Options.Boundary]: between two neighbours the outside world, or the state, changes once. A crash at one
// point leaves another trace than a crash at the next, so a test that stops at each in turn has seen them all.
const (
	// BoundaryBegin: the run is about to be entered in the history; nothing was written.
	BoundaryBegin = "begin"
	// BoundaryRecords: what the plan records without a request is committed.
	BoundaryRecords = "records"
	// BoundaryOpening: a request is decided, its intent is not yet in the journal.
	BoundaryOpening = "opening"
	// BoundaryIntent: the intent is durable, the request has not left.
	BoundaryIntent = "intent"
	// BoundaryAnswered: the request ended, with or without an answer; nothing of it is recorded.
	BoundaryAnswered = "answered"
	// BoundaryRecorded: what the answer said is durable and its intent closed.
	BoundaryRecorded = "recorded"
	// BoundaryWaiting: an object exists and is recorded, and is not ready.
	BoundaryWaiting = "waiting"
	// BoundaryReady: the object was seen ready; the record does not say so yet.
	BoundaryReady = "ready"
	// BoundaryLeaving: the API accepted a delete, and the object may still be there; its intent is open.
	BoundaryLeaving = "leaving"
	// BoundaryLettingGo: an object is about to become a leftover, or a record to be dropped, without a request.
	BoundaryLettingGo = "letting go"
	// BoundarySettling: it was found out what an open intent did; the journal does not say so yet.
	BoundarySettling = "settling"
	// BoundarySettled: the journal says so.
	BoundarySettled = "settled"
	// BoundaryVerify: all changes ended; the account has not been looked at again.
	BoundaryVerify = "verify"
	// BoundaryEnd: everything is done but for the last entries: outputs, history, the mark of a settled stack.
	BoundaryEnd = "end"
)

// errAborted is the cause of everything that fails after [Options.Boundary] returned an error.
var errAborted = errors.New("the run was cut off")

// boundary tells the test where the run is. After its error nothing is sent or written any more, as after a crash.
func (r *run) boundary(point string) error {
	if r.Options.Boundary == nil {
		return nil
	}
	if err := r.dead(); err != nil {
		return err
	}
	if err := r.Options.Boundary(point); err != nil {
		r.die(errors.Join(errAborted, err))
		return r.dead()
	}
	return nil
}
