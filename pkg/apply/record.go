package apply

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"sync"

	"github.com/vpsync/vpsync/pkg/plan"
	"github.com/vpsync/vpsync/pkg/spec"
	"github.com/vpsync/vpsync/pkg/state"
)

// recordKey names a recorded resource.
type recordKey struct {
	address spec.Address
	deposed string
}

// ledger is the state as this run has made it so far: what was loaded, with each commit since. Its values are never
// changed in place: whoever changes one puts a copy. It is safe for concurrent use.
type ledger struct {
	mu        sync.Mutex
	resources map[recordKey]*state.Resource
	leftovers map[objectKey]*state.Leftover
	intents   map[string]*state.Intent
	accounts  map[string]state.Account
	secretKey string
	claimed   map[objectKey]bool // leftovers that a create is about to take back
}

func newLedger(st *state.State) *ledger {
	l := &ledger{
		resources: map[recordKey]*state.Resource{},
		leftovers: map[objectKey]*state.Leftover{},
		intents:   map[string]*state.Intent{},
		accounts:  maps.Clone(st.Accounts),
		secretKey: st.SecretKeyID,
		claimed:   map[objectKey]bool{},
	}
	if l.accounts == nil {
		l.accounts = map[string]state.Account{}
	}
	for _, r := range st.Resources {
		l.resources[recordKey{r.Address, r.Deposed}] = r
	}
	for _, o := range st.Leftovers {
		l.leftovers[leftoverKey(o)] = o
	}
	for _, in := range st.Intents {
		l.intents[in.ID] = in
	}
	return l
}

func leftoverKey(l *state.Leftover) objectKey {
	return objectKey{plan.KindRef{Account: l.Account, Kind: l.Kind}, l.ID}
}

// apply follows writes that were committed.
func (l *ledger) apply(writes []state.Write) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, w := range writes {
		switch w := w.(type) {
		case state.PutResource:
			l.resources[recordKey{w.Resource.Address, w.Resource.Deposed}] = w.Resource
		case state.RemoveResource:
			delete(l.resources, recordKey{w.Address, w.Deposed})
		case state.PutLeftover:
			l.leftovers[leftoverKey(w.Leftover)] = w.Leftover
		case state.RemoveLeftover:
			delete(l.leftovers, objectKey{plan.KindRef{Account: w.Account, Kind: w.Kind}, w.ID})
		case state.PutIntent:
			l.intents[w.Intent.ID] = w.Intent
		case state.CloseIntent:
			delete(l.intents, w.ID)
		case state.PutAccount:
			l.accounts[w.Account.Name] = w.Account
		case state.SetSecretKey:
			l.secretKey = w.ID
		}
	}
}

// resource is the record of an address, or nil.
func (l *ledger) resource(a spec.Address, deposed string) *state.Resource {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.resources[recordKey{a, deposed}]
}

// open are the open intents, oldest first.
func (l *ledger) open() []*state.Intent {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.SortedFunc(maps.Values(l.intents), func(a, b *state.Intent) int {
		return cmp.Or(a.Opened.Compare(b.Opened), cmp.Compare(a.ID, b.ID))
	})
}

// owned says whether a record or a leftover has the object.
func (l *ledger) owned(key objectKey) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.leftovers[key] != nil {
		return true
	}
	for _, r := range l.resources {
		if r.ID == key.id && r.Account == key.ref.Account && r.Address.Kind == key.ref.Kind {
			return true
		}
	}
	return false
}

// owners are the ids of a kind that somebody has: owned for many.
func (l *ledger) owners(ref plan.KindRef) map[string]bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	ids := map[string]bool{}
	for key := range l.leftovers {
		if key.ref == ref {
			ids[key.id] = true
		}
	}
	for _, r := range l.resources {
		if r.Account == ref.Account && r.Address.Kind == ref.Kind {
			ids[r.ID] = true
		}
	}
	return ids
}

// claim takes a leftover for one create, once.
func (l *ledger) claim(key objectKey) *state.Leftover {
	l.mu.Lock()
	defer l.mu.Unlock()
	o := l.leftovers[key]
	if o == nil || l.claimed[key] {
		return nil
	}
	l.claimed[key] = true
	return o
}

// release gives a claimed leftover back.
func (l *ledger) release(key objectKey) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.claimed, key)
}

// commit makes writes durable, all or none. It works on after an interrupt, since what has happened must be recorded; a
// failure ends the run, since nothing may be sent that could not be recorded.
func (r *run) commit(ctx context.Context, writes ...state.Write) error {
	return r.commitBy(ctx, r.Store.Commit, writes)
}

func (r *run) commitBy(ctx context.Context, take func(context.Context, ...state.Write) error, writes []state.Write) error {
	if err := r.dead(); err != nil {
		return err
	}
	if len(writes) == 0 {
		return nil
	}
	if err := take(context.WithoutCancel(ctx), writes...); err != nil {
		r.die(err)
		return err
	}
	r.ledger.apply(writes)
	return nil
}

// commitAltered commits what a change does without a request.
func (r *run) commitAltered(ctx context.Context, writes ...state.Write) error {
	if err := r.later(ctx, writes...); err != nil {
		return err
	}
	r.altered()
	return nil
}

// secretKey notes in the state which key its digests are made with, the first time that there are any.
func (r *run) secretKey(secrets map[string]state.Digest) []state.Write {
	for _, d := range secrets {
		r.ledger.mu.Lock()
		known := r.ledger.secretKey
		r.ledger.mu.Unlock()
		if known == "" {
			return []state.Write{state.SetSecretKey{ID: d.KeyID}}
		}
	}
	return nil
}
