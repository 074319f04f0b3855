package gitref

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/vpsync/vpsync/pkg/spec"
	"github.com/vpsync/vpsync/pkg/state"
)

// The history is read from the commits: each has the runs that wrote it, and what they changed. Rows that stayed would make every commit
// as large as all that ever happened, and a diff of it unreadable.

func readRun(text []byte) (r state.Run, err error) {
	err = json.Unmarshal(text, &r)
	return r, err
}

// past are runs, and what they changed.
type past struct {
	runs    map[string]state.Run
	changes []state.Change // in the order in which they were recorded
}

// past reads all commits, and what the holder of the lock has taken in besides.
func (s *Store) past(ctx context.Context) (*past, error) {
	out := &past{runs: map[string]state.Run{}}
	l := s.lockHeld()
	var tip string
	if l != nil {
		l.mu.Lock()
		tip = l.base
		l.mu.Unlock()
	} else {
		m, t, err := s.read(ctx)
		if err != nil || m == nil {
			return out, err
		}
		tip = t
	}
	commits, err := s.repo.Log(ctx, tip, 0)
	if err != nil {
		return nil, s.unusable("be read", err)
	}
	var names []string
	for _, c := range slices.Backward(commits) {
		names = append(names, c.ID+":"+metaFile, c.ID+":"+runsFile, c.ID+":"+changesFile)
	}
	contents, err := s.repo.Read(ctx, names...)
	if err != nil {
		return nil, s.damaged(err.Error())
	}
	for i := 0; i < len(contents); i += 3 {
		if err := out.add(s, contents[i], contents[i+1], contents[i+2]); err != nil {
			commit, _, _ := strings.Cut(names[i], ":")
			return nil, s.damaged(fmt.Sprintf("the history in its commit %s cannot be understood: %s", commit, err))
		}
	}
	if l != nil {
		l.mu.Lock()
		defer l.mu.Unlock()
		for _, r := range l.model.runs {
			run, err := readRun([]byte(r.Body))
			if err != nil {
				return nil, err
			}
			out.runs[run.ID] = run
		}
		for _, c := range l.model.changes {
			var change state.Change
			if err := change.UnmarshalJSON([]byte(c.Body)); err != nil {
				return nil, err
			}
			out.changes = append(out.changes, change)
		}
	}
	return out, nil
}

func (p *past) add(s *Store, meta, runs, changes []byte) error {
	doc, err := readMeta(meta)
	if err != nil {
		return err
	}
	for line := range lines(runs) {
		r, err := readRun(line)
		if err != nil {
			return err
		}
		p.runs[r.ID] = r
	}
	var seal *state.Sealer
	if doc.Sealed {
		if seal, err = s.sealer(doc.Lineage); err != nil {
			return err
		}
	}
	for line := range lines(changes) {
		if seal != nil {
			var sealed sealedRow
			if err := json.Unmarshal(line, &sealed); err != nil {
				return err
			}
			if line, err = seal.Open(state.TableChanges+" "+sealed.Name, sealed.Version, sealed.Sealed); err != nil {
				return err
			}
		}
		var c state.Change
		if err := c.UnmarshalJSON(line); err != nil {
			return err
		}
		p.changes = append(p.changes, c)
	}
	return nil
}

// History reads ended and running runs, newest first; a limit of 0 is no limit.
func (s *Store) History(ctx context.Context, limit int) ([]state.Run, error) {
	p, err := s.past(ctx)
	if err != nil {
		return nil, err
	}
	out := slices.SortedFunc(maps.Values(p.runs), func(a, b state.Run) int {
		if c := b.Started.Compare(a.Started); c != 0 {
			return c
		}
		return strings.Compare(a.ID, b.ID)
	})
	if limit > 0 && len(out) > limit {
		out = out[:limit]
	}
	return out, nil
}

// Changes reads what a run changed, in the order in which it was recorded.
func (s *Store) Changes(ctx context.Context, run string) ([]state.Change, error) {
	return s.changes(ctx, func(c state.Change) bool { return c.Run == run })
}

// ChangesAt reads what was changed at an address, in the order in which it was recorded.
func (s *Store) ChangesAt(ctx context.Context, a spec.Address) ([]state.Change, error) {
	return s.changes(ctx, func(c state.Change) bool { return c.Address == a })
}

func (s *Store) changes(ctx context.Context, wanted func(state.Change) bool) ([]state.Change, error) {
	p, err := s.past(ctx)
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(p.changes, func(c state.Change) bool { return !wanted(c) }), nil
}

// mostTold is how many resources a message names.
const mostTold = 100

// did says what the changes of a commit did, a line for each resource, with the attributes.
func (m *model) did() string {
	var order []string
	attributes := map[string][]string{}
	for _, row := range m.changes {
		var c state.Change
		if c.UnmarshalJSON([]byte(row.Body)) != nil {
			continue
		}
		line := c.Action + " " + row.Column
		if _, seen := attributes[line]; !seen {
			order, attributes[line] = append(order, line), nil
		}
		if c.Attribute != "" && c.Action == "update" && !slices.Contains(attributes[line], c.Attribute) {
			attributes[line] = append(attributes[line], c.Attribute)
		}
	}
	slices.Sort(order)
	if more := len(order) - mostTold; more > 0 {
		order = append(order[:mostTold:mostTold], fmt.Sprintf("and %d more", more))
	}
	for i, line := range order {
		if names := attributes[line]; len(names) > 0 {
			order[i] = line + ": " + strings.Join(names, ", ")
		}
	}
	return strings.Join(order, "\n")
}

// counts says what the changes of a commit did, in words: "2 create, 1 update".
func (m *model) counts() string {
	type resource struct{ action, address string }
	seen, counts := map[resource]bool{}, map[string]int{}
	for _, row := range m.changes {
		var c state.Change
		if c.UnmarshalJSON([]byte(row.Body)) != nil {
			continue
		}
		if r := (resource{c.Action, row.Column}); !seen[r] {
			seen[r] = true
			counts[c.Action]++
		}
	}
	var parts []string
	for _, action := range slices.Sorted(maps.Keys(counts)) {
		parts = append(parts, fmt.Sprintf("%d %s", counts[action], action))
	}
	return strings.Join(parts, ", ")
}
