package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/spf13/cobra"
	"github.com/vpsync/vpsync/pkg/plan/render"
	"github.com/vpsync/vpsync/pkg/providers"
	"github.com/vpsync/vpsync/pkg/sandbox"
	"github.com/vpsync/vpsync/pkg/spec"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"
)

// sandboxOptions say which emulated account is meant.
type sandboxOptions struct {
	account  string
	provider string
}

func (a *app) sandboxCommand() *cobra.Command {
	var o sandboxOptions
	c := &cobra.Command{Use: "sandbox", Short: "The emulated account: see and change objects behind vpsync's back",
		Long: `The emulated account that --sandbox works on is kept in .vpsync/sandbox of the stack's folder. These commands look at
it and change it directly, as somebody at the provider would.`}
	flags := c.PersistentFlags()
	flags.StringVar(&o.account, "account", "", "the account, where the stack has several")
	flags.StringVar(&o.provider, "provider", "", "the provider, where the folder holds no stack (default servosphere)")
	a.completingFlag(c, "account", a.accountNames())
	a.completingFlag(c, "provider", a.offeredProviders())
	c.AddCommand(a.sandboxServeCommand(&o), a.sandboxFaultCommand(&o), a.sandboxLogCommand(&o),
		&cobra.Command{Use: "reset", Short: "Delete every object, the log and the faults",
			Example: "  vpsync sandbox reset",
			RunE:    func(*cobra.Command, []string) error { return a.sandboxReset(o) }},
		a.completing(&cobra.Command{Use: "list [KIND]", Short: "List the objects that exist",
			Example: "  vpsync sandbox list\n  vpsync sandbox list server --json",
			RunE:    func(_ *cobra.Command, args []string) error { return a.sandboxList(o, args) }}, false, a.kindNames(&o)),
		a.completing(&cobra.Command{Use: "create KIND [ATTR=VALUE...]", Short: "Make an object",
			Example: "  vpsync sandbox create network name=legacy cidr=10.9.0.0/24",
			RunE:    func(_ *cobra.Command, args []string) error { return a.sandboxCreate(o, args[0], args[1:]) }}, true, a.kindNames(&o), a.assignmentNames(&o)),
		a.completing(&cobra.Command{Use: "set KIND ID ATTR=VALUE...", Short: "Change an object",
			Example: "  vpsync sandbox set firewall_rule fw_1000000001 source=0.0.0.0/0",
			RunE:    func(_ *cobra.Command, args []string) error { return a.sandboxSet(o, args[0], args[1], args[2:]) }}, true, a.kindNames(&o), a.objectIDs(&o), a.assignmentNames(&o)),
		a.completing(&cobra.Command{Use: "delete KIND ID", Short: "Delete an object",
			Example: "  vpsync sandbox delete server srv_1000000001",
			RunE:    func(_ *cobra.Command, args []string) error { return a.sandboxDelete(o, args[0], args[1]) }}, false, a.kindNames(&o), a.objectIDs(&o)),
	)
	return c
}

// emulated finds the account and the definition that are meant.
func (a *app) emulated(o sandboxOptions) (string, *providers.Definition, error) {
	if o.provider == "" {
		if stack, _ := spec.Load(a.dir); stack != nil && len(stack.Providers) > 0 {
			var accounts []string
			for _, block := range stack.Providers {
				accounts = append(accounts, block.Account())
				if o.account == block.Account() || o.account == "" && len(stack.Providers) == 1 {
					def, err := a.definition(block)
					return block.Account(), def, err
				}
			}
			return "", nil, notOneAccount(o.account, accounts)
		}
		o.provider = "servosphere"
	}
	if o.account == "" {
		o.account = o.provider
	}
	def, err := a.definitionOf(o.provider)
	return o.account, def, err
}

func notOneAccount(named string, accounts []string) error {
	e := &remedyError{summary: "Several accounts", detail: fmt.Sprintf("The stack has the accounts %s, and this is about one of them.", strings.Join(accounts, ", ")),
		remedy: "--account " + accounts[0]}
	if named != "" {
		e.summary = fmt.Sprintf("No account %q", named)
		e.detail = fmt.Sprintf("The stack has %s.", strings.Join(accounts, ", "))
		if near := spec.Nearest(named, accounts); near != "" {
			e.detail, e.remedy = e.detail+fmt.Sprintf(" Did you mean %q?", near), "--account "+near
		}
	}
	return e
}

// eachEmulated does something with each account that is meant: the one that was named, or all of the stack. several: there may be
// more than one, so that what is shown says which.
func (a *app) eachEmulated(o sandboxOptions, do func(account string, s *sandbox.Sandbox, def *providers.Definition) error) (several bool, err error) {
	all := []sandboxOptions{o}
	if stack, _ := spec.Load(a.dir); o.provider == "" && o.account == "" && stack != nil && len(stack.Providers) > 1 {
		all, several = nil, true
		for _, block := range stack.Providers {
			all = append(all, sandboxOptions{account: block.Account()})
		}
	}
	for _, o := range all {
		account, _, err := a.emulated(o)
		if err != nil {
			return several, err
		}
		if err := a.withSandbox(o, func(s *sandbox.Sandbox, def *providers.Definition) error { return do(account, s, def) }); err != nil {
			return several, err
		}
	}
	return several, nil
}

func (a *app) withSandbox(o sandboxOptions, do func(*sandbox.Sandbox, *providers.Definition) error) (err error) {
	account, def, err := a.emulated(o)
	if err != nil {
		return err
	}
	s, err := a.openSandbox(account, def, sandbox.Options{Provisioning: sandboxProvisioning, Token: sandboxToken})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	return refusal(do(s, def))
}

// refusal is what the sandbox says against a command, without the package's name before it.
func refusal(err error) error {
	if err == nil {
		return nil
	}
	text, its := strings.CutPrefix(err.Error(), "sandbox: ")
	if !its {
		return err
	}
	return &remedyError{summary: "The sandbox cannot do this", detail: sentenceOf(text)}
}

func (a *app) sandboxReset(o sandboxOptions) error {
	account, _, err := a.emulated(o)
	if err != nil {
		return err
	}
	return a.withSandbox(o, func(s *sandbox.Sandbox, _ *providers.Definition) error {
		if err := s.Reset(); err != nil {
			return err
		}
		if _, err := os.Stat(a.sandboxStatePath()); err == nil {
			_ = render.Prose(a.errs, 0, 0, "The sandbox's state still knows what was in it: an apply with --confirm-gone makes it anew.", a.errOptions())
		}
		if a.json {
			return a.printJSON(resetDocument{formatVersion, account, true})
		}
		_, err := fmt.Fprintln(a.out, "The sandbox is empty.")
		return err
	})
}

type objectDocument struct {
	Account string                     `json:"account,omitempty"` // in the list
	Kind    string                     `json:"kind"`
	ID      string                     `json:"id"`
	Values  map[string]json.RawMessage `json:"values"`
}

func newObjectDocument(o spec.Object) objectDocument {
	return objectDocument{Kind: o.Kind, ID: o.ID, Values: render.ValuesJSON(o.Values)}
}

func (a *app) sandboxList(o sandboxOptions, args []string) error {
	docs := []objectDocument{}
	type line struct {
		account string
		object  spec.Object
	}
	var lines []line
	kind, known := "", false
	if len(args) > 0 {
		kind = args[0]
	}
	var missing error // no account has that kind
	several, err := a.eachEmulated(o, func(account string, s *sandbox.Sandbox, def *providers.Definition) error {
		objects, err := s.Objects(kind)
		if err != nil && def.Schema.Kinds[kind] == nil {
			missing = err
			return nil
		}
		known = true
		for _, o := range objects {
			d := newObjectDocument(o)
			d.Account = account
			docs = append(docs, d)
			lines = append(lines, line{account, o})
		}
		return err
	})
	if err != nil {
		return err
	}
	if !known {
		return refusal(missing)
	}
	if a.json {
		return a.printJSON(struct {
			FormatVersion string           `json:"format_version"`
			Objects       []objectDocument `json:"objects"`
		}{formatVersion, docs})
	}
	for _, l := range lines {
		if several {
			fmt.Fprint(a.out, l.account+": ")
		}
		a.writeObject(l.object)
	}
	return nil
}

func (a *app) writeObject(o spec.Object) {
	var parts []string
	for name := range keysSorted(o.Values) {
		if v := o.Values[name]; !v.IsNull() {
			parts = append(parts, name+"="+render.Value(v))
		}
	}
	fmt.Fprintf(a.out, "%s %s  %s\n", render.Escape(o.Kind), render.Escape(o.ID), strings.Join(parts, " "))
}

// assignments reads ATTR=VALUE words in the types of the kind. A value is plain text for a string, else HCL; null unsets.
func assignments(def *providers.Definition, kind string, words []string) (spec.Values, error) {
	k := def.Schema.Kinds[kind]
	if k == nil {
		var kinds []string
		for name := range keysSorted(def.Schema.Kinds) {
			kinds = append(kinds, name)
		}
		return nil, &remedyError{summary: "No such kind", detail: fmt.Sprintf("%s has %s, and no %q.", def.Title, strings.Join(kinds, ", "), kind)}
	}
	out := spec.Values{}
	for _, word := range words {
		name, text, ok := strings.Cut(word, "=")
		if !ok {
			return nil, wrongUsage("%q is not ATTR=VALUE", word)
		}
		at := k.Attribute(name)
		if at == nil {
			var names []string
			for _, other := range k.Attributes {
				names = append(names, other.Name)
			}
			e := &remedyError{summary: "No such attribute", detail: fmt.Sprintf("A %s has no %q.", kind, name)}
			if near := spec.Nearest(name, names); near != "" {
				e.detail += fmt.Sprintf(" Did you mean %q?", near)
			}
			return nil, e
		}
		v, err := valueOf(at, text)
		if err != nil {
			return nil, &remedyError{summary: fmt.Sprintf("No value for %s of %s", name, article(kind)),
				detail: notAValue(at, text, err)}
		}
		out[name] = v
	}
	return out, nil
}

func valueOf(at *spec.Attribute, text string) (cty.Value, error) {
	if text == "null" {
		return cty.NullVal(at.Type), nil
	}
	if at.Type == cty.String {
		return cty.StringVal(strings.Trim(text, `"`)), nil
	}
	if refused := spec.Guard([]byte(text), "value"); len(refused) > 0 {
		return cty.NilVal, refused
	}
	expr, diags := hclsyntax.ParseExpression([]byte(text), "value", hcl.InitialPos)
	if diags.HasErrors() {
		return cty.NilVal, errNoHCL
	}
	v, diags := expr.Value(nil)
	if diags.HasErrors() {
		return cty.NilVal, errNoHCL
	}
	return convert.Convert(v, at.Type)
}

var errNoHCL = errors.New("no constant value in HCL")

// notAValue says what an attribute takes and why the text is none.
func notAValue(at *spec.Attribute, text string, err error) string {
	detail := fmt.Sprintf("%s takes %s, which %s is not.", at.Name, article(at.Type.FriendlyNameForConstraint()), text)
	if !errors.Is(err, errNoHCL) {
		detail += " " + sentenceOf(err.Error())
	}
	return detail
}
func (a *app) sandboxCreate(o sandboxOptions, kind string, words []string) error {
	return a.withSandbox(o, func(s *sandbox.Sandbox, def *providers.Definition) error {
		v, err := assignments(def, kind, words)
		if err != nil {
			return err
		}
		made, err := s.Create(kind, v)
		if err != nil {
			return err
		}
		return a.showObject(made)
	})
}

func (a *app) sandboxSet(o sandboxOptions, kind, id string, words []string) error {
	return a.withSandbox(o, func(s *sandbox.Sandbox, def *providers.Definition) error {
		v, err := assignments(def, kind, words)
		if err != nil {
			return err
		}
		changed, err := s.Set(kind, id, v)
		if err != nil {
			return err
		}
		return a.showObject(changed)
	})
}

func (a *app) showObject(o spec.Object) error {
	if a.json {
		return a.printJSON(struct {
			FormatVersion string `json:"format_version"`
			objectDocument
		}{formatVersion, newObjectDocument(o)})
	}
	a.writeObject(o)
	return nil
}

func (a *app) sandboxDelete(o sandboxOptions, kind, id string) error {
	return a.withSandbox(o, func(s *sandbox.Sandbox, _ *providers.Definition) error {
		if err := s.Delete(kind, id); err != nil {
			return err
		}
		if a.json {
			return a.printJSON(deletedDocument{formatVersion, kind, id})
		}
		_, err := fmt.Fprintf(a.out, "%s %s is gone.\n", render.Escape(kind), render.Escape(id))
		return err
	})
}

// faultWords say what each fault does.
var faultWords = []struct {
	kind sandbox.FaultKind
	does string
}{
	{sandbox.FaultStatus, "answers --status, does nothing"},
	{sandbox.FaultCloseBefore, "closes the connection, does nothing"},
	{sandbox.FaultCloseAfter, "does the work, closes without an answer"},
	{sandbox.FaultHang, "does nothing and does not answer"},
	{sandbox.FaultTruncate, "does the work, answers half"},
	{sandbox.FaultHTML, "answers 200 and a page of HTML, does nothing"},
	{sandbox.FaultLag, "lists show the account as it was --for ago"},
}

func faultHelp() string {
	var b strings.Builder
	for _, f := range faultWords {
		fmt.Fprintf(&b, "  %-14s  %s\n", f.kind, f.does)
	}
	return b.String()
}

func (a *app) sandboxFaultCommand(o *sandboxOptions) *cobra.Command {
	var f sandbox.Fault
	var clearThem bool
	c := &cobra.Command{
		Use: "fault [REQUEST] [WHAT]", Short: "Make requests go wrong",
		Long: `Arms a fault: the next request that fits goes wrong. REQUEST is a method and a path such as "POST /servers" or
"DELETE /servers/{id}"; WHAT is one of

` + faultHelp() + `
Without arguments it lists what is armed.`,
		Example: "  vpsync sandbox fault 'POST /servers' close-after\n  vpsync sandbox fault 'GET /servers' status --status 503 --times 3\n  vpsync sandbox fault --clear",
		RunE: func(_ *cobra.Command, args []string) error {
			return a.withSandbox(*o, func(s *sandbox.Sandbox, _ *providers.Definition) error { return a.fault(s, f, clearThem, args) })
		},
	}
	c.Flags().IntVar(&f.Nth, "nth", 1, "the first fitting request that it hits, from now")
	c.Flags().IntVar(&f.Times, "times", 1, "how many it hits; -1 is all")
	c.Flags().IntVar(&f.Status, "status", 503, "the status of the fault status")
	c.Flags().StringVar(&f.Body, "body", "", "the body of the fault status (default: the vendor's error)")
	c.Flags().DurationVar(&f.For, "for", 0, "how long the faults hang and lag last; hang without it never ends")
	c.Flags().BoolVar(&clearThem, "clear", false, "disarm all")
	return a.completing(c, false, a.requestNames(o), faultNames())
}

func (a *app) fault(s *sandbox.Sandbox, f sandbox.Fault, clearThem bool, args []string) error {
	if len(args) == 1 {
		return wrongUsage("WHAT is missing: a fault takes a request and what goes wrong with it")
	}
	if clearThem && len(args) > 0 {
		return wrongUsage("--clear disarms all faults and arms none")
	}
	if len(args) == 2 {
		return a.arm(s, f, args[0], args[1])
	}
	faults, err := s.Faults()
	if err != nil {
		return err
	}
	if clearThem {
		if err := s.ClearFaults(); err != nil {
			return err
		}
		if a.json {
			return a.printJSON(clearedDocument{formatVersion, len(faults)})
		}
		_, err := fmt.Fprintf(a.out, "%s disarmed.\n", render.Plural(len(faults), "fault"))
		return err
	}
	d := faultsDocument{FormatVersion: formatVersion, Faults: []faultDocument{}}
	for _, f := range faults {
		d.Faults = append(d.Faults, newFaultDocument(f))
	}
	if a.json {
		return a.printJSON(d)
	}
	if len(faults) == 0 {
		fmt.Fprintln(a.errs, "No fault is armed.")
	}
	for _, f := range d.Faults {
		fmt.Fprintln(a.out, f.sentence())
	}
	return nil
}

func (a *app) arm(s *sandbox.Sandbox, f sandbox.Fault, request, what string) error {
	f.Request, f.Do = request, sandbox.FaultKind(what)
	if f.Do != sandbox.FaultStatus {
		f.Status = 0
	}
	if err := s.AddFault(f); err != nil {
		return err
	}
	d := newFaultDocument(f)
	if a.json {
		return a.printJSON(faultsDocument{formatVersion, []faultDocument{d}})
	}
	_, err := fmt.Fprintf(a.out, "Armed: %s\n", d.sentence())
	return err
}

// sentence reads: status 503  GET /servers  3 times, from request 2 on, counted since it was armed.
func (d faultDocument) sentence() string {
	what := string(d.Do)
	if d.Status != 0 {
		what += fmt.Sprintf(" %d", d.Status)
	}
	if d.For != "" {
		what += " for " + d.For
	}
	request := d.Request
	if request == "" {
		request = "any request"
	}
	when := "once"
	switch {
	case d.Times < 0:
		when = "each time"
	case d.Times > 1:
		when = fmt.Sprintf("%d times", d.Times)
	}
	if d.Nth > 1 {
		when += fmt.Sprintf(", from request %d on, counted since it was armed", d.Nth)
	}
	return fmt.Sprintf("%s  %s  %s", what, render.Escape(request), when)
}
