package plan

import (
	"fmt"

	"github.com/vpsync/vpsync/internal/shell"
	"github.com/vpsync/vpsync/pkg/spec"
)

// remove plans the end of a recorded object that nothing wants any more: its block is gone, it was replaced, or
// everything is destroyed.
func (p *planner) remove(d *decision, cause Cause) {
	c := p.newChange(d, Delete, cause)
	c.ID = d.recorded.ID
	d.change = c
	if d.gone {
		c.Action = Forget
		if cause == CauseRemoved {
			c.Cause = CauseGone
		}
		c.Notes = []string{c.ID + " is gone already; only its record is dropped"}
		return
	}
	removal := p.removal(d.address)
	if removal != nil {
		c.Range = &removal.Range
		if !removal.Destroy {
			c.Action = Forget
			c.Notes = []string{fmt.Sprintf("its removed block says so: %s stays at the provider, unmanaged", c.ID)}
			return
		}
	}
	if d.kind.Can(spec.OpDelete) {
		c.Removes, c.LosesData = spec.OpDelete, d.kind.HoldsData
		before := spec.BackupDelete
		if d.deposed != "" { // what is left of a replacement
			before = spec.BackupReplace
		}
		c.backUp(d.kind, d.recorded.BackupBefore, before)
		if d.recorded.PreventDestroy && d.deposed == "" && removal == nil {
			p.prevent(d)
		}
		return
	}
	reason := fmt.Sprintf("%s has no operation that deletes %s", d.schema.Provider, article(d.kind.Name))
	policy := d.recorded.Unsupported
	if p.in.Options.Destroy {
		policy = spec.UnsupportedForget
	}
	switch policy {
	case spec.UnsupportedForget:
		c.Action, c.Forgets = Forget, true
		c.Unsupported = reason + fmt.Sprintf("; %s is left behind", c.ID)
	case spec.UnsupportedIgnore:
		c.Action = NoOp
		c.Unsupported = reason + "; nothing is sent for it, as on_unsupported says"
	default:
		p.refuse(d, reason, fmt.Sprintf("vpsync state rm %s    # stop managing it; or put the block back with:\n%s", shell.Word(p.recordedAs(d.address).String()), remedyForget))
	}
}

// recordedAs is the address that the state on the disk has for a resource, which is what a command takes: a move is recorded when a plan
// is carried out, and one that waits for an answer is not.
func (p *planner) recordedAs(a spec.Address) spec.Address {
	for _, m := range p.in.Moved {
		if m.To == a {
			return m.From
		}
	}
	return a
}
