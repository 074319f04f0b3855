// Package source brings the files of stacks to this disk: it finds folders where they are, and branches of repositories with git.
package source

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/vpsync/vpsync/pkg/daemon"
	"github.com/vpsync/vpsync/pkg/git"
)

// Sources are those of a daemon.
type Sources struct {
	Data string            // the folder for repositories and checkouts
	Env  map[string]string // of what git sees, a part
	// Commit is the commit that a folder is at, or empty; nil knows none.
	Commit func(dir string) string

	mu sync.Mutex // one git at a time
}

// kept is how many checkouts of a stack stay on the disk.
const kept = 5

// Newest is the stack as its source has it now.
func (s *Sources) Newest(ctx context.Context, stack *daemon.Stack) (daemon.Checkout, error) {
	if stack.Git == nil {
		at := daemon.Checkout{Stack: stack.Name, Dir: stack.Dir}
		if info, err := os.Stat(stack.Dir); err != nil {
			return at, err
		} else if !info.IsDir() {
			return at, fmt.Errorf("%s is no folder", stack.Dir)
		}
		if s.Commit != nil {
			at.Commit = s.Commit(stack.Dir)
		}
		return at, nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	repo, err := s.repo(ctx, stack)
	if err != nil {
		return daemon.Checkout{}, err
	}
	ref := "refs/heads/" + stack.Git.Branch
	refs, err := repo.Refs(ctx, stack.Git.URL, ref)
	if err != nil {
		return daemon.Checkout{}, err
	}
	id := refs[ref]
	if id == "" {
		return daemon.Checkout{}, fmt.Errorf("the repository has no branch %s", stack.Git.Branch)
	}
	if !repo.Has(ctx, id) {
		if err := repo.Fetch(ctx, stack.Git.URL, id); err != nil {
			return daemon.Checkout{}, err
		}
	}
	return s.checkout(ctx, stack, repo, id)
}

// At is the stack at a commit that was fetched before.
func (s *Sources) At(ctx context.Context, stack *daemon.Stack, commit string) (daemon.Checkout, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	repo, err := s.repo(ctx, stack)
	if err != nil {
		return daemon.Checkout{}, err
	}
	return s.checkout(ctx, stack, repo, commit)
}

// home is the folder of what is brought for a stack. Another repository, or another folder of it, has another.
func (s *Sources) home(stack *daemon.Stack) string {
	sum := sha256.Sum256([]byte(stack.Git.URL + "\x00" + stack.Git.Path))
	return filepath.Join(s.Data, stack.Name, "source-"+hex.EncodeToString(sum[:6]))
}

func (s *Sources) repository(stack *daemon.Stack) string {
	return filepath.Join(s.home(stack), "repository.git")
}

// repo is the stack's repository on this disk, which knows its source as origin: the state may be kept there, too.
func (s *Sources) repo(ctx context.Context, stack *daemon.Stack) (*git.Repo, error) {
	repo, err := git.Init(ctx, s.repository(stack), git.Options{Env: s.Env})
	if err != nil {
		return nil, err
	}
	return repo, repo.SetURL(ctx, "origin", stack.Git.URL)
}

// checkout writes the files of a commit, once: a folder with the name of a commit is whole.
func (s *Sources) checkout(ctx context.Context, stack *daemon.Stack, repo *git.Repo, id string) (daemon.Checkout, error) {
	all := filepath.Join(s.home(stack), "checkouts")
	at := daemon.Checkout{Stack: stack.Name, Dir: filepath.Join(all, id), Commit: id, Foreign: true, Repository: s.repository(stack)}
	if !git.IsID(id) {
		return at, fmt.Errorf("%q is no commit", id)
	}
	now := time.Now()
	if err := os.Chtimes(at.Dir, now, now); err == nil {
		return at, nil
	}
	if err := os.MkdirAll(all, 0o700); err != nil {
		return at, err
	}
	fresh := filepath.Join(all, "fresh")
	if err := os.RemoveAll(fresh); err != nil { // of a daemon that was killed
		return at, err
	}
	if err := repo.Export(ctx, id, stack.Git.Path, fresh); err != nil {
		return at, errors.Join(err, os.RemoveAll(fresh))
	}
	if err := os.Rename(fresh, at.Dir); err != nil {
		return at, err
	}
	return at, s.prune(all)
}

// prune removes the checkouts that were used the longest time ago.
func (s *Sources) prune(all string) error {
	entries, err := os.ReadDir(all)
	if err != nil {
		return err
	}
	used := func(e fs.DirEntry) time.Time {
		info, err := e.Info()
		if err != nil {
			return time.Time{}
		}
		return info.ModTime()
	}
	slices.SortFunc(entries, func(a, b fs.DirEntry) int { return used(b).Compare(used(a)) })
	for i, e := range entries {
		if i >= kept {
			err = errors.Join(err, os.RemoveAll(filepath.Join(all, e.Name())))
		}
	}
	return err
}

var _ daemon.Sources = (*Sources)(nil)
