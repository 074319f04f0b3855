package providers

import (
	"context"
	"encoding/json"
	"log/slog"
	"slices"
	"strings"
)

// hidden stands for a value that must not be shown.
const hidden = "(sensitive)"

// maxLoggedBody bounds what a log line shows of an answer.
const maxLoggedBody = 2000

// logged writes each request and answer to the debug log. It shows no header, no query and no sensitive field; it
// sits above authorize, so it never even sees the token.
func logged(next handler, log *slog.Logger, clock Clock, masked func(kind string) []string) handler {
	if log == nil {
		return next
	}
	return func(ctx context.Context, r *request) (*answer, error) {
		if !log.Enabled(ctx, slog.LevelDebug) {
			return next(ctx, r)
		}
		start := clock.Now()
		shown := r.scrub(r.String())
		log.DebugContext(ctx, "request", "request", shown, "operation", r.op.Schema.Name, "kind", r.kind, "body", shownFields(r))
		a, err := next(ctx, r)
		took := clock.Now().Sub(start)
		if err != nil {
			log.DebugContext(ctx, "no answer", "request", shown, "error", r.scrub(err.Error()), "took", took)
			return nil, err
		}
		log.DebugContext(ctx, "answer", "request", shown, "status", a.status, "bytes", len(a.body), "took", took, "body", shownBody(r, a.body, append(masked(r.kind), r.op.sensitive...)))
		return a, nil
	}
}

// shownFields is the request's body with sensitive fields masked.
func shownFields(r *request) string {
	var parts []string
	for _, f := range r.fields {
		shown := hidden
		if !f.sensitive {
			v, err := jsonOf(f.value)
			if err != nil {
				continue
			}
			text, err := json.Marshal(r.scrubAll(v))
			if err != nil {
				continue
			}
			shown = string(text)
		}
		parts = append(parts, f.name+"="+shown)
	}
	return strings.Join(parts, " ")
}

// shownBody is an answer with the fields masked that hold secrets, by their names. What is not JSON is not shown at
// all: nobody knows what it holds.
func shownBody(r *request, body []byte, secret []string) string {
	document, err := parseJSON(body)
	if err != nil {
		return ""
	}
	text, err := json.Marshal(r.scrubAll(maskFields(document, secret)))
	if err != nil {
		return ""
	}
	shown := string(text)
	if len(shown) > maxLoggedBody {
		shown = strings.ToValidUTF8(shown[:maxLoggedBody], "") + "…"
	}
	return shown
}

// scrubAll takes the request's secrets out of every text of a document, names of members among them.
func (r *request) scrubAll(v any) any {
	switch v := v.(type) {
	case string:
		return r.scrub(v)
	case map[string]any:
		m := map[string]any{}
		for k, e := range v {
			m[r.scrub(k)] = r.scrubAll(e)
		}
		return m
	case []any:
		list := make([]any, len(v))
		for i, e := range v {
			list[i] = r.scrubAll(e)
		}
		return list
	}
	return v
}

// maskFields replaces the values of the named fields wherever they occur.
func maskFields(v any, names []string) any {
	switch v := v.(type) {
	case map[string]any:
		m := map[string]any{}
		for k, e := range v {
			if slices.Contains(names, k) {
				m[k] = hidden
			} else {
				m[k] = maskFields(e, names)
			}
		}
		return m
	case []any:
		list := make([]any, len(v))
		for i, e := range v {
			list[i] = maskFields(e, names)
		}
		return list
	}
	return v
}
