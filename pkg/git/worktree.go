package git

import (
	"context"
	"strings"
)

// Parents are those of a commit that is here, in their order.
func (r *Repo) Parents(ctx context.Context, commit string) ([]string, error) {
	if !IsID(commit) {
		return nil, &Error{Doing: "look for a commit", Output: "no id was given"}
	}
	out, err := r.run(ctx, nil, "look for "+commit, "rev-list", "--parents", "--max-count=1", "--end-of-options", commit)
	if err != nil {
		return nil, err
	}
	ids := strings.Fields(out)
	if len(ids) == 0 || ids[0] != commit {
		return nil, &Error{Doing: "look for " + commit, Output: "it is another one"}
	}
	return ids[1:], nil
}

// CheckTree says why the files of a commit are not here, or nothing.
func (r *Repo) CheckTree(ctx context.Context, commit string) error {
	_, err := r.run(ctx, nil, "look for "+commit, "cat-file", "-e", commit+"^{tree}")
	return err
}

// AddWorktree checks a commit out into a folder that does not exist yet, as another work tree of the repository.
func (r *Repo) AddWorktree(ctx context.Context, dir, commit string) error {
	_, err := r.run(ctx, nil, "check out "+commit, "worktree", "add", "--detach", "--force", dir, commit)
	return err
}

// RemoveWorktree takes such a work tree away again, whatever is in it.
func (r *Repo) RemoveWorktree(ctx context.Context, dir string) error {
	_, err := r.run(ctx, nil, "remove "+dir, "worktree", "remove", "--force", dir)
	return err
}
