package mutants

import (
	"encoding/json"
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"
	"github.com/stretchr/testify/require"
)

var (
	runAll = flag.Bool("run-all", false, "build each mutant and run the test that it names, which must fail")
	only   = flag.String("only", "", "one mutant, by name")
)

// mutant is one way to break vpsync.
//
// Its file begins with what is broken and a line "fails PACKAGE TEST"; then come the sources to change, each with one or more edits:
//
//	<<<<
//	text that is there once
//	====
//	what stands there instead
//	>>>>
type mutant struct {
	name, what   string
	pkg, test    string
	replacements map[string][]edit // by file, from the root of the module
}

type edit struct{ from, to string }

var (
	failsLine = regexp.MustCompile(`(?m)^fails (\./\S+) (\S+)$`)
	editBlock = regexp.MustCompile(`(?ms)^<<<<\n(.*?)^====\n(.*?)^>>>>$`)
)

func parse(t *testing.T, path string) mutant {
	t.Helper()
	a, err := txtar.ParseFile(path)
	require.NoError(t, err)
	fails := failsLine.FindStringSubmatch(string(a.Comment))
	require.NotNil(t, fails, "%s names no test", path)
	m := mutant{
		name: strings.TrimSuffix(filepath.Base(path), ".txtar"), what: strings.TrimSpace(strings.SplitN(string(a.Comment), "\nfails ", 2)[0]),
		pkg: fails[1], test: fails[2], replacements: map[string][]edit{},
	}
	require.NotEmpty(t, a.Files, path)
	for _, f := range a.Files {
		for _, e := range editBlock.FindAllStringSubmatch(string(f.Data), -1) {
			m.replacements[f.Name] = append(m.replacements[f.Name], edit{e[1], e[2]})
		}
		require.NotEmpty(t, m.replacements[f.Name], "%s changes nothing in %s", path, f.Name)
	}
	return m
}

// overlay writes the changed sources beside the real ones, for go's -overlay.
func (m mutant) overlay(t *testing.T, root string) string {
	t.Helper()
	dir := t.TempDir()
	replace := map[string]string{}
	for name, edits := range m.replacements {
		src, err := os.ReadFile(filepath.Join(root, name))
		require.NoError(t, err)
		text := string(src)
		for _, e := range edits {
			require.Equal(t, 1, strings.Count(text, e.from), "%s: the text to change is not in %s exactly once:\n%s", m.name, name, e.from)
			text = strings.Replace(text, e.from, e.to, 1)
		}
		changed := filepath.Join(dir, strings.ReplaceAll(name, "/", "_"))
		require.NoError(t, os.WriteFile(changed, []byte(text), 0o600))
		replace[filepath.Join(root, name)] = changed
	}
	data, err := json.Marshal(map[string]any{"Replace": replace})
	require.NoError(t, err)
	path := filepath.Join(dir, "overlay.json")
	require.NoError(t, os.WriteFile(path, data, 0o600))
	return path
}

func TestMutants(t *testing.T) {
	root, err := filepath.Abs("../..")
	require.NoError(t, err)
	files, err := filepath.Glob("testdata/*.txtar")
	require.NoError(t, err)
	require.GreaterOrEqual(t, len(files), 15, "mutants got lost")
	for _, path := range files {
		m := parse(t, path)
		if *only != "" && *only != m.name {
			continue
		}
		t.Run(m.name, func(t *testing.T) {
			overlay := m.overlay(t, root)
			if !*runAll {
				return
			}
			args := []string{"test", "-overlay", overlay, "-count=1", "-timeout=5m", "-run", "^" + strings.ReplaceAll(m.test, "/", "$/^") + "$"}
			build := exec.Command("go", append(args, "-c", "-o", os.DevNull, m.pkg)...)
			build.Dir = root
			out, err := build.CombinedOutput()
			require.NoError(t, err, "the mutant does not build:\n%s", out)
			run := exec.Command("go", append(args, m.pkg)...)
			run.Dir = root
			run.Env = append(os.Environ(), "VPSYNC_MATRIX=") // what a broken program comes to is not counted
			out, err = run.CombinedOutput()
			require.NotContains(t, string(out), "no tests to run")
			require.Error(t, err, "%s survives: %s", m.test, m.what)
			named, _, _ := strings.Cut(m.test, "/")
			crashed := strings.Contains(string(out), "stack overflow") // as the mutant without a depth guard does
			require.True(t, crashed || strings.Contains(string(out), "--- FAIL: "+named), "it failed in another way:\n%s", out)
			t.Logf("%-24s fails %s %s (%s)", m.name, m.pkg, m.test, m.what)
		})
	}
}
