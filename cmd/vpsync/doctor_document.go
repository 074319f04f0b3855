package main

import (
	"time"

	"github.com/vpsync/vpsync/pkg/plan/render"
	"github.com/vpsync/vpsync/pkg/providers"
	"github.com/vpsync/vpsync/pkg/spec"
)

// doctorDocument is what doctor --json prints: what was found of each account, and what is wrong with any. Valid says that nothing is.
type doctorDocument struct {
	render.DiagnosticsDocument
	Accounts []doctorAccount `json:"accounts"`
}

// The states of what is looked at.
const (
	doctorOK      = "ok"
	doctorFailed  = "failed"
	doctorMissing = "missing" // the token's variable is not set
	doctorAdrift  = "adrift"  // the clocks differ
	doctorUnknown = "unknown" // nothing told
)

// doctorAtAddress: nothing was sent, since the address may not be used.
const doctorAtAddress = "address"

type doctorAccount struct {
	Account      string            `json:"account"`
	Provider     string            `json:"provider"`
	Title        string            `json:"title"`
	Endpoint     string            `json:"endpoint"`
	Emulated     bool              `json:"emulated"`
	Reachability doctorReach       `json:"reachability"`
	Token        doctorToken       `json:"token"`
	Clock        doctorClock       `json:"clock"`
	RateLimits   []doctorBudget    `json:"rate_limits"`
	Operations   []doctorOperation `json:"operations"` // in the order of the definition
	Counts       doctorCounts      `json:"counts"`
	Requests     int               `json:"requests"` // that were sent
}

// doctorReach is ok, failed or unknown. FailedAt is address, dns, connection, tls or answer.
type doctorReach struct {
	State           string   `json:"state"`
	FailedAt        string   `json:"failed_at,omitempty"`
	Detail          string   `json:"detail,omitempty"`
	Host            string   `json:"host,omitempty"`
	Addresses       []string `json:"addresses,omitempty"` // of its name
	Connected       string   `json:"connected,omitempty"`
	TLS             string   `json:"tls,omitempty"`
	CertificateEnds string   `json:"certificate_ends,omitempty"`
}

// doctorToken is ok, missing, failed or unknown. Variable is empty where the account is emulated.
type doctorToken struct {
	State    string `json:"state"`
	Variable string `json:"variable,omitempty"`
	Detail   string `json:"detail,omitempty"`
}

// doctorClock is ok, adrift or unknown. A negative number says that the API's clock is behind this machine's.
type doctorClock struct {
	State     string  `json:"state"`
	Ahead     float64 `json:"ahead_seconds"`
	Tolerance float64 `json:"tolerance_seconds"`
}

// doctorBudget is what is left of a class; null where no answer told.
type doctorBudget struct {
	Class     string `json:"class"`
	Limit     int    `json:"limit"`
	Remaining *int   `json:"remaining"`
	Reset     string `json:"reset,omitempty"`
}

type doctorOperation struct {
	Of         string            `json:"of"` // a kind, or "data.NAME"
	Operation  string            `json:"operation"`
	Request    string            `json:"request"`
	Documented bool              `json:"documented"`
	Writes     bool              `json:"writes"` // it would change something, so it was not tried
	Asked      bool              `json:"asked"`
	Verdict    providers.Verdict `json:"verdict"`
	Unanswered bool              `json:"unanswered,omitempty"` // it was to be asked, and something failed
	Status     int               `json:"status,omitempty"`
	Reason     string            `json:"reason,omitempty"`
	File       string            `json:"file"`
	Line       int               `json:"line"`
}

// doctorCounts are how many operations got each verdict. Writes are among those that are not checkable.
type doctorCounts struct {
	Documented   int `json:"documented"`
	Confirmed    int `json:"confirmed"`
	Refuted      int `json:"refuted"`
	NotCheckable int `json:"not_checkable"`
	Writes       int `json:"writes"`
}

// newDoctorAccount is an account of which nothing is known yet.
func newDoctorAccount(block spec.ProviderBlock, def *providers.Definition, emulated bool) doctorAccount {
	d := doctorAccount{
		Account: block.Account(), Provider: def.Name, Title: def.Title, Endpoint: def.BaseURL, Emulated: emulated,
		Reachability: doctorReach{State: doctorUnknown}, Token: doctorToken{State: doctorUnknown},
		Clock:      doctorClock{State: doctorUnknown, Tolerance: providers.ClockTolerance.Seconds()},
		RateLimits: []doctorBudget{}, Operations: []doctorOperation{},
	}
	if !emulated {
		d.Token.Variable = tokenVariable(block, def)
	}
	return d
}

// fill takes over what an examination found.
func (d *doctorAccount) fill(x *providers.Examination, budgets []providers.Budget) {
	d.Requests = x.Requests
	d.Reachability = doctorReach{State: doctorUnknown, Host: x.Reach.Host, Addresses: x.Reach.Addresses, Connected: x.Reach.Connected, TLS: x.Reach.TLS}
	if !x.Reach.CertificateEnds.IsZero() {
		d.Reachability.CertificateEnds = x.Reach.CertificateEnds.UTC().Format(time.RFC3339)
	}
	if x.Reach.Answered {
		d.Reachability.State = doctorOK
	}
	if x.Reach.Err != nil {
		d.Reachability.State, d.Reachability.FailedAt, d.Reachability.Detail = doctorFailed, string(x.Reach.Failed), x.Reach.Err.Error()
	}
	switch x.Token {
	case providers.TokenAccepted:
		d.Token.State = doctorOK
	case providers.TokenRefused:
		d.Token.State, d.Token.Detail = doctorFailed, x.TokenSays
	}
	if x.Clock.Told {
		d.Clock.State, d.Clock.Ahead = doctorOK, x.Clock.Ahead.Seconds()
		if x.Clock.Adrift() {
			d.Clock.State = doctorAdrift
		}
	}
	for _, b := range budgets {
		left := doctorBudget{Class: b.Class, Limit: b.Limit}
		if b.Remaining >= 0 {
			left.Remaining = &b.Remaining
		}
		if !b.Reset.IsZero() {
			left.Reset = b.Reset.UTC().Format(time.RFC3339)
		}
		d.RateLimits = append(d.RateLimits, left)
	}
	for _, c := range x.Checks {
		d.Operations = append(d.Operations, doctorOperation{
			Of: c.Of, Operation: c.Operation, Request: c.Request, Documented: c.Documented, Writes: c.Writes, Asked: c.Asked,
			Verdict: c.Verdict, Unanswered: c.Unanswered, Status: c.Status, Reason: c.Reason, File: c.Place.File, Line: c.Place.Start.Line,
		})
		switch c.Verdict {
		case providers.VerdictDocumented:
			d.Counts.Documented++
		case providers.VerdictConfirmed:
			d.Counts.Confirmed++
		case providers.VerdictRefuted:
			d.Counts.Refuted++
		default:
			d.Counts.NotCheckable++
		}
		if c.Writes {
			d.Counts.Writes++
		}
	}
}
