package git

import (
	"context"
	"errors"
	"fmt"
	"strings"
)

// CheckRef says what is wrong with the name of a reference, or nothing. It is stricter than git.
func CheckRef(name string) error {
	if !strings.HasPrefix(name, "refs/") {
		return fmt.Errorf("%q does not begin with refs/", name)
	}
	for part := range strings.SplitSeq(name, "/") {
		ok := part != "" && !strings.HasPrefix(part, ".") && !strings.HasSuffix(part, ".") && !strings.HasSuffix(part, ".lock") && !strings.Contains(part, "..")
		ok = ok && strings.Trim(part, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-+") == ""
		if !ok {
			return fmt.Errorf("%q cannot be a part of a reference's name", part)
		}
	}
	return nil
}

// URL is what a remote's name stands for, without credentials. The error says that there is none.
func (r *Repo) URL(ctx context.Context, remote string) (string, error) {
	out, err := r.run(ctx, nil, "look for the remote "+remote, "remote", "get-url", "--", remote)
	if err != nil {
		return "", &Error{Doing: "look for the remote " + remote, Output: "this repository has no remote of that name", Err: errors.Join(errNoRemote, err)}
	}
	return withoutCredentials(strings.TrimSpace(out)), nil
}

// SetURL says where a remote is, which the repository may not know yet.
func (r *Repo) SetURL(ctx context.Context, remote, url string) error {
	_, err := r.run(ctx, nil, "note where "+remote+" is", "config", "--local", "--replace-all", "remote."+remote+".url", url)
	return err
}

// IsNoRemote: the repository does not know the remote.
func IsNoRemote(err error) bool { return errors.Is(err, errNoRemote) }

// Refs asks a remote what references point at. Those that it does not have are missing in the answer.
func (r *Repo) Refs(ctx context.Context, remote string, names ...string) (map[string]string, error) {
	out, err := r.run(ctx, nil, "ask the remote "+remote, append([]string{"ls-remote", "--refs", "--end-of-options", remote}, names...)...)
	if err != nil {
		return nil, err
	}
	wanted := map[string]bool{}
	for _, name := range names {
		wanted[name] = true
	}
	refs := map[string]string{}
	for line := range strings.Lines(out) {
		id, name, ok := strings.Cut(strings.TrimSpace(line), "\t")
		if ok && IsID(id) && wanted[name] { // git matches the end of a name
			refs[name] = id
		}
	}
	return refs, nil
}

// Fetch brings a commit that a remote's reference points at, with its history, and changes no reference. A remote may refuse one that
// nothing points at any more.
func (r *Repo) Fetch(ctx context.Context, remote, id string) error {
	if !IsID(id) {
		return &Error{Doing: "fetch", Output: "no id was given"}
	}
	_, err := r.run(ctx, nil, "fetch from "+remote, "fetch", "--quiet", "--no-tags", "--no-write-fetch-head", "--no-recurse-submodules", "--refmap=", "--end-of-options", remote, id)
	return err
}

// Update is what becomes of one reference of a remote: New in the place of Old. An empty Old is a reference that does not exist; an empty
// New deletes it.
type Update struct{ Ref, Old, New string }

// Push changes references of a remote, all or none of them, and only where each is what was expected. An error alone does not say that
// nothing was changed: an answer may have been lost.
func (r *Repo) Push(ctx context.Context, remote string, updates ...Update) error {
	args := []string{"push", "--porcelain", "--no-verify", "--no-signed", "--no-follow-tags", "--atomic"}
	for _, u := range updates {
		args = append(args, "--force-with-lease="+u.Ref+":"+u.Old)
	}
	args = append(args, "--end-of-options", remote)
	for _, u := range updates {
		args = append(args, u.New+":"+u.Ref)
	}
	_, err := r.run(ctx, nil, "push to "+remote, args...)
	return err
}

// Local is what a reference of this repository points at, or empty.
func (r *Repo) Local(ctx context.Context, name string) string {
	out, err := r.run(ctx, nil, "look for "+name, "rev-parse", "--verify", "--quiet", "--end-of-options", name)
	id := strings.TrimSpace(out)
	if err != nil || !IsID(id) {
		return ""
	}
	return id
}

// SetLocal makes a reference of this repository point at a commit.
func (r *Repo) SetLocal(ctx context.Context, name, id string) error {
	_, err := r.run(ctx, nil, "note "+name, "update-ref", "--no-deref", name, id)
	return err
}
