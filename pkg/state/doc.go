// Package state is what vpsync remembers of a stack between runs: the recorded
// resources with their applied and observed values, the journal of intents, the
// leftovers, the history, and the rules that all of these must obey ([Verify]).
//
// Everything here is a value; [Store] is the contract for keeping it, state/sqlite
// keeps it in a file, state/gitref in a git remote, and state/statetest holds what every such backend must do.
// A reader starts at [State] and [Write]. Secrets are never part of a state: a
// [Digest] says whether one changed, under a [Key] that is kept elsewhere.
package state
