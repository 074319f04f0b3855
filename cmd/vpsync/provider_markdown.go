package main

import (
	"fmt"
	"strings"

	"github.com/vpsync/vpsync/pkg/plan/render"
)

// markdown is the page of a provider in docs/providers, made of nothing but its definition.
func (d providerDocument) markdown() string {
	var b strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	line("# %s\n", plainMarkdown(d.Title))
	line("<!-- Made by `vpsync providers show %s --markdown`; `make docs` makes it again. -->\n", d.Name)
	line("`provider \"%s\"` speaks to <%s>. %s", d.Name, render.Escape(d.BaseURL), plainMarkdown(d.account()))
	if limits := d.budget(); limits != "" {
		line("%s", plainMarkdown(limits))
	}
	line("%s", plainMarkdown(d.bills()))
	line("\nAn operation that is *inferred* is not printed by the vendor: if an account answers 404 to it, correct that line of `%s%s`.\n", d.Name, definitionSuffix)
	operations := func(list []operationDocument) {
		line("\n| operation | request | from | counts as |")
		line("|---|---|---|---|")
		for _, o := range list {
			line("| %s | `%s` | %s | %s |", o.Name, render.Escape(o.Request), o.from(), cell(plainMarkdown(orElse(o.RateLimit, "nothing"))))
		}
	}
	for _, k := range d.Kinds {
		line("- [%s](#%s)%s", k.Name, k.Name, briefly(k.Description))
	}
	for _, q := range d.Data {
		line("- [data %s](#data-%s)%s", q.Name, q.Name, briefly(q.Description))
	}
	if len(d.Tasks) > 0 {
		line("- [tasks](#tasks): what can be done to an object once")
	}
	for _, k := range d.Kinds {
		line("\n## %s\n", k.Name)
		if k.Description != "" {
			line("%s\n", plainMarkdown(k.Description))
		}
		line("%s\n", plainMarkdown(strings.Join(k.habits(), " ")))
		line("| attribute | type | given | a change | can be read | about |")
		line("|---|---|---|---|---|---|")
		for _, a := range k.Attributes {
			line("| %s |", strings.Join([]string{"`" + a.Name + "`", a.Type, a.Given, changeWords(a), a.readWords(), a.about()}, " | "))
		}
		operations(k.Operations)
		for _, o := range k.Operations {
			if o.Note != "" {
				line("\n%s: %s", o.Name, plainMarkdown(o.Note))
			}
		}
		if len(k.Cannot) > 0 {
			line("\nThe API cannot\n")
			for _, c := range k.Cannot {
				line("- %s", plainMarkdown(c))
			}
		}
	}
	for _, q := range d.Data {
		line("\n## data %s\n", q.Name)
		if q.Description != "" {
			line("%s\n", plainMarkdown(q.Description))
		}
		line("| attribute | type | given | about |")
		line("|---|---|---|---|")
		for _, a := range q.Attributes {
			line("| `%s` | %s | %s | %s |", a.Name, a.Type, a.Given, a.about())
		}
		operations(q.Operations)
	}
	if len(d.Tasks) > 0 {
		line("\n## tasks\n")
		line("| task | on | takes | request | from | does |")
		line("|---|---|---|---|---|---|")
		for _, t := range d.Tasks {
			from := "inferred"
			if t.Documented {
				from = "documented"
			}
			line("| %s | %s | %s | `%s` | %s | %s |", t.Name, t.On, t.takes(), render.Escape(t.Request), from, cell(plainMarkdown(t.Description)))
		}
	}
	return b.String()
}

// changeWords say what changing an attribute does.
func changeWords(a attributeDocument) string {
	switch a.OnChange {
	case "":
		return "only the API's"
	case "update":
		return "in place"
	case "replace":
		return "a new object"
	case "next_create":
		return "for new objects only"
	case "error":
		return "refused"
	}
	if strings.Contains(a.OnChange, ":") {
		return "in place, by an operation: " + words(a.OnChange)
	}
	return "in place, by " + words(a.OnChange)
}

func (a attributeDocument) readWords() string {
	switch {
	case !a.Readable:
		return "no"
	case a.Sensitive:
		return "yes, masked"
	case a.DetailOnly:
		return "one by one"
	}
	return "yes"
}

// about is the description of an attribute, and what values it may have.
func (a attributeDocument) about() string {
	r := a.rules
	var parts []string
	say := func(format string, args ...any) { parts = append(parts, fmt.Sprintf(format, args...)) }
	if a.Description != "" {
		say("%s", plainMarkdown(a.Description))
	}
	if r.Refers != "" {
		say("The id of [%s](#%s).", article(words(r.Refers)), r.Refers)
	}
	if len(r.Values) > 0 {
		var values []string
		for _, v := range r.Values {
			values = append(values, code(v))
		}
		say("One of %s.", strings.Join(values, ", "))
	}
	switch {
	case r.Minimum != nil && r.Maximum != nil:
		say("From %v to %v.", *r.Minimum, *r.Maximum)
	case r.Minimum != nil:
		say("At least %v.", *r.Minimum)
	case r.Maximum != nil:
		say("At most %v.", *r.Maximum)
	}
	if r.Format != "" {
		say("Written as %s.", words(r.Format))
	}
	if r.Pattern != "" {
		say("Fits %s.", code([]byte(r.Pattern)))
	}
	if r.Default != nil {
		say("Without it %s is sent.", code(r.Default))
	}
	if r.ServerDefault != nil {
		say("Without it the API takes %s.", code(r.ServerDefault))
	}
	return cell(strings.Join(parts, " "))
}

// code is a value or a pattern as it is written.
func code(text []byte) string {
	fence := "`"
	if strings.Contains(string(text), fence) {
		fence = "``"
	}
	return fence + render.Escape(string(text)) + fence
}

// from is where an operation is known from.
func (o operationDocument) from() string {
	if o.Documented {
		return "documented"
	}
	_, line, _ := strings.Cut(o.Place, ":")
	return "inferred, line " + line
}

func briefly(description string) string {
	if description == "" {
		return ""
	}
	return ": " + plainMarkdown(description)
}

// cell is text inside a table, on one line.
func cell(text string) string {
	return strings.ReplaceAll(strings.Join(strings.Fields(text), " "), "|", `\|`)
}

// plainMarkdown takes the meaning from the characters that have one.
func plainMarkdown(text string) string {
	return strings.NewReplacer(`\`, `\\`, "*", `\*`, "`", "\\`", "<", `\<`, "[", `\[`).Replace(render.Escape(text))
}
