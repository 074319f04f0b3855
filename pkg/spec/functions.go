package spec

import (
	"fmt"

	"github.com/hashicorp/hcl/v2/ext/tryfunc"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/function"
	"github.com/zclconf/go-cty/cty/function/stdlib"
)

// functions are what expressions of a stack in dir may call. Names and results are those that Terraform's users know.
func functions(dir string) map[string]function.Function {
	all := map[string]function.Function{
		"abs": stdlib.AbsoluteFunc, "ceil": stdlib.CeilFunc, "floor": stdlib.FloorFunc, "log": stdlib.LogFunc, "max": stdlib.MaxFunc,
		"min": stdlib.MinFunc, "parseint": stdlib.ParseIntFunc, "pow": boundedPow, "signum": stdlib.SignumFunc,

		"chomp": stdlib.ChompFunc, "endswith": endsWith, "format": bounded(stdlib.FormatFunc, boundFormat),
		"formatlist": bounded(stdlib.FormatListFunc, boundFormat), "indent": bounded(stdlib.IndentFunc, boundIndent),
		"join": bounded(stdlib.JoinFunc, boundJoin), "lower": stdlib.LowerFunc, "regex": stdlib.RegexFunc, "regexall": stdlib.RegexAllFunc,
		"replace": replaceFunc, "split": stdlib.SplitFunc, "startswith": startsWith, "strcontains": strContains, "strrev": stdlib.ReverseFunc,
		"substr": stdlib.SubstrFunc, "title": stdlib.TitleFunc, "trim": stdlib.TrimFunc, "trimprefix": stdlib.TrimPrefixFunc,
		"trimspace": stdlib.TrimSpaceFunc, "trimsuffix": stdlib.TrimSuffixFunc, "upper": stdlib.UpperFunc,

		"alltrue": allTrue, "anytrue": anyTrue, "chunklist": stdlib.ChunklistFunc, "coalesce": coalesceFunc, "coalescelist": stdlib.CoalesceListFunc,
		"compact": stdlib.CompactFunc, "concat": stdlib.ConcatFunc, "contains": stdlib.ContainsFunc, "distinct": stdlib.DistinctFunc,
		"element": stdlib.ElementFunc, "flatten": stdlib.FlattenFunc, "index": indexFunc, "keys": stdlib.KeysFunc, "length": lengthFunc,
		"lookup": lookupFunc, "merge": stdlib.MergeFunc, "one": oneFunc, "range": rangeFunc, "reverse": stdlib.ReverseListFunc,
		"setintersection": stdlib.SetIntersectionFunc, "setproduct": bounded(stdlib.SetProductFunc, boundProduct),
		"setsubtract": stdlib.SetSubtractFunc, "setunion": stdlib.SetUnionFunc, "slice": stdlib.SliceFunc, "sort": stdlib.SortFunc,
		"sum": sumFunc, "values": stdlib.ValuesFunc, "zipmap": stdlib.ZipmapFunc,

		"can": tryfunc.CanFunc, "nonsensitive": secrecy(false), "sensitive": secrecy(true), "tobool": stdlib.MakeToFunc(cty.Bool),
		"tolist": convertAlike(cty.List), "tomap": convertAlike(cty.Map),
		"tonumber": stdlib.MakeToFunc(cty.Number), "toset": convertAlike(cty.Set),
		"tostring": bounded(stdlib.MakeToFunc(cty.String), boundNumbers), "try": tryfunc.TryFunc,

		"base64decode": base64Decode, "base64encode": base64Encode, "base64sha256": base64SHA256, "csvdecode": stdlib.CSVDecodeFunc,
		"jsondecode": stdlib.JSONDecodeFunc, "jsonencode": bounded(stdlib.JSONEncodeFunc, boundNumbers), "md5": md5Func, "sha1": sha1Func,
		"sha256": sha256Func, "sha512": sha512Func, "urlencode": urlEncode,

		"formatdate": stdlib.FormatDateFunc, "timeadd": stdlib.TimeAddFunc,
	}
	for name, f := range cidrFunctions() {
		all[name] = f
	}
	for name, f := range fileFunctions(dir) {
		all[name] = f
	}
	for _, name := range refusedNames {
		all[name] = refused(fmt.Errorf("%s() gives something else each time, so no plan would ever be empty; use a variable that you set once", name))
	}
	return all
}

// refusedNames are functions that other tools have and that give something else each time.
var refusedNames = []string{"timestamp", "plantimestamp", "uuid", "uuidv5", "bcrypt"}

// refused is a function that other tools have and this language does not, with the reason.
func refused(why error) function.Function {
	return function.New(&function.Spec{
		VarParam: &function.Parameter{Name: "arguments", Type: cty.DynamicPseudoType, AllowNull: true, AllowUnknown: true, AllowDynamicType: true, AllowMarked: true},
		Type:     func([]cty.Value) (cty.Type, error) { return cty.NilType, why },
		Impl:     func([]cty.Value, cty.Type) (cty.Value, error) { return cty.NilVal, why },
	})
}

// secrecy is sensitive() and nonsensitive(). Where a value came from stays known.
func secrecy(secret bool) function.Function {
	return function.New(&function.Spec{
		Params: []function.Parameter{{Name: "value", Type: cty.DynamicPseudoType, AllowUnknown: true, AllowNull: true, AllowMarked: true, AllowDynamicType: true}},
		Type:   func(args []cty.Value) (cty.Type, error) { return args[0].Type(), nil },
		Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
			if secret {
				return args[0].Mark(Sensitive), nil
			}
			bare, all := args[0].UnmarkDeepWithPaths()
			for i := range all {
				delete(all[i].Marks, Sensitive)
			}
			return bare.MarkWithPaths(all), nil
		},
	})
}
