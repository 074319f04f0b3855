package sqlite

import (
	"context"
	"database/sql"
	"fmt"
	"slices"

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
	if s.read == nil {
		return nil, nil
	}
	out, err := s.changes(ctx, run)
	if err != nil {
		return nil, s.failed("be read", err)
	}
	return out, nil
}

func (s *Store) changes(ctx context.Context, run string) ([]state.Change, error) {
	rows, err := s.read.QueryContext(ctx, `SELECT body, sum FROM changes WHERE run = ? ORDER BY id`, run)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var out []state.Change
	for rows.Next() {
		var body string
		var stored []byte
		if err := rows.Scan(&body, &stored); err != nil {
			return nil, err
		}
		c, err := readChange(run, body, stored)
		if err != nil {
			return nil, s.damaged(fmt.Sprintf("a row of its table changes, of run %s, is not what was written", run))
		}
		out = append(out, c)
	}
	return out, rows.Err()
}
