package providers

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"net/url"
	"slices"
	"strings"
)

const (
	// minDisguise is how many bytes a secret has at least whose other forms are looked for: those of a shorter one are in any text.
	minDisguise = 4
	// minStart is how many bytes of a secret's beginning are hidden where the rest of it was cut off.
	minStart = 8
)

// hide adds a secret to those that scrub knows.
func (r *request) hide(secret string) {
	if !slices.Contains(r.secrets, secret) {
		r.secrets = append(r.secrets, secret)
	}
}

// scrub hides the request's secrets in a text that may repeat them, such as an API's complaint about a password: as they are, as they
// travelled, in the encodings that programs quote things in, and cut off.
func (r *request) scrub(s string) string {
	if r.scrubbed != len(r.secrets) {
		r.written, r.scrubbed = nil, len(r.secrets)
		for _, secret := range r.secrets {
			r.written = append(r.written, disguises(secret)...)
		}
		// The longest first: one may be part of another.
		slices.SortStableFunc(r.written, func(a, b string) int { return len(b) - len(a) })
		r.written = slices.Compact(r.written)
	}
	for _, form := range r.written {
		s = strings.ReplaceAll(s, form, hidden)
	}
	for _, form := range r.written {
		s = hideStart(s, form)
	}
	return s
}

// disguises are the forms in which a secret may be written: as it is or as JSON has it, in a text within a text, too, and each of
// these encoded, by itself or as a part of something longer.
func disguises(secret string) []string {
	if len(secret) < minDisguise {
		return slices.DeleteFunc([]string{secret}, func(s string) bool { return s == "" })
	}
	var all []string
	for _, text := range slices.Compact([]string{secret, inJSON(secret, false), inJSON(inJSON(secret, false), false), inJSON(secret, true)}) {
		whole := hex.EncodeToString([]byte(text))
		all = append(all, text, url.QueryEscape(text), url.PathEscape(text), whole, strings.ToUpper(whole))
		for _, alphabet := range []*base64.Encoding{base64.RawStdEncoding, base64.RawURLEncoding} {
			for before := range 3 { // how many bytes of something else share the first group of three
				encoded := alphabet.EncodeToString(append(make([]byte, before), text...))
				first := (before*8 + 5) / 6 // what comes before, and after, decides about the characters at the ends
				all = append(all, encoded[first:(before+len(text))*8/6])
			}
		}
	}
	return all
}

// inJSON is a text within a JSON string.
func inJSON(text string, html bool) string {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(html)
	if e.Encode(text) != nil {
		return text
	}
	return strings.TrimSuffix(strings.TrimPrefix(strings.TrimSuffix(b.String(), "\n"), `"`), `"`)
}

// hideStart hides what a text holds of a secret's beginning.
func hideStart(s, secret string) string {
	if len(secret) <= minStart {
		return s
	}
	var out strings.Builder
	for {
		i := strings.Index(s, secret[:minStart])
		if i < 0 {
			out.WriteString(s)
			return out.String()
		}
		end := i + minStart
		for n := minStart; end < len(s) && n < len(secret) && s[end] == secret[n]; n++ {
			end++
		}
		out.WriteString(s[:i] + hidden)
		s = s[end:]
	}
}
