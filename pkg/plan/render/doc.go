// Package render shows plans, diagnostics and values to people and to programs.
//
// Everything that comes from outside (names, vendors' words, source lines) passes
// [Escape] before it is written, so that no text can move a cursor, fake a line or
// hide itself. Colours are the package's own and never carry a meaning alone.
//
// Start at [Text] for a plan as people read it, [JSON] for the same plan as one
// versioned document, and [Diagnostics] for messages with places. The package
// performs no I/O but writing to the io.Writer that it is given, and reads no clock.
package render
