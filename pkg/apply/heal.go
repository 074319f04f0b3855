package apply

import (
	"maps"
	"slices"

	"github.com/vpsync/vpsync/pkg/spec"
)

// healing works out resources as they were applied, and asks the configuration only for what could not be known before: what depends
// on an object that is made anew.
type healing struct {
	spec.Evaluation
	applied *spec.Response // of [plan.AsApplied]
}

// Resource is the one that the plan was made of. Its own conditions are not judged: they may be of a configuration that nobody applied.
func (h healing) Resource(a spec.Address) (*spec.Resource, spec.Diagnostics) {
	i := slices.IndexFunc(h.applied.Resources, func(r *spec.Resource) bool { return r.Address == a })
	if i < 0 {
		return h.Evaluation.Resource(a)
	}
	was := *h.applied.Resources[i]
	was.Values = maps.Clone(was.Values)
	var now *spec.Resource
	for name, v := range was.Values {
		if v.IsWhollyKnown() {
			continue
		}
		if slices.Contains(was.Withheld, name) {
			delete(was.Values, name) // it stays what it is
			continue
		}
		if now == nil {
			var diags spec.Diagnostics
			if now, diags = h.Evaluation.Resource(a); now == nil || failed(diags) {
				return now, diags
			}
		}
		if value, named := now.Values[name]; named {
			was.Values[name] = value
		}
	}
	return &was, nil
}

// Postconditions are those of the configuration, not of what was applied.
func (healing) Postconditions(spec.Address) spec.Diagnostics { return nil }
