package sqlite

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

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
	var found string
	if err := s.read.QueryRowContext(ctx, `PRAGMA quick_check(1)`).Scan(&found); err != nil {
		return err
	}
	if found != "ok" {
		return s.damaged("SQLite says: " + found)
	}
	rows, err := s.read.QueryContext(ctx, `SELECT run, address, body, sum FROM changes`)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var run, address, body string
		var stored []byte
		if err := rows.Scan(&run, &address, &body, &stored); err != nil {
			return err
		}
		c, err := readChange(run, body, stored)
		if err != nil || c.Address.String() != address {
			return s.damaged(fmt.Sprintf("a row of its table changes, of run %s, is not what was written", run))
		}
	}
	return rows.Err()
}

// readChange reads a row of the history.
func readChange(run, body string, stored []byte) (c state.Change, err error) {
	computed := sumOf("changes", run, 0, body)
	if string(stored) != string(computed[:]) {
		return c, errors.New("the checksum differs")
	}
	return c, json.Unmarshal([]byte(body), &c)
}
