package spec

import (
	"regexp"
	"strings"

	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/function"
)

// stringTest makes a function of two strings that answers yes or no.
func stringTest(second string, test func(s, other string) bool) function.Function {
	return function.New(&function.Spec{
		Params: []function.Parameter{{Name: "string", Type: cty.String}, {Name: second, Type: cty.String}},
		Type:   function.StaticReturnType(cty.Bool),
		Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
			return cty.BoolVal(test(args[0].AsString(), args[1].AsString())), nil
		},
	})
}

var (
	startsWith  = stringTest("prefix", strings.HasPrefix)
	endsWith    = stringTest("suffix", strings.HasSuffix)
	strContains = stringTest("part", strings.Contains)
)

// replaceFunc replaces each occurrence of a text, or, where it is written between slashes ("/[0-9]+/"), each match of a
// regular expression.
var replaceFunc = function.New(&function.Spec{
	Params: []function.Parameter{{Name: "string", Type: cty.String}, {Name: "search", Type: cty.String}, {Name: "replacement", Type: cty.String}},
	Type:   function.StaticReturnType(cty.String),
	Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
		s, search, replacement := args[0].AsString(), args[1].AsString(), args[2].AsString()
		if len(search) > 1 && strings.HasPrefix(search, "/") && strings.HasSuffix(search, "/") {
			if len(search) > maxWidth {
				return cty.NilVal, function.NewArgErrorf(1, "a regular expression may be at most %d bytes long", maxWidth)
			}
			re, err := regexp.Compile(search[1 : len(search)-1])
			if err != nil {
				return cty.NilVal, function.NewArgError(1, err)
			}
			// A replacement can name a group ($1), and a group is never longer than s: this bounds the result from above.
			matches := len(re.FindAllStringIndex(s, -1))
			groups := strings.Count(replacement, "$")
			if err := boundText(len(s) + matches*(len(replacement)+groups*len(s)/max(matches, 1))); err != nil {
				return cty.NilVal, err
			}
			return cty.StringVal(re.ReplaceAllString(s, replacement)), nil
		}
		if err := boundText(len(s) + strings.Count(s, search)*len(replacement)); err != nil {
			return cty.NilVal, err
		}
		return cty.StringVal(strings.ReplaceAll(s, search, replacement)), nil
	},
})
