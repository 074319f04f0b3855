package notify

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/vpsync/vpsync/internal/hostile"
	"github.com/vpsync/vpsync/internal/matrix"
	"github.com/vpsync/vpsync/pkg/daemon"
	"github.com/vpsync/vpsync/pkg/plan/render/escape"
)

var noon = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

func drift(names ...string) []daemon.Drift {
	var all []daemon.Drift
	for _, n := range names {
		all = append(all, daemon.Drift{Address: "server." + n, Attribute: "plan", Was: `"a"`, Is: `"b"`})
	}
	return all
}

// story is a stack as it is turn after turn, and what is told of each.
type turn struct {
	is   daemon.StackState
	told []string
}

func TestStep(t *testing.T) {
	clean := daemon.StackState{Condition: daemon.InSync, Report: &daemon.Report{}}
	has := func(names ...string) daemon.StackState {
		return daemon.StackState{Condition: daemon.Drifted, Report: &daemon.Report{Drifted: drift(names...)}}
	}
	failing := func(s daemon.StackState, why string) daemon.StackState {
		s.Condition, s.Failures, s.Error = daemon.Failing, 1, why
		return s
	}
	past := func(s daemon.StackState, hours ...int) daemon.StackState { // the newest first
		for _, h := range hours {
			s.Healed = append(s.Healed, daemon.Past{Drift: drift("web")[0], Until: noon.Add(time.Duration(h) * time.Hour), By: "r-1"})
		}
		return s
	}
	asks := func(what ...string) daemon.StackState {
		s := daemon.StackState{Condition: daemon.Asking, Report: &daemon.Report{}}
		for _, w := range what {
			s.Report.Questions = append(s.Report.Questions, daemon.Question{Summary: w})
		}
		return s
	}
	other := has("web")
	other.Report.Drifted[0].Is = `"c"`
	for name, story := range map[string][]turn{
		"drift is told once":               {{clean, nil}, {has("web"), []string{"drift found 1"}}, {has("web"), nil}, {has("web"), nil}},
		"an attribute that keeps drifting": {{clean, nil}, {has("web"), []string{"drift found 1"}}, {other, nil}},
		"more drift":                       {{clean, nil}, {has("web"), []string{"drift found 1"}}, {has("db", "web"), []string{"more drift 1"}}, {has("db"), nil}, {has("db", "web"), []string{"more drift 1"}}},
		"healed by a run":                  {{clean, nil}, {has("web"), []string{"drift found 1"}}, {past(clean, 1), []string{"healed 1 by r-1"}}, {past(clean, 1), nil}},
		"healed, part by part":             {{has("db", "web"), nil}, {past(has("db"), 1), nil}, {past(clean, 2, 1), []string{"healed 2 by r-1"}}},
		"put back by somebody":             {{has("web"), nil}, {clean, []string{"healed 1"}}},
		"found and healed in one turn":     {{clean, nil}, {past(clean, 1), []string{"healed 1 by r-1"}}, {past(clean, 1), nil}, {past(clean, 2, 1), []string{"healed 1 by r-1"}}},
		"what was before is not told":      {{past(has("web"), 1), nil}, {past(has("web"), 1), nil}, {past(clean, 2, 1), []string{"healed 1 by r-1"}}},
		"after a restart":                  {{daemon.StackState{Condition: daemon.Unknown}, nil}, {has("web"), []string{"drift found 1"}}},
		"failures":                         {{clean, nil}, {failing(clean, "503"), []string{"failed"}}, {failing(clean, "504"), nil}, {clean, []string{"recovered"}}, {clean, nil}},
		"a failure hides no drift":         {{has("web"), nil}, {failing(has("web"), "503"), []string{"failed"}}, {has("web"), []string{"recovered"}}},
		"recovered with drift":             {{failing(clean, "503"), nil}, {has("web"), []string{"recovered", "drift found 1"}}},
		"nothing known is no recovery":     {{failing(daemon.StackState{}, "503"), nil}, {daemon.StackState{Condition: daemon.Unknown}, nil}},
		"questions":                        {{clean, nil}, {asks("a"), []string{"question asked"}}, {asks("a"), nil}, {asks("a", "b"), []string{"question asked"}}, {clean, nil}, {asks("a"), []string{"question asked"}}},
	} {
		t.Run(name, func(t *testing.T) {
			var m Memory
			for i, turn := range story {
				turn.is.Name = "shop"
				var notices []Notice
				m, notices = Step(m, daemon.Snapshot{Now: noon.Add(time.Duration(i) * time.Hour), Stacks: []daemon.StackState{turn.is}})
				var told []string
				for _, n := range notices {
					line := string(n.What)
					if len(n.Drift) > 0 {
						line += " " + string(rune('0'+len(n.Drift)))
					}
					if n.By != "" {
						line += " by " + n.By
					}
					told = append(told, line)
					require.Equal(t, "shop", n.Stack)
				}
				require.Equal(t, turn.told, told, "turn %d", i)
			}
		})
	}
}

// TestNewStack: a stack that is added later is told of; one that is taken away is forgotten.
func TestNewStack(t *testing.T) {
	one := daemon.StackState{Name: "one", Report: &daemon.Report{}}
	two := daemon.StackState{Name: "two", Report: &daemon.Report{Drifted: drift("web")}}
	m, _ := Step(Memory{}, daemon.Snapshot{Stacks: []daemon.StackState{one}})
	m, told := Step(m, daemon.Snapshot{Stacks: []daemon.StackState{one, two}})
	require.Len(t, told, 1)
	m, _ = Step(m, daemon.Snapshot{Stacks: []daemon.StackState{one}})
	_, told = Step(m, daemon.Snapshot{Stacks: []daemon.StackState{two}})
	require.Len(t, told, 1)
}

func TestRender(t *testing.T) {
	found := &Notice{What: DriftFound, Stack: "shop", At: noon, Drift: drift("web")}
	r, err := render(found, Slack, "")
	require.NoError(t, err)
	require.JSONEq(t, `{"text": "*drift found* on `+"`shop`\\n• `server.web` `plan`: `\\\"a\\\"` → `\\\"b\\\"`"+`", "parse": "none", "unfurl_links": false, "unfurl_media": false}`, string(r.body))
	r, err = render(found, Discord, "")
	require.NoError(t, err)
	require.Contains(t, string(r.body), `"allowed_mentions":{"parse":[]},"flags":4`)
	r, err = render(found, Webhook, "key")
	require.NoError(t, err)
	require.JSONEq(t, `{"format_version": "1.0", "id": "`+id(found)+`", "event": "drift found", "stack": "shop", "at": "2026-11-21T12:00:00Z", "drifted": 0,
		"drift": [{"address": "server.web", "account": "", "id": "", "attribute": "plan", "was": "\"a\"", "is": "\"b\"", "mode": ""}]}`, string(r.body))
	// printf '%s' BODY | openssl dgst -sha256 -hmac key
	require.Regexp(t, `^sha256=[0-9a-f]{64}$`, r.header.Get(SignatureHeader))
	other, err := render(found, Webhook, "kez")
	require.NoError(t, err)
	require.Equal(t, r.body, other.body)
	require.NotEqual(t, r.header.Get(SignatureHeader), other.header.Get(SignatureHeader))
	_, err = render(found, "pager", "")
	require.ErrorContains(t, err, "slack, discord and webhook")
}

// TestLong: what is told to people is short, whatever there is to tell.
func TestLong(t *testing.T) {
	n := &Notice{What: MoreDrift, Stack: strings.Repeat("s", 500), Drifted: 700}
	for range 700 {
		n.Drift = append(n.Drift, daemon.Drift{Address: strings.Repeat("ä", 5000), Attribute: strings.Repeat("é", 5000), Was: strings.Repeat("x", 5000)})
	}
	got := text(n, inDiscord)
	require.Less(t, len([]rune(got)), 2000)
	require.Regexp(t, `lines left out: \d+$`, got)
	got = text(n, inSlack)
	require.Less(t, len([]rune(got)), inSlack.most+40)
	require.Regexp(t, `and 690 more$`, got)
}

// TestHostileNotices: foreign text stands in code, which it cannot end, and JSON holds it as it is.
func TestHostileNotices(t *testing.T) {
	begun, cases := time.Now(), 0
	texts := append([]string{"`@everyone` <!channel> <@U1>", "``` @here\n> quoted\n# head", "[a](https://evil.example) *b* _c_ ~d~ ||e||", "`` x ``", "`", "\\`\\"}, hostile.Texts...)
	for _, foreign := range texts {
		d := daemon.Drift{Address: foreign, Account: foreign, ID: foreign, Attribute: foreign, Was: foreign, Is: foreign}
		q := daemon.Question{Address: foreign, Summary: foreign, Remedy: foreign}
		for _, what := range []What{DriftFound, Healed, Failed, Asked} {
			n := &Notice{What: what, Stack: foreign, At: noon, Commit: foreign, Drift: []daemon.Drift{d}, By: foreign, Error: foreign, Questions: []daemon.Question{q}}
			slack, discord := text(n, inSlack), text(n, inDiscord)
			require.Equal(t, escape.Lines(slack), slack)
			require.NotContains(t, slack, "<", "nothing to mention or link")
			require.NotContains(t, slack, ">")
			require.Equal(t, frame(text(&Notice{What: what, Stack: "s", Drift: drift("x"), By: "r", Error: "e", Questions: []daemon.Question{{Address: "a", Summary: "s", Remedy: "r"}}}, inSlack), "`"), frame(slack, "`"), "%q", foreign)
			require.Equal(t, frame(text(&Notice{What: what, Stack: "s", Drift: drift("x"), By: "r", Error: "e", Questions: []daemon.Question{{Address: "a", Summary: "s", Remedy: "r"}}}, inDiscord), "``"), frame(discord, "``"), "%q", foreign)
			r, err := render(n, Webhook, "key")
			require.NoError(t, err)
			require.Equal(t, escape.Lines(string(r.body)), string(r.body))
			var back Notice
			require.NoError(t, json.Unmarshal(r.body, &back))
			require.Equal(t, string([]rune(foreign)), back.Drift[0].Was)
			cases += 3
		}
	}
	matrix.Ran(t, "G6n", cases, begun)
}

// frame is a text without what stands in code.
func frame(text, fence string) string {
	parts := strings.Split(text, fence)
	var out []string
	for i := 0; i < len(parts); i += 2 {
		out = append(out, parts[i])
	}
	return strings.Join(out, "·")
}
