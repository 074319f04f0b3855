package providers

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"sort"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/vpsync/vpsync/pkg/spec"
)

// Decode reads a definition. file names it in diagnostics; with an error among them the definition is nil.
//
// The whole document is read before anything is given up, so every mistake in it is reported at once, in the
// order of their places.
func Decode(src []byte, file string) (*Definition, spec.Diagnostics) {
	// The parser recurses without a limit, and a stack overflow cannot be recovered from: measure first.
	if diags := spec.Guard(src, file); diags.HasErrors() {
		return nil, diags
	}
	d := &decoder{file: file, lines: strings.Split(string(src), "\n")}
	parsed, diags := hclsyntax.ParseConfig(src, file, hcl.InitialPos)
	if diags.HasErrors() {
		d.foreign(diags)
		return nil, d.diags
	}
	d.document(parsed.Body.(*hclsyntax.Body))
	sort.SliceStable(d.diags, func(i, j int) bool {
		return d.diags[i].Range.Start.Byte < d.diags[j].Range.Start.Byte
	})
	if d.diags.HasErrors() {
		return nil, d.diags
	}
	sum := sha256.Sum256(src)
	d.def.Hash = hex.EncodeToString(sum[:])
	return d.def, d.diags
}

// decoder is one reading of one document. Its methods report what is wrong and go on with the zero value.
type decoder struct {
	file  string
	lines []string
	diags spec.Diagnostics
	def   *Definition

	// kinds and operations in source order, with the places that the checks across blocks point to.
	kinds []*kindSource
	// The blocks of Definition.Billing, and what their questions are asked with.
	usageBlock, invoicesBlock *block
	current, previous         map[string]string
}

// kindSource is a decoded kind with the places of its parts.
type kindSource struct {
	kind       *Kind
	block      *block
	attributes map[string]*block
	operations map[string]*block
	price      *block
}

// document reads the top level: one provider block, then kinds, data and tasks.
func (d *decoder) document(body *hclsyntax.Body) {
	d.def = &Definition{
		Schema: &spec.Schema{Kinds: map[string]*spec.Kind{}, Data: map[string]*spec.Kind{}, RateLimits: map[string]spec.RateLimit{}},
		Kinds:  map[string]*Kind{},
		Data:   map[string]*Query{},
		Tasks:  map[string]map[string]*Task{},
	}
	top := &block{d: d, name: "a definition", body: body, header: body.MissingItemRange(), seen: map[string]*block{}}

	accounts := top.blocks("provider", 1)
	if len(accounts) == 0 {
		d.errorAt(hcl.Range{Filename: d.file, Start: hcl.InitialPos, End: hcl.InitialPos}, "No provider block",
			"A definition starts with a provider block that says where the API is and how to speak to it.",
			"provider \"acme\" {\n  base_url = \"https://api.acme.example/v1\"\n\n  auth \"bearer\" {\n    token_env = \"ACME_API_TOKEN\"\n  }\n}")
	}
	for i, b := range accounts {
		if i > 0 {
			d.errorAt(b.header, "Second provider block", "A definition describes one provider.", "Move the second one into a file of its own.")
			continue
		}
		d.account(b)
	}
	kinds := top.blocks("kind", 1)
	for _, b := range kinds {
		d.kind(b)
	}
	queries := top.blocks("data", 1)
	tasks := top.blocks("task", 1)
	for _, b := range queries {
		d.query(b)
	}
	for _, b := range tasks {
		d.task(b)
	}
	top.finish()
	d.checkReferences()
}

// errorAt reports a mistake. remedy may be empty.
func (d *decoder) errorAt(r hcl.Range, summary, detail, remedy string) {
	d.report(spec.SeverityError, r, summary, detail, remedy)
}

func (d *decoder) report(severity spec.Severity, r hcl.Range, summary, detail, remedy string) {
	place := rangeOf(r)
	diag := spec.Diagnostic{Severity: severity, Summary: summary, Detail: detail, Remedy: remedy, Range: &place}
	if n := r.Start.Line; n >= 1 && n <= len(d.lines) {
		diag.Snippet = strings.TrimSuffix(d.lines[n-1], "\r")
	}
	d.diags = append(d.diags, diag)
}

// foreign takes over what the HCL parser or an expression reported.
func (d *decoder) foreign(diags hcl.Diagnostics) {
	for _, h := range diags {
		severity := spec.SeverityError
		if h.Severity == hcl.DiagWarning {
			severity = spec.SeverityWarning
		}
		r := hcl.Range{Filename: d.file, Start: hcl.InitialPos, End: hcl.InitialPos}
		if h.Subject != nil {
			r = *h.Subject
		}
		d.report(severity, r, strings.TrimSuffix(h.Summary, "."), h.Detail, "")
	}
}

func rangeOf(r hcl.Range) spec.Range {
	return spec.Range{
		File:  r.Filename,
		Start: spec.Pos{Line: r.Start.Line, Column: r.Start.Column, Byte: r.Start.Byte},
		End:   spec.Pos{Line: r.End.Line, Column: r.End.Column, Byte: r.End.Byte},
	}
}

// quoted lists words for a message: "a", "b" or "c".
func quoted(words []string) string {
	q := make([]string, len(words))
	for i, w := range words {
		q[i] = fmt.Sprintf("%q", w)
	}
	if len(q) < 2 {
		return strings.Join(q, "")
	}
	return strings.Join(q[:len(q)-1], ", ") + " or " + q[len(q)-1]
}
