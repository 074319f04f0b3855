package plan

import (
	"fmt"
	"slices"

	"github.com/vpsync/vpsync/pkg/spec"
)

// prevent stops a change that would destroy what prevent_destroy protects.
func (p *planner) prevent(d *decision) {
	c := d.change
	verb, remedy := "deleted", fmt.Sprintf("removed {\n  from    = %s\n  destroy = true    # lifts prevent_destroy\n}", d.address)
	switch {
	case d.desired != nil:
		verb, remedy = "replaced", "lifecycle { prevent_destroy = false }"
	case p.in.Options.Destroy:
		remedy = "lifecycle { prevent_destroy = false }    # and vpsync apply, which records it"
	}
	c.Removes, c.LosesData, c.BackupFirst = "", false, false
	p.refuse(d, fmt.Sprintf("%s has prevent_destroy, so %s is not %s", d.address, c.ID, verb), remedy)
}

// backUp asks for a backup before what an object holds is lost, where that is wanted and possible.
func (c *Change) backUp(kind *spec.Kind, wanted []string, before string) {
	c.BackupFirst = c.LosesData && kind.Backup != nil && slices.Contains(wanted, before)
}

// createFirst settles which replacements make before they remove: those whose block says so, and whatever they use that is
// replaced, too. Its old object cannot go before theirs is gone, which goes after their new one is there.
func (p *planner) createFirst() {
	var todo []*decision
	mark := func(d *decision) {
		c := d.change
		if c == nil || d.held || c.Action != Replace || c.CreateFirst || c.NeedsHand {
			return
		}
		c.CreateFirst = true
		todo = append(todo, d)
	}
	for _, d := range p.all {
		if d.desired != nil && d.desired.CreateFirst {
			mark(d)
		}
	}
	for len(todo) > 0 {
		d := todo[0]
		todo = todo[1:]
		for _, u := range d.desired.Uses {
			if on := p.current[u]; on != nil {
				mark(on)
			}
		}
	}
}
