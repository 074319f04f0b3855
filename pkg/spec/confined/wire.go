package confined

import "github.com/vpsync/vpsync/pkg/spec"

// The parent asks and the child answers: one line of JSON each, one at a time.

// What a child can be asked to do.
const (
	doLoad      = "load"
	doEvaluate  = "evaluate"
	doVariables = "variables"
	doFiles     = "files"
	doOpen      = "open"
	// Of the evaluation that was opened last.
	doKnow           = "know"
	doResource       = "resource"
	doUnanswered     = "unanswered"
	doPostconditions = "postconditions"
)

type question struct {
	Do      string
	Dir     string        `json:",omitempty"`
	Request *spec.Request `json:",omitempty"`
	Address *spec.Address `json:",omitempty"`
	Values  spec.Values   `json:",omitempty"`
}

type answer struct {
	Declarations *spec.Declarations   `json:",omitempty"`
	Response     *spec.Response       `json:",omitempty"`
	Resources    []*spec.Resource     `json:",omitempty"`
	Values       spec.Values          `json:",omitempty"`
	Given        []spec.VariableValue `json:",omitempty"`
	Diagnostics  spec.Diagnostics     `json:",omitempty"`
	Stopped      *stopped             `json:",omitempty"`
	TooLong      bool                 `json:",omitempty"` // it would have maxAnswer bytes or more
}

// stopped is the last answer of a child that gave up before it would be killed.
type stopped struct {
	Time    bool // it took too long; else it took too much memory
	At      *spec.Range
	Snippet string
}

// evaluation is the parent's end of one that the child has open.
type evaluation struct {
	stack   *Stack
	schemas map[string]*spec.Schema
	lost    spec.Diagnostics // why there is none
}

func (e *evaluation) ask(do string, a spec.Address, v spec.Values) (answer, spec.Diagnostics) {
	if e.lost != nil {
		return answer{}, e.lost
	}
	got, diags := e.stack.ask(question{Do: do, Address: &a, Values: v})
	if diags != nil {
		return answer{}, diags
	}
	bound := spec.Response{Resources: got.Resources}
	if err := bound.Bind(e.schemas); err != nil {
		return answer{}, e.stack.babble(err.Error())
	}
	return got, nil
}

func (e *evaluation) Know(a spec.Address, v spec.Values) {
	if _, diags := e.ask(doKnow, a, v); diags != nil {
		e.lost = diags
	}
}

func (e *evaluation) Resource(a spec.Address) (*spec.Resource, spec.Diagnostics) {
	got, diags := e.ask(doResource, a, nil)
	switch {
	case diags != nil:
		return nil, diags
	case len(got.Resources) == 0:
		return nil, got.Diagnostics
	}
	return got.Resources[0], got.Diagnostics
}

func (e *evaluation) Unanswered(a spec.Address) ([]*spec.Resource, spec.Diagnostics) {
	got, diags := e.ask(doUnanswered, a, nil)
	if diags != nil {
		return nil, diags
	}
	return got.Resources, got.Diagnostics
}

func (e *evaluation) Postconditions(a spec.Address) spec.Diagnostics {
	got, diags := e.ask(doPostconditions, a, nil)
	if diags != nil {
		return diags
	}
	return got.Diagnostics
}
