package providers

import (
	"encoding/json"
	"reflect"
	"testing"
)

// FuzzParseJSON: whatever the bytes, parsing ends without a panic, and what is accepted means the same to
// encoding/json.
func FuzzParseJSON(f *testing.F) {
	for _, seed := range []string{
		`{"data":[{"id":"srv_1","specs":{"cpu":4}}],"pagination":{"page":1}}`, `[]`, `null`, `"a"`, `1e400`, `{"a":1,"a":2}`,
		`{} {}`, `[[[[`, `{"a":}`, `{"a" 1}`, "\xff", `"\ud800"`, `[1,]`, `{"":0}`, ``,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		got, err := parseJSON(body)
		if err != nil {
			return
		}
		text, err := json.Marshal(got)
		if err != nil {
			t.Fatalf("accepted what cannot be written again: %v", err)
		}
		again, err := parseJSON(text)
		if err != nil || !reflect.DeepEqual(got, again) {
			t.Fatalf("%q is read as %#v and again as %#v (%v)", body, got, again, err)
		}
		if !json.Valid(body) {
			t.Fatalf("accepted %q, which is no JSON", body)
		}
	})
}

func TestLookup(t *testing.T) {
	document, err := parseJSON([]byte(`{"a":{"b":[10,{"c":null}]}}`))
	if err != nil {
		t.Fatal(err)
	}
	for path, want := range map[Path]string{
		"": `{"a":{"b":[10,{"c":null}]}}`, "a.b.0": `10`, "a.b.1.c": `null`, "a.b.2": "absent", "a.b.x": "absent", "a.x": "absent", "a.b.0.c": "absent",
	} {
		got := "absent"
		if v, ok := lookup(document, path); ok {
			got = compactJSON(v)
		}
		if got != want {
			t.Errorf("%q leads to %s, want %s", path, got, want)
		}
	}
}
