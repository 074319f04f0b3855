package render

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/vpsync/vpsync/pkg/plan"
	"github.com/vpsync/vpsync/pkg/spec"
)

// most is how many lines a section of a plan has: the commands that it names show all.
const most = 8

func (pg *page) section(title string) {
	pg.space()
	pg.prose(0, 2, title, pg.Bold)
}

func (pg *page) more(n int, where string) {
	if n > 0 {
		pg.line(changeIndent, "%s", pg.Dim(fmt.Sprintf("… and %d more: %s", n, where)))
	}
}

// moved names resources that have another address now.
func (pg *page) moved(all []plan.Relocation) {
	if len(all) == 0 {
		return
	}
	pg.section("Moved, without a request:")
	for i, m := range all {
		if i == most {
			pg.line(changeIndent, "%s", pg.Dim(fmt.Sprintf("… and %d more", len(all)-i)))
			break
		}
		from, to, id := address(m.From), " is now "+pg.Bold(address(m.To)), pg.Dim(" ("+Escape(m.ID)+")")
		if changeIndent+Width(from+to+id) <= pg.width {
			pg.line(changeIndent, "%s", from+to+id)
			continue
		}
		pg.line(changeIndent, "%s", from)
		pg.line(changeIndent+1, "%s", to)
		pg.line(changeIndent+1, "%s", id)
	}
}

// leftOut names what the operator's selection keeps out, and why that is safe.
func (pg *page) leftOut(all []plan.LeftOut) {
	if len(all) == 0 {
		return
	}
	pg.section("Left out, since something else was selected:")
	for i, l := range all {
		if i == 2*most {
			pg.line(changeIndent, "%s", pg.Dim(fmt.Sprintf("… and %d more: %s", len(all)-i, pg.command("vpsync plan"))))
			break
		}
		var parts []part
		if l.Deposed != "" {
			parts = append(parts, part{" (replaced object " + Escape(l.Deposed) + ")", plainly})
		}
		if l.WaitsFor != nil {
			parts = append(parts, part{"  waits for " + address(*l.WaitsFor), pg.Dim})
		}
		pg.heading(pg.Dim(fmt.Sprintf("%3s ", ChangeSymbol(&plan.Change{Action: l.Action, CreateFirst: l.CreateFirst}))), l.Address, parts)
	}
	pg.prose(changeIndent, 0, "Nothing that is carried out waits for any of these, so they can follow at any time. Until then the account is not as the configuration says.", pg.Dim)
}

// records says what apply will note without sending anything.
func (pg *page) records(p *plan.Plan) {
	shown := map[spec.Address]bool{}
	for _, c := range p.Changes {
		shown[c.Address] = true
	}
	var names []string
	for _, r := range p.Records {
		if !shown[r.Address] {
			names = append(names, address(r.Address))
		}
	}
	if len(names) == 0 {
		return
	}
	pg.space()
	pg.prose(0, 2, "New values to record, without a request: "+list(names, most)+".", pg.Dim)
}

func (pg *page) warnings(p *plan.Plan) {
	for _, d := range p.Warnings {
		pg.space()
		pg.diagnostic(d)
	}
	pg.space()
}

func (pg *page) pending(pending []plan.Pending) {
	if len(pending) == 0 {
		return
	}
	pg.section("Pending: a request was begun, and what became of it is not known yet.")
	for _, q := range pending {
		since := fmt.Sprintf("open since %s by run %s", Time(q.Since), Escape(q.Run))
		pg.heading(pg.Yellow("  ?")+" ", q.Address, []part{{"  " + Escape(q.Operation), plainly}, {"  " + since, pg.Dim}})
		switch {
		case q.Reason != "":
			pg.prose(insideIndent, 0, q.Reason, nil)
		case !q.Question:
			pg.prose(insideIndent, 0, "The next apply settles it.", nil)
		}
	}
}

func (pg *page) deferred(data []spec.Address) {
	if len(data) == 0 {
		return
	}
	pg.section("Read when this is applied, since what it asks with is not known before:")
	for _, a := range data[:min(most, len(data))] {
		pg.heading(pg.Cyan("  ?")+" ", a, nil)
	}
	pg.more(len(data)-most, "vpsync plan --json")
}

func (pg *page) leftovers(p *plan.Plan) {
	if len(p.Leftovers) > 0 {
		pg.section("Left behind earlier, since the API cannot delete them:")
		t := NewTable()
		t.Indent = strings.Repeat(" ", changeIndent)
		for _, l := range p.Leftovers[:min(most, len(p.Leftovers))] {
			row := []string{l.Address.String(), l.ID, nameOf(l.Observed, l.Applied), day(l.Since)}
			if pg.accounts {
				row = slices.Insert(row, 2, l.Account)
			}
			t.Row(row...)
		}
		pg.table(t)
		pg.more(len(p.Leftovers)-most, pg.command("vpsync state leftovers"))
	}
	if len(p.SeenGone) > 0 {
		names := make([]string, len(p.SeenGone))
		for i, l := range p.SeenGone {
			names[i] = Noun(l.Kind) + " " + Escape(l.ID)
		}
		pg.space()
		pg.prose(0, 2, "Left behind earlier, and no longer there: "+list(names, most)+".", pg.Dim)
	}
}

func (pg *page) table(t *Table) {
	var b strings.Builder
	_ = t.Write(&b, Options{Width: pg.width, Color: pg.Color}) // a Builder does not fail
	for line := range strings.Lines(b.String()) {
		pg.line(0, "%s", strings.TrimSuffix(line, "\n"))
	}
}

func day(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.DateOnly)
}

// nameOf is what a person calls an object, or nothing.
func nameOf(values ...spec.Values) string {
	for _, v := range values {
		if name, ok := v["name"]; ok && text(name) {
			return fmt.Sprintf("%q", name.AsString())
		}
	}
	return ""
}

func (pg *page) unmanaged(objects []plan.Unmanaged) {
	if len(objects) == 0 {
		return
	}
	counts := map[[2]string]int{}
	for _, u := range objects {
		of := [2]string{Noun(u.Kind), ""}
		if pg.accounts {
			of[1] = " in " + u.Account
		}
		counts[of]++
	}
	kinds := make([]string, 0, len(counts))
	for _, of := range slices.SortedFunc(maps.Keys(counts), func(a, b [2]string) int { return slices.Compare(a[:], b[:]) }) {
		kinds = append(kinds, Plural(counts[of], of[0])+of[1])
	}
	pg.space()
	pg.prose(0, 2, "Unmanaged, so left alone: "+list(kinds, 0)+".", pg.Dim)
	pg.line(changeIndent, "%s", pg.Dim(pg.command("vpsync drift --unmanaged")))
}

func (pg *page) outputs(outputs []plan.OutputChange) {
	var changed []plan.OutputChange
	widest := 0
	for _, o := range outputs {
		if o.Action != plan.NoOp {
			changed = append(changed, o)
			widest = max(widest, Width(Escape(o.Name)))
		}
	}
	if len(changed) == 0 {
		return
	}
	pg.section("Outputs:")
	for _, o := range changed {
		c := &plan.Change{Action: o.Action}
		a := plan.AttributeChange{Name: o.Name, Before: o.Before, After: o.After, Sensitive: o.Sensitive}
		sign := pg.paintSymbol(o.Action, fmt.Sprintf("%3s ", Symbol(o.Action)))
		name := pad(Escape(o.Name)+":", min(widest, 24)+1) + " "
		text := inline(c, a)
		if changeIndent+Width(name)+Width(text) <= pg.width {
			pg.line(0, "%s", sign+name+pg.paintValues(c, a, text))
			continue
		}
		if oneSided(c, a) && !a.Sensitive && open(side(a)) {
			pg.opened(sign+name, changeIndent, side(a))
			continue
		}
		if bothOpen(a) || multiline(o.Before) || multiline(o.After) {
			pg.line(0, "%s", sign+strings.TrimRight(name, " "))
			pg.block(c, a)
			continue
		}
		pg.chopped(0, sign+name, text, changeIndent+Width(name))
	}
}

// prices says in one line what the plan does to what is charged a month.
func (pg *page) prices(p *plan.Plan) {
	if words := PriceWords(p.Prices); words != "" {
		pg.prose(0, 2, "Cost: "+words+".", nil)
	}
}

// cost says what applying takes from each rate limit, an account a line.
func (pg *page) cost(p *plan.Plan) {
	byAccount := map[string][]plan.Cost{}
	var accounts []string
	for _, c := range p.Cost {
		if c.Requests == 0 {
			continue
		}
		if byAccount[c.Account] == nil {
			accounts = append(accounts, c.Account)
		}
		byAccount[c.Account] = append(byAccount[c.Account], c)
	}
	slices.Sort(accounts)
	several := pg.accounts || len(accounts) > 1
	for _, a := range accounts {
		label := "API cost: "
		if several {
			label = "API cost of " + Escape(a) + ": "
		}
		words := label + costWords(byAccount[a]) + "."
		if !several && p.Reads > 0 {
			words += " Planning took " + Plural(p.Reads, "read") + "."
		}
		pg.prose(0, 2, words, nil)
		for _, c := range byAccount[a] {
			if c.Windows > 0 {
				pg.prose(0, 2, fmt.Sprintf("! The %s requests do not fit into what is left: applying waits for more, up to %s.",
					Noun(c.Class), span(time.Duration(c.Windows)*c.Per)), pg.Yellow)
			}
		}
	}
	if several && len(accounts) > 0 && p.Reads > 0 {
		pg.prose(0, 2, "Planning took "+Plural(p.Reads, "read")+" of all accounts.", nil)
	}
}

// costWords reads: 7 of 993 standard requests left this hour, 3 of 100 intensive.
func costWords(costs []plan.Cost) string {
	parts := make([]string, len(costs))
	for i, c := range costs {
		class := Noun(c.Class) + " "
		if c.Class == "" || len(costs) == 1 && (c.Class == "standard" || c.Class == "default") {
			class = ""
		}
		first := i == 0 || costs[i-1].Per != c.Per || (costs[i-1].Remaining < 0) != (c.Remaining < 0)
		switch {
		case c.Limit <= 0 && c.Remaining < 0:
			parts[i] = Plural(c.Requests, class+"request")
		case c.Remaining < 0 && first:
			parts[i] = fmt.Sprintf("%d of %d %srequests %s", c.Requests, c.Limit, class, per(c.Per, "an hour", "a minute", "a day"))
		case c.Remaining < 0:
			parts[i] = fmt.Sprintf("%d of %d %s", c.Requests, c.Limit, strings.TrimSpace(class))
		case first:
			parts[i] = fmt.Sprintf("%d of %d %srequests left %s", c.Requests, c.Remaining, class, per(c.Per, "this hour", "this minute", "today"))
		default:
			parts[i] = fmt.Sprintf("%d of %d %s", c.Requests, c.Remaining, strings.TrimSpace(class))
		}
	}
	return strings.Join(parts, ", ")
}

func per(d time.Duration, hour, minute, day string) string {
	switch d {
	case time.Hour:
		return hour
	case time.Minute:
		return minute
	case 24 * time.Hour:
		return day
	}
	return "in each " + span(d)
}

// questions writes what the operator is asked.
func (pg *page) questions(questions []plan.Question, blocked bool) {
	if len(questions) == 0 {
		return
	}
	title, wait := "1 question is open", ". Nothing is sent until it is answered:"
	if n := len(questions); n > 1 {
		title, wait = fmt.Sprintf("%d questions are open", n), ". Nothing is sent until they are answered:"
	}
	if !blocked {
		wait = ":"
	}
	pg.section(title + wait)
	pg.asked(questions)
}

func (pg *page) asked(questions []plan.Question) {
	for i, q := range questions {
		pg.space()
		summary := wrap(Escape(q.Summary), pg.width-changeIndent)
		number := fmt.Sprintf("%2d. ", i+1)
		for j, l := range summary {
			if j > 0 {
				number = "    "
			}
			pg.line(0, "%s", number+pg.Bold(l))
		}
		pg.prose(changeIndent, 0, q.Detail, nil)
		if q.Remedy != "" {
			pg.space()
			pg.paste(changeIndent+4, q.Remedy)
		}
	}
}
