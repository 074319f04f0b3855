//go:build unix

package main

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

// parrotDefinition is lureDefinition with what an API may repeat a secret in.
var parrotDefinition = strings.NewReplacer(`  create {`, `  attribute "contact" {
    description = "Who is asked about it."
    type        = string
    on_change   = "update"
    on_remove   = "clear"
    optional    = true
  }

  attribute "note" {
    description    = "What is said of it."
    type           = string
    on_change      = "update"
    on_remove      = "default"
    optional       = true
    server_default = "none"
  }

  attribute "owner" {
    description = "Whose it is."
    type        = string
    on_change   = "update"
    optional    = true
  }

  update {
    documented = true
    request    = "PATCH /boxes/{id}"
    sends      = ["contact", "note", "owner"]
  }

  create {`, `sends      = ["name"]`, `sends      = ["name", "contact", "note", "owner"]`).Replace(lureDefinition) + `
data "motto" {
  description = "What the account says."
  request     = "GET /motto"
  documented  = true

  attribute "text" { type = string }
}
`

// parrot is an account of boxes, which keeps what it is sent but for what it is told to say instead.
type parrot struct {
	mu     sync.Mutex
	boxes  []map[string]any
	says   map[string]any // of each box, whatever it holds
	id     string         // of the next box
	made   int
	writes []string

	repeats bool // an answer to an update says what is always said, too
}

func (p *parrot) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	defer p.mu.Unlock()
	w.Header().Set("Content-Type", "application/json")
	at := slices.IndexFunc(p.boxes, func(b map[string]any) bool { return b["id"] == path.Base(r.URL.Path) })
	sent := map[string]any{}
	if r.Method != http.MethodGet && r.Method != http.MethodDelete {
		if err := json.NewDecoder(r.Body).Decode(&sent); err != nil {
			panic(err)
		}
		text, _ := json.Marshal(sent)
		p.writes = append(p.writes, r.Method+" "+string(text))
	}
	said := func(box map[string]any) map[string]any {
		out := map[string]any{"note": "none"}
		for _, layer := range []map[string]any{box, p.says} {
			for name, v := range layer {
				out[name] = v
			}
		}
		return out
	}
	var answer any
	switch {
	case r.Method == http.MethodPost:
		p.made++
		if sent["id"] = p.id; p.id == "" {
			sent["id"] = fmt.Sprint("bx_", p.made)
		}
		p.boxes = append(p.boxes, sent)
		answer = said(sent)
	case r.Method == http.MethodPatch && at >= 0:
		for name, v := range sent {
			p.boxes[at][name] = v
		}
		sent["id"] = p.boxes[at]["id"] // the rest of it goes without saying
		if answer = sent; p.repeats {
			answer = said(sent)
		}
	case r.Method == http.MethodDelete && at >= 0:
		p.boxes, answer = slices.Delete(p.boxes, at, at+1), map[string]any{}
	case path.Base(r.URL.Path) == "motto":
		answer = p.says
	case r.Method == http.MethodGet:
		all := []any{}
		for _, b := range p.boxes {
			all = append(all, said(b))
		}
		answer = map[string]any{"boxes": all}
	default:
		w.WriteHeader(http.StatusNotFound)
		answer = map[string]any{}
	}
	_ = json.NewEncoder(w).Encode(answer)
}

// set has every box be so, whoever did it.
func (p *parrot) set(name string, v any) {
	for _, b := range p.boxes {
		b[name] = v
	}
}

// TestRepeatedSecrets: a secret that an account repeats, in an id or in what a stack may set, is neither shown nor recorded, and nothing
// is lost for it.
func TestRepeatedSecrets(t *testing.T) {
	t.Parallel()
	token := canary{"token", "kqzjwxvhpbKQZJWXVHPBkqzjwxvhpb"} // an id could be so
	const one = "provider \"acme\" { definition = \"./acme.provider.hcl\" }\nbox \"one\" {\n  name = \"one\"\n%s}\n"
	begin := func(t *testing.T, attributes string) (account *parrot, does func(code int, args ...string) carriedOut, edit func(string)) {
		account = &parrot{}
		account.mu.Lock() // the test has it, but while a command runs
		server := httptest.NewServer(account)
		t.Cleanup(server.Close)
		dir := plant(t, tree{"acme.provider.hcl": parrotDefinition})
		edit = func(attributes string) { plantIn(t, dir, "main.hcl", fmt.Sprintf(one, attributes)) }
		edit(attributes)
		return account, func(code int, args ...string) carriedOut {
			t.Helper()
			account.mu.Unlock()
			defer account.mu.Lock()
			got := inProcess(t, dir, []string{
				"ACME_TOKEN=" + token.text, "ACME_API_URL=" + server.URL, "VPSYNC_TRUSTED_HOSTS=" + strings.TrimPrefix(server.URL, "http://"),
			}, append(args, "--log-level=debug")...)
			require.Equal(t, code, got.code, "%v\n%s", args, got.said())
			require.Empty(t, leaks([]byte(got.said()), []canary{token}), "%v", args)
			require.NoError(t, filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
				if err != nil || e.IsDir() {
					return err
				}
				data, err := os.ReadFile(path)
				require.Empty(t, leaks(data, []canary{token}), "%s after %v", path, args)
				return err
			}))
			return got
		}, edit
	}
	const tells = "the id of an object repeats a secret"
	flat := func(got carriedOut) string { return strings.Join(strings.Fields(got.said()), " ") }
	settled := func(t *testing.T, does func(int, ...string) carriedOut) {
		t.Helper()
		does(exitDone, "plan", "--detailed-exitcode")
		does(exitDone, "show")
		does(exitDone, "show", "--json")
		does(exitDone, "history", "--json")
		does(exitDone, "blame", "box.one")
	}

	t.Run("the id of a new object", func(t *testing.T) {
		t.Parallel()
		account, does, _ := begin(t, "")
		account.id = token.text
		require.Contains(t, flat(does(exitIncomplete, "apply", "--auto-approve")), tells)
		does(exitDone, "show")
		require.Contains(t, flat(does(exitFailed, "apply", "--auto-approve")), tells)
		require.Contains(t, flat(does(exitFailed, "doctor")), tells)
		account.set("id", "bx_7")
		does(exitDone, "apply", "--auto-approve")
		require.Equal(t, 1, account.made, "it was made twice")
		require.Contains(t, does(exitDone, "show", "--json").stdout, "bx_7")
		settled(t, does)
	})
	t.Run("the id of somebody else's", func(t *testing.T) {
		t.Parallel()
		account, does, _ := begin(t, "")
		account.boxes = []map[string]any{{"id": "x" + token.text, "name": "one"}}
		for _, command := range [][]string{{"plan"}, {"plan", "--json"}, {"drift", "--unmanaged"}, {"import", "box.one", "bx_1"}} {
			require.Contains(t, flat(does(exitFailed, command...)), tells, command)
		}
	})
	t.Run("what a data block asks for", func(t *testing.T) {
		t.Parallel()
		account, does, edit := begin(t, "  note = data.motto.all.text\n}\ndata \"motto\" \"all\" {}\noutput \"motto\" {\n  value = data.motto.all.text\n")
		account.says = map[string]any{"text": "it is " + token.text}
		require.Contains(t, does(exitFailed, "plan").stderr, "sensitive")
		const sensitive = "  note = data.motto.all.text\n}\ndata \"motto\" \"all\" {}\noutput \"motto\" {\n  value     = data.motto.all.text\n  sensitive = true\n"
		edit(sensitive)
		does(exitDone, "plan", "--json")
		does(exitDone, "plan", "--out", "it.plan")
		does(exitDone, "apply", "--auto-approve")
		settled(t, does)
		does(exitDone, "output", "--json")
		reviewed := plant(t, tree{"main.hcl": fmt.Sprintf(one, sensitive), "acme.provider.hcl": parrotDefinition}) // has no state
		require.Contains(t, does(exitNeedsAnswer, "plan", "--untrusted", "--base", reviewed).stdout, "note: (sensitive)")
	})
	t.Run("somebody else's object", func(t *testing.T) {
		t.Parallel()
		account, does, _ := begin(t, "")
		account.boxes = []map[string]any{{"id": "bx_5", "name": "of " + token.text, "contact": token.text}}
		require.Contains(t, does(exitChanges, "drift", "--unmanaged").stdout, "bx_5")
		does(exitChanges, "drift", "--unmanaged", "--json")
		does(exitDone, "plan", "--json")
	})
	for name, value := range map[string]string{"whole": token.text, "within": "call " + token.text + ", or " + token.text[:14]} {
		t.Run("drift, "+name, func(t *testing.T) {
			t.Parallel()
			account, does, edit := begin(t, "  contact = \"us\"\n")
			does(exitDone, "apply", "--auto-approve")
			account.set("contact", value)
			account.set("note", value) // which the stack does not name
			for _, command := range [][]string{{"plan"}, {"plan", "--json"}, {"plan", "--markdown"}, {"plan", "--out", "drift.vpsplan"}, {"drift"}, {"drift", "--json"}} {
				code := exitDone
				if command[0] == "drift" {
					code = exitChanges
				}
				got := does(code, command...)
				require.Contains(t, got.stdout, "contact", "%v: nobody is told that it changed", command)
				if !slices.Contains(command, "--json") {
					require.Contains(t, got.stdout, "(sensitive)", "%v", command)
				}
			}
			does(exitChanges, "plan", "--detailed-exitcode")
			does(exitDone, "apply", "drift.vpsplan")
			require.Equal(t, `PATCH {"contact":"us"}`, account.writes[len(account.writes)-1])
			settled(t, does)
			edit("  contact = \"us\"\n  note = \"mine\"\n  owner = \"me\"\n")
			does(exitDone, "apply", "--auto-approve")
			settled(t, does)
			account.set("note", value)
			account.set("owner", value)
			edit("") // what is sent where nothing is named any more does not depend on what there was
			require.Contains(t, does(exitDone, "plan").stdout, "no longer managed, stays (sensitive)")
			does(exitDone, "apply", "--auto-approve")
			require.Equal(t, `PATCH {"contact":null,"note":"none"}`, account.writes[len(account.writes)-1])
			settled(t, does)
		})
	}
	t.Run("whatever is sent", func(t *testing.T) {
		t.Parallel()
		account, does, edit := begin(t, "  contact = \"us\"\n")
		account.says = map[string]any{"contact": token.text}
		account.repeats = true
		does(exitIncomplete, "apply", "--auto-approve")
		require.Contains(t, flat(does(exitDone, "plan")), "did not converge")
		settled(t, does)
		edit("  contact = \"them\"\n")
		does(exitIncomplete, "apply", "--auto-approve")
		require.Equal(t, `PATCH {"contact":"them"}`, account.writes[1])
		settled(t, does)
		account.says, account.repeats = nil, false
		settled(t, does)
		does(exitDone, "apply", "--auto-approve")
		account.set("contact", "others")
		require.Contains(t, does(exitChanges, "plan", "--detailed-exitcode").stdout, `"others"`)
		require.Len(t, account.writes, 2, "it was sent again")
	})
	t.Run("whatever is sent, one day", func(t *testing.T) {
		t.Parallel()
		account, does, _ := begin(t, "  contact = \"us\"\n")
		does(exitDone, "apply", "--auto-approve")
		account.says, account.repeats = map[string]any{"contact": token.text}, true
		does(exitIncomplete, "apply", "--auto-approve")
		settled(t, does)
		require.Len(t, account.writes, 2, "it was not sent once")
	})
	for _, how := range []string{"import", "adopt"} {
		t.Run(how, func(t *testing.T) {
			t.Parallel()
			account, does, _ := begin(t, "  contact = \"us\"\n")
			account.boxes = []map[string]any{{"id": "bx_5", "name": "one", "contact": token.text, "note": token.text}}
			if how == "import" {
				does(exitDone, "import", "box.one", "bx_5")
				does(exitChanges, "plan", "--detailed-exitcode")
			}
			does(exitDone, "apply", "--auto-approve", "--adopt")
			require.Equal(t, []string{`PATCH {"contact":"us"}`}, account.writes)
			settled(t, does)
		})
	}
}
