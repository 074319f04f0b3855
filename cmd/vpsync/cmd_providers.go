package main

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/vpsync/vpsync/internal/shell"
	"github.com/vpsync/vpsync/pkg/plan/render"
	"github.com/vpsync/vpsync/pkg/providers"
	"github.com/vpsync/vpsync/pkg/spec"
)

func (a *app) providersCommand() *cobra.Command {
	c := &cobra.Command{Use: "providers", Short: "What each API offers, and what it cannot do"}
	var markdown bool
	show := a.completing(&cobra.Command{Use: "show NAME", Short: "Show kinds, attributes, operations, and what is impossible",
		Example: "  vpsync providers show servosphere\n  vpsync providers show servosphere --markdown > servosphere.md",
		RunE:    func(_ *cobra.Command, args []string) error { return a.showProvider(args[0], markdown) }}, false, a.offeredProviders())
	show.Flags().BoolVar(&markdown, "markdown", false, "print a page of Markdown")
	c.AddCommand(
		&cobra.Command{Use: "list", Short: "List the providers",
			Example: "  vpsync providers list",
			RunE:    func(*cobra.Command, []string) error { return a.listProviders() }},
		show,
		&cobra.Command{Use: "check FILE", Short: "Check a definition: all mistakes at once",
			Long: `Reads a definition of a provider, which a stack may bring along as a file of its own, and reports every mistake in it with its
place. Of a right one it says in short what it describes. It needs no stack and sends nothing.`,
			Example: "  vpsync providers check acme.provider.hcl",
			ValidArgsFunction: func(*cobra.Command, []string, string) ([]cobra.Completion, cobra.ShellCompDirective) {
				return []cobra.Completion{"hcl"}, cobra.ShellCompDirectiveFilterFileExt
			},
			RunE: func(_ *cobra.Command, args []string) error { return a.checkProvider(args[0]) }},
	)
	return c
}

func (a *app) listProviders() error {
	var docs []providerDocument
	t := render.NewTable("NAME", "TITLE", "KINDS", "TOKEN")
	all, err := a.everyDefinition()
	if err != nil {
		return err
	}
	if err := a.tellLeftOut(); err != nil {
		return err
	}
	for _, def := range all {
		kinds := slices.Sorted(maps.Keys(def.Schema.Kinds))
		docs = append(docs, newProviderDocument(def))
		t.Row(def.Name, def.Title, strings.Join(kinds, ", "), def.Auth.TokenEnv)
	}
	accounts := a.stackAccounts()
	if a.json {
		return a.printJSON(map[string]any{"format_version": formatVersion, "providers": docs, "accounts": accounts})
	}
	if err := t.Write(a.out, a.tableOptions()); err != nil || len(accounts) == 0 {
		return err
	}
	fmt.Fprintln(a.out, "\nAccounts of this stack:")
	t = render.NewTable("ACCOUNT", "PROVIDER", "TOKEN")
	t.Indent = "  "
	for _, account := range accounts {
		t.Row(account.Account, account.Provider, account.TokenEnv)
	}
	return t.Write(a.out, a.tableOptions())
}

// accountDocument is a provider block, and the variable that its token comes from.
type accountDocument struct {
	Account  string `json:"account"`
	Provider string `json:"provider"`
	TokenEnv string `json:"token_env"`
}

// stackAccounts are those of the stack in the folder, where one is; what is wrong with it is said by validate.
func (a *app) stackAccounts() []accountDocument {
	list := []accountDocument{}
	stack, _ := spec.Load(a.dir)
	if stack == nil {
		return list
	}
	for _, block := range stack.Providers {
		if def, err := a.definition(block); err == nil {
			list = append(list, accountDocument{block.Account(), block.Name, orElse(block.TokenEnv, def.Auth.TokenEnv)})
		}
	}
	return list
}

func (a *app) showProvider(name string, markdown bool) error {
	if markdown && a.json {
		return wrongUsage("--markdown and --json are two forms of one answer: choose one")
	}
	def, err := a.definitionOf(name)
	if err != nil {
		return err
	}
	doc := newProviderDocument(def)
	if a.json {
		return a.printJSON(struct {
			FormatVersion string `json:"format_version"`
			providerDocument
		}{formatVersion, doc})
	}
	if markdown {
		_, err := io.WriteString(a.out, doc.markdown())
		return err
	}
	return doc.write(a.out, a.tableOptions(), a.outOptions())
}

// checkedDocument is what providers check --json prints. Provider is absent where the definition is wrong.
type checkedDocument struct {
	render.DiagnosticsDocument
	File     string            `json:"file"`
	Provider *providerDocument `json:"provider,omitempty"`
}

// checkProvider reads a definition wherever it lies, and tells what a stack that names it would be told.
func (a *app) checkProvider(file string) error {
	src, err := readDefinition(file)
	if err != nil {
		return &remedyError{summary: "The definition cannot be read", detail: fmt.Sprintf("%s: %s", file, sentenceOf(reasonOf(err)))}
	}
	def, diags := providers.Decode(src, file)
	if def != nil {
		diags = append(diags, usableByStacks(def, file)...)
	}
	if a.json {
		doc := checkedDocument{DiagnosticsDocument: render.NewDiagnosticsDocument(diags, a.meta()), File: file}
		if def != nil {
			described := newProviderDocument(def)
			doc.Provider = &described
		}
		if err := a.printJSON(doc); err != nil {
			return err
		}
		if diags.HasErrors() {
			return exitWith(exitFailed)
		}
		return nil
	}
	if diags.HasErrors() {
		return diags
	}
	if err := render.Diagnostics(a.errs, diags, a.errOptions()); err != nil {
		return err
	}
	return a.describeDefinition(def, file)
}

// readDefinition reads a file that may be a link, as every program does with the files it is named, and no more of it than a
// definition may be long.
func readDefinition(file string) ([]byte, error) {
	info, err := os.Stat(file) // before it is opened: a pipe would wait for a writer
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, errors.New("it is no file")
	}
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	src, err := spec.ReadAtMost(f)
	return src, errors.Join(err, f.Close())
}

// usableByStacks warns where a definition is right and yet no stack could bring it along. Those that vpsync itself brings along are
// checked with it, too.
func usableByStacks(def *providers.Definition, file string) spec.Diagnostics {
	var diags spec.Diagnostics
	warn := func(detail, remedy string) {
		start := spec.Pos{Line: 1, Column: 1}
		diags = append(diags, spec.Diagnostic{
			Severity: spec.SeverityWarning, Summary: "No stack can use this definition", Detail: detail, Remedy: remedy,
			Range: &spec.Range{File: file, Start: start, End: start},
		})
	}
	if src, embedded := embedded()[def.Name]; embedded {
		if own, _ := providers.Decode(src, file); own != nil && own.Hash == def.Hash {
			return nil
		}
	}
	if problem, remedy := unusableName(def.Name); problem != "" {
		warn(problem, remedy)
	}
	if !strings.HasSuffix(file, definitionSuffix) || filepath.Base(file) == definitionSuffix {
		warn(fmt.Sprintf("The name of a definition ends in %s, so that it is not taken for a part of the stack; this one is %q.", definitionSuffix, filepath.Base(file)),
			"mv "+shell.Word(file)+" "+def.Name+definitionSuffix)
	}
	return diags
}

// describeDefinition says in short what a definition describes.
func (a *app) describeDefinition(def *providers.Definition, file string) error {
	doc := newProviderDocument(def)
	holds := render.Plural(len(doc.Kinds), "kind")
	if n := len(doc.Data); n > 0 {
		holds += ", " + render.Plural(n, "data source")
	}
	fmt.Fprintf(a.out, "%s is right: %s (%s) at %s, %s.\n\n", render.Escape(file), render.Escape(doc.Title), doc.Name, render.Escape(doc.BaseURL), holds)
	t := render.NewTable("KIND", "ATTRIBUTES", "OPERATIONS", "INFERRED")
	for _, k := range doc.Kinds {
		var names, inferred []string
		for _, op := range k.Operations {
			names = append(names, op.Name)
			if !op.Documented {
				inferred = append(inferred, op.Name)
			}
		}
		t.Row(k.Name, fmt.Sprint(len(k.Attributes)), strings.Join(names, ", "), orElse(strings.Join(inferred, ", "), "none"))
	}
	if err := t.Write(a.out, a.tableOptions()); err != nil {
		return err
	}
	fmt.Fprintln(a.out)
	return render.Prose(a.out, 0, 0, render.Escape(doc.account()), a.outOptions())
}
