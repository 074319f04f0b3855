package main

import (
	"time"

	"github.com/vpsync/vpsync/pkg/plan/render"
	"github.com/vpsync/vpsync/pkg/sandbox"
	"github.com/vpsync/vpsync/pkg/state"
)

// The documents that commands print with --json once they have done what they were asked for. Each is a single JSON object;
// what failed is a document of diagnostics instead. Within a format_version, fields are only ever added.

// formatVersion is that of every document of this package.
const formatVersion = "1.0"

// initDocument is what init found and made: paths, as seen from the folder that vpsync was called in.
type initDocument struct {
	FormatVersion string   `json:"format_version"`
	Wrote         []string `json:"wrote"`      // new files
	Changed       []string `json:"changed"`    // files that got a line
	LeftAlone     []string `json:"left_alone"` // a stack that was there already
}

// removedDocument is what state rm forgot; the objects stay at the provider.
type removedDocument struct {
	FormatVersion string            `json:"format_version"`
	Removed       []removedResource `json:"removed"`
}

type removedResource struct {
	Address string `json:"address"`
	Deposed string `json:"deposed,omitempty"`
	Account string `json:"account"`
	Kind    string `json:"kind"`
	ID      string `json:"id"`
}

func newRemovedResource(r *state.Resource) removedResource {
	return removedResource{Address: r.Address.String(), Deposed: r.Deposed, Account: r.Account, Kind: r.Address.Kind, ID: r.ID}
}

// movedDocument is what state mv did.
type movedDocument struct {
	FormatVersion string `json:"format_version"`
	From          string `json:"from"`
	To            string `json:"to"`
}

// dismissedDocument is what state leftovers --dismiss took off the list.
type dismissedDocument struct {
	FormatVersion string                    `json:"format_version"`
	Dismissed     []render.LeftoverDocument `json:"dismissed"`
}

// resolvedDocument is how a question was answered: "id", "retry" or "forget".
type resolvedDocument struct {
	FormatVersion string `json:"format_version"`
	Address       string `json:"address"`
	Answer        string `json:"answer"`
	ID            string `json:"id,omitempty"`
}

// unlockedDocument names the lock that was broken.
type unlockedDocument struct {
	FormatVersion string `json:"format_version"`
	Unlocked      string `json:"unlocked"`
}

// exitCodesDocument is the table of exit codes.
type exitCodesDocument struct {
	FormatVersion string             `json:"format_version"`
	ExitCodes     []exitCodeDocument `json:"exit_codes"`
}

type exitCodeDocument struct {
	Code    int    `json:"code"`
	Meaning string `json:"meaning"`
}

// resetDocument names the emulated account that was emptied.
type resetDocument struct {
	FormatVersion string `json:"format_version"`
	Account       string `json:"account"`
	Reset         bool   `json:"reset"`
}

// deletedDocument is the emulated object that is gone.
type deletedDocument struct {
	FormatVersion string `json:"format_version"`
	Kind          string `json:"kind"`
	ID            string `json:"id"`
}

// faultsDocument are the faults of an emulated account: all that are armed, or the one that was armed just now.
type faultsDocument struct {
	FormatVersion string          `json:"format_version"`
	Faults        []faultDocument `json:"faults"`
}

// faultDocument is a fault with its defaults filled in. A duration reads like 1m30s.
type faultDocument struct {
	Request string            `json:"request"`
	Do      sandbox.FaultKind `json:"do"`
	Nth     int               `json:"nth"`
	Times   int               `json:"times"` // -1: all
	Status  int               `json:"status,omitempty"`
	Body    string            `json:"body,omitempty"`
	For     string            `json:"for,omitempty"`
}

func newFaultDocument(f sandbox.Fault) faultDocument {
	d := faultDocument{Request: f.Request, Do: f.Do, Nth: max(1, f.Nth), Times: f.Times, Status: f.Status, Body: f.Body}
	if d.Times == 0 {
		d.Times = 1
	}
	if f.For > 0 {
		d.For = f.For.Round(time.Millisecond).String()
	}
	return d
}

// clearedDocument counts the faults that were disarmed, or the requests that were forgotten.
type clearedDocument struct {
	FormatVersion string `json:"format_version"`
	Cleared       int    `json:"cleared"`
}
