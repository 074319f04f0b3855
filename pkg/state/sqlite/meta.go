package sqlite

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// meta is the table of that name: what is true of the state as a whole.
type meta struct {
	lineage   string
	serial    int64
	settled   bool
	secretKey string
	lock      string // id of the lock under which commits are taken, or empty
	rows      sum    // exclusive or of the sums of all rows
}

// sum is a checksum: the first half of a SHA-256. It guards against accidents, not against somebody who can write to
// the file, who could make it anew.
type sum [16]byte

// sumOf covers table and key too, so that a row is not taken for another.
func sumOf(table, key string, version int64, body string) sum {
	h := sha256.New()
	fmt.Fprintf(h, "%d:%s%d:%s%d:%s", len(table), table, len(key), key, version, body)
	return sum(h.Sum(nil)[:len(sum{})])
}

// xor adds a row to the whole, or takes it out again.
func (a *sum) xor(b sum) {
	for i := range a {
		a[i] ^= b[i]
	}
}

func (m meta) entries() map[string]string {
	return map[string]string{
		"lineage": m.lineage, "serial": strconv.FormatInt(m.serial, 10), "settled": strconv.FormatBool(m.settled),
		"secret_key": m.secretKey, "lock": m.lock, "rows": hex.EncodeToString(m.rows[:]),
	}
}

// seal is the checksum of meta itself.
func (m meta) seal() string {
	entries := m.entries()
	var text strings.Builder
	for _, name := range slices.Sorted(maps.Keys(entries)) {
		fmt.Fprintf(&text, "%s=%q\n", name, entries[name])
	}
	s := sumOf("meta", "", 0, text.String())
	return hex.EncodeToString(s[:])
}

func (m meta) write(ctx context.Context, tx *sql.Tx) error {
	entries := m.entries()
	entries["seal"] = m.seal()
	for name, value := range entries {
		if _, err := tx.ExecContext(ctx, `INSERT INTO meta (name, value) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value`, name, value); err != nil {
			return err
		}
	}
	return nil
}

// readMeta reads and checks the table. Its errors other than damage are SQLite's.
func (s *Store) readMeta(ctx context.Context, tx *sql.Tx) (meta, error) {
	rows, err := tx.QueryContext(ctx, `SELECT name, value FROM meta`)
	if err != nil {
		return meta{}, err
	}
	defer rows.Close()
	entries := map[string]string{}
	for rows.Next() {
		var name, value string
		if err := rows.Scan(&name, &value); err != nil {
			return meta{}, err
		}
		entries[name] = value
	}
	if err := rows.Err(); err != nil {
		return meta{}, err
	}
	m := meta{lineage: entries["lineage"], secretKey: entries["secret_key"], lock: entries["lock"], settled: entries["settled"] == "true"}
	serial, errSerial := strconv.ParseInt(entries["serial"], 10, 64)
	packed, errRows := hex.DecodeString(entries["rows"])
	if errSerial != nil || errRows != nil || len(packed) != len(m.rows) {
		return meta{}, s.damaged("its table meta is not what was written")
	}
	m.serial, m.rows = serial, sum(packed)
	if m.lineage == "" || entries["seal"] != m.seal() {
		return meta{}, s.damaged("its table meta is not what was written")
	}
	return m, nil
}
