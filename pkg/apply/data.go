package apply

import (
	"context"
	"fmt"
	"strings"
	"sync"

	"github.com/vpsync/vpsync/internal/panics"
	"github.com/vpsync/vpsync/pkg/spec"
	"golang.org/x/sync/errgroup"
)

// AskError is a data block that could not be read.
type AskError struct {
	Address spec.Address
	Range   spec.Range
	Err     error
}

func (e *AskError) Error() string { return fmt.Sprintf("%s at %s: %s", e.Address, e.Range, e.Err) }

func (e *AskError) Unwrap() error { return e.Err }

// answer is what a data block was asked with, and what the API said.
type answer struct {
	question spec.Values
	values   spec.Values
}

// withData evaluates, asks what the data blocks ask as far as that is known, and evaluates with the answers, until nothing
// new is asked. An answer whose question has become another one is dropped.
func (e *evaluation) withData(ctx context.Context, accounts Accounts) error {
	for {
		if err := e.evaluate(e.live); err != nil {
			return err
		}
		news := false
		declared := map[spec.Address]*spec.Resource{}
		for _, d := range e.config.Data {
			declared[d.Address] = d
		}
		for a, told := range e.answers {
			if d := declared[a]; d != nil && !sameValues(d.Values, told.question) {
				delete(e.answers, a)
				news = true
			}
		}
		wrong := map[string]bool{} // what has a mistake is not asked for: the mistake is what there is to say
		for _, d := range e.config.Diagnostics {
			wrong[d.Address] = wrong[d.Address] || d.Severity == spec.SeverityError
		}
		var open []*spec.Resource
		for _, d := range e.config.Data {
			if _, told := e.answers[d.Address]; !told && d.Askable() && !wrong[d.Address.String()] {
				open = append(open, d)
			}
		}
		if most := e.planner.MostAsked; most > 0 && len(e.answers)+len(open) > most {
			return spec.Diagnostics{{Severity: spec.SeverityError, Summary: "Too many questions", Range: &open[0].Range,
				Detail: fmt.Sprintf("The data blocks of this stack have the account asked %d times, and %d are allowed to one that is not trusted.", len(e.answers)+len(open), most)}}
		}
		if len(open) > 0 {
			before, _ := accounts.requests()
			answers, err := accounts.ask(ctx, open)
			after, _ := accounts.requests()
			e.asked += after - before
			if err != nil {
				return err
			}
			for i, d := range open {
				e.answers[d.Address] = answer{d.Values, answers[i]}
			}
			news = true
		}
		if !news {
			return nil
		}
	}
}

// ask reads data blocks side by side.
func (accounts Accounts) ask(ctx context.Context, data []*spec.Resource) ([]spec.Values, error) {
	answers := make([]spec.Values, len(data))
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(atOnce)
	for i, d := range data {
		group.Go(func() (err error) {
			defer panics.Into(&err)
			client, err := accounts.client(d.Account)
			if err != nil {
				return err
			}
			if answers[i], err = client.Ask(ctx, strings.TrimPrefix(d.Address.Kind, spec.DataPrefix), d.Values); err != nil {
				return &AskError{Address: d.Address, Range: d.Range, Err: err}
			}
			return nil
		})
	}
	return answers, panics.Again(group.Wait())
}

// asking reads, while a plan is carried out, the data blocks that could not be read before.
type asking struct {
	mu sync.Mutex
}

// ask tells the session whatever a resource needs of data. One change asks at a time: what several need is asked for once.
func (q *asking) ask(ctx context.Context, accounts Accounts, session spec.Evaluation, a spec.Address) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	for {
		open, diags := session.Unanswered(a)
		if failed(diags) {
			return &EvaluationError{Address: a, Diagnostics: diags}
		}
		if len(open) == 0 {
			return nil
		}
		answers, err := accounts.ask(ctx, open)
		if err != nil {
			return err
		}
		for i, d := range open {
			session.Know(d.Address, answers[i])
		}
	}
}
