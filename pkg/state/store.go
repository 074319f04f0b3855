package state

import (
	"context"
	"errors"
	"time"

	"github.com/vpsync/vpsync/pkg/spec"
)

// Store keeps a State. Implementations are safe for concurrent use by one process; between processes
// the Lock decides.
type Store interface {
	// Load reads and verifies everything. The caller owns the result.
	Load(ctx context.Context) (*State, error)
	// Commit makes all writes durable in one transaction, or none of them. Concurrent commits may share
	// a transaction. It fails with ErrLockLost where the lock that was taken is no longer ours.
	Commit(ctx context.Context, writes ...Write) error
	// History reads ended and running runs, newest first.
	History(ctx context.Context, limit int) ([]Run, error)
	// Lock takes the lock for a run or fails with *LockedError.
	Lock(ctx context.Context, owner Owner) (Lock, error)
	// Unlock breaks the lock with this id, whoever holds it.
	Unlock(ctx context.Context, id string) error
	// Backup keeps a copy of the state as it is (the last ten are kept), and says where.
	Backup(ctx context.Context) (string, error)
	Close() error
}

// Lock is held from before a plan that will be applied until the end of the run.
type Lock interface {
	ID() string
	// Check fails with ErrLockLost once the lock was broken. Call it before each request that writes.
	Check() error
	// BrokenAt is when a lock was last broken by Unlock, or zero. Its holder may have sent requests until then: whatever is
	// older counts as sent then.
	BrokenAt() time.Time
	Release() error
}

// Owner says who holds a lock.
type Owner struct {
	ID      string `json:"id"` // of the lock: a fresh random one
	Run     string `json:"run"`
	Command string `json:"command"`
	User    string `json:"user"`
	Host    string `json:"host"`
	PID     int    `json:"pid"`
	URL     string `json:"url,omitempty"` // of a CI run
	Since   string `json:"since"`         // RFC 3339
}

// LockedError says who holds the lock.
type LockedError struct{ Owner Owner }

// ErrLockLost: the lock was broken by somebody else; nothing may be sent or written any more.
var ErrLockLost = errors.New("the lock was taken over by another run")

// DamagedError: the state is not what vpsync wrote. Nothing is sent on it.
type DamagedError struct {
	Path    string
	Problem string // one sentence
	Remedy  string
}

// UnusableError: nothing is wrong with what the state says, but it cannot be used: its disk is full, it may not be written, a newer
// vpsync wrote it. Nothing in it was changed.
type UnusableError struct {
	Path    string
	Summary string // terse, without a final stop
	Detail  string // a sentence without a final stop
	Remedy  string
	Err     error // what the system said, or nil
}

func (e *UnusableError) Error() string { return e.Detail }

func (e *UnusableError) Unwrap() error { return e.Err }

// Write is one write of a transaction. The types below are all there are.
type Write interface{ write() }

type (
	PutResource    struct{ Resource *Resource }
	RemoveResource struct {
		Address spec.Address
		Deposed string
	}
	// MoveResource gives a recorded resource another address.
	MoveResource   struct{ From, To spec.Address }
	PutLeftover    struct{ Leftover *Leftover }
	RemoveLeftover struct{ Account, Kind, ID string }
	PutIntent      struct{ Intent *Intent } // opens it or replaces its row
	CloseIntent    struct{ ID string }
	PutAccount     struct{ Account Account }
	PutRun         struct{ Run Run } // opens it or replaces its row
	AddChanges     struct{ Changes []Change }
	SetOutputs     struct{ Outputs map[string]Output } // replaces all
	SetSettled     struct{}
	SetSecretKey   struct{ ID string }
	// SetSerial makes the commit's serial at least this one: a copy of a state goes on where that one was.
	SetSerial struct{ Serial int64 }
)

func (PutResource) write()    {}
func (RemoveResource) write() {}
func (MoveResource) write()   {}
func (PutLeftover) write()    {}
func (RemoveLeftover) write() {}
func (PutIntent) write()      {}
func (CloseIntent) write()    {}
func (PutAccount) write()     {}
func (PutRun) write()         {}
func (AddChanges) write()     {}
func (SetOutputs) write()     {}
func (SetSettled) write()     {}
func (SetSecretKey) write()   {}
func (SetSerial) write()      {}

// Deferrer is a Store whose commits are costly, since each asks somebody far away.
type Deferrer interface {
	// Defer takes writes in as Commit does, and Load has them at once; they become durable later: with the next commit, within a part of
	// a minute, or when the lock is given back. It is for what is found out again after a crash.
	Defer(ctx context.Context, writes ...Write) error
}
