// Package shell writes words of commands that somebody is shown, to be pasted.
package shell

import (
	"strings"
	"unicode"
)

// Word quotes what a shell would take apart.
func Word(s string) string {
	if s != "" && !strings.ContainsFunc(s, func(r rune) bool {
		return !unicode.IsLetter(r) && !unicode.IsDigit(r) && !strings.ContainsRune("._-/:", r)
	}) {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}
