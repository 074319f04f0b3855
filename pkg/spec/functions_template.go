package spec

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/function"
)

// Limits of templates that render templates, each time from the outermost one.
const (
	maxTemplateDepth  = 10
	maxTemplateCalls  = 1000
	maxTemplateIntake = 4 * maxTextBytes // of what one rendering names, as often as it names it
)

// templates is templatefile() and templatestring() at one depth.
type templates struct {
	dir   string
	base  map[string]function.Function // all others
	depth int
	calls *int // since the outermost, which has none
}

// withTemplates adds the functions that render templates, which may call all others and themselves.
func withTemplates(dir string, base map[string]function.Function) map[string]function.Function {
	return templates{dir: dir, base: base}.functions()
}

func (t templates) functions() map[string]function.Function {
	all := maps.Clone(t.base)
	all["templatefile"] = t.function("path", func(path string) (string, string, error) {
		source, err := readText(t.dir, path)
		if err != nil {
			return "", "", function.NewArgError(0, err)
		}
		return source, path, nil
	})
	all["templatestring"] = t.function("template", func(source string) (string, string, error) { return source, "the template", nil })
	return all
}

// function renders what source finds. A template that is one interpolation gives its value, of whatever type; so the type
// is known afterwards only, and rendering twice to tell it before would make nested templates cost twice at each depth.
func (t templates) function(first string, source func(string) (text, name string, err error)) function.Function {
	return careful(function.New(&function.Spec{
		Params: []function.Parameter{{Name: first, Type: cty.String}, {Name: "vars", Type: cty.DynamicPseudoType, AllowMarked: true}},
		Type:   function.StaticReturnType(cty.DynamicPseudoType),
		Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
			if vars := args[1].Type(); !vars.IsObjectType() && !vars.IsMapType() {
				return cty.NilVal, function.NewArgErrorf(1, "an object is needed, such as { name = \"web\" }")
			}
			text, name, err := source(args[0].AsString())
			if err != nil {
				return cty.NilVal, err
			}
			return t.render(text, name, args[1])
		},
	}))
}

func (t templates) render(source, name string, vars cty.Value) (cty.Value, error) {
	inner := templates{dir: t.dir, base: t.base, depth: t.depth + 1, calls: t.calls}
	if inner.calls == nil {
		inner.calls = new(int)
	}
	*inner.calls++
	if inner.depth > maxTemplateDepth || *inner.calls > maxTemplateCalls {
		return cty.NilVal, fmt.Errorf("templates may render each other %d deep, and %d in all", maxTemplateDepth, maxTemplateCalls)
	}
	for _, d := range guardTemplate([]byte(source), name) {
		return cty.NilVal, templateProblem(templatePlace(name, d.Range.Start.Line), d.Summary, d.Detail)
	}
	expr, problems := hclsyntax.ParseTemplate([]byte(source), name, hcl.InitialPos)
	if problems.HasErrors() {
		return cty.NilVal, templateError(name, problems)
	}
	divides(expr)
	vars, marks := vars.Unmark()
	ctx := &hcl.EvalContext{Variables: vars.AsValueMap(), Functions: inner.functions()}
	if err := checkTemplate(name, expr, ctx); err != nil {
		return cty.NilVal, err
	}
	v, problems := expr.Value(ctx)
	if problems.HasErrors() {
		for _, p := range problems {
			if !slices.Contains(harmless, p.Summary) && worksWithSecrets(expr, ctx) {
				p.Detail = "The template works with a secret, so what exactly is wrong with it is not shown."
			}
		}
		return cty.NilVal, templateError(name, problems)
	}
	if bare, _ := v.Unmark(); present(bare, cty.String) {
		if err := boundText(len(bare.AsString())); err != nil {
			return cty.NilVal, err
		}
	}
	return v.WithMarks(marks), nil
}

// checkTemplate refuses names that the template was not given, and a template that names so much so often that its text
// would be too long.
func checkTemplate(name string, expr hclsyntax.Expression, ctx *hcl.EvalContext) error {
	for given := range ctx.Variables {
		if !hclsyntax.ValidIdentifier(given) {
			return function.NewArgErrorf(1, "%q cannot be the name of a variable", given)
		}
	}
	intake := 0
	for _, t := range expr.Variables() {
		if _, ok := ctx.Variables[t.RootName()]; !ok {
			place := templatePlace(name, t.SourceRange().Start.Line)
			if near := Nearest(t.RootName(), slices.Collect(maps.Keys(ctx.Variables))); near != "" {
				return function.NewArgErrorf(1, "holds no %q, which %s uses; it holds %q", t.RootName(), place, near)
			}
			return function.NewArgErrorf(1, "holds no %q, which %s uses", t.RootName(), place)
		}
		if v, problems := t.TraverseAbs(ctx); !problems.HasErrors() {
			s := weigh(v)
			if intake += s.bytes + s.values; intake > maxTemplateIntake {
				return fmt.Errorf("%s: the text would be too long", name)
			}
		}
	}
	return nil
}

func templatePlace(name string, line int) string { return fmt.Sprintf("%s line %d", name, line) }

// templateError is the first thing that is wrong with a template, with its place in it.
func templateError(name string, problems hcl.Diagnostics) error {
	for _, p := range problems {
		if p.Severity != hcl.DiagError {
			continue
		}
		place := name
		if p.Subject != nil {
			place = templatePlace(name, p.Subject.Start.Line)
		}
		if p.Summary == unknownFunction && strings.Contains(p.Detail, providerNamespace) {
			p.Detail = noProviderFunctions
		}
		return templateProblem(place, p.Summary, p.Detail)
	}
	return nil
}

// templateProblem has no stop at its end: the message that it goes into sets one.
func templateProblem(place, summary, detail string) error {
	return fmt.Errorf("%s: %s: %s", place, summary, strings.TrimSuffix(detail, "."))
}
