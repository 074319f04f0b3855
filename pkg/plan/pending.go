package plan

import (
	"fmt"
	"slices"
	"strings"

	"github.com/vpsync/vpsync/internal/shell"
	"github.com/vpsync/vpsync/pkg/spec"
	"github.com/vpsync/vpsync/pkg/state"
	"github.com/zclconf/go-cty/cty"
)

// holdBack keeps the changes of addresses with an open intent, and of what depends on them, out of the plan: what the
// intent did is not known, so neither is what should follow it.
func (p *planner) holdBack() {
	if len(p.in.State.Intents) == 0 {
		return
	}
	byUse := map[spec.Address][]*decision{}
	freed := map[spec.Address][]*decision{} // what waits for a removal, by whose
	for _, d := range p.all {
		if d.waitsFor != nil {
			freed[d.waitsFor.address] = append(freed[d.waitsFor.address], d)
		}
		if d.desired != nil {
			for _, u := range d.desired.Uses {
				byUse[u] = append(byUse[u], d)
			}
		}
	}
	// root is the address whose intent holds the key back.
	root := map[spec.Address]spec.Address{}
	var todo []spec.Address
	asked := map[spec.Address]bool{}
	for _, in := range p.in.State.Intents {
		p.plan.Pending = append(p.plan.Pending, Pending{
			Address: in.Address, Operation: Doing(in), Run: in.Run, Since: in.Opened, Question: in.Question, Reason: in.Reason,
		})
		if in.Question && !asked[in.Address] {
			asked[in.Address] = true
			p.plan.Questions = append(p.plan.Questions, AskIntent(in))
		}
		root[in.Address] = in.Address
		todo = append(todo, in.Address)
	}
	hold := func(d *decision, why spec.Address) {
		if d.held || d.change == nil || d.change.Action == NoOp {
			return
		}
		d.held = true
		why = root[why]
		root[d.address] = why
		in := p.pending[why]
		p.plan.Pending = append(p.plan.Pending, Pending{
			Address: d.address, Operation: string(d.change.Action), Run: in.Run, Since: in.Opened,
			Reason: fmt.Sprintf("waits for %s, whose %s is still open", why, Doing(in)),
		})
		todo = append(todo, d.address)
	}
	for _, in := range p.in.State.Intents {
		for _, d := range p.doubles(in) {
			hold(d, in.Address)
		}
	}
	for len(todo) > 0 {
		a := todo[0]
		todo = todo[1:]
		for _, d := range byUse[a] {
			hold(d, a)
		}
		// Nor is set what only the removal of the held one would free.
		for _, d := range freed[a] {
			hold(d, a)
		}
		// What the held one still uses must not be removed before it.
		for _, u := range p.usedBy(a) {
			if on := p.current[u]; on != nil && on.change != nil && on.change.removes() {
				hold(on, a)
			}
		}
	}
	slices.SortStableFunc(p.plan.Pending, func(a, b Pending) int { return a.Address.Compare(b.Address) })
}

// doubles are the creates of other addresses that could not be told apart from what an open create may have made: its block may
// have been renamed since, and a second one would be bought.
func (p *planner) doubles(in *state.Intent) []*decision {
	kind := p.kindOf(KindRef{in.Account, in.Kind})
	if in.Operation != spec.OpCreate || kind == nil {
		return nil
	}
	made := &spec.Object{Values: conformed(kind, in.Applied)}
	for _, a := range kind.Attributes {
		if _, sent := made.Values[a.Name]; !sent {
			if v := unnamed(a); v != cty.NilVal {
				made.Values[a.Name] = v
			}
		}
	}
	var out []*decision
	for _, d := range p.all {
		if d.address == in.Address || d.account != in.Account || d.address.Kind != in.Kind || d.change == nil ||
			(d.change.Action != Create && d.change.Action != Replace) {
			continue
		}
		plain := spec.Values{}
		for name, v := range d.desired.Values {
			plain[name], _ = v.UnmarkDeep()
		}
		if SameIdentity(kind, plain, made) {
			out = append(out, d)
		}
	}
	return out
}

// usedBy are the addresses that an address uses, as far as the configuration, the state and the journal know.
func (p *planner) usedBy(a spec.Address) []spec.Address {
	var all []spec.Address
	if d := p.current[a]; d != nil {
		if d.recorded != nil {
			all = append(all, d.recorded.Uses...)
		}
		if d.desired != nil {
			all = append(all, d.desired.Uses...)
		}
	}
	if in := p.pending[a]; in != nil {
		all = append(all, in.Uses...)
	}
	slices.SortFunc(all, spec.Address.Compare)
	return slices.Compact(all)
}

// Doing is what an open intent was about, in words: the operation of the resource, or else the task, or what was made beside it.
func Doing(in *state.Intent) string {
	switch {
	case !in.Aside():
		return in.Operation
	case in.Kind != in.Address.Kind:
		return strings.ReplaceAll(in.Kind, "_", " ")
	}
	return "task " + strings.TrimPrefix(in.Operation, "task.")
}

// AskIntent asks the operator what an open intent did.
func AskIntent(in *state.Intent) Question {
	a := in.Address
	word := shell.Word(a.String())
	remedy := ""
	if in.Operation != spec.OpDelete {
		remedy = fmt.Sprintf("vpsync resolve %s --id ID     # it was: this is the object\n", word)
	}
	remedy += fmt.Sprintf("vpsync resolve %s --retry     # it was not: send it again\nvpsync resolve %s --forget    # drop it from the state", word, word)
	if in.Aside() {
		remedy = fmt.Sprintf("vpsync resolve %s --forget    # look at the provider's own pages; then drop the matter", word)
	}
	detail := fmt.Sprintf("Run %s sent it at %s and got no answer that tells.", in.Run, in.Opened.UTC().Format("2006-01-02T15:04:05Z"))
	if in.Reason != "" {
		detail += " " + sentence(in.Reason)
	}
	return Question{
		Kind: AskPending, Address: &a, Detail: detail + " Nothing is sent for it until you have said; the rest goes on.", Remedy: remedy,
		Summary: fmt.Sprintf("%s: was its %s carried out?", a, Doing(in)),
	}
}
