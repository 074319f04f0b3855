// Package sqlite keeps a state in one file on a local disk.
//
// Beside state.db lie state.lock (who holds the lock, and the last serial that was committed) and backups/. Nothing
// else in vpsync knows the driver. A reader starts at [Open]; what a row looks like stands in migrations/.
package sqlite

import (
	"context"
	"crypto/rand"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"time"

	"github.com/vpsync/vpsync/pkg/state"
)

// Options of Open.
type Options struct {
	// ReadOnly never makes or changes a state; one that does not exist is an empty one then, without a lineage.
	ReadOnly bool
	// Now dates backups; nil is time.Now.
	Now func() time.Time
	// NewLineage names a new state; nil is 128 random bits. It must be good for a file name.
	NewLineage func() string
	// Boundary, nil but in tests, is called at each point where a crash leaves a different trace (BoundaryMade and its neighbours).
	Boundary func(point string)
}

// Store is a state.Store in a file.
type Store struct {
	path       string
	options    Options
	migrations fs.FS
	file       os.FileInfo // that was opened: another may be put in its place
	write      *sql.DB     // one connection; nil when read-only
	read       *sql.DB     // nil when there is nothing to read

	queue   chan *commit  // to the committer
	closing chan struct{} // closed first: nothing is queued any more
	done    chan struct{} // closed when the committer has ended
	once    sync.Once     // of Close

	mu   sync.Mutex
	held *lock // or nil
}

var _ state.Store = (*Store)(nil)

// Open opens the state at path, and makes it where there is none. Only a state that never was is made: an empty file,
// or a missing one of which a serial is remembered, is a *state.DamagedError.
func Open(ctx context.Context, path string, o Options) (*Store, error) {
	return open(ctx, path, o, embedded)
}

func open(ctx context.Context, path string, o Options, migrations fs.FS) (*Store, error) {
	s, err := closed(path, o, migrations)
	if err != nil {
		return nil, err
	}
	if err := s.open(ctx); err != nil {
		return nil, errors.Join(err, s.closePools())
	}
	if s.write == nil {
		close(s.done)
	} else {
		go s.commitLoop()
	}
	return s, nil
}

// closed is a store that has not been opened.
func closed(path string, o Options, migrations fs.FS) (*Store, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, err
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.NewLineage == nil {
		o.NewLineage = randomLineage
	}
	return &Store{
		path: path, options: o, migrations: migrations,
		queue: make(chan *commit), closing: make(chan struct{}), done: make(chan struct{}),
	}, nil
}

func randomLineage() string {
	b := make([]byte, 16)
	rand.Read(b)
	return hex.EncodeToString(b)
}

func (s *Store) open(ctx context.Context) error {
	if err := s.ownFiles(); err != nil {
		return err
	}
	exists, err := s.inspect()
	switch {
	case err != nil:
		return err
	case !exists && s.options.ReadOnly:
		return nil
	case !s.options.ReadOnly:
		if err := refuseNetwork(filepath.Dir(s.path)); err != nil {
			return s.misplaced(err.Error())
		}
	}
	if !exists {
		if err := s.create(ctx); err != nil {
			return s.unusable("be made", err)
		}
	}
	if s.file, err = os.Lstat(s.path); err != nil {
		return s.unusable("be opened", err)
	}
	if err := s.oneName(); err != nil {
		return err
	}
	// The first look only reads, so that a file that is not ours stays as it is.
	if s.read, err = sql.Open("sqlite", s.dsn(s.path, "query_only(1)")); err != nil {
		return err
	}
	s.read.SetMaxOpenConns(4)
	version, err := s.recognise(ctx)
	if err != nil || s.options.ReadOnly {
		return err
	}
	_ = os.Chmod(s.path, 0o600) // somebody may have copied it with wider permissions
	if s.write, err = sql.Open("sqlite", s.dsn(s.path, "journal_mode(WAL)", "synchronous(FULL)", "secure_delete(1)")+"&_txlock=immediate"); err != nil {
		return err
	}
	s.write.SetMaxOpenConns(1)
	if err := s.pragmasTook(ctx); err != nil {
		return err
	}
	return s.migrate(ctx, version)
}

// inspect looks at the file without opening it: closing a descriptor of a database drops SQLite's locks on it.
func (s *Store) inspect() (exists bool, err error) {
	info, err := os.Lstat(s.path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		if n := s.readNote(); n.Serial > 0 {
			return false, s.damaged(fmt.Sprintf("the file is missing, but %s remembers that serial %d of it was written", s.lockPath(), n.Serial))
		}
		return false, nil
	case err != nil:
		return false, err
	case info.IsDir():
		return false, &state.DamagedError{Path: s.path, Problem: "it is a folder, and not a regular file", Remedy: "--state " + filepath.Join(s.path, "state.db")}
	case !info.Mode().IsRegular():
		return false, s.damaged("it is not a regular file")
	case info.Size() < 512: // of the smallest page
		return false, s.damaged(fmt.Sprintf("it has %d bytes, fewer than any state", info.Size()))
	}
	return true, nil
}

// dsn names a database with pragmas. Mode rw never makes a file. The path is escaped, since what follows it is SQL text.
// A writer overwrites what it deletes (secure_delete), so that what is not in the state is not in the file either.
func (s *Store) dsn(path string, pragmas ...string) string {
	path = filepath.ToSlash(path)
	if runtime.GOOS == "windows" {
		path = "/" + path
	}
	query := url.Values{"mode": {"rw"}}
	query["_pragma"] = append([]string{"busy_timeout(5000)", "foreign_keys(1)", "trusted_schema(0)", "cell_size_check(1)"}, pragmas...)
	return (&url.URL{Scheme: "file", OmitHost: true, Path: path}).String() + "?" + query.Encode()
}

// recognise tells a state of vpsync's, and its schema, which a reader must know.
func (s *Store) recognise(ctx context.Context) (version int, err error) {
	version, err = s.schema(ctx)
	if newest := len(s.steps()); err == nil && version < newest && s.options.ReadOnly {
		return 0, &state.UnusableError{Path: s.path, Summary: "The state is of an older vpsync", Remedy: "vpsync apply",
			Detail: fmt.Sprintf("the state %s has schema %d, and this vpsync reads schema %d; the next command that writes brings it up to date", s.path, version, newest)}
	}
	return version, err
}

// schema is the state's: none that is newer than this vpsync.
func (s *Store) schema(ctx context.Context) (version int, err error) {
	var id int64
	if err := s.read.QueryRowContext(ctx, "PRAGMA application_id").Scan(&id); err != nil {
		return 0, s.failed("be opened", err)
	}
	if id != applicationID {
		return 0, s.damaged("it is not a state of vpsync's")
	}
	if err := s.read.QueryRowContext(ctx, "PRAGMA user_version").Scan(&version); err != nil {
		return 0, s.failed("be opened", err)
	}
	newest := len(s.steps())
	switch {
	case version < 1:
		return 0, s.damaged("its schema is missing")
	case version > newest:
		return 0, &state.UnusableError{Path: s.path, Summary: "The state is of a newer vpsync", Remedy: "use that version, or a later one: vpsync version",
			Detail: fmt.Sprintf("the state %s has schema %d, and this vpsync knows schemas up to %d, and neither reads nor changes what a newer vpsync wrote", s.path, version, newest)}
	}
	return version, nil
}

// pragmasTook reads back what durability rests on.
func (s *Store) pragmasTook(ctx context.Context) error {
	for _, p := range []struct{ name, want string }{{"journal_mode", "wal"}, {"synchronous", "2"}, {"foreign_keys", "1"}, {"secure_delete", "1"}} {
		var got string
		if err := s.write.QueryRowContext(ctx, "PRAGMA "+p.name).Scan(&got); err != nil {
			return s.failed("be opened", err)
		}
		if !strings.EqualFold(got, p.want) {
			return s.misplaced(fmt.Sprintf("%s is %s instead of %s", p.name, got, p.want))
		}
	}
	return nil
}

// Close commits what is queued, and closes the file. It does not give back a lock.
func (s *Store) Close() error {
	var err error
	s.once.Do(func() {
		close(s.closing)
		<-s.done
		err = s.closePools()
	})
	return err
}

func (s *Store) closePools() error {
	var err error
	if s.read != nil {
		err = s.read.Close()
	}
	if s.write != nil {
		err = errors.Join(err, s.write.Close())
	}
	return err
}
