package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/vpsync/vpsync/pkg/plan/render"
	"github.com/vpsync/vpsync/pkg/spec"
	"github.com/vpsync/vpsync/pkg/state"
)

func (a *app) restoreCommand() *cobra.Command {
	autoApprove := false
	c := &cobra.Command{
		Use: "restore [BACKUP]", Short: "List the backups of the state, or put one in its place",
		Long: `Without an argument it lists the kept backups of the state, the newest first. With the name of one, or "latest" for the newest that
is whole and older than the state, it puts that backup in the place of the state, whether the state is whole, damaged or missing. It says first what differs between
the two, and asks. Nothing is sent: what was made since the backup shows as unmanaged in the next plan, and what was changed since as drift.

The state that is replaced is kept as a backup of its own, so that this can be undone. A backup that is damaged, of another state or of a
newer vpsync is refused.

Of a state in a git remote the backups are its last commits; putting one back is another commit.`,
		Example: "  vpsync state restore\n  vpsync state restore latest\n  vpsync state restore 20260314T150926.535Z-12 --auto-approve",
		RunE: func(c *cobra.Command, args []string) error {
			if len(args) == 0 {
				return a.listBackups(c.Context())
			}
			return a.restore(c.Context(), args[0], autoApprove)
		},
	}
	c.Flags().BoolVar(&autoApprove, "auto-approve", false, "do not ask")
	return a.completing(c, false, a.backupNames())
}

// backupDocument is one kept backup.
type backupDocument struct {
	Name      string     `json:"name"`
	Path      string     `json:"path"`
	Made      *time.Time `json:"made"` // null where its name does not say it
	Bytes     int64      `json:"bytes"`
	Whole     bool       `json:"whole"`             // it can be put back, where it is of this state
	Problem   string     `json:"problem,omitempty"` // why it cannot
	Lineage   string     `json:"lineage,omitempty"` // the rest is known of a whole one
	Serial    int64      `json:"serial"`
	Resources int        `json:"resources"`
}

func newBackupDocument(k state.Kept) backupDocument {
	d := backupDocument{Name: k.Name, Path: k.Path, Bytes: k.Size, Whole: k.Problem == nil, Lineage: k.Lineage, Serial: k.Serial, Resources: k.Resources}
	if !k.Made.IsZero() {
		d.Made = &k.Made
	}
	if k.Problem != nil {
		d.Problem = k.Problem.Error()
		if damaged := (*state.DamagedError)(nil); errors.As(k.Problem, &damaged) {
			d.Problem = damaged.Problem
		}
	}
	return d
}

func (a *app) listBackups(ctx context.Context) error {
	a.warnOfReaders()
	all, err := a.backups(ctx)
	if err != nil {
		return err
	}
	kept, err := all.list(ctx)
	if err != nil {
		return err
	}
	if a.json {
		docs := []backupDocument{}
		for _, k := range kept {
			docs = append(docs, newBackupDocument(k))
		}
		return a.printJSON(struct {
			FormatVersion string           `json:"format_version"`
			Backups       []backupDocument `json:"backups"`
		}{formatVersion, docs})
	}
	if len(kept) == 0 {
		fmt.Fprintf(a.errs, "There are no backups of %s.\n", all.where)
		return nil
	}
	t := render.NewTable("NAME", "MADE", "BYTES", "SERIAL", "RESOURCES")
	for _, k := range kept {
		made, serial, resources := "", "damaged", ""
		if !k.Made.IsZero() {
			made = render.Time(k.Made)
		}
		switch damaged := (*state.DamagedError)(nil); {
		case k.Problem == nil:
			serial, resources = fmt.Sprint(k.Serial), fmt.Sprint(k.Resources)
		case !errors.As(k.Problem, &damaged):
			serial = "unreadable"
		}
		size := ""
		if k.Size > 0 { // a commit has none
			size = fmt.Sprint(k.Size)
		}
		t.Row(k.Name, made, size, serial, resources)
	}
	return t.Write(a.out, a.tableOptions())
}

// backupNames offers the backups, and "latest" where there is one.
func (a *app) backupNames() offer {
	return func(ctx context.Context, _ []string) []word {
		all, err := a.backups(ctx)
		if err != nil {
			return nil
		}
		kept, _ := all.list(ctx)
		var out []word
		for _, k := range kept {
			if k.Problem == nil {
				out = append(out, word{k.Name, fmt.Sprintf("serial %d, %s", k.Serial, render.Plural(k.Resources, "resource"))})
			}
		}
		if len(out) > 0 {
			out = append([]word{{state.Latest, "the newest that is whole and older than the state"}}, out...)
		}
		return out
	}
}

// restoredDocument is what state restore did, and in what the state differs from the one that it replaced.
type restoredDocument struct {
	FormatVersion string         `json:"format_version"`
	Restored      backupDocument `json:"restored"`
	Serial        int64          `json:"serial"` // of the state now
	Kept          string         `json:"kept"`   // the file that holds the state before; empty where there was none
	// Problem is what was wrong with the state before. It was not read then, and nothing is known of what differs.
	Problem string   `json:"problem,omitempty"`
	Added   []string `json:"added"`   // addresses that are recorded again
	Gone    []string `json:"gone"`    // addresses that are not recorded any more; their objects stay
	Changed []string `json:"changed"` // addresses that are recorded as they were then
}

func (a *app) restore(ctx context.Context, name string, autoApprove bool) (err error) {
	a.warnOfReaders()
	all, err := a.backups(ctx)
	if err != nil {
		return err
	}
	r, err := all.begin(ctx, name, a.owner("state restore"))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, r.close()) }()
	d := restoredDocument{FormatVersion: formatVersion, Restored: newBackupDocument(r.Kept), Added: []string{}, Gone: []string{}, Changed: []string{}}
	switch {
	case r.Present != nil:
		if err := d.compare(r.Present, r.Backup); err != nil {
			return err
		}
	case r.Damage != nil:
		d.Problem = r.Damage.Problem
	default:
		d.Problem = "the file is missing"
	}
	if !a.json {
		if err := a.tellDifference(r, d); err != nil {
			return err
		}
	}
	if !autoApprove {
		if err := a.confirm(ctx, "Put this backup in the place of the state?"); err != nil {
			return err
		}
	}
	run := a.newRun("state restore "+r.Name, time.Now())
	run.Ended = run.Started
	aside, now, err := r.put(ctx, state.PutRun{Run: run})
	if err != nil {
		return err
	}
	d.Serial, d.Kept = now.Serial, aside
	if a.json {
		return a.printJSON(d)
	}
	text := fmt.Sprintf("The backup %s is the state now, with serial %d.", render.Escape(r.Name), now.Serial)
	if aside != "" {
		text += fmt.Sprintf(" The state before is kept in %s.", render.Escape(filepath.Base(aside)))
	}
	_, err = fmt.Fprintf(a.out, "%s\nSee what differs from the account with: %s\n", text, a.commandHere("vpsync plan"))
	return err
}

// compare says what becomes of each resource when one state takes the place of another.
func (d *restoredDocument) compare(present, backup *state.State) error {
	was, err := recordsOf(present)
	if err != nil {
		return err
	}
	will, err := recordsOf(backup)
	if err != nil {
		return err
	}
	for at := range keysSorted(was) {
		row, both := will[at]
		switch {
		case !both:
			d.Gone = append(d.Gone, at)
		case !bytes.Equal(row, was[at]):
			d.Changed = append(d.Changed, at)
		}
	}
	for at := range keysSorted(will) {
		if _, both := was[at]; !both {
			d.Added = append(d.Added, at)
		}
	}
	return nil
}

// recordsOf is what a state records of each resource, whenever it was written.
func recordsOf(st *state.State) (map[string][]byte, error) {
	out := map[string][]byte{}
	for _, r := range st.Resources {
		row := *r
		row.Version = 0
		text, err := json.Marshal(row)
		if err != nil {
			return nil, err
		}
		at := r.Address.String()
		if r.Deposed != "" {
			at += " (deposed)"
		}
		out[at] = append(out[at], text...)
	}
	return out, nil
}

// tellDifference shows which backup is meant, and what putting it back does.
func (a *app) tellDifference(r *restoring, d restoredDocument) error {
	made := ""
	if !r.Made.IsZero() {
		made = " of " + render.Time(r.Made)
	}
	var b strings.Builder
	fmt.Fprintf(&b, "The backup %s%s has serial %d and %s.\n", render.Escape(r.Name), made, r.Serial, render.Plural(r.Resources, "resource"))
	if r.Present == nil {
		fmt.Fprintf(&b, "The present state cannot be read, so it is not known what differs: %s\n", render.Escape(sentenceOf(d.Problem)))
		_, err := fmt.Fprint(a.out, b.String())
		return err
	}
	fmt.Fprintf(&b, "The present state has serial %d and %s.", r.Present.Serial, render.Plural(len(r.Present.Resources), "resource"))
	if len(d.Added)+len(d.Gone)+len(d.Changed) == 0 {
		b.WriteString(" Both record the same resources.")
	}
	b.WriteString("\n")
	for _, part := range []struct {
		sign, about string
		all         []string
	}{{"+", "is recorded again", d.Added}, {"-", "is not recorded any more; its object stays, unmanaged", d.Gone}, {"~", "is recorded as it was then", d.Changed}} {
		for i, at := range part.all {
			if i == mostTold {
				fmt.Fprintf(&b, "  %s and %d more\n", part.sign, len(part.all)-i)
				break
			}
			fmt.Fprintf(&b, "  %s %s %s\n", part.sign, render.Escape(at), part.about)
		}
	}
	_, err := fmt.Fprint(a.out, b.String())
	if lost := unknownRequests(r.Present, r.Backup); err == nil && lost > 0 {
		err = render.Diagnostics(a.errs, spec.Diagnostics{{Severity: spec.SeverityWarning, Summary: "Open requests will be forgotten",
			Detail: fmt.Sprintf("The present state has %s that the backup does not know. What came of them shows as unmanaged, where the API lists such objects.",
				render.Plural(lost, "open request")), Remedy: a.command("vpsync apply    # settles them first")}}, a.errOptions())
	}
	return err
}

// mostTold is how many resources of a kind of difference are named; the rest are counted, and are all in the JSON document.
const mostTold = 20

// unknownRequests counts the open requests of one state that another does not know.
func unknownRequests(present, backup *state.State) int {
	known := map[string]bool{}
	for _, i := range backup.Intents {
		known[i.ID] = true
	}
	n := 0
	for _, i := range present.Intents {
		if !known[i.ID] {
			n++
		}
	}
	return n
}
