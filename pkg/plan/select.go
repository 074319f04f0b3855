package plan

import (
	"fmt"
	"slices"
	"strings"

	"github.com/vpsync/vpsync/pkg/spec"
	"github.com/vpsync/vpsync/pkg/state"
)

// Pattern names resources: server.web["a"] one, server.web all of its instances, server all of that kind; * and ? stand for parts of
// a name, as in server.web-*.
type Pattern string

// Matches: the pattern names the address.
func (p Pattern) Matches(a spec.Address) bool {
	text, block := a.String(), a.Kind+"."+a.Name
	switch string(p) {
	case text, block, a.Kind:
		return true
	}
	if !strings.ContainsAny(string(p), "*?") {
		return false
	}
	return slices.ContainsFunc([]string{text, block, a.Kind}, func(candidate string) bool {
		return matches([]rune(string(p)), []rune(candidate))
	})
}

// matches: * stands for any text, ? for any one character. Whatever else is in an address stands for itself: a key may hold the
// slashes, brackets and backslashes that mean something in patterns for files.
func matches(pattern, text []rune) bool {
	at, star, from := 0, -1, 0
	for i := 0; i < len(text); {
		switch {
		case at < len(pattern) && pattern[at] == '*':
			star, from, at = at, i, at+1
		case at < len(pattern) && (pattern[at] == '?' || pattern[at] == text[i]):
			at, i = at+1, i+1
		case star >= 0: // the last * stands for one more
			from++
			at, i = star+1, from
		default:
			return false
		}
	}
	return strings.Trim(string(pattern[at:]), "*") == ""
}

// LeftOut is a change that is not part of the plan because of what the operator selected.
type LeftOut struct {
	Address spec.Address
	Deposed string
	Action  Action
	// CreateFirst is that of the change.
	CreateFirst bool
	// WaitsFor is the excluded resource that this one cannot go before, or nil where it was just not selected.
	WaitsFor *spec.Address
}

// selects limits an ordered plan to what was asked for. What a selected change waits for is part of it, through others too; what
// waits for an excluded change is left out with it. So nothing that stays waits for anything that does not, and whatever is left
// out can be done later.
func (p *planner) selects() {
	targets, excludes := p.in.Options.Targets, p.in.Options.Excludes
	only := p.in.Options.Only
	if len(targets)+len(excludes) == 0 && only == nil {
		return
	}
	matches := func(all []Pattern, a spec.Address) bool {
		return slices.ContainsFunc(all, func(t Pattern) bool { return t.Matches(a) })
	}
	n := len(p.plan.Changes)
	stepsOf := make([][]int, n)
	for i, s := range p.plan.Steps {
		stepsOf[s.Change] = append(stepsOf[s.Change], i)
	}
	keep := make([]bool, n)
	var want func(change int)
	want = func(change int) {
		if keep[change] {
			return
		}
		keep[change] = true
		for _, i := range stepsOf[change] {
			for _, before := range p.plan.Steps[i].After {
				want(p.plan.Steps[before].Change)
			}
		}
	}
	for i, c := range p.plan.Changes {
		if only[c.Address] || only == nil && (len(targets) == 0 || matches(targets, c.Address)) {
			want(i)
		}
	}
	waits := make([]*spec.Address, n)
	for i, c := range p.plan.Changes {
		if matches(excludes, c.Address) {
			keep[i] = false
		}
	}
	// Steps are in order, so one pass carries an exclusion on to whatever waits for it.
	for again := true; again; {
		again = false
		for _, s := range p.plan.Steps {
			if !keep[s.Change] {
				continue
			}
			for _, before := range s.After {
				if on := p.plan.Steps[before].Change; !keep[on] {
					keep[s.Change], again = false, true
					if waits[s.Change] = waits[on]; waits[on] == nil {
						waits[s.Change] = &p.plan.Changes[on].Address
					}
					break
				}
			}
		}
	}
	p.prune(keep, waits)
}

// prune takes changes out of the plan, with their steps and questions.
func (p *planner) prune(keep []bool, waits []*spec.Address) {
	plan := p.plan
	out := map[spec.Address]bool{}
	change, step := make([]int, len(plan.Changes)), make([]int, len(plan.Steps))
	var changes []*Change
	for i, c := range plan.Changes {
		change[i] = len(changes)
		if keep[i] {
			changes = append(changes, c)
			continue
		}
		plan.Partial = plan.Partial || c.Action != NoOp
		if p.in.Options.Only == nil && (c.Action != NoOp || len(c.Attributes) > 0) {
			plan.LeftOut = append(plan.LeftOut, LeftOut{Address: c.Address, Deposed: c.Deposed, Action: c.Action, CreateFirst: c.CreateFirst, WaitsFor: waits[i]})
		}
		out[c.Address] = true
	}
	var steps []Step
	for i, s := range plan.Steps {
		if !keep[s.Change] {
			continue
		}
		step[i] = len(steps)
		moved := Step{Change: change[s.Change], Phase: s.Phase}
		for _, before := range s.After {
			moved.After = append(moved.After, step[before])
		}
		steps = append(steps, moved)
	}
	plan.Changes, plan.Steps, plan.Counts = changes, steps, Counts{}
	for _, c := range changes {
		plan.Counts.count(c)
	}
	for _, d := range p.all {
		d.leftOut = out[d.address]
	}
	selected := func(a spec.Address) bool { return !out[a] }
	plan.Questions = slices.DeleteFunc(plan.Questions, func(q Question) bool { return q.Address != nil && out[*q.Address] && q.Kind != AskPending })
	plan.Unsettled = slices.DeleteFunc(plan.Unsettled, func(a spec.Address) bool { return !selected(a) })
	plan.Records = slices.DeleteFunc(plan.Records, func(r *state.Resource) bool { return !selected(r.Address) && !p.owes(r.Address, out) })
}

// unmatched are patterns that name nothing in the configuration or the state. A misspelt --exclude would let happen what it is meant
// to keep from happening.
func (p *planner) unmatched() {
	for _, t := range slices.Concat(p.in.Options.Targets, p.in.Options.Excludes) {
		if slices.ContainsFunc(p.all, func(d *decision) bool { return t.Matches(d.address) }) {
			continue
		}
		if strings.HasPrefix(string(t), spec.DataPrefix) {
			p.plan.Unmatched = append(p.plan.Unmatched, spec.Diagnostic{Severity: spec.SeverityError, Summary: "Data cannot be selected",
				Detail: fmt.Sprintf("%q is about data, which is read whenever something needs it and is never changed. What is selected are resources.", string(t))})
			continue
		}
		var known []string
		for _, d := range p.all {
			known = append(known, d.address.String(), d.address.Kind+"."+d.address.Name)
		}
		detail := fmt.Sprintf("Neither the configuration nor the state has a %q.", string(t))
		if near := spec.Nearest(string(t), known); near != "" {
			detail += fmt.Sprintf(" Did you mean %s?", near)
		}
		p.plan.Unmatched = append(p.plan.Unmatched, spec.Diagnostic{Severity: spec.SeverityError, Summary: "Nothing is called that", Detail: detail})
	}
	for _, a := range p.in.Options.Replace {
		if d := p.current[a]; d == nil || d.recorded == nil {
			p.plan.Unmatched = append(p.plan.Unmatched, spec.Diagnostic{Severity: spec.SeverityError, Summary: "Nothing to replace",
				Detail: fmt.Sprintf("%s has no object yet, or is no resource of this stack.", a)})
		}
	}
}
