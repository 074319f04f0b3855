package sandbox

import (
	"errors"
	"net/http"
	"strconv"
	"time"

	"github.com/vpsync/vpsync/pkg/providers"
)

// Options of a sandbox.
type Options struct {
	// Dir keeps the store; empty keeps it in memory. Several processes may share it.
	// The folder is made with mode 0700, its files with 0600.
	Dir string
	// Account names the store's file within Dir, so that two accounts at one provider can share
	// a folder. Empty is the definition's name.
	Account string
	Token   string // the only one accepted; with an empty one no request is
	Clock   providers.Clock
	// Provisioning is how long a new object that waits takes to be ready.
	Provisioning time.Duration
	// Unlimited switches the rate limits off, and their headers.
	Unlimited bool
	// IDs makes the digits of the n-th id of a kind; nil counts from 1000000001. An id
	// that the store has seen already is passed over.
	IDs func(kind string, n int) string
	// Boundary, nil but in tests, is called with BoundaryWorked.
	Boundary func(point string)
}

// BoundaryWorked is the point of each write between the moment when its effect is in the store and its answer: where a crash leaves
// work without an answer.
const BoundaryWorked = "worked"

// Sandbox emulates one account. It is safe for concurrent use.
type Sandbox struct {
	model   *model
	store   *store
	options Options
	clock   providers.Clock
}

// Open opens or makes the store. It fails on one that is damaged, or was made with another definition's name; the
// error names the file.
func Open(def *providers.Definition, o Options) (*Sandbox, error) {
	if def == nil {
		return nil, errors.New("sandbox: no definition to emulate")
	}
	m, err := compile(def)
	if err != nil {
		return nil, err
	}
	if o.Account == "" {
		o.Account = def.Name
	}
	if o.IDs == nil {
		o.IDs = func(_ string, n int) string { return strconv.Itoa(1_000_000_000 + n) }
	}
	s := &Sandbox{model: m, options: o, clock: o.Clock}
	if s.clock == nil {
		s.clock = realClock{}
	}
	if s.store, err = openStore(m, o.Dir, o.Account); err != nil {
		return nil, err
	}
	return s, nil
}

// Close releases the store. Requests and direct changes after it fail.
func (s *Sandbox) Close() error { return s.store.close() }

// Log is every request that arrived, in order, since the last reset or ClearLog; of more than
// 100,000 the newest.
func (s *Sandbox) Log() ([]LogEntry, error) {
	var log []LogEntry
	err := s.store.view(func(st *state) error {
		log = append(log, st.log...)
		return nil
	})
	return log, err
}

// ClearLog forgets the requests that arrived so far, and nothing else.
func (s *Sandbox) ClearLog() error {
	return s.store.update(func(_ *state, r *record) error {
		r.At, r.ClearLog = s.now(), true
		return nil
	})
}

// LogEntry is one request that arrived.
type LogEntry struct {
	Time      time.Time `json:"time"`
	Method    string    `json:"method"`
	Path      string    `json:"path"`                // with query, without the base path; a token in it is not kept
	Operation string    `json:"operation,omitempty"` // "server.create", or empty where nothing matched
	Done      bool      `json:"done,omitempty"`      // it took effect (for reads: was looked up)
	Status    int       `json:"status,omitempty"`    // 0: not answered
	Fault     FaultKind `json:"fault,omitempty"`
}

func (s *Sandbox) now() time.Time { return s.clock.Now().UTC() }

var _ http.Handler = (*Sandbox)(nil)
