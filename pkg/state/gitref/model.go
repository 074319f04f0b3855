package gitref

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/vpsync/vpsync/pkg/spec"
	"github.com/vpsync/vpsync/pkg/state"
)

// model is a state in memory, as rows. It is not safe for concurrent use.
type model struct {
	meta   meta
	tables map[string]map[string]row
	// runs and changes are what this commit adds to the history.
	runs    map[string]state.Row
	changes []state.Row
}

// meta is what is true of the state as a whole.
type meta struct {
	Lineage   string
	Serial    int64
	Settled   bool
	SecretKey string
}

// row is a row with the serial of the commit that wrote it last.
type row struct {
	body    string
	column  string
	version int64
	line    string // as it is kept; sealed rows keep theirs, so that one that did not change is the same
}

func newModel(lineage string) *model {
	m := &model{meta: meta{Lineage: lineage}, tables: map[string]map[string]row{}, runs: map[string]state.Row{}}
	for _, t := range tables {
		m.tables[t] = map[string]row{}
	}
	return m
}

// tables are those that a commit holds in full.
var tables = []string{state.TableAccounts, state.TableResources, state.TableLeftovers, state.TableJournal, state.TableOutputs}

// state reads the rows; the result is the caller's. A row that cannot be understood is an error that names it.
func (m *model) state() (*state.State, error) {
	out := &state.State{
		Lineage: m.meta.Lineage, Serial: m.meta.Serial, Settled: m.meta.Settled, SecretKeyID: m.meta.SecretKey,
		Accounts: map[string]state.Account{}, Outputs: map[string]state.Output{},
	}
	var reader state.ResourceReader
	for _, table := range tables {
		for key, r := range m.tables[table] {
			if err := take(out, &reader, table, key, r); err != nil {
				return nil, fmt.Errorf("the row %q of %s cannot be understood: %w", key, table, err)
			}
		}
	}
	out.Sort()
	return out, nil
}

// edit is one commit's worth of writes on its way into a model. It can be undone.
type edit struct {
	m       *model
	undo    []func()
	objects map[string]bool // written as a resource's or a leftover's
	intents map[string]bool // addresses with a new intent
}

// apply takes writes in, all or none of them, and refuses those that a load would refuse. Each call is a serial.
func (m *model) apply(writes []state.Write) (err error) {
	e := &edit{m: m, objects: map[string]bool{}, intents: map[string]bool{}}
	was, runs, changes := m.meta, maps.Clone(m.runs), len(m.changes)
	defer func() {
		if err == nil {
			return
		}
		for _, undo := range slices.Backward(e.undo) {
			undo()
		}
		m.meta, m.runs, m.changes = was, runs, m.changes[:changes]
	}()
	m.meta.Serial++
	for _, w := range writes {
		if err := e.write(w); err != nil {
			return err
		}
	}
	return e.check()
}

func (e *edit) write(w state.Write) error {
	rows, err := state.Rows(w)
	if err != nil {
		return err
	}
	switch w := w.(type) {
	case state.RemoveResource:
		e.drop(state.TableResources, state.ResourceKey(w.Address, w.Deposed))
	case state.MoveResource:
		return e.move(w.From, w.To)
	case state.RemoveLeftover:
		e.drop(state.TableLeftovers, state.ObjectKey(w.Account, w.Kind, w.ID))
	case state.CloseIntent:
		e.drop(state.TableJournal, w.ID)
	case state.SetSettled:
		e.m.meta.Settled = true
	case state.SetSecretKey:
		e.m.meta.SecretKey = w.ID
	case state.SetSerial:
		e.m.meta.Serial = max(e.m.meta.Serial, w.Serial)
	case state.PutRun:
		e.m.runs[rows[0].Key] = rows[0]
	case state.AddChanges:
		e.m.changes = append(e.m.changes, rows...)
	case state.SetOutputs:
		for _, key := range slices.Collect(maps.Keys(e.m.tables[state.TableOutputs])) {
			e.drop(state.TableOutputs, key)
		}
		e.put(rows...)
	default:
		if len(rows) == 0 {
			return fmt.Errorf("no such write: %T", w)
		}
		e.put(rows...)
	}
	return nil
}

func (e *edit) put(rows ...state.Row) {
	for _, r := range rows {
		e.remember(r.Table, r.Key)
		e.m.tables[r.Table][r.Key] = row{body: r.Body, column: r.Column, version: e.m.meta.Serial}
		switch r.Table {
		case state.TableResources:
			e.objects[r.Column] = true
		case state.TableLeftovers:
			e.objects[r.Key] = true
		case state.TableJournal:
			e.intents[r.Column] = true
		}
	}
}

func (e *edit) drop(table, key string) {
	e.remember(table, key)
	delete(e.m.tables[table], key)
}

func (e *edit) remember(table, key string) {
	was, there := e.m.tables[table][key]
	e.undo = append(e.undo, func() {
		if there {
			e.m.tables[table][key] = was
		} else {
			delete(e.m.tables[table], key)
		}
	})
}

// move moves the rows of an address, those of its deposed objects too, and follows in what other resources use.
func (e *edit) move(from, to spec.Address) error {
	if from.Kind != to.Kind {
		return fmt.Errorf("%s is a %s and cannot become %s", from, from.Kind, to)
	}
	for _, a := range []spec.Address{from, to} {
		open, err := e.open(a.String())
		if err != nil {
			return err
		}
		if len(open) > 0 {
			return fmt.Errorf("%s has an open request (%s, since %s), which is settled under this address: run vpsync apply first",
				a, open[0].Operation, open[0].Opened.UTC().Format("2006-01-02 15:04:05Z"))
		}
	}
	found := false
	var moved, using []*state.Resource
	var reader state.ResourceReader
	for _, row := range e.m.tables[state.TableResources] {
		r, err := reader.Read([]byte(row.body))
		switch {
		case err != nil:
			return err
		case r.Address == to:
			return fmt.Errorf("%s is recorded already, as object %s", to, r.ID)
		case r.Address == from:
			found = found || r.Deposed == ""
			moved = append(moved, r)
		case slices.Contains(r.Uses, from):
			using = append(using, r)
		}
	}
	if !found {
		return fmt.Errorf("nothing is recorded at %s", from)
	}
	for _, r := range moved {
		e.drop(state.TableResources, state.ResourceKey(r.Address, r.Deposed))
	}
	for _, r := range append(moved, using...) {
		if r.Address == from {
			r.Address = to
		}
		for i, u := range r.Uses {
			if u == from {
				r.Uses[i] = to
			}
		}
		rows, err := state.Rows(state.PutResource{Resource: r})
		if err != nil {
			return err
		}
		e.put(rows...)
	}
	return nil
}

// check looks at what several rows could break together.
func (e *edit) check() error {
	m := e.m
	recorded := func(account string) (bool, error) {
		_, ok := m.tables[state.TableAccounts][account]
		return ok, nil
	}
	if len(e.objects) > 0 {
		owners := map[string][]string{}
		for key, r := range m.tables[state.TableResources] {
			if e.objects[r.column] {
				owners[r.column] = append(owners[r.column], key)
			}
		}
		for object := range e.objects {
			of := owners[object]
			if _, left := m.tables[state.TableLeftovers][object]; left {
				of = append(of, "the leftovers")
			}
			if len(of) > 1 {
				slices.Sort(of)
				return fmt.Errorf("%s would belong to %s", object, strings.Join(of, " and to "))
			}
			if len(of) == 0 {
				continue // written and removed again
			}
			account, _, _ := strings.Cut(object, " ")
			if err := state.CheckAccount(object, account, recorded); err != nil {
				return err
			}
		}
	}
	for address := range e.intents {
		open, err := e.open(address)
		if err != nil {
			return err
		}
		if err := state.CheckOpen(address, open, recorded); err != nil {
			return err
		}
	}
	return nil
}

// open are the open intents of an address.
func (e *edit) open(address string) ([]*state.Intent, error) {
	var out []*state.Intent
	for _, r := range e.m.tables[state.TableJournal] {
		if r.column != address {
			continue
		}
		i := &state.Intent{}
		if err := i.UnmarshalJSON([]byte(r.body)); err != nil {
			return nil, err
		}
		out = append(out, i)
	}
	return out, nil
}

// errReadOnly: a mistake of the caller.
var errReadOnly = errors.New("the state was opened for reading only")
