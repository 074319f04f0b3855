package plan

import (
	"cmp"
	"maps"
	"slices"

	"github.com/vpsync/vpsync/pkg/spec"
)

// cost is what applying the plan takes from each rate-limit class: the writes; a look at what is touched before
// anything is sent, by single reads where those are fewer than the pages of a list; one list for each kind that has to be
// waited for, and another where what is deleted has to be; and the lists of the final check, with a read of each changed object whose
// details are in use. Retries and longer waits come on top.
func (p *planner) cost() []Cost {
	if len(p.plan.Steps) == 0 {
		return nil
	}
	type class struct{ account, name string }
	spent := map[class]int{}
	touched := map[KindRef]int{} // objects to look at before
	listed := map[KindRef]bool{} // a create looks at the list anyway
	waits, leaves := map[KindRef]bool{}, map[KindRef]bool{}
	waiting := map[KindRef]int{} // objects that are asked about by themselves
	details := map[KindRef]int{} // objects that are read one by one in the end
	spend := func(account string, op *spec.Operation, times int) {
		if op != nil && times > 0 {
			spent[class{account, p.class(account, op)}] += times
		}
	}
	for _, s := range p.plan.Steps {
		c := p.plan.Changes[s.Change]
		ref := KindRef{c.Account, c.Kind}
		kind := p.kindOf(ref)
		if kind == nil {
			continue
		}
		if s.Phase == PhaseRemove {
			if c.Removes != "" {
				spend(c.Account, kind.Operations[c.Removes], 1)
				touched[ref]++
				leaves[ref] = leaves[ref] || kind.Lingers
				if c.BackupFirst {
					p.costOfBackup(c, kind, spend)
				}
			}
			continue
		}
		for _, op := range c.Operations {
			spend(c.Account, kind.Operations[op], 1)
		}
		if p.detailed(kind, c.Address) {
			details[ref]++
		}
		if setsToWork(kind, c) && c.Action != Update {
			waiting[ref]++ // a second wait, after the one for its create
		}
		switch c.Action {
		case Create, Replace:
			listed[ref] = true
			waits[ref] = waits[ref] || kind.Waits && !kind.WaitsApart
			if kind.WaitsApart {
				waiting[ref]++
			}
		case Update:
			touched[ref]++
			waits[ref] = waits[ref] || (kind.Waits && !kind.WaitsApart && (c.Cause == CauseResumed || setsToWork(kind, c)))
			if kind.WaitsApart && c.Cause == CauseResumed {
				waiting[ref]++
			}
		case Adopt:
			touched[ref]++
		}
	}
	refs := map[KindRef]bool{}
	for ref := range touched {
		refs[ref] = true
	}
	for ref := range listed {
		refs[ref] = true
	}
	for ref := range refs {
		kind := p.kindOf(ref)
		list, read := kind.Operations[spec.OpList], kind.Operations[spec.OpRead]
		if kind.WaitsApart {
			spend(ref.Account, read, 2*waiting[ref]) // the question, in the class of reads, and a read once it is ready
		} else if waiting[ref] > 0 && list != nil {
			spend(ref.Account, list, 1)
		}
		spend(ref.Account, read, details[ref])
		pages := 1
		if live := p.liveKind(ref); live != nil {
			pages = max(1, live.Pages)
		}
		if list == nil {
			// Each object is read by itself, before and after.
			spend(ref.Account, read, 2*touched[ref])
			if waits[ref] {
				spend(ref.Account, read, 1)
			}
			if leaves[ref] {
				spend(ref.Account, read, 1)
			}
			continue
		}
		if read != nil && !listed[ref] && touched[ref] < pages {
			spend(ref.Account, read, touched[ref])
		} else {
			spend(ref.Account, list, pages)
		}
		if waits[ref] {
			spend(ref.Account, list, pages)
		}
		if leaves[ref] {
			spend(ref.Account, list, pages)
		}
		spend(ref.Account, list, pages)
	}
	classes := slices.SortedFunc(maps.Keys(spent), func(a, b class) int {
		return cmp.Or(cmp.Compare(a.account, b.account), cmp.Compare(a.name, b.name))
	})
	var all []Cost
	for _, k := range classes {
		all = append(all, p.costOf(k.account, k.name, spent[k]))
	}
	return all
}

// costOfBackup: a look whether there is one already, the create, and a list to wait for its end.
func (p *planner) costOfBackup(c *Change, kind *spec.Kind, spend func(string, *spec.Operation, int)) {
	ref := KindRef{c.Account, kind.Backup.Kind}
	made := p.kindOf(ref)
	if made == nil {
		return
	}
	pages := 1
	if live := p.liveKind(ref); live != nil {
		pages = max(1, live.Pages)
	}
	spend(c.Account, made.Operations[spec.OpCreate], 1)
	spend(c.Account, made.Operations[spec.OpList], pages)
	if made.Waits {
		spend(c.Account, made.Operations[spec.OpList], pages)
	}
}

// detailed: what only a single read tells of the resource is in use.
func (p *planner) detailed(kind *spec.Kind, address spec.Address) bool {
	return kind.Can(spec.OpList) && slices.ContainsFunc(kind.Attributes, func(a *spec.Attribute) bool {
		if !a.DetailOnly {
			return false
		}
		_, named := p.current[address].desired.Values[a.Name]
		return named || slices.Contains(p.in.Config.Asked, a.Name)
	})
}

// setsToWork: an operation for one value of an attribute (stop) leaves the object busy for a while.
func setsToWork(kind *spec.Kind, c *Change) bool {
	return slices.ContainsFunc(c.Attributes, func(a AttributeChange) bool {
		attr := kind.Attribute(a.Name)
		return attr != nil && attr.Operations != nil && a.Effect == EffectUpdate
	})
}

// class is the rate-limit class that an operation counts in.
func (p *planner) class(account string, op *spec.Operation) string {
	if op.RateLimit != "" {
		return op.RateLimit
	}
	return p.in.Schemas[account].DefaultRateLimit
}

func (p *planner) costOf(account, name string, requests int) Cost {
	c := Cost{Account: account, Class: name, Requests: requests, Remaining: -1}
	if limit, ok := p.in.Schemas[account].RateLimits[name]; ok {
		c.Limit, c.Per = limit.Requests, limit.Per
	}
	for _, b := range p.in.Budgets[account] {
		if b.Class == name {
			c.Remaining, c.Reset = b.Remaining, b.Reset
			if b.Limit > 0 {
				c.Limit = b.Limit
			}
		}
	}
	left := c.Remaining
	if left < 0 {
		left = c.Limit // nothing is known yet: as if the window were fresh
	}
	if over := requests - left; over > 0 && c.Limit > 0 {
		c.Windows = (over + c.Limit - 1) / c.Limit
	}
	return c
}
