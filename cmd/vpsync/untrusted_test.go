package main

import (
	"encoding/json"
	"encoding/xml"
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
	"github.com/vpsync/vpsync/internal/matrix"
	"github.com/vpsync/vpsync/pkg/sandbox"
	"github.com/vpsync/vpsync/pkg/spec"
	"github.com/zclconf/go-cty/cty"
)

// hostile are texts that do something to a terminal, a page or a drawing, or hide what they are.
var hostile = []string{
	// CSI
	"\x1b[2J", "\x1b[H", "\x1b[1;31m", "\x1b[8m", "\x1b[?25l", "\x1b[?1049h", "\x1b[1A\x1b[2K", "\x1b[6n", "\x1b[c", "\x1b[21t",
	// OSC: title, link, clipboard, colours, working folder, and a notification
	"\x1b]0;pwned\x07", "\x1b]2;pwned\x1b\\", "\x1b]8;;https://evil.example\x07click\x1b]8;;\x07", "\x1b]52;c;ZWNobyBwd25lZA==\x07",
	"\x1b]4;1;rgb:00/00/00\x07", "\x1b]7;file:///etc\x07", "\x1b]9;done\x07", "\x1b]1337;File=inline=1:AA==\x07",
	// DCS, APC, PM, SOS, resets, character sets
	"\x1bP1$r0m\x1b\\", "\x1bP+q544e\x1b\\", "\x1b_Gf=100;AA==\x1b\\", "\x1b^pm\x1b\\", "\x1bXsos\x1b\\", "\x1bc", "\x1b(0", "\x1b7\x1b8", "\x1b#8", "\x0e\x0f",
	// C1 as code points
	"\u009b2J", "\u009d0;pwned\u009c", "\u0090q\u009c", "\u0085", "\u0084",
	// Overwriting what is there
	"\rApply complete", "\b\b\b\bsafe", "\x7f\x7f", "\x00", "\x07\x07", "\v\f", "\nApply complete! 0 destroyed", "\r\nroot# ",
	// Directions
	"\u202egnp.exe", "\u202d", "\u2066a\u2069", "\u2067b\u2069", "\u200f", "\u200e", "\u061c",
	// Without width or glyph
	"\u200b", "\u200d", "\u2060", "\ufeff", "\u00ad", "\u115f", "\u2028", "\u2029", "\U000e0041\U000e0042", "\ufe0f", "\ue000", "\u2800",
	// Markdown, HTML, drawings, and what is quoted in them
	"``` \n<script>alert(1)</script>", "<img src=x onerror=alert(1)>", "</text><script>x</script>", "\"];evil->it;\"", "</details>@everyone", "![x](https://evil.example)|a|b|", "%{for x in y}${z}", "::set-output name=x::y",
}

// marked is the n-th of them, with a sign by which it is found again.
func marked(n int) string { return fmt.Sprintf("mk%02d%skm", n, hostile[n]) }

// sinks collects what vpsync printed.
type sinks struct {
	t     *testing.T
	dir   string
	cases int
}

// run runs a command, and looks at all that it printed. Of shown strings the output must hold the signs; it returns the output.
func (s *sinks) run(name string, shown []int, args ...string) string {
	s.t.Helper()
	_, c := vpsync(s.t, s.dir, nil, append([]string{"--sandbox"}, args...)...)
	out := c.String()
	s.holds(name, out, shown)
	return c.stdout.String()
}

// holds: a text that is for eyes holds nothing that is not seen as what it is.
func (s *sinks) holds(name, out string, shown []int) {
	s.t.Helper()
	require.True(s.t, utf8.ValidString(out), name)
	for i, r := range out {
		if r == '\n' {
			continue
		}
		if !unicode.IsGraphic(r) || slices.Contains([]rune{0x115f, 0xfe0f, 0x2800}, r) {
			s.t.Errorf("%s lets %U through: %q", name, r, out[max(0, i-60):min(len(out), i+40)])
			break
		}
	}
	for _, line := range strings.Split(out, "\n") {
		for _, claim := range []string{"Apply complete! 0 destroyed", "root# ", "::set-output"} {
			require.Falsef(s.t, strings.HasPrefix(line, claim), "%s: a line of its own: %q", name, line)
		}
	}
	for _, n := range shown {
		if strings.Contains(out, fmt.Sprintf("mk%02d", n)) {
			s.cases++
		} else {
			s.t.Errorf("%s does not show %d, so it shows nothing of it: %.300s", name, n, out)
			break
		}
	}
}

func (s *sinks) account(do func(*sandbox.Sandbox)) {
	s.t.Helper()
	def, err := embeddedDefinition("servosphere")
	require.NoError(s.t, err)
	at, err := sandbox.Open(def, sandbox.Options{Dir: filepath.Join(s.dir, ".vpsync", "sandbox", "accounts"), Account: "servosphere", Token: sandboxToken})
	require.NoError(s.t, err)
	do(at)
	require.NoError(s.t, at.Close())
}

func newSinks(t *testing.T, stack string) *sinks {
	s := &sinks{t: t, dir: t.TempDir()}
	write(t, s.dir, map[string]string{"main.hcl": "provider \"servosphere\" {}\n" + stack})
	return s
}

func every() []int {
	all := make([]int, len(hostile))
	for i := range all {
		all[i] = i
	}
	return all
}

// asID are those that can be part of an id: what no path can hold is refused as one.
func asID() []int {
	return slices.DeleteFunc(every(), func(n int) bool {
		return strings.ContainsFunc(hostile[n], func(r rune) bool { return r < ' ' || r == 0x7f })
	})
}

// TestUntrusted: whatever an API answers, in whatever place, is shown as what it is wherever vpsync shows it.
func TestUntrusted(t *testing.T) {
	begun := time.Now()
	cases := 0
	for name, test := range map[string]func(*testing.T) *sinks{
		"values": untrustedValues, "names": untrustedKeys, "errors": untrustedErrors, "headers": untrustedHeaders, "ids": untrustedIDs,
	} {
		t.Run(name, func(t *testing.T) {
			s := test(t)
			t.Logf("%s: %d", name, s.cases)
			cases += s.cases
		})
	}
	matrix.Ran(t, "G4", cases, begun)
}

// untrustedValues: attributes of what vpsync manages, and of what it does not.
func untrustedValues(t *testing.T) *sinks {
	s := newSinks(t, fmt.Sprintf(`
server "s" {
  count    = %d
  name     = "s-${count.index}"
  plan     = "vps-small"
  location = "AMS"
}
firewall_rule "r" {
  count      = %d
  name       = "r-${count.index}"
  server_id  = server.s[count.index].id
  protocol   = "tcp"
  port_range = "80"
  source     = "0.0.0.0/0"
  action     = "allow"
}
output "addresses" {
  value = server.s[*].ip_address
}
output "one" {
  value = server.s[0].ip_address
}
`, len(hostile), len(hostile)))
	s.run("first apply", nil, "apply", "--auto-approve")
	s.account(func(at *sandbox.Sandbox) {
		for _, kind := range []string{"server", "firewall_rule"} {
			objects, err := at.Objects(kind)
			require.NoError(t, err)
			for _, o := range objects {
				var n int
				_, err := fmt.Sscanf(o.Values["name"].AsString()[2:], "%d", &n)
				require.NoError(t, err)
				attribute := map[string]string{"server": "ip_address", "firewall_rule": "name"}[kind]
				_, err = at.Set(kind, o.ID, spec.Values{attribute: cty.StringVal(marked(n))})
				require.NoError(t, err)
			}
		}
		for n := range hostile {
			_, err := at.Create("network", spec.Values{"name": cty.StringVal(marked(n)), "cidr": cty.StringVal("10.9.0.0/16")})
			require.NoError(t, err)
		}
	})
	all := every()
	s.run("plan", all, "plan")
	s.run("plan --json", all, "plan", "--json")
	s.run("plan --markdown", all, "plan", "--markdown")
	s.run("plan --out", all, "plan", "--out", filepath.Join(s.dir, "it.vpsplan"))
	s.run("show PLAN", all, "show", filepath.Join(s.dir, "it.vpsplan"))
	s.run("drift", all, "drift")
	s.run("drift --json", all, "drift", "--json")
	s.run("drift --unmanaged", all, "drift", "--unmanaged")
	s.run("debug log", all, "plan", "--refresh", "full", "--log-level", "debug")
	s.run("sandbox list", all, "sandbox", "list")
	s.run("sandbox list --json", all, "sandbox", "list", "--json")
	s.run("apply", all, "apply", "--auto-approve")
	s.run("show", all, "show")
	s.run("show --json", all, "show", "--json")
	s.run("output", all, "output")
	s.run("output --json", all, "output", "--json")
	s.run("output NAME", []int{0}, "output", "one")
	for _, n := range all {
		rule := fmt.Sprintf("firewall_rule.r[%d]", n)
		s.run("state show", []int{n}, "state", "show", fmt.Sprintf("server.s[%d]", n))
		s.run("blame", []int{n}, "blame", fmt.Sprintf("server.s[%d]", n))
		s.run("blame --json", nil, "blame", "--json", rule)
	}
	var history struct {
		Runs []struct{ ID string } `json:"runs"`
	}
	require.NoError(t, json.Unmarshal([]byte(s.run("history --json", nil, "history", "--json")), &history))
	s.run("history RUN", all, "history", history.Runs[0].ID)
	s.run("history RUN --json", all, "history", "--json", history.Runs[0].ID)
	return s
}

// untrustedKeys: names that an API answers become part of addresses.
func untrustedKeys(t *testing.T) *sinks {
	var stack strings.Builder
	stack.WriteString("data \"servers\" \"all\" {}\n")
	const fold = 12 // more instances of a block are drawn as one
	for from := 0; from < len(hostile); from += fold {
		fmt.Fprintf(&stack, `
network "n%d" {
  for_each = toset(slice(data.servers.all.servers[*].name, %d, %d))
  name     = each.key
  cidr     = "10.0.0.0/24"
  lifecycle { on_unsupported = "forget" }
}
`, from/fold, from, min(from+fold, len(hostile)))
	}
	s := newSinks(t, stack.String())
	s.account(func(at *sandbox.Sandbox) {
		for n := range hostile {
			_, err := at.Create("server", spec.Values{"name": cty.StringVal(marked(n)), "plan": cty.StringVal("vps-small"), "location": cty.StringVal("AMS")})
			require.NoError(t, err)
		}
	})
	all := every()
	s.run("plan", all, "plan")
	for _, format := range []string{"dot", "mermaid", "json"} {
		s.run("graph "+format, all, "graph", "--plan", "--format", format)
	}
	drawing := s.run("graph svg", nil, "graph", "--plan", "--format", "svg")
	requireInert(t, drawing)
	s.run("apply", all, "apply", "--auto-approve")
	s.run("plan again", nil, "plan", "--detailed-exitcode")
	s.run("state list", all, "state", "list")
	s.run("state list --json", all, "state", "list", "--json")
	s.run("state verify", nil, "state", "verify")
	s.run("destroy", all, "destroy", "--auto-approve")
	s.run("leftovers", all, "state", "leftovers")
	return s
}

// requireInert: a drawing holds shapes and texts, and nothing that a browser would carry out.
func requireInert(t *testing.T, drawing string) {
	t.Helper()
	d := xml.NewDecoder(strings.NewReader(drawing))
	for {
		token, err := d.Token()
		if err == io.EOF {
			return
		}
		require.NoError(t, err)
		if e, ok := token.(xml.StartElement); ok {
			require.NotContains(t, []string{"script", "img", "image", "foreignObject", "a"}, e.Name.Local)
			for _, a := range e.Attr {
				require.False(t, strings.HasPrefix(strings.ToLower(a.Name.Local), "on"), a.Name.Local)
			}
		}
	}
}

const alerts = `
alert_rule "a" {
  count     = %d
  name      = "a-${count.index}"
  metric    = "cpu"
  threshold = 90
  condition = "greater_than"
}
`

// untrustedErrors: what an API says went wrong.
func untrustedErrors(t *testing.T) *sinks {
	s := newSinks(t, fmt.Sprintf(alerts, len(hostile)))
	all := every()
	body := func(n int) string {
		b, err := json.Marshal(map[string]any{"error": map[string]any{"code": marked(n), "message": marked(n), "details": map[string]any{marked(n): marked(n)}}})
		require.NoError(t, err)
		return string(b)
	}
	refuse := func(request string, n int, at *sandbox.Sandbox) {
		require.NoError(t, at.AddFault(sandbox.Fault{Request: request, Do: sandbox.FaultStatus, Status: http.StatusPaymentRequired, Body: body(n)}))
	}
	for name, args := range map[string][]string{"apply": {"apply"}, "apply --json": {"apply", "--json"}, "apply, logged": {"apply", "--log-level", "debug"}} {
		s.account(func(at *sandbox.Sandbox) {
			for n := range hostile {
				refuse("POST /monitoring/alerts", n, at)
			}
		})
		s.run(name, all, append(args, "--auto-approve")...)
	}
	s.run("history", nil, "history")

	reads := newSinks(t, "network \"n\" {\n  name = \"n\"\n  cidr = \"10.0.0.0/24\"\n}\n")
	commands := [][]string{{"plan"}, {"plan", "--json"}, {"drift", "--unmanaged"}, {"doctor"}, {"doctor", "--json"}}
	for n := range hostile { // each in one of them: what they share is how an error is shown
		args := commands[n%len(commands)]
		reads.account(func(at *sandbox.Sandbox) {
			require.NoError(t, at.ClearFaults())
			refuse("GET /networks", n, at)
		})
		reads.run(strings.Join(args, " "), []int{n}, args...)
	}
	s.cases += reads.cases
	return s
}

// untrustedHeaders: what the head of an answer says.
func untrustedHeaders(t *testing.T) *sinks {
	s := newSinks(t, fmt.Sprintf(alerts, len(hostile)))
	for _, c := range [][2]string{{"Content-Type", "text/%s"}, {"X-RateLimit-Limit", "%s"}, {"Retry-After", "%s"}, {"Location", "https://%s/"}} {
		name, header := c[0], c[1]
		s.account(func(at *sandbox.Sandbox) {
			for n := range hostile {
				status := map[string]int{"Location": http.StatusMovedPermanently, "Retry-After": http.StatusPaymentRequired}[name]
				if status == 0 {
					status = http.StatusForbidden
				}
				require.NoError(t, at.AddFault(sandbox.Fault{Request: "POST /monitoring/alerts", Do: sandbox.FaultStatus, Status: status,
					Header: http.Header{name: {fmt.Sprintf(header, marked(n))}}, Body: "<html>" + marked(n)}))
			}
		})
		shown := every()
		if name == "Location" { // a redirect is told by its host, and a host with such a name is none
			shown = nil
		}
		s.run(name, shown, "apply", "--auto-approve")
		s.account(func(at *sandbox.Sandbox) { require.NoError(t, at.ClearFaults()) })
	}
	s.run("questions", nil, "plan")
	s.run("questions --json", nil, "plan", "--json")
	return s
}

// untrustedIDs: ids of objects that are like what is wanted, so that questions name them.
func untrustedIDs(t *testing.T) *sinks {
	s := newSinks(t, fmt.Sprintf(`
network "n" {
  count = %d
  name  = "n-${count.index}"
  cidr  = "10.0.0.0/24"
  lifecycle { on_unsupported = "forget" }
}
`, len(hostile)))
	shown := asID()
	s.account(func(at *sandbox.Sandbox) {
		for _, n := range shown {
			_, err := at.CreateMany([]spec.Object{{Kind: "network", ID: marked(n), Values: spec.Values{
				"name": cty.StringVal(fmt.Sprintf("n-%d", n)), "cidr": cty.StringVal("10.0.0.0/24"),
			}}})
			require.NoError(t, err)
		}
	})
	s.run("plan", shown, "plan")
	s.run("plan --json", shown, "plan", "--json")
	s.run("drift --unmanaged", shown, "drift", "--unmanaged")
	s.run("apply", shown, "apply", "--auto-approve")
	for _, n := range shown[:5] {
		s.run("import", []int{n}, "import", fmt.Sprintf("network.n[%d]", n), marked(n))
	}
	s.run("adopt", shown[5:], "apply", "--auto-approve", "--adopt")
	s.run("state list", shown, "show")
	return s
}
