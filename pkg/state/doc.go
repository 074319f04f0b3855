// Package state is what vpsync remembers of a stack between runs: the recorded
// resources with their applied and observed values, the journal of intents, the
// leftovers, the history, and the rules that all of these must obey ([Verify]).
//
// Everything here is a value; [Store] is the contract for keeping it, and
// state/sqlite keeps it in a file. A reader starts at [State] and [Write].
package state
