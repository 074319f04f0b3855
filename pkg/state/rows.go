package state

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"github.com/vpsync/vpsync/pkg/spec"
)

// Tables of a state, whatever keeps it.
const (
	TableAccounts  = "accounts"
	TableResources = "resources"
	TableLeftovers = "leftovers"
	TableJournal   = "journal"
	TableOutputs   = "outputs"
	TableRuns      = "runs"
	TableChanges   = "changes"
)

// Row is a row as a backend keeps it.
type Row struct {
	Table, Key string
	Body       string // JSON
	// Column is what must be found without reading the body: the object of a resource, the address of an intent or a change; otherwise
	// empty.
	Column string
}

// Rows encodes what a write puts into tables: one row, or for AddChanges and SetOutputs several. Each is read back, and checked as far as
// a row can be by itself, so that nothing is written that a load would refuse. The other writes put nothing.
func Rows(w Write) ([]Row, error) {
	one := func(row Row, err error) ([]Row, error) {
		if err != nil {
			return nil, err
		}
		return []Row{row}, nil
	}
	switch w := w.(type) {
	case PutResource:
		r := *w.Resource
		r.Version = 0 // of the commit: the backend's to add
		row, err := encodeRow(TableResources, ResourceKey(r.Address, r.Deposed), r, &Resource{})
		row.Column = ObjectKey(r.Account, r.Address.Kind, r.ID)
		return one(row, cmp.Or(err, checkRow(State{Resources: []*Resource{&r}})))
	case PutLeftover:
		l := w.Leftover
		row, err := encodeRow(TableLeftovers, ObjectKey(l.Account, l.Kind, l.ID), l, &Leftover{})
		return one(row, cmp.Or(err, checkRow(State{Leftovers: []*Leftover{l}})))
	case PutIntent:
		row, err := encodeRow(TableJournal, w.Intent.ID, w.Intent, &Intent{})
		row.Column = w.Intent.Address.String()
		return one(row, cmp.Or(err, checkRow(State{Intents: []*Intent{w.Intent}})))
	case PutAccount:
		return one(encodeRow(TableAccounts, w.Account.Name, w.Account, &Account{}))
	case PutRun:
		return one(encodeRow(TableRuns, w.Run.ID, w.Run, &Run{}))
	case AddChanges:
		var out []Row
		for _, c := range w.Changes {
			row, err := encodeRow(TableChanges, c.Run, c, &Change{})
			if err != nil {
				return nil, err
			}
			row.Column = c.Address.String()
			out = append(out, row)
		}
		return out, nil
	case SetOutputs:
		var out []Row
		for _, name := range slices.Sorted(maps.Keys(w.Outputs)) {
			row, err := encodeRow(TableOutputs, name, w.Outputs[name], &Output{})
			if err != nil {
				return nil, err
			}
			out = append(out, row)
		}
		return out, nil
	}
	return nil, nil
}

// encodeRow writes a row's body and reads it back.
func encodeRow(table, key string, v, back any) (Row, error) {
	if key == "" {
		return Row{}, fmt.Errorf("a row of %s has no key", table)
	}
	body, err := json.Marshal(v)
	if err == nil {
		err = json.Unmarshal(body, back)
	}
	if err != nil {
		return Row{}, fmt.Errorf("%s %s: %w", table, key, err)
	}
	return Row{Table: table, Key: key, Body: string(body)}, nil
}

// ResourceKey is the key of a resource's row.
func ResourceKey(a spec.Address, deposed string) string {
	if deposed == "" {
		return a.String()
	}
	return a.String() + " " + deposed
}

// ObjectKey names an object; neither accounts nor kinds hold blanks.
func ObjectKey(account, kind, id string) string { return account + " " + kind + " " + id }

// checkRow verifies a row on its own, as if the rest of the state were in order.
func checkRow(s State) error {
	known := func(account string) { s.Accounts[account] = Account{Name: account} }
	s.Accounts = map[string]Account{}
	for _, r := range s.Resources {
		known(r.Account)
	}
	for _, l := range s.Leftovers {
		known(l.Account)
	}
	for _, i := range s.Intents {
		known(i.Account)
	}
	if broken := Verify(&s); len(broken) > 0 {
		return fmt.Errorf("%s: %s", broken[0].Detail, broken[0].Why)
	}
	return nil
}

// Sort puts the lists of a state into the order that Load promises.
func (s *State) Sort() {
	slices.SortFunc(s.Resources, func(a, b *Resource) int {
		return cmp.Or(a.Address.Compare(b.Address), cmp.Compare(a.Deposed, b.Deposed))
	})
	slices.SortFunc(s.Leftovers, func(a, b *Leftover) int {
		return cmp.Or(cmp.Compare(a.ID, b.ID), cmp.Compare(a.Account, b.Account), cmp.Compare(a.Kind, b.Kind))
	})
	slices.SortFunc(s.Intents, func(a, b *Intent) int {
		return cmp.Or(a.Opened.Compare(b.Opened), cmp.Compare(a.ID, b.ID))
	})
}
