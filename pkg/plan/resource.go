package plan

import (
	"fmt"

	"github.com/vpsync/vpsync/internal/shell"
	"github.com/vpsync/vpsync/pkg/spec"
)

// decide decides one address, after those that it uses. Asking for one that is being decided is harmless: it
// then counts as staying what it is.
func (p *planner) decide(d *decision) {
	if d.stage != undecided {
		return
	}
	d.stage = deciding
	defer func() { d.stage = decided }()
	if p.pending[d.address] != nil {
		d.held = true
		return
	}
	if d.desired != nil {
		for _, u := range d.desired.Uses {
			if on := p.current[u]; on != nil {
				p.decide(on)
			}
		}
	}
	switch {
	case d.kind == nil:
		p.orphan(d)
	case d.deposed != "":
		p.remove(d, CauseDeposed)
	case d.desired == nil:
		p.remove(d, CauseRemoved)
	case d.recorded == nil:
		p.create(d, CauseNew)
	case d.recorded.Account != d.desired.Account:
		p.moved(d)
	case d.gone && d.kind.WhenGone == spec.GoneForget:
		// The record stays: without it the next plan would make what has expired anew.
		d.change = p.newChange(d, NoOp, CauseGone)
		d.change.ID = d.recorded.ID
		d.change.Notes = []string{fmt.Sprintf("%s has expired by itself; it is not made again until its block is removed and put back", d.recorded.ID)}
	case d.gone:
		p.create(d, CauseGone)
	default:
		p.keep(d)
	}
}

func (p *planner) newChange(d *decision, action Action, cause Cause) *Change {
	c := &Change{Address: d.address, Deposed: d.deposed, Account: d.account, Kind: d.address.Kind, Action: action, Cause: cause}
	if d.desired != nil {
		at := d.desired.Range
		c.Range = &at
	}
	return c
}

// keep compares an object that exists with what is wanted of it.
func (p *planner) keep(d *decision) {
	b := p.recordedBasis(d)
	attrs := p.compare(d, b, true)
	resume := p.resume(d, attrs)
	d.change = p.newChange(d, NoOp, "")
	d.change.ID = d.recorded.ID
	d.change.Attributes = attrs
	p.carryOut(d, resume.operations)
	c := d.change
	if c.Action == NoOp && resume.waits {
		c.Action = Update
		c.Notes = append(c.Notes, "it was made by an earlier run and has not been seen ready yet")
	}
	if resume.any() && (c.Action == Update || c.Action == NoOp) {
		c.Cause = CauseResumed
	}
	if d.live != nil && d.live.Failed {
		p.warn(fmt.Sprintf("%s is %s", d.address, orElse(d.live.Status, "in a failed state")),
			fmt.Sprintf("The API calls %s unusable. vpsync neither waits for it nor replaces it by itself.", d.recorded.ID), d.address, c.Range)
	}
	p.noteUnmet(d)
	d.record = p.recordOf(d, b, resume)
	p.noteDue(d)
	if c.Action == NoOp && len(c.Attributes) == 0 && len(c.Notes) == 0 && c.Unsupported == "" {
		d.change = nil
	}
}

// noteUnmet warns of attributes that the API did not take as they were asked for.
func (p *planner) noteUnmet(d *decision) {
	for _, a := range d.change.Attributes {
		if a.Cause == CauseUnmet {
			p.warn(fmt.Sprintf("%s.%s did not converge", d.address, a.Name),
				fmt.Sprintf("vpsync asked for %s and the API still answers %s. The same request is not sent again until the configuration or the account changes.",
					display(a.After), display(a.Before)), d.address, attributeRange(d.desired, a.Name))
		}
	}
}

// create plans an object for an address that has none (any more), unless one is there to be taken.
func (p *planner) create(d *decision, cause Cause) {
	if cause == CauseNew && (p.imports(d) || p.takeBack(d)) {
		return
	}
	if p.twin(d) {
		return
	}
	c := p.newChange(d, Create, cause)
	d.change = c
	if !d.kind.Can(spec.OpCreate) {
		p.refuse(d, fmt.Sprintf("%s has no operation that creates %s", d.schema.Provider, article(d.kind.Name)),
			fmt.Sprintf("vpsync import %s ID", shell.Word(d.address.String())))
		return
	}
	c.Operations = p.makingOperations(d)
	c.Attributes = p.newAttributes(d, nil)
	if cause == CauseGone {
		c.Notes = append(c.Notes, d.recorded.ID+" is gone: it was deleted behind vpsync's back")
	} else {
		c.MayTakeBack = p.mayTakeBack(d)
	}
}

// moved: the block names another account than the one its object lives in.
func (p *planner) moved(d *decision) {
	d.change = p.newChange(d, Replace, CauseConfig)
	d.change.ID = d.recorded.ID
	p.refuse(d, fmt.Sprintf("%s lives in the account %s and its block names %s; an object cannot move between accounts",
		d.recorded.ID, d.recorded.Account, d.desired.Account),
		"give the block another name, so that the old object is deleted and a new one is created")
}

// orphan: nothing is known of the kind, so nothing can be asked of its API.
func (p *planner) orphan(d *decision) {
	if d.desired != nil || d.recorded == nil {
		return // an evaluated configuration names only kinds that exist
	}
	d.change = p.newChange(d, Delete, CauseRemoved)
	d.change.ID = d.recorded.ID
	p.refuse(d, fmt.Sprintf("its account %s is not configured any more, or offers no kind %s, so %s cannot be deleted",
		d.recorded.Account, d.address.Kind, d.recorded.ID),
		"vpsync state rm "+shell.Word(p.recordedAs(d.address).String()))
}

// refuse marks a change that only an operator can make possible.
func (p *planner) refuse(d *decision, reason, remedy string) {
	c := d.change
	c.NeedsHand, c.Unsupported, c.Remedy = true, reason, remedy
	a := d.address
	d.question = &Question{
		Kind: AskNeedsHand, Address: &a, Remedy: remedy,
		Summary: fmt.Sprintf("%s needs a hand", a),
		Detail:  sentence(reason) + " Nothing of this plan is sent until that is settled.",
	}
}
