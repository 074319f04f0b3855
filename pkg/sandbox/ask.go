package sandbox

import (
	"net/http"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/vpsync/vpsync/pkg/providers"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"
)

// verbAsk is the verb of the routes that answer data blocks.
const verbAsk = "ask"

// ask answers a query with what the definition says that it answers: the value of emulate, which sees the arguments, or
// else the first example. A list holds those of its entries that the arguments ask for.
func (c *call) ask() (reply, *problem) {
	if p := c.checkParents(); p != nil {
		return reply{}, p
	}
	asked, p := c.arguments()
	if p != nil {
		return reply{}, p
	}
	q := c.route.query
	body := &document{}
	for _, a := range c.route.kind.attrs {
		if !a.Computed {
			continue
		}
		v := a.answer(asked)
		if a.Name != q.Lists {
			if v != cty.NilVal {
				body.set(a.readFrom, toJSON(words(v, a.said)))
			}
			continue
		}
		page, p := c.cut(c.entries(v, asked))
		if p != nil {
			return reply{}, p
		}
		items := make([]any, len(page.objects))
		for i, o := range page.objects {
			items[i] = toJSON(o.values[entry])
		}
		paging := c.route.paging
		if paging.Items == "" {
			return jsonReply(c.route.success, c.header, items), nil
		}
		body.set(split(paging.Items), items)
		page.describe(body, paging)
	}
	return jsonReply(c.route.success, c.header, body), nil
}

// entry is where an entry of a list lies that is cut into pages like a list of objects.
const entry = "entry"

// arguments reads what a query is asked with, from its path and its parameters; one that is not given is null. A catalogue in
// the path says which things there are.
func (c *call) arguments() (map[string]cty.Value, *problem) {
	asked := map[string]cty.Value{}
	for _, a := range c.route.kind.attrs {
		if !a.Required && !a.Optional {
			continue
		}
		text, inPath := c.params[a.Name]
		given := inPath || c.query.Has(a.sentAs)
		if !inPath {
			text = c.query.Get(a.sentAs)
		}
		switch {
		case !given && a.Required:
			return nil, invalid(a.sentAs, "is required")
		case !given:
			asked[a.Name] = cty.NullVal(a.Type)
			continue
		}
		v := cty.StringVal(text)
		if a.wire.Join != "" {
			var parts []cty.Value
			for part := range strings.SplitSeq(text, a.wire.Join) {
				parts = append(parts, cty.StringVal(part))
			}
			v = cty.ListVal(parts)
		}
		v, err := convertTo(a.Attribute, v)
		if err == nil {
			v, err = c.taken(a, v)
		}
		switch {
		case err != nil && inPath && len(a.Catalog) > 0:
			return nil, notFound(strings.TrimSuffix(a.Name, "_id"), text)
		case err != nil && inPath:
			return nil, &problem{status: http.StatusNotFound, code: "RESOURCE_NOT_FOUND", message: "The requested path could not be found", details: details(a.sentAs, err.Error())}
		case err != nil:
			return nil, invalid(a.sentAs, err.Error())
		}
		asked[a.Name] = v
	}
	return asked, nil
}

// answer is what the API answers to a question; NilVal where the definition does not say.
func (a *attribute) answer(asked map[string]cty.Value) cty.Value {
	var v cty.Value
	switch {
	case a.wire.Emulate != nil:
		said, diags := a.wire.Emulate.Value(&hcl.EvalContext{Variables: asked, Functions: functions})
		if diags.HasErrors() || !said.IsWhollyKnown() {
			return cty.NilVal
		}
		v = said
	case len(a.Examples) > 0:
		v = a.Examples[0]
	default:
		return cty.NilVal
	}
	v, err := convert.Convert(v, a.Type)
	if err != nil {
		return cty.NilVal
	}
	return v
}

// entries are those of a list that have what the arguments ask for.
func (c *call) entries(list cty.Value, asked map[string]cty.Value) []*object {
	if list == cty.NilVal || list.IsNull() {
		return nil
	}
	var out []*object
	for _, e := range list.AsValueSlice() {
		wanted := !slices.ContainsFunc(c.route.kind.attrs, func(a *attribute) bool {
			want, ok := asked[a.Name]
			return ok && !want.IsNull() && a.wire.Matches != "" && !holds(e, a.wire.Matches, want)
		})
		if wanted {
			out = append(out, &object{seq: len(out) + 1, values: map[string]cty.Value{entry: e}})
		}
	}
	return out
}

// holds: at a place of an entry stands a value, or a list with it.
func holds(e cty.Value, at providers.Path, want cty.Value) bool {
	for _, step := range split(at) {
		if e.IsNull() || !e.Type().IsObjectType() || !e.Type().HasAttribute(step) {
			return false
		}
		e = e.GetAttr(step)
	}
	return slices.ContainsFunc(leaves(e), func(v cty.Value) bool { return idOf(v) == idOf(want) })
}

// sentAs is the attribute that has a name in requests, or nil.
func (k *kind) sentAs(name string) *attribute {
	i := slices.IndexFunc(k.attrs, func(a *attribute) bool { return a.sentAs == name })
	if i < 0 {
		return nil
	}
	return k.attrs[i]
}
