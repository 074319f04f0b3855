package apply

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/vpsync/vpsync/pkg/plan"
	"github.com/vpsync/vpsync/pkg/providers"
	"github.com/vpsync/vpsync/pkg/spec"
	"github.com/vpsync/vpsync/pkg/state"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"
)

// A backup that an interrupted run made for the same end is taken instead of another: what has come into the object since is lost with
// it, so a complete one must be fresh. One that is still being made may take an hour.
const (
	recent   = 10 * time.Minute
	underWay = time.Hour
)

// backUp makes a backup of an object that is about to be lost, and waits for it. An error means that there is none: then nothing
// is deleted.
func (r *run) backUp(ctx context.Context, ch *plan.Change, record *state.Resource, tell *teller) error {
	client, kind, err := r.Accounts.kind(refOf(ch))
	if err != nil {
		return err
	}
	how := kind.Backup
	made := &plan.Change{Address: ch.Address, Deposed: ch.Deposed, Account: ch.Account, Kind: how.Kind, Action: ch.Action, Cause: ch.Cause}
	q, err := r.newRequest(made, spec.OpCreate, tell)
	if err != nil {
		return err
	}
	target, err := convert.Convert(cty.StringVal(record.ID), q.kind.Attribute(how.Target).Type)
	if err != nil {
		return fmt.Errorf("%s of %s: %w", how.Target, how.Kind, err)
	}
	q.call.Desired = spec.Values{how.Target: target, how.Label: cty.StringVal(backupLabel(ch.Address, record.ID))}
	q.intent.Applied = q.call.Desired
	tell.emit(EventWaiting, func(e *Event) { e.Status = "backing it up first" })
	object, err := r.existing(ctx, q)
	if err != nil {
		return err
	}
	if object != nil {
		tell.emit(EventWaiting, func(e *Event) {
			e.Status = fmt.Sprintf("backed up at %s already, as %s", object.CreatedAt.UTC().Format(time.RFC3339), object.ID)
		})
	} else {
		err = r.carry(ctx, q, func(o *spec.Object) ([]state.Write, error) {
			object = o
			return []state.Write{r.taskRow(ch.Address, "backup", o.ID)}, nil
		})
	}
	if err == nil && object != nil && !object.Ready {
		err = r.awaitBackup(ctx, client, how.Kind, object.ID, tell)
	}
	if err != nil {
		return fmt.Errorf("nothing was deleted, since there is no backup: %w", err)
	}
	return nil
}

// existing is the backup that an earlier run made of the same object a short time ago, or nil.
func (r *run) existing(ctx context.Context, q *request) (*spec.Object, error) {
	alike, err := r.alike(ctx, q)
	var found *spec.Object
	for _, o := range alike {
		limit := underWay
		if o.Ready {
			limit = recent
		}
		if !o.Failed && r.clock.Now().Sub(o.CreatedAt) < limit && (found == nil || o.CreatedAt.After(found.CreatedAt)) {
			found = o
		}
	}
	return found, err
}

func (r *run) awaitBackup(ctx context.Context, client *providers.Client, kind, id string, tell *teller) error {
	if err := r.boundary(BoundaryWaiting); err != nil {
		return err
	}
	if _, err := client.Wait(ctx, kind, id, func(o spec.Object) {
		tell.emit(EventWaiting, func(e *Event) { e.Status = "backing it up: " + o.Status })
	}); err != nil {
		return err
	}
	return r.boundary(BoundaryReady)
}

// backupLabel says what a backup is for, in letters that every API takes: the same for the same object, so that it is found again.
func backupLabel(a spec.Address, id string) string {
	word := func(s string) string {
		return strings.Trim(strings.Map(func(c rune) rune {
			if c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' {
				return c
			}
			return '-'
		}, s), "-")
	}
	return "vpsync-" + word(a.String()) + "-" + word(id)
}
