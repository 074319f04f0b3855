package sandbox

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"
)

// format is the version of the store's lines.
const format = 1

// compactFrom is the size in bytes below which a log is not worth compacting.
const compactFrom = 4 << 20

// head is the first line of a store.
type head struct {
	Sandbox string `json:"sandbox"` // the definition's name
	Format  int    `json:"format"`
}

var errClosed = errors.New("sandbox: the store is closed")

// store keeps the account: in memory, and, where it has a log, in step with a file and everybody who shares it.
type store struct {
	model *model

	mu     sync.Mutex
	state  *state
	log    *lineLog // nil in memory
	headed bool     // the log's first line was seen
	base   int64    // size of the log when it was last compacted
	closed bool
}

func openStore(m *model, dir, account string) (*store, error) {
	s := &store{model: m, state: newState()}
	if dir == "" {
		return s, nil
	}
	if strings.ContainsAny(account, `/\`) || strings.HasPrefix(account, ".") {
		return nil, fmt.Errorf("sandbox: %q cannot name a file", account)
	}
	var err error
	if s.log, err = openLineLog(dir, account); err != nil {
		return nil, fmt.Errorf("sandbox: %w", err)
	}
	if err = s.view(func(*state) error { return nil }); err != nil {
		return nil, errors.Join(err, s.log.close())
	}
	return s, nil
}

func (s *store) close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil
	}
	s.closed = true
	if s.log == nil {
		return nil
	}
	return s.log.close()
}

// view runs f on the state as it is now. f must not keep or change it.
func (s *store) view(f func(*state) error) error {
	return s.locked(func() error { return f(s.state) })
}

// update runs f, which says in the record what it wants done, and does it. When update returns without
// an error the record is in the store. An error of f leaves everything as it was.
func (s *store) update(f func(*state, *record) error) error {
	return s.locked(func() error {
		r := &record{}
		if err := f(s.state, r); err != nil {
			return err
		}
		if s.log != nil {
			if err := s.write(r); err != nil {
				return fmt.Errorf("sandbox: %w", err)
			}
		}
		s.state.apply(r)
		if s.log != nil && (r.Reset || s.log.offset > 3*s.base+compactFrom) {
			// A compaction that fails costs room and nothing else: the record is in the log already, and the next
			// write tries again.
			_ = s.compact(r.At)
		}
		return nil
	})
}

// locked excludes everybody else, in this process and in others, and catches up with what they did.
func (s *store) locked(f func() error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return errClosed
	}
	if s.log == nil {
		return f()
	}
	if err := s.log.acquire(); err != nil {
		return fmt.Errorf("sandbox: %w", err)
	}
	defer func() { _ = s.log.lock.Unlock() }()
	err := s.log.catchUp(
		func() { s.state, s.headed, s.base = newState(), false, 0 },
		s.read)
	if err != nil {
		return fmt.Errorf("sandbox: %w", err)
	}
	return f()
}

// read makes one line part of the state.
func (s *store) read(line []byte) error {
	if !s.headed {
		var h head
		if err := decodeJSON(line, &h); err != nil {
			return err
		}
		if h.Sandbox != s.model.def.Name || h.Format != format {
			return fmt.Errorf("it is a store of %q, format %d, not of %q, format %d", h.Sandbox, h.Format, s.model.def.Name, format)
		}
		s.headed = true
		return nil
	}
	var r record
	if err := decodeJSON(line, &r); err != nil {
		return err
	}
	if err := r.adopt(s.model); err != nil {
		return err
	}
	s.state.apply(&r)
	if r.Snapshot {
		s.base = max(s.base, s.log.offset)
	}
	return nil
}

func (s *store) write(r *record) error {
	if !s.headed {
		if err := s.writeHead(); err != nil {
			return err
		}
	}
	line, err := encode(r)
	if err != nil {
		return err
	}
	return s.log.append(line)
}

func (s *store) writeHead() error {
	line, err := encode(head{s.model.def.Name, format})
	if err == nil {
		err = s.log.append(line)
	}
	s.headed = err == nil
	return err
}

// compact replaces the log by one that holds what is, and of what was only what lists may lag by.
func (s *store) compact(now time.Time) error {
	lines := [][]byte{}
	add := func(v any) error {
		line, err := encode(v)
		lines = append(lines, line)
		return err
	}
	if err := add(head{s.model.def.Name, format}); err != nil {
		return err
	}
	for _, r := range s.state.snapshot(now) {
		if err := add(r); err != nil {
			return err
		}
	}
	if err := s.log.replace(lines); err != nil {
		return err
	}
	s.base = s.log.offset
	return nil
}

// snapshot is the state as records, in pieces that are pleasant to read.
func (st *state) snapshot(now time.Time) []*record {
	const piece = 1000
	byKey := func(a, b key) int { return strings.Compare(a.Kind+"/"+a.ID, b.Kind+"/"+b.ID) }
	records := []*record{{
		At: now, Snapshot: true, Seq: st.seq, Arrived: st.arrived, Next: st.next, Limits: st.limits, Faults: &st.faults,
		Spent: slices.SortedFunc(maps.Keys(st.spent), byKey),
	}}
	for _, kind := range slices.Sorted(maps.Keys(st.shelves)) {
		for objects := range slices.Chunk(st.objects(kind, time.Time{}), piece) {
			records = append(records, &record{At: now, Snapshot: true, Put: objects})
		}
	}
	for past := range slices.Chunk(st.past, piece) {
		records = append(records, &record{At: now, Snapshot: true, Past: past})
	}
	for log := range slices.Chunk(st.log, piece) {
		records = append(records, &record{At: now, Snapshot: true, Log: log})
	}
	return records
}
