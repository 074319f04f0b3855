package sqlite

// The points of [Options.Boundary]: a crash at one leaves another trace in the folder of the state than a crash at its neighbours.
const (
	// BoundaryMade: a new state is whole, and not yet under its name.
	BoundaryMade = "made"
	// BoundaryNamed: it has its name, and still the one from before.
	BoundaryNamed = "named"
	// BoundaryMigrated: a step of a migration is durable.
	BoundaryMigrated = "migrated"
	// BoundaryLocking: the lock is taken; the file beside the state names whoever had it before.
	BoundaryLocking = "locking"
	// BoundaryUnlocking: the state takes nothing more from the holder of the lock, and the file still names it.
	BoundaryUnlocking = "unlocking"
	// BoundaryCopied: a backup is whole, and not yet under its name.
	BoundaryCopied = "copied"
	// BoundaryCommitting: a transaction holds all its rows and is not durable.
	BoundaryCommitting = "committing"
	// BoundaryCommitted: the transaction is durable; its serial is not noted beside the state.
	BoundaryCommitted = "committed"
	// BoundaryStaged: a restore has a copy of the backup, and changed nothing.
	BoundaryStaged = "staged"
	// BoundaryKeptAside: the present state is kept among the backups.
	BoundaryKeptAside = "kept aside"
	// BoundaryFinished: the copy is what the state will be.
	BoundaryFinished = "finished"
	// BoundaryLeft: the present state is one file, which nobody else can write to until the other is in its place.
	BoundaryLeft = "left"
	// BoundaryInPlace: the copy has the state's name.
	BoundaryInPlace = "in place"
	// BoundaryNoted: its serial is noted beside it.
	BoundaryNoted = "noted"
)

// boundary tells the test where the store is.
func (s *Store) boundary(point string) {
	if s.options.Boundary != nil {
		s.options.Boundary(point)
	}
}
