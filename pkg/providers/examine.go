package providers

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/vpsync/vpsync/pkg/spec"
)

// Verdict is what is known of an operation once an account was examined.
type Verdict string

const (
	VerdictDocumented   Verdict = "documented"    // the vendor prints it
	VerdictConfirmed    Verdict = "confirmed"     // the vendor does not print it, and its answer fits the definition
	VerdictRefuted      Verdict = "refuted"       // its answer does not fit the definition
	VerdictNotCheckable Verdict = "not checkable" // nothing was learned of it; Reason says why
)

// Check is what was learned of one operation of a definition.
type Check struct {
	Of         string // "server", or "data.usage"
	Operation  string // list, read, wait, create, "task.restore"
	Request    string // the method and the path template: "GET /servers/{id}"
	Documented bool   // the vendor prints it
	Writes     bool   // it would change something, so it was not tried
	Verdict    Verdict
	Asked      bool // an answer to its request was looked at
	// Unanswered: it was to be asked, and no answer told anything, since the connection, the rate limit or the API itself failed.
	Unanswered bool
	Status     int // of the answer; 0 where there was none
	// Reason says why, or what else is worth knowing. It may hold the API's words, without secrets: escape it where it is shown.
	Reason string
	Place  spec.Range // of the request in the definition
}

// TokenVerdict is what the answers say of the token.
type TokenVerdict string

const (
	TokenAccepted TokenVerdict = "accepted"
	TokenRefused  TokenVerdict = "refused"
	TokenUnknown  TokenVerdict = "unknown" // no answer told
)

// Examination is an account as reading alone shows it, held against the definition.
type Examination struct {
	Reach Reach
	Token TokenVerdict
	// TokenSays is the answer that refused the token, or empty. It may hold the API's words.
	TokenSays string
	Clock     ClockReading
	// Checks are all operations, in the order of the document.
	Checks   []Check
	Requests int // that were sent; all of them reads
}

// ClockTolerance is how far the API's clock may be from ours before somebody should know.
const ClockTolerance = time.Minute

// ClockReading compares the API's clock with ours.
type ClockReading struct {
	Told bool // an answer had a date
	// Ahead is how far the API's clock is surely ahead of ours; negative where it is behind. What the second's resolution of a date
	// and the way of the answer may account for is not counted.
	Ahead time.Duration
}

// Adrift: the clocks are further apart than ClockTolerance.
func (r ClockReading) Adrift() bool { return r.Ahead.Abs() > ClockTolerance }

// readClock compares the date of an answer with the time in which it came about. A date names the second that it lies in.
func readClock(date, sent, received time.Time) ClockReading {
	r := ClockReading{Told: true}
	switch end := date.Add(time.Second); {
	case date.After(received):
		r.Ahead = date.Sub(received)
	case end.Before(sent):
		r.Ahead = end.Sub(sent)
	}
	return r
}

// Examine compares the API with the definition and changes nothing: it sends a few GETs, one after the other and each once. What
// the vendor prints is asked for only where an id of an object is needed, where the same request settles something else, or where there
// is nothing else to ask. Of a list it reads the first page. Where the rate limit is used up it does not wait. The error is the
// context's: what goes wrong with the API is part of what was found.
func (c *Client) Examine(ctx context.Context) (*Examination, error) {
	x := &examiner{
		c: c, found: &Examination{Reach: Reach{Host: c.endpoint.Host}, Token: TokenUnknown},
		replies: map[string]*reply{}, lists: map[string]*listed{},
	}
	x.exchange = classify(x.note, c.def, c.config.Account)
	subjects := x.subjects()
	for _, s := range subjects {
		if !s.check.Documented {
			s.ask(ctx)
		}
	}
	if x.found.Requests == 0 && x.stopped == "" {
		x.askAny(ctx, subjects)
	}
	// What was asked for by the way is told, without another request.
	x.onlyKnown = true
	for _, s := range subjects {
		if s.check.Documented {
			s.ask(ctx)
		}
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	for _, s := range subjects {
		x.found.Checks = append(x.found.Checks, s.check)
	}
	return x.found, nil
}

// subject is an operation that is examined.
type subject struct {
	check Check
	// judge asks, and says what the answer is worth; nil where it would change something.
	judge func(ctx context.Context) judgement
	plain bool // asking takes no object
}

// judgement is what one answer is worth.
type judgement struct {
	reply  *reply
	refute error  // why the answer does not fit; nil where it does
	note   string // of an answer that fits
	why    string // why nothing was asked; empty where something was
	failed bool   // nothing was asked since something went wrong before
}

// ask settles the verdict of a subject.
func (s *subject) ask(ctx context.Context) {
	if s.judge == nil {
		s.check.Verdict, s.check.Reason = VerdictNotCheckable, "it would change something"
		return
	}
	j := s.judge(ctx)
	if j.reply != nil && j.why == "" {
		s.check.Asked, s.check.Status = j.reply.answer != nil, j.reply.status()
		if j.refute == nil {
			j.why, j.failed, j.refute = j.reply.told()
		}
	}
	s.check.Verdict, s.check.Reason = VerdictConfirmed, j.note
	if s.check.Documented {
		s.check.Verdict = VerdictDocumented
	}
	switch {
	case j.refute != nil:
		s.check.Verdict, s.check.Reason = VerdictRefuted, j.refute.Error()
	case j.why != "" && s.check.Documented && j.reply == nil: // nothing had to be learned
	case j.why != "":
		s.check.Verdict, s.check.Reason, s.check.Unanswered = VerdictNotCheckable, j.why, j.failed
	}
}

// askAny asks for one thing that the vendor prints, so that something is known of the token and the connection: best what takes no
// object.
func (x *examiner) askAny(ctx context.Context, subjects []*subject) {
	for _, s := range subjects {
		if s.judge != nil && s.plain {
			s.judge(ctx)
			return
		}
	}
}

// subjects are all operations of the definition, in its order.
func (x *examiner) subjects() []*subject {
	var all []*subject
	add := func(of, name string, op *Operation, judge func(context.Context) judgement, plain bool) {
		all = append(all, &subject{judge: judge, plain: plain, check: Check{
			Of: of, Operation: name, Request: op.Schema.Request, Documented: op.Schema.Documented, Writes: judge == nil, Place: op.Place,
		}})
	}
	for name, k := range x.c.def.Kinds {
		for operation, op := range k.Operations {
			switch operation {
			case spec.OpList:
				add(name, operation, op, func(ctx context.Context) judgement { return x.list(ctx, k).judgement }, k.Schema.Parent == "")
			case spec.OpRead:
				add(name, operation, op, func(ctx context.Context) judgement { return x.read(ctx, k, op) }, false)
			default:
				add(name, operation, op, nil, false)
			}
		}
		if k.Wait != nil && k.Wait.Operation != nil {
			add(name, waitOperation, k.Wait.Operation, func(ctx context.Context) judgement { return x.wait(ctx, k) }, false)
		}
	}
	for name, q := range x.c.def.Data {
		needs := slices.ContainsFunc(q.Schema.Attributes, func(a *spec.Attribute) bool { return a.Required })
		add(spec.DataPrefix+name, spec.OpRead, q.Operation, func(ctx context.Context) judgement { return x.query(ctx, q) }, !needs)
	}
	for on, tasks := range x.c.def.Tasks {
		for _, name := range slices.Sorted(maps.Keys(tasks)) {
			if t := tasks[name]; t.Call == TaskOperation(name) { // else it calls an operation that is examined as such
				add(on, t.Call, t.Operation, nil, false)
			}
		}
	}
	slices.SortFunc(all, func(a, b *subject) int { return cmp.Compare(a.check.Place.Start.Byte, b.check.Place.Start.Byte) })
	return all
}

// told is what an error of a reply means: why nothing was learned, or a refutation.
func (r *reply) told() (why string, failed bool, refute error) {
	e := r.err
	if e == nil {
		return "", false, nil
	}
	said := *e
	said.Definition = "" // whoever shows a check names the line
	text := said.answered()
	switch {
	case e.Status == 0:
		return "no answer came: " + text, true, nil
	case r.answer != nil && r.answer.cut != nil, e.Status == 408, e.Status == 425, e.Status == 429, e.Status >= 500 && e.Status != 501:
		return text, true, nil
	case e.Status == 401, e.Status == 402, e.Status == 403, e.Status == 407:
		return fmt.Sprintf("the token may not ask for it: %s", text), false, nil
	}
	return "", false, errors.New(text)
}
