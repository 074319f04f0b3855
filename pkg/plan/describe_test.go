package plan_test

import (
	"bytes"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/vpsync/vpsync/pkg/plan"
	"github.com/vpsync/vpsync/pkg/spec"
	"github.com/zclconf/go-cty/cty"
	ctyjson "github.com/zclconf/go-cty/cty/json"
)

// describe writes a whole plan, one fact a line.
func describe(p *plan.Plan) string {
	var b bytes.Buffer
	say := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	for _, c := range p.Changes {
		line := fmt.Sprintf("%s %s%s", c.Action, c.Address, optionally(" deposed ", c.Deposed))
		line += optionally(" ", c.ID) + optionally(" by ", strings.Join(c.Operations, "+")) + optionally(" removes by ", c.Removes)
		line += when(c.Forgets, " forgets") + when(c.LosesData, " LOSES DATA") + when(c.NeedsHand, " NEEDS A HAND")
		line += optionally(" takes back ", c.TakesBack) + optionally(" may take back ", strings.Join(c.MayTakeBack, " "))
		say("%s (%s)", line, c.Cause)
		for _, a := range c.Attributes {
			say("    %s: %s -> %s (%s, %s%s%s)%s", a.Name, show(a.Before), show(a.After), a.Cause, a.Effect, optionally(" by ", a.Operation),
				when(a.Unverified, ", unverified"), optionally(" ", a.Note))
		}
		if c.Unsupported != "" {
			say("    unsupported: %s", c.Unsupported)
		}
		if c.Price != nil {
			say("    a month: %s -> %s, difference %s%s", amount(c.Price.Before), amount(c.Price.After), amount(c.Price.Difference), when(c.Price.Stays, ", still charged"))
		}
		for _, n := range c.Notes {
			say("    note: %s", n)
		}
	}
	for i, s := range p.Steps {
		c := p.Changes[s.Change]
		var after []string
		for _, j := range s.After {
			after = append(after, strconv.Itoa(j))
		}
		say("step %d: %s %s%s%s", i, s.Phase, c.Address, optionally(" deposed ", c.Deposed), optionally(" after ", strings.Join(after, " ")))
	}
	for _, r := range p.Records {
		say("record %s: applied %s observed %s%s%s%s%s%s", r.Address, values(r.Applied), values(r.Observed), optionally(" secrets ", strings.Join(keys(r.Secrets), " ")),
			optionally(" assumed ", strings.Join(r.Assumed, " ")), optionally(" pending ", strings.Join(r.Pending, " ")), when(r.Unready, " unready"),
			optionally(" due ", strings.Join(keys(r.Due), " ")))
	}
	for _, l := range p.Leftovers {
		say("leftover %s %s", l.Kind, l.ID)
	}
	for _, l := range p.SeenGone {
		say("seen gone %s %s", l.Kind, l.ID)
	}
	for _, u := range p.Unmanaged {
		say("unmanaged %s %s %s", u.Kind, u.ID, values(u.Values))
	}
	for _, x := range p.Pending {
		say("pending %s %s%s: %s", x.Address, x.Operation, when(x.Question, " question"), x.Reason)
	}
	for _, w := range p.Warnings {
		say("warning %s: %s", w.Summary, w.Detail)
	}
	for _, o := range p.Outputs {
		say("output %s %s: %s -> %s", o.Action, o.Name, show(o.Before), show(o.After))
	}
	for _, q := range p.Questions {
		say("question %s: %s", q.Kind, q.Summary)
		say("    %s", q.Detail)
		say("    > %s", strings.ReplaceAll(q.Remedy, "\n", "\n    > "))
	}
	for _, c := range p.Cost {
		say("cost %s %s: %d of %d, windows %d", c.Account, c.Class, c.Requests, c.Remaining, c.Windows)
	}
	for _, t := range p.Prices.Totals {
		say("total of %s: %s", t.Account, amount(&t.Money))
	}
	for _, u := range p.Prices.Unknown {
		say("unknown price of %s %s: %d", u.Account, u.Kind, u.Objects)
	}
	for _, a := range p.Prices.Stay {
		say("still charged: %s", a)
	}
	for _, ref := range p.Unpriced {
		say("prices to read: %s %s", ref.Account, ref.Kind)
	}
	var unsettled []string
	for _, a := range p.Unsettled {
		unsettled = append(unsettled, a.String())
	}
	if len(unsettled) > 0 {
		say("unsettled %s", strings.Join(unsettled, " "))
	}
	if p.Counts != (plan.Counts{}) {
		say("counts %s", strings.Trim(fmt.Sprintf("%+v", p.Counts), "{}"))
	}
	say("%s", strings.TrimSpace(when(p.Empty(), "empty ")+when(p.Blocked(), "blocked ")+when(!p.Empty() && !p.Blocked(), "ready")))
	return b.String()
}

func amount(m *plan.Money) string {
	if m == nil {
		return "?"
	}
	return strings.TrimSpace(m.Amount + " " + m.Currency)
}

func show(v cty.Value) string {
	switch {
	case v == cty.NilVal:
		return "(sensitive)"
	case !v.IsWhollyKnown():
		return "?"
	case v.IsNull():
		return "unset"
	}
	b, err := ctyjson.Marshal(v, v.Type())
	if err != nil {
		return err.Error()
	}
	return string(b)
}

func values(v spec.Values) string {
	var out []string
	for _, name := range keys(v) {
		out = append(out, name+"="+show(v[name]))
	}
	return "{" + strings.Join(out, " ") + "}"
}

func keys[V any](m map[string]V) []string {
	var out []string
	for k := range m {
		out = append(out, k)
	}
	slices.Sort(out)
	return out
}

func optionally(prefix, s string) string {
	if s == "" {
		return ""
	}
	return prefix + s
}

func when(b bool, s string) string {
	if b {
		return s
	}
	return ""
}
