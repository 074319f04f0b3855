package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// base is the folder of the stack as it is on the branch that a pull request wants to be merged into, or "" where that has none; and what
// removes it again. It is a second work tree of the same repository, so nothing is fetched, and a state that is kept in the repository
// is found from it.
//
// Which commit that is, GitHub says. A checkout of the trial merge (what actions/checkout does) has it as the first parent: GITHUB_SHA is
// GitHub's word, and its second parent must be the head that the event names. Any other checkout must hold the event's base commit.
func (s *step) base(ctx context.Context) (dir string, remove func() error, err error) {
	remove = func() error { return nil }
	commit := s.pull.Base.SHA
	if merge := s.env["GITHUB_SHA"]; isCommit(merge) {
		if line, err := s.git(ctx, "rev-list", "--parents", "--max-count=1", merge); err == nil {
			if ids := strings.Fields(line); len(ids) == 3 && ids[0] == merge && ids[2] == s.pull.Head.SHA && isCommit(ids[1]) {
				commit = ids[1]
			}
		}
	}
	if _, err := s.git(ctx, "cat-file", "-e", commit+"^{tree}"); err != nil {
		return "", remove, &remedyError{summary: "The reviewed stack is not at hand",
			detail: fmt.Sprintf("The stack of a pull request is held against the branch that it wants to be merged into, and the checkout does not have that one's commit %s (%s).", commit, strings.TrimSuffix(err.Error(), ".")),
			remedy: "- uses: actions/checkout@v4\n  with:\n    fetch-depth: 2"}
	}
	tree, remove, err := s.tree(ctx, commit)
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
func (s *step) tree(ctx context.Context, commit string) (dir string, remove func() error, err error) {
	none := func() error { return nil }
	parent, err := os.MkdirTemp(s.env["RUNNER_TEMP"], "vpsync-tree-")
	if err != nil {
		return "", none, err
	}
	dir = filepath.Join(parent, "tree")
	if _, err := s.git(ctx, "worktree", "add", "--detach", "--force", dir, commit); err != nil {
		return "", none, errors.Join(err, os.RemoveAll(parent))
	}
	return dir, func() error {
		_, err := s.git(context.WithoutCancel(ctx), "worktree", "remove", "--force", dir)
		return errors.Join(err, os.RemoveAll(parent))
	}, nil
}

// apart takes the stack of a pull request from a work tree of its own where it would have git's folder beside it: a stack may read what lies
// in its folder, and actions/checkout leaves a token in .git/config.
func (s *step) apart(ctx context.Context) (remove func() error, err error) {
	remove = func() error { return nil }
	if info, err := os.Lstat(filepath.Join(s.dir, ".git")); err != nil || !info.IsDir() {
		return remove, nil
	}
	dir, remove, err := s.tree(ctx, "HEAD")
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

// git runs git on the checkout, without the programs, settings and questions that a repository or a machine may have for it.
func (s *step) git(ctx context.Context, args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Minute)
	defer cancel()
	hardened := []string{"-C", s.workspace, "-c", "safe.directory=*", "-c", "core.hooksPath=" + os.DevNull, "-c", "core.fsmonitor=false", "-c", "protocol.allow=never",
		"-c", "core.autocrlf=false", "-c", "submodule.recurse=false", "-c", "gc.auto=0"}
	c := exec.CommandContext(ctx, "git", append(hardened, args...)...)
	c.Env = []string{"PATH=" + s.env["PATH"], "HOME=" + os.DevNull, "GIT_CONFIG_NOSYSTEM=1", "GIT_CONFIG_GLOBAL=" + os.DevNull, "GIT_TERMINAL_PROMPT=0", "GIT_NO_LAZY_FETCH=1", "LC_ALL=C"}
	if root := s.env["SYSTEMROOT"]; root != "" {
		c.Env = append(c.Env, "SYSTEMROOT="+root)
	}
	var out, errs bytes.Buffer
	c.Stdout, c.Stderr = &out, &errs
	if err := c.Run(); err != nil {
		return "", fmt.Errorf("git %s: %w: %s", args[0], err, strings.TrimSpace(errs.String()))
	}
	return strings.TrimSpace(out.String()), nil
}
