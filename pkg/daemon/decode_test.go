package daemon

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestDecodeConfig(t *testing.T) {
	c, diags := DecodeConfig([]byte(`
data     = "data"
parallel = 2

listen {
  address   = "0.0.0.0:443"
  names     = ["vpsync.example.com"]
  token_env = "YES"
}

notify "ops" {
  kind       = "webhook"
  url_env    = "OPS_URL"
  secret_env = "OPS_SECRET"
}

notify "all" {
  kind    = "slack"
  url_env = "SLACK_URL"
}

stack "web" {
  folder        = "web"
  mode          = "heal"
  allow_destroy = true
  schedule      = "30 2 * * *"
  zone          = "Europe/Berlin"
  jitter        = "90s"
  var_files     = ["web.vars.hcl", "/etc/secrets.hcl"]

  windows {
    allow {
      opens = "0 22 * * *"
      lasts = "4h"
    }
    deny {
      opens = "0 0 24 12 *"
      lasts = "72h"
      zone  = "UTC"
    }
  }
}

stack "mail" {
  git {
    url                = "ssh://git@example.com/stacks.git"
    path               = "mail"
    webhook_secret_env = "MAIL_HOOK"
  }
}
`), "vpsyncd.hcl", "/etc/vpsync")
	require.Empty(t, diags)
	require.Equal(t, "/etc/vpsync/data", c.Data)
	require.Equal(t, 2, c.Parallel)
	require.Equal(t, Listen{Address: "0.0.0.0:443", Names: []string{"vpsync.example.com"}, TokenEnv: "YES"}, c.Listen)
	require.Equal(t, []string{"all", "ops"}, []string{c.Notify[0].Name, c.Notify[1].Name})
	require.Equal(t, "OPS_SECRET", c.Notify[1].SecretEnv)
	mail, web := c.Stacks[0], c.Stacks[1]
	require.Equal(t, "ssh://git@example.com/stacks.git main mail", mail.Source())
	require.Equal(t, &Git{URL: "ssh://git@example.com/stacks.git", Branch: "main", Path: "mail", Poll: DefaultPoll, HookSecretEnv: "MAIL_HOOK"}, mail.Git)
	require.Equal(t, Observe, mail.Mode)
	require.Equal(t, DefaultSchedule, mail.Schedule.String())
	require.Equal(t, "/etc/vpsync/web", web.Source())
	require.Equal(t, Heal, web.Mode)
	require.True(t, web.AllowDestroy)
	require.Equal(t, 90*time.Second, web.Jitter)
	require.Equal(t, []string{"/etc/vpsync/web.vars.hcl", "/etc/secrets.hcl"}, web.VarFiles)
	require.Equal(t, "Europe/Berlin", web.Windows.Allow[0].Opens.Zone().String())
	require.Equal(t, "UTC", web.Windows.Deny[0].Opens.Zone().String())
	require.Equal(t, 72*time.Hour, web.Windows.Deny[0].Lasts)
}

// TestDecodeConfigRefuses: each mistake is said with its place and a remedy, all at once.
func TestDecodeConfigRefuses(t *testing.T) {
	in := func(text string) string { return "stack \"web\" {\n  folder = \"web\"\n  " + text + "\n}\n" }
	for text, want := range map[string]string{
		``:                             "1 Nothing to look after",
		`stack "web" {`:                "1 Unclosed configuration block",
		`stack { folder = "x" }`:       "1 Wrong number of labels",
		`stack "a b" { folder = "x" }`: "1 Not a name",
		`stack "web" { }`:              "1 No source",
		in(`git { url = "https://example.com" }`): "2 Two sources",
		in(`shedule = "@daily"`):                  "3 Unknown argument",
		in(`window { }`):                          "3 Unknown block",
		in(`schedule = "61 * * * *"`):             "3 Not a schedule",
		in(`schedule = "@every 1s"`):              "3 Not a schedule",
		in(`zone = "Mars/Olympus"`):               "3 Unknown zone",
		in(`mode = "fix"`):                        "3 Unknown mode",
		in(`mode = 5`):                            "3 Wrong type",
		in(`mode = var.x`):                        "3 Not written out",
		in(`allow_destroy = true`):                "3 Nothing to allow",
		in(`jitter = "soon"`):                     "3 Wrong duration",
		in(`var_files = [null]`):                  "3 Wrong type",
		in("windows { }\nwindows { }"):            "4 Two blocks of a kind",
		in("windows {\nallow {\nopens = \"@every 2h\"\nlasts = \"1h\"\n}\n}"): "5 Not a time",
		in("windows {\nallow { }\n}"):                                         "4 Missing argument",
		in("windows {\nallow {\nopens = \"@daily\"\nlasts = \"200h\"\n}\n}"):  "6 Wrong duration",
		"stack \"web\" {\n  git { url = \"ext::sh\" }\n}":                     "2 No repository",
		`stack "web" {
  git {
    url  = "https://example.com"
    path = "../x"
  }
}`: "4 Outside of the repository",
		"stack \"web\" {\n  git { url = \"https://ada:pass@example.com\" }\n}":                                             "2 No repository",
		"stack \"web\" {\n  git { url = \"https://ghp_token@example.com/x\" }\n}":                                          "2 No repository",
		"stack \"web\" {\n  git { url = \"https://example.com/x?private_token=1\" }\n}":                                    "2 No repository",
		"stack \"web\" {\n  git {\nurl = \"https://x.example\"\nwebhook_secret_env = \"a b\"\n}\n}":                        "4 Not a variable",
		"listen { address = \"8642\" }\n" + in(""):                                                                         "1 Not an address",
		"listen { address = \"localhost:http\" }\n" + in(""):                                                               "1 Not an address",
		"listen { names = [\"https://x.example\"] }\n" + in(""):                                                            "1 Not a name",
		"notify \"a\" {\nkind = \"mail\"\nurl_env = \"A\"\n}\n" + in(""):                                                   "2 Unknown kind",
		"notify \"a\" { kind = \"slack\" }\n" + in(""):                                                                     "1 Missing argument",
		"notify \"a\" {\nkind = \"webhook\"\nurl_env = \"A\"\n}\n" + in(""):                                                "1 Missing argument",
		"notify \"a\" {\nkind = \"slack\"\nurl_env = \"A\"\nsecret_env = \"B\"\n}\n" + in(""):                              "4 Nothing to sign",
		"stack \"a\" {\n  git { url = \"https://x.example\" }\n}\nstack \"b\" {\n  git { url = \"https://x.example\" }\n}": "4 Two stacks from one place",
		in("") + in(""): "5 Two stacks of a name",
		in("") + strings.Replace(in(""), "web", "mail", 1): "5 Two stacks with one state",
		"parallel = 0\n" + in(""):                          "1 Wrong number",
	} {
		c, diags := DecodeConfig([]byte(text), "vpsyncd.hcl", "/etc/vpsync")
		require.Nil(t, c, text)
		require.NotEmpty(t, diags, text)
		line, summary, _ := strings.Cut(want, " ")
		require.Equal(t, summary, diags[0].Summary, text)
		require.Equal(t, "vpsyncd.hcl line "+line, diags[0].Range.String(), text)
		require.True(t, strings.HasSuffix(diags[0].Detail, ".") || strings.HasSuffix(diags[0].Detail, "?"), diags[0].Detail)
	}
}

// FuzzDecodeConfig: whatever a file holds, it is refused with a place in it, or makes sense.
func FuzzDecodeConfig(f *testing.F) {
	f.Add([]byte("stack \"web\" {\n folder = \"x\"\n schedule = \"@daily\"\n}\n"))
	f.Add([]byte("stack \"web\" {\n git {\n url = \"https://x\"\n }\n windows {\n allow {\n opens = \"* * * * *\"\n lasts = \"1h\"\n}\n}\n}"))
	f.Fuzz(func(t *testing.T, src []byte) {
		c, diags := DecodeConfig(src, "vpsyncd.hcl", "/etc")
		if c == nil {
			require.NotEmpty(t, diags)
			return
		}
		for _, s := range c.Stacks {
			require.NotNil(t, s.Schedule)
			require.NotEmpty(t, s.Source())
		}
	})
}
