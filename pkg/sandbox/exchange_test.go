package sandbox

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/vpsync/vpsync/pkg/providers/evotic"
	"github.com/vpsync/vpsync/pkg/providers/providertest"
	"github.com/vpsync/vpsync/pkg/providers/servosphere"
	"github.com/vpsync/vpsync/pkg/providers/vpsorg"
	"github.com/vpsync/vpsync/pkg/spec"
)

// oneOfMany are exchanges that show what another server of the same API might answer. A client survives them; the sandbox
// answers in one way.
var oneOfMany = map[string]string{
	"vpsorg/create_server_moved":       "a redirect, which no path with its slash gets",
	"vpsorg/list_servers_next":         "pages of one",
	"vpsorg/rate_limited":              "a limit that nobody documents",
	"evotic/create_server_missing":     "422, where the sandbox answers 400",
	"evotic/list_servers_text_ids":     "ids as strings, where the sandbox answers numbers",
	"servosphere/create_network_later": "a network that comes without its gateway",
	"servosphere/create_server_bare":   "an object without its wrapping, and another status",
	"servosphere/create_server_no_id":  "an answer that lacks the id",
	"servosphere/list_servers_pages":   "pages of two, though a hundred were asked for",
	"servosphere/list_servers_unknown": "fields, types and words that nobody has heard of",
	"servosphere/list_servers_unpaged": "a list of servers without pagination",
	"servosphere/update_network_clear": "an answer with a part of the object",
}

// mayAdd are members that the vendor prints in some samples and not in others.
var mayAdd = []string{"pagination", "error.timestamp", "error.request_id", "next"}

// vendors are the definitions that are held against their exchanges.
var vendors = map[string][]byte{"servosphere": servosphere.Source, "vpsorg": vpsorg.Source, "evotic": evotic.Source}

// TestVendorsExchanges holds the sandbox against what the vendor prints and the contract settles: for the same account and
// request the same status, the same members, nesting and JSON types.
func TestVendorsExchanges(t *testing.T) {
	compared, passedOver := 0, 0
	for vendor, source := range vendors {
		for _, e := range providertest.Load(t, "../../testdata/api/"+vendor) {
			name := vendor + "/" + e.Name
			if oneOfMany[name] != "" {
				passedOver++
				continue
			}
			compared++
			t.Run(name, func(t *testing.T) { compare(t, source, e) })
		}
	}
	require.Equal(t, len(oneOfMany), passedOver, "an exchange that is passed over by name exists")
	require.GreaterOrEqual(t, compared, 50, "exchanges are not to be lost")
}

func compare(t *testing.T, source []byte, e providertest.Exchange) {
	w := worldOf(t, string(source), func(o *Options) { o.Token, o.Provisioning = providertest.Token, time.Minute })
	w.clock.pass(time.Hour)
	w.move(e.Account)
	w.clock.pass(time.Hour)
	switch e.Messages[0].Response.Status {
	case 401:
		w.options.Token = "another"
	case 402:
		require.NoError(t, w.AddFault(Fault{Request: "POST /servers/", Do: FaultStatus, Status: 402}))
	case 429:
		for range 1000 {
			w.do("GET", "/servers", "", "Authorization", "Bearer "+providertest.Token).want(200)
		}
	}
	host, err := url.Parse(w.model.def.BaseURL)
	require.NoError(t, err)
	for _, m := range e.Messages {
		answer, err := w.Transport().RoundTrip(m.Request.NewRequest(t, host.Host))
		require.NoError(t, err)
		got := read(t, answer)
		require.Equalf(t, m.Response.Status, got.Status, "%s", got.Body)
		require.Equalf(t, m.Response.Header.Get("Content-Type"), got.Header.Get("Content-Type"), "%s", got.Body)
		for _, name := range []string{"X-RateLimit-Limit", "X-RateLimit-Remaining", "X-RateLimit-Reset"} {
			if m.Response.Header.Get(name) != "" {
				require.NotEmpty(t, got.Header.Get(name), name)
			}
		}
		want, have := shapeOf(t, m.Response.Body), shapeOf(t, got.Body)
		for path := range have {
			if want[path] == "" && slices.ContainsFunc(mayAdd, func(m string) bool { return path == m || strings.HasPrefix(path, m+".") }) {
				delete(have, path)
			}
		}
		require.Equalf(t, want, have, "%s", got.Body)
		if code := w.model.def.Error.Code; e.Error != nil && len(code) > 0 {
			require.Equal(t, e.Error.Code, got.text(string(code[0])))
		}
	}
}

// move makes an account of objects in the API's words.
func (w *world) move(account map[string][]map[string]any) {
	w.t.Helper()
	var objects []spec.Object
	for _, name := range slices.Sorted(maps.Keys(account)) {
		k := w.model.kinds[name]
		require.NotNilf(w.t, k, "kind %s", name)
		for _, given := range account[name] {
			o := spec.Object{Kind: name, ID: fmt.Sprint(given["id"]), Values: spec.Values{}}
			for _, a := range k.attrs {
				raw, ok := at(given, a.readFrom)
				if !ok || a.shows != nil {
					continue
				}
				v, err := fromJSON(raw, a.Type)
				require.NoError(w.t, err)
				o.Values[a.Name] = words(v, a.meant)
			}
			objects = append(objects, o)
		}
	}
	_, err := w.CreateMany(objects)
	require.NoError(w.t, err)
}

// at follows a path into JSON.
func at(v any, path []string) (any, bool) {
	for _, step := range path {
		m, ok := v.(map[string]any)
		if !ok {
			return nil, false
		}
		if v, ok = m[step]; !ok {
			return nil, false
		}
	}
	return v, true
}

// shapeOf is the JSON type of every path in a document; elements of lists share theirs.
func shapeOf(t *testing.T, body string) map[string]string {
	t.Helper()
	shape := map[string]string{}
	if body == "" {
		return shape
	}
	var v any
	require.NoErrorf(t, json.Unmarshal([]byte(body), &v), "%s", body)
	var walk func(path string, v any)
	walk = func(path string, v any) {
		if path != "" {
			shape[path] = strings.TrimPrefix(fmt.Sprintf("%T", v), "map[string]")
		}
		switch v := v.(type) {
		case map[string]any:
			for name, inner := range v {
				walk(strings.TrimPrefix(path+"."+name, "."), inner)
			}
		case []any:
			for _, inner := range v {
				walk(path+"[]", inner)
			}
		}
	}
	walk("", v)
	return shape
}
