package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/vpsync/vpsync/pkg/plan/render"
	"github.com/vpsync/vpsync/pkg/spec"
)

type fmtOptions struct {
	check     bool
	diff      bool
	recursive bool
}

func (a *app) fmtCommand() *cobra.Command {
	var o fmtOptions
	c := &cobra.Command{
		Use: "fmt [FILE|DIR|-]...", Short: "Lay out HCL in its canonical form",
		Long: `Rewrites *.hcl files in the layout that every tool for HCL gives them, and lists those that it changed: without
arguments all of the stack's folder, variable files and provider definitions among them. Only blanks between words
change. A file is replaced as a whole or not at all; one that does not parse is reported and left alone, and so is a
link in a folder. - formats what stands on standard input to standard output.

With --check nothing is written, and the exit code is 1 when a file is not formatted.`,
		Example: "  vpsync fmt\n  vpsync fmt --check --diff\n  vpsync fmt --recursive stacks\n  vpsync fmt - < main.hcl",
		RunE:    func(c *cobra.Command, args []string) error { return a.fmt(c.Context(), o, args) },
	}
	c.Flags().BoolVar(&o.check, "check", false, "write nothing; exit with 1 when a file is not formatted")
	c.Flags().BoolVar(&o.diff, "diff", false, "print a unified diff instead of the names of files")
	c.Flags().BoolVar(&o.recursive, "recursive", false, "folders with all that is in them, but for hidden ones")
	c.ValidArgsFunction = func(*cobra.Command, []string, string) ([]cobra.Completion, cobra.ShellCompDirective) {
		return []cobra.Completion{"hcl"}, cobra.ShellCompDirectiveFilterFileExt
	}
	return c
}

// fmtDocument is what fmt did, for programs.
type fmtDocument struct {
	FormatVersion string            `json:"format_version"`
	Files         []fmtFileDocument `json:"files"`
	Diagnostics   spec.Diagnostics  `json:"diagnostics"`
}

type fmtFileDocument struct {
	File      string `json:"file"`
	Formatted bool   `json:"formatted"` // it was so already
	Written   bool   `json:"written"`
	Diff      string `json:"diff,omitempty"`
}

func (a *app) fmt(ctx context.Context, o fmtOptions, args []string) error {
	if slices.Contains(args, "-") {
		if len(args) > 1 {
			return wrongUsage("- is standard input, which is formatted alone")
		}
		return a.fmtInput(o)
	}
	if len(args) == 0 {
		args = []string{a.dir}
	}
	files, diags := hclFiles(args, o.recursive)
	doc := fmtDocument{FormatVersion: render.FormatVersion, Files: []fmtFileDocument{}, Diagnostics: spec.Diagnostics{}}
	loose, written := 0, 0
	for _, path := range files {
		if err := ctx.Err(); err != nil {
			return err
		}
		before, after, problems := formatFile(path)
		if problems.HasErrors() {
			diags = append(diags, problems...)
			continue
		}
		entry := fmtFileDocument{File: path, Formatted: bytes.Equal(before, after)}
		if !entry.Formatted {
			loose++
			if !o.check {
				if err := replaceFile(path, after); err != nil {
					diags = append(diags, fileProblem("File cannot be written", err.Error()))
					continue
				}
				entry.Written = true
				written++
			}
			if o.diff {
				entry.Diff = layoutDiff(path, before, after)
			}
			if !a.json {
				if err := a.tellLayout(entry); err != nil {
					return err
				}
			}
		}
		doc.Files = append(doc.Files, entry)
	}
	if a.json {
		doc.Diagnostics = append(doc.Diagnostics, diags...)
		if err := a.printJSON(doc); err != nil {
			return err
		}
	} else if err := render.Diagnostics(a.errs, diags, a.errOptions()); err != nil {
		return err
	}
	switch {
	case diags.HasErrors() && written > 0:
		return exitWith(exitIncomplete)
	case diags.HasErrors(), o.check && loose > 0:
		return exitWith(exitFailed)
	}
	return nil
}

// tellLayout names a file that is not formatted, or was not, or shows what differs.
func (a *app) tellLayout(f fmtFileDocument) error {
	text := render.Escape(f.File) + "\n"
	if f.Diff != "" {
		text = a.fit(f.Diff)
	}
	_, err := io.WriteString(a.out, text)
	return err
}

// fit is the text of a file for standard output: to the letter for a program, escaped for a terminal.
func (a *app) fit(text string) string {
	if a.outTerminal {
		return render.EscapeLines(text)
	}
	return text
}

func (a *app) fmtInput(o fmtOptions) error {
	const name = "<stdin>"
	if a.json {
		return wrongUsage("- prints the text that it formatted, which is no JSON")
	}
	src, err := io.ReadAll(io.LimitReader(a.in, spec.MaxFileBytes+1))
	if err != nil {
		return err
	}
	out, diags := spec.FormatSource(src, name)
	if diags.HasErrors() {
		return diags
	}
	formatted := bytes.Equal(src, out)
	switch {
	case o.diff && !formatted:
		_, err = io.WriteString(a.out, a.fit(layoutDiff(name, src, out)))
	case o.diff:
	case !o.check:
		_, err = io.WriteString(a.out, a.fit(string(out)))
	case !formatted:
		_, err = fmt.Fprintln(a.out, name)
	}
	if err == nil && o.check && !formatted {
		return exitWith(exitFailed)
	}
	return err
}

// hclFiles are the *.hcl files that arguments name, each once.
func hclFiles(args []string, recursive bool) ([]string, spec.Diagnostics) {
	var files []string
	var diags spec.Diagnostics
	refuse := func(format string, words ...any) {
		diags = append(diags, fileProblem("File cannot be formatted", fmt.Sprintf(format, words...)))
	}
	for _, arg := range args {
		info, err := os.Stat(arg)
		switch {
		case err != nil:
			refuse("the file %s cannot be read: %s", arg, withoutPath(err))
		case info.IsDir():
			found, err := hclFilesIn(arg, recursive)
			if err != nil {
				refuse("%s", err)
			}
			files = append(files, found...)
		case strings.HasSuffix(arg, ".hcl.json"):
			refuse("the file %s is JSON, whose layout is the business of the program that writes it", arg)
		case !strings.HasSuffix(arg, ".hcl"):
			refuse("the name of %s does not end in .hcl", arg)
		case !info.Mode().IsRegular():
			refuse("the file %s is not a regular one", arg)
		default:
			files = append(files, filepath.Clean(arg))
		}
	}
	slices.Sort(files)
	return slices.Compact(files), diags
}

// fileProblem is a message about a file that has no line to point at.
func fileProblem(summary, detail string) spec.Diagnostic {
	return spec.Diagnostic{Severity: spec.SeverityError, Summary: summary, Detail: sentenceOf(detail)}
}

// hclFilesIn are those of a folder, without what is hidden. Links are left out: what they lead to is formatted where it lies.
func hclFilesIn(dir string, recursive bool) ([]string, error) {
	var files []string
	root := filepath.Clean(dir) + string(filepath.Separator) // so that a folder which is named by a link is gone into
	err := filepath.WalkDir(root, func(path string, e fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case path == root:
		case e.IsDir():
			if !recursive || strings.HasPrefix(e.Name(), ".") {
				return fs.SkipDir
			}
		case strings.HasPrefix(e.Name(), "."), !e.Type().IsRegular():
		case strings.HasSuffix(e.Name(), ".hcl"):
			files = append(files, path)
		}
		return nil
	})
	return files, err
}

// formatFile reads a file, and says how it should be laid out.
func formatFile(path string) (before, after []byte, diags spec.Diagnostics) {
	f, err := os.Open(path)
	if err == nil {
		before, err = io.ReadAll(io.LimitReader(f, spec.MaxFileBytes+1))
		err = errors.Join(err, f.Close())
	}
	if err != nil {
		return nil, nil, spec.Diagnostics{fileProblem("File cannot be read", err.Error())}
	}
	after, diags = spec.FormatSource(before, filepath.ToSlash(path))
	return before, after, diags
}

// replaceFile gives a file another content, as a whole or not at all, and keeps its mode. Of a link it is the file behind it.
func replaceFile(path string, data []byte) error {
	path, err := filepath.EvalSymlinks(path)
	if err != nil {
		return err
	}
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(path), ".vpsync-fmt-*") // hidden, so that no stack reads one that a crash left
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	_, err = f.Write(data)
	if err := errors.Join(err, f.Chmod(info.Mode().Perm()), f.Sync(), f.Close()); err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}

// diffAround is how many unchanged lines a unified diff shows around a change.
const diffAround = 3

// layoutDiff is a unified diff of two layouts of a file. No line is added or lost between them, so they are compared in pairs.
func layoutDiff(name string, before, after []byte) string {
	old, now := strings.SplitAfter(string(before), "\n"), strings.SplitAfter(string(after), "\n")
	n := min(len(old), len(now))
	if n > 0 && old[n-1] == "" && now[n-1] == "" { // what follows the last end of a line
		n--
	}
	name = filepath.ToSlash(render.Escape(name))
	var b strings.Builder
	fmt.Fprintf(&b, "--- %s\n+++ %s\n", name, name)
	line := func(sign, text string) {
		b.WriteString(sign + text)
		if !strings.HasSuffix(text, "\n") {
			b.WriteString("\n\\ No newline at end of file\n")
		}
	}
	for i := 0; i < n; {
		if old[i] == now[i] {
			i++
			continue
		}
		last := i // of the changes that share a hunk
		for j := i; j < n && j <= last+2*diffAround; j++ {
			if old[j] != now[j] {
				last = j
			}
		}
		from, to := max(0, i-diffAround), min(n, last+1+diffAround)
		fmt.Fprintf(&b, "@@ -%d,%d +%d,%d @@\n", from+1, to-from, from+1, to-from)
		for j := from; j < to; {
			if old[j] == now[j] {
				line(" ", old[j])
				j++
				continue
			}
			end := j
			for end < to && old[end] != now[end] {
				end++
			}
			for _, text := range old[j:end] {
				line("-", text)
			}
			for _, text := range now[j:end] {
				line("+", text)
			}
			j = end
		}
		i = to
	}
	return b.String()
}
