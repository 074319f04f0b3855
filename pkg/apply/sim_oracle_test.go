package apply_test

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/vpsync/vpsync/pkg/plan"
	"github.com/vpsync/vpsync/pkg/spec"
	"github.com/vpsync/vpsync/pkg/state"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"
)

// Bounds of one run (P10). Refusals in a row that say nothing take eighty minutes until they are given up, all else that befalls a run
// takes half an hour: in a hundred thousand runs there is not one that meets three such rows. While another process runs in its place, or
// it stands still, a process spends no time of its own.
const (
	simMostRequests = 500
	simMostTime     = 4 * time.Hour
)

// inspect holds every promise after a run, by what the accounts and the state hold. still: nobody else changed anything meanwhile.
func (w *simWorld) inspect(p *simProcess, o simOptions, out simOutcome, still bool) {
	st, err := w.store.memory.Load(w.t.Context())
	if err != nil {
		w.broken("P7: after %s: %v", p.name, err)
	}
	w.others.Lock()
	defer w.others.Unlock()
	w.untouched("after " + p.name)
	w.owned(st)
	w.mu.Lock()
	if took := time.Since(p.began) - p.away; took > simMostTime || p.requests > simMostRequests {
		w.violated("P10: %s took %s and %d requests", p.name, took, p.requests)
	}
	w.mu.Unlock()
	if out.well() && still && !w.usurped() {
		w.asConfigured(o, st)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.violations) > 0 && w.depth == 0 {
		panic(simFailure{strings.Join(w.violations, "\n")})
	}
}

// simBrake is what a run to which nothing was allowed by number may take.
type simBrake struct {
	most     int                     // objects that hold data
	recorded map[simKey]bool         // those that are there when it begins, and whether they hold data
	at       map[spec.Address]simKey // of the same
	drifted  map[simKey]bool         // those that drift alone would replace
	taken    map[simKey]bool         // those that hold data and that it deleted or replaced
}

// brakes begins to watch a run that has made its plan: from now on it takes one recorded object that holds data, or a tenth of them, and
// none for drift alone.
func (w *simWorld) brakes(p *simProcess, st *state.State, made *plan.Plan) {
	b := &simBrake{recorded: map[simKey]bool{}, at: map[spec.Address]simKey{}, drifted: map[simKey]bool{}, taken: map[simKey]bool{}}
	holding := 0
	for _, a := range w.accounts {
		exists := map[string]bool{}
		for _, o := range w.objects(a, func(simKey, simObj) bool { return true }) {
			exists[o.Kind+" "+o.ID] = true
		}
		for _, r := range st.Resources {
			if r.Account != a.name || r.Deposed != "" {
				continue
			}
			holds := a.def.Schema.Kinds[r.Address.Kind].HoldsData
			if holds {
				holding++
			}
			if key := (simKey{r.Account, r.Address.Kind, r.ID}); exists[r.Address.Kind+" "+r.ID] {
				b.recorded[key], b.at[r.Address] = holds, key
			}
		}
	}
	b.most = max(1, holding/10)
	for _, ch := range made.Changes {
		edited := slices.ContainsFunc(ch.Attributes, func(at plan.AttributeChange) bool {
			return (at.Effect == plan.EffectReplace || at.Effect == plan.EffectImpossible) && at.Cause != plan.CauseDrift
		})
		if ch.Action == plan.Replace && !edited {
			b.drifted[simKey{ch.Account, ch.Kind, ch.ID}] = true
		}
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	p.brake = b
}

// takes: the process deletes an object, or puts another one in its place. The caller holds the lock.
func (w *simWorld) takes(p *simProcess, key simKey) {
	b := p.brake
	if b == nil {
		return
	}
	if b.drifted[key] {
		w.violated("%s replaces %s for drift alone, and was not told to", p.name, key)
	}
	if b.recorded[key] && !b.taken[key] {
		b.taken[key] = true
		w.count("objects with data taken unasked", 1)
		if len(b.taken) > b.most {
			w.violated("%s takes %d objects that hold data, the last one %s, and %d may go unasked", p.name, len(b.taken), key, b.most)
		}
	}
}

// replaced: another object is recorded in the place of one that is there. The caller holds the lock.
func (w *simWorld) replaced(p *simProcess, writes []state.Write) {
	for _, write := range writes {
		put, ok := write.(state.PutResource)
		if !ok || p.brake == nil || put.Resource.Deposed != "" {
			continue
		}
		if was, ok := p.brake.at[put.Resource.Address]; ok && was.id != put.Resource.ID {
			w.takes(p, was)
		}
	}
}

// recorded: where the operator said so, an object that was somebody else's is managed from then on. It is judged when it is recorded, by
// what the process that records it was told: another one, which took its lock, finds the object recorded and was told nothing.
func (w *simWorld) recorded(adopt bool, writes []state.Write) {
	w.others.Lock()
	defer w.others.Unlock()
	for _, write := range writes {
		put, ok := write.(state.PutResource)
		if !ok {
			continue
		}
		r := put.Resource
		key := simKey{r.Account, r.Address.Kind, r.ID}
		if !w.isForeign(key) {
			continue
		}
		if !adopt {
			w.mu.Lock()
			w.violated("P3: %s was somebody else's and is recorded as %s, which nobody asked for", key, r.Address)
			w.mu.Unlock()
		}
		delete(w.foreign, key)
	}
}

// owned holds P1 and P2: whatever vpsync made is recorded, once, or left over, or may be the work of an open intent.
func (w *simWorld) owned(st *state.State) {
	owners, open := map[simKey]int{}, map[string]int{}
	for _, r := range st.Resources {
		owners[simKey{r.Account, r.Address.Kind, r.ID}]++
	}
	for _, l := range st.Leftovers {
		owners[simKey{l.Account, l.Kind, l.ID}]++
	}
	for _, in := range st.Intents {
		if in.Operation == spec.OpCreate {
			open[in.Account+" "+in.Kind]++
		}
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, a := range w.accounts {
		for _, o := range w.objects(a, func(k simKey, o simObj) bool { return !w.isForeign(k) && !w.aside(a, o) }) {
			key := simKey{a.name, o.Kind, o.ID}
			switch n := owners[key]; {
			case n > 1:
				w.violated("P2: %s has %d owners", key, n)
			case n == 0:
				if open[a.name+" "+o.Kind]--; open[a.name+" "+o.Kind] < 0 {
					w.violated("P1: %s is nobody's: %#v", key, o.Values)
				}
			}
		}
	}
}

// aside: a backup that a change made before it lost something, which is nobody's.
func (w *simWorld) aside(a *simAccount, o simObj) bool {
	for _, k := range a.def.Schema.Kinds {
		if k.Backup != nil && k.Backup.Kind == o.Kind {
			v := o.Values[k.Backup.Label]
			return v != cty.NilVal && !v.IsNull() && strings.HasPrefix(v.AsString(), "vpsync-")
		}
	}
	return false
}

// asConfigured holds P11: a run that ended with 0 has left the accounts as the configuration says.
func (w *simWorld) asConfigured(o simOptions, st *state.State) {
	records := map[spec.Address]*state.Resource{}
	for _, r := range st.Resources {
		if r.Deposed == "" {
			records[r.Address] = r
		} else {
			w.unmet("%s still has the deposed %s", r.Address, r.ID)
		}
	}
	wanted := map[spec.Address]bool{}
	if o.command != "destroy" {
		for _, b := range w.stack.blocks {
			for _, i := range b.instances() {
				wanted[i.address()] = true
				w.instanceAs(i, records)
			}
		}
	}
	for a, r := range records {
		if !wanted[a] && r.Unsupported != spec.UnsupportedIgnore {
			w.unmet("%s is not declared and still recorded", a)
		}
	}
}

func (w *simWorld) unmet(format string, args ...any) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.violated("P11: exit 0, and "+format, args...)
}

// instanceAs compares an object with what its block says.
func (w *simWorld) instanceAs(i simInstance, records map[spec.Address]*state.Resource) {
	r := records[i.address()]
	if r == nil {
		w.unmet("%s is not recorded", i.address())
		return
	}
	found := w.objects(i.account, func(k simKey, _ simObj) bool { return k == simKey{i.account.name, i.kind.Name, r.ID} })
	if len(found) == 0 {
		if i.kind.WhenGone != spec.GoneForget {
			w.unmet("%s is %s, which does not exist", i.address(), r.ID)
		}
		return
	}
	for _, a := range i.kind.Attributes {
		v, said := i.values[a.Name]
		if !said || slices.Contains(i.ignores, a.Name) || a.Sensitive || a.OnChange == spec.OnNextCreate || i.unsupported == spec.UnsupportedIgnore {
			continue
		}
		want := w.wanted(i, v, records)
		if want == cty.NilVal {
			continue
		}
		want, err := convert.Convert(want, a.Type)
		if err != nil {
			w.unmet("%s.%s: %v", i.address(), a.Name, err)
			continue
		}
		is, ok := found[0].Values[a.Name]
		if a.Unreadable && (slices.Contains(r.Assumed, a.Name) || !ok || is.IsNull()) {
			continue // an adopted object's, which nobody can see
		}
		if !ok || !a.Same(want, is) {
			w.unmet("%s.%s of %s is %#v and should be %#v", i.address(), a.Name, r.ID, is, want)
		}
	}
}

// wanted is what a block says of an attribute, for one of its instances.
func (w *simWorld) wanted(i simInstance, v simValue, records map[spec.Address]*state.Resource) cty.Value {
	switch {
	case v.unique:
		return i.distinctValue()
	case v.to != nil:
		if to := records[v.to.instances()[0].address()]; to != nil {
			return cty.StringVal(to.ID)
		}
		return cty.NilVal
	}
	return v.literal
}

// settle lets faults end, and holds P4: two runs at most, and one for each answer, lead to an empty plan.
func (w *simWorld) settle() {
	w.mu.Lock()
	w.quiet = true
	w.mu.Unlock()
	for _, a := range w.accounts {
		if err := a.sandbox.ClearFaults(); err != nil {
			w.broken("%v", err)
		}
	}
	w.tell("no more faults")
	o := simOptions{command: "apply", allow: 1000}
	left := 2
	for round := 0; ; round++ {
		if round > 15 {
			w.broken("P4: there are questions without end")
		}
		out := w.run(o)
		if out.err != nil {
			w.broken("P4: without faults a run fails: %v", out.err)
		}
		if len(out.questions()) > 0 {
			o = w.answer(out, o)
			left = 2
			continue
		}
		left--
		if out.well() {
			break
		}
		if w.unconverged(out) {
			left++ // the operator did something
		}
		if left == 0 {
			w.broken("P4: two runs without faults end with %d", out.result.ExitCode())
		}
		o = simOptions{command: "apply", allow: 1000}
	}
	made := w.plan()
	if !made.Empty() {
		w.broken("P4: after an apply that ended with 0 the plan is not empty: %s", shortSummary(made))
	}
	st := w.load()
	if len(st.Intents) > 0 {
		w.broken("P1: %d intents are open and nobody is asked about them", len(st.Intents))
	}
	w.others.Lock()
	w.owned(st)
	w.asConfigured(o, st)
	w.others.Unlock()
}

// unconverged is an operator who sets by hand what an API is said not to have taken: somebody changed it so soon that vpsync never saw
// it as it was asked for. It holds that somebody did.
func (w *simWorld) unconverged(out simOutcome) (acted bool) {
	if out.result == nil || out.result.Residue == nil {
		return false
	}
	w.others.Lock()
	defer w.others.Unlock()
	for _, ch := range out.result.Residue.Changes {
		for _, at := range ch.Attributes {
			if at.Cause != plan.CauseUnmet {
				continue
			}
			if !w.touched[simKey{ch.Account, ch.Kind, ch.ID}][at.Name] {
				w.broken("P11: %s.%s is said not to have converged, and nobody touched %s", ch.Address, at.Name, ch.ID)
			}
			for _, a := range w.accounts {
				if a.name != ch.Account {
					continue
				}
				w.tell("operator: set %s of %s to %#v", at.Name, ch.ID, at.After)
				if _, err := a.sandbox.Set(ch.Kind, ch.ID, spec.Values{at.Name: at.After}); err != nil {
					w.broken("%v", err)
				}
				w.counted("values set by hand")
				acted = true
			}
		}
	}
	return acted
}

// plan is `vpsync plan`.
func (w *simWorld) plan() *plan.Plan {
	_, r, h := w.open(simOptions{command: "plan", allow: 1000})
	st, err := h.Load(w.t.Context())
	if err != nil {
		w.broken("P7: %v", err)
	}
	made, diags, err := r.Planner.Make(w.t.Context(), st)
	if err != nil || made == nil {
		w.broken("no plan: %v %s", err, diagnosticsText(diags))
	}
	return made.Plan
}

func (k simKey) String() string { return fmt.Sprintf("%s %s in %s", k.kind, k.id, k.account) }
