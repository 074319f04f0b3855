package spec

import (
	"bytes"
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/agext/levenshtein"
	"github.com/hashicorp/hcl/v2"
)

// Severity of a Diagnostic.
type Severity string

const (
	SeverityError   Severity = "error"
	SeverityWarning Severity = "warning"
)

// Diagnostic is a message with a place. It is data: package main renders it.
type Diagnostic struct {
	Severity Severity `json:"severity"`
	// Summary is one terse line without a final stop; Detail is full sentences: what is wrong and
	// why; Remedy is what to do about it, a snippet to paste where there is one.
	Summary string `json:"summary"`
	Detail  string `json:"detail,omitempty"`
	Remedy  string `json:"remedy,omitempty"`
	Range   *Range `json:"range,omitempty"`
	// Snippet is the source line at Range.Start, or empty; the renderer underlines from Range.
	Snippet string `json:"snippet,omitempty"`
	// Values are what the names in a failed expression stood for, as sentences without a stop; secrets are not shown.
	Values []string `json:"values,omitempty"`
	// Address is the resource concerned, where one is.
	Address string `json:"address,omitempty"`
}

// Diagnostics is a list of them, in the order of their places.
type Diagnostics []Diagnostic

// Pos is a place in a file: Line and Column count from 1 (columns are grapheme
// clusters), Byte from 0.
type Pos struct {
	Line   int `json:"line"`
	Column int `json:"column"`
	Byte   int `json:"byte"`
}

// Range is a part of a file. File is relative to the stack's folder, with forward slashes.
type Range struct {
	File  string `json:"file"`
	Start Pos    `json:"start"`
	End   Pos    `json:"end"`
}

// String is the place as people write it: "main.hcl line 12".
func (r Range) String() string { return fmt.Sprintf("%s line %d", r.File, r.Start.Line) }

// HasErrors: something in it is more than a warning.
func (d Diagnostics) HasErrors() bool {
	return slices.ContainsFunc(d, func(x Diagnostic) bool { return x.Severity == SeverityError })
}

// Sort orders by place; what has none comes first.
func (d Diagnostics) Sort() {
	slices.SortStableFunc(d, func(a, b Diagnostic) int {
		switch {
		case a.Range == nil && b.Range == nil:
			return 0
		case a.Range == nil:
			return -1
		case b.Range == nil:
			return 1
		}
		return cmp.Or(strings.Compare(a.Range.File, b.Range.File), a.Range.Start.Byte-b.Range.Start.Byte, strings.Compare(a.Summary, b.Summary))
	})
}

// distinct drops repetitions: a mistake in a block is found again in each of its instances, with other values in the
// text. What one instance has to say about one place stays, however much that is.
func (d Diagnostics) distinct() Diagnostics {
	type place struct {
		summary string
		at      Range
	}
	type telling struct {
		place
		detail string
	}
	first := map[place]string{} // the address that told of it first
	told := map[telling]bool{}
	var out Diagnostics
	for _, x := range d {
		p := place{summary: x.Summary}
		if x.Range != nil {
			p.at = *x.Range
		}
		by, seen := first[p]
		again := told[telling{p, x.Detail}] || seen && x.Range != nil && by != x.Address
		if !seen {
			first[p] = x.Address
		}
		told[telling{p, x.Detail}] = true
		if !again {
			out = append(out, x)
		}
	}
	return out
}

// Error is all of it in one line each, so that diagnostics can travel as an error.
func (d Diagnostics) Error() string {
	var lines []string
	for _, x := range d {
		line := x.Summary
		if x.Range != nil {
			line = x.Range.String() + ": " + line
		}
		if x.Detail != "" {
			line += ": " + x.Detail
		}
		lines = append(lines, line)
	}
	return strings.Join(lines, "\n")
}

// within corrects a range that the parser left unfinished, as it does for some of what breaks off.
func (r Range) within(size int) *Range {
	if r.End.Byte < r.Start.Byte {
		r.End = r.Start
	}
	r.Start.Byte, r.End.Byte = min(r.Start.Byte, size), min(r.End.Byte, size)
	return &r
}

func rangeOf(r hcl.Range) *Range {
	return &Range{File: r.Filename, Start: Pos(r.Start), End: Pos(r.End)}
}

// problem is an error at a place of the stack.
func (s *Stack) problem(at hcl.Range, summary, detail, remedy string) Diagnostic {
	return s.sources.at(Diagnostic{Severity: SeverityError, Summary: summary, Detail: detail, Remedy: remedy, Range: rangeOf(at)})
}

// at adds the source line to a diagnostic with a place.
func (s sources) at(d Diagnostic) Diagnostic {
	if d.Range == nil {
		return d
	}
	src, ok := s[d.Range.File]
	if !ok {
		return d
	}
	d.Range = d.Range.within(len(src))
	start := min(max(d.Range.Start.Byte, 0), len(src))
	from := bytes.LastIndexByte(src[:start], '\n') + 1
	to := len(src)
	if i := bytes.IndexByte(src[start:], '\n'); i >= 0 {
		to = start + i
	}
	d.Snippet = strings.TrimSuffix(string(src[from:to]), "\r")
	return d
}

// fromHCL takes over what the parser or an evaluation says. Its values are left behind: they may be secrets.
func (s sources) fromHCL(all hcl.Diagnostics) Diagnostics {
	var out Diagnostics
	for _, x := range all {
		d := Diagnostic{Severity: SeverityError, Summary: x.Summary, Detail: x.Detail}
		if x.Severity == hcl.DiagWarning {
			d.Severity = SeverityWarning
		}
		if x.Subject != nil {
			d.Range = rangeOf(*x.Subject)
		}
		if m := setAlready.FindStringSubmatch(x.Detail); m != nil {
			d.Summary, d.Detail = "Argument given twice", fmt.Sprintf("%q has a value at %s line %s already.", m[1], m[2], m[3])
		}
		if detail := unclosed[x.Summary]; detail != "" {
			d.Summary, d.Detail = "Text is not closed", detail
		}
		if m := noEscape.FindStringSubmatch(x.Detail); m != nil {
			d.Detail = fmt.Sprintf(`\%s is no escape sequence, as \n and \" are. A backslash itself is written \\; the parts of a path are set apart by / on every system.`, m[1])
		}
		out = append(out, s.at(d))
	}
	return out
}

// noEscape is what the parser says of a backslash that it cannot make sense of.
var noEscape = regexp.MustCompile(`^The symbol "(.)" is not a valid escape sequence selector`)

// untangled leaves of the parser's complaints about texts without an end only the first: from there on it takes what follows for text,
// and text for what follows.
func untangled(all hcl.Diagnostics) hcl.Diagnostics {
	open := false
	return slices.DeleteFunc(slices.Clone(all), func(x *hcl.Diagnostic) bool {
		again := open && unclosed[x.Summary] != ""
		open = open || unclosed[x.Summary] != ""
		return again
	})
}

// unclosed are the parser's summaries of a text that has no end, and what is to be said of it.
var unclosed = map[string]string{
	"Invalid multi-line string":                `A text in quotes ends on the line on which it begins. One over several lines stands between <<-EOT and EOT.`,
	"Unterminated template string":             `The text has no closing quote.`,
	"Unclosed template interpolation sequence": `A ${ in a text has no } that ends it. A ${ that is meant as text is written $${.`,
}

// setAlready is what the parser says of an argument that stands twice in a body.
var setAlready = regexp.MustCompile(`^The argument "([^"]+)" was already set at (.*):(\d+),`)

// didYouMean is a sentence that names the nearest of the candidates, or nothing.
func didYouMean(word string, candidates []string) string {
	if near := Nearest(word, candidates); near != "" {
		return fmt.Sprintf(" Did you mean %q?", near)
	}
	return ""
}

// Nearest is the candidate that is a typing mistake or two away from word, or empty.
func Nearest(word string, candidates []string) string {
	if len(candidates) > maxCandidates {
		candidates = candidates[:maxCandidates]
	}
	best, least := "", len(word)/3+2
	if len(word) < 3 {
		least = 2
	}
	for _, c := range candidates {
		a, b := strings.ToLower(word), strings.ToLower(c)
		if len(a)-len(b) >= least || len(b)-len(a) >= least {
			continue
		}
		d := levenshtein.Distance(a, b, nil)
		if swapped(a, b) {
			d = 1
		}
		// A short name needs a reason beyond being short.
		if d < least && d < max(len(a), len(b)) && (d < 2 || len(word) > 3) {
			best, least = c, d
		}
	}
	return best
}

// maxCandidates bounds the search for a near name.
const maxCandidates = 2000

// swapped: two neighbouring letters have changed places.
func swapped(a, b string) bool {
	if len(a) != len(b) {
		return false
	}
	i := 0
	for i < len(a) && a[i] == b[i] {
		i++
	}
	return i+1 < len(a) && a[i] == b[i+1] && a[i+1] == b[i] && a[i+2:] == b[i+2:]
}
