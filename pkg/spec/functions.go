package spec

import (
	"fmt"
	"path"

	ctyyaml "github.com/zclconf/go-cty-yaml"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/function"
	"github.com/zclconf/go-cty/cty/function/stdlib"
)

// plainFunctions work out values from values. They say of which types.
func plainFunctions(dir string) map[string]function.Function {
	all := map[string]function.Function{
		"abs": stdlib.AbsoluteFunc, "ceil": stdlib.CeilFunc, "floor": stdlib.FloorFunc, "log": bounded(stdlib.LogFunc, boundLog),
		"max": stdlib.MaxFunc, "min": stdlib.MinFunc, "parseint": bounded(stdlib.ParseIntFunc, boundDigits), "pow": boundedPow,
		"signum": stdlib.SignumFunc,

		"chomp": stdlib.ChompFunc, "endswith": endsWith, "format": bounded(stdlib.FormatFunc, boundFormat),
		"formatlist": bounded(stdlib.FormatListFunc, boundFormatList), "indent": bounded(stdlib.IndentFunc, boundIndent),
		"join": bounded(stdlib.JoinFunc, boundJoin), "lower": stdlib.LowerFunc, "regex": bounded(stdlib.RegexFunc, boundPattern),
		"regexall": bounded(stdlib.RegexAllFunc, boundMatches), "replace": replaceFunc,
		"split": bounded(stdlib.SplitFunc, boundSplit), "startswith": startsWith, "strcontains": strContains,
		"strrev": stdlib.ReverseFunc, "substr": stdlib.SubstrFunc, "title": stdlib.TitleFunc, "trim": stdlib.TrimFunc,
		"trimprefix": stdlib.TrimPrefixFunc, "trimspace": stdlib.TrimSpaceFunc, "trimsuffix": stdlib.TrimSuffixFunc,
		"upper": stdlib.UpperFunc,

		"alltrue": allTrue, "anytrue": anyTrue, "chunklist": stdlib.ChunklistFunc, "coalesce": coalesceFunc,
		"coalescelist": stdlib.CoalesceListFunc, "compact": stdlib.CompactFunc, "concat": bounded(stdlib.ConcatFunc),
		"contains": stdlib.ContainsFunc, "distinct": distinctFunc, "element": stdlib.ElementFunc,
		"flatten": bounded(stdlib.FlattenFunc), "index": indexFunc, "keys": stdlib.KeysFunc, "length": lengthFunc,
		"lookup": lookupFunc, "matchkeys": matchKeys, "merge": bounded(mergeFunc), "one": oneFunc, "range": rangeFunc,
		"reverse": stdlib.ReverseListFunc, "setintersection": stdlib.SetIntersectionFunc,
		"setproduct": bounded(stdlib.SetProductFunc, boundProduct), "setsubtract": stdlib.SetSubtractFunc,
		"setunion": stdlib.SetUnionFunc, "slice": stdlib.SliceFunc, "sort": stdlib.SortFunc, "sum": sumFunc,
		"transpose": transposeFunc, "values": stdlib.ValuesFunc, "zipmap": stdlib.ZipmapFunc,

		"tobool": stdlib.MakeToFunc(cty.Bool), "tolist": convertAlike(cty.List), "tomap": convertAlike(cty.Map),
		"tonumber": bounded(stdlib.MakeToFunc(cty.Number), boundDigits), "toset": convertAlike(cty.Set),
		"tostring": bounded(stdlib.MakeToFunc(cty.String), boundNumbers),

		"base64decode": base64Decode, "base64encode": base64Encode, "base64gunzip": base64Gunzip, "base64gzip": base64Gzip,
		"csvdecode": bounded(stdlib.CSVDecodeFunc, boundCSV), "jsondecode": bounded(stdlib.JSONDecodeFunc, boundJSON),
		"jsonencode": bounded(stdlib.JSONEncodeFunc, boundNumbers, boundEncoded), "textdecodebase64": textDecodeBase64,
		"textencodebase64": textEncodeBase64, "urldecode": urlDecode, "urlencode": urlEncode, "uuidv5": uuidV5,
		"yamldecode": yamlDecode, "yamlencode": bounded(ctyyaml.YAMLEncodeFunc, boundNumbers, boundEncoded),

		"formatdate": stdlib.FormatDateFunc, "timeadd": stdlib.TimeAddFunc, "timecmp": timeCmp,

		"basename": never(path.Base), "dirname": never(path.Dir),
	}
	for name, digest := range digests {
		all[name] = never(func(s string) string { return digest([]byte(s)) })
	}
	for name, f := range cidrFunctions() {
		all[name] = f
	}
	for name, f := range fileFunctions(dir) {
		all[name] = f
	}
	return all
}

// functions are what expressions of a stack in dir may call. Names and results are those that Terraform's users know.
func functions(dir string) map[string]function.Function {
	all := plainFunctions(dir)
	for name, f := range all {
		all[name] = careful(f)
	}
	// These work out expressions, or are about the marks themselves.
	all["can"], all["try"] = canFunc, tryFunc
	all["sensitive"], all["nonsensitive"], all["issensitive"] = secrecy(true), secrecy(false), isSensitive
	for _, r := range refusedFunctions {
		all[r.Name] = refused(r)
	}
	return withTemplates(dir, all)
}

// A RefusedFunction is one that other tools have and this language has not: why, and what to use in its place. Both
// go on from the name and a semicolon in a sentence.
type RefusedFunction struct{ Name, Why, Instead string }

var refusedFunctions = []RefusedFunction{
	{"abspath", "leads out of the stack's own folder, so that a plan would depend on the machine",
		"name files by their path in that folder"},
	{"bcrypt", "gives something else each time, so no plan would ever be empty", "make the hash once, and give it as a variable"},
	{"convert", "takes a type, which only variables have here", "use tostring, tonumber, tobool, tolist, toset or tomap"},
	{"defaults", "was an experiment that ended", "use optional(TYPE, DEFAULT) in the type of the variable"},
	{"ephemeralasnull", "is about ephemeral values, and no value is one here", "use the value as it is, or sensitive()"},
	{"list", "was taken out of the language", "write [a, b]"},
	{"map", "was taken out of the language", "write { a = b }"},
	{"pathexpand", "leads out of the stack's own folder, so that a plan would depend on who makes it",
		"copy the file into that folder"},
	{"plantimestamp", "gives something else each time, so no plan would ever be empty", "use a variable that you set once"},
	{"rsadecrypt", "needs a private key in the configuration, which is a secret at rest",
		"decrypt before, and give the text as a sensitive variable"},
	{"timestamp", "gives something else each time, so no plan would ever be empty", "use a variable that you set once"},
	{"type", "serves a console, and no value is a type here", "use can() with tostring, tonumber and the like"},
	{"uuid", "gives something else each time, so no plan would ever be empty", "use uuidv5(), or a variable that you set once"},
}

func refused(r RefusedFunction) function.Function {
	why := fmt.Errorf("%s() %s; %s", r.Name, r.Why, r.Instead)
	arguments := anything("arguments")
	return function.New(&function.Spec{
		VarParam: &arguments,
		Type:     func([]cty.Value) (cty.Type, error) { return cty.NilType, why },
		Impl:     func([]cty.Value, cty.Type) (cty.Value, error) { return cty.NilVal, why },
	})
}

// anything is a parameter that takes everything, known or not, with its marks.
func anything(name string) function.Parameter {
	return function.Parameter{
		Name: name, Type: cty.DynamicPseudoType, AllowNull: true, AllowUnknown: true, AllowDynamicType: true, AllowMarked: true,
	}
}

// isSensitive: the value itself is a secret. Of what is not known yet, nothing but the secrecy can be told.
var isSensitive = function.New(&function.Spec{
	Params: []function.Parameter{anything("value")},
	Type:   function.StaticReturnType(cty.Bool),
	Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
		bare, marks := args[0].Unmark()
		_, secret := marks[Sensitive]
		delete(marks, Sensitive) // that it is one is none; where it came from stays known
		if !secret && !bare.IsKnown() {
			return cty.UnknownVal(cty.Bool).WithMarks(marks), nil
		}
		return cty.BoolVal(secret).WithMarks(marks), nil
	},
})

// secrecy is sensitive() and nonsensitive(). Where a value came from stays known.
func secrecy(secret bool) function.Function {
	return function.New(&function.Spec{
		Params: []function.Parameter{anything("value")},
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
