package main

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"syscall"
	"unicode"
	"unicode/utf8"

	"github.com/spf13/cobra"
	"github.com/vpsync/vpsync/pkg/apply"
	"github.com/vpsync/vpsync/pkg/plan/render"
	"github.com/vpsync/vpsync/pkg/providers"
	"github.com/vpsync/vpsync/pkg/spec"
	"github.com/vpsync/vpsync/pkg/state"
)

// The exit codes. exitNeedsAnswer wins over exitIncomplete.
const (
	exitDone        = 0
	exitFailed      = 1
	exitChanges     = 2
	exitIncomplete  = 3
	exitLocked      = 4
	exitNeedsAnswer = 5
	exitInterrupted = 130
)

type exitMeaning struct {
	code    int
	meaning string
}

var exitCodes = []exitMeaning{
	{exitDone, "done; nothing to do"},
	{exitFailed, "failed, and nothing was changed"},
	{exitChanges, "changes or drift present (plan --detailed-exitcode, drift)"},
	{exitIncomplete, "something was changed, but not everything, or not converged"},
	{exitLocked, "locked by another run"},
	{exitNeedsAnswer, "needs an answer from the operator"},
	{exitInterrupted, "interrupted before anything was changed"},
}

// commandExits are the codes of commands that end with more than 0 and 1, for the manual.
var commandExits = map[string][]int{
	"fmt":             {exitDone, exitFailed, exitIncomplete},
	"plan":            {exitDone, exitFailed, exitChanges, exitNeedsAnswer, exitInterrupted},
	"apply":           {exitDone, exitFailed, exitIncomplete, exitLocked, exitNeedsAnswer, exitInterrupted},
	"destroy":         {exitDone, exitFailed, exitIncomplete, exitLocked, exitNeedsAnswer, exitInterrupted},
	"drift":           {exitDone, exitFailed, exitChanges, exitInterrupted},
	"github run":      {exitDone, exitFailed, exitChanges, exitIncomplete, exitLocked, exitNeedsAnswer, exitInterrupted},
	"github post":     {exitDone, exitFailed, exitInterrupted},
	"task":            {exitDone, exitFailed, exitIncomplete, exitLocked, exitNeedsAnswer, exitInterrupted},
	"daemon":          {exitDone, exitFailed, exitChanges, exitLocked, exitNeedsAnswer},
	"doctor":          {exitDone, exitFailed, exitInterrupted},
	"import":          {exitDone, exitFailed, exitIncomplete, exitLocked, exitInterrupted},
	"resolve":         {exitDone, exitFailed, exitIncomplete, exitLocked, exitInterrupted},
	"state rm":        {exitDone, exitFailed, exitIncomplete, exitLocked},
	"state mv":        {exitDone, exitFailed, exitIncomplete, exitLocked},
	"state restore":   {exitDone, exitFailed, exitIncomplete, exitLocked, exitInterrupted},
	"state leftovers": {exitDone, exitFailed, exitIncomplete, exitLocked},
}

func exitCodeHelp() string {
	var b strings.Builder
	b.WriteString("Exit codes:\n")
	for _, e := range exitCodes {
		fmt.Fprintf(&b, "  %3d  %s\n", e.code, e.meaning)
	}
	return strings.TrimRight(b.String(), "\n")
}

func (a *app) exitCodesCommand() *cobra.Command {
	return &cobra.Command{
		Use: "exit-codes", Short: "What each exit code means", Long: exitCodeHelp(),
		RunE: func(*cobra.Command, []string) error {
			if a.json {
				return a.printJSON(newExitCodesDocument())
			}
			_, err := fmt.Fprintln(a.out, exitCodeHelp())
			return err
		},
	}
}

func newExitCodesDocument() exitCodesDocument {
	d := exitCodesDocument{FormatVersion: formatVersion}
	for _, e := range exitCodes {
		d.ExitCodes = append(d.ExitCodes, exitCodeDocument{e.code, e.meaning})
	}
	return d
}

// exitError ends a command with a code of its own. Where shown is set, everything has been said already.
type exitError struct {
	code  int
	shown bool
	err   error
}

func (e *exitError) Error() string {
	if e.err == nil {
		return fmt.Sprintf("exit code %d", e.code)
	}
	return e.err.Error()
}

func (e *exitError) Unwrap() error { return e.err }

// exitWith ends a command whose output is complete.
func exitWith(code int) error {
	if code == exitDone {
		return nil
	}
	return &exitError{code: code, shown: true}
}

// exitCodeOf is the one place where kinds of errors become codes.
func exitCodeOf(err error) int {
	var own *exitError
	var locked *state.LockedError
	switch {
	case err == nil:
		return exitDone
	case errors.As(err, &own):
		return own.code
	case errors.As(err, &locked):
		return exitLocked
	case errors.Is(err, state.ErrLockLost):
		return exitIncomplete
	}
	return exitFailed
}

// show prints an error with all that is known of it: places, the vendor's words, a remedy.
func (a *app) show(err error, code int) {
	var diags spec.Diagnostics
	if !errors.As(err, &diags) {
		diags = spec.Diagnostics{a.placed(a.describe(err))}
	}
	a.completeDiagnostics(diags)
	if a.lines != nil {
		a.lines.Diagnostics(diags)
		if !a.lines.ended {
			a.lines.Result(&apply.Result{}, code)
		}
	} else if a.json {
		if text, err := render.DiagnosticsJSON(diags, a.meta()); err == nil {
			_, _ = a.out.Write(text)
		}
	}
	if a.json && a.printed.failed.Load() == nil {
		return
	}
	_ = render.Diagnostics(a.errs, diags, a.errOptions())
}

// placed adds the source line to a message of this package, which knows a place and not what stands there. Those of pkg/spec are
// left alone: where they show no line, it holds a secret, or may.
func (a *app) placed(d spec.Diagnostic) spec.Diagnostic {
	if d.Range == nil || d.Range.Start.Line < 1 {
		return d
	}
	src, err := spec.ReadFile(a.dir, d.Range.File)
	if err != nil {
		return d // gone since
	}
	if lines := strings.Split(string(src), "\n"); d.Range.Start.Line <= len(lines) {
		d.Snippet = strings.TrimSuffix(lines[d.Range.Start.Line-1], "\r")
	}
	return d
}

// describe gives an error a summary and a remedy where its kind is known.
func (a *app) describe(err error) spec.Diagnostic {
	d := spec.Diagnostic{Severity: spec.SeverityError, Summary: "vpsync failed", Detail: sentenceOf(err.Error())}
	if a.ran != nil {
		d.Summary = a.ran.CommandPath() + " failed"
	}
	var (
		locked   *state.LockedError
		damaged  *state.DamagedError
		unusable *state.UnusableError
		endpoint *apply.EndpointError
		asked    *apply.AskError
		account  *apply.AccountError
		request  *providers.Error
		imported *apply.ImportError
		task     *apply.TaskError
		resolved *apply.ResolveError
		own      *remedyError
		usage    *usageError
	)
	switch {
	case errors.As(err, &own):
		d.Summary, d.Detail, d.Remedy, d.Range = own.summary, own.detail, own.remedy, own.at
	case errors.As(err, &usage):
		d.Summary, d.Remedy = "Wrong usage", "vpsync --help"
		if usage.at == nil {
			usage.at = a.ran
		}
		if usage.at != nil {
			d.Remedy = usage.at.CommandPath() + " --help"
		}
		if usage.remedy != "" {
			d.Remedy = usage.remedy
		}
	case errors.As(err, &locked):
		d.Summary = "The state is locked"
		if locked.Owner.ID != "" {
			d.Remedy = "vpsync unlock " + locked.Owner.ID + "    # only if that run is dead for certain"
		}
	case errors.As(err, &damaged):
		d.Summary = "The state is damaged"
		d.Detail = sentenceOf(fmt.Sprintf("%s: %s", damaged.Path, damaged.Problem)) + " Nothing was sent."
		d.Remedy = damaged.Remedy
	case errors.As(err, &unusable):
		d.Summary, d.Detail, d.Remedy = unusable.Summary, sentenceOf(unusable.Detail), unusable.Remedy
	case errors.As(err, &endpoint):
		d.Summary, d.Remedy = "The state belongs to another endpoint", a.otherEndpoint(endpoint)
	case errors.As(err, &account):
		d.Summary, d.Remedy = "The state and the configuration do not go together", unconfigured(account)
	case errors.As(err, &imported):
		d.Summary, d.Remedy = "Nothing was imported", imported.Remedy
	case errors.As(err, &task):
		d.Summary, d.Remedy = "The task was not sent", task.Remedy
	case errors.As(err, &resolved):
		d.Summary, d.Remedy = "Nothing was resolved", resolved.Remedy
	case errors.As(err, &request):
		d.Summary, d.Remedy = a.whyRefused(request)
		d.Detail = a.inAccount(request) + d.Detail
		if errors.As(err, &asked) {
			d.Detail, d.Range, d.Address = a.inAccount(request)+sentenceOf(asked.Err.Error()), &asked.Range, asked.Address.String()
		}
	case errors.Is(err, state.ErrLockLost):
		d.Summary = "The lock was broken by somebody else"
	case errors.Is(err, syscall.ENOSPC):
		d.Summary, d.Remedy = "The disk is full", "make room on it, and run the command again"
	case errors.Is(err, fs.ErrPermission), errors.Is(err, syscall.EROFS):
		d.Summary = "A file may not be used"
	}
	return d
}

// remedyError is an error of this package's own, whole.
type remedyError struct {
	summary, detail, remedy string
	at                      *spec.Range
}

func (e *remedyError) Error() string { return e.summary + ": " + e.detail }

func orElse(text, otherwise string) string {
	if text == "" {
		return otherwise
	}
	return text
}

func sentenceOf(text string) string {
	if text == "" {
		return ""
	}
	text = sentenceStart(text)
	if strings.ContainsAny(text[len(text)-1:], ".!?:") || strings.HasSuffix(text, ".)") {
		return text
	}
	return text + "."
}

func sentenceStart(text string) string {
	first, size := utf8.DecodeRuneInString(text)
	return string(unicode.ToUpper(first)) + text[size:]
}
