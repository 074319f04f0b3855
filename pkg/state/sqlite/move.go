package sqlite

import (
	"encoding/json"
	"fmt"
	"slices"

	"github.com/vpsync/vpsync/pkg/spec"
	"github.com/vpsync/vpsync/pkg/state"
)

// into moves the rows of an address, those of its deposed objects too, and follows in what other resources use. It reads all
// resources: moving is what a person does, once.
func (m move) into(t *transaction) error {
	if m.from.Kind != m.to.Kind {
		return fmt.Errorf("%s is a %s and cannot become %s", m.from, m.from.Kind, m.to)
	}
	for _, a := range []spec.Address{m.from, m.to} {
		open, err := t.openIntents(a.String())
		if err != nil {
			return err
		}
		if len(open) > 0 {
			return fmt.Errorf("%s has an open request (%s, since %s), which is settled under this address: run vpsync apply first",
				a, open[0].Operation, open[0].Opened.UTC().Format("2006-01-02 15:04:05Z"))
		}
	}
	bodies, err := t.keys(`SELECT body FROM resources`)
	if err != nil {
		return err
	}
	found := false
	var moved, using []state.Resource
	for _, body := range bodies {
		var r state.Resource
		if err := json.Unmarshal([]byte(body), &r); err != nil {
			return err
		}
		switch {
		case r.Address == m.to:
			return fmt.Errorf("%s is recorded already, as object %s", m.to, r.ID)
		case r.Address == m.from:
			found = found || r.Deposed == ""
			moved = append(moved, r)
		case slices.Contains(r.Uses, m.from):
			using = append(using, r)
		}
	}
	if !found {
		return fmt.Errorf("nothing is recorded at %s", m.from)
	}
	for _, r := range moved {
		if err := (drop{"resources", state.ResourceKey(r.Address, r.Deposed)}).into(t); err != nil {
			return err
		}
	}
	for _, r := range append(moved, using...) {
		if r.Address == m.from {
			r.Address = m.to
		}
		for i, u := range r.Uses {
			if u == m.from {
				r.Uses[i] = m.to
			}
		}
		rows, err := encodeOne(state.PutResource{Resource: &r})
		if err != nil {
			return err
		}
		if err := rows[0].into(t); err != nil {
			return err
		}
	}
	return nil
}
