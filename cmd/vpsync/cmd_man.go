package main

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"github.com/vpsync/vpsync/pkg/plan/render"
)

// manCommand is for whoever packages vpsync, and for docs/cli.md; people ask --help.
func (a *app) manCommand() *cobra.Command {
	var markdown bool
	c := &cobra.Command{
		Use: "man [DIR]", Short: "Write the manual pages", Args: cobra.MaximumNArgs(1), Hidden: true,
		Long:    "Writes a manual page for each command into a folder, or with --markdown the whole reference as one page to standard output.",
		Example: "  vpsync man share/man/man1\n  vpsync man --markdown > docs/cli.md",
		RunE: func(c *cobra.Command, args []string) error {
			pages := manualOf(c.Root())
			switch {
			case markdown && len(args) == 0:
				_, err := io.WriteString(a.out, markdownPage(pages))
				return err
			case !markdown && len(args) == 1:
				return a.writeMan(args[0], pages)
			}
			return wrongUsage("man takes a folder, or --markdown and none")
		},
	}
	c.Flags().BoolVar(&markdown, "markdown", false, "print the whole reference as one page of Markdown")
	return c
}

// manualPage is what there is to say about one command. Both the manual pages and docs/cli.md are made of it.
type manualPage struct {
	path, usage, about, group string
	paragraphs                []paragraph
	flags, examples           string
	exits                     []int
	beneath, beside           []string // paths of its own commands, and what else to read
}

// paragraph is running text, or lines that stay as they are.
type paragraph struct {
	text    string
	literal bool
}

// manualOf describes every command that is not hidden, in the order of the help.
func manualOf(root *cobra.Command) []manualPage {
	root.InitDefaultCompletionCmd()
	pages := []manualPage{pageOf(root)}
	var below func(c *cobra.Command, group string)
	below = func(c *cobra.Command, group string) {
		for _, sub := range c.Commands() {
			if !documented(sub) || group != "" && sub.GroupID != group {
				continue
			}
			pages = append(pages, pageOf(sub))
			below(sub, "")
		}
	}
	for _, g := range root.Groups() {
		below(root, g.ID)
	}
	return pages
}

func documented(c *cobra.Command) bool { return c.IsAvailableCommand() && c.Name() != "help" }

func pageOf(c *cobra.Command) manualPage {
	p := manualPage{
		path: c.CommandPath(), usage: c.UseLine(), about: c.Short, group: c.GroupID,
		paragraphs: paragraphs(c.Long), examples: unindented(c.Example), exits: exitsOf(c),
	}
	flags := pflag.NewFlagSet(c.Name(), pflag.ContinueOnError)
	flags.SortFlags = true
	add := func(f *pflag.Flag) {
		if f.Name != "help" && c.Root().PersistentFlags().Lookup(f.Name) != f {
			flags.AddFlag(f)
		}
	}
	if c.HasParent() {
		c.LocalFlags().VisitAll(add)
		c.InheritedFlags().VisitAll(add)
	} else {
		flags = c.PersistentFlags()
		long, _, _ := strings.Cut(c.Long, "\n\nExit codes:")
		p.paragraphs = paragraphs(long)
		p.usage = "vpsync COMMAND [flags]"
	}
	if c.HasParent() && !c.Runnable() {
		p.usage = p.path + " COMMAND [flags]"
	}
	p.flags = unindented(flags.FlagUsages())
	for _, sub := range c.Commands() {
		if documented(sub) {
			p.beneath = append(p.beneath, sub.CommandPath())
		}
	}
	if c.HasParent() {
		p.beside = append(p.beside, c.Parent().CommandPath())
		if c.Parent().HasParent() {
			p.beside = append(p.beside, c.Root().CommandPath())
		}
	}
	return p
}

// paragraphs takes a help text apart: what is indented stays as it is.
func paragraphs(text string) []paragraph {
	var out []paragraph
	for part := range strings.SplitSeq(strings.TrimSpace(text), "\n\n") {
		if part = strings.Trim(part, "\n"); part == "" {
			continue
		}
		literal := strings.HasPrefix(part, "  ") || strings.HasPrefix(part, "\t")
		if literal {
			part = unindented(part)
		}
		out = append(out, paragraph{strings.TrimPrefix(part, "#### "), literal}) // cobra's own help has headings
	}
	return out
}

// unindented takes away the indent that all lines share.
func unindented(text string) string {
	lines := strings.Split(strings.Trim(text, "\n"), "\n")
	shared := -1
	for _, l := range lines {
		if inner := strings.TrimLeft(l, " \t"); inner != "" {
			if n := len(l) - len(inner); shared < 0 || n < shared {
				shared = n
			}
		}
	}
	for i, l := range lines {
		lines[i] = strings.TrimRight(l[min(len(l), max(shared, 0)):], " \t")
	}
	return strings.Join(lines, "\n")
}

func meaningOf(code int) string {
	i := slices.IndexFunc(exitCodes, func(e exitMeaning) bool { return e.code == code })
	return exitCodes[i].meaning
}

// markdownPage is the reference as one page.
func markdownPage(pages []manualPage) string {
	var b strings.Builder
	b.WriteString("# The commands of vpsync\n\nThis page is made of the program's own help (`make docs`), and a test keeps it true.\n")
	group := ""
	for i, p := range pages {
		if p.group != "" && p.group != group {
			group = p.group
			fmt.Fprintf(&b, "\n## %s\n", strings.TrimSuffix(p.group, ":"))
		}
		if i > 0 {
			fmt.Fprintf(&b, "\n### %s\n", p.path)
		}
		p.markdown(&b)
		if i > 0 {
			continue
		}
		b.WriteString("\n| exit code | meaning |\n|---|---|\n")
		for _, e := range exitCodes {
			fmt.Fprintf(&b, "| %d | %s |\n", e.code, markdownText(e.meaning))
		}
		b.WriteString("\n| command | |\n|---|---|\n")
		for _, q := range pages[1:] {
			fmt.Fprintf(&b, "| [%s](#%s) | %s |\n", q.path, strings.ReplaceAll(q.path, " ", "-"), markdownText(q.about))
		}
	}
	return b.String()
}

func (p manualPage) markdown(b *strings.Builder) {
	fenced := func(language, text string) {
		if text != "" {
			fmt.Fprintf(b, "\n```%s\n%s\n```\n", language, text)
		}
	}
	fmt.Fprintf(b, "\n%s.\n", markdownText(p.about))
	fenced("text", p.usage)
	for _, g := range p.paragraphs {
		if g.literal {
			fenced("text", g.text)
		} else {
			fmt.Fprintf(b, "\n%s\n", markdownText(g.text))
		}
	}
	fenced("text", p.flags)
	fenced("sh", p.examples)
	if len(p.exits) > 0 {
		var codes []string
		for _, code := range p.exits {
			codes = append(codes, fmt.Sprint(code))
		}
		fmt.Fprintf(b, "\nExit codes: %s.\n", strings.Join(codes, ", "))
	}
}

var markdownEscapes = strings.NewReplacer(`\`, `\\`, "*", `\*`, "_", `\_`, "<", `\<`, "[", `\[`, "#", `\#`, "|", `\|`, "`", "\\`")

// markdownText is text in which nothing is taken for Markdown.
func markdownText(text string) string { return markdownEscapes.Replace(text) }

// writeMan writes the manual pages.
func (a *app) writeMan(dir string, pages []manualPage) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	for _, p := range pages {
		path := filepath.Join(dir, manName(p.path)+".1")
		if err := os.WriteFile(path, []byte(p.roff(pages[0])), 0o644); err != nil {
			return err
		}
	}
	_, err := fmt.Fprintf(a.out, "Wrote %s to %s\n", render.Plural(len(pages), "page"), render.Escape(dir))
	return err
}

func manName(path string) string { return strings.ReplaceAll(path, " ", "-") }

// roff is a manual page in the language of man(7). It carries no date, so that the same program gives the same pages.
func (p manualPage) roff(root manualPage) string {
	var b strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	section := func(name string) { line(".SH %s", name) }
	literal := func(text string) {
		line(".PP\n.RS 4\n.nf\n%s\n.fi\n.RE", roffText(text))
	}
	line(`.TH "%s" "1" "" "vpsync" "vpsync"`, strings.ToUpper(manName(p.path)))
	section("NAME")
	line(`%s \- %s`, roffText(manName(p.path)), roffText(p.about))
	section("SYNOPSIS")
	line(".B %s", roffText(p.usage))
	section("DESCRIPTION")
	if len(p.paragraphs) == 0 {
		line("%s.", roffText(p.about))
	}
	for _, g := range p.paragraphs {
		if g.literal {
			literal(g.text)
		} else {
			line(".PP\n%s", roffText(g.text))
		}
	}
	if p.flags != "" {
		section("OPTIONS")
		literal(p.flags)
	}
	if p.path != root.path {
		section("GLOBAL OPTIONS")
		literal(root.flags)
	}
	if p.examples != "" {
		section("EXAMPLES")
		literal(p.examples)
	}
	if len(p.exits) > 0 || p.path == root.path {
		section("EXIT STATUS")
		codes := p.exits
		if p.path == root.path {
			codes = nil
			for _, e := range exitCodes {
				codes = append(codes, e.code)
			}
		}
		for _, code := range codes {
			line(".TP\n.B %d\n%s", code, roffText(meaningOf(code)))
		}
	}
	if others := append(slices.Clone(p.beside), p.beneath...); len(others) > 0 {
		section(`SEE ALSO`)
		for i, path := range others {
			end := ","
			if i == len(others)-1 {
				end = ""
			}
			line(".BR %s (1)%s", roffText(manName(path)), end)
		}
	}
	return b.String()
}

// roffText is text in which nothing is taken for a request of roff, and hyphens can be searched for and pasted.
func roffText(text string) string {
	text = strings.NewReplacer(`\`, `\e`, "-", `\-`).Replace(text)
	lines := strings.Split(text, "\n")
	for i, l := range lines {
		if strings.HasPrefix(l, ".") || strings.HasPrefix(l, "'") {
			lines[i] = `\&` + l
		}
	}
	return strings.Join(lines, "\n")
}

// exitsOf are the codes that a command can end with; one that only holds others has none.
func exitsOf(c *cobra.Command) []int {
	if !c.Runnable() || !c.HasParent() {
		return nil
	}
	if codes := commandExits[strings.TrimPrefix(c.CommandPath(), c.Root().Name()+" ")]; codes != nil {
		return codes
	}
	return []int{exitDone, exitFailed}
}
