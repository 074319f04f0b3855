package spec

import (
	"bytes"
	"fmt"
	"slices"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/hashicorp/hcl/v2/hclwrite"
)

var byteOrderMark = []byte("\xef\xbb\xbf")

// rounds is how often a source is laid out until nothing moves any more; one is nearly always enough.
const rounds = 8

// FormatSource is a source in the canonical layout of HCL, the one that every other tool for HCL gives it: indents, spaces around
// operators, aligned equals signs. Only blanks between words change; line endings and a byte order mark stay as they are.
// What cannot be parsed has diagnostics instead.
func FormatSource(src []byte, file string) ([]byte, Diagnostics) {
	text, marked := bytes.CutPrefix(src, byteOrderMark)
	if refused := Guard(text, file); len(refused) > 0 {
		return nil, refused
	}
	if _, problems := hclsyntax.ParseConfig(text, file, hcl.InitialPos); problems.HasErrors() {
		return nil, sources{file: text}.fromHCL(untangled(problems))
	}
	out := text
	for range rounds {
		next := hclwrite.Format(out)
		if bytes.Equal(next, out) {
			break
		}
		out = next
	}
	if !sameWords(text, out, file) || !bytes.Equal(hclwrite.Format(out), out) {
		return nil, Diagnostics{{Severity: SeverityError, Summary: "File cannot be formatted",
			Detail: fmt.Sprintf("Another layout of %s would mean something else, which is a mistake of vpsync's. The file is fine as it is.", file),
			Range:  &Range{File: file, Start: Pos{Line: 1, Column: 1}, End: Pos{Line: 1, Column: 1}}}}
	}
	if marked {
		out = slices.Concat(byteOrderMark, out)
	}
	return out, nil
}

// sameWords: two sources differ in blanks alone, so they mean the same. Blanks within a template are words.
func sameWords(a, b []byte, file string) bool {
	x, _ := hclsyntax.LexConfig(a, file, hcl.InitialPos)
	y, _ := hclsyntax.LexConfig(b, file, hcl.InitialPos)
	return slices.EqualFunc(x, y, func(x, y hclsyntax.Token) bool { return x.Type == y.Type && bytes.Equal(x.Bytes, y.Bytes) })
}
