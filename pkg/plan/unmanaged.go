package plan

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/vpsync/vpsync/internal/shell"
	"github.com/vpsync/vpsync/pkg/spec"
)

// unmanaged are the objects of one listed kind that nobody owns.
type unmanaged struct {
	kind    *spec.Kind
	objects []*spec.Object            // by id
	bucket  map[string][]*spec.Object // by identityKey
	taken   map[string]bool           // adopted, or asked about
	adopted map[string]bool
}

// stockUnmanaged finds the objects that no resource, deposed object, leftover or open intent owns.
func (p *planner) stockUnmanaged() {
	if p.in.Live == nil {
		return
	}
	left := map[objectKey]bool{}
	for ref, all := range p.leftover {
		for _, o := range all {
			left[objectKey{ref, o.recorded.ID}] = true
		}
	}
	for ref, live := range p.in.Live.Kinds {
		kind := p.kindOf(ref)
		if !live.Listed || kind == nil {
			continue
		}
		u := &unmanaged{kind: kind, bucket: map[string][]*spec.Object{}, taken: map[string]bool{}, adopted: map[string]bool{}}
		for _, id := range slices.Sorted(maps.Keys(live.Objects)) {
			if key := (objectKey{ref, id}); p.owner[key] == nil && !left[key] {
				u.objects = append(u.objects, live.Objects[id])
			}
		}
		p.free[ref] = u
	}
	for _, in := range p.in.State.Intents {
		u := p.free[KindRef{in.Account, in.Kind}]
		if u == nil {
			continue
		}
		applied := conformed(u.kind, in.Applied)
		u.objects = slices.DeleteFunc(u.objects, func(o *spec.Object) bool {
			if in.ObjectID != "" {
				return o.ID == in.ObjectID
			}
			return in.Operation == spec.OpCreate && !slices.Contains(in.Seen, o.ID) && SameIdentity(u.kind, applied, o)
		})
	}
	for _, u := range p.free {
		for _, o := range u.objects {
			key, _ := identityKey(u.kind, o.Values, exact)
			u.bucket[key] = append(u.bucket[key], o)
		}
	}
}

// collectUnmanaged lists what nobody took, by account, kind and id.
func (p *planner) collectUnmanaged() {
	refs := slices.SortedFunc(maps.Keys(p.free), compareRefs)
	for _, ref := range refs {
		u := p.free[ref]
		if u.kind.WhenGone == spec.GoneForget {
			continue // such objects come and go by themselves: backups of a schedule
		}
		for _, o := range u.objects {
			if u.adopted[o.ID] {
				continue
			}
			values := spec.Values{}
			for name, v := range o.Values {
				if a := u.kind.Attribute(name); a != nil && !a.Sensitive && !a.Unreadable && !slices.Contains(o.Repeats, name) {
					values[name] = v
				}
			}
			p.plan.Unmanaged = append(p.plan.Unmanaged, Unmanaged{Account: ref.Account, Kind: ref.Kind, ID: o.ID, Values: values})
		}
	}
}

func compareRefs(a, b KindRef) int {
	return cmp.Or(cmp.Compare(a.Account, b.Account), cmp.Compare(a.Kind, b.Kind))
}

// twin stops a create beside an unmanaged object of the same identity, or adopts that object where the operator said so.
// It reports whether it decided the change.
func (p *planner) twin(d *decision) bool {
	u := p.free[KindRef{d.account, d.address.Kind}]
	if u == nil {
		return false
	}
	plain := spec.Values{}
	for name, v := range d.desired.Values {
		plain[name], _ = v.UnmarkDeep()
	}
	var twins []*spec.Object
	key, _ := identityKey(d.kind, plain, exact) // an unknown identity is nobody's twin
	for _, o := range u.bucket[key] {
		if !u.taken[o.ID] && SameIdentity(d.kind, plain, o) {
			twins = append(twins, o)
		}
	}
	if len(twins) == 0 {
		return false
	}
	u.taken[twins[0].ID] = true
	if !p.in.Options.Adopt || len(twins) > 1 {
		d.question = p.askTwin(d, twins)
		return false // the create is still what the plan shows
	}
	o := twins[0]
	c := p.newChange(d, Adopt, CauseNew)
	c.ID = o.ID
	if d.gone {
		c.Cause = CauseGone
	}
	if p.bind(d, c, o, &basis{observed: o.Values}) {
		u.adopted[o.ID] = true
		return true
	}
	p.refuse(d, fmt.Sprintf("%s cannot be adopted as %s as it is: %s, which no operation changes", o.ID, d.address, list(differing(c))),
		fmt.Sprintf("vpsync import %s %s    # or make the block equal the object, or rename it", shell.Word(d.address.String()), shell.Word(o.ID)))
	return true
}

func (p *planner) askTwin(d *decision, twins []*spec.Object) *Question {
	a := d.address
	address := shell.Word(a.String())
	var ids, remedies []string
	for _, o := range twins {
		ids = append(ids, o.ID)
		remedies = append(remedies, fmt.Sprintf("vpsync import %s %s", address, shell.Word(o.ID)))
	}
	detail := fmt.Sprintf("Nothing in the state owns %s of the account %s, with the same %s as %s would be created with. Creating it would make a second one.",
		list(ids), d.account, list(d.kind.Identity), a)
	if len(twins) == 1 {
		remedies = append(remedies, "vpsync apply --adopt")
		detail += " Import the object, adopt it with --adopt, or rename the resource."
	} else {
		detail += " Import one of them, or rename the resource."
	}
	return &Question{
		Kind: AskTwin, Address: &a, Detail: detail, Remedy: strings.Join(remedies, "\n"),
		Summary: fmt.Sprintf("%s exists already as %s, unmanaged", a, list(ids)),
	}
}
