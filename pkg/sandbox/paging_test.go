package sandbox

import (
	"fmt"
	"net/url"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/vpsync/vpsync/pkg/spec"
	"github.com/zclconf/go-cty/cty"
)

func (w *world) seed(kind string, n int, values func(i int) spec.Values) {
	w.t.Helper()
	objects := make([]spec.Object, n)
	for i := range objects {
		objects[i] = spec.Object{Kind: kind, Values: values(i)}
	}
	_, err := w.CreateMany(objects)
	require.NoError(w.t, err)
}

func TestPagesByNumber(t *testing.T) {
	w := newWorld(t)
	w.seed("server", 45, func(i int) spec.Values { return serverValues(fmt.Sprintf("s%02d", i)) })
	r := w.do("GET", "/servers", "").want(200)
	require.Len(t, r.at("data"), 20)
	require.Equal(t, "s00", r.text("data.0.name"))
	require.Equal(t, map[string]any{"page": 1.0, "limit": 20.0, "total": 45.0, "pages": 3.0}, r.at("pagination"))

	r = w.do("GET", "/servers?page=3", "").want(200)
	require.Len(t, r.at("data"), 5)
	require.Equal(t, "s40", r.text("data.0.name"))
	require.Equal(t, 3.0, r.at("pagination.page"))
	require.Equal(t, []any{}, w.do("GET", "/servers?page=2147483646&limit=100", "").want(200).at("data"), "past the end")
	require.Len(t, w.do("GET", "/servers?limit=100&page=1", "").want(200).at("data"), 45)

	for _, query := range []string{"page=0", "page=-1", "page=x", "page=", "limit=0", "limit=101", "page=1&page=2", "size=3", "status=broken", "a=%zz", "a;b"} {
		require.Equalf(t, 400, w.do("GET", "/servers?"+query, "").Status, "%s", query)
	}
	w.do("POST", "/servers?page=1", serverBody).want(400)
}

func TestFilters(t *testing.T) {
	w := newWorld(t)
	a, b := w.create("/servers", serverBody), w.create("/servers", serverBody)
	_, err := w.Set("server", b, spec.Values{"status": cty.StringVal("suspended")})
	require.NoError(t, err)
	require.Equal(t, a, w.do("GET", "/servers?status=active", "").want(200).text("data.0.id"))
	r := w.do("GET", "/servers?status=suspended", "").want(200)
	require.Equal(t, b, r.text("data.0.id"))
	require.Equal(t, 1.0, r.at("pagination.total"))
	require.Contains(t, w.do("GET", "/servers?status=odd", "").want(400).text("error.message"), "active, inactive, suspended")
}

func TestPagesByURL(t *testing.T) {
	w := worldOf(t, acme("", `paging "next" {
		limit_parameter = "per"
		page_size       = 10
		items           = "results"
		total           = "count"
		next            = "next"
	}`))
	w.seed("box", 25, boxValues)
	var labels []any
	for path, pages := "/api/boxes?per=10", 0; path != ""; pages++ {
		require.Less(t, pages, 3)
		r := w.do("GET", path, "").want(200)
		require.Equal(t, 25.0, r.at("count"))
		for i := range r.at("results").([]any) {
			labels = append(labels, r.at("results").([]any)[i].(map[string]any)["label"])
		}
		path = ""
		if next, ok := r.at("next").(string); ok {
			u, err := url.Parse(next)
			require.NoError(t, err)
			require.Equal(t, "https://api.example.net/api/boxes", u.Scheme+"://"+u.Host+u.Path, "on the same host, below the same base")
			path = u.RequestURI()
		}
	}
	require.Len(t, labels, 25)
	require.Equal(t, "b24", labels[24])
}

func TestPagesByCursor(t *testing.T) {
	w := worldOf(t, acme("", `paging "cursor" {
		page_parameter = "after"
		page_size      = 10
		items          = "boxes"
		next           = "meta.next"
	}`))
	w.seed("box", 25, boxValues)
	seen := map[float64]bool{}
	path := "/boxes"
	for range 3 {
		r := w.do("GET", path, "").want(200)
		for _, item := range r.at("boxes").([]any) {
			seen[item.(map[string]any)["id"].(float64)] = true
		}
		next, _ := r.at("meta.next").(string)
		if path = "/boxes?after=" + next; next == "" {
			break
		}
		// What is deleted meanwhile shifts nothing.
		require.NoError(t, w.Delete("box", must(w.Objects("box"))[0].ID))
	}
	require.Len(t, seen, 25)
	w.do("GET", "/boxes?after=nonsense!", "").want(400)
	w.do("GET", "/boxes?page=1", "").want(400)
}

func TestListWithoutPages(t *testing.T) {
	w := worldOf(t, acme("", `paging "none" {}`))
	w.seed("box", 25, boxValues)
	require.Len(t, w.do("GET", "/boxes", "").want(200).list(), 25)
	w.do("GET", "/boxes?page=1", "").want(400)
}

func boxValues(i int) spec.Values {
	return spec.Values{"label": cty.StringVal(fmt.Sprintf("b%02d", i)), "cores": cty.NumberIntVal(1)}
}
