//go:build unix

package main

import (
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/vpsync/vpsync/internal/matrix"
	"github.com/vpsync/vpsync/pkg/spec/confined"
)

// bomb is a stack that is made to exhaust whoever reads it.
type bomb struct {
	name  string
	files tree
	says  string        // in the refusal; "a|b" is one of two
	time  time.Duration // that it is given; 0 is as much as it takes
}

// tree are files by name.
type tree map[string]string

func (files tree) and(name, text string) tree {
	files[name] = text
	return files
}

func again(n int, s string) string { return strings.Repeat(s, n) }

// local is a stack whose one local value is this expression.
func local(expression string) tree {
	return tree{"main.hcl": "locals {\n  a = " + expression + "\n}\n"}
}

// doubling is a stack whose local values each name the one before as the step says; the last is used as the end says.
func doubling(first, step, end string, times int) tree {
	var b strings.Builder
	fmt.Fprintf(&b, "locals {\n  v0 = %s\n", first)
	for i := 1; i <= times; i++ {
		fmt.Fprintf(&b, "  v%d = %s\n", i, strings.ReplaceAll(step, "V", fmt.Sprintf("local.v%d", i-1)))
	}
	fmt.Fprintf(&b, "  a = %s\n}\n", strings.ReplaceAll(end, "V", fmt.Sprintf("local.v%d", times)))
	return tree{"main.hcl": b.String()}
}

func named(name, text string) tree {
	return tree{"main.hcl": "variable \"x\" {\n  default = 1\n}\n", name: text}
}

func many(n int, name, text string) tree {
	files := tree{"main.hcl": "variable \"x\" {\n  default = 1\n}\n"}
	for i := range n {
		files[fmt.Sprintf(name, i)] = strings.ReplaceAll(text, "N", fmt.Sprint(i))
	}
	return files
}

// resource is a stack with servers that this argument multiplies.
func resource(argument string) tree {
	return tree{"main.hcl": "provider \"evotic\" {}\nserver \"a\" {\n  " + argument + "\n  name = \"a\"\n}\n"}
}

// yamlBomb is a page that names each of its lists nine times in the next.
func yamlBomb() string {
	text := "a0: &a0 [x, x, x, x, x, x, x, x, x]\n"
	for i := 1; i < 12; i++ {
		text += fmt.Sprintf("a%d: &a%d [%s]\n", i, i, strings.TrimSuffix(again(9, fmt.Sprintf("*a%d, ", i-1)), ", "))
	}
	return text
}

// gzipBomb is half a gigabyte of nothing.
func gzipBomb() string {
	var b bytes.Buffer
	w, _ := gzip.NewWriterLevel(&b, gzip.BestCompression)
	for range 512 {
		_, _ = w.Write(make([]byte, 1<<20))
	}
	_ = w.Close()
	return base64.StdEncoding.EncodeToString(b.Bytes())
}

func manyVariables() string {
	var b strings.Builder
	for i := range 60_000 {
		fmt.Fprintf(&b, "xN_%d = 1\n", i)
	}
	return b.String()
}

// quick is how long an evaluation is given that would never end.
const quick = 300 * time.Millisecond

func bombs() []bomb {
	const (
		deep     = "Nested too deeply"
		large    = "Local value is too large"
		elements = "more than 100000"
		orSlow   = "|Evaluation takes too long" // of what takes much of the two seconds, and on a slow machine all of them
	)
	return []bomb{
		// Nesting, in every form that there is.
		{"parentheses", local(again(5000, "(") + "1" + again(5000, ")")), deep, 0},
		{"lists", local(again(5000, "[") + again(5000, "]")), deep, 0},
		{"objects", local(again(5000, "{a=") + "1" + again(5000, "}")), deep, 0},
		{"templates", local(again(5000, `"${`) + "1" + again(5000, `}"`)), deep, 0},
		{"calls", local(again(5000, "abs(") + "1" + again(5000, ")")), deep, 0},
		{"blocks", tree{"main.hcl": again(5000, "a {\n") + again(5000, "}\n")}, deep, 0},
		{"loops", local(again(5000, "[for x in ") + "[]" + again(5000, " : x]")), deep, 0},
		{"directives", local(`"` + again(5000, "%{if true}") + again(5000, "%{endif}") + `"`), "Expression is too long", 0},
		{"questions", local(again(5000, "(true ? ") + "1" + again(5000, " : 2)")), deep, 0},
		{"indices", local(again(5000, "a[") + "0" + again(5000, "]")), deep, 0},
		{"types", tree{"main.hcl": "variable \"x\" {\n  type = " + again(5000, "list(") + "any" + again(5000, ")") + "\n}\n"}, deep, 0},
		{"json", tree{"main.hcl.json": again(5000, `{"a":`) + "1" + again(5000, "}")}, deep, 0},
		{"json lists", tree{"main.hcl.json": again(100_000, `[`)}, deep, 0},
		{"json template", tree{"main.hcl.json": `{"locals": {"a": "` + again(5000, "${[") + `"}}`}, deep, 0},
		// Long ones.
		{"not", local(again(5000, "!") + "true"), "Too many operators in a row", 0},
		{"minus", local(again(5000, "- ") + "1"), "Too many operators in a row", 0},
		{"sum", local("1" + again(100_000, " + 1")), "Expression is too long", 0},
		{"alternatives", local(again(50_000, "true ? 1 : ") + "1"), "Expression is too long", 0},
		{"steps", local("a" + again(100_000, ".a")), "Expression is too long", 0},
		{"splats", local("a" + again(50_000, "[*]")), "Expression is too long", 0},
		{"a line of a file", local(`"` + again(1<<20, "x") + `"`), "File is too large", 0},
		{"files", many(70, "f%d.hcl", "# "+again(1<<20-10, "x")), "Evaluation takes too long", quick},
		{"blocks side by side", many(40, "f%d.hcl", again(30_000, "locals {}\n")), "Evaluation takes too long", quick},
		{"mistakes", many(8, "f%d.hcl", again(60_000, "nonsense {}\n")), "Evaluation takes too long", quick},
		// Recursion.
		{"circle", tree{"main.hcl": "locals {\n  a = local.b\n  b = local.a\n}\n"}, "ircle", 0},
		{"itself", local("local.a"), "ircle", 0},
		{"chain", doubling("1", "V", "V", 20_000), "References are too deep", 0},
		{"template of itself", tree{"main.hcl": "locals {\n  a = templatefile(\"t.tpl\", {})\n}\n", "t.tpl": `${templatefile("t.tpl", {})}${templatefile("t.tpl", {})}`}, "t.tpl", 0},
		{"definition", tree{"main.hcl": "provider \"acme\" { definition = \"acme.provider.hcl\" }\n", "acme.provider.hcl": again(5000, "a {\n")}, "Definition that nobody has reviewed", 0},
		{"many mistakes", tree{"main.hcl": again(5000, "nonsense {}\n")}, "more problems", 0},
		// Each twice the one before.
		{"lists of lists", doubling("[1]", "[V, V]", "flatten(V)", 40), large + orSlow, 0},
		{"texts", doubling(`"x"`, `"${V}${V}"`, "V", 40), large, 0},
		{"joined", doubling(`"x"`, `join(V, [V, V, V])`, "V", 40), "the result would be longer than 4194304", 0},
		{"maps", doubling(`{a = 1}`, `{a = V, b = V}`, "jsonencode(V)", 40), large + orSlow, 0},
		{"yaml out", doubling(`[1]`, `[V, V]`, "yamlencode(V)", 40), large + orSlow, 0},
		{"replaced", doubling(`"xxxxxxxxxxxxxxxx"`, `replace(V, "x", V)`, "V", 8), "the result would be longer than 4194304", 0},
		{"concatenated", doubling(`[1, 2]`, `concat(V, V, V)`, "V", 30), "Evaluation takes too long", quick},
		{"merged", doubling(`{a = "x"}`, `merge(V, {b = V, c = V})`, "jsonencode(V)", 40), "Evaluation takes too long", quick},
		{"powers", doubling(`2`, `V * V`, `"${V}"`, 40), "Number out of all bounds", 0},
		{"compared", doubling("[1]", "[V, V]", "V == [V]", 40), large + orSlow, 0},
		// Numbers and formats.
		{"exponent", local("1e100000000"), "Number is too large", 0},
		{"negative exponent", local("1e-100000000"), "Number is too large", 0},
		{"digits", local(again(100_000, "9")), "Number is too large", 0},
		{"json number", tree{"main.hcl.json": `{"locals": {"a": 1e100000000}}`}, "Number is too large", 0},
		{"power", local("pow(10, 100000000)"), "is not a number that", 0},
		{"number of a text", local(`"1e100000000" + 1`), "Number out of all bounds", 0},
		{"padding", local(`format("%1000000000d", 1)`), "may be at most", 0},
		{"padding by number", local(`format("%*d", 1000000000, 1)`), "unrecognized format character", 0},
		{"precision", local(`format("%.1000000000f", 1.5)`), "may be at most", 0},
		{"many verbs", local(`format("` + again(20_000, "%[1]s") + `", "` + again(10_000, "x") + `")`), "Evaluation takes too long", quick},
		// Loops and functions.
		{"range", local("range(1000000000)"), elements, 0},
		{"range by a crumb", local("range(0, 1, 0.0000001)"), elements, 0},
		{"products", local("setproduct(range(1000), range(1000), range(1000))"), elements, 0},
		{"loop in a loop", local("[for x in range(30000) : [for y in range(30000) : true if x == y]]"), "Evaluation takes too long", quick},
		{"loop of texts", local(`[for x in range(100000) : "${x}${format("%9000s", "")}"]`), "Evaluation takes too", 0},
		{"loop in a template", local(`"%{for x in range(100000)}%{for y in range(100000)}x%{endfor}%{endfor}"`), "Evaluation takes too long", quick},
		{"loop of keys", local(`{for x in range(100000) : format("%9000s", x) => x}`), "Evaluation takes too", 0},
		{"repeated expression", local(`regex("` + again(4, "(") + "a" + again(4, "{1000})") + `", "a")`), "invalid repeat", 0},
		{"long expression", local(`regex("` + again(20_000, "(a|b)") + `", "a")`), "a regular expression may be at most", 0},
		{"json in json", local(`jsondecode("` + again(100_000, "[") + `")`), "nested more than 200 deep", 0},
		{"yaml aliases", local(`yamldecode(file("a.yaml"))`).and("a.yaml", yamlBomb()), elements, 0},
		{"yaml depth", local(`yamldecode("` + again(100_000, "[") + `")`), "exceeded max depth", 0},
		{"csv", local(`csvdecode(file("a.csv"))`).and("a.csv", again(2000, "a,")+"b\n"+again(2000, again(2000, ",")[:200]+"\n")), elements, 0},
		{"unpacked", local(`base64gunzip("` + gzipBomb() + `")`), "the result would be longer than 4194304", 0},
		{"networks", local(`cidrsubnets("10.0.0.0/8", ` + again(100_000, "24, ") + "99)"), "must add 1 to 24 bits", 0},
		{"alternatives of files", local(`fileset(".", "` + again(30, "{a,b}") + `")`), "a pattern may stand for 1000", 0},
		// Resources.
		{"count", resource("count = 1000000000"), "Too many instances", 0},
		{"count without end", resource("count = 1e300"), "Not a count", 0},
		{"for_each", resource("for_each = toset([for x in range(100000) : \"x${x}\"])"), "Evaluation takes too long", quick},
		{"for_each beyond", resource("for_each = toset([for x in setproduct(range(400), range(400)) : \"${x[0]}-${x[1]}\"])"), "the product has more than 100000", 0},
		{"each seen by each", resource("count = 5000").and("b.hcl", "server \"b\" {\n  count = 5000\n  name = join(\",\", server.a[*].name)\n}\n"), "Evaluation takes too long", quick},
		// Files of variables, which the stack brings along.
		{"variables nested", named("x.auto.vars.hcl", "x = "+again(5000, "[")), deep, 0},
		{"variables nested in json", named("x.auto.vars.hcl.json", `{"x": `+again(5000, "[")), deep, 0},
		{"variable with digits", named("vpsync.vars.hcl", "x = 1e100000000\n"), "Number is too large", 0},
		{"variable with digits in json", named("vpsync.vars.hcl.json", `{"x": 1e100000000}`), "Number is too large", 0},
		{"large variable", named("vpsync.vars.hcl", "x = \""+again(1<<20, "x")+"\"\n"), "File is too large", 0},
		{"files of variables", many(60, "f%d.auto.vars.hcl", "x = \""+again(1<<20-20, "x")+"\"\n"), "Variable files are too large" + orSlow, 0},
		{"variables that nobody declared", many(7, "f%d.auto.vars.hcl", manyVariables()), "Evaluation takes too long", quick},
	}
}

// TestUntrustedBombs: whatever a stack does to exhaust the machine, it is refused: the process that evaluates it stays below its limit of
// memory, and the one that started it, too.
func TestUntrustedBombs(t *testing.T) {
	begun := time.Now()
	all := bombs()
	t.Run("each", func(t *testing.T) {
		for _, b := range all {
			t.Run(b.name, func(t *testing.T) { b.goesOff(t) })
		}
	})
	matrix.Ran(t, "G1", len(all), begun)
}

func (b bomb) goesOff(t *testing.T) {
	t.Parallel()
	args := []string{"validate", "--untrusted"}
	if b.time != 0 {
		args = append(args, "--evaluation-timeout", b.time.String())
	}
	got := inProcess(t, plant(t, b.files), nil, args...)
	t.Logf("%d %s of %s %d MiB\n%.600s", got.code, got.worked, got.took, got.peak>>20, got.said())
	got.refusedInTime(t)
	require.Contains(t, got.stderr, "Error: ")
	require.True(t, slices.ContainsFunc(strings.Split(b.says, "|"), func(says string) bool { return strings.Contains(got.stderr, says) }), "%q is not said:\n%s", b.says, got.stderr)
	require.Less(t, len(got.said()), 1<<20, "nobody reads more")
	require.Less(t, got.peak, int64(confined.DefaultLimits.Memory+128<<20), "the limit is of data; code comes on top")
	if b.time != 0 {
		require.Contains(t, got.stderr, "was not worked out within 300ms")
	}
}
