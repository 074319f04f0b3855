package state

import "time"

// Latest stands for the newest backup that is whole and older than the state.
const Latest = "latest"

// Kept is a backup of a state, or a damaged state that a restore kept aside.
type Kept struct {
	Name string    // what a restore is told: of a file the time and the serial that it was made at, of a commit its id
	Path string    // of its file, absolute; or what names it otherwise
	Made time.Time // UTC; zero where its name does not say it
	Size int64     // bytes
	// What it holds; of one that has a Problem nothing is known.
	Lineage   string
	Serial    int64
	Resources int
	// Problem is why it cannot be put back, or nil: a *state.DamagedError or *state.UnusableError about the copy itself.
	Problem error
}
