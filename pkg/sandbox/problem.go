package sandbox

import (
	"fmt"
	"hash/fnv"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/vpsync/vpsync/pkg/providers"
)

// problem is a request that is not done, in words; the definition decides where they lie in the answer.
type problem struct {
	status  int
	code    string
	message string
	details *document
	wrong   []wrongField // what the message is made of, for an API that answers field by field
}

// codes are the vendor-like words for what only a status says. A definition names places for codes, not
// the codes; these are those that the vendors print, and their like.
var codes = map[int]string{
	http.StatusBadRequest:          "VALIDATION_ERROR",
	http.StatusUnauthorized:        "UNAUTHORIZED",
	http.StatusPaymentRequired:     "INSUFFICIENT_CREDIT",
	http.StatusNotFound:            "RESOURCE_NOT_FOUND",
	http.StatusTooManyRequests:     "RATE_LIMITED",
	http.StatusInternalServerError: "INTERNAL_ERROR",
}

// codeOf makes a code of any status: 409 is CONFLICT.
func codeOf(status int) string {
	if code, ok := codes[status]; ok {
		return code
	}
	return strings.ToUpper(strings.NewReplacer(" ", "_", "-", "_", "'", "").Replace(http.StatusText(status)))
}

// details are names and values in turn.
func details(pairs ...any) *document {
	d := &document{}
	for i := 0; i+1 < len(pairs); i += 2 {
		d.set([]string{fmt.Sprint(pairs[i])}, pairs[i+1])
	}
	return d
}

// invalid is a request with one wrong field or parameter. Details name it.
func invalid(field, message string) *problem {
	return invalidFields([]wrongField{{field, message}})
}

// wrongField is a field or parameter and what is wrong with it.
type wrongField struct{ name, message string }

// invalidFields names all wrong fields in the message, and the first in the details, where the vendor has room for one.
func invalidFields(wrong []wrongField) *problem {
	texts := make([]string, len(wrong))
	for i, w := range wrong {
		texts[i] = w.name + " " + w.message
	}
	return &problem{status: http.StatusBadRequest, code: "VALIDATION_ERROR", message: strings.Join(texts, "; "),
		details: details("field", wrong[0].name), wrong: wrong}
}

func notFound(kind, id string) *problem {
	return &problem{status: http.StatusNotFound, code: "RESOURCE_NOT_FOUND",
		message: "The requested " + strings.ReplaceAll(kind, "_", " ") + " could not be found",
		details: details("resource_type", kind, "resource_id", id)}
}

// reply puts the problem into the vendor's shape. An API whose errors carry details also tells when the error
// happened and to which request, beside its code.
func (p *problem) reply(def *providers.Definition, now time.Time, arrived int, header http.Header) reply {
	paths := def.Error
	body := &document{}
	put := func(places []providers.Path, v any) {
		if len(places) > 0 {
			body.set(split(places[0]), v)
		}
	}
	code := p.code
	if vendors := paths.Codes[strconv.Itoa(p.status)]; vendors != "" {
		code = vendors
	}
	put(paths.Code, code)
	if len(p.wrong) == 0 || len(paths.Fields) == 0 {
		put(paths.Message, p.message)
	} else {
		fields := &document{}
		for _, w := range p.wrong {
			fields.set([]string{w.name}, []string{strings.ToUpper(w.message[:1]) + w.message[1:] + "."})
		}
		put(paths.Fields, fields)
	}
	body.add(paths.Emulate)
	if p.details != nil {
		put(paths.Details, p.details)
	}
	if path := split(first(paths.Code, paths.Message)); len(path) > 1 && len(paths.Details) > 0 {
		envelope := path[:len(path)-1]
		body.set(append(envelope[:len(envelope):len(envelope)], "timestamp"), now.Format(time.RFC3339))
		body.set(append(envelope[:len(envelope):len(envelope)], "request_id"), requestID(arrived))
	}
	return jsonReply(p.status, header, body)
}

func first(lists ...[]providers.Path) providers.Path {
	for _, l := range lists {
		if len(l) > 0 {
			return l[0]
		}
	}
	return ""
}

// requestID scatters the number of a request, so that ids look as unrelated as a vendor's.
func requestID(n int) string {
	h := fnv.New32a()
	_, _ = fmt.Fprint(h, n)
	return fmt.Sprintf("req_%08x", h.Sum32())
}
