package github

import (
	"context"
	"fmt"
	"net/http"
	"regexp"
	"time"
)

// Pull is a pull request.
type Pull struct {
	Number      int        `json:"number"`
	State       string     `json:"state"` // open, closed
	MergedAt    *time.Time `json:"merged_at"`
	MergeCommit string     `json:"merge_commit_sha"`
	Head        Side       `json:"head"`
	Base        Side       `json:"base"`
}

// Side is one end of a pull request. Repo is nil where the repository was deleted.
type Side struct {
	SHA  string `json:"sha"`
	Ref  string `json:"ref"`
	Repo *Repo  `json:"repo"`
}

// Repo is a repository.
type Repo struct {
	FullName string `json:"full_name"`
}

// FromFork: its commits come from another repository than the one that it wants to be merged into.
func (p Pull) FromFork() bool {
	return p.Head.Repo == nil || p.Base.Repo == nil || p.Head.Repo.FullName != p.Base.Repo.FullName
}

// Commit is the form of a commit's whole id.
var Commit = regexp.MustCompile(`^([0-9a-f]{40}|[0-9a-f]{64})$`)

// Pull is the pull request with this number.
func (c *Client) Pull(ctx context.Context, repository string, number int) (Pull, error) {
	address, err := c.repos(repository, "/pulls/%d", number)
	if err != nil {
		return Pull{}, err
	}
	var p Pull
	err = c.call(ctx, http.MethodGet, address, true, nil, &p)
	return p, err
}

// MergedAs is the pull request whose merge made a commit, or nil: a commit that somebody pushed was none's.
func (c *Client) MergedAs(ctx context.Context, repository, commit string) (*Pull, error) {
	if !Commit.MatchString(commit) {
		return nil, fmt.Errorf("%q is no commit", commit)
	}
	address, err := c.repos(repository, "/commits/%s/pulls?per_page=100", commit)
	if err != nil {
		return nil, err
	}
	var all []Pull
	if err := c.call(ctx, http.MethodGet, address, true, nil, &all); err != nil {
		return nil, err
	}
	for _, p := range all {
		if p.MergedAt != nil && p.MergeCommit == commit && p.Base.Repo != nil && p.Base.Repo.FullName == repository {
			return &p, nil
		}
	}
	return nil, nil
}
