// Package pkg_test holds the shape of the whole: which package may know which.
package pkg_test

import (
	"os/exec"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const module = "github.com/vpsync/vpsync/"

// forbidden are the arrows that must not exist, directly or through others, with the reason.
// from and to are package paths inside the module; a to that starts with another host is an outside module,
// and one without a slash or dot is of the standard library.
var forbidden = []struct{ from, to, why string }{
	{"pkg/spec", "pkg/state", "spec is the leaf: a configuration means the same whatever is recorded"},
	{"pkg/spec", "pkg/providers", "spec sees schemas, not the documents or the HTTP behind them"},
	{"pkg/spec", "pkg/plan", "spec is the leaf"},
	{"pkg/spec", "net/http", "evaluating a stack never talks to anybody"},
	{"pkg/spec/confined", "net/http", "a process that evaluates for others talks to nobody but its parent"},
	{"pkg/spec/confined", "pkg/state", "a process that evaluates for others has no secret to lose"},
	{"pkg/state", "pkg/plan", "state remembers; it does not decide"},
	{"pkg/state", "pkg/providers", "state must be readable without any definition"},
	{"pkg/state", "modernc.org/sqlite", "only state/sqlite knows how a state is kept"},
	{"pkg/state", "pkg/git", "only state/gitref knows how a state is kept"},
	{"pkg/git", "pkg/state", "git carries bytes; it does not know of what"},
	{"pkg/git", "pkg/spec", "git carries bytes; it does not know of what"},
	{"pkg/git", "net/http", "the program git speaks to remotes"},
	{"pkg/state/gitref", "pkg/plan", "state remembers; it does not decide"},
	{"pkg/state/gitref", "modernc.org/sqlite", "one backend needs no other"},
	{"pkg/state/sqlite", "pkg/git", "one backend needs no other"},
	{"pkg/plan", "pkg/providers", "planning is pure: it sees schemas, never a client"},
	{"pkg/plan", "pkg/apply", "a plan does not know how it is carried out"},
	{"pkg/plan", "pkg/state/sqlite", "planning reads values, not files"},
	{"pkg/plan", "net/http", "planning performs no I/O"},
	{"pkg/plan", "log/slog", "planning performs no I/O"},
	{"pkg/plan", "modernc.org/sqlite", "planning performs no I/O"},
	{"pkg/plan/render", "pkg/apply", "a rendering shows values; it starts nothing"},
	{"pkg/plan/render", "pkg/providers", "a rendering shows values; it asks nobody"},
	{"pkg/plan/render/graph", "pkg/apply", "a drawing shows values; it starts nothing"},
	{"pkg/plan/render/graph", "pkg/providers", "a drawing shows values; it asks nobody"},
	{"pkg/plan/render/graph", "net/http", "a drawing performs no I/O"},
	{"pkg/providers", "pkg/state", "an engine that knew the state would be tempted to decide"},
	{"pkg/providers", "pkg/plan", "an engine carries out; it does not decide"},
	{"pkg/providers", "pkg/sandbox", "the client must not know whether its server is real"},
	{"pkg/sandbox", "pkg/state", "the emulator judges the client and must not share its memory"},
	{"pkg/sandbox", "pkg/plan", "the emulator is an API, and APIs do not plan"},
	{"pkg/sandbox", "pkg/apply", "the emulator is an API, and APIs do not apply"},
	{"pkg/apply", "pkg/sandbox", "apply must not know whether the account is real"},
	{"pkg/apply", "pkg/state/sqlite", "apply writes through the Store contract"},
	{"pkg/apply", "pkg/state/gitref", "apply writes through the Store contract"},
	{"pkg/apply", "github.com/spf13/cobra", "flags live in cmd/vpsync"},
	{"pkg/github", "pkg/plan", "a client of GitHub carries texts; what they are about is the caller's"},
	{"pkg/github", "pkg/spec", "a client of GitHub evaluates nothing"},
	{"pkg/github", "pkg/apply", "a client of GitHub starts nothing"},
	{"pkg/daemon", "pkg/providers", "a daemon decides when; what is done then is given to it"},
	{"pkg/daemon", "pkg/state", "a daemon has a memory of its own, and no secret in it"},
	{"pkg/daemon", "pkg/plan", "a daemon sees reports, not plans"},
	{"pkg/daemon", "pkg/apply", "a daemon decides when; what is done then is given to it"},
	{"pkg/daemon", "pkg/git", "where files come from is injected"},
	{"pkg/daemon/source", "pkg/state", "who fetches files has no business with what is recorded"},
	{"pkg/git", "pkg/spec", "git is run by itself: it knows no stack"},
	{"pkg/plan/render/escape", "pkg/plan", "whatever shows text may use it"},
	{"pkg/daemon/web", "pkg/providers", "a page shows a snapshot; it asks no API"},
	{"pkg/daemon/web", "pkg/state", "a page shows a snapshot; what is not in it cannot leak through it"},
	{"pkg/daemon/web", "pkg/apply", "a page asks the daemon for changes; it carries out none"},
	{"pkg/daemon/notify", "pkg/providers", "a notification tells a snapshot; it asks no API"},
	{"pkg/daemon/notify", "pkg/state", "a notification tells a snapshot; what is not in it cannot leak through it"},
	{"pkg/daemon/notify", "pkg/apply", "a notification carries out nothing"},
	{"examples/own-provider/tern", "pkg", "a host that shared code with its client would prove nothing"},
}

func TestArrows(t *testing.T) {
	deps := map[string]map[string]bool{}
	for _, f := range forbidden {
		if deps[f.from] == nil {
			deps[f.from] = dependencies(t, f.from)
		}
		to := f.to
		if strings.HasPrefix(to, "pkg/") {
			to = module + to
		}
		if f.to == "pkg" {
			for d := range deps[f.from] {
				require.Falsef(t, strings.HasPrefix(d, module+"pkg/"), "%s must not know %s: %s", f.from, d, f.why)
			}
		}
		require.Falsef(t, deps[f.from][to], "%s must not know %s: %s", f.from, f.to, f.why)
	}
}

// TestOneImporterOfTheDriver holds that the database driver has one door.
func TestOneImporterOfTheDriver(t *testing.T) {
	out := golist(t, "-f", `{{.ImportPath}} {{join .Imports " "}}`, module+"...")
	for line := range strings.Lines(out) {
		fields := strings.Fields(line)
		for _, imported := range fields[1:] {
			if strings.HasPrefix(imported, "modernc.org/sqlite") {
				require.Equal(t, module+"pkg/state/sqlite", fields[0])
			}
		}
	}
}

func dependencies(t *testing.T, pkg string) map[string]bool {
	t.Helper()
	set := map[string]bool{}
	for line := range strings.Lines(golist(t, "-deps", module+pkg)) {
		set[strings.TrimSpace(line)] = true
	}
	require.Truef(t, set[module+pkg], "go list knows no %s", pkg)
	return set
}

func golist(t *testing.T, args ...string) string {
	t.Helper()
	out, err := exec.Command("go", append([]string{"list"}, args...)...).Output()
	require.NoError(t, err)
	return string(out)
}
