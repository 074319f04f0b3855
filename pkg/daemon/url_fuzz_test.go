package daemon

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// FuzzURL: a repository's URL that a configuration may have holds no password, starts no program, and is no flag of git's.
func FuzzURL(f *testing.F) {
	for _, url := range []string{
		"https://github.com/acme/infra.git", "git@github.com:acme/infra.git", "ssh://git@example.com:22/x", "file:///srv/x", "../x", "x",
		"https://ada:secret@example.com/x", "https://ada@example.com/x", "ext::sh -c id", "--upload-pack=id", "https://a:b@c@d/x", "https://a/b:c@d", "://:@", "ssh://-oProxyCommand=id/x", "C:\\x",
	} {
		f.Add(url)
	}
	f.Fuzz(func(t *testing.T, url string) {
		c, _ := DecodeConfig(fmt.Appendf(nil, "stack \"a\" {\n  git {\n    url = %q\n  }\n}\n", url), "vpsyncd.hcl", "/etc/vpsync")
		if c == nil {
			return
		}
		got := c.Stacks[0].Git.URL
		require.False(t, strings.HasPrefix(got, "-"), got)
		require.NotContains(t, got, "::")
		if scheme, rest, found := strings.Cut(got, "://"); found {
			authority, _, _ := strings.Cut(rest, "/")
			require.NotRegexp(t, "(?s):.*@", authority)
			_, host, _ := cutLast(authority, "@")
			require.False(t, strings.HasPrefix(host, "-"), got)
			if strings.HasPrefix(scheme, "http") {
				require.NotRegexp(t, "[@?#]", authority)
			}
		}
	})
}
