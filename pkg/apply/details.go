package apply

import (
	"context"
	"hash/fnv"
	"slices"
	"time"

	"github.com/vpsync/vpsync/pkg/plan"
	"github.com/vpsync/vpsync/pkg/spec"
	"github.com/vpsync/vpsync/pkg/state"
	"github.com/zclconf/go-cty/cty"
)

const (
	// detailAge is how old a detail may become however still its object looks.
	detailAge = 24 * time.Hour
	// detailRest is how long an object must have rested when it was read. The changed field of most APIs counts whole
	// seconds: a second change within the same second would leave it as it was.
	detailRest = 2 * time.Second
)

// detail is what was noted of one read of one object.
type detail struct {
	changed string // the kind's changed attribute, as this very answer had it
	at      time.Time
	trusted bool
}

// readDetails completes listed objects with the attributes that only single reads carry: from what was recorded, where
// the object has provably not moved since, else by reading it.
func (k *kindReader) readDetails(ctx context.Context, live *plan.LiveKind) error {
	if len(k.demand.details) == 0 || !k.kind.Can(spec.OpRead) || !live.Listed {
		return nil
	}
	now := k.clock.Now()
	var ids []string
	for _, r := range k.demand.resources {
		object := live.Objects[r.ID]
		if object == nil || object.Detail {
			continue
		}
		if k.mode == RefreshFull || k.moved(r, object, now) {
			ids = append(ids, r.ID)
			continue
		}
		observed, err := spec.Conform(k.kind, r.Observed)
		if err != nil {
			return err
		}
		for _, a := range k.kind.Attributes {
			if v, ok := observed[a.Name]; ok && a.DetailOnly {
				object.Values[a.Name] = v
			}
		}
		object.Detail = true
	}
	slices.Sort(ids)
	return k.readEach(ctx, live, ids)
}

// moved says whether the recorded detail may be out of date.
func (k *kindReader) moved(r *state.Resource, object *spec.Object, now time.Time) bool {
	if k.kind.Changed == "" || !r.DetailTrusted || r.DetailAt.IsZero() || now.Sub(r.DetailAt) >= spread(r.ID) {
		return true
	}
	for name := range k.demand.details {
		if _, ok := r.Observed[name]; !ok {
			if _, ok := r.Applied[name]; ok {
				return true // wanted, and never seen
			}
		}
	}
	return spec.Word(object.Values[k.kind.Changed]) != r.Detail
}

// spread gives each object a greatest age of its own between half of detailAge and all of it, so that details that were
// read together are not all renewed together.
func spread(id string) time.Duration {
	h := fnv.New32a()
	h.Write([]byte(id))
	return detailAge/2 + time.Duration(h.Sum32()%1000)*(detailAge/2)/1000
}

// noteDetail keeps what the next refresh needs to know of a detail that was read now.
func (k *kindReader) noteDetail(object *spec.Object) {
	if k.kind.Changed == "" {
		return
	}
	now := k.clock.Now()
	d := detail{changed: spec.Word(object.Values[k.kind.Changed]), at: now}
	if at, err := time.Parse(time.RFC3339, d.changed); err == nil {
		d.trusted = now.Sub(at) >= detailRest
	} else {
		d.trusted = d.changed != "" // a version or an etag: it moves with every change
	}
	if len(object.Repeats) > 0 { // not all of what was read is recorded
		d = detail{at: now}
	}
	k.details[object.ID] = d
}

// tookOver: the row holds what the read of its object said. A difference that a request is to end is not recorded before that
// request, and an object that does not move is not read again: had the run ended in between, nobody would see the difference.
func (r *run) tookOver(made *Made, row *state.Resource) bool {
	ref := plan.KindRef{Account: row.Account, Kind: row.Address.Kind}
	_, kind, err := r.Accounts.kind(ref)
	if err != nil || made.Live == nil || made.Live.Kinds[ref] == nil || made.Live.Kinds[ref].Objects[row.ID] == nil {
		return false
	}
	observed, err := spec.Conform(kind, row.Observed)
	if err != nil {
		return false
	}
	for _, a := range kind.Attributes {
		if !a.DetailOnly || !readable(a) || row.Hides(a.Name) || row.Secrets[a.Name] != (state.Digest{}) {
			continue
		}
		is, was := made.Live.Kinds[ref].Objects[row.ID].Values[a.Name], observed[a.Name]
		if is == cty.NilVal {
			is = cty.NullVal(a.Type)
		}
		if was == cty.NilVal {
			was = cty.NullVal(a.Type)
		}
		if !a.Same(is, was) {
			return false
		}
	}
	return true
}
