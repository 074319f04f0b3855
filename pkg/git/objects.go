package git

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Signature says who made a commit, and when.
type Signature struct {
	Name, Email string
	At          time.Time
}

// String is the form that git keeps: brackets and line ends cannot stand in it.
func (s Signature) String() string {
	clean := strings.NewReplacer("<", "", ">", "", "\n", " ", "\x00", "")
	return fmt.Sprintf("%s <%s> %d +0000", clean.Replace(s.Name), clean.Replace(s.Email), s.At.Unix())
}

// IsID: the text is a whole object id, SHA-1 or SHA-256.
func IsID(id string) bool {
	return (len(id) == 40 || len(id) == 64) && strings.Trim(id, "0123456789abcdef") == ""
}

// WriteBlobs writes contents as blobs, and gives their ids in the same order.
func (r *Repo) WriteBlobs(ctx context.Context, contents [][]byte) ([]string, error) {
	if len(contents) == 0 {
		return nil, nil
	}
	// One process for all of them: it reads files by their paths.
	dir, err := os.MkdirTemp("", "vpsync-git-") // made 0700
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	var paths strings.Builder
	for i, content := range contents {
		path := filepath.Join(dir, strconv.Itoa(i))
		if err := os.WriteFile(path, content, 0o600); err != nil {
			return nil, err
		}
		paths.WriteString(path + "\n")
	}
	out, err := r.run(ctx, strings.NewReader(paths.String()), "write objects", "hash-object", "-w", "--no-filters", "--stdin-paths")
	if err != nil {
		return nil, err
	}
	ids := strings.Fields(out)
	if len(ids) != len(contents) || slices.ContainsFunc(ids, func(id string) bool { return !IsID(id) }) {
		return nil, &Error{Doing: "write objects", Output: "it gave no ids"}
	}
	return ids, nil
}

// WriteTree writes a folder of files by name; names hold no slash.
func (r *Repo) WriteTree(ctx context.Context, files map[string]string) (string, error) {
	var entries strings.Builder
	for name, id := range files {
		fmt.Fprintf(&entries, "100644 blob %s\t%s\x00", id, name)
	}
	return r.oneID(ctx, strings.NewReader(entries.String()), "write a tree", "mktree", "-z")
}

// WriteCommit writes a commit of a tree.
func (r *Repo) WriteCommit(ctx context.Context, tree string, parents []string, by Signature, message string) (string, error) {
	var b strings.Builder
	fmt.Fprintf(&b, "tree %s\n", tree)
	for _, p := range parents {
		fmt.Fprintf(&b, "parent %s\n", p)
	}
	fmt.Fprintf(&b, "author %s\ncommitter %s\n\n%s", by, by, strings.ReplaceAll(message, "\x00", ""))
	return r.oneID(ctx, strings.NewReader(b.String()), "write a commit", "hash-object", "-w", "-t", "commit", "--stdin")
}

func (r *Repo) oneID(ctx context.Context, in io.Reader, doing string, args ...string) (string, error) {
	out, err := r.run(ctx, in, doing, args...)
	if err != nil {
		return "", err
	}
	id := strings.TrimSpace(out)
	if !IsID(id) {
		return "", &Error{Doing: doing, Output: "it gave no id"}
	}
	return id, nil
}

// Has says whether an object, and what it needs, is in this repository.
func (r *Repo) Has(ctx context.Context, id string) bool {
	_, err := r.run(ctx, nil, "look for a commit", "cat-file", "-e", id+"^{tree}")
	return err == nil
}

// maxObject bounds an object that is read, in bytes.
const maxObject = 256 << 20

// Read reads objects, each named as git names them ("COMMIT:FILE"), in the same order. One that does not exist is nil.
func (r *Repo) Read(ctx context.Context, names ...string) ([][]byte, error) {
	if len(names) == 0 {
		return nil, nil
	}
	for _, name := range names {
		if strings.ContainsAny(name, "\n\x00") {
			return nil, &Error{Doing: "read objects", Output: "a name holds a line end"}
		}
	}
	text, err := r.run(ctx, strings.NewReader(strings.Join(names, "\n")+"\n"), "read objects", "cat-file", "--batch")
	if err != nil {
		return nil, err
	}
	broken := &Error{Doing: "read objects", Output: "its answer was cut short"}
	in := bufio.NewReader(strings.NewReader(text))
	out := make([][]byte, len(names))
	for i := range names {
		head, err := in.ReadString('\n')
		if err != nil {
			return nil, broken
		}
		if strings.HasSuffix(head, " missing\n") {
			continue
		}
		fields := strings.Fields(head)
		if len(fields) != 3 {
			return nil, broken
		}
		size, err := strconv.ParseInt(fields[2], 10, 64)
		if err != nil || size < 0 || size > maxObject {
			return nil, broken
		}
		out[i] = make([]byte, size)
		if _, err := io.ReadFull(in, out[i]); err != nil {
			return nil, broken
		}
		if b, err := in.ReadByte(); err != nil || b != '\n' {
			return nil, broken
		}
	}
	return out, nil
}

// Commit is what stands in a commit.
type Commit struct {
	ID      string
	Parents []string
	Name    string    // of its committer
	At      time.Time // UTC
	Message string
}

// Log walks from a commit to its first parents, newest first; at most limit of them, or all for 0.
func (r *Repo) Log(ctx context.Context, from string, limit int) ([]Commit, error) {
	args := []string{"log", "-z", "--first-parent", "--no-show-signature", "--no-decorate", "--no-notes", "--no-patch", "--format=%H%n%P%n%cn%n%ct%n%B"}
	if limit > 0 {
		args = append(args, "--max-count="+strconv.Itoa(limit))
	}
	out, err := r.run(ctx, nil, "read the history", append(args, "--end-of-options", from)...)
	if err != nil {
		return nil, err
	}
	var all []Commit
	for text := range strings.SplitSeq(out, "\x00") {
		if text == "" {
			continue
		}
		parts := strings.SplitN(text, "\n", 5)
		if len(parts) != 5 {
			return nil, &Error{Doing: "read the history", Output: "its answer was cut short"}
		}
		seconds, err := strconv.ParseInt(parts[3], 10, 64)
		if err != nil {
			return nil, &Error{Doing: "read the history", Output: err.Error(), Err: err}
		}
		all = append(all, Commit{ID: parts[0], Parents: strings.Fields(parts[1]), Name: parts[2], At: time.Unix(seconds, 0).UTC(), Message: strings.TrimSpace(parts[4])})
	}
	return all, nil
}

// errNoRemote is about a remote that the repository does not know.
var errNoRemote = errors.New("no such remote")
