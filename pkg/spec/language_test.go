package spec

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestBlocksAreTheLanguage: what editors are told is what a stack is checked against, in both directions.
func TestBlocksAreTheLanguage(t *testing.T) {
	var names []string
	for _, b := range Blocks() {
		names = append(names, b.Name)
		require.NotEmpty(t, b.Description)
		for _, a := range b.Arguments {
			require.NotEmpty(t, a.Description, a.Name)
		}
	}
	for _, name := range ReservedBlocks {
		require.NotEqual(t, slices.Contains(slices.Concat(notYet, refusedBlocks), name), slices.Contains(names, name), name)
	}
	var meta []string
	arguments, blocks := ResourceBlock().holds()
	meta = append(append(meta, "id"), append(arguments, blocks...)...) // an id is reserved, and refused with a reason
	require.ElementsMatch(t, MetaArguments, meta)
	for _, b := range Blocks() {
		if b.Open {
			continue
		}
		for _, a := range b.Arguments {
			dir := t.TempDir()
			label := ""
			for range b.Labels {
				label += ` "x"`
			}
			source := fmt.Sprintf("%s%s {\n  %s = null\n  %s_ = null\n}\n", b.Name, label, a.Name, a.Name)
			require.NoError(t, os.WriteFile(filepath.Join(dir, "main.hcl"), []byte(source), 0o600))
			_, diags := Load(dir)
			unknown := 0
			for _, d := range diags {
				if d.Summary == "Unknown argument" {
					unknown++
					require.Contains(t, d.Detail, a.Name+"_")
				}
			}
			require.Equal(t, 1, unknown, source)
		}
	}
}

func TestFunctionsForEditors(t *testing.T) {
	byName := map[string]Function{}
	for _, f := range Functions() {
		byName[f.Name] = f
	}
	require.Len(t, byName, len(functions(""))-len(refusedFunctions))
	require.NotContains(t, byName, "timestamp")
	require.Len(t, byName["replace"].Parameters, 3)
	require.Nil(t, byName["replace"].Variadic)
	require.NotNil(t, byName["max"].Variadic)
}
