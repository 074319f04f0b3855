package git

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"strings"
	"time"
)

// Init makes a bare repository in a folder, or opens the one that is there. The folder is the caller's alone.
func Init(ctx context.Context, dir string, o Options) (*Repo, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	if _, err := os.Stat(filepath.Join(dir, "HEAD")); errors.Is(err, os.ErrNotExist) {
		o := o
		r := &Repo{dir: dir, options: o, env: environment(o)}
		if r.options.Timeout <= 0 {
			r.options.Timeout = time.Minute
		}
		if _, err := r.run(ctx, nil, "make a repository", "init", "--quiet", "--bare", "--template="); err != nil {
			return nil, err
		}
	}
	return Open(ctx, dir, o)
}

// Bounds of what [Repo.Export] writes.
const (
	mostFiles    = 20_000
	mostExported = 256 << 20 // bytes
)

// Export writes the files below a folder of a commit (empty for all of them) into dir, which does not exist yet. Links and
// submodules are no files, and are left out; so are empty folders.
func (r *Repo) Export(ctx context.Context, commit, folder, dir string) error {
	if !IsID(commit) {
		return &Error{Doing: "read files", Output: "no id was given"}
	}
	folder = strings.Trim(path.Clean("/"+folder), "/")
	out, err := r.run(ctx, nil, "list the files", "ls-tree", "-r", "-z", "--full-tree", "--end-of-options", commit+":"+folder)
	if err != nil {
		return err
	}
	var names, ids []string
	for entry := range strings.SplitSeq(out, "\x00") {
		head, name, found := strings.Cut(entry, "\t")
		fields := strings.Fields(head)
		if !found || len(fields) != 3 || !IsID(fields[2]) || !strings.HasPrefix(fields[0], "100") {
			continue
		}
		if !filepath.IsLocal(filepath.FromSlash(name)) {
			return &Error{Doing: "read files", Output: fmt.Sprintf("%q is no name that a file here may have", name)}
		}
		names, ids = append(names, name), append(ids, fields[2])
	}
	if len(names) > mostFiles {
		return &Error{Doing: "read files", Output: fmt.Sprintf("there are %d, and more than %d are not read", len(names), mostFiles)}
	}
	contents, err := r.Read(ctx, ids...)
	if err != nil {
		return err
	}
	if err := os.Mkdir(dir, 0o700); err != nil {
		return err
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer root.Close()
	total := 0
	for i, name := range names {
		if total += len(contents[i]); contents[i] == nil || total > mostExported {
			return &Error{Doing: "read files", Output: "they are too large, or not all there"}
		}
		local := filepath.FromSlash(name)
		if err := root.MkdirAll(filepath.Dir(local), 0o700); err != nil {
			return err
		}
		if err := root.WriteFile(local, bytes.Clone(contents[i]), 0o600); err != nil {
			return err
		}
	}
	return nil
}
