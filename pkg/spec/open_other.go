//go:build !unix

package spec

// withoutWaiting is nothing where folders hold no pipes.
const withoutWaiting = 0
