// Package gitref keeps a state in a git remote, on a reference of its own: refs/vpsync/NAME, with its lock at refs/vpsync/locks/NAME.
//
// A commit of the reference is the whole state as sorted JSON lines, and what a run did; its parent is the state before that run. While
// a run goes on its commit is replaced by each push, so that `git log -p` has one commit for each run. Every push moves the lock too, in
// the same transaction of the remote: a holder that has lost it can write nothing.
//
// No work tree and no index is touched. Objects are written into the repository that the stack lies in, since that is where the remote,
// its credentials and a shallow history are configured; a reference of the same name there remembers what was seen last.
package gitref

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/vpsync/vpsync/pkg/git"
	"github.com/vpsync/vpsync/pkg/state"
)

// Options of Open.
type Options struct {
	Remote string // of the repository; empty is origin
	Name   string // of the state: see [CheckName]
	// ReadOnly never makes or changes a state; one that does not exist is an empty one then, without a lineage.
	ReadOnly bool
	// Lease is how long a lock outlives its holder, and Beat how often a holder moves it; 0 is two minutes, and a sixth of the lease.
	Lease, Beat time.Duration
	// Patience is how long Lock waits for a holder that lives.
	Patience time.Duration
	// Watching is told, once, that Lock watches whether the holder of the lock lives; nil is nobody.
	Watching func(owner state.Owner, until time.Time)
	// Secret opens and seals rows; Seal says whether what is written is sealed. A state that is sealed stays so.
	Secret []byte
	Seal   bool
	// NewLineage names a new state; nil is 128 random bits.
	NewLineage func() string
}

// Store is a state.Store on a reference of a remote.
type Store struct {
	repo     *git.Repo
	options  Options
	ref, key string // of the state and of its lock
	url      string

	mu     sync.Mutex
	seal   *state.Sealer
	cached *model // of the commit tip; never changed
	tip    string
	held   *lock
}

var (
	_ state.Store    = (*Store)(nil)
	_ state.Deferrer = (*Store)(nil)
)

// defaultLease is how long a lock outlives its holder.
const defaultLease = 2 * time.Minute

// CheckName says what is wrong with the name of a state, or nothing: it is one part of a reference's name.
func CheckName(name string) error {
	if name == "locks" {
		return errors.New("the locks are kept under this name")
	}
	for _, c := range name {
		if c == '/' {
			return fmt.Errorf("%q holds a slash; states of folders in one another could not be told apart from folders of states", name)
		}
	}
	return git.CheckRef("refs/vpsync/" + name)
}

// DefaultName is the name of the state of a folder of a repository, by its path with slashes. It is another one for each folder; where
// it could not be, the error says so.
func DefaultName(folder string) (string, error) {
	if folder == "" {
		return "main", nil
	}
	name := strings.ReplaceAll(folder, "/", "--")
	if name == "main" || strings.Contains(folder, "--") || CheckName(name) != nil {
		return "", fmt.Errorf("no name can be made of the folder %q", folder)
	}
	return name, nil
}

// Open finds the remote of a repository. It asks the remote nothing yet.
func Open(ctx context.Context, repo *git.Repo, o Options) (*Store, error) {
	if o.Remote == "" {
		o.Remote = "origin"
	}
	if o.Lease <= 0 {
		o.Lease = defaultLease
	}
	if o.Beat <= 0 {
		o.Beat = o.Lease / 6
	}
	if o.NewLineage == nil {
		o.NewLineage = randomLineage
	}
	if err := CheckName(o.Name); err != nil {
		return nil, err
	}
	s := &Store{repo: repo, options: o, ref: "refs/vpsync/" + o.Name, key: "refs/vpsync/locks/" + o.Name}
	url, err := repo.URL(ctx, o.Remote)
	if err != nil {
		return nil, &state.UnusableError{Path: s.ref, Err: err, Summary: "The state has no remote", Remedy: "git remote add " + o.Remote + " URL",
			Detail: fmt.Sprintf("the state %s is kept in the remote %s of this repository, which does not have one of that name", s.ref, o.Remote)}
	}
	s.url = url
	return s, nil
}

func randomLineage() string {
	b := make([]byte, 16)
	rand.Read(b)
	return hex.EncodeToString(b)
}

// Where names the state for messages.
func (s *Store) Where() string { return s.ref + " of " + s.url }

// Load reads and verifies everything: of a store that holds the lock what it has taken in, else what the remote has.
func (s *Store) Load(ctx context.Context) (*state.State, error) {
	if l := s.lockHeld(); l != nil {
		return l.load()
	}
	m, _, err := s.read(ctx)
	if err != nil {
		return nil, err
	}
	if m == nil {
		return &state.State{Accounts: map[string]state.Account{}, Outputs: map[string]state.Output{}}, nil
	}
	return s.verified(m)
}

// verified is the state of a model.
func (s *Store) verified(m *model) (*state.State, error) {
	st, err := m.state()
	if err != nil {
		return nil, s.damaged(err.Error())
	}
	if broken := state.Verify(st); len(broken) > 0 {
		return nil, s.damaged(fmt.Sprintf("%s (it must hold that %s: %s)", broken[0].Detail, broken[0].Invariant, broken[0].Why))
	}
	return st, nil
}

// Verify checks everything, the history too.
func (s *Store) Verify(ctx context.Context) error {
	if _, err := s.Load(ctx); err != nil {
		return err
	}
	_, err := s.past(ctx)
	return err
}

// Exists: the remote has such a state.
func (s *Store) Exists(ctx context.Context) (bool, error) {
	refs, err := s.refs(ctx)
	return refs[s.ref] != "", err
}

func (s *Store) refs(ctx context.Context) (map[string]string, error) {
	refs, err := s.repo.Refs(ctx, s.options.Remote, s.ref, s.key)
	if err != nil {
		return nil, s.unreachable("be read", err)
	}
	return refs, nil
}

// moved is how often a reference may have gone on while it was fetched.
const moved = 20

// read is the state that the remote has, and the commit that it is in. Where it has none, a writer makes one, and a reader gets nil.
func (s *Store) read(ctx context.Context) (*model, string, error) {
	var failed error
	for range moved {
		// Before the remote is asked: another process of this clone may write meanwhile.
		seen := s.repo.Local(ctx, s.ref)
		refs, err := s.refs(ctx)
		if err != nil {
			return nil, "", err
		}
		tip := refs[s.ref]
		s.mu.Lock()
		cached := s.cached
		if s.tip != tip {
			cached = nil
		}
		s.mu.Unlock()
		switch {
		case tip == "" && seen != "":
			return nil, "", s.gone(ctx, seen)
		case tip == "" && s.options.ReadOnly:
			return nil, "", nil
		case tip == "":
			if failed = s.create(ctx); failed != nil && ctx.Err() != nil {
				return nil, "", failed
			}
			continue
		case cached != nil:
			return cached, tip, nil
		}
		if failed = s.bring(ctx, tip); failed != nil {
			continue // it has gone on, or it cannot be reached: asking again tells
		}
		m, err := s.at(ctx, tip)
		if err != nil {
			return nil, "", err
		}
		if seen != tip {
			if err := s.remembered(ctx, seen, m); err != nil {
				return nil, "", err
			}
			_ = s.repo.SetLocal(ctx, s.ref, tip) // it only helps
		}
		s.mu.Lock()
		s.cached, s.tip = m, tip
		s.mu.Unlock()
		return m, tip, nil
	}
	return nil, "", s.unreachable("be read", failed)
}

// bring sees to it that a commit of the remote is here.
func (s *Store) bring(ctx context.Context, id string) error {
	if s.repo.Has(ctx, id) {
		return nil
	}
	return s.repo.Fetch(ctx, s.options.Remote, id)
}

// at reads the state in a commit that is here.
func (s *Store) at(ctx context.Context, commit string) (*model, error) {
	names := make([]string, len(everyFile))
	for i, file := range everyFile {
		names[i] = commit + ":" + file
	}
	contents, err := s.repo.Read(ctx, names...)
	if err != nil {
		return nil, s.damaged(err.Error())
	}
	files := map[string][]byte{}
	for i, file := range everyFile {
		if contents[i] != nil {
			files[file] = contents[i]
		}
	}
	m, seal, err := readModel(files, s.sealer)
	var unusable *state.UnusableError
	switch {
	case errors.Is(err, errNewer):
		return nil, &state.UnusableError{Path: s.ref, Summary: "The state is of a newer vpsync", Remedy: "use that version, or a later one: vpsync version",
			Detail: fmt.Sprintf("the state %s was written by a newer vpsync, and this one neither reads nor changes it", s.ref)}
	case errors.As(err, &unusable):
		return nil, err
	case err != nil:
		return nil, s.damaged(err.Error())
	}
	s.mu.Lock()
	s.seal = seal
	s.mu.Unlock()
	return m, nil
}

// sealer makes what opens the rows of a state.
func (s *Store) sealer(lineage string) (*state.Sealer, error) {
	if len(s.options.Secret) == 0 {
		return nil, &state.UnusableError{Path: s.ref, Summary: "The state is sealed", Remedy: "export VPSYNC_STATE_KEY=...    # the one that it was sealed with",
			Detail: fmt.Sprintf("the rows of the state %s are sealed, and VPSYNC_STATE_KEY, which opens them, is not set", s.ref)}
	}
	return state.NewSealer(s.options.Secret, lineage)
}

// create makes a new state. Another process may be faster, which is as good.
func (s *Store) create(ctx context.Context) error {
	m := newModel(s.options.NewLineage())
	if s.options.Seal {
		seal, err := s.sealer(m.meta.Lineage)
		if err != nil {
			return err
		}
		s.mu.Lock()
		s.seal = seal
		s.mu.Unlock()
	}
	id, err := s.commit(ctx, m, nil, "A new state", signature("vpsync", "localhost"))
	if err != nil {
		return s.unusable("be made", err)
	}
	if err := s.repo.Push(ctx, s.options.Remote, git.Update{Ref: s.ref, New: id}); err != nil {
		return s.unpushed(ctx, "be made", err)
	}
	return nil
}

// commit writes a model into this repository.
func (s *Store) commit(ctx context.Context, m *model, parents []string, message string, by git.Signature) (string, error) {
	s.mu.Lock()
	seal := s.seal
	s.mu.Unlock()
	files, err := m.files(seal)
	if err != nil {
		return "", err
	}
	return s.write(ctx, files, parents, message, by)
}

func (s *Store) write(ctx context.Context, files map[string][]byte, parents []string, message string, by git.Signature) (string, error) {
	var names []string
	var contents [][]byte
	for name, content := range files {
		names, contents = append(names, name), append(contents, content)
	}
	ids, err := s.repo.WriteBlobs(ctx, contents)
	if err != nil {
		return "", err
	}
	entries := map[string]string{}
	for i, name := range names {
		entries[name] = ids[i]
	}
	tree, err := s.repo.WriteTree(ctx, entries)
	if err != nil {
		return "", err
	}
	return s.repo.WriteCommit(ctx, tree, parents, by, message)
}

func signature(name, host string) git.Signature {
	return git.Signature{Name: name, Email: name + "@" + host, At: time.Now()}
}

// lockHeld is the lock that commits of this store are made under, or nil.
func (s *Store) lockHeld() *lock {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.held
}

// Commit makes all writes durable in the remote, or none of them. What waits at the same time shares a push. Without writes it makes
// durable what was deferred.
func (s *Store) Commit(ctx context.Context, writes ...state.Write) error {
	return s.take(ctx, true, writes)
}

// Defer takes writes in as Commit does, and makes them durable later: with the next commit, with the next sign of life of the lock, or
// when that is given back.
func (s *Store) Defer(ctx context.Context, writes ...state.Write) error {
	return s.take(ctx, false, writes)
}

func (s *Store) take(ctx context.Context, durable bool, writes []state.Write) error {
	if s.options.ReadOnly {
		return errReadOnly
	}
	l := s.lockHeld()
	if l == nil {
		return s.unusable("be written", errors.New("it is written only while its lock is held"))
	}
	return l.take(ctx, durable, writes)
}

// Backup keeps the state as it is, and says which commit that is: nothing of this run replaces it any more.
func (s *Store) Backup(ctx context.Context) (string, error) {
	if s.options.ReadOnly {
		return "", errReadOnly
	}
	l := s.lockHeld()
	if l == nil {
		_, tip, err := s.read(ctx)
		return tip, err
	}
	if err := s.Commit(ctx); err != nil {
		return "", err
	}
	return l.pin(), nil
}

// Close ends the use of the state. A lock that is held is left to expire, as if this process had died.
func (s *Store) Close() error {
	s.mu.Lock()
	l := s.held
	s.held = nil
	s.mu.Unlock()
	if l != nil {
		l.abandon()
	}
	return nil
}

// Ref is the reference that the state is on.
func (s *Store) Ref() string { return s.ref }
