package spec

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"unicode/utf8"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"
)

// VariableFile reads a file of variable values (*.vars.hcl): an argument for each. Where the name ends in .json it is one object,
// whose values are taken as they stand: its strings are no templates.
func VariableFile(src []byte, name string) ([]VariableValue, Diagnostics) {
	src = plainSource(src)
	if strings.HasSuffix(name, ".json") {
		return jsonVariables(src, name)
	}
	if refused := Guard(src, name); len(refused) > 0 {
		return nil, refused
	}
	at := sources{} // no line of the file is shown: it may hold a secret
	file, problems := hclsyntax.ParseConfig(src, name, hcl.InitialPos)
	diags := at.fromHCL(untangled(problems))
	if diags.HasErrors() {
		return nil, diags
	}
	body := file.Body.(*hclsyntax.Body)
	for _, b := range body.Blocks {
		diags = append(diags, at.at(Diagnostic{Severity: SeverityError, Summary: "Block in a file of variables",
			Detail: fmt.Sprintf("%s holds values of variables, an argument for each; a %s block belongs into a file of the stack.", name, b.Type), Range: rangeOf(b.TypeRange)}))
	}
	var out []VariableValue
	for _, a := range inOrder(body.Attributes) {
		r := a.Expr.Range()
		out = append(out, VariableValue{Name: a.Name, Source: string(r.SliceBytes(src)), Origin: name, Range: rangeOf(r), File: true})
	}
	return out, diags
}

// maxVariableBytes is how much the variable files of one stack may hold.
const maxVariableBytes = 8 << 20

// VariableFiles are the values that the stack's own files give, in rising precedence: vpsync.vars.hcl, then *.auto.vars.hcl by name. Each
// may be in JSON, its name then ending in .json.
func (s *Stack) VariableFiles() ([]VariableValue, Diagnostics) {
	var out []VariableValue
	var diags Diagnostics
	var found []string
	for _, name := range []string{"vpsync.vars.hcl", "vpsync.vars.hcl.json"} {
		if _, err := os.Lstat(filepath.Join(s.Dir, name)); err == nil {
			found = append(found, name)
		}
	}
	entries, _ := os.ReadDir(s.Dir) // a folder that cannot be read is said elsewhere; entries are sorted
	for _, e := range entries {
		if strings.HasSuffix(strings.TrimSuffix(e.Name(), ".json"), ".auto.vars.hcl") {
			found = append(found, e.Name())
		}
	}
	total := 0
	for _, name := range found {
		src, err := ReadFile(s.Dir, name)
		if err != nil {
			diags = append(diags, Diagnostic{Severity: SeverityError, Summary: "Variables cannot be read", Detail: fmt.Sprintf("%s: %s.", name, reason(err))})
			continue
		}
		if total += len(src); total > maxVariableBytes {
			return nil, append(diags, Diagnostic{Severity: SeverityError, Summary: "Variable files are too large",
				Detail: fmt.Sprintf("Those of %s hold more than %d MiB, up to %s.", s.Dir, maxVariableBytes>>20, name), Remedy: "keep large texts in files of their own, and read them with file()"})
		}
		values, problems := VariableFile(src, name)
		out, diags = append(out, values...), append(diags, problems...)
	}
	return out, diags
}

// variableValues gives each declared variable its value: the last one given, else its default. For an outline one that
// has neither is unknown.
func (s *Stack) variableValues(given []VariableValue, outline bool) (map[string]cty.Value, Diagnostics) {
	var diags Diagnostics
	last := map[string]VariableValue{}
	for _, g := range given {
		if s.variables[g.Name] != nil {
			last[g.Name] = g
			continue
		}
		d := Diagnostic{Severity: SeverityError, Summary: "Unknown variable", Range: g.Range,
			Detail: fmt.Sprintf("%s gives a value to %q, which the stack does not declare.%s", g.Origin, g.Name, didYouMean(g.Name, names(s.variables)))}
		if near := Nearest(g.Name, names(s.variables)); near != "" {
			d.Remedy = VariableValue{Name: near, Origin: strings.Replace(g.Origin, g.Name, near, 1), File: g.File}.assigning("...")
		} else if hclsyntax.ValidIdentifier(g.Name) {
			d.Remedy = fmt.Sprintf("variable %q {}", g.Name)
		}
		switch {
		case g.File:
			d.Severity = SeverityWarning // a file may serve several stacks
		case strings.HasPrefix(g.Origin, "VPSYNC_VAR_"):
			continue // so may an environment
		}
		diags = append(diags, d)
	}
	values := make(map[string]cty.Value, len(s.variables))
	for _, v := range sortedByName(s.variables) {
		if v.mistyped { // told where it is declared
			values[v.name] = lost
			continue
		}
		value, problems := s.variableValue(v, last)
		if _, ok := last[v.name]; outline && !ok && v.value == nil {
			value, problems = cty.UnknownVal(v.typ), nil
		}
		diags = append(diags, problems...)
		if v.sensitive || last[v.name].Withheld {
			value = value.Mark(Sensitive)
		}
		values[v.name] = value
	}
	return values, diags
}

func (s *Stack) variableValue(v *variable, last map[string]VariableValue) (cty.Value, Diagnostics) {
	g, ok := last[v.name]
	var value cty.Value
	var from hclsyntax.Expression // or nil, where the value is plain text
	switch {
	case ok && g.Withheld:
		return cty.UnknownVal(v.typ).Mark(withheld{}), nil
	case ok:
		var d *Diagnostic
		if value, from, d = parseVariable(v, g); d != nil {
			return lost, Diagnostics{s.sources.at(*d)}
		}
	case v.value != nil:
		from, _ = v.value.(hclsyntax.Expression)
		var problems hcl.Diagnostics
		if value, problems = v.value.Value(nil); problems.HasErrors() {
			return lost, s.notConstant(problems, v)
		}
		g = VariableValue{Name: v.name, File: true, Range: rangeOf(v.value.Range())}
	default:
		return lost, Diagnostics{s.sources.at(Diagnostic{Severity: SeverityError, Summary: "Variable without a value",
			Detail: fmt.Sprintf("var.%s has no default, and nothing gave it a value.", v.name), Range: &v.rng,
			Remedy: fmt.Sprintf("--var %s=...    # or VPSYNC_VAR_%s=..., or a line in vpsync.vars.hcl", v.name, v.name)})}
	}
	if value.IsNull() && !v.nullable && ok && v.value != nil {
		delete(last, v.name) // null means nothing given: the default
		return s.variableValue(v, last)
	}
	filled := value
	if v.defaults != nil && !value.IsNull() {
		filled = v.defaults.Apply(value)
	}
	if HoldsAbsurd(filled) { // before it becomes a text
		what := "var." + v.name
		if g.Origin != "" {
			what = g.Origin + ": " + what
		}
		d := outOfBounds(what)
		d.Range = g.Range
		return lost, Diagnostics{s.shown(v, d)}
	}
	converted, err := convert.Convert(filled, v.typ)
	if err != nil {
		return lost, s.misfits(v, g, value, from, err)
	}
	if converted.IsNull() && !v.nullable {
		remedy := "give another value, or remove nullable = false"
		return lost, Diagnostics{s.shown(v, Diagnostic{Severity: SeverityError, Summary: "Variable is null",
			Detail: fmt.Sprintf("var.%s is declared with nullable = false.", v.name), Range: g.Range, Remedy: remedy})}
	}
	return converted, s.unused(v, g, value, from)
}

// shown adds the source line to a diagnostic about a variable's value, unless the value is a secret.
func (s *Stack) shown(v *variable, d Diagnostic) Diagnostic {
	if v.sensitive {
		return d
	}
	return s.sources.at(d)
}

// notConstant says that a default refers to something.
func (s *Stack) notConstant(problems hcl.Diagnostics, v *variable) Diagnostics {
	diags := s.sources.fromHCL(problems)
	for i := range diags {
		if refersTo(problems[i]) {
			diags[i].Summary = "Default is not a constant"
			diags[i].Detail = fmt.Sprintf("The default of var.%s names something else or calls a function. It is known before anything is worked out, so it cannot.", v.name)
			diags[i].Remedy = fmt.Sprintf("locals {\n  %s = coalesce(var.%s, ...)\n}", v.name, v.name)
		}
		if v.sensitive {
			diags[i].Snippet = ""
		}
	}
	return diags
}

// refersTo: the expression language wanted something that is no constant.
func refersTo(d *hcl.Diagnostic) bool {
	return d.Summary == "Variables not allowed" || d.Summary == "Function calls not allowed"
}

// parseVariable reads a value as HCL. From the command line, the environment or a terminal, what is given to a variable of
// type string, or of none, is plain text unless it looks like HCL, so that nobody has to quote twice and 007 stays 007.
// The text itself is in no message: it may be a secret.
func parseVariable(v *variable, g VariableValue) (cty.Value, hclsyntax.Expression, *Diagnostic) {
	unread := Diagnostic{Severity: SeverityError, Summary: "Value cannot be read", Range: g.Range}
	if !utf8.ValidString(g.Source) {
		unread.Detail = fmt.Sprintf("%s gives var.%s bytes that are not UTF-8 text.", g.Origin, v.name)
		return cty.NilVal, nil, &unread
	}
	if !g.File && isPlain(v.typ, strings.TrimSpace(g.Source)) {
		return cty.StringVal(g.Source), nil, nil
	}
	source := []byte(g.Source)
	if !g.File {
		source = plainSource(bytes.TrimSpace(source)) // a shell may have read it from a file of another system; plain text stays as it is
	}
	if refused := Guard(source, g.Origin); len(refused) > 0 {
		d := refused[0]
		d.Range, d.Snippet = g.Range, ""
		return cty.NilVal, nil, &d
	}
	start := hcl.InitialPos
	if g.Range != nil {
		start = hcl.Pos(g.Range.Start)
	}
	expr, problems := hclsyntax.ParseExpression(source, g.Origin, start)
	if !problems.HasErrors() {
		divides(expr)
		var value cty.Value
		if value, problems = expr.Value(nil); !problems.HasErrors() {
			return value, expr, nil
		}
	}
	if !g.File && v.typ.IsPrimitiveType() && plainWord.MatchString(strings.TrimSpace(g.Source)) {
		shown := fmt.Sprintf("%q", strings.TrimSpace(g.Source))
		if v.sensitive {
			shown = "what was given"
		}
		return cty.NilVal, nil, &Diagnostic{Severity: SeverityError, Summary: "Wrong type", Range: g.Range,
			Detail: fmt.Sprintf("%s: var.%s is %s, and %s is none.", g.Origin, v.name, aType(v.typ), shown)}
	}
	why := strings.ToLower(problems[0].Summary[:1]) + problems[0].Summary[1:]
	switch {
	case problems[0].Summary == "Variables not allowed" && !g.File:
		why = "texts in it stand in quotes"
	case refersTo(problems[0]):
		why = "it may name nothing else, and call no function"
	case problems[0].Summary == "Operation failed":
		why = strings.TrimSuffix(strings.TrimPrefix(problems[0].Detail, "Error during operation: "), ".")
	}
	if g.File && problems[0].Subject != nil {
		unread.Range = rangeOf(*problems[0].Subject)
	}
	unread.Detail = fmt.Sprintf("%s: var.%s is %s, so its value is read as an HCL constant, and this is none: %s.", g.Origin, v.name, aType(v.typ), why)
	unread.Remedy = g.assigning(sample(v.typ))
	return cty.NilVal, nil, &unread
}

// assigning is how a value is given where this one was.
func (g VariableValue) assigning(value string) string {
	quoted := value
	if strings.ContainsAny(value, "\"{[ ") {
		quoted = "'" + value + "'"
	}
	switch {
	case g.inJSON():
		return fmt.Sprintf("%q: %s", g.Name, jsonOf(value))
	case g.File:
		return fmt.Sprintf("%s = %s", g.Name, value)
	case strings.HasPrefix(g.Origin, "VPSYNC_VAR_"):
		return fmt.Sprintf("export VPSYNC_VAR_%s=%s", g.Name, quoted)
	case strings.HasPrefix(g.Origin, "--var") && quoted != value:
		return fmt.Sprintf("--var '%s=%s'", g.Name, value)
	case strings.HasPrefix(g.Origin, "--var"):
		return fmt.Sprintf("--var %s=%s", g.Name, value)
	}
	return value
}

// plainWord is what nobody meant as an expression.
var plainWord = regexp.MustCompile(`^[\pL\pN_.-]*$`)

func isPlain(t cty.Type, source string) bool {
	quoted := len(source) >= 2 && source[0] == '"' && source[len(source)-1] == '"'
	switch t {
	case cty.String:
		return !quoted
	case cty.DynamicPseudoType:
		return !quoted && source != "null" && !strings.HasPrefix(source, "[") && !strings.HasPrefix(source, "{")
	}
	return false
}

// VariableValues are the values that the stack's variables have with what was given. Those that are secret are marked.
func (s *Stack) VariableValues(given []VariableValue) (map[string]cty.Value, Diagnostics) {
	return s.variableValues(given, false)
}
