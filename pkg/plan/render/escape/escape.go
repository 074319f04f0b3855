// Package escape makes foreign text fit for a terminal, a comment, a page or a JSON document: what it writes shows itself, and does
// nothing. It knows nothing of vpsync, so that whatever shows text may use it; [Line] is where a reader starts.
package escape

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Line makes foreign text safe to print within one line. Control characters become
// \n, \t or \x1b; bytes that are not UTF-8 become \xff; runes that reorder text, have no
// width or no glyph become \u{202e}. Safe text is returned as it is, so escaping twice
// changes nothing. A backslash is safe: the result is for eyes, not for parsers.
func Line(s string) string { return Keep(s, "") }

// Lines is Line for text that may have several lines: a line feed stays.
func Lines(s string) string {
	return Keep(strings.ReplaceAll(s, "\r\n", "\n"), "\n")
}

// Keep is Line for all of s but the runes in keep.
func Keep(s, keep string) string {
	var b strings.Builder
	clean := 0 // s[:clean] is in b, or b is empty and s[:i] is safe
	for i := 0; i < len(s); {
		r, size := utf8.DecodeRuneInString(s[i:])
		invalid := r == utf8.RuneError && size == 1
		if !invalid && (safe(r) || strings.ContainsRune(keep, r)) {
			i += size
			continue
		}
		b.WriteString(s[clean:i])
		if invalid {
			fmt.Fprintf(&b, `\x%02x`, s[i])
		} else {
			b.WriteString(visible(r))
		}
		i += size
		clean = i
	}
	if clean == 0 {
		return s
	}
	b.WriteString(s[clean:])
	return b.String()
}

func visible(r rune) string {
	switch {
	case r == '\n':
		return `\n`
	case r == '\t':
		return `\t`
	case r == '\r':
		return `\r`
	case r < utf8.RuneSelf:
		return fmt.Sprintf(`\x%02x`, r)
	}
	return fmt.Sprintf(`\u{%x}`, r)
}

// safe says that a rune shows itself, and nothing but itself, on a terminal and in a page.
func safe(r rune) bool {
	if r < utf8.RuneSelf {
		return r >= ' ' && r != 0x7f
	}
	// Not graphic are controls, formats (bidi marks, zero-width joiners, tags), line and paragraph
	// separators, surrogates, private use and what Unicode does not assign.
	return unicode.IsGraphic(r) && !unicode.Is(blank, r)
}

// blank holds graphic runes without a glyph of their own: they hide differences between names, or carry
// text that nobody sees.
var blank = &unicode.RangeTable{
	R16: []unicode.Range16{
		{Lo: 0x034f, Hi: 0x034f, Stride: 1}, // combining grapheme joiner
		{Lo: 0x115f, Hi: 0x1160, Stride: 1}, // hangul fillers
		{Lo: 0x17b4, Hi: 0x17b5, Stride: 1}, // khmer inherent vowels
		{Lo: 0x180b, Hi: 0x180f, Stride: 1}, // mongolian variation selectors
		{Lo: 0x2800, Hi: 0x2800, Stride: 1}, // blank braille pattern
		{Lo: 0x3164, Hi: 0x3164, Stride: 1}, // hangul filler
		{Lo: 0xfe00, Hi: 0xfe0f, Stride: 1}, // variation selectors
		{Lo: 0xffa0, Hi: 0xffa0, Stride: 1}, // halfwidth hangul filler
	},
	R32: []unicode.Range32{
		{Lo: 0xe0100, Hi: 0xe01ef, Stride: 1}, // variation selectors supplement
	},
}

// JSON writes any value as JSON, with this indent or on one line where it is empty: deterministic, and with every rune that is not
// safe on a terminal as \u escapes. It ends in a line feed.
func JSON(v any, indent string) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", indent)
	if err := e.Encode(v); err != nil {
		return nil, err
	}
	return escapeJSON(b.Bytes()), nil
}

// escapeJSON writes unsafe runes as \u escapes. Outside of strings JSON has only safe ones and line feeds.
func escapeJSON(doc []byte) []byte {
	out := make([]byte, 0, len(doc))
	for i := 0; i < len(doc); {
		r, size := utf8.DecodeRune(doc[i:])
		switch {
		case r == '\n' || safe(r):
			out = append(out, doc[i:i+size]...)
		case r > 0xffff:
			r -= 0x10000
			out = fmt.Appendf(out, `\u%04x\u%04x`, 0xd800+(r>>10), 0xdc00+(r&0x3ff))
		default:
			out = fmt.Appendf(out, `\u%04x`, r)
		}
		i += size
	}
	return out
}
