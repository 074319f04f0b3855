//go:build unix

package shell

import (
	"os/exec"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestWord: a shell reads a word as what it was.
func TestWord(t *testing.T) {
	for _, text := range []string{"", "plain", "a b", `server.web["a b"]`, "it's", "$(id)", "`id`", "-n", "a\nb", "~", "*", "ü", `\`, "a;b&c|d<e>f"} {
		got, err := exec.CommandContext(t.Context(), "sh", "-c", "printf %s "+Word(text)).Output()
		require.NoError(t, err)
		require.Equal(t, text, string(got), Word(text))
	}
	require.Equal(t, "servers/web-1.hcl", Word("servers/web-1.hcl"))
}
