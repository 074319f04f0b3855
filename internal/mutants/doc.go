// Package mutants proves that the tests have teeth: each file in testdata breaks vpsync in one way that tests must notice, and names
// one that does. The break exists in a test build alone, which reads the changed text in place of the source; the sources have no
// switch for it.
//
//	go test ./internal/mutants                  every mutant still has a place in the sources
//	go test ./internal/mutants -args -run-all   and fails the test that it names (make mutants)
package mutants
