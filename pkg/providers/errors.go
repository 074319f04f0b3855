package providers

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/vpsync/vpsync/pkg/spec"
)

// Outcome is what is known of a request after it ended. It is decided here once.
type Outcome string

const (
	Done    Outcome = "done"     // carried out
	Refused Outcome = "refused"  // not carried out
	NotSent Outcome = "not sent" // never left
	Unknown Outcome = "unknown"  // may or may not have been carried out
)

// Error is a request that did not end well.
type Error struct {
	Outcome    Outcome
	Account    string
	Kind       string
	Operation  string
	Request    string // "PUT /networks/net_1"
	Status     int    // 0 where there was no answer
	Code       string // the vendor's
	Message    string // the vendor's words, unescaped
	Details    string // JSON
	Definition string // the definition's line, where a 404 or 405 may mean that it is wrong
	RetryAfter time.Duration
	Unfit      bool // an answer came, and what it holds is not what the definition says
	NotHTTP    bool // something answered, and not as HTTP does
	Err        error

	wordless bool // the definition does not say where the API's errors have their words
	notJSON  bool // an answer that the API itself did not write
	final    bool // must not be repeated
	inRow    int  // how many refusals in a row of its class did not say for how long; 0 where this one said
}

// Error reads "create server: POST /servers: 402 INSUFFICIENT_CREDIT: text". It may hold foreign text: escape it
// where it is shown.
func (e *Error) Error() string {
	parts := []string{strings.TrimSpace(e.Operation + " " + e.Kind)}
	if e.Request != "" {
		parts = append(parts, e.Request)
	}
	if e.Status != 0 {
		word := e.Code
		if word == "" {
			word = http.StatusText(e.Status)
		}
		parts = append(parts, strings.TrimSpace(strconv.Itoa(e.Status)+" "+word))
	}
	if e.Message != "" {
		parts = append(parts, e.Message)
	}
	if e.Err != nil {
		parts = append(parts, e.Err.Error())
	}
	text := strings.Join(parts, ": ")
	if e.Status == http.StatusPaymentRequired {
		text += " (the account has too little credit for this; nothing was done: add credit at the provider, then apply again)"
	}
	if e.Definition != "" {
		text += fmt.Sprintf(" (the vendor does not print this request: if your account differs, correct %s)", e.Definition)
	}
	return text
}

func (e *Error) Unwrap() error { return e.Err }

// gone: the API itself says that the object does not exist. A page of HTML, or of whatever else stands before the API, says so of
// the path at most.
func (e *Error) gone() bool { return e.absent() && (e.Code != "" || e.Message != "" || e.wordless) }

// absent: something says that there is nothing at the path.
func (e *Error) absent() bool {
	return (e.Status == http.StatusNotFound || e.Status == http.StatusGone) && !e.notJSON
}

// refusals are the statuses after which nothing was carried out. All others but 2xx leave it open.
var refusals = []int{400, 401, 402, 403, 404, 405, 409, 410, 413, 415, 422, 429, 501}

// maxMessage and maxCode bound the vendor's words in an error.
const (
	maxMessage = 1000
	maxCode    = 100
)

// classify turns what came back into an answer or an *Error.
func classify(next handler, def *Definition, account string) handler {
	return func(ctx context.Context, r *request) (*answer, error) {
		a, err := next(ctx, r)
		if err != nil {
			outcome, final, notHTTP := Unknown, false, false
			var wire *wireError
			if errors.As(err, &wire) {
				err, final, notHTTP = wire.err, wire.final, wire.notHTTP
				if !wire.sent {
					outcome = NotSent
				}
			}
			if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
				err = fmt.Errorf("the connection was closed before an answer came (%w)", err)
			}
			e := r.failure(outcome, account, nil, err)
			e.final, e.NotHTTP = final, notHTTP
			return nil, e
		}
		if a.status >= 200 && a.status < 300 {
			if a.cut != nil {
				return nil, r.failure(Unknown, account, a, fmt.Errorf("the answer broke off: %w", a.cut))
			}
			if len(strings.TrimSpace(string(a.body))) == 0 {
				return a, nil
			}
			if a.document, err = parseJSON(a.body); err != nil {
				return nil, r.failure(Unknown, account, a, notJSON(r, a, err))
			}
			return a, nil
		}
		return nil, r.refusal(def, account, a)
	}
}

// refusal reads an answer that is not 2xx.
func (r *request) refusal(def *Definition, account string, a *answer) *Error {
	e := r.failure(Unknown, account, a, nil)
	if slices.Contains(refusals, a.status) {
		e.Outcome = Refused
	}
	e.inRow = a.wait.inRow
	e.RetryAfter, e.wordless = a.wait.duration, len(def.Error.Code)+len(def.Error.Message) == 0
	if (a.status == http.StatusNotFound || a.status == http.StatusMethodNotAllowed) && !r.op.Schema.Documented {
		e.Definition = r.op.Schema.Place
	}
	if a.status >= 300 && a.status < 400 {
		e.Err = fmt.Errorf("the API redirects to host %q: vpsync never follows, since the token is not for another place", shorten(r.scrub(redirectHost(r, a)), 120))
		return e
	}
	if a.cut != nil || len(strings.TrimSpace(string(a.body))) == 0 {
		return e
	}
	document, err := parseJSON(a.body)
	if err != nil {
		e.Err, e.notJSON = notJSON(r, a, err), true
		return e
	}
	// First what is secret goes, then what is too much: neither JSON's escapes nor a cut may hide a secret from being found.
	document = r.scrubAll(document)
	e.Code = shorten(textAt(document, def.Error.Code), maxCode)
	e.Message = shorten(textAt(document, def.Error.Message), maxMessage)
	e.Details = shorten(jsonAt(document, def.Error.Details), maxMessage)
	if e.Message == "" {
		e.Message = shorten(fieldsAt(document, def.Error.Fields), maxMessage)
	}
	if e.Message == "" && e.Code == "" {
		e.Err = fmt.Errorf("the answer holds no message where the definition looks for one: %s", quotedStart(r, a.body))
	}
	return e
}

// denial is the error that an answer of 2xx holds in the vendor's form, or nil: some APIs say 200 whatever happened. Ask only where
// the answer holds nothing of what was wanted. What was done is not known: a lie about the status may be one about the rest.
func (r *request) denial(def *Definition, account string, a *answer) *Error {
	document := r.scrubAll(a.document)
	code, message := textAt(document, def.Error.Code), textAt(document, def.Error.Message)
	if len(def.Error.Code) > 0 && code == "" || code+message == "" {
		return nil // a message alone may be about what was done
	}
	e := r.failure(Unknown, account, a, errors.New("the answer is an error, whatever its status says"))
	e.Code, e.Message = shorten(code, maxCode), shorten(message, maxMessage)
	return e
}

// failure fills what every error says.
func (r *request) failure(outcome Outcome, account string, a *answer, err error) *Error {
	if err != nil {
		err = redactedError{text: r.scrub(err.Error()), err: err} // it may quote the answer
	}
	e := &Error{Outcome: outcome, Account: account, Kind: r.kind, Operation: r.op.Schema.Name, Request: r.scrub(r.String()), Err: err}
	if a != nil {
		e.Status = a.status
	}
	return e
}

func notJSON(r *request, a *answer, err error) error {
	what := "is not JSON"
	if kind, _, _ := strings.Cut(a.header.Get("Content-Type"), ";"); kind != "" {
		what = fmt.Sprintf("is not JSON (%s)", strconv.Quote(shorten(r.scrub(strings.TrimSpace(kind)), 60)))
		if strings.Contains(kind, "json") {
			what = "is not usable JSON (" + err.Error() + ")"
		}
	}
	return fmt.Errorf("the answer %s: %s", what, quotedStart(r, a.body))
}

// quotedStart shows the first characters of a foreign text, escaped.
func quotedStart(r *request, body []byte) string {
	return strconv.QuoteToASCII(shorten(r.scrub(strings.TrimSpace(strings.ToValidUTF8(string(body), "\uFFFD"))), 120))
}

func redirectHost(r *request, a *answer) string {
	location, err := url.Parse(a.header.Get("Location"))
	if err != nil {
		return "?"
	}
	if r.url != nil {
		location = r.url.ResolveReference(location)
	}
	return location.Host
}

func shorten(s string, n int) string {
	if utf8.RuneCountInString(s) <= n {
		return s
	}
	return string([]rune(s)[:n]) + "…"
}

// redactedError shows a text without secrets and still is what it wraps.
type redactedError struct {
	text string
	err  error
}

func (e redactedError) Error() string { return e.text }
func (e redactedError) Unwrap() error { return e.err }

// textAt is the first text that one of the paths leads to; what is no text is shown as JSON.
func textAt(document any, paths []Path) string {
	for _, p := range paths {
		switch v, ok := lookup(document, p); v := v.(type) {
		case nil:
		case string:
			if ok && v != "" {
				return v
			}
		default:
			return compactJSON(v)
		}
	}
	return ""
}

// jsonAt is the first value that one of the paths leads to, as JSON.
func jsonAt(document any, paths []Path) string {
	for _, p := range paths {
		if v, ok := lookup(document, p); ok && v != nil {
			return compactJSON(v)
		}
	}
	return ""
}

// fieldsAt are the complaints about single fields at the first path that leads to any: "name: Too long. Not unique.; plan_id: Unknown."
func fieldsAt(document any, paths []Path) string {
	for _, p := range paths {
		v, _ := lookup(document, p)
		m, _ := v.(map[string]any)
		var all []string
		for _, name := range slices.Sorted(maps.Keys(m)) {
			list, ok := m[name].([]any)
			if !ok {
				list = []any{m[name]}
			}
			var said []string
			for _, e := range list {
				if s, ok := e.(string); ok && s != "" {
					said = append(said, s)
				}
			}
			if len(said) > 0 {
				all = append(all, name+": "+strings.Join(said, " "))
			}
		}
		if len(all) > 0 {
			return strings.Join(all, "; ")
		}
	}
	return ""
}

func compactJSON(v any) string {
	text, err := json.Marshal(v)
	if err != nil {
		return ""
	}
	return string(text)
}

// NotReadyError is an object that did not become what was waited for.
type NotReadyError struct {
	Kind, ID string
	Status   string        // as last seen
	Failed   bool          // the API says that it is lost
	Missing  bool          // it is in no list
	Waited   time.Duration // until now
}

func (e *NotReadyError) Error() string {
	after := e.Waited.Round(time.Second)
	switch {
	case e.Failed:
		return fmt.Sprintf("%s %s failed: its status is %q", e.Kind, e.ID, e.Status)
	case e.Missing:
		return fmt.Sprintf("%s %s does not appear in the account, %s after its create", e.Kind, e.ID, after)
	}
	return fmt.Sprintf("%s %s is not ready after %s: its status is %q", e.Kind, e.ID, after, e.Status)
}

// emptyObject is what is known of an object of which an answer said nothing.
func emptyObject(kind, id string) spec.Object {
	return spec.Object{Kind: kind, ID: id, Values: spec.Values{}}
}
