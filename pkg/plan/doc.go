// Package plan decides what has to happen to make an account equal a
// configuration, and performs no I/O: [Compute] takes values and returns a
// value, the same bytes for the same input. There is no context, clock, network or
// logger in it.
//
// Start at [Input] for the three stages that are compared (desired, recorded,
// live), and at [Plan] for what comes out. Renderings are in plan/render.
package plan
