package providers

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync"
	"unicode/utf8"

	"github.com/vpsync/vpsync/pkg/spec"
	"github.com/zclconf/go-cty/cty"
)

const (
	// minDisguise is how many bytes a secret has at least whose other forms are looked for: those of a shorter one are in any text.
	minDisguise = 4
	// minStart is how many bytes of a secret's beginning are hidden where the rest of it was cut off. Those that it begins with as many
	// texts do (https://) come on top.
	minStart = 8
	// minTold is how many bytes of a secret, and on top of them the same, a value has in it that counts as telling one: fewer may be a word
	// that names have, too.
	minTold = 12
	// maxStart is how many bytes of a secret all forms are kept of; of a longer one (a script for first boot) the rest is written when a
	// text begins like it.
	maxStart = 40
)

// Secrets are texts that must not be shown, and the forms in which somebody may repeat them. They only become more. The zero value knows
// none, nor does nil. It is safe for concurrent use, and several clients may share one.
type Secrets struct {
	mu    sync.RWMutex
	known map[string]bool
	forms map[string][]form // of all, by their first minDisguise bytes
}

// Hide adds secrets. Those of fewer than four bytes are left out: they are in any text.
func (s *Secrets) Hide(secrets ...string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, secret := range secrets {
		if len(secret) < minDisguise || s.known[secret] {
			continue
		}
		if s.known == nil {
			s.known, s.forms = map[string]bool{}, map[string][]form{}
		}
		s.known[secret] = true
		for _, f := range formsOf(secret) {
			s.forms[f.start[:minDisguise]] = append(s.forms[f.start[:minDisguise]], f)
		}
	}
}

// HideValue adds what is marked as sensitive in a value: every text and number in it.
func (s *Secrets) HideValue(v cty.Value) {
	plain, marks := v.UnmarkDeepWithPaths()
	for _, m := range marks {
		if _, secret := m.Marks[spec.Sensitive]; !secret {
			continue
		}
		part, err := m.Path.Apply(plain)
		if err != nil {
			part = plain
		}
		s.Hide(texts(part)...)
	}
}

// Scrub hides the secrets in a text that may repeat them, such as an API's complaint about a password: as they are, as they travelled,
// in the encodings that programs quote things in, and cut off.
func (s *Secrets) Scrub(text string) string { return s.scrub(text, nil) }

// scrub hides short secrets, too, as they are.
func (s *Secrets) scrub(text string, short []string) string {
	found := s.find(text)
	for _, secret := range short {
		for i := range len(text) {
			if strings.HasPrefix(text[i:], secret) {
				found = append(found, span{from: i, to: i + len(secret)})
			}
		}
	}
	return without(text, found)
}

// toldBy: a value has a secret of minTold bytes in it, or as many of the beginning of one.
func (s *Secrets) toldBy(v cty.Value) bool {
	return slices.ContainsFunc(texts(v), func(text string) bool {
		return slices.ContainsFunc(s.find(text), func(part span) bool { return part.told })
	})
}

// wholeIn: a text has a secret of minTold bytes or more in it from its first byte to its last, in any form. The beginning of one, or a
// short one, may be a word that names have, too.
func (s *Secrets) wholeIn(text string) bool {
	return slices.ContainsFunc(s.find(text), func(part span) bool { return part.whole })
}

// find looks for the secrets in a text.
func (s *Secrets) find(text string) []span {
	if s == nil {
		return nil
	}
	var found []span
	s.mu.RLock()
	defer s.mu.RUnlock()
	for i := 0; len(s.forms) > 0 && i+minDisguise <= len(text); i++ {
		part := span{from: i, to: i}
		for _, f := range s.forms[text[i:i+minDisguise]] {
			n, all := f.begins(text[i:])
			part.to = max(part.to, i+n)
			part.whole = part.whole || all && f.telling
			part.told = part.told || f.telling && (all || n >= f.usual+minTold)
		}
		if part.to > i {
			found = append(found, part)
		}
	}
	return found
}

// span is a part of a text that a secret is in.
type span struct {
	from, to int
	whole    bool // all of one that has minTold bytes or more
	told     bool // or, in some form, as many bytes of it besides its usual beginning
}

// without is a text in which each of the parts is hidden, and those that overlap as one: what is left of one that another took a piece
// of would still tell something.
func without(text string, parts []span) string {
	slices.SortFunc(parts, func(a, b span) int { return a.from - b.from })
	var out strings.Builder
	at := 0
	for i := 0; i < len(parts); {
		part := parts[i]
		for i++; i < len(parts) && parts[i].from < part.to; i++ {
			part.to = max(part.to, parts[i].to)
		}
		out.WriteString(text[at:part.from] + hidden)
		at = part.to
	}
	return out.String() + text[at:]
}

// alike is how many bytes two texts have in common at their beginnings.
func alike(a, b string) int {
	const stride = 64
	n, end := 0, min(len(a), len(b))
	for n+stride <= end && a[n:n+stride] == b[n:n+stride] {
		n += stride
	}
	for n < end && a[n] == b[n] {
		n++
	}
	return n
}

// hide adds a secret to those that scrub knows.
func (r *request) hide(secret string) {
	if len(secret) < minDisguise {
		if secret != "" && !slices.Contains(r.short, secret) {
			r.short = append(r.short, secret)
		}
		return
	}
	r.known.Hide(secret)
}

// scrub hides the secrets of the client in a text, and those of the request that are too short to be looked for everywhere.
func (r *request) scrub(s string) string { return r.known.scrub(s, r.short) }

// form is how one or several ways write a secret.
type form struct {
	telling bool   // the secret has minTold bytes or more
	usual   int    // how many bytes they write of its usual beginning
	start   string // all that they write of the first maxStart bytes
	rest    string // the secret, if it has more of them
	ways    []way  // those of rest
}

// way writes a text (a secret, as JSON or a form has it), and encodes it, by itself or as a part of something longer. What it makes of a
// secret begins with what it makes of the secret's first characters.
type way struct{ write, encode func(string) string }

// begins is how many bytes of the secret, in this form, a text begins with (none if they are too few to tell), and whether they are all.
func (f form) begins(text string) (n int, all bool) {
	n = alike(text, f.start)
	if n == len(f.start) {
		all = len(f.ways) == 0
		for _, w := range f.ways {
			of, whole := w.begins(text, f.rest)
			n, all = max(n, of), all || whole
		}
	}
	if !all && n < f.usual+minStart {
		return 0, false
	}
	return n, all
}

// begins is how many bytes of a secret, written in this way, a text begins with, and whether they are all. It writes no more of it than it
// takes to tell.
func (w way) begins(text, secret string) (n int, all bool) {
	for size := 2 * maxStart; ; size *= 2 {
		part := beginning(secret, size)
		written := w.encode(w.write(part))
		n = alike(text, written)
		if n < len(written) || len(part) == len(secret) {
			return n, n == len(written)
		}
	}
}

// beginning is so many bytes of a text, or a few less, so that no character is cut.
func beginning(text string, size int) string {
	if len(text) <= size {
		return text
	}
	end := size
	for end > size-utf8.UTFMax && !utf8.RuneStart(text[end]) {
		end--
	}
	return text[:end]
}

// usual finds the beginning of a text, such as a secret may have, that others have which are none: the scheme of a URL, the first line of a
// script or of a key, the type of an SSH key and what its data repeat of it. None is so long that it could hold a secret itself.
var usual = regexp.MustCompile(`^(?:(?i:[a-z][a-z0-9+.-]{1,9})://|#!/[a-z/]{1,20}(?: [a-z-]{1,6})?\r?\n|#cloud-config\r?\n|-----BEGIN [A-Z ]{1,24}-----\s|ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI|ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAAB)`)

// website finds a URL as far as it names a host and nobody at it.
var website = regexp.MustCompile(`^(?i:https?)://[a-zA-Z0-9-]+(?:\.[a-zA-Z0-9-]+)+(?::[0-9]+)?/`)

// usualBeginning is how a text begins without telling anything, within its first maxStart bytes.
func usualBeginning(text string) string {
	found := usual.FindString(text)
	switch host := website.FindString(text); {
	case host != "":
		found = host
	case strings.HasSuffix(found, "://") && strings.Contains(text, "@"): // a name and a password come next
		return ""
	}
	return found[:min(len(found), maxStart)]
}

// formsOf are the forms in which a secret may be written: as it is or as JSON or a form has it, in a text within a text, too, and each of
// these encoded.
func formsOf(secret string) []form {
	begin := beginning(secret, maxStart)
	written := map[string][]func(string) string{}
	for _, write := range writers {
		text := write(begin)
		written[text] = append(written[text], write)
	}
	ways := map[string][]way{}
	for text, same := range written {
		for _, encode := range encoders {
			start := encode(text)
			for _, write := range same {
				ways[start] = append(ways[start], way{write, encode})
			}
		}
	}
	all := make([]form, 0, len(ways))
	common := usualBeginning(secret)
	for start, same := range ways {
		f := form{telling: len(secret) >= minTold, start: start}
		if common != "" {
			f.usual = len(same[0].encode(same[0].write(common))) // the others write the same of what is within the start
		}
		if len(begin) < len(secret) {
			f.rest, f.ways = secret, same
		}
		all = append(all, f)
	}
	return all
}

// writers are what a secret may be in: a text, a form, a path, a JSON text, and a JSON text in one.
var writers = func() []func(string) string {
	all := []func(string) string{strings.Clone, url.QueryEscape, component, url.PathEscape}
	for _, write := range []func(string) string{plainJSON, htmlJSON, asciiJSON, slashedJSON} {
		all = append(all, write, func(text string) string { return write(write(text)) })
	}
	return all
}()

// encoders are what may be done to such a text as a whole.
var encoders = func() []func(string) string {
	all := []func(string) string{strings.Clone, inHex, func(text string) string { return strings.ToUpper(inHex(text)) }, decimals}
	for _, escape := range []func(string) string{url.QueryEscape, component, url.PathEscape, slashedComponent, browserComponent} {
		all = append(all, escape, func(text string) string { return lowerEscapes(escape(text)) })
	}
	for _, alphabet := range []*base64.Encoding{base64.RawStdEncoding, base64.RawURLEncoding} {
		for before := range 3 { // how many bytes of something else share the first group of three
			all = append(all, func(text string) string {
				encoded := alphabet.EncodeToString(append(make([]byte, before), text...))
				first := (before*8 + 5) / 6 // what comes before, and after, decides about the characters at the ends
				return encoded[first : (before+len(text))*8/6]
			})
		}
	}
	return all
}()

func inHex(text string) string { return hex.EncodeToString([]byte(text)) }

// component, slashedComponent and browserComponent are a text as a part of a URL: with each space as %20, with slashes as they are, and as
// browsers write it.
func component(text string) string        { return strings.ReplaceAll(url.QueryEscape(text), "+", "%20") }
func slashedComponent(text string) string { return strings.ReplaceAll(component(text), "%2F", "/") }
func browserComponent(text string) string { return unreserved.Replace(component(text)) }

// unreserved are the characters that browsers leave as they are in a part of a URL.
var unreserved = strings.NewReplacer("%21", "!", "%27", "'", "%28", "(", "%29", ")", "%2A", "*")

var percentEscape = regexp.MustCompile(`%[0-9A-F]{2}`)

// lowerEscapes is an encoded text as those write it who prefer %2f to %2F.
func lowerEscapes(text string) string {
	if !strings.Contains(text, "%") {
		return text
	}
	return percentEscape.ReplaceAllStringFunc(text, strings.ToLower)
}

// decimals is a text as fmt shows its bytes.
func decimals(text string) string { return strings.Trim(fmt.Sprint([]byte(text)), "[]") }

// plainJSON, htmlJSON, asciiJSON and slashedJSON are a text within a JSON string: as short as can be, as Go writes it by itself, in ASCII
// as Python does, and as PHP does.
func plainJSON(text string) string { return inJSON(text, false) }
func htmlJSON(text string) string  { return inJSON(text, true) }

func asciiJSON(text string) string {
	var b strings.Builder
	for _, c := range inJSON(text, false) {
		switch {
		case c < 0x80:
			b.WriteRune(c)
		case c > 0xffff:
			fmt.Fprintf(&b, `\u%04x\u%04x`, 0xd800+(c-0x10000)>>10, 0xdc00+(c-0x10000)&0x3ff)
		default:
			fmt.Fprintf(&b, `\u%04x`, c)
		}
	}
	return b.String()
}

func slashedJSON(text string) string { return strings.ReplaceAll(asciiJSON(text), "/", `\/`) }

func inJSON(text string, html bool) string {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(html)
	if e.Encode(text) != nil {
		return text
	}
	return strings.TrimSuffix(strings.TrimPrefix(strings.TrimSuffix(b.String(), "\n"), `"`), `"`)
}
