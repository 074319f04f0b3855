package render

import (
	"fmt"
	"io"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Escape makes foreign text safe to print within one line. Control characters become
// \n, \t or \x1b; bytes that are not UTF-8 become \xff; runes that reorder text, have no
// width or no glyph become \u{202e}. Safe text is returned as it is, so escaping twice
// changes nothing. A backslash is safe: the result is for eyes, not for parsers.
func Escape(s string) string { return escape(s, "") }

// EscapeLines is Escape for text that may have several lines: a line feed stays.
func EscapeLines(s string) string {
	return escape(strings.ReplaceAll(s, "\r\n", "\n"), "\n")
}

// escape escapes all of s but the runes in keep.
func escape(s, keep string) string {
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

// Writer escapes all that is written through it but line feeds and tabs. Put it around a stream to which
// another library prints text that it did not clean. It holds back an incomplete rune at the end of a write
// until the next one, or Flush.
type Writer struct {
	to   io.Writer
	part []byte
}

// NewWriter returns a Writer to w.
func NewWriter(w io.Writer) *Writer { return &Writer{to: w} }

func (w *Writer) Write(p []byte) (int, error) {
	text := append(w.part, p...)
	cut := len(text)
	for back := 1; back <= utf8.UTFMax && back <= len(text); back++ {
		if at := len(text) - back; utf8.RuneStart(text[at]) {
			if !utf8.FullRune(text[at:]) {
				cut = at
			}
			break
		}
	}
	w.part = append([]byte(nil), text[cut:]...)
	if _, err := io.WriteString(w.to, escape(string(text[:cut]), "\n\t")); err != nil {
		return 0, err
	}
	return len(p), nil
}

// Flush writes what was held back: bytes that will never be a rune.
func (w *Writer) Flush() error {
	text := string(w.part)
	w.part = nil
	_, err := io.WriteString(w.to, escape(text, "\n\t"))
	return err
}
