package spec

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"
	"github.com/stretchr/testify/require"
)

func TestFormatSource(t *testing.T) {
	for name, c := range map[string]struct{ src, want string }{
		"equals signs":        {"a=1\nlonger =2 # why\n", "a      = 1\nlonger = 2 # why\n"},
		"indents":             {"server \"web\"   {\n\tname=\"w\"\n    }\n", "server \"web\" {\n  name = \"w\"\n}\n"},
		"operators":           {"a = b?c+1:-d\n", "a = b ? c + 1 : -d\n"},
		"carriage returns":    {"a=1  \r\nbc=2\r\n", "a  = 1\r\nbc = 2\r\n"},
		"no end of line":      {"a=1", "a = 1"},
		"byte order mark":     {"\xef\xbb\xbfa=1\n", "\xef\xbb\xbfa = 1\n"},
		"templates stay":      {"a = <<-EOT\n   x  ${ b }  \n\n  EOT\n", "a = <<-EOT\n   x  ${b}  \n\n  EOT\n"},
		"nothing":             {"", ""},
		"comments keep lines": {"# a\n\n\n// b\n", "# a\n\n\n// b\n"},
	} {
		out, diags := FormatSource([]byte(c.src), "main.hcl")
		require.Empty(t, diags, name)
		require.Equal(t, c.want, string(out), name)
	}
}

func TestFormatLeavesBrokenFilesAlone(t *testing.T) {
	for src, summary := range map[string]string{
		"server \"web\" {\n  name = \n}\n": "Invalid expression",
		"a = \x00":                         "File holds a NUL byte",
		"a = \"\xff\"":                     "File is not UTF-8",
	} {
		out, diags := FormatSource([]byte(src), "main.hcl")
		require.Nil(t, out)
		require.True(t, diags.HasErrors())
		require.Equal(t, summary, diags[0].Summary)
		require.Equal(t, "main.hcl", diags[0].Range.File)
	}
}

// FuzzFormat holds what whoever lets a program rewrite a file relies on: formatting comes to an end without a panic, formatting
// again changes nothing, no word is lost, and what could be loaded still can, with the same result.
func FuzzFormat(f *testing.F) {
	paths, err := filepath.Glob("testdata/scenarios/*.txtar")
	require.NoError(f, err)
	require.GreaterOrEqual(f, len(paths), 10, "the scenarios are the seeds")
	for _, path := range paths {
		archive, err := txtar.ParseFile(path)
		require.NoError(f, err)
		f.Add(archive.Files[0].Data)
		f.Add(bytes.ReplaceAll(archive.Files[0].Data, []byte("\n"), []byte("\r\n")))
	}
	seeds, err := filepath.Glob("../../examples/quickstart/*.hcl")
	require.NoError(f, err)
	require.NotEmpty(f, seeds, "the quickstart is gone")
	for _, path := range seeds {
		src, err := os.ReadFile(path)
		require.NoError(f, err)
		f.Add(src)
	}
	f.Fuzz(func(t *testing.T, src []byte) {
		out, diags := FormatSource(src, "main.hcl")
		requireInside(t, diags, "main.hcl", src)
		if diags.HasErrors() {
			require.Nil(t, out)
			return
		}
		again, diags := FormatSource(out, "main.hcl")
		require.Empty(t, diags)
		require.Equal(t, string(out), string(again))
		require.Equal(t, bytes.Count(src, []byte("\n")), bytes.Count(out, []byte("\n")))
		require.Equal(t, bytes.Count(src, []byte("\r")), bytes.Count(out, []byte("\r")))
		require.True(t, sameWords(bytes.TrimPrefix(src, byteOrderMark), bytes.TrimPrefix(out, byteOrderMark), "main.hcl"))
	})
}
