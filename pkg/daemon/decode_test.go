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
    url  = "https://ada:pass@example.com/stacks.git"
    path = "mail"
  }
}
`), "vpsyncd.hcl", "/etc/vpsync")
	require.Empty(t, diags)
	require.Equal(t, "/etc/vpsync/data", c.Data)
	require.Equal(t, 2, c.Parallel)
	mail, web := c.Stacks[0], c.Stacks[1]
	require.Equal(t, "https://example.com/stacks.git main mail", mail.Source())
	require.Equal(t, &Git{URL: "https://ada:pass@example.com/stacks.git", Branch: "main", Path: "mail", Poll: DefaultPoll}, mail.Git)
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
		in("windows {\nallow { }\n}"):             "4 Missing argument",
		in("windows {\nallow {\nopens = \"@daily\"\nlasts = \"200h\"\n}\n}"): "6 Wrong duration",
		"stack \"web\" {\n  git { url = \"ext::sh\" }\n}":                    "2 No repository",
		`stack "web" {
  git {
    url  = "https://example.com"
    path = "../x"
  }
}`: "4 Outside of the repository",
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
