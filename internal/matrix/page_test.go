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
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

var counts = flag.String("counts", "", "write the table of docs/reliability.md anew, of the counts that runs left in this file; a family that did not run keeps its floor")

// The table begins with its head, and ends with the paragraph.
const (
	tableBegins = "| family |"
	tableEnds   = "\n\n"
)

// TestPage holds docs/reliability.md to the families: each has its line there, with no fewer cases than its floor.
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
	if *counts != "" {
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
		require.GreaterOrEqual(t, shown[f.Name], f.Floor, "docs/reliability.md is out of date about %s; make reliability", f.Name)
	}
	require.Len(t, shown, len(families), "docs/reliability.md has families that are no more; make reliability")
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
	all, seconds := 0, 0.0
	for _, f := range families {
		c, done := ran[f.Name]
		if !done { // not on this machine
			c.Cases = f.Floor
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %s | %.1f |\n", f.Name, f.What, f.Needs, thousands(c.Cases), c.Seconds)
		all, seconds = all+c.Cases, seconds+c.Seconds
	}
	fmt.Fprintf(&b, "| **all** | | | **%s** | **%.0f** |\n", thousands(all), seconds)
	return b.String()
}

func thousands(n int) string {
	s := strconv.Itoa(n)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}
