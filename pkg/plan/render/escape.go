package render

import (
	"io"
	"unicode/utf8"

	"github.com/vpsync/vpsync/pkg/plan/render/escape"
)

// Escape makes foreign text safe to print within one line: [escape.Line].
func Escape(s string) string { return escape.Line(s) }

// EscapeLines is Escape for text that may have several lines: a line feed stays.
func EscapeLines(s string) string { return escape.Lines(s) }

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
	if _, err := io.WriteString(w.to, escape.Keep(string(text[:cut]), "\n\t")); err != nil {
		return 0, err
	}
	return len(p), nil
}

// Flush writes what was held back: bytes that will never be a rune.
func (w *Writer) Flush() error {
	text := string(w.part)
	w.part = nil
	_, err := io.WriteString(w.to, escape.Keep(text, "\n\t"))
	return err
}
