package spec

import (
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

// calls is what functions give beyond the examples of their table: an expression and its value.
var calls = map[string][][2]string{
	"abs":      {{`abs(-2)`, `2`}},
	"ceil":     {{`ceil(1.2)`, `2`}},
	"floor":    {{`floor(-1.2)`, `-2`}},
	"log":      {{`log(16, 2)`, `4`}},
	"max":      {{`max(1, 3, 2)`, `3`}},
	"min":      {{`min(4, 3, 5)`, `3`}},
	"parseint": {{`parseint("ff", 16)`, `255`}},
	"pow": {{`pow(2, 10)`, `1024`}, {`pow(2, 62)`, `4611686018427387904`}, {`pow(10, 30)`, `1000000000000000000000000000000`}, {`pow(-3, 3)`, `-27`}, {`pow(-1, 1e300)`, `1`},
		{`pow(2, 0.5)`, `1.4142135623730951`}, {`pow(2, -1)`, `0.5`}, {`pow(2.5, 2)`, `6.25`}, {`pow(0, 0)`, `1`}, {`pow(1, 1e400 * 1e400)`, `1`}, {`pow(1e400, 0)`, `1`}},
	"signum": {{`signum(-7)`, `-1`}},

	"chomp":       {{`chomp("a\n\n")`, `"a"`}},
	"endswith":    {{`endswith("web-1", "-1")`, `true`}, {`endswith("web", "x")`, `false`}},
	"format":      {{`format("%s-%03d", "web", 7)`, `"web-007"`}, {`format("%5s|%-5s|%%", "a", "b")`, `"    a|b    |%"`}},
	"formatlist":  {{`formatlist("%s.example", ["a", "b"])`, `["a.example", "b.example"]`}},
	"indent":      {{`indent(2, "a\nb")`, `"a\n  b"`}},
	"join":        {{`join(",", ["a", "b"])`, `"a,b"`}, {`join("", [])`, `""`}},
	"lower":       {{`lower("ÄB")`, `"äb"`}},
	"regex":       {{`regex("[0-9]+", "web-12")`, `"12"`}, {`regex("(?P<n>[a-z]+)-(?P<i>[0-9]+)", "web-12").i`, `"12"`}},
	"regexall":    {{`regexall("[a-z]", "a1b")`, `["a", "b"]`}},
	"replace":     {{`replace("a.b.c", ".", "-")`, `"a-b-c"`}, {`replace("web-12", "/-([0-9]+)/", "($1)")`, `"web(12)"`}, {`replace("ab", "", "-")`, `"-a-b-"`}},
	"split":       {{`split(",", "a,b")`, `["a", "b"]`}},
	"startswith":  {{`startswith("web-1", "web")`, `true`}},
	"strcontains": {{`strcontains("web-1", "b-")`, `true`}},
	"strrev":      {{`strrev("abc")`, `"cba"`}},
	"substr":      {{`substr("hello", 1, 3)`, `"ell"`}, {`substr("hello", -2, -1)`, `"lo"`}},
	"title":       {{`title("hello world")`, `"Hello World"`}},
	"trim":        {{`trim("?!a!?", "!?")`, `"a"`}},
	"trimprefix":  {{`trimprefix("web-1", "web-")`, `"1"`}},
	"trimspace":   {{`trimspace(" a ")`, `"a"`}},
	"trimsuffix":  {{`trimsuffix("a.pub", ".pub")`, `"a"`}},
	"upper":       {{`upper("a")`, `"A"`}},

	"alltrue":         {{`alltrue([])`, `true`}, {`alltrue([true, false])`, `false`}, {`alltrue([true, null])`, `false`}},
	"anytrue":         {{`anytrue([])`, `false`}, {`anytrue([false, true])`, `true`}, {`anytrue([null])`, `false`}},
	"chunklist":       {{`chunklist(["a", "b", "c"], 2)`, `[["a", "b"], ["c"]]`}},
	"coalesce":        {{`coalesce(null, "", "a", "b")`, `"a"`}, {`coalesce(null, 0)`, `0`}},
	"coalescelist":    {{`coalescelist([], ["a"])`, `["a"]`}},
	"compact":         {{`compact(["a", "", "b"])`, `["a", "b"]`}},
	"concat":          {{`concat(["a"], ["b"])`, `["a", "b"]`}},
	"contains":        {{`contains(["a", "b"], "b")`, `true`}},
	"distinct":        {{`distinct(["a", "b", "a"])`, `["a", "b"]`}},
	"element":         {{`element(["a", "b"], 3)`, `"b"`}},
	"flatten":         {{`flatten([["a"], [["b"], []]])`, `["a", "b"]`}},
	"index":           {{`index(["a", "b"], "b")`, `1`}},
	"keys":            {{`keys({ b = 1, a = 2 })`, `["a", "b"]`}},
	"length":          {{`length(["a", "b"])`, `2`}, {`length("größe")`, `5`}, {`length({ a = 1 })`, `1`}, {`length(toset(["a", "a"]))`, `1`}, {`length([])`, `0`}},
	"lookup":          {{`lookup({ a = "x" }, "a", "y")`, `"x"`}, {`lookup({ a = "x" }, "b", "y")`, `"y"`}, {`lookup(tomap({ a = "x" }), "b", "y")`, `"y"`}, {`lookup({ a = "x" }, "a")`, `"x"`}},
	"merge":           {{`merge({ a = 1 }, { b = 2 }, { a = 3 })`, `{"a" = 3, "b" = 2}`}},
	"one":             {{`one(["a"])`, `"a"`}, {`one([])`, `null`}, {`one(toset(["a"]))`, `"a"`}},
	"range":           {{`range(3)`, `[0, 1, 2]`}, {`range(1, 3)`, `[1, 2]`}, {`range(0, 5, 2)`, `[0, 2, 4]`}, {`range(2, 0)`, `[2, 1]`}, {`range(0)`, `[]`}, {`length(range(5000))`, `5000`}},
	"reverse":         {{`reverse(["a", "b"])`, `["b", "a"]`}},
	"setintersection": {{`setintersection(["a", "b"], ["b"])`, `["b"]`}},
	"setproduct":      {{`setproduct(["a", "b"], [1, 2])`, `[["a", 1], ["a", 2], ["b", 1], ["b", 2]]`}},
	"setsubtract":     {{`setsubtract(["a", "b"], ["b"])`, `["a"]`}},
	"setunion":        {{`setunion(["a"], ["b"])`, `["a", "b"]`}},
	"slice":           {{`slice(["a", "b", "c"], 1, 3)`, `["b", "c"]`}},
	"sort":            {{`sort(["b", "a"])`, `["a", "b"]`}},
	"sum":             {{`sum([1, 2.5, "3"])`, `6.5`}, {`sum(toset([1, 1]))`, `1`}},
	"values":          {{`values({ b = 1, a = 2 })`, `[2, 1]`}},
	"zipmap":          {{`zipmap(["a", "b"], [1, 2])`, `{"a" = 1, "b" = 2}`}},

	"can":          {{`can(tonumber("x"))`, `false`}, {`can(1)`, `true`}},
	"nonsensitive": {{`nonsensitive(sensitive("a"))`, `"a"`}, {`nonsensitive([sensitive("a")])`, `["a"]`}, {`nonsensitive("a")`, `"a"`}},
	"sensitive":    {{`sensitive("a")`, `sensitive("a")`}, {`upper(sensitive("a"))`, `sensitive("A")`}, {`"x-${sensitive("a")}"`, `sensitive("x-a")`}},
	"tobool":       {{`tobool("true")`, `true`}},
	"tolist":       {{`tolist(["a", 1])`, `["a", "1"]`}},
	"tomap":        {{`tomap({ a = 1 })`, `{"a" = 1}`}},
	"tonumber":     {{`tonumber("1.5")`, `1.5`}},
	"toset":        {{`toset(["b", "a", "a"])`, `["a", "b"]`}},
	"tostring":     {{`tostring(1)`, `"1"`}, {`tostring(null)`, `null`}},
	"try":          {{`try(tonumber("x"), 2)`, `2`}},

	"base64decode": {{`base64decode("aGVsbG8=")`, `"hello"`}},
	"base64encode": {{`base64encode("hello")`, `"aGVsbG8="`}},
	"base64sha256": {{`base64sha256("hello")`, `"LPJNul+wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCQ="`}},
	"csvdecode":    {{`csvdecode("a,b\n1,2")`, `[{"a" = "1", "b" = "2"}]`}},
	"jsondecode":   {{`jsondecode("{\"a\": [1, null]}")`, `{"a" = [1, null]}`}},
	"jsonencode":   {{`jsonencode({ a = [1, "x"] })`, `"{\"a\":[1,\"x\"]}"`}},
	"md5":          {{`md5("hello")`, `"5d41402abc4b2a76b9719d911017c592"`}},
	"sha1":         {{`sha1("hello")`, `"aaf4c61ddcc5e8a2dabede0f3b482cd9aea9434d"`}},
	"sha256":       {{`sha256("hello")`, `"2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824"`}},
	"sha512":       {{`substr(sha512("hello"), 0, 16)`, `"9b71d224bd62f378"`}},
	"urlencode":    {{`urlencode("a b&c")`, `"a+b%26c"`}},

	"cidrhost":    {{`cidrhost("10.0.0.0/24", 5)`, `"10.0.0.5"`}, {`cidrhost("10.0.0.0/24", -1)`, `"10.0.0.255"`}, {`cidrhost("2001:db8::/64", 1)`, `"2001:db8::1"`}},
	"cidrnetmask": {{`cidrnetmask("172.16.0.0/12")`, `"255.240.0.0"`}},
	"cidrsubnet":  {{`cidrsubnet("10.0.0.0/8", 8, 2)`, `"10.2.0.0/16"`}, {`cidrsubnet("2001:db8::/56", 8, 162)`, `"2001:db8:0:a2::/64"`}},
	"cidrsubnets": {{`cidrsubnets("10.1.0.0/16", 4, 4, 8, 4)`, `["10.1.0.0/20", "10.1.16.0/20", "10.1.32.0/24", "10.1.48.0/20"]`}, {`cidrsubnets("10.0.0.0/8")`, `[]`}},

	"formatdate": {{`formatdate("YYYY-MM-DD", "2026-11-21T04:00:00Z")`, `"2026-11-21"`}},
	"timeadd":    {{`timeadd("2026-11-21T04:00:00Z", "1h")`, `"2026-11-21T05:00:00Z"`}},

	"file":       {{`file("keys/ops.pub")`, `"ssh-ed25519 AAAA ops\n"`}, {`file("./keys/../keys/ops.pub")`, `"ssh-ed25519 AAAA ops\n"`}},
	"filebase64": {{`filebase64("binary")`, `"/w=="`}},
	"fileexists": {{`fileexists("keys/ops.pub")`, `true`}, {`fileexists("keys/none")`, `false`}},
	"fileset":    {{`fileset("keys", "*.pub")`, `["dev.pub", "ops.pub"]`}, {`fileset(".", "**/*.pub")`, `["keys/dev.pub", "keys/ops.pub"]`}, {`fileset(".", "*.none")`, `[]`}},
}

// refusals are calls that cannot work, and what the message says.
var refusals = []struct{ expression, says string }{
	{`timestamp()`, "use a variable that you set once"},
	{`uuid()`, "use uuidv5()"},
	{`bcrypt("x", 10)`, "no plan would ever be empty"},
	{`plantimestamp()`, "no plan would ever be empty"},
	{`abspath("x")`, "name files by their path"},
	{`pathexpand("~/x")`, "copy the file"},
	{`rsadecrypt("x", file("keys/ops.pub"))`, "a secret at rest"},
	{`type([])`, "serves a console"},
	{`provider::time::rfc3339_parse("x")`, "a provider is a document"},

	{`pow(10, 400)`, "not a number that can be written down"},
	{`pow(0, -1)`, "not a number that can be written down"},
	{`format("%100000000s", "x")`, "at most 10000"},
	{`format("%.99999999999999999999f", 1)`, "at most 10000"},
	{`formatlist("%1000000s", ["x"])`, "at most 10000"},
	{`indent(1000000, "a\nb")`, "at most 10000"},
	{`indent(10000, join("", [for i in range(1000) : "\n"]))`, "longer than"},
	{`range(1e12)`, "more than 100000 elements"},
	{`range(0, 1, 0)`, "step"},
	{`range(0, 1, -1)`, "step"},
	{`range()`, "range takes"},
	{`setproduct(range(1000), range(1000))`, "more than 100000 elements"},
	{`replace(join("", [for i in range(3000) : "a"]), "a", join("", [for i in range(3000) : "b"]))`, "longer than"},
	{`join(join("", [for i in range(3000) : "b"]), [for i in range(3000) : "a"])`, "longer than"},
	{`tostring(1e300 * 1e300 * 1e300 * 1e300 * 1e300 * 1e300)`, "too large"},
	{`jsonencode([1e300 * 1e300 * 1e300 * 1e300 * 1e300 * 1e300])`, "too large"},

	{`log(0, 2)`, "above 0"},
	{`log(2, 1)`, "must not be 1"},
	{`indent(-1, "a\nb")`, "at least 0"},
	{`format(join("", [for i in range(1000) : "%10000d"]), range(1000)...)`, "longer than"},
	{`format("%s%s%s%s%s", [for i in range(5) : file("full")]...)`, "longer than"},
	{`format("%[1]s%[1]s%[1]s%[1]s%[1]s", file("full"))`, "longer than"},
	{`format("%#v", [for i in range(5) : file("full")])`, "longer than"},
	{`formatlist("%10000s", range(1000))`, "longer than"},
	{`formatlist("%s-%s", range(5000), join("", range(400)))`, "longer than"},
	{`setproduct([for i in range(1000) : i], [for i in range(1000) : i], [length("x")])`, "more than 100000 elements"},
	{`split("", join("", range(50000)))`, "more than 100000 elements"},
	{`regexall("", join("", range(50000)))`, "more than 100000 elements"},
	{`regexall(join("", [for i in range(1000) : "()"]), join("", range(1000)))`, "more than 100000 elements"},
	{`regex(join("", range(3000)), "a")`, "at most 10000 bytes"},
	{`replace("a", "/${join("", range(3000))}/", "a")`, "at most 10000 bytes"},
	{`flatten([for l in [range(100000)] : [for i in range(20) : l]])`, "more than 1000000 values"},
	{`concat([for l in [range(100000)] : [for i in range(20) : l]][0]...)`, "more than 1000000 values"},
	{`jsonencode([for l in [range(10000)] : [for i in range(99) : l]])`, "longer than"},
	{`yamlencode([for l in [range(10000)] : [for i in range(99) : l]])`, "longer than"},
	{`yamlencode(1e300 * 1e300 * 1e300 * 1e300 * 1e300 * 1e300)`, "too large"},
	{`csvdecode("a\n${join("\n", range(100000))}\n1")`, "more than 100000 elements"},
	{`jsondecode("[${join(",", range(100000))},1,1]")`, "more than 100000 elements"},
	{`jsondecode(join("", [for i in range(1000) : "["]))`, "nested more than"},
	{`jsondecode("1e100000000")`, "too large"},
	{`jsondecode("1e999999999")`, "too large"},
	{`jsondecode(join("", range(400)))`, "too large"},
	{`tonumber("1e100000000")`, "too large"},
	{`tonumber("-1e999999999")`, "too large"},
	{`tonumber(join("", range(400)))`, "too large"},
	{`parseint(join("", range(400)), 10)`, "too large"},
	{`base64gunzip(file("bomb.gz.b64"))`, "longer than"},
	{`yamldecode("[1e100000000]")`, "too large"},
	{`yamldecode(join("", range(400)))`, "too large"},
	{`yamldecode(join("", concat([for i in range(300) : "["], [for i in range(300) : "]"])))`, "nested more than"},
	{`yamldecode(join("", [for i in range(300) : "- "]))`, "nested more than"},
	{`yamldecode(join("", [for i in range(20000) : "["]))`, "max depth"},
	{`yamldecode("[${join(",", range(100000))},1,1]")`, "more than 100000 elements"},
	{`yamldecode("a0: &a0 [x,x,x,x]\n${join("\n", [for i in range(9) : "a${i + 1}: &a${i + 1} [*a${i},*a${i},*a${i},*a${i}]"])}")`, "more than 100000"},
	{`yamldecode("a: &a {${join(",", [for i in range(1000) : "k${i}: 1"])}}\n${join("\n", [for i in range(1000) : "m${i}: {<<: *a}"])}")`, "more than 100000"},
	{`yamldecode("{a: &foo [1, *foo, 3]}")`, "inside its own definition"},
	{`yamldecode("{a: !not-supported foo}")`, "unsupported tag"},
	{`fileset(".", join("", [for i in range(30) : "{a,b}"]))`, "1000 alternatives"},
	{`fileset(".", join("/", [for i in range(30) : "**"]))`, "4 of **"},

	{`templatefile("loop.tftpl", {})`, "10 deep"},
	{`templatefile("double.tftpl", {})`, "10 deep"},
	{`templatefile("many.tftpl", {})`, "1000 in all"},
	{`templatefile("wide.tftpl", { x = join("", range(4000)) })`, "text would be too long"},
	{`templatestring("$${join(\"\", [for i in range(1000) : x])}", { x = join("", range(4000)) })`, "longer than"},
	{`templatestring("%%{ for i in range(1000) }$${x}%%{ endfor }", { x = join("", range(4000)) })`, "longer than"},
	{`templatefile("deep.tftpl", {})`, "Nested too deeply"},
	{`templatefile("wrong.tftpl", { x = {} })`, "wrong.tftpl line 2: Unsupported attribute"},
	{`templatefile("wrong.tftpl", { y = {} })`, "holds no \"x\", which wrong.tftpl line 2 uses"},
	{`templatefile("wrong.tftpl", { xx = {} })`, "which wrong.tftpl line 2 uses; it holds \"xx\"."},
	{`templatestring("$${provider::time::x()}", {})`, "a provider is a document"},
	{`templatefile("wrong.tftpl", sensitive({ x = {} }))`, "not shown"},
	{`templatefile("wrong.tftpl", [])`, "an object is needed"},
	{`templatefile("wrong.tftpl", null)`, "must not be null"},
	{`templatefile("binary", {})`, "not UTF-8"},
	{`templatefile("large", {})`, "larger than"},
	{`templatefile("../outside", {})`, "leads out of the stack's own folder"},
	{`templatefile("link", {})`, "cannot be read"},
	{`templatestring("$${file(\"../outside\")}", {})`, "leads out of the stack's own folder"},
	{`templatestring("$${server.one.id}", {})`, "holds no \"server\""},
	{`templatestring("$${x", {})`, "the template line 1"},
	{`templatestring("$${tonumber(sensitive(\"geheim\"))}", {})`, "not shown"},
	{`templatestring("x", { "a b" = 1 })`, "cannot be the name of a variable"},
	{`filesha256("../outside")`, "leads out of the stack's own folder"},
	{`filebase64sha512("large")`, "larger than"},
	{`filemd5("link")`, "cannot be read"},

	{`base64gunzip("%")`, "not standard base64"},
	{`base64gunzip("aGVsbG8=")`, "not gzip"},
	{`base64gunzip(substr(base64gzip("hello"), 0, 20))`, "not whole gzip"},
	{`textdecodebase64("AAAA", "latin-99")`, "is not an encoding"},
	{`textdecodebase64("/w==", "UTF-8")`, "not UTF-8"},
	{`textencodebase64("☃", "ISO-8859-1")`, "ISO-8859-1 lacks"},
	{`urldecode("%zz")`, "two hexadecimal digits"},
	{`urldecode("%ff")`, "not UTF-8"},
	{`uuidv5("x", "y")`, "or a UUID"},
	{`timecmp("yesterday", "2026-11-21T04:00:00Z")`, "a moment such as"},
	{`cidrcontains("10.0.0.0/8", "::1")`, "same family"},
	{`cidrcontains("10.0.0.0/8", "x")`, "an address such as"},
	{`matchkeys(["a"], [], ["x"])`, "as many keys as values"},
	{`matchkeys(["a"], [[]], [{}])`, "another type"},
	{`transpose({ a = [null] })`, "may be null"},
	{`transpose({ a = null })`, "may be null"},
	{`setunion([["a"], []], [null])`, ""},
	{`try(tonumber("x"))`, "none of the expressions"},
	{`try()`, "at least one expression"},

	{`lookup({ a = 1 }, "b")`, "there is no key"},
	{`index(["a"], "b")`, "does not hold that value"},
	{`coalesce(null, "")`, "null or empty"},
	{`one(["a", "b"])`, "one element at most"},
	{`sum([])`, "nothing to add up"},
	{`sum(["x"])`, "numbers is needed"},
	{`base64decode("%")`, "not standard base64"},
	{`base64decode("/w==")`, "not UTF-8"},
	{`cidrhost("10.0.0.0", 1)`, "address range such as"},
	{`cidrhost("10.0.0.0/30", 9)`, ""},
	{`cidrhost("10.0.0.0/30", 0.5)`, "whole number"},
	{`cidrnetmask("::/0")`, "IPv4"},
	{`cidrsubnet("10.0.0.0/30", 8, 1)`, ""},
	{`cidrsubnets("10.0.0.0/30", 1, 1, 1)`, "is full"},
	{`cidrsubnets("10.0.0.0/30", 0)`, "must add 1 to 2 bits"},

	{`file("none")`, "no such file"},
	{`file("binary")`, "not UTF-8"},
	{`file("large")`, "larger than"},
	{`file("keys")`, "not a regular file"},
	{`file("pipe")`, "not a regular file"},
	{`file("../outside")`, "leads out of the stack's own folder"},
	{`file("keys/../../outside")`, "leads out of the stack's own folder"},
	{`file("/etc/passwd")`, "leads out of the stack's own folder"},
	{`file("")`, ""},
	{`file("link")`, "cannot be read"},
	{`filebase64("link")`, "cannot be read"},
	{`file(".vpsync/state.db")`, "belongs to vpsync itself"},
	{`file("keys/../.vpsync/state.db")`, "belongs to vpsync itself"},
	{`fileexists("../outside")`, "leads out of the stack's own folder"},
	{`fileset("..", "*")`, "leads out of the stack's own folder"},
	{`fileset(".", "[")`, "is not a pattern"},
}

// functionFolder is a stack's folder with everything that functions read, or must not.
func functionFolder(t *testing.T) string {
	dir := folder(t, map[string]string{
		"stack/keys/ops.pub": "ssh-ed25519 AAAA ops\n", "stack/keys/dev.pub": "", "stack/binary": "\xff", "stack/large": strings.Repeat("x", 1<<20+1),
		"stack/loop.tftpl":   `${templatefile("loop.tftpl", {})}`,
		"stack/double.tftpl": `${templatefile("double.tftpl", {})}${templatefile("double.tftpl", {})}`,
		"stack/many.tftpl":   `${join("", [for i in range(2000) : templatestring("x", {})])}`,
		"stack/wide.tftpl":   strings.Repeat("${x}", 10_000), "stack/deep.tftpl": strings.Repeat("${[", 300),
		"stack/wrong.tftpl": "a\n${x.y}\n", "stack/bomb.gz.b64": gzipBomb(t),
		"stack/full": strings.Repeat("x", 1<<20), "stack/.vpsync/state.db": "x", "stack/.vpsync/x.pub": "x", "outside": "not yours",
	})
	require.NoError(t, os.Symlink("../outside", filepath.Join(dir, "stack", "link")))
	require.NoError(t, syscall.Mkfifo(filepath.Join(dir, "stack", "pipe"), 0o600))
	return filepath.Join(dir, "stack")
}

// gzipBomb is a few thousand bytes that unpack to more than a text may have.
func gzipBomb(t *testing.T) string {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	_, err := w.Write(make([]byte, maxTextBytes+1))
	require.NoError(t, err)
	require.NoError(t, w.Close())
	return base64.StdEncoding.EncodeToString(b.Bytes())
}

// TestNestedTriesEnd holds that each is worked out once: twice each would be a million million times.
func TestNestedTriesEnd(t *testing.T) {
	got, diags := callIn(t, t.TempDir(), strings.Repeat("try(", 40)+"1"+strings.Repeat(")", 40))
	require.Empty(t, diags)
	require.Equal(t, "1", got)
}

// TestLocalsAreBounded holds that fifty locals, each of which names the one before twice, come to an end.
func TestLocalsAreBounded(t *testing.T) {
	for _, form := range []string{`"${local.a%[1]d}${local.a%[1]d}"`, `[local.a%[1]d, local.a%[1]d]`, `{ a = local.a%[1]d, b = local.a%[1]d }`} {
		var source strings.Builder
		source.WriteString("locals {\n  a0 = \"0123456789\"\n")
		for i := range 50 {
			fmt.Fprintf(&source, "  a%[2]d = "+form+"\n", i, i+1)
		}
		source.WriteString("}\n")
		diags := load(t, source.String()).Evaluate(acme()).Diagnostics
		require.Lenf(t, diags, 1, form)
		require.ErrorContains(t, diags, "Local value is too large")
	}
}

// TestAbsurdValues holds that nothing has a number that cannot be written down, whether or not a function sees it.
func TestAbsurdValues(t *testing.T) {
	for _, number := range []string{"1e400 * 1e400 * 1e400 * 1e400", "1 / (1e400 * 1e400 * 1e400 * 1e400)"} {
		for form, says := range map[string]string{
			"output \"x\" {\n  value = %s\n}":                                                    "main.hcl:3: Number out of all bounds: This value holds",
			"output \"x\" {\n  value = { a = [%s] }\n}":                                          "main.hcl:3: Number out of all bounds: This value holds",
			"locals {\n  x = %s\n}":                                                              "main.hcl:3: Number out of all bounds: This value holds",
			"network \"x\" {\n  name = %s\n  cidr = \"10.0.0.0/16\"\n}":                          "main.hcl:3: Number out of all bounds: This value holds",
			"variable \"x\" {\n  default = %s\n}":                                                "main.hcl:3: Number out of all bounds: var.x holds",
			"variable \"x\" {\n  default = %s\n  type = string\n}":                               "main.hcl:3: Number out of all bounds: var.x holds",
			"variable \"x\" {\n  type = object({ a = optional(number, %s) })\n  default = {}\n}": "main.hcl:4: Number out of all bounds: var.x holds",
		} {
			diags := load(t, fmt.Sprintf(form, number)).Evaluate(acme()).Diagnostics
			require.NotEmpty(t, diags, form)
			require.Containsf(t, fmt.Sprintf("%s:%d: %s: %s", diags[0].Range.File, diags[0].Range.Start.Line, diags[0].Summary, diags[0].Detail), says, form)
		}
	}
}

// TestDivisionByZero holds that nothing comes of it, wherever it stands: of an infinite number a template would make a text.
func TestDivisionByZero(t *testing.T) {
	const says = "a division by zero has no result"
	for _, expression := range []string{"1 / 0", "-1 / 0", "0 / 0", `"a${-1 / 0}b"`, `"${1 / 0}"`, "upper(1 / 0)", `{ "${1 / 0}" = 1 }`, "[for i in [0] : 1 / i]", "1 / (1 - length([1]))",
		"true ? 1 / 0 : 1", `templatestring("$${1 / n}", { n = 0 })`, "{ for i in [0] : \"x\" => 1 / i }", "%{ if 1 / 0 > 1 }x%{ endif }", "1 / tonumber(\"0\")", "1 / pow(0, 1)"} {
		if strings.HasPrefix(expression, "%{") {
			expression = `"` + expression + `"`
		}
		require.ErrorContainsf(t, load(t, "output \"x\" {\n  value = "+expression+"\n}").Evaluate(acme()).Diagnostics, says, expression)
		require.ErrorContainsf(t, load(t, "network \"x\" {\n  name = jsonencode("+expression+")\n  cidr = \"10.0.0.0/16\"\n}").Evaluate(acme()).Diagnostics, says, expression)
	}
	stack, diags := Load(folder(t, map[string]string{"main.hcl.json": `{"output": {"x": {"value": "a${1 / 0}"}}}`, "main.hcl": "variable \"n\" {\n  type    = string\n  default = \"${1 / 0}\"\n}\nvariable \"given\" {\n  type = number\n}\n"}))
	require.Empty(t, diags)
	require.ErrorContains(t, stack.Evaluate(acme()).Diagnostics, says)
	_, diags = stack.VariableValues([]VariableValue{{Name: "n", Source: "x"}, {Name: "given", Source: "1/0", Origin: "--var given"}})
	require.Len(t, diags, 1)
	require.Equal(t, "--var given: var.given is a number, so its value is read as an HCL constant, and this is none: a division by zero has no result.", diags[0].Detail)
	got, none := callIn(t, t.TempDir(), "[1 / 3 == 1 / 3, 6 / 2, 1 / -0.5]")
	require.Empty(t, none)
	require.Equal(t, "[true, 3, -2]", got)
}

// TestFunctionsKeepOrigins holds that a resource depends on what a function makes of something not known yet.
func TestFunctionsKeepOrigins(t *testing.T) {
	for _, expression := range []string{
		`try(server.one.id, "x")`, `can(server.one.id) ? "x" : "y"`, `one(server.one.id[*])`, `coalesce(server.one.id, "x")`,
		`templatestring("$${id}", { id = server.one.id })`, `yamldecode(server.one.id)`, `element(["a", "b"], length(server.one.id))`,
		`values({ a = server.one.id })[0]`, `issensitive(server.one.id) ? "x" : "y"`, `nonsensitive(server.one.id)`, `flatten(server.one.id[*])[0]`,
	} {
		response := evaluate(t, `
server "one" {
  name     = "one"
  plan     = "m"
  location = "AMS"
}
rule "r" {
  name       = "r"
  server_id  = `+expression+`
  port_range = "80"
}
`, acme())
		one := find(t, response, "server.one")
		require.Equalf(t, []Address{one.Address}, find(t, response, "rule.r").Uses, "%s", expression)
	}
}

func callIn(t *testing.T, dir, expression string) (string, Diagnostics) {
	source := "output \"it\" {\n  sensitive = true\n  value = " + expression + "\n}\n"
	require.NoError(t, os.WriteFile(filepath.Join(dir, "main.hcl"), []byte(source), 0o644))
	stack, diags := Load(dir)
	require.Empty(t, diags)
	response := stack.Evaluate(acme())
	if len(response.Outputs) == 0 {
		return "", response.Diagnostics
	}
	return show(response.Outputs[0].Value), response.Diagnostics
}

func TestFunctions(t *testing.T) {
	dir := functionFolder(t)
	for name, examples := range calls {
		t.Run(name, func(t *testing.T) {
			for _, x := range examples {
				got, diags := callIn(t, dir, x[0])
				require.Emptyf(t, diags, "%s", x[0])
				require.Equalf(t, x[1], got, "%s", x[0])
			}
		})
	}
}

func TestFunctionsRefuse(t *testing.T) {
	dir := functionFolder(t)
	for _, x := range refusals {
		t.Run(x.expression, func(t *testing.T) {
			got, diags := callIn(t, dir, x.expression)
			require.Truef(t, diags.HasErrors(), "gave %.100s", got)
			require.ErrorContains(t, diags, x.says)
		})
	}
}

// TestFunctionsCarryMarksAndUnknowns holds that a secret stays one, and what is not known yet stays so.
func TestFunctionsCarryMarksAndUnknowns(t *testing.T) {
	for _, x := range [][2]string{
		{`lookup({ a = 1 }, sensitive("a"))`, `sensitive(1)`},
		{`lookup(sensitive({ a = 1 }), "b", 2)`, `sensitive(2)`},
		{`length(sensitive("abc"))`, `sensitive(3)`},
		{`length([sensitive("a")])`, `1`},
		{`coalesce(sensitive(""), "a")`, `sensitive("a")`},
		{`one(sensitive(["a"]))`, `sensitive("a")`},
		{`replace("abc", "b", sensitive("x"))`, `sensitive("axc")`},
		{`format("%s", sensitive("x"))`, `sensitive("x")`},
		{`join(",", ["a", sensitive("b")])`, `sensitive("a,b")`},
		{`jsonencode({ a = sensitive("x") })`, `sensitive("{\"a\":\"x\"}")`},
		{`[for x in [1, 2] : x if sensitive(x > 1)]`, `sensitive([2])`},
		{`sensitive(true) ? 1 : 2`, `sensitive(1)`},
		{`length(server.one.id)`, `unknown`},
		{`format("%s", server.one.id)`, `unknown`},
		{`coalesce(server.one.id, "a")`, `unknown`},
		{`[server.one.id, "a"]`, `[unknown, "a"]`},
		{`lookup({ a = server.one.id }, "a")`, `unknown`},
		{`alltrue([server.one.id == "x", false])`, `false`},
		{`upper(sensitive(server.one.id))`, `sensitive(unknown)`},
		{`length([server.one.id])`, `1`},
		{`try(server.one.id, "x")`, `unknown`},
		{`try(sensitive(server.one.id), "x")`, `sensitive(unknown)`},
		{`can(sensitive(server.one.id))`, `sensitive(unknown)`},
		{`one(sensitive(server.one.id)[*])`, `sensitive(unknown)`},
		{`issensitive(sensitive(server.one.id))`, `true`},
		{`issensitive(server.one.id)`, `unknown`},
		{`issensitive(nonsensitive(sensitive("a")))`, `false`},
		{`issensitive([sensitive("a")])`, `false`},
		{`merge({ a = 1 }, sensitive(null))`, `sensitive({"a" = 1})`},
		{`element([sensitive("a"), "b"], length(server.one.id))`, `sensitive(unknown)`},
		{`matchkeys(["a", sensitive("b")], ["x", "y"], ["x"])`, `["a"]`},
		{`matchkeys(["a", sensitive("b")], ["x", "y"], ["y"])`, `[sensitive("b")]`},
		{`matchkeys(["a"], [sensitive("x")], ["y"])`, `sensitive([])`},
		{`matchkeys([server.one.id, "a"], ["x", "y"], ["x"])`, `[unknown]`},
		{`matchkeys(["a"], [server.one.id], ["x"])`, `unknown`},
		{`transpose({ a = [sensitive("x")] })`, `sensitive({"x" = ["a"]})`},
		{`transpose({ a = [server.one.id] })`, `unknown`},
		{`distinct(["a", server.one.id])`, `unknown`},
		{`yamlencode({ a = sensitive("x") })`, `sensitive("\"a\": \"x\"\n")`},
		{`yamlencode({ a = server.one.id })`, `unknown`},
		{`yamldecode(sensitive("a: x"))`, `sensitive({"a" = "x"})`},
		{`yamldecode(server.one.id)`, `unknown`},
		{`base64gunzip(base64gzip(sensitive("x")))`, `sensitive("x")`},
		{`uuidv5("dns", server.one.id)`, `unknown`},
		{`timecmp(sensitive("2026-11-21T04:00:00Z"), "2026-11-21T04:00:00Z")`, `sensitive(0)`},
		{`cidrcontains(server.one.id, "10.0.0.1")`, `unknown`},
		{`templatestring("$${a}", { a = sensitive("x"), b = 1 })`, `sensitive("x")`},
		{`templatestring("$${b}", { a = sensitive("x"), b = 1 })`, `1`},
		{`templatestring(sensitive("$${b}!"), { b = 1 })`, `sensitive("1!")`},
		{`templatestring("$${a}!", { a = server.one.id })`, `unknown`},
		{`templatestring(server.one.id, {})`, `unknown`},
		{`templatestring("$${sensitive(a)}", { a = server.one.id })`, `sensitive(unknown)`},
		{`toset([])`, `[]`},
		{`toset(["a", server.one.id])`, `["a", unknown]`},
		{`toset(["a", sensitive("b")])`, `sensitive(["a", "b"])`},
		{`toset(sensitive(["a"]))`, `sensitive(["a"])`},
		{`tolist([{ a = 1 }, { a = 2 }])`, `[{"a" = 1}, {"a" = 2}]`},
		{`tolist(null)`, `null`},
		{`tolist(toset(["b", "a"]))`, `["a", "b"]`},
		{`tomap({ a = "x", b = sensitive("y") })`, `{"a" = "x", "b" = sensitive("y")}`},
		{`tomap({})`, `{}`},
		{`tomap({ a = 1, b = "x" })`, `{"a" = "1", "b" = "x"}`},
	} {
		response := load(t, `
server "one" {
  name     = "one"
  plan     = "m"
  location = "AMS"
}
output "it" {
  sensitive = true
  value     = `+x[0]+`
}
`).Evaluate(acme())
		require.Emptyf(t, response.Diagnostics, "%s", x[0])
		require.Equalf(t, x[1], show(response.Outputs[0].Value), "%s", x[0])
	}
}
