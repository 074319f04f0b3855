package daemon

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"slices"
	"time"

	"github.com/vpsync/vpsync/internal/shell"
)

// Memory is what is remembered of one stack from turn to turn, and over a restart. It holds no secret. It is changed by the functions
// of turn.go, and kept in a file of its own beside the stack's state.
type Memory struct {
	Format int `json:"format"` // memoryFormat
	// Commit is the one in force; empty for a folder.
	Commit   string    `json:"commit,omitempty"`
	Rejected *Rejected `json:"rejected,omitempty"`
	// PollError is why the source could not be asked, and Polls how often in a row.
	PollError string `json:"poll_error,omitempty"`
	Polls     int    `json:"polls,omitempty"`

	// Mode is the stack's since the last start.
	Mode      Mode      `json:"mode,omitempty"`
	Condition Condition `json:"condition"`
	Since     time.Time `json:"since,omitzero"`
	Report    *Report   `json:"report,omitempty"`
	Looked    time.Time `json:"looked,omitzero"`
	Succeeded time.Time `json:"succeeded,omitzero"`
	Failures  int       `json:"failures"`
	Error     string    `json:"error,omitempty"`
	// Lost are turns in a row in the middle of which the daemon ended.
	Lost int `json:"lost,omitempty"`

	Next time.Time `json:"next,omitzero"` // when a turn is due by schedule, or again after a failure
	Poll time.Time `json:"poll,omitzero"` // when the source is to be asked again
	// Wanted is why a turn is due now; empty where nobody asked for one.
	Wanted string `json:"wanted,omitempty"`
	// Waits: something would be put back if the windows allowed it.
	Waits bool `json:"waits,omitempty"`
	// Acting: a run was begun, and did not end as it should. Whatever it left open is settled.
	Acting bool `json:"acting,omitempty"`

	Proposed *Proposal `json:"proposed,omitempty"`
	Approved *Approval `json:"approved,omitempty"`
	Turn     *Begun    `json:"turn,omitempty"` // the one that goes on

	Turns  []Turn `json:"turns"`
	Healed []Past `json:"healed"`

	// Told is what whoever tells of the stack has told last, in a form of its own.
	Told json.RawMessage `json:"told,omitempty"`

	totals Totals // since the daemon began
}

// Approval is somebody's yes to a proposal.
type Approval struct {
	Run string `json:"run"`
	Who string `json:"who,omitempty"`
}

// Begun is a turn that has not ended.
type Begun struct {
	Run     string    `json:"run"`
	Trigger string    `json:"trigger"`
	Began   time.Time `json:"began"`
}

const (
	memoryFormat = 1
	// mostTurns and mostPast bound what is remembered.
	mostTurns = 100
	mostPast  = 1000
)

var errDamaged = errors.New("is damaged")

func freshMemory() *Memory { return &Memory{Format: memoryFormat, Condition: Unknown} }

// ReadMemory reads a stack's memory. Where there is none it is a fresh one.
func ReadMemory(path string) (*Memory, error) {
	m := freshMemory()
	if err := ordinary(path); err != nil {
		return nil, err
	}
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return m, nil
	}
	if err != nil {
		return nil, err
	}
	if err := json.Unmarshal(text, m); err != nil {
		return nil, fmt.Errorf("%s %w: %w. Nothing but the history of drift is lost with it; move it away, and the daemon begins anew", path, errDamaged, err)
	}
	if m.Format != memoryFormat {
		return nil, fmt.Errorf("%s is of another version of vpsync (format %d)", path, m.Format)
	}
	return m, nil
}

// ordinary refuses what lies in the place of a file of the daemon's and is none: a link leads to somebody else's, and a pipe keeps whoever opens
// it waiting for ever.
func ordinary(path string) error {
	if info, err := os.Lstat(path); err == nil && !info.Mode().IsRegular() {
		return fmt.Errorf("%s is not a regular file, which is what vpsync keeps there; move it away: mv %s %s", path, shell.Word(path), shell.Word(path+".old"))
	}
	return nil
}

// write replaces the file as a whole, or leaves it as it was. staged is called when the new one is written, and not in its place yet.
// Nobody else writes the file, so what a process that was killed left of a new one is removed: whatever else lies there, a link say, must not
// have what it leads to overwritten.
func (m *Memory) write(path string, staged func()) error {
	text, err := json.Marshal(m)
	if err != nil {
		return err
	}
	fresh := path + ".new"
	if err := os.Remove(fresh); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	f, err := os.OpenFile(fresh, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(append(text, '\n'))
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err == nil {
		staged()
		err = os.Rename(fresh, path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(fresh))
	}
	return nil
}

// clone is a copy that shares nothing that either of them changes.
func (m *Memory) clone() *Memory {
	out := *m
	out.Report = m.Report.clone()
	out.Rejected, out.Proposed, out.Approved, out.Turn = pointer(m.Rejected), pointer(m.Proposed), pointer(m.Approved), pointer(m.Turn)
	out.Turns, out.Healed = slices.Clone(m.Turns), slices.Clone(m.Healed)
	out.totals.Turns = maps.Clone(m.totals.Turns)
	return &out
}

func (r *Report) clone() *Report {
	if r == nil {
		return nil
	}
	out := *r
	out.Drifted, out.Unmanaged, out.Questions, out.Budgets = slices.Clone(r.Drifted), slices.Clone(r.Unmanaged), slices.Clone(r.Questions), slices.Clone(r.Budgets)
	out.Open = slices.Clone(r.Open)
	out.Plan, out.Graph = slices.Clone(r.Plan), slices.Clone(r.Graph)
	return &out
}

func pointer[T any](p *T) *T {
	if p == nil {
		return nil
	}
	out := *p
	return &out
}
