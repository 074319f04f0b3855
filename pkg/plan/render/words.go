package render

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/vpsync/vpsync/pkg/plan"
)

// HumanDuration is a duration as people say it: 4ms, 0.3s, 4.2s, 31s, 2m05s, 3h12m, 2d4h.
func HumanDuration(d time.Duration) string {
	switch {
	case d <= 0:
		return "0s"
	case d < 50*time.Millisecond:
		return fmt.Sprintf("%dms", max(1, d.Round(time.Millisecond)/time.Millisecond))
	case d < 10*time.Second-50*time.Millisecond:
		tenths := d.Round(100*time.Millisecond) / (100 * time.Millisecond)
		if tenths%10 == 0 {
			return fmt.Sprintf("%ds", tenths/10)
		}
		return fmt.Sprintf("%d.%ds", tenths/10, tenths%10)
	}
	switch d = d.Round(time.Second); {
	case d < time.Minute:
		return fmt.Sprintf("%ds", d/time.Second)
	case d < time.Hour:
		return fmt.Sprintf("%dm%02ds", d/time.Minute, d%time.Minute/time.Second)
	case d < 24*time.Hour:
		return fmt.Sprintf("%dh%02dm", d/time.Hour, d%time.Hour/time.Minute)
	}
	return fmt.Sprintf("%dd%dh", d/(24*time.Hour), d%(24*time.Hour)/time.Hour)
}

// span is a round duration in the fewest signs: 2h, not 2h00m.
func span(d time.Duration) string {
	s := HumanDuration(d)
	s = strings.TrimSuffix(s, "00s")
	if strings.HasSuffix(s, "h00m") {
		s = strings.TrimSuffix(s, "00m")
	}
	return s
}

// Plural is a number with its noun: 1 request, 3 requests, 2 entries.
func Plural(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return strconv.Itoa(n) + " " + plural(noun)
}

func plural(noun string) string {
	if y, ok := strings.CutSuffix(noun, "y"); ok && !strings.HasSuffix(y, "a") && !strings.HasSuffix(y, "e") && !strings.HasSuffix(y, "o") {
		return y + "ies"
	}
	if strings.HasSuffix(noun, "s") || strings.HasSuffix(noun, "x") || strings.HasSuffix(noun, "ch") {
		return noun + "es"
	}
	return noun + "s"
}

// Noun is a kind in words: firewall_rule is a "firewall rule".
func Noun(kind string) string { return Escape(strings.ReplaceAll(kind, "_", " ")) }

// list joins names as a sentence does, and counts those that are too many.
func list(names []string, most int) string {
	if len(names) > most && most > 0 {
		more := len(names) - most
		names = append(append([]string{}, names[:most]...), fmt.Sprintf("%d more", more))
	}
	switch len(names) {
	case 0:
		return ""
	case 1:
		return names[0]
	}
	return strings.Join(names[:len(names)-1], ", ") + " and " + names[len(names)-1]
}

// Symbol is the sign of an action, three columns wide at most.
func Symbol(a plan.Action) string {
	switch a {
	case plan.Create:
		return "+"
	case plan.Update:
		return "~"
	case plan.Replace:
		return "-/+"
	case plan.Delete:
		return "-"
	case plan.Forget:
		return "x"
	case plan.Adopt:
		return "<-"
	}
	return ""
}

// ChangeSymbol is the sign of a change: that of its action, or +/- for a replacement that makes first.
func ChangeSymbol(c *plan.Change) string {
	if c.Action == plan.Replace && c.CreateFirst {
		return "+/-"
	}
	return Symbol(c.Action)
}

// paintSymbol colours a sign, already padded, by its action.
func (s Style) paintSymbol(a plan.Action, symbol string) string {
	switch a {
	case plan.Create:
		return s.Green(symbol)
	case plan.Update:
		return s.Yellow(symbol)
	case plan.Replace, plan.Delete:
		return s.Red(symbol)
	case plan.Adopt, plan.Forget:
		return s.Cyan(symbol)
	}
	return symbol
}

// actionWords explains a sign in the legend.
var actionWords = []struct {
	action plan.Action
	words  string
}{
	{plan.Create, "create"},
	{plan.Update, "change"},
	{plan.Replace, "replace"},
	{plan.Adopt, "adopt what exists"},
	{plan.Delete, "destroy"},
	{plan.Forget, "forget"},
}

// causeWords says why a change happens; nothing where the symbol says it all.
func causeWords(c plan.Cause) string {
	switch c {
	case plan.CauseConfig:
		return "changed in the configuration"
	case plan.CauseDrift:
		return "drifted: somebody changed it at the provider"
	case plan.CauseBoth:
		return "changed in the configuration, and drifted at the provider"
	case plan.CauseGone:
		return "gone at the provider, so made again"
	case plan.CauseRemoved:
		return "no longer in the configuration"
	case plan.CauseDepends:
		return "follows what it refers to"
	case plan.CauseResumed:
		return "resumes what an earlier run left half done"
	case plan.CauseDeposed:
		return "replaced earlier, still awaits its deletion"
	case plan.CauseImport:
		return "its import block names it"
	case plan.CauseTriggered, plan.CauseAsked:
		return "" // a note says which
	case plan.CauseUnmet:
		return "not converged: the API answers something else than it was asked for"
	}
	return ""
}

// attributeCause says why one attribute changes where that differs from its change.
func attributeCause(c plan.Cause) string {
	switch c {
	case plan.CauseConfig:
		return "changed in the configuration"
	case plan.CauseDrift:
		return "drifted"
	case plan.CauseBoth:
		return "changed in the configuration, and drifted"
	case plan.CauseDepends:
		return "follows what it refers to"
	case plan.CauseResumed:
		return "left over from an earlier run"
	case plan.CauseImport:
		return "its import block names it"
	case plan.CauseTriggered, plan.CauseAsked:
		return "" // a note says which
	case plan.CauseUnmet:
		return "not converged"
	}
	return ""
}

// Summary is the line that counts a plan.
func Summary(c plan.Counts) string {
	s := fmt.Sprintf("Plan: %d to add, %d to change, %d to destroy", c.Add, c.Change, c.Destroy)
	for _, more := range []struct {
		n     int
		words string
	}{{c.Replace, "to replace"}, {c.Adopt, "to adopt"}, {c.Forget, "to forget"}} {
		if more.n > 0 {
			s += fmt.Sprintf(", %d %s", more.n, more.words)
		}
	}
	switch {
	case c.NeedsHand == 1:
		s += ", 1 needs a hand"
	case c.NeedsHand > 1:
		s += fmt.Sprintf(", %d need a hand", c.NeedsHand)
	}
	return s + "."
}

// Done is the same for what a run has done: 3 added, 1 changed, 0 destroyed.
func Done(c plan.Counts) string {
	s := fmt.Sprintf("%d added, %d changed, %d destroyed", c.Add, c.Change, c.Destroy)
	for _, more := range []struct {
		n     int
		words string
	}{{c.Replace, "replaced"}, {c.Adopt, "adopted"}, {c.Forget, "forgotten"}} {
		if more.n > 0 {
			s += fmt.Sprintf(", %d %s", more.n, more.words)
		}
	}
	return s
}

// Time is a moment as this package prints it, in UTC.
func Time(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05 UTC") }
