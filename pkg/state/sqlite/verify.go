package sqlite

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"strings"

	"github.com/vpsync/vpsync/pkg/state"
)

// Verify checks everything: what Load checks, which is all that a run acts on, and besides it the history, and with
// SQLite's own check the indices and pages. That reads the whole file, so it is not done by every command.
func (s *Store) Verify(ctx context.Context) error {
	if _, err := s.Load(ctx); err != nil || s.read == nil {
		return err
	}
	if err := s.verifyFile(ctx); err != nil {
		return s.failed("be read", err)
	}
	return nil
}

func (s *Store) verifyFile(ctx context.Context) error {
	if err := s.verifyPages(ctx, s.read); err != nil {
		return err
	}
	rows, err := s.read.QueryContext(ctx, `SELECT run, address, body, sum FROM changes`)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		if _, err := s.scanChange(rows); err != nil {
			return err
		}
	}
	return rows.Err()
}

// verifyPages is SQLite's own check of pages and indices. What is wrong there may be no row, and harm no reader; but whoever
// writes on it loses rows, or learns of it in the middle of a run, when requests have been sent that cannot be recorded.
func (s *Store) verifyPages(ctx context.Context, db *sql.DB) error {
	var found string
	if err := db.QueryRowContext(ctx, `PRAGMA integrity_check(1)`).Scan(&found); err != nil {
		return err
	}
	if found != "ok" {
		return s.damaged("SQLite says: " + strings.ReplaceAll(found, "\n", " "))
	}
	return nil
}

// readChange reads a row of the history.
func readChange(run, body string, stored []byte) (c state.Change, err error) {
	computed := sumOf("changes", run, 0, body)
	if string(stored) != string(computed[:]) {
		return c, errors.New("the checksum differs")
	}
	return c, json.Unmarshal([]byte(body), &c)
}
