package main

import (
	_ "embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/vpsync/vpsync/pkg/plan/render"
)

// starter is the stack to start from.
//
//go:embed starter/servosphere.hcl
var starter string

func (a *app) initCommand() *cobra.Command {
	c := &cobra.Command{
		Use: "init", Short: "Write a commented stack to start from",
		Long:    "Writes main.hcl, and lines for .vpsync/ into .gitignore. What exists is never overwritten.",
		Example: "  vpsync init\n  vpsync init -C infrastructure",
		RunE:    func(*cobra.Command, []string) error { return a.init() },
	}
	return c
}

func (a *app) init() error {
	d := initDocument{FormatVersion: formatVersion, Wrote: []string{}, Changed: []string{}, LeftAlone: []string{}}
	if err := os.MkdirAll(a.dir, 0o755); err != nil {
		return err
	}
	existing, err := filepath.Glob(filepath.Join(a.dir, "*.hcl"))
	if err != nil {
		return err
	}
	inJSON, err := filepath.Glob(filepath.Join(a.dir, "*.hcl.json"))
	if err != nil {
		return err
	}
	existing = slices.DeleteFunc(append(existing, inJSON...), begunOnly)
	if len(existing) > 0 {
		d.LeftAlone = existing
		_ = render.Prose(a.errs, 0, 2, fmt.Sprintf("Left alone: %s. There is a stack already, so no main.hcl was written.",
			strings.Join(existing, ", ")), a.errOptions())
	} else if err := a.writeNew(&d, filepath.Join(a.dir, "main.hcl"), starter); err != nil {
		return err
	}
	if err := a.ignore(&d, filepath.Join(a.dir, ".gitignore")); err != nil {
		return err
	}
	if a.json {
		return a.printJSON(d)
	}
	_, err = fmt.Fprintf(a.out, "\nNext:\n  %s     # what would happen, on an emulated account\n  %s\n",
		a.command("vpsync plan --sandbox"), a.command("vpsync apply --sandbox"))
	return err
}

// did tells of a file as soon as it is there, so that an error after it hides nothing; programs read it in the document.
func (a *app) did(files *[]string, path, text string) {
	*files = append(*files, path)
	if !a.json {
		fmt.Fprintln(a.out, text)
	}
}

// The points of init where a crash leaves a different trace.
const (
	// BoundaryFileBegun: a file of a new stack exists, and nothing is in it.
	BoundaryFileBegun = "file begun"
	// BoundaryFileWritten: it is written.
	BoundaryFileWritten = "file written"
)

// begunOnly: an init that was killed has begun the file, and written nothing. Nobody misses what is not in it.
func begunOnly(path string) bool {
	info, err := os.Lstat(path)
	ours := filepath.Base(path) == "main.hcl" || filepath.Base(path) == ".gitignore"
	return err == nil && ours && info.Mode().IsRegular() && info.Size() == 0
}

// writeNew writes a file that must not exist, or has only been begun.
func (a *app) writeNew(d *initDocument, path, text string) error {
	mode := os.O_CREATE | os.O_EXCL | os.O_WRONLY
	if begunOnly(path) {
		mode = os.O_WRONLY
	}
	f, err := os.OpenFile(path, mode, 0o644)
	if err != nil {
		return err
	}
	a.boundary(BoundaryFileBegun)
	_, err = f.WriteString(text)
	if err := errors.Join(err, f.Close()); err != nil {
		return err
	}
	a.boundary(BoundaryFileWritten)
	a.did(&d.Wrote, path, "Wrote "+render.Escape(path))
	return nil
}

// boundary tells the test where the command is.
func (a *app) boundary(point string) {
	if a.hooks.boundary != nil {
		a.hooks.boundary(point)
	}
}

// ignore keeps state and secrets out of the repository.
func (a *app) ignore(d *initDocument, path string) error {
	const line = ".vpsync/"
	before, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) || begunOnly(path) {
		return a.writeNew(d, path, "# What vpsync keeps for itself: state, backups, the sandbox.\n"+line+"\n")
	}
	if err != nil {
		return err
	}
	for l := range strings.Lines(string(before)) {
		if strings.Trim(strings.TrimSpace(l), "/") == strings.Trim(line, "/") {
			return nil
		}
	}
	addition := line + "\n"
	if len(before) > 0 && !strings.HasSuffix(string(before), "\n") {
		addition = "\n" + addition
	}
	f, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	_, err = f.WriteString(addition)
	if err := errors.Join(err, f.Close()); err != nil {
		return err
	}
	a.did(&d.Changed, path, fmt.Sprintf("Added %s to %s", line, render.Escape(path)))
	return nil
}
