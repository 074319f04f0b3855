package main

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
)

// commit is the commit of the git work tree that the stack lies in, or the one that a CI run names, or empty. It is what HEAD
// names: whether files were edited since, only git can tell.
func (a *app) commit() string {
	if a.at != "" {
		return a.at
	}
	if dir, err := filepath.Abs(a.dir); err == nil {
		if id := gitCommit(dir); id != "" {
			return id
		}
	}
	if id := a.env["GITHUB_SHA"]; isCommit(id) {
		return id
	}
	return ""
}

// gitCommit reads what `git rev-parse HEAD` prints. It starts no git: a repository can configure programs that git would run,
// and there may be none. What it does not understand, such as reftables, it does not know.
func gitCommit(dir string) string {
	for {
		path := filepath.Join(dir, ".git")
		if info, err := os.Stat(path); err == nil {
			if !info.IsDir() { // of a linked work tree, or a submodule: a file that says where the folder is
				to, ok := strings.CutPrefix(gitLine(path), "gitdir: ")
				if !ok {
					return ""
				}
				path = below(dir, to)
			}
			return gitHead(path)
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			return ""
		}
		dir = parent
	}
}

// gitHead is the commit that HEAD of a git folder names.
func gitHead(dir string) string {
	common := dir // branches are shared between linked work trees
	if to := gitLine(filepath.Join(dir, "commondir")); to != "" {
		common = below(dir, to)
	}
	text := gitLine(filepath.Join(dir, "HEAD"))
	for range 5 { // a reference may name another one
		name, ok := strings.CutPrefix(text, "ref: ")
		if !ok {
			break
		}
		if !strings.HasPrefix(name, "refs/") || !filepath.IsLocal(name) {
			return ""
		}
		if text = gitLine(filepath.Join(common, filepath.FromSlash(name))); text == "" {
			text = packedRef(common, name)
		}
	}
	if isCommit(text) {
		return text
	}
	return ""
}

// packedRef looks a reference up among those that have no file of their own.
func packedRef(dir, name string) string {
	for line := range strings.Lines(gitText(filepath.Join(dir, "packed-refs"), 16<<20)) {
		if id, ref, ok := strings.Cut(strings.TrimSpace(line), " "); ok && ref == name {
			return id
		}
	}
	return ""
}

// gitLine is the first line of a small file, or empty.
func gitLine(path string) string {
	line, _, _ := strings.Cut(gitText(path, 4<<10), "\n")
	return strings.TrimSpace(line)
}

// gitText is the start of a file, or empty where there is none that can be read.
func gitText(path string, limit int64) string {
	info, err := os.Stat(path) // first: to open a pipe is to wait for its other end
	if err != nil || !info.Mode().IsRegular() {
		return ""
	}
	f, err := os.Open(path)
	if err != nil {
		return ""
	}
	data, err := io.ReadAll(io.LimitReader(f, limit))
	if errors.Join(err, f.Close()) != nil {
		return ""
	}
	return string(data)
}

func below(dir, path string) string {
	if filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(dir, path)
}

// isCommit: the text is a whole commit id, SHA-1 or SHA-256.
func isCommit(id string) bool {
	return (len(id) == 40 || len(id) == 64) && strings.Trim(id, "0123456789abcdef") == ""
}
