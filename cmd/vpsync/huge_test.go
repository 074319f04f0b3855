//go:build unix

package main

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/vpsync/vpsync/internal/matrix"
	"github.com/vpsync/vpsync/pkg/spec/confined"
)

// TestHuge: what is too large is refused with its limit, and what is large is shown in a few lines.
func TestHuge(t *testing.T) {
	t.Parallel() // most of its time a read is tried again
	begun, cases := time.Now(), 0
	judge := func(got carriedOut, code int, says string) {
		t.Helper()
		require.Equal(t, code, got.code, "%.2000s", got.said())
		require.Contains(t, strings.Join(strings.Fields(got.said()), " "), says)
		require.Less(t, len(got.said()), 64<<10)
		require.Less(t, got.peak, int64(1<<30))
		cases++
	}
	const provider = "provider \"evotic\" {}\n"
	server := func(name string) string {
		return "server \"a\" {\n  name = " + name + "\n  cpu = 1\n  ram = 1\n  disk = 20\n  location_id = 1\n  os_id = 1\n  password = \"abcdefgh1234\"\n}\n"
	}
	const megabyte = `join("", [for i in range(4000) : format("%250s", i)])`
	for _, c := range []struct {
		proposed tree
		time     time.Duration
		code     int
		says     string
	}{
		{tree{"main.hcl": provider + "# " + again(1<<20, "x")}, confined.DefaultLimits.Time, exitFailed, "File is too large"},
		{tree{"main.hcl": provider + "output \"x\" { value = file(\"x\") }\n", "x": again(1<<20+1, "x")}, confined.DefaultLimits.Time, exitFailed, "is larger than 1048576 bytes"},
		{tree{"main.hcl": provider + "output \"x\" { value = join(\"\", [for i in range(10) : file(\"x\")]) }\n", "x": again(1<<20, "x")}, confined.DefaultLimits.Time, exitFailed, "longer than"},
		{tree{"main.hcl": provider + strings.Replace(server("count.index"), "{\n", "{\n  count = 100000\n", 1)}, quick, exitFailed, "not worked out within 300ms"},
		{tree{"main.hcl": provider + server(megabyte)}, time.Minute, exitDone, "Plan: 1 to add"},
		{tree{"main.hcl": provider + "output \"x\" { value = join(\"\\n\", range(10000)) }\n"}, time.Minute, exitDone, "x"},
		{tree{"main.hcl": provider + "locals { m = " + megabyte + " }\noutput \"x\" { value = [for i in range(100) : local.m] }\n"}, confined.DefaultLimits.Time, exitFailed, "has more than 64 MiB"},
		{tree{"main.hcl": provider + "locals { m = " + megabyte + " }\noutput \"x\" { value = [for i in range(4000) : local.m] }\n"}, confined.DefaultLimits.Time, exitFailed, "has more than 64 MiB"},
	} {
		above := plant(t, tree{"reviewed/main.hcl": provider})
		for name, text := range c.proposed {
			plantIn(t, above, "proposed/"+name, text)
		}
		got := inProcess(t, above, nil, "-C", "proposed", "plan", "--untrusted", "--base", "reviewed", "--sandbox", "--evaluation-timeout", c.time.String())
		judge(got, c.code, c.says)
		if c.code == exitFailed {
			got.refusedInTime(t)
		}
	}
	for _, c := range []struct {
		header, body, says string
	}{
		{"", `{"boxes": ["` + again(17<<20, "x") + `"]}`, "larger than 16 MiB"},
		{"", again(1<<20, "["), "not usable JSON"},
		{"", `{"boxes": [], "next": "/v1/boxes"}`, "in a circle"},
		{"", `{"boxes": [], "next": "` + again(1<<20, "x") + `"}`, "Error"},
		{again(1<<20, "x"), `{}`, "Error"},
	} {
		api := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			w.Header().Set("X", c.header)
			fmt.Fprint(w, c.body)
		}))
		got := inProcess(t, plant(t, tree{"main.hcl": lureStack, "acme.provider.hcl": lureDefinition}),
			[]string{"ACME_TOKEN=x", "ACME_API_URL=" + api.URL + "/v1", "VPSYNC_TRUSTED_HOSTS=" + strings.TrimPrefix(api.URL, "http://")}, "plan", "--refresh", "full")
		api.Close()
		judge(got, exitFailed, c.says)
	}
	matrix.Ran(t, "G3", cases, begun)
}
