// Package github is what vpsync needs of GitHub: five calls of its API, the event that a workflow runs for, and the commands by which
// a step talks to its runner.
//
// Start at [New] and [Client.Put] for the comment that is updated in place, [ReadEvent] for what happened, and [Runner] for outputs,
// annotations and masks. A [Marker] tells vpsync's comments from others; it is believed in comments of the token's own user alone, since
// anybody can write one.
//
// The package reads no environment and knows nothing of plans.
package github
