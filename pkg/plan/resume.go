package plan

import (
	"slices"

	"github.com/vpsync/vpsync/pkg/spec"
	"github.com/zclconf/go-cty/cty"
)

// resumption is what an earlier run left to do for an object that it made.
type resumption struct {
	operations []string // still to be sent
	waits      bool     // not seen ready
}

func (r resumption) any() bool { return len(r.operations) > 0 || r.waits }

// resume decides what is left of a half-made object's sequence: it is finished, never destroyed. An operation
// whose attributes are live as wanted by now, or are not wanted any more, is not sent again.
func (p *planner) resume(d *decision, attrs []AttributeChange) resumption {
	var r resumption
	for _, name := range d.recorded.Pending {
		op := d.kind.Operations[name]
		if op == nil {
			continue
		}
		if slices.ContainsFunc(op.Sets, func(attribute string) bool { return p.differs(d, attrs, attribute, name) }) {
			r.operations = append(r.operations, name)
		}
	}
	seeable := d.kind.Can(spec.OpList) || d.kind.Can(spec.OpRead) || d.kind.WaitsApart
	switch {
	case !d.recorded.Unready || !seeable:
	case d.live == nil:
		r.waits = true
	default:
		r.waits = !d.live.Ready && !d.live.Failed
	}
	return r
}

// differs: the configuration wants the attribute, it is not as wanted as far as anybody can tell, and the operation makes it so.
func (p *planner) differs(d *decision, attrs []AttributeChange, name, operation string) bool {
	a := d.kind.Attribute(name)
	if a == nil {
		return false
	}
	want, secret := p.wanted(d, a)
	if want == cty.NilVal {
		return false
	}
	if a.Operations != nil && a.OperationFor(want) != operation {
		return false // another value is wanted by now
	}
	if a.Unreadable || secret {
		return true
	}
	return slices.ContainsFunc(attrs, func(c AttributeChange) bool { return c.Name == name && c.Effect == EffectUpdate })
}

// unfinished: an operation that carries the attribute has not been done yet.
func (p *planner) unfinished(d *decision, a *spec.Attribute) bool {
	return slices.ContainsFunc(d.recorded.Pending, func(name string) bool {
		op := d.kind.Operations[name]
		return op != nil && slices.Contains(op.Sets, a.Name)
	})
}
