// Package docs_test holds documents against what the program itself says.
package docs_test

import (
	"bytes"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/stretchr/testify/require"
)

// TestSchemaIsDocumented: schema.schema.json describes what `vpsync schema --json` prints, every field of it. It stands here, away from
// the command, because the scripts there start the test's own binary thousands of times, and a validator takes its time each time.
func TestSchemaIsDocumented(t *testing.T) {
	depends(t, "../cmd", "../pkg", "../internal", "../go.mod", "../go.sum")
	f, err := os.Open("schema.schema.json")
	require.NoError(t, err)
	defer f.Close()
	description, err := jsonschema.UnmarshalJSON(f)
	require.NoError(t, err)
	compiler := jsonschema.NewCompiler()
	require.NoError(t, compiler.AddResource("schema.json", description))
	compiled, err := compiler.Compile("schema.json")
	require.NoError(t, err)

	var complaints bytes.Buffer
	run := exec.Command("go", "run", "../cmd/vpsync", "schema", "--json")
	run.Stderr = &complaints
	out, err := run.Output()
	require.NoError(t, err, complaints.String())
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(out))
	require.NoError(t, err)
	require.NoError(t, compiled.Validate(doc))
}

// depends opens the sources in some folders: go test takes what it kept of a test for what the test would say, unless a file that was opened
// has changed.
func depends(t *testing.T, dirs ...string) {
	for _, dir := range dirs {
		require.NoError(t, filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() || strings.HasSuffix(path, "_test.go") {
				return err
			}
			f, err := os.Open(path)
			if err != nil {
				return err
			}
			return f.Close()
		}))
	}
}
