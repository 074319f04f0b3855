package providers_test

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/vpsync/vpsync/pkg/spec"
)

// paged is tiny with a paging block.
func paged(block string) string {
	return strings.Replace(tiny, "}\n\nkind", "\n"+block+"\n}\n\nkind", 1)
}

const byNumber = `paging "page" {
  page_parameter  = "page"
  limit_parameter = "limit"
  page_size       = 2
  items           = "data"
  page_count      = "meta.pages"
  total           = "meta.total"
}`

func ids(objects []spec.Object) string {
	var list []string
	for _, o := range objects {
		list = append(list, o.ID)
	}
	return strings.Join(list, " ")
}

func TestPagesByNumber(t *testing.T) {
	for name, c := range map[string]struct {
		pages map[string]string
		want  string
		fails string
	}{
		"three":         {pages: map[string]string{"1": `{"data":[{"id":1},{"id":2}],"meta":{"pages":3}}`, "2": `{"data":[{"id":3},{"id":4}],"meta":{"pages":3}}`, "3": `{"data":[{"id":5}],"meta":{"pages":3}}`}, want: "1 2 3 4 5"},
		"by total":      {pages: map[string]string{"1": `{"data":[{"id":1},{"id":2}],"meta":{"total":3}}`, "2": `{"data":[{"id":3}],"meta":{"total":3}}`}, want: "1 2 3"},
		"shifted":       {pages: map[string]string{"1": `{"data":[{"id":1},{"id":2}],"meta":{"pages":2}}`, "2": `{"data":[{"id":2},{"id":3}],"meta":{"pages":2}}`}, want: "1 2 3"},
		"grew":          {pages: map[string]string{"1": `{"data":[{"id":1}],"meta":{"pages":2}}`, "2": `{"data":[{"id":2}],"meta":{"pages":3}}`, "3": `{"data":[{"id":3}],"meta":{"pages":3}}`}, want: "1 2 3"},
		"shrank":        {pages: map[string]string{"1": `{"data":[{"id":1}],"meta":{"pages":3}}`, "2": `{"data":[{"id":2}],"meta":{"pages":2}}`, "3": `{"data":[],"meta":{"pages":2}}`}, want: "1 2"},
		"no pagination": {pages: map[string]string{"1": `{"data":[{"id":1},{"id":2},{"id":3}]}`}, want: "1 2 3"},
		"bare list":     {pages: map[string]string{"1": `[{"id":1}]`}, want: "1"},
		"none":          {pages: map[string]string{"1": `{"data":[],"meta":{"pages":0,"total":0}}`}, want: ""},
		"bomb":          {pages: map[string]string{"1": `{"data":[{"id":1}],"meta":{"pages":1000000}}`}, fails: "at most 2000 are read"},
		"bomb by total": {pages: map[string]string{"1": `{"data":[{"id":1},{"id":2}],"meta":{"total":9223372036854775807}}`}, fails: "at most 2000 are read"},
		"no list":       {pages: map[string]string{"1": `{"data":{"id":1}}`}, fails: `no list at "data"`},
		"no id":         {pages: map[string]string{"1": `{"data":[{"name":"a"}]}`}, fails: "entry 1 of the list has no id"},
		"no object":     {pages: map[string]string{"1": `{"data":[7]}`}, fails: "entry 1 of the list has no id"},
		"a lost page":   {pages: map[string]string{"1": `{"data":[{"id":1}],"meta":{"pages":2}}`}, fails: "500"},
		"wrong type":    {pages: map[string]string{"1": `{"data":[{"id":1,"name":{}}]}`}, fails: "name of 1: an object where the definition says string"},
	} {
		t.Run(name, func(t *testing.T) {
			cl := client(t, paged(byNumber), tripper(func(r *http.Request) (*http.Response, error) {
				require.Equal(t, "2", r.URL.Query().Get("limit"))
				if body, ok := c.pages[r.URL.Query().Get("page")]; ok {
					return says(200, body), nil
				}
				return says(500, ""), nil
			}))
			list, err := cl.List(t.Context(), "box")
			if c.fails != "" {
				require.ErrorContains(t, err, c.fails)
				return
			}
			require.NoError(t, err)
			require.Equal(t, c.want, ids(list))
			reads, _ := cl.Requests()
			require.Equal(t, len(c.pages), reads)
		})
	}
}

const byURL = `paging "next" {
  items = "results"
  next  = "next"
}`

func TestPagesByURL(t *testing.T) {
	for next, want := range map[string]string{
		`"https://api.acme.example/v1/boxes?page=2"`:   "1 2",
		`"/v1/boxes?page=2"`:                           "1 2",
		`"?page=2"`:                                    "1 2",
		`null`:                                         "1",
		`"https://evil.example/v1/boxes?page=2"`:       "evil.example",
		`"https://api.acme.example:8443/v1/boxes"`:     "lies outside",
		`"http://api.acme.example/v1/boxes"`:           "lies outside",
		`"https://api.acme.example/admin?page=2"`:      "lies outside",
		`"https://api.acme.example/v1/../admin"`:       "lies outside",
		`"https://u:p@api.acme.example/v1/boxes"`:      "lies outside",
		`"https://api.acme.example/v1/boxes?circle=1"`: "circle",
	} {
		t.Run(next, func(t *testing.T) {
			cl := client(t, paged(byURL), tripper(func(r *http.Request) (*http.Response, error) {
				require.Equal(t, "api.acme.example", r.URL.Host)
				switch {
				case r.URL.Query().Get("page") == "2":
					return says(200, `{"results":[{"id":2}],"next":null}`), nil
				case r.URL.Query().Get("circle") != "":
					return says(200, `{"results":[{"id":3}],"next":`+next+`}`), nil
				}
				return says(200, `{"results":[{"id":1}],"next":`+next+`}`), nil
			}))
			list, err := cl.List(t.Context(), "box")
			if _, number := strconv.Atoi(want[:1]); number != nil {
				require.ErrorContains(t, err, want)
				return
			}
			require.NoError(t, err)
			require.Equal(t, want, ids(list))
		})
	}
}

func TestPagesByCursor(t *testing.T) {
	block := "paging \"cursor\" {\n page_parameter = \"cursor\"\n items = \"items\"\n next = \"meta.next\"\n}"
	cl := client(t, paged(block), tripper(func(r *http.Request) (*http.Response, error) {
		n, _ := strconv.Atoi(r.URL.Query().Get("cursor"))
		next := fmt.Sprintf("%q", strconv.Itoa(n+1))
		if n == 3 {
			next = "null"
		}
		return says(200, fmt.Sprintf(`{"items":[{"id":%d}],"meta":{"next":%s}}`, n, next)), nil
	}))
	list, err := cl.List(t.Context(), "box")
	require.NoError(t, err)
	require.Equal(t, "0 1 2 3", ids(list))
}

// TestEmptyPages: some in a row are read, since an API may filter what it has cut into pages. Those that never end, end.
func TestEmptyPages(t *testing.T) {
	byCursor := "paging \"cursor\" {\n page_parameter = \"page\"\n items = \"results\"\n next = \"next\"\n}"
	for block, next := range map[string]string{byCursor: "%d", byURL: "/v1/boxes?page=%d"} {
		for empty, want := range map[int]string{0: "1 50 51 52", 2: "1 50 51 52", 19: "1 50 51 52", 20: "20 pages in a row are empty"} {
			asked := 0
			cl := client(t, paged(block), tripper(func(r *http.Request) (*http.Response, error) {
				asked++
				n, _ := strconv.Atoi(r.URL.Query().Get("page"))
				items, following := fmt.Sprintf(`{"id":%d}`, max(n, 1)), fmt.Sprintf("%q", fmt.Sprintf(next, n+1))
				switch {
				case n == 0:
					following = fmt.Sprintf("%q", fmt.Sprintf(next, 50-empty))
				case n == 52:
					following = "null"
				case n < 50:
					items = ""
				}
				return says(200, fmt.Sprintf(`{"results":[%s],"next":%s}`, items, following)), nil
			}))
			list, err := cl.List(t.Context(), "box")
			if empty == 20 {
				require.ErrorContains(t, err, want)
				require.LessOrEqual(t, asked, 21)
				continue
			}
			require.NoError(t, err)
			require.Equal(t, want, ids(list), "%d empty pages: %s", empty, block)
		}
	}
}

// TestPagingOfOneOperation: an operation may page in a way of its own.
func TestPagingOfOneOperation(t *testing.T) {
	src := strings.Replace(paged(byNumber), "request    = \"GET /boxes\"\n", "request    = \"GET /boxes\"\n    paging \"none\" {\n      items = \"all.boxes\"\n    }\n", 1)
	s := &script{answers: answers(says(200, `{"all":{"boxes":[{"id":"a"}]}}`))}
	list, err := client(t, src, s).List(t.Context(), "box")
	require.NoError(t, err)
	require.Equal(t, "a", ids(list))
	require.Equal(t, []string{"GET /v1/boxes"}, s.asked)
}

// family is a definition with a kind that lives under another one.
var family = tiny + `
kind "lid" {
  identity         = ["name"]
  id               = "7"
  parent           = "box"
  parent_attribute = "box_id"

  attribute "box_id" {
    type      = string
    required  = true
    on_change = "replace"
  }

  attribute "name" {
    type      = string
    required  = true
    on_change = "replace"
  }

  create {
    request    = "POST /boxes/{box_id}/lids"
    documented = true
    sends      = ["name"]
  }

  list {
    request    = "GET /boxes/{box_id}/lids"
    documented = true
  }

  read {
    request    = "GET /boxes/{box_id}/lids/{id}"
    documented = true
  }

  delete {
    request    = "DELETE /boxes/{box_id}/lids/{id}"
    documented = true
  }
}
`

// TestParents: a kind under another one is listed parent by parent, and its ids are PARENT/ID.
func TestParents(t *testing.T) {
	def := decode(t, family)
	require.Equal(t, []string{"name", "box_id"}, def.Schema.Kinds["lid"].Operations["create"].Sets)
	require.Empty(t, def.Schema.Kinds["lid"].Operations["delete"].Sets)
	cl := client(t, family, tripper(func(r *http.Request) (*http.Response, error) {
		switch r.Method + " " + r.URL.EscapedPath() {
		case "GET /v1/boxes":
			return says(200, `[{"id":1},{"id":"b/2"}]`), nil
		case "GET /v1/boxes/1/lids":
			return says(200, `[{"id":7,"name":"red"}]`), nil
		case "POST /v1/boxes/1/lids", "GET /v1/boxes/1/lids/7":
			return says(200, `{"id":7,"name":"red"}`), nil
		case "DELETE /v1/boxes/1/lids/7":
			return says(204, ""), nil
		case "GET /v1/boxes/b%2F2/lids":
			return says(200, `[]`), nil
		}
		return says(400, `{"message":"no such path"}`), nil
	}))
	list, err := cl.List(t.Context(), "lid")
	require.NoError(t, err)
	require.Equal(t, "1/7", ids(list))
	require.Equal(t, "1", list[0].Values["box_id"].AsString())
	call := create("red")
	call.Kind, call.Desired["box_id"] = "lid", list[0].Values["box_id"]
	result, err := cl.Do(t.Context(), call, nil)
	require.NoError(t, err)
	require.Equal(t, "1/7", result.Object.ID)
	o, ok, err := cl.Read(t.Context(), "lid", "1/7")
	require.NoError(t, err)
	require.True(t, ok && o.Detail && o.ID == "1/7")
	call.Operation, call.ID, call.Desired = "delete", "1/7", nil
	_, err = cl.Do(t.Context(), call, nil)
	require.NoError(t, err)
	call.ID = "7"
	_, err = cl.Do(t.Context(), call, nil)
	require.ErrorContains(t, err, "PARENT/ID")
}
