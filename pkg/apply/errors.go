package apply

import (
	"fmt"
	"strings"

	"github.com/vpsync/vpsync/pkg/spec"
)

// EndpointError: the state was made against another endpoint than the one at hand. Its ids mean nothing there, so that
// every resource would look deleted.
type EndpointError struct {
	Account  string
	Recorded string // the state's
	AtHand   string // the client's
}

func (e *EndpointError) Error() string {
	return fmt.Sprintf("the state of account %s was made against %s, but the account is now at %s: "+
		"its objects cannot be there; use the endpoint of the state, or another state", e.Account, e.Recorded, e.AtHand)
}

// AccountError: the state or the configuration names an account that has no client, or a kind that its provider lacks.
type AccountError struct {
	Account string
	Kind    string // empty where the whole account is missing
}

func (e *AccountError) Error() string {
	if e.Kind == "" {
		return fmt.Sprintf("resources are recorded in account %s, which the stack does not configure any more: "+
			"put its provider block back, or let the resources go with `vpsync state rm`", e.Account)
	}
	return fmt.Sprintf("the provider of account %s knows no kind %q", e.Account, e.Kind)
}

// DriftError: the object is not what the plan saw.
type DriftError struct {
	Address    spec.Address
	ID         string
	Gone       bool     // it does not exist any more
	Appeared   bool     // an object with the identity of a planned create exists now
	Sent       bool     // a request about it had left already, and had no effect; otherwise nothing was sent
	Attributes []string // that differ
}

func (e *DriftError) Error() string {
	switch {
	case e.Appeared:
		return fmt.Sprintf("%s: since the plan was made, %s appeared with the same identity: nothing was sent; plan again", e.Address, e.ID)
	case e.Gone && e.Sent:
		return fmt.Sprintf("%s: %s does not exist any more, so what was sent for it had no effect; plan again", e.Address, e.ID)
	case e.Gone:
		return fmt.Sprintf("%s: since the plan was made, %s was deleted by somebody else: nothing was sent; plan again", e.Address, e.ID)
	}
	return fmt.Sprintf("%s: since the plan was made, somebody else changed %s of %s: nothing was sent; plan again",
		e.Address, strings.Join(e.Attributes, ", "), e.ID)
}

// UnsettledError: a request went out, and what it did cannot be told by this run. Its intent stays open.
type UnsettledError struct {
	Address   spec.Address
	Operation string
	Reason    string // one sentence
	Question  bool   // only an operator can tell
	Err       error  // how the request ended
}

func (e *UnsettledError) Error() string {
	return fmt.Sprintf("%s: it is not known whether the %s was carried out: %s", e.Address, e.Operation, e.Reason)
}

func (e *UnsettledError) Unwrap() error { return e.Err }

// ImportError: an object cannot be bound to the address.
type ImportError struct {
	Address spec.Address
	ID      string
	Problem string // one sentence without a final stop
	Remedy  string
}

func (e *ImportError) Error() string {
	return fmt.Sprintf("cannot import %s as %s: %s", e.ID, e.Address, e.Problem)
}

// ResolveError: an answer does not fit the open intents of the address.
type ResolveError struct {
	Address spec.Address
	Problem string
	Remedy  string
}

func (e *ResolveError) Error() string {
	return fmt.Sprintf("cannot resolve %s: %s", e.Address, e.Problem)
}

// ValueError: a value that a request needs is not known although everything it depends on is done.
type ValueError struct {
	Address   spec.Address
	Attribute string
}

func (e *ValueError) Error() string {
	return fmt.Sprintf("%s: %s depends on a value that the API has not answered; nothing was sent for it", e.Address, e.Attribute)
}

// EvaluationError: the configuration of one resource turned out wrong once its unknown values were known.
type EvaluationError struct {
	Address     spec.Address
	Diagnostics spec.Diagnostics
}

func (e *EvaluationError) Error() string {
	for _, d := range e.Diagnostics {
		if d.Severity == spec.SeverityError {
			if d.Detail == "" {
				return fmt.Sprintf("%s: %s", e.Address, d.Summary)
			}
			return fmt.Sprintf("%s: %s: %s", e.Address, d.Summary, d.Detail)
		}
	}
	return fmt.Sprintf("%s: the configuration could not be evaluated", e.Address)
}
