package main

import (
	"os"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/stretchr/testify/require"
)

// TestSchemaIsDocumented: docs/schema.schema.json describes the document, every field of it.
func TestSchemaIsDocumented(t *testing.T) {
	f, err := os.Open("../../docs/schema.schema.json")
	require.NoError(t, err)
	defer f.Close()
	description, err := jsonschema.UnmarshalJSON(f)
	require.NoError(t, err)
	compiler := jsonschema.NewCompiler()
	require.NoError(t, compiler.AddResource("schema.json", description))
	compiled, err := compiler.Compile("schema.json")
	require.NoError(t, err)

	code, s := vpsync(t, t.TempDir(), nil, "schema", "--json")
	require.Equal(t, exitDone, code, s.String())
	doc, err := jsonschema.UnmarshalJSON(strings.NewReader(s.stdout.String()))
	require.NoError(t, err)
	require.NoError(t, compiled.Validate(doc))
}
