package providers

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/zclconf/go-cty/cty"
)

// writing is a way in which a program may write a text that holds a secret. Its core is what of the written text the secret alone decides
// about.
type writing struct {
	name string
	of   func(before, secret, after string) (written, core string)
}

// plainly writes each of the parts by itself.
func plainly(name string, write func(string) string) writing {
	return writing{name, func(before, secret, after string) (string, string) {
		return write(before) + write(secret) + write(after), write(secret)
	}}
}

// inBase64 writes all of it at once: at its ends the secret shares characters with its neighbours.
func inBase64(name string, e *base64.Encoding) writing {
	return writing{name, func(before, secret, after string) (string, string) {
		from, to := (len(before)*8+5)/6, (len(before)+len(secret))*8/6
		written := e.EncodeToString([]byte(before + secret + after))
		return written, written[from:to]
	}}
}

func marshalled(s string) string {
	text, _ := json.Marshal(s)
	return string(text[1 : len(text)-1])
}

func unescapedHTML(s string) string {
	return strings.NewReplacer(`\u003c`, "<", `\u003e`, ">", `\u0026`, "&").Replace(marshalled(s))
}

// escaped is a text as encodeURIComponent of JavaScript writes it.
func escaped(s string) string {
	var b strings.Builder
	for _, c := range []byte(s) {
		if c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.ContainsRune("-_.!~*'()", rune(c)) {
			b.WriteByte(c)
		} else {
			fmt.Fprintf(&b, "%%%02X", c)
		}
	}
	return b.String()
}

var writings = []writing{
	plainly("as it is", func(s string) string { return s }),
	plainly("JSON", marshalled),
	plainly("plain JSON", unescapedHTML),
	plainly("JSON in JSON", func(s string) string { return marshalled(marshalled(s)) }),
	plainly("plain JSON in plain JSON", func(s string) string { return unescapedHTML(unescapedHTML(s)) }),
	plainly("JSON of PHP", func(s string) string {
		text := strconv.QuoteToASCII(strings.ReplaceAll(unescapedHTML(s), `\`, "\x00"))
		return strings.NewReplacer(`\x00`, `\`, `\"`, `"`, "/", `\/`).Replace(text[1 : len(text)-1])
	}),
	plainly("query", url.QueryEscape),
	plainly("path", url.PathEscape),
	plainly("component", escaped),
	plainly("lower component", func(s string) string { return strings.ToLower(escaped(strings.ToLower(s))) }),
	plainly("query of a query", func(s string) string { return url.QueryEscape(url.QueryEscape(s)) }),
	plainly("hex of a query", func(s string) string { return hex.EncodeToString([]byte(url.QueryEscape(s))) }),
	{"base64 of a query", func(before, secret, after string) (string, string) {
		return inBase64("", base64.StdEncoding).of(url.QueryEscape(before), url.QueryEscape(secret), url.QueryEscape(after))
	}},
	{"bytes of a query", func(before, secret, after string) (string, string) {
		return fmt.Sprint([]byte(url.QueryEscape(before + secret + after))), strings.Trim(fmt.Sprint([]byte(url.QueryEscape(secret))), "[]")
	}},
	plainly("query of JSON", func(s string) string { return url.QueryEscape(unescapedHTML(s)) }),
	plainly("hex", func(s string) string { return hex.EncodeToString([]byte(s)) }),
	plainly("HEX", func(s string) string { return strings.ToUpper(hex.EncodeToString([]byte(s))) }),
	{"bytes", func(before, secret, after string) (string, string) {
		return fmt.Sprint([]byte(before + secret + after)), strings.Trim(fmt.Sprint([]byte(secret)), "[]")
	}},
	inBase64("base64", base64.StdEncoding),
	inBase64("base64 without padding", base64.RawStdEncoding),
	inBase64("base64url", base64.URLEncoding),
	inBase64("base64url without padding", base64.RawURLEncoding),
}

// readily: the law of a writing holds for the secret.
func (w writing) readily(secret string) bool {
	switch w.name {
	case "lower component":
		return secret == strings.ToLower(secret)
	case "JSON of PHP": // the test's own writer knows ASCII, and escapes other than \u
		return !strings.ContainsFunc(secret, func(c rune) bool { return c < ' ' || c > '~' })
	}
	return true
}

// entangled: what stands for a secret ends or begins as the text does, so that the text may come to be beside it.
func entangled(text string) bool {
	for n := 1; n <= min(len(hidden), len(text)); n++ {
		if strings.HasPrefix(text, hidden[len(hidden)-n:]) || strings.HasSuffix(text, hidden[:n]) {
			return true
		}
	}
	return strings.Contains(hidden, text)
}

// requireHidden: of a text that is written in this way, and cut off behind that many bytes of the secret, which s knows, nothing tells
// the secret.
func requireHidden(t *testing.T, s *Secrets, w writing, secret, before, after string, cut int) {
	t.Helper()
	text, core := w.of(before, secret, after)
	if common := usualBeginning(secret); common != "" && cut >= minStart {
		_, telling := w.of(before, common, "")
		cut += len(telling) + 1 // the character of base64 in which what is usual ends
	}
	if cut >= minStart && cut < len(core) {
		end := strings.LastIndex(text, core) + cut
		text, core = text[:end], core[:cut]
	}
	got := s.Scrub(text)
	if !entangled(core) {
		require.NotContains(t, got, core, "%s of %q in %q", w.name, secret, text)
	}
	if end := core[max(len(core)-minStart, 0):]; !entangled(end) && !strings.Contains(strings.ReplaceAll(text, core, "\x00"), end) {
		require.NotContains(t, got, end, "the end of %s of %q in %q", w.name, secret, text)
	}
	if strings.Contains(text, hidden) {
		return
	}
	// What is left is what there was, and each mark stands for something.
	parts := strings.Split(got, hidden)
	require.True(t, strings.HasPrefix(text, parts[0]))
	rest := text[len(parts[0]):]
	for i, part := range parts[1:] {
		require.NotEmpty(t, rest, "%s of %q in %q is %q", w.name, secret, text, got)
		at := strings.Index(rest[1:], part)
		if i == len(parts)-2 {
			at = len(rest) - 1 - len(part)
		}
		require.True(t, at >= 0 && strings.HasPrefix(rest[1+at:], part), "%s of %q in %q is %q", w.name, secret, text, got)
		rest = rest[1+at+len(part):]
	}
	require.Empty(t, rest)
}

// scrubSeeds are secrets whose forms differ from each other.
var scrubSeeds = []string{
	"hunter2-canary", `kqzjwxvhpb?"&<+/>=~\KQZ`, "a b/c%d&e", "pässwörd→geheim", "tab\tline\nquote'()*!", "😀😀", "aaaaaaaa", "abab", "/\\/\\", "\x00\x01\x7f\xff", "(sensitive)", "12 34", "%2F%2f",
	"#!/bin/sh -e\nexport PASS='hünter→2'; curl https://x.example/?a=b&c=%41 <\"/tmp/x\"\ttail", // longer than what its forms are kept of
	`a "beginning" of thirty-nine bytes, so é and more`, "thirty-nine of them, and now come two: 😀😀", strings.Repeat("ab", 40), strings.Repeat("line \"é\" of a script\n", 6),
}

func FuzzScrub(f *testing.F) {
	for i, secret := range scrubSeeds {
		for form := range writings {
			f.Add(secret, "password ", " is too weak"[i%12:], byte(form), byte(0))
			f.Add(secret, "tokens"[:i%4], "", byte(form), byte(8+i))
		}
	}
	f.Add("bcdefghij", "", "", byte(0), byte(0))
	f.Fuzz(func(t *testing.T, secret, before, after string, form, cut byte) {
		if len(secret) > 200 || len(before)+len(after) > 2000 {
			t.Skip()
		}
		var s Secrets
		s.Hide(secret)
		if len(secret) < minDisguise {
			require.Equal(t, before, s.Scrub(before), "too short to be hidden in any text")
			r := request{known: &s}
			r.hide(secret)
			if got := r.scrub(before + secret + after); secret != "" && !entangled(secret) {
				require.NotContains(t, got, secret)
			}
			return
		}
		if w := writings[int(form)%len(writings)]; w.readily(secret) {
			requireHidden(t, &s, w, secret, before, after, int(cut))
		}
		told := false
		for _, one := range formsOf(secret) {
			told = told || strings.Contains(before, one.start[:min(len(one.start), minStart)])
		}
		if !told {
			require.Equal(t, before, s.Scrub(before), "it holds nothing of %q", secret)
		}
	})
}

// TestScrub: every form of every secret, wherever it stands, and wherever it is cut off.
func TestScrub(t *testing.T) {
	for _, secret := range scrubSeeds {
		var s Secrets
		s.Hide("another secret altogether", secret)
		for _, w := range writings {
			if !w.readily(secret) {
				continue
			}
			for shift := range 4 {
				for _, after := range []string{"", "x", "yz", " is it"} {
					requireHidden(t, &s, w, secret, "abc"[:min(shift, 3)], after, 0)
				}
			}
			for cut := minStart; cut < 40; cut++ {
				requireHidden(t, &s, w, secret, "in ", " it is", cut)
			}
		}
	}
}

// TestUsualBeginnings: what a secret begins with as many texts do is in none of the others a part of it.
func TestUsualBeginnings(t *testing.T) {
	key := "AAAAC3NzaC1lZDI1NTE5AAAAI" + strings.Repeat("Kq7", 14) + "x"
	for secret, other := range map[string]string{
		"https://hooks.example.com/T0/B1/kqzjwxvh": `Get "https://api.servosphere.com/v1/servers": refused`,
		"https://hooks.example.com/T0/B1/kqzjwxvz": "https://hooks.example.com/",
		"HTTPS://h.example:8443/kqzjwxvh/qzkjwvxh": "HTTPS://h.example:8443",
		"vault://kqzjwxvhkqzjwxvh":                 "vault://db.example.com/app",
		"#cloud-config\npassword: kqzjwxvh\n":      "#cloud-config\nusers: [ann]\n",
		"#!/bin/bash\nexport PASS=kqzjwxvh\n":      "#!/bin/bash\napt-get install nginx\n",
		"-----BEGIN EC PRIVATE KEY-----\nkqzjwxvh": "-----BEGIN EC PRIVATE KEY-----\nMHcCAQEE",
		"ssh-ed25519 " + key + " ann@home":         "ssh-ed25519 " + key[:25] + strings.Repeat("Zw4", 14) + "y bob@work",
	} {
		var s Secrets
		s.Hide(secret)
		for _, w := range writings {
			text, _ := w.of("", other, "")
			require.Equal(t, text, s.Scrub(text), "%s of %q", w.name, other)
		}
		require.False(t, s.toldBy(cty.StringVal(other)), other)
		require.True(t, s.toldBy(cty.StringVal("it is "+secret)), secret)
		require.False(t, s.toldBy(cty.StringVal(secret[:len(usualBeginning(secret))])), secret)
		require.Equal(t, "it is (sensitive)", s.Scrub("it is "+secret))
		cut := secret[:len(usualBeginning(secret))+minStart]
		require.Equal(t, "it is (sensitive)", s.Scrub("it is "+cut))
	}
}

// TestTellingBeginnings: a secret that begins nearly as others do is hidden where it is cut off, all the same.
func TestTellingBeginnings(t *testing.T) {
	key := "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI" + strings.Repeat("Kq7", 14) + "x"
	for secret, cut := range map[string]string{
		"#!/usr/bin/env -S DB_PASS=hunter2hunter2 TOKEN=abcdefghijklmnop bash\nrun\n": "#!/usr/bin/env -S DB_PASS=hunter2hunter2 TOKEN=abcdefghijklmnop",
		"#!/bin/sh # root password: correct-horse-battery\necho":                      "#!/bin/sh # root password: correct-horse-battery",
		"hunter2-hunter2-hunter2://x-and-more":                                        "hunter2-hunter2-hunter2://",
		key:                                                                           key[:len(key)-5],
		"amqp://u:pass1@mq.local/":                                                    "amqp://u:pass1",
		"https://u:pass1@h.example/":                                                  "https://u:pass1",
		"https://u:pass1@hooks.example.com/a/b/c":                                     "https://u:pass1@hook",
	} {
		var s Secrets
		s.Hide(secret)
		require.Equal(t, "it is (sensitive)...", s.Scrub("it is "+cut+"..."), secret)
		require.Equal(t, len(cut) >= minTold, s.toldBy(cty.StringVal(cut)), secret)
	}
}

// TestScrubOverlaps: of a secret that overlaps with another nothing is left, and what stands for one is no text to look at.
func TestScrubOverlaps(t *testing.T) {
	var s Secrets
	s.Hide("abcdef", "defghijk", "sensitive", "ab", "")
	for text, want := range map[string]string{
		"abcdefghijk":   "(sensitive)",
		"xabcdefx":      "x(sensitive)x",
		"abcdefabcdef.": "(sensitive)(sensitive).",
		"insensitive":   "in(sensitive)",
		"ab":            "ab",
		"":              "",
	} {
		require.Equal(t, want, s.Scrub(text), text)
	}
	require.Equal(t, "it is ab", (&Secrets{}).Scrub("it is ab"))
	r := request{known: &s}
	r.hide("ab")
	require.Equal(t, "(sensitive) and (sensitive)", r.scrub("ab and abcdef"))
	require.Equal(t, "abc of another request", (&request{known: &s}).scrub("abc of another request"))
}

// BenchmarkHide: a token, and a script for first boot. A stack of a thousand servers may have as many of these.
func BenchmarkHide(b *testing.B) {
	for _, size := range []int{40, 16 << 10} {
		b.Run(strconv.Itoa(size), func(b *testing.B) {
			secret := strings.Repeat("echo \"$PASSWORD\" > /etc/motd\n", size/28+1)[:size-4]
			for i := range b.N {
				var s Secrets
				s.Hide(secret + strconv.Itoa(i%10000))
			}
		})
	}
}
