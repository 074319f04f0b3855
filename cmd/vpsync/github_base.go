package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/vpsync/vpsync/pkg/git"
)

// checkoutStep brings what a pull request is held against.
const checkoutStep = "- uses: actions/checkout@v4\n  with:\n    fetch-depth: 2"

// base is the folder of the stack as it is on the branch that a pull request wants to be merged into, or "" where that has none; and what
// removes it again. It is a second work tree of the same repository, so nothing is fetched, and a state that is kept in the repository
// is found from it.
//
// Which commit that is, GitHub says. A checkout of the trial merge (what actions/checkout does) has it as the first parent: GITHUB_SHA is
// GitHub's word, and its second parent must be the head that the event names. Any other checkout must hold the event's base commit.
func (s *step) base(ctx context.Context) (dir string, remove func() error, err error) {
	remove = func() error { return nil }
	repo, err := s.repo(ctx)
	if err != nil {
		return "", remove, &remedyError{summary: "The reviewed stack is not at hand", detail: sentenceOf(err.Error()), remedy: checkoutStep}
	}
	commit := s.pull.Base.SHA
	if merge := s.env["GITHUB_SHA"]; isCommit(merge) {
		if parents, err := repo.Parents(ctx, merge); err == nil && len(parents) == 2 && parents[1] == s.pull.Head.SHA {
			commit = parents[0]
		}
	}
	if err := repo.CheckTree(ctx, commit); err != nil {
		return "", remove, &remedyError{summary: "The reviewed stack is not at hand",
			detail: fmt.Sprintf("The stack of a pull request is held against the branch that it wants to be merged into, and the checkout does not have that one's commit %s (%s).", commit, strings.TrimSuffix(err.Error(), ".")),
			remedy: checkoutStep}
	}
	tree, remove, err := s.tree(ctx, repo, commit)
	if err != nil {
		return "", remove, &remedyError{summary: "The reviewed stack cannot be checked out", detail: sentenceOf(err.Error())}
	}
	dir = filepath.Join(tree, filepath.FromSlash(s.inputs.directory))
	if info, err := os.Stat(dir); errors.Is(err, fs.ErrNotExist) || err == nil && !hasStack(dir, info) {
		return "", remove, nil
	} else if err != nil {
		return "", remove, err
	}
	return dir, remove, nil
}

// tree checks a commit out into a folder of the runner's, and gives what removes it again.
func (s *step) tree(ctx context.Context, repo *git.Repo, commit string) (dir string, remove func() error, err error) {
	none := func() error { return nil }
	parent, err := os.MkdirTemp(s.env["RUNNER_TEMP"], "vpsync-tree-")
	if err != nil {
		return "", none, err
	}
	dir = filepath.Join(parent, "tree")
	if err := repo.AddWorktree(ctx, dir, commit); err != nil {
		return "", none, errors.Join(err, os.RemoveAll(parent))
	}
	return dir, func() error {
		return errors.Join(repo.RemoveWorktree(context.WithoutCancel(ctx), dir), os.RemoveAll(parent))
	}, nil
}

// apart takes the stack of a pull request from a work tree of its own where it would have git's folder beside it: a stack may read what lies
// in its folder, and actions/checkout leaves a token in .git/config.
func (s *step) apart(ctx context.Context) (remove func() error, err error) {
	remove = func() error { return nil }
	if info, err := os.Lstat(filepath.Join(s.dir, ".git")); err != nil || !info.IsDir() {
		return remove, nil
	}
	repo, err := s.repo(ctx)
	dir := ""
	if err == nil {
		dir, remove, err = s.tree(ctx, repo, "HEAD")
	}
	if err != nil {
		return remove, &remedyError{summary: "The pull request cannot be checked out", detail: sentenceOf(err.Error())}
	}
	s.dir = dir
	return remove, nil
}

// hasStack: the folder has files of a configuration.
func hasStack(dir string, info fs.FileInfo) bool {
	if !info.IsDir() {
		return false
	}
	for _, pattern := range []string{"*.hcl", "*.hcl.json"} {
		if found, _ := filepath.Glob(filepath.Join(dir, pattern)); len(found) > 0 {
			return true
		}
	}
	return false
}

// repo is the repository of the checkout. The settings, programs and questions that a machine may have for git are not for it.
func (s *step) repo(ctx context.Context) (*git.Repo, error) {
	return git.Open(ctx, s.workspace, git.Options{Env: s.env, Home: os.DevNull, Offline: true, Timeout: 5 * time.Minute})
}
