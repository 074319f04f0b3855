package main

import (
	"bytes"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/vpsync/vpsync/pkg/plan/render"
	"github.com/vpsync/vpsync/pkg/providers"
	"github.com/vpsync/vpsync/pkg/spec"
)

func (a *app) providersCommand() *cobra.Command {
	c := &cobra.Command{Use: "providers", Short: "What each API offers, and what it cannot do"}
	c.AddCommand(
		&cobra.Command{Use: "list", Short: "List the providers",
			Example: "  vpsync providers list",
			RunE:    func(*cobra.Command, []string) error { return a.listProviders() }},
		a.completing(&cobra.Command{Use: "show NAME", Short: "Show kinds, attributes, operations, and what is impossible",
			Example: "  vpsync providers show servosphere",
			RunE:    func(_ *cobra.Command, args []string) error { return a.showProvider(args[0]) }}, false, these(embeddedNames()...)),
	)
	return c
}

func (a *app) listProviders() error {
	var docs []providerDocument
	t := render.NewTable("NAME", "TITLE", "KINDS", "TOKEN")
	for _, name := range embeddedNames() {
		def, err := embeddedDefinition(name)
		if err != nil {
			return err
		}
		kinds := slices.Sorted(maps.Keys(def.Schema.Kinds))
		docs = append(docs, newProviderDocument(def))
		t.Row(name, def.Title, strings.Join(kinds, ", "), def.Auth.TokenEnv)
	}
	if a.json {
		return a.printJSON(map[string]any{"format_version": formatVersion, "providers": docs})
	}
	return t.Write(a.out, a.tableOptions())
}

func (a *app) showProvider(name string) error {
	def, err := embeddedDefinition(name)
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
	return doc.write(a.out, a.tableOptions(), a.outOptions())
}

// providerDocument is a definition as users need to know it.
type providerDocument struct {
	Name     string         `json:"name"`
	Title    string         `json:"title"`
	BaseURL  string         `json:"base_url"`
	TokenEnv string         `json:"token_env"`
	URLEnv   string         `json:"url_env"`
	Kinds    []kindDocument `json:"kinds"`
}

type kindDocument struct {
	Name        string              `json:"name"`
	Description string              `json:"description,omitempty"`
	Identity    []string            `json:"identity"`
	HoldsData   bool                `json:"holds_data"`
	WhenGone    string              `json:"when_gone"`
	Attributes  []attributeDocument `json:"attributes"`
	Operations  []operationDocument `json:"operations"`
	Cannot      []string            `json:"cannot"`
}

type attributeDocument struct {
	Name        string `json:"name"`
	Type        string `json:"type"`
	Given       string `json:"given"` // required, optional, computed
	OnChange    string `json:"on_change,omitempty"`
	Readable    bool   `json:"readable"`
	DetailOnly  bool   `json:"detail_only"` // by single reads, not by lists
	Sensitive   bool   `json:"sensitive"`
	Description string `json:"description,omitempty"`
}

type operationDocument struct {
	Name       string `json:"name"`
	Request    string `json:"request"`
	Documented bool   `json:"documented"`
	RateLimit  string `json:"rate_limit"`
	Place      string `json:"place"`
	Note       string `json:"note,omitempty"`
}

func newOperationDocument(o *spec.Operation) operationDocument {
	return operationDocument{Name: o.Name, Request: o.Request, Documented: o.Documented, RateLimit: o.RateLimit, Place: o.Place, Note: o.Note}
}

func newProviderDocument(def *providers.Definition) providerDocument {
	d := providerDocument{Name: def.Name, Title: def.Title, BaseURL: def.BaseURL, TokenEnv: def.Auth.TokenEnv, URLEnv: def.URLEnv}
	for _, name := range slices.Sorted(maps.Keys(def.Schema.Kinds)) {
		k := def.Schema.Kinds[name]
		kd := kindDocument{Name: name, Description: k.Description, Identity: k.Identity, HoldsData: k.HoldsData, WhenGone: string(k.WhenGone), Cannot: cannot(k)}
		for _, at := range k.Attributes {
			kd.Attributes = append(kd.Attributes, attributeDocument{
				Name: at.Name, Type: at.Type.FriendlyNameForConstraint(), Given: given(at), OnChange: onChange(at),
				DetailOnly: at.DetailOnly,
				Readable:   !at.Unreadable && (k.Can(spec.OpList) || k.Can(spec.OpRead)), Sensitive: at.Sensitive, Description: at.Description,
			})
		}
		for _, op := range k.OperationOrder {
			o := k.Operations[op]
			kd.Operations = append(kd.Operations, newOperationDocument(o))
		}
		if w := def.Kinds[name].Wait; w != nil && w.Operation != nil {
			kd.Operations = append(kd.Operations, newOperationDocument(w.Operation.Schema))
		}
		d.Kinds = append(d.Kinds, kd)
	}
	return d
}

func given(a *spec.Attribute) string {
	switch {
	case a.Required:
		return "required"
	case a.Optional && a.Computed:
		return "optional, else computed"
	case a.Optional:
		return "optional"
	}
	return "computed"
}

func onChange(a *spec.Attribute) string {
	switch {
	case !a.Required && !a.Optional:
		return ""
	case a.Operations != nil:
		var all []string
		for value, op := range a.Operations {
			all = append(all, value+": "+op)
		}
		slices.Sort(all)
		return strings.Join(all, ", ")
	case a.OnChange == spec.OnOperation:
		return a.Operation
	}
	return string(a.OnChange)
}

func article(noun string) string {
	if strings.ContainsAny(noun[:1], "aeiou") {
		return "an " + noun
	}
	return "a " + noun
}

// cannot lists in plain words what the API does not offer for a kind.
func cannot(k *spec.Kind) []string {
	noun := article(strings.ReplaceAll(k.Name, "_", " "))
	out := []string{}
	switch {
	case !k.Can(spec.OpList) && !k.Can(spec.OpRead):
		out = append(out, fmt.Sprintf("be listed or read: what befalls %s at the provider cannot be seen", noun))
	case !k.Can(spec.OpList):
		out = append(out, fmt.Sprintf("be listed: %s that is unmanaged cannot be seen", noun))
	}
	if !k.Can(spec.OpDelete) {
		out = append(out, fmt.Sprintf("be deleted: destroying %s leaves it behind", noun))
	}
	var fixed, blind []string
	for _, a := range k.Attributes {
		if !a.Required && !a.Optional {
			continue
		}
		switch {
		case a.OnChange == spec.OnReplace, a.OnChange == spec.OnError:
			fixed = append(fixed, a.Name)
		case a.OnChange == spec.OnNextCreate:
			out = append(out, fmt.Sprintf("change %s: it takes effect on new objects only", a.Name))
		case a.OnlyFromUnset:
			out = append(out, fmt.Sprintf("change %s once it is set", a.Name))
		}
		if a.Unreadable && k.Can(spec.OpList) {
			blind = append(blind, a.Name)
		}
	}
	if len(fixed) > 0 {
		how := "a change replaces the object"
		if !k.Can(spec.OpDelete) {
			how = "a change needs a new object, and the old one stays"
		}
		out = append(out, fmt.Sprintf("change %s: %s", strings.Join(fixed, ", "), how))
	}
	if len(blind) > 0 {
		out = append(out, fmt.Sprintf("tell %s: drift of it cannot be seen", strings.Join(blind, ", ")))
	}
	return out
}

// write shows a definition: tables as wide as o says, sentences as wide as prose does.
func (d providerDocument) write(to io.Writer, o, prose render.Options) error {
	w := &bytes.Buffer{}
	s := render.Style{Color: o.Color}
	say := func(indent, hang int, text string) { _ = render.Prose(w, indent, hang, text, prose) } // a Buffer does not fail
	fmt.Fprintf(w, "%s (%s)\n%s\n", s.Bold(d.Title), d.Name, d.BaseURL)
	say(0, 0, fmt.Sprintf("Token from %s; %s overrides the address.", d.TokenEnv, d.URLEnv))
	say(0, 0, fmt.Sprintf("What the vendor does not print was inferred; the lines are those of %s.provider.hcl.", d.Name))
	for _, k := range d.Kinds {
		fmt.Fprintf(w, "\n%s\n", s.Bold(k.Name))
		say(2, 0, k.Description)
		say(2, 0, "Recognised by "+strings.Join(k.Identity, ", ")+".")
		if k.WhenGone == string(spec.GoneForget) {
			say(2, 0, "One that is gone has expired by itself, and is not made again.")
		}
		fmt.Fprintln(w)
		t := render.NewTable("ATTRIBUTE", "TYPE", "GIVEN", "ON CHANGE", "READABLE")
		t.Indent = "  "
		for _, a := range k.Attributes {
			readable := "yes"
			switch {
			case !a.Readable:
				readable = "no"
			case a.DetailOnly:
				readable = "one by one"
			}
			t.Row(a.Name, a.Type, a.Given, a.OnChange, readable)
		}
		_ = t.Write(w, o)
		fmt.Fprintln(w)
		t = render.NewTable("OPERATION", "REQUEST", "FROM", "COUNTS AS")
		t.Indent = "  "
		for _, op := range k.Operations {
			from := "documented"
			if !op.Documented {
				_, line, _ := strings.Cut(op.Place, ":")
				from = "inferred, line " + line
			}
			t.Row(op.Name, op.Request, from, op.RateLimit)
		}
		_ = t.Write(w, o)
		for _, op := range k.Operations {
			if op.Note != "" {
				say(2, 0, op.Note)
			}
		}
		if len(k.Cannot) > 0 {
			fmt.Fprintf(w, "\n  The API cannot\n")
			for _, c := range k.Cannot {
				say(2, 2, "- "+c)
			}
		}
	}
	_, err := to.Write(w.Bytes())
	return err
}
