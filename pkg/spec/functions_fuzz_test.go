package spec

import (
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/zclconf/go-cty/cty"
)

// FuzzDecoders holds that no text, whatever it is, makes a function that reads texts panic or give what cannot be written
// down again.
func FuzzDecoders(f *testing.F) {
	for _, seed := range []string{
		"", "a: &x [1, *x]", "{a: &foo [1, 2], b: *foo, <<: {c: d}}", "- - - a\n- ~\n- 2026-11-21", "a: !!binary /w==", "%TAG ! tag:x\n---\na",
		`{"a": [1e5, null, "\u00e9"]}`, "a,b\n1,\"2\n3\"", "${x}", "%{ for a in [x, x] }${upper(a)}%{ endfor ~}", "${templatestring(x, {})}",
		"H4sIAAAAAAAA/8pIzcnJVyjPL8pJAQQAAP//hRFKDQsAAAA=", "%E2%98%83+", "10.0.0.0/8", "2026-11-21T04:00:00Z",
	} {
		f.Add(seed)
	}
	all := functions(f.TempDir())
	vars := cty.ObjectVal(map[string]cty.Value{"x": text("$${x}")})
	f.Fuzz(func(t *testing.T, s string) {
		check := func(name string, args ...cty.Value) {
			v, err := all[name].Call(args)
			if err != nil {
				require.NotContains(t, err.Error(), "goroutine")
				return
			}
			_, err = all["jsonencode"].Call([]cty.Value{v})
			if err != nil {
				require.NotContains(t, err.Error(), "goroutine")
			}
		}
		for _, name := range []string{"yamldecode", "jsondecode", "csvdecode", "base64gunzip", "base64decode", "urldecode", "tonumber"} {
			check(name, text(s))
		}
		check("textdecodebase64", text(s), text("UTF-16LE"))
		check("templatestring", text(s), vars)
		check("cidrcontains", text(s), text(s))
		check("timecmp", text(s), text(s))
		check("formatdate", text(s), text("2026-11-21T04:00:00Z"))
		check("format", text(s), text(s), cty.NumberIntVal(1))
	})
}
