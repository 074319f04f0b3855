package sqlite

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/vpsync/vpsync/pkg/state"
)

// Latest is state.Latest: a restore that was cut short has kept one of the state as it is, which is not older.
const Latest = state.Latest

// Kept is a backup of a state, or a damaged state that a restore kept aside.
type Kept = state.Kept

// Backups are the kept copies of one state, whether that state can be opened or not.
type Backups struct{ s *Store }

// BackupsOf looks after the backups of the state at path, which it does not open.
func BackupsOf(path string, o Options) (*Backups, error) {
	s, err := closed(path, o, embedded)
	return &Backups{s}, err
}

// List reads each kept copy, the newest first. Where there is none it is empty.
func (b *Backups) List(ctx context.Context) ([]Kept, error) {
	var out []Kept
	for _, file := range b.s.everyCopy() {
		k, err := b.look(ctx, file)
		if err != nil {
			return nil, err
		}
		out = append(out, k)
	}
	slices.SortStableFunc(out, func(x, y Kept) int { return cmp.Or(y.Made.Compare(x.Made), strings.Compare(y.Name, x.Name)) })
	return out, nil
}

// find is the copy of a name, or the one that Latest stands for, where it has a serial below this one. One that has a problem is an error.
func (b *Backups) find(ctx context.Context, name string, below int64) (Kept, error) {
	files := b.s.everyCopy()
	if name == Latest {
		files = b.s.backups()
	}
	slices.Reverse(files)
	for _, file := range files {
		if name != Latest && b.nameOf(file) != strings.TrimSuffix(strings.TrimPrefix(filepath.Base(name), b.s.backupStem()), backupSuffix) {
			continue
		}
		k, err := b.look(ctx, file)
		switch {
		case err != nil:
			return k, err
		case k.Problem == nil && (name != Latest || k.Serial < below):
			return k, nil
		case name != Latest:
			return k, refused(k, why(k), "vpsync state restore    # lists the backups")
		}
	}
	out := &state.UnusableError{Path: b.s.path, Summary: "There is no such backup", Remedy: "vpsync state restore    # lists the backups",
		Detail: fmt.Sprintf("%s keeps no backup %s of the state %s", b.s.backupDir(), name, b.s.path)}
	if name == Latest {
		out.Summary, out.Remedy = "There is no backup", "bring back a copy of your own"
		out.Detail = fmt.Sprintf("%s keeps no whole backup that is older than the state %s", b.s.backupDir(), b.s.path)
	}
	return Kept{}, out
}

// refused is about a backup that is not put back.
func refused(k Kept, why, remedy string) error {
	return &state.UnusableError{Path: k.Path, Summary: "The backup cannot be put back", Remedy: remedy,
		Detail: fmt.Sprintf("the backup %s %s; nothing was changed", k.Name, why)}
}

// why says what is wrong with a copy, in a few words that follow its name.
func why(k Kept) string {
	var damaged *state.DamagedError
	if errors.As(k.Problem, &damaged) {
		return "is damaged: " + damaged.Problem
	}
	return "cannot be read: " + k.Problem.Error()
}

func (b *Backups) nameOf(file string) string {
	return strings.TrimSuffix(strings.TrimPrefix(file, b.s.backupStem()), backupSuffix)
}

// look reads a copy. What is wrong with the copy is in it; an error is about everything else.
func (b *Backups) look(ctx context.Context, file string) (Kept, error) {
	k := Kept{Name: b.nameOf(file), Path: filepath.Join(b.s.backupDir(), file)}
	if at, _, ok := strings.Cut(k.Name, "-"); ok {
		k.Made, _ = time.Parse(copyTime, at)
	}
	info, err := os.Lstat(k.Path)
	if err != nil {
		return k, err
	}
	k.Size = info.Size()
	c, err := b.copyAt(k.Path, "immutable=1") // nothing is made beside it, and nobody writes to it
	if err != nil {
		return k, err
	}
	defer func() { _ = c.closePools() }()
	if k.Problem = c.verifyCopy(ctx, &k); ctx.Err() != nil {
		return k, ctx.Err()
	}
	return k, nil
}

// copyAt is a store of a copy, which is not opened as a state is: no migration, no write-ahead log, no lock.
func (b *Backups) copyAt(path, option string) (*Store, error) {
	c, err := closed(path, Options{ReadOnly: true, Now: b.s.options.Now}, b.s.migrations)
	if err != nil {
		return nil, err
	}
	if _, err := c.inspect(); err != nil {
		return c, nil // verifyCopy says so
	}
	c.read, err = sql.Open("sqlite", c.dsn(path, "query_only(1)")+"&"+option)
	return c, err
}

// verifyCopy checks everything in a copy of the present schema, and of one of an older schema what does not depend on it; the rest
// is checked once it was brought up to date.
func (s *Store) verifyCopy(ctx context.Context, k *Kept) error {
	exists, err := s.inspect()
	if err != nil {
		return err
	}
	if !exists {
		return s.damaged("the file is missing")
	}
	version, err := s.schema(ctx)
	if err != nil {
		return err
	}
	if version == len(s.steps()) {
		if err := s.Verify(ctx); err != nil {
			return err
		}
	}
	tx, err := s.read.BeginTx(ctx, &sql.TxOptions{ReadOnly: true})
	if err != nil {
		return s.failed("be read", err)
	}
	defer tx.Rollback()
	m, err := s.readMeta(ctx, tx)
	if err == nil {
		err = tx.QueryRowContext(ctx, `SELECT count(*) FROM resources`).Scan(&k.Resources)
	}
	if err != nil {
		return s.failed("be read", err)
	}
	k.Lineage, k.Serial = m.lineage, m.serial
	return nil
}
