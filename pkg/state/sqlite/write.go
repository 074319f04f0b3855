package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/vpsync/vpsync/pkg/spec"
	"github.com/vpsync/vpsync/pkg/state"
)

// write is one write, encoded: it can fail only for what the state holds, or for the disk.
type write interface {
	into(*transaction) error
}

type (
	// put replaces the row of a key. column is what the table has beside its body: the object of a resource, the
	// address of an intent.
	put  struct{ table, key, body, column string }
	drop struct{ table, key string }
	// move gives a resource another address.
	move struct{ from, to spec.Address }
	// change adds a row to the history.
	change struct{ run, address, body string }
	// outputs replaces all of them.
	outputs []put
	settled struct{}
	// secretKey notes which key the digests are made with.
	secretKey string
	// serial is one that the commit's is not below.
	serial int64
)

// encode turns writes into rows. Each is read back, so that nothing is written that cannot be.
func encode(all []state.Write) ([]write, error) {
	var out []write
	for _, w := range all {
		encoded, err := encodeOne(w)
		if err != nil {
			return nil, err
		}
		out = append(out, encoded...)
	}
	return out, nil
}

func encodeOne(w state.Write) ([]write, error) {
	rows, err := state.Rows(w)
	if err != nil {
		return nil, err
	}
	var out []write
	switch w := w.(type) {
	case state.RemoveResource:
		return []write{drop{state.TableResources, state.ResourceKey(w.Address, w.Deposed)}}, nil
	case state.MoveResource:
		return []write{move{w.From, w.To}}, nil
	case state.RemoveLeftover:
		return []write{drop{state.TableLeftovers, state.ObjectKey(w.Account, w.Kind, w.ID)}}, nil
	case state.CloseIntent:
		return []write{drop{state.TableJournal, w.ID}}, nil
	case state.SetSettled:
		return []write{settled{}}, nil
	case state.SetSecretKey:
		return []write{secretKey(w.ID)}, nil
	case state.SetSerial:
		return []write{serial(w.Serial)}, nil
	case state.AddChanges:
		for _, r := range rows {
			out = append(out, change{run: r.Key, address: r.Column, body: r.Body})
		}
	case state.SetOutputs:
		all := outputs{}
		for _, r := range rows {
			all = append(all, putOf(r))
		}
		return []write{all}, nil
	default:
		for _, r := range rows {
			out = append(out, putOf(r))
		}
		if len(out) == 0 {
			return nil, fmt.Errorf("no such write: %T", w)
		}
	}
	return out, nil
}

func putOf(r state.Row) put { return put{table: r.Table, key: r.Key, body: r.Body, column: r.Column} }

// transaction is one transaction, and what in it must be looked at before it is committed.
type transaction struct {
	ctx  context.Context
	tx   *sql.Tx
	meta *meta
	suspects
}

func (t *transaction) exec(query string, args ...any) error {
	_, err := t.tx.ExecContext(t.ctx, query, args...)
	return err
}

// columns of the tables that have one of their own.
var columns = map[string]string{"resources": "object", "journal": "address"}

func (p put) into(t *transaction) error {
	if err := t.takeOut(p.table, p.key); err != nil {
		return err
	}
	sum := sumOf(p.table, p.key, t.meta.serial, p.body)
	t.meta.rows.xor(sum)
	t.suspect(p)
	if column := columns[p.table]; column != "" {
		return t.exec(`INSERT INTO `+p.table+` (key, version, body, sum, `+column+`) VALUES (?, ?, ?, ?, ?) ON CONFLICT (key) DO UPDATE SET version = excluded.version, body = excluded.body, sum = excluded.sum, `+column+` = excluded.`+column,
			p.key, t.meta.serial, p.body, sum[:], p.column)
	}
	return t.exec(`INSERT INTO `+p.table+` (key, version, body, sum) VALUES (?, ?, ?, ?) ON CONFLICT (key) DO UPDATE SET version = excluded.version, body = excluded.body, sum = excluded.sum`,
		p.key, t.meta.serial, p.body, sum[:])
}

func (d drop) into(t *transaction) error {
	if err := t.takeOut(d.table, d.key); err != nil {
		return err
	}
	return t.exec(`DELETE FROM `+d.table+` WHERE key = ?`, d.key)
}

// takeOut takes a row's sum out of the whole; there may be no such row.
func (t *transaction) takeOut(table, key string) error {
	var old []byte
	err := t.tx.QueryRowContext(t.ctx, `SELECT sum FROM `+table+` WHERE key = ?`, key).Scan(&old)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return nil
	case err != nil:
		return err
	case len(old) != len(sum{}):
		return fmt.Errorf("the checksum of %s %s has %d bytes", table, key, len(old))
	}
	t.meta.rows.xor(sum(old))
	return nil
}

func (c change) into(t *transaction) error {
	sum := sumOf("changes", c.run, 0, c.body)
	return t.exec(`INSERT INTO changes (run, address, body, sum) VALUES (?, ?, ?, ?)`, c.run, c.address, c.body, sum[:])
}

func (o outputs) into(t *transaction) error {
	old, err := t.keys(`SELECT key FROM outputs`)
	if err != nil {
		return err
	}
	for _, key := range old {
		if err := (drop{"outputs", key}).into(t); err != nil {
			return err
		}
	}
	for _, p := range o {
		if err := p.into(t); err != nil {
			return err
		}
	}
	return nil
}

func (settled) into(t *transaction) error {
	t.meta.settled = true
	return nil
}

func (k secretKey) into(t *transaction) error {
	t.meta.secretKey = string(k)
	return nil
}

func (s serial) into(t *transaction) error {
	t.meta.serial = max(t.meta.serial, int64(s))
	return nil
}

// keys are the texts that a query gives.
func (t *transaction) keys(query string, args ...any) ([]string, error) {
	rows, err := t.tx.QueryContext(t.ctx, query, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var out []string
	for rows.Next() {
		var key string
		if err := rows.Scan(&key); err != nil {
			return nil, err
		}
		out = append(out, key)
	}
	return out, rows.Err()
}
