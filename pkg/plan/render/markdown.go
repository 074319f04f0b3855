package render

import (
	"fmt"
	"slices"
	"strings"

	"github.com/vpsync/vpsync/pkg/plan"
)

// MostMarkdown is how long a comment may be at GitHub, in characters. A rendering is counted in bytes, of which there are never fewer.
const MostMarkdown = 65536

// Report is what is told of one stack in Markdown: a comment on a pull request, or the page of a run.
//
// Foreign text (names, values, vendors' words) stands in code alone, where no reader of Markdown sees a link, a mention, a picture or
// HTML in it. Everything outside of code is this package's own, but for Said.Words and Graph, which are the caller's.
type Report struct {
	Stack    string     // its name; foreign
	Plan     *plan.Plan // nil where there is none, which Said explains
	Said     []Saying   // above the plan
	Graph    []byte     // a Mermaid flowchart, or nil
	Commit   string     // that the plan is made of, or empty; foreign
	Version  string     // of vpsync, or empty; foreign
	Accounts bool       // there are several, and each object says its own
	// Brakes do not hold this plan once it is reviewed, so they warn and do not ask.
	Reviewed bool
	// OfFiles: the plan was made of files alone, so it has no digest that anybody could apply.
	OfFiles bool
	// Command completes a vpsync command to paste; nil leaves it as it is.
	Command func(string) string
	// Most bounds the result, in bytes; 0 is MostMarkdown.
	Most int
}

// Saying is a paragraph of a Report.
type Saying struct {
	Alert string // NOTE, WARNING or CAUTION; or empty
	Words string // Markdown of the caller's own, on one line
	Text  string // foreign text of any length, which stands in a fence; or empty
}

// Markdown renders a report. It is cut between two changes, and says so, where it would be longer than Most.
func Markdown(r Report) string {
	m := markdown{Report: r, most: r.Most}
	if m.most <= 0 {
		m.most = MostMarkdown
	}
	p := r.Plan
	if p == nil {
		p = &plan.Plan{}
	}
	m.changes, m.drift, m.quiet = arranged(p.Changes)
	foot := m.foot()
	m.reserve = 400
	m.left = m.most - len(foot) - m.reserve
	m.title()
	for _, s := range m.Said {
		m.say(s)
	}
	if r.Plan != nil {
		m.alarms()
		diff, beside := m.diffUnits(), m.beside() // made before the room is shared
		m.table("", m.changes, m.most/2)
		m.table("**Drift**: somebody changed these at the provider. They are no part of what is proposed, and are set right with it.", m.drift, m.most*6/10)
		m.asked()
		m.folded("What changes", "diff", diff, m.left, func(n int) string { return left(n, "change") + "; `vpsync plan` shows all" })
		m.unmanaged()
		m.folded("Beside the changes", "text", beside, m.left, func(n int) string { return left(n, "line") })
		m.graph()
	}
	return m.b.String() + foot
}

func left(n int, noun string) string {
	return "Left out here, for want of room: " + Plural(n, noun)
}

// markdown collects a report.
type markdown struct {
	Report
	b                     strings.Builder
	most                  int
	left                  int // bytes
	reserve               int // bytes, to say what is missing
	changes, drift, quiet []*plan.Change
}

// block writes a paragraph where it fits, and says whether it did.
func (m *markdown) block(text string) bool {
	text += "\n\n"
	if len(text) > m.left {
		return false
	}
	m.b.WriteString(text)
	m.left -= len(text)
	return true
}

// arranged tells what the configuration asks for from what drifted, and both from what sends nothing. Destructive changes come first.
func arranged(all []*plan.Change) (changes, drift, quiet []*plan.Change) {
	acting, quiet := split(all)
	for _, c := range acting {
		if c.Cause == plan.CauseDrift || c.Cause == plan.CauseGone {
			drift = append(drift, c)
		} else {
			changes = append(changes, c)
		}
	}
	for _, list := range [][]*plan.Change{changes, drift} {
		slices.SortStableFunc(list, func(a, b *plan.Change) int { return severity(b) - severity(a) })
	}
	return changes, drift, quiet
}

// severity is how much a reviewer has to look at a change.
func severity(c *plan.Change) int {
	switch {
	case c.LosesData:
		return 5
	case c.NeedsHand:
		return 4
	case destructive(c):
		return 3
	case c.Action == plan.Forget, c.Forgets:
		return 2
	case c.Action == plan.Update:
		return 1
	}
	return 0
}

// destructive: an object goes.
func destructive(c *plan.Change) bool {
	return c.Action == plan.Delete || c.Action == plan.Replace && !c.Forgets || c.Removes != ""
}

func (m *markdown) title() {
	words := "vpsync"
	if m.Stack != "" {
		words += " " + Code(Cut(Escape(m.Stack), 200))
	}
	if p := m.Plan; p != nil {
		switch {
		case p.Counts != (plan.Counts{}):
			words += ": " + strings.TrimSuffix(strings.TrimPrefix(Summary(p.Counts), "Plan: "), ".")
		case len(p.Questions)+len(p.Pending) > 0:
			words += ": waits for an answer"
		default:
			words += ": no changes"
		}
	}
	m.block("### " + words)
}

func (m *markdown) say(s Saying) {
	words := s.Words
	if s.Alert != "" {
		words = "> [!" + s.Alert + "]\n> " + words
	}
	if words != "" {
		m.block(words)
	}
	if s.Text != "" {
		m.fenced("text", strings.Split(strings.Trim(EscapeLines(strings.ReplaceAll(s.Text, "\t", "    ")), "\n"), "\n"), min(m.left, m.most/3), func(n int) string { return left(n, "line") })
	}
}

// alarms are what must not be overlooked.
func (m *markdown) alarms() {
	gone, lost := 0, 0
	for _, c := range m.Plan.Changes {
		if destructive(c) && !c.NeedsHand {
			gone++
		}
		if c.LosesData && !c.NeedsHand {
			lost++
		}
	}
	switch {
	case lost > 0:
		m.block(fmt.Sprintf("> [!CAUTION]\n> This removes %s, **and the data of %d**.", Plural(gone, "object"), lost))
	case gone > 0:
		m.block(fmt.Sprintf("> [!WARNING]\n> This removes %s.", Plural(gone, "object")))
	}
}

// table writes a row for each change, until the report is used bytes long.
func (m *markdown) table(title string, changes []*plan.Change, used int) {
	if len(changes) == 0 {
		return
	}
	head := "| | address | action | why | a month | loses |\n|---|---|---|---|---|---|\n"
	if title != "" {
		head = title + "\n\n" + head
	}
	room := min(m.left, used-m.b.Len()) - len(head) - 200
	text, written := head, 0
	for _, c := range changes {
		row := m.row(c)
		if room -= len(row); room < 0 {
			break
		}
		text += row
		written++
	}
	if rest := changes[written:]; len(rest) > 0 {
		more := left(len(rest), "change")
		if n := count(rest, func(c *plan.Change) bool { return destructive(c) || c.LosesData }); n > 0 {
			more += fmt.Sprintf(", **%d of them destructive**", n)
		}
		text += "\n" + more + "."
	}
	m.block(strings.TrimSuffix(text, "\n"))
}

func count(all []*plan.Change, is func(*plan.Change) bool) int {
	n := 0
	for _, c := range all {
		if is(c) {
			n++
		}
	}
	return n
}

func (m *markdown) row(c *plan.Change) string {
	sign, name := ChangeSymbol(c), Code(Cut(address(c.Address), 160))
	if c.NeedsHand {
		sign = "!"
	}
	if c.Deposed != "" {
		name += " replaced object " + Code(Cut(Escape(c.Deposed), 40))
	}
	if m.Accounts && c.Account != "" {
		name += " in " + Code(Cut(Escape(c.Account), 60))
	}
	action := actionOf(c)
	if words := alarm(c); words != "" {
		action = "**" + words + "**"
	} else if destructive(c) {
		action = "**" + action + "**"
	}
	why := causeWords(c.Cause)
	switch {
	case c.Action == plan.Forget && c.Cause == plan.CauseGone:
		why = "gone at the provider"
	case why == "" && c.Cause == plan.CauseNew:
		why = "new"
	case why == "":
		why = "asked for"
	}
	return "| " + strings.Join([]string{Code(sign), name, action, why, price(c), loses(c)}, " | ") + " |\n"
}

// actionOf is what becomes of an object, in words.
func actionOf(c *plan.Change) string {
	for _, w := range actionWords {
		if w.action == c.Action && !c.NeedsHand {
			return w.words
		}
	}
	return "needs a hand"
}

// price is what a change does to what is charged a month.
func price(c *plan.Change) string {
	switch p := c.Price; {
	case p == nil:
		return ""
	case p.Difference != nil && p.Stays:
		return Code(signed(*p.Difference)) + ", the old one goes on"
	case p.Difference != nil:
		return Code(signed(*p.Difference))
	case p.Stays:
		return "goes on"
	}
	return "unknown"
}

func loses(c *plan.Change) string {
	switch {
	case c.LosesData && c.BackupFirst:
		return "**its data**, backed up before"
	case c.LosesData:
		return "**its data**"
	case c.Forgets:
		return "left behind, not deleted"
	case destructive(c):
		return "the object"
	}
	return ""
}

// asked writes questions and warnings, which nobody should have to unfold.
func (m *markdown) asked() {
	pg := m.page()
	questions, brakes := m.Plan.Questions, []plan.Question(nil)
	if m.Reviewed {
		questions, brakes = Brakes(questions)
	}
	if len(brakes) > 0 {
		pg.section("Brakes stop what nobody has reviewed. To merge this is to say that it is meant:")
		for _, q := range brakes {
			pg.prose(changeIndent, 2, "· "+strings.TrimSuffix(q.Summary, ".")+". "+q.Detail, nil)
		}
	}
	pg.questions(questions, slices.ContainsFunc(questions, func(q plan.Question) bool { return q.Kind != plan.AskPending }))
	pg.pending(m.Plan.Pending)
	pg.warnings(m.Plan)
	m.fenced("text", pg.lines(), min(m.left, m.most/5), func(n int) string { return left(n, "line") })
}

// Brakes tells the questions of brakes from the others: they hold a plan until somebody has looked at it.
func Brakes(all []plan.Question) (others, brakes []plan.Question) {
	for _, q := range all {
		switch q.Kind {
		case plan.AskBrakeDestroy, plan.AskBrakeCreate, plan.AskBrakeDrift:
			brakes = append(brakes, q)
		default:
			others = append(others, q)
		}
	}
	return others, brakes
}

func (m *markdown) page() *page {
	return newPage(Options{Width: 110, Command: m.Command, Accounts: m.Accounts})
}

// lines are those of a page.
func (p *page) lines() []string {
	text := strings.Trim(p.b.String(), "\n")
	if text == "" {
		return nil
	}
	return strings.Split(text, "\n")
}

// beside are the lines about what is no change of an object.
func (m *markdown) beside() [][]string {
	p, pg := m.Plan, m.page()
	pg.quiet(m.quiet)
	pg.moved(p.Moved)
	pg.records(p)
	pg.deferred(p.Deferred)
	pg.leftovers(p)
	pg.leftOut(p.LeftOut)
	pg.outputs(p.Outputs)
	pg.space()
	pg.prices(p)
	pg.cost(p)
	var units [][]string
	for _, line := range pg.lines() {
		units = append(units, []string{line})
	}
	return units
}

// unmanaged counts objects with no resource. What they are like is not shown: whoever reads a pull request need not know.
func (m *markdown) unmanaged() {
	counts := map[string]int{}
	var kinds []string
	for _, u := range m.Plan.Unmanaged {
		if counts[u.Kind]++; counts[u.Kind] == 1 {
			kinds = append(kinds, u.Kind)
		}
	}
	slices.Sort(kinds)
	var words []string
	for _, k := range kinds[:min(most, len(kinds))] {
		words = append(words, fmt.Sprintf("%d %s", counts[k], Code(Cut(Escape(k), 60))))
	}
	if n := len(kinds) - len(words); n > 0 {
		words = append(words, Plural(n, "more kind"))
	}
	if len(words) > 0 {
		m.block("**Unmanaged**: there are objects that no resource declares, and nothing is done to them: " + list(words, 0) + ".")
	}
}

func (m *markdown) graph() {
	if text := strings.Trim(string(m.Graph), "\n"); text != "" {
		m.folded("Graph", "mermaid", [][]string{strings.Split(text, "\n")}, m.left, nil)
	}
}

// foot says which plan this is, and of what it was made. It is never left out.
func (m *markdown) foot() string {
	var parts []string
	if m.Plan != nil && !m.OfFiles {
		parts = append(parts, "digest "+Code(m.Plan.Digest()))
	}
	if m.Commit != "" {
		parts = append(parts, "commit "+Code(Cut(Escape(m.Commit), 64)))
	}
	if m.Version != "" {
		parts = append(parts, "vpsync "+Code(Cut(Escape(m.Version), 64)))
	}
	if len(parts) == 0 {
		return ""
	}
	return strings.Join(parts, " · ") + "\n"
}
