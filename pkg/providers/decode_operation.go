package providers

import (
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"

	"github.com/vpsync/vpsync/pkg/spec"
)

var (
	requestForm     = regexp.MustCompile(`^([A-Z]+) (/\S*)$`)
	placeholderForm = regexp.MustCompile(`\{([^{}]*)\}`)
	methods         = []string{http.MethodGet, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete}
)

// operation decodes the request of an operation, data or task block.
func (d *decoder) operation(b *block, name string) *Operation {
	request := b.need("request", `"GET /servers"`)
	op := &Operation{
		Schema: &spec.Operation{
			Name:       name,
			Documented: b.boolean("documented", false),
			Request:    request,
			RateLimit:  b.str("rate_limit"),
			Place:      fmt.Sprintf("%s:%d", d.file, b.header.Start.Line),
		},
		Success:  b.integer("success", http.StatusOK, 200, 299),
		Query:    b.wordMap("query"),
		Encoding: Encoding(b.word("encoding", string(d.def.Encoding), string(EncodeJSON), string(EncodeForm))),
		Answer:   b.paths("answer"),
		Place:    rangeOf(b.header),
	}
	if a := b.body.Attributes["request"]; a != nil {
		op.Schema.Place = fmt.Sprintf("%s:%d", d.file, a.SrcRange.Start.Line)
		op.Place = rangeOf(a.SrcRange)
	}
	if b.body.Attributes["documented"] == nil {
		d.errorAt(b.header, "Missing argument",
			fmt.Sprintf("%s does not say where its request comes from. Whether the vendor prints it decides what a 404 is taken to mean.", sentence(b.name)),
			"documented = true   # or false where it was inferred")
	}
	if request != "" {
		if m := requestForm.FindStringSubmatch(request); m == nil || !slices.Contains(methods, m[1]) {
			d.errorAt(b.at("request"), "Not a request", fmt.Sprintf("request of %s must be a method (%s) and a path that starts with a slash.", b.name, strings.Join(methods, ", ")), "request = \"PUT /servers/{id}\"")
		} else {
			op.Method, op.Path = m[1], m[2]
			if strings.ContainsAny(op.Path, "?#%") || strings.Contains(op.Path, "//") || slices.Contains(strings.Split(op.Path, "/"), "..") {
				d.errorAt(b.at("request"), "Unusable path", fmt.Sprintf("The path of %s holds a query, an escape or an empty or upward step.", b.name), "query = { region = \"eu\" }   # what follows a question mark")
			}
		}
	}
	if class := op.Schema.RateLimit; class == "" {
		op.Schema.RateLimit = d.def.Schema.DefaultRateLimit
	} else if _, ok := d.def.Schema.RateLimits[class]; !ok {
		d.unknownName(b.at("rate_limit"), "rate limit", class, d.def.Classes)
	}
	if name == "data" || name == "task" || name == waitOperation {
		switch name {
		case "data":
			op.Paging = d.paging(b)
		case "task":
			op.Answers = b.names("answers")
		}
		b.finish()
		return op
	}
	if name == spec.OpList {
		op.Filters = b.listMap("filters")
		op.Paging = d.paging(b)
	} else {
		op.Emulate = b.members("emulate")
	}
	if name != spec.OpList && name != spec.OpRead {
		op.Schema.Note = b.str("note")
	}
	if name != spec.OpList && name != spec.OpRead && name != spec.OpDelete {
		op.Sends = b.names("sends")
		op.Schema.Whole = b.boolean("whole", false)
		op.Refusal = b.str("refusal")
		op.Answers = b.names("answers")
		op.Passes = b.wordMap("passes")
		if name != spec.OpCreate && name != spec.OpUpdate {
			op.OnlyWhen = b.listMap("only_when")
		}
	}
	b.finish()
	return op
}

// placeholders are the names in braces of a path.
func placeholders(path string) []string {
	var names []string
	for _, m := range placeholderForm.FindAllStringSubmatch(path, -1) {
		names = append(names, m[1])
	}
	return names
}
