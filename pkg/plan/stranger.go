package plan

import (
	"fmt"

	"github.com/vpsync/vpsync/pkg/spec"
)

// askAboutOtherStack stops a plan that would delete all that is recorded, because the configuration declares none of it: then the state
// is probably another stack's. Of one resource that says nothing, since a name may have been changed; and the command destroy
// says what it does by its name.
func (p *planner) askAboutOtherStack() {
	if p.in.Options.Destroy || p.in.Options.Heal != nil {
		return
	}
	var deleted []spec.Address
	for _, d := range p.all {
		if d.recorded == nil || d.deposed != "" {
			continue
		}
		if d.desired != nil {
			return
		}
		if d.change != nil && !d.held && d.change.Action == Delete {
			deleted = append(deleted, d.address)
		}
	}
	n := len(deleted)
	bare := len(p.in.Config.Resources) == 0
	if n > 0 && bare {
		p.plan.Warnings = append(p.plan.Warnings, spec.Diagnostic{Severity: spec.SeverityWarning, Summary: "Nothing is declared",
			Detail: "This configuration declares no resources, so all that is recorded is to go."})
	}
	if n < 2 || n <= max(p.in.Options.Allow, p.in.Config.Settings.Allow) {
		return
	}
	examples := deleted[0].String() + " and " + deleted[1].String()
	if n > 2 {
		examples = fmt.Sprintf("%s, %s and %d more", deleted[0], deleted[1], n-2)
	}
	p.plan.Questions = append(p.plan.Questions, Question{
		Kind:    AskOtherStack,
		Summary: fmt.Sprintf("none of the %d recorded objects is declared by this configuration", n),
		Detail: fmt.Sprintf("%s would be deleted. This may be the state of another stack: look at --state and --chdir. Renamed resources keep their "+
			"objects with vpsync state mv. If all of it is to go, pass --allow %d, or use vpsync destroy.", examples, n),
		Remedy: fmt.Sprintf("vpsync apply --allow %d", n),
	})
}
