package main

import (
	"cmp"
	"fmt"
	"maps"
	"net/url"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/vpsync/vpsync/pkg/providers"
	"github.com/vpsync/vpsync/pkg/providers/providertest"
	"github.com/vpsync/vpsync/pkg/spec"
)

// apiRow is one operation of an API, or one parameter of its query, as README.md lists it.
type apiRow struct {
	method, path string
	parameter    string // of the query, or empty
	documented   bool
	ways         []string // how a user reaches it, in Markdown
	covered      []string // exchanges of testdata/api that show it
	refused      []string // and those that show how it is refused
}

func (r *apiRow) name() string {
	name := r.method + " " + r.path
	if r.parameter != "" {
		name += "?" + r.parameter
	}
	return name
}

// apiRows are the operations of a definition in the order of their paths, each once, whoever uses it.
type apiRows struct {
	def  *providers.Definition
	rows []*apiRow
}

func (a *apiRows) row(o *providers.Operation, parameter string) *apiRow {
	r := &apiRow{method: o.Method, path: o.Path, parameter: parameter, documented: o.Schema.Documented}
	for _, known := range a.rows {
		if known.name() == r.name() {
			return known
		}
	}
	a.rows = append(a.rows, r)
	return r
}

func (a *apiRows) reached(o *providers.Operation, format string, args ...any) {
	if r := a.row(o, ""); !slices.Contains(r.ways, fmt.Sprintf(format, args...)) {
		r.ways = append(r.ways, fmt.Sprintf(format, args...))
	}
}

// rowsOf walks a definition: kinds, their waits, data sources, tasks.
func rowsOf(def *providers.Definition) *apiRows {
	a := &apiRows{def: def}
	for name := range keysSorted(def.Kinds) {
		k := def.Kinds[name]
		for _, verb := range k.Schema.OperationOrder {
			a.kind(name, k, verb)
		}
		if k.Wait != nil && k.Wait.Operation != nil {
			a.reached(k.Wait.Operation, "`%s` wait", name)
		}
	}
	for name := range keysSorted(def.Data) {
		q := def.Data[name]
		a.reached(q.Operation, "`data.%s`", name)
		for _, at := range q.Schema.Attributes {
			if (at.Required || at.Optional) && !strings.Contains(q.Operation.Path, "{"+at.Name+"}") {
				r := a.row(q.Operation, orElse(q.Wire[at.Name].SentAs, at.Name))
				r.ways = append(r.ways, fmt.Sprintf("`%s` of `data.%s`", at.Name, name))
			}
		}
	}
	for on := range keysSorted(def.Tasks) {
		for name := range keysSorted(def.Tasks[on]) {
			a.reached(def.Tasks[on][name].Operation, "task `%s` on a `%s`", name, on)
		}
	}
	slices.SortStableFunc(a.rows, func(x, y *apiRow) int {
		return cmp.Or(cmp.Compare(strings.Trim(x.path, "/"), strings.Trim(y.path, "/")), cmp.Compare(order[x.method], order[y.method]), cmp.Compare(x.parameter, y.parameter))
	})
	return a
}

var order = map[string]int{"GET": 0, "POST": 1, "PUT": 2, "PATCH": 3, "DELETE": 4}

func (a *apiRows) kind(name string, k *providers.Kind, verb string) {
	o := k.Operations[verb]
	switch verb {
	case spec.OpList, spec.OpRead, spec.OpCreate, spec.OpDelete:
		a.reached(o, "`%s` %s", name, verb)
		if verb == spec.OpList && o.Schema.Documented && a.def.Paging.Style == providers.PagingPage {
			for _, parameter := range []string{a.def.Paging.PageParameter, a.def.Paging.LimitParameter} {
				r := a.row(o, parameter)
				r.ways = append(r.ways, fmt.Sprintf("`%s` list, page by page, as every other list", name))
			}
		}
		return
	case spec.OpUpdate:
		a.reached(o, "`%s` update: `%s`", name, strings.Join(o.Sends, "`, `"))
		return
	}
	a.row(o, "") // a task may be all that calls it
	for _, at := range k.Schema.Attributes {
		if at.OnChange == spec.OnOperation && at.Operation == verb {
			a.reached(o, "`%s` of a `%s`", at.Name, name)
		}
		for value := range keysSorted(at.Operations) {
			if at.Operations[value] == verb {
				a.reached(o, "`%s = %q` of a `%s`", at.Name, value, name)
			}
		}
	}
}

// cover notes which exchanges show each row.
func (a *apiRows) cover(t *testing.T, exchanges []providertest.Exchange) {
	base, err := url.Parse(a.def.BaseURL)
	require.NoError(t, err)
	for _, e := range exchanges {
		for _, m := range e.Messages {
			asked, err := url.Parse(m.Request.Path)
			require.NoError(t, err)
			shown := false
			for _, r := range a.rows {
				if r.method != m.Request.Method || !template(r.path).MatchString(strings.TrimPrefix(asked.Path, base.Path)) || a.shadowed(r, strings.TrimPrefix(asked.Path, base.Path)) {
					continue
				}
				shown = true
				if r.parameter != "" && !asked.Query().Has(r.parameter) {
					continue
				}
				to := &r.covered
				if e.Error != nil {
					to = &r.refused
				}
				if !slices.Contains(*to, e.Name) {
					*to = append(*to, e.Name)
				}
			}
			require.Truef(t, shown, "%s: %s %s is no operation of %s", e.Name, m.Request.Method, m.Request.Path, a.def.Name)
		}
	}
}

// shadowed: the path is another row's to the letter.
func (a *apiRows) shadowed(r *apiRow, path string) bool {
	return r.path != path && slices.ContainsFunc(a.rows, func(other *apiRow) bool { return other.path == path })
}

var hole = regexp.MustCompile(`\\\{[^}]*\\\}`)

// template matches the paths that a path with holes stands for.
func template(path string) *regexp.Regexp {
	return regexp.MustCompile("^" + hole.ReplaceAllString(regexp.QuoteMeta(path), `[^/]+`) + "$")
}

func allRows(t *testing.T) []*apiRows {
	var all []*apiRows
	for _, name := range []string{"servosphere", "vpsorg", "evotic"} {
		def, err := embeddedDefinition(name)
		require.NoError(t, err)
		a := rowsOf(def)
		a.cover(t, providertest.Load(t, root+"/testdata/api/"+name))
		all = append(all, a)
	}
	require.Len(t, all, len(embedded()))
	return all
}

// TestOperations: every operation that a definition writes down is in the table, a user reaches it, and an exchange shows it.
func TestOperations(t *testing.T) {
	request := regexp.MustCompile(`(?m)^\s*request\s*=\s*"([^"]+)"`)
	for _, a := range allRows(t) {
		var listed []string
		for _, r := range a.rows {
			require.NotEmptyf(t, r.ways, "nobody reaches %s of %s", r.name(), a.def.Name)
			require.NotEmptyf(t, r.covered, "no exchange in testdata/api/%s shows %s", a.def.Name, r.name())
			if r.parameter == "" {
				listed = append(listed, r.name())
			}
		}
		written := map[string]bool{}
		for _, found := range request.FindAllSubmatch(embedded()[a.def.Name], -1) {
			written[string(found[1])] = true
		}
		require.ElementsMatch(t, slices.Collect(maps.Keys(written)), listed, a.def.Name)
	}
}

// TestContract: the definitions have the operations that testdata/api/contract.txt lists, and no others.
func TestContract(t *testing.T) {
	source, err := os.ReadFile(root + "/testdata/api/contract.txt")
	require.NoError(t, err)
	var want, got []string
	for line := range strings.Lines(string(source)) {
		line, _, _ = strings.Cut(line, "#")
		if words := strings.Fields(line); len(words) > 0 {
			require.Len(t, words, 4, line)
			want = append(want, strings.Join(words, " "))
		}
	}
	named := regexp.MustCompile(`\{[^}]*\}`)
	for _, a := range allRows(t) {
		for _, r := range a.rows {
			from := map[bool]string{true: "doc", false: "inferred"}[r.documented]
			got = append(got, a.def.Name+" "+named.ReplaceAllString(r.name(), "{id}")+" "+from)
		}
	}
	require.ElementsMatch(t, want, got)
}
