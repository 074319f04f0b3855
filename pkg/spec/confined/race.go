//go:build race

package confined

const raced = true
