package apply_test

import (
	"context"
	"maps"
	"slices"
	"time"

	"github.com/vpsync/vpsync/pkg/state"
)

// deferring is the store of a runner whose commits go to somebody far away: what was deferred is lost with the machine.
type deferring struct {
	*memory
	durable memory
	pushes  int
}

func newDeferring(m *memory) *deferring {
	d := &deferring{memory: m}
	d.keep()
	return d
}

func (d *deferring) keep() {
	m := d.memory
	m.mu.Lock()
	defer m.mu.Unlock()
	d.durable = memory{
		serial: m.serial, settled: m.settled, secretKey: m.secretKey, changes: slices.Clone(m.changes),
		resources: maps.Clone(m.resources), leftovers: maps.Clone(m.leftovers), intents: maps.Clone(m.intents),
		accounts: maps.Clone(m.accounts), outputs: maps.Clone(m.outputs), runs: maps.Clone(m.runs),
	}
	d.pushes++
}

func (d *deferring) Commit(ctx context.Context, writes ...state.Write) error {
	if err := d.memory.Commit(ctx, writes...); err != nil {
		return err
	}
	d.keep()
	return nil
}

func (d *deferring) Defer(ctx context.Context, writes ...state.Write) error {
	return d.memory.Commit(ctx, writes...)
}

// die is the end of the machine: what was deferred is lost, and the lock is taken over once its lease is over.
func (d *deferring) die() {
	const lease = 2 * time.Minute
	time.Sleep(lease)
	m, k := d.memory, &d.durable
	m.mu.Lock()
	m.serial, m.settled, m.secretKey, m.changes = k.serial, k.settled, k.secretKey, k.changes
	m.resources, m.leftovers, m.intents = k.resources, k.leftovers, k.intents
	m.accounts, m.outputs, m.runs = k.accounts, k.outputs, k.runs
	m.brokenAt = time.Now()
	m.mu.Unlock()
	d.keep()
}

var _ state.Deferrer = (*deferring)(nil)
