package spec

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/rogpeppe/go-internal/txtar"
	"github.com/stretchr/testify/require"
	"github.com/zclconf/go-cty/cty"
)

// FuzzLoad holds what every stack can rely on, however broken it is: loading and evaluating come to an end without a
// panic, every diagnostic lies inside its file, and what comes out can travel as JSON.
func FuzzLoad(f *testing.F) {
	paths, err := filepath.Glob("testdata/scenarios/*.txtar")
	require.NoError(f, err)
	require.GreaterOrEqual(f, len(paths), 10, "the scenarios are the seeds")
	for _, path := range paths {
		archive, err := txtar.ParseFile(path)
		require.NoError(f, err)
		f.Add(archive.Files[0].Data)
	}
	dir := f.TempDir()
	f.Fuzz(func(t *testing.T, source []byte) {
		if bytes.Contains(source, []byte("range")) {
			t.Skip("loops over loops take longer than a fuzzer waits; what runs them has a limit of time")
		}
		require.NoError(t, os.WriteFile(filepath.Join(dir, "main.hcl"), source, 0o600))
		stack, diags := Load(dir)
		requireInside(t, diags, "main.hcl", source)
		if stack == nil {
			return
		}
		request := acme()
		request.Objects = map[Address]Values{{Kind: "server", Name: "web"}: {"id": text("srv_1")}}
		response := stack.Evaluate(request)
		requireInside(t, response.Diagnostics, "main.hcl", source)
		_, err := json.Marshal(response)
		require.NoError(t, err)
		session := stack.Session(request)
		for _, r := range response.Resources {
			session.Know(r.Address, Values{"id": text("known")})
			_, diags := session.Resource(r.Address)
			requireInside(t, diags, "main.hcl", source)
			again, err := ParseAddress(r.Address.String())
			if len(r.Address.String()) <= maxAddress {
				require.NoError(t, err)
				require.Equal(t, r.Address, again)
			}
		}
		_, diags = session.Outputs()
		requireInside(t, diags, "main.hcl", source)
	})
}

func requireInside(t *testing.T, diags Diagnostics, file string, source []byte) {
	source = bytes.TrimPrefix(source, []byte("\xef\xbb\xbf"))
	for _, d := range diags {
		require.NotEmpty(t, d.Summary)
		if d.Range == nil {
			continue
		}
		require.Equal(t, file, d.Range.File)
		require.LessOrEqual(t, 0, d.Range.Start.Byte)
		require.LessOrEqual(t, d.Range.Start.Byte, d.Range.End.Byte)
		require.LessOrEqualf(t, d.Range.End.Byte, len(source), "%+v", d)
		require.Positive(t, d.Range.Start.Line)
		require.Positive(t, d.Range.Start.Column)
		require.NotContains(t, d.Snippet, "\n")
	}
}

// FuzzParseAddress holds that an address is written in one way only, and that an instance can be named whatever its key is.
func FuzzParseAddress(f *testing.F) {
	seeds, err := os.ReadFile("testdata/addresses.txt")
	require.NoError(f, err)
	lines := bytes.Split(bytes.TrimSpace(seeds), []byte("\n"))
	require.GreaterOrEqual(f, len(lines), 10)
	for _, line := range lines {
		f.Add(string(line))
	}
	f.Fuzz(func(t *testing.T, s string) {
		for _, kind := range []string{"server", DataPrefix + "plans"} {
			keyed := Address{Kind: kind, Name: "web", Key: StringKey(cty.NormalizeString(strings.ToValidUTF8(s, "")))}
			if text := keyed.String(); len(text) <= maxAddress {
				back, err := ParseAddress(text)
				require.NoErrorf(t, err, "%q", text)
				require.Equal(t, keyed, back)
				require.Zero(t, back.Compare(keyed))
			}
		}
		a, err := ParseAddress(s)
		if err != nil {
			require.NotEmpty(t, err.Error())
			return
		}
		require.True(t, utf8.ValidString(a.String()))
		again, err := ParseAddress(a.String())
		require.NoErrorf(t, err, "%q", a.String())
		require.Equal(t, a, again)
		require.Equal(t, a.String(), again.String())
	})
}
