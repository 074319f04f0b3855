package matrix

import (
	"bufio"
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

var (
	counts = flag.String("counts", "", "the file in which runs left their counts")
	update = flag.Bool("update-docs", false, "write the table of docs/reliability.md anew, of -counts; a family that did not run has its floor")
)

// The table begins with its head, and ends with the paragraph.
const (
	tableBegins = "| family |"
	tableEnds   = "\n\n"
)

// TestPage holds docs/reliability.md to the families: each has its line there, with no fewer cases than the floor of its longest form.
func TestPage(t *testing.T) {
	families, err := Families()
	require.NoError(t, err)
	path, err := filepath.Abs("../../docs/reliability.md")
	require.NoError(t, err)
	page, err := os.ReadFile(path)
	require.NoError(t, err)
	before, rest, found := strings.Cut(string(page), tableBegins)
	require.True(t, found)
	table, after, found := strings.Cut(rest, tableEnds)
	require.True(t, found)
	if *update {
		page := before + tableOf(families, readCounts(t, *counts)) + "\n" + after
		require.NoError(t, os.WriteFile(path, []byte(page), 0o600))
		return
	}
	line := regexp.MustCompile(`(?m)^\| (\S+) \| (.*?) \| (\S+) \| ([\d,]+) \|`)
	shown := map[string]int{}
	for _, m := range line.FindAllStringSubmatch(table, -1) {
		n, err := strconv.Atoi(strings.ReplaceAll(m[4], ",", ""))
		require.NoError(t, err)
		shown[m[1]] = n
	}
	for _, f := range families {
		require.GreaterOrEqual(t, shown[f.Name], f.Whole, "docs/reliability.md is out of date about %s; make reliability", f.Name)
	}
	require.Len(t, shown, len(families), "docs/reliability.md has families that are no more; make reliability")
}

// TestEveryFamilyRan holds, after all tests of a machine, that each family whose needs it has was carried out, in its longest form: a
// test that is gone counts nothing.
func TestEveryFamilyRan(t *testing.T) {
	if *counts == "" {
		t.Skip("-counts names no file")
	}
	families, err := Families()
	require.NoError(t, err)
	ran, needs := readCounts(t, *counts), strings.Split(os.Getenv("VPSYNC_MATRIX_NEEDS"), ",")
	for _, f := range families {
		if f.Needs != Go && !slices.Contains(needs, string(f.Needs)) {
			continue
		}
		require.GreaterOrEqual(t, ran[f.Name].Cases, f.Whole, f.Name)
		t.Logf("%-7s %6d cases, %s", f.Name, ran[f.Name].Cases, f.What)
	}
}

func readCounts(t *testing.T, path string) map[string]Count {
	t.Helper()
	data, err := os.ReadFile(path)
	require.NoError(t, err)
	out := map[string]Count{}
	for lines := bufio.NewScanner(bytes.NewReader(data)); lines.Scan(); {
		var c Count
		require.NoError(t, json.Unmarshal(lines.Bytes(), &c))
		if c.Cases >= out[c.Family].Cases { // a family may run in a short form first
			out[c.Family] = c
		}
	}
	return out
}

func tableOf(families []Family, ran map[string]Count) string {
	var b strings.Builder
	b.WriteString("| family | what is done to vpsync | needs | cases | seconds |\n|---|---|---|---:|---:|\n")
	all := 0
	of := map[string]int{} // by the first letter of the family, as the promises are grouped; the bytes of files are very many, and apart
	for _, f := range families {
		c, done := ran[f.Name]
		seconds := fmt.Sprintf("%.1f", c.Seconds)
		if !done { // on this machine
			c.Cases, seconds = f.Whole, "–"
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %s | %s |\n", f.Name, f.What, f.Needs, thousands(c.Cases), seconds)
		if f.Needs == Race {
			continue // counted where it is done without
		}
		all += c.Cases
		group := f.Name[:1]
		if f.Name == "D3b" || f.Name == "D3p" {
			group = "bytes"
		}
		of[group] += c.Cases
	}
	kills, seeds, attacks, bytes := of["A"], of["C"], of["G"], of["bytes"]
	fmt.Fprintf(&b, "| **all** | %s times killed or cut off, %s seeds, %s attacks, %s bytes spoilt, %s other faults | | **%s** | |\n",
		thousands(kills), thousands(seeds), thousands(attacks), thousands(bytes), thousands(all-kills-seeds-attacks-bytes), thousands(all))
	return b.String()
}

func thousands(n int) string {
	s := strconv.Itoa(n)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}
