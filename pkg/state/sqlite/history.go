package sqlite

import (
	"context"
	"database/sql"
	"fmt"
	"slices"

	"github.com/vpsync/vpsync/pkg/spec"
	"github.com/vpsync/vpsync/pkg/state"
)

// History reads ended and running runs, newest first; a limit of 0 is no limit.
func (s *Store) History(ctx context.Context, limit int) ([]state.Run, error) {
	if s.read == nil {
		return nil, nil
	}
	tx, err := s.read.BeginTx(ctx, &sql.TxOptions{ReadOnly: true})
	if err != nil {
		return nil, s.failed("be read", err)
	}
	defer tx.Rollback()
	var out []state.Run
	var all sum // of one table alone it proves nothing
	err = s.rows(ctx, tx, "runs", &all, func(r row) error {
		var run state.Run
		err := r.decode(&run)
		out = append(out, run)
		return err
	})
	if err != nil {
		return nil, s.failed("be read", err)
	}
	slices.SortStableFunc(out, func(a, b state.Run) int { return b.Started.Compare(a.Started) })
	if limit > 0 && len(out) > limit {
		out = out[:limit]
	}
	return out, nil
}

// Changes reads what a run changed, in the order in which it was recorded.
func (s *Store) Changes(ctx context.Context, run string) ([]state.Change, error) {
	return s.changes(ctx, "run", run)
}

// ChangesAt reads what was changed at an address, in the order in which it was recorded.
func (s *Store) ChangesAt(ctx context.Context, a spec.Address) ([]state.Change, error) {
	return s.changes(ctx, "address", a.String())
}

// changes reads the rows that have this in a column that is indexed.
func (s *Store) changes(ctx context.Context, column, value string) ([]state.Change, error) {
	if s.read == nil {
		return nil, nil
	}
	rows, err := s.read.QueryContext(ctx, `SELECT run, address, body, sum FROM changes WHERE `+column+` = ? ORDER BY id`, value)
	if err != nil {
		return nil, s.failed("be read", err)
	}
	defer rows.Close()
	var out []state.Change
	for rows.Next() {
		c, err := s.scanChange(rows)
		if err != nil {
			return nil, s.failed("be read", err)
		}
		out = append(out, c)
	}
	if err := rows.Err(); err != nil {
		return nil, s.failed("be read", err)
	}
	return out, nil
}

// scanChange reads a row of run, address, body and sum, and verifies it.
func (s *Store) scanChange(rows *sql.Rows) (state.Change, error) {
	var run, address, body string
	var stored []byte
	if err := rows.Scan(&run, &address, &body, &stored); err != nil {
		return state.Change{}, err
	}
	c, err := readChange(run, body, stored)
	if err != nil || c.Address.String() != address {
		return c, s.damaged(fmt.Sprintf("a row of its table changes, of run %s, is not what was written", run))
	}
	return c, nil
}

// Holder is who wrote itself down as the holder of the lock last, or nil. It takes no lock, so the holder may be dead.
func (s *Store) Holder(context.Context) *state.Owner { return s.readNote().Owner }
