// Package spec turns a folder of HCL into a checked configuration.
//
// It is the leaf of vpsync's import graph: it knows what a kind looks like
// ([Kind], filled by a provider definition), what users wrote ([Stack]), and how
// one becomes the other ([Stack.Evaluate]); it knows nothing of state, plans,
// HTTP or clocks.
//
// Start at [Load], which reads and guards the files of a stack, then
// [Stack.Evaluate], which answers with every resource instance, its values
// (some of them unknown until apply) and every problem at once.
package spec
