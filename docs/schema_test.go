// Package docs_test holds documents against what the program itself says.
package docs_test

import (
	"bytes"
	"os"
	"os/exec"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/stretchr/testify/require"
)

// TestSchemaIsDocumented: schema.schema.json describes what `vpsync schema --json` prints, every field of it. It stands here, away from
// the command, because the scripts there start the test's own binary thousands of times, and a validator takes its time each time.
func TestSchemaIsDocumented(t *testing.T) {
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
