package providertest

import (
	"encoding/json"
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/vpsync/vpsync/pkg/spec"
	ctyjson "github.com/zclconf/go-cty/cty/json"
)

// Values are attributes as JSON, before their types are known.
type Values map[string]json.RawMessage

// Spec converts the values to the types of a kind. An attribute that the kind does not have fails the test.
func (v Values) Spec(t testing.TB, kind *spec.Kind) spec.Values {
	t.Helper()
	if v == nil {
		return nil
	}
	types := map[string]*spec.Attribute{}
	for _, a := range kind.Attributes {
		types[a.Name] = a
	}
	values := spec.Values{}
	for name, raw := range v {
		require.Containsf(t, types, name, "%s has no such attribute", kind.Name)
		value, err := ctyjson.Unmarshal(raw, types[name].Type)
		require.NoErrorf(t, err, "%s of %s", name, kind.Name)
		values[name] = value
	}
	return values
}

// NewRequest makes the recorded request as a server receives it, for host.
func (r Request) NewRequest(t testing.TB, host string) *http.Request {
	t.Helper()
	request, err := http.NewRequest(r.Method, "https://"+host+r.Path, strings.NewReader(r.Body))
	require.NoError(t, err)
	request.Header = r.Header.Clone()
	return request
}

// HTTP makes the recorded answer as a client receives it.
func (r Response) HTTP(request *http.Request) *http.Response {
	header := r.Header.Clone()
	return &http.Response{
		Status: strconv.Itoa(r.Status) + " " + http.StatusText(r.Status), StatusCode: r.Status,
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Header: header,
		Body: io.NopCloser(strings.NewReader(r.Body)), ContentLength: int64(len(r.Body)), Request: request,
	}
}

func parseRequest(t testing.TB, place string, data []byte) Request {
	t.Helper()
	first, header, body := parseMessage(t, place, data)
	words := strings.Fields(first)
	require.Lenf(t, words, 2, "%s: METHOD /path", place)
	return Request{Method: words[0], Path: words[1], Header: header, Body: body}
}

func parseResponse(t testing.TB, place string, data []byte) Response {
	t.Helper()
	first, header, body := parseMessage(t, place, data)
	status, _, _ := strings.Cut(first, " ")
	n, err := strconv.Atoi(status)
	require.NoErrorf(t, err, "%s: the first line is the status", place)
	return Response{Status: n, Header: header, Body: body}
}

// parseMessage splits first line, headers and body. The body's last line break is not part of it.
func parseMessage(t testing.TB, place string, data []byte) (first string, header http.Header, body string) {
	t.Helper()
	head, body, _ := strings.Cut(string(data), "\n\n")
	lines := strings.Split(strings.TrimRight(head, "\n"), "\n")
	header = http.Header{}
	for _, line := range lines[1:] {
		name, value, ok := strings.Cut(line, ": ")
		require.Truef(t, ok, "%s: %q is no header", place, line)
		header.Add(name, strings.TrimSpace(value))
	}
	return lines[0], header, strings.TrimSuffix(body, "\n")
}
