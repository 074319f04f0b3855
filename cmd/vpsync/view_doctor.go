package main

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/vpsync/vpsync/pkg/plan/render"
	"github.com/vpsync/vpsync/pkg/providers"
)

// writeDoctor shows each account: what its connection is worth, and its operations that change nothing.
func (a *app) writeDoctor(accounts []doctorAccount) error {
	for i, d := range accounts {
		if i > 0 {
			fmt.Fprintln(a.out)
		}
		at := render.Escape(d.Endpoint)
		if d.Emulated {
			at = "the sandbox"
		}
		fmt.Fprintf(a.out, "%s: %s at %s\n\n", render.Escape(d.Account), render.Escape(d.Title), at)
		rows := [][]string{
			{"reachability", d.Reachability.State, d.Reachability.words()},
			{"token", d.Token.State, d.tokenWords()},
			{"clock", d.Clock.State, d.Clock.words()},
		}
		for _, b := range d.RateLimits {
			rows = append(rows, []string{"rate limit", b.left(), b.words()})
		}
		switch {
		case len(d.RateLimits) == 0 && d.Requests == 0:
			rows = append(rows, []string{"rate limit", doctorUnknown, "nothing was sent"})
		case len(d.RateLimits) == 0:
			rows = append(rows, []string{"rate limit", doctorUnknown, "none: the definition names no class"})
		}
		if err := a.writeDetailed([]string{"CHECK", "RESULT", "DETAIL"}, rows); err != nil {
			return err
		}
		if err := a.writeOperations(d); err != nil {
			return err
		}
	}
	return nil
}

// writeOperations shows the verdicts; what would change something is only counted.
func (a *app) writeOperations(d doctorAccount) error {
	if !slices.ContainsFunc(d.Operations, func(o doctorOperation) bool { return o.Asked }) {
		_, err := fmt.Fprintf(a.out, "\n%s sent. No operation could be compared with the definition.\n", render.Plural(d.Requests, "request"))
		return err
	}
	fmt.Fprintln(a.out)
	var rows [][]string
	for _, o := range d.Operations {
		if o.Writes {
			continue
		}
		detail := o.Reason
		if o.Verdict == providers.VerdictRefuted {
			detail = fmt.Sprintf("%s:%d: %s", o.File, o.Line, o.Reason)
		}
		rows = append(rows, []string{o.Of + " " + o.Operation, o.Request, string(o.Verdict), detail})
	}
	if err := a.writeDetailed([]string{"OPERATION", "REQUEST", "VERDICT", "DETAIL"}, rows); err != nil {
		return err
	}
	n := d.Counts
	told := fmt.Sprintf("%s sent: %d confirmed, %d refuted, %d documented, %d not checkable.", render.Plural(d.Requests, "request"),
		n.Confirmed, n.Refuted, n.Documented, n.NotCheckable-n.Writes)
	if n.Writes > 0 {
		verb := "were"
		if n.Writes == 1 {
			verb = "was"
		}
		told += fmt.Sprintf(" %s that would change something %s not tried; --json lists them.", render.Plural(n.Writes, "operation"), verb)
	}
	fmt.Fprintln(a.out)
	return render.Prose(a.out, 0, 0, told, a.outOptions())
}

// writeDetailed writes a table whose last column is a sentence. Where a terminal is too narrow for it, the sentences follow the table,
// whole.
func (a *app) writeDetailed(header []string, rows [][]string) error {
	table := func(columns int) *render.Table {
		t := render.NewTable(header[:columns]...)
		for _, row := range rows {
			t.Row(row[:columns]...)
		}
		return t
	}
	all, last := len(header), len(header)-1
	var whole strings.Builder
	_ = table(all).Write(&whole, render.Options{Width: 1 << 20})
	widest := 0
	for line := range strings.Lines(whole.String()) {
		widest = max(widest, render.Width(strings.TrimSuffix(line, "\n")))
	}
	if !a.outTerminal || widest <= a.outWidth() {
		return table(all).Write(a.out, a.tableOptions())
	}
	if err := table(last).Write(a.out, a.tableOptions()); err != nil {
		return err
	}
	fmt.Fprintln(a.out)
	for _, row := range rows {
		if row[last] == "" {
			continue
		}
		if err := render.Prose(a.out, 2, 2, render.Escape(row[0]+": "+row[last]), a.outOptions()); err != nil {
			return err
		}
	}
	return nil
}

func (r doctorReach) words() string {
	var parts []string
	if len(r.Addresses) > 0 {
		parts = append(parts, fmt.Sprintf("%s is %s", r.Host, strings.Join(r.Addresses, ", ")))
	}
	if r.Connected != "" {
		parts = append(parts, "connected to "+r.Connected)
	}
	if r.TLS != "" {
		parts = append(parts, r.TLS)
	}
	if day, _, ok := strings.Cut(r.CertificateEnds, "T"); ok {
		parts = append(parts, "its certificate ends on "+day)
	}
	switch {
	case r.FailedAt == doctorAtAddress:
		parts = append(parts, "nothing was sent: "+r.Detail)
	case r.FailedAt != "":
		parts = append(parts, r.FailedAt+": "+r.Detail)
	case r.State == doctorUnknown:
		parts = append(parts, "nothing was sent")
	}
	return strings.Join(parts, "; ")
}

func (d doctorAccount) tokenWords() string {
	switch t := d.Token; {
	case t.State == doctorMissing:
		return t.Variable + " is not set"
	case t.State == doctorFailed:
		return t.Detail
	case t.Variable == "":
		return ""
	case t.State == doctorOK:
		return t.Variable + " is set, and the API accepts it"
	default:
		return t.Variable + ": no answer told"
	}
}

func (c doctorClock) words() string {
	if c.State == doctorUnknown {
		return "no answer had a date"
	}
	return "the API's is " + clockWords(providers.ClockReading{Told: true, Ahead: time.Duration(c.Ahead * float64(time.Second))})
}

// clockWords says how a clock goes, to the second.
func clockWords(r providers.ClockReading) string {
	const among = "this machine's"
	switch d := r.Ahead.Round(time.Second); {
	case d > 0:
		return fmt.Sprintf("%s ahead of %s", d, among)
	case d < 0:
		return fmt.Sprintf("%s behind %s", -d, among)
	}
	return "like " + among
}

func (b doctorBudget) left() string {
	if b.Remaining == nil {
		return doctorUnknown
	}
	return fmt.Sprintf("%d of %d", *b.Remaining, b.Limit)
}

func (b doctorBudget) words() string {
	switch {
	case b.Remaining == nil:
		return fmt.Sprintf("%s: no answer told; the definition says %d", b.Class, b.Limit)
	case b.Reset != "":
		return fmt.Sprintf("%s, until %s", b.Class, b.Reset)
	}
	return b.Class
}
