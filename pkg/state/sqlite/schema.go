package sqlite

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
)

// applicationID is in the file's header: "vps1".
const applicationID = 0x76707331

//go:embed migrations/*.sql
var embedded embed.FS

// steps are the names of the migrations, in order: the n-th makes schema n.
func (s *Store) steps() []string {
	names, err := fs.Glob(s.migrations, "migrations/*.sql") // sorted
	if err != nil {
		panic(err) // only for a malformed pattern
	}
	return names
}

// create makes a new state. It appears under its name as a whole or not at all, so that a state which a crash left half
// made is never taken for a damaged one. The lock is held meanwhile: what lies about unfinished while it is free was left by a crash.
func (s *Store) create(ctx context.Context) error {
	dir := filepath.Dir(s.path)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	file, err := s.takeFile(ctx)
	if err != nil {
		return err
	}
	defer file.close()
	f, err := os.CreateTemp(dir, s.scratch(scratchNew)) // made 0600; SQLite would make it 0644
	if err != nil {
		return err
	}
	temporary := f.Name()
	defer os.Remove(temporary)
	defer os.Remove(temporary + "-journal") // a disk that failed may have left it
	if err := f.Close(); err != nil {
		return err
	}
	if err := s.fill(ctx, temporary); err != nil {
		return err
	}
	if err := syncFile(temporary); err != nil {
		return err
	}
	s.boundary(BoundaryMade)
	// A link, unlike a rename, never replaces a state that another process made meanwhile.
	if err := os.Link(temporary, s.path); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	s.boundary(BoundaryNamed)
	return syncDir(dir)
}

// fill makes the tables of a new state.
func (s *Store) fill(ctx context.Context, path string) error {
	db, err := sql.Open("sqlite", s.dsn(path, "synchronous(FULL)"))
	if err != nil {
		return err
	}
	defer db.Close()
	db.SetMaxOpenConns(1)
	if _, err := db.ExecContext(ctx, "PRAGMA application_id = "+strconv.Itoa(applicationID)); err != nil {
		return err
	}
	for i := range s.steps() {
		if err := s.step(ctx, db, i); err != nil {
			return err
		}
	}
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback()
	if err := (meta{lineage: s.options.NewLineage()}).write(ctx, tx); err != nil {
		return err
	}
	if err := tx.Commit(); err != nil {
		return err
	}
	return db.Close()
}

// step makes schema i+1 of schema i, in one transaction.
func (s *Store) step(ctx context.Context, db *sql.DB, i int) error {
	name := s.steps()[i]
	text, err := fs.ReadFile(s.migrations, name)
	if err != nil {
		return err
	}
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback()
	var version int
	if err := tx.QueryRowContext(ctx, "PRAGMA user_version").Scan(&version); err != nil {
		return err
	}
	if version != i {
		return fmt.Errorf("schema %d is there where schema %d was", version, i)
	}
	for _, statements := range []string{string(text), "PRAGMA user_version = " + strconv.Itoa(i+1)} {
		if _, err := tx.ExecContext(ctx, statements); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	return tx.Commit()
}

// migrate brings the schema up to date, after a backup of what was there. No run may hold the lock meanwhile: it could be
// one of the older vpsync, which would go on writing rows of the older schema.
func (s *Store) migrate(ctx context.Context, version int) error {
	if version == len(s.steps()) {
		return nil
	}
	file, err := s.takeFile(ctx)
	if err != nil {
		return err
	}
	defer file.close()
	if _, err := s.Backup(ctx); err != nil {
		return err
	}
	for i := version; i < len(s.steps()); i++ {
		if err := s.step(ctx, s.write, i); err != nil {
			return s.failed("be brought to schema "+strconv.Itoa(i+1), err)
		}
		s.boundary(BoundaryMigrated)
	}
	return nil
}
