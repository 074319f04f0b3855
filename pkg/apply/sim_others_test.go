package apply_test

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/vpsync/vpsync/pkg/apply"
	"github.com/vpsync/vpsync/pkg/spec"
	"github.com/vpsync/vpsync/pkg/state"
	"github.com/zclconf/go-cty/cty"
)

type simObj = spec.Object

func sortedKeys[K cmp.Ordered, V any](m map[K]V) []K { return slices.Sorted(maps.Keys(m)) }

// lockedSource lets goroutines share a source of chance.
type lockedSource struct {
	mu     sync.Mutex
	source rand.Source
}

func (s *lockedSource) Uint64() uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.source.Uint64()
}

// simFate is what befalls one run: where it dies, is interrupted, loses its lock, meets another, and where somebody changes the account.
type simFate struct {
	world   *simWorld
	process *simProcess
	mu      sync.Mutex
	n       int
	at      map[int]func(point string) error
	stopped bool
	// mayUsurp: the lock is broken when the so manieth request is about to leave.
	mayUsurp int
}

// fate draws what befalls the next run.
func (w *simWorld) fate(p *simProcess, interrupt, cancel func()) *simFate {
	f := &simFate{world: w, process: p, at: map[int]func(string) error{}}
	if w.calm() {
		return f
	}
	r, nested := w.rng, w.depth > 0
	befalls := func(chance float64, do func(point string) error) {
		if hit, at := r.Float64() < chance, 1+r.IntN(1+r.IntN(40)); hit {
			f.at[at] = do
		}
	}
	befalls(0.3, func(point string) error {
		w.counted("crashes")
		w.counted("crash: " + point)
		w.tell("    crash at %q", point)
		return errCrash
	})
	befalls(0.2, func(point string) error { w.meddle(point); return nil })
	befalls(0.2, func(point string) error { w.meddle(point); return nil })
	befalls(0.1, func(string) error { // a second vpsync on the same machine
		w.mu.Lock()
		held := w.store.holder != "" // else this run's lock was broken before, and whoever came then has ended
		w.mu.Unlock()
		if out := w.run(simOptions{command: "apply"}); held && !out.locked {
			w.mu.Lock()
			w.violated("P5: a second run was not held off by the lock")
			w.mu.Unlock()
		}
		return nil
	})
	befalls(0.08, func(point string) error {
		w.counted("interrupts")
		f.stopped = true
		w.tell("    interrupted at %q", point)
		interrupt()
		return nil
	})
	befalls(0.05, func(point string) error {
		w.counted("cancellations")
		f.stopped = true
		w.tell("    cancelled at %q", point)
		interrupt()
		cancel()
		return nil
	})
	befalls(0.08, func(point string) error {
		if nested || w.parallelism > 1 {
			return nil
		}
		w.usurp(point)
		return nil
	})
	if r.IntN(12) == 0 && !nested && w.parallelism == 1 {
		f.mayUsurp = 1 + r.IntN(4)
	}
	return f
}

func (f *simFate) boundary(point string) error {
	f.mu.Lock()
	f.n++
	do := f.at[f.n]
	if point == apply.BoundaryIntent {
		if f.mayUsurp--; f.mayUsurp == 0 {
			do = func(point string) error { f.world.usurp(point); return nil }
		}
	}
	f.mu.Unlock()
	if do == nil {
		return nil
	}
	defer f.process.stands(time.Now())
	return do(point)
}

// stands takes the time since then for none of the process's own.
func (p *simProcess) stands(since time.Time) {
	p.world.mu.Lock()
	defer p.world.mu.Unlock()
	p.away += time.Since(since)
}

// usurped: a lock was broken while its holder lives.
func (w *simWorld) usurped() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.depth > 0
}

// usurp breaks the lock of the run that is at this point, and lets another run from its beginning to its end before that one goes on.
func (w *simWorld) usurp(point string) {
	w.mu.Lock()
	holder := w.store.holder
	w.depth++
	w.count("locks broken", 1)
	w.mu.Unlock()
	w.tell("    at %q: vpsync unlock %s, and another run", point, holder)
	if err := (&simHandle{simState: w.store}).Unlock(w.t.Context(), holder); err != nil {
		w.tell("    %v", err)
	}
	if failure := recovered(func() { w.run(simOptions{command: "apply", allow: 1000}) }); failure != "" {
		w.mu.Lock()
		w.violated("%s", failure)
		w.mu.Unlock()
	}
	w.mu.Lock()
	w.depth--
	w.mu.Unlock()
	w.tell("    the run whose lock was broken goes on")
}

// recovered is how something ended the seed, if it did.
func recovered(do func()) (failure string) {
	defer func() {
		switch p := recover().(type) {
		case nil:
		case simFailure:
			failure = p.text
		default:
			panic(p)
		}
	}()
	do()
	return ""
}

// objects are those of an account that fit, in order of creation.
func (w *simWorld) objects(a *simAccount, fits func(simKey, simObj) bool) []simObj {
	all, err := a.sandbox.Objects("")
	if err != nil {
		w.broken("%v", err)
	}
	return slices.DeleteFunc(all, func(o simObj) bool { return !fits(simKey{a.name, o.Kind, o.ID}, o) })
}

func seen(k *spec.Kind) bool { return k.Can(spec.OpList) || k.Can(spec.OpRead) }

// meddle is somebody else, who changes, deletes or makes something in an account. At some points of a run there is no telling what they
// made from what the run makes; there they make no twins.
func (w *simWorld) meddle(point string) {
	w.others.Lock()
	defer w.others.Unlock()
	r := w.rng
	a := w.accounts[r.IntN(len(w.accounts))]
	st, err := w.store.memory.Load(w.t.Context())
	if err != nil {
		w.tell("%v", err)
		return
	}
	recorded, doubtful := map[simKey]bool{}, map[string]bool{}
	for _, res := range st.Resources {
		recorded[simKey{res.Account, res.Address.Kind, res.ID}] = true
	}
	for _, in := range st.Intents {
		doubtful[in.Account+" "+in.Kind] = true
	}
	managed := w.objects(a, func(k simKey, o simObj) bool { return recorded[k] && seen(a.def.Schema.Kinds[o.Kind]) })
	theirs := w.objects(a, func(k simKey, _ simObj) bool { _, is := w.foreign[k]; return is })
	pick := func(all []simObj) (simObj, bool) {
		if len(all) == 0 {
			return simObj{}, false
		}
		return all[r.IntN(len(all))], true
	}
	w.untouched("before somebody meddles")
	what := ""
	switch n := r.IntN(10); {
	case n < 4:
		if o, ok := pick(managed); ok {
			what = w.change(a, o)
		}
	case n < 6:
		if o, ok := pick(managed); ok {
			what = w.delete(a, o)
		}
	case n == 6:
		o, ok := pick(managed)
		if ok && !doubtful[a.name+" "+o.Kind] && (point == "" || point == apply.BoundaryBegin) {
			w.makeForeign(a, a.def.Schema.Kinds[o.Kind], copied(a.def.Schema.Kinds[o.Kind], o))
			what = "made a twin of " + o.Kind + " " + o.ID
			w.counted("others: twin")
		}
	case n == 7:
		kinds := a.kinds()
		what = w.bystander(a, r, kinds[r.IntN(len(kinds))])
	case n == 8:
		if o, ok := pick(theirs); ok {
			what = w.delete(a, o)
		}
	default:
		if o, ok := pick(theirs); ok {
			what = w.change(a, o)
		}
	}
	if what != "" {
		w.tell("    somebody else in %s at %q: %s", a.name, point, what)
		w.mu.Lock()
		w.drifts++
		w.mu.Unlock()
	}
	w.remember()
}

// change sets one attribute that the API shows.
func (w *simWorld) change(a *simAccount, o simObj) string {
	k := a.def.Schema.Kinds[o.Kind]
	var fit []*spec.Attribute
	for _, at := range k.Attributes {
		if settable(at) && !at.Unreadable && !at.Sensitive && at.Refers == "" {
			fit = append(fit, at)
		}
	}
	if len(fit) == 0 {
		return ""
	}
	at := fit[w.rng.IntN(len(fit))]
	v := simLiteral(w.rng, at)
	if at == distinct(k) {
		v = distinctText(at, 5000+w.rng.IntN(1000))
	}
	if at == distinct(k) {
		w.parts(a, o)
	}
	if _, err := a.sandbox.Set(o.Kind, o.ID, spec.Values{at.Name: v}); err != nil {
		w.tell("    setting %s of %s: %v", at.Name, o.ID, err)
		return ""
	}
	w.counted("others: change")
	if key := (simKey{a.name, o.Kind, o.ID}); w.touched[key] == nil {
		w.touched[key] = map[string]bool{at.Name: true}
	} else {
		w.touched[key][at.Name] = true
	}
	return fmt.Sprintf("set %s of %s %s to %s", at.Name, o.Kind, o.ID, simText(v))
}

func (w *simWorld) delete(a *simAccount, o simObj) string {
	w.parts(a, o)
	if err := a.sandbox.Delete(o.Kind, o.ID); err != nil {
		w.tell("    %v", err)
		return ""
	}
	delete(w.foreign, simKey{a.name, o.Kind, o.ID})
	w.counted("others: delete")
	return "deleted " + o.Kind + " " + o.ID
}

// parts remembers what an object of others is called, which is about to be deleted or renamed.
func (w *simWorld) parts(a *simAccount, o simObj) {
	if key := (simKey{a.name, o.Kind, o.ID}); w.isForeign(key) {
		if apart := distinct(a.def.Schema.Kinds[o.Kind]); apart != nil {
			w.former = append(w.former, simFormer{key, o.Values[apart.Name], time.Now()})
		}
	}
}

// copied are values that make another of an object.
func copied(k *spec.Kind, o simObj) spec.Values {
	v := spec.Values{}
	for _, a := range k.Attributes {
		if is, ok := o.Values[a.Name]; ok && settable(a) && !is.IsNull() && !a.ClearedWithTarget && !a.Sensitive {
			v[a.Name] = is
		}
	}
	return v
}

// bystander makes an object that has nothing to do with vpsync.
func (w *simWorld) bystander(a *simAccount, r *rand.Rand, k *spec.Kind) string {
	v := spec.Values{}
	for _, at := range k.Attributes {
		switch {
		case !settable(at) || at.Sensitive:
		case at == distinct(k):
			v[at.Name] = distinctText(at, 7000+r.IntN(1000))
		case at.Refers != "":
			if at.Required {
				v[at.Name] = map[cty.Type]cty.Value{cty.Number: cty.NumberIntVal(1), cty.String: cty.StringVal("gone")}[at.Type]
			}
		case at.Required:
			v[at.Name] = simLiteral(r, at)
		}
	}
	w.counted("others: create")
	return "made a bystander " + k.Name + " " + w.makeForeign(a, k, v)
}

func (w *simWorld) makeForeign(a *simAccount, k *spec.Kind, v spec.Values) string {
	o, err := a.sandbox.Create(k.Name, v)
	if err != nil {
		w.tell("    making a %s: %v", k.Name, err)
		return ""
	}
	w.foreign[simKey{a.name, k.Name, o.ID}] = o
	return o.ID
}

// remember notes what others have now.
func (w *simWorld) remember() {
	for _, a := range w.accounts {
		for _, o := range w.objects(a, func(simKey, simObj) bool { return true }) {
			if key := (simKey{a.name, o.Kind, o.ID}); w.isForeign(key) {
				w.foreign[key] = o
			}
		}
	}
}

func (w *simWorld) isForeign(k simKey) bool { _, is := w.foreign[k]; return is }

// untouched holds P3: what others have is as they left it.
func (w *simWorld) untouched(when string) {
	for _, a := range w.accounts {
		now := map[simKey]simObj{}
		for _, o := range w.objects(a, func(simKey, simObj) bool { return true }) {
			now[simKey{a.name, o.Kind, o.ID}] = o
		}
		for key, was := range w.foreign {
			if key.account != a.name {
				continue
			}
			is, there := now[key]
			k := a.def.Schema.Kinds[key.kind]
			// What the API does by itself: an object that boots gets its address, and one that referred to what is deleted is let go of.
			isCleared := func(at *spec.Attribute) bool {
				y := is.Values[at.Name]
				return at.ClearedWithTarget && y != cty.NilVal && y.IsNull()
			}
			cleared := slices.ContainsFunc(k.Attributes, func(at *spec.Attribute) bool {
				return isCleared(at) && was.Values[at.Name] != cty.NilVal && !was.Values[at.Name].IsNull()
			})
			same := there && !slices.ContainsFunc(k.Attributes, func(at *spec.Attribute) bool {
				if isCleared(at) || ((cleared || !was.Ready) && !settable(at) && at.Name != k.Changed) {
					return false
				}
				x, y := was.Values[at.Name], is.Values[at.Name]
				return x != cty.NilVal && (y == cty.NilVal || !x.RawEquals(y))
			})
			if !same {
				w.mu.Lock()
				w.violated("P3: %s: %v, which is somebody else's, was %#v and is %#v", when, key, was.Values, is.Values)
				w.mu.Unlock()
			}
		}
	}
}

// shift deletes one of the oldest objects of others while a list is read, so that what lies on later pages moves to earlier ones.
func (w *simWorld) shift(a *simAccount, kind, what string) {
	w.others.Lock()
	defer w.others.Unlock()
	if w.shifts >= 2 || time.Since(w.shifted) < 10*time.Second {
		return // somebody deletes something now and then, and not at every page
	}
	theirs := w.objects(a, func(k simKey, _ simObj) bool { return w.isForeign(k) && k.kind == kind })
	if len(theirs) == 0 {
		return
	}
	w.shifts++
	w.shifted = time.Now()
	w.untouched("before a page shifts")
	for _, o := range theirs[:min(len(theirs), 3)] {
		w.struck(faultShift, what+": "+w.delete(a, o))
	}
	w.remember()
}

// stateRM is `vpsync state rm`: the object is nobody's from then on.
func (w *simWorld) stateRM(address spec.Address) {
	st := w.load()
	h := &simHandle{simState: w.store}
	lock, err := h.Lock(w.t.Context(), state.Owner{ID: "state-rm"})
	if err != nil {
		w.broken("%v", err)
	}
	if !slices.ContainsFunc(st.Resources, func(r *state.Resource) bool { return r.Address == address }) {
		w.broken("vpsync state rm %s: the state has no such resource", address)
	}
	for _, r := range st.Resources {
		if r.Address == address {
			w.tell("vpsync state rm %s (%s)", address, r.ID)
			err = errors.Join(err, h.Commit(w.t.Context(), state.RemoveResource{Address: r.Address, Deposed: r.Deposed}))
			w.giveAway(simKey{r.Account, r.Address.Kind, r.ID})
		}
	}
	if err := errors.Join(err, lock.Release()); err != nil {
		w.broken("%v", err)
	}
}

// giveAway makes an object somebody else's.
func (w *simWorld) giveAway(key simKey) {
	w.others.Lock()
	defer w.others.Unlock()
	for _, a := range w.accounts {
		for _, o := range w.objects(a, func(k simKey, _ simObj) bool { return k == key }) {
			w.foreign[key] = o
		}
	}
}

func (w *simWorld) load() *state.State {
	st, err := w.store.memory.Load(w.t.Context())
	if err != nil {
		w.broken("P7: %v", err)
	}
	return st
}
