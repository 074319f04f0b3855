package providers

import (
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
		s = strings.ReplaceAll(s, form, masked)
	}
	for _, form := range r.written {
		s = hideStart(s, form)
	}
	return s
}

// disguises are the forms in which a secret may be written.
func disguises(secret string) []string {
	if len(secret) < minDisguise {
		return slices.DeleteFunc([]string{secret}, func(s string) bool { return s == "" })
	}
	b := []byte(secret)
	quoted, _ := json.Marshal(secret) // a text has a JSON form, always
	return []string{
		secret, strings.Trim(string(quoted), `"`), url.QueryEscape(secret), url.PathEscape(secret),
		base64.StdEncoding.EncodeToString(b), base64.RawStdEncoding.EncodeToString(b), base64.URLEncoding.EncodeToString(b), base64.RawURLEncoding.EncodeToString(b),
		hex.EncodeToString(b), strings.ToUpper(hex.EncodeToString(b)),
	}
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
		out.WriteString(s[:i] + masked)
		s = s[end:]
	}
}
