package plan

import (
	"fmt"
	"maps"
	"slices"

	"github.com/vpsync/vpsync/pkg/spec"
)

// askAboutEmptyAccounts stops a plan whose token may belong to another account: not one of the recorded objects is found.
func (p *planner) askAboutEmptyAccounts() {
	if p.in.Options.ConfirmGone || p.in.Live == nil {
		return
	}
	recorded, gone := map[string]int{}, map[string]int{}
	for _, d := range p.all {
		if d.recorded == nil || d.kind == nil || d.kind.WhenGone == spec.GoneForget {
			continue
		}
		if p.liveKind(KindRef{d.recorded.Account, d.address.Kind}) == nil {
			continue // a kind that cannot be looked at says nothing
		}
		recorded[d.recorded.Account]++
		if d.gone {
			gone[d.recorded.Account]++
		}
	}
	for _, account := range slices.Sorted(maps.Keys(recorded)) {
		n := recorded[account]
		if gone[account] < n {
			continue
		}
		p.plan.Questions = append(p.plan.Questions, Question{
			Kind:    AskEmpty,
			Summary: fmt.Sprintf("the account %s looks empty", account),
			Detail: fmt.Sprintf("%s any more. The token may be of another account. If that was really all deleted, say so with --confirm-gone.",
				noneOf(n)),
			Remedy: "vpsync " + p.command() + " --confirm-gone",
		})
	}
}

func noneOf(n int) string {
	if n == 1 {
		return "The only object that is recorded in it does not exist"
	}
	return fmt.Sprintf("None of the %d objects that are recorded in it exists", n)
}

func (p *planner) command() string {
	if p.in.Options.Destroy {
		return "destroy"
	}
	return "apply"
}

// brake stops a plan that destroys or creates much more than usual, unless the operator has allowed that many. The command
// destroy says what it does by its name.
func (p *planner) brake() {
	if p.in.Options.Destroy || p.in.Options.Reviewed {
		return
	}
	allow := max(p.in.Options.Allow, p.in.Config.Settings.Allow)
	holding := 0
	for _, d := range p.all {
		if d.recorded != nil && d.deposed == "" && d.kind != nil && d.kind.HoldsData {
			holding++
		}
	}
	destroyed, created, byDrift := 0, 0, 0
	for _, d := range p.all {
		if d.held || d.leftOut || d.change == nil || d.change.NeedsHand || d.deposed != "" {
			continue
		}
		switch d.change.Action {
		case Replace, Delete:
			if d.kind.HoldsData {
				destroyed++
			}
			if d.change.Action == Replace && d.byDrift {
				byDrift++
			}
		case Create:
			created++
		}
	}
	recorded := 0
	for _, r := range p.in.State.Resources {
		if r.Deposed == "" {
			recorded++
		}
	}
	destroyLimit, createLimit := max(1, holding/10), max(20, recorded/2)
	var asked []Question
	need := 0
	ask := func(kind QuestionKind, n int, summary, detail string) {
		need = max(need, n)
		asked = append(asked, Question{Kind: kind, Summary: summary, Detail: detail})
	}
	if destroyed > max(destroyLimit, allow) {
		ask(AskBrakeDestroy, destroyed,
			fmt.Sprintf("%s would be replaced or deleted, more than %d", plural(destroyed, "object that holds data", "objects that hold data"), max(destroyLimit, allow)),
			fmt.Sprintf("Of %d recorded objects that hold data, %d may be replaced or deleted at once without being allowed by number.", holding, destroyLimit))
	}
	if p.in.State.Settled && created > max(createLimit, allow) {
		ask(AskBrakeCreate, created,
			fmt.Sprintf("%s would be created, more than %d", plural(created, "object", "objects"), max(createLimit, allow)),
			fmt.Sprintf("This stack is not new: with %d recorded objects, %d may be created at once without being allowed by number.", recorded, createLimit))
	}
	if heal := p.in.Options.Heal; byDrift > allow && !(heal != nil && heal.Destroy) {
		ask(AskBrakeDrift, byDrift,
			fmt.Sprintf("%s would be replaced because of drift alone", plural(byDrift, "object", "objects")),
			"Nobody edited the configuration; somebody edited the account. Replacing an object for that is done only when it is allowed by number.")
	}
	for _, q := range asked {
		q.Detail += fmt.Sprintf(" If that is what you want, pass --allow %d.", need)
		q.Remedy = fmt.Sprintf("vpsync apply --allow %d", need)
		p.plan.Questions = append(p.plan.Questions, q)
	}
}
