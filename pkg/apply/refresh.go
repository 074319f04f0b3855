package apply

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/vpsync/vpsync/internal/panics"
	"github.com/vpsync/vpsync/pkg/plan"
	"github.com/vpsync/vpsync/pkg/providers"
	"github.com/vpsync/vpsync/pkg/spec"
	"github.com/vpsync/vpsync/pkg/state"
	"golang.org/x/sync/errgroup"
)

// atOnce bounds the kinds that are read, and the single reads of one kind, at the same time. Each client bounds its own
// requests further by what its rate limit allows.
const atOnce = 8

// firstPause is the pause before an object that is missing is looked for again while a list may still lag; it doubles.
const firstPause = 500 * time.Millisecond

// reading is what a refresh found, and which details it read on the way.
type reading struct {
	live    *plan.Live
	details map[objectKey]detail
}

// objectKey names an object in all accounts.
type objectKey struct {
	ref plan.KindRef
	id  string
}

// demand is what one kind is read for.
type demand struct {
	ref       plan.KindRef
	resources []*state.Resource
	leftovers []*state.Leftover
	details   map[string]bool // DetailOnly attributes in use
}

// demands collects what is in use: recorded resources (deposed ones too), leftovers, and kinds that only the configuration
// names, which are read for unmanaged twins.
func demands(accounts Accounts, st *state.State, config *spec.Response) map[plan.KindRef]*demand {
	all := map[plan.KindRef]*demand{}
	of := func(account, kind string) *demand {
		ref := plan.KindRef{Account: account, Kind: kind}
		if all[ref] == nil {
			all[ref] = &demand{ref: ref, details: map[string]bool{}}
		}
		return all[ref]
	}
	use := func(d *demand, v spec.Values) {
		_, kind, err := accounts.kind(d.ref)
		if err != nil {
			return // said when the kind is read
		}
		for name := range v {
			if a := kind.Attribute(name); a != nil && a.DetailOnly {
				d.details[name] = true
			}
		}
	}
	for _, r := range st.Resources {
		d := of(r.Account, r.Address.Kind)
		d.resources = append(d.resources, r)
		use(d, r.Applied)
	}
	for _, l := range st.Leftovers {
		d := of(l.Account, l.Kind)
		d.leftovers = append(d.leftovers, l)
	}
	if config != nil {
		for _, d := range all {
			_, kind, err := accounts.kind(d.ref)
			if err != nil {
				continue
			}
			for _, a := range kind.Attributes {
				if a.DetailOnly && asks(config, a.Name) {
					d.details[a.Name] = true
				}
			}
		}
		accountOf := map[spec.Address]string{}
		for _, r := range config.Resources {
			use(of(r.Account, r.Address.Kind), r.Values)
			accountOf[r.Address] = r.Account
		}
		for _, i := range config.Imports { // what is to be bound is looked at like what is recorded
			if account, declared := accountOf[i.To]; declared {
				d := of(account, i.To.Kind)
				d.resources = append(d.resources, &state.Resource{Address: i.To, Account: account, ID: i.ID})
			}
		}
	}
	return all
}

// asks: an expression asks some value for an attribute of that name.
func asks(config *spec.Response, name string) bool {
	_, found := slices.BinarySearch(config.Asked, name)
	return found
}

// everywhere adds the kinds that can be listed and that nothing is known of, but for those whose objects come and go by themselves.
func (accounts Accounts) everywhere(all map[plan.KindRef]*demand) {
	for account, c := range accounts {
		for name, kind := range c.Definition().Schema.Kinds {
			if ref := (plan.KindRef{Account: account, Kind: name}); all[ref] == nil && kind.Can(spec.OpList) && kind.WhenGone != spec.GoneForget {
				all[ref] = &demand{ref: ref, details: map[string]bool{}}
			}
		}
	}
}

// refresh reads all demanded kinds side by side.
func refresh(ctx context.Context, accounts Accounts, all map[plan.KindRef]*demand, mode RefreshMode, clock providers.Clock) (*reading, error) {
	if mode == RefreshNone {
		return nil, nil
	}
	before, _ := accounts.requests()
	read := &reading{live: &plan.Live{Kinds: map[plan.KindRef]*plan.LiveKind{}}, details: map[objectKey]detail{}}
	refs := slices.SortedFunc(maps.Keys(all), func(a, b plan.KindRef) int {
		return cmp.Or(cmp.Compare(a.Account, b.Account), cmp.Compare(a.Kind, b.Kind))
	})
	for _, ref := range refs {
		if _, _, err := accounts.kind(ref); err != nil {
			return nil, err // before any request
		}
	}
	var mu sync.Mutex
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(atOnce)
	for _, ref := range refs {
		group.Go(func() (err error) {
			defer panics.Into(&err)
			client, kind, err := accounts.kind(ref)
			if err != nil {
				return err
			}
			k := &kindReader{client: client, kind: kind, demand: all[ref], mode: mode, clock: clock, details: map[string]detail{}}
			live, err := k.read(ctx)
			if err != nil || live == nil {
				return err
			}
			mu.Lock()
			defer mu.Unlock()
			read.live.Kinds[ref] = live
			for id, d := range k.details {
				read.details[objectKey{ref, id}] = d
			}
			return nil
		})
	}
	if err := panics.Again(group.Wait()); err != nil {
		return nil, err
	}
	after, _ := accounts.requests()
	read.live.Reads = after - before
	return read, nil
}

// kindReader reads one kind of one account.
type kindReader struct {
	client  *providers.Client
	kind    *spec.Kind
	demand  *demand
	mode    RefreshMode
	clock   providers.Clock
	details map[string]detail // by id
}

// read answers nil for a kind that can be neither listed nor read.
func (k *kindReader) read(ctx context.Context) (*plan.LiveKind, error) {
	live := &plan.LiveKind{Objects: map[string]*spec.Object{}, Gone: map[string]bool{}}
	switch {
	case k.kind.Can(spec.OpList):
		// One list, even for few objects: it costs a page for each hundred, shows unmanaged objects and twins, and how many
		// pages there are is known only afterwards.
		if err := k.list(ctx, live); err != nil {
			return nil, err
		}
	case k.kind.Can(spec.OpRead):
		if err := k.readEach(ctx, live, slices.Sorted(maps.Keys(k.ids()))); err != nil {
			return nil, err
		}
	default:
		return nil, nil
	}
	if err := k.lookAgain(ctx, live); err != nil {
		return nil, err
	}
	return live, k.readDetails(ctx, live)
}

// ids are the recorded ones, with the time since when a list has to show them.
func (k *kindReader) ids() map[string]time.Time {
	ids := map[string]time.Time{}
	for _, l := range k.demand.leftovers {
		ids[l.ID] = time.Time{}
	}
	for _, r := range k.demand.resources {
		ids[r.ID] = r.CreatedAt
	}
	return ids
}

func (k *kindReader) list(ctx context.Context, live *plan.LiveKind) error {
	objects, err := k.client.List(ctx, k.kind.Name)
	if err != nil {
		return err
	}
	for i := range objects {
		live.Objects[objects[i].ID] = &objects[i]
	}
	live.Listed = true
	live.Pages = pages(k.client.Definition(), k.kind.Name, len(objects))
	if k.kind.Parent != "" {
		live.Pages = k.client.ListCost(k.kind.Name) // a list for each object above it
	}
	return nil
}

func (k *kindReader) readEach(ctx context.Context, live *plan.LiveKind, ids []string) error {
	var mu sync.Mutex
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(atOnce)
	for _, id := range ids {
		group.Go(func() (err error) {
			defer panics.Into(&err)
			object, ok, err := k.client.Read(ctx, k.kind.Name, id)
			if err != nil || !ok {
				return err
			}
			object.ID = cmp.Or(object.ID, id)
			mu.Lock()
			defer mu.Unlock()
			live.Objects[id] = &object
			k.noteDetail(&object)
			return nil
		})
	}
	return panics.Again(group.Wait())
}

// lookAgain decides what is gone. One answer proves nothing: pages shift while they are read, and a list may not show
// what was just written, so an object recorded less than the lag ago is looked for until the lag has passed.
func (k *kindReader) lookAgain(ctx context.Context, live *plan.LiveKind) error {
	lag := k.client.Lag()
	for pause := firstPause; ; pause *= 2 {
		var missing []string
		var shown time.Time // from when on every one of them must be shown
		for id, recorded := range k.ids() {
			if live.Objects[id] == nil {
				missing = append(missing, id)
				if until := recorded.Add(lag); until.After(shown) {
					shown = until
				}
			}
		}
		if len(missing) == 0 {
			return nil
		}
		slices.Sort(missing)
		looked := k.clock.Now()
		if k.kind.Can(spec.OpRead) && (!live.Listed || len(missing) <= live.Pages) {
			if err := k.readEach(ctx, live, missing); err != nil {
				return err
			}
		} else if err := k.list(ctx, live); err != nil {
			return err
		}
		if !looked.Before(shown) {
			for _, id := range missing {
				if live.Objects[id] == nil {
					live.Gone[id] = true
				}
			}
			return nil
		}
		if err := k.clock.Sleep(ctx, min(pause, shown.Sub(looked))); err != nil {
			return err
		}
	}
}
