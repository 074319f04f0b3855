package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/vpsync/vpsync/pkg/apply"
	"github.com/vpsync/vpsync/pkg/plan"
	"github.com/vpsync/vpsync/pkg/plan/render"
	"github.com/vpsync/vpsync/pkg/spec"
	"github.com/vpsync/vpsync/pkg/state"
)

func (a *app) costCommand() *cobra.Command {
	return &cobra.Command{
		Use: "cost", Short: "Show what the accounts were charged, and what the stack costs a month", Args: cobra.NoArgs,
		Long: `Shows for each account what was used in this billing period and in the one before, and the invoices, where the API tells;
and what the recorded objects are charged a month, where it tells prices. Objects that were left behind count, too. What is
told of an account is about all of it, not about this stack alone.`,
		Example: "  vpsync cost\n  vpsync cost --json",
		RunE:    func(c *cobra.Command, _ []string) error { return a.cost(c.Context()) },
	}
}

// costDocument is what cost prints, an entry for each account in the order of their names.
type costDocument struct {
	FormatVersion string            `json:"format_version"`
	Sandbox       bool              `json:"sandbox"`
	Accounts      []accountCostings `json:"accounts"`
}

type accountCostings struct {
	Account  string `json:"account"`
	Provider string `json:"provider,omitempty"` // it and the title are missing where an account is recorded, and not configured any more
	Title    string `json:"title,omitempty"`
	// Billing: the API tells what an account was charged. Usage, at most of two periods, and Invoices are missing where it was not
	// told.
	Billing  bool              `json:"billing"`
	Usage    []usageDocument   `json:"usage,omitempty"`
	Invoices []invoiceDocument `json:"invoices,omitempty"`
	Stack    stackCosts        `json:"stack"`
	// Problems are what could not be read.
	Problems []render.DiagnosticDocument `json:"problems"`
}

type usageDocument struct {
	Of     string                `json:"of"` // current or previous
	Period string                `json:"period,omitempty"`
	Total  *render.MoneyDocument `json:"total,omitempty"`
	Parts  []usagePartDocument   `json:"parts"`
}

type usagePartDocument struct {
	Name     string                `json:"name"`
	Amount   *render.MoneyDocument `json:"amount,omitempty"`
	Measures map[string]string     `json:"measures"`
}

type invoiceDocument struct {
	Number string                `json:"number"`
	Status string                `json:"status,omitempty"`
	Period string                `json:"period,omitempty"`
	Due    string                `json:"due,omitempty"`
	Amount *render.MoneyDocument `json:"amount,omitempty"`
}

// stackCosts is what the recorded objects are charged a month: sums by currency of those whose price is known, and how many there
// are of which kind.
type stackCosts struct {
	Monthly []render.MoneyDocument   `json:"monthly"`
	Known   []render.ObjectsDocument `json:"known"`
	Unknown []render.ObjectsDocument `json:"unknown"`
}

// accountCost is what is told of one account.
type accountCost struct {
	name, provider, title string
	tells                 bool // the definition names what tells of bills
	connected             bool
	bill                  *apply.Bill // nil where the API tells nothing
	charged               plan.Charged
	problems              []error
}

func (a *app) cost(ctx context.Context) (err error) {
	unconnected := map[string]error{}
	w, err := a.openWith(ctx, opening{unconnected: func(account string, err error) error {
		unconnected[account] = err
		return nil
	}})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, w.Close()) }()
	st, err := w.store.Load(ctx)
	if err != nil {
		return err
	}
	a.hintAtSandbox(ctx, st)
	for _, r := range st.Resources {
		if w.definitions[r.Account] == nil {
			unconnected[r.Account] = &apply.AccountError{Account: r.Account}
		}
	}
	names := map[string]bool{}
	for name := range w.definitions {
		names[name] = true
	}
	for name := range unconnected {
		names[name] = true
	}
	var all []accountCost
	var problems spec.Diagnostics
	for name := range keysSorted(names) {
		c := accountCost{name: name}
		if def := w.definitions[name]; def != nil {
			c.provider, c.title, c.tells = def.Name, def.Title, def.Billing != nil
		}
		if err := unconnected[name]; err != nil {
			c.problems = []error{err}
		} else {
			c.connected = true
			w.readCost(ctx, st, &c)
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		for _, err := range c.problems {
			problems = append(problems, a.describe(err))
		}
		all = append(all, c)
	}
	if a.json {
		err = a.printJSON(a.costDocument(all))
	} else {
		err = errors.Join(a.writeCosts(all), render.Diagnostics(a.errs, problems, a.errOptions()))
	}
	if err == nil && len(problems) > 0 {
		return exitWith(exitFailed)
	}
	return err
}

func (w *workspace) readCost(ctx context.Context, st *state.State, c *accountCost) {
	c.bill, c.problems = w.accounts.Bill(ctx, c.name)
	var err error
	if c.charged, err = w.accounts.Charged(ctx, st, c.name); err != nil {
		c.problems = append(c.problems, err)
	}
}

func (a *app) costDocument(all []accountCost) costDocument {
	doc := costDocument{FormatVersion: formatVersion, Sandbox: a.sandbox, Accounts: []accountCostings{}}
	for _, c := range all {
		monthly := render.NewMonthlyDocument(c.charged.Prices)
		one := accountCostings{
			Account: c.name, Provider: c.provider, Title: c.title, Billing: c.tells, Problems: []render.DiagnosticDocument{},
			Stack: stackCosts{Monthly: []render.MoneyDocument{}, Known: []render.ObjectsDocument{}, Unknown: monthly.Unknown},
		}
		for _, t := range c.charged.Totals {
			one.Stack.Monthly = append(one.Stack.Monthly, render.MoneyDocument(t.Money))
		}
		for _, k := range c.charged.Known {
			one.Stack.Known = append(one.Stack.Known, render.ObjectsDocument(k))
		}
		for _, err := range c.problems {
			one.Problems = append(one.Problems, render.NewDiagnosticDocument(a.describe(err)))
		}
		if c.bill != nil {
			for _, u := range []struct {
				of    string
				usage *apply.Usage
			}{{"current", c.bill.Current}, {"previous", c.bill.Previous}} {
				if u.usage != nil {
					one.Usage = append(one.Usage, newUsageDocument(u.of, u.usage))
				}
			}
			for _, i := range c.bill.Invoices {
				one.Invoices = append(one.Invoices, invoiceDocument{i.Number, i.Status, i.Period, i.Due, (*render.MoneyDocument)(i.Amount)})
			}
		}
		doc.Accounts = append(doc.Accounts, one)
	}
	return doc
}

func newUsageDocument(of string, u *apply.Usage) usageDocument {
	d := usageDocument{Of: of, Period: u.Period, Total: (*render.MoneyDocument)(u.Total), Parts: []usagePartDocument{}}
	for _, p := range u.Parts {
		d.Parts = append(d.Parts, usagePartDocument{p.Name, (*render.MoneyDocument)(p.Amount), p.Measures})
	}
	return d
}

// writeCosts shows an account after the other, each in a few lines.
func (a *app) writeCosts(all []accountCost) error {
	style := render.Style{Color: a.outOptions().Color}
	var failed error
	note := func(err error) { failed = errors.Join(failed, err) }
	for i, c := range all {
		if i > 0 {
			fmt.Fprintln(a.out)
		}
		fmt.Fprintf(a.out, "%s (%s)\n", style.Bold(render.Escape(c.name)), render.Escape(orElse(c.title, "not configured any more")))
		say := func(text string) { note(render.Prose(a.out, 2, 2, text, a.outOptions())) }
		switch b := c.bill; {
		case b != nil:
			note(a.writeUsage(b))
			note(a.writeInvoices(b.Invoices))
		case c.connected:
			say("The API of " + render.Escape(c.title) + " does not tell what an account was charged.")
		}
		switch {
		case !c.connected:
			say("Nothing could be read: see below.")
		case len(c.problems) > 0:
			say("Not everything could be read: see below.")
		}
		if c.connected {
			say("This stack: " + stackWords(c.charged) + ".")
		}
	}
	return failed
}

// stackWords read: 30.00 a month for 3 servers; unknown for 2 volumes.
func stackWords(c plan.Charged) string {
	var parts, sums []string
	for _, t := range c.Totals {
		sums = append(sums, render.Amount(t.Money))
	}
	if len(sums) > 0 {
		parts = append(parts, listNames(sums, len(sums))+" a month for "+render.ObjectWords(c.Known, false))
	}
	if len(c.Unknown) > 0 {
		parts = append(parts, "unknown for "+render.ObjectWords(c.Unknown, false))
	}
	if len(parts) == 0 {
		return "nothing that is charged for"
	}
	return strings.Join(parts, "; ")
}

// writeUsage is a table with a row for each part and a column for each period that was read.
func (a *app) writeUsage(b *apply.Bill) error {
	header, periods := []string{"USAGE"}, []*apply.Usage{}
	for _, p := range []struct {
		words string
		usage *apply.Usage
	}{{"THIS PERIOD", b.Current}, {"THE ONE BEFORE", b.Previous}} {
		if p.usage == nil {
			continue
		}
		if p.usage.Period != "" {
			p.words += " (" + render.Escape(p.usage.Period) + ")"
		}
		header, periods = append(header, p.words), append(periods, p.usage)
	}
	if len(periods) == 0 {
		return nil
	}
	var names []string
	amounts := map[string][]string{} // by part, one for each period
	for i, u := range periods {
		for _, p := range u.Parts {
			if amounts[p.Name] == nil {
				names = append(names, p.Name)
				amounts[p.Name] = make([]string, len(periods))
			}
			amounts[p.Name][i] = amountOf(p.Amount)
		}
	}
	rows := [][]string{}
	for _, name := range names {
		rows = append(rows, append([]string{words(name)}, amounts[name]...))
	}
	total := []string{"total"}
	for _, u := range periods {
		total = append(total, amountOf(u.Total))
	}
	if err := a.amountsTable(header, append(rows, total), 1); err != nil {
		return err
	}
	_, err := fmt.Fprintln(a.out)
	return err
}

func (a *app) writeInvoices(all []apply.Invoice) error {
	if all == nil {
		return nil // not told
	}
	if len(all) == 0 {
		_, err := fmt.Fprint(a.out, "  There are no invoices.\n\n")
		return err
	}
	rows := [][]string{}
	for _, i := range all {
		rows = append(rows, []string{i.Number, i.Status, i.Period, dayOf(i.Due), amountOf(i.Amount)})
	}
	if err := a.amountsTable([]string{"INVOICE", "STATUS", "PERIOD", "DUE", "AMOUNT"}, rows, 4); err != nil {
		return err
	}
	_, err := fmt.Fprintln(a.out)
	return err
}

// amountsTable is a table whose columns from the first-th on are flush right, so that amounts stand below each other.
func (a *app) amountsTable(header []string, rows [][]string, first int) error {
	all := append([][]string{header}, rows...)
	for column := first; column < len(header); column++ {
		widest := 0
		for _, row := range all {
			widest = max(widest, render.Width(render.Escape(row[column])))
		}
		for _, row := range all {
			row[column] = strings.Repeat(" ", widest-render.Width(render.Escape(row[column]))) + row[column]
		}
	}
	t := render.NewTable(header...)
	t.Indent = "  "
	for _, row := range rows {
		t.Row(row...)
	}
	return t.Write(a.out, a.tableOptions())
}

func amountOf(m *plan.Money) string {
	if m == nil {
		return "?"
	}
	return strings.TrimSpace(m.Amount + " " + m.Currency)
}

// dayOf is the day of a moment that an API tells, or what it said where that is none.
func dayOf(text string) string {
	if t, err := time.Parse(time.RFC3339, text); err == nil {
		return t.UTC().Format(time.DateOnly)
	}
	return text
}
