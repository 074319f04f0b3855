package sandbox

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/vpsync/vpsync/pkg/providers"
	"github.com/zclconf/go-cty/cty"
)

// decode reads the body into fields as JSON has them, whatever its encoding. A request that sends nothing must
// have no body; one whose fields are all optional may have none.
func (c *call) decode() (map[string]any, *problem) {
	r := c.route
	switch {
	case len(c.body) == 0:
		return map[string]any{}, nil
	case len(c.body) > maxBody:
		return nil, &problem{status: http.StatusRequestEntityTooLarge, code: "PAYLOAD_TOO_LARGE", message: "The body is larger than 1 MiB"}
	case r.method == http.MethodGet || r.method == http.MethodDelete:
		return nil, invalid("body", "is not taken by this operation")
	}
	want := "application/json"
	if r.encoding == providers.EncodeForm {
		want = "application/x-www-form-urlencoded"
	}
	got, _, err := mime.ParseMediaType(c.request.header.Get("Content-Type"))
	if err != nil || got != want || c.request.header.Get("Content-Encoding") != "" {
		return nil, &problem{status: http.StatusUnsupportedMediaType, code: "UNSUPPORTED_MEDIA_TYPE", message: "The body must be " + want + " without further encoding"}
	}
	if r.encoding == providers.EncodeForm {
		return c.decodeForm()
	}
	return decodeObject(c.body)
}

func decodeObject(body []byte) (map[string]any, *problem) {
	d := json.NewDecoder(bytes.NewReader(body))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		return nil, invalid("body", "is not JSON")
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, invalid("body", "goes on after its JSON value")
	}
	fields, ok := v.(map[string]any)
	if !ok {
		return nil, invalid("body", "must be a JSON object")
	}
	return fields, nil
}

// decodeForm gives each text the JSON type that its attribute has, where it reads as one; a list repeats NAME[].
func (c *call) decodeForm() (map[string]any, *problem) {
	values, err := url.ParseQuery(string(c.body))
	if err != nil {
		return nil, invalid("body", "is not a form")
	}
	for name, texts := range values {
		if !utf8.ValidString(name) || slices.ContainsFunc(texts, func(text string) bool { return !utf8.ValidString(text) }) {
			return nil, invalid("body", "is not in UTF-8")
		}
	}
	fields := map[string]any{}
	for _, name := range slices.Sorted(maps.Keys(values)) {
		texts := values[name]
		if plain, ok := strings.CutSuffix(name, "[]"); ok {
			element := cty.String
			if a := c.route.field(plain); a != nil && (a.Type.IsListType() || a.Type.IsSetType()) {
				element = a.Type.ElementType()
			}
			list := make([]any, len(texts))
			for i, text := range texts {
				list[i] = formValue(text, element)
			}
			fields[plain] = list
			continue
		}
		if len(texts) > 1 {
			return nil, invalid(name, "is given more than once")
		}
		wanted := cty.String
		if a := c.route.field(name); a != nil {
			wanted = a.Type
		}
		fields[name] = formValue(texts[0], wanted)
	}
	return fields, nil
}

// formValue leaves text that does not read as the type as it is: the check of types will refuse it.
func formValue(text string, t cty.Type) any {
	switch {
	case t == cty.Number:
		if _, err := parseNumber(text); err == nil {
			return json.Number(text)
		}
	case t == cty.Bool:
		switch text {
		case "true", "1":
			return true
		case "false", "0":
			return false
		}
	}
	return text
}
