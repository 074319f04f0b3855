package sqlite

import (
	"cmp"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/vpsync/vpsync/pkg/state"
)

// Load reads and verifies everything that a run acts on, in one transaction: while others write it sees the state before a
// commit or after it. It relies on the checksums of rows; SQLite's own check of its pages, which would double the time and
// finds few of the flipped bytes, is left to [Store.Lock] and [Store.Verify].
func (s *Store) Load(ctx context.Context) (*state.State, error) {
	if s.read == nil {
		return &state.State{Accounts: map[string]state.Account{}, Outputs: map[string]state.Output{}}, nil
	}
	// Before the transaction: a commit in between is in both or in the rows alone.
	noted := s.readNote()
	tx, err := s.read.BeginTx(ctx, &sql.TxOptions{ReadOnly: true})
	if err != nil {
		return nil, s.failed("be read", err)
	}
	defer tx.Rollback()
	m, err := s.readMeta(ctx, tx)
	if err != nil {
		return nil, s.failed("be read", err)
	}
	if err := s.remembered(m, noted); err != nil {
		return nil, err
	}
	out, err := s.load(ctx, tx, m)
	if err != nil {
		return nil, s.failed("be read", err)
	}
	return out, nil
}

// load reads everything and checks what was read. Its errors other than damage are SQLite's.
func (s *Store) load(ctx context.Context, tx *sql.Tx, m meta) (*state.State, error) {
	out := &state.State{
		Lineage: m.lineage, Serial: m.serial, Settled: m.settled, SecretKeyID: m.secretKey,
		Accounts: map[string]state.Account{}, Outputs: map[string]state.Output{},
	}
	var all sum
	var reader state.ResourceReader
	for _, t := range []struct {
		name string
		take func(r row) error
	}{
		{"accounts", func(r row) error {
			var a state.Account
			err := r.decode(&a)
			out.Accounts[r.key] = a
			return err
		}},
		{"resources", func(r row) error {
			x, err := reader.Read([]byte(r.body))
			if err != nil {
				return err
			}
			x.Version = r.version
			out.Resources = append(out.Resources, x)
			return r.extra(state.ObjectKey(x.Account, x.Address.Kind, x.ID))
		}},
		{"leftovers", func(r row) error {
			var l state.Leftover
			out.Leftovers = append(out.Leftovers, &l)
			return r.decode(&l)
		}},
		{"journal", func(r row) error {
			var i state.Intent
			err := r.decode(&i)
			out.Intents = append(out.Intents, &i)
			return errors.Join(err, r.extra(i.Address.String()))
		}},
		{"outputs", func(r row) error {
			var o state.Output
			err := r.decode(&o)
			out.Outputs[r.key] = o
			return err
		}},
		{"runs", func(r row) error { return r.decode(&state.Run{}) }},
	} {
		if err := s.rows(ctx, tx, t.name, &all, t.take); err != nil {
			return nil, err
		}
	}
	if all != m.rows {
		return nil, s.damaged("a row is missing in it, or is older than the rest")
	}
	out.Sort()
	if broken := state.Verify(out); len(broken) > 0 {
		return nil, s.damaged(fmt.Sprintf("%s (it must hold that %s: %s)", broken[0].Detail, broken[0].Invariant, broken[0].Why))
	}
	return out, nil
}

// row is a row as it was read, its checksum verified.
type row struct {
	key     string
	version int64
	body    string
	column  sql.NullString
}

// decode asks a type that reads itself directly: through encoding/json its text would be looked through twice more.
func (r row) decode(into any) error {
	if own, ok := into.(json.Unmarshaler); ok {
		return own.UnmarshalJSON([]byte(r.body))
	}
	return json.Unmarshal([]byte(r.body), into)
}

// extra checks a column that repeats what the body says.
func (r row) extra(want string) error {
	if r.column.String != want {
		return fmt.Errorf("%q stands beside it instead of %q", r.column.String, want)
	}
	return nil
}

// rows reads one table, and adds the sums of its rows to the whole.
func (s *Store) rows(ctx context.Context, tx *sql.Tx, table string, all *sum, take func(row) error) error {
	column := cmp.Or(columns[table], "NULL")
	rows, err := tx.QueryContext(ctx, `SELECT key, version, body, sum, `+column+` FROM `+table)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var r row
		var stored sql.RawBytes
		if err := rows.Scan(&r.key, &r.version, &r.body, &stored, &r.column); err != nil {
			return err
		}
		computed := sumOf(table, r.key, r.version, r.body)
		if string(stored) != string(computed[:]) {
			return s.damaged(fmt.Sprintf("the row %q of its table %s is not what was written", r.key, table))
		}
		all.xor(computed)
		if err := take(r); err != nil {
			return s.damaged(fmt.Sprintf("the row %q of its table %s cannot be understood: %s", r.key, table, err))
		}
	}
	return rows.Err()
}
