package spec

import (
	"time"

	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/function"
)

// timeCmp is -1, 0 or 1, as the first moment is before, at or after the second, whatever their zones.
var timeCmp = function.New(&function.Spec{
	Params: []function.Parameter{{Name: "a", Type: cty.String}, {Name: "b", Type: cty.String}},
	Type:   function.StaticReturnType(cty.Number),
	Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
		var moments [2]time.Time
		for i, a := range args {
			var err error
			if moments[i], err = time.Parse(time.RFC3339, a.AsString()); err != nil {
				return cty.NilVal, function.NewArgErrorf(i, "must be a moment such as 2026-11-21T04:00:00Z")
			}
		}
		return cty.NumberIntVal(int64(moments[0].Compare(moments[1]))), nil
	},
})
