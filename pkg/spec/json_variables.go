package spec

import (
	"strings"

	"github.com/hashicorp/hcl/v2/hclwrite"
	"github.com/zclconf/go-cty/cty"
)

// jsonVariables reads a file of variable values in JSON. What it gives is written as HCL, which is what a request holds.
func jsonVariables(src []byte, name string) ([]VariableValue, Diagnostics) {
	f, root := readJSON(src, name)
	if root == nil {
		return nil, f.problems
	}
	if root.form != jsonObject {
		f.tell(f.rangeOf(root), "Not an object", "A file of variables in JSON is one object, whose keys are the names of variables.", `{ "name": "value" }`)
		return nil, f.problems
	}
	var out []VariableValue
	for _, m := range f.named(root) {
		var source strings.Builder
		m.value.write(&source)
		out = append(out, VariableValue{Name: m.name.text, Source: source.String(), Origin: name, Range: rangeOf(f.rangeOf(m.value)), File: true})
	}
	if f.problems.HasErrors() {
		return nil, f.problems
	}
	return out, nil
}

// write writes a value as HCL. Keys are quoted: { for ... begins something else.
func (v *jsonNode) write(to *strings.Builder) {
	switch v.form {
	case jsonObject:
		to.WriteString("{")
		for i, m := range v.members {
			if i > 0 {
				to.WriteString(", ")
			}
			m.name.write(to)
			to.WriteString(" = ")
			m.value.write(to)
		}
		to.WriteString("}")
	case jsonArray:
		to.WriteString("[")
		for i, e := range v.elements {
			if i > 0 {
				to.WriteString(", ")
			}
			e.write(to)
		}
		to.WriteString("]")
	case jsonString:
		to.Write(hclwrite.TokensForValue(cty.StringVal(v.text)).Bytes())
	default:
		to.WriteString(v.text)
	}
}
