package main

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2/ext/typeexpr"
	"github.com/spf13/cobra"
	"github.com/vpsync/vpsync/pkg/plan/render"
	"github.com/vpsync/vpsync/pkg/spec"
	"github.com/zclconf/go-cty/cty"
)

func (a *app) schemaCommand() *cobra.Command {
	return &cobra.Command{
		Use: "schema", Short: "Show what may stand in the HCL: blocks, kinds and functions", Args: cobra.NoArgs,
		Long: `Shows the blocks of the language, the kinds of each provider with their attributes, and the functions. With --json it is
one document for editors and other programs, which docs/schema.schema.json describes. What an API offers beyond that
is told by vpsync providers show.`,
		Example: "  vpsync schema\n  vpsync schema --json",
		RunE:    func(*cobra.Command, []string) error { return a.schema() },
	}
}

// The language as a document. Fields are added under a new minor format_version and removed under a new major one only;
// docs/schema.schema.json describes them.
type (
	schemaDocument struct {
		FormatVersion string           `json:"format_version"`
		VpsyncVersion string           `json:"vpsync_version,omitempty"`
		Blocks        []schemaBlock    `json:"blocks"`
		Resource      schemaBlock      `json:"resource"`
		Providers     []schemaProvider `json:"providers"`
		Functions     []schemaFunction `json:"functions"`
	}
	schemaBlock struct {
		Name        string           `json:"name,omitempty"`
		Description string           `json:"description"`
		Labels      []string         `json:"labels"`
		Arguments   []schemaArgument `json:"arguments"`
		Blocks      []schemaBlock    `json:"blocks"`
		Open        bool             `json:"open,omitempty"`
	}
	schemaArgument struct {
		Name        string   `json:"name"`
		Description string   `json:"description"`
		Type        string   `json:"type,omitempty"`
		Required    bool     `json:"required"`
		Values      []string `json:"values,omitempty"`
	}
	schemaProvider struct {
		Name  string       `json:"name"`
		Title string       `json:"title"`
		Kinds []schemaKind `json:"kinds"`
		Data  []schemaKind `json:"data"`
	}
	schemaKind struct {
		Name        string            `json:"name"`
		Description string            `json:"description,omitempty"`
		Attributes  []schemaAttribute `json:"attributes"`
	}
	schemaAttribute struct {
		Name          string            `json:"name"`
		Description   string            `json:"description,omitempty"`
		Type          string            `json:"type"`
		Required      bool              `json:"required"`
		Optional      bool              `json:"optional"`
		Computed      bool              `json:"computed"`
		Sensitive     bool              `json:"sensitive"`
		OnChange      string            `json:"on_change,omitempty"`
		Operation     string            `json:"operation,omitempty"`
		Operations    map[string]string `json:"operations,omitempty"`
		Refers        string            `json:"refers,omitempty"`
		Values        []json.RawMessage `json:"values,omitempty"`
		Suggestions   []json.RawMessage `json:"suggestions,omitempty"`
		Default       json.RawMessage   `json:"default,omitempty"`
		ServerDefault json.RawMessage   `json:"server_default,omitempty"`
		Minimum       *float64          `json:"minimum,omitempty"`
		Maximum       *float64          `json:"maximum,omitempty"`
		Whole         bool              `json:"whole,omitempty"`
		Pattern       string            `json:"pattern,omitempty"`
		Format        string            `json:"format,omitempty"`
	}
	schemaFunction struct {
		Name        string            `json:"name"`
		Description string            `json:"description,omitempty"`
		Parameters  []schemaParameter `json:"parameters"`
		Variadic    *schemaParameter  `json:"variadic,omitempty"`
	}
	schemaParameter struct {
		Name string `json:"name"`
		Type string `json:"type"`
	}
)

func (a *app) schema() error {
	doc, err := a.newSchemaDocument()
	if err != nil {
		return err
	}
	if err := a.tellLeftOut(); err != nil {
		return err
	}
	if a.json {
		return a.printJSON(doc)
	}
	return a.writeSchema(doc)
}

func (a *app) newSchemaDocument() (*schemaDocument, error) {
	doc := &schemaDocument{FormatVersion: render.FormatVersion, VpsyncVersion: versionText(), Resource: newSchemaBlock(spec.ResourceBlock())}
	for _, b := range spec.Blocks() {
		doc.Blocks = append(doc.Blocks, newSchemaBlock(b))
	}
	all, err := a.everyDefinition()
	if err != nil {
		return nil, err
	}
	for _, def := range all {
		p := schemaProvider{Name: def.Name, Title: def.Title, Data: []schemaKind{}}
		for kind := range keysSorted(def.Schema.Kinds) {
			p.Kinds = append(p.Kinds, newSchemaKind(def.Schema.Kinds[kind]))
		}
		for source := range keysSorted(def.Schema.Data) {
			d := newSchemaKind(def.Schema.Data[source])
			d.Name = source
			p.Data = append(p.Data, d)
		}
		doc.Providers = append(doc.Providers, p)
	}
	for _, f := range spec.Functions() {
		d := schemaFunction{Name: f.Name, Description: f.Description, Parameters: []schemaParameter{}}
		for _, p := range f.Parameters {
			d.Parameters = append(d.Parameters, schemaParameter{p.Name, typeText(p.Type)})
		}
		if f.Variadic != nil {
			d.Variadic = &schemaParameter{f.Variadic.Name, typeText(f.Variadic.Type)}
		}
		doc.Functions = append(doc.Functions, d)
	}
	return doc, nil
}

// typeText is a type as the configuration writes it, or empty for what is no value.
func typeText(t cty.Type) string {
	if t == cty.NilType {
		return ""
	}
	return typeexpr.TypeString(t)
}

func newSchemaBlock(b spec.Block) schemaBlock {
	d := schemaBlock{
		Name: b.Name, Description: b.Description, Open: b.Open,
		Labels: append([]string{}, b.Labels...), Arguments: []schemaArgument{}, Blocks: []schemaBlock{},
	}
	for _, at := range b.Arguments {
		d.Arguments = append(d.Arguments, schemaArgument{at.Name, at.Description, typeText(at.Type), at.Required, at.Values})
	}
	for _, inner := range b.Blocks {
		d.Blocks = append(d.Blocks, newSchemaBlock(inner))
	}
	return d
}

func newSchemaKind(k *spec.Kind) schemaKind {
	d := schemaKind{Name: k.Name, Description: k.Description, Attributes: []schemaAttribute{}}
	for _, at := range k.Attributes {
		d.Attributes = append(d.Attributes, newSchemaAttribute(at))
	}
	return d
}

func newSchemaAttribute(at *spec.Attribute) schemaAttribute {
	d := schemaAttribute{
		Name: at.Name, Description: at.Description, Type: typeText(at.Type), Required: at.Required, Optional: at.Optional,
		Computed: at.Computed, Sensitive: at.Sensitive, Refers: at.Refers, Default: rawValue(at.Default), ServerDefault: rawValue(at.ServerDefault),
	}
	if at.Required || at.Optional {
		d.OnChange, d.Operation, d.Operations = string(at.OnChange), at.Operation, at.Operations
	}
	for _, c := range at.Checks {
		for _, v := range c.OneOf {
			d.Values = append(d.Values, rawValue(v))
		}
		if c.Min != nil {
			d.Minimum = c.Min
		}
		if c.Max != nil {
			d.Maximum = c.Max
		}
		d.Whole = d.Whole || c.Whole
		if c.Pattern != "" {
			d.Pattern = c.Pattern
		}
		if c.Format != "" {
			d.Format = string(c.Format)
		}
	}
	for _, v := range append(slices.Clone(at.Catalog), at.Examples...) {
		if raw := rawValue(v); raw != nil && !slices.ContainsFunc(d.Suggestions, func(s json.RawMessage) bool { return string(s) == string(raw) }) {
			d.Suggestions = append(d.Suggestions, raw)
		}
	}
	return d
}

// rawValue is a value of a definition as JSON, or nil where there is none.
func rawValue(v cty.Value) json.RawMessage {
	if v == cty.NilVal || v.IsNull() {
		return nil
	}
	raw, _, _ := render.PlainJSON(v)
	return raw
}

// writeSchema is the outline of the document.
func (a *app) writeSchema(doc *schemaDocument) error {
	s := render.Style{Color: a.outOptions().Color}
	table := func(title string, t *render.Table) error {
		fmt.Fprintln(a.out, s.Bold(title))
		t.Indent = "  "
		return t.Write(a.out, a.tableOptions())
	}
	blocks := render.NewTable("BLOCK", "HOLDS", "IS")
	for _, b := range doc.Blocks {
		blocks.Row(header(b.Name, b.Labels), holds(b), b.Description)
	}
	blocks.Row(header("KIND", doc.Resource.Labels), holds(doc.Resource), doc.Resource.Description)
	if err := table("Blocks", blocks); err != nil {
		return err
	}
	for _, p := range doc.Providers {
		kinds := render.NewTable("KIND", "REQUIRED", "OPTIONAL", "COMPUTED")
		for _, k := range p.Kinds {
			var required, optional, computed []string
			for _, at := range k.Attributes {
				switch {
				case at.Required:
					required = append(required, at.Name)
				case at.Optional:
					optional = append(optional, at.Name)
				default:
					computed = append(computed, at.Name)
				}
			}
			kinds.Row(k.Name, strings.Join(required, ", "), strings.Join(optional, ", "), strings.Join(computed, ", "))
		}
		fmt.Fprintln(a.out)
		if err := table(render.Escape(p.Title), kinds); err != nil {
			return err
		}
	}
	functions := render.NewTable()
	for _, f := range doc.Functions {
		functions.Row(f.signature(), f.Description)
	}
	fmt.Fprintln(a.out)
	return table("Functions", functions)
}

func header(name string, labels []string) string {
	for _, l := range labels {
		name += fmt.Sprintf(" %q", strings.ToUpper(l))
	}
	return name
}

// holds lists what may stand in a block.
func holds(b schemaBlock) string {
	var parts []string
	for _, at := range b.Arguments {
		parts = append(parts, at.Name)
	}
	for _, inner := range b.Blocks {
		parts = append(parts, inner.Name+" { }")
	}
	if b.Open {
		parts = append(parts, "anything")
	}
	return strings.Join(parts, ", ")
}

func (f schemaFunction) signature() string {
	var parts []string
	for _, p := range f.Parameters {
		parts = append(parts, p.Name)
	}
	if f.Variadic != nil {
		parts = append(parts, f.Variadic.Name+"...")
	}
	return fmt.Sprintf("%s(%s)", f.Name, strings.Join(parts, ", "))
}
