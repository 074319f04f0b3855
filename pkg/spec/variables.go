package spec

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"
)

// VariableFile reads a file of variable values (*.vars.hcl): an argument for each. Where the name ends in .json it is one object,
// whose values are taken as they stand: its strings are no templates.
func VariableFile(src []byte, name string) ([]VariableValue, Diagnostics) {
	if strings.HasSuffix(name, ".json") {
		return jsonVariables(src, name)
	}
	if refused := Guard(src, name); len(refused) > 0 {
		return nil, refused
	}
	at := sources{} // no line of the file is shown: it may hold a secret
	file, problems := hclsyntax.ParseConfig(src, name, hcl.InitialPos)
	diags := at.fromHCL(problems)
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
			Detail: fmt.Sprintf("%s gives a value to %q, which the stack does not declare.%s", g.Origin, g.Name, didYouMean(g.Name, names(s.variables))),
			Remedy: fmt.Sprintf("variable %q {}", g.Name)}
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
		value, problems := s.variableValue(v, last)
		if _, ok := last[v.name]; outline && !ok && v.value == nil {
			value, problems = cty.UnknownVal(v.typ), nil
		}
		diags = append(diags, problems...)
		if v.sensitive {
			value = value.Mark(Sensitive)
		}
		values[v.name] = value
	}
	return values, diags
}

func (s *Stack) variableValue(v *variable, last map[string]VariableValue) (cty.Value, Diagnostics) {
	g, ok := last[v.name]
	var value cty.Value
	var at *Range
	switch {
	case ok:
		var d *Diagnostic
		if value, d = parseVariable(v, g); d != nil {
			return lost, Diagnostics{s.sources.at(*d)}
		}
		at = g.Range
	case v.value != nil:
		var problems hcl.Diagnostics
		value, problems = v.value.Value(nil)
		if problems.HasErrors() {
			return lost, s.sources.fromHCL(problems)
		}
		at = rangeOf(v.value.Range())
	default:
		return lost, Diagnostics{s.sources.at(Diagnostic{Severity: SeverityError, Summary: "Variable without a value",
			Detail: fmt.Sprintf("var.%s has no default, and nothing gave it a value.", v.name), Range: &v.rng,
			Remedy: fmt.Sprintf("--var %s=...    # or VPSYNC_VAR_%s=..., or a line in vpsync.vars.hcl", v.name, v.name)})}
	}
	if v.defaults != nil && !value.IsNull() {
		value = v.defaults.Apply(value)
	}
	if value.IsNull() && !v.nullable && ok && v.value != nil {
		delete(last, v.name) // null means nothing given: the default
		return s.variableValue(v, last)
	}
	converted, err := convert.Convert(value, v.typ)
	if err != nil {
		return lost, Diagnostics{s.sources.at(Diagnostic{Severity: SeverityError, Summary: "Wrong type",
			Detail: fmt.Sprintf("var.%s is a %s, and %s.", v.name, v.typ.FriendlyName(), v.mismatch(value, err)), Range: at})}
	}
	if converted.IsNull() && !v.nullable {
		return lost, Diagnostics{s.sources.at(Diagnostic{Severity: SeverityError, Summary: "Variable is null", Detail: fmt.Sprintf("var.%s is declared with nullable = false.", v.name), Range: at})}
	}
	return converted, nil
}

// parseVariable reads a value as HCL. From the command line or the environment, what is given to a variable of type
// string, or of none, is plain text unless it looks like HCL, so that nobody has to quote twice and 007 stays 007.
// The text itself is in no message: it may be a secret.
func parseVariable(v *variable, g VariableValue) (cty.Value, *Diagnostic) {
	if !g.File && isPlain(v.typ, strings.TrimSpace(g.Source)) {
		return cty.StringVal(g.Source), nil
	}
	if refused := Guard([]byte(g.Source), g.Origin); len(refused) > 0 {
		d := refused[0]
		d.Range, d.Snippet = g.Range, ""
		return cty.NilVal, &d
	}
	expr, problems := hclsyntax.ParseExpression([]byte(g.Source), g.Origin, hcl.InitialPos)
	if !problems.HasErrors() {
		var value cty.Value
		if value, problems = expr.Value(nil); !problems.HasErrors() {
			return value, nil
		}
	}
	if !g.File && v.typ.IsPrimitiveType() && plainWord.MatchString(strings.TrimSpace(g.Source)) {
		shown := fmt.Sprintf("%q", strings.TrimSpace(g.Source))
		if v.sensitive {
			shown = "what was given"
		}
		return cty.NilVal, &Diagnostic{Severity: SeverityError, Summary: "Wrong type", Range: g.Range,
			Detail: fmt.Sprintf("%s: var.%s is a %s, and %s is none.", g.Origin, v.name, v.typ.FriendlyName(), shown)}
	}
	return cty.NilVal, &Diagnostic{Severity: SeverityError, Summary: "Value cannot be read", Range: g.Range,
		Detail: fmt.Sprintf("%s gives var.%s a value that is no constant HCL expression (%s).", g.Origin, v.name, problems[0].Summary),
		Remedy: `'["a", "b"]' is a list, '{ a = 1 }' a map, '"text"' a string`}
}

// plainWord is what nobody meant as an expression.
var plainWord = regexp.MustCompile(`^[\pL\pN_.-]*$`)

// mismatch says why a value does not fit, without the value where it is secret.
func (v *variable) mismatch(value cty.Value, err error) string {
	switch given := value.Type(); {
	case !given.IsPrimitiveType() && v.typ.IsPrimitiveType(), given.IsPrimitiveType() && !v.typ.IsPrimitiveType():
		return "a " + given.FriendlyName() + " was given"
	case given.IsPrimitiveType() && !v.sensitive && !value.IsNull():
		return display(value) + " is none"
	case given.IsPrimitiveType():
		return "what was given is none"
	}
	return "what was given does not fit: " + err.Error()
}

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

// Secret: the stack declares the variable as sensitive.
func (s *Stack) Secret(variable string) bool {
	v := s.variables[variable]
	return v != nil && v.sensitive
}

// VariableValues are the values that the stack's variables have with what was given. Those that are secret are marked.
func (s *Stack) VariableValues(given []VariableValue) (map[string]cty.Value, Diagnostics) {
	return s.variableValues(given, false)
}

// Declares: the stack has the variable.
func (s *Stack) Declares(variable string) bool { return s.variables[variable] != nil }
