package providers_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/vpsync/vpsync/pkg/providers"
	"github.com/vpsync/vpsync/pkg/spec"
	"github.com/zclconf/go-cty/cty"
)

// wide has an attribute of every type, names and words of the API's own, and three ways of changing.
const wide = `provider "acme" {
  base_url = "https://api.acme.example/v1"
  encoding = "json"

  auth "bearer" {
    token_env = "ACME_TOKEN"
  }
}

kind "box" {
  identity = ["name"]
  id       = "1234"

  attribute "name" {
    type      = string
    required  = true
    sent_as   = "hostname"
    read      = "info.host"
    on_change = "update"
  }

  attribute "size" {
    type      = number
    optional  = true
    whole     = true
    on_change = "update"
    on_remove = "clear"
  }

  attribute "ratio" {
    type      = number
    optional  = true
    on_change = "update"
  }

  attribute "fast" {
    type      = bool
    optional  = true
    on_change = "update"
    reads_as  = { true = "yes", false = "no" }
    sends_as  = { true = "Y", false = "N" }
  }

  attribute "keys" {
    type      = list(string)
    optional  = true
    on_change = "replace"
  }

  attribute "labels" {
    type      = map(string)
    optional  = true
    on_change = "update"
  }

  attribute "disks" {
    type      = set(object({ gb = number, kind = string }))
    optional  = true
    on_change = "replace"
  }

  attribute "power" {
    type      = string
    optional  = true
    read      = "status"
    reads_as  = { on = "running", off = "stopped" }
    sends_as  = { on = "start", off = "stop" }
    on_change = "switch"
  }

  create {
    request    = "POST /boxes"
    documented = true
    sends      = ["name", "size", "ratio", "fast", "keys", "labels", "disks"]
    query      = { region = "eu" }
  }

  read {
    request    = "GET /boxes/{id}"
    documented = true
  }

  update {
    request    = "PATCH /boxes/{id}"
    documented = true
    sends      = ["name", "size", "ratio", "fast", "labels"]
  }

  operation "switch" {
    request    = "POST /boxes/{id}/{power}"
    documented = true
  }
}
`

var values = spec.Values{
	"name":   cty.StringVal("<a&b>"),
	"size":   cty.MustParseNumberVal("12345678901234567890123"),
	"ratio":  cty.MustParseNumberVal("0.1"),
	"fast":   cty.True,
	"keys":   cty.ListVal([]cty.Value{cty.StringVal("k 1"), cty.StringVal("k2")}),
	"labels": cty.MapVal(map[string]cty.Value{"b": cty.StringVal("2"), "a": cty.StringVal("1")}),
	"disks":  cty.SetVal([]cty.Value{cty.ObjectVal(map[string]cty.Value{"gb": cty.NumberIntVal(5), "kind": cty.NullVal(cty.String)})}),
	"power":  cty.StringVal("off"),
}

func TestBodies(t *testing.T) {
	form := strings.Replace(wide, `"json"`, `"form"`, 1)
	for name, c := range map[string]struct {
		src  string
		call providers.Call
		want string
		at   string
	}{
		"json": {wide, providers.Call{Operation: "create", Desired: values},
			`{"hostname":"<a&b>","size":12345678901234567890123,"ratio":0.1,"fast":"Y","keys":["k 1","k2"],"labels":{"a":"1","b":"2"},"disks":[{"gb":5,"kind":null}]}`,
			"POST /v1/boxes?region=eu"},
		"form": {form, providers.Call{Operation: "create", Desired: values},
			`disks%5B%5D%5Bgb%5D=5&disks%5B%5D%5Bkind%5D=&fast=Y&hostname=%3Ca%26b%3E&keys%5B%5D=k+1&keys%5B%5D=k2&labels%5Ba%5D=1&labels%5Bb%5D=2&ratio=0.1&size=12345678901234567890123`,
			"POST /v1/boxes?region=eu"},
		"nothing of nothing": {wide, providers.Call{Operation: "create", Desired: spec.Values{"size": cty.NullVal(cty.Number)}}, "", "POST /v1/boxes?region=eu"},
		"a partial update": {wide, providers.Call{Operation: "update", ID: "a b/ü", Desired: spec.Values{"ratio": cty.NumberIntVal(2)}, Live: values},
			`{"ratio":2}`, "PATCH /v1/boxes/a%20b%2F%C3%BC"},
		"a partial update clears with null": {wide, providers.Call{Operation: "update", ID: "1", Desired: spec.Values{"size": cty.NullVal(cty.Number), "ratio": cty.NullVal(cty.Number)}},
			`{"size":null}`, "PATCH /v1/boxes/1"},
		"a word in the path": {wide, providers.Call{Operation: "switch", ID: "1", Desired: values}, "", "POST /v1/boxes/1/stop"},
	} {
		t.Run(name, func(t *testing.T) {
			s := &script{answers: answers(says(200, `{"id":"1"}`))}
			c.call.Kind = "box"
			_, err := client(t, c.src, s).Do(t.Context(), c.call, nil)
			require.NoError(t, err)
			require.Equal(t, c.want, s.body)
			require.Equal(t, []string{c.at}, s.asked)
			if c.want == "" {
				require.Empty(t, s.last.Header.Get("Content-Type"))
			}
		})
	}
	s := &script{}
	_, err := client(t, wide, s).Do(t.Context(), providers.Call{Kind: "box", Operation: "create", Desired: spec.Values{"size": cty.NumberFloatVal(1.5)}}, nil)
	require.ErrorContains(t, err, "size must be a whole number, but it is 1.5")
	require.Empty(t, s.asked)
}

// TestDecodedObject: types, names and words come out as the configuration has them.
func TestDecodedObject(t *testing.T) {
	read := func(body string) (spec.Object, error) {
		s := tripper(func(*http.Request) (*http.Response, error) { return says(200, body), nil })
		o, _, err := client(t, wide, s).Read(t.Context(), "box", "1")
		return o, err
	}
	o, err := read(`{"id":1,"info":{"host":7},"size":"10","ratio":1e-3,"fast":"no","keys":[],"labels":{},"disks":[{"gb":"5"},{"gb":5,"kind":null}],"status":"running"}`)
	require.NoError(t, err)
	require.True(t, o.Detail && o.Ready)
	requireValues(t, spec.Values{
		"name": cty.StringVal("7"), "size": cty.NumberIntVal(10), "ratio": cty.MustParseNumberVal("0.001"), "fast": cty.False,
		"keys": cty.ListValEmpty(cty.String), "labels": cty.MapValEmpty(cty.String), "power": cty.StringVal("on"), "disks": values["disks"],
	}, o.Values)

	for body, text := range map[string]string{
		`{"id":1,"size":true}`:                              "size of 1: a bool where the definition says number",
		`{"id":1,"size":"many"}`:                            "size of 1: a string where",
		`{"id":1,"keys":{}}`:                                "keys of 1: an object where",
		`{"id":1,"labels":[]}`:                              "labels of 1: a list where",
		`{"id":1,"ratio":` + strings.Repeat("9", 100) + `}`: "ratio of 1: a number of 100 characters",
		`{"id":1,"disks":[1]}`:                              "disks of 1: a number where",
		`{"id":2}`:                                          `the answer is about "2"`,
		`{"name":"a"}`:                                      "holds no object with an id",
		"":                                                  "holds no object with an id",
		`{"id":1,"info":{"host":"` + "\xff" + `"}}`:             "not JSON",
		`{"id":1,"size":1e99999999999999999999999999999999999}`: "",
	} {
		_, err := read(body)
		if text == "" {
			require.Error(t, err)
			continue
		}
		require.ErrorContains(t, err, text, body)
	}

	// The id of something new is never lost for a field that does not fit.
	s := &script{answers: answers(says(201, `{"id":1,"size":"many","ratio":2}`))}
	result, err := client(t, wide, s).Do(t.Context(), providers.Call{Kind: "box", Operation: "create", Desired: values}, nil)
	require.NoError(t, err)
	require.Equal(t, "1", result.Object.ID)
	require.NotContains(t, result.Object.Values, "size")
	require.Contains(t, result.Object.Values, "ratio")
}

// TestNumbersNobodyReads: what is wrong with a number is said, and what is read instead.
func TestNumbersNobodyReads(t *testing.T) {
	def := strings.Replace(tiny, "  create {", "  attribute \"ttl\" {\n    type     = number\n    computed = true\n  }\n  create {", 1)
	for raw, want := range map[string]string{
		"1e999999999":                      "ttl of b1: the number 1e999999999 is too large, or too close to zero: those from 1e-1233 to 1e1233 are read",
		"-1e-999999":                       "too large, or too close to zero",
		`"1e5000"`:                         "the number 1e5000 is too large",
		strings.Repeat("9", 65):            "ttl of b1: a number of 65 characters, of which at most 64 are read",
		`"many"`:                           "ttl of b1: a string where the definition says number",
		`true`:                             "ttl of b1: a bool where the definition says number",
		"1e1233":                           "",
		"0.5":                              "",
		strings.Repeat("9", 64):            "",
		`"` + strings.Repeat("9", 9) + `"`: "",
	} {
		_, err := client(t, def, &script{answers: answers(says(200, `[{"id":"b1","name":"b","ttl":`+raw+`}]`))}).List(t.Context(), "box")
		if want == "" {
			require.NoError(t, err, raw)
			continue
		}
		require.ErrorContains(t, err, want, raw)
	}
}
