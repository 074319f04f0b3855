package apply_test

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/vpsync/vpsync/pkg/apply"
	"github.com/vpsync/vpsync/pkg/plan"
	"github.com/vpsync/vpsync/pkg/spec"
	"github.com/vpsync/vpsync/pkg/state"
	"github.com/zclconf/go-cty/cty"
)

// answer does what an operator does about the questions of a run, and says with what options the next one is to begin.
func (w *simWorld) answer(out simOutcome, last simOptions) simOptions {
	next := simOptions{command: "apply", allow: 1000}
	pending, edited := false, map[*simBlock]bool{}
	for _, q := range out.questions() {
		switch q.Kind {
		case plan.AskPending:
			pending = true
		case plan.AskEmpty:
			next.gone = true
			w.tell("operator: that was really all deleted")
		case plan.AskTwin:
			if w.twins(q, *q.Address, out, last) {
				next.adopt = true
			}
		case plan.AskNeedsHand:
			w.hand(q, out, last, edited)
		case plan.AskOtherStack, plan.AskBrakeCreate, plan.AskBrakeDestroy, plan.AskBrakeDrift:
			if last.allow > 0 {
				w.broken("P4: %s, although %d are allowed", q.Summary, last.allow)
			}
		default:
			w.broken("nobody knows how to answer %q", q.Kind)
		}
	}
	if len(edited) > 0 {
		w.write()
	}
	if pending {
		w.resolve()
	}
	return next
}

// instanceOf finds what the configuration declares at an address.
func (w *simWorld) instanceOf(address spec.Address) *simInstance {
	for _, b := range w.stack.blocks {
		for _, i := range b.instances() {
			if i.address() == address {
				return &i
			}
		}
	}
	return nil
}

// twins answers for an object that exists already and is somebody else's: it is adopted, or its owner deletes it.
// One that was deleted or renamed while the run looked at the account needs no answer: the next run sees that.
func (w *simWorld) twins(q plan.Question, address spec.Address, out simOutcome, last simOptions) (adopt bool) {
	i := w.instanceOf(address)
	if i == nil {
		w.broken("%s is asked about and not declared", address)
	}
	w.others.Lock()
	defer w.others.Unlock()
	apart := distinct(i.kind)
	twins := w.objects(i.account, func(k simKey, o simObj) bool {
		v := o.Values[apart.Name]
		return w.isForeign(k) && o.Kind == i.kind.Name && v != cty.NilVal && !v.IsNull() && v.RawEquals(i.distinctValue())
	})
	if len(twins) == 0 {
		if slices.ContainsFunc(w.former, func(f simFormer) bool {
			return f.key.account == i.account.name && f.key.kind == i.kind.Name && !f.until.Before(out.began) &&
				f.apart != cty.NilVal && !f.apart.IsNull() && f.apart.RawEquals(i.distinctValue()) && strings.Contains(q.Summary+q.Detail, f.key.id)
		}) {
			w.tell("operator: the twin of %s is none any more", address)
			w.counted("twins that were gone when asked about")
			return false
		}
		w.broken("%s is said to have a twin, and nobody made one", address)
	}
	if len(twins) == 1 && !last.adopt && w.rng.IntN(2) == 0 {
		w.tell("operator: adopt %s as %s", twins[0].ID, address)
		return true
	}
	for _, o := range twins {
		w.tell("operator: %s", w.delete(i.account, o))
	}
	w.drifts++
	w.remember()
	return false
}

// hand answers for a change that the API cannot carry out: the object may be left behind, or is not managed any more.
func (w *simWorld) hand(q plan.Question, out simOutcome, last simOptions, edited map[*simBlock]bool) {
	address := *q.Address
	i := w.instanceOf(address)
	switch {
	case i == nil:
		if _, pasted, ok := strings.Cut(q.Remedy, "vpsync state rm "); ok {
			pasted, _, _ = strings.Cut(pasted, "    #")
			var err error
			if address, err = spec.ParseAddress(strings.Trim(pasted, "'")); err != nil {
				w.broken("the remedy %q names no address: %v", q.Remedy, err)
			}
		} else {
			for _, m := range out.made.Plan.Moved {
				if m.To == address {
					address = m.From
				}
			}
		}
		w.stateRM(address)
	case last.command == "destroy" && !i.prevent: // an apply records that it is not prevented any more
	case edited[i.simBlock]: // another instance of it was asked about as well
	case i.unsupported != spec.UnsupportedForget || i.prevent:
		w.tell("operator: %s may be replaced", address)
		i.unsupported, i.prevent, edited[i.simBlock] = spec.UnsupportedForget, false, true
	case last.adopt:
		w.tell("operator: no adoption of %s", address)
		w.twins(q, address, out, last)
	default:
		w.broken("P4: %s needs a hand, and says that it may be left behind", address)
	}
}

// resolve is an operator who looks into the account, once nothing can happen there any more, and answers what is asked about open requests.
func (w *simWorld) resolve() {
	time.Sleep(4 * time.Minute)
	for _, in := range w.load().Intents {
		if !in.Question {
			continue
		}
		answer := w.find(in)
		_, r, h := w.open(simOptions{command: "resolve"})
		lock, err := h.Lock(w.t.Context(), state.Owner{ID: "resolve " + in.ID})
		if err != nil {
			w.broken("%v", err)
		}
		r.Lock = lock
		w.tell("operator: vpsync resolve %s %+v (%s)", in.Address, answer, in.Reason)
		err = r.Resolve(w.t.Context(), in.Address, answer)
		if rerr := lock.Release(); rerr != nil {
			w.broken("%v", rerr)
		}
		switch {
		case err == nil:
			w.counted("answers")
		case w.calm():
			w.broken("P4: resolve %s: %v", in.Address, err)
		default:
			w.tell("    %v", err)
		}
	}
}

// find looks for what a request did.
func (w *simWorld) find(in *state.Intent) apply.Answer {
	st := w.load()
	owned := map[simKey]bool{}
	for _, r := range st.Resources {
		owned[simKey{r.Account, r.Address.Kind, r.ID}] = true
	}
	for _, l := range st.Leftovers {
		owned[simKey{l.Account, l.Kind, l.ID}] = true
	}
	for _, a := range w.accounts {
		if a.name != in.Account {
			continue
		}
		k := a.def.Schema.Kinds[in.Kind]
		if in.Operation != spec.OpCreate {
			return w.effectOf(a, k, in)
		}
		apart := distinct(k)
		want := in.Applied[apart.Name]
		made := w.objects(a, func(key simKey, o simObj) bool {
			v := o.Values[apart.Name]
			return o.Kind == in.Kind && !owned[key] && !w.isForeign(key) && v != cty.NilVal && !v.IsNull() && v.AsString() == want.AsString()
		})
		if in.Aside() {
			return apply.Answer{Retry: true} // one backup more does no harm
		}
		if len(made) > 1 {
			w.broken("P2: the create of %s made %d objects", in.Address, len(made))
		}
		if len(made) == 1 {
			return apply.Answer{ID: made[0].ID}
		}
	}
	return apply.Answer{Retry: true}
}

// effectOf looks whether an object is as a request wanted it.
func (w *simWorld) effectOf(a *simAccount, k *spec.Kind, in *state.Intent) apply.Answer {
	applied, err := spec.Conform(k, in.Applied)
	if err != nil {
		w.broken("%v", err)
	}
	as := w.objects(a, func(_ simKey, o simObj) bool {
		if o.Kind != in.Kind || o.ID != in.ObjectID {
			return false
		}
		for name, v := range applied {
			if is, ok := o.Values[name]; !ok || !k.Attribute(name).Same(v, is) {
				return false
			}
		}
		return true
	})
	if len(as) == 0 || in.Operation == spec.OpDelete {
		return apply.Answer{Retry: true}
	}
	return apply.Answer{ID: in.ObjectID}
}

// story is what happens in one seed.
func (w *simWorld) story(safety bool) {
	r := w.rng
	for _, a := range w.accounts {
		kinds := a.kinds()
		often := kinds[r.IntN(len(kinds))] // several of one kind, so that there are pages
		for range r.IntN(4) {
			w.tell("%s: %s", a.name, w.bystander(a, r, often))
			w.tell("%s: %s", a.name, w.bystander(a, r, kinds[r.IntN(len(kinds))]))
		}
	}
	for range 1 + r.IntN(5) {
		a := w.accounts[r.IntN(len(w.accounts))]
		kinds := a.kinds()
		w.stack.add(r, a, kinds[r.IntN(len(kinds))])
	}
	w.write()
	rounds := 2 + r.IntN(4)
	for round := range rounds {
		if round > 0 {
			for range r.IntN(4) {
				w.tell("edit: %s", w.stack.edit(r, w.accounts))
			}
			w.write()
			for range r.IntN(3) {
				w.meddle("")
			}
			time.Sleep(time.Duration(r.IntN(1800)) * time.Second)
		}
		o := simOptions{command: "apply", allow: []int{0, 1000, 1000}[r.IntN(3)]}
		if r.IntN(15) == 0 {
			o.command = "destroy"
		}
		w.shifts = 0
		out := w.run(o)
		if len(out.questions()) > 0 && r.IntN(4) > 0 {
			w.run(w.answer(out, o))
		}
	}
	if !safety {
		w.settle()
	}
}

// replay is the command that plays one seed again.
func replay(seed uint64) string {
	return fmt.Sprintf("go test ./pkg/apply -run 'TestSimulation/seed=%d$' -sim.seed=%d", seed, seed)
}
