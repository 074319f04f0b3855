package spec

import (
	"errors"
	"strings"

	ctyyaml "github.com/zclconf/go-cty-yaml"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/function"
	"go.yaml.in/yaml/v3"
)

// yamlDecode is a document's value. Aliases let a few lines of YAML stand for more than there is memory, and the decoder
// follows them; so the document is parsed by another reader before, which leaves them alone, and what they stand for
// is counted.
var yamlDecode = bounded(function.New(&function.Spec{
	Params: []function.Parameter{{Name: "src", Type: cty.String}},
	Type: func(args []cty.Value) (cty.Type, error) {
		if !args[0].IsKnown() {
			return cty.DynamicPseudoType, nil
		}
		v, err := decodeYAML(args[0].AsString())
		if err != nil {
			return cty.NilType, function.NewArgError(0, err)
		}
		return v.Type(), nil
	},
	Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) { return decodeYAML(args[0].AsString()) },
}))

func decodeYAML(s string) (cty.Value, error) {
	if err := boundText(len(s)); err != nil {
		return cty.NilVal, errors.New("the document is too long")
	}
	var document yaml.Node
	if err := yaml.Unmarshal([]byte(s), &document); err != nil {
		return cty.NilVal, err
	}
	held := yamlSizes{}.of(&document)
	switch {
	case held.depth > maxDepth:
		return cty.NilVal, tooDeep()
	case held.values > maxElements:
		return cty.NilVal, tooMany()
	case held.bytes > 2*maxDigits: // of its longest number
		return cty.NilVal, errTooLarge
	}
	return ctyyaml.Standard.Unmarshal([]byte(s), cty.DynamicPseudoType)
}

// yamlSizes are the nodes that were weighed, so that an alias costs nothing.
type yamlSizes map[*yaml.Node]size

func (seen yamlSizes) of(n *yaml.Node) size {
	if s, ok := seen[n]; ok {
		return s
	}
	s := size{values: 1}
	seen[n] = s // an alias within what it stands for: the decoder complains of it
	below := n.Content
	if n.Alias != nil {
		below = append(below, n.Alias)
	}
	for _, c := range below {
		inner := seen.of(c)
		s.values = min(s.values+inner.values, maxHeld)
		s.depth = max(s.depth, inner.depth)
		s.bytes = max(s.bytes, inner.bytes)
	}
	s.depth++
	if n.Kind == yaml.ScalarNode && strings.Trim(n.Value, "0123456789+-._eE") == "" {
		s.bytes = len(n.Value)
	}
	seen[n] = s
	return s
}
