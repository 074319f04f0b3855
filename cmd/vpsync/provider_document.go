package main

import (
	"bytes"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/vpsync/vpsync/pkg/plan/render"
	"github.com/vpsync/vpsync/pkg/providers"
	"github.com/vpsync/vpsync/pkg/spec"
	"github.com/vpsync/vpsync/pkg/state"
)

// providerDocument is a definition as users need to know it.
type providerDocument struct {
	Name     string       `json:"name"`
	Title    string       `json:"title"`
	BaseURL  string       `json:"base_url"`
	TokenEnv string       `json:"token_env"`
	URLEnv   string       `json:"url_env"`
	Auth     authDocument `json:"auth"`
	// RateLimits are the classes that requests are counted in.
	RateLimits []rateLimitDocument `json:"rate_limits"`
	// Billing names the data sources that tell what the account was charged, absent where the API has none.
	Billing *billingDocument `json:"billing,omitempty"`
	Kinds   []kindDocument   `json:"kinds"`
	// Data are the questions that a stack may ask: what is given of an attribute is asked with, what is computed is the answer.
	Data []dataDocument `json:"data"`
	// Tasks are what can be done to an object once.
	Tasks []taskDocument `json:"tasks"`
}

type dataDocument struct {
	Name        string              `json:"name"`
	Description string              `json:"description,omitempty"`
	Attributes  []attributeDocument `json:"attributes"`
	Operations  []operationDocument `json:"operations"`
}

// authDocument is how the token is presented: "bearer", or in a "header", a "query" parameter, or for a "basic" user of this name.
type authDocument struct {
	Scheme string `json:"scheme"`
	Name   string `json:"name,omitempty"`
}

type billingDocument struct {
	Usage    string `json:"usage,omitempty"`
	Invoices string `json:"invoices,omitempty"`
}

// priceDocument is where the monthly price of an object is found: in the entry of a list that a data source answers.
type priceDocument struct {
	Data     string            `json:"data"`
	List     string            `json:"list"`
	Match    map[string]string `json:"match"` // attribute to the member of the entry that equals it
	Monthly  string            `json:"monthly"`
	Currency string            `json:"currency,omitempty"` // "EUR", or the member that tells it
}

type rateLimitDocument struct {
	Name       string  `json:"name"`
	Requests   int     `json:"requests"`
	PerSeconds float64 `json:"per_seconds"`
	Default    bool    `json:"default"`
}

type kindDocument struct {
	Name        string   `json:"name"`
	Description string   `json:"description,omitempty"`
	Identity    []string `json:"identity"`
	HoldsData   bool     `json:"holds_data"`
	WhenGone    string   `json:"when_gone"` // recreate, or forget what ends by itself
	// Billed: each object is charged for; Price is absent where the API does not tell how much.
	Billed bool           `json:"billed"`
	Price  *priceDocument `json:"price,omitempty"`
	// Parent is the kind that objects live under; their ids are PARENT/ID.
	Parent          string `json:"parent,omitempty"`
	ParentAttribute string `json:"parent_attribute,omitempty"`
	// Ready is what is waited for after a create, and Gone after a delete.
	Ready *waitDocument `json:"ready,omitempty"`
	Gone  *waitDocument `json:"gone,omitempty"`

	Attributes []attributeDocument `json:"attributes"`
	Operations []operationDocument `json:"operations"`
	Cannot     []string            `json:"cannot"`
}

// waitDocument is attribute to the values that are waited for (of what goes: that it has meanwhile), and for how long.
type waitDocument struct {
	Values         map[string][]string `json:"values"`
	TimeoutSeconds float64             `json:"timeout_seconds"`
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

	rules schemaAttribute // what values it may have, for the page
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
	d := providerDocument{
		Name: def.Name, Title: def.Title, BaseURL: def.BaseURL, TokenEnv: def.Auth.TokenEnv, URLEnv: def.URLEnv,
		Auth: authDocument{string(def.Auth.Scheme), def.Auth.Name}, RateLimits: []rateLimitDocument{}, Data: []dataDocument{},
	}
	for _, name := range def.Classes {
		l := def.Schema.RateLimits[name]
		d.RateLimits = append(d.RateLimits, rateLimitDocument{name, l.Requests, l.Per.Seconds(), name == def.Schema.DefaultRateLimit})
	}
	if def.Billing != nil {
		d.Billing = &billingDocument{}
		if u := def.Billing.Usage; u != nil {
			d.Billing.Usage = u.Data
		}
		if i := def.Billing.Invoices; i != nil {
			d.Billing.Invoices = i.Data
		}
	}
	for _, name := range slices.Sorted(maps.Keys(def.Schema.Kinds)) {
		k := def.Schema.Kinds[name]
		kd := kindDocument{Name: name, Description: k.Description, Identity: k.Identity, HoldsData: k.HoldsData, WhenGone: string(k.WhenGone), Cannot: cannot(k),
			Parent: k.Parent, ParentAttribute: k.ParentAttribute, Billed: k.Billed}
		if p := def.Kinds[name].Price; p != nil {
			kd.Price = &priceDocument{p.Data, p.List, p.Match, p.Monthly, orElse(p.Currency, p.CurrencyIn)}
		}
		if w := def.Kinds[name].Wait; w != nil {
			kd.Ready = &waitDocument{w.Ready, w.Timeout.Seconds()}
		}
		if l := def.Kinds[name].Leave; l != nil {
			kd.Gone = &waitDocument{l.Leaving, l.Timeout.Seconds()}
		}
		kd.Attributes, kd.Operations = attributesOf(k), operationsOf(k)
		if w := def.Kinds[name].Wait; w != nil && w.Operation != nil {
			kd.Operations = append(kd.Operations, newOperationDocument(w.Operation.Schema))
		}
		d.Kinds = append(d.Kinds, kd)
	}
	for name := range keysSorted(def.Schema.Data) {
		k := def.Schema.Data[name]
		d.Data = append(d.Data, dataDocument{name, k.Description, attributesOf(k), operationsOf(k)})
	}
	d.Tasks = tasksOf(map[string]*providers.Definition{def.Name: def}, &state.State{})
	return d
}

func attributesOf(k *spec.Kind) []attributeDocument {
	list := []attributeDocument{}
	for _, at := range k.Attributes {
		list = append(list, attributeDocument{
			Name: at.Name, Type: at.Type.FriendlyNameForConstraint(), Given: given(at), OnChange: onChange(at),
			Readable: !at.Unreadable && (k.Can(spec.OpList) || k.Can(spec.OpRead)), DetailOnly: at.DetailOnly, Sensitive: at.Sensitive, Description: at.Description,
			rules: newSchemaAttribute(at),
		})
	}
	return list
}

func operationsOf(k *spec.Kind) []operationDocument {
	list := []operationDocument{}
	for _, name := range k.OperationOrder {
		list = append(list, newOperationDocument(k.Operations[name]))
	}
	return list
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
		for value := range keysSorted(a.Operations) {
			all = append(all, value+": "+a.Operations[value])
		}
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

// account says how the API is spoken to.
func (d providerDocument) account() string {
	how := map[providers.AuthScheme]string{
		providers.AuthBearer: "as a bearer token", providers.AuthHeader: "in the header " + d.Auth.Name,
		providers.AuthQuery: "as the parameter " + d.Auth.Name, providers.AuthBasic: "as the password of " + d.Auth.Name,
	}[providers.AuthScheme(d.Auth.Scheme)]
	return fmt.Sprintf("The token comes from %s and is sent %s; %s overrides the address.", d.TokenEnv, how, d.URLEnv)
}

// budget says how many requests the API takes; empty where the definition knows no limit.
func (d providerDocument) budget() string {
	var parts []string
	for _, l := range d.RateLimits {
		part := fmt.Sprintf("%d in %s", l.Requests, lengthOf(l.PerSeconds))
		if len(d.RateLimits) > 1 {
			part = l.Name + " " + part
		}
		parts = append(parts, part)
	}
	if len(parts) == 0 {
		return ""
	}
	return "Requests are limited: " + strings.Join(parts, ", ") + "."
}

// bills says which data sources tell what an account was charged.
func (d providerDocument) bills() string {
	switch b := d.Billing; {
	case b == nil:
		return "The API does not tell what an account was charged."
	case b.Invoices == "":
		return fmt.Sprintf("What an account was charged is told by data %s.", b.Usage)
	case b.Usage == "":
		return fmt.Sprintf("Invoices are told by data %s.", b.Invoices)
	default:
		return fmt.Sprintf("What an account was charged is told by data %s, and its invoices by data %s.", b.Usage, b.Invoices)
	}
}

// words say where a price is found: price_monthly of the entry of data plans whose id is plan_id.
func (p *priceDocument) words() string {
	var same []string
	for name := range keysSorted(p.Match) {
		same = append(same, fmt.Sprintf("%s is %s", p.Match[name], name))
	}
	return fmt.Sprintf("%s of the entry of data %s whose %s", p.Monthly, p.Data, strings.Join(same, ", and "))
}

// habits says, a sentence each, how objects of the kind live.
func (k kindDocument) habits() []string {
	out := []string{"Recognised by " + strings.Join(k.Identity, ", ") + "."}
	if k.HoldsData {
		out = append(out, "Losing one loses data.")
	}
	switch {
	case k.Price != nil:
		out = append(out, fmt.Sprintf("Charged for by the month: %s.", k.Price.words()))
	case k.Billed:
		out = append(out, "Charged for; the API does not tell how much.")
	}
	if k.WhenGone == string(spec.GoneForget) {
		out = append(out, "One that is gone has ended by itself, and is not made again.")
	}
	if k.Parent != "" {
		out = append(out, fmt.Sprintf("Lives under %s, named by %s: its id is %s/ID, and a list takes a request for each %s.",
			article(words(k.Parent)), k.ParentAttribute, strings.ToUpper(k.Parent), words(k.Parent)))
	}
	if k.Ready != nil {
		out = append(out, fmt.Sprintf("Ready some time after its create, when %s; waited for, up to %s.", k.Ready.values(), k.Ready.timeout()))
	}
	if k.Gone != nil {
		meanwhile := ""
		if len(k.Gone.Values) > 0 {
			meanwhile = ", and meanwhile " + k.Gone.values()
		}
		out = append(out, fmt.Sprintf("Gone some time after its delete%s; waited for, up to %s.", meanwhile, k.Gone.timeout()))
	}
	return out
}

func words(name string) string { return strings.ReplaceAll(name, "_", " ") }

// values reads "status is active or running, and progress is 100".
func (w *waitDocument) values() string {
	var parts []string
	for name := range keysSorted(w.Values) {
		parts = append(parts, name+" is "+strings.Join(w.Values[name], " or "))
	}
	return strings.Join(parts, ", and ")
}

func (w *waitDocument) timeout() string {
	return lengthOf(w.TimeoutSeconds)
}

// lengthOf is a length of time as a definition writes it: 10m, 1h30m.
func lengthOf(seconds float64) string {
	text := time.Duration(seconds * float64(time.Second)).String()
	for _, zero := range []string{"m0s", "h0m"} {
		if strings.HasSuffix(text, zero) {
			text = strings.TrimSuffix(text, zero[1:])
		}
	}
	return text
}

// write shows a definition: tables as wide as o says, sentences as wide as prose does.
func (d providerDocument) write(to io.Writer, o, prose render.Options) error {
	w := &bytes.Buffer{}
	s := render.Style{Color: o.Color}
	// What a definition of a stack says is foreign text. A Buffer does not fail.
	say := func(indent, hang int, text string) { _ = render.Prose(w, indent, hang, render.Escape(text), prose) }
	fmt.Fprintf(w, "%s (%s)\n%s\n", s.Bold(render.Escape(d.Title)), d.Name, render.Escape(d.BaseURL))
	say(0, 0, d.account())
	if limits := d.budget(); limits != "" {
		say(0, 0, limits)
	}
	say(0, 0, d.bills())
	say(0, 0, fmt.Sprintf("What the vendor does not print was inferred; the lines are those of %s.provider.hcl.", d.Name))
	for _, k := range d.Kinds {
		fmt.Fprintf(w, "\n%s\n", s.Bold(k.Name))
		say(2, 0, k.Description)
		for _, habit := range k.habits() {
			say(2, 0, habit)
		}
		fmt.Fprintln(w)
		t := render.NewTable("ATTRIBUTE", "TYPE", "GIVEN", "ON CHANGE", "READABLE")
		t.Indent = "  "
		for _, a := range k.Attributes {
			t.Row(a.Name, a.Type, a.Given, a.OnChange, a.readWords())
		}
		_ = t.Write(w, o)
		fmt.Fprintln(w)
		_ = operationsTable(k.Operations).Write(w, o)
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
	for _, q := range d.Data {
		fmt.Fprintf(w, "\n%s\n", s.Bold("data "+q.Name))
		say(2, 0, q.Description)
		fmt.Fprintln(w)
		t := render.NewTable("ATTRIBUTE", "TYPE", "GIVEN")
		t.Indent = "  "
		for _, a := range q.Attributes {
			t.Row(a.Name, a.Type, a.Given)
		}
		_ = t.Write(w, o)
		fmt.Fprintln(w)
		_ = operationsTable(q.Operations).Write(w, o)
	}
	if len(d.Tasks) > 0 {
		fmt.Fprintf(w, "\n%s\n", s.Bold("tasks"))
		t := render.NewTable("TASK", "ON", "TAKES", "REQUEST", "DOES")
		t.Indent = "  "
		for _, task := range d.Tasks {
			t.Row(task.Name, task.On, task.takes(), task.Request, task.Description)
		}
		_ = t.Write(w, o)
	}
	_, err := to.Write(w.Bytes())
	return err
}

func operationsTable(operations []operationDocument) *render.Table {
	t := render.NewTable("OPERATION", "REQUEST", "FROM", "COUNTS AS")
	t.Indent = "  "
	for _, op := range operations {
		t.Row(op.Name, op.Request, op.from(), op.RateLimit)
	}
	return t
}
