package state

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/vpsync/vpsync/pkg/spec"
	"github.com/zclconf/go-cty/cty"
	ctyjson "github.com/zclconf/go-cty/cty/json"
)

func TestRowsAreForPeopleToo(t *testing.T) {
	body, err := json.Marshal(Resource{
		Address: spec.Address{Kind: "server", Name: "web", Key: spec.IntKey(0)}, Account: "servosphere", ID: "42",
		Applied:  spec.Values{"b": cty.NumberIntVal(2), "a": cty.ListVal([]cty.Value{cty.StringVal("x")})},
		Observed: nil, Policy: Policy{Uses: []spec.Address{{Kind: "network", Name: "n"}}},
	})
	require.NoError(t, err)
	require.Equal(t, `{"address":"server.web[0]","account":"servosphere","id":"42","uses":["network.n"],"applied":{"a":["x"],"b":2},"observed":{}}`, string(body))
}

func TestNumbersAreExact(t *testing.T) {
	for _, n := range []string{"0", "-1", "0.1", "340282366920938463463374607431768211456", "1.5e-30", "9007199254740993", "-0.000000000000000000001"} {
		v := cty.MustParseNumberVal(n)
		body, err := json.Marshal(values{"n": v})
		require.NoError(t, err)
		var back values
		require.NoError(t, json.Unmarshal(body, &back))
		require.True(t, v.RawEquals(back["n"]), n)
	}
}

func TestNothingButPlainValuesIsWritten(t *testing.T) {
	for name, v := range map[string]cty.Value{
		"is or derives from a secret": cty.StringVal("hunter2").Mark(spec.Sensitive),
		"never written":               cty.ObjectVal(map[string]cty.Value{"deep": cty.TupleVal([]cty.Value{cty.StringVal("hunter2").Mark(spec.Sensitive)})}),
		"is not known":                cty.TupleVal([]cty.Value{cty.UnknownVal(cty.String)}),
		"has no value":                cty.NilVal,
	} {
		for _, row := range []any{
			Resource{Applied: spec.Values{"x": v}}, &Resource{Observed: spec.Values{"x": v}}, Leftover{Applied: spec.Values{"x": v}},
			&Leftover{Observed: spec.Values{"x": v}}, Intent{Applied: spec.Values{"x": v}},
		} {
			_, err := json.Marshal(row)
			require.ErrorContains(t, err, name)
			require.NotContains(t, err.Error(), "hunter2")
		}
	}
}

// FuzzImplied holds that our reading of values is cty's.
func FuzzImplied(f *testing.F) {
	for _, seed := range []string{
		`{"a":"x"}`, `{}`, `{ "a" : [ 1 , -2.5e+3 , null , true , false , { } , [ ] , "" ] }`, `{"\u0061":"\ud83d\ude00\"\\\/"}`, `{"a":{"e\u0301":"e\u0301"}}`,
		`{"a":1,"a":2}`, `{"a":{"a":1,"a":2}}`, "{\"a\":\"\xff\"}", `[]`, `{"a":1e400}`, `null`, `"`, `{"a"`, `{"a":"\`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		ours, err := impliedValues(text) // never panics, not even on what is no JSON
		if !json.Valid(text) || len(text) > 10_000 || tooLarge(text) {
			return
		}
		var theirs map[string]ctyjson.SimpleJSONValue
		if json.Unmarshal(text, &theirs) != nil || theirs == nil {
			return // theirs refuses a name that stands twice, which we never write
		}
		require.NoError(t, err)
		require.Len(t, ours, len(theirs))
		for name, want := range theirs {
			require.Truef(t, want.RawEquals(ours[name]), "%s: want %#v, got %#v", name, want.Value, ours[name])
		}
	})
}

// tooLarge: numbers whose plain decimal form would fill the memory of the one who compares them.
func tooLarge(text []byte) bool { return strings.ContainsAny(string(text), "eE") && len(text) > 200 }

// FuzzRow holds that a row that can be read is written as one that reads the same.
func FuzzRow(f *testing.F) {
	seeds, err := filepath.Glob("testdata/rows/*.json")
	require.NoError(f, err)
	require.NotEmpty(f, seeds, "the seeds are gone")
	for _, name := range seeds {
		seed, err := os.ReadFile(name)
		require.NoError(f, err)
		f.Add(seed)
	}
	for _, seed := range []string{
		`{"name":"o","value":null,"type":["object",{},["a"]]}`, `{"name":"o","value":1e100000000,"type":"number"}`, `{"name":"o","value":1e999999999,"type":"number"}`, `{"name":"o","value":[{"type":"string","value":"a"}, {"type":"bool","value":true}],"type":["list","dynamic"]}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		if tooLarge(body) {
			return
		}
		again(t, body, &Resource{}, &Resource{})
		readsTheSame(t, body)
		again(t, body, &Leftover{}, &Leftover{})
		again(t, body, &Intent{}, &Intent{})
		again(t, body, &Output{}, &Output{})
		outputDecodes(t, body)
		again(t, body, &Change{}, &Change{})
	})
}

// outputDecodes holds that the value of an output is refused, or one that can be written again.
func outputDecodes(t *testing.T, body []byte) {
	var o Output
	if json.Unmarshal(body, &o) != nil {
		return
	}
	v, err := o.Decode()
	if err != nil {
		return
	}
	written, err := ctyjson.Marshal(v, v.Type())
	require.NoError(t, err)
	back, err := ctyjson.Unmarshal(written, v.Type())
	require.NoError(t, err)
	require.True(t, v.RawEquals(back), "%#v and %#v", v, back)
}

// readsTheSame holds that the fast reading of a row is the slow one.
func readsTheSame(t *testing.T, body []byte) {
	reader := &ResourceReader{}
	_, _ = reader.Read(body) // never panics
	var slow Resource
	if json.Unmarshal(body, &slow) != nil {
		return
	}
	written, err := json.Marshal(&slow)
	if err != nil || strings.Contains(string(written), `"."`) {
		return
	}
	want := &Resource{}
	require.NoError(t, want.UnmarshalJSON(written))
	for range 2 { // the second time with all that repeats at hand
		got, err := reader.Read(written)
		require.NoError(t, err)
		require.Equal(t, want, got)
	}
}

func again(t *testing.T, body []byte, first, second any) {
	if json.Unmarshal(body, first) != nil {
		return
	}
	written, err := json.Marshal(first)
	if err != nil || strings.Contains(string(written), `"address":"."`) {
		return // a time that can be read and not be written, or a row of nothing; a commit reads back what it is about to write
	}
	require.NoError(t, json.Unmarshal(written, second), "%s", written)
	twice, err := json.Marshal(second)
	require.NoError(t, err)
	require.Equal(t, string(written), string(twice))
}
