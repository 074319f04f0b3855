package main

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/vpsync/vpsync/internal/shell"
	"github.com/vpsync/vpsync/pkg/plan/render"
	"github.com/vpsync/vpsync/pkg/spec"
)

// warnOfReaders says once which of vpsync's own files others can read: the state and its log, the folder of its backups, and the keys of
// secrets. They are made 0600, and folders 0700; a copy, or a backup program, may have given them another mode.
func (a *app) warnOfReaders() {
	a.readersTold.Do(func() {
		state := a.statePath()
		files := []string{state, state + "-wal", filepath.Join(filepath.Dir(state), "backups")}
		if dir := a.keyDir(); dir != "" {
			keys, _ := filepath.Glob(filepath.Join(dir, "keys", "*"))
			files = append(append(files, filepath.Join(dir, "keys")), keys...)
		}
		a.warnIfReadable(files...)
	})
}

// warnIfReadable says which of these files others than their owner can read or write, and how to close them.
func (a *app) warnIfReadable(files ...string) {
	if runtime.GOOS == "windows" { // it has no permission bits
		return
	}
	var open, remedy []string
	for _, path := range files {
		info, err := os.Stat(path)
		if err != nil || info.Mode().Perm()&0o077 == 0 || !info.Mode().IsRegular() && !info.IsDir() {
			continue
		}
		open = append(open, fmt.Sprintf("%s (%s)", path, info.Mode().Perm()))
		remedy = append(remedy, fmt.Sprintf("chmod %o %s", closedMode(info), shell.Word(path)))
	}
	if len(open) == 0 {
		return
	}
	what := "A file of vpsync's can be read by others"
	if len(open) > 1 {
		what = fmt.Sprintf("%d files of vpsync's can be read by others", len(open))
	}
	const most = 8
	if len(open) > most {
		open = append(open[:most:most], fmt.Sprintf("and %d more", len(open)-most))
	}
	_ = render.Diagnostics(a.errs, spec.Diagnostics{{Severity: spec.SeverityWarning, Summary: what,
		Detail: sentenceOf(strings.Join(open, ", ")), Remedy: strings.Join(remedy, "\n")}}, a.errOptions())
}

// closedMode is the mode of what is its owner's alone.
func closedMode(info fs.FileInfo) fs.FileMode {
	if info.IsDir() {
		return 0o700
	}
	return 0o600
}
